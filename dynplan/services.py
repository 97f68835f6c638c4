"""The nodes of roles that follow the others: roles without GPUs, and roles on every node."""

from collections.abc import Sequence

from dynplan.demand import Demand
from dynplan.errors import Findings
from dynplan.nodes import Allocation, Homes


def follow(wanted: Sequence[Demand], allocation: Allocation) -> tuple[Homes, ...]:
    """Return the nodes of every role's workers, in declaration order.

    Raises:
        InputError: D208 where a dedicated role leaves no node for a role that needs one.
    """
    findings = Findings()
    closed = _closed(wanted, allocation)
    homes = dict(zip((demand.role.name for demand in wanted), allocation.homes, strict=True))
    waiting = [demand for demand in wanted if demand.form in ("none", "every")]
    while waiting:
        # A role placed with another waits for that one; the reader has refused cycles.
        ready = [demand for demand in waiting if _beside(demand) not in {other.role.name for other in waiting}]
        for demand in ready:
            homes[demand.role.name] = _homes(demand, homes, allocation, closed, findings)
        waiting = [demand for demand in waiting if demand not in ready]
    findings.raise_if_errors()
    return tuple(homes[demand.role.name] for demand in wanted)


def _closed(wanted: Sequence[Demand], allocation: Allocation) -> dict[int, str]:
    """Return per dedicated node the role it belongs to."""
    return {
        node: demand.role.name
        for demand, homes in zip(wanted, allocation.homes, strict=True)
        if demand.role.size.dedicated
        for home in homes
        for node in home
    }


def _beside(demand: Demand) -> str:
    place = demand.role.size.place
    return place.removeprefix("with:") if place.startswith("with:") else ""


def _homes(
    demand: Demand, homes: dict[str, Homes], allocation: Allocation, closed: dict[int, str], findings: Findings
) -> Homes:
    nodes = _nodes(demand, homes, allocation, closed)
    taken = [node for node in nodes if node in closed]
    if taken or not nodes:
        owner = closed[taken[0]] if taken else next(iter(closed.values()), "")
        path = ("roles", owner, "dedicated") if owner else ("roles", demand.role.name)
        findings.error(
            "D208",
            f"role `{demand.role.name}` has no node to stand on: role `{owner}` is dedicated"
            if owner
            else f"role `{demand.role.name}` needs {demand.nodes} nodes, and the job has {allocation.nodes}",
            path,
            help=_fix(demand, owner, allocation),
        )
    return [(node,) for node in nodes]


def _fix(demand: Demand, owner: str, allocation: Allocation) -> str:
    every = demand.form == "every" or demand.role.size.per_node or demand.role.size.place == "every-node"
    if owner and (every or demand.role.size.place.startswith("with:")):
        return f"set `roles.{owner}.dedicated = false`"
    wanted = max(allocation.nodes + 1, demand.nodes)
    return f"set `job.num-nodes = {wanted}`"


def _nodes(demand: Demand, homes: dict[str, Homes], allocation: Allocation, closed: dict[int, str]) -> list[int]:
    """Return the node of each worker; an empty list where there is none."""
    size, count = demand.role.size, allocation.nodes
    if demand.form == "every" or size.per_node or size.place == "every-node":
        per = demand.per if demand.form == "every" else size.workers_per_node or 1
        return [node for node in range(count) for _ in range(per)]
    if size.place.startswith("with:"):
        leaders = [home[0] for home in homes[_beside(demand)]]
        return [leaders[worker % len(leaders)] for worker in range(demand.workers)] if leaders else []
    if size.hosts:
        return [node for host in size.hosts for node in (allocation.hosts.index(host),) for _ in range(demand.per)]
    if demand.nodes:
        open_nodes = [node for node in range(count) if node not in closed][: demand.nodes]
        if len(open_nodes) < demand.nodes:
            return []
        return [node for node in open_nodes for _ in range(demand.per)]
    return [allocation.head] * demand.workers
