"""Bins that must not stay empty: items move into them after all have a place."""

from collections import Counter
from collections.abc import Iterator, Sequence

from dynplan.planner.packing.bins import Group, Pattern, Problem, with_items

_Move = tuple[int, Pattern, int, int]  # out of a bin of this class and pattern, an item of this kind, to this class


def spread(problem: Problem, left: Pattern, must_use: Sequence[bool], groups: Sequence[Group]) -> list[Group]:
    """Move items into empty bins that must be used, until none is left or no move helps."""
    empty = (0,) * len(problem.sizes)
    filled: list[Counter[Pattern]] = [Counter() for _ in left]
    for cls, bins, pattern in groups:
        filled[cls][pattern] += bins
    for cls, bins in enumerate(left):
        filled[cls][empty] = bins - filled[cls].total()
    for cls in (cls for cls, must in enumerate(must_use) if must):
        while filled[cls][empty] and (moves := _moves(problem, filled, must_use, cls)):
            _move(filled, moves, min(filled[cls][empty], *(filled[at][pattern] for at, pattern, _, _ in moves)))
    return [(cls, bins, pattern) for cls, held in enumerate(filled) for pattern, bins in held.items()]


def _moves(problem: Problem, filled: list[Counter[Pattern]], must_use: Sequence[bool], cls: int) -> list[_Move]:
    """The fewest moves that fill an empty bin of the class and leave no other empty that must be used.

    The item comes from the bin with the most items. A bin that would be left empty is filled in turn:
    breadth first over the classes, an augmenting path, so that no arrangement uses more of the bins.
    """
    paths: dict[int, list[_Move]] = {cls: []}
    queue = [cls]
    for to in queue:
        for items, at, pattern, kind in sorted(_loose(filled, problem.caps[to])):
            path = [*paths[to], (at, pattern, kind, to)]
            if items < -1 or not must_use[at]:
                return path
            if at not in paths:
                paths[at] = path
                queue.append(at)
    return []


def _loose(filled: list[Counter[Pattern]], caps: Pattern) -> Iterator[tuple[int, int, Pattern, int]]:
    """Items that a bin with these caps could take: minus the items beside it and it, class, pattern, kind."""
    for at, held in enumerate(filled):
        for pattern in (pattern for pattern, bins in held.items() if bins):
            for kind, items in enumerate(pattern):
                if items and caps[kind]:
                    yield -sum(pattern), at, pattern, kind


def _move(filled: list[Counter[Pattern]], moves: list[_Move], times: int) -> None:
    for at, pattern, kind, to in moves:
        empty = (0,) * len(pattern)
        filled[at][pattern] -= times
        filled[at][with_items(pattern, kind, -1)] += times
        filled[to][empty] -= times
        filled[to][with_items(empty, kind, 1)] += times
