"""The third stage of placement: which GPU indices each worker owns on a node."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from dynplan.planner.cutting import Groups, Slice, cut
from dynplan.planner.demand import Demand
from dynplan.planner.remaining import Homes


def slice_nodes(
    wanted: Sequence[Demand], homes: Sequence[Homes], gpus: Sequence[int], groups: Groups
) -> list[list[Slice]]:
    """Share out the GPUs of every node among the tasks on it; equal nodes are cut once.

    Args:
        wanted: the demand of every role, in declaration order.
        homes: per role its workers' nodes.
        gpus: per node its GPUs.
        groups: the islands of a node, each a tuple of GPU indices.

    Returns:
        Per role the GPUs of each task, worker by worker and rank by rank.
    """
    sizes: list[list[int]] = [[] for _ in gpus]
    for demand, role_homes in zip(wanted, homes, strict=True):
        if demand.gpus_of_its_own and not demand.role.size.pins:
            for home in role_homes:
                for node, size in zip(home, demand.slices, strict=True):
                    sizes[node].append(size)
    pinned = _pinned(wanted, homes, len(gpus))
    pieces = [
        iter(cut(tuple(of_node), have, groups, of_pins))
        for of_node, have, of_pins in zip(sizes, gpus, pinned, strict=True)
    ]
    found = {
        demand.role.name: _of_role(demand, role_homes, pieces) for demand, role_homes in zip(wanted, homes, strict=True)
    }
    beside = {demand.role.name: demand.role.size.beside for demand in wanted}
    return [found[_last(beside, demand.role.name)] for demand in wanted]


def _of_role(demand: Demand, homes: Homes, pieces: Sequence[Iterator[Slice]]) -> list[Slice]:
    """Return the GPUs of each task of a role, from what is cut for it of each node or as it is pinned."""
    pins = demand.role.size.pins
    if pins:
        return [pins[worker % len(pins)] for worker, home in enumerate(homes) for _ in home]
    return [next(pieces[node]) if demand.gpus_of_its_own else () for home in homes for node in home]


def _pinned(wanted: Sequence[Demand], homes: Sequence[Homes], nodes: int) -> list[Slice]:
    """Return per node the GPUs that roles have by index."""
    if not any(demand.role.size.pins for demand in wanted):
        return [()] * nodes
    found: list[list[int]] = [[] for _ in range(nodes)]
    for demand, role_homes in zip(wanted, homes, strict=True):
        for node in {node for home in role_homes for node in home} if demand.role.size.pins else ():
            found[node] += chain.from_iterable(demand.role.size.pins)
    return [tuple(sorted(gpus)) for gpus in found]


def _last(beside: Mapping[str, str], name: str) -> str:
    """Return the end of a chain: the role that a role is beside, or that one is beside, and so on."""
    while beside[name]:
        name = beside[name]
    return name
