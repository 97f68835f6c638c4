"""A difference as plain text, for a terminal."""

from collections.abc import Iterator

from dynplan.diagnostics.paint import PLAIN, Paint
from dynplan.diagnostics.visible import visible
from dynplan.views.difference.lines import Row, details, headline, rows, unchanged
from dynplan.views.difference.records import Difference, Part

_SIGNS = {"!": "~"}
_KINDS = {"+": "good", "-": "bad", "!": "changed", "~": "changed", "@": "note"}


def as_text(found: Difference, paint: Paint = PLAIN) -> str:
    """Return what differs as text that ends in a newline: a sentence, an overview, then part by part.

    `paint` paints for a terminal.
    """
    blocks = [[paint("strong", visible(headline(found)))], list(_table(list(rows(found)), paint))]
    blocks += (list(_part(part, paint)) for part in found.changed)
    same = unchanged(found) if found.changed else []
    rest = "the same: " + "; ".join(f"{kind} {', '.join(names)}" for kind, names in same)
    blocks.append([paint("quiet", visible(rest))] if same else [])
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _table(found: list[Row], paint: Paint) -> Iterator[str]:
    if not found:
        return
    cells = [
        ("", "before", "after", ""),
        *((f"{row.kind} {row.name}".strip(), row.before, row.after, row.said) for row in found),
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    heads, *lines = (visible("  ".join(map(str.ljust, row, widths)).rstrip()) for row in cells)
    yield paint("quiet", heads)
    yield from lines


def _part(part: Part, paint: Paint) -> Iterator[str]:
    lines = details(part)
    if lines:
        yield paint("strong", visible(f"{part.kind} {part.name}".strip()))
    for sign, text in lines:
        told = f"{text}:" if sign == "@" else f"{_SIGNS.get(sign, sign)} {text}"
        yield "  " + paint(_KINDS.get(sign, ""), visible(told.rstrip()))
