"""Counted items and bins: what is asked, what is answered, and what may go into one bin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from attrs import frozen

Pattern = tuple[int, ...]
"""How many items of each kind lie in one bin."""

Run = tuple[int, Pattern]
"""So many bins that all have this pattern."""

Group = tuple[int, int, Pattern]
"""Equal bins of a class: the class by its index, the number of bins, the pattern of each."""


@frozen
class Kind:
    """Items that are all alike: their size, their number, the most of them in one bin (None: any)."""

    size: int
    count: int
    limit: int | None = None


@frozen
class BinClass:
    """Bins that are all alike.

    Attributes:
        free: What one bin holds, in the unit of the items' sizes.
        count: How many such bins there are.
        must_use: Leave none of these bins empty, as far as there are items for it.
    """

    free: int
    count: int
    must_use: bool = False


@frozen
class Packing:
    """The used bins as runs of equal ones, and a number of bins that no packing goes below."""

    bins: tuple[Run, ...]
    lower: int

    @property
    def total(self) -> int:
        """The number of bins."""
        return sum(bins for bins, _ in self.bins)

    @property
    def proven(self) -> bool:
        """Whether no packing has fewer bins."""
        return self.total == self.lower


@frozen
class Unknown:
    """The budget ran out before an arrangement was found or ruled out."""

    budget: int


@frozen
class Problem:
    """What may go into one bin, without the numbers of bins and items.

    Attributes:
        sizes: of an item, by kind.
        free: what one bin holds, by class.
        caps: the most items of a kind in one bin, by class and kind.
    """

    sizes: Pattern
    free: tuple[int, ...]
    caps: tuple[Pattern, ...]

    def within(self, need: Pattern) -> Problem:
        """Return the same, for items of which only so many are left."""
        return Problem(self.sizes, self.free, tuple(tuple(map(min, caps, need)) for caps in self.caps))


def problem_of(classes: Sequence[BinClass], kinds: Sequence[Kind]) -> Problem:
    """Return what may go into a bin of each class."""
    caps = tuple(tuple(_cap(bins, kind) for kind in kinds) for bins in classes)
    return Problem(tuple(kind.size for kind in kinds), tuple(bins.free for bins in classes), caps)


def _cap(bins: BinClass, kind: Kind) -> int:
    most = min(kind.count, bins.free // kind.size)
    return most if kind.limit is None else min(most, kind.limit)


def dot(one: Sequence[int], other: Sequence[int]) -> int:
    """Return the sum of the products, entry by entry."""
    return sum(a * b for a, b in zip(one, other, strict=True))


def free_in(problem: Problem, group: Group) -> int:
    """Return what one bin of the group has left."""
    return problem.free[group[0]] - dot(problem.sizes, group[2])


def with_items(pattern: Pattern, kind: int, items: int) -> Pattern:
    """Return the pattern with so many more items of a kind."""
    return (*pattern[:kind], pattern[kind] + items, *pattern[kind + 1 :])


def bins_in(groups: Sequence[Group]) -> int:
    """Return the number of bins of all groups."""
    return sum(bins for _, bins, _ in groups)


def runs(groups: Sequence[Group]) -> tuple[Run, ...]:
    """Return equal bins as one run, those with most of the first kind first."""
    bins: Counter[Pattern] = Counter()
    for _, count, pattern in groups:
        bins[pattern] += count
    return tuple((bins[pattern], pattern) for pattern in sorted(bins, reverse=True) if any(pattern) and bins[pattern])
