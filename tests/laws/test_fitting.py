"""Laws about room: more nodes never hurt, more roles disturb nobody, the fewest are the fewest."""

from hypothesis import assume, given
from hypothesis import strategies as st

from dynplan.diagnostics import Finding
from dynplan.model import Plan
from tests.laws.jobs import Tables, jobs, outcome
from tests.laws.profile import law
from tests.laws.test_plans import plan_of


def _nodes(tables: Tables, number: int | None) -> Tables:
    job = {key: value for key, value in tables["job"].items() if key != "num-nodes"}
    return {**tables, "job": job if number is None else {**job, "num-nodes": number}}


def _about_ports(found: Plan | tuple[Finding, ...]) -> bool:
    """Others share a node then, where few numbers may not do for all; on every node there is one worker more."""
    return not isinstance(found, Plan) and all(finding.code[:2] == "D3" for finding in found)


@given(jobs())
@law
def test_a_job_that_fits_on_some_nodes_fits_on_one_more_or_on_one_segment_more(tables: Tables) -> None:
    """Segments of NVLink domains are all alike: of one node more they may not be."""
    assume("nodes" not in tables["job"])
    plan = plan_of(tables)
    more = outcome(_nodes(tables, len(plan.nodes) + (plan.placement.segment or 1)))
    assert isinstance(more, Plan) or _about_ports(more)


@given(jobs(hosts=False), st.integers(1, 4), st.integers(1, 3))
@law
def test_a_role_more_leaves_the_others_where_they_are_in_separate_mode(tables: Tables, gpus: int, nodes: int) -> None:
    assume(gpus <= tables["cluster"]["gpus-per-node"])
    tables["cluster"].pop("domain-nodes", None)  # for one role more segments of another size may be the smallest
    before = plan_of(_nodes(tables, None))
    role = {"command": ["serve"], "num-nodes": nodes, "gpus-per-worker": gpus}
    after = outcome(_nodes({**tables, "roles": {**tables["roles"], "late": role}}, None))
    assume(isinstance(after, Plan))  # roles on every node may leave nothing
    assert isinstance(after, Plan)
    # Beside a role on every node the new one shares nodes, and may leave no slice inside a group.
    late = {task.node for worker in after.workers if worker.role == "late" for task in worker.tasks}
    shared = late if {"gpu-groups", "gpu-numa"} & set(tables["cluster"]) else set()
    held, still = _held(before), _held(after)
    assert {key: still[key] for key in held if held[key][0] not in shared} == {
        key: place for key, place in held.items() if place[0] not in shared
    }


def _held(plan: Plan) -> dict[tuple[str, int, int], tuple[int, tuple[int, ...]]]:
    """Return node and GPUs of every task that has some; roles without GPUs follow the others."""
    return {
        (worker.role, worker.worker, task.rank): (task.node, task.gpus)
        for worker in plan.workers
        for task in worker.tasks
        if task.gpus
    }
