"""Why a port finds no number: who holds those it may have, and changes that might free some.

Only an error gets here, and jobs whose tasks give ports back. The ports are placed once more, one by one, so that it is
known who took what.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from dynplan.diagnostics import Finding, Findings
from dynplan.model import AUTO_PORT, HIGHEST_PORT, Block, Cluster, Port, Ports, Record, Role
from dynplan.planner.ledger import Ledgers, agreeing, bounds, reserved, spans_of
from dynplan.planner.refusals import Ladder, coming_after, ladder, refuse
from dynplan.planner.remaining import Homes

if TYPE_CHECKING:
    from dynplan.planner.turns import Turns  # few jobs have tasks that others come after

_MOST_HOLDERS = 3


@frozen(eq=False, repr=False)
class _Bound(Record):
    """One port of one worker: the tasks that bind it together, by rank, and their nodes.

    `at` is the index of the role, `slot` that of the port in its role.
    """

    at: int
    slot: int
    role: Role
    worker: int
    port: Port
    ranks: tuple[int, ...]
    nodes: tuple[int, ...]

    @property
    def path(self) -> tuple[str, ...]:
        """The key path of the port."""
        return ("roles", self.role.name, "ports", self.port.name)


_Numbers = dict[tuple[int, int, int, int], int]
"""The number of every port: by role, worker, rank and slot."""


def refusals(
    roles: Sequence[Role], homes: Sequence[Homes], count: int, cluster: Cluster, turns: "Turns | None" = None
) -> list[Finding]:
    """Return D301 or D303 for every port that cannot be placed; the arguments are those of `ports.assign`."""
    return _entered(roles, homes, count, cluster, turns)[1]


def placed_in_turns(
    roles: Sequence[Role], homes: Sequence[Homes], count: int, cluster: Cluster, turns: "Turns"
) -> list[list[Ports]] | None:
    """Return the ports of every task as `ports.assign` does, some of them given back; None where some find none."""
    numbers, refused = _entered(roles, homes, count, cluster, turns)
    if refused:
        return None
    return [
        [
            tuple(
                (port.name, Block(numbers[at, worker, rank, slot], port.count))
                for slot, port in enumerate(role.ports)
                if (at, worker, rank, slot) in numbers
            )
            for worker, home in enumerate(role_homes)
            for rank in range(len(home))
        ]
        for at, (role, role_homes) in enumerate(zip(roles, homes, strict=True))
    ]


def _entered(
    roles: Sequence[Role], homes: Sequence[Homes], count: int, cluster: Cluster, turns: "Turns | None"
) -> tuple[_Numbers, list[Finding]]:
    """Enter every port, and return their numbers and what is refused."""
    findings = Findings()
    ledgers = _ledgers(roles, count, cluster, turns)
    numbers: _Numbers = {}
    refused: set[tuple[str, ...]] = set()
    for bound in _in_ledger_order(roles, homes):
        ledgers.role = bound.role.name
        number = ledgers.enter(bound.nodes, bound.port, cluster)
        if number:
            for rank in bound.ranks:
                numbers[bound.at, bound.worker, rank, bound.slot] = number
        elif bound.path not in refused:  # the other workers' would say the same
            refused.add(bound.path)
            _refuse(bound, _Holders(roles, homes, cluster, numbers, turns), ledgers, findings)
    return numbers, findings.found


def _ledgers(roles: Sequence[Role], count: int, cluster: Cluster, turns: "Turns | None") -> Ledgers:
    nothing = reserved(cluster)
    if turns:
        from dynplan.planner.given import LedgersInTurns  # few jobs have tasks that others come after

        return LedgersInTurns.empty(nothing, count, turns)
    job_wide = any(port.job_wide for role in roles for port in role.ports)
    return Ledgers([nothing] * count, anywhere=nothing if job_wide else None)


def _in_ledger_order(roles: Sequence[Role], homes: Sequence[Homes]) -> Iterator[_Bound]:
    """Yield every port of every worker, fixed ones first."""
    for fixed in (True, False):
        for at, (role, role_homes) in enumerate(zip(roles, homes, strict=True)):
            slots = [(slot, port) for slot, port in enumerate(role.ports) if port.fixed == fixed]
            for worker, home in enumerate(role_homes if slots else []):
                for slot, port in slots:
                    for ranks in agreeing(port, len(home)):
                        yield _Bound(at, slot, role, worker, port, ranks, tuple(home[rank] for rank in ranks))


@frozen(eq=False, repr=False)
class _Held(Record):
    """Ports `first` to `last` of a node, and who has them."""

    first: int
    last: int
    holder: str
    node: int
    role: Role | None = None

    @property
    def numbers(self) -> str:
        """The ports, as a message names them."""
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


@frozen(eq=False, repr=False)
class _Holders(Record):
    """Who holds what, worked out when somebody asks: only errors do."""

    roles: Sequence[Role]
    homes: Sequence[Homes]
    cluster: Cluster
    numbers: _Numbers
    turns: "Turns | None"

    def against(self, bound: _Bound, low: int, high: int) -> list[_Held]:
        """Return what lies between two numbers and in the way of a port, by number; one holder's neighbours as one."""
        reserved = [_Held(item.first, item.last, "`reserved-ports`", bound.nodes[0]) for item in self.cluster.reserved]
        held = [entry for entry in (*reserved, *self._taken(bound)) if entry.first <= high and entry.last >= low]
        merged: list[_Held] = []
        for entry in sorted(held, key=lambda entry: (entry.first, entry.last)):
            last = merged[-1] if merged else None
            if last and last.holder == entry.holder and entry.first <= last.last + 1:
                merged[-1] = evolve(last, last=max(last.last, entry.last))
            else:
                merged.append(entry)
        return merged

    def _taken(self, bound: _Bound) -> Iterator[_Held]:
        for (at, worker, rank, slot), number in self.numbers.items():
            role = self.roles[at]
            port, node = role.ports[slot], self.homes[at][worker][rank]
            if self.turns and self.turns.in_turns(role.name, bound.role.name):
                continue
            if node in bound.nodes or port.job_wide or bound.port.job_wide:
                for first, last in spans_of(port, number):
                    yield _Held(first, last, f"port `{port.name}` of `{role.name}`", node, role)


def _refuse(bound: _Bound, holders: _Holders, ledgers: Ledgers, findings: Findings) -> None:
    if bound.port.fixed:
        _refuse_fixed(bound, holders, ledgers, findings)
    else:
        _refuse_full(bound, holders, findings)


def _refuse_fixed(bound: _Bound, holders: _Holders, ledgers: Ledgers, findings: Findings) -> None:
    """A fixed port is taken: name the first of its numbers that is, and who has it."""
    port, base = bound.port, bound.port.base
    held = next(entry for span in spans_of(port, base) for entry in holders.against(bound, *span))
    reserved = held.holder == "`reserved-ports`"
    who = "reserved by the cluster" if reserved else f"held by {held.holder}"
    taken = max(held.first, base)
    which = "" if taken == base else f" takes {taken} too, which"
    message = f"port {base} of role `{bound.role.name}` (`{port.name}`, fixed){which} is {who} on node {held.node}"
    others = _free_numbers(bound, ledgers)
    tries = (
        *_later(bound, [held]),
        ladder((*bound.path, "base"), others),
        ladder((*bound.path, "fixed"), others),
        ladder((*bound.path, "fixed"), [False]),
    )
    besides = "take the port out of `reserved-ports`" if reserved else ""
    refuse(findings, "D303", message, bound.path, *tries, besides=besides, otherwise="let one of them move")


def _later(bound: _Bound, held: Sequence[_Held]) -> list[Ladder]:
    """Suggest that a role comes after a task that holds what it wants, or the other one after it."""
    found: list[Ladder] = []
    for other in dict.fromkeys(entry.role for entry in held if entry.role and entry.role.name != bound.role.name):
        found += [coming_after(other, bound.role), coming_after(bound.role, other)]
    return found


def _free_numbers(bound: _Bound, ledgers: Ledgers) -> list[int]:
    """Return a few numbers that are free now for a port that wants a fixed one."""
    found: list[int] = []
    for _ in range(3):
        number = ledgers.find(bound.nodes, bound.port, found[-1] + 1 if found else bound.port.base, bound.port.high)
        found += [number] if number else []
    return list(dict.fromkeys(found)) or [
        ledgers.find(bound.nodes, bound.port, max(bound.port.low, 1024), bound.port.high)
    ]


def _refuse_full(bound: _Bound, holders: _Holders, findings: Findings) -> None:
    """No number is free from the base up: name those in the way, and who has them."""
    port = bound.port
    base, highest = bounds(port, holders.cluster)
    if base > highest:
        _refuse_empty(bound, holders.cluster, findings)
        return
    nodes = f"node {bound.nodes[0]}" if len(bound.nodes) == 1 else f"nodes {', '.join(map(str, bound.nodes))}"
    wanted = "free number" if port.count == 1 else f"{port.count} free numbers in a row"
    message = (
        f"port `{port.name}` of role `{bound.role.name}`, worker {bound.worker}, finds no {wanted}"
        f" from {base} to {highest} on {nodes}"
    )
    in_the_way = holders.against(bound, base, highest)
    held = [f"{entry.holder} holds {entry.numbers}" for entry in in_the_way]
    if held:
        more = f" and {len(held) - _MOST_HOLDERS} more" if len(held) > _MOST_HOLDERS else ""
        message += ": " + ", ".join(held[:_MOST_HOLDERS]) + more
    tries = [*_later(bound, in_the_way), *_wider(bound, base, highest, holders.cluster)]
    refuse(findings, "D301", message, bound.path, *tries, otherwise="give it a wider range, or a smaller `count`")


def _refuse_empty(bound: _Bound, cluster: Cluster, findings: Findings) -> None:
    """The cluster's range and the port's own bounds have no number in common."""
    port, auto = bound.port, cluster.port_range
    below = port.high < auto.first
    bound_by = f"`max` is {port.high}" if below else f"`min` is {port.low}"
    message = (
        f"port `{port.name}` of role `{bound.role.name}` is `auto`,"
        f" from the cluster's `port-range` {auto.first}-{auto.last}, but its {bound_by}"
    )
    own = ladder((*bound.path, "max"), [auto.last]) if below else ladder((*bound.path, "min"), [auto.first])
    first, last = (max(1024, port.low), port.high) if below else (auto.first, HIGHEST_PORT)
    moved = ladder(("cluster", "port-range"), [f"{first}-{last}"] if first <= last else [])
    refuse(findings, "D301", message, bound.path, own, moved, otherwise="let the two overlap")


def _wider(bound: _Bound, base: int, highest: int, cluster: Cluster) -> list[Ladder]:
    """Suggest more room for a port: to the end of the port numbers, if it takes that much."""
    port = bound.port
    steps = [port.count * times for times in map((1).__lshift__, range(13))]
    above = [number for number in (highest + step for step in steps) if number < HIGHEST_PORT] + [HIGHEST_PORT]
    below = [number for number in (base - step for step in steps) if number >= 1024]
    first = cluster.port_range.first
    ranges = [f"{first}-{number}" for number in above if number > cluster.port_range.last]
    fewer = [bound.worker] if bound.role.size.workers and bound.worker else []
    return [
        ladder((*bound.path, "max"), [number for number in above if port.high < number]),
        ladder(("cluster", "port-range"), ranges if port.base == AUTO_PORT else []),
        ladder((*bound.path, "base"), below if port.base != AUTO_PORT else []),
        ladder((*bound.path, "scope"), ["node"] if port.job_wide else []),
        ladder(("roles", bound.role.name, "workers"), fewer),
    ]
