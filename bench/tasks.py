"""What a task takes on its node: the preflight, and the wrapper around a worker.

    python -m bench.tasks              # as root

A compiled script runs up to its srun, a stand-in, which keeps what it was to start; that runs here, in namespaces
that are a node with nothing else on it, with 1,000 processes, or with 200 sockets. Of several runs the least counts.
"""

from __future__ import annotations

from collections.abc import Iterator

from bench.batch import Batch, Step
from bench.costs import Row, obstacle, show
from bench.node import GPUS, Node

SIZES = (10, 200, 2000, 8000)  # tasks of the job, for the preflight
PREFLIGHTS = 10
NODES = 32
WORKERS = NODES * GPUS
OTHERS = 1000  # processes
SOCKETS = 200
RUNS = 15


def rows() -> Iterator[Row]:
    """Measure."""
    if reason := obstacle():
        yield Row("what a task takes on its node", f"not measured: {reason}")
        return
    for tasks in SIZES:
        yield Row(f"preflight of a job of {tasks:,} tasks, CPU on a node", f"{1000 * preflight(tasks):.1f} ms", "30 ms")
    busy = preflight(SIZES[0], SOCKETS)
    yield Row(f"the same, {SIZES[0]} tasks, where {SOCKETS} sockets listen", f"{1000 * busy:.1f} ms", "30 ms")
    with Batch.up(NODES, WORKERS) as batch, Node.up(NODES) as empty, Node.up(NODES, OTHERS) as full:
        first = batch.step()
        task = first.task(NODES - 1)
        _, said = empty.run(task)
        first.say(first.as_others(said, task, range(NODES)))
        first.end()
        role = batch.step()
        starts, ends = worker(empty, role)
        yield Row(f"a worker from srun to running, {WORKERS} in the job, CPU", f"{starts:.1f} ms", "8 ms")
        yield Row("a worker's end, CPU, on a node without other processes", f"{ends:.1f} ms")
        _, ends = worker(full, role)
        yield Row(f"a worker's end, CPU, on a node of {OTHERS:,} processes", f"{ends:.1f} ms", "10 ms")


def preflight(tasks: int, sockets: int = 0) -> float:
    """Return the CPU seconds of the preflight on the last node, of several runs the least."""
    nodes = -(-tasks // GPUS)
    with Batch.up(nodes, tasks) as batch, Node.up(nodes, sockets=sockets) as node:
        task = batch.step().task(nodes - 1)
        return min(node.run(task)[0] for _ in range(PREFLIGHTS))


def worker(node: Node, role: Step) -> tuple[float, float]:
    """Return the CPU milliseconds of a worker up to its being ready, and from being told to stop to its end."""
    runs = [node.work(role.task(WORKERS - 1)) for _ in range(RUNS)]
    return 1000 * min(run.start_s for run in runs), 1000 * min(run.end_s for run in runs)


if __name__ == "__main__":
    show(rows())
