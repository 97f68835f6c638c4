"""How far a job has come: from what it has left in its output directory to who is ready, who is not, and since when."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from attrs import evolve, frozen

from dynplan.model import Outline, Record
from dynplan.views.events import PHASE, PREFLIGHT, Event, read_events
from dynplan.views.seen import ENDS, PhaseSeen, RoleSeen, TaskSeen, WorkerSeen
from dynplan.views.slurm import SlurmJob

MARK = "dynplan: FAILED: "
# What an event makes of its task; of the others its state does not depend.
_STATES = {
    "queued": "queued",
    "started": "starting",
    "ready": "ready",
    "healthy": "ready",
    "restart": "restarting",
    "failed": "failed",
    "excused": "excused",
    "exit": "ended",
    "stopped": "stopped",
}
_LAST = ("failed", "excused")  # an end after these does not take the blame away
_LONGEST_END_S = 120  # of silence: who is not heard of by then was lost with its node
# The state of a worker is the first of these that one of its tasks has.
_ORDER = ("failed", "excused", "restarting", "not started", "queued", "starting", "stopped", "ended", "ready")


@frozen(eq=False, repr=False)
class Left(Record):
    """What a job has left in its output directory, and what Slurm says of it.

    Attributes:
        directory: where, as it was named.
        events: text of events.log, empty where there is none yet.
        outline: plan.toml, None where it is not there yet.
        tree: the same as tables, of which `outline` takes no more than the places.
        success: text of success-marker.txt, None where it is not there.
        failure: text of failure-marker.txt.
        code: text of exit-code.txt.
        slurm: the job as the controller knows it, None where nobody could be asked.
    """

    directory: str
    events: str
    outline: Outline | None
    tree: Mapping[str, Any]
    success: str | None
    failure: str | None
    code: str | None = None
    slurm: SlurmJob | None = None


@frozen(eq=False, repr=False)
class Progress(Record):
    """How far a job has come.

    Attributes:
        name: of the job; empty where the plan has not said it yet.
        job_id: Slurm's number of it, the same.
        directory: its output directory, empty where it has none yet.
        state: `done`, `failed`, `running`, `lost` (Slurm has ended it, and it has left no marker), or
            `unfinished` where no marker is there and nobody could be asked.
        stage: `preflight`, `starting`, `phases` or `running`: what it does, or has done last.
        cause: why it has failed, or what first failed in it so far.
        code: the exit code that goes with it, None where it is not known.
        log: the log that tells more of it, as the job named it.
        tail: the end of that log, as the job has kept it.
        began: the first event, None where there is none.
        latest: the last one.
        ready: when the last role was ready, before the first phase.
        nodes: how many nodes it has, None where the plan has not said it yet.
        answered: how many of them have answered.
        problems: what the preflight has found.
        roles: in the plan's order.
        phases: the same.
        slurm: as in `Left`.
    """

    name: str
    job_id: str
    directory: str
    state: str
    stage: str
    cause: str
    code: int | None
    log: str
    tail: str
    began: datetime | None
    latest: datetime | None
    ready: datetime | None
    nodes: int | None
    answered: int
    problems: tuple[str, ...]
    roles: tuple[RoleSeen, ...]
    phases: tuple[PhaseSeen, ...]
    slurm: SlurmJob | None


@frozen(eq=False, repr=False)
class _Expected(Record):
    """What the plan says must come: tasks and limits of roles, limits of phases. Older plans do not say it."""

    tasks: Mapping[str, int]
    timeouts: Mapping[str, int]
    after: Mapping[str, tuple[str, ...]]
    phases: Mapping[str, int]


def progress_of(left: Left) -> Progress:
    """Return how far a job has come by what it has left; anything may be missing, and the last line be half written."""
    events = read_events(left.events)
    expected = _expected(left.tree.get("expected"))
    roles = tuple(_roles(events, left.outline, expected))
    code, cause, log, tail = _cause(left.failure, events)
    phases = tuple(_phases(events, expected, cause))
    first_phase = min((phase.started for phase in phases if phase.started is not None), default=None)
    state = _state(left)
    job = left.tree.get("job")
    return Progress(
        name=_text(job, "name") or (left.slurm.name if left.slurm else ""),
        job_id=_text(job, "id") or (left.slurm.job_id if left.slurm else ""),
        directory=left.directory,
        state=state,
        stage=_stage(events, roles, phases),
        cause="" if state == "done" else cause,
        code=_code(left, state, code),
        log=log,
        tail=tail,
        began=events[0].time if events else None,
        latest=events[-1].time if events else None,
        ready=_all_ready(roles, first_phase),
        nodes=len(left.outline.nodes) if left.outline else None,
        answered=len({event.rank for event in events if event.part == PREFLIGHT and event.name == "node"}),
        problems=tuple(event.detail for event in events if event.name == "problem"),
        roles=roles,
        phases=phases,
        slurm=left.slurm,
    )


def _state(left: Left) -> str:
    if left.success is not None:
        return "done"
    if left.failure is not None:
        return "failed"
    if left.slurm is None:
        return "unfinished"
    return "running" if left.slurm.is_active else "lost"


def _stage(events: Sequence[Event], roles: Iterable[RoleSeen], phases: Iterable[PhaseSeen]) -> str:
    if any(phase.started for phase in phases):
        return "phases"
    if not any(event.worker is not None for event in events):
        return "preflight"
    return "running" if all(role.known and role.ready for role in roles) else "starting"


def _all_ready(roles: Sequence[RoleSeen], first_phase: datetime | None) -> datetime | None:
    times = [role.ready for role in roles]
    known = [time for time in times if time is not None and (first_phase is None or time <= first_phase)]
    return max(known) if known and (len(known) == len(times) or first_phase is not None) else None


# What the plan says


def _expected(rows: object) -> _Expected:
    tasks, timeouts, phases = dict[str, int](), dict[str, int](), dict[str, int]()
    after = dict[str, tuple[str, ...]]()
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, Mapping) and (name := _text(row, "role")):
            tasks[name] = _count(row, "tasks")
            timeouts[name] = _count(row, "ready-timeout")
            earlier = row.get("after")
            after[name] = tuple(str(each) for each in earlier) if isinstance(earlier, list) else ()
        elif isinstance(row, Mapping) and (name := _text(row, "phase")):
            phases[name] = _count(row, "timeout")
    return _Expected(tasks, timeouts, after, phases)


def _text(table: object, key: str) -> str:
    value = table.get(key) if isinstance(table, Mapping) else None
    return value if isinstance(value, str) else ""


def _count(table: Mapping[str, Any], key: str) -> int:
    value = table.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0


def is_over(found: Progress, now: datetime) -> bool:
    """Tell whether nothing more is to come: a job that has failed still stops its workers, for a while at most."""
    if found.state == "failed" and found.latest is not None:
        still = any(task.started and task.state not in ENDS for role in found.roles for task in role.tasks)
        return not still or (now - found.latest).total_seconds() > _LONGEST_END_S
    return found.state in ("done", "failed", "lost")


def end_of(found: Progress, now: datetime) -> datetime:
    """Return until when something that is not over lasts: now, or the last word of a job that has ended."""
    return found.latest if found.latest and found.state in ("done", "failed", "lost") else now


# Roles


def _roles(events: Sequence[Event], outline: Outline | None, expected: _Expected) -> Iterator[RoleSeen]:
    seen = _tasks(events)
    places = _places(outline)
    for role in dict.fromkeys([*places, *seen]):
        known, tasks = places.get(role, {}), seen.get(role, {})
        numbers = sorted({*known, *tasks})
        ranks = -(-expected.tasks.get(role, 0) // max(1, len(known)))
        workers = (_worker(each, tasks.get(each, {}), known.get(each, ()), ranks) for each in numbers)
        yield RoleSeen(role, bool(known), tuple(workers), expected.after.get(role, ()), expected.timeouts.get(role, 0))


def _places(outline: Outline | None) -> dict[str, dict[int, tuple[str, ...]]]:
    """Return the hosts of each worker's tasks, by role and worker."""
    found: dict[str, dict[int, tuple[str, ...]]] = {}
    for worker in outline.workers if outline else ():
        hosts = tuple((outline.nodes[task.node].host or "") if outline else "" for task in worker.tasks)
        found.setdefault(worker.role, {})[worker.worker] = hosts
    return found


def _worker(number: int, tasks: Mapping[int, TaskSeen], hosts: Sequence[str], ranks: int) -> WorkerSeen:
    """Return a worker with a task for each rank; of a role with a task for each GPU `ranks` is more than its hosts."""
    ranks = ranks or len(hosts)
    each = max(1, ranks // max(1, len(hosts)))
    found = tuple(
        tasks.get(rank) or TaskSeen(rank, _host(hosts, rank // each), "not started", None, "")
        for rank in sorted({*range(ranks), *tasks})
    )
    states = {task.state for task in found}
    return WorkerSeen(number, next(state for state in _ORDER if state in states), found)


def _host(hosts: Sequence[str], at: int) -> str:
    return hosts[min(at, len(hosts) - 1)] if hosts else ""


def _tasks(events: Iterable[Event]) -> dict[str, dict[int, dict[int, TaskSeen]]]:
    """Return what each task does, by role, worker and rank."""
    found: dict[str, dict[int, dict[int, TaskSeen]]] = {}
    for event in events:
        if event.worker is None or event.rank is None or event.part.startswith((":", PHASE)):
            continue
        tasks = found.setdefault(event.part.partition("/")[0], {}).setdefault(event.worker, {})
        before = tasks.get(event.rank) or TaskSeen(event.rank, event.node, "not started", None, "")
        tasks[event.rank] = _after(before, event)
    return found


def _after(task: TaskSeen, event: Event) -> TaskSeen:
    """Return a task after one more event."""
    state = _STATES.get(event.name, task.state)
    status = _status(event.detail) if event.name == "exit" else None
    if state in ENDS and task.state in _LAST:
        if event.name not in ("exit", "stopped"):
            return task
        return evolve(task, ended=task.ended or event.time, status=status if task.ended is None else task.status)
    same = state == task.state
    return evolve(
        task,
        node=event.node or task.node,
        state=state,
        since=task.since if same else event.time,
        detail=task.detail if same else event.detail,
        started=task.started or (event.time if event.name == "started" else None),
        ready=task.ready or (event.time if event.name == "ready" else None),
        ended=event.time if event.name in ("exit", "stopped") else None,
        restarts=task.restarts + (event.name == "restart"),
        status=status,
    )


# Phases


def _phases(events: Sequence[Event], expected: _Expected, cause: str) -> Iterator[PhaseSeen]:
    own: dict[str, list[Event]] = {name: [] for name in expected.phases}
    for event in events:
        if event.part.startswith(PHASE):
            own.setdefault(event.part.removeprefix(PHASE), []).append(event)
    for name, some in own.items():
        found = _phase(name, some, expected.phases.get(name, 0))
        # One that took too long is stopped like any other; only the cause says so.
        blamed = found.state == "stopped" and cause.startswith(f"phase {name} on ")
        yield evolve(found, state="failed") if blamed else found


def _phase(name: str, events: Sequence[Event], timeout_s: int) -> PhaseSeen:
    started = next((event for event in events if event.name == "started"), None)
    ended = next((event for event in events if event.name in ("exit", "failed", "stopped", "end")), None)
    status = _status(ended.detail) if ended and ended.name in ("exit", "failed") else None
    state = "running" if started else "not started"
    if ended:
        state = "stopped" if ended.name in ("stopped", "end") else "failed" if status else "done"
    return PhaseSeen(
        name,
        started.node if started else "",
        state,
        status,
        started.time if started else None,
        ended.time if ended else None,
        timeout_s,
    )


def _status(detail: str) -> int | None:
    """Return the number that stands first in a detail: `3 phase bench on n0: exit status 3; log ...`."""
    first = detail.partition(" ")[0]
    return int(first) if first.isascii() and first.isdecimal() and len(first) < 4 else None


# The cause


def _code(left: Left, state: str, by_event: int | None) -> int | None:
    """Return the exit code of a job: as its file says, or until that is there an event, or Slurm."""
    if state == "done":
        return 0
    if left.code is not None and (code := _status(left.code.strip())) is not None:
        return code
    if by_event is not None:
        return by_event
    return left.slurm.code if left.slurm is not None else None


def _cause(failure: str | None, events: Iterable[Event]) -> tuple[int | None, str, str, str]:
    """Return exit code, cause, its log, and the end of that: by the marker, or by what first failed."""
    blamed = [event for event in events if event.name == "failed" or _is_bad_phase(event)]
    if failure is None:
        if not blamed:
            return None, "", "", ""
        text, _, log = blamed[0].detail.partition("; log ")
        return _status(text), text.partition(" ")[2], log, ""
    first, _, tail = failure.partition("\n")
    whole = first.partition(MARK)[2] or first
    code = next((_status(event.detail) for event in blamed if event.detail.partition(" ")[2] == whole), None)
    cause, _, log = whole.partition("; log ")
    return code, cause, log, tail.partition("\n")[2]


def _is_bad_phase(event: Event) -> bool:
    return event.name == "exit" and event.part.startswith(PHASE) and bool(_status(event.detail))
