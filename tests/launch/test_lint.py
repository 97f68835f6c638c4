"""shellcheck and shfmt find nothing in any script that can be written, and no script silences them."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from dynplan.cli import app
from dynplan.emitter import lower
from dynplan.emitter.arrays import in_arrays, parts_of, write_array, write_submit
from dynplan.emitter.parts import PARTS
from tests.golden import SWEEP
from tests.launch.lab import PROGRAM, ROOT, compiled, compiled_file, job_text, plan_of, program_parts

SUBMIT = ROOT / "dynplan" / "emitter" / "submit.sh"
EXAMPLES = [path for path in sorted(ROOT.glob("examples/*/job.toml")) if path.parent != SWEEP]

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
    "when": 'extra-args = [{ when = "rank == 1", args = ["--second", "{rank}"] }]',
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
    "images": '[roles.pulled]\ncommand = "x"\ncontainer = { image = "nvcr.io/a:1" }',
    "turns": '[roles.early]\nkind = "task"\ncommand = "x"\nports = { p = { fixed = 9999 } }\n'
    '[roles.late]\nafter = ["early"]\ncommand = "x"\nports = { p = { fixed = 9999 } }',
    "hosts": "",
    "domains": "",
    "interfaces": "",
    "blocks": "",
    "affinity": "",
    "ungranted": "",
    "groups": '[roles.probe]\ncommand = "x"\nplace = "every-node"',
}
ALL = {**FEATURES, **PHASES}
# Those with a part of the program to themselves.
OPTIONS = (
    *("worlds", "each", "when", "hosts", "files", "interfaces", "images", "blocks", "affinity"),
    *("turns", "groups", "domains"),
)


GROUPS = """
[[cluster.node-groups]]
name = "front"
[[cluster.node-groups]]
name = "back"
gpus-per-node = 8
"""


# What is said of nodes, by the cluster or by a group of them.
FACTS = {
    "domains": "domain-nodes = 2",
    "affinity": 'gpu-numa = [0, 0, 0, 0, 1, 1, 1, 1]\ngpu-nics = ["a", "a", "a", "a", "b", "b", "b", ["b", "c"]]',
}


def job_with(features: set[str]) -> str:
    gpus = 12 if {"followers", "when", "domains"} & features else 4
    role = WORKER.format(gpus=gpus) + "\n".join(text for name, text in FEATURES.items() if name in features)
    ready = [text[9:-1] for name, text in FEATURES.items() if name in features and text.startswith("ready")]
    lines = [line for line in role.splitlines() if not line.startswith("ready")]
    role = "\n".join([*lines, f"ready = [{', '.join(ready)}]"] if ready else lines)
    job = job_text(role, *(text for name, text in PHASES.items() if name in features), nodes=2)
    if "hosts" in features:
        job = job.replace("num-nodes = 2", 'nodes = ["n0", "n1"]')
    if "paths" in features:
        job = job.replace("[cluster]", '[cluster]\ncontainer-runtime = "pyxis"')
    if "interfaces" in features:
        job = job.replace("[cluster]", '[cluster]\nnetwork-interface = "ib0"')
    if "blocks" in features:
        job = job.replace("[cluster]", '[cluster]\nport-offset = "job-id"')
    if "affinity" in features:
        job = job.replace("gpus-per-worker = ", "numa-bind = true\ngpus-per-worker = ")
    if "groups" in features:
        job = job.replace("num-nodes = 2", "num-nodes = { front = 1, back = 2 }").replace("gpus-per-node = 8", "")
        job = job.replace('nodes = ["n0", "n1"]', 'nodes = { front = ["n2"], back = ["n0", "n1"] }')
        job += GROUPS
    facts = "".join(f"{text}\n" for name, text in FACTS.items() if name in features)
    job = job.replace("gpus-per-node = 8\n", f"gpus-per-node = 8\n{facts}")
    if "ungranted" in features:
        job = job.replace("[cluster]", '[cluster]\ngpu-request = "none"')
    return job


def combinations() -> dict[tuple[str, ...], str]:
    """A script with none of the optional parts, with each alone and with all, and with other features in turns."""
    found = {}
    without_groups = tuple(option for option in OPTIONS if option != "groups")
    for index, choice in enumerate([(), *((option,) for option in OPTIONS), without_groups, OPTIONS]):
        others = set(ALL) - set(OPTIONS) if index % 2 == 0 else set()
        job = job_with({*choice, *others})
        found[lower(plan_of(job)).program] = compiled(job)
    return found


def arrays() -> dict[tuple[str, ...], str]:
    """A script of points without any optional part, with all, and with some that are the same."""
    alike = {*OPTIONS} - {"hosts", "groups", "domains"}  # hosts and domains are asked for
    jobs = [job_with(features) for features in (set(), alike, {"phase", "files"}, {"phase", "tcp"})]
    [array] = in_arrays((number, 'a point\'s "title"', plan_of(job)) for number, job in enumerate(jobs))
    return {parts_of(array): write_array(array, "dynplan test", program_parts(), 2)}


def swept(folder: Path) -> Iterator[str]:
    """The scripts of the sweep among the examples."""
    made = folder / "sweep"
    assert not app(["sweep", str(SWEEP / "job.toml"), "-o", str(made)], standalone_mode=False)
    yield from (path.read_text() for path in [*made.glob("*.sbatch"), made / "submit.sh"])


def submit_script() -> str:
    [array] = in_arrays([(0, "one", plan_of(job_with(set())))])
    return write_submit({"array-0.sbatch": array}, "runs of/mine", "test", "dynplan test", SUBMIT.read_text())


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("scripts")
    found = []
    for index, text in enumerate(
        [*combinations().values(), *arrays().values(), *map(compiled_file, EXAMPLES), submit_script(), *swept(folder)]
    ):
        found.append(folder / f"{index}.sh")
        found[-1].write_text(text)
    return found


def findings(*argv: str | Path) -> str:
    if not shutil.which(str(argv[0])):
        pytest.fail(f"{argv[0]} is not installed: tools/install.sh checks")
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_the_combinations_hold_every_part_and_leave_out_every_part_that_can_be() -> None:
    made = combinations()
    for name, _ in PARTS:
        assert any(name in parts for parts in (*made, *arrays())), name
    always = set.intersection(*map(set, made))
    assert len(made) == len(OPTIONS) + 3
    tasks = {"start", "plan", "probes", "surroundings", "task", "preflight"}
    assert always == tasks | {"steps", "launch", "events", "records", "end", "main"}


def test_every_part_is_in_the_table_and_every_entry_is_a_file() -> None:
    assert sorted(name for name, _ in PARTS) == sorted(path.stem for path in PROGRAM.glob("*.sh"))


def test_shellcheck_finds_nothing_in_any_combination(scripts: list[Path]) -> None:
    with ThreadPoolExecutor() as pool:  # three seconds for each
        assert [text for text in pool.map(partial(findings, "shellcheck"), scripts) if text] == []


def test_shfmt_changes_nothing_in_any_combination(scripts: list[Path]) -> None:
    assert findings("shfmt", "-d", *scripts) == ""


def test_no_script_silences_shellcheck(scripts: list[Path]) -> None:
    assert not [path for path in scripts if "shellcheck" in path.read_text()]


def test_every_part_reads_as_it_stands() -> None:
    # A part uses variables that another one declares or sets, and sets some that another one uses.
    others = "--exclude=SC2154,SC2034,SC2004"
    assert findings("shellcheck", "--shell=bash", others, *sorted(PROGRAM.glob("*.sh"))) == ""
    assert findings("shfmt", "--ln", "bash", "-d", PROGRAM) == ""


FUNCTION = re.compile(r"((?:^#[^\n]*\n)*)^(\w+)\(\) \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
FUNCTIONS = [
    (path.stem, *found) for path in sorted(PROGRAM.glob("*.sh")) for found in FUNCTION.findall(path.read_text())
]


def test_every_function_says_at_its_head_what_it_does() -> None:
    assert len(FUNCTIONS) > 80
    assert [name for _, head, name, _ in FUNCTIONS if f"# {name}" not in head] == []


def test_no_function_leaves_the_variable_of_a_loop_behind() -> None:
    # That it is declared, and not a name that another function happens to use.
    found = []
    for file, _, name, body in FUNCTIONS:
        declared = set(re.findall(r"\w+", " ".join(re.findall(r"^\t+local (.*)$", body, re.MULTILINE))))
        loops = set(re.findall(r"^\t+for (\w+)\b", body, re.MULTILINE))
        loops |= set(re.findall(r"^\t+for \(\((\w+) =", body, re.MULTILINE))
        found += [f"{file}: {name}: {loop}" for loop in loops - declared - {"REPLY"}]
    assert found == []


def test_no_line_of_the_program_is_a_directive() -> None:
    lines = [line for path in PROGRAM.glob("*.sh") for line in path.read_text().splitlines()]
    assert [line for line in lines if line.startswith("#SBATCH")] == []
