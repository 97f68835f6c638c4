"""Placement where tasks give back what they held: nodes and GPUs, for jobs whose roles do not fit all at once.

Roles are split into stages that never meet (`Turns.stages`): each stage is placed as if it were the whole job, and the
largest of them says how many nodes the job takes. Where all roles of a stage meet, that is `dynplan.planner.nodes` and
its exact search. Where some of them have turns with each other, roles are placed one by one, in several orders.
"""

from collections.abc import Sequence

from dynplan.planner.cutting import Groups, Slice
from dynplan.planner.demand import Demand, nodes_with_open_ones
from dynplan.planner.laying import Item, cut_in_turns
from dynplan.planner.nodes import place
from dynplan.planner.one_by_one import meets_of, one_by_one
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
    for stage in stages_of(wanted, turns):
        try:
            if turns.all_meet([demand.role.name for demand in stage]):
                homes |= place([*stage, *others], gpus, hosts)
            else:
                homes |= one_by_one(stage, others, gpus, hosts, turns)
        except NoRoomError as problem:
            raise NoRoomError(problem.role, proven=problem.proven, among=problem.among or stage) from None
    return homes


def stages_of(wanted: Sequence[Demand], turns: Turns) -> list[list[Demand]]:
    """Return the roles that share nodes out in stages that never meet (`Turns.stages`)."""
    holding = {demand.role.name: demand for demand in wanted if _holds(demand)}
    return [[holding[name] for name in names] for names in turns.stages(list(holding))]


def crowds_of(wanted: Sequence[Demand], turns: Turns) -> list[list[Demand]]:
    """Return the largest sets of roles that share nodes out and all meet; of very many not all."""
    holding = {demand.role.name: demand for demand in wanted if _holds(demand)}
    stages = turns.stages(list(holding))
    return [[holding[name] for name in names] for stage in stages for names in turns.crowds(stage)]


def fewest_in_turns(wanted: Sequence[Demand], gpus: int, turns: Turns) -> tuple[int, int]:
    """Return a number of nodes that may hold every role without named hosts, and a proven lower bound.

    Exact where all roles of a stage meet. Elsewhere both are what the largest set of roles that meet needs. Roles
    without GPUs need nodes beside those that are dedicated.
    """
    from dynplan.planner.search import fewest  # 13 ms, and few jobs leave the number of nodes to a search

    total, lower = 0, max(demand.nodes for demand in wanted)
    others = [demand for demand in wanted if not _holds(demand)]
    for crowd in crowds_of(wanted, turns):
        of_crowd = fewest(crowd, gpus)
        total = max(total, of_crowd[0])
        lower = max(lower, of_crowd[1], nodes_with_open_ones([*crowd, *others]))
    return max(total, lower), lower


def slices_in_turns(
    wanted: Sequence[Demand], homes: Sequence[Homes], gpus: Sequence[int], groups: Groups, turns: Turns
) -> list[list[Slice]]:
    """Share out the GPUs of every node, as `dynplan.planner.slices.slice_nodes` does; equal nodes are cut once."""
    meets = meets_of(wanted, turns)
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


def _item(at: int, demand: Demand, size: int, worker: int) -> Item:
    pins = demand.role.size.pins
    return Item(at, size, pins[worker % len(pins)] if pins else ())
