"""The command line from the outside: streams, exit codes, files; in processes of their own where that matters."""

import json
import os
import re
import shlex
import stat
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from dynplan import __version__
from dynplan.cli import app, reading
from dynplan.language import parse, read, resolve
from dynplan.language.plan_file import to_tree
from dynplan.planner import plan
from tests.cli.test_usage import LISTED

EXAMPLES = Path(__file__).parents[2] / "examples"
EXAMPLE = EXAMPLES / "dynamo-shared" / "job.toml"
BASE = """\
[vars]
model = "é-model"

[cluster]
gpus-per-node = 8

[roles.decode]
command = ["serve", "{vars.model}"]
num-nodes = 2
gpus-per-worker = 4
ports = { system = 9090, nixl = { base = 5557, count = 4 } }
args = { config = { b = 1, a = [2, "x"] }, last = 1 }

[roles.prefill]
command = "serve $HOME {host}"
num-nodes = 2
gpus-per-worker = 4
ports = { system = 9090 }
"""
JOB = """\
extends = "base.toml"

[job]
name = "small"
num-nodes = 2

[roles.frontend]
command = ["frontend"]
ports = { http = 8000 }
after = ["decode", "prefill"]
"""
FULL = b"error[D005]: cannot write standard output: no space left on device\n"
IDLE = """\
[job]
num-nodes = 3

[cluster]
gpus-per-node = 8

[roles.decode]
command = ["serve"]
num-nodes = 1
gpus-per-worker = 8
"""
COMMANDS = ("compile", "plan", "show", "check")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a job and its parent, and the current one."""
    (tmp_path / "base.toml").write_text(BASE)
    (tmp_path / "job.toml").write_text(JOB)
    monkeypatch.chdir(tmp_path)
    return tmp_path


DYNPLAN = (sys.executable, "-m", "dynplan")


def dynplan(*arguments: str | Path, stdin: bytes = b"", **more: Any) -> subprocess.CompletedProcess[bytes]:
    """Run dynplan in a process of its own."""
    return subprocess.run(
        [*DYNPLAN, *map(str, arguments)], input=stdin, capture_output=True, timeout=60, check=False, **more
    )


def artefact(*arguments: str | Path, stdin: bytes = b"", **more: Any) -> bytes:
    """Return what dynplan writes where all is well and there is nothing to say."""
    done = dynplan(*arguments, stdin=stdin, **more)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout


def refused(*arguments: str | Path, stdin: bytes = b"", **more: Any) -> str:
    """Return what dynplan says about wrong input: one error, on standard error, and nothing else."""
    done = dynplan(*arguments, stdin=stdin, **more)
    assert (done.returncode, done.stdout) == (1, b"")
    return done.stderr.decode()


# The commands


def test_each_command_writes_its_artefact_and_nothing_else(folder: Path) -> None:
    script = artefact("compile", "job.toml")
    assert script.startswith(b"#!/bin/bash -p\n#SBATCH --job-name=small\n#SBATCH --nodes=2\n")
    written = artefact("plan", "job.toml")
    assert tomllib.loads(written.decode())["workers"][1] == {
        "role": "decode",
        "worker": 1,
        "tasks": [
            {
                "rank": 0,
                "node": 1,
                "gpus": [0, 1, 2, 3],
                "ports": {"system": {"port": 9090, "count": 1}, "nixl": {"port": 5557, "count": 4}},
            }
        ],
    }
    assert json.loads(artefact("plan", "job.toml", "--format", "json"))["nodes"] == [
        {"node": 0, "host": None, "gpus": 8},
        {"node": 1, "host": None, "gpus": 8},
    ]
    assert artefact("show", "job.toml").startswith(b"small: 2 nodes of 8 GPUs, 16 of 16 GPUs in use, shared")
    assert artefact("show", "job.toml", "--format", "svg").startswith(b"<svg ")
    page = artefact("show", "job.toml", "--format", "html")
    assert page.startswith(b"<!DOCTYPE html>")
    (folder / "job.sbatch").write_bytes(script)
    digest = re.search(rb"; plan ([0-9a-f]{12})<", page)
    assert digest
    assert b"plan " + digest[1] in artefact("check", "job.sbatch")
    assert artefact("check", "job.toml") == b""
    (folder / "plan.toml").write_bytes(written)
    assert artefact("show", "plan.toml", "--format", "html") == page
    assert artefact("emit", "plan.toml") == script
    assert artefact("check", "plan.toml") == b""
    assert artefact("show", "plan.toml") == artefact("show", "job.toml")


@pytest.mark.parametrize("form", ["toml", "json"])
@pytest.mark.parametrize("job", ["job.toml", EXAMPLE], ids=["small", "example"])
def test_a_plan_gives_the_bytes_of_compile(job: str | Path, form: str, folder: Path) -> None:
    written = artefact("plan", job, "--format", form)
    assert artefact("emit", "-", stdin=written) == artefact("compile", job)


def test_the_console_script_is_the_module(folder: Path) -> None:
    console = Path(sys.executable).parent / "dynplan"
    done = subprocess.run([console, "compile", "job.toml"], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (artefact("compile", "job.toml"), b"")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_job_on_standard_input_finds_its_parent_in_the_current_folder(command: str, folder: Path) -> None:
    assert artefact(command, "-", stdin=JOB.encode()) == artefact(command, "job.toml")


def test_paths_in_a_file_are_relative_to_the_file(folder: Path, tmp_path: Path) -> None:
    deep = folder / "a" / "b"
    deep.mkdir(parents=True)
    (deep / "job.toml").write_text(JOB.replace('"base.toml"', '"../../base.toml"'))
    assert artefact("compile", "a/b/job.toml") == artefact("compile", "job.toml")
    assert artefact("compile", "job.toml", cwd=deep) == artefact("compile", "job.toml")


def test_warnings_are_told_beside_the_artefact(folder: Path) -> None:
    told = (
        "warning[W201]: 2 of 3 nodes run no role with GPUs\n"
        " --> <stdin>:2:13\n"
        "  |\n"
        "2 | num-nodes = 3\n"
        "  |             ^\n"
        "  = help: one node holds them all\n"
    )
    for command in ("compile", "plan", "check"):
        done = dynplan(command, "-", stdin=IDLE.encode())
        assert (done.returncode, done.stderr.decode(), bool(done.stdout)) == (0, told, command != "check")
    assert b"warning[W201]" in artefact("show", "-", stdin=IDLE.encode()), "the drawing holds them: said once"


def test_the_ports_that_connections_use_are_a_warning(folder: Path) -> None:
    done = dynplan("check", "job.toml", "--set", "roles.frontend.ports.http=40000")
    assert done.returncode == 0
    assert done.stderr.decode().splitlines()[:2] == [
        "warning[W301]: port `http` of role `frontend` is 40000, inside the ephemeral range 32768-60999:"
        " an outgoing connection may take it first",
        " --> --set:1:27",
    ]


# Options


@pytest.mark.parametrize(
    ("sets", "path", "value"),
    [
        (["job.num-nodes=4"], "job.num-nodes", 4),
        (["job.num_nodes = 4"], "job.num-nodes", 4),
        (['job.num-nodes="min"'], "job.num-nodes", "min"),
        (["roles.decode.critical=false"], "roles.decode.critical", False),
        (["roles.decode.args.temperature=0.5"], "roles.decode.args.temperature", 0.5),
        (["roles.decode.extra-args=['--a', 'b c']"], "roles.decode.extra-args", ["--a", "b c"]),
        (["roles.decode.args={x = 1, y = 'é'}"], "roles.decode.args.y", "é"),
        (['roles."decode".args."a.b"=1'], "roles.decode.args.'a.b'", 1),
        (["roles.decode.args.since=2026-01-02"], "roles.decode.args.since", "2026-01-02"),
        (["roles.decode.command='''a\nb'''"], "roles.decode.command", "a\nb"),
        (["vars.model='other'"], "roles.decode.command", ["serve", "other"]),
        (["roles.decode.num-nodes=1", "roles.decode.num-nodes=2"], "roles.decode.num-nodes", 2),
        (["[roles.late]\ncommand=['late']"], "roles.late.command", ["late"]),
    ],
)
def test_set_takes_every_kind_of_toml_value(sets: list[str], path: str, value: object, folder: Path) -> None:
    options = [word for text in sets for word in ("--set", text)]
    found = tomllib.loads(artefact("plan", "job.toml", *options).decode())
    for key in re.findall(r"'[^']*'|[^.]+", path):
        found = found[key.strip("'")]
    assert found == value


def test_set_keeps_what_it_does_not_name(folder: Path) -> None:
    found = tomllib.loads(artefact("plan", "job.toml", "--set", "roles.decode.args={x = 1}").decode())
    assert list(found["roles"]["decode"]["args"]) == ["config", "last", "x"]


def test_a_mistake_in_set_is_shown_there(folder: Path) -> None:
    assert refused("compile", "job.toml", "--set", "job.name=demo") == (
        "error[D001]: `demo` is no value\n"
        " --> --set:1:10\n"
        "  |\n"
        "1 | job.name=demo\n"
        "  |          ^\n"
        "  = help: put a string in quotes, and for the shell the whole option: `--set 'job.name=\"demo\"'`\n"
    )
    assert refused("plan", "job.toml", "--set", "roles.decode.num-nodes=2", "--set", "roles.decode.num-ndoes=2") == (
        "error[D101]: unknown key `num-ndoes` in `[roles.decode]`\n"
        " --> --set:1:14\n"
        "  |\n"
        "1 | roles.decode.num-ndoes=2\n"
        "  |              ^^^^^^^^^\n"
        "  = help: did you mean `num-nodes`?\n"
    )
    assert " --> --set:1:1\n" in refused("check", "job.toml", "--set", b"\xff=1".decode(errors="surrogateescape"))


def test_a_parent_cannot_be_set_for_it_is_merged_before(folder: Path) -> None:
    told = refused("compile", "job.toml", "--set", "extends='other.toml'")
    assert told.startswith("error[D108]: `extends` cannot be set: overrides come after inheritance\n --> --set:1:9\n")


def test_cluster_wins_over_the_jobs_own(folder: Path) -> None:
    (folder / "eos.toml").write_text("[cluster]\ngpus-per-node = 16\nname = 'eos'\n")
    (folder / "names.toml").write_text(JOB.replace("[job]\n", '[job]\ncluster = "nowhere.toml"\n'))
    for job in ("job.toml", "names.toml"):
        found = tomllib.loads(artefact("plan", job, "--cluster", "eos.toml").decode())
        assert found["cluster"] == {"gpus-per-node": 16, "name": "eos"}
    also = tomllib.loads(artefact("plan", "job.toml", "--cluster", "eos.toml", "--set", "cluster.name='x'").decode())
    assert also["cluster"] == {"gpus-per-node": 16, "name": "x"}
    assert artefact("compile", "job.toml", "--cluster", "-", stdin=(folder / "eos.toml").read_bytes())
    assert refused("compile", "job.toml", "--cluster", "no.toml") == (
        "error[D004]: cannot read `no.toml`: no such file or directory\n"
    )


def test_output_goes_to_a_file_as_it_would_go_to_standard_output(folder: Path) -> None:
    for command in ("compile", "plan", "show"):
        assert artefact(command, "job.toml", "-o", "out") == b""
        assert (
            (folder / "out").read_bytes() == artefact(command, "job.toml") == artefact(command, "job.toml", "-o", "-")
        )
    assert artefact("compile", "job.toml", "-o", "/dev/null") == b""
    assert sorted(path.name for path in folder.iterdir()) == ["base.toml", "job.toml", "out"], "and nothing beside it"


def test_output_replaces_a_file_with_its_mode_and_behind_its_links(folder: Path) -> None:
    (folder / "real").write_text("old")
    (folder / "real").chmod(0o750)
    (folder / "link").symlink_to("real")
    artefact("compile", "job.toml", "-o", "link")
    assert (folder / "link").is_symlink()
    assert (folder / "real").read_bytes() == artefact("compile", "job.toml")
    assert stat.S_IMODE((folder / "real").stat().st_mode) == 0o750


def test_output_of_a_wrong_job_leaves_the_old_file(folder: Path) -> None:
    (folder / "out").write_text("old")
    refused("compile", "job.toml", "--set", "job.num-nodes=0", "-o", "out")
    assert (folder / "out").read_text() == "old"
    assert sorted(path.name for path in folder.iterdir()) == ["base.toml", "job.toml", "out"]


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        (".", "is a directory"),
        ("no/such/folder", "no such file or directory"),
        ("job.toml/x", "not a directory"),
        ("n" * 256, "file name too long"),
        ("/dev/full", "no space left on device"),
    ],
)
def test_output_that_cannot_be_written_is_an_error(target: str, reason: str, folder: Path) -> None:
    assert refused("compile", "job.toml", "-o", target) == f"error[D005]: cannot write `{target}`: {reason}\n"


# What is no job


@pytest.mark.parametrize("command", [*COMMANDS, "emit"])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no.toml", "error[D004]: cannot read `no.toml`: no such file or directory\n"),
        (".", "error[D004]: cannot read `.`: is a directory\n"),
        ("job.toml/x", "error[D004]: cannot read `job.toml/x`: not a directory\n"),
        ("/proc/self/mem", "error[D004]: cannot read `/proc/self/mem`: input/output error\n"),
        ("n" * 300, f"error[D004]: cannot read `{'n' * 255}…`: file name too long\n"),
        ("/dev/zero", "error[D004]: cannot read `/dev/zero`: it is a device, not a file\n"),
        ("/proc/sys/vm/drop_caches", "error[D004]: cannot read `/proc/sys/vm/drop_caches`: permission denied\n"),
    ],
)
def test_a_file_that_cannot_be_read_is_an_error(command: str, name: str, message: str, folder: Path) -> None:
    assert refused(command, name) == message


@pytest.mark.parametrize("name", ["/proc/sys/kernel/ostype", "/proc/version"])
def test_a_file_of_the_kernels_is_read_like_any_other(name: str, folder: Path) -> None:
    # It says that it is empty, and refuses to be read in one large piece.
    text = Path(name).read_text().rstrip()
    for words in ([name], ["-"]):
        with Path(name).open("rb") as file:
            done = subprocess.run([*DYNPLAN, "check", *words], stdin=file, capture_output=True, check=False)
        assert done.returncode == 1
        assert done.stderr.decode().startswith("error[D001]: ")
        assert f"1 | {text[:20]}" in done.stderr.decode()


@pytest.mark.parametrize(("device", "reason"), [("zero", "it is a device, not a file"), ("null", "")])
def test_a_device_on_standard_input_ends_or_is_refused(device: str, reason: str, folder: Path) -> None:
    most = 200 * 1024  # KiB of address space: what has no end is not kept
    argv = ["bash", "-c", f'ulimit -v {most} && exec "$@" </dev/{device}', "bash", *DYNPLAN, "check", "-"]
    done = subprocess.run(argv, capture_output=True, check=False, timeout=60)
    wanted = f"error[D004]: cannot read standard input: {reason}\n" if reason else "error[D103]: "
    assert (done.returncode, done.stderr.decode()[: len(wanted)]) == (1, wanted)


def test_standard_input_that_does_not_wait_is_an_error(folder: Path) -> None:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    done = subprocess.run([*DYNPLAN, "check", "-"], stdin=reader, capture_output=True, check=False, timeout=60)
    os.close(reader)
    os.close(writer)
    said = "error[D004]: cannot read standard input: nothing has come yet, and it does not wait\n"
    assert (done.returncode, done.stderr.decode()) == (1, said)


def test_an_empty_file_is_a_job_without_roles(folder: Path) -> None:
    for command in COMMANDS:
        assert refused(command, "-") == (
            "error[D103]: a job needs at least one role\n"
            " --> <stdin>\n"
            "  = help: add a table `[roles.NAME]` with a `command`\n"
        )
    assert refused("emit", "-").startswith("error[D501]: this is no plan of schema 1\n --> <stdin>\n")


def test_a_plan_where_a_job_belongs_is_named(folder: Path) -> None:
    written = artefact("plan", "job.toml", "--format", "json")
    for command in ("compile", "plan"):
        assert refused(command, "-", stdin=written) == (
            "error[D504]: this is a plan, not a job file\n"
            " --> <stdin>:2:2\n"
            "  |\n"
            '2 |  "schema": 1,\n'
            "  |  ^^^^^^^^\n"
            "  = help: `dynplan emit` writes the script of a plan\n"
        )
    for option in (["--set", "job.num-nodes=2"], ["--cluster", "base.toml"], ["--point", "0"]):
        assert refused("show", "-", *option, stdin=written).startswith(
            "error[D503]: `--set`, `--cluster` and `--point` change a job"
        )
    assert refused("emit", "job.toml").startswith("error[D501]: this is no plan of schema 1\n")


def test_an_endless_file_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_MOST_BYTES", 2**20)
    (folder / "large.toml").write_bytes(b"#" * (2**20 + 1))
    for name, shown in (("large.toml", "`large.toml`"), ("-", "standard input")):
        done = CliRunner().invoke(app, ["compile", name], input=b"#" * (2**20 + 1), catch_exceptions=False)
        assert (done.exit_code, done.stderr) == (1, f"error[D004]: cannot read {shown}: it is larger than 1 MiB\n")


def test_a_parent_named_dash_is_a_file_and_not_standard_input(folder: Path) -> None:
    (folder / "-").write_text(BASE)
    (folder / "dash.toml").write_text(JOB.replace("base.toml", "-"))
    assert artefact("compile", "dash.toml", stdin=b"[") == artefact("compile", "job.toml")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[roles.web]\ncommand = ['serve', '{}']\n".format("x" * 200_000), "D602"),
        ("[roles.web]\ncommand = ['serve']\n[files.large]\ncontent = '{}'\n".format("x" * 5_000_000), "D601"),
    ],
    ids=["D602", "D601"],
)
def test_a_script_that_slurm_or_linux_would_refuse_is_an_error(text: str, code: str) -> None:
    for command in ("compile", "check"):
        assert refused(command, "-", stdin=text.encode()).startswith(f"error[{code}]: ")


# Streams


def test_a_reader_that_has_gone_is_not_told(folder: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write) as stream:
        done = subprocess.run(
            [sys.executable, "-m", "dynplan", "compile", "job.toml"],
            stdout=stream,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, b"")


def shell(command: str) -> tuple[int, bytes, bytes]:
    """Run a line of bash in which `dynplan` is dynplan."""
    program = f'dynplan() {{ {shlex.quote(sys.executable)} -m dynplan "$@"; }}\n{command}'
    done = subprocess.run(["bash", "-c", program], capture_output=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("line", "code", "told"),
    [
        ("dynplan compile job.toml | head -1", 0, b""),
        (
            "dynplan compile job.toml >/dev/full",
            1,
            FULL,
        ),
        ("dynplan compile job.toml >&-", 1, b"error[D005]: cannot write standard output: it is closed\n"),
        ("dynplan compile - <&-", 1, b"error[D004]: cannot read standard input: it is closed\n"),
        ("dynplan compile no.toml 2>&-", 1, b""),
        ("dynplan compile no.toml 2>/dev/full", 1, b""),
        ("dynplan check job.toml >&- 2>&- <&-", 0, b""),
        ("dynplan plan - < job.toml | dynplan emit - | head -c 11", 0, b""),
    ],
)
def test_streams_may_be_closed_or_full(line: str, code: int, told: bytes, folder: Path) -> None:
    found, _, stderr = shell(line)
    assert (found, stderr) == (code, told)


# Usage


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("compile",),
        ("compile", "a", "b"),
        ("compile", "job.toml", "--no-such-option"),
        ("no-such-command",),
        ("plan", "job.toml", "--format", "yaml"),
        ("show", "job.toml", "--format", "png"),
        ("emit", "plan.toml", "--set", "a=1"),
        ("compile", "-", "--cluster", "-"),
    ],
)
def test_wrong_usage_is_2_and_names_the_command(arguments: tuple[str, ...], folder: Path) -> None:
    done = dynplan(*arguments)
    assert (done.returncode, done.stdout if arguments else b"") == (2, b"")
    assert b"Usage: dynplan" in done.stderr + done.stdout
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["", *LISTED])
def test_help_fits_80_columns_and_ends_well(command: str) -> None:
    for option in ("--help", "-h"):
        done = dynplan(*filter(None, [command, option]), env={**os.environ, "COLUMNS": "80"})
        assert (done.returncode, done.stderr) == (0, b"")
        text = done.stdout.decode()
        assert text.startswith(f"Usage: dynplan {command}".rstrip())
        assert max(map(len, text.splitlines())) <= 80
        assert not re.search(r"[^\x00-\x7f]|-\n", text), "plain text, no option broken at its dash"


def test_help_names_every_command_and_option() -> None:
    listed = re.findall(r"^  (\w+)  ", artefact("--help").decode().partition("Commands:")[2], re.MULTILINE)
    assert listed == LISTED
    for command, options in {
        "compile": ["--cluster", "--set", "--point", "--strict", "--output"],
        "plan": ["--cluster", "--set", "--point", "--format", "--strict", "--output"],
        "emit": ["--strict", "--output"],
        "import": ["--from", "--cluster-out", "--report", "--format", "--strict", "--output"],
        "show": ["--cluster", "--set", "--point", "--format", "--width", "--strict", "--output"],
        "check": ["--cluster", "--set", "--point", "--format", "--strict"],
        "engines": ["--output"],
        "diff": ["--cluster", "--set", "--point", "--format", "--output"],
        "status": ["--format", "--watch", "--interval"],
        "logs": ["--follow", "--tail"],
        "report": ["--format", "--output"],
        "init": ["--output", "--cluster-out", "--force"],
        "explain": ["--output"],
        "schema": ["--output"],
        "help": [],
        "sweep": ["--cluster", "--set", "--format", "--strict", "--max-running", "--output"],
        "results": ["--format", "--output"],
    }.items():
        assert (
            re.findall(r"^  (?:-(?!h)\w, )?(--[\w-]+)", artefact(command, "--help").decode(), re.MULTILINE) == options
        )


def test_version_is_the_packages() -> None:
    assert artefact("--version") == f"dynplan {__version__}\n".encode()


# The same everywhere


SURROUNDINGS: dict[str, dict[str, str]] = {
    "hash seed 0": {"PYTHONHASHSEED": "0"},
    "hash seed 77": {"PYTHONHASHSEED": "77"},
    "C locale": {"LC_ALL": "C", "LANG": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    "ASCII streams": {"PYTHONIOENCODING": "ascii"},
    "another user": {"USER": "nobody", "LOGNAME": "nobody", "HOME": "/", "HOSTNAME": "elsewhere", "TZ": "Asia/Tokyo"},
    "a wide colour terminal": {"TERM": "xterm-256color", "COLUMNS": "240", "FORCE_COLOR": "1", "CLICOLOR_FORCE": "1"},
    "a poor terminal": {"TERM": "dumb", "COLUMNS": "20", "NO_COLOR": "1"},
    "a job of its own": {"SLURM_JOB_ID": "7", "SLURM_JOB_NODELIST": "n[1-9]", "CUDA_VISIBLE_DEVICES": "3"},
}


@pytest.fixture(scope="module")
def plain() -> dict[str, bytes]:
    """What the commands write about the example where the environment holds next to nothing."""
    return {command: artefact(command, EXAMPLE, env={"PATH": os.environ["PATH"]}) for command in COMMANDS}


@pytest.mark.parametrize("change", SURROUNDINGS.values(), ids=SURROUNDINGS)
def test_surroundings_change_no_byte(change: Mapping[str, str], plain: Mapping[str, bytes]) -> None:
    for command in COMMANDS:
        assert artefact(command, EXAMPLE, env={"PATH": os.environ["PATH"], **change}) == plain[command], command


def test_the_way_to_the_file_changes_no_byte(folder: Path) -> None:
    expected = artefact("compile", "job.toml")
    (folder / "sub").mkdir()
    assert artefact("compile", "./sub/../job.toml") == expected
    assert artefact("compile", folder / "job.toml", cwd="/") == expected
    assert artefact("compile", "../job.toml", cwd=folder / "sub") == expected


# Plans that nobody should trust


def plan_tree() -> dict[str, Any]:
    """Return a plan of the small job, as JSON carries it."""
    documents = [parse("job.toml", JOB.encode()), parse("base.toml", BASE.encode())]
    return to_tree(plan(read(resolve(documents))))


def test_a_plan_that_books_a_gpu_twice_reaches_no_cluster(folder: Path) -> None:
    tree = plan_tree()
    assert tree["workers"][2]["role"] == "prefill"
    tree["workers"][2]["tasks"][0]["gpus"] = [3, 4, 5, 6]
    text = json.dumps(tree, indent=1).encode()
    told = refused("emit", "-", stdin=text)
    assert told == refused("check", "-", stdin=text)
    assert told.splitlines()[0] == (
        "error[D401]: GPU 3 of node 0 is held twice: by worker 0 of `decode` and by worker 0 of `prefill`"
    )
    assert b"breaks its promises" in artefact("show", "-", stdin=text)


def test_a_plan_without_commands_can_be_checked_and_shown_but_not_emitted(folder: Path) -> None:
    tree = {
        key: value for key, value in plan_tree().items() if key in ("schema", "job", "nodes", "workers", "warnings")
    }
    text = json.dumps(tree).encode()
    assert artefact("check", "-", stdin=text) == b""
    assert b"\nnode 1 " in artefact("show", "-", stdin=text)
    assert refused("emit", "-", stdin=text).startswith("error[D103]: this plan says where its workers stand, but not")


def test_the_plan_that_a_running_job_leaves_can_be_shown(folder: Path) -> None:
    left = """\
schema = 1

[job]
name = "small"
id = "17"

[[nodes]]
node = 0
host = "node-a"
ip = "10.0.0.1"
gpus = 2

[[workers]]
role = "decode"
worker = 0

[[workers.tasks]]
rank = 0
node = 0
gpus = [0, 1]
ports = { system = { port = 9090, count = 1 } }
"""
    assert artefact("show", "-", stdin=left.encode()).decode() == (
        "small: 1 node of 2 GPUs, 2 of 2 GPUs in use\n"
        "no GPU idle\n"
        "\n"
        "GPU            0        1\n"
        "node 0 node-a │decode 0         │\n"
        "\n"
        "role    workers  GPUs  nodes  ports\n"
        "decode  1        2     0      system 9090\n"
    )
