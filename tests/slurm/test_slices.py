"""Which GPUs each process of a worker sees on a real Slurm, where its slices are not equal ones from 0 up."""

from __future__ import annotations

import pytest

from tests.slurm.lab import Lab, Place, Run, scenario, succeeded

pytestmark = pytest.mark.slurm

STUB = """
command = ["{vars.python}", "{vars.stub}", "--record", "{job.dir}/seen.jsonl", "{gpu-count}", "{= gpus-before }"]
stop = { grace = "1s" }
"""
END = """
[phases.one]
command = "until [ $(wc -l <{job.dir}/seen.jsonl) -ge PROCESSES ]; do sleep 0.2; done"
timeout = "1m"
"""


def filling(lab: Lab) -> Run:
    """Two workers of twelve GPUs on three nodes of eight."""
    role = f"[roles.fill]\nworkers = 2\ngpus-per-worker = 12\nsplit = 'fill'\n{STUB}"
    return lab.run(f"job.num-nodes = 3\n{role}\n{END}".replace("PROCESSES", "4"), 3)


def filling_per_gpu(lab: Lab) -> Run:
    """The same with a process for each GPU: eight on a whole node, four on the shared one."""
    role = f"[roles.fill]\nlaunch = 'per-gpu'\nworkers = 2\ngpus-per-worker = 12\nsplit = 'fill'\n{STUB}"
    return lab.run(f"job.num-nodes = 3\n{role}\n{END}".replace("PROCESSES", "24"), 3)


WHOLE, LOW, HIGH = "0,1,2,3,4,5,6,7", "0,1,2,3", "4,5,6,7"


@scenario(filling)
def test_whole_nodes_and_a_rest_are_seen_by_the_tasks_that_have_them(run: Run) -> None:
    assert succeeded(run)
    first, middle, last = run.nodes
    assert {place: (seen.host, seen.cuda, seen.argv) for place, seen in run.workers.items()} == {
        ("fill", 0, 0): (first, WHOLE, ("8", "0")),
        ("fill", 0, 1): (middle, LOW, ("4", "8")),
        ("fill", 1, 0): (last, WHOLE, ("8", "0")),
        ("fill", 1, 1): (middle, HIGH, ("4", "8")),
    }


@scenario(filling_per_gpu)
def test_nodes_have_as_many_processes_as_the_worker_has_gpus_there(run: Run) -> None:
    assert succeeded(run)
    first, middle, last = run.nodes
    expected: dict[Place, tuple[str, str, str, tuple[str, ...]]] = {}
    for worker, (whole, rest) in enumerate(((first, LOW), (last, HIGH))):
        expected |= {("fill", worker, rank): (whole, WHOLE, str(rank), ("8", "0")) for rank in range(8)}
        expected |= {("fill", worker, 8 + rank): (middle, rest, str(rank), ("4", "8")) for rank in range(4)}
    assert {
        place: (seen.host, seen.cuda, seen.env["DYNPLAN_LOCAL_RANK"], seen.argv) for place, seen in run.workers.items()
    } == expected


def naming(lab: Lab) -> Run:
    """GPUs by index on two nodes, and a role that goes around them."""
    roles = {
        "around": "num-nodes = 2\ngpus-per-worker = 2",
        "pairs": "workers = 4\ngpus = [[0, 1], [4, 5]]",
        "last": "num-nodes = 1\ngpus = [7]",
        "look": 'beside = "last"',
    }
    text = "\n".join(f"[roles.{name}]\n{keys}\n{STUB}" for name, keys in roles.items())
    return lab.run(f"job.num-nodes = 2\n{text}\n{END}".replace("PROCESSES", "8"))


@scenario(naming)
def test_named_gpus_are_seen_by_those_who_name_them_and_others_go_around(run: Run) -> None:
    assert succeeded(run)
    first, second = run.nodes
    assert {place: (seen.host, seen.cuda) for place, seen in run.workers.items()} == {
        ("around", 0, 0): (first, "2,3"),
        ("around", 1, 0): (second, "2,3"),
        ("pairs", 0, 0): (first, "0,1"),
        ("pairs", 1, 0): (first, "4,5"),
        ("pairs", 2, 0): (second, "0,1"),
        ("pairs", 3, 0): (second, "4,5"),
        ("last", 0, 0): (first, "7"),
        ("look", 0, 0): (first, "7"),
    }
