"""Placement where tasks give back what they held: nodes and GPUs, for jobs whose roles do not fit all at once.

Roles are split into stages that never meet (`Turns.stages`): each stage is placed as if it were the whole job, and the
largest of them says how many nodes the job takes. Where all roles of a stage meet, that is `dynplan.planner.nodes` and
its exact search. Where some of them have turns with each other, roles are placed one by one, in several orders.
"""

from collections.abc import Sequence

from attrs import define, evolve

from dynplan.diagnostics import InputError
from dynplan.model import Job
from dynplan.planner.cutting import Groups, Slice
from dynplan.planner.demand import Demand, demands, nodes_with_open_ones
from dynplan.planner.laying import Item, Meets, cut_in_turns, laid
from dynplan.planner.nodes import place
from dynplan.planner.pinned import first_fit, on_hosts
from dynplan.planner.remaining import Homes, NoRoomError
from dynplan.planner.turns import Turns


def place_in_turns(
    wanted: Sequence[Demand], gpus: Sequence[int], hosts: Sequence[str | None], turns: Turns
) -> dict[str, Homes]:
    """Place every role that takes nodes, as `dynplan.planner.nodes.place` does where nobody gives anything back.

    Raises:
        NoRoomError: a stage does not fit, or was not seen to.
    """
    homes: dict[str, Homes] = {}
    others = [demand for demand in wanted if not _holds(demand)]
    holding = {demand.role.name: demand for demand in wanted if _holds(demand)}
    for names in turns.stages(list(holding)):
        stage = [holding[name] for name in names]
        try:
            if turns.all_meet(names):
                homes |= place([*stage, *others], gpus, hosts)
            else:
                homes |= _one_by_one(stage, others, gpus, hosts, turns)
        except NoRoomError as problem:
            raise NoRoomError(problem.role, proven=problem.proven, among=problem.among or stage) from None
    return homes


def fewest_in_turns(wanted: Sequence[Demand], gpus: int, turns: Turns) -> tuple[int, int]:
    """Return a number of nodes that may hold every role without named hosts, and a proven lower bound.

    Exact where all roles of a stage meet. Elsewhere both are what the largest set of roles that meet needs. Roles
    without GPUs need nodes beside those that are dedicated.
    """
    from dynplan.planner.search import fewest  # 13 ms, and few jobs leave the number of nodes to a search

    total, lower = 0, max(demand.nodes for demand in wanted)
    holding = {demand.role.name: demand for demand in wanted if _holds(demand)}
    others = [demand for demand in wanted if not _holds(demand)]
    for names in turns.stages(list(holding)):
        for crowd in turns.crowds(names):
            there = [holding[name] for name in crowd]
            of_crowd = fewest(there, gpus)
            total = max(total, of_crowd[0])
            lower = max(lower, of_crowd[1], nodes_with_open_ones([*there, *others]))
    return max(total, lower), lower


def bound_in_turns(job: Job, turns: Turns) -> int:
    """Return a proven lower bound of the nodes of a job, all alike, also where it could not be placed in turns."""
    try:
        wanted = demands(job, (job.cluster.gpus_per_node,), turns)
    except InputError:
        return 1
    return fewest_in_turns(wanted, job.cluster.gpus_per_node, turns)[1]


def slices_in_turns(
    wanted: Sequence[Demand], homes: Sequence[Homes], gpus: Sequence[int], groups: Groups, turns: Turns
) -> list[list[Slice]]:
    """Share out the GPUs of every node, as `dynplan.planner.slices.slice_nodes` does; equal nodes are cut once."""
    meets = _meets(wanted, turns)
    items: list[list[Item]] = [[] for _ in gpus]
    for at, (demand, role_homes) in enumerate(zip(wanted, homes, strict=True)):
        for worker, home in enumerate(role_homes if demand.gpus_of_its_own else ()):
            for node, size in zip(home, demand.slices, strict=True):
                items[node].append(_item(at, demand, size, worker))
    pieces = [
        iter(cut_in_turns(tuple(on_node), have, groups, meets)) for on_node, have in zip(items, gpus, strict=True)
    ]
    found = {
        demand.role.name: [next(pieces[node]) if demand.gpus_of_its_own else () for home in role_homes for node in home]
        for demand, role_homes in zip(wanted, homes, strict=True)
    }
    return [found[turns.owner[demand.role.name]] for demand in wanted]


def _holds(demand: Demand) -> bool:
    """Tell whether a role is among those that share nodes out."""
    return demand.takes_nodes or (demand.form == "every" and bool(demand.slices))


def _meets(wanted: Sequence[Demand], turns: Turns) -> Meets:
    names = [demand.role.name for demand in wanted]
    return tuple(frozenset(at for at, other in enumerate(names) if turns.meet(name, other)) for name in names)


def _item(at: int, demand: Demand, size: int, worker: int) -> Item:
    pins = demand.role.size.pins
    return Item(at, size, pins[worker % len(pins)] if pins else ())


# Stages in which some roles meet and others do not


@define(eq=False, repr=False)
class _Nodes:
    """What lies on each node while the roles of a stage are being placed."""

    stage: Sequence[Demand]
    gpus: Sequence[int]
    meets: Meets
    named: frozenset[int]
    items: list[tuple[Item, ...]]

    def copy(self) -> "_Nodes":
        return evolve(self, items=list(self.items))

    def at(self, demand: Demand) -> int:
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


def _one_by_one(
    stage: Sequence[Demand],
    others: Sequence[Demand],
    gpus: Sequence[int],
    hosts: Sequence[str | None],
    turns: Turns,
) -> dict[str, Homes]:
    """Place the roles of a stage on the first nodes with room, in the order of the file and then in others."""
    index = {host: node for node, host in enumerate(hosts) if host is not None}
    named = frozenset(index[host] for demand in others if demand.form == "none" for host in demand.role.size.hosts)
    nodes = _Nodes(stage, gpus, _meets(stage, turns), named, [()] * len(gpus))
    homes: dict[str, Homes] = {}
    for demand in (demand for demand in stage if demand.form == "every"):
        if not all(nodes.take(node, demand.block, demand) for node in range(len(gpus))):
            raise _no_room(demand, stage, gpus, turns)
    taking = [demand for demand in stage if demand.takes_nodes]
    for demand in (demand for demand in taking if demand.role.size.hosts):
        try:
            homes[demand.role.name] = on_hosts(demand, [index[host] for host in demand.role.size.hosts], nodes)
        except NoRoomError:
            raise _no_room(demand, stage, gpus, turns) from None
    floating = [demand for demand in taking if not demand.role.size.hosts]
    large = sorted(floating, key=lambda demand: -max(demand.slices[0], demand.gpus_on_node))
    closed = sorted(floating, key=lambda demand: not demand.role.size.dedicated)
    failed = stage[0]
    staying = sorted(large, key=lambda demand: demand.role.task)
    tried = (floating, True), (closed, True), (floating, False), (closed, False), (large, False), (staying, False)
    for order, spread in tried:
        attempt, found = nodes.copy(), dict[str, Homes]()
        try:
            for demand in order:
                failed = demand
                found[demand.role.name] = first_fit(demand, _candidates(demand, attempt, spread=spread), attempt)
        except NoRoomError:
            continue
        return homes | found
    raise _no_room(failed, stage, gpus, turns)


def _candidates(demand: Demand, nodes: _Nodes, *, spread: bool) -> list[int]:
    """Return the nodes in the order in which a role tries them: where `spread`, those first that it has for itself."""
    return sorted(range(len(nodes.gpus)), key=lambda node: spread and nodes.used(node, demand))


def _no_room(demand: Demand, stage: Sequence[Demand], gpus: Sequence[int], turns: Turns) -> NoRoomError:
    """Say who found no room among those that meet it and hold the most GPUs."""
    by_name = {one.role.name: one for one in stage}
    found = ([by_name[name] for name in names] for names in turns.crowds(list(by_name)))
    crowds = [crowd for crowd in found if demand in crowd]
    among: Sequence[Demand] = max(crowds, key=lambda crowd: sum(one.gpus for one in crowd), default=stage)
    count = len(gpus)
    proven = min(gpus) == max(gpus) and _bound(among, gpus[0]) > count
    return NoRoomError(demand.role.name, proven=proven, among=among)


def _bound(crowd: Sequence[Demand], gpus: int) -> int:
    from dynplan.planner.search import fewest  # only an error gets here

    return fewest(crowd, gpus)[1]
