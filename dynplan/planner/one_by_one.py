"""Roles of a stage of which some meet and others have turns: placed one by one, in several orders."""

from collections.abc import Callable, Iterable, Sequence

from attrs import define, evolve

from dynplan.planner.cutting import Slice
from dynplan.planner.demand import Demand
from dynplan.planner.laying import Item, Meets, laid
from dynplan.planner.pinned import first_fit, on_hosts
from dynplan.planner.remaining import Homes, NoRoomError
from dynplan.planner.turns import Turns


@define(eq=False, repr=False)
class Nodes:
    """What lies on each node while the roles of a stage are being placed.

    Attributes:
        stage: the roles.
        gpus: per node its GPUs.
        meets: by role those that it meets.
        named: the nodes of roles without GPUs: no dedicated role's.
        items: per node the slices there.
    """

    stage: Sequence[Demand]
    gpus: Sequence[int]
    meets: Meets
    named: frozenset[int]
    items: list[tuple[Item, ...]]

    def copy(self) -> "Nodes":
        """Return nodes on which others may be placed."""
        return evolve(self, items=list(self.items))

    def at(self, demand: Demand) -> int:
        """Return the place of a role in the stage."""
        return next(at for at, other in enumerate(self.stage) if other is demand)

    def used(self, node: int, demand: Demand) -> bool:
        """Tell whether a role is there that meets this one, and takes nodes by its size."""
        meets = self.meets[self.at(demand)]
        return any(item.role in meets and self.stage[item.role].form != "every" for item in self.items[node])

    def take(self, node: int, block: tuple[Slice, Slice], demand: Demand) -> bool:
        """Put a block of a role on a node, if that goes together with what is there."""
        at, (sizes, pins) = self.at(demand), block
        dedicated = demand.role.size.dedicated
        if dedicated and node in self.named:
            return False
        near = {item.role for item in self.items[node] if item.role in self.meets[at] and item.role != at}
        if any(dedicated or self.stage[role].role.size.dedicated for role in near):
            return False
        width = len(pins) // max(1, len(demand.role.size.pins))
        new = [Item(at, size) for size in sizes if size]
        new += [Item(at, width, pins[first : first + width]) for first in range(0, len(pins), max(1, width))]
        items = tuple(sorted((*self.items[node], *(new or [Item(at, 0)])), key=lambda item: item.role))
        if laid(tuple(item for item in items if item.gpus), self.gpus[node], (), self.meets) is None:
            return False
        self.items[node] = items
        return True


_MOST_CROWDS = 8  # sets of roles that meet, of which a refusal tries each by itself
Order = tuple[Sequence[Demand], bool]  # roles, and whether each prefers nodes that it has for itself


def meets_of(wanted: Sequence[Demand], turns: Turns) -> Meets:
    """Return by role those that it meets, itself among them, by their places in the list."""
    names = [demand.role.name for demand in wanted]
    return tuple(frozenset(at for at, other in enumerate(names) if turns.meet(name, other)) for name in names)


def orders_of(floating: Sequence[Demand]) -> Iterable[Order]:
    """Return the orders in which roles without named hosts are tried: that of the file, and then others."""
    large = sorted(floating, key=lambda demand: -max(demand.slices[0], demand.gpus_on_node))
    closed = sorted(floating, key=lambda demand: not demand.role.size.dedicated)
    staying = sorted(large, key=lambda demand: demand.role.task)
    return (floating, True), (closed, True), (floating, False), (closed, False), (large, False), (staying, False)


def one_by_one(
    stage: Sequence[Demand],
    others: Sequence[Demand],
    gpus: Sequence[int],
    hosts: Sequence[str | None],
    turns: Turns,
    *,
    fit: Callable[[Demand, Sequence[int], "Nodes"], Homes] = first_fit,
    orders: Callable[[Sequence[Demand]], Iterable[Order]] = orders_of,
) -> dict[str, Homes]:
    """Place the roles of a stage on the first nodes with room, in the order of the file and then in others.

    Args:
        stage: the roles that share nodes out.
        others: those that do not.
        gpus: per node its GPUs.
        hosts: per node the name the user gave it, or None.
        turns: who gives back to whom.
        fit: places one role on nodes, those to be tried first in front, or raises NoRoomError.
        orders: of roles without named hosts, that are tried.

    Raises:
        NoRoomError: no order was found in which each has room.
    """
    index = {host: node for node, host in enumerate(hosts) if host is not None}
    named = frozenset(index[host] for demand in others if demand.form == "none" for host in demand.role.size.hosts)
    nodes = Nodes(stage, gpus, meets_of(stage, turns), named, [()] * len(gpus))
    homes: dict[str, Homes] = {}
    for demand in (demand for demand in stage if demand.form == "every"):
        if not all(nodes.take(node, demand.block, demand) for node in range(len(gpus))):
            raise _no_room(demand, stage, others, gpus, hosts, turns)
    taking = [demand for demand in stage if demand.takes_nodes]
    for demand in (demand for demand in taking if demand.role.size.hosts):
        try:
            homes[demand.role.name] = on_hosts(demand, [index[host] for host in demand.role.size.hosts], nodes)
        except NoRoomError:
            raise _no_room(demand, stage, others, gpus, hosts, turns) from None
    floating = [demand for demand in taking if not demand.role.size.hosts]
    failed = stage[0]
    for order, spread in orders(floating):
        attempt, found = nodes.copy(), dict[str, Homes]()
        try:
            for demand in order:
                failed = demand
                found[demand.role.name] = fit(demand, _candidates(demand, attempt, spread=spread), attempt)
        except NoRoomError:
            continue
        return homes | found
    raise _no_room(failed, stage, others, gpus, hosts, turns)


def _candidates(demand: Demand, nodes: Nodes, *, spread: bool) -> list[int]:
    """Return the nodes in the order in which a role tries them: where `spread`, those first that it has for itself."""
    return sorted(range(len(nodes.gpus)), key=lambda node: spread and nodes.used(node, demand))


def _no_room(
    demand: Demand,
    stage: Sequence[Demand],
    others: Sequence[Demand],
    gpus: Sequence[int],
    hosts: Sequence[str | None],
    turns: Turns,
) -> NoRoomError:
    """Say who found no room among those that meet it: that do not fit by themselves, or else hold the most GPUs."""
    by_name = {one.role.name: one for one in stage}
    found = ([by_name[name] for name in names] for names in turns.crowds(list(by_name)))
    crowds = sorted((crowd for crowd in found if demand in crowd), key=lambda crowd: -sum(one.gpus for one in crowd))
    for crowd in crowds[:_MOST_CROWDS]:
        if _never(crowd, others, gpus, hosts):
            return NoRoomError(demand.role.name, among=crowd)
    return NoRoomError(demand.role.name, proven=False, among=crowds[0] if crowds else stage)


def _never(crowd: Sequence[Demand], others: Sequence[Demand], gpus: Sequence[int], hosts: Sequence[str | None]) -> bool:
    """Tell whether roles that all meet are proven not to fit, whoever else there is."""
    from dynplan.planner.nodes import place  # only an error gets here

    try:
        place([*crowd, *others], gpus, hosts)
    except NoRoomError as problem:
        return problem.proven
    return False
