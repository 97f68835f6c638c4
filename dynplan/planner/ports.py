"""The fourth stage of placement: which ports each task binds.

One ledger per node holds everything. Fixed ports enter first; then role by role, worker by
worker, the first free block at or above its base. What a worker gets follows from the ledgers of its nodes:
ten thousand nodes that hold the same roles walk through the same ledgers, and each step is computed once.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dynplan.diagnostics import Finding, InputError
from dynplan.model import Block, Cluster, Port, Ports, Role
from dynplan.planner.ledger import Ledger, Ledgers, agreeing, reserved
from dynplan.planner.remaining import Homes

if TYPE_CHECKING:
    from dynplan.planner.turns import Turns  # few jobs have tasks that others come after


class _NoNumberError(Exception):
    """A port cannot be placed."""


def assign(
    roles: Sequence[Role], homes: Sequence[Homes], count: int, cluster: Cluster, turns: "Turns | None" = None
) -> tuple[list[list[Ports]], tuple[Finding, ...]]:
    """Give every task its ports.

    Args:
        roles: the roles, in declaration order.
        homes: per role its workers' nodes.
        count: the number of nodes.
        cluster: the ranges that are reserved, ephemeral, and for `"auto"`.
        turns: who gives back to whom: a port that finds no number otherwise may have one that was given back.

    Returns:
        Per role the ports of each task, worker by worker and rank by rank, in declaration order; equal ones
        are one object. And warnings.

    Raises:
        InputError: D301 or D303, for every port that cannot be placed, naming who holds what.
    """
    nothing = reserved(cluster)
    job_wide = any(port.job_wide for role in roles for port in role.ports)
    ledgers = Ledgers([nothing] * count, anywhere=nothing if job_wide else None)
    try:
        for role, role_homes in zip(roles, homes, strict=True):
            if fixed := [port for port in role.ports if port.fixed]:
                _bind(role, role_homes, fixed, ledgers, cluster)
        found = [
            _bind(role, role_homes, [port for port in role.ports if not port.fixed], ledgers, cluster)
            for role, role_homes in zip(roles, homes, strict=True)
        ]
    except _NoNumberError:
        from dynplan.planner.no_port import placed_in_turns, refusals  # most jobs have room for their ports

        in_turns = placed_in_turns(roles, homes, count, cluster, turns) if turns else None
        if in_turns is None:
            raise InputError(refusals(roles, homes, count, cluster, turns)) from None
        found = in_turns
    return found, _ephemeral(roles, found, cluster)


def _bind(role: Role, homes: Homes, ports: Sequence[Port], ledgers: Ledgers, cluster: Cluster) -> list[Ports]:
    """Bind some ports of every worker of a role, and return all that its tasks have with these."""
    follows = not any(port.job_wide for port in ports)  # what a worker gets, from the ledgers of its nodes alone
    steps: dict[tuple[Ledger, ...], tuple[list[Ledger], list[Ports]]] = {}
    shared: dict[Ports, Ports] = {}
    nodes = ledgers.nodes
    found: list[Ports] = []
    for home in homes:
        before = tuple(map(nodes.__getitem__, home))
        step = steps.get(before)
        if step is None:
            step = _step(role, ports, before, ledgers, cluster)
            step = step[0], [shared.setdefault(of_task, of_task) for of_task in step[1]]
            if follows:
                steps[before] = step
        after, of_tasks = step
        for node, ledger in zip(home, after, strict=True):
            nodes[node] = ledger
        found += of_tasks
    return found


def _step(
    role: Role, ports: Sequence[Port], before: tuple[Ledger, ...], ledgers: Ledgers, cluster: Cluster
) -> tuple[list[Ledger], list[Ports]]:
    """Bind some ports of a worker: what its nodes' ledgers, in the order of its tasks, become, and what each task has.

    Of all `ledgers` only what holds in the whole job is read and changed.
    """
    own = Ledgers(list(before), ledgers.job_wide, ledgers.anywhere)
    blocks: list[dict[str, Block]] = [{} for _ in before]
    for port in ports:
        for ranks in agreeing(port, len(before)):
            number = own.enter(ranks, port, cluster)
            if not number:
                raise _NoNumberError
            block = Block(number, port.count)
            for rank in ranks:
                blocks[rank][port.name] = block
    ledgers.job_wide, ledgers.anywhere = own.job_wide, own.anywhere
    return own.nodes, [_in_order(role, rank, of_task) for rank, of_task in enumerate(blocks)]


def _in_order(role: Role, rank: int, blocks: dict[str, Block]) -> Ports:
    """Return what a task binds in declaration order, with the fixed ports, which are bound before all others."""
    fixed = {
        port.name: Block(port.base, port.count) for port in role.ports if port.fixed and (port.everywhere or not rank)
    }
    bound = fixed | blocks
    return tuple((port.name, bound[port.name]) for port in role.ports if port.name in bound)


def _ephemeral(roles: Sequence[Role], found: Sequence[list[Ports]], cluster: Cluster) -> tuple[Finding, ...]:
    """Warn once per port that lies where the kernel takes numbers for outgoing connections."""
    low, high = cluster.ephemeral.first, cluster.ephemeral.last
    warnings: list[Finding] = []
    for role, of_tasks in zip(roles, found, strict=True):
        inside: dict[str, int] = {}
        for ports in {id(ports): ports for ports in of_tasks}.values():  # the first of each, equal ones are one object
            for name, block in ports:
                if block.port <= high and block.port + block.count - 1 >= low:
                    inside.setdefault(name, block.port)
        warnings += [
            Finding(
                "W301",
                f"port `{port.name}` of role `{role.name}` is {inside[port.name]}, inside the ephemeral range"
                f" {low}-{high}: an outgoing connection may take it first",
                ("roles", role.name, "ports", port.name),
                f"choose a base below {low}, or set the cluster's `ephemeral-ports`",
            )
            for port in role.ports
            if port.name in inside
        ]
    return tuple(warnings)
