"""Node groups on a real Slurm: heterogeneous jobs of two and three components, and what can happen to one of them.

The cluster is one of its own: nodes without GPUs, of eight and of four, in a partition each. A component is started
and ended by Slurm as a job of its own, so whatever ends one job may end one component here.
"""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final, NoReturn

import pytest
from attrs import define, field

from tests.slurm.containers import obstacle, write_image, write_plugstack
from tests.slurm.lab import NOTHING, STUB, Fault, Lab, Run, Running, gpus_and_ports, leave_alone, succeeded
from tests.testbed import Cluster, Kind, eventually, slurm_version
from tests.testbed.cluster import ENDED

pytestmark = pytest.mark.slurm

AT_ONCE: Final = 3
Nodes = Mapping[str, tuple[str, ...]]  # by group

CLUSTER = """\
[vars]
python = "%(python)s"
stub = "%(stub)s"

[job]
name = "test"
time = "00:05:00"
output-dir = "out"

[[cluster.node-groups]]
name = "front"
sbatch = { partition = "front" }

[[cluster.node-groups]]
name = "big"
gpus-per-node = 8
sbatch = { partition = "big" }

[[cluster.node-groups]]
name = "small"
gpus-per-node = 4
gpu-request = "gres:h100"
sbatch = { partition = "small" }
"""

ROLE = """
[roles.%s]
command = ["{vars.python}", "{vars.stub}"]
args.record = "{job.dir}/seen.jsonl"
ports = { http = %d }
ready = { port = "http", path = "/health", timeout = "40s" }
stop = { grace = "2s" }
"""


def role(name: str, port: int, size: str) -> str:
    """A role of stubs; `size` are its further keys."""
    return f"{ROLE % (name, port)}{size}\n"


DECODE = role("decode", 9000, 'workers = 3\ngpus-per-worker = 4\ngroup = "big"')
PREFILL = role("prefill", 9000, 'workers = 3\ngpus-per-worker = 2\ngroup = "small"')
WATCH = role("watch", 9100, 'place = "every-node"')
ROUTER = role(
    "router",
    8000,
    """\
place = "head"
after = ["decode", "prefill"]
args.decode = "{role.decode.urls.http}"
args.prefill = "{role.prefill.urls.http}"
args.watch = "{role.watch.hosts}"
""",
)
ASK = """
exec 3<>/dev/tcp/{role.prefill.host}/{role.prefill.port.http}
printf 'GET /health HTTP/1.0\\r\\n\\r\\n' >&3 && cat <&3
"""
PHASES = f"""
[phases.ask]
command = '''{ASK}'''
[phases.there]
on = "prefill"
command = "cat /proc/sys/kernel/hostname"
"""
THREE = "job.num-nodes = { front = 1, big = 2, small = 2 }\n" + WATCH + ROUTER + DECODE + PREFILL
LONG = """
[phases.long]
command = "sleep 100"
"""
SHORT = """
[phases.short]
command = "true"
"""


@define
class GroupLab(Lab):
    """A cluster of three kinds of nodes, and sets of one, two and two of them that no scenario uses at the moment."""

    sets: queue.Queue[Nodes] = field(factory=queue.Queue)

    def run_groups(
        self,
        job: str,
        *,
        fault: Fault = leave_alone,
        options: Callable[[Nodes], Sequence[Sequence[str]]] | None = None,
        edit: Callable[[str], str] = str,
        env: Mapping[str, str] = NOTHING,
        timeout_s: float = 60,
    ) -> GroupRun:
        """Compile a job, submit it to nodes of its own, do `fault` to it, and return what it left.

        Args:
            job: text of the job file.
            fault: what to do to it while it runs.
            options: those of sbatch for each component, by the nodes; which they are to have, unless given. On others
                there may be a scenario that ends, and kills what it has not started.
            edit: what somebody does to the script.
            env: variables in the environment of sbatch.
            timeout_s: the job's longest life.
        """
        nodes = self.sets.get()
        try:
            folder = self.write('extends = "cluster.toml"\n' + named(job, nodes), {"cluster.toml": cluster_text()})
            before = self.strangers([name for own in nodes.values() for name in own])
            words = [word for given in (options or named_nodes)(nodes) for word in (":", *given)][1:]
            number = self.cluster.submit(edit(self.compile(folder)), cwd=folder, args=words, env=env)
            names = tuple(name for own in nodes.values() for name in own)
            return GroupRun(Running(self, number, names, folder, before).end(fault, timeout_s), nodes, self)
        finally:
            self.sets.put(nodes)

    def ended(self, job_id: int) -> bool:
        """Whether all components have ended and left their nodes: the first one may be over before the others."""
        return super().ended(job_id) and set(self.states(job_id)) <= set(ENDED)

    def states(self, job_id: int) -> list[str]:
        """The states of the components of a job."""
        text = self.cluster.run(["scontrol", "show", "job", str(job_id)]).stdout
        return [word.removeprefix("JobState=") for word in text.split() if word.startswith("JobState=")]


@define
class GroupRun:
    """What a heterogeneous job has left, the nodes that it had, and where."""

    run: Run
    nodes: Nodes
    lab: GroupLab

    def states(self) -> list[str]:
        """The states of the components."""
        return self.lab.states(self.run.job.id)


def cluster_text() -> str:
    """Return the text that every job file extends."""
    return CLUSTER % {"python": sys.executable, "stub": STUB}


def named(job: str, nodes: Nodes) -> str:
    """A job's text with the names of the nodes: FRONT, BIG0 and so on."""
    for group, names in nodes.items():
        for index, name in enumerate(names):
            job = job.replace(f"{group.upper()}{index}", name)
    return job


def named_nodes(nodes: Nodes) -> Sequence[Sequence[str]]:
    return [[f"--nodelist={','.join(own)}"] for own in nodes.values()]


def no_options(_: Nodes) -> Sequence[Sequence[str]]:
    return [[]]


# Of a job whose folder says so a node's prolog takes as long.
PROLOG = 'cd "$SLURM_JOB_WORK_DIR" && [[ $(<slow) == "$SLURM_JOB_PARTITION" ]] && sleep 7; true'

Scenario = Callable[[GroupLab], "GroupRun | None"]


@pytest.fixture(scope="module")
def outcomes(
    slurm: None, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Mapping[Scenario, Future[GroupRun | None]]]:
    """The scenarios of the selected tests, on one cluster."""
    kinds = [Kind(AT_ONCE, 0, "front"), Kind(2 * AT_ONCE, 8, "big"), Kind(2 * AT_ONCE, 4, "small")]
    markers = [marker for item in request.session.items for marker in item.iter_markers("on_kinds")]
    with Cluster.up(kinds=kinds, prolog=PROLOG) as cluster, ThreadPoolExecutor(AT_ONCE) as pool:
        write_plugstack(cluster.directory / "etc")
        lab = GroupLab(cluster, tmp_path_factory.mktemp("groups"))
        names = cluster.node_names
        for at in range(AT_ONCE):
            big, small = AT_ONCE + 2 * at, 3 * AT_ONCE + 2 * at
            lab.sets.put({"front": (names[at],), "big": names[big : big + 2], "small": names[small : small + 2]})
        yield {scenario: pool.submit(scenario, lab) for scenario in dict.fromkeys(marker.args[0] for marker in markers)}


@pytest.fixture
def ran(outcomes: Mapping[Scenario, Future[GroupRun | None]], request: pytest.FixtureRequest) -> GroupRun | None:
    """What the test's scenario returned."""
    marker = request.node.get_closest_marker("on_kinds")
    return outcomes[marker.args[0]].result()


def on_kinds(function: Scenario) -> pytest.MarkDecorator:
    return pytest.mark.on_kinds.with_args(function)


def in_phase(fault: Fault) -> Fault:
    def when_it_runs(running: Running) -> None:
        running.wait_for("started", "phase:long")
        fault(running)

    return when_it_runs


# Three groups


def three(lab: GroupLab) -> GroupRun:
    return lab.run_groups(THREE + PHASES)


@on_kinds(three)
def test_every_worker_stands_on_the_nodes_of_its_group_with_its_gpus_and_ports(ran: GroupRun) -> None:
    assert succeeded(ran.run)
    [front], (big, large), (small, little) = ran.nodes.values()
    assert gpus_and_ports(ran.run.workers) == {
        "watch": [(node, "", (9100,)) for node in (front, big, large, small, little)],
        "router": [(front, "", (8000,))],
        "decode": [(big, "0,1,2,3", (9000,)), (big, "4,5,6,7", (9001,)), (large, "0,1,2,3", (9000,))],
        "prefill": [(small, "0,1", (9000,)), (small, "2,3", (9001,)), (little, "0,1", (9000,))],
    }
    assert set(ran.states()) == {"COMPLETED"} and len(ran.states()) == 3


@on_kinds(three)
def test_templates_reach_across_groups(ran: GroupRun) -> None:
    [front], (big, large), (small, little) = ran.nodes.values()
    argv = ran.run.workers["router", 0, 0].argv
    given = {word.removeprefix("--"): argv[at + 1] for at, word in enumerate(argv) if word.startswith("--")}
    assert given == {
        "decode": f"http://{big}:9000,http://{big}:9001,http://{large}:9000",
        "prefill": f"http://{small}:9000,http://{small}:9001,http://{little}:9000",
        "watch": ",".join((front, big, large, small, little)),
    }
    assert '"ready"' in ran.run.log("phases/ask.log")
    assert ran.run.log("phases/there.log").splitlines()[1:] == [small]


@on_kinds(three)
def test_the_records_say_which_group_a_node_is_of(ran: GroupRun) -> None:
    nodes = tomllib.loads(ran.run.log("plan.toml"))["nodes"]
    sizes = {"front": 0, "big": 8, "small": 4}
    expected = [(name, group, sizes[group]) for group, names in ran.nodes.items() for name in names]
    assert [(node["host"], node["group"], node["gpus"]) for node in nodes] == expected
    endpoints = ran.run.json("endpoints.json")["roles"]
    assert [worker["host"] for worker in endpoints["prefill"]] == [ran.nodes["small"][at] for at in (0, 0, 1)]


@on_kinds(three)
def test_one_step_for_each_role_and_for_one_on_all_groups_one_in_each(ran: GroupRun) -> None:
    ends = [event.role for event in ran.run.events if event.name == "end" and not event.role.startswith("phase:")]
    everywhere = [f"{part}/+{index}" for part in (":preflight", "watch") for index in range(3)]
    assert sorted(ends) == sorted([*everywhere, "router", "decode", "prefill"])
    assert "has not started ()" not in ran.run.output


# Two groups, with named hosts


TWO = (
    'job.num-nodes = { big = 2, small = 1 }\njob.nodes = { big = ["BIG1", "BIG0"], small = ["SMALL1"] }\n'
    + WATCH
    + DECODE
    + PREFILL.replace("workers = 3", "workers = 2")
    + SHORT
)


def two(lab: GroupLab) -> GroupRun:
    return lab.run_groups(TWO, options=no_options)


@on_kinds(two)
def test_named_hosts_have_the_order_that_the_job_gives_them(ran: GroupRun) -> None:
    assert succeeded(ran.run)
    _, (big, large), (_, little) = ran.nodes.values()
    assert {place: seen.host for place, seen in ran.run.workers.items()} == {
        **{("watch", at, 0): node for at, node in enumerate((large, big, little))},
        **{("decode", at, 0): node for at, node in enumerate((large, large, big))},
        **{("prefill", at, 0): little for at in range(2)},
    }


def another_host(lab: GroupLab) -> GroupRun:
    """The same where somebody has swapped the partitions' names, and the hosts, between two components."""
    return lab.run_groups(
        'job.num-nodes = { big = 1, small = 1 }\njob.nodes = { big = ["BIG1"], small = ["SMALL1"] }\n' + WATCH + SHORT,
        options=lambda nodes: [
            [f"--nodelist={nodes['small'][1]}", "--partition=small"],
            [f"--nodelist={nodes['big'][1]}", "--partition=big"],
        ],
    )


@on_kinds(another_host)
def test_a_host_in_another_component_than_planned_is_named(ran: GroupRun) -> None:
    host = ran.nodes["small"][1]
    assert ran.run.cause == f"host {host} is planned in group small, and the job has it in group big"
    assert ran.run.job.exit_code == 64


# What can be wrong with an allocation


def one_big_node(nodes: Nodes) -> Sequence[Sequence[str]]:
    front, _, small = named_nodes(nodes)
    return [front, [f"--nodelist={nodes['big'][0]}", "--nodes=1"], small]


def too_few(lab: GroupLab) -> GroupRun:
    return lab.run_groups(THREE + SHORT, options=one_big_node)


@on_kinds(too_few)
def test_a_component_of_too_few_nodes_is_named(ran: GroupRun) -> None:
    [host] = ran.nodes["big"][:1]
    assert ran.run.cause == f"the plan needs 2 nodes of group big, component 1 of the job has 1: {host}"
    assert (ran.run.job.state, ran.run.job.exit_code) == ("FAILED", 64)


def fewer_gpus(lab: GroupLab) -> GroupRun:
    return lab.run_groups(
        THREE + SHORT,
        options=lambda nodes: [*named_nodes(nodes)[:2], [*named_nodes(nodes)[2], "--gres=gpu:h100:3"]],
    )


@on_kinds(fewer_gpus)
def test_a_component_of_too_few_gpus_is_named(ran: GroupRun) -> None:
    # The last of three: those before it have what they need.
    host = ran.nodes["small"][0]
    asked = f"preflight: {host} (group small): the plan needs 4 GPUs, the step shows CUDA_VISIBLE_DEVICES='0,1,2'"
    assert ran.run.cause == f"{asked}; nothing was started"
    assert ran.run.job.exit_code == 65


def with_one_component(text: str) -> str:
    """Return a script whose directives end before the second component."""
    top, _, rest = text.partition("#SBATCH hetjob\n")
    return top + rest[rest.index("#\n") :]


def one_component(lab: GroupLab) -> GroupRun:
    return lab.run_groups(THREE + SHORT, options=lambda nodes: named_nodes(nodes)[:1], edit=with_one_component)


@on_kinds(one_component)
def test_a_job_that_is_no_heterogeneous_one_is_refused(ran: GroupRun) -> None:
    assert ran.run.cause == "the plan needs a heterogeneous job of 3 components (front big small), this one has 1"
    assert ran.run.job.exit_code == 64


# What can happen to a component


def slow(lab: GroupLab) -> GroupRun:
    """A component whose nodes are ready seconds after the others."""

    def edit(text: str) -> str:
        for folder in lab.root.iterdir():
            if (folder / "job.sbatch").is_file() and (folder / "job.sbatch").read_text() == text:
                (folder / "slow").write_text("small\n")
        return text

    return lab.run_groups(THREE + SHORT, edit=edit, timeout_s=90)


@on_kinds(slow)
def test_components_may_be_ready_seconds_apart(ran: GroupRun) -> None:
    assert succeeded(ran.run)
    assert len(ran.run.workers) == 12


def srun_killed(lab: GroupLab) -> GroupRun:
    """The srun of one component of a role that has one in each."""

    def kill(running: Running) -> None:
        running.kill(running.nodes[0], "--job-name=watch/+1")

    return lab.run_groups(THREE + LONG, fault=in_phase(kill))


@on_kinds(srun_killed)
def test_a_step_of_one_component_that_ends_names_its_tasks_alone(ran: GroupRun) -> None:
    big, large = ran.nodes["big"]
    words = f"no word from worker 1.0 on {big}, worker 2.0 on {large}"
    assert ran.run.cause == f"role watch: srun ended with status 137 and {words}"
    assert ran.run.job.exit_code == 76
    assert ran.run.left == {}


def cancelled_component(lab: GroupLab) -> GroupRun:
    def cancel(running: Running) -> None:
        running.lab.cluster.run(["scancel", f"{running.id}+2"])

    return lab.run_groups(THREE + LONG, fault=in_phase(cancel))


@on_kinds(cancelled_component)
def test_a_component_that_somebody_cancels_ends_the_job_and_is_named(ran: GroupRun) -> None:
    assert ran.run.cause == "the steps in group small were stopped from outside"
    assert ran.run.job.exit_code == 76
    assert ran.states() == ["FAILED", "FAILED", "CANCELLED"]
    assert ran.run.left == {}


def cancelled(lab: GroupLab) -> GroupRun:
    return lab.run_groups(THREE + LONG, fault=in_phase(lambda running: running.scancel()))


@on_kinds(cancelled)
def test_scancel_ends_all_components_in_order(ran: GroupRun) -> None:
    assert ran.run.cause == "TERM: cancelled, or the time limit"
    assert set(ran.states()) == {"CANCELLED"}
    assert ran.run.left == {}
    stopped = {event.role for event in ran.run.events if event.name in ("stopped", "signal")}
    assert stopped >= {"watch", "router", "decode", "prefill"}


def lost(lab: GroupLab) -> GroupRun:
    """A node of the last component loses its power; the batch script runs in the first one."""

    def pull_the_plug(running: Running) -> None:
        running.lab.cluster.kill_node(running.nodes[-1])
        eventually(lambda: running.lab.cluster.node_state(running.nodes[-1]).startswith("down"), 90, 0.2)

    def fault(running: Running) -> None:
        in_phase(pull_the_plug)(running)
        eventually(lambda: running.lab.ended(running.id), 60, 0.2)
        running.lab.cluster.start_node(running.nodes[-1])
        # For 24.11 the job is over at once; srun gives what it cannot reach KillWait and two seconds.
        there = running.lab.cluster.processes
        eventually(lambda: all(found.argv[0] != "srun" for found in there(running.nodes[0])), 20, 0.2)

    return lab.run_groups(THREE + LONG, fault=fault, timeout_s=150)


@on_kinds(lost)
def test_a_lost_node_of_a_component_ends_the_job_and_is_named(ran: GroupRun) -> None:
    node = ran.nodes["small"][1]
    assert ran.run.cause == f"node {node} is lost, and with it watch/4.0 prefill/2.0"
    assert set(ran.states()) == {"NODE_FAIL"}
    assert ran.run.left == {}
    if slurm_version() < (24, 11):
        assert ran.run.job.exit_code == 76


MORTAL = """
[roles.watch]
place = "every-node"
command = "[[ {node} != 2 ]] || exec sleep 3; exec sleep 600"
stop = { grace = "1s" }
"""


def fails_in_a_group(lab: GroupLab) -> GroupRun:
    """A worker of the role that has a step in each component dies, in the second of them."""
    return lab.run_groups("job.num-nodes = { front = 1, big = 2, small = 2 }\n" + MORTAL + DECODE + PREFILL + LONG)


@on_kinds(fails_in_a_group)
def test_a_worker_of_a_role_on_all_groups_that_dies_is_named(ran: GroupRun) -> None:
    assert ran.run.cause.startswith(f"role watch worker 2 rank 0 on {ran.nodes['big'][1]}: exit status 0; log ")
    assert (ran.run.job.state, ran.run.job.exit_code) == ("FAILED", 70)
    assert ran.run.left == {}


def requeued(lab: GroupLab) -> GroupRun:
    """A requeue in the middle of a phase; the second time the phase is short."""

    def requeue(running: Running) -> None:
        lab.cluster.run(["scontrol", "requeue", str(running.id)])
        eventually(lambda: lab.state(running.id) == "PENDING", 30)
        # As in test_submit.py; each component has a time of its own.
        lab.cluster.run(["scontrol", "update", f"JobId={running.id}", "StartTime=now+2"])

    phase = LONG.replace('"sleep 100"', '"[[ -n ${SLURM_RESTART_COUNT-} ]] || sleep 100"')
    return lab.run_groups(f"{THREE}{phase}[job.sbatch]\nrequeue = true\n", fault=in_phase(requeue), timeout_s=90)


@on_kinds(requeued)
def test_a_requeued_job_runs_again_with_all_its_components(ran: GroupRun) -> None:
    assert (ran.run.job.state, ran.run.job.exit_code) == ("COMPLETED", 0), ran.run.output
    assert not (ran.run.folder / "out" / "success-marker.txt").exists()
    assert (ran.run.folder / "out.1" / "success-marker.txt").is_file()
    assert ran.run.left == {}


# MPI and containers


MPI_TEXT = """
import os
from mpi4py import MPI
print("world", MPI.COMM_WORLD.rank, MPI.COMM_WORLD.allreduce(1), os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
"""
RANKS = """
[roles.%s]
group = "%s"
kind = "task"
launch = "per-gpu"
mpi = "pmix"
workers = %d
gpus-per-worker = %d
env.OMPI_MCA_mpi_yield_when_idle = "1"
command = ["/usr/bin/python3", "-c", '''%s''']
"""


def worlds(lab: GroupLab) -> GroupRun | None:
    """A world on two nodes of one group, and two on a node of another."""
    if not has_mpi():
        return None
    return lab.run_groups(
        WATCH + RANKS % ("decode", "big", 1, 10, MPI_TEXT) + RANKS % ("prefill", "small", 2, 2, MPI_TEXT),
        options=lambda nodes: [named_nodes(nodes)[1], [f"--nodelist={nodes['small'][0]}"]],
    )


def has_mpi() -> bool:
    return subprocess.run(["/usr/bin/python3", "-c", "import mpi4py"], capture_output=True, check=False).returncode == 0


@on_kinds(worlds)
def test_a_world_stands_in_its_group(ran: GroupRun | None) -> None:
    if ran is None:
        skip_or_fail("no MPI for Python here: tools/install.sh slurm installs it")
    assert succeeded(ran.run)
    for rank in range(10):
        assert ran.run.log(f"logs/decode-0.{rank}.log").endswith(f"world {rank} 10 0,1,2,3,4\n")
    for worker, gpus in enumerate(("0,1", "2,3")):
        for rank in range(2):
            assert ran.run.log(f"logs/prefill-{worker}.{rank}.log").endswith(f"world {rank} 2 {gpus}\n")


def boxed(lab: GroupLab) -> GroupRun | None:
    """A role on all groups in an image of a registry: each component has a step that brings it."""
    if obstacle("pyxis"):
        return None
    write_image(lab.cluster.directory / "registry" / "watcher")
    job = WATCH.split("command")[0] + 'command = "exec serve {port.http}"\n' + "\n".join(WATCH.splitlines()[4:])
    job += '\n[roles.watch.container]\nimage = "localhost:5000/watcher"\n'
    path = f"{os.environ['PATH']}:{lab.cluster.directory}/etc/bin"
    number = "job.num-nodes = { front = 1, big = 2, small = 2 }\n"
    return lab.run_groups(f"{number}{job}{DECODE}{PREFILL}{SHORT}", env={"PATH": path})


@on_kinds(boxed)
def test_an_image_comes_to_the_nodes_of_all_groups_and_goes(ran: GroupRun | None) -> None:
    if ran is None:
        skip_or_fail(obstacle("pyxis") or "?")
    assert succeeded(ran.run)
    names = sorted(name for own in ran.nodes.values() for name in own)
    imports = (ran.lab.cluster.directory / "registry" / "watcher.imports").read_text().splitlines()
    assert sorted(imports) == names
    assert "image localhost:5000#watcher: on 5 nodes after" in ran.run.output
    assert "is left on some node" not in ran.run.output


def skip_or_fail(reason: str) -> NoReturn:
    if os.environ.get("DYNPLAN_REQUIRE_SLURM") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


# By hand


def interactive(lab: GroupLab) -> GroupRun:
    """The script under salloc, which does not read its directives."""
    nodes = lab.sets.get()
    try:
        folder = lab.write('extends = "cluster.toml"\n' + THREE + SHORT, {"cluster.toml": cluster_text()})
        lab.compile(folder)
        words = ["salloc", "--job-name=test", "--time=3"]
        for group, names in nodes.items():
            gpus = {"front": [], "big": ["--gpus-per-node=8"], "small": ["--gpus-per-node=4"]}[group]
            words += ["--exclusive", "--mem=0", f"--partition={group}", f"--nodelist={','.join(names)}", *gpus, ":"]
        done = lab.cluster.run([*words[:-1], "bash", folder / "job.sbatch"], cwd=folder, check=False, timeout_s=90)
        assert "dynplan: done" in done.stdout, done.stdout + done.stderr
        number = int(done.stderr.split("job allocation ")[-1].split()[0])
        return GroupRun(Run(lab.cluster.job(number), (), folder, done.stdout, {}, 0, 0), nodes, lab)
    finally:
        lab.sets.put(nodes)


@on_kinds(interactive)
def test_under_salloc_the_script_finds_its_components(ran: GroupRun) -> None:
    assert ran.run.directory.joinpath("success-marker.txt").is_file()
    assert len(ran.run.workers) == 12


@on_kinds(three)
def test_slurm_has_no_arrays_of_such_jobs(ran: GroupRun, tmp_path: Path) -> None:
    done = ran.lab.cluster.run(["sbatch", "--array=0-1", ran.run.folder / "job.sbatch"], check=False)
    assert "Invalid job array specification" in done.stderr


@on_kinds(three)
def test_status_finds_the_job_by_any_of_its_components(
    ran: GroupRun,
) -> None:
    number = ran.run.job.id
    texts = []
    for name in (f"{number}", f"{number + 1}", f"{number}+2"):
        argv = [sys.executable, "-m", "dynplan", "status", name]
        texts.append(ran.lab.cluster.run(argv, env={"PYTHONPATH": str(Path(__file__).parents[2])}).stdout)
    assert texts[0].startswith(f"test {number}: done") and set(texts) == {texts[0]}


# Racks and a head: what Slurm's topology says of one component

RACKS = """\
[[cluster.node-groups]]
name = "front"
sbatch = { partition = "front" }

[[cluster.node-groups]]
name = "rack"
gpus-per-node = 4
domain-nodes = 4
gpu-numa = [0, 0, 0, 0]
gpu-nics = ["ib0", "ib0", "ib0", "ib1"]
sbatch = { partition = "rack", segment = SEGMENT }

[roles.router]
command = ["{vars.python}", "{vars.stub}", "--record", "{job.dir}/seen.jsonl"]

[roles.wide]
workers = 2
gpus-per-worker = 12
command = ["{vars.python}", "{vars.stub}", "--record", "{job.dir}/seen.jsonl", "--at", "{numa}/{nics}"]

[roles.narrow]
workers = 2
gpus-per-worker = 3
numa-bind = true
command = ["{vars.python}", "{vars.stub}", "--record", "{job.dir}/seen.jsonl", "--at", "{numa}/{nics}"]
"""
HEADS, ONE_RACK, OTHER_RACK = ([f"n{node}" for node in nodes] for nodes in (range(4), range(4, 12, 2), range(5, 12, 2)))
KNOWS_SEGMENTS = slurm_version() >= (24, 5)
BLOCKS = "blocks" if slurm_version() >= (23, 11) else "switches"


@pytest.fixture(scope="module")
def racks(slurm: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Four nodes without GPUs, and eight of four whose names say nothing of their racks."""
    kinds = [Kind(4, 0, "front"), Kind(8, 4, "rack")]
    blocks = [f"n[{','.join(name[1:] for name in names)}]" for names in (HEADS, ONE_RACK, OTHER_RACK)]
    with Cluster.up(kinds=kinds, blocks=blocks) as cluster:
        yield Lab(cluster, tmp_path_factory.mktemp("racks"))


def on_racks(lab: Lab, job: str, *sbatch: str) -> Run:
    """Run a job on nodes of Slurm's own choice."""
    top = cluster_text().partition("[[cluster")[0]
    folder = lab.write('extends = "top.toml"\n' + job + SHORT, {"top.toml": top})
    nodes = lab.cluster.node_names
    number = lab.cluster.submit(lab.compile(folder), cwd=folder, args=sbatch)
    return Running(lab, number, nodes, folder, lab.strangers(nodes)).end(leave_alone, 60)


def hosts_of(run: Run, role: str) -> list[list[str]]:
    """Return the hosts of each worker of a role, in rank order."""
    found: dict[int, list[str]] = {}
    for (name, worker, _), seen in sorted(run.workers.items()):
        if name == role:
            found.setdefault(worker, []).append(seen.host)
    return list(found.values())


def test_workers_stay_in_the_racks_of_their_component_and_have_the_facts_of_its_nodes(racks: Lab) -> None:
    job = RACKS.replace(", segment = SEGMENT", "" if KNOWS_SEGMENTS else ", segment = false")
    done = on_racks(racks, job)
    lines = (done.folder / "job.sbatch").read_text().partition("#SBATCH hetjob\n")
    assert [("#SBATCH --segment=4" in lines[at]) for at in (0, 2)] == [False, KNOWS_SEGMENTS]
    assert succeeded(done)
    wide, narrow = hosts_of(done, "wide"), hosts_of(done, "narrow")
    assert [set(wide[at] + narrow[at]) for at in range(2)] in [
        [set(ONE_RACK), set(OTHER_RACK)],
        [set(OTHER_RACK), set(ONE_RACK)],
    ]
    assert hosts_of(done, "router")[0][0] in HEADS
    assert {name: seen.argv[-1] for (name, _, _), seen in done.workers.items() if name != "router"} == {
        "wide": "0/ib0,ib1",
        "narrow": "0/ib0",
    }
    assert "bound to NUMA node 0" in done.log("logs/narrow-0.log")


def test_a_worker_across_racks_of_its_component_is_named(racks: Lab) -> None:
    job = RACKS.replace("SEGMENT", "false").partition("[roles.narrow]")[0]
    done = on_racks(racks, job, "--nodes=1", ":", "--nodelist=n[4,6,8,10,5,7]")
    said = f"worker 1 of role wide is in 2 {BLOCKS}, and 1 of 4 nodes would hold it: n10 in b1, n5, n7 in b2"
    if BLOCKS == "blocks":
        assert (done.cause, done.job.exit_code) == (f"preflight: {said}; nothing was started", 65)
    else:
        assert said in done.output
        assert succeeded(done)
