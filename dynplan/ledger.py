"""A node's ledger of ports: what is taken, and the first free block at or above a base.

Ledgers are values. Ten thousand nodes that hold the same roles walk through the same
ledgers, so each step from one ledger to the next is computed once (`Book`).
"""

from bisect import bisect_left
from collections.abc import Iterable

from attrs import define, field, frozen

from dynplan.model import Port, PortRange

HIGHEST = 65535


@frozen(order=True)
class Span:
    """The ports `first` to `last`, taken by `holder`."""

    first: int
    last: int
    holder: str


Ledger = tuple[Span, ...]  # sorted, disjoint


def spans_of(port: Port, number: int, holder: str) -> list[Span]:
    """Return everything a port takes at that number: its block, and what the engine derives."""
    spans = [Span(number, number + port.count - 1, holder)]
    inside = range(port.count)
    return spans + [Span(number + far, number + far, holder) for far in port.also if far not in inside]


def clash(ledger: Ledger, span: Span) -> Span | None:
    """Return the first entry of a ledger that overlaps a span."""
    at = bisect_left(ledger, span.first, key=lambda entry: entry.last)
    if at < len(ledger) and ledger[at].first <= span.last:
        return ledger[at]
    return None


def add(ledger: Ledger, spans: Iterable[Span]) -> Ledger:
    """Return the ledger with more entries."""
    return tuple(sorted((*ledger, *spans)))


def first_free(ledgers: Iterable[Ledger], port: Port, base: int, highest: int) -> tuple[int, Span | None]:
    """Return the first number at or above `base` at which a port is free in every ledger.

    Returns:
        The number, or 0 where there is none up to `highest`, and the last entry in the way.
    """
    books = tuple(ledgers)
    number, blocker = base, None
    top = min(highest, HIGHEST) - port.count + 1
    while number <= top:
        entry = _in_the_way(books, port, number)
        if entry is None:
            return number, None
        blocked, blocker = entry
        # Past a block in one step; a derived port moves with the base, one entry at a time.
        number += blocker.last - blocked.first + 1
    return 0, blocker


def _in_the_way(books: tuple[Ledger, ...], port: Port, number: int) -> tuple[Span, Span] | None:
    for span in spans_of(port, number, ""):
        if span.last > HIGHEST:
            return span, Span(span.first, HIGHEST + span.last, "the end of the port numbers")
        for ledger in books:
            entry = clash(ledger, span)
            if entry is not None:
                return span, entry
    return None


@define
class Book:
    """The ledgers of all nodes; `job_wide` are numbers that stand once in the whole job."""

    ledgers: list[Ledger]
    job_wide: Ledger = ()
    numbers: set[int] = field(factory=set)  # every number taken on any node, for job-wide ports
    track: bool = False
    _found: dict[tuple[Ledger, Port, int], tuple[int, Span | None]] = field(factory=dict)
    _added: dict[tuple[Ledger, Port, int, str], Ledger] = field(factory=dict)

    def find(self, nodes: tuple[int, ...], port: Port, base: int, highest: int) -> tuple[int, Span | None]:
        """Return the first number free on all of the nodes, or 0 and what is in the way."""
        if port.job_wide:
            return self._find_job_wide(port, base, highest)
        if len(nodes) > 1 or self.job_wide:
            return first_free([*(self.ledgers[node] for node in nodes), self.job_wide], port, base, highest)
        key = (self.ledgers[nodes[0]], port, base)
        if key not in self._found:
            self._found[key] = first_free(key[:1], port, base, highest)
        return self._found[key]

    def take(self, nodes: tuple[int, ...], port: Port, number: int, holder: str) -> None:
        """Enter a port into the ledgers of its nodes."""
        for node in nodes:
            key = (self.ledgers[node], port, number, holder)
            if key not in self._added:
                self._added[key] = add(key[0], spans_of(port, number, holder))
            self.ledgers[node] = self._added[key]
        if self.track:
            spans = spans_of(port, number, holder)
            self.numbers.update(taken for span in spans for taken in range(span.first, span.last + 1))
            if port.job_wide:
                self.job_wide = add(self.job_wide, spans)

    def holder(self, nodes: tuple[int, ...], port: Port, number: int) -> tuple[Span, int] | None:
        """Return who holds a number that a port must have, and on which node."""
        for span in spans_of(port, number, ""):
            for node in nodes:
                entry = clash(self.ledgers[node], span) or clash(self.job_wide, span)
                if entry is not None:
                    return entry, node
            if port.job_wide and not self.numbers.isdisjoint(range(span.first, span.last + 1)):
                return Span(span.first, span.last, "another node"), nodes[0]
        return None

    def _find_job_wide(self, port: Port, base: int, highest: int) -> tuple[int, Span | None]:
        """A job-wide number is free where no node has it at all."""
        top = min(highest, HIGHEST) - port.count + 1
        reserved = self.ledgers[:1]
        number = base
        while number <= top:
            entry = _in_the_way((self.job_wide, *reserved), port, number)
            spans = spans_of(port, number, "")
            if entry is None and all(self.numbers.isdisjoint(range(span.first, span.last + 1)) for span in spans):
                return number, None
            number += 1
        return 0, Span(base, top, "other ports of the job")


def opening(reserved: Iterable[PortRange]) -> Ledger:
    """Return the ledger of a node that holds nothing but the site's reserved ranges."""
    merged: list[Span] = []
    for first, last in sorted((item.first, item.last) for item in reserved):
        if merged and first <= merged[-1].last + 1:
            merged[-1] = Span(merged[-1].first, max(last, merged[-1].last), "`reserved-ports`")
        else:
            merged.append(Span(first, last, "`reserved-ports`"))
    return tuple(merged)
