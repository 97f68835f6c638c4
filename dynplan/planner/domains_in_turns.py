"""NVLink domains and places in turns: stages that never meet are each placed in the segments of the whole job.

A stage of which all roles meet is placed as if it were the job (`dynplan.planner.domains`), so of such stages the
answer is as exact. Where some roles of a stage have turns with each other they are placed one by one, workers that span
nodes in one window at a time: that may find nothing, or more nodes, where another arrangement would do.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain, islice, permutations
from math import factorial

from attrs import frozen

from dynplan.model import Record
from dynplan.planner.demand import Demand, gpus_on_every_node, separate_nodes
from dynplan.planner.domains import Found, apart, fewest_in_domains, in_segments_of, inside, segments, smallest
from dynplan.planner.in_turns import crowds_of, place_in_turns, stages_of
from dynplan.planner.one_by_one import Nodes, Order, one_by_one, orders_of
from dynplan.planner.pinned import block_of, first_fit
from dynplan.planner.remaining import Homes, NoDomainError, NoRoomError
from dynplan.planner.spans import Domains, Mode
from dynplan.planner.turns import Turns
from dynplan.planner.windows import Board, Steps, assignments, spans

_MOST_ASSIGNED = 8  # ways to place the workers that span nodes, around which the others are placed
_MOST_STEPS = 500  # in the search for them
_MOST_TRIED = 2_000  # tasks that are placed in all orders of roles together

_Fit = Callable[[Demand, Sequence[int], Nodes], Homes]
_Orders = Callable[[Sequence[Demand]], Iterator[Order]]


def place_in_both(
    wanted: Sequence[Demand], gpus: Sequence[int], domains: Domains, modes: Sequence[Mode], turns: Turns
) -> Found:
    """Place every role as `dynplan.planner.domains.place_in_domains` does where nobody gives anything back.

    Segments are the smallest in which roles are separate in every stage that has nodes enough for it; where there are
    none, the smallest that hold all workers.

    Args:
        wanted: of every role.
        gpus: per node its GPUs.
        domains: of the cluster, and what the user says of them.
        modes: in which roles may stand, the first that is possible is wanted.
        turns: who gives back to whom.

    Raises:
        NoRoomError: a stage does not fit, or was not seen to.
        NoDomainError: each does, but not so, or not in segments of one size.
    """
    nodes = len(gpus)
    plain = place_in_turns(wanted, gpus, (None,) * nodes, turns)
    stages = _stages(wanted, turns)
    told: list[_Told] = []
    for alone in (True, False)[: 1 + ("shared" in modes)]:
        for size in segments(wanted, nodes, domains):
            place = partial(_placed, size=size, plain=plain, gpus=gpus, domains=domains, turns=turns, alone=alone)
            found, failed = _every(stages, place)
            if not failed:
                mode: Mode = "separate" if "separate" in modes and apart(found, wanted) else "shared"
                return Found(found, smallest(found, wanted, nodes, domains), mode)
            told.append(failed)
    least = fewest_in_domains(wanted, max(gpus), domains, 1, crowds_of(wanted, turns)).lower
    raise _no_domain(wanted, told, proven=least > nodes or all(one.proven for one in told))


@frozen(eq=False, repr=False)
class _Stage(Record):
    """Roles of one stage, with those of all stages that hold no GPUs, and whether all of them meet."""

    roles: Sequence[Demand]
    others: Sequence[Demand]
    all_meet: bool


@frozen(eq=False, repr=False)
class _Told(Record):
    """A stage that was not placed in segments of a size, and whether it is proven that it cannot be."""

    stage: _Stage
    proven: bool


def _stages(wanted: Sequence[Demand], turns: Turns) -> list[_Stage]:
    parts = stages_of(wanted, turns)
    holding = {demand.role.name for part in parts for demand in part}
    others = [demand for demand in wanted if demand.role.name not in holding]
    return [_Stage(part, others, turns.all_meet([demand.role.name for demand in part])) for part in parts]


def _every(
    stages: Sequence[_Stage], place: Callable[[_Stage], tuple[dict[str, Homes] | None, bool]]
) -> tuple[dict[str, Homes], _Told | None]:
    """Place one stage after the other, up to the first that cannot be."""
    homes: dict[str, Homes] = {}
    for stage in stages:
        found, all_seen = place(stage)
        if found is None:
            return homes, _Told(stage, all_seen)
        homes |= found
    return homes, None


def _no_domain(wanted: Sequence[Demand], told: Sequence[_Told], *, proven: bool) -> NoDomainError:
    """Say which stage has no segment; where each of them has one, that all of them together have none."""
    among = told[0].stage.roles if told and all(one.stage is told[0].stage for one in told) else wanted
    role = (spans(among) or spans(wanted))[0].role.name
    return NoDomainError(role, proven=proven, among=among)


def _placed(
    stage: _Stage,
    *,
    size: int,
    plain: dict[str, Homes],
    gpus: Sequence[int],
    domains: Domains,
    turns: Turns,
    alone: bool,
) -> tuple[dict[str, Homes] | None, bool]:
    """Place a stage in segments of a size; where `alone`, and there are nodes enough, its roles on nodes of their own.

    Returns:
        Per role its workers' nodes, None where that fails, and whether it is proven that nothing does.
    """
    if not stage.all_meet:
        return _around(stage, size, plain, gpus, domains, turns), False
    roles = [*stage.roles, *stage.others]
    if not spans(roles):
        return _of(stage, plain), True
    proven = True
    modes: Sequence[Mode] = ("shared",)
    if len(gpus) >= separate_nodes(stage.roles):
        modes = ("separate",) if alone else ("separate", "shared")
    for mode in modes:
        found, all_seen = in_segments_of(size, mode, roles, plain, gpus, domains)
        if found:
            return _of(stage, found), True
        proven = proven and all_seen
    return None, proven


def _of(stage: _Stage, homes: dict[str, Homes]) -> dict[str, Homes]:
    return {demand.role.name: homes[demand.role.name] for demand in stage.roles if demand.takes_nodes}


# Stages in which some roles meet and others do not


def _around(
    stage: _Stage, size: int, plain: dict[str, Homes], gpus: Sequence[int], domains: Domains, turns: Turns
) -> dict[str, Homes] | None:
    """Place the roles of a stage one by one in segments of a size; None where no way was found.

    A heuristic: workers stand in the first window with room, role by role in many orders; then, the other way round,
    those that span nodes are placed as if all of them met, and the others around them.
    """
    if inside(plain, stage.roles, size, domains):
        return _of(stage, plain)
    hosts = (None,) * len(gpus)
    given: Iterator[tuple[_Fit, _Orders]] = (
        (partial(_on, homes=homes), _large_first) for homes in _as_if_all_met(stage, size, gpus, domains, turns)
    )
    first: tuple[_Fit, _Orders] = partial(_in_windows, size=size, domain=domains.nodes), _orders
    for fit, orders in chain([first], given):
        try:
            return one_by_one(stage.roles, stage.others, gpus, hosts, turns, fit=fit, orders=orders)
        except NoRoomError:
            continue
    return None


def _orders(floating: Sequence[Demand]) -> Iterator[Order]:
    """Yield the orders in which roles are tried: the usual ones, the largest workers first, and of few roles all."""
    yield from orders_of(floating)
    yield from _large_first(floating)
    tasks = sum(demand.workers * len(demand.slices) for demand in floating)
    if factorial(min(len(floating), 8)) * tasks <= _MOST_TRIED:
        for order in permutations(floating):
            yield from ((order, False), (order, True))


def _large_first(floating: Sequence[Demand]) -> Iterator[Order]:
    wide = sorted(floating, key=lambda demand: -len(demand.slices))
    yield from ((wide, True), (wide, False))


def _in_windows(demand: Demand, candidates: Sequence[int], nodes: Nodes, *, size: int, domain: int) -> Homes:
    """Place a role, its workers that span nodes each in the first windows with room.

    Raises:
        NoRoomError: there is none, and some of the role may have been taken.
    """
    if demand.form != "wide":
        return first_fit(demand, candidates, nodes)
    windows: dict[int, list[int]] = {}
    for node in candidates:
        windows.setdefault(node // size, []).append(node)
    whole = -(-len(demand.slices) // domain) - 1
    parts = [demand.slices[at * size : (at + 1) * size] for at in range(whole)]
    parts.append(demand.slices[whole * size :])
    # Room only shrinks: a window once passed over stays so.
    left, taken, homes = [list(windows.values()) for _ in parts], set[int](), []
    for _ in range(demand.workers):
        home: list[int] = []
        for part, open_windows in zip(parts, left, strict=True):
            home += _in_windows_left(demand, part, open_windows, taken, nodes)
        taken.update(home if demand.apart else ())
        homes.append(tuple(home))
    return sorted(homes)


def _in_windows_left(
    demand: Demand, slices: Sequence[int], left: list[list[int]], taken: set[int], nodes: Nodes
) -> list[int]:
    """Take nodes for slices in the first of the windows that are left; those without room are left no longer."""
    while left:
        found = _in_window(demand, slices, left[0], taken, nodes)
        if found:
            return found
        del left[0]
    raise NoRoomError(demand.role.name)


def _in_window(
    demand: Demand, slices: Sequence[int], window: Sequence[int], taken: set[int], nodes: Nodes
) -> list[int] | None:
    """Take nodes of a window for slices, each the first with room; None, and nothing is taken, where one finds none."""
    before = {node: nodes.items[node] for node in window}
    home: list[int] = []
    for gpus in slices:
        free = (node for node in window if node not in taken and node not in home)
        node = next((node for node in free if nodes.take(node, block_of(demand, gpus), demand)), None)
        if node is None:
            for other in home:
                nodes.items[other] = before[other]
            return None
        home.append(node)
    larger = list(slices).count(slices[0])
    return [*sorted(home[:larger]), *sorted(home[larger:])]


def _as_if_all_met(
    stage: _Stage, size: int, gpus: Sequence[int], domains: Domains, turns: Turns
) -> Iterator[dict[str, Homes]]:
    """Yield ways to place the workers that span nodes, none of which has a place of another; at first all apart."""
    wide = spans(stage.roles)
    every = max(map(gpus_on_every_node, crowds_of(stage.roles, turns)))
    dedicated = frozenset(at for at, demand in enumerate(wide) if demand.role.size.dedicated)
    for closed in dict.fromkeys((frozenset(range(len(wide))), dedicated)):
        board = Board([have - every for have in gpus], size, domains.nodes, closed, [()] * len(gpus))
        for homes in islice(assignments(wide, board, Steps(_MOST_STEPS)), _MOST_ASSIGNED):
            yield {demand.role.name: of_role for demand, of_role in zip(wide, homes, strict=True)}


def _on(demand: Demand, candidates: Sequence[int], nodes: Nodes, *, homes: dict[str, Homes]) -> Homes:
    """Place a role where its workers that span nodes have been given theirs, and any other one as ever.

    Raises:
        NoRoomError: somebody is there already.
    """
    if demand.role.name not in homes:
        return first_fit(demand, candidates, nodes)
    for home in homes[demand.role.name]:
        for node, gpus in zip(home, demand.slices, strict=True):
            if not nodes.take(node, block_of(demand, gpus), demand):
                raise NoRoomError(demand.role.name)
    return homes[demand.role.name]
