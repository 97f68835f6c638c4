"""A difference as plain text, for a terminal."""

from collections.abc import Iterator

from dynplan.diagnostics.visible import visible
from dynplan.views.difference.lines import Row, details, headline, rows, unchanged
from dynplan.views.difference.records import Difference, Part

_SIGNS = {"!": "~"}


def as_text(found: Difference) -> str:
    """Return what differs as text that ends in a newline: a sentence, an overview, then part by part."""
    blocks = [[headline(found)], list(_table(list(rows(found)))), *(list(_part(part)) for part in found.changed)]
    same = unchanged(found) if found.changed else []
    blocks.append(["the same: " + "; ".join(f"{kind} {', '.join(names)}" for kind, names in same)] if same else [])
    return "\n\n".join("\n".join(map(visible, block)) for block in blocks if block) + "\n"


def _table(found: list[Row]) -> Iterator[str]:
    if not found:
        return
    cells = [
        ("", "before", "after", ""),
        *((f"{row.kind} {row.name}".strip(), row.before, row.after, row.said) for row in found),
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    yield from ("  ".join(map(str.ljust, row, widths)).rstrip() for row in cells)


def _part(part: Part) -> Iterator[str]:
    lines = details(part)
    if lines:
        yield f"{part.kind} {part.name}".strip()
    for sign, text in lines:
        yield f"  {text}:" if sign == "@" else f"  {_SIGNS.get(sign, sign)} {text}".rstrip()
