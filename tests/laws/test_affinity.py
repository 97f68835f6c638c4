"""Laws of NUMA nodes as groups of GPUs, over jobs of every size and shape."""

from itertools import groupby
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from dynplan.checker import check
from dynplan.language.plan_file import to_tree
from dynplan.model import Plan
from tests.laws.jobs import Tables, jobs, outcome
from tests.laws.profile import law


@st.composite
def attached_jobs(draw: st.DrawFn) -> Tables:
    """Jobs on nodes whose GPUs are on one to three NUMA nodes, side by side or mixed."""
    tables = draw(jobs())
    cluster = tables["cluster"]
    cluster.pop("gpu-groups", None)
    gpus = cluster["gpus-per-node"]
    nodes = draw(st.lists(st.integers(0, 2), min_size=gpus, max_size=gpus))
    cluster["gpu-numa"] = sorted(nodes) if draw(st.booleans()) else nodes
    return tables


def groups_of(numa: list[int]) -> list[list[int]]:
    pairs = sorted((node, gpu) for gpu, node in enumerate(numa))
    return [[gpu for _, gpu in of_node] for _, of_node in groupby(pairs, key=lambda pair: pair[0])]


def placed(found: Any) -> Any:
    """Everything of a plan that is placement."""
    return [(found.nodes, found.workers, found.head)] if isinstance(found, Plan) else [one.code for one in found]


@given(attached_jobs())
@law
def test_numa_nodes_are_groups_where_nobody_names_any(tables: Tables) -> None:
    """The same plan as with their GPUs as `gpu-groups`, and the checker knows them."""
    cluster = tables["cluster"]
    found = outcome(tables)
    named = {key: value for key, value in cluster.items() if key != "gpu-numa"}
    named["gpu-groups"] = groups_of(cluster["gpu-numa"])
    assert placed(found) == placed(outcome({**tables, "cluster": named}))
    if isinstance(found, Plan):
        assert check(to_tree(found)) == ()


@given(attached_jobs(), st.data())
@law
def test_groups_that_are_named_win_and_go_with_numa_nodes_that_lie_in_them_or_hold_them(
    tables: Tables, data: st.DataObject
) -> None:
    cluster = tables["cluster"]
    gpus = cluster["gpus-per-node"]
    one = [list(range(gpus))]
    each = [[gpu] for gpu in range(gpus)]
    groups = data.draw(st.sampled_from([one, each, groups_of(cluster["gpu-numa"])]))
    alone = {key: value for key, value in cluster.items() if key != "gpu-numa"} | {"gpu-groups": groups}
    both = outcome({**tables, "cluster": cluster | {"gpu-groups": groups}})
    assert placed(both) == placed(outcome({**tables, "cluster": alone}))


@given(attached_jobs())
@law
def test_a_slice_that_fits_crosses_no_border_where_it_is_alone(tables: Tables) -> None:
    found = outcome(tables)
    assume(isinstance(found, Plan))
    assert isinstance(found, Plan)
    numa = tables["cluster"]["gpu-numa"]
    runs = [len(list(run)) for _, run in groupby(numa)]
    for node in found.nodes:
        slices = [
            task.gpus for worker in found.workers for task in worker.tasks if task.node == node.node and task.gpus
        ]
        pinned = any(found.job.role(worker.role).size.pins for worker in found.workers)
        if len(set(slices)) == 1 and not pinned and len(slices[0]) <= max(runs):
            assert len({numa[gpu] for gpu in slices[0]}) == 1
