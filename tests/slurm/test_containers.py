"""Roles and phases in containers, on a real Slurm: a stand-in for pyxis (`containers/pyxis.c`), and apptainer itself.

The images hold bash, a program that listens and nothing else, so what the launcher's own code needs inside is
bash alone. Of the node only that is there which the job mounts: `/tmp`, where the jobs of these tests live,
is not.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from attrs import frozen

from tests.slurm.containers import APPTAINER, HERE, obstacle, write_image
from tests.slurm.lab import Lab, Run, scenario, succeeded
from tests.slurm.test_stack import HOSTILE, toml
from tests.testbed import eventually

pytestmark = pytest.mark.slurm

RUNTIMES: Final = ("pyxis", "apptainer")
HINT: Final = " (its image must hold bash; what srun says stands above)"
# What the image sets; its PATH is where its programs are.
SETS: Final = "FROM_IMAGE=image\nFROM_BOTH=image\nPATH=/bin\n"
# Apptainer's place, and what it would mount by itself.
ENV: Final = {
    "PATH": f"{os.environ['PATH']}:{APPTAINER.parent}",
    "APPTAINER_NO_MOUNT": "cwd,home,tmp",
    "FROM_SHELL": "shell",
    "FROM_IMAGE": "shell",
    "FROM_BOTH": "shell",
}

REGISTRY: Final = HERE / "registry.py"

Body = Callable[[Lab, str, Path], Run]


@frozen
class Boxed:
    """A scenario in the containers of one runtime; `folder` is for its images and what it mounts."""

    runtime: str
    body: Body

    def __call__(self, lab: Lab) -> Run | None:
        if obstacle(self.runtime):
            return None
        folder = lab.root.parent / f"{lab.root.name}-{self.body.__name__}-{self.runtime}"
        folder.mkdir()
        return self.body(lab, self.runtime, folder)


def in_both(body: Body) -> pytest.MarkDecorator:
    """Let a test look at a scenario in the containers of each runtime: its arguments `boxed` and `runtime`."""
    rows = [pytest.param(name, marks=scenario(Boxed(name, body)), id=name) for name in RUNTIMES]
    return pytest.mark.parametrize("runtime", rows)


@pytest.fixture
def boxed(run: Run | None, runtime: str) -> Run:
    """What the scenario left; skips where the runtime is not here, or fails with DYNPLAN_REQUIRE_SLURM=1."""
    if run is None:
        reason = obstacle(runtime) or "?"
        if os.environ.get("DYNPLAN_REQUIRE_SLURM") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return run


def submit(lab: Lab, runtime: str, job: str, nodes: int = 1) -> Run:
    text = f'[cluster]\ncontainer-runtime = "{runtime}"\n{job}'
    enroot = lab.cluster.directory / "etc" / "bin"
    return lab.run(text, nodes, env={**ENV, "PATH": f"{ENV['PATH']}:{enroot}"})


# ---- everything a task does ------------------------------------------------------------------------------


def whole(lab: Lab, runtime: str, folder: Path) -> Run:
    image = write_image(folder / "image", environment=SETS)
    other = write_image(folder / "other")
    (folder / "data").mkdir()
    (folder / "data" / "weights").write_text("weights\n")
    job = f"""
[job.container]
image = "{image}"
mounts = ["{folder}/data:/models:ro"]
workdir = "/work"

[job.env]
FROM_BOTH = "job"
FROM_JOB = "it's $HOME"

[files."node.txt"]
content = "I am {{host}}"

[roles.outside]
container = false
command = ["{{vars.python}}", "{{vars.stub}}"]
ports = {{ http = 8000 }}
ready = {{ port = "http", path = "/health", timeout = "40s" }}
stop = {{ grace = "1s" }}

[roles.worker]
after = ["outside"]
num-nodes = 2
gpus-per-worker = 4
setup = "export FROM_SETUP=$PWD"
command = '''
exec >{{job.dir}}/saw-{{worker}}
echo / /*
echo cwd $PWD
read -r line <{{file.node.txt}}
echo file $line
read -r line </models/weights
echo mount $line
{{ echo >/models/new; }} 2>/dev/null && echo written
echo env $FROM_SHELL $FROM_IMAGE $FROM_BOTH "$FROM_JOB" $PATH $FROM_SETUP
echo gpus $CUDA_VISIBLE_DEVICES $DYNPLAN_HOST $DYNPLAN_PORT_HTTP
exec >&2
exec serve {{port.http}}'''
ports = {{ http = 9090 }}
fail-on-log = "never said"
alive = {{ port = "http", path = "/health", interval = "1s" }}
metrics = "http://{{host}}:{{port.http}}/metrics"
stop = {{ grace = "1s" }}
[[roles.worker.ready]]
port = "http"
timeout = "40s"
[[roles.worker.ready]]
port = "http"
path = "/health"
body = "healthy"
[[roles.worker.ready]]
log = "serving"
[[roles.worker.ready]]
command = "[[ $PWD == /work && -e /models/weights ]]"

[phase-defaults]
setup = "echo setup in $PWD of /* >{{phase.dir}}/setup"
after-command = "echo after in $PWD >{{phase.dir}}/after"

[phases.inside]
command = "echo $PWD $FROM_BOTH {{role.worker.urls.http}} >{{phase.dir}}/artefact"

[phases.other]
container = {{ image = "{other}", workdir = "/" }}
command = "echo $FROM_IMAGE $FROM_JOB /*; exit 0"

[phases.outside]
container = false
command = "cat /etc/hostname /proc/sys/kernel/hostname"
"""
    return submit(lab, runtime, job, nodes=2)


@in_both(whole)
def test_a_job_in_containers_that_hold_nothing_but_bash_runs(boxed: Run, runtime: str) -> None:
    assert succeeded(boxed)
    assert "command not found" not in boxed.output + "".join(map(boxed.log, ("logs/worker-0.log", "phases/other.log")))


@in_both(whole)
def test_a_worker_finds_what_the_job_mounts_and_nothing_else_of_the_node(boxed: Run, runtime: str) -> None:
    for worker, node in enumerate(boxed.nodes):
        root, *saw = boxed.log(f"saw-{worker}").splitlines()
        assert {"/bin", "/work", "/models", "/proc"} <= set(root.split()[1:])
        assert not {"/usr", "/home", "/var", "/lib64"} & set(root.split())
        path = {"pyxis": "/bin", "apptainer": "/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin"}[runtime]
        assert saw == [
            "cwd /work",
            f"file I am {node}",
            "mount weights",  # and it could not be written to
            f"env shell image job it's $HOME {path} /work",
            f"gpus 0,1,2,3 {node} 9090",
        ]


@in_both(whole)
def test_what_runs_around_a_phase_runs_in_its_container_too(boxed: Run, runtime: str) -> None:
    assert "setup in /work of /bin " in boxed.log("phases/inside/setup")
    assert boxed.log("phases/inside/after") == "after in /work\n"
    urls = ",".join(f"http://{node}:9090" for node in boxed.nodes)
    assert boxed.log("phases/inside/artefact") == f"/work job {urls}\n"


@in_both(whole)
def test_a_phase_may_have_an_image_of_its_own_or_none(boxed: Run, runtime: str) -> None:
    (said,) = [line for line in boxed.log("phases/other.log").splitlines() if line.startswith("shell it's")]
    assert "/work" in said.split() and "/usr" not in said.split()
    assert boxed.log("phases/outside.log").splitlines()[-1] == boxed.nodes[0]


def many(lab: Lab, runtime: str, folder: Path) -> Run:
    """A worker on two nodes, two that start one after another, one that is started again."""
    job = f"""
[job]
num-nodes = 2
[job.container]
image = "{write_image(folder / "image")}"
[roles.large]
workers = 1
gpus-per-worker = 12
stop = {{ grace = "1s" }}
command = "[[ $DYNPLAN_RANK == 0 || $DYNPLAN_LEADER_HOST != $DYNPLAN_HOST ]] && exec serve 8000"
[roles.queued]
workers = 2
workers-per-node = 2
gpus-per-worker = 1
stagger = true
stop = {{ grace = "1s" }}
command = "exec serve {{port.http}}"
ports = {{ http = 8100 }}
ready = {{ port = "http", timeout = "40s" }}
[roles.again]
num-nodes = 1
gpus-per-worker = 1
restart = {{ max = 1, delay = 0 }}
stop = {{ grace = "1s" }}
command = "[[ -e {{job.dir}}/once ]] && exec serve {{port.http}}; : >{{job.dir}}/once"
ports = {{ http = 8200 }}
ready = {{ port = "http", timeout = "40s" }}
[phases.client]
command = "exit 0"
"""
    return submit(lab, runtime, job, nodes=2)


@in_both(many)
def test_workers_of_many_kinds_run_in_containers(boxed: Run, runtime: str) -> None:
    assert (boxed.job.state, boxed.cause) == ("COMPLETED", ""), boxed.output
    names = [(event.name, event.role, event.task) for event in boxed.events]
    assert names.index(("turn", "queued", "0.0")) < names.index(("started", "queued", "1.0"))
    assert names.index(("restart", "again", "0.0")) < names.index(("ready", "again", "0.0"))
    assert boxed.left == {}


# ---- images of a registry, and containers with a name --------------------------------------------------------


def containers_on(lab: Lab, node: str) -> str:
    """The containers that a node holds."""
    return lab.cluster.node_run(node, ["ls", f"{lab.cluster.directory}/node/data"], check=False).stdout


def brought(lab: Lab, runtime: str, folder: Path) -> Run:
    """Three roles and two phases of one image; two roles have one name, start at once, and have mounts of their own."""
    write_image(lab.cluster.directory / "registry" / "engine")
    for name in ("a", "b", "c"):
        (folder / name).mkdir()
    serve = "echo /models/* >{job.dir}/saw-{host}-%s; exec serve {port.http}"
    roles = "".join(
        f"""
[roles.{name}]
workers = {workers}
workers-per-node = 1
gpus-per-worker = 2
container = {{ mounts = ["{folder}/{name}:/models/{name}"], name = "{"" if name == "a" else "shared"}" }}
command = "{serve % name}"
ports = {{ http = {port} }}
ready = {{ port = "http", timeout = "40s" }}
stop = {{ grace = "1s" }}
"""
        for name, workers, port in (("a", 2, 9100), ("b", 1, 9200), ("c", 1, 9300))
    )
    container = '[job]\nnum-nodes = 2\n[job.container]\nimage = "localhost:5000/engine"\n'
    phases = '[phases.one]\ncommand = "exit 0"\n[phases.two]\ncommand = "exit 0"\n'
    with lab.nodes(2) as names:
        text = f'[cluster]\ncontainer-runtime = "{runtime}"\n{container}{roles}{phases}'
        env = {**ENV, "PATH": f"{ENV['PATH']}:{lab.cluster.directory}/etc/bin"}
        done = lab.run_on(names, text, env=env)
        kept = "".join(containers_on(lab, name) for name in names)
    imports = (lab.cluster.directory / "registry" / "engine.imports").read_text()
    (done.folder / "imports").write_text(imports + f"kept {kept}")
    return done


@pytest.mark.parametrize("runtime", [pytest.param("pyxis", marks=scenario(Boxed("pyxis", brought)))])
def test_an_image_of_a_registry_comes_once_to_each_node_and_each_role_has_its_mounts(boxed: Run, runtime: str) -> None:
    assert succeeded(boxed)
    first, second = boxed.nodes
    *imports, kept = (boxed.folder / "imports").read_text().splitlines()
    # The container with a name is one of its own.
    assert (sorted(imports), kept) == (sorted([first, second, first]), "kept ")
    assert boxed.log(f"saw-{first}-a") == boxed.log(f"saw-{second}-a") == "/models/a\n"
    assert boxed.log(f"saw-{first}-b") == "/models/b\n"
    assert boxed.log(f"saw-{first}-c") == "/models/c\n"


def cached(lab: Lab, runtime: str, folder: Path) -> Run:
    """The same with apptainer itself, and a registry on the loopback of each node; they have one home, so one cache."""
    (folder / "home").mkdir()
    env = {**ENV, "HOME": str(folder / "home"), "APPTAINER_NOHTTPS": "1"}
    job = f"""
[job]
num-nodes = 2
[cluster]
container-runtime = "{runtime}"
[job.container]
image = "127.0.0.1:5055/engine:1"
[roles.a]
workers = 2
workers-per-node = 1
gpus-per-worker = 2
command = "exec 7<> <(:); while :; do read -t 1 -u 7; done"
stop = {{ grace = "1s" }}
[roles.b]
gpus-per-worker = 2
workers = 1
command = "exec 7<> <(:); while :; do read -t 1 -u 7; done"
stop = {{ grace = "1s" }}
[phases.one]
command = "echo in $PWD"
"""
    pids = {}
    with lab.nodes(2) as names:
        try:
            for name in names:
                (folder / name).mkdir()
                start = f"setsid {sys.executable} {REGISTRY} 5055 {folder / name} </dev/null >&0 2>&0 & echo $!"
                pids[name] = lab.cluster.node_run(name, ["sh", "-c", start]).stdout.strip()
                eventually((folder / name / "ready").exists, 30)
            done = lab.run_on(names, job, env=env)
        finally:
            for name, pid in pids.items():
                lab.cluster.node_run(name, ["kill", pid], check=False)
    requests = [path.read_text() for path in folder.glob("*/requests")]
    (done.folder / "requests").write_text("".join(requests))
    return done


@pytest.mark.parametrize("runtime", [pytest.param("apptainer", marks=scenario(Boxed("apptainer", cached)))])
def test_apptainer_asks_a_registry_once_for_all_nodes_and_steps_that_have_one_cache(boxed: Run, runtime: str) -> None:
    assert succeeded(boxed)
    asked = (boxed.folder / "requests").read_text().splitlines()
    assert len(asked) == len(set(asked)) == 2  # the image's layer and its configuration
    assert "image docker://127.0.0.1:5055/engine:1: on 2 nodes after" in boxed.output


def not_given(lab: Lab, runtime: str, folder: Path) -> Run:
    job = worker(folder, "true").replace(f"{folder}/image", "localhost:5000/lost")
    return submit(lab, runtime, job)


@pytest.mark.parametrize("runtime", [pytest.param("pyxis", marks=scenario(Boxed("pyxis", not_given)))])
def test_an_image_that_its_registry_does_not_give_is_the_cause_in_the_runtime_s_words(boxed: Run, runtime: str) -> None:
    image = "localhost:5000#lost"
    why = f"pyxis: failed to import docker image: URL https://{image} returned error code: 404 Not Found"
    log = boxed.directory / "logs" / "images.0.log"
    cause = f"image {image}: not on {boxed.nodes[0]}: {why}; nothing was started; log {log}"
    assert (boxed.job.exit_code, boxed.cause) == (65, cause), boxed.output
    assert not [event for event in boxed.events if event.name == "started"]
    assert boxed.left == {}


# ---- words -----------------------------------------------------------------------------------------------


def hostile(lab: Lab, runtime: str, folder: Path) -> Run:
    image = write_image(folder / "image")
    words = ", ".join(map(toml, ("printf '%s\\0' \"$@\" >$DYNPLAN_JOB_DIR/words", "bash", *HOSTILE)))
    env = "\n".join(f"STUB_{index} = {toml(text)}" for index, text in enumerate(HOSTILE))
    names = " ".join(f'\\"$STUB_{index}\\"' for index in range(len(HOSTILE)))
    job = f"""
[job.container]
image = "{image}"
[job.env]
{env}
[roles.worker]
command = ["bash", "-c", {words}]
kind = "task"
[phases.client]
command = "printf '%s\\\\0' {names} >{{job.dir}}/env"
"""
    return submit(lab, runtime, job)


@in_both(hostile)
def test_words_and_environment_arrive_in_a_container_byte_for_byte(boxed: Run, runtime: str) -> None:
    assert (boxed.job.state, boxed.cause) == ("COMPLETED", ""), boxed.output
    for name in ("words", "env"):
        assert boxed.log(name).split("\0") == [*HOSTILE, ""]
    assert not list(boxed.folder.rglob("pwned*"))


# ---- ends ------------------------------------------------------------------------------------------------


def worker(folder: Path, command: str, more: str = "", bash: bool = True) -> str:
    image = write_image(folder / "image", bash=bash)
    return f"""
[roles.worker]
gpus-per-worker = 1
container = {{ image = "{image}" }}
command = '''{command}'''
stop = {{ grace = "1s" }}
{more}
"""


def early_exit(lab: Lab, runtime: str, folder: Path) -> Run:
    job = worker(folder, "echo broken; exit 3") + '[phases.client]\ncommand = "sleep 60"\n'
    return submit(lab, runtime, job)


@in_both(early_exit)
def test_a_worker_that_ends_in_its_container_is_the_cause(boxed: Run, runtime: str) -> None:
    log = boxed.directory / "logs" / "worker-0.log"
    cause = f"role worker worker 0 rank 0 on {boxed.nodes[0]}: exit status 3; log {log}"
    assert (boxed.job.exit_code, boxed.cause) == (70, cause), boxed.output
    assert "broken\n" in boxed.output.partition("last lines of")[2]
    assert boxed.left == {}


def bad_word(lab: Lab, runtime: str, folder: Path) -> Run:
    job = worker(folder, "echo all is well; echo a panic; exec serve 9090", 'fail-on-log = "panic"')
    return submit(lab, runtime, job + '[phases.client]\ncommand = "sleep 60"\n')


@in_both(bad_word)
def test_a_log_is_read_in_a_container(boxed: Run, runtime: str) -> None:
    assert boxed.job.exit_code == 72, boxed.output
    assert "the log says: a panic" in boxed.cause
    assert boxed.left == {}


def stubborn(lab: Lab, runtime: str, folder: Path) -> Run:
    """A worker that does not mind TERM, and left a child in a process group of its own."""
    wait = "while :; do read -t 1 -u 7 || :; done"
    command = f"""
trap '' TERM
exec 7<> <(:)
set -m
({wait}) &
{wait}"""
    return submit(lab, runtime, worker(folder, command) + '[phases.client]\ncommand = "sleep 0.5"\n')


@in_both(stubborn)
def test_nothing_is_left_of_a_container_whose_worker_does_not_want_to_end(boxed: Run, runtime: str) -> None:
    assert (boxed.job.state, boxed.cause) == ("COMPLETED", ""), boxed.output
    assert boxed.left == {}


# ---- what is missing -------------------------------------------------------------------------------------


def no_bash(lab: Lab, runtime: str, folder: Path) -> Run:
    return submit(lab, runtime, worker(folder, "true", bash=False))


@in_both(no_bash)
def test_an_image_without_bash_is_told_with_srun_s_own_words(boxed: Run, runtime: str) -> None:
    status = {"pyxis": 2, "apptainer": 255}[runtime]
    cause = f"role worker: srun ended with status {status}{HINT} and no word from worker 0.0 on {boxed.nodes[0]}"
    assert (boxed.job.exit_code, boxed.cause) == (76, cause), boxed.output
    said = {"pyxis": "execve(): bash: No such file or directory", "apptainer": '"bash": executable file not found'}
    assert said[runtime] in boxed.output


def no_bash_in_a_phase(lab: Lab, runtime: str, folder: Path) -> Run:
    image = write_image(folder / "image", bash=False)
    job = worker(folder / "of-the-worker", "exec serve 9090")
    return submit(lab, runtime, job + f'[phases.client]\ncontainer = {{ image = "{image}" }}\ncommand = "true"\n')


@in_both(no_bash_in_a_phase)
def test_a_phase_s_image_without_bash_is_told_and_the_worker_ends(boxed: Run, runtime: str) -> None:
    status = {"pyxis": 2, "apptainer": 255}[runtime]
    cause = f"phase client on {boxed.nodes[0]}: srun ended with status {status}{HINT}"
    assert (boxed.job.exit_code, boxed.cause) == (76, cause), boxed.output
    assert boxed.left == {}


def no_image(lab: Lab, runtime: str, folder: Path) -> Run:
    job = worker(folder, "true").replace(f"{folder}/image", f"{folder}/lost")
    return submit(lab, runtime, job)


@in_both(no_image)
def test_a_lost_image_ends_the_job_before_anything_starts(boxed: Run, runtime: str) -> None:
    lost = next(line.split('"')[1] for line in boxed.log("../job.toml").splitlines() if "image" in line)
    cause = f"preflight: {boxed.nodes[0]}: {lost} is missing (an image or a mount); nothing was started"
    assert (boxed.job.exit_code, boxed.cause) == (65, cause), boxed.output
    assert not [event for event in boxed.events if event.name == "started"]


def own_disk(runtime: str) -> str:
    """A folder that nodes don't share."""
    return f"/dev/shm/of-the-node-{runtime}"  # noqa: S108 - mounted by each node of the testbed for itself


def lost_mount(lab: Lab, runtime: str, folder: Path) -> Run:
    """What is mounted is on the disk of one node only."""
    image, disk = write_image(folder / "image"), own_disk(runtime)
    job = f"""
[cluster]
container-runtime = "{runtime}"
[roles.worker]
num-nodes = 2
gpus-per-worker = 1
container = {{ image = "{image}", mounts = ["{disk}:/data"] }}
command = "exit 1"
"""
    with lab.nodes(2) as names:
        lab.cluster.node_run(names[0], ["mkdir", disk])
        try:
            return lab.run_on(names, job)
        finally:
            lab.cluster.node_run(names[0], ["rmdir", disk])


@in_both(lost_mount)
def test_a_mount_that_one_node_lacks_ends_the_job_with_its_name_and_the_node_s(boxed: Run, runtime: str) -> None:
    cause = f"preflight: {boxed.nodes[1]}: {own_disk(runtime)} is missing (an image or a mount); nothing was started"
    assert (boxed.job.exit_code, boxed.cause) == (65, cause), boxed.output
