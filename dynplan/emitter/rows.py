"""The rows of a role's tasks, and their shortest form: groups that repeat with a step.

64 identical nodes are one group of as many lines as one node has. Every column is a number;
from one repetition to the next each column moves by its own fixed step.
"""

from collections.abc import Iterator, Sequence
from operator import add

from attrs import frozen

Numbers = tuple[int, ...]
_LONGEST_PERIOD = 64


@frozen
class Column:
    """A column of a row: its name, and how many numbers in a row it stands for (0: no GPU).

    `moves`: they are ports that are higher by the offset of the job.
    """

    name: str
    width: int = 1
    moves: bool = False


Shape = tuple[Column, ...]
Row = tuple[Shape, Numbers]


@frozen
class Group:
    """`times` repetitions of `rows`; in repetition i each column is its number plus i times its step."""

    times: int
    steps: tuple[tuple[str, int], ...]
    rows: tuple[Row, ...]


def groups(rows: Sequence[Row]) -> Iterator[Group]:
    """Yield the groups whose concatenation is `rows`."""
    at = 0
    while at < len(rows):
        period, times = _best(rows, at)
        head = rows[at : at + period]
        steps = _steps(rows[at], rows[at + period]) if times > 1 else ()
        yield Group(times, _named(head[0][0], steps or ()), tuple(head))
        at += period * times


def _best(rows: Sequence[Row], at: int) -> tuple[int, int]:
    """Return the period and the repetitions that cover the most rows per line."""
    best, gain = (1, 1), 1.0
    left = len(rows) - at
    for period in range(1, min(_LONGEST_PERIOD, left // 2) + 1):
        times = _repetitions(rows, at, period)
        if times == 1:
            continue
        if times * period / (period + 1) >= gain:
            best, gain = (period, times), times * period / (period + 1)
        if times * period > left - period:
            break
    return best


def _repetitions(rows: Sequence[Row], at: int, period: int) -> int:
    """Count how often `period` rows repeat, each time by the same step in every row."""
    steps = _steps(rows[at], rows[at + period])
    if steps is None:
        return 1
    named = dict(_named(rows[at][0], steps))
    moves: dict[int, Numbers] = {}  # by the identity of a shape, as to hash one takes long: the steps of its columns
    index, last = at, len(rows) - period
    while index < last:
        (shape, numbers), (later_shape, later) = rows[index], rows[index + period]
        if shape is not later_shape and shape != later_shape:
            break
        if id(shape) not in moves:
            moves[id(shape)] = tuple(named.get(column.name, 0) for column in shape)
        if tuple(map(add, numbers, moves[id(shape)])) != later:
            break
        index += 1
    return (index - at) // period + 1


def _steps(row: Row, later: Row) -> Numbers | None:
    if row[0] != later[0]:
        return None
    return tuple(b - a for a, b in zip(row[1], later[1], strict=True))


def _named(shape: Shape, steps: Numbers) -> tuple[tuple[str, int], ...]:
    return tuple((column.name, step) for column, step in zip(shape, steps, strict=False) if step)


def cell(column: Column, number: int) -> str:
    """Write a column of one row: `node=0`, `gpus=0-3`, `port.nixl=5557-5560`, `gpus=-`.

    What bash is to compute with may be a sum: `port.http=port_offset+20000`.
    """
    if column.width == 0:
        return f"{column.name}=-"
    offset = "port_offset+" if column.moves else ""
    last = f"-{offset}{number + column.width - 1}" if column.width > 1 else ""
    return f"{column.name}={offset}{number}{last}"
