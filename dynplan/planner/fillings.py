"""An exact search over listed fillings of nodes, for jobs in which some roles have GPUs by index.

A node is filled by so many of each kind of block. Of equal nodes the fillings to which nothing can be added are listed
once; the search takes each of them a number of times, and covers what is needed. Everything is counted: a thousand
equal nodes cost about as much as ten.
"""

from collections.abc import Iterator, Sequence

from attrs import define, field, frozen

from dynplan.planner.content import Content
from dynplan.planner.cutting import Slice

_BUDGET = 10_000  # choices of one search, for all numbers of nodes that it tries; half a second at the most
_MOST_LISTED = 50_000  # steps to list the fillings of a node; half a second at the most
_FEWEST_STEPS = 20  # with which a search is worth its while
_DEEPEST = 200  # runs of nodes in one arrangement
Pattern = tuple[int, ...]  # how many of each kind of block
Run = tuple[int, int, Pattern]  # so many nodes of a class, and what each of them gets


@frozen
class Block:
    """What a role puts on one node: slices, or GPUs by index, on `count` nodes; `once` at most on each.

    `role` and `size` tell whose it is: the role by its place in a list, the GPUs of one slice.
    """

    role: int
    size: int
    sizes: Slice
    pins: Slice
    count: int
    once: bool

    @property
    def gpus(self) -> int:
        """GPUs of one block."""
        return sum(self.sizes) + len(self.pins)


class SpentError(Exception):
    """The budget ran out."""


@define
class _Steps:
    """What is left of a budget."""

    left: int = _BUDGET

    def half(self) -> "_Steps":
        """Take half of the steps for a search of its own."""
        self.left //= 2
        return _Steps(self.left)

    def spend(self, steps: int = 1) -> None:
        self.left -= steps
        if self.left < 0:
            raise SpentError


def fewest_nodes(base: Content, blocks: Sequence[Block]) -> tuple[int, int]:
    """Return the fewest equal nodes that hold the blocks, and a proven lower bound."""
    need = tuple(block.count for block in blocks)
    greedy = _best_fit([(base, sum(need))], blocks)
    most = sum(times for _, times, _ in greedy) if greedy else sum(need)
    try:
        patterns = _patterns(base, blocks, _Steps(_MOST_LISTED))
    except SpentError:
        gpus = sum(block.gpus * block.count for block in blocks)
        return most, max(-(-gpus // max(1, base.free)), *(block.count for block in blocks if block.once), 1)
    lower = max(1, _bound(patterns, blocks, need))
    steps, search = _Steps(), _Search([patterns], blocks)
    for count in range(lower, most):
        search.steps = steps.half()
        if search.steps.left < _FEWEST_STEPS:
            break
        try:
            if search.run(need, (count,)) is not None:
                return count, lower
        except SpentError:
            continue
        lower += lower == count
    return most, lower


def _best_fit(classes: Sequence[tuple[Content, int]], blocks: Sequence[Block]) -> list[Run] | None:
    """Return the better of two best fits, large blocks or those of named GPUs first; None where both fail."""
    kinds = range(len(blocks))
    orders = (
        sorted(kinds, key=lambda kind: (-blocks[kind].gpus, not blocks[kind].pins)),
        sorted(kinds, key=lambda kind: (not blocks[kind].pins, -blocks[kind].gpus)),
    )
    found = [runs for order in orders if (runs := _fitted(classes, blocks, order)) is not None]
    return min(found, key=lambda runs: sum(times for _, times, _ in runs), default=None)


def _fitted(classes: Sequence[tuple[Content, int]], blocks: Sequence[Block], order: Sequence[int]) -> list[Run] | None:
    """Put kinds in an order, each on the nodes with the least room for it; None where one finds none."""
    groups = [(content, cls, nodes, (0,) * len(blocks)) for cls, (content, nodes) in enumerate(classes)]
    for kind in order:
        block, items, placed = blocks[kind], blocks[kind].count, []
        for content, cls, nodes, pattern in sorted(groups, key=lambda group: group[0].free):
            each = _room_for(content, block, items)
            for part in (each, items % each if each else 0):
                times = min(nodes, items // part) if part else 0
                if times:
                    after = content.with_slices(block.sizes * part, block.pins * part) or content
                    taken = tuple(held + part * (at == kind) for at, held in enumerate(pattern))
                    placed.append((after, cls, times, taken))
                items, nodes = items - times * part, nodes - times
            if nodes:
                placed.append((content, cls, nodes, pattern))
        if items:
            return None
        groups = placed
    return [(cls, nodes, pattern) for _, cls, nodes, pattern in groups if any(pattern)]


def _room_for(content: Content, block: Block, items: int) -> int:
    """Return how many blocks of a kind a node takes, at most as many as there are."""
    most = 1 if block.once else min(items, content.free // max(1, block.gpus))
    while most and content.with_slices(block.sizes * most, block.pins * most) is None:
        most -= 1
    return most


def filled(nodes: Sequence[tuple[Content, bool]], blocks: Sequence[Block]) -> list[Pattern] | None:
    """Put the blocks on nodes, on unused ones before any is shared.

    Args:
        nodes: what is on each of them, and whether a role is.
        blocks: what is to be put there.

    Returns:
        What each node gets; None where they do not fit.

    Raises:
        SpentError: the budget ran out.
    """
    if not nodes:
        return None
    classes: dict[tuple[Content, bool], list[int]] = {}
    for at, on_node in enumerate(nodes):
        classes.setdefault(on_node, []).append(at)
    need = tuple(block.count for block in blocks)
    found = _best_fit([(content, len(members)) for (content, _), members in classes.items()], blocks)
    if found is None:
        listed = [_patterns(content, blocks, _Steps(_MOST_LISTED)) for content, _ in classes]
        found = _Search(listed, blocks).run(need, tuple(map(len, classes.values())))
    if found is None:
        return None
    left = list(need)
    result: list[Pattern] = [(0,) * len(blocks)] * len(nodes)
    for at_class, members in enumerate(classes.values()):
        given = [pattern for cls, times, pattern in found if cls == at_class for _ in range(times)]
        trimmed = [_trimmed(pattern, left) for pattern in given]
        for node, pattern in zip(members, sorted(trimmed, reverse=True), strict=False):
            result[node] = pattern
    return _spread(result, [used for _, used in nodes])


def _trimmed(pattern: Pattern, left: list[int]) -> Pattern:
    """Take from a filling what is needed of it."""
    taken = tuple(map(min, pattern, left))
    left[:] = [still - items for still, items in zip(left, taken, strict=True)]
    return taken


def _spread(patterns: list[Pattern], used: Sequence[bool]) -> list[Pattern]:
    """Move blocks onto unused nodes that are empty, from nodes where several stand; a block fits on any unused node."""
    found = list(patterns)
    for empty in [at for at, pattern in enumerate(found) if not used[at] and not any(pattern)]:
        several = [at for at, pattern in enumerate(found) if sum(pattern) + used[at] > 1 and any(pattern)]
        if not several:
            break
        source = max(several, key=lambda at: (sum(found[at]) + used[at], -at))
        kind = max(kind for kind, items in enumerate(found[source]) if items)
        found[source] = tuple(items - (at == kind) for at, items in enumerate(found[source]))
        found[empty] = tuple(int(at == kind) for at in range(len(found[source])))
    return found


def _patterns(content: Content, blocks: Sequence[Block], steps: _Steps) -> list[Pattern]:
    """List the fillings of a node to which nothing can be added, those with the largest blocks first."""
    search = content.gpus**2 // 8  # steps; what a look takes where a block has no place though GPUs enough are free

    def added(content: Content, block: Block) -> Content | None:
        more = content.with_slices(block.sizes, block.pins)
        if more is None and block.gpus <= content.free:
            steps.spend(search)
        return more

    def extend(kind: int, head: Pattern, content: Content) -> Iterator[tuple[Pattern, Content]]:
        steps.spend()
        if kind == len(blocks):
            yield head, content
            return
        block, items = blocks[kind], 0
        yield from extend(kind + 1, (*head, 0), content)
        while items < (1 if block.once else block.count):
            more = added(content, block)
            if more is None:
                return
            content, items = more, items + 1
            yield from extend(kind + 1, (*head, items), content)

    def full(pattern: Pattern, content: Content) -> bool:
        pairs = zip(pattern, blocks, strict=True)
        open_ = [block for items, block in pairs if items < (1 if block.once else block.count)]
        return all(added(content, block) is None for block in open_)

    found = [pattern for pattern, held in extend(0, (), content) if full(pattern, held)]
    gpus = [block.gpus for block in blocks]
    hard = sorted(range(len(blocks)), key=lambda kind: (-gpus[kind], not blocks[kind].pins))

    def turn(pattern: Pattern) -> tuple[int, int, list[int]]:
        first = next((at for at, kind in enumerate(hard) if pattern[kind]), len(hard))
        return first, -_dot(gpus, pattern), [-pattern[kind] for kind in hard]

    return sorted(found, key=turn)


def _bound(patterns: Sequence[Pattern], blocks: Sequence[Block], need: Pattern) -> int:
    """Return a number of nodes below which the blocks do not fit."""
    return max(
        -(-_dot(worth, need) // max(1, *(_dot(worth, pattern) for pattern in patterns))) for worth in _worths(blocks)
    )


def _worths(blocks: Sequence[Block]) -> list[Pattern]:
    """Return worths by kind: of a filling that is worth the most, no more than so many are needed of each node.

    GPUs, each kind alone, any two kinds, and all of at least so many GPUs.
    """
    kinds = range(len(blocks))
    pairs = [tuple(int(kind in (one, other)) for kind in kinds) for one in kinds for other in range(one, len(blocks))]
    gpus = sorted({block.gpus for block in blocks})
    large = [tuple(int(block.gpus >= least) for block in blocks) for least in gpus]
    return list(dict.fromkeys([tuple(block.gpus for block in blocks), *pairs, *large]))


@define
class _Search:
    """Fillings by class of nodes, and the states from which what is needed cannot be covered."""

    listed: Sequence[Sequence[Pattern]]
    blocks: Sequence[Block]
    steps: _Steps = field(factory=_Steps)
    dead: set[tuple[int, int, Pattern, int]] = field(factory=set)
    worths: list[Pattern] = field(factory=list)
    tops: list[list[Pattern]] = field(factory=list)

    def run(self, need: Pattern, left: Pattern) -> list[Run] | None:
        """Return runs of a class, a number of its nodes and a filling that cover the need; None where none do."""
        if not self.tops:
            self.worths = _worths(self.blocks)
            self.tops = [_tops(patterns, self.worths) for patterns in self.listed]
        trail: list[Run] = []
        return trail if self._cover(0, 0, need, left[0], left, trail) else None

    def _cover(self, cls: int, at: int, need: Pattern, here: int, left: Pattern, trail: list[Run]) -> bool:
        """Cover the need with the fillings of a class from one on, on `here` of its nodes, and with later classes."""
        if not any(need):
            return True
        if len(trail) > _DEEPEST:
            raise SpentError
        key = (cls, at, need, here)
        if key in self.dead or not self._possible(cls, at, need, here, left):
            return False
        for first in range(at, len(self.listed[cls]) if here else at):
            pattern = self.listed[cls][first]
            useful = [-(-wanted // items) for wanted, items in zip(need, pattern, strict=True) if items]
            most = max(useful, default=0)
            for times in range(min(here, most), 0, -1):
                self.steps.spend()
                rest = tuple(max(0, wanted - times * items) for wanted, items in zip(need, pattern, strict=True))
                trail.append((cls, times, pattern))
                if self._cover(cls, first + 1, rest, here - times, left, trail):
                    return True
                trail.pop()
        after = cls + 1
        if after < len(left) and self._cover(after, 0, need, left[after], left, trail):
            return True
        self.dead.add(key)
        return False

    def _possible(self, cls: int, at: int, need: Pattern, here: int, left: Pattern) -> bool:
        """Tell whether the nodes left may hold what is needed, by what it is worth in any way."""
        for at_worth, worth in enumerate(self.worths):
            most = here * self.tops[cls][at][at_worth]
            most += sum(left[later] * self.tops[later][0][at_worth] for later in range(cls + 1, len(left)))
            if most < _dot(worth, need):
                return False
        return True


def _tops(patterns: Sequence[Pattern], worths: Sequence[Pattern]) -> list[Pattern]:
    """Return for each filling the most that it or one after it is worth, by each of the worths."""
    found = [(0,) * len(worths)]
    for pattern in reversed(patterns):
        found.append(tuple(max(top, _dot(worth, pattern)) for top, worth in zip(found[-1], worths, strict=True)))
    return found[::-1]


def _dot(one: Sequence[int], other: Sequence[int]) -> int:
    return sum(a * b for a, b in zip(one, other, strict=True))
