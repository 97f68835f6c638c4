"""When everything began, was ready and ended: lanes of bars on one scale of time, equal workers of many in one lane."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from attrs import frozen

from dynplan.model import Record
from dynplan.views.durations import duration, seconds_between
from dynplan.views.progress import Progress, end_of
from dynplan.views.seen import PhaseSeen, RoleSeen, WorkerSeen

MOST_LANES = 48  # of a job whose every worker has one; in a larger one those of a role share one
_MOST_APART = 8  # workers of a role that have a lane each all the same
_MOST_BLAMED = 5  # of a role that shares a lane: those that failed have lanes of their own
_MOST_TICKS = 8
_PLACES = 6  # of a share: a tenth of a pixel is enough
_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)


@frozen(eq=False, repr=False)
class Bar(Record):
    """A stretch of a lane, in shares of the scale: `kind` is that of a worker or phase."""

    kind: str
    left: float
    width: float
    title: str


@frozen(eq=False, repr=False)
class Lane(Record):
    """One line: a worker, a phase, or a whole role with how many of it were started and ready over time.

    `started` and `ready` are corners of steps, a share of the scale and a share of the workers; empty for one worker.
    """

    part: str
    name: str
    note: str
    bars: tuple[Bar, ...]
    started: tuple[tuple[float, float], ...] = ()
    ready: tuple[tuple[float, float], ...] = ()


@frozen(eq=False, repr=False)
class Timeline(Record):
    """Lanes of roles and of phases; `marks` are ticks of the scale, and `first_phase` where the first phase began."""

    roles: tuple[Lane, ...]
    phases: tuple[Lane, ...]
    marks: tuple[tuple[float, str], ...]
    first_phase: float | None


@frozen
class _Scale:
    """From the first event to the end."""

    began: datetime
    end: datetime

    @property
    def seconds(self) -> int:
        return max(1, seconds_between(self.began, self.end))

    def at(self, time: datetime) -> float:
        """Return where a time stands, from 0 to 1."""
        return round(min(1.0, max(0.0, (time - self.began).total_seconds() / self.seconds)), _PLACES)


def timeline_of(found: Progress, now: datetime) -> Timeline:
    """Return the lanes of a job; none before its first event."""
    if found.began is None:
        return Timeline((), (), (), None)
    end = max(found.began, end_of(found, now))
    scale = _Scale(found.began, end)
    together = sum(len(role.workers) for role in found.roles) > MOST_LANES
    starts = [phase.started for phase in found.phases if phase.started is not None]
    return Timeline(
        roles=tuple(lane for role in found.roles for lane in _role(role, scale, together=together)),
        phases=tuple(_phase(phase, scale) for phase in found.phases),
        marks=tuple(_marks(scale)),
        first_phase=scale.at(min(starts)) if starts else None,
    )


def _marks(scale: _Scale) -> Iterator[tuple[float, str]]:
    """Yield round times since the beginning."""
    step = next((step for step in _STEPS_S if scale.seconds / step <= _MOST_TICKS), None)
    if step is None:
        step = -(-scale.seconds // _MOST_TICKS // 86400) * 86400 or 86400
    for seconds in range(0, scale.seconds + 1, step):
        yield scale.at(scale.began + timedelta(seconds=seconds)), duration(seconds)


# Roles


def _role(role: RoleSeen, scale: _Scale, *, together: bool) -> Iterator[Lane]:
    if not together or len(role.workers) <= _MOST_APART:
        for worker in role.workers:
            yield _worker(role, worker, scale)
        return
    yield _many(role, scale)
    blamed = [worker for worker in role.workers if worker.state == "failed"]
    for worker in blamed[:_MOST_BLAMED]:
        yield _worker(role, worker, scale)


def _worker(role: RoleSeen, worker: WorkerSeen, scale: _Scale) -> Lane:
    name = f"{role.name} {worker.worker}"
    return Lane(role.name, name, _note(worker), tuple(_bars(name, worker, scale)))


def _note(worker: WorkerSeen) -> str:
    if worker.started is None:
        return "not started"
    if worker.ready is None:
        return worker.state if worker.state != "starting" else "not ready"
    took = f"ready after {duration(seconds_between(worker.started, worker.ready))}"
    return f"{took}, failed" if worker.state == "failed" else took


def _bars(name: str, worker: WorkerSeen, scale: _Scale) -> Iterator[Bar]:
    if worker.started is None:
        return
    end = worker.ended or scale.end
    ready = min(worker.ready or end, end)
    took = duration(seconds_between(worker.started, ready))
    yield _bar("starting", worker.started, ready, scale, f"{name}: starting for {took}")
    if worker.ready is not None:
        yield _bar("ready", ready, end, scale, f"{name}: ready for {duration(seconds_between(ready, end))}")
    if worker.state == "failed":
        failed = min((task.since for task in worker.tasks if task.state == "failed" and task.since), default=end)
        yield _bar("failed", failed, failed, scale, f"{name}: failed")


def _bar(kind: str, begin: datetime, end: datetime, scale: _Scale, title: str) -> Bar:
    left = scale.at(begin)
    return Bar(kind, left, round(max(0.0, scale.at(end) - left), _PLACES), title)


def _many(role: RoleSeen, scale: _Scale) -> Lane:
    times = sorted(
        seconds_between(worker.started, worker.ready)
        for worker in role.workers
        if worker.started is not None and worker.ready is not None
    )
    note = f"{role.ready_once} of {len(role.workers)} ready"
    if times:
        note += f", half within {duration(times[len(times) // 2])}, all within {duration(times[-1])}"
    begun = [worker.started for worker in role.workers if worker.started is not None]
    up = [worker.ready for worker in role.workers if worker.ready is not None]
    started_ends = [worker.ended for worker in role.workers if worker.started and worker.ended]
    ready_ends = [worker.ended for worker in role.workers if worker.ready and worker.ended]
    return Lane(
        role.name,
        f"{role.name}, {len(role.workers)} workers",
        note,
        (),
        tuple(_steps(begun, started_ends, len(role.workers), scale)),
        tuple(_steps(up, ready_ends, len(role.workers), scale)),
    )


def _steps(
    more: Iterable[datetime], less: Iterable[datetime], workers: int, scale: _Scale
) -> Iterator[tuple[float, float]]:
    """Yield the corners of how many there are over time, from nothing to nothing."""
    changes = dict[datetime, int]()
    for time in more:
        changes[time] = changes.get(time, 0) + 1
    for time in less:
        changes[time] = changes.get(time, 0) - 1
    count = 0
    for time in sorted(changes):
        yield scale.at(time), count / workers
        count += changes[time]
        yield scale.at(time), count / workers
    if count and changes:
        yield 1.0, count / workers
        yield 1.0, 0.0


# Phases


def _phase(phase: PhaseSeen, scale: _Scale) -> Lane:
    if phase.started is None:
        return Lane(phase.name, phase.name, phase.state, ())
    end = phase.ended or scale.end
    took = duration(seconds_between(phase.started, end))
    status = f" with {phase.status}" if phase.status else ""
    note = f"{phase.state}{status} after {took}" if phase.ended else f"running for {took}"
    return Lane(phase.name, phase.name, note, (_bar(phase.state, phase.started, end, scale, f"{phase.name}: {note}"),))


def slowest(roles: Sequence[RoleSeen]) -> tuple[RoleSeen, WorkerSeen] | None:
    """Return the worker that was ready last of all, with its role."""
    found = [(worker.ready, role, worker) for role in roles for worker in role.workers if worker.ready is not None]
    if not found:
        return None
    _, role, worker = max(found, key=lambda each: each[0])
    return role, worker
