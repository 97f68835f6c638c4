"""Who holds which numbers: stretches in order, so that a block of thousands costs as much as one number."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator

from attrs import Factory, define, frozen

Stretches = tuple[tuple[int, int], ...]  # of numbers, the end exclusive


@frozen
class Taken:
    """A number that somebody holds; whoever wanted it is clear of that stretch `ahead` numbers further up."""

    number: int
    owner: str
    ahead: int


@define
class Book:
    """Stretches that are held, ascending and apart, each with who came first."""

    starts: list[int] = Factory(list)
    ends: list[int] = Factory(list)
    owners: list[str] = Factory(list)

    def taken(self, numbers: Stretches) -> Taken | None:
        """Return the first of the numbers that is held."""
        for low, end in numbers:
            at = self._after(low)
            if at and self.ends[at - 1] > low:
                return Taken(low, self.owners[at - 1], self.ends[at - 1] - low)
            if at < len(self.starts) and self.starts[at] < end:
                return Taken(self.starts[at], self.owners[at], self.ends[at] - low)
        return None

    def enter(self, numbers: Stretches, owner: str) -> None:
        """Give the numbers to an owner, but for those that are held."""
        for low, end in numbers:
            while low < end:
                at = self._after(low)
                held = self.ends[at - 1] if at else low
                free = self.starts[at] if at < len(self.starts) else end
                if held <= low:
                    self.starts.insert(at, low)
                    self.ends.insert(at, min(end, free))
                    self.owners.insert(at, owner)
                    held = min(end, free)
                low = held

    def _after(self, number: int) -> int:
        """Return how many stretches start at or below a number."""
        return bisect_right(self.starts, number)


def apart(pieces: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield stretches, their ends exclusive, in ascending order and those that touch as one."""
    first = end = -1
    for low, high in sorted(pieces):
        if low > end:
            if first < end:
                yield first, end
            first, end = low, high
        end = max(end, high)
    if first < end:
        yield first, end
