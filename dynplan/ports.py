"""The fourth stage of placement: which ports each task binds.

One ledger per node holds everything. Fixed ports enter first; then role by role, worker by
worker, the first free block at or above its base.
"""

from collections.abc import Iterator, Sequence

from attrs import frozen

from dynplan.errors import Finding, Findings
from dynplan.ledger import HIGHEST, Book, Span, opening
from dynplan.model import Block, Cluster, Port, Ports, Role
from dynplan.nodes import Homes
from dynplan.readport import AUTO

_MOST_FINDINGS = 20


@frozen
class Bound:
    """One port of one worker: the tasks that bind it together, by rank, and their nodes."""

    role: Role
    worker: int
    port: Port
    ranks: tuple[int, ...]
    nodes: tuple[int, ...]


def assign(
    roles: Sequence[Role], homes: Sequence[Homes], count: int, cluster: Cluster
) -> tuple[list[list[list[Ports]]], tuple[Finding, ...]]:
    """Give every task its ports.

    Returns:
        Per role, per worker, per rank the ports of that task, in declaration order; and warnings.

    Raises:
        InputError: D301 or D303, for every port that cannot be placed, naming who holds what.
    """
    findings = Findings()
    book = Book([opening(cluster.reserved)] * count)
    book.track = any(port.job_wide for role in roles for port in role.ports)
    numbers: dict[tuple[int, int, int, int], int] = {}
    for role in roles:
        for port in role.ports:
            _check_reach(role, port, cluster, findings)
    for at, slot, bound in _in_ledger_order(roles, homes):
        number = _number(bound, cluster, book, findings)
        for rank in bound.ranks:
            numbers[at, bound.worker, rank, slot] = number
        if len(findings.found) >= _MOST_FINDINGS:
            break
    findings.raise_if_errors()
    return _collect(roles, homes, numbers), _ephemeral(roles, numbers, cluster)


def _in_ledger_order(roles: Sequence[Role], homes: Sequence[Homes]) -> Iterator[tuple[int, int, Bound]]:
    """Yield every port of every worker with the index of its role and its own: fixed ones first."""
    for fixed in (True, False):
        for at, (role, role_homes) in enumerate(zip(roles, homes, strict=True)):
            slots = [(slot, port) for slot, port in enumerate(role.ports) if port.fixed == fixed]
            for worker, home in enumerate(role_homes if slots else []):
                for slot, port in slots:
                    for bound in _bindings(role, worker, home, port):
                        yield at, slot, bound


def _bindings(role: Role, worker: int, home: tuple[int, ...], port: Port) -> Iterator[Bound]:
    """Say which tasks of a worker must agree on a number."""
    ranks = tuple(range(len(home)))
    if not port.everywhere:
        yield Bound(role, worker, port, (0,), home[:1])
    elif port.same:
        yield Bound(role, worker, port, ranks, tuple(dict.fromkeys(home)))
    else:
        for rank in ranks:
            yield Bound(role, worker, port, (rank,), (home[rank],))


def _number(bound: Bound, cluster: Cluster, book: Book, findings: Findings) -> int:
    """Find a number for a port and enter it; 0, with a finding, where there is none."""
    port = bound.port
    if port.fixed:
        held = book.holder(bound.nodes, port, port.base)
        if held is not None:
            _report_fixed(bound, held, findings)
            return 0
        number = port.base
    else:
        base, highest = _bounds(port, cluster)
        number, blocker = book.find(bound.nodes, port, base, highest)
        if not number:
            _report_full(bound, base, highest, blocker, findings)
            return 0
    book.take(bound.nodes, port, number, f"port `{port.name}` of `{bound.role.name}`")
    return number


def _bounds(port: Port, cluster: Cluster) -> tuple[int, int]:
    if port.base == AUTO:
        return max(cluster.port_range.first, port.low), min(cluster.port_range.last, port.high)
    return max(port.base, port.low), port.high


def _check_reach(role: Role, port: Port, cluster: Cluster, findings: Findings) -> None:
    base, highest = _bounds(port, cluster)
    if base + port.count - 1 > highest and not port.fixed:
        findings.error(
            "D301",
            f"port `{port.name}` of role `{role.name}` wants {port.count} numbers between {base} and {highest}",
            ("roles", role.name, "ports", port.name),
            help="give it a lower base, a smaller `count`, or a wider range",
        )


def _report_fixed(bound: Bound, held: tuple[Span, int], findings: Findings) -> None:
    span, node = held
    reserved = span.holder == "`reserved-ports`"
    findings.error(
        "D303",
        f"port {bound.port.base} of role `{bound.role.name}` (`{bound.port.name}`, fixed) is"
        f" {'reserved by the cluster' if reserved else f'held by {span.holder}'} on node {node}",
        ("roles", bound.role.name, "ports", bound.port.name),
        help="take the port out of `reserved-ports`, or choose another number"
        if reserved
        else "let one of them move: leave out `fixed`",
    )


def _report_full(bound: Bound, base: int, highest: int, blocker: Span | None, findings: Findings) -> None:
    where = f"node {bound.nodes[0]}" if len(bound.nodes) == 1 else f"nodes {', '.join(map(str, bound.nodes))}"
    numbers = "number" if bound.port.count == 1 else "numbers in a row"
    held = f": {blocker.holder} holds {blocker.first}-{min(blocker.last, HIGHEST)}" if blocker else ""
    findings.error(
        "D301",
        f"port `{bound.port.name}` of role `{bound.role.name}`, worker {bound.worker}, finds no {bound.port.count}"
        f" free {numbers} from {base} to {highest} on {where}{held}",
        ("roles", bound.role.name, "ports", bound.port.name),
        help="start at a lower base, or widen `max` or the cluster's `port-range`",
    )


def _collect(
    roles: Sequence[Role], homes: Sequence[Homes], numbers: dict[tuple[int, int, int, int], int]
) -> list[list[list[Ports]]]:
    """Arrange the numbers by role, worker and rank; equal results are one object."""
    shared: dict[Ports, Ports] = {}
    out: list[list[list[Ports]]] = []
    for at, (role, role_homes) in enumerate(zip(roles, homes, strict=True)):
        by_worker: list[list[Ports]] = []
        for worker, home in enumerate(role_homes):
            tasks: list[Ports] = []
            for rank in range(len(home)):
                ports = tuple(
                    (port.name, _block(numbers[at, worker, rank, slot], port.count))
                    for slot, port in enumerate(role.ports)
                    if (at, worker, rank, slot) in numbers
                )
                tasks.append(shared.setdefault(ports, ports))
            by_worker.append(tasks)
        out.append(by_worker)
    return out


def _block(number: int, count: int) -> Block:
    return Block(number, count)


def _ephemeral(
    roles: Sequence[Role], numbers: dict[tuple[int, int, int, int], int], cluster: Cluster
) -> tuple[Finding, ...]:
    """Warn once per port that lies where the kernel takes numbers for outgoing connections."""
    low, high = cluster.ephemeral.first, cluster.ephemeral.last
    inside: dict[tuple[int, int], int] = {}
    for (at, _, _, slot), number in numbers.items():
        if number <= high and number + roles[at].ports[slot].count - 1 >= low:
            inside.setdefault((at, slot), number)
    return tuple(
        Finding(
            "W301",
            f"port `{roles[at].ports[slot].name}` of role `{roles[at].name}` is {number}, inside the ephemeral range"
            f" {low}-{high}: an outgoing connection may take it first",
            ("roles", roles[at].name, "ports", roles[at].ports[slot].name),
            f"choose a base below {low}, or set the cluster's `ephemeral-ports`",
        )
        for (at, slot), number in sorted(inside.items())
    )
