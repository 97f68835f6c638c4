"""Tasks that give back what they held on a cluster of NVLink domains, against trying everything on small jobs."""

from functools import cache
from itertools import count
from math import ceil
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from dynplan.checker import check
from dynplan.language.plan_file import from_tree, to_tree
from dynplan.model import Plan
from tests.laws.jobs import Tables, outcome
from tests.laws.profile import law
from tests.laws.test_domains import crossing, holds, possible, separate, workers_of
from tests.laws.test_turns import TASKS, at_once, check_holders, in_turns, parts


@st.composite
def small_jobs(draw: st.DrawFn, *, stages: bool) -> Tables:
    """Few roles of few workers; in stages, of which each comes after all tasks before it, or in any order."""
    capacity = draw(st.sampled_from([1, 2, 4] if stages else [1, 1, 2]))
    roles: dict[str, Any] = {}
    earlier: list[str] = []
    for stage in range(draw(st.integers(2, 3))):
        names = [f"{letter}{stage}" for letter in "ab"[: draw(st.integers(1, 2))]]
        for name in names:
            gpus = max(1, int(draw(st.sampled_from([0.5, 1, 1.5, 2, 2, 3, 4])) * capacity))
            size: Tables = {"workers": draw(st.integers(1, 3 if stages else 2))}
            if draw(st.integers(0, 3)) == 0:
                size = {"num-nodes": size["workers"] * ceil(gpus / capacity)}
            waits = earlier if stages else draw(st.lists(st.sampled_from(earlier), unique=True)) if earlier else []
            kind = "task" if stages and stage < 2 else draw(st.sampled_from(["task", "service"]))
            more = {"split": draw(st.sampled_from(["even", "fill"])), "kind": kind}
            dedicated = draw(st.sampled_from([False, False, False, True]))
            roles[name] = {"command": ["run"], "gpus-per-worker": gpus, **size, **more, "dedicated": dedicated}
            roles[name] |= {"after": list(waits)} if waits else {}
        earlier = [*earlier, *names]
    assume(any(role["gpus-per-worker"] > capacity for role in roles.values()))
    job = draw(st.sampled_from([{"num-nodes": "min"}, {"num-nodes": "min"}, {"num-nodes": draw(st.integers(1, 10))}]))
    return {"job": job, "cluster": {"gpus-per-node": capacity, "domain-nodes": draw(st.integers(2, 4))}, "roles": roles}


def sizes_of(tables: Tables, nodes: int) -> list[int]:
    """Return the segments that so many nodes may come in."""
    return [size for size in range(2, tables["cluster"]["domain-nodes"] + 1) if nodes % size == 0]


# Stages: each as if it were the job


def together(tables: Tables, nodes: int) -> int:
    """Return the smallest segment in which so many nodes hold every stage, apart where they can; 0 where none does."""
    stages = [{**tables, "roles": {name: tables["roles"][name] for name in part}} for part in parts(tables)]
    enough = [nodes >= separate(stage) for stage in stages]
    for ways in ([not alone for alone in enough], [True for _ in stages]):
        for size in sizes_of(tables, nodes):
            if all(holds(stage, nodes, size, mixed=mixed) for stage, mixed in zip(stages, ways, strict=True)):
                return size
    return 0


@given(small_jobs(stages=True))
@law
def test_of_jobs_in_stages_every_one_plans_that_some_arrangement_keeps_in_domains(tables: Tables) -> None:
    found, asked = outcome(tables), tables["job"]["num-nodes"]
    if asked == "min":
        asked = next(nodes for nodes in count(1) if together(tables, nodes))
        assert isinstance(found, Plan), found
        assert len(found.nodes) == asked
        assert found.placement.lower <= asked
    at_once_segment = possible(tables, asked)
    segment = at_once_segment or together(tables, asked)
    assert isinstance(found, Plan) == bool(segment), found
    if isinstance(found, Plan):
        assert found.placement.in_turns == (not at_once_segment)
        assert found.placement.segment == segment
        assert crossing(found) == []
        assert check(to_tree(found)) == ()
        check_holders(tables)


# Roles of which some meet and others do not

_Slice = tuple[str, int, int, bool]  # a role, the first GPU and the one behind the last, whether it may stand here once
_Node = tuple[_Slice, ...]
_Nodes = tuple[tuple[_Node, ...], ...]  # by window


def lies(tables: Tables, node: _Node, new: _Slice) -> bool:
    """Tell whether a slice goes together with those of a node that are there at the same time."""
    roles, (name, low, high, once) = tables["roles"], new
    for other, first, end, _ in node:
        if in_turns(roles, name, other):
            continue
        strange = other != name and (roles[other]["dedicated"] or roles[name]["dedicated"])
        if strange or (once and other == name) or (low < end and first < high):
            return False
    return True


def tried(tables: Tables, nodes: int, segment: int) -> bool:
    """Try every place of every worker on so many nodes in segments; two roles that have turns may have one GPU."""
    capacity, domain = tables["cluster"]["gpus-per-node"], tables["cluster"]["domain-nodes"]
    workers = [worker for name, role in tables["roles"].items() for worker in workers_of(name, role, capacity)]
    workers.sort(key=lambda worker: -len(worker[1]))

    @cache
    def place(at: int, held: _Nodes) -> bool:
        return at == len(workers) or any(place(at + 1, after) for after in ways(at, 0, held, frozenset()))

    def ways(at: int, rank: int, held: _Nodes, mine: frozenset[tuple[int, int]]) -> set[_Nodes]:
        name, slices, once = workers[at]
        if len({window for window, _ in mine}) > ceil(len(slices) / domain):
            return set()
        if rank == len(slices):
            return {tuple(sorted(tuple(sorted(window)) for window in held))}
        found = set()
        for window, index in free(held, mine):
            of_window, node = held[window], held[window][index]
            for low in range(capacity - slices[rank] + 1):
                new = (name, low, low + slices[rank], once)
                if lies(tables, node, new):
                    now = (*of_window[:index], tuple(sorted((*node, new))), *of_window[index + 1 :])
                    after = (*held[:window], now, *held[window + 1 :])
                    found |= ways(at, rank + 1, after, mine | {(window, index)})
        return found

    return place(0, (((),) * segment,) * (nodes // segment))


def free(held: _Nodes, mine: frozenset[tuple[int, int]]) -> set[tuple[int, int]]:
    """Return the nodes that a worker is not on, of those of a window that are alike one."""
    return {
        (window, at)
        for window, of_window in enumerate(held)
        for at in {node: at for at, node in enumerate(of_window) if (window, at) not in mine}.values()
    }


@given(small_jobs(stages=False))
@law
def test_no_fewer_nodes_do_than_trying_everything_finds_and_the_bound_is_no_higher(tables: Tables) -> None:
    found, asked = outcome(tables), tables["job"]["num-nodes"]
    if asked != "min":
        if isinstance(found, Plan):
            assert tried(tables, asked, found.placement.segment)
            assert check(to_tree(found)) == ()
        return
    assert isinstance(found, Plan), found
    least = next(nodes for nodes in count(1) for size in sizes_of(tables, nodes) if tried(tables, nodes, size))
    assert found.placement.lower <= least <= len(found.nodes)
    assert (found.placement.lower < len(found.nodes)) == any(warning.code == "W202" for warning in found.warnings)
    assert crossing(found) == []
    assert check(to_tree(found)) == ()


# Any jobs


@given(TASKS, st.integers(2, 6))
@law
def test_two_workers_hold_one_thing_only_in_turns_and_nobody_crosses_segments(tables: Tables, domain: int) -> None:
    tables = {**tables, "cluster": {**tables["cluster"], "domain-nodes": domain}}
    found = outcome(tables)
    if not isinstance(found, Plan):
        assert all(finding.help or finding.code != "D220" for finding in found)
        return
    tree = to_tree(found)
    assert check(tree) == ()
    assert to_tree(from_tree(tree)) == tree
    assert crossing(found) == [] or not found.placement.segment
    check_holders(tables)
    without = outcome(at_once(tables))
    if isinstance(without, Plan):
        assert len(found.nodes) <= len(without.nodes)
        if len(found.nodes) == len(without.nodes):
            assert found.workers == without.workers
            assert not found.placement.in_turns
