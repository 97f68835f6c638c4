"""A node's ledger of ports: which numbers are taken, and the first free block at or above a base.

A ledger is a value, and knows what is taken but not by whom: neighbours melt into one span, so that
the ledger of a node with thousands of ports is still a few numbers long.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from functools import cache

from attrs import define

from dynplan.model import AUTO_PORT, HIGHEST_PORT, Cluster, Port

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


def reserved(cluster: Cluster) -> Ledger:
    """Return the ledger of a node on which nothing is placed yet."""
    return add((), ((item.first, item.last) for item in cluster.reserved))


def bounds(port: Port, cluster: Cluster) -> Span:
    """Return the lowest and the highest number that a port which is not fixed may have."""
    if port.base == AUTO_PORT:
        return max(cluster.port_range.first, port.low), min(cluster.port_range.last, port.high)
    return max(port.base, port.low), port.high


def agreeing(port: Port, tasks: int) -> list[tuple[int, ...]]:
    """Return the ranks that bind a port, those that must agree on its number together.

    Args:
        port: of a role.
        tasks: the number of tasks of one worker of that role.
    """
    if not port.everywhere:
        return [(0,)]
    if port.same:
        return [tuple(range(tasks))]
    return [(rank,) for rank in range(tasks)]


@define(eq=False, repr=False)
class Ledgers:
    """The ledgers of nodes, by the index of the node.

    Attributes:
        nodes: one ledger per node.
        job_wide: numbers that stand once in the whole job.
        anywhere: every number taken on any node, for ports that must be the only ones; None where the
            job has no such port.
        role: whose ports are entered, for ledgers that want to know.
    """

    nodes: list[Ledger]
    job_wide: Ledger = ()
    anywhere: Ledger | None = None
    role: str = ""

    def against(self, nodes: Iterable[int], port: Port) -> tuple[Ledger, ...]:
        """Return the ledgers that a port must be free in."""
        elsewhere = self.anywhere if port.job_wide and self.anywhere is not None else self.job_wide
        ledgers = tuple(dict.fromkeys([self.nodes[node] for node in nodes]))
        return (*ledgers, elsewhere) if elsewhere else ledgers

    def find(self, nodes: Iterable[int], port: Port, base: int, highest: int) -> int:
        """Return the first number at or above `base` that is free on all of the nodes, 0 if there is none."""
        return first_free(self.against(nodes, port), port, base, highest)

    def is_free(self, nodes: Iterable[int], port: Port, number: int) -> bool:
        """Tell whether a port may have exactly this number."""
        return _in_the_way(self.against(nodes, port), port, number) is None

    def take(self, nodes: Iterable[int], port: Port, number: int) -> None:
        """Enter a port into the ledgers of its nodes."""
        spans = spans_of(port, number)
        for node in nodes:
            self.nodes[node] = add(self.nodes[node], spans)
        if self.anywhere is not None:
            self.anywhere = add(self.anywhere, spans)
        if port.job_wide:
            self.job_wide = add(self.job_wide, spans)

    def enter(self, nodes: Sequence[int], port: Port, cluster: Cluster) -> int:
        """Find a port's number on its nodes, take it and return it; 0 where there is none."""
        if port.fixed:
            number = port.base if self.is_free(nodes, port, port.base) else 0
        else:
            number = self.find(nodes, port, *bounds(port, cluster))
        if number:
            self.take(nodes, port, number)
        return number
