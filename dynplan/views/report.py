"""A run as one page for people: what came of it, when everything was ready, what failed, and where it all stood."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from attrs import frozen

from dynplan.diagnostics import counted
from dynplan.diagnostics.visible import visible
from dynplan.model import Outline, Record
from dynplan.views.chart import chart
from dynplan.views.durations import clock, duration, seconds_between
from dynplan.views.numbers import Numbers, gpus_of, hours, numbers_of
from dynplan.views.page import figure, folded, page, picture, section, table, text
from dynplan.views.progress import Progress, end_of
from dynplan.views.seen import RoleSeen
from dynplan.views.status import log_of
from dynplan.views.svg import as_svg, colours_of
from dynplan.views.timeline import slowest, timeline_of

_OPEN_ROWS = 24  # of a table that is not folded
_MOST_ROWS = 2000
_MOST_TAIL = 60  # lines of a log


@frozen(eq=False, repr=False)
class Account(Record):
    """All that a page tells.

    Attributes:
        progress: how far the job has come.
        outline: where everything stands, None where the job has not said it.
        endpoints: endpoints.json, empty where it is not there.
        tail: the end of the log that tells more of the cause.
        now: the time of whoever looks; what is not over lasts until then.
    """

    progress: Progress
    outline: Outline | None
    endpoints: Mapping[str, Any]
    tail: str
    now: datetime


def as_html(run: Account) -> str:
    """Return the page; it needs nothing from elsewhere, and nothing in it runs."""
    found = run.progress
    title = f"{_name(found)}: {found.state}"
    return "".join(page(title, _parts(run)))


def _parts(run: Account) -> Iterator[str]:
    found = run.progress
    colours = _colours(run.outline, found)
    yield from _header(run)
    yield from _failure(run)
    yield from section("Timeline", chart(timeline_of(found, run.now), colours))
    yield from section("GPUs before the first phase", _idle(numbers_of(found, run.outline, run.now)))
    yield from section("Roles", _roles(run))
    yield from section("Phases", _phases(run))
    yield from section("Endpoints", _endpoints(run.endpoints))
    if run.outline is not None:
        yield from section("Where everything stood", _picture(run.outline))


def _name(found: Progress) -> str:
    return " ".join(filter(None, (found.name, found.job_id))) or "A job"


def _colours(outline: Outline | None, found: Progress) -> dict[str, str]:
    """Return the colours of the picture; roles without GPUs have none of their own there."""
    workers = outline.workers if outline else ()
    owners = dict.fromkeys(worker.role for worker in workers if any(task.gpus for task in worker.tasks))
    return {role.name: "var(--quiet)" for role in found.roles} | colours_of(list(owners))


# The head


_VERDICTS = {"done": "Done", "failed": "Failed", "running": "Running", "lost": "Ended without a word"}


def _header(run: Account) -> Iterator[str]:
    found = run.progress
    code = f" with {found.code}" if found.code else ""
    yield f'<header class="{text(found.state)}">\n<div class="verdict"><h1>{text(_name(found))}</h1>'
    yield f'<span class="chip">{_VERDICTS.get(found.state, "Not over")}{code}</span></div>\n'
    if found.began is not None:
        end = end_of(found, run.now)
        until = f"to {clock(end)}" if end == found.latest else f"so far, at {clock(end.astimezone(found.began.tzinfo))}"
        yield f'<p class="muted">{found.began:%d %B %Y}, {clock(found.began)} {until} ({found.began:UTC%z})</p>\n'
    yield f'<p class="where">{text(found.directory)}</p>\n<dl>\n'
    yield from _figures(run)
    yield "</dl>\n</header>\n"


def _figures(run: Account) -> Iterator[str]:
    found = run.progress
    if found.began is not None:
        yield figure("took", duration(seconds_between(found.began, end_of(found, run.now))))
    if found.began is not None and found.ready is not None:
        last = slowest(found.roles)
        note = f"last was {last[0].name} {last[1].worker}" if last else ""
        yield figure("everything ready after", duration(seconds_between(found.began, found.ready)), note)
    numbers = numbers_of(found, run.outline, run.now)
    if numbers.gpus:
        note = f"{counted(numbers.gpus, 'GPU')}, {numbers.used} of them in use"
        yield figure("GPU-hours before the first phase", f"{hours(numbers.before_s)}", note)
    workers = sum(len(role.workers) for role in found.roles)
    if workers:
        ready = sum(role.ready_once for role in found.roles)
        nodes = counted(found.nodes, "node") if found.nodes else ""
        yield figure("workers", str(workers), ", ".join(filter(None, (nodes, f"{ready} were ready"))))
    if found.phases:
        done = sum(phase.state == "done" for phase in found.phases)
        yield figure("phases done", f"{done} of {len(found.phases)}")


# What failed


def _failure(run: Account) -> Iterator[str]:
    found = run.progress
    if not found.cause and not found.problems:
        return
    yield '<section class="cause">\n<h2>What failed</h2>\n'
    if found.cause:
        yield f"<p><strong>{text(found.cause)}</strong></p>\n"
    for problem in found.problems[:20]:
        if problem != found.cause:
            yield f"<p>{text(problem)}</p>\n"
    if found.log:
        yield f'<p class="where">{text(found.log)}</p>\n'
    lines = [text(line) for line in run.tail.rstrip("\n").split("\n")[-_MOST_TAIL:]]
    if any(lines):
        inside = "\n".join(lines)
        yield f'<pre tabindex="0" role="region" aria-label="last lines of the log">{inside}</pre>\n'
    yield "</section>\n"


# Numbers


_KINDS = (
    ("before_start_s", "not started yet", "var(--rule)"),
    ("starting_s", "starting", "var(--busy)"),
    ("waiting_s", "ready, waiting for others", "var(--good)"),
    ("unused_s", "of no worker", "var(--quiet)"),
)


def _idle(numbers: Numbers) -> Iterator[str]:
    if not numbers.before_s:
        return
    parts = [(name, colour, getattr(numbers, field)) for field, name, colour in _KINDS if getattr(numbers, field)]
    yield f"<p>{hours(numbers.before_s)} GPU-hours from the first event until "
    yield f"{clock(numbers.until) if numbers.until else ''}, by what the GPUs did:</p>\n"
    shares = (f'<i style="flex:{seconds};background:{colour}"></i>' for _, colour, seconds in parts)
    yield f'<div class="split" aria-hidden="true">{"".join(shares)}</div>\n<p class="key">'
    for name, colour, seconds in parts:
        yield f'<span><i style="background:{colour}"></i>{name}: {hours(seconds)} '
        yield f"({100 * seconds / numbers.before_s:.0f} %)</span>"
    yield "</p>\n"


# Tables


def _roles(run: Account) -> Iterator[str]:
    roles = run.progress.roles
    if not roles:
        return
    heads = ("role", "#workers", "#ready", "#GPUs", "#first start", "#half ready", "#all ready", "#restarts")
    sizes = gpus_of(run.outline)
    yield from table("roles", heads, (_role_row(role, sizes) for role in roles))
    rows = list(_task_rows(run))
    yield from folded(
        f"every task ({len(rows)})",
        _some("tasks", rows, ("task", "node", "state", "#started", "#ready", "#ended", "log")),
    )


def _role_row(role: RoleSeen, sizes: Mapping[tuple[str, int], int]) -> Iterator[object]:
    gpus = sum(sizes.get((role.name, worker.worker), 0) for worker in role.workers)
    ready = sorted(worker.ready for worker in role.workers if worker.ready is not None)
    half = ready[(len(role.workers) - 1) // 2] if 2 * len(ready) > len(role.workers) else None
    yield from (role.name, len(role.workers), role.ready_once, gpus or "")
    yield clock(role.started) if role.started else "not started"
    for time in (half, role.ready):
        yield duration(seconds_between(role.started, time)) if role.started and time else ""
    yield sum(task.restarts for task in role.tasks) or ""


def _task_rows(run: Account) -> Iterator[tuple[str, ...]]:
    for role in run.progress.roles:
        for worker in role.workers:
            for task in worker.tasks:
                times = (clock(time) if time else "" for time in (task.started, task.ready, task.ended))
                log = log_of(role.name, worker, task) if task.started else ""
                yield f"{role.name} {worker.task_name(task)}", task.node, task.state, *times, log


def _phases(run: Account) -> Iterator[str]:
    phases = run.progress.phases
    if not phases:
        return
    end = end_of(run.progress, run.now)
    rows = (
        (
            phase.name,
            phase.state,
            "" if phase.status is None else phase.status,
            clock(phase.started) if phase.started else "",
            duration(seconds_between(phase.started, phase.ended or end)) if phase.started else "",
            duration(phase.timeout_s) if phase.timeout_s else "none",
            f"phases/{phase.name}.log" if phase.started else "",
        )
        for phase in phases
    )
    yield from table("phases", ("phase", "state", "#status", "#began", "#took", "#limit", "log"), rows)


def _endpoints(tree: Mapping[str, Any]) -> Iterator[str]:
    rows = list(_endpoint_rows(tree.get("roles")))
    if not rows:
        return
    heads = ("worker", "host", "address", "ports", "metrics")
    if len(rows) <= _OPEN_ROWS:
        yield from _some("endpoints", rows, heads)
    else:
        yield from folded(f"all {len(rows)}", _some("endpoints", rows, heads))


def _endpoint_rows(roles: object) -> Iterator[tuple[str, ...]]:
    for role, workers in roles.items() if isinstance(roles, Mapping) else ():
        for entry in workers if isinstance(workers, list) else ():
            if (
                isinstance(entry, Mapping)
                and isinstance(ports := entry.get("ports"), Mapping)
                and (ports or entry.get("metrics"))
            ):
                numbers = ", ".join(f"{name} {number}" for name, number in ports.items())
                rank = f".{entry.get('rank')}" if entry.get("rank") else ""
                name = f"{role} {entry.get('worker', '')}{rank}"
                yield name, *(str(entry.get(key, "")) for key in ("host", "ip")), numbers, str(entry.get("metrics", ""))


def _some(name: str, rows: Sequence[tuple[str, ...]], heads: Sequence[str]) -> Iterator[str]:
    yield from table(name, heads, rows[:_MOST_ROWS])
    if len(rows) > _MOST_ROWS:
        yield f'<p class="muted">and {len(rows) - _MOST_ROWS} more; `--format json` has them all</p>\n'


# The picture


def _picture(outline: Outline) -> Iterator[str]:
    alt = (
        f"nodes and their GPUs by worker, of {visible(outline.name) or 'the job'}; `dynplan show` says the same in text"
    )
    yield picture(as_svg(outline), alt)
