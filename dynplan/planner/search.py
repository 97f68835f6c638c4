"""The exact search for nodes: the fewest that hold all roles, or an arrangement on those there are."""

from collections.abc import Iterator, Sequence

from attrs import frozen

from dynplan.model import Record
from dynplan.planner.demand import Demand, gpus_on_every_node, pinned
from dynplan.planner.packing import BinClass, Kind, Pattern, Unknown, arrange, pack
from dynplan.planner.remaining import Homes, NoRoomError, Remaining, first_fit, stand_on, take_slices


def fewest(demands: Sequence[Demand], gpus: int) -> tuple[int, int]:
    """Return the fewest nodes of so many GPUs that hold every role without named hosts, and a proven lower bound."""
    if pinned(demands):
        from dynplan.planner.pinned import fewest_pinned  # few jobs say which GPUs a role has

        return fewest_pinned(demands, gpus)
    capacity = gpus - gpus_on_every_node(demands)
    dedicated = sum(demand.nodes for demand in demands if demand.role.size.dedicated and demand.form != "none")
    shared = [demand for demand in demands if _floats(demand)]
    if not shared:
        return dedicated, dedicated
    found = pack(capacity, [owned.kind for owned in _owned_kinds(shared)])
    return found.total + dedicated, found.lower + dedicated


def _floats(demand: Demand) -> bool:
    size = demand.role.size
    return demand.takes_nodes and not size.dedicated and not size.hosts


@frozen(eq=False, repr=False)
class _OwnedKind(Record):
    """Items that are all alike to the packer, and their owners: by role and slice size, so many of them."""

    kind: Kind
    owners: tuple[tuple[int, int, int], ...]


def _owned_kinds(demands: Sequence[Demand]) -> list[_OwnedKind]:
    """Say to the packer what roles need: a block per node, or slices of one or two sizes.

    Where a node may hold any number of them, items of one size are one kind, whosever they are.
    """
    owners: dict[tuple[int, int], list[tuple[int, int, int]]] = {}
    for at, demand in enumerate(demands):
        for gpus in _sizes(demand):
            count = demand.nodes if demand.form == "nodes" else demand.slices.count(gpus) * demand.workers
            once = (demand.form == "nodes" or demand.apart) and count > 1
            size = demand.gpus_on_node if demand.form == "nodes" else gpus
            owners.setdefault((size, at if once else -1), []).append((at, gpus, count))
    return [
        _OwnedKind(Kind(size, sum(count for _, _, count in of_kind), 1 if at >= 0 else None), tuple(of_kind))
        for (size, at), of_kind in owners.items()
    ]


def _sizes(demand: Demand) -> list[int]:
    """Return the slice sizes of a role, each once, the larger first."""
    return sorted(set(demand.slices), reverse=True)


def arrangement(demands: Sequence[Demand], remaining: Remaining) -> dict[str, Homes]:
    """Find any arrangement of the roles, and number the nodes so that earlier roles come first.

    Raises:
        NoRoomError: there is none, or the budget ran out.
    """
    homes = dict(_place_dedicated([demand for demand in demands if demand.role.size.dedicated], remaining))
    rest = [demand for demand in demands if not demand.role.size.dedicated]
    nodes = _nodes_of_slices(rest, remaining) if rest else {}
    for at, demand in enumerate(rest):
        homes[demand.role.name] = _workers(demand, [nodes[at, gpus] for gpus in _sizes(demand)], remaining)
    return homes


def _place_dedicated(closed: Sequence[Demand], remaining: Remaining) -> Iterator[tuple[str, Homes]]:
    """Give dedicated roles the last unused nodes."""
    fresh = remaining.fresh(closed[0]) if closed else []
    at = len(fresh) - sum(demand.nodes for demand in closed)
    for demand in closed:
        if at < 0:
            raise NoRoomError(closed[-1].role.name)
        yield demand.role.name, first_fit(demand, fresh[at : at + demand.nodes], [], remaining)
        at += demand.nodes


def _nodes_of_slices(demands: Sequence[Demand], remaining: Remaining) -> dict[tuple[int, int], list[int]]:
    """Return by role and slice size the nodes of the slices, lowest first, a node once for each slice."""
    classes: dict[tuple[int, bool], list[int]] = {}
    for node, free in enumerate(remaining.free):
        if not remaining.closed[node]:
            classes.setdefault((free, not remaining.used[node]), []).append(node)
    keys = sorted(classes, key=lambda key: classes[key][0])
    bins = [BinClass(free, len(classes[free, empty]), must_use=empty) for free, empty in keys]
    kinds = _owned_kinds(demands)
    found = arrange(bins, [owned.kind for owned in kinds])
    if found is None or isinstance(found, Unknown):
        raise NoRoomError(demands[-1].role.name, proven=found is None)
    patterns: dict[int, Pattern] = {}
    for key, runs in zip(keys, found, strict=True):
        here = sorted((pattern for times, pattern in runs for _ in range(times)), reverse=True)
        patterns.update(zip(classes[key], here, strict=False))
    return dict(_handed_out(kinds, sorted(patterns.items())))


def _handed_out(
    kinds: Sequence[_OwnedKind], patterns: Sequence[tuple[int, Pattern]]
) -> Iterator[tuple[tuple[int, int], list[int]]]:
    """Give the items of each kind to their owners, the lowest nodes to the earlier roles."""
    for index, owned in enumerate(kinds):
        nodes = [node for node, pattern in patterns for _ in range(pattern[index])]
        first = 0
        for at, gpus, count in owned.owners:
            yield (at, gpus), nodes[first : first + count]
            first += count


def _workers(demand: Demand, by_size: list[list[int]], remaining: Remaining) -> Homes:
    """Turn the nodes of a role's slices, one list for each size, into the nodes of each worker."""
    if demand.form == "nodes":
        return stand_on(demand, by_size[0], remaining)
    by_rank: list[list[int]] = []
    for gpus, nodes in zip(_sizes(demand), by_size, strict=True):
        times = demand.slices.count(gpus)
        by_rank += [nodes[part::times] for part in range(times)]
    homes = [tuple(home) for home in zip(*by_rank, strict=True)]
    for home in homes:
        take_slices(home, demand, remaining)
    return homes
