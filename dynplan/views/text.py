"""A placement as plain text: a grid of GPUs and a table of roles, no line wider than it may be."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise, takewhile
from textwrap import wrap

from attrs import frozen

from dynplan.diagnostics import counted
from dynplan.diagnostics.paint import PLAIN, Paint
from dynplan.model import Outline
from dynplan.views.capacity import Capacity, capacity_of, hours_text, percent
from dynplan.views.columns import columns_within
from dynplan.views.durations import duration
from dynplan.views.placement import Domain, GroupLine, RoleLine, Row, Segment, View, view
from dynplan.views.ranges import runs

LEAST_WIDTH = 40
USUAL_WIDTH = 80
_NARROW, _USUAL = 4, 9  # columns of a GPU, its bar included
_LEAST_PORTS = 30  # columns that the last column of the table keeps; where it cannot, ports stand below
_FREE, _CUT, _FIRM = "·", "…", "\N{NO-BREAK SPACE}"


def as_text(outline: Outline, width: int = USUAL_WIDTH, paint: Paint = PLAIN) -> str:
    """Return the placement as text that ends in a newline.

    Args:
        outline: where everything stands.
        width: how many columns a line may have, 40 or more.
        paint: paints for a terminal, and changes nothing else.
    """
    seen = view(outline)
    title = _wrapped(f"{seen.name}: {seen.summary}", width)
    title[0] = title[0].replace(seen.name, paint("strong", seen.name), 1)
    title += _wrapped(_cost(capacity_of(outline)), width)
    sheet = _sheet(seen, width, paint)
    parts = [title, list(_grid(seen, sheet)), list(_table(seen, sheet)), *_remarks(seen, sheet)]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def _cost(found: Capacity) -> str:
    """Say what the job takes at most, and what of it nobody has; nothing of a job without GPUs."""
    if not found.gpus:
        return ""
    idle = f"{percent(found.idle_share)} of the GPUs idle" if found.idle else "no GPU idle"
    if found.gpu_hours is None:  # the site has a limit of its own, which nobody has told
        return idle
    return f"{idle}; at most {hours_text(found.gpu_hours)} GPU-hours in {duration(found.limit_s)}"


def _wrapped(text: str, width: int, indent: str = "") -> list[str]:
    return wrap(text, width, subsequent_indent=indent, break_on_hyphens=False)


# The grid


@frozen
class _Sheet:
    """How the grid is ruled: `per_line` GPUs of `cell` columns each, and what stands for a role in them.

    `side` are the columns that name nodes; `places` are roles with GPUs by their place, which is their colour.
    """

    width: int
    side: int
    per_line: int
    cell: int
    tags: Mapping[str, str]
    places: Mapping[str, int]
    paint: Paint

    def name(self, segment: Segment) -> str:
        """Return who owns a segment; where several do, all of them."""
        return segment.joined.join(self.tags[owner.role] + owner.number for owner in segment.owners) or _FREE

    def needs(self, segment: Segment) -> int:
        """Return the columns a GPU needs for the segment's name to fit on each line that the segment is on."""
        starts = range(segment.first - segment.first % self.per_line, segment.first + segment.count, self.per_line)
        parts = (_part(segment, start, self.per_line) for start in starts)
        return -(-(len(self.name(segment)) + 1) // min(high - low for low, high in parts))


def _grid(seen: View, sheet: _Sheet) -> Iterator[str]:
    if not sheet.per_line:
        return
    heads = "GPU".ljust(sheet.side) + "".join(f" {gpu}".ljust(sheet.cell) for gpu in range(sheet.per_line))
    yield sheet.paint("quiet", heads.rstrip())
    for line in seen.lines:
        match line:
            case GroupLine():
                yield f"{line.name}: {line.about}"
            case Domain():
                yield from _wrapped(line.name, sheet.width)
                yield from _rows(line.rows, sheet)
                yield from (sheet.paint("quiet", text) for text in _wrapped(line.more, sheet.width, "    "))
            case Row():
                yield from _rows([line], sheet)


def _rows(rows: Sequence[Row], sheet: _Sheet) -> Iterator[str]:
    for row in rows:
        for at, segments in enumerate(row.times):
            for start in range(0, row.node.gpus, sheet.per_line):
                side = "  then" if at and not start else _side(row, start)
                yield f"{_fitted(side, sheet.side - 1)} {_line(segments, start, sheet)}"
        if row.node.host and len(_side(row, 0)) >= sheet.side:
            yield from (sheet.paint("quiet", line) for line in _wrapped(f"  {row.node.host}", sheet.width))
        if row.alike:
            text = f"  {counted(len(row.alike), 'node')} as node {row.node.node}: {runs(row.alike)}"
            yield from (sheet.paint("quiet", line) for line in _wrapped(text, sheet.width, "    "))


def _sheet(seen: View, width: int, paint: Paint) -> _Sheet:
    most = max(row.node.gpus for row in seen.rows)
    # A long host is cut, and said below: more than half of a line is for the GPUs in any case.
    side = 1 + min(2 * width // 5, max(len(_side(row, 0)) for row in seen.rows))
    room = width - side - 1
    per_line = next((each for each in (most, 16, 8) if each <= most and room // max(1, each) >= _NARROW), 4)
    widest = max(_NARROW, room // max(1, per_line))
    segments = [segment for row in seen.rows for time in row.times for segment in time]
    places = {role: place for place, role in enumerate(seen.owners)}
    for tags in (_full(seen.owners), _short(seen.owners)):
        sheet = _Sheet(width, side, per_line, 1, tags, places, paint)
        cell = max(map(sheet.needs, segments), default=0)
        if cell <= widest:
            break
    return _Sheet(width, side, per_line, min(max(cell, _USUAL), widest), tags, places, paint)


def _full(roles: Sequence[str]) -> dict[str, str]:
    return {role: f"{role} " for role in roles}


def _short(roles: Sequence[str]) -> dict[str, str]:
    """Return for each role the shortest beginning of its name that no other name has."""
    ordered = sorted(set(roles))
    ends = dict.fromkeys(ordered, 1)
    for left, right in pairwise(ordered):  # the names most alike stand side by side
        same = 1 + sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(left, right, strict=False)))
        ends[left], ends[right] = max(ends[left], same), max(ends[right], same)
    return {role: role[: ends[role]] for role in roles}


def _side(row: Row, start: int) -> str:
    if start:
        return f"  GPU {start}"
    return f"node {row.node.node}" + (f" {row.node.host}" if row.node.host else "")


def _line(segments: Sequence[Segment], start: int, sheet: _Sheet) -> str:
    line = ""
    for segment in segments:
        low, high = _part(segment, start, sheet.per_line)
        if low < high:
            line += "│" + _painted(segment, _fitted(sheet.name(segment), (high - low) * sheet.cell - 1), sheet)
    return line + "│"


def _painted(segment: Segment, text: str, sheet: _Sheet) -> str:
    if segment.holder:
        return sheet.paint.ground(sheet.places[segment.holder.role], text)
    return sheet.paint("alarm" if segment.owners else "quiet", text)


def _part(segment: Segment, start: int, per_line: int) -> tuple[int, int]:
    """Return which of a segment's GPUs stand on the line that begins with GPU `start`."""
    return max(segment.first, start), min(segment.first + segment.count, start + per_line)


def _fitted(text: str, width: int) -> str:
    return text.ljust(width) if len(text) <= width else text[: width - 1] + _CUT


# The table


def _table(seen: View, sheet: _Sheet) -> Iterator[str]:
    """Yield one line per role, and more where its workers bind different ports."""
    rows = [("role", "workers", "GPUs", "nodes"), *(_cells(role, sheet.tags) for role in seen.roles)]
    heads, *lines = columns_within(rows, sheet.width)
    left = len(heads[0]) + 2
    beside = left + _LEAST_PORTS <= sheet.width
    yield sheet.paint("quiet", f"{heads[0]}  ports" if beside else heads[0].rstrip())
    yield from (sheet.paint("quiet", head.rstrip()) for head in heads[1:])
    for cells, role in zip(lines, seen.roles, strict=True):
        ports = list(_all_ports(role, sheet.width - (left if beside else 4)))
        told = [*cells, *[" " * (left - 2)] * (len(ports) - len(cells))] if beside else cells
        for line, port in zip(told, [*ports, *[""] * len(told)] if beside else [""] * len(told), strict=False):
            yield _named(f"{line}  {port}".rstrip(), role, sheet)
        yield from () if beside else (f"    {port}" for port in ports)


def _named(line: str, role: RoleLine, sheet: _Sheet) -> str:
    """Return a line of the table with the role's name in its colour."""
    if role.name in sheet.places and line.startswith(role.name):
        return sheet.paint.ground(sheet.places[role.name], role.name) + line[len(role.name) :]
    return line


def _cells(role: RoleLine, tags: Mapping[str, str]) -> tuple[str, str, str, str]:
    tag = tags.get(role.name, role.name).rstrip()
    return role.name if tag == role.name else f"{role.name} ({tag})", str(role.workers), role.gpus, role.nodes


def _all_ports(role: RoleLine, width: int) -> Iterator[str]:
    for workers, ports in role.ports:
        yield from _ports(workers, ports, width)


def _ports(workers: str, ports: Sequence[str], width: int) -> list[str]:
    text = ", ".join(port.replace(" ", _FIRM) for port in ports)
    lead = f"{workers}: " if workers else ""
    return [line.replace(_FIRM, " ") for line in _wrapped(lead + text, width)]


# What else there is to say


def _remarks(seen: View, sheet: _Sheet) -> Iterator[list[str]]:
    for text in seen.turns:
        yield _wrapped(text, sheet.width)
    if seen.blocks:
        yield _wrapped(seen.blocks, sheet.width)
    for warning in seen.warnings:
        lead = f"warning[{warning.code}]"
        first, *more = _wrapped(f"{lead}: {warning.message}", sheet.width, "  ")
        help_ = _wrapped(f"help: {warning.help}", sheet.width, "  ") if warning.help else []
        yield [first.replace(lead, sheet.paint("warning", lead), 1), *more, *help_]
    yield from (_wrapped(text, sheet.width) for text in (seen.more, seen.broken) if text)
