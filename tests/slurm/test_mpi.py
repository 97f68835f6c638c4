"""Roles with a process for each GPU, on a real Slurm with real MPI (Open MPI over PMIx)."""

from __future__ import annotations

import os
import subprocess
import tomllib

import pytest

from dynplan.language.plan_file import outline
from dynplan.views.progress import Left, progress_of
from tests.slurm.lab import Lab, Run, scenario, succeeded

PYTHON = "/usr/bin/python3"  # Debian's, for which python3-mpi4py is

NO_MPI = subprocess.run([PYTHON, "-c", "import mpi4py"], capture_output=True, check=False).returncode != 0
REQUIRED = os.environ.get("DYNPLAN_REQUIRE_SLURM") == "1"

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.skipif(NO_MPI and not REQUIRED, reason="no MPI for Python here: tools/install.sh slurm installs it"),
]

# A worker of ten GPUs on two nodes, after other roles; its command follows.
TEN = """
[job]
env = { OMPI_MCA_mpi_yield_when_idle = "1" }
[roles.decode]
order = 1
launch = "per-gpu"
mpi = "pmix"
workers = 1
gpus-per-worker = 10
ready = { log = "world", timeout = "60s" }
stop = { grace = "1s" }
"""

# Beside it two workers on one node. Debian's Python has MPI for Python.
WORLDS = f"""{TEN}
command = ["{PYTHON}", "-c", "{{vars.say}}\\ntime.sleep(600)", "{{rank}}/{{num-tasks}}", "{{leader.host}}"]
[vars]
say = '''
import os, sys, time
from mpi4py import MPI
world = MPI.COMM_WORLD
print("world", world.rank, world.allreduce(1), os.environ["CUDA_VISIBLE_DEVICES"], *sys.argv[1:], flush=True)
'''
[roles.prefill]
launch = "per-gpu"
mpi = "pmix"
num-nodes = 1
workers-per-node = 2
gpus-per-worker = 4
ports = {{ http = 8000 }}
command = ["{PYTHON}", "-c", "{{vars.say}}\\ntime.sleep(600)", "{{rank}}/{{num-tasks}}", "{{port.http}}"]
leader-args = ["leader"]
ready = {{ log = "world", timeout = "60s", on = "every-task" }}
stop = {{ grace = "1s" }}
[phases.client]
command = "true"
"""


def worlds(lab: Lab) -> Run:
    return lab.run(WORLDS, nodes=3)


@scenario(worlds)
def test_every_worker_is_an_mpi_world_of_its_own_with_a_process_for_each_gpu(run: Run) -> None:
    assert succeeded(run)
    slices, ports = {0: "0,1,2,3", 1: "4,5,6,7"}, {0: 8000, 1: 8001}
    for worker in (0, 1):
        for rank in range(4):
            leader = " leader" if rank == 0 else ""
            line = f"world {rank} 4 {slices[worker]} {rank}/4 {ports[worker]}{leader}\n"
            assert run.log(f"logs/prefill-{worker}.{rank}.log").endswith(line)
    for rank in range(10):
        line = f"world {rank} 10 0,1,2,3,4 {rank}/10 {run.nodes[1]}\n"
        assert run.log(f"logs/decode-0.{rank}.log").endswith(line)


@scenario(worlds)
def test_what_is_left_of_them_has_one_entry_for_each_node(run: Run) -> None:
    plan = tomllib.loads(run.log("plan.toml"))
    found = {
        (worker["role"], worker["worker"]): [(task["rank"], task["node"], task["gpus"]) for task in worker["tasks"]]
        for worker in plan["workers"]
    }
    assert found == {
        ("prefill", 0): [(0, 0, [0, 1, 2, 3])],
        ("prefill", 1): [(0, 0, [4, 5, 6, 7])],
        ("decode", 0): [(0, 1, [0, 1, 2, 3, 4]), (1, 2, [0, 1, 2, 3, 4])],
    }


@scenario(worlds)
def test_status_knows_a_task_for_each_gpu(run: Run) -> None:
    tree = tomllib.loads(run.log("plan.toml"))
    seen = progress_of(Left("out", run.log("events.log"), outline(tree), tree, "done", None))
    tasks = {
        (role.name, each.worker): [task.node for task in each.tasks] for role in seen.roles for each in role.workers
    }
    first, *two = run.nodes
    assert tasks == {
        ("prefill", 0): [first] * 4,
        ("prefill", 1): [first] * 4,
        ("decode", 0): [host for host in two for _ in range(5)],
    }
    assert [role.ready_workers for role in seen.roles] == [2, 1]


DYING = f"""{TEN}
command = ["{PYTHON}", "-c", '''
import os, time
from mpi4py import MPI
world = MPI.COMM_WORLD
print("world", world.allreduce(1), flush=True)
time.sleep(3)
if world.rank == 7:
    print("lost my way", flush=True)
    {{vars.end}}
world.barrier()
''']
[phases.client]
command = ["sleep", "60"]
"""


def exits(lab: Lab) -> Run:
    return lab.run(DYING + "[vars]\nend = 'os._exit(3)'\n", nodes=2)


def aborts(lab: Lab) -> Run:
    return lab.run(DYING + "[vars]\nend = 'world.Abort(3)'\n", nodes=2)


@scenario(exits)
def test_a_rank_that_ends_is_named(run: Run) -> None:
    assert (run.job.state, run.job.exit_code) == ("FAILED", 70), run.output
    assert run.cause.startswith(f"role decode worker 0 rank 7 on {run.nodes[1]}: exit status 3"), run.output
    assert "lost my way" in run.output
    assert run.left == {}


@scenario(aborts)
def test_of_a_world_that_is_aborted_the_log_that_says_so_is_shown(run: Run) -> None:
    """Slurm kills all of its processes at once: nobody is left to say which of them it was."""
    assert (run.job.state, run.job.exit_code) == ("FAILED", 70), run.output
    assert run.cause.startswith("role decode: srun ended with status 3 and no word from worker 0.0 on "), run.output
    assert "a rank has aborted its MPI world, or Slurm the step; log " in run.cause
    assert run.cause.endswith("/logs/decode-0.7.log")
    assert "lost my way" in run.output
    assert run.left == {}
