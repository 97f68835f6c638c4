"""The exact search for nodes: the fewest that hold all roles, or an arrangement on those there are."""

from collections.abc import Iterator, Sequence

from dynplan.demand import Demand
from dynplan.pack import BinClass, Kind, Unknown, arrange, pack
from dynplan.rooms import Homes, NoRoomError, Rooms, book, first_fit, settle


def fewest(demands: Sequence[Demand], capacity: int) -> tuple[int, int]:
    """Return the fewest nodes that hold every role without named hosts, and a proven lower bound."""
    dedicated = sum(demand.nodes for demand in demands if demand.role.size.dedicated and demand.form != "none")
    shared = [demand for demand in demands if _floats(demand)]
    if not shared:
        return dedicated, dedicated
    found = pack(capacity, _kinds(shared))
    return found.total + dedicated, found.lower + dedicated


def _floats(demand: Demand) -> bool:
    size = demand.role.size
    return demand.form in ("nodes", "loose", "wide") and not size.dedicated and not size.hosts


def _kinds(demands: Sequence[Demand]) -> list[Kind]:
    """Say to the packer what roles need: a block per node, or slices of one or two sizes."""
    return [
        Kind(demand.block, demand.nodes, 1)
        if demand.form == "nodes"
        else Kind(gpus, demand.slices.count(gpus) * demand.workers, 1 if demand.apart else None)
        for demand in demands
        for gpus in _sizes(demand)
    ]


def _sizes(demand: Demand) -> list[int]:
    """Return the slice sizes of a role, each once, the larger first."""
    return sorted(set(demand.slices), reverse=True)


def searched(demands: Sequence[Demand], rooms: Rooms) -> dict[str, Homes]:
    """Find any arrangement of the roles, and number the nodes so that earlier roles come first.

    Raises:
        NoRoomError: there is none, or the budget ran out.
    """
    homes = dict(_set_aside([demand for demand in demands if demand.role.size.dedicated], rooms))
    rest = [demand for demand in demands if not demand.role.size.dedicated]
    counts = _arranged(rest, rooms) if rest else []
    at = 0
    for demand in rest:
        width = len(_sizes(demand))
        homes[demand.role.name] = _from_counts(demand, [row[at : at + width] for row in counts], rooms)
        at += width
    return homes


def _set_aside(closed: Sequence[Demand], rooms: Rooms) -> Iterator[tuple[str, Homes]]:
    """Give dedicated roles the last unused nodes."""
    fresh = rooms.fresh(closed[0]) if closed else []
    at = len(fresh) - sum(demand.nodes for demand in closed)
    for demand in closed:
        if at < 0:
            raise NoRoomError(closed[-1].role.name)
        yield demand.role.name, first_fit(demand, fresh[at : at + demand.nodes], [], rooms)
        at += demand.nodes


def _arranged(demands: Sequence[Demand], rooms: Rooms) -> list[tuple[int, ...]]:
    """Return per node how many items of each kind it holds."""
    classes: dict[tuple[int, bool], list[int]] = {}
    for node, free in enumerate(rooms.free):
        if not rooms.closed[node]:
            classes.setdefault((free, not rooms.used[node]), []).append(node)
    keys = sorted(classes, key=lambda key: classes[key][0])
    bins = [BinClass(free, len(classes[free, empty]), None, empty) for free, empty in keys]
    kinds = _kinds(demands)
    found = arrange(bins, kinds)
    if found is None or isinstance(found, Unknown):
        raise NoRoomError(demands[-1].role.name, proven=found is None)
    counts: list[tuple[int, ...]] = [(0,) * len(kinds)] * len(rooms.free)
    for key, runs in zip(keys, found, strict=True):
        patterns = [pattern for times, pattern in runs for _ in range(times)]
        for node, pattern in zip(classes[key], sorted(patterns, reverse=True), strict=False):
            counts[node] = pattern
    return counts


def _from_counts(demand: Demand, counts: list[tuple[int, ...]], rooms: Rooms) -> Homes:
    """Turn counts per node into the nodes of each worker."""
    if demand.form == "nodes":
        return settle(demand, [node for node, (count,) in enumerate(counts) if count], rooms)
    lanes: list[list[int]] = []
    for lane, gpus in enumerate(_sizes(demand)):
        spots = [node for node, row in enumerate(counts) for _ in range(row[lane])]
        times = demand.slices.count(gpus)
        lanes += [spots[part::times] for part in range(times)]
    homes = [tuple(home) for home in zip(*lanes, strict=True)]
    for home in homes:
        book(home, demand, rooms)
    return homes
