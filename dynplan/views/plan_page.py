"""A plan as one page for people: nodes by GPUs, and behind each worker its ports, commands and environment.

`plan-page.js` draws the grid from the data in the page; where no script may run the picture stands in its place.
"""

import re
from collections.abc import Iterator, Sequence
from graphlib import TopologicalSorter
from shlex import join

from attrs import evolve

from dynplan.diagnostics import counted
from dynplan.emitter.lowered import Script, Step
from dynplan.model import Outline, texts_of
from dynplan.views.capacity import Capacity, capacity_of, hours_text, percent
from dynplan.views.durations import duration
from dynplan.views.page import figure, folded, page, picture, section, table, text
from dynplan.views.placement import RoleLine, View, view
from dynplan.views.plan_data import Told, as_json
from dynplan.views.svg import as_svg, colours_of

_MOVING = re.compile(r"\{at\.(\d+)\}")
_MOST_NODES_DRAWN = 64  # rows of the picture for those who run no scripts


def as_html(told: Told, style: str, script: str) -> str:
    """Return the page of a plan; it needs nothing from elsewhere.

    Args:
        told: what it tells.
        style: the text of `plan.css`.
        script: the texts of `plan-tasks.js` and `plan-page.js`, all that runs in it.
    """
    # The grid folds nodes, and segments only where each is shown.
    seen = view(evolve(told.outline, segment=0, segments=()))
    return "".join(page(f"{seen.name}: placement", _parts(told, seen), style, script))


def _parts(told: Told, seen: View) -> Iterator[str]:
    yield from _header(told, seen)
    yield from _warnings(seen)
    yield from _placement(told, seen)
    yield from section("Roles", _roles(seen))
    if told.script:
        yield from section("Order of start", _order(told.script))
        yield from section("Phases", _phases(told.script))
        yield from section("Endpoints", _endpoints(told, seen))
        yield from section("Options of sbatch", _directives(told.script))
        yield from section("Files", _files(told.script))
    yield f'<script type="application/json" id="plan">{as_json(told, seen)}</script>\n'


# The head


def _header(told: Told, seen: View) -> Iterator[str]:
    plan = f"; plan {told.digest}" if told.digest else ""
    yield f'<header>\n<h1>{text(seen.name)}</h1>\n<p class="muted">{text(seen.summary + plan)}</p>\n<dl>\n'
    yield from _figures(capacity_of(told.outline), seen, len(told.outline.nodes))
    yield "</dl>\n</header>\n"


def _figures(found: Capacity, seen: View, nodes: int) -> Iterator[str]:
    yield figure("nodes", f"{nodes:,}")
    if found.gpus:
        yield figure("GPUs", f"{found.gpus:,}", f"{found.held:,} of them have a worker")
        yield figure("idle share", percent(found.idle_share), f"{found.idle:,} GPUs of no worker")
    yield figure("workers", f"{sum(role.workers for role in seen.roles):,}", counted(len(seen.roles), "role"))
    if found.limit_s:
        yield figure("time limit", duration(found.limit_s))
    if found.gpus and found.gpu_hours is not None:
        note = f"{found.gpus:,} GPUs for {duration(found.limit_s)}"
        yield figure("GPU-hours at most", hours_text(found.gpu_hours), note)


def _warnings(seen: View) -> Iterator[str]:
    told = [text for text in (seen.broken, seen.more) if text]
    if not seen.warnings and not told:
        return
    yield '<section class="warnings">\n<h2>Warnings</h2>\n'
    for warning in seen.warnings:
        yield f"<p><strong>{text(warning.code)}</strong> {text(warning.message)}</p>\n"
        if warning.help:
            yield f'<p class="muted">{text(warning.help)}</p>\n'
    yield from (f"<p>{text(line)}</p>\n" for line in told)
    yield "</section>\n"


# The grid


def _placement(told: Told, seen: View) -> Iterator[str]:
    yield '<section class="placement">\n<h2>Nodes</h2>\n<noscript>\n'
    if len(seen.rows) <= _MOST_NODES_DRAWN:
        yield picture(as_svg(told.outline), "nodes and their GPUs by worker; the table below says the same in text")
    yield "<p>Commands and the search need JavaScript, which this viewer does not run.</p>\n</noscript>\n"
    yield '<div class="tools" hidden>\n<label for="search">Search</label>\n'
    yield '<input id="search" type="search" autocomplete="off" spellcheck="false" '
    yield 'placeholder="decode 3, node 12, host, port 8000, a word of a command">\n'
    yield '<p id="found" class="muted" role="status"></p>\n</div>\n'
    yield from _legend(seen)
    about = (*_segments(told.outline), seen.blocks, *seen.turns)
    yield from (f'<p class="muted">{text(line)}</p>\n' for line in about if line)
    yield '<div class="board"><div id="grid"></div>\n'
    yield '<aside id="details" aria-label="details" hidden></aside></div>\n</section>\n'


def _segments(outline: Outline) -> Iterator[str]:
    """Say which nodes are of one NVLink domain; nothing where that does not matter."""
    if size := outline.segment:
        yield f"each {size} nodes in a row are of one NVLink domain: node N is in segment N / {size}"
    for group, size in outline.segments:
        first = next((node.node for node in outline.nodes if node.group == group), 0)
        yield (
            f"each {size} nodes of {group} in a row are of one NVLink domain: node N is in its segment"
            f" {f'(N - {first})' if first else 'N'} / {size}"
        )


def _legend(seen: View) -> Iterator[str]:
    colours = colours_of(seen.owners)
    yield '<p class="key">'
    for role in seen.roles:
        colour = colours.get(role.name, "var(--label)")
        yield f'<span><i class="swatch" style="background:{colour}"></i>{text(role.name)}</span>'
    if any(not segment.owners for row in seen.rows for time in row.times for segment in time):
        yield '<span><i class="swatch free"></i>free</span>'
    yield "</p>\n"


# Tables


def _roles(seen: View) -> Iterator[str]:
    heads = ("role", "#workers", "GPUs", "nodes", "ports")
    yield from table("roles", heads, map(_role_row, seen.roles))


def _role_row(role: RoleLine) -> tuple[object, ...]:
    ports = (f"{workers}: {', '.join(ports)}" if workers else ", ".join(ports) for workers, ports in role.ports)
    return role.name, role.workers, role.gpus, role.nodes, "; ".join(ports)


def _order(script: Script) -> Iterator[str]:
    """Yield the roles as they start: those of a turn together, each as soon as what it waits for is ready."""
    turns = _turns(script.roles)
    rows = (
        (turns[step.name], step.name, ", ".join(step.after), *_readiness(step))
        for step in sorted(script.roles, key=lambda step: turns[step.name])
    )
    yield from table("order of start", ("turn", "role", "when these are ready", "is ready when", "within"), rows)
    if script.phases:
        names = ", ".join(step.name for step in script.phases)
        yield f'<p class="muted">When all are ready, the phases run one after another: {text(names)}.</p>\n'


def _turns(steps: Sequence[Step]) -> dict[str, int]:
    """Return in which turn each role starts: 1, or one later than the last that it waits for."""
    turns: dict[str, int] = {}
    after = {step.name: step.after for step in steps}
    for name in TopologicalSorter(after).static_order():
        turns[name] = 1 + max((turns[other] for other in after[name]), default=0)
    return turns


def _readiness(step: Step) -> tuple[str, str]:
    asked = [words for words in step.probes if not words[0].endswith("alive")]
    within = {duration(int(words[1])) for words in asked}
    return "; ".join(_asks(words[2], words[3:]) for words in asked), ", ".join(sorted(within))


def _asks(kind: str, words: Sequence[str]) -> str:
    match kind:
        case "http":
            return f"HTTP {' '.join(words[1:])} on port {_port(words[0])}"
        case "tcp":
            return f"port {_port(words[0])} is open"
        case "log":
            return f"its log says {' '.join(words)}"
        case _:
            return f"{' '.join(words)} ends with 0"


def _port(template: str) -> str:
    """Return a port's number; the name of one that differs from worker to worker."""
    return _of_block_0(template).removeprefix("{port.").removesuffix("}")


def _of_block_0(template: str) -> str:
    """Return a template with the ports that move with the job as numbers: those of block 0, as the plan has them."""
    return _MOVING.sub(r"\1", template)


def _phases(script: Script) -> Iterator[str]:
    if not script.phases:
        return
    rows = (
        (at, step.name, step.rows[0].rows[0][1][0], _limit(step), join(map(_of_block_0, texts_of(step.command))))
        for at, step in enumerate(script.phases, 1)
    )
    yield from table("phases", ("", "phase", "node", "within", "command"), rows)
    yield '<p id="phases" class="key"></p>\n'


def _limit(step: Step) -> str:
    seconds = dict(step.settings).get("timeout", "0")
    return duration(int(seconds)) if isinstance(seconds, str) and seconds != "0" else "no limit of its own"


def _endpoints(told: Told, seen: View) -> Iterator[str]:
    """Yield where the first worker of each role is asked; hosts that the plan does not know by their node."""
    rows: list[tuple[object, ...]] = []
    counts = {role.name: role.workers for role in seen.roles}
    for worker in told.outline.workers:
        if worker.worker == 0:
            task = worker.tasks[0]
            host = told.outline.nodes[task.node].host or f"<node {task.node}>"
            more = counts.get(worker.role, 1) - 1
            others = f"and {counted(more, 'worker')} more" if more else ""
            rows += [
                (f"{worker.role} 0", name, f"{host}:{block.port}", block.count if block.count > 1 else "", others)
                for name, block in task.ports
            ]
    if rows:
        yield from table("endpoints", ("worker", "port", "address", "#ports", ""), rows)


def _directives(script: Script) -> Iterator[str]:
    """Yield the options of the job, or of each of its components."""
    for at, options in enumerate((script.directives, *script.components)):
        rows = ((f"--{name}", "" if value is True else value) for name, value in options)
        head = counted(len(options), "option") + (f" of component {at}" if script.components else "")
        yield from folded(head, table("options of sbatch", ("option", "value"), rows))


def _files(script: Script) -> Iterator[str]:
    for name, content in script.files:
        yield from folded(name, [f'<pre class="words" tabindex="0">{_long(content)}</pre>\n'])


def _long(content: str) -> str:
    return "\n".join(text(line) for line in content.split("\n"))
