"""A placement as plain text: a grid of GPUs and a table of roles, 80 columns wide where the names allow it."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise, takewhile
from textwrap import wrap

from attrs import frozen

from dynplan.model import Outline
from dynplan.views.placement import RoleLine, Row, Segment, View, runs, view

_WIDTH = 80
_NARROW, _USUAL = 4, 9  # columns of a GPU, its bar included
_LEAST_PORTS = 30  # columns that the last column of the table keeps
_FREE, _CUT, _FIRM = "·", "…", "\N{NO-BREAK SPACE}"


def as_text(outline: Outline) -> str:
    """Return the placement as text that ends in a newline."""
    seen = view(outline)
    title = wrap(f"{seen.name}: {seen.summary}", _WIDTH, break_on_hyphens=False)
    sheet = _sheet(seen)
    parts = [title, list(_grid(seen, sheet)), list(_table(seen, sheet)), *_remarks(seen)]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


# The grid


@frozen
class _Sheet:
    """How the grid is ruled: `per_line` GPUs of `cell` columns each, and what stands for a role in them."""

    side: int
    per_line: int
    cell: int
    tags: Mapping[str, str]

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
    yield ("GPU".ljust(sheet.side) + "".join(f" {gpu}".ljust(sheet.cell) for gpu in range(sheet.per_line))).rstrip()
    for domain in seen.domains:
        yield domain.name
        yield from _rows(domain.rows, sheet)
        if domain.more:
            yield domain.more
    if not seen.domains:
        yield from _rows(seen.rows, sheet)


def _rows(rows: Sequence[Row], sheet: _Sheet) -> Iterator[str]:
    for row in rows:
        for start in range(0, row.node.gpus, sheet.per_line):
            yield f"{_side(row, start):<{sheet.side}}{_line(row, start, sheet)}"
        if row.alike:
            yield f"  {_nodes(len(row.alike))} as node {row.node.node}: {runs(row.alike)}"


def _sheet(seen: View) -> _Sheet:
    most = max(row.node.gpus for row in seen.rows)
    side = 1 + max(len(_side(row, 0)) for row in seen.rows)
    room = _WIDTH - side - 1
    per_line = next((each for each in (most, 16, 8) if each <= most and room // max(1, each) >= _NARROW), 4)
    widest = max(_NARROW, room // max(1, per_line))
    segments = [segment for row in seen.rows for segment in row.segments]
    for tags in (_full(seen.owners), _short(seen.owners)):
        sheet = _Sheet(side, per_line, 1, tags)
        cell = max(map(sheet.needs, segments), default=0)
        if cell <= widest:
            break
    return _Sheet(side, per_line, min(max(cell, _USUAL), widest), tags)


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


def _line(row: Row, start: int, sheet: _Sheet) -> str:
    line = ""
    for segment in row.segments:
        low, high = _part(segment, start, sheet.per_line)
        if low < high:
            line += "│" + _fitted(sheet.name(segment), (high - low) * sheet.cell - 1)
    return line + "│"


def _part(segment: Segment, start: int, per_line: int) -> tuple[int, int]:
    """Return which of a segment's GPUs stand on the line that begins with GPU `start`."""
    return max(segment.first, start), min(segment.first + segment.count, start + per_line)


def _fitted(text: str, width: int) -> str:
    return text.ljust(width) if len(text) <= width else text[: width - 1] + _CUT


def _nodes(count: int) -> str:
    return "1 node" if count == 1 else f"{count} nodes"


# The table


def _table(seen: View, sheet: _Sheet) -> Iterator[str]:
    """Yield one line per role, and more where its workers bind different ports."""
    rows = [("role", "workers", "GPUs", "nodes"), *(_cells(role, sheet.tags) for role in seen.roles)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    heads, *lines = ["  ".join(map(str.ljust, row, widths)) for row in rows]
    yield f"{heads}  ports"
    for line, role in zip(lines, seen.roles, strict=True):
        ports = [text for workers, ports in role.ports for text in _ports(workers, ports, _WIDTH - len(heads) - 2)]
        for left, right in zip([line, *[" " * len(line)] * (len(ports) - 1)], ports or [""], strict=True):
            yield f"{left}  {right}".rstrip()


def _cells(role: RoleLine, tags: Mapping[str, str]) -> tuple[str, str, str, str]:
    tag = tags.get(role.name, role.name).rstrip()
    return role.name if tag == role.name else f"{role.name} ({tag})", str(role.workers), role.gpus, role.nodes


def _ports(workers: str, ports: Sequence[str], width: int) -> list[str]:
    text = ", ".join(port.replace(" ", _FIRM) for port in ports)
    lead = f"{workers}: " if workers else ""
    lines = wrap(lead + text, max(width, _LEAST_PORTS), break_on_hyphens=False, break_long_words=False)
    return [line.replace(_FIRM, " ") for line in lines]


# What else there is to say


def _remarks(seen: View) -> Iterator[list[str]]:
    for warning in seen.warnings:
        lines = [f"warning[{warning.code}]: {warning.message}"]
        lines += [f"help: {warning.help}"] if warning.help else []
        yield [part for line in lines for part in wrap(line, _WIDTH, subsequent_indent="  ", break_on_hyphens=False)]
    yield from ([text] for text in (seen.more, seen.broken) if text)
