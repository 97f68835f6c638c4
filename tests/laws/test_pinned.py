"""`num-nodes = "min"` against trying everything where some roles name their GPUs, and cuts around these."""

from collections.abc import Iterator
from functools import cache
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from dynplan.planner.cutting import Groups, Slice, around
from tests.laws.jobs import Tables, planned
from tests.laws.profile import law

Place = tuple[tuple[int, ...], ...]  # of each slice on a node, its GPUs


@st.composite
def small_jobs(draw: st.DrawFn) -> Tables:
    capacity = draw(st.integers(2, 6))
    few = st.integers(1, 3)
    roles: Tables = {}
    for name in draw(st.sampled_from([["a", "b"], ["a", "b", "c"], ["a", "b", "c", "d"]])):
        if name == "a" or draw(st.booleans()):
            length = draw(st.integers(1, capacity - 1))
            first = draw(st.integers(0, capacity - length))
            size: Tables = {"gpus": list(range(first, first + length))}
        else:
            size = {"gpus-per-worker": draw(st.integers(1, capacity))}
        way = draw(st.sampled_from(["num-nodes", "workers"]))
        roles[name] = {"command": ["serve"], **size, way: draw(few)}
    if draw(st.integers(0, 3)) == 3:
        roles["eye"] = {"command": ["serve"], "per-node": True, "gpus": [draw(st.integers(0, capacity - 1))]}
    return {"job": {"num-nodes": "min"}, "cluster": {"gpus-per-node": capacity}, "roles": roles}


Item = tuple[int, tuple[int, ...], str]  # GPUs, these by index or none, and a name that may stand on a node once


def items_of(name: str, role: Tables) -> Iterator[Item]:
    pins = tuple(role.get("gpus", ()))
    apart = name if pins or "num-nodes" in role else ""
    for _ in range(role["num-nodes"] if "num-nodes" in role else role["workers"]):
        yield role.get("gpus-per-worker", len(pins)), pins, apart


@cache
def goes(taken: int, sizes: tuple[int, ...], capacity: int) -> bool:
    """Try every place for every slice beside the GPUs that are taken, a bit for each."""
    if not sizes:
        return True
    masks = (((1 << sizes[0]) - 1) << first for first in range(capacity - sizes[0] + 1))
    return any(not taken & mask and goes(taken | mask, sizes[1:], capacity) for mask in masks)


def fits(items: list[Item], nodes: int, every: int, capacity: int) -> bool:
    """Try every way to put the items on so many nodes; equal nodes are tried once."""

    def place(at: int, held: tuple[tuple[int, tuple[int, ...], frozenset[str]], ...]) -> bool:
        if at == len(items):
            return True
        size, pins, name = items[at]
        mine = sum(1 << gpu for gpu in pins)
        for node, (taken, sizes, names) in {state: (node, state) for node, state in enumerate(held)}.values():
            if name in names or taken & mine:
                continue
            now = taken | mine, tuple(sorted(sizes if pins else (*sizes, size))), names | {name} if name else names
            if goes(now[0], now[1], capacity) and place(at + 1, (*held[:node], now, *held[node + 1 :])):
                return True
        return False

    return place(0, ((every, (), frozenset()),) * nodes)


@given(small_jobs())
@law
def test_the_fewest_nodes_around_named_gpus_are_what_trying_everything_finds(tables: Tables) -> None:
    capacity, roles = tables["cluster"]["gpus-per-node"], dict(tables["roles"])
    every = sum(1 << gpu for gpu in roles.pop("eye", {}).get("gpus", []))
    items = sorted((item for name, role in roles.items() for item in items_of(name, role)), reverse=True)
    alone = [fits([item], 1, every, capacity) for item in items]
    if not all(alone):
        return  # refused, whatever the number of nodes
    plan = planned(tables)
    assert len(plan.nodes) == plan.placement.lower == next(n for n in count(1) if fits(items, n, every, capacity))


@st.composite
def cuts(draw: st.DrawFn) -> tuple[Slice, int, Groups, Slice]:
    gpus = draw(st.integers(1, 8))
    pins = tuple(sorted(draw(st.sets(st.integers(0, gpus - 1), min_size=1, max_size=3))))
    border = draw(st.integers(0, gpus))
    groups = tuple(filter(None, (tuple(range(border)), tuple(range(border, gpus))))) if border else ()
    return tuple(draw(st.lists(st.integers(1, 4), max_size=4))), gpus, groups, pins


def all_places(sizes: Slice, gpus: int, taken: frozenset[int]) -> Iterator[Place]:
    if not sizes:
        yield ()
        return
    for first in range(gpus - sizes[0] + 1):
        here = tuple(range(first, first + sizes[0]))
        if taken.isdisjoint(here):
            for rest in all_places(sizes[1:], gpus, taken | set(here)):
                yield (here, *rest)


@given(cuts())
@law
def test_slices_around_named_gpus_stay_in_their_groups_as_far_as_any_arrangement_lets_them(
    asked: tuple[Slice, int, Groups, Slice],
) -> None:
    sizes, gpus, groups, pins = asked
    group_of = {gpu: at for at, group in enumerate(groups) for gpu in group}

    def inside(places: Place) -> int:
        return sum(len({group_of.get(gpu) for gpu in place}) == 1 for place in places)

    best = max(map(inside, all_places(sizes, gpus, frozenset(pins))), default=None)
    found = around(sizes, gpus, groups, pins)
    if best is None:
        assert found is None
        return
    assert found is not None
    places = tuple(tuple(range(first, first + size)) for first, size in zip(found, sizes, strict=True))
    held = [*pins, *(gpu for place in places for gpu in place)]
    assert len(held) == len(set(held))
    assert inside(places) == best
