"""What dynplan says about itself: `explain`, `help`, `--version`."""

import json
import re
import shutil
import subprocess

import pytest
from typer.testing import CliRunner

from dynplan import __version__
from dynplan.cli import app
from dynplan.diagnostics.findings import CODES
from tests.golden import CODES_PAGE, CODES_TEXT, for_the_terminal
from tests.manpage import PAGE, manual

LISTED = [
    *("compile", "plan", "emit", "show", "check", "engines", "diff", "import", "status", "logs", "report"),
    *("sweep", "results", "init", "explain", "schema", "help", "cluster"),
]


def said(*arguments: str) -> str:
    """Return what is printed where all is well."""
    done = CliRunner().invoke(app, arguments, prog_name="dynplan", catch_exceptions=False)
    assert (done.exit_code, done.stderr) == (0, "")
    return done.stdout


def refused(*arguments: str) -> tuple[int, str]:
    """Return the exit code and what is told; nothing is printed."""
    done = CliRunner().invoke(app, arguments, prog_name="dynplan", catch_exceptions=False)
    assert done.stdout == ""
    return done.exit_code, done.stderr


@pytest.mark.parametrize("code", CODES)
def test_every_code_is_explained_by_its_section_and_no_other(code: str) -> None:
    text = said("explain", code)
    assert re.findall(r"^[DW]\d{3}: .*", text, re.MULTILINE) == [f"{code}: {CODES[code]}"]
    assert text in CODES_TEXT.read_text()
    assert len(text.splitlines()) > 2, "a title explains nothing"


def test_an_explanation_is_plain_text() -> None:
    assert said("explain", "d106") == (
        "D106: a key set twice, in two spellings\n"
        "\n"
        "`num_nodes` and `num-nodes` are the same key.\n"
        "\n"
        "    error[D106]: `num-nodes` is set twice: `_` and `-` mean the same in it\n"
        "     --> both-spellings.toml:7:1\n"
        "      |\n"
        "    7 | num_nodes = 4\n"
        "      | ^^^^^^^^^\n"
        "      = help: keep one of the two\n"
    )
    assert not re.search(r"```|^#|\]\(", CODES_TEXT.read_text(), re.MULTILINE)


def test_several_codes_stand_in_the_order_asked_for() -> None:
    assert said("explain", "W301", "D001") == f"{said('explain', 'W301')}\n{said('explain', 'D001')}"


def test_without_a_code_all_of_them_are_listed() -> None:
    lines = [line for line in said("explain").splitlines() if line]
    assert lines == [f"{code}  {title}" for code, title in CODES.items()]


@pytest.mark.parametrize(
    ("code", "near"),
    [
        ("203", "did you mean `D203` or `W203`?"),
        ("301", "did you mean `D301` or `W301`?"),
        ("E0203", "`dynplan explain` lists all of them"),
        ("D216", "did you mean `D206`, `D210`, `D211`, `D212`, `D213`, `D214` or `D416`?"),
        ("D599", "did you mean `D501`, `D502`, `D503`, `D504` or `D505`?"),
        ("", "`dynplan explain` lists all of them"),
    ],
)
def test_a_code_that_does_not_exist_is_told_with_those_near_it(code: str, near: str) -> None:
    assert refused("explain", code) == (1, f"error[D008]: there is no code `{code}`\n  = help: {near}\n")


def test_all_codes_that_do_not_exist_are_told_at_once() -> None:
    code, told = refused("explain", "D001", "nonsense", "D999")
    assert (code, re.findall(r"`(\w+)`$", told, re.MULTILINE)) == (1, ["nonsense", "D999"])


def test_the_page_has_what_the_terminal_says() -> None:
    page = (
        "# Head\n\n## D001: a title\n\nText, see [there](page.md#part).\n\n"
        "```text some-file\nerror\n  |\n```\n\n## D002: x\n"
    )
    assert for_the_terminal(page) == (
        "D001: a title\n\nText, see there (docs/page.md).\n\n    error\n      |\n\nD002: x\n"
    )
    assert for_the_terminal(CODES_PAGE.read_text()) == CODES_TEXT.read_text()


@pytest.mark.parametrize("command", LISTED)
def test_help_is_the_help_of_the_command(command: str) -> None:
    assert said("help", command) == said(command, "--help") == said(command, "-h")


def test_help_goes_down_into_a_group() -> None:
    assert said("help", "cluster", "detect") == said("cluster", "detect", "--help")
    assert refused("help", "plan", "detect") == (
        2,
        "Usage: dynplan help [OPTIONS] [COMMAND]...\nTry 'dynplan help -h' for help.\n\n"
        "Error: Invalid value: `dynplan plan` has no commands of its own\n",
    )


def test_help_without_a_command_is_that_of_the_program_and_cuts_no_line() -> None:
    assert said("help") == said("--help")
    assert [line for line in said("help").splitlines() if line.endswith("...") and "COMMAND" not in line] == []


def test_help_for_what_is_no_command_is_wrong_usage() -> None:
    code, told = refused("help", "compil")
    assert code == 2
    assert "Did you mean 'compile'?" in told


@pytest.mark.parametrize("kind", ["job", "cluster", "engine"])
def test_a_schema_is_json_of_the_draft_that_it_names(kind: str) -> None:
    found = json.loads(said("schema", kind))
    assert found["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert found["type"] == "object"
    assert said("schema", kind, "-o", "-") == said("schema", kind)


def test_there_are_three_schemas() -> None:
    assert refused("schema", "plan")[0] == 2


def test_the_manual_page_is_what_the_help_says_today() -> None:
    assert PAGE.read_text() == manual(), "run `make golden`, read the diff"
    headers = re.findall(r"^\.SS dynplan (\w+)", manual(), re.MULTILINE)
    assert headers == LISTED
    assert all(f"\n.B {option}" in manual() for option in (r"\-o, \-\-output FILE", r"\-V, \-\-version"))


def test_groff_has_nothing_to_say_about_the_manual_page() -> None:
    if not shutil.which("groff"):
        pytest.skip("no groff on this machine")
    done = subprocess.run(["groff", "-man", "-Tascii", "-ww", str(PAGE)], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert "dynplan init vllm -o job.toml" in done.stdout


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_the_version(option: str) -> None:
    assert said(option) == f"dynplan {__version__}\n"
