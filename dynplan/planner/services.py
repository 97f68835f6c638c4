"""The nodes of roles that follow the others: roles without GPUs, on every node, and beside another role."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dynplan.diagnostics import Findings, counted
from dynplan.model import Role
from dynplan.planner.demand import Demand
from dynplan.planner.nodes import Allocation
from dynplan.planner.refusals import ladder, refuse
from dynplan.planner.remaining import Homes

if TYPE_CHECKING:
    from dynplan.planner.turns import Turns  # few jobs have tasks that others come after


def place_services(wanted: Sequence[Demand], allocation: Allocation, turns: "Turns | None" = None) -> tuple[Homes, ...]:
    """Return the nodes of every role's workers, in declaration order; `turns`: who has places in turns.

    Raises:
        InputError: D202 for workers that `spread` keeps apart and that have one node; D208 where a role
            stands on a node that is another role's alone, or finds none to stand on.
    """
    homes = {demand.role.name: found for demand, found in zip(wanted, allocation.homes, strict=True)}
    owners = _owners([demand.role for demand in wanted], homes)
    findings = Findings()
    waiting = [demand for demand in wanted if not demand.takes_nodes]
    while waiting:
        # A role placed with another or beside it waits for that one; the reader has refused cycles.
        names = {demand.role.name for demand in waiting}
        for demand in [demand for demand in waiting if demand.role.size.follows not in names]:
            waiting.remove(demand)
            if demand.form == "beside":
                homes[demand.role.name] = homes[demand.role.size.beside]
                continue
            nodes = _nodes(demand, homes, allocation, owners)
            if not nodes:
                _refuse_nowhere(demand, allocation, owners, findings)
            elif demand.role.size.spread and len(nodes) > len(set(nodes)):
                _refuse_together(demand.role, nodes, findings)
            homes[demand.role.name] = [(node,) for node in nodes]
    _check_dedicated([demand.role for demand in wanted], homes, turns, findings)
    findings.raise_if_errors()
    return tuple(homes[demand.role.name] for demand in wanted)


def _owners(roles: Sequence[Role], homes: dict[str, Homes]) -> dict[int, str]:
    """Return per dedicated node the role it belongs to."""
    dedicated = [role.name for role in roles if role.size.dedicated]
    return {node: name for name in dedicated for home in homes[name] for node in home}


def _nodes(demand: Demand, homes: dict[str, Homes], allocation: Allocation, owners: dict[int, str]) -> list[int]:
    """Return the node of each worker; an empty list where there is none."""
    size, count = demand.role.size, allocation.nodes
    if size.per_node or size.place == "every-node":
        return [node for node in range(count) for _ in range(demand.workers_per_node)]
    if beside := size.placed_with:
        leaders = [home[0] for home in homes[beside]]
        return [leaders[worker % len(leaders)] for worker in range(demand.workers)] if leaders else []
    if size.hosts:
        index = {host: node for node, host in enumerate(allocation.hosts)}
        return [index[host] for host in size.hosts for _ in range(demand.workers_per_node)]
    open_nodes = [node for node in range(count) if node not in owners]
    if demand.nodes:
        chosen = open_nodes[: demand.nodes] if len(open_nodes) >= demand.nodes else []
        return [node for node in chosen for _ in range(demand.workers_per_node)]
    return [allocation.head] * demand.workers if open_nodes else []


def _refuse_nowhere(demand: Demand, allocation: Allocation, owners: dict[int, str], findings: Findings) -> None:
    """A role that needs nodes of the job which are not some role's alone, and there are not so many."""
    wanted, left = demand.nodes or 1, allocation.nodes - len(owners)
    closed = ", ".join(f"`{name}`" for name in dict.fromkeys(owners.values()))
    message = (
        f"role `{demand.role.name}` needs {counted(wanted, 'node')}, and of the job's"
        f" {allocation.nodes} {left} {'is' if left == 1 else 'are'} open to it"
    )
    if closed:
        message += f": the others are dedicated to {closed}"
    tries = [ladder(("job", "num-nodes"), [allocation.nodes - left + wanted])]
    tries += [ladder(("roles", name, "dedicated"), [False]) for name in dict.fromkeys(owners.values())]
    refuse(findings, "D208", message, ("roles", demand.role.name), *tries, otherwise="name more hosts")


def _refuse_together(role: Role, nodes: list[int], findings: Findings) -> None:
    node = next(node for at, node in enumerate(nodes) if node in nodes[:at])
    message = f"role `{role.name}` wants {nodes.count(node)} workers on node {node}, and `spread` allows one"
    path = ("roles", role.name)
    tries = (
        ladder((*path, "workers-per-node"), [1] if role.size.workers_per_node else []),
        ladder((*path, "workers"), [len(set(nodes))] if role.size.workers else []),
        ladder((*path, "spread"), [False]),
    )
    refuse(findings, "D202", message, (*path, "spread"), *tries, otherwise="leave out `spread`")


def _check_dedicated(roles: Sequence[Role], homes: dict[str, Homes], turns: "Turns | None", findings: Findings) -> None:
    """No role stands on a node that is another role's alone, but for those that are beside it."""
    if not any(role.size.dedicated for role in roles):
        return
    on_node: dict[int, list[str]] = {}
    for role in (role for role in roles if not role.size.beside):
        for node in dict.fromkeys(node for home in homes[role.name] for node in home):
            on_node.setdefault(node, []).append(role.name)
    told: set[tuple[str, str]] = set()
    for role in roles:
        for node in (node for home in homes[role.name] for node in home if role.size.dedicated):
            for other in on_node[node]:
                if other == role.name or (role.name, other) in told or (turns and not turns.meet(role.name, other)):
                    continue
                told |= {(role.name, other), (other, role.name)}
                message = f"role `{role.name}` is dedicated, but role `{other}` stands on its node {node} too"
                path = ("roles", role.name, "dedicated")
                otherwise = f"place `{other}` elsewhere"
                refuse(findings, "D208", message, path, ladder(path, [False]), otherwise=otherwise)
