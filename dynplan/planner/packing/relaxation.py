"""The linear relaxation: fill the bins with fractions of patterns, by column generation."""

from __future__ import annotations

from math import gcd

from attrs import define, frozen

from dynplan.planner.packing.bins import Group, Pattern, Problem, dot
from dynplan.planner.packing.worths import most_worth, worths_of


class SpentError(Exception):
    """The budget ran out."""


@define
class Steps:
    """Steps left of a budget, which may be a share of another's."""

    left: int
    whole: Steps | None = None

    def share(self) -> Steps:
        """Return a quarter of the steps left."""
        return Steps(self.left // 4, self)

    def spend(self, steps: int) -> None:
        """Take so many steps.

        Raises:
            SpentError: there are not so many.
        """
        if self.left < steps:
            raise SpentError
        self.left -= steps
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
        return [dot(row[1 : kinds + 1], pattern) + row[kinds + 1 + cls] for row in self.rows]

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

    def whole(self) -> list[Group]:
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


def _tableau(problem: Problem, need: Pattern, left: Pattern) -> _Tableau:
    values = (*need, *left)
    rows = [[value, *(int(row == at) for at in range(len(values)))] for row, value in enumerate(values)]
    rows.append([dot(need, problem.sizes), *problem.sizes, *(0 for _ in left)])
    return _Tableau(rows, [None] * len(values))


def relax(problem: Problem, need: Pattern, left: Pattern, steps: Steps) -> list[Group] | Pattern:
    """Fill the bins with fractions of patterns, by column generation.

    Returns:
        The patterns in use, rounded down, when all items fit in fractions; or else worths by kind
        that prove they do not.
    """
    kinds = len(need)
    tableau = _tableau(problem, need, left)
    while tableau.rows[-1][0]:
        steps.spend(len(tableau.rows))
        duals = tableau.rows[-1][1:]
        scale = gcd(*(max(0, dual) for dual in duals[:kinds])) or 1
        worths = worths_of(problem, tuple(max(0, dual) // scale for dual in duals[:kinds]))
        if worths.slack(need, left) < 0:
            return worths.each
        gains = {cls: top * scale + duals[kinds + cls] for cls, top in enumerate(worths.tops) if left[cls]}
        cls = max(gains, key=gains.__getitem__)
        pattern = most_worth(problem, worths, cls)
        tableau = tableau.enter(cls, pattern, tableau.column(kinds, cls, pattern))
    return tableau.whole()
