"""What the batch script takes for itself, in a job of 8,000 workers on 1,000 nodes that is not started.

    python -m bench.script             # as root

Its srun is a stand-in that says what all tasks would say, so that nothing else needs CPU; what they say comes
from one task that does run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from bench.batch import Batch, Step
from bench.costs import Row, obstacle, show
from bench.node import GPUS, Node

NODES = 1000
WORKERS = NODES * GPUS
JOB = f"{NODES:,} nodes x {GPUS} workers"
STARTS = f"{JOB}: from the end of preflight to the first role's srun, CPU of the batch script"
RUNS = 5


def rows() -> Iterator[Row]:
    """Measure."""
    if reason := obstacle():
        yield Row(STARTS, f"not measured: {reason}", "1 s")
        return
    with Node.up(NODES) as node:
        with Batch.up(NODES, WORKERS) as batch:
            seconds, role = start(batch, node)
            yield Row(STARTS, f"{seconds:.2f} s", "1 s")
            workers = [node.work(role.task(WORKERS - 1)) for _ in range(RUNS)]
            events, event_s = hear(batch, role, workers[0].said)
        with Batch.up(NODES, WORKERS, metrics=True) as batch:
            seconds, _ = start(batch, node)
            yield Row("the same, each worker with `metrics`", f"{seconds:.2f} s", "1 s")
    yield Row(f"{JOB}: an event at the batch script, CPU, mean of {events:,}", f"{1000 * event_s:.3f} ms", "0.1 ms")
    starts = min(worker.start_s for worker in workers)
    yield Row(f"{JOB}: a worker from srun to running, CPU", f"{1000 * starts:.1f} ms", "8 ms")


def start(batch: Batch, node: Node) -> tuple[float, Step]:
    """Let the preflight end well; return the script's CPU seconds from its last word to the next srun, and that."""
    preflight = batch.step()
    task = preflight.task(NODES - 1)
    _, said = node.run(task)
    *others, last = preflight.as_others(said, task, range(NODES))
    preflight.say(others)
    before = batch.group.settled_s()
    preflight.say([last])
    preflight.end()
    role = batch.step()
    return role.cpu_s - before, role


def hear(batch: Batch, role: Step, said: Sequence[str]) -> tuple[int, float]:
    """Let all tasks start, and all but the last one be ready; return the events, and the script's CPU for each."""
    task = role.task(WORKERS - 1)
    events = list(chain.from_iterable(role.as_others([line], task, range(WORKERS)) for line in said))[:-1]
    seconds, heard = batch.group.settled_s(), batch.events()
    role.say(events)
    seconds = batch.group.settled_s() - seconds
    assert batch.events() - heard == len(events)
    return len(events), seconds / len(events)


if __name__ == "__main__":
    show(rows())
