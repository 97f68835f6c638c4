"""The third stage of placement: which GPU indices each worker owns on a node."""

from collections.abc import Mapping, Sequence
from functools import cache

from attrs import frozen

from dynplan.model import Record
from dynplan.planner.demand import Demand
from dynplan.planner.remaining import Homes

Groups = tuple[tuple[int, ...], ...]
Slice = tuple[int, ...]

_NONE = -(10**6)  # the worth of no arrangement at all: below any
_MOST_STATES = 20_000  # of a search; nodes of 32 GPUs in islands of any shape stayed below 2,000


def slice_nodes(
    wanted: Sequence[Demand], homes: Sequence[Homes], gpus: Sequence[int], groups: Groups
) -> list[list[Slice]]:
    """Share out the GPUs of every node among the tasks on it; equal nodes are cut once.

    Args:
        wanted: the demand of every role, in declaration order.
        homes: per role its workers' nodes.
        gpus: per node its GPUs.
        groups: the islands of a node, each a tuple of GPU indices.

    Returns:
        Per role the GPUs of each task, worker by worker and rank by rank.
    """
    sizes: list[list[int]] = [[] for _ in gpus]
    for demand, role_homes in zip(wanted, homes, strict=True):
        if demand.gpus_of_its_own:
            for home in role_homes:
                for node, size in zip(home, demand.slices, strict=True):
                    sizes[node].append(size)
    pieces = [iter(cut(tuple(of_node), have, groups)) for of_node, have in zip(sizes, gpus, strict=True)]
    found = {
        demand.role.name: [next(pieces[node]) if demand.gpus_of_its_own else () for home in role_homes for node in home]
        for demand, role_homes in zip(wanted, homes, strict=True)
    }
    beside = {demand.role.name: demand.role.size.beside for demand in wanted}
    return [found[_last(beside, demand.role.name)] for demand in wanted]


def _last(beside: Mapping[str, str], name: str) -> str:
    """Return the end of a chain: the role that a role is beside, or that one is beside, and so on."""
    while beside[name]:
        name = beside[name]
    return name


@cache
def cut(sizes: tuple[int, ...], gpus: int, groups: Groups = ()) -> tuple[Slice, ...]:
    """Cut one node's GPUs into contiguous slices, from index 0 up, in the order given.

    With groups (NVLink or NUMA islands) as many slices as any arrangement allows lie inside one group
    each. Only where the order given would cost one does a later slice come before an earlier one.

    Args:
        sizes: GPUs of each slice; 0 gives an empty slice.
        gpus: GPUs of the node; the sizes fit into it.
        groups: the islands, each a tuple of GPU indices.
    """
    firsts = _in_a_row(sizes)
    if groups:
        island = _Island.of(gpus, groups)
        possible = sum(island.longest >= size for size in sizes)
        if sum(map(island.holds, firsts, sizes)) < possible:
            firsts = _arranged(sizes, island) or firsts
    return tuple(tuple(range(first, first + size)) for first, size in zip(firsts, sizes, strict=True))


def _in_a_row(sizes: Sequence[int]) -> list[int]:
    firsts, at = [], 0
    for size in sizes:
        firsts.append(at)
        at += size
    return firsts


@frozen(eq=False, repr=False)
class _Island(Record):
    """For each GPU of a node where its stretch of neighbours in one group ends, the end exclusive."""

    ends: tuple[int, ...]
    longest: int

    @classmethod
    def of(cls, gpus: int, groups: Groups) -> "_Island":
        """Return the stretches of a node."""
        group_of = {gpu: at for at, group in enumerate(groups) for gpu in group}
        ends = [gpus] * gpus
        for gpu in range(gpus - 2, -1, -1):
            ends[gpu] = ends[gpu + 1] if group_of.get(gpu) == group_of.get(gpu + 1) else gpu + 1
        lengths = [end - first for first, end in zip([0, *ends], ends, strict=False) if first == 0 or first < end]
        return cls(tuple(ends), max(lengths, default=0))

    def holds(self, first: int, size: int) -> bool:
        """Tell whether a slice from `first` on stays inside its stretch."""
        return not size or first + size <= self.ends[first]


def _arranged(sizes: tuple[int, ...], island: _Island) -> list[int] | None:
    """Return the first GPU of each slice in the best arrangement, None where the search is too long.

    A slice that stays in its stretch can be moved down until it meets the one before it or the start
    of the stretch, so slices are placed from GPU 0 up, next to each other or from the start of the next
    stretch. Slices of one size are alike: what is left is a count for each size.
    """
    kinds = tuple(dict.fromkeys(size for size in sizes if size))
    search = _Search(island, kinds)
    left = tuple(sizes.count(size) for size in kinds)
    if not search.run(left):
        return None
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
            if left[kind] and self._placed(at, left, kind) == best:
                return kind
        return None

    def _after(self, at: int, left: tuple[int, ...]) -> list[tuple[int, tuple[int, ...]]]:
        if not self._fits(at, left) or not any(left):
            return []
        states = [(at + size, _less(left, kind)) for kind, size in enumerate(self.kinds) if left[kind]]
        return [*states, (self.island.ends[at], left)]

    def _fits(self, at: int, left: tuple[int, ...]) -> bool:
        return sum(map(int.__mul__, self.kinds, left)) <= len(self.island.ends) - at

    def _value(self, at: int, left: tuple[int, ...]) -> int:
        if not any(left):
            return 0
        if not self._fits(at, left):
            return _NONE
        placed = [self._placed(at, left, kind) for kind in range(len(self.kinds)) if left[kind]]
        return max(*placed, self.best[self.island.ends[at], left])

    def _placed(self, at: int, left: tuple[int, ...], kind: int) -> int:
        size = self.kinds[kind]
        return self.island.holds(at, size) + self.best[at + size, _less(left, kind)]
