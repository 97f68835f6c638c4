"""Rows of words as columns: for a terminal, or as CSV."""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from textwrap import wrap

from dynplan.diagnostics.visible import visible

_NUMBER = frozenset("0123456789.-+e*")


def as_columns(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of one length as columns two blanks apart, the first row their heads; numbers stand to the right.

    What does not print stands as an escape.
    """
    rows = [[visible(text) for text in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    right = [_is_numbers(column[1:]) for column in zip(*rows, strict=True)]
    return "".join(f"{_line(row, widths, right)}\n" for row in rows)


def columns_within(rows: Sequence[Sequence[str]], width: int) -> list[list[str]]:
    """Return the lines of each row, in columns two blanks apart that together are no wider than `width`.

    The widest columns are made narrower, and their cells wrapped, between words where that can be. All lines are
    padded to the same length.
    """
    widths = [max(1, *map(len, column)) for column in zip(*rows, strict=True)]
    while sum(widths) + 2 * (len(widths) - 1) > width and max(widths) > 1:
        widths[widths.index(max(widths))] -= 1
    return [list(_lines(row, widths)) for row in rows]


def _lines(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    cells = [wrap(text, width, break_on_hyphens=False) for text, width in zip(row, widths, strict=True)]
    for line in zip_longest(*cells, fillvalue=""):
        yield "  ".join(map(str.ljust, line, widths))


def as_csv(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as CSV (RFC 4180), lines ending as they do in Unix."""
    return "".join(",".join(map(_field, row)) + "\n" for row in rows)


def _line(row: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    return "  ".join(_padded(row, widths, right)).rstrip()


def _padded(row: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> Iterator[str]:
    for text, width, numbers in zip(row, widths, right, strict=True):
        yield text.rjust(width) if numbers else text.ljust(width)


def _is_numbers(texts: Sequence[str]) -> bool:
    return any(texts) and all(_NUMBER.issuperset(text) for text in texts)


def _field(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(char in text for char in ',"\r\n') else text
