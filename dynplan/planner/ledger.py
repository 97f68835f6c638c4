"""A node's ledger of ports: which numbers are taken, and the first free block at or above a base.

A ledger is a value, and knows what is taken but not by whom: neighbours melt into one span, so that
the ledger of a node with thousands of ports is still a few numbers long. Ten thousand nodes that hold
the same roles walk through the same ledgers, and each step is computed once (`Book`).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from functools import cache

from attrs import define, field

from dynplan.model import HIGHEST_PORT, Port

Span = tuple[int, int]  # ports, both ends included
Ledger = tuple[Span, ...]  # sorted, disjoint, with a gap between any two


def spans_of(port: Port, number: int) -> list[Span]:
    """Return everything a port takes at that number: its block, and what the engine derives."""
    return [(number + first, number + last) for first, last in _offsets(port.count, port.also)]


def reach(port: Port) -> int:
    """Return how far above its number a port takes another one."""
    return _offsets(port.count, port.also)[-1][1]


@cache
def _offsets(count: int, also: tuple[int, ...]) -> Ledger:
    """Return what a port takes above its number; a stretch of offsets is one span."""
    return add((), [(0, count - 1), *((far, far) for far in also)])


def clash(ledger: Ledger, span: Span) -> Span | None:
    """Return the first entry of a ledger that overlaps a span."""
    at = bisect_left(ledger, span[0], key=_last)
    if at < len(ledger) and ledger[at][0] <= span[1]:
        return ledger[at]
    return None


def add(ledger: Ledger, spans: Iterable[Span]) -> Ledger:
    """Return the ledger with more numbers taken."""
    for first, last in spans:
        low = bisect_left(ledger, first - 1, key=_last)
        high = bisect_right(ledger, last + 1, key=_first)
        met = ledger[low:high]
        merged = (min(first, met[0][0]), max(last, met[-1][1])) if met else (first, last)
        ledger = (*ledger[:low], merged, *ledger[high:])
    return ledger


def first_free(ledgers: Sequence[Ledger], port: Port, base: int, highest: int) -> int:
    """Return the first number at or above `base` at which a port is free in every ledger, 0 if none is.

    Args:
        ledgers: of the nodes that must agree on a number.
        port: what is to be placed.
        base: the lowest number.
        highest: the block ends there or before; derived ports may be above it.
    """
    number = base
    top = min(highest - port.count + 1, HIGHEST_PORT - reach(port))
    while number <= top:
        met = _in_the_way(ledgers, port, number)
        if met is None:
            return number
        blocked, entry = met
        number += entry[1] - blocked[0] + 1  # past the entry in one step
    return 0


def _in_the_way(ledgers: Sequence[Ledger], port: Port, number: int) -> tuple[Span, Span] | None:
    for span in spans_of(port, number):
        for ledger in ledgers:
            entry = clash(ledger, span)
            if entry is not None:
                return span, entry
    return None


def _first(span: Span) -> int:
    return span[0]


def _last(span: Span) -> int:
    return span[1]


@define(eq=False, repr=False)
class Book:
    """The ledgers of all nodes.

    Attributes:
        nodes: one ledger per node.
        job_wide: numbers that stand once in the whole job.
        anywhere: every number taken on any node, for ports that must be the only ones; None where the
            job has no such port.
    """

    nodes: list[Ledger]
    job_wide: Ledger = ()
    anywhere: Ledger | None = None
    _found: dict[tuple[tuple[Ledger, ...], Port, int, int], int] = field(factory=dict)
    _added: dict[tuple[Ledger, Port, int], Ledger] = field(factory=dict)

    def against(self, nodes: Iterable[int], port: Port) -> tuple[Ledger, ...]:
        """Return the ledgers that a port must be free in."""
        elsewhere = self.anywhere if port.job_wide and self.anywhere is not None else self.job_wide
        ledgers = tuple(dict.fromkeys(self.nodes[node] for node in nodes))
        return (*ledgers, elsewhere) if elsewhere else ledgers

    def find(self, nodes: tuple[int, ...], port: Port, base: int, highest: int) -> int:
        """Return the first number at or above `base` that is free on all of the nodes, 0 if there is none."""
        ledgers = self.against(nodes, port)
        key = (ledgers, port, base, highest)
        if key not in self._found:
            self._found[key] = first_free(ledgers, port, base, highest)
        return self._found[key]

    def is_free(self, nodes: tuple[int, ...], port: Port, number: int) -> bool:
        """Tell whether a port may have exactly this number."""
        return _in_the_way(self.against(nodes, port), port, number) is None

    def take(self, nodes: tuple[int, ...], port: Port, number: int) -> None:
        """Enter a port into the ledgers of its nodes."""
        for node in nodes:
            key = (self.nodes[node], port, number)
            if key not in self._added:
                self._added[key] = add(key[0], spans_of(port, number))
            self.nodes[node] = self._added[key]
        if self.anywhere is not None:
            self.anywhere = add(self.anywhere, spans_of(port, number))
        if port.job_wide:
            self.job_wide = add(self.job_wide, spans_of(port, number))
