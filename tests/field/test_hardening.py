"""What a field test found: each input as it was told, by its number, and what is right."""

import json
import os
import re
import stat
import subprocess
import sys
import threading
import time
import tomllib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from dynplan.checker import check
from dynplan.cli import app, reading
from dynplan.language.order import in_order
from dynplan.language.plan_file import to_tree
from dynplan.model import Plan
from tests.laws.jobs import jobs, outcome
from tests.laws.profile import law

ROLE = """\
[roles.web]
command = ["serve"]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, and the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def dynplan(*arguments: str, stdin: str = "") -> Result:
    """Run dynplan in this process; a traceback is a failure."""
    return CliRunner().invoke(app, list(arguments), input=stdin, catch_exceptions=False)


def refused(*arguments: str, stdin: str = "") -> str:
    """Return what dynplan says about wrong input, and writes nothing."""
    done = dynplan(*arguments, stdin=stdin)
    assert (done.exit_code, done.stdout) == (1, "")
    return done.stderr


def written(*arguments: str, stdin: str = "") -> str:
    """Return what dynplan writes where all is well."""
    done = dynplan(*arguments, stdin=stdin)
    assert (done.exit_code, done.stderr) == (0, "")
    return done.stdout


def mode(path: str) -> int:
    return stat.S_IMODE(Path(path).stat().st_mode)


# A3: one list of generic resources

SITE = """\
[cluster]
gpus-per-node = 8
gpu-request = "gres:h100"
[roles.decode]
command = ["serve"]
gpus-per-worker = 8
"""


@pytest.mark.parametrize(
    ("site", "job", "line"),
    [
        ("", "", "gpu:h100:8"),
        ('gres = "lscratch:200"', "", "gpu:h100:8,lscratch:200"),
        ("", 'gres = "lscratch:200"', "gpu:h100:8,lscratch:200"),
        ('gres = "lscratch:200"', 'gres = "lscratch:900"', "gpu:h100:8,lscratch:900"),
        ('gres = "lscratch:200,nic:a:1,nic:b:1"', 'gres = "bandwidth:5,nic:c:2"', None),
        ('gres = "lscratch:200"', "gres = false", "gpu:h100:8"),
        ("gres = false", "", "gpu:h100:8"),
    ],
)
def test_a3_the_users_generic_resources_stand_beside_the_gpus(site: str, job: str, line: str | None) -> None:
    text = f"{SITE}[cluster.sbatch]\n{site}\n[job.sbatch]\n{job}\n"
    directives = [each for each in written("compile", "-", stdin=text).splitlines() if "--gres" in each]
    line = line or "gpu:h100:8,lscratch:200,nic:c:2,bandwidth:5"
    assert directives == [f"#SBATCH --gres={line}"]
    assert written("emit", "-", stdin=written("plan", "-", stdin=text)) == written("compile", "-", stdin=text)


def test_a3_without_gpus_in_gres_the_users_stand_alone() -> None:
    text = SITE.replace('gpu-request = "gres:h100"', "") + "[job.sbatch]\ngres = "
    assert "#SBATCH --gres=lscratch:200\n" in written("compile", "-", stdin=f'{text}"lscratch:200"')
    assert "--gres" not in written("compile", "-", stdin=f"{text}false")


@pytest.mark.parametrize("option", ["gres", "tres-per-node", "gpus-per-task", "gpus-per-sock", "nodel", "tim"])
def test_a3_gpus_and_other_options_of_ours_stay_refused(option: str) -> None:
    for value in ("lscratch:200,gpu:4", "gres/GPU:4"):
        told = refused("compile", "-", stdin=f'{SITE}[job.sbatch]\n{option} = "{value}"\n')
        assert re.match(rf"error\[D113\]: `{option}` (is written by dynplan|contradicts the plan)\n", told)
    told = refused("compile", "-", stdin=f"{SITE}[job.sbatch]\ngres = true\n")
    assert told.startswith("error[D102]: `job.sbatch.gres` must be one value, not a boolean\n")


_SIZES = st.integers(1, 9)
_GRES = st.dictionaries(st.sampled_from(["lscratch", "nic", "bandwidth"]), _SIZES, max_size=3)


@given(site=_GRES, job=_GRES)
@law
def test_a3_no_resource_is_lost_or_asked_for_twice(site: dict[str, int], job: dict[str, int]) -> None:
    options = [
        f'[{table}]\ngres = "{",".join(f"{name}:{count}" for name, count in given.items())}"\n'
        for table, given in (("cluster.sbatch", site), ("job.sbatch", job))
        if given
    ]
    script = written("compile", "-", stdin=SITE + "".join(options))
    (line,) = [each for each in script.splitlines() if "--gres" in each]
    asked = dict(item.split(":", 1) for item in line.partition("=")[2].split(","))
    assert asked == {"gpu": "h100:8", **{name: str(count) for name, count in (site | job).items()}}


# A20: what a plan would have Slurm do beside its roles

STRANGE = [
    ("cluster.srun", "prolog", "runs what no role names"),
    ("cluster.srun", "epilog", "runs what no role names"),
    ("cluster.srun", "task-prolog", "runs what no role names"),
    ("roles.web.srun", "task-epilog", "runs what no role names"),
    ("roles.web.srun", "task-epi", "runs what no role names"),
    ("cluster.srun", "bcast", "runs what no role names"),
    ("phases.smoke.srun", "chdir", "says what Slurm reads or writes"),
    ("job.sbatch", "output", "says what Slurm reads or writes"),
    ("cluster.sbatch", "outp", "says what Slurm reads or writes"),
    ("job.sbatch", "open-mode", "says what Slurm reads or writes"),
    ("job.sbatch", "chdir", "says what Slurm reads or writes"),
    ("job.sbatch", "get-user-env", "runs what no role names"),
    ("job.sbatch", "bbf", "runs what no role names"),
    ("job.sbatch", "export-file", "sets variables for the whole job"),
    ("job.env", "BASH_ENV", "runs what no role names"),
    ("roles.web.env", "LD_PRELOAD", "runs what no role names"),
]
PHASE = '[phases.smoke]\ncommand = ["true"]\n'


@pytest.mark.parametrize(("table", "option", "what"), STRANGE)
def test_a20_a_plan_is_told_what_it_does_beside_its_roles(table: str, option: str, what: str) -> None:
    job = f'{ROLE}{PHASE}[{table}]\n{option} = "/x.sh"\n'
    script = written("compile", "-", stdin=job)  # in a job file it is its author's choice
    plan = written("plan", "-", stdin=job)
    for command in ("emit", "check"):
        done = dynplan(command, "-", stdin=plan)
        assert (done.exit_code, done.stdout) == (0, script if command == "emit" else "")
        assert done.stderr.startswith(f"warning[W501]: `{table}.{option}` of this plan {what}\n")
        strict = dynplan(command, "-", "--strict", stdin=plan)
        assert (strict.exit_code, strict.stdout) == (1, "")
        assert strict.stderr.count("warning[W501]") == 1 == strict.stderr.count("error[D006]")


def test_a20_an_export_with_values_is_told_and_one_with_names_is_not() -> None:
    plan = written("plan", "-", stdin=f'{ROLE}[job.sbatch]\nexport = "ALL,HOME"\n')
    assert written("check", "-", stdin=plan) == ""
    told = dynplan("check", "-", stdin=plan.replace("ALL,HOME", "ALL,HOME=/x")).stderr
    assert told.startswith("warning[W501]: `job.sbatch.export` of this plan sets variables for the whole job\n")


@pytest.mark.parametrize("name", ["BASH_ENV", "ENV", "LD_PRELOAD", "BASH_FUNC_ls%%"])
@pytest.mark.parametrize("option", ["export", "expo"])
def test_a20_code_for_every_shell_is_refused_in_jobs_and_plans(name: str, option: str) -> None:
    job = f'{ROLE}[job.sbatch]\n{option} = "ALL,MY_ENV=1"\n'
    plan = dynplan("plan", "-", stdin=job).stdout  # a warning at most: sbatch has two options that begin with `expo`
    for command, text in (("compile", job), ("check", job), ("emit", plan), ("check", plan)):
        for value in (f"ALL,{name}=/x.sh", f"{name}", f"A=1,'{name}'=/x.sh"):
            done = dynplan(command, "-", stdin=text.replace("ALL,MY_ENV=1", value))
            assert (done.exit_code, done.stdout) == (1, "")
            assert re.search(
                r"error\[D114\]: `\w+` is code to every shell of the job, dynplan's own too\n", done.stderr
            )


@pytest.mark.parametrize("option", ["wrap", "wra"])
def test_a20_a_wrapped_command_is_refused_in_jobs_and_plans(option: str) -> None:
    plan = written("plan", "-", stdin=f'{ROLE}[job.sbatch]\naccount = "x"\n')
    for command in ("emit", "check"):
        told = dynplan(command, "-", stdin=plan.replace("account", option))
        assert (told.exit_code, told.stdout) == (1, "")
        assert f"error[D113]: `{option}` is written by dynplan" in told.stderr


# A16, A23: the nodes of a job that names no number of them


def falsified(job: str, **changes: tuple[str, str]) -> str:
    """Return what `check` says of a plan of which a text was changed."""
    plan = written("plan", "-", stdin=job)
    assert written("check", "-", stdin=plan) == ""
    for old, new in changes.values():
        assert old in plan
        plan = plan.replace(old, new)
    told = refused("check", "-", stdin=plan)
    assert refused("emit", "-", stdin=plan) == told
    return told


TWO = """\
[cluster]
gpus-per-node = 8
[roles.decode]
command = ["serve"]
workers = 4
gpus-per-worker = 2
[roles.prefill]
command = ["serve"]
gpus-per-worker = 4
"""


@pytest.mark.parametrize("bound", [1, 3, 1000])
@pytest.mark.parametrize("head", ["", "[job]\nnum-nodes = 2\n", '[job]\nnum-nodes = "min"\n'])
def test_a16_a_bound_that_nobody_proved_is_refused(bound: int, head: str) -> None:
    text = TWO if head else TWO.replace("workers = 4", "workers = 3")
    told = falsified(text + head, bound=("lower-bound = 2", f"lower-bound = {bound}"))
    assert told.startswith(f"error[D410]: `lower-bound` is {bound}, and for 2 nodes it is 2\n")


def test_a16_a_mode_that_is_not_the_roles_is_refused() -> None:
    told = falsified(TWO, mode=('mode = "separate"', 'mode = "shared"'))
    assert told.startswith("error[D410]: `mode` is `shared`, and the roles are separate on 2 nodes\n")


@given(tables=jobs(), bound=st.integers(1, 12), node=st.booleans())
@law
def test_a16_a23_a_plan_with_other_numbers_of_nodes_is_refused(tables: dict[str, Any], bound: int, node: bool) -> None:
    """An empty node more, or another bound, is always seen where the job does not ask for the fewest."""
    found = outcome(tables)
    assume(isinstance(found, Plan) and found.job.num_nodes != "min")
    assert isinstance(found, Plan)
    tree = to_tree(found)
    if node:
        tree["nodes"].append({**tree["nodes"][0], "node": len(tree["nodes"]), "host": None})
        assert check(tree)
    else:
        assume(bound != found.placement.lower)
        tree["placement"]["lower-bound"] = bound
        assert [finding.path for finding in check(tree)] == [("placement", "lower-bound")]


def moved(plan: dict[str, Any], role: str, nodes: list[tuple[int, list[int]]]) -> None:
    """Put the workers of a role on other nodes and GPUs."""
    workers = [worker for worker in plan["workers"] if worker["role"] == role]
    for worker, (node, gpus) in zip(workers, nodes, strict=True):
        worker["tasks"][0] |= {"node": node, "gpus": gpus}


def a23(nodes: int, **places: list[tuple[int, list[int]]]) -> list[str]:
    """Return what is said of a plan of the two roles on so many nodes, placed like this."""
    plan = tomllib.loads(written("plan", "-", stdin=TWO))
    plan["nodes"] = [{"node": node, "gpus": 8} for node in range(nodes)]
    plan["placement"]["lower-bound"] = nodes
    for role, at in places.items():
        moved(plan, role, at)
    done = dynplan("check", "-", stdin=json.dumps(plan))
    return [line for line in done.stderr.splitlines() if line.startswith("error[")]


DECODE = [(0, [0, 1]), (0, [2, 3]), (0, [4, 5]), (0, [6, 7])]


def test_a23_an_empty_node_more_is_refused() -> None:
    assert a23(2) == []
    assert a23(3) == ["error[D410]: the roles come to 2 nodes, and the plan has 3"]


def test_a23_roles_merged_onto_fewer_nodes_are_refused() -> None:
    assert a23(1, prefill=[(0, [0, 1, 2, 3])])[0] == "error[D410]: the roles come to 2 nodes, and the plan has 1"


def test_a23_a_role_of_workers_spread_wider_than_it_needs_is_refused() -> None:
    spread = [(0, [0, 1]), (0, [2, 3]), (1, [0, 1]), (1, [2, 3])]
    assert a23(3, decode=spread, prefill=[(2, [0, 1, 2, 3])]) == [
        "error[D410]: the roles come to 2 nodes, and the plan has 3",
        "error[D407]: `decode` stands on nodes 0, 1, and 1 node holds it",
    ]


# A19: files that are written


def test_a19_a_planted_link_is_not_followed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("job.toml").write_text(ROLE)
    Path("precious").write_text("old")
    for name in (f".dynplan-{os.getpid()}", f".dynplan-{bytes(8).hex()}"):
        Path(name).symlink_to("precious")
    assert written("compile", "job.toml", "-o", "sc") == ""
    monkeypatch.setattr(os, "urandom", bytes)  # even for a name that was guessed
    assert refused("compile", "job.toml", "-o", "sc2") == "error[D005]: cannot write `sc2`: file exists\n"
    assert Path("precious").read_text() == "old"
    assert not Path("sc2").exists()


@pytest.mark.parametrize("target", ["job.toml", "./x/../job.toml", "soft", "hard", "base.toml", "site.toml"])
def test_a19_no_input_is_written_over(target: str, folder: Path) -> None:
    Path("x").mkdir()
    Path("site.toml").write_text("[cluster]\n")
    Path("base.toml").write_text(ROLE)
    Path("job.toml").write_text('extends = "base.toml"\n[job]\ncluster = "site.toml"\n')
    Path("soft").symlink_to("job.toml")
    Path("hard").hardlink_to("job.toml")
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    for command in ("compile", "plan", "show"):
        assert refused(command, "job.toml", "-o", target) == (
            f"error[D005]: cannot write `{target}`: it is what this command has read\n  = help: name another file\n"
        )
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


def test_a19_no_plan_and_no_standard_input_is_written_over(folder: Path) -> None:
    Path("job.toml").write_text(ROLE)
    Path("plan.toml").write_text(written("plan", "job.toml"))
    assert "it is what this command has read" in refused("emit", "plan.toml", "-o", "plan.toml")
    with Path("job.toml").open() as stream:
        done = subprocess.run(
            [sys.executable, "-m", "dynplan", "compile", "-", "-o", "job.toml"],
            stdin=stream,
            capture_output=True,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error[D005]: cannot write `job.toml`: it is what this command has read\n")
    assert Path("job.toml").read_text() == ROLE


# A21: letters that do not print

HOSTILE = "a\x1b[31m\x07\u202e\u200b\x9bz"
SHOWN = "a\\x1b[31m\\x07\\u202e\\u200b\\x9bz"


def hostile_plan(**more: Any) -> dict[str, Any]:
    task = {"rank": 0, "node": 0, "gpus": [0], "ports": {HOSTILE: {"port": 70, "count": 1}}}
    return {
        "schema": 1,
        "job": {"name": HOSTILE},
        "nodes": [{"node": 0, "host": HOSTILE, "gpus": 2}],
        "workers": [{"role": HOSTILE, "worker": 0, "tasks": [task]}],
        "warnings": [{"code": "W301", "message": HOSTILE, "help": HOSTILE, "path": []}],
        **more,
    }


def test_a21_show_draws_what_does_not_print_as_text() -> None:
    text = json.dumps(hostile_plan())
    drawn = written("show", "-", stdin=text)
    assert drawn.count(SHOWN) >= 6
    assert all(line.isprintable() for line in drawn.split("\n"))


def test_a21_the_picture_is_sound_xml() -> None:
    picture = written("show", "-", "--format", "svg", stdin=json.dumps(hostile_plan()))
    texts = [element.text or "" for element in ElementTree.fromstring(picture).iter()]  # noqa: S314 - our own picture
    assert sum(SHOWN in text for text in texts) >= 4
    assert all(line.isprintable() for line in picture.split("\n"))


def test_a21_findings_show_it_as_text_too() -> None:
    plan = hostile_plan()
    plan["workers"] *= 2
    told = refused("check", "-", stdin=json.dumps(plan))
    assert f"worker 1 of `{SHOWN}` calls itself 0" in told
    job = f'[roles."{HOSTILE}"]\ncommand = ["x"] # {HOSTILE}\n'.replace("\x1b", "\\u001b").replace("\x07", "\\u0007")
    for line in (told + refused("compile", "-", stdin=job)).split("\n"):
        assert line.isprintable()


def test_a21_a_plan_with_such_names_is_no_script() -> None:
    plan = hostile_plan(roles={"web": {"command": ["x"]}})
    assert dynplan("emit", "-", stdin=json.dumps(plan)).exit_code == 1


# A1: pieces of a plan before its tasks are split, and after


@pytest.mark.parametrize("workers", [1, 2, 8])
@pytest.mark.parametrize("gpus", [1, 2, 8])
def test_a1_a_worker_of_a_task_for_each_gpu_that_spans_no_nodes_is_a_script(
    workers: int, gpus: int, folder: Path
) -> None:
    role = f'[roles.a]\ncommand = ["x"]\nlaunch = "per-gpu"\nworkers = {workers}\ngpus-per-worker = {gpus}\n'
    Path("job.toml").write_text(f"{role}[cluster]\ngpus-per-node = 8\n")
    script = written("compile", "job.toml")
    assert script.count("role_a() {") == 1
    assert dynplan("emit", "-", stdin=written("plan", "job.toml")).stdout == script


# A26: who may read what is written


@pytest.fixture
def wide_umask() -> Any:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.usefixtures("wide_umask")
def test_a26_what_is_written_is_no_wider_than_what_was_read(folder: Path) -> None:
    Path("base.toml").write_text(ROLE)
    Path("job.toml").write_text('extends = "base.toml"\n')
    written("show", "job.toml", "-o", "plain")
    assert mode("plain") == 0o644
    for name, bits, expected in (("job.toml", 0o600, 0o600), ("base.toml", 0o640, 0o600), ("job.toml", 0o644, 0o640)):
        Path(name).chmod(bits)
        written("show", "job.toml", "-o", f"{bits}-{name}")
        assert mode(f"{bits}-{name}") == expected, (name, bits)
    Path("job.toml").chmod(0o444)
    written("show", "job.toml", "-o", "ours")
    assert mode("ours") == 0o640, "the owner may write what is theirs"


@pytest.mark.usefixtures("wide_umask")
@pytest.mark.parametrize(
    "table", ["[job.env]", "[roles.web.args]", "[phases.a]\ncommand = ['x']\n[phases.a.env]", "[cluster.env]"]
)
def test_a26_arguments_and_variables_are_for_the_owner_alone(table: str, folder: Path) -> None:
    Path("job.toml").write_text(f'{ROLE}{table}\nTOKEN = "secret"\n')
    for command in ("compile", "plan"):
        written(command, "job.toml", "-o", command)
        assert mode(command) == 0o600
    Path("plan").chmod(0o644)
    written("emit", "plan", "-o", "emit")
    assert mode("emit") == 0o600
    assert "secret" not in written("show", "job.toml")


@pytest.mark.usefixtures("wide_umask")
def test_a26_a_file_that_is_there_keeps_the_mode_that_somebody_gave_it(folder: Path) -> None:
    Path("job.toml").write_text(f'{ROLE}env = {{ TOKEN = "secret" }}\n')
    Path("script").write_text("old")
    Path("script").chmod(0o644)
    written("compile", "job.toml", "-o", "script")
    assert mode("script") == 0o644


# A22: files that never end, or never begin


@pytest.mark.parametrize(
    ("arguments", "text", "code"),
    [
        (("compile", "pipe"), "", "D004"),
        (("compile", "job.toml", "--cluster", "pipe"), ROLE, "D004"),
        (("compile", "job.toml"), f'extends = "pipe"\n{ROLE}', "D108"),
        (("compile", "job.toml"), f'[job]\ncluster = "pipe"\n{ROLE}', "D108"),
    ],
)
def test_a22_a_pipe_that_nobody_writes_into_is_refused(
    arguments: tuple[str, ...], text: str, code: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_NOBODY_S", 0.2)
    os.mkfifo("pipe")
    Path("job.toml").write_text(text)
    assert refused(*arguments).startswith(f"error[{code}]: cannot read `pipe`: nobody writes into it\n")


def test_a22_a_pipe_that_says_nothing_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_SILENCE_S", 0.2)
    os.mkfifo("pipe")
    handle = os.open("pipe", os.O_RDWR)
    try:
        assert "cannot read `pipe`: nothing came out of it for 0.2 seconds" in refused("compile", "pipe")
    finally:
        os.close(handle)


def test_a22_a_pipe_is_read_to_its_end(folder: Path) -> None:
    os.mkfifo("pipe")

    def write() -> None:
        time.sleep(0.1)
        with Path("pipe").open("w") as stream:
            for part in (ROLE[:10], ROLE[10:], "#" * 200_000):
                stream.write(part)
                stream.flush()
                time.sleep(0.1)

    writer = threading.Thread(target=write)
    writer.start()
    Path("job.toml").write_text(ROLE)
    assert written("compile", "pipe") == written("compile", "job.toml")
    writer.join()


@pytest.mark.parametrize(
    "line",
    [
        "dynplan compile <(sleep 0.2; cat job.toml)",
        "dynplan compile <(cat job.toml)",
        "cat job.toml | dynplan compile /dev/stdin",
        "dynplan compile /dev/stdin < job.toml",
        "cat job.toml | dynplan compile /dev/fd/0",
        "dynplan compile /dev/fd/3 3< job.toml",
        "dynplan compile job.toml --cluster <(echo '[cluster]')",
    ],
)
def test_a22_what_a_shell_makes_of_a_program_is_read(line: str, folder: Path) -> None:
    Path("job.toml").write_text(ROLE)
    program = f'dynplan() {{ "{sys.executable}" -m dynplan "$@"; }}\n{line}'
    done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == written("compile", "job.toml")


@pytest.mark.parametrize("name", ["/dev/zero", "/dev/null", "/dev/random", "/dev/tty0"])
def test_a22_a_device_is_no_file(name: str, folder: Path) -> None:
    Path("job.toml").write_text(f'extends = "{name}"\n{ROLE}')
    if Path(name).exists():
        for arguments in (("compile", name), ("check", "job.toml"), ("plan", "job.toml", "--cluster", name)):
            assert "it is a device, not a file" in refused(*arguments)


def test_a22_a_long_chain_of_parents_is_not_called_a_ring(folder: Path) -> None:
    for at in range(60):
        Path(f"{at}.toml").write_text(f'extends = "{at + 1}.toml"\n')
    Path("60.toml").write_text(ROLE)
    assert refused("compile", "0.toml").startswith(
        "error[D108]: the chain of `extends` is longer than 50 files\n --> 50.toml:1:11\n"
    )
    assert written("compile", "10.toml").startswith("#!/bin/bash -p\n")


# A25b: digits of other scripts

DIGITS = "".join(chr(code) for code in range(0x110000) if chr(code).isdigit() and code > 127)
WITH_DIGITS = [
    '[job]\nnodes = "n[{digit}-{digit}]"\n',
    '[job]\nnodes = "n[{digit}]"\n',
    '[job]\nnodes = "n{digit}"\n',
    '[job]\ntime = "{digit}"\n',
    '[job]\ntime = "1-0{digit}:00"\n',
    '[cluster]\nport-range = "2000{digit}-21000"\n',
    '[cluster]\nreserved-ports = ["{digit}"]\n',
    '[roles.b]\ncommand = ["x"]\nports = {{ a = {{ base = 70, also = "{digit}" }} }}\n',
    '[roles.b]\ncommand = ["x"]\nports = {{ a = {{ base = 70, count = "{digit}" }} }}\n',
    '[roles.b]\ncommand = ["x"]\nargs = {{ tp = "{digit}" }}\nports = {{ a = {{ count = "tp" }} }}\n',
    '[roles.b]\ncommand = ["x"]\nstop = {{ grace = "{digit}s" }}\n',
    '[roles.b]\ncommand = ["x", "{{= {digit} }}"]\n',
    '[roles.b]\ncommand = ["x"]\nports = {{ a = 70 }}\nready = {{ port = "a", path = "/", status = "20{digit}" }}\n',
    '[roles.b]\ncommand = ["x"]\norder = {digit}\n',
]


@pytest.mark.parametrize("text", WITH_DIGITS)
@given(digit=st.sampled_from(DIGITS))
@law
def test_a25b_other_digits_are_no_digits(text: str, digit: str) -> None:
    written("check", "-", stdin=ROLE + text.format(digit="1"))
    assert refused("check", "-", stdin=ROLE + text.format(digit=digit)).startswith("error[D")


@pytest.mark.parametrize("assignment", ["job.num-nodes={}", "cluster.gpus-per-node={}", 'cluster.reserved-ports="{}"'])
def test_a25b_nor_are_they_in_set(assignment: str) -> None:
    assert written("check", "-", "--set", assignment.format("1"), stdin=ROLE) == ""
    assert refused("check", "-", "--set", assignment.format("\u0661"), stdin=ROLE).startswith("error[D")


@pytest.mark.parametrize(("key", "good"), [("reserved-ports", "9100"), ("port-range", "2000-3000")])
def test_a25b_nor_in_plans(key: str, good: str) -> None:
    plan = written("plan", "-", stdin=f'[cluster]\n{key} = "{good}"\n{ROLE}')
    assert written("check", "-", stdin=plan) == ""
    for command in ("check", "emit"):
        assert refused(command, "-", stdin=plan.replace(good, good.replace("0", "\u0660"))).startswith("error[D")
    assert "error[D502]" in refused("check", "-", stdin=plan.replace(good, good.replace("0", "\u0660")))


# A22: very many, very long


def bounded(text: str, command: str = "compile") -> str:
    """Return what dynplan says about a wrong job, soon and in a size that somebody reads."""
    before = time.process_time()
    told = refused(command, "-", stdin=text)
    assert time.process_time() - before < 30, "seconds, where the machine is not busy"
    assert len(told) < 200_000
    assert re.match(r"(error|warning)\[", told)
    return told


def chain(count: int, *, forwards: bool, ring: bool = False) -> str:
    """Return `vars` of which each uses the next, or the one before."""
    step = 1 if forwards else -1
    ends = {count - 1 if forwards else 0: "{vars.v0}" if ring else "end"}
    values = (ends.get(at, f"{{vars.v{at + step}}}") for at in range(count))
    return "[vars]\n" + "".join(f'v{at} = "{value}"\n' for at, value in enumerate(values))


@pytest.mark.parametrize("forwards", [True, False])
def test_a22_vars_may_use_one_another_in_a_chain_of_any_length(forwards: bool) -> None:
    job = '[roles.web]\ncommand = ["serve", "{vars.v0}", "{vars.v1999}"]\n'
    plan = tomllib.loads(written("plan", "-", stdin=chain(2000, forwards=forwards) + job))
    assert plan["roles"]["web"]["command"] == ["serve", "end", "end"]


def test_a22_a_ring_of_very_many_vars_is_a_finding() -> None:
    told = bounded(chain(500, forwards=True, ring=True) + ROLE)
    assert told.startswith("error[D121]: `vars.v0` leads into a ring, through more than 50 others\n")
    assert bounded(chain(3, forwards=True, ring=True) + ROLE).startswith(
        "error[D121]: `vars.v0` stands for itself: `v0` -> `v1` -> `v2` -> `v0`\n"
    )


@given(edges=st.dictionaries(st.integers(0, 7), st.lists(st.integers(0, 7), max_size=3)))
@law
def test_a22_an_order_holds_everything_that_leads_into_no_ring(edges: dict[int, list[int]]) -> None:
    needs = {str(name): [str(other) for other in others] for name, others in edges.items()}
    found = list(in_order(needs))
    for at, name in enumerate(found):
        assert set(needs[name]) & set(needs) <= set(found[:at])
    for name in set(needs) - set(found):
        assert set(needs[name]) & (set(needs) - set(found))


@pytest.mark.parametrize("last", [True, False])
def test_a22_roles_in_a_very_long_row_are_refused(last: bool) -> None:
    other = [at - 1 if last else at + 1 for at in range(700)]
    waits = (f'after = ["r{at}"]\n' if 0 <= at < 700 else "" for at in other)
    told = bounded("".join(f'[roles.r{at}]\ncommand = ["x"]\n{wait}' for at, wait in enumerate(waits)))
    name = "r699" if last else "r0"
    assert told.startswith(f"error[D125]: 700 roles wait for one another, up to role `{name}`, and 200 may\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("".join(f'[roles.r{at}]\ncommand = ["x"]\n' for at in range(20_000)), "`roles` has 20000 entries, and a job"),
        (
            ROLE + "".join(f'[phases.p{at}]\ncommand = ["x"]\n' for at in range(5000)),
            "`phases` has 5000 entries, and a",
        ),
        (
            ROLE + "[roles.web.ports]\n" + "".join(f'p{at} = "auto"\n' for at in range(50_000)),
            "`ports` of role `web` has",
        ),
        (
            "".join(
                f'[roles.r{at}]\ncommand = ["x"]\n[roles.r{at}.ports]\n'
                + "".join(f"p{port} = 70\n" for port in range(500))
                for at in range(50)
            ),
            "the roles have 25000 ports, and all of a job's at most 20000",
        ),
    ],
    ids=["roles", "phases", "ports of a role", "ports"],
)
def test_a22_a_job_of_very_many_parts_is_refused(text: str, message: str) -> None:
    assert bounded(text).startswith(f"error[D125]: {message}")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (
            "[vars]\n"
            + "".join(f'k{at} = "1"\n' for at in range(4000))
            + ROLE
            + f"extra-args = {json.dumps([f'{{vars.x{at}}}' for at in range(4000)])}",
            "D123",
        ),
        (
            "".join(f'[roles.s{at}]\ncommand = ["x"]\n' for at in range(300))
            + f"[job]\nconstraints = {json.dumps([f's{at % 300}.workres > {at}' for at in range(2000)])}",
            "D112",
        ),
        (ROLE + "".join(f"comand{at} = 1\n" for at in range(20_000)), "D101"),
        (ROLE + "[roles.web.env]\n" + "".join(f"{at} = 1\n" for at in range(5000)), "D114"),
        (ROLE + f"after = {json.dumps([f'web{at}' for at in range(5000)])}", "D122"),
    ],
    ids=["vars", "constraints", "keys", "env", "after"],
)
def test_a22_of_very_many_mistakes_a_hundred_are_told(text: str, code: str) -> None:
    told = bounded(text)
    assert told.count(f"error[{code}]: ") == 100
    assert "error[D007]: there are 100 mistakes, and the rest is not looked for\n" in told


LONG, SEVERAL, MANY = "n" * 10**6, "%x" * 10**5, "{vars.a}" * 5000


@pytest.mark.parametrize(
    "text",
    [
        f'[roles.{LONG}]\ncommand = ["x"]\nplace = "nowhere"\nstop = 1\n',
        f"{ROLE}{LONG} = 1\n",
        f'{ROLE}place = "{LONG}"\nafter = ["{LONG}"]\nengine = "{LONG}"\n',
        f'{ROLE}extra-args = ["{{{LONG}}}", "{{= {LONG} }}"]\n',
        f'{ROLE}[roles.web.ports]\n{LONG} = 70\nhttp = "{LONG}"\n',
        f'{ROLE}[job]\nnodes = "{LONG}["\ntime = "{LONG}"\nconstraints = ["{LONG}"]\n',
        f'{ROLE}[job]\nextends = "{LONG}"\n',
        f'extends = "{LONG}"\n{ROLE}',
        f'{ROLE}[cluster]\nport-range = "{LONG}"\ngpu-request = "{LONG}"\n[cluster.sbatch]\n{LONG}_ = 1\n',
        f'[job]\nname = "{LONG}"\noutput-dir = "{SEVERAL}"\n{ROLE}',
        f'[vars]\na = "{LONG[:900_000]}"\nb = "{MANY}"\n{ROLE}',
        f'[vars]\na = "{LONG[:900_000]}"\n{ROLE}extra-args = {json.dumps(5000 * ["{vars.a}"])}\n',
        f'{ROLE}x = "{LONG}\n',
    ],
    ids=range(13),
)
def test_a22_very_long_names_and_values_are_told_in_short(text: str) -> None:
    told = bounded(text)
    assert len(told) < 10_000
    assert "n" * 300 not in told


def test_a22_a_shell_text_of_very_many_placeholders_is_read_once() -> None:
    text = f"[roles.web]\ncommand = 'echo {'{host} ' * 8000}'\n"
    before = time.process_time()
    assert dynplan("check", "-", stdin=text).exit_code in (0, 1)
    assert time.process_time() - before < 30


# Where limits and messages meet


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("distr", "error[D113]: `distr` contradicts the plan\n"),
        ("test", "error[D113]: with `test` sbatch submits nothing\n"),
        ("acc", "warning[W104]: sbatch has no option `acc`\n"),  # two options begin like this: sbatch refuses it
        ("acco", ""),
        ("cluster", ""),  # an option of its own, and the beginning of others
    ],
)
def test_the_beginning_of_an_option_is_taken_as_sbatch_does(option: str, told: str) -> None:
    done = dynplan("check", "-", stdin=f'{ROLE}[job.sbatch]\n{option} = "x"\n')
    assert done.stderr.startswith(told)
    assert bool(done.stderr) == bool(told)


def test_a_hundred_mistakes_are_told_once_wherever_they_are_found(folder: Path) -> None:
    (folder / "site.toml").write_text("".join(f"k{index} = 1\n" for index in range(300)) + "[cluster]\n")
    told = refused("compile", "-", "--cluster", "site.toml", stdin=ROLE)
    assert told.count("error[D101]") == 100
    assert told.count("error[D007]") == 1


def test_too_many_parts_hide_nothing_that_was_found_before(folder: Path) -> None:
    options = "".join(f"option{index} = 1\n" for index in range(301))
    told = refused("compile", "-", stdin=f'extends = "none.toml"\n{ROLE}[job.sbatch]\n{options}')
    assert [line[:12] for line in told.splitlines() if line.startswith("error[")] == ["error[D108]:", "error[D125]:"]
