"""The exact search: fix one bin, relax again, and cut with every worth found on the way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from attrs import define, field, frozen

from dynplan.planner.packing.best_fit import best_fit
from dynplan.planner.packing.bins import (
    BinClass,
    Group,
    Kind,
    Pattern,
    Problem,
    Unknown,
    dot,
    free_in,
    problem_of,
    with_items,
)
from dynplan.planner.packing.relaxation import SpentError, Steps, relax
from dynplan.planner.packing.worths import Worths, patterns_worth, worths_of


@frozen
class _State:
    """Items still to place, bins left by class, and the bins filled on the way."""

    need: Pattern
    left: Pattern
    filled: tuple[Group, ...] = ()

    def fill(self, group: Group) -> _State:
        """Return the state after filling bins of one class with a pattern."""
        cls, bins, pattern = group
        need = tuple(n - bins * items for n, items in zip(self.need, pattern, strict=True))
        return _State(need, with_items(self.left, cls, -bins), (*self.filled, group))


@define
class Search:
    """A search over one problem: the worths found and the states ruled out hold for any number of bins."""

    problem: Problem
    pool: list[Worths]
    dead: set[tuple[Pattern, Pattern]] = field(factory=set)

    def bound(self, need: Pattern) -> int:
        """Return a number of bins, for bins of one class, below which the items do not fit."""
        return max((-(-dot(need, worths.each) // worths.tops[0]) for worths in self.pool if worths.tops[0]), default=0)

    def fill(self, need: Pattern, left: Pattern, budget: int) -> list[Group] | Unknown | None:
        """Place the items into the bins, or say that it cannot be done, or that the budget ran out."""
        root = _State(need, left)
        if self._ruled_out(root):
            return None
        greedy = best_fit(self.problem, need, left)
        try:
            return self._widen(root, Steps(budget)) if greedy is None else greedy
        except SpentError:
            return Unknown(budget)

    def _widen(self, root: _State, steps: Steps) -> list[Group] | None:
        """Search near what the relaxation says, then wider, then everywhere.

        With a thousand bins left, to fix one of them changes nothing for the others: a search from
        there would go a thousand deep before it meets the fractions that are the problem.
        """
        patterns = self._relaxed(root, steps)
        for start in _starts(root, patterns or []):
            with suppress(SpentError):
                found = self._descend(start, steps.share())
                if found is not None:
                    return found
        return self._descend(root, steps)

    def _ruled_out(self, state: _State) -> bool:
        if (state.need, state.left) in self.dead:
            return True
        return any(worths.slack(state.need, state.left) < 0 for worths in self.pool)

    def _descend(self, root: _State, steps: Steps) -> list[Group] | None:
        """Depth first. Not recursive: a proof may fix one bin after another, a thousand deep."""
        trail = [(root, iter([root]))]
        while trail:
            parent, children = trail[-1]
            state = next(children, None)
            if state is None:
                self.dead.add((parent.need, parent.left))
                trail.pop()
                continue
            patterns = self._relaxed(state, steps)
            if patterns is None:
                continue
            done = _round(self.problem, state, patterns)
            if done is not None:
                return done
            trail.append((state, self._branch(state, patterns, steps)))
        return None

    def _relaxed(self, state: _State, steps: Steps) -> list[Group] | None:
        """The relaxation's patterns, or None for a state that is ruled out."""
        if self._ruled_out(state):
            return None
        found = relax(self.problem.within(state.need), state.need, state.left, steps)
        if isinstance(found, list):
            return found
        self.pool.append(worths_of(self.problem, found))
        self.dead.add((state.need, state.left))
        return None

    def _branch(self, state: _State, patterns: list[Group], steps: Steps) -> Iterator[_State]:
        """All ways to fill one bin of the class with the fewest, the relaxation's own first.

        The bin may be taken as full: an item that would still fit can be moved there from a later
        bin. If only one class is left it may also be taken as the bin of a largest item.
        """
        problem = self.problem.within(state.need)
        useful = [cls for cls, caps in enumerate(problem.caps) if state.left[cls] and any(caps)]
        cls = min(useful, key=lambda cls: state.left[cls])
        largest = max((k for k, items in enumerate(state.need) if items), key=lambda k: problem.sizes[k])
        first = [pattern for at, _, pattern in sorted(patterns, reverse=True) if at == cls]
        for pattern in (*first, *self._full(problem, state, cls, steps)):
            if len(useful) > 1 or pattern[largest]:
                yield state.fill((cls, 1, pattern))

    def _full(self, problem: Problem, state: _State, cls: int, steps: Steps) -> Iterator[Pattern]:
        """The patterns to which nothing can be added and that no worth rules out."""
        slacks = [(worths, worths.slack(state.need, state.left)) for worths in self.pool]
        tight, slack = min(
            ((worths, slack) for worths, slack in slacks if worths.tops[cls]),
            key=lambda pair: pair[1] / pair[0].tops[cls],
        )
        for pattern in patterns_worth(problem, cls, tight, tight.tops[cls] - slack):
            steps.spend(1)
            if _is_full(problem, cls, pattern) and all(
                worths.tops[cls] - dot(worths.each, pattern) <= slack for worths, slack in slacks
            ):
                yield pattern


def search_of(classes: Sequence[BinClass], kinds: Sequence[Kind]) -> Search:
    """Return a search that knows the worths that need no search: the sizes, and every kind alone."""
    problem = problem_of(classes, kinds)
    alone = [tuple(int(kind == at) for at in range(len(kinds))) for kind in range(len(kinds))]
    return Search(problem, [worths_of(problem, each) for each in (problem.sizes, *alone)])


def _starts(root: _State, patterns: list[Group]) -> Iterator[_State]:
    """States with nearly all of the patterns filled in, then with 1, 3, 7 ... bins fewer of each."""
    most = max((bins for _, bins, _ in patterns), default=0)
    less = 0
    while less < most:
        state = root
        for cls, bins, pattern in patterns:
            state = state.fill((cls, max(0, bins - less), pattern))
        yield state
        less = 2 * less + 1


def _round(problem: Problem, state: _State, patterns: list[Group]) -> list[Group] | None:
    """Use the patterns as given, best fit for the rest."""
    for group in patterns:
        state = state.fill(group)
    rest = best_fit(problem, state.need, state.left)
    return None if rest is None else [*state.filled, *rest]


def _is_full(problem: Problem, cls: int, pattern: Pattern) -> bool:
    free = free_in(problem, (cls, 1, pattern))
    return all(
        items == cap or size > free for items, cap, size in zip(pattern, problem.caps[cls], problem.sizes, strict=True)
    )
