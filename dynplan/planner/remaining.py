"""What is left on each node while roles are placed, and the first nodes with room for a role."""

from collections.abc import Collection, Sequence
from itertools import islice

from attrs import define

from dynplan.planner.demand import Demand

Homes = list[tuple[int, ...]]  # per worker: the node of each of its tasks, in rank order; no node twice


class NoRoomError(Exception):
    """The roles do not fit on the nodes; `proven` is False where the search gave up.

    `among` are the roles that are there at the same time, where these are not all.
    """

    def __init__(self, role: str, *, proven: bool = True, among: Sequence[Demand] = ()) -> None:
        """Name the role that found no room."""
        super().__init__(role)
        self.role = role
        self.proven = proven
        self.among = among


class NoDomainError(NoRoomError):
    """They fit, but not with every worker inside as few domains as it can be."""


@define(eq=False, repr=False)
class Remaining:
    """What is left on each node while roles are being placed."""

    free: list[int]
    used: list[bool]
    closed: list[bool]  # a dedicated role's
    named: frozenset[int] = frozenset()  # by roles without GPUs: no dedicated role's
    reserved: int = 0  # unused nodes that later dedicated roles need

    def fresh(self, demand: Demand) -> list[int]:
        """Return the unused nodes a role may take, lowest first."""
        found = [node for node, used in enumerate(self.used) if not used]
        if demand.role.size.dedicated:
            return [node for node in found if node not in self.named]
        return found[: max(0, len(found) - self.reserved)]

    def shared(self) -> list[int]:
        """Return the used nodes that another role may join, lowest first."""
        return [
            node for node, (used, closed) in enumerate(zip(self.used, self.closed, strict=True)) if used and not closed
        ]

    def take(self, nodes: Collection[int], gpus: int, *, close: bool) -> None:
        """Take so many GPUs on each of the nodes; `close` leaves them to the role."""
        for node in nodes:
            self.free[node] -= gpus
            self.used[node] = True
        if close:
            for node in nodes:
                self.closed[node] = True


def stand_on(demand: Demand, nodes: Sequence[int], remaining: Remaining) -> Homes:
    """Put a role with a fixed number of nodes on those nodes, in their order, and take what it needs of them."""
    span = len(demand.slices)
    if demand.form == "wide":
        homes: Homes = [tuple(nodes[at : at + span]) for at in range(0, len(nodes), span)]
        for home in homes:
            take_slices(home, demand, remaining)
        return homes
    remaining.take(nodes, demand.gpus_on_node, close=demand.role.size.dedicated)
    return [home for node in nodes for home in [(node,)] * demand.workers_per_node]


def take_slices(home: tuple[int, ...], demand: Demand, remaining: Remaining) -> None:
    """Take a worker's slices on its nodes."""
    for node, gpus in zip(home, demand.slices, strict=True):
        remaining.take((node,), gpus, close=demand.role.size.dedicated)


def first_fit(demand: Demand, fresh: list[int], shared: list[int], remaining: Remaining) -> Homes:
    """Place a role on the first unused nodes with room, then on the first used ones.

    Args:
        demand: of the role.
        fresh: the unused nodes, by index, the first to be taken in front.
        shared: the used ones.
        remaining: what is left on each node; what the role takes is taken off it.

    Raises:
        NoRoomError: there is no room, and some of the role may have been taken.
    """
    if demand.form == "nodes":
        free, least = remaining.free, demand.gpus_on_node
        fitting = (node for node in (*fresh, *shared) if free[node] >= least)
        nodes = list(islice(fitting, demand.nodes))
        if len(nodes) < demand.nodes:
            raise NoRoomError(demand.role.name)
        return stand_on(demand, sorted(nodes), remaining)
    places = _FirstFit([*fresh, *shared], dict.fromkeys(demand.slices, 0), set())
    return sorted(places.worker(demand, remaining) for _ in range(demand.workers))


@define(eq=False, repr=False)
class _FirstFit:
    """Where the slices of one role may go: nodes, and for each size the first that may have room.

    Free room only shrinks, so a node once passed over stays so. Two slices of one worker never meet on
    a node: any two of them are more than a node has.
    """

    nodes: list[int]
    at: dict[int, int]
    taken: set[int]

    def worker(self, demand: Demand, remaining: Remaining) -> tuple[int, ...]:
        """Take the nodes of one worker and return them; ranks whose slices are alike go up with the nodes."""
        nodes = [self.slice(gpus, demand, remaining) for gpus in demand.slices]
        larger = demand.slices.count(demand.slices[0])
        return (*sorted(nodes[:larger]), *sorted(nodes[larger:]))

    def slice(self, gpus: int, demand: Demand, remaining: Remaining) -> int:
        """Take a slice on the first node with room and return the node."""
        at = self.at[gpus]
        while at < len(self.nodes) and (
            remaining.free[self.nodes[at]] < gpus or (demand.apart and self.nodes[at] in self.taken)
        ):
            at += 1
        self.at[gpus] = at
        if at == len(self.nodes):
            raise NoRoomError(demand.role.name)
        node = self.nodes[at]
        self.taken.add(node)
        remaining.take((node,), gpus, close=demand.role.size.dedicated)
        return node
