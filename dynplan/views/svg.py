"""A placement as a picture: SVG that needs no font, script or style from elsewhere, the same on every machine.

A node is a row of GPUs; a worker is a coloured bar over its GPUs with its ports below it; workers without
GPUs are labels under the row. A picture cannot ask how wide a text is, so widths are estimates.
"""

from collections.abc import Iterator, Sequence
from html import escape
from textwrap import wrap

from attrs import frozen

from dynplan.diagnostics import counted
from dynplan.model import Outline
from dynplan.views.placement import Domain, GroupLine, Owner, Row, Segment, View, view
from dynplan.views.ranges import runs

_MARGIN = 28
_FOOT = 12
_FRAME = 14  # from a domain's frame to what is in it
_BAR = 46  # height of a row of GPUs
_LINE = 15  # from one line of small text to the next
_MOST_PER_LINE = 16  # GPUs side by side; a node with more takes several lines
_LEAST_WIDTH = 640
_MOST_STRIPS = 2  # of workers beside another one; more would cross the name
_SANS, _MONO = 6.7, 6.1  # pixels of a letter, about, at 12 and at 10 pixels
_WIDE, _WIDER = frozenset("mwMW@%"), 4  # letters that need more, where not all are as wide, and how many pixels more

# White stands out on each of them by 4.5 to 1 or more (WCAG 2, 1.4.3).
_COLOURS = ("#1f66b1", "#b4540a", "#1d7a4c", "#7a4bb5", "#0f7580", "#b0306a", "#6b6410", "#52606d")

# The picture brings its own ground, so it can be read on any page; a viewer that prefers dark gets it dark.
_STYLE = """<style>
  svg { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; fill: #1f2933 }
  .ground { fill: #ffffff; stroke: #d9dee4 }
  .title { font-size: 18px; font-weight: 600 }
  .strong { font-weight: 600 }
  .muted { fill: #52606d }
  .small { font: 10px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace }
  .on { fill: #ffffff; font-weight: 600 }
  .index { fill: #ffffff; fill-opacity: 0.75 }
  .cut { stroke: #ffffff; stroke-opacity: 0.3 }
  .free { fill: #eef1f4; stroke: #cbd2d9 }
  .twice { fill: #c81e1e }
  .label { fill: #f4f6f8; stroke: #cbd2d9 }
  .rule { stroke: #e4e8ec }
  @media (prefers-color-scheme: dark) {
    svg { fill: #e6eaef }
    .ground { fill: #161b22; stroke: #30363d }
    .muted { fill: #9aa5b1 }
    .free { fill: #21262d; stroke: #3d444d }
    .label { fill: #21262d; stroke: #3d444d }
    .rule { stroke: #2b323b }
  }
</style>"""


@frozen
class _Block:
    """A part of the picture as high as `height`, drawn as if it stood at the top."""

    height: int
    marks: tuple[str, ...]


@frozen
class _Sheet:
    """How the picture is ruled: the column that names nodes, GPUs per line, width of a GPU, colour of a role."""

    side: int
    per_line: int
    cell: int
    colours: dict[str, str]

    @property
    def width(self) -> int:
        """Width inside the margins."""
        return max(_LEAST_WIDTH, self.side + self.per_line * self.cell)


def as_svg(outline: Outline) -> str:
    """Return the placement as an SVG picture that ends in a newline."""
    seen = view(outline)
    sheet = _sheet(seen)
    blocks = [_header(seen, sheet), *_nodes(seen, sheet), *_remarks(seen, sheet)]
    width, height = sheet.width + 2 * _MARGIN, sum(block.height for block in blocks) + _MARGIN + _FOOT
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        f' role="img" aria-label="{escape(seen.name)}: {escape(seen.summary)}">',
        _STYLE,
        f'<rect class="ground" x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="12"/>',
        *_stacked(blocks),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _stacked(blocks: Sequence[_Block]) -> Iterator[str]:
    top = _MARGIN
    for block in blocks:
        yield f'<g transform="translate({_MARGIN} {top})">'
        yield from block.marks
        yield "</g>"
        top += block.height


def _sheet(seen: View) -> _Sheet:
    per_line = max(1, min(_MOST_PER_LINE, max(row.node.gpus for row in seen.rows)))
    names = [_node_name(row) for row in seen.rows] + [row.node.host or "" for row in seen.rows]
    side = max(84, 16 + _width(max(names, key=len)))
    least, most = (72, 132) if per_line <= 8 else (52, 72)
    wanted = (_needs(segment) for row in seen.rows for segments in row.times for segment in segments)
    return _Sheet(side, per_line, min(most, max([least, *wanted])), colours_of(seen.owners))


def colours_of(owners: Sequence[str]) -> dict[str, str]:
    """Return the colour of each role with GPUs, given in declaration order."""
    return {role: _COLOURS[at % len(_COLOURS)] for at, role in enumerate(owners)}


def _needs(segment: Segment) -> int:
    """Return how wide a GPU must be for a segment to hold its texts."""
    texts = [_width(_segment_name(segment)) + 16]
    texts += [_width(port, _MONO) + 10 for port in _ports(segment)]
    return -(-max(texts) // segment.count)


def _ports(segment: Segment) -> Iterator[str]:
    """Yield what is bound on a segment; of a worker beside another one with its role."""
    for owner in segment.owners:
        yield from (f"{owner.role} {port}" if owner.shares else port for port in owner.ports)


# The head of the picture


def _header(seen: View, sheet: _Sheet) -> _Block:
    marks = [_text(0, 16, seen.name, "title")]
    top = 38
    for line in wrap(seen.summary, int(sheet.width / _SANS)):
        marks.append(_text(0, top, line, "muted"))
        top += 18
    legend, rows = _flow([*_legend(seen, sheet)], sheet.width, 0)
    marks += [f'<g transform="translate(0 {top + 2})">', *legend, "</g>"]
    return _Block(top + rows * 24 + 10, tuple(marks))


def _legend(seen: View, sheet: _Sheet) -> Iterator[tuple[int, list[str]]]:
    for role in seen.roles:
        if role.name in sheet.colours:
            workers = counted(role.workers, "worker")
            gpus = "of 1 GPU" if role.gpus == "1" else f"of {role.gpus} GPUs"
            what = role.gpus if role.gpus.startswith("as ") else gpus
            yield _key(f'fill="{sheet.colours[role.name]}"', f"{role.name}: {workers} {what}")
    if any(not segment.owners for row in seen.rows for segments in row.times for segment in segments):
        yield _key('class="free"', "free")


def _key(paint: str, text: str) -> tuple[int, list[str]]:
    swatch = f'<rect {paint} x="0.5" y="0.5" width="13" height="13" rx="3"/>'
    return 22 + _width(text), [swatch, _text(20, 11, text)]


def _flow(items: Sequence[tuple[int, list[str]]], width: int, left: int) -> tuple[list[str], int]:
    """Set items one after another, in as many rows of 24 pixels as they need."""
    marks: list[str] = []
    x, row = left, 0
    for wide, inner in items:
        if x > left and x + wide > width:
            x, row = left, row + 1
        marks += [f'<g transform="translate({x} {row * 24})">', *inner, "</g>"]
        x += wide + 14
    return marks, row + 1 if items else 0


# Nodes


def _nodes(seen: View, sheet: _Sheet) -> Iterator[_Block]:
    for line in seen.lines:
        match line:
            case GroupLine():
                yield _group(line, sheet)
            case Domain():
                yield _domain(line, sheet)
                if line.more:
                    yield _more(line.more, sheet)
            case Row():
                yield from _rows([line], sheet)


def _domain(domain: Domain, sheet: _Sheet) -> _Block:
    """Draw a frame around the nodes of one domain, with its name above them."""
    blocks = [_Block(26, (_text(0, 20, domain.name, "strong muted"),)), *_rows(domain.rows, sheet)]
    height = sum(block.height for block in blocks)
    box = f'x="{-_FRAME + 0.5}" y="0.5" width="{sheet.width + 2 * _FRAME - 1}" height="{height - 1}" rx="8"'
    marks: list[str] = [f'<rect fill="none" stroke="#7b8794" stroke-dasharray="2 3" {box}/>']
    top = 0
    for block in blocks:
        marks += [f'<g transform="translate(0 {top})">', *block.marks, "</g>"]
        top += block.height
    return _Block(height + 10, tuple(marks))


def _rows(rows: Sequence[Row], sheet: _Sheet) -> Iterator[_Block]:
    for row in rows:
        yield _node(row, sheet)
        if row.alike:
            yield _alike(row, sheet)


def _group(group: GroupLine, sheet: _Sheet) -> _Block:
    """Draw the head of a node group, over its nodes."""
    band = f'<rect class="label" x="0.5" y="4.5" width="{sheet.width - 1}" height="25" rx="6"/>'
    name = _text(10, 22, group.name, "strong")
    return _Block(36, (band, name, _text(26 + _width(group.name), 22, group.about, "muted")))


def _node(row: Row, sheet: _Sheet) -> _Block:
    marks = [f'<path class="rule" d="M0 0.5H{sheet.width}"/>', _text(0, 34, _node_name(row), "strong")]
    if row.node.host:
        marks.append(_text(0, 50, row.node.host, "muted"))
    if row.head:
        marks.append(_text(0, 66 if row.node.host else 50, "head node", "muted"))
    top = 14
    for at, segments in enumerate(row.times):
        if at:
            marks.append(_text(0, top + 20, "then", "strong"))
        for start in range(0, row.node.gpus, sheet.per_line):
            line = _line(segments, start, sheet)
            marks += [f'<g transform="translate({sheet.side} {top})">', *line.marks, "</g>"]
            top += line.height
    labels, rows = _flow([_label(owner) for owner in row.without_gpus], sheet.width - sheet.side, 0)
    marks += [f'<g transform="translate({sheet.side} {top})">', *labels, "</g>"] if labels else []
    return _Block(max(top + rows * 24 + 8 * bool(rows), 62 + 16 * bool(row.node.host and row.head)), tuple(marks))


def _line(segments: Sequence[Segment], start: int, sheet: _Sheet) -> _Block:
    """Draw as many of a node's GPUs as stand side by side, their workers' ports below."""
    marks: list[str] = []
    most = 0
    for segment in segments:
        low, high = max(segment.first, start), min(segment.first + segment.count, start + sheet.per_line)
        if low < high:
            left, width = (low - start) * sheet.cell, (high - low) * sheet.cell - 4
            marks += _bar(segment, low, high, sheet, left)
            ports = [*_ports(segment)] if low == segment.first else []
            marks += [
                _text(left + 2, _BAR + 14 + at * _LINE, _cut(port, width, _MONO), "small muted")
                for at, port in enumerate(ports)
            ]
            most = max(most, len(ports))
    return _Block(_BAR + most * _LINE + 12, tuple(marks))


def _bar(segment: Segment, low: int, high: int, sheet: _Sheet, left: int) -> Iterator[str]:
    width = (high - low) * sheet.cell - 4
    yield f'<rect {_paint(segment, sheet)} x="{left + 0.5}" y="0.5" width="{width - 1}" height="{_BAR - 1}" rx="6"/>'
    yield from _strips(segment, width, sheet, left)
    cuts = "".join(f"M{left + at * sheet.cell - 2} 5V17" for at in range(1, high - low))
    if cuts:
        yield f'<path class="{"cut" if segment.owners else "rule"}" d="{cuts}"/>'
    kind = "small index" if segment.owners else "small muted"
    for gpu in range(low, high):
        yield _text(left + (gpu - low) * sheet.cell + 7, 13, f"GPU {gpu}" if gpu == low == 0 else str(gpu), kind)
    if segment.owners:
        yield _text(left + width // 2, 32, _short_name(segment, width - 8), "on", ' text-anchor="middle"')


def _strips(segment: Segment, width: int, sheet: _Sheet, left: int) -> Iterator[str]:
    """Draw the workers beside the one that has the GPUs, each a strip along the bar, the first one lowest."""
    beside = [owner for owner in segment.owners if owner.shares] if segment.holder else []
    for at, owner in enumerate(beside[:_MOST_STRIPS]):
        fill = sheet.colours[owner.role]
        yield (
            f'<rect fill="{fill}" stroke="#ffffff" x="{left + 6.5}" y="{_BAR - 6.5 - 5 * at}" width="{width - 13}"'
            ' height="4" rx="2"/>'
        )


def _paint(segment: Segment, sheet: _Sheet) -> str:
    if segment.holder:
        return f'fill="{sheet.colours[segment.holder.role]}"'
    return 'class="twice"' if segment.owners else 'class="free"'


def _label(owner: Owner) -> tuple[int, list[str]]:
    """Draw a worker without GPUs: its name, and what it binds."""
    name, ports = _owner_name(owner), ", ".join(owner.ports)
    right = 16 + _width(name)
    wide = right + _width(ports, _MONO) + 10 if ports else right + 4
    box = f'<rect class="label" x="0.5" y="0.5" width="{wide - 1}" height="19" rx="10"/>'
    return wide, [box, _text(10, 14, name), _text(right, 13, ports, "small muted")]


def _alike(row: Row, sheet: _Sheet) -> _Block:
    more = counted(len(row.alike), "node")
    return _more(f"{more} as {_node_name(row)}: {runs(row.alike)}", sheet)


def _more(text: str, sheet: _Sheet) -> _Block:
    box = f'<rect class="label" stroke-dasharray="4 3" x="0.5" y="4.5" width="{sheet.width - 1}" height="27" rx="6"/>'
    return _Block(44, (box, _text(sheet.width // 2, 22, text, "muted", ' text-anchor="middle"')))


def _node_name(row: Row) -> str:
    return f"node {row.node.node}"


def _segment_name(segment: Segment) -> str:
    return segment.joined.join(map(_owner_name, segment.owners))


def _short_name(segment: Segment, width: int) -> str:
    """Return the name that fits: the colour says the role, too."""
    name = _segment_name(segment)
    return name if _width(name) <= width else _cut(segment.joined.join(owner.number for owner in segment.owners), width)


def _owner_name(owner: Owner) -> str:
    return f"{owner.role} {owner.number}"


# What else there is to say


def _remarks(seen: View, sheet: _Sheet) -> Iterator[_Block]:
    texts = [f"{warning.code}: {warning.message}" for warning in seen.warnings]
    notes = [*seen.turns, *([seen.blocks] if seen.blocks else [])]
    for text in notes + texts + [text for text in (seen.more, seen.broken) if text]:
        lines = wrap(text, int(sheet.width / _SANS))
        marks = [_text(0, 20 + at * 18, line, "muted") for at, line in enumerate(lines)]
        yield _Block(18 * len(lines) + 6, tuple(marks))


# Text


def _text(x: int, y: int, text: str, kind: str = "", more: str = "") -> str:
    paint = f' class="{kind}"' if kind else ""
    return f'<text{paint} x="{x}" y="{y}"{more}>{escape(text)}</text>' if text else ""


def _width(text: str, letter: float = _SANS) -> int:
    wide = sum(char in _WIDE for char in text) if letter == _SANS else 0
    return round(len(text) * letter + wide * _WIDER)


def _cut(text: str, width: int, letter: float = _SANS) -> str:
    room = int(width / letter)
    return text if len(text) <= room else text[: max(0, room - 1)] + "…"
