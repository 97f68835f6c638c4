"""A task that gives back what it held, on a real Slurm: engines on the same GPUs and ports, when it is gone."""

from __future__ import annotations

import tomllib

import pytest

from dynplan.checker import check
from tests.slurm.lab import Lab, Run, scenario, succeeded

pytestmark = pytest.mark.slurm

STUB = """
command = ["{vars.python}", "{vars.stub}", "--record", "{job.dir}/seen.jsonl", "%s"]
stop = { grace = "3s" }
"""
ENGINES = f"""
[roles.decode]
after = ["nccl"]
num-nodes = 2
gpus-per-worker = 4
ports = {{ http = {{ fixed = 8000 }} }}
ready = {{ port = "http", path = "/health", timeout = "20s" }}
{STUB % "decode"}

[roles.prefill]
after = ["nccl"]
num-nodes = 2
gpus-per-worker = 4
ports = {{ http = 8000 }}
ready = {{ port = "http", path = "/health", timeout = "20s" }}
{STUB % "prefill"}
"""
PHASE = """
[phases.one]
command = "sleep 1"
"""


def job(command: str, *lines: str) -> str:
    task = f"""
job.num-nodes = "min"

[roles.nccl]
kind = "task"
num-nodes = 2
gpus-per-worker = 8
ports = {{ http = {{ fixed = 8000 }} }}
stop = {{ grace = "3s" }}
command = {command}
"""
    return "\n".join([task, *lines, ENGINES, PHASE])


STUBBED = '["{vars.python}", "{vars.stub}", "--record", "{job.dir}/seen.jsonl", "--exit-after", "1"]'


def in_turns(lab: Lab) -> Run:
    return lab.run(job(STUBBED))


def failing(lab: Lab) -> Run:
    return lab.run(job('"sleep 1; exit $((3 * {worker}))"'))


def slow_to_die(lab: Lab) -> Run:
    """The second worker leaves a process that ignores TERM, in a session of its own, with the fixed port."""
    server = "import signal, socket, time; signal.signal(15, signal.SIG_IGN); s = socket.socket()"
    server += (
        "; s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind((str(), 8000)); s.listen(); time.sleep(99)"
    )
    command = f"test {{worker}} = 0 || setsid {{vars.python}} -c '{server}' & sleep 1"
    return lab.run(job(f'"""{command}"""'))


@scenario(in_turns)
def test_a_task_has_all_gpus_and_then_the_engines_have_them(run: Run) -> None:
    assert succeeded(run)
    first, second = run.nodes
    seen = {place: (worker.host, worker.cuda, worker.ports) for place, worker in run.workers.items()}
    whole = "0,1,2,3,4,5,6,7"
    assert seen == {
        ("nccl", 0, 0): (first, whole, (8000,)),
        ("nccl", 1, 0): (second, whole, (8000,)),
        ("decode", 0, 0): (first, "0,1,2,3", (8000,)),
        ("decode", 1, 0): (second, "0,1,2,3", (8000,)),
        ("prefill", 0, 0): (first, "4,5,6,7", (8001,)),
        ("prefill", 1, 0): (second, "4,5,6,7", (8001,)),
    }


@scenario(in_turns)
def test_the_engines_start_when_the_step_of_the_task_is_over(run: Run) -> None:
    order = [(event.name, event.role) for event in run.events]
    over = order.index(("end", "nccl"))
    assert [event for event in order[:over] if event[1] in ("decode", "prefill")] == []
    assert order.index(("started", "decode")) > over


@scenario(in_turns)
def test_what_is_left_of_the_job_says_who_has_what_in_turns(run: Run) -> None:
    left = tomllib.loads(run.log("plan.toml"))
    assert check(left) == ()
    until = {worker["role"]: worker.get("until") for worker in left["workers"]}
    assert until == {"nccl": ["decode", "prefill"], "decode": None, "prefill": None}


@scenario(failing)
def test_a_task_that_fails_is_the_cause_and_no_engine_starts(run: Run) -> None:
    assert (run.job.state, run.job.exit_code) == ("FAILED", 70)
    assert run.cause.startswith(f"role nccl worker 1 rank 0 on {run.nodes[1]}: exit status 3")
    assert not [event for event in run.events if event.role in ("decode", "prefill")]
    assert run.left == {}


@scenario(slow_to_die)
def test_what_a_task_leaves_behind_is_gone_before_its_port_is_bound_again(run: Run) -> None:
    assert succeeded(run)
    times = {(event.name, event.role, event.task): event for event in run.events}
    order = list(times)
    assert (
        order.index(("exit", "nccl", "1.0"))
        < order.index(("end", "nccl", ""))
        < order.index(("started", "decode", "1.0"))
    )
    assert run.workers["decode", 1, 0].ports == (8000,)
