"""Laws of jobs whose tasks give back what they held, with a reading of `after` of their own."""

from collections.abc import Iterator
from itertools import combinations, count
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from dynplan.checker import check
from dynplan.language.plan_file import from_tree, to_tree
from dynplan.model import Plan, Worker
from tests.laws.jobs import NEVER, Tables, jobs, outcome, planned, with_tasks
from tests.laws.profile import law
from tests.laws.test_fewest import Item, fewest, items_of

TASKS = jobs(tasks=NEVER).flatmap(with_tasks)


def after(roles: Tables, name: str) -> set[str]:
    """Return all roles that a role waits for."""
    before = set(roles[name].get("after", ()))
    return before.union(*(after(roles, other) for other in before))


def in_turns(roles: Tables, one: str, other: str) -> bool:
    """Tell whether one of two roles is a task that has ended when the other one starts."""
    return any(
        roles[first].get("kind") == "task" and first in after(roles, second)
        for first, second in ((one, other), (other, one))
    )


def at_once(tables: Tables) -> Tables:
    """Return the job in which nobody waits for anybody."""
    roles = {name: {key: role[key] for key in role if key != "after"} for name, role in tables["roles"].items()}
    return tables | {"roles": roles}


def held(plan: Plan, worker: Worker) -> set[tuple[object, ...]]:
    """Return what a worker holds: GPUs, unless they are those of the worker that it is beside, and ports."""
    ports = {port.name: port for port in plan.job.role(worker.role).ports}
    found: set[tuple[object, ...]] = set()
    for task in worker.tasks:
        found |= {("gpu", task.node, gpu) for gpu in task.gpus}
        for name, block in task.ports:
            derived = [block.port + offset for offset in ports[name].also]
            found |= {
                ("port", task.node, number) for number in (*range(block.port, block.port + block.count), *derived)
            }
    return found


def beside(plan: Plan, name: str) -> str:
    """Return the role at the end of a chain of roles beside others."""
    other = plan.job.role(name).size.beside
    return beside(plan, other) if other else name


def plan_of(tables: Tables) -> Plan:
    found = outcome(tables)
    assume(isinstance(found, Plan))
    assert isinstance(found, Plan)
    return found


@given(TASKS)
@law
def test_two_workers_hold_one_thing_only_where_one_has_ended_before_the_other_starts(tables: Tables) -> None:
    check_holders(tables)


def check_holders(tables: Tables) -> None:
    """Hold what the workers of a job have against who comes after whom."""
    plan = plan_of(tables)
    roles = tables["roles"]
    holders: dict[tuple[object, ...], list[Worker]] = {}
    for worker in plan.workers:
        for thing in held(plan, worker):
            holders.setdefault(thing, []).append(worker)
    for thing, workers in holders.items():
        for one, other in combinations(workers, 2):
            partners = beside(plan, one.role) == beside(plan, other.role) and one.worker == other.worker
            if thing[0] == "gpu" and partners:
                continue
            assert in_turns(roles, one.role, other.role), (thing, one, other)
            first, second = (one, other) if one.role in after(roles, other.role) else (other, one)
            assert second.role in first.until


@given(TASKS)
@law
def test_the_checker_accepts_every_plan_and_it_comes_back_from_its_file(tables: Tables) -> None:
    plan = plan_of(tables)
    tree = to_tree(plan)
    assert check(tree) == ()
    assert to_tree(from_tree(tree)) == tree
    bare = {key: tree[key] for key in ("schema", "nodes", "workers")}
    assert check(bare) == ()


@given(TASKS)
@law
def test_who_fits_at_once_gives_nothing_back(tables: Tables) -> None:
    without = plan_of(at_once(tables))
    plan = plan_of(tables)
    if tables["job"].get("num-nodes") == "min":
        assert len(plan.nodes) <= len(without.nodes)
    if len(plan.nodes) == len(without.nodes):
        assert plan.workers == without.workers
        assert not plan.placement.in_turns


# Against trying everything


@st.composite
def small_jobs(draw: st.DrawFn, *, stages: bool) -> Tables:
    """Few roles of few workers; in stages, of which each comes after all tasks before it, or in any order."""
    capacity = draw(st.integers(1, 4))
    roles: dict[str, Any] = {}
    earlier: list[str] = []
    for stage in range(draw(st.integers(2, 3))):
        names = [f"{letter}{stage}" for letter in "ab"[: draw(st.integers(1, 2))]]
        last = stage == 2
        for name in names:
            gpus = draw(st.integers(1, capacity + capacity // 2))
            size = draw(st.sampled_from([{"workers": 1}, {"workers": 2}, {"workers": 2, "spread": True}]))
            waits = earlier if stages else draw(st.lists(st.sampled_from(earlier), unique=True)) if earlier else []
            kind = "task" if stages and not last else draw(st.sampled_from(["task", "service"]))
            more = {"split": draw(st.sampled_from(["even", "fill"])), "kind": kind, "dedicated": False}
            roles[name] = {"command": ["run"], "gpus-per-worker": gpus, **size, **more}
            roles[name] |= {"after": list(waits)} if waits else {}
        earlier = [*earlier, *names]
    return {"job": {"num-nodes": "min"}, "cluster": {"gpus-per-node": capacity}, "roles": roles}


def parts(tables: Tables) -> Iterator[list[str]]:
    """Yield the roles that meet each other, those of one part and of no other."""
    roles, left = tables["roles"], list(tables["roles"])
    while left:
        part = [left.pop(0)]
        for name in part:
            part += [other for other in left if not in_turns(roles, name, other)]
            left = [other for other in left if other not in part]
        yield part


@given(small_jobs(stages=True))
@law
def test_of_jobs_in_stages_the_fewest_nodes_are_those_of_the_largest_stage(tables: Tables) -> None:
    plan = planned(tables)
    capacity = tables["cluster"]["gpus-per-node"]
    needs = [
        fewest([item for name in part for item in items_of(name, tables["roles"][name], capacity)], capacity)
        for part in parts(tables)
    ]
    assert len(plan.nodes) == plan.placement.lower == max(needs)


Place = tuple[int, int, int]  # a node, the first GPU and the one behind the last


def tried(tables: Tables, nodes: int) -> bool:
    """Try every place of every slice on so many nodes; two roles that have turns may have one."""
    roles, capacity = tables["roles"], tables["cluster"]["gpus-per-node"]
    items: list[tuple[str, Item]] = [(name, item) for name in roles for item in items_of(name, roles[name], capacity)]
    items.sort(key=lambda pair: -pair[1][0])
    turns = {(one, other): in_turns(roles, one, other) for one in roles for other in roles}

    def place(at: int, held: tuple[tuple[str, str, Place], ...]) -> bool:
        if at == len(items):
            return True
        name, (size, apart) = items[at]
        used = {node for _, _, (node, _, _) in held}
        for node in [*sorted(used), *[node for node in range(nodes) if node not in used][:1]]:
            here = [(other, mark, low, high) for other, mark, (where, low, high) in held if where == node]
            if apart and any(mark == apart for _, mark, _, _ in here):
                continue
            for low in range(capacity - size + 1):
                free = all(turns[name, other] or low + size <= first or end <= low for other, _, first, end in here)
                if free and place(at + 1, (*held, (name, apart, (node, low, low + size)))):
                    return True
        return False

    return place(0, ())


@given(small_jobs(stages=False))
@law
def test_the_fewest_nodes_in_turns_are_no_fewer_than_trying_everything_finds(tables: Tables) -> None:
    plan = planned(tables)
    least = next(nodes for nodes in count(1) if tried(tables, nodes))
    assert plan.placement.lower <= least <= len(plan.nodes)
    assert (plan.placement.lower < len(plan.nodes)) == any(warning.code == "W202" for warning in plan.warnings)
