"""One node's GPUs cut into contiguous slices, inside its groups and around GPUs that are pinned."""

from collections.abc import Sequence
from functools import cache

from attrs import frozen

from dynplan.model import Record

Groups = tuple[tuple[int, ...], ...]
Slice = tuple[int, ...]

_NONE = -(10**6)  # the worth of no arrangement at all: below any
_MOST_STATES = 20_000  # of a search; nodes of 32 GPUs in islands of any shape stayed below 2,000


@cache
def cut(sizes: tuple[int, ...], gpus: int, groups: Groups = (), pins: Slice = ()) -> tuple[Slice, ...]:
    """Cut one node's GPUs into contiguous slices, from index 0 up, in the order given, around those that are pinned.

    With groups (NVLink or NUMA islands) as many slices as any arrangement allows lie inside one group
    each. Only where the order given would cost one does a later slice come before an earlier one.

    Args:
        sizes: GPUs of each slice; 0 gives an empty slice.
        gpus: GPUs of the node; the sizes fit into it.
        groups: the islands, each a tuple of GPU indices.
        pins: GPUs that are others', ascending.

    Raises:
        ValueError: they do not fit beside those that are pinned.
    """
    if pins:
        found = around(sizes, gpus, groups, pins)
        if found is None:
            raise ValueError(f"slices of {sizes} GPUs do not fit beside {pins} of {gpus}")
        return tuple(tuple(range(first, first + size)) for first, size in zip(found, sizes, strict=True))
    firsts = _in_a_row(sizes)
    if groups:
        island = _Island.of(gpus, groups)
        possible = sum(island.longest >= size for size in sizes)
        if sum(map(island.holds, firsts, sizes)) < possible:
            firsts = _arranged(sizes, island) or firsts
    return tuple(tuple(range(first, first + size)) for first, size in zip(firsts, sizes, strict=True))


def around(sizes: tuple[int, ...], gpus: int, groups: Groups, pins: Slice) -> list[int] | None:
    """Return where each slice begins beside GPUs that are pinned, None where they do not fit; arguments as in `cut`.

    Each slice takes the lowest GPUs that are free side by side, unless that costs a later one its place or its group.
    """
    if pins and pins[-1] >= gpus:
        return None
    row = _lowest(sizes, gpus, pins)
    if row and not groups:
        return row
    island = _Island.of(gpus, groups, pins)
    possible = sum(island.longest >= size for size in sizes)
    if row and sum(map(island.holds, row, sizes)) == possible:
        return row
    return _arranged(sizes, island, row) or row


def _lowest(sizes: tuple[int, ...], gpus: int, pins: Slice) -> list[int] | None:
    """Give each slice in turn the lowest free GPUs in a row; None where one finds none."""
    edges = zip((-1, *pins), (*pins, gpus), strict=True)
    pieces = [[before + 1, after] for before, after in edges]
    firsts = []
    for size in sizes:
        piece = next((piece for piece in pieces if piece[1] - piece[0] >= size), None)
        if piece is None:
            return None
        firsts.append(piece[0])
        piece[0] += size
    return firsts


def _in_a_row(sizes: Sequence[int]) -> list[int]:
    firsts, at = [], 0
    for size in sizes:
        firsts.append(at)
        at += size
    return firsts


@frozen(eq=False, repr=False)
class _Island(Record):
    """For each GPU of a node where its stretch of neighbours in one group ends, the end exclusive.

    `walls` are where the free GPUs side by side end; a pinned GPU is a stretch of its own that nothing is placed in.
    """

    ends: tuple[int, ...]
    walls: tuple[int, ...]
    longest: int

    @classmethod
    def of(cls, gpus: int, groups: Groups, pins: Slice = ()) -> "_Island":
        """Return the stretches of a node."""
        group_of = {gpu: at for at, group in enumerate(groups) for gpu in group} | {gpu: -1 - gpu for gpu in pins}
        ends = [gpus] * gpus
        for gpu in range(gpus - 2, -1, -1):
            ends[gpu] = ends[gpu + 1] if group_of.get(gpu) == group_of.get(gpu + 1) else gpu + 1
        walls = [next((pin for pin in pins if pin >= gpu), gpus) for gpu in range(gpus)]
        lengths = [min(end, wall) - first for first, (end, wall) in enumerate(zip(ends, walls, strict=True))]
        return cls(tuple(ends), tuple(walls), max(lengths, default=0))

    def holds(self, first: int, size: int) -> bool:
        """Tell whether a slice from `first` on stays inside its stretch."""
        return not size or first + size <= self.ends[first]


def _arranged(sizes: tuple[int, ...], island: _Island, row: list[int] | None = None) -> list[int] | None:
    """Return the first GPU of each slice in the best arrangement, None where there is none or the search is too long.

    An arrangement `row` that is as good as any is preferred.

    A slice that stays in its stretch can be moved down until it meets the one before it or the start
    of the stretch, so slices are placed from GPU 0 up, next to each other or from the start of the next
    stretch. Slices of one size are alike: what is left is a count for each size.
    """
    kinds = tuple(dict.fromkeys(size for size in sizes if size))
    search = _Search(island, kinds)
    left = tuple(sizes.count(size) for size in kinds)
    if not search.run(left) or (best := search.best[0, left]) < 0:
        return None
    if row and sum(size > 0 and island.holds(first, size) for first, size in zip(row, sizes, strict=True)) >= best:
        return row
    waiting = {size: [at for at, other in enumerate(sizes) if other == size] for size in kinds}
    firsts = _in_a_row(sizes)
    at = 0
    while any(left):
        kind = search.choice(at, left, [waiting[size][0] if waiting[size] else len(sizes) for size in kinds])
        if kind is None:
            at = island.ends[at]
            continue
        firsts[waiting[kinds[kind]].pop(0)] = at
        at += kinds[kind]
        left = _less(left, kind)
    return firsts


def _less(left: tuple[int, ...], kind: int) -> tuple[int, ...]:
    return (*left[:kind], left[kind] - 1, *left[kind + 1 :])


class _Search:
    """The most slices inside a stretch, by the next free GPU and the slices left of each size."""

    def __init__(self, island: _Island, kinds: tuple[int, ...]) -> None:
        self.island = island
        self.kinds = kinds
        self.best: dict[tuple[int, tuple[int, ...]], int] = {}

    def run(self, left: tuple[int, ...]) -> bool:
        """Fill in every state on the way, a state after those that follow it; False if they are too many."""
        stack = [(0, left)]
        while stack:
            state = stack[-1]
            open_states = [after for after in self._after(*state) if after not in self.best]
            if open_states:
                stack += open_states
                continue
            stack.pop()
            self.best[state] = self._value(*state)
            if len(self.best) > _MOST_STATES:
                return False
        return True

    def choice(self, at: int, left: tuple[int, ...], turns: Sequence[int]) -> int | None:
        """Return the size to place at a GPU, the one whose slice has waited longest, or None to leave a gap."""
        best = self.best[at, left]
        for kind in sorted(range(len(self.kinds)), key=lambda kind: turns[kind]):
            if left[kind] and self._open(at, kind) and self._placed(at, left, kind) == best:
                return kind
        return None

    def _after(self, at: int, left: tuple[int, ...]) -> list[tuple[int, tuple[int, ...]]]:
        if not self._fits(at, left) or not any(left):
            return []
        kinds = [kind for kind in range(len(self.kinds)) if left[kind] and self._open(at, kind)]
        states = [(at + self.kinds[kind], _less(left, kind)) for kind in kinds]
        return [*states, (self.island.ends[at], left)]

    def _fits(self, at: int, left: tuple[int, ...]) -> bool:
        return sum(map(int.__mul__, self.kinds, left)) <= len(self.island.ends) - at

    def _open(self, at: int, kind: int) -> bool:
        return at + self.kinds[kind] <= self.island.walls[at]

    def _value(self, at: int, left: tuple[int, ...]) -> int:
        if not any(left):
            return 0
        if not self._fits(at, left):
            return _NONE
        placed = [
            self._placed(at, left, kind) for kind in range(len(self.kinds)) if left[kind] and self._open(at, kind)
        ]
        return max([*placed, self.best[self.island.ends[at], left]])

    def _placed(self, at: int, left: tuple[int, ...], kind: int) -> int:
        size = self.kinds[kind]
        return self.island.holds(at, size) + self.best[at + size, _less(left, kind)]
