"""Rows of words as columns: for a terminal, or as CSV."""

from collections.abc import Iterator, Sequence

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
