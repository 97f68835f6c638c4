"""Moves and ports of many workers in few lines: those that changed alike stand in one."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import TypeVar

from dynplan.model import Block, Texts
from dynplan.views.difference.records import Move, PortMove, Seat
from dynplan.views.ranges import runs

_MOST_LINES = 8  # of one kind, before all of them are put into one
_MOST_ENDS = 2  # the same for what is new or gone
Line = tuple[str, str]  # `+`, `-`, or `!` for a change; and what is said
Item = TypeVar("Item")
Key = TypeVar("Key", bound=Hashable)


def move_lines(moves: Sequence[Move]) -> Iterator[Line]:
    """Yield a line for workers that came, went or moved in the same way; where these are many, one for all."""
    for sign, some in _grouped(moves, lambda move: _sign(move.before, move.after)).items():
        groups = list(_grouped(some, lambda move: (_shape(move.before), _shape(move.after))).values())
        if sign == "!":
            groups = [part for group in groups for part in ([[move] for move in group] if _swapped(group) else [group])]
        yield from map(_move_line, groups if len(groups) <= _most(sign) else [some])


def _sign(before: object, after: object) -> str:
    return "+" if before is None else "-" if after is None else "!"


def _most(sign: str) -> int:
    return _MOST_LINES if sign == "!" else _MOST_ENDS


def _shape(seats: tuple[Seat, ...] | None) -> Hashable:
    """Return what workers have in common whose place is told in one line: their GPUs, node by node."""
    return None if seats is None else tuple(gpus for _, gpus in seats)


def _swapped(moves: Sequence[Move]) -> bool:
    """Tell whether workers have only changed places with one another."""
    return _place([move.before for move in moves]) == _place([move.after for move in moves])


def _move_line(moves: Sequence[Move]) -> Line:
    told = workers([move.worker for move in moves])
    before, after = _place([move.before for move in moves]), _place([move.after for move in moves])
    if not before:
        return "+", f"{told} on {after}"
    if not after:
        return "-", f"{told} on {before}"
    return "!", f"{told}: {before} → {after if after != before else 'the same, in another order'}"


def _place(several: Sequence[tuple[Seat, ...] | None]) -> str:
    """Say where workers are: nodes and GPUs; of workers with other GPUs on each node, rank by rank."""
    seats = [seat for each in several for seat in each or ()]
    alike = len(set(map(_shape, several))) == 1
    parts = _grouped(seats, lambda seat: seat[1]).values() if alike else [seats]
    return "; ".join(map(_seats, parts))


def _seats(seats: Sequence[Seat]) -> str:
    nodes, gpus = sorted({node for node, _ in seats}), sorted({gpu for _, gpus in seats for gpu in gpus})
    where = _counted("node", nodes) if nodes else ""
    return f"{where}, {_counted('GPU', gpus)}" if gpus else where


def _counted(what: str, numbers: Sequence[int]) -> str:
    return f"{what}{'s' if len(numbers) > 1 else ''} {runs(numbers)}"


def port_lines(moves: Sequence[PortMove]) -> Iterator[Line]:
    """Yield for each port a line for those that changed in the same way; where these are many, one for all."""
    by_name = _grouped(moves, lambda move: (_sign(move.before, move.after), move.port))
    for (sign, name), some in by_name.items():
        groups = list(_grouped(some, lambda move: (move.before, move.after)).values())
        for group in groups if len(groups) <= _most(sign) else [some]:
            sides = [_numbers([move.before for move in group]), _numbers([move.after for move in group])]
            change = " → ".join(dict.fromkeys(filter(None, sides)))
            yield sign, f"port {name} {change} of {workers(sorted({move.worker for move in group}))}"


def _numbers(blocks: Iterable[Block | None]) -> str:
    found = {number for block in blocks if block for number in range(block.port, block.port + block.count)}
    return runs(sorted(found))


def workers(numbers: Sequence[int]) -> str:
    """Name workers by their numbers, and say how many there are where those do not show it."""
    count = f" ({len(numbers)})" if len(numbers) > 9 else ""
    return f"{_counted('worker', numbers)}{count}"


def of(tasks: Texts) -> str:
    """Say which workers a change is about, nothing where it is all of them."""
    if not tasks:
        return ""
    if all(task.isdecimal() for task in tasks):
        return f" of {workers(list(map(int, tasks)))}"
    shown = ", ".join(tasks[:3]) + (f" and {len(tasks) - 3} more" if len(tasks) > 3 else "")
    return f" of {'worker' if len(tasks) == 1 else 'workers'} {shown}"


def cut(lines: Sequence[Line]) -> Iterator[Line]:
    """Yield the lines, and of very many the first and how many there are more."""
    yield from lines if len(lines) <= _MOST_LINES + 1 else lines[:_MOST_LINES]
    if len(lines) > _MOST_LINES + 1:
        yield " ", f"… and {len(lines) - _MOST_LINES} more like these"


def _grouped(items: Iterable[Item], key: Callable[[Item], Key]) -> dict[Key, list[Item]]:
    found: dict[Key, list[Item]] = {}
    for item in items:
        found.setdefault(key(item), []).append(item)
    return found
