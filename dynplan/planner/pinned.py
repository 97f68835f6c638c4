"""Nodes for the roles of a job in which some have GPUs by index. Only such jobs get here.

What a node holds is then not a number of GPUs: slices lie side by side, around those that are pinned. Roles are taken
in declaration order as in `dynplan.planner.nodes`, with another question asked of a node; the search behind it places
kinds of blocks in fillings of nodes that are listed once (`dynplan.planner.fillings`).
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Protocol

from attrs import define, field

from dynplan.planner.content import Content
from dynplan.planner.cutting import Slice
from dynplan.planner.demand import Demand, left_of_a_node
from dynplan.planner.fillings import Block, SpentError, fewest_nodes, filled
from dynplan.planner.remaining import Homes, NoRoomError


class Takes(Protocol):
    """Nodes that take blocks of roles."""

    def take(self, node: int, block: tuple[Slice, Slice], demand: Demand) -> bool:
        """Put a block of a role on a node, if that goes together with what is there."""


@define(eq=False, repr=False)
class _Nodes:
    """What lies on each node while roles are being placed."""

    contents: list[Content]
    used: list[bool] = field(factory=list)
    closed: list[bool] = field(factory=list)  # a dedicated role's
    named: frozenset[int] = frozenset()  # by roles without GPUs: no dedicated role's

    def copy(self) -> "_Nodes":
        return _Nodes(list(self.contents), list(self.used), list(self.closed), self.named)

    def fresh(self, demand: Demand) -> list[int]:
        """Return the unused nodes that a role may take, lowest first."""
        found = [node for node, used in enumerate(self.used) if not used]
        return [node for node in found if node not in self.named] if demand.role.size.dedicated else found

    def shared(self) -> list[int]:
        """Return the used nodes that another role may join, lowest first."""
        return [node for node, used in enumerate(self.used) if used and not self.closed[node]]

    def take(self, node: int, block: tuple[Slice, Slice], demand: Demand) -> bool:
        """Put a block of a role on a node, if that goes together with what is there."""
        content = self.contents[node].with_slices(*block)
        if content is None:
            return False
        self.contents[node] = content
        self.used[node] = True
        self.closed[node] = self.closed[node] or demand.role.size.dedicated
        return True


def place_pinned(demands: Sequence[Demand], gpus: Sequence[int], hosts: Sequence[str | None]) -> dict[str, Homes]:
    """Place every role that takes nodes, as `dynplan.planner.nodes.place` does where no role has GPUs by index.

    Args:
        demands: of every role.
        gpus: per node its GPUs.
        hosts: per node the name the user gave it, or None.

    Returns:
        Per role its workers' nodes.

    Raises:
        NoRoomError: they do not fit.
    """
    index = {host: node for node, host in enumerate(hosts) if host is not None}
    named = frozenset(index[host] for demand in demands if demand.form == "none" for host in demand.role.size.hosts)
    bases = {have: left_of_a_node(demands, have) for have in set(gpus)}
    nodes = _Nodes([bases[have] for have in gpus], [False] * len(gpus), [False] * len(gpus), named)
    placed = [demand for demand in demands if demand.takes_nodes]
    homes: dict[str, Homes] = {}
    for demand in (demand for demand in placed if demand.role.size.hosts):
        homes[demand.role.name] = on_hosts(demand, [index[host] for host in demand.role.size.hosts], nodes)
    floating = [demand for demand in placed if not demand.role.size.hosts]
    after_hosts = nodes.copy()
    try:
        return homes | _in_order(floating, nodes)
    except NoRoomError:
        return homes | _searched(floating, after_hosts)


def fewest_pinned(demands: Sequence[Demand], gpus: int) -> tuple[int, int]:
    """Return the fewest nodes of so many GPUs that hold every role without named hosts, and a proven lower bound."""
    dedicated = sum(demand.nodes for demand in demands if demand.role.size.dedicated and demand.form != "none")
    sizes = [demand.role.size for demand in demands]
    shared = [
        demand
        for demand, size in zip(demands, sizes, strict=True)
        if demand.takes_nodes and not size.dedicated and not size.hosts
    ]
    base = left_of_a_node(demands, gpus)
    total, lower = fewest_nodes(base, list(_blocks(shared))) if shared else (0, 0)
    return total + dedicated, lower + dedicated


def block_of(demand: Demand, size: int) -> tuple[Slice, Slice]:
    """Return what a role puts on one of its nodes, where that is one slice of so many GPUs or all that it has there."""
    if demand.form == "nodes":
        return demand.block
    return ((), demand.role.size.pins[0]) if demand.role.size.pins else ((size,), ())


def on_hosts(demand: Demand, hosts: Sequence[int], nodes: Takes) -> Homes:
    """Place a role on nodes, in their order."""
    span = len(demand.slices)
    for at, node in enumerate(hosts):
        if not nodes.take(node, block_of(demand, demand.slices[at % span]), demand):
            raise NoRoomError(demand.role.name)
    if demand.form == "wide":
        return [tuple(hosts[at : at + span]) for at in range(0, len(hosts), span)]
    return [(node,) for node in hosts for _ in range(demand.workers_per_node)]


def _in_order(demands: Sequence[Demand], nodes: _Nodes) -> dict[str, Homes]:
    """Place role by role: on unused nodes first, the lowest ones, then on the lowest used ones that have room."""
    reserved = sum(demand.nodes for demand in demands if demand.role.size.dedicated)
    homes: dict[str, Homes] = {}
    for demand in demands:
        candidates = nodes.fresh(demand)
        if demand.role.size.dedicated:
            reserved -= demand.nodes
        else:
            candidates = [*candidates[: max(0, len(candidates) - reserved)], *nodes.shared()]
        homes[demand.role.name] = first_fit(demand, candidates, nodes)
    return homes


def first_fit(demand: Demand, candidates: Sequence[int], nodes: Takes) -> Homes:
    """Place a role on the first of these nodes with room."""
    if demand.form == "nodes":
        found = _takers(demand, demand.block, candidates, nodes)
        chosen = sorted(islice(found, demand.nodes))
        if len(chosen) < demand.nodes:
            raise NoRoomError(demand.role.name)
        return [(node,) for node in chosen for _ in range(demand.workers_per_node)]
    # Room only shrinks: a node once passed over stays so.
    at, taken, homes = dict.fromkeys(demand.slices, 0), set[int](), []
    for _ in range(demand.workers):
        home: list[int] = []
        for size in demand.slices:
            while at[size] < len(candidates):
                node = candidates[at[size]]
                if not (demand.apart and node in taken) and nodes.take(node, block_of(demand, size), demand):
                    break
                at[size] += 1
            else:
                raise NoRoomError(demand.role.name)
            taken.add(node)
            home.append(node)
        larger = demand.slices.count(demand.slices[0])
        homes.append((*sorted(home[:larger]), *sorted(home[larger:])))
    return sorted(homes)


def _takers(demand: Demand, block: tuple[Slice, Slice], candidates: Sequence[int], nodes: Takes) -> Iterator[int]:
    """Yield the nodes that take a block, each once it has."""
    for node in candidates:
        if nodes.take(node, block, demand):
            yield node


# The search


def _blocks(demands: Sequence[Demand]) -> Iterator[Block]:
    """Yield what roles put on nodes: for each role a block per node, or slices of one or two sizes."""
    for at, demand in enumerate(demands):
        for size in sorted(set(demand.slices), reverse=True):
            count = demand.nodes if demand.form == "nodes" else demand.slices.count(size) * demand.workers
            once = demand.form == "nodes" or demand.apart
            yield Block(at, size, *block_of(demand, size), count, once)


def _searched(demands: Sequence[Demand], nodes: _Nodes) -> dict[str, Homes]:
    """Find any arrangement of the roles, and number the nodes so that earlier roles come first."""
    homes: dict[str, Homes] = {}
    closed = [demand for demand in demands if demand.role.size.dedicated]
    fresh = nodes.fresh(closed[0]) if closed else []
    at = len(fresh) - sum(demand.nodes for demand in closed)
    for demand in closed:  # they get the last unused nodes
        if at < 0:
            raise NoRoomError(closed[-1].role.name)
        homes[demand.role.name] = first_fit(demand, fresh[at : at + demand.nodes], nodes)
        at += demand.nodes
    rest = [demand for demand in demands if not demand.role.size.dedicated]
    blocks = list(_blocks(rest))
    if not rest:
        return homes
    open_nodes = [node for node, shut in enumerate(nodes.closed) if not shut]
    try:
        found = filled([(nodes.contents[node], nodes.used[node]) for node in open_nodes], blocks)
    except SpentError:
        raise NoRoomError(rest[-1].role.name, proven=False) from None
    if found is None:
        raise NoRoomError(rest[-1].role.name)
    standing: dict[tuple[int, int], list[int]] = {(block.role, block.size): [] for block in blocks}
    for node, pattern in zip(open_nodes, found, strict=True):
        for block, times in zip(blocks, pattern, strict=True):
            standing[block.role, block.size] += [node] * times
    return homes | {demand.role.name: _homes(demand, at, standing) for at, demand in enumerate(rest)}


def _homes(demand: Demand, at: int, standing: Mapping[tuple[int, int], list[int]]) -> Homes:
    """Turn the nodes of a role's slices, one list for each size, into the nodes of each worker."""
    sizes = sorted(set(demand.slices), reverse=True)
    if demand.form == "nodes":
        return [(node,) for node in standing[at, sizes[0]] for _ in range(demand.workers_per_node)]
    times = {size: demand.slices.count(size) for size in sizes}
    by_rank = [standing[at, size][part :: times[size]] for size in sizes for part in range(times[size])]
    return list(zip(*by_rank, strict=True))
