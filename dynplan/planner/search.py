"""The exact search for nodes: the fewest that hold all roles, or an arrangement on those there are."""

from collections.abc import Iterator, Sequence

from attrs import frozen

from dynplan.model import Record
from dynplan.planner.demand import Demand
from dynplan.planner.packing import BinClass, Kind, Pattern, Unknown, arrange, pack
from dynplan.planner.remaining import Homes, NoRoomError, Remaining, book, first_fit, stand_on


def fewest(demands: Sequence[Demand], capacity: int) -> tuple[int, int]:
    """Return the fewest nodes that hold every role without named hosts, and a proven lower bound."""
    dedicated = sum(demand.nodes for demand in demands if demand.role.size.dedicated and demand.form != "none")
    shared = [demand for demand in demands if _floats(demand)]
    if not shared:
        return dedicated, dedicated
    found = pack(capacity, [lot.kind for lot in _lots(shared)])
    return found.total + dedicated, found.lower + dedicated


def _floats(demand: Demand) -> bool:
    size = demand.role.size
    return demand.takes_nodes and not size.dedicated and not size.hosts


@frozen(eq=False, repr=False)
class _Lot(Record):
    """Items that are all alike to the packer, and whose they are: by role and slice size, so many of them."""

    kind: Kind
    parts: tuple[tuple[int, int, int], ...]


def _lots(demands: Sequence[Demand]) -> list[_Lot]:
    """Say to the packer what roles need: a block per node, or slices of one or two sizes.

    Where a node may hold any number of them, items of one size are one kind, whosever they are.
    """
    parts: dict[tuple[int, int], list[tuple[int, int, int]]] = {}
    for at, demand in enumerate(demands):
        for gpus in _sizes(demand):
            count = demand.nodes if demand.form == "nodes" else demand.slices.count(gpus) * demand.workers
            once = (demand.form == "nodes" or demand.apart) and count > 1
            size = demand.block if demand.form == "nodes" else gpus
            parts.setdefault((size, at if once else -1), []).append((at, gpus, count))
    return [
        _Lot(Kind(size, sum(count for _, _, count in lot), 1 if at >= 0 else None), tuple(lot))
        for (size, at), lot in parts.items()
    ]


def _sizes(demand: Demand) -> list[int]:
    """Return the slice sizes of a role, each once, the larger first."""
    return sorted(set(demand.slices), reverse=True)


def searched(demands: Sequence[Demand], remaining: Remaining) -> dict[str, Homes]:
    """Find any arrangement of the roles, and number the nodes so that earlier roles come first.

    Raises:
        NoRoomError: there is none, or the budget ran out.
    """
    homes = dict(_set_aside([demand for demand in demands if demand.role.size.dedicated], remaining))
    rest = [demand for demand in demands if not demand.role.size.dedicated]
    spots = _arranged(rest, remaining) if rest else {}
    for at, demand in enumerate(rest):
        homes[demand.role.name] = _from_spots(demand, [spots[at, gpus] for gpus in _sizes(demand)], remaining)
    return homes


def _set_aside(closed: Sequence[Demand], remaining: Remaining) -> Iterator[tuple[str, Homes]]:
    """Give dedicated roles the last unused nodes."""
    fresh = remaining.fresh(closed[0]) if closed else []
    at = len(fresh) - sum(demand.nodes for demand in closed)
    for demand in closed:
        if at < 0:
            raise NoRoomError(closed[-1].role.name)
        yield demand.role.name, first_fit(demand, fresh[at : at + demand.nodes], [], remaining)
        at += demand.nodes


def _arranged(demands: Sequence[Demand], remaining: Remaining) -> dict[tuple[int, int], list[int]]:
    """Return by role and slice size the nodes of the slices, lowest first, a node once for each slice."""
    classes: dict[tuple[int, bool], list[int]] = {}
    for node, free in enumerate(remaining.free):
        if not remaining.closed[node]:
            classes.setdefault((free, not remaining.used[node]), []).append(node)
    keys = sorted(classes, key=lambda key: classes[key][0])
    bins = [BinClass(free, len(classes[free, empty]), None, empty) for free, empty in keys]
    lots = _lots(demands)
    found = arrange(bins, [lot.kind for lot in lots])
    if found is None or isinstance(found, Unknown):
        raise NoRoomError(demands[-1].role.name, proven=found is None)
    patterns: dict[int, Pattern] = {}
    for key, runs in zip(keys, found, strict=True):
        here = sorted((pattern for times, pattern in runs for _ in range(times)), reverse=True)
        patterns.update(zip(classes[key], here, strict=False))
    return dict(_handed_out(lots, sorted(patterns.items())))


def _handed_out(
    lots: Sequence[_Lot], patterns: Sequence[tuple[int, Pattern]]
) -> Iterator[tuple[tuple[int, int], list[int]]]:
    """Give the items of each lot to those they belong to, the lowest nodes to the earlier roles."""
    for index, lot in enumerate(lots):
        spots = [node for node, pattern in patterns for _ in range(pattern[index])]
        first = 0
        for at, gpus, count in lot.parts:
            yield (at, gpus), spots[first : first + count]
            first += count


def _from_spots(demand: Demand, spots: list[list[int]], remaining: Remaining) -> Homes:
    """Turn the nodes of a role's slices, one list for each size, into the nodes of each worker."""
    if demand.form == "nodes":
        return stand_on(demand, spots[0], remaining)
    lanes: list[list[int]] = []
    for gpus, nodes in zip(_sizes(demand), spots, strict=True):
        times = demand.slices.count(gpus)
        lanes += [nodes[part::times] for part in range(times)]
    homes = [tuple(home) for home in zip(*lanes, strict=True)]
    for home in homes:
        book(home, demand, remaining)
    return homes
