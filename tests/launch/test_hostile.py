"""No text of a job file becomes code or a directive: it arrives as it stands, or it is refused with a reason."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from dynplan.diagnostics import InputError
from tests.launch.lab import NASTY, Run, compiled, job_text, run, stub

BASE = {
    "job": {"name": "test", "num-nodes": 1, "output-dir": "out", "time": "10", "env": {}, "sbatch": {}},
    "cluster": {"gpus-per-node": 8, "container-runtime": "pyxis", "env": {}, "sbatch": {}, "srun": {}},
    "roles": {
        "etcd": {"command": ["etcd"], "ports": {"client": 2379}},
        "worker": {
            "command": ["serve"],
            "setup": "true",
            "args": {"model": "m"},
            "extra-args": ["--x"],
            "gpus-per-worker": 4,
            "env": {"A": "a"},
            "ports": {"http": 8000},
            "ready": [{"port": "http", "path": "/health", "body": "ok"}, {"log": "up"}, {"command": ["true"]}],
            "alive": {"port": "http"},
            "fail-on-log": "panic",
            "metrics": "http://{host}:{port.http}/metrics",
            "container": {"image": "img", "mounts": ["/a:/b"], "workdir": "/w", "name": "n"},
        },
    },
    "phases": {"bench": {"command": ["bench"], "setup": ["s"], "after-command": ["a"]}, "last": {"command": "x"}},
    "files": {"conf": {"content": "text"}},
}

# Where a text may stand: the path of the value, or of the table in which it is a key.
VALUES = [
    ("job", "name"),
    ("job", "output-dir"),
    ("job", "time"),
    ("job", "nodes"),
    ("job", "env", "A"),
    ("job", "setup"),
    ("job", "sbatch", "partition"),
    ("job", "sbatch", "comment"),
    ("cluster", "name"),
    ("cluster", "env", "A"),
    ("cluster", "srun", "mpi"),
    ("cluster", "sbatch", "account"),
    ("cluster", "network-interface"),
    ("cluster", "gpu-request"),
    ("cluster", "port-range"),
    ("cluster", "reserved-ports"),
    ("roles", "worker", "command"),
    ("roles", "worker", "command", 0),
    ("roles", "worker", "args", "model"),
    ("roles", "worker", "extra-args"),
    ("roles", "worker", "extra-args", 0),
    ("roles", "worker", "env", "A"),
    ("roles", "worker", "unset"),
    ("roles", "worker", "workdir"),
    ("roles", "worker", "setup"),
    ("roles", "worker", "after"),
    ("roles", "worker", "gpus-per-worker"),
    ("roles", "worker", "ready", 0, "port"),
    ("roles", "worker", "ready", 0, "path"),
    ("roles", "worker", "ready", 0, "body"),
    ("roles", "worker", "ready", 0, "status"),
    ("roles", "worker", "ready", 0, "post"),
    ("roles", "worker", "ready", 0, "timeout"),
    ("roles", "worker", "ready", 1, "log"),
    ("roles", "worker", "ready", 2, "command"),
    ("roles", "worker", "ready", 2, "command", 0),
    ("roles", "worker", "fail-on-log"),
    ("roles", "worker", "metrics"),
    ("roles", "worker", "kind"),
    ("roles", "worker", "place"),
    ("roles", "worker", "stop"),
    ("roles", "worker", "srun"),
    ("roles", "worker", "container", "image"),
    ("roles", "worker", "container", "mounts", 0),
    ("roles", "worker", "container", "workdir"),
    ("roles", "worker", "container", "name"),
    ("phases", "bench", "command"),
    ("phases", "bench", "setup"),
    ("phases", "bench", "setup", 0),
    ("phases", "bench", "after-command", 0),
    ("phases", "bench", "on"),
    ("phases", "bench", "timeout"),
    ("files", "conf", "content"),
]
KEYS = [
    ("job", "env"),
    ("job", "sbatch"),
    ("cluster", "env"),
    ("cluster", "srun"),
    ("roles",),
    ("roles", "worker", "args"),
    ("roles", "worker", "env"),
    ("roles", "worker", "ports"),
    ("roles", "worker", "ready", 0),
    ("phases",),
    ("files",),
]


def changed(path: tuple[str | int, ...], text: str, *, as_key: bool = False) -> str:
    """The base job with a text as the value at a path, or as a key of the table there."""
    tables = json.loads(json.dumps(BASE))
    *outer, last = path
    table = tables
    for key in outer:
        table = table[key]
    if as_key:
        table = table[last]
        kept = next(iter(table.values()), "x") if isinstance(table, dict) else "x"
        table[text] = kept
    else:
        table[last] = text
    return tomli_w.dumps(tables)


# One of each kind: test_functions.py takes all of them through the quoters.
FIELD_TEXTS = (
    *("$(touch x)", "`x`", "; x #", "'", '"', "\\", "$x", "-x", "", "{x}", "%j", "#SBATCH --wait"),
    *("\n#SBATCH --wait", "\r", "\x01", "\ufeff", "a b", "x\n#SBATCH --wait\ny"),
)


def directives(script: str) -> list[str]:
    return [line for line in script.splitlines() if line.startswith("#SBATCH")]


def option(directive: str) -> str:
    return directive.split("=")[0]


def scripts(path: tuple[str | int, ...], *, as_key: bool = False) -> Iterator[tuple[str, str]]:
    """The scripts of every text that the field takes; refusals must say why and where."""
    for text in FIELD_TEXTS:
        try:
            yield text, compiled(changed(path, text, as_key=as_key))
        except InputError as problem:
            assert problem.findings
            for finding in problem.findings:
                assert finding.code.startswith("D")
                assert finding.message.strip()


def check_script(text: str, script: str) -> None:
    # sbatch reads directives up to the first command: none may come, and none may go.
    before_program, _, body = script.partition("\n# Bash reads command by command")
    assert not directives(body), text  # though sbatch does not look there, a person or a tool may
    known = set(map(option, directives(compiled(tomli_w.dumps(BASE)))))
    allowed = known | {"#SBATCH --partition", "#SBATCH --comment", "#SBATCH --account", "#SBATCH --nodelist"}
    assert set(map(option, directives(before_program))) <= allowed, text
    assert len(directives(before_program)) <= len(known) + 1, text
    for line in before_program.splitlines():
        assert line.startswith("#") or not line, (text, line)
    done = subprocess.run(["bash", "-n"], input=script.encode(), capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b""), text


@pytest.mark.parametrize("path", VALUES, ids=lambda path: ".".join(map(str, path)))
def test_no_value_adds_a_directive_or_breaks_the_script(path: tuple[str | int, ...]) -> None:
    for text, script in scripts(path):
        check_script(text, script)


@pytest.mark.parametrize("path", KEYS, ids=lambda path: ".".join(map(str, path)))
def test_no_key_adds_a_directive_or_breaks_the_script(path: tuple[str | int, ...]) -> None:
    for text, script in scripts(path, as_key=True):
        if path != ("job", "sbatch"):  # a key there is a directive
            check_script(text, script)


# What runs: the same texts in every field that carries text to a process or a file.


def carried(text: str) -> str:
    """A job that carries a text in everything that takes any; the stub says what came of it."""
    tables = {
        "job": {"name": "test", "num-nodes": 1, "output-dir": "out", "env": {"STUB_JOB": text}},
        "cluster": {"gpus-per-node": 8, "env": {"STUB_SITE": text}},
        "vars": {"text": text},
        "roles": {
            "worker": {
                "command": ["python3", STUB_PATH, "--record", "seen", "--say", "up and [running]", text, "{vars.text}"],
                "args": {"key": text, "table": {"json": text}},
                "extra-args": [text],
                "gpus-per-worker": 1,
                "env": {"STUB_ROLE": text, "STUB_MIXED": "{host} {vars.text}"},
                "ports": {"http": 18123},
                "ready": [
                    {"port": "http", "path": "/health", "post": {"text": text}},
                    {"log": r"up and \[running\]"},
                    {"command": ["test", text, "=", text]},
                ],
            }
        },
        "phases": {
            "bench": {
                "setup": ["python3", STUB_PATH, "--record", "seen", "--exit-after", "0", "setup", text],
                "command": ["python3", STUB_PATH, "--record", "seen", "--exit-after", "0", "phase", text],
            }
        },
        "files": {"conf": {"content": text}},
    }
    return tomli_w.dumps(tables)


STUB_PATH = str(Path(__file__).with_name("stub.py"))


def check_carried(text: str, done: Run) -> None:
    assert done.code == 0, done.output
    assert not list(done.folder.rglob("hacked"))
    phase, setup, worker = sorted(done.seen(), key=lambda seen: (seen["env"]["DYNPLAN_TASK"], seen["argv"][0]))[:3]
    assert (phase["argv"], setup["argv"]) == (["phase", text], ["setup", text])
    compact = json.dumps({"json": text}, separators=(",", ":"), ensure_ascii=False)
    assert worker["argv"] == [text, text, "--key", text, "--table", compact, text]
    env = {name: worker["env"][name] for name in ("STUB_JOB", "STUB_SITE", "STUB_ROLE", "STUB_MIXED")}
    assert env == {"STUB_JOB": text, "STUB_SITE": text, "STUB_ROLE": text, "STUB_MIXED": f"n0 {text}"}
    assert (done.directory / "files" / "conf").read_bytes() == text.encode()


# Braces have a meaning in templates: test_functions.py holds them, here they are left out.
PLAIN = "".join(text for text in NASTY if "{" not in text)


def test_texts_arrive_byte_for_byte_and_never_run(tmp_path: Path) -> None:
    check_carried(PLAIN, run(carried(PLAIN), tmp_path))


@settings(max_examples=4)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0{"), min_size=1, max_size=200))
def test_any_text_arrives_byte_for_byte(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    check_carried(text, run(carried(text), tmp_path_factory.mktemp("any")))


def test_an_environment_of_the_user_that_uses_our_names_changes_nothing(tmp_path: Path) -> None:
    names = ["closing", "cause", "code", "hurry", "stopping", "released", "words", "row", "fact", "load", "scrape"]
    names += [
        "alive",
        "stagger",
        "has_hosts",
        "has_paths",
        "has_log",
        "comma",
        "urls",
        "heard",
        "IFS",
        "open",
        "status",
    ]
    env = dict.fromkeys(names, "x y")
    job = job_text(
        f'[roles.w]\nkind = "task"\ncommand = {stub("--record", "seen", "--exit-after", "0")}\nenv = {{ row = "mine" }}'
    )
    done = run(job, tmp_path, env=env)
    assert (done.code, done.cause) == (0, ""), done.output
    assert "row" in done.seen()[0]["env-names"]


def test_variables_of_the_user_that_use_our_names_reach_the_workers_and_the_phases(tmp_path: Path) -> None:
    names = ["n", "own", "row", "fact", "name", "program", "words", "rest", "part", "key", "line", "to", "http_proxy"]
    names += ["has_log", "has_paths", "has_followers", "hint", "interface", "critical", "visible", "exports", "status"]
    mine = {name: f"{name}'s $(own)\n value " for name in names}
    show = """python3 -c 'import json, os; open("{job.dir}/{part}", "w").write(json.dumps(dict(os.environ)))'"""
    worker = show.replace("{part}", "worker")
    client = show.replace("{part}", "client")
    job = job_text(
        f'[roles.w]\nkind = "task"\ncommand = ["bash", "-c", {json.dumps(worker)}]\nenv = {{ row = "the job\'s" }}',
        f'[phases.p]\ncommand = ["bash", "-c", {json.dumps(client)}]',
    )
    done = run(job, tmp_path, env=mine)
    assert (done.code, done.cause) == (0, ""), done.output
    assert "not found" not in done.output
    for part, expected in (("worker", mine | {"row": "the job's"}), ("client", mine)):
        seen = json.loads(done.text(part))
        assert {name: seen.get(name) for name in names} == expected
        assert not [name for name in seen if name.islower() and name not in {"no_proxy", *names, *os.environ}]
