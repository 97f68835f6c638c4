"""How far a job has come, for a terminal or as data for other tools."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from textwrap import wrap
from typing import Any

from dynplan.diagnostics import counted
from dynplan.diagnostics.paint import PLAIN, Paint
from dynplan.diagnostics.visible import visible
from dynplan.views.durations import clock, duration, seconds_between
from dynplan.views.progress import Progress, end_of
from dynplan.views.seen import ENDS, PhaseSeen, RoleSeen, TaskSeen, WorkerSeen

_WIDTH = 80
_MOST_TASKS = 5  # of a role that are told one by one
_MOST_PROBLEMS = 8
_LONGEST = 1000  # of a cause
_UNREADY = ("not started", "queued", "starting", "restarting", "failed", "excused")

_Row = tuple[str, str, str]


def as_text(found: Progress, now: datetime, paint: Paint = PLAIN) -> str:
    """Return the progress as text that ends in a newline.

    Args:
        found: the progress.
        now: the time of whoever looks, with its offset from UTC.
        paint: paints for a terminal.
    """
    end = end_of(found, now)
    parts = [_head(found, end, paint), list(_failure(found, paint)), list(_roles(found, end, paint))]
    parts += [list(_unready(found, end, paint)), list(_phases(found, end, paint))]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


# The head


_KINDS = {"done": "good", "ready": "good", "running": "note", "starting": "note", "failed": "error", "lost": "error"}


def _kind(state: str) -> str:
    """Return what a state is painted as."""
    return _KINDS.get(state, "warning" if state == "restarting" else "")


def _head(found: Progress, end: datetime, paint: Paint) -> list[str]:
    name = " ".join(filter(None, (visible(found.name), visible(found.job_id)))) or "a job"
    lines = [f"{paint('strong', name)}: {paint(_kind(found.state), _state(found, end))}"]
    if found.directory:
        lines.append(f"in {visible(found.directory)}")
    if found.stage == "preflight" and found.began and found.state in ("running", "unfinished"):
        of = "" if found.nodes is None else f" of {found.nodes}"
        lines.append(f"{found.answered}{of} {'node has' if found.answered == 1 and not of else 'nodes have'} answered")
    lines += [paint("warning", visible(problem)) for problem in found.problems[:_MOST_PROBLEMS]]
    return lines


def _state(found: Progress, end: datetime) -> str:
    if found.began is None or found.latest is None:
        return _silent(found)
    took = duration(seconds_between(found.began, end))
    if found.state == "done":
        return f"done after {took}, at {clock(found.latest)}"
    if found.state == "failed":
        code = "" if found.code is None else f" with {found.code}"
        return f"failed{code} after {took}, at {clock(found.latest)}"
    if found.state == "lost":
        return f"ended without a word: Slurm has {_slurm(found)}; its last event was at {clock(found.latest)}"
    most = found.slurm.limit_s if found.slurm else None
    limit = f" of at most {duration(most)}" if most else ""
    silence = seconds_between(found.latest, end)
    since = f", last event {duration(silence)} ago" if found.state == "unfinished" else ""
    return f"{_STAGES[found.stage]}, {took}{limit} since {clock(found.began)}{since}"


_STAGES = {
    "preflight": "looks at its nodes",
    "starting": "starts its roles",
    "phases": "runs its phases",
    "running": "everything is ready",
}


def _silent(found: Progress) -> str:
    if found.state == "running" and found.slurm:
        reason = f" ({visible(found.slurm.reason)})" if found.slurm.reason else ""
        return f"{found.slurm.state.lower()}{reason}; nothing has happened yet"
    if found.state == "lost":
        return f"ended without a word: Slurm has {_slurm(found)}; nothing had happened"
    return {"failed": "failed before anything was started", "done": "done"}.get(found.state, "nothing has happened yet")


def _slurm(found: Progress) -> str:
    state = found.slurm.state if found.slurm else ""
    return f"it as {visible(state)}" if state else "no such job here any more"


def _failure(found: Progress, paint: Paint) -> Iterator[str]:
    if not found.cause:
        return
    cause = f"FAILED: {visible(found.cause)[:_LONGEST]}"
    for line in wrap(cause, _WIDTH, subsequent_indent="  ", break_on_hyphens=False):
        yield paint("error", line)
    if found.log:
        yield f"  log {visible(found.log)}"


# Roles


def _roles(found: Progress, end: datetime, paint: Paint) -> Iterator[str]:
    if found.roles:
        rows = [_role_row(role, found, end, paint) for role in found.roles]
        yield from _table(("role", "ready", ""), rows, paint)


def _role_row(role: RoleSeen, found: Progress, end: datetime, paint: Paint) -> _Row:
    most = f"{len(role.workers)}" if role.known else "?"
    return visible(role.name), f"{role.ready_workers}/{most}", _role_state(role, found, end, paint)


def _role_state(role: RoleSeen, found: Progress, end: datetime, paint: Paint) -> str:
    states = [worker.state for worker in role.workers]
    told = ("failed", "excused", "restarting", "queued")
    parts = [paint("good" if role.ready is not None and role.known else "", _readiness(role, found, end))]
    parts += [paint(_kind(each), f"{states.count(each)} {each}") for each in told if each in states]
    restarts = sum(task.restarts for task in role.tasks)
    if restarts:
        parts.append(counted(restarts, "restart"))
    return ", ".join(filter(None, parts))


def _readiness(role: RoleSeen, found: Progress, end: datetime) -> str:
    if role.started is None:
        missing = [name for name in role.after if name in _not_ready(found)]
        return f"not started: waits for {', '.join(map(visible, missing))}" if missing else "not started"
    if role.ready is not None and role.known:
        return f"ready after {duration(seconds_between(role.started, role.ready))}"
    begun = [task.since for task in role.tasks if task.state == "starting" and task.since is not None]
    if not begun:
        return _never_ready(role, role.started)
    limit = f" of at most {duration(role.ready_timeout_s)}" if role.ready_timeout_s else ""
    return f"{duration(seconds_between(min(begun), end))}{limit}"


def _never_ready(role: RoleSeen, started: datetime) -> str:
    """Return how a role ended whose tasks are not on their way and were not all ready; nothing where none has ended."""
    ended = [
        (task.ended, worker, task)
        for worker in role.workers
        for task in worker.tasks
        if task.ended is not None and task.ready is None
    ]
    died = [each for each in ended if each[2].status is not None]
    if not died:
        return f"not ready within {duration(seconds_between(started, max(each[0] for each in ended)))}" if ended else ""
    end, worker, task = min(died, key=lambda each: each[0])
    who = "" if len(list(role.tasks)) == 1 else f"worker {worker.task_name(task)} "
    after = duration(seconds_between(task.started or started, end))
    return f"{who}ended before it was ready, after {after}, with status {task.status}"


def _not_ready(found: Progress) -> set[str]:
    return {role.name for role in found.roles if role.ready is None}


def _unready(found: Progress, end: datetime, paint: Paint) -> Iterator[str]:
    """Yield who is not ready, the first few of each role that has begun."""
    if found.stage == "preflight" or found.state == "done":
        return
    lines = [line for role in found.roles if role.started is not None for line in _unready_of(role, end, paint)]
    if lines:
        yield paint("strong", "not ready:")
        yield from lines


def _unready_of(role: RoleSeen, end: datetime, paint: Paint) -> Iterator[str]:
    waiting = [(worker, task) for worker in role.workers for task in worker.tasks if task.state in _UNREADY]
    waiting.sort(key=lambda each: _UNREADY.index(each[1].state), reverse=True)
    for worker, task in waiting[:_MOST_TASKS]:
        yield f"  {_task_line(role, worker, task, end, paint)}"
    if len(waiting) > _MOST_TASKS:
        yield f"  and {len(waiting) - _MOST_TASKS} more of {visible(role.name)}"


def _task_line(role: RoleSeen, worker: WorkerSeen, task: TaskSeen, end: datetime, paint: Paint) -> str:
    name = f"{role.name} {worker.task_name(task)}"
    place = f" on {task.node}" if task.node else ""
    since = ""
    if task.since is not None and task.state in ENDS:
        since = f" at {clock(task.since)}"
    elif task.since is not None:
        since = f" since {clock(task.since)} ({duration(seconds_between(task.since, end))})"
    log = f"; {log_of(role.name, worker, task)}" if task.started else ""
    return visible(f"{name}{place}: ") + paint(_kind(task.state), visible(task.state)) + visible(f"{since}{log}")


def log_of(role: str, worker: WorkerSeen, task: TaskSeen) -> str:
    """Return the log of a task, relative to the output directory."""
    return f"logs/{role}-{worker.task_name(task)}.log"


# Phases


def _phases(found: Progress, end: datetime, paint: Paint) -> Iterator[str]:
    if found.phases:
        rows = [
            (visible(phase.name), "", paint(_kind(phase.state), _phase_state(phase, end))) for phase in found.phases
        ]
        yield from _table(("phase", "", ""), rows, paint)


def _phase_state(phase: PhaseSeen, end: datetime) -> str:
    if phase.started is None:
        return phase.state if phase.state == "failed" else "not yet"
    took = duration(seconds_between(phase.started, phase.ended or end))
    if phase.state == "running":
        limit = f" of at most {duration(phase.timeout_s)}" if phase.timeout_s else ""
        return f"running, {took}{limit}"
    status = f" with {phase.status}" if phase.status else ""
    log = f"; phases/{phase.name}.log" if phase.state != "done" else ""
    return visible(f"{phase.state}{status} after {took}{log}")


def _table(heads: _Row, rows: Sequence[_Row], paint: Paint) -> Iterator[str]:
    """Yield lines with columns for the first two cells; an empty second column takes no room."""
    lines = [heads, *rows]
    widths = [max(len(line[at]) for line in lines) for at in range(2)]
    for line in lines:
        second = f"{line[1]:<{widths[1]}}  " if widths[1] else ""
        text = f"{line[0]:<{widths[0]}}  {second}{line[2]}".rstrip()
        yield paint("quiet", text) if line is heads else text


# Data


def as_tree(found: Progress, now: datetime) -> dict[str, Any]:
    """Return the same as tables and lists; times as ISO 8601, durations in seconds."""
    end = end_of(found, now)
    return {
        "job": {"name": found.name or None, "id": found.job_id or None},
        "directory": found.directory,
        "state": found.state,
        "stage": found.stage,
        "slurm": found.slurm.state or None if found.slurm else None,
        "code": found.code,
        "cause": found.cause or None,
        "log": found.log or None,
        "began": _iso(found.began),
        "latest": _iso(found.latest),
        "took-s": seconds_between(found.began, end) if found.began else None,
        "limit-s": found.slurm.limit_s if found.slurm else None,
        "ready-s": seconds_between(found.began, found.ready) if found.began and found.ready else None,
        "nodes": {"answered": found.answered, "of": found.nodes},
        "problems": list(found.problems),
        "roles": [_role_tree(role, end) for role in found.roles],
        "phases": [_phase_tree(phase, end) for phase in found.phases],
    }


def _role_tree(role: RoleSeen, end: datetime) -> dict[str, Any]:
    return {
        "role": role.name,
        "workers": len(role.workers) if role.known else None,
        "ready": role.ready_workers,
        "after": list(role.after),
        "ready-timeout-s": role.ready_timeout_s or None,
        "started": _iso(role.started),
        "ready-s": seconds_between(role.started, role.ready) if role.started and role.ready else None,
        "restarts": sum(task.restarts for task in role.tasks),
        "not-ready": [
            {
                "worker": worker.worker,
                "rank": task.rank,
                "node": task.node or None,
                "state": task.state,
                "since": _iso(task.since),
                "for-s": seconds_between(task.since, end) if task.since else None,
                "log": log_of(role.name, worker, task) if task.started else None,
            }
            for worker in role.workers
            for task in worker.tasks
            if task.state in _UNREADY
        ],
    }


def _phase_tree(phase: PhaseSeen, end: datetime) -> dict[str, Any]:
    return {
        "phase": phase.name,
        "state": phase.state,
        "status": phase.status,
        "started": _iso(phase.started),
        "took-s": seconds_between(phase.started, phase.ended or end) if phase.started else None,
        "timeout-s": phase.timeout_s or None,
        "log": f"phases/{phase.name}.log" if phase.started else None,
    }


def _iso(time: datetime | None) -> str | None:
    return time.isoformat() if time else None
