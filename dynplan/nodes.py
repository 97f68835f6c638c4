"""The second stage of placement: which nodes each worker of a role stands on.

Roles are taken in declaration order. A role takes unused nodes first, the lowest ones, then
the lowest used ones that have room. Where that leaves a later role without room, an exact
search (`dynplan.pack`) finds an arrangement, or proves that there is none.
"""

from collections.abc import Sequence
from typing import Literal

from attrs import define, frozen

from dynplan.demand import Demand, first_fit
from dynplan.pack import BinClass, Kind, Unknown, arrange, pack

Homes = list[tuple[int, ...]]  # per worker: the node of each of its tasks, in rank order


@frozen
class Allocation:
    """The nodes of a job and where every worker stands, by role in declaration order."""

    hosts: tuple[str | None, ...]
    mode: Literal["separate", "shared"]
    lower: int
    head: int
    homes: tuple[Homes, ...]

    @property
    def nodes(self) -> int:
        """How many nodes the job asks for."""
        return len(self.hosts)


class NoRoomError(Exception):
    """The roles do not fit on the nodes; `proven` is False where the search gave up."""

    def __init__(self, role: str, *, proven: bool = True) -> None:
        """Name the role that found no room."""
        super().__init__(role)
        self.role = role
        self.proven = proven


@define
class Rooms:
    """What is left on each node while roles are being placed."""

    free: list[int]
    used: list[bool]
    closed: list[bool]  # a dedicated role's
    reserved: int = 0  # unused nodes that later dedicated roles need

    def fresh(self, demand: Demand) -> list[int]:
        """Return the unused nodes a role may take, lowest first."""
        found = [node for node, used in enumerate(self.used) if not used]
        if demand.role.size.dedicated or not self.reserved:
            return found
        return found[: max(0, len(found) - self.reserved)]

    def shared(self) -> list[int]:
        """Return the used nodes that another role may join, lowest first."""
        return [
            node for node, (used, closed) in enumerate(zip(self.used, self.closed, strict=True)) if used and not closed
        ]

    def take(self, node: int, gpus: int, *, close: bool) -> None:
        """Book GPUs on a node."""
        self.free[node] -= gpus
        self.used[node] = True
        self.closed[node] = self.closed[node] or close


def place(demands: Sequence[Demand], count: int, capacity: int, hosts: Sequence[str | None]) -> dict[str, Homes]:
    """Place every role with GPUs on `count` nodes of `capacity` GPUs each.

    Args:
        demands: of every role; those without GPUs and those on every node are left out.
        count: the nodes of the job.
        capacity: GPUs of a node that roles on every node leave.
        hosts: per node the name the user gave it, or None.

    Returns:
        Per role its workers' nodes.

    Raises:
        NoRoomError: they do not fit.
    """
    rooms = Rooms([capacity] * count, [False] * count, [False] * count)
    homes: dict[str, Homes] = {}
    index = {host: node for node, host in enumerate(hosts) if host is not None}
    placed = [demand for demand in demands if demand.form in ("nodes", "loose", "wide")]
    for demand in placed:
        if demand.role.size.hosts:
            homes[demand.role.name] = _on_hosts(demand, index, rooms)
            if min(rooms.free) < 0:
                raise NoRoomError(demand.role.name)
    floating = [demand for demand in placed if not demand.role.size.hosts]
    # Room for a role on named hosts is not searched for: what the user named stands.
    after_hosts = Rooms(list(rooms.free), list(rooms.used), list(rooms.closed))
    try:
        homes |= _in_order(floating, rooms)
    except NoRoomError:
        homes |= _searched(floating, after_hosts)
    return homes


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


def _on_hosts(demand: Demand, index: dict[str, int], rooms: Rooms) -> Homes:
    nodes = [index[host] for host in demand.role.size.hosts]
    return _settle(demand, nodes, rooms)


def _settle(demand: Demand, nodes: Sequence[int], rooms: Rooms) -> Homes:
    """Put a role with a fixed number of nodes on those nodes, in their order."""
    span = len(demand.slices)
    if demand.form == "wide":
        homes: Homes = [tuple(nodes[at : at + span]) for at in range(0, len(nodes), span)]
        for home in homes:
            _book(home, demand, rooms)
        return homes
    for node in nodes:
        rooms.take(node, demand.block, close=demand.role.size.dedicated)
    narrow: Homes = [(node,) for node in nodes for _ in range(demand.per)]
    return narrow[: demand.workers]


def _book(home: tuple[int, ...], demand: Demand, rooms: Rooms) -> None:
    for node, gpus in zip(home, demand.slices, strict=True):
        rooms.take(node, gpus, close=demand.role.size.dedicated)


def _in_order(demands: Sequence[Demand], rooms: Rooms) -> dict[str, Homes]:
    """Place role by role, in declaration order."""
    rooms.reserved = sum(demand.nodes for demand in demands if demand.role.size.dedicated)
    homes: dict[str, Homes] = {}
    for demand in demands:
        fresh = rooms.fresh(demand)
        if demand.role.size.dedicated:
            rooms.reserved -= demand.nodes
        if demand.nodes <= len(fresh):
            homes[demand.role.name] = _alone(demand, fresh[: demand.nodes], rooms)
        elif demand.role.size.dedicated:
            raise NoRoomError(demand.role.name)
        else:
            homes[demand.role.name] = _joining(demand, fresh, rooms)
    return homes


def _alone(demand: Demand, nodes: list[int], rooms: Rooms) -> Homes:
    """Place a role on nodes that hold nothing else."""
    if demand.form == "nodes" or (demand.form == "wide" and len(nodes) == demand.workers * len(demand.slices)):
        return _settle(demand, nodes, rooms)
    homes = [tuple(nodes[at] for at in home) for home in first_fit(demand.workers, demand.slices, rooms.free[nodes[0]])]
    for home in homes:
        _book(home, demand, rooms)
    return homes


def _joining(demand: Demand, fresh: list[int], rooms: Rooms) -> Homes:
    """Place a role on unused nodes first, then on used ones with room."""
    if demand.form == "nodes":
        joined = [node for node in rooms.shared() if rooms.free[node] >= demand.block]
        nodes = fresh + joined[: demand.nodes - len(fresh)]
        if len(nodes) < demand.nodes:
            raise NoRoomError(demand.role.name)
        return _settle(demand, sorted(nodes), rooms)
    candidates = fresh + rooms.shared()
    at = dict.fromkeys(demand.slices, 0)
    homes: Homes = []
    for _ in range(demand.workers):
        home = tuple(_next(candidates, at, gpus, demand, rooms) for gpus in demand.slices)
        homes.append(home)
    return sorted(homes)


def _next(candidates: list[int], at: dict[int, int], gpus: int, demand: Demand, rooms: Rooms) -> int:
    """Book a slice on the first candidate with room; free room only shrinks, so look on from the last one.

    Two slices of one worker never meet on a node: any two of them are more than a node has.
    """
    while at[gpus] < len(candidates) and rooms.free[candidates[at[gpus]]] < gpus:
        at[gpus] += 1
    if at[gpus] == len(candidates):
        raise NoRoomError(demand.role.name)
    node = candidates[at[gpus]]
    rooms.take(node, gpus, close=False)
    return node


def _kinds(demands: Sequence[Demand]) -> list[Kind]:
    """Say to the packer what roles need: a block per node, or slices of one or two sizes."""
    kinds: list[Kind] = []
    for demand in demands:
        if demand.form == "nodes":
            kinds.append(Kind(demand.block, demand.nodes, 1))
            continue
        distinct = demand.form == "wide" and demand.nodes == demand.workers * len(demand.slices)
        for gpus in _sizes(demand):
            times = demand.slices.count(gpus) * demand.workers
            kinds.append(Kind(gpus, times, 1 if distinct and demand.role.size.num_nodes else None))
    return kinds


def _sizes(demand: Demand) -> list[int]:
    """Return the slice sizes of a role, each once, the larger first."""
    return sorted(set(demand.slices), reverse=True)


def _searched(demands: Sequence[Demand], rooms: Rooms) -> dict[str, Homes]:
    """Find any arrangement, by exact search, and number the nodes so that earlier roles come first."""
    homes: dict[str, Homes] = {}
    closed = [demand for demand in demands if demand.role.size.dedicated]
    rest = [demand for demand in demands if not demand.role.size.dedicated]
    fresh = [node for node, used in enumerate(rooms.used) if not used]
    at = len(fresh) - sum(demand.nodes for demand in closed)
    if at < 0:
        raise NoRoomError(closed[-1].role.name)
    for demand in closed:
        homes[demand.role.name] = _alone(demand, fresh[at : at + demand.nodes], rooms)
        at += demand.nodes
    if not rest:
        return homes
    counts = _arranged(rest, rooms)
    at = 0
    for demand in rest:
        width = 1 if demand.form == "nodes" else len(_sizes(demand))
        homes[demand.role.name] = _from_counts(demand, [row[at : at + width] for row in counts], rooms)
        at += width
    return homes


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
        return _settle(demand, [node for node, (count,) in enumerate(counts) if count], rooms)
    lanes: list[list[int]] = []
    for lane, gpus in enumerate(_sizes(demand)):
        spots = [node for node, row in enumerate(counts) for _ in range(row[lane])]
        times = demand.slices.count(gpus)
        lanes += [spots[part::times] for part in range(times)]
    homes = [tuple(home) for home in zip(*lanes, strict=True)]
    for home in homes:
        _book(home, demand, rooms)
    return homes
