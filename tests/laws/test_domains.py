"""NVLink domains against trying everything, on jobs small enough for that."""

from functools import cache
from itertools import count
from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from dynplan.checker import check
from dynplan.language.plan_file import to_tree
from dynplan.model import Plan
from tests.laws.jobs import Tables, jobs, outcome
from tests.laws.profile import law


@st.composite
def small_jobs(draw: st.DrawFn) -> Tables:
    capacity = draw(st.sampled_from([1, 2, 4, 5]))
    roles = {}
    for name in draw(st.sampled_from([["a"], ["a", "b"], ["b", "a"], ["a", "b", "c"]])):
        nodes = draw(st.sampled_from([0.5, 1, 1.25, 1.5, 2, 2, 3, 4]))
        gpus = max(1, int(nodes * capacity))
        size: Tables = {"workers": draw(st.integers(1, 3))}
        if draw(st.integers(0, 2)) == 0:
            size = {"num-nodes": size["workers"] * ceil(gpus / capacity)}
        split = draw(st.sampled_from(["even", "fill"]))
        dedicated = draw(st.sampled_from([False, False, False, True]))
        roles[name] = {"command": ["serve"], "gpus-per-worker": gpus, "split": split, **size, "dedicated": dedicated}
    cluster = {"gpus-per-node": capacity, "domain-nodes": draw(st.integers(2, 4))}
    job: Tables = draw(st.sampled_from([{"num-nodes": "min"}, {}, {"num-nodes": 1}]))
    if job.get("num-nodes") == 1:
        job = {"num-nodes": draw(st.integers(1, 12))}
    return {"job": job, "cluster": cluster, "roles": roles}


Worker = tuple[str, tuple[int, ...], bool]  # of a role, its slices, and whether no other of the role is on its nodes
Node = tuple[int, frozenset[str]]  # what is free, and the roles there


def workers_of(name: str, role: Tables, capacity: int) -> list[Worker]:
    gpus = role["gpus-per-worker"]
    span = -(-gpus // capacity)
    even = [gpus // span + (at < gpus % span) for at in range(span)]
    fill = [min(capacity, gpus - at * capacity) for at in range(span)]
    slices = tuple(fill if role["split"] == "fill" else even)
    number = role["num-nodes"] // span if "num-nodes" in role else role["workers"]
    return [(name, slices, "num-nodes" in role)] * number


def holds(tables: Tables, nodes: int, segment: int, *, mixed: bool) -> bool:
    """Try every way to put the workers on so many nodes, which come in segments; what is alike is tried once."""
    capacity, domain = tables["cluster"]["gpus-per-node"], tables["cluster"]["domain-nodes"]
    roles = tables["roles"]
    workers = [worker for name, role in roles.items() for worker in workers_of(name, role, capacity)]
    workers.sort(key=lambda worker: -len(worker[1]))

    def fits(node: Node, gpus: int, name: str, apart: bool) -> bool:
        free, there = node
        alone = not mixed or roles[name]["dedicated"] or any(roles[other]["dedicated"] for other in there)
        return gpus <= free and not (apart and name in there) and not (alone and there - {name})

    @cache
    def place(at: int, held: tuple[tuple[Node, ...], ...]) -> bool:
        if at == len(workers):
            return True
        return any(place(at + 1, after) for after in ways(workers[at], 0, held, frozenset()))

    def ways(
        worker: Worker, rank: int, held: tuple[tuple[Node, ...], ...], mine: frozenset[tuple[int, int]]
    ) -> set[tuple[tuple[Node, ...], ...]]:
        name, slices, apart = worker
        if len({window for window, _ in mine}) > ceil(len(slices) / domain):
            return set()
        if rank == len(slices):
            return {tuple(sorted((tuple(sorted(window, key=repr)) for window in held), key=repr))}
        found = set()
        for window, of_window in enumerate(held):
            tried = set()
            for index, node in enumerate(of_window):
                if (window, index) in mine or node in tried or not fits(node, slices[rank], name, apart):
                    continue
                tried.add(node)
                now = (node[0] - slices[rank], node[1] | {name})
                after = (*of_window[:index], now, *of_window[index + 1 :])
                found |= ways(worker, rank + 1, (*held[:window], after, *held[window + 1 :]), mine | {(window, index)})
        return found

    empty: Node = (capacity, frozenset())
    return place(0, ((empty,) * segment,) * (nodes // segment))


def separate(tables: Tables) -> int:
    """Return how many nodes keep the roles apart where domains do not matter."""
    return sum(
        next(nodes for nodes in count(1) if holds(one, nodes, nodes, mixed=False))
        for name, role in tables["roles"].items()
        for one in [{**tables, "cluster": {**tables["cluster"], "domain-nodes": 99}, "roles": {name: role}}]
    )


def possible(tables: Tables, nodes: int) -> int:
    """Return the smallest segment in which so many nodes hold the job, apart if they can; 0 where there is none."""
    capacity, domain = tables["cluster"]["gpus-per-node"], tables["cluster"]["domain-nodes"]
    sizes = [size for size in range(2, domain + 1) if nodes % size == 0]
    if all(role["gpus-per-worker"] <= capacity for role in tables["roles"].values()):
        sizes = [nodes]
    ways = [False] * (nodes >= separate(tables)) + [True] * ("num-nodes" in tables["job"])
    return next((size for mixed in ways for size in sizes if holds(tables, nodes, size, mixed=mixed)), 0)


def crossing(plan: Plan) -> list[str]:
    """Return the workers in more segments than the domains that they need."""
    domain, segment = plan.job.cluster.domain_nodes, plan.placement.segment or len(plan.nodes)
    return [
        f"{worker.role} {worker.worker}"
        for worker in plan.workers
        for nodes in [{task.node for task in worker.tasks}]
        if len({node // segment for node in nodes}) > ceil(len(nodes) / domain)
    ]


@given(small_jobs())
@law
def test_a_job_plans_exactly_where_some_arrangement_keeps_every_worker_in_its_domain(tables: Tables) -> None:
    found, asked = outcome(tables), tables["job"].get("num-nodes")
    if isinstance(asked, int):
        segment = possible(tables, asked)
        assert isinstance(found, Plan) == bool(segment), found
    else:
        least = separate(tables) if asked is None else 1
        asked, segment = next((nodes, size) for nodes in count(least) if (size := possible(tables, nodes)))
        assert isinstance(found, Plan), found
        assert len(found.nodes) == asked
    if isinstance(found, Plan):
        assert found.placement.lower <= asked
        assert (found.placement.segment or asked) == segment
        assert crossing(found) == []
        assert check(to_tree(found)) == ()


@given(jobs(), st.integers(2, 6))
@law
def test_no_worker_of_any_job_crosses_segments_of_equal_size(tables: Tables, domain: int) -> None:
    tables = {**tables, "cluster": {**tables["cluster"], "domain-nodes": domain}}
    found = outcome(tables)
    if isinstance(found, Plan):
        segment = found.placement.segment
        assert check(to_tree(found)) == ()
        if segment:
            assert len(found.nodes) % segment == 0
            assert segment <= domain
            assert crossing(found) == []
        else:
            assert any(node.host for node in found.nodes) or all(len(worker.tasks) == 1 for worker in found.workers)
    else:
        assert all(finding.help or finding.code != "D220" for finding in found)
