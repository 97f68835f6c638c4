"""What a run has cost: GPU-hours before its first phase, by what the GPUs did meanwhile."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from attrs import frozen

from dynplan.model import Outline, Record
from dynplan.views.durations import seconds_between
from dynplan.views.progress import Progress, end_of
from dynplan.views.seen import RoleSeen, WorkerSeen
from dynplan.views.status import as_tree
from dynplan.views.turns import in_order, until_of


@frozen(eq=False, repr=False)
class Numbers(Record):
    """GPU-seconds of the whole allocation from its first event until `until`, the start of the first phase.

    Attributes:
        gpus: of all nodes; `used` of them belong to a worker.
        until: the start of the first phase; in a job without one, when everything was ready, or the end.
        before_s: all of them together: the next four.
        before_start_s: GPUs whose worker had not been started yet: the first, or the next after a task that has ended.
        starting_s: GPUs whose worker was started, and not ready.
        waiting_s: GPUs whose worker was ready, and waited for others.
        unused_s: GPUs of no worker.
    """

    gpus: int
    used: int
    until: datetime | None
    before_s: int
    before_start_s: int
    starting_s: int
    waiting_s: int
    unused_s: int


def numbers_of(found: Progress, outline: Outline | None, now: datetime) -> Numbers:
    """Return what a run has cost before its first phase; `now` is the end of one that has come no further."""
    gpus = sum(node.gpus for node in outline.nodes) if outline else 0
    owners = _owners(outline)
    used = sum(owners.values())
    if found.began is None:
        return Numbers(gpus, used, None, 0, 0, 0, 0, 0)
    began, until = found.began, _until(found, now)
    seen = {(role.name, worker.worker): worker for role, worker in _workers(found)}
    turns = until_of(outline) if outline else {}
    before = starting = waiting = 0
    for names, count in owners.items():
        ready = began
        # It may be given back and be somebody else's then: until that one starts, it waits for a worker again.
        for at_once in in_order(names, turns):
            own = [seen[name] for name in at_once if name in seen]
            # Of several that share a GPU it waits for the first to start, and for the last to be ready.
            started = max(ready, min([until, *(worker.started for worker in own if worker.started is not None)]))
            before += count * seconds_between(ready, started)
            ready = max(started, min(until, max([worker.ready or until for worker in own], default=until)))
            starting += count * seconds_between(started, ready)
        waiting += count * seconds_between(ready, until)
    whole = seconds_between(began, until)
    return Numbers(gpus, used, until, whole * gpus, before, starting, waiting, whole * (gpus - used))


def _owners(outline: Outline | None) -> Mapping[tuple[tuple[str, int], ...], int]:
    """Return how many GPUs have the same owners, by these: roles and numbers of workers."""
    by_gpu: dict[tuple[int, int], list[tuple[str, int]]] = {}
    for worker in outline.workers if outline else ():
        for task in worker.tasks:
            for gpu in task.gpus:
                if outline is not None and gpu < outline.nodes[task.node].gpus:
                    by_gpu.setdefault((task.node, gpu), []).append((worker.role, worker.worker))
    return Counter(map(tuple, by_gpu.values()))


def gpus_of(outline: Outline | None) -> Mapping[tuple[str, int], int]:
    """Return how many GPUs each worker has, by role and number."""
    workers = outline.workers if outline else ()
    return {(worker.role, worker.worker): sum(len(task.gpus) for task in worker.tasks) for worker in workers}


def hours(gpu_seconds: int) -> float:
    """Return GPU-seconds as GPU-hours, to a hundredth."""
    return round(gpu_seconds / 3600, 2)


def report_tree(found: Progress, outline: Outline | None, now: datetime) -> dict[str, Any]:
    """Return what status says as data, the numbers, and when each worker was started, ready and at its end."""
    numbers = numbers_of(found, outline, now)
    sizes = gpus_of(outline)
    return {
        **as_tree(found, now),
        "gpus": {"of-the-job": numbers.gpus, "used": numbers.used},
        "gpu-hours-before-first-phase": {
            "all": hours(numbers.before_s),
            "not-started": hours(numbers.before_start_s),
            "starting": hours(numbers.starting_s),
            "ready-and-waiting": hours(numbers.waiting_s),
            "unused": hours(numbers.unused_s),
        },
        "workers": [
            {
                "role": role.name,
                "worker": worker.worker,
                "gpus": sizes.get((role.name, worker.worker)),
                "state": worker.state,
                "started": _iso(worker.started),
                "ready": _iso(worker.ready),
                "ended": _iso(worker.ended),
            }
            for role, worker in _workers(found)
        ],
    }


def _until(found: Progress, now: datetime) -> datetime:
    phases = [phase.started for phase in found.phases if phase.started is not None]
    return min(phases, default=found.ready or end_of(found, now))


def _workers(found: Progress) -> Iterator[tuple[RoleSeen, WorkerSeen]]:
    return ((role, worker) for role in found.roles for worker in role.workers)


def _iso(time: datetime | None) -> str | None:
    return time.isoformat() if time else None
