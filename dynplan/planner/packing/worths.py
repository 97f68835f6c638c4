"""Worths for the kinds, the bounds they make, and the patterns that are worth the most."""

from collections.abc import Iterator

from attrs import frozen

from dynplan.planner.packing.bins import Pattern, Problem, dot


@frozen
class Worths:
    """A worth for each kind, and the most that fits into one bin of each class.

    Attributes:
        each: The worth of one item, by kind.
        tables: By class, kind and free room: the most that items of this kind and those after it
            are worth together in one bin.
        tops: The most that one bin's items are worth, by class.
    """

    each: Pattern
    tables: tuple[list[list[int]], ...]
    tops: tuple[int, ...]

    def slack(self, need: Pattern, left: Pattern) -> int:
        """Return what the bins left can hold beyond the items needed; below 0 they do not fit."""
        return dot(self.tops, left) - dot(self.each, need)


def worths_of(problem: Problem, each: Pattern) -> Worths:
    """Return the worths `each`, by kind, with the most that a bin of each class holds of them."""
    tables = tuple(
        _table(problem.sizes, caps, free, each) for caps, free in zip(problem.caps, problem.free, strict=True)
    )
    return Worths(each, tables, tuple(table[0][-1] for table in tables))


def _table(sizes: Pattern, caps: Pattern, free: int, each: Pattern) -> list[list[int]]:
    """The bounded knapsack, kinds from last to first, copies in powers of two."""
    rows = [[0] * (free + 1)]
    for size, cap, worth in reversed(list(zip(sizes, caps, each, strict=True))):
        row = rows[-1]
        for copies in _doubling(cap if worth else 0):
            step, gain = copies * size, copies * worth
            row = row[:step] + [max(a, b + gain) for a, b in zip(row[step:], row, strict=False)]
        rows.append(row)
    return rows[::-1]


def _doubling(cap: int) -> Iterator[int]:
    """Numbers whose sums are exactly 0..cap: 1, 2, 4, ... and a rest."""
    copies = 1
    while cap > 0:
        yield min(copies, cap)
        cap -= copies
        copies *= 2


def most_worth(problem: Problem, worths: Worths, cls: int) -> Pattern:
    """Return a pattern of the class that is worth the most, without items worth nothing."""
    free, table, pattern = problem.free[cls], worths.tables[cls], []
    for kind, (size, worth) in enumerate(zip(problem.sizes, worths.each, strict=True)):
        most = min(problem.caps[cls][kind], free // size) if worth else 0
        items = most
        while items * worth + table[kind + 1][free - items * size] < table[kind][free]:
            items -= 1
        pattern.append(items)
        free -= items * size
    return tuple(pattern)


def patterns_worth(problem: Problem, cls: int, worths: Worths, least: int) -> Iterator[Pattern]:
    """Yield the patterns of the class that are worth so much at least, those with most of the first kind first."""
    table, caps = worths.tables[cls], problem.caps[cls]

    def extend(head: Pattern, free: int, least: int) -> Iterator[Pattern]:
        kind = len(head)
        if kind == len(caps):
            yield head
            return
        size, worth = problem.sizes[kind], worths.each[kind]
        for items in range(min(caps[kind], free // size), -1, -1):
            rest = free - items * size
            if table[kind + 1][rest] >= least - items * worth:
                yield from extend((*head, items), rest, least - items * worth)

    return extend((), problem.free[cls], least)
