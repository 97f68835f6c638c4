"""Put counted items into bins: the fewest equal bins, or an arrangement in the bins there are.

An item is a worker's share of one node, a bin is a node, a size is a number of GPUs. Everything is
counted and nothing listed: 40,000 items in 10,000 bins cost about as much as 40 items in 10.

The search is exact. Give every kind a worth, any integer from 0 up: items worth more than the
dearest fillings of all the bins do not fit, and so every choice of worths is a bound. Sizes make the
continuous bound, one kind alone the bound of its limit, and the linear relaxation over patterns
(Gilmore and Gomory, "A linear programming approach to the cutting-stock problem", Operations Research
9, 1961) finds the best worths there are. Dual feasible functions are worths too, so this bound is
never below theirs, nor below Martello and Toth's L2 ("Lower bounds and a reduction procedure for the
bin packing problem", Discrete Applied Mathematics 28, 1990), and unlike them it knows the limits.

What the relaxation can hold is rounded down and best fit places the rest. Where that fails the search
fixes one bin and relaxes again, and every worth found on the way cuts other branches.

All arithmetic is on integers but two orderings; nothing is random, hashed or timed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from math import gcd

from attrs import define, field, frozen

BUDGET = 100_000

Pattern = tuple[int, ...]
"""How many items of each kind lie in one bin."""

Run = tuple[int, Pattern]
"""So many bins that all have this pattern."""

_Group = tuple[int, int, Pattern]  # bin class, number of its bins, pattern of each


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
        limits: The most items of each kind in one of these bins, on top of the kind's own limit;
            0 forbids the kind here, None leaves it alone.
        must_use: Leave none of these bins empty, as far as there are items for it.
    """

    free: int
    count: int
    limits: tuple[int | None, ...] | None = None
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


def pack(capacity: int, kinds: Sequence[Kind], budget: int = BUDGET) -> Packing:
    """Pack the items into the fewest bins.

    Args:
        capacity: What one bin holds, in the unit of the items' sizes.
        kinds: The items.
        budget: Steps (pivots and patterns looked at) for each number of bins that is tried.

    Returns:
        A packing, proven minimal unless the budget ran out.

    Raises:
        ValueError: An item fits into no bin, however many there are.
    """
    search = _search([BinClass(capacity, 0)], kinds)
    need = tuple(kind.count for kind in kinds)
    best = _greedy(search.room, need, (sum(need),))
    if best is None:
        raise ValueError(f"an item of {kinds} fits into no bin of {capacity}")
    lower = bins = search.bound(need)
    while bins < _bins(best):
        found = search.fill(need, (bins,), budget)
        if isinstance(found, list):
            best = found
            break
        proven = found is None and lower == bins
        bins = max(bins + 1, search.bound(need))
        lower = bins if proven else lower
    return Packing(_runs(best), lower)


def fits(capacity: int, kinds: Sequence[Kind], bins: int, budget: int = BUDGET) -> Packing | Unknown | None:
    """Pack the items into at most so many bins.

    Args:
        capacity: What one bin holds, in the unit of the items' sizes.
        kinds: The items.
        bins: The most bins to use.
        budget: Steps (pivots and patterns looked at).

    Returns:
        A packing, not always a minimal one; None when there is none; or that the budget ran out.
    """
    search = _search([BinClass(capacity, bins)], kinds)
    need = tuple(kind.count for kind in kinds)
    found = search.fill(need, (bins,), budget)
    return Packing(_runs(found), search.bound(need)) if isinstance(found, list) else found


def arrange(
    classes: Sequence[BinClass], kinds: Sequence[Kind], budget: int = BUDGET
) -> tuple[tuple[Run, ...], ...] | Unknown | None:
    """Put the items into bins of several classes.

    Args:
        classes: The bins there are.
        kinds: The items.
        budget: Steps (pivots and patterns looked at).

    Returns:
        The used bins of each class; None when the items do not fit; or that the budget ran out.
    """
    search = _search(classes, kinds)
    need = tuple(kind.count for kind in kinds)
    left = tuple(bins.count for bins in classes)
    found = search.fill(need, left, budget)
    if not isinstance(found, list):
        return found
    used = _spread(search.room, left, [bins.must_use for bins in classes], found)
    return tuple(_runs([group for group in used if group[0] == cls]) for cls in range(len(classes)))


# Bins, worths and bounds


@frozen
class _Room:
    """The bins and what may go into one: `free` by class, `caps` by class and kind."""

    sizes: Pattern
    free: tuple[int, ...]
    caps: tuple[Pattern, ...]

    def within(self, need: Pattern) -> _Room:
        """The same bins, for items of which only so many are left."""
        return _Room(self.sizes, self.free, tuple(tuple(map(min, caps, need)) for caps in self.caps))


def _room(classes: Sequence[BinClass], kinds: Sequence[Kind]) -> _Room:
    caps = tuple(tuple(_cap(bins, kinds, kind) for kind in range(len(kinds))) for bins in classes)
    return _Room(tuple(kind.size for kind in kinds), tuple(bins.free for bins in classes), caps)


def _cap(bins: BinClass, kinds: Sequence[Kind], kind: int) -> int:
    here = kinds[kind]
    limits = (here.limit, bins.limits[kind] if bins.limits else None)
    return min([here.count, bins.free // here.size, *(limit for limit in limits if limit is not None)])


@frozen
class _Worths:
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
        """What the bins left can hold beyond the items needed; below 0 they do not fit."""
        return _dot(self.tops, left) - _dot(self.each, need)


def _dot(one: Sequence[int], other: Sequence[int]) -> int:
    return sum(a * b for a, b in zip(one, other, strict=True))


def _worths(room: _Room, each: Pattern) -> _Worths:
    tables = tuple(_table(room.sizes, caps, free, each) for caps, free in zip(room.caps, room.free, strict=True))
    return _Worths(each, tables, tuple(table[0][-1] for table in tables))


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


def _dearest(room: _Room, worths: _Worths, cls: int) -> Pattern:
    """A pattern of the class that is worth the most, without items worth nothing."""
    free, table, pattern = room.free[cls], worths.tables[cls], []
    for kind, (size, worth) in enumerate(zip(room.sizes, worths.each, strict=True)):
        most = min(room.caps[cls][kind], free // size) if worth else 0
        items = most
        while items * worth + table[kind + 1][free - items * size] < table[kind][free]:
            items -= 1
        pattern.append(items)
        free -= items * size
    return tuple(pattern)


# Best fit


def _greedy(room: _Room, need: Pattern, left: Pattern) -> list[_Group] | None:
    """The better of two best fits: large kinds first, and kinds with little room first."""
    scarcity = [items / (_dot(left, [caps[kind] for caps in room.caps]) or 1) for kind, items in enumerate(need)]
    orders = (
        sorted(range(len(need)), key=lambda kind: -room.sizes[kind]),
        sorted(range(len(need)), key=lambda kind: -scarcity[kind]),
    )
    found = [groups for order in orders if (groups := _best_fit(room, need, left, order)) is not None]
    return min(found, key=_bins, default=None)


def _best_fit(room: _Room, need: Pattern, left: Pattern, order: Sequence[int]) -> list[_Group] | None:
    groups = [(cls, bins, (0,) * len(need)) for cls, bins in enumerate(left) if bins]
    for kind in order:
        items = need[kind]
        placed: list[_Group] = []
        for group in sorted(groups, key=lambda group: _free(room, group)):
            parts, items = _put(room, group, kind, items)
            placed += parts
        if items:
            return None
        groups = placed
    return [group for group in groups if any(group[2])]


def _free(room: _Room, group: _Group) -> int:
    return room.free[group[0]] - _dot(room.sizes, group[2])


def _put(room: _Room, group: _Group, kind: int, items: int) -> tuple[list[_Group], int]:
    """Put items into equal bins: into some the most that fits, into one the rest, none into the others."""
    cls, bins, pattern = group
    each = min(room.caps[cls][kind], _free(room, group) // room.sizes[kind])
    parts = []
    for part in (each, items % each if each else 0):
        used = min(bins, items // part) if part else 0
        parts.append((cls, used, _add(pattern, kind, part)))
        bins -= used
        items -= used * part
    return [part for part in [*parts, (cls, bins, pattern)] if part[1]], items


def _add(pattern: Pattern, kind: int, items: int) -> Pattern:
    return (*pattern[:kind], pattern[kind] + items, *pattern[kind + 1 :])


def _bins(groups: Sequence[_Group]) -> int:
    return sum(bins for _, bins, _ in groups)


def _runs(groups: Sequence[_Group]) -> tuple[Run, ...]:
    """Equal bins as one run, those with most of the first kind first."""
    bins: Counter[Pattern] = Counter()
    for _, count, pattern in groups:
        bins[pattern] += count
    return tuple((bins[pattern], pattern) for pattern in sorted(bins, reverse=True) if any(pattern) and bins[pattern])


# The relaxation


class _SpentError(Exception):
    """The budget ran out."""


@define
class _Meter:
    """Steps left of a budget, which may be a share of another's."""

    steps: int
    whole: _Meter | None = None

    def share(self) -> _Meter:
        """A quarter of the steps left."""
        return _Meter(self.steps // 4, self)

    def spend(self, steps: int) -> None:
        """Take so many steps."""
        if self.steps < steps:
            raise _SpentError
        self.steps -= steps
        if self.whole:
            self.whole.spend(steps)


@frozen
class _Tableau:
    """A basis of the relaxation and its inverse, in integers over one denominator (Edmonds' pivots).

    The program covers what it can: least total size of items left over, with one row for each kind
    (items placed and left over make its count) and one for each class (bins used and unused make its
    count). At the start everything is left over.

    Attributes:
        rows: For each row of the program, then for the objective: the value, and the multipliers of
            the program's rows that make this row; all times the denominator.
        basis: For each row the class and pattern that it counts, or None.
        denominator: The determinant of the basis, above 0.
    """

    rows: list[list[int]]
    basis: list[tuple[int, Pattern] | None]
    denominator: int = 1

    def column(self, kinds: int, cls: int, pattern: Pattern) -> list[int]:
        """What one more bin of the class with this pattern takes from each row."""
        return [_dot(row[1 : kinds + 1], pattern) + row[kinds + 1 + cls] for row in self.rows]

    def enter(self, cls: int, pattern: Pattern, column: list[int]) -> _Tableau:
        """The next basis, with the pattern in it."""
        leaving = _leaving(self.rows, column)
        pivot, chosen = column[leaving], self.rows[leaving]
        rows = [
            [(pivot * a - factor * b) // self.denominator for a, b in zip(row, chosen, strict=True)]
            for factor, row in zip(column, self.rows, strict=True)
        ]
        rows[leaving] = chosen
        basis = [*self.basis[:leaving], (cls, pattern), *self.basis[leaving + 1 :]]
        return _Tableau(rows, basis, pivot)

    def whole(self) -> list[_Group]:
        """The patterns in use, each as often as the solution has it, rounded down."""
        return [
            (entry[0], row[0] // self.denominator, entry[1])
            for entry, row in zip(self.basis, self.rows, strict=False)
            if entry
        ]


def _leaving(rows: list[list[int]], column: list[int]) -> int:
    """The row that reaches 0 first; ties go by the whole row, or pivots could run in a circle.

    The lexicographic rule of Dantzig, Orden and Wolfe, Pacific Journal of Mathematics 5, 1955.
    """
    best = -1
    for row, rate in enumerate(column[:-1]):
        if rate > 0 and (best < 0 or [a * column[best] for a in rows[row]] < [a * rate for a in rows[best]]):
            best = row
    return best


def _tableau(room: _Room, need: Pattern, left: Pattern) -> _Tableau:
    values = (*need, *left)
    rows = [[value, *(int(row == at) for at in range(len(values)))] for row, value in enumerate(values)]
    rows.append([_dot(need, room.sizes), *room.sizes, *(0 for _ in left)])
    return _Tableau(rows, [None] * len(values))


def _relax(room: _Room, need: Pattern, left: Pattern, meter: _Meter) -> list[_Group] | Pattern:
    """Fill the bins with fractions of patterns, by column generation.

    Returns:
        The patterns in use, rounded down, when all items fit in fractions; or else worths by kind
        that prove they do not.
    """
    kinds = len(need)
    tableau = _tableau(room, need, left)
    while tableau.rows[-1][0]:
        meter.spend(len(tableau.rows))
        duals = tableau.rows[-1][1:]
        scale = gcd(*(max(0, dual) for dual in duals[:kinds])) or 1
        worths = _worths(room, tuple(max(0, dual) // scale for dual in duals[:kinds]))
        if worths.slack(need, left) < 0:
            return worths.each
        gains = {cls: top * scale + duals[kinds + cls] for cls, top in enumerate(worths.tops) if left[cls]}
        cls = max(gains, key=gains.__getitem__)
        pattern = _dearest(room, worths, cls)
        tableau = tableau.enter(cls, pattern, tableau.column(kinds, cls, pattern))
    return tableau.whole()


# The search


@frozen
class _State:
    """Items still to place, bins left by class, and the bins filled on the way."""

    need: Pattern
    left: Pattern
    filled: tuple[_Group, ...] = ()

    def fill(self, group: _Group) -> _State:
        """The state after filling bins of one class with a pattern."""
        cls, bins, pattern = group
        need = tuple(n - bins * items for n, items in zip(self.need, pattern, strict=True))
        return _State(need, _add(self.left, cls, -bins), (*self.filled, group))


@define
class _Search:
    """A search over one room: the worths found and the states ruled out hold for any number of bins."""

    room: _Room
    pool: list[_Worths]
    dead: set[tuple[Pattern, Pattern]] = field(factory=set)

    def bound(self, need: Pattern) -> int:
        """A number of bins, for a room of one class, below which the items do not fit."""
        return max((-(-_dot(need, worths.each) // worths.tops[0]) for worths in self.pool if worths.tops[0]), default=0)

    def fill(self, need: Pattern, left: Pattern, budget: int) -> list[_Group] | Unknown | None:
        """Place the items into the bins, or say that it cannot be done, or that the budget ran out."""
        root = _State(need, left)
        if self._ruled_out(root):
            return None
        greedy = _greedy(self.room, need, left)
        try:
            return self._widen(root, _Meter(budget)) if greedy is None else greedy
        except _SpentError:
            return Unknown(budget)

    def _widen(self, root: _State, meter: _Meter) -> list[_Group] | None:
        """Search near what the relaxation says, then wider, then everywhere.

        With a thousand bins left, to fix one of them changes nothing for the others: a search from
        there would go a thousand deep before it meets the fractions that are the problem.
        """
        patterns = self._relaxed(root, meter)
        for start in _starts(root, patterns or []):
            with suppress(_SpentError):
                found = self._descend(start, meter.share())
                if found is not None:
                    return found
        return self._descend(root, meter)

    def _ruled_out(self, state: _State) -> bool:
        if (state.need, state.left) in self.dead:
            return True
        return any(worths.slack(state.need, state.left) < 0 for worths in self.pool)

    def _descend(self, root: _State, meter: _Meter) -> list[_Group] | None:
        """Depth first. Not recursive: a proof may fix one bin after another, a thousand deep."""
        trail = [(root, iter([root]))]
        while trail:
            parent, children = trail[-1]
            state = next(children, None)
            if state is None:
                self.dead.add((parent.need, parent.left))
                trail.pop()
                continue
            patterns = self._relaxed(state, meter)
            if patterns is None:
                continue
            done = _round(self.room, state, patterns)
            if done is not None:
                return done
            trail.append((state, self._branch(state, patterns, meter)))
        return None

    def _relaxed(self, state: _State, meter: _Meter) -> list[_Group] | None:
        """The relaxation's patterns, or None for a state that is ruled out."""
        if self._ruled_out(state):
            return None
        found = _relax(self.room.within(state.need), state.need, state.left, meter)
        if isinstance(found, list):
            return found
        self.pool.append(_worths(self.room, found))
        self.dead.add((state.need, state.left))
        return None

    def _branch(self, state: _State, patterns: list[_Group], meter: _Meter) -> Iterator[_State]:
        """All ways to fill one bin of the class with the fewest, the relaxation's own first.

        The bin may be taken as full: an item that would still fit can be moved there from a later
        bin. If only one class is left it may also be taken as the bin of a largest item.
        """
        room = self.room.within(state.need)
        useful = [cls for cls, caps in enumerate(room.caps) if state.left[cls] and any(caps)]
        cls = min(useful, key=lambda cls: state.left[cls])
        largest = max((k for k, items in enumerate(state.need) if items), key=lambda k: room.sizes[k])
        first = [pattern for at, _, pattern in sorted(patterns, reverse=True) if at == cls]
        for pattern in (*first, *self._full(room, state, cls, meter)):
            if len(useful) > 1 or pattern[largest]:
                yield state.fill((cls, 1, pattern))

    def _full(self, room: _Room, state: _State, cls: int, meter: _Meter) -> Iterator[Pattern]:
        """The patterns to which nothing can be added and that no worth rules out."""
        slacks = [(worths, worths.slack(state.need, state.left)) for worths in self.pool]
        tight, slack = min(
            ((worths, slack) for worths, slack in slacks if worths.tops[cls]),
            key=lambda pair: pair[1] / pair[0].tops[cls],
        )
        for pattern in _patterns(room, cls, tight, tight.tops[cls] - slack):
            meter.spend(1)
            if _is_full(room, cls, pattern) and all(
                worths.tops[cls] - _dot(worths.each, pattern) <= slack for worths, slack in slacks
            ):
                yield pattern


def _search(classes: Sequence[BinClass], kinds: Sequence[Kind]) -> _Search:
    room = _room(classes, kinds)
    alone = [tuple(int(kind == at) for at in range(len(kinds))) for kind in range(len(kinds))]
    return _Search(room, [_worths(room, each) for each in (room.sizes, *alone)])


def _starts(root: _State, patterns: list[_Group]) -> Iterator[_State]:
    """States with nearly all of the patterns filled in, then with 1, 3, 7 ... bins fewer of each."""
    most = max((bins for _, bins, _ in patterns), default=0)
    less = 0
    while less < most:
        state = root
        for cls, bins, pattern in patterns:
            state = state.fill((cls, max(0, bins - less), pattern))
        yield state
        less = 2 * less + 1


def _round(room: _Room, state: _State, patterns: list[_Group]) -> list[_Group] | None:
    """Use the patterns as given, best fit for the rest."""
    for group in patterns:
        state = state.fill(group)
    rest = _greedy(room, state.need, state.left)
    return None if rest is None else [*state.filled, *rest]


def _patterns(room: _Room, cls: int, worths: _Worths, least: int) -> Iterator[Pattern]:
    """The patterns of the class that are worth so much at least, those with most of the first kind first."""
    table, caps = worths.tables[cls], room.caps[cls]

    def extend(head: Pattern, free: int, least: int) -> Iterator[Pattern]:
        kind = len(head)
        if kind == len(caps):
            yield head
            return
        size, worth = room.sizes[kind], worths.each[kind]
        for items in range(min(caps[kind], free // size), -1, -1):
            rest = free - items * size
            if table[kind + 1][rest] >= least - items * worth:
                yield from extend((*head, items), rest, least - items * worth)

    return extend((), room.free[cls], least)


def _is_full(room: _Room, cls: int, pattern: Pattern) -> bool:
    free = _free(room, (cls, 1, pattern))
    return all(
        items == cap or size > free for items, cap, size in zip(pattern, room.caps[cls], room.sizes, strict=True)
    )


# Bins that must not stay empty

_Move = tuple[int, Pattern, int, int]  # out of a bin of this class and pattern, an item of this kind, to this class


def _spread(room: _Room, left: Pattern, must_use: Sequence[bool], groups: Sequence[_Group]) -> list[_Group]:
    """Move items into empty bins that must be used, until none is left or no move helps."""
    empty = (0,) * len(room.sizes)
    filled: list[Counter[Pattern]] = [Counter() for _ in left]
    for cls, bins, pattern in groups:
        filled[cls][pattern] += bins
    for cls, bins in enumerate(left):
        filled[cls][empty] = bins - filled[cls].total()
    for cls in (cls for cls, must in enumerate(must_use) if must):
        while filled[cls][empty] and (moves := _moves(room, filled, must_use, cls)):
            _move(filled, moves, min(filled[cls][empty], *(filled[at][pattern] for at, pattern, _, _ in moves)))
    return [(cls, bins, pattern) for cls, held in enumerate(filled) for pattern, bins in held.items()]


def _moves(room: _Room, filled: list[Counter[Pattern]], must_use: Sequence[bool], cls: int) -> list[_Move]:
    """The fewest moves that fill an empty bin of the class and leave no other empty that must be used.

    The item comes from the bin with the most items. A bin that would be left empty is filled in turn:
    breadth first over the classes, an augmenting path, so that no arrangement uses more of the bins.
    """
    paths: dict[int, list[_Move]] = {cls: []}
    queue = [cls]
    for to in queue:
        for items, at, pattern, kind in sorted(_loose(filled, room.caps[to])):
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
        filled[at][_add(pattern, kind, -1)] += times
        filled[to][empty] -= times
        filled[to][_add(empty, kind, 1)] += times
