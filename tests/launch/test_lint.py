"""shellcheck and shfmt find nothing in any script that can be written, and no script silences them."""

import shutil
import subprocess
from pathlib import Path

import pytest

from dynplan.emitter import lower
from dynplan.emitter.parts import PIECES
from tests.launch.lab import PROGRAM, ROOT, compiled, compiled_file, job_text, plan_of

EXAMPLES = sorted(ROOT.glob("examples/*/job.toml"))

# What a job may use, each as the part of a job file that brings it.
WORKER = '[roles.worker]\ncommand = "serve"\ngpus-per-worker = {gpus}\nports = {{ p = 9090 }}\n'
FEATURES = {
    "tcp": 'ready = [{ port = "p" }]',
    "http": 'ready = [{ port = "p", path = "/health" }]',
    "command": 'ready = [{ command = ["true"] }]',
    "log": 'ready = [{ log = "ready" }]',
    "pattern": 'fail-on-log = "panic"',
    "alive": 'alive = { port = "p" }',
    "restart": "restart = { max = 3, delay = 2 }",
    "stagger": "stagger = true",
    "excuse": "critical = false",
    "metrics": 'metrics = "http://{host}:{port.p}/metrics"',
    "task": 'kind = "task"',
    "followers": 'leader-args = ["--head"]\nfollower-args = ["--of", "{leader.ip}"]',
    "workdir": 'workdir = "/tmp"\nunset = ["X"]\nstop = { signal = "INT", grace = 3 }',
    "unprobed": 'srun = { "cpus-per-task" = 4 }',
}
PHASES = {
    "phase": '[phases.one]\ncommand = "true"\nhealth-check = false',
    "health": '[phases.two]\ncommand = "true"\n[phases.three]\ncommand = "true"\ncontinue-on-failure = true',
    "around": '[phases.four]\nsetup = "true"\ncommand = "x"\nafter-command = "true"\n[phases.five]\ncommand = "x"',
    "lists": '[phases.six]\ncommand = "echo {role.worker.urls.p} {metrics-urls}"',
    "each": '[phases.seven]\ncommand = ["a", { each = "worker", args = ["{it.host}"] }]',
    "files": '[files."a.yaml"]\ncontent = "{host}"\n[files.b]\ncontent = "b"',
    "paths": '[roles.boxed]\ncommand = "x"\ncontainer = { image = "/images/x.sqsh", mounts = ["/data:/data"] }',
    "worlds": '[roles.ranks]\ncommand = "x"\nlaunch = "per-gpu"\nmpi = "pmix"\nworkers = 2\ngpus-per-worker = 1',
    "hosts": "",
    "interface": "",
    "ungranted": "",
}
ALL = {**FEATURES, **PHASES}


def job_with(features: set[str]) -> str:
    gpus = 12 if "followers" in features else 4
    role = WORKER.format(gpus=gpus) + "\n".join(text for name, text in FEATURES.items() if name in features)
    ready = [text[9:-1] for name, text in FEATURES.items() if name in features and text.startswith("ready")]
    lines = [line for line in role.splitlines() if not line.startswith("ready")]
    role = "\n".join([*lines, f"ready = [{', '.join(ready)}]"] if ready else lines)
    job = job_text(role, *(text for name, text in PHASES.items() if name in features), nodes=2)
    if "hosts" in features:
        job = job.replace("num-nodes = 2", 'nodes = ["n0", "n1"]')
    if "paths" in features:
        job = job.replace("[cluster]", '[cluster]\ncontainer-runtime = "pyxis"')
    if "interface" in features:
        job = job.replace("[cluster]", '[cluster]\nnetwork-interface = "ib0"')
    if "ungranted" in features:
        job = job.replace("[cluster]", '[cluster]\ngpu-request = "none"')
    return job


def combinations() -> dict[tuple[str, ...], str]:
    """Scripts by the pieces they are made of: with no feature, with each of them alone, with all."""
    jobs = [job_with(choice) for choice in (set(), set(ALL), *({name} for name in ALL))]
    return {lower(plan_of(job)).program: compiled(job) for job in jobs}


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("scripts")
    found = []
    for index, text in enumerate([*combinations().values(), *map(compiled_file, EXAMPLES)]):
        found.append(folder / f"{index}.sh")
        found[-1].write_text(text)
    return found


def findings(*argv: str | Path) -> str:
    if not shutil.which(str(argv[0])):
        pytest.fail(f"{argv[0]} is not installed: tools/install.sh checks")
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_the_combinations_hold_every_piece_and_leave_out_every_piece_that_can_be() -> None:
    made = combinations()
    for name, _ in PIECES:
        assert any(name in pieces for pieces in made), name
    always = set.intersection(*map(set, made))
    assert always == {"allocation", "batch", "head", "main", "plan", "preflight", "roles", "task", "watch"}


def test_every_piece_is_in_the_table_and_every_entry_is_a_file() -> None:
    assert sorted(name for name, _ in PIECES) == sorted(path.stem for path in PROGRAM.glob("*.sh"))


def test_shellcheck_finds_nothing_in_any_combination(scripts: list[Path]) -> None:
    assert findings("shellcheck", *scripts) == ""


def test_shfmt_changes_nothing_in_any_combination(scripts: list[Path]) -> None:
    assert findings("shfmt", "-d", *scripts) == ""


def test_no_script_silences_shellcheck(scripts: list[Path]) -> None:
    assert not [path for path in scripts if "shellcheck" in path.read_text()]


def test_every_piece_reads_as_it_stands() -> None:
    # A piece uses variables that another one declares or sets, and sets some that another one uses.
    others = "--exclude=SC2154,SC2034,SC2004"
    assert findings("shellcheck", "--shell=bash", others, *sorted(PROGRAM.glob("*.sh"))) == ""
    assert findings("shfmt", "--ln", "bash", "-d", PROGRAM) == ""
