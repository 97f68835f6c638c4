"""Anything at all on the way in: dynplan ends well or says in words what is wrong, and never with a traceback."""

import datetime
import json
import os
import re
import tempfile
import tomllib
from copy import deepcopy
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import tomli_w
from hypothesis import example, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from dynplan.cli import app
from dynplan.language.merging import merge
from tests.cli.test_commands import BASE, COMMANDS, EXAMPLE, JOB, plan_tree

EXAMPLE_TEXTS = [path.read_text() for path in sorted(EXAMPLE.parent.glob("*.toml")) if path.name != "plan.toml"]
PLAN = plan_tree()
SMALL = merge(tomllib.loads(BASE), {key: value for key, value in tomllib.loads(JOB).items() if key != "extends"})
JOBS = [SMALL, {key: value for key, value in PLAN.items() if key in ("job", "cluster", "roles", "phases")}]
SWEPT = merge(
    SMALL,
    {
        "vars": {"load": 1},
        "sweep": {
            "vars.load": [1, 2],
            "roles.decode.num-nodes": [1, 2],
            "job": {"num-nodes": [2]},
            "zip": [["load", "roles.decode.num-nodes"]],
            "exclude": ["load > 2"],
            "points": [{"name": "own", "vars.load": 8, "roles": {"prefill": {"num-nodes": 1}}}],
        },
        "phases": {"one": {"command": ["bench", "{sweep.point}", "{sweep.load}"]}},
        "results": {"rate": {"file": "{phase.dir}/a.json", "key": "a.b", "phase": "one", "best": "max"}},
    },
)

# What the language means something by, somewhere, and what it never does.
OTHERS: list[Any] = [
    *(0, -1, 1, 2, 3, 4, 8, 9, 100, 65535, 65536, 2_000_000, 2**63 - 1, 0.5, float("inf"), float("nan"), True, False),
    *("\x1b[2J\x07", "\u202etxt", "\u200b", "\x9b", "\u0663", "n" * 5000, "<&>]]>"),
    *("", "x", "é", "\n", "\0", "$", "{", "{{", "8", "30m", "min", "max", "auto", "head", "every-node", "with:decode"),
    *("{host}", "{port.system}", "{port.nope}", "{= rank}", "{= 1 / 0}", "{vars.model}", "{role.decode.url.system}"),
    *("tensor-parallel-size * 2", "8 / (last - 1)", "node[1-3]", "20000-20010", "30-20", "per-gpu", "task", "[a-z"),
    *([], {}, [1], ["a"], [[]], [{}], ["decode"], ["prefill", "prefill"], {"a": 1}, {"base": 70, "count": 4}),
    *({"port": "system"}, {"log": "x"}, {"command": ["x"]}, {"fixed": 9090}, datetime.date(2026, 1, 2)),
]
NAMES = [
    *("num-nodes", "nodes", "workers", "workers-per-node", "gpus-per-worker", "per-node", "dedicated", "spread"),
    *("place", "after", "ready", "alive", "ports", "command", "args", "env", "unset", "kind", "launch", "critical"),
    *("restart", "stagger", "stop", "metrics", "container", "workdir", "srun", "sbatch", "on", "setup", "timeout"),
    *("zip", "exclude", "points", "name", "roles.decode.workers", "vars.x.y", "a b", "file", "key", "phase", "best"),
    *("order", "enabled", "beside", "base", "count", "same", "also", "min", "max", "scope", "probe", "gpu-groups"),
    *("reserved-ports", "decode", "é", ""),
]
TOKEN = re.compile(r"[\w.{}-]+|\s+|\"[^\"\n]*\"|.", re.DOTALL)
SIGNS = ["0", "'x'", "true", "[]", "{}", "=", ".", "[", "]", "{", "}", "#", '"', "'", ",", "\n", " ", "\0", "é"]


def outcome(command: str, text: bytes) -> None:
    """Run a command on standard input, in this process; it ends well, or says what is wrong and writes nothing."""
    done = CliRunner().invoke(app, [*command.split(), "-"], input=text, catch_exceptions=False)
    assert done.exit_code in (0, 1)
    assert all(line.isprintable() for line in done.stderr.split("\n"))
    if command.startswith("show") or command == "sweep":
        assert all(line.isprintable() for line in done.stdout.split("\n"))
    if command.endswith("svg") and not done.exit_code:
        ElementTree.fromstring(done.stdout)  # noqa: S314 - our own picture
    if done.exit_code:
        assert done.stdout_bytes == b""
        assert done.stderr.startswith(("error[D", "warning[W"))
    else:
        assert "error" not in done.stderr


@pytest.mark.parametrize("command", [*COMMANDS, "emit"])
@given(text=st.binary(max_size=200))
@example(text=b"")
@example(text=b"\xff\xfe")
@example(text=b"{")
@example(text=b'{"schema": 1}')
@example(text=b"schema = 1")
@example(text=b"[" * 5000)
@example(text=b'{"a":' * 5000)
@example(text=b"a = " + b"9" * 5000)
@example(text=b"a." * 2000 + b"b = 1")
@settings(max_examples=50)
def test_random_bytes_give_an_error_in_words(command: str, text: bytes) -> None:
    outcome(command, text)


@st.composite
def slipped(draw: st.DrawFn, text: str) -> bytes:
    """Return a text with a few of its words exchanged, doubled or dropped."""
    words = TOKEN.findall(text)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(words) - 1))
        other = draw(st.sampled_from([*SIGNS, *words]))
        words[at : at + 1] = draw(st.sampled_from([[other], [words[at], other], [words[at]] * 2, []]))
    return "".join(words).encode()


@settings(max_examples=60)
@given(text=st.sampled_from([*EXAMPLE_TEXTS, BASE]).flatmap(slipped), command=st.sampled_from(COMMANDS))
def test_a_text_with_slips_gives_an_error_in_words(text: bytes, command: str) -> None:
    before = Path.cwd()
    os.chdir(EXAMPLE.parent)
    try:
        outcome(command, text)
    finally:
        os.chdir(before)


Place = tuple[str | int, ...]


def places(tree: object, path: Place = ()) -> list[Place]:
    """Return the path of everything in a tree but its root."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [place for key, value in items for place in ((*path, key), *places(value, (*path, key)))]


@st.composite
def changed(draw: st.DrawFn, tree: Any, values: st.SearchStrategy[Any]) -> Any:
    """Return a tree in which values have changed, gone, or come by a name that the language knows."""
    tree = deepcopy(tree)
    for _ in range(draw(st.integers(1, 3))):
        found = places(tree)
        if not found:
            break
        *path, last = draw(st.sampled_from(found))
        inner = tree
        for key in path:
            inner = inner[key]
        match draw(st.sampled_from(["change", "change", "add", "drop"])):
            case "drop":
                del inner[last]
            case "add" if isinstance(inner, dict):
                inner[draw(st.sampled_from(NAMES))] = deepcopy(draw(values))
            case _:
                inner[last] = deepcopy(draw(values))
    return tree


@settings(max_examples=150)
@given(tree=st.sampled_from(JOBS).flatmap(lambda job: changed(job, st.sampled_from(OTHERS))))
def test_a_job_with_other_values_gives_an_error_in_words(tree: Any) -> None:
    text = tomli_w.dumps(tree).encode()
    for command in COMMANDS:
        outcome(command, text)


TEXTS = st.one_of(
    st.sampled_from(JOBS).flatmap(lambda job: changed(job, st.sampled_from(OTHERS))).map(tomli_w.dumps),
    changed(PLAN, st.sampled_from([None, *OTHERS])).map(lambda tree: json.dumps(tree, default=str)),
)


@settings(max_examples=100)
@given(text=TEXTS)
def test_a_difference_is_told_or_what_is_wrong_and_never_both(text: str) -> None:
    for form in ("text", "markdown", "json"):
        done = CliRunner().invoke(
            app, ["diff", str(EXAMPLE), "-", "--format", form], input=text, catch_exceptions=False
        )
        assert done.exit_code in (0, 1)
        assert bool(done.stdout) != bool(done.stderr)
        assert all(line.isprintable() for line in (done.stdout + done.stderr).split("\n"))


@settings(max_examples=100)
@given(tree=changed(SWEPT, st.sampled_from(OTHERS)))
def test_a_sweep_with_other_values_gives_an_error_in_words(tree: Any) -> None:
    text = tomli_w.dumps(tree).encode()
    for command in ("sweep", "sweep --format json", "compile", "compile --point 1", "check --point own"):
        outcome(command, text)
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            outcome("sweep -o runs", text)
            if Path("runs").exists():
                told = CliRunner().invoke(app, ["results", "runs"], catch_exceptions=False)
                assert told.exit_code == 0
                assert all(line.isprintable() for line in told.stdout.split("\n"))
        finally:
            os.chdir(before)


@settings(max_examples=100)
@given(tree=changed(PLAN, st.sampled_from([None, *OTHERS])))
def test_a_plan_with_other_values_gives_an_error_in_words(tree: Any) -> None:
    text = json.dumps(tree, default=str).encode()
    for command in ("emit", "check", "show", "show --format svg"):
        outcome(command, text)
