"""Every finding as it is printed, to the character; and the table of codes against code and docs."""

import ast
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dynplan
from dynplan.diagnostics.findings import CODES, Document, Finding, Findings, InputError, Span, nearest
from dynplan.diagnostics.rendering import render
from dynplan.language import parse, parse_json

JOB = """\
extends = "base.toml"

[job]
name = "demo"
env = { NCCL_DEBUG = "INFO" }

[roles.decode]
num_nodes = 2
args = { tensor-parallel-size = 16, a_b = 1 }
ports.nixl = 5557

[phases.smoke]
order = 1

[cluster]
gpus-per-node = 8
"""
BASE = """\
[roles.decode]
num-nodes = 1
workers-per-node = 3
args = { model = "m", a-b = 2 }

[phase-defaults]
command = ["aiperf"]
"""


def document(name: str, text: str) -> Document:
    return parse(name, text.encode())


DOCUMENTS = [
    document("--set", "roles.decode.args.model = 'n'\n"),
    document("job.toml", JOB),
    document("base.toml", BASE),
]


def place(*path: str | int, key: bool = False) -> str:
    """Return the `-->` line of a finding, and what its carets mark."""
    lines = render([Finding("D101", "x", path, key=key)], DOCUMENTS).splitlines()[1:]
    if len(lines) == 1:
        return lines[0].removeprefix(" --> ")
    source, marks = lines[2], lines[3]
    start = marks.index("^")
    return f"{lines[0].split('> ')[1]} {source[start : start + marks.count('^')]}"


def test_a_finding_shows_message_place_line_label_and_help() -> None:
    finding = Finding(
        "D101",
        "role `decode` needs 16 GPUs per worker, but a node has 8",
        ("roles", "decode", "args", "tensor-parallel-size"),
        help="set `num-nodes = 2` per worker, or lower the size to 8",
        label="from this size",
    )
    padded = [document("job.toml", "\n" * 12 + JOB)]
    assert render([finding], padded) == (
        "error[D101]: role `decode` needs 16 GPUs per worker, but a node has 8\n"
        "  --> job.toml:21:33\n"
        "   |\n"
        "21 | args = { tensor-parallel-size = 16, a_b = 1 }\n"
        "   |                                 ^^ from this size\n"
        "   = help: set `num-nodes = 2` per worker, or lower the size to 8\n"
    )


def test_findings_come_in_source_order_each_once_and_are_counted() -> None:
    found = Findings()
    found.warn("W101", "third", ("roles", "decode", "workers-per-node"))
    found.error("D101", "second", ("roles", "decode", "num-nodes"))
    found.error("D101", "first", ("job", "name"))
    found.error("D101", "second", ("roles", "decode", "num-nodes"))
    found.error("D101", "last", ("roles", "decode", "args", "model"), help="options are read last")
    assert render(found.found, DOCUMENTS) == (
        "error[D101]: first\n"
        " --> job.toml:4:8\n"
        "  |\n"
        '4 | name = "demo"\n'
        "  |        ^^^^^^\n"
        "\n"
        "error[D101]: second\n"
        " --> job.toml:8:13\n"
        "  |\n"
        "8 | num_nodes = 2\n"
        "  |             ^\n"
        "\n"
        "warning[W101]: third\n"
        " --> base.toml:3:20\n"
        "  |\n"
        "3 | workers-per-node = 3\n"
        "  |                    ^\n"
        "\n"
        "error[D101]: last\n"
        " --> --set:1:27\n"
        "  |\n"
        "1 | roles.decode.args.model = 'n'\n"
        "  |                           ^^^\n"
        "  = help: options are read last\n"
        "\n"
        "error: 3 errors, 1 warning\n"
    )


def test_the_count_names_only_what_there_is() -> None:
    two = [Finding("W101", "a"), Finding("W101", "b")]
    assert render(two, []).endswith("\n\nwarning: 2 warnings\n")
    assert render([Finding("D101", "a"), *two], []).endswith("\n\nerror: 1 error, 2 warnings\n")
    assert render([], DOCUMENTS) == ""


def test_a_finding_about_the_whole_file_names_the_job_file_alone() -> None:
    assert render([Finding("D101", "no role", help="add one")], DOCUMENTS) == (
        "error[D101]: no role\n --> job.toml:1:1\n  |\n"
        '1 | extends = "base.toml"\n  | ^^^^^^^^^^^^^^^^^^^^^\n  = help: add one\n'
    )
    assert render([Finding("D101", "no role", help="add one")], []) == "error[D101]: no role\n  = help: add one\n"


def test_a_value_is_shown_in_the_document_it_came_from() -> None:
    assert place("roles", "decode", "args", "model") == "--set:1:27 'n'"
    assert place("roles", "decode", "args", "tensor-parallel-size") == "job.toml:9:33 16"
    assert place("roles", "decode", "workers-per-node") == "base.toml:3:20 3"


def test_an_unknown_key_is_marked_itself() -> None:
    assert place("roles", "decode", "workers-per-node", key=True) == "base.toml:3:1 workers-per-node"


def test_a_missing_key_points_at_its_table_where_people_read_it() -> None:
    assert place("roles", "decode", "command") == "job.toml:7:1 [roles.decode]"
    assert place("roles", "decode", "args", "nope") == "job.toml:9:8 { tensor-parallel-size = 16, a_b = 1 }"
    assert place("roles", "prefill", "command") == "job.toml:7:2 roles"
    assert place("files", "x") == 'job.toml:1:1 extends = "base.toml"'


def test_a_key_inside_a_short_form_points_at_the_short_form() -> None:
    assert place("roles", "decode", "ports", "nixl", "base") == "job.toml:10:14 5557"


def test_both_spellings_of_our_own_keys_are_found_and_the_users_are_kept_apart() -> None:
    assert place("roles", "decode", "num-nodes") == "job.toml:8:13 2"
    assert place("roles", "decode", "args", "a_b") == "job.toml:9:43 1"
    assert place("roles", "decode", "args", "a-b") == "base.toml:4:29 2"


def test_a_value_merged_from_another_table_points_there() -> None:
    assert place("phases", "smoke", "command", 0) == 'base.toml:7:12 "aiperf"'
    assert place("roles", "decode", "env", "NCCL_DEBUG") == 'job.toml:5:22 "INFO"'
    assert place("phases", "smoke", "order") == "job.toml:13:9 1"


def test_a_preset_hangs_where_its_root_says() -> None:
    preset = Document("dynamo-vllm", "kind = 'task'\n", {"kind": "task"}, root=("roles", "decode"))
    mine, other = (Finding("D101", "x", ("roles", role, "kind")) for role in ("decode", "prefill"))
    assert "--> dynamo-vllm:1:8\n" in render([mine], [*DOCUMENTS, preset])
    assert "--> job.toml:7:2\n" in render([other], [*DOCUMENTS, preset])


def test_a_finding_may_name_its_document() -> None:
    finding = Finding("D101", "x", ("roles", "decode", "num-nodes"), document=DOCUMENTS[2])
    assert "--> base.toml:2:13\n" in render([finding], DOCUMENTS)
    nowhere = Finding("D101", "x", ("extends",), document=DOCUMENTS[2])
    assert render([nowhere], DOCUMENTS) == (
        "error[D101]: x\n --> base.toml:1:1\n  |\n1 | [roles.decode]\n  | ^^^^^^^^^^^^^^\n"
    )


def test_a_json_plan_has_places_too() -> None:
    plan = parse_json("plan.json", b'{"schema": 1,\n "workers": [{"role": "decode"}]}')
    assert render([Finding("D101", "x", ("workers", 0, "role"))], [plan]) == (
        "error[D101]: x\n"
        " --> plan.json:2:23\n"
        "  |\n"
        '2 |  "workers": [{"role": "decode"}]}\n'
        "  |                       ^^^^^^^^\n"
    )


def marked(text: str, *path: str | int) -> list[str]:
    """Return the excerpt and the carets under it, without their gutter."""
    lines = render([Finding("D101", "x", path)], [document("job.toml", text)]).splitlines()
    return [line[4:] for line in lines[3:5]]


def test_carets_line_up_under_tabs_wide_letters_and_accents() -> None:
    assert marked("\ta\t=\t1", "a") == ["    a    =    1", "              ^"]
    assert marked("a = ['東京', 'e\u0301', 2]", "a", 2) == [
        "a = ['東京', 'e\u0301', 2]",
        "                  ^",
    ]
    assert marked("a = ['東京', 2]", "a", 0) == ["a = ['東京', 2]", "     ^^^^^^"]


def test_a_value_of_many_lines_is_marked_to_the_end_of_the_first() -> None:
    assert marked("a = [  \r\n  1,\r\n]\r\n", "a") == ["a = [", "    ^"]
    assert marked('a = """x\ny"""', "a") == ['a = """x', "    ^^^^"]


def test_a_long_line_is_cut_around_the_place() -> None:
    text = f'a = ["{"x" * 200}", 7, "{"y" * 200}"]'
    assert marked(text, "a", 0) == ['a = ["' + "x" * 94 + "...", " " * 5 + "^" * 95]
    assert marked(text, "a", 1) == ["..." + "x" * 27 + '", 7, "' + "y" * 66 + "...", " " * 33 + "^"]
    assert marked("b = 1 # " + "z" * 92, "b") == ["b = 1 # " + "z" * 92, "    ^"]


def test_nothing_that_is_printed_reaches_the_terminal_as_a_control_character() -> None:
    text = "a = 1 # \u202e \u2028 \x85"
    finding = Finding("D101", "m\x1b[31m\n", ("a",), help="h\x07", label="l\x9b")
    assert render([finding], [document("j\x1b.toml", text)]) == (
        "error[D101]: m\\x1b[31m\\n\n"
        " --> j\\x1b.toml:1:5\n"
        "  |\n"
        "1 | a = 1 # \\u202e \\u2028 \\x85\n"
        "  |     ^ l\\x9b\n"
        "  = help: h\\x07\n"
    )


@given(text=st.text(), line=st.integers(1, 3), column=st.integers(1, 200), length=st.integers(0, 200))
def test_any_place_in_any_text_can_be_shown(text: str, line: int, column: int, length: int) -> None:
    text += "\n\n"
    finding = Finding("D101", text, document=Document(text, text, {}), span=Span(line, column, line, column + length))
    shown = render([finding], [])
    assert all(part.isprintable() for part in shown.split("\n"))
    assert len(shown.split("\n")) == 6
    assert all(len(part) < 120 for part in shown.split("\n")[3:])


def test_a_message_cuts_long_names_and_itself() -> None:
    name = "n" * 10**6
    shown = render([Finding("D101", f"`{name}` is no key, and `{name}`, `x`", help=name)], [document("job.toml", "")])
    cut = "n" * 255 + "…"
    assert shown == f"error[D101]: `{cut}` is no key, and `{cut}`, `x`\n --> job.toml\n  = help: {'n' * 999}…\n"


def test_a_line_of_megabytes_is_shown_around_the_place_at_once() -> None:
    text = f'a = ["{"x" * 10**6}", 7, "{"y" * 10**6}"]'
    findings = [Finding("D101", f"m{at}", ("a", 1)) for at in range(200)]
    shown = render(findings, [document("job.toml", text)])
    assert shown.count("1 | ..." + "x" * 27 + '", 7, "' + "y" * 66 + "...\n") == 200


def test_of_very_many_findings_some_are_shown_and_all_are_counted() -> None:
    findings = [Finding("W101", f"w{at}", ("job",)) for at in range(5000)] + [Finding("D101", "e", ("job", "name"))]
    blocks = render(findings, DOCUMENTS).split("\n\n")
    assert len(blocks) == 201
    assert blocks[0].startswith("error[D101]: e\n")
    assert blocks[-1] == "error: 1 error, 5000 warnings; the first 200 are shown\n"


# Findings and codes


def test_a_stage_ends_at_its_hundredth_mistake() -> None:
    found = Findings()
    for at in range(1000):
        found.warn("W101", f"{at}")
    with pytest.raises(InputError) as caught:
        for at in range(1000):
            found.error("D101", f"{at}")
    codes = [finding.code for finding in caught.value.findings]
    assert (codes.count("W101"), codes.count("D101"), codes[-1]) == (1000, 100, "D007")


def test_the_nearest_of_very_many_names_is_looked_for_among_some() -> None:
    known = [f"{letter}{at}" for at in range(20_000) for letter in "ab"] + ["workers"]
    assert nearest("workres", known) == "workers"
    assert nearest("w" * 10**6, ["w" * 10**6, "x"]) is None


def test_a_stage_raises_everything_it_found_once_there_is_an_error() -> None:
    found = Findings()
    found.raise_if_errors()
    found.warn("W101", "a warning")
    found.raise_if_errors()
    found.error("D101", "an error", ("job",))
    with pytest.raises(InputError, match="W101: a warning; D101: an error") as caught:
        found.raise_if_errors()
    assert caught.value.findings == (*found.warnings, *found.errors)
    with pytest.raises(ValueError, match="needs a finding"):
        InputError([])


@pytest.mark.parametrize(
    ("name", "known", "meant"),
    [
        ("num-ndoes", ["num-nodes", "nodes", "name"], "num-nodes"),
        ("num_nodes", ["num-nodes"], "num-nodes"),
        ("Command", ["command", "kind"], "command"),
        ("gpus", ["ports", "gpus-per-worker", "workers"], "gpus-per-worker"),
        ("node", ["nodes", "mode"], "nodes"),
        ("zebra", ["args", "env"], None),
        ("x", [], None),
    ],
)
def test_a_wrong_name_finds_the_one_that_was_meant(name: str, known: list[str], meant: str | None) -> None:
    assert nearest(name, known) == nearest(name, reversed(known)) == meant


PACKAGE = Path(dynplan.__file__).parent


def constants(node: ast.AST) -> set[str]:
    found = {constant.value for constant in ast.walk(node) if isinstance(constant, ast.Constant)}
    return {value for value in found if isinstance(value, str) and re.fullmatch(r"[DW]\d{3}", value)}


def test_every_code_in_use_is_in_the_table_and_every_code_in_the_table_is_in_use() -> None:
    modules = [ast.parse(path.read_text()) for path in PACKAGE.rglob("*.py")]
    nodes = [node for module in modules for node in module.body if "CODES" not in ast.unparse(node).partition("=")[0]]
    assert set().union(*map(constants, nodes)) == set(CODES)


def test_errors_have_codes_with_d_and_warnings_codes_with_w() -> None:
    for path in PACKAGE.rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text())):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.args:
                letter = {"error": "D", "warn": "W"}.get(call.func.attr, "DW")
                assert all(code[0] in letter for code in constants(call.args[0])), ast.unparse(call)


def test_every_code_has_a_section_in_the_docs() -> None:
    page = PACKAGE.parent / "docs" / "diagnostics.md"
    if not page.exists():
        pytest.skip("no docs beside the package")
    sections = re.findall(r"^#+ .*?\b([DW]\d{3})\b", page.read_text(), re.MULTILINE)
    assert sections == sorted(CODES)
