"""Laws of ports that move by the job's id, over jobs of every size and shape."""

from collections.abc import Iterator

from hypothesis import assume, given
from hypothesis import strategies as st

from dynplan.checker import check
from dynplan.diagnostics import InputError
from dynplan.language.plan_file import from_tree, to_tree
from dynplan.model import Plan
from tests.launch.lab import compiled
from tests.laws.jobs import Tables, job_of, jobs, outcome, planned
from tests.laws.profile import law

_RANGES = st.sampled_from(["20000-20999", "20000-20199", "20000-20039", "9000-9299"])


@st.composite
def moving_jobs(draw: st.DrawFn) -> Tables:
    """Jobs of which each takes ports by its id, in ranges with holes."""
    tables = draw(jobs())
    where = draw(st.sampled_from(["job", "cluster"]))
    tables[where]["port-offset"] = "job-id"
    tables["cluster"]["port-range"] = draw(_RANGES)
    tables["cluster"]["reserved-ports"] = draw(
        st.lists(st.sampled_from(["20040-20042", 20011, 20100, 9100]), max_size=3)
    )
    return tables


def plan_of(tables: Tables) -> Plan:
    plan = outcome(tables)
    assume(isinstance(plan, Plan))
    assert isinstance(plan, Plan)
    return plan


def numbers(plan: Plan, *, fixed: bool) -> Iterator[tuple[int, int]]:
    """Yield node and number of everything that ports take, what engines derive from them too."""
    ports = {(role.name, port.name): port for role in plan.job.roles for port in role.ports}
    for worker in plan.workers:
        for task in worker.tasks:
            for name, block in task.ports:
                port = ports[worker.role, name]
                if port.fixed == fixed:
                    yield from ((task.node, block.port + at) for at in {*range(port.count), *port.also})


@given(moving_jobs())
@law
def test_the_checker_accepts_the_plan_and_no_other_blocks(tables: Tables) -> None:
    plan = plan_of(tables)
    tree = to_tree(plan)
    assert check(tree) == ()
    assert compiled(from_tree(tree)) == compiled(plan)
    if plan.blocks:
        for wrong in (
            {"step": plan.blocks.step + 1},
            {"first": plan.blocks.first + 1},
            {"blocks": [f"0-{plan.blocks.runs[-1][1] + 1}"]},
        ):
            assert {found.code for found in check({**tree, "port-offset": {**tree["port-offset"], **wrong}})} == {
                "D420"
            }


@given(moving_jobs(), st.data())
@law
def test_two_jobs_in_different_blocks_have_no_port_in_common_but_fixed_ones(
    tables: Tables, data: st.DataObject
) -> None:
    plan = plan_of(tables)
    assume(plan.blocks)
    assert plan.blocks
    blocks = [block for first, last in plan.blocks.runs for block in range(first, last + 1)]
    assert len(blocks) == plan.blocks.count >= 2
    one, other = data.draw(st.lists(st.sampled_from(blocks), min_size=2, max_size=2, unique=True))
    moving, fixed = ({*numbers(plan, fixed=fixed)} for fixed in (False, True))
    step = plan.blocks.step
    assert {number + one * step for _, number in moving}.isdisjoint(number + other * step for _, number in moving)
    for block in (one, other):
        assert fixed.isdisjoint((node, number + block * step) for node, number in moving)


@given(moving_jobs(), st.data())
@law
def test_every_block_keeps_what_ports_are_promised(tables: Tables, data: st.DataObject) -> None:
    plan = plan_of(tables)
    assume(plan.blocks)
    assert plan.blocks
    first, last = data.draw(st.sampled_from(plan.blocks.runs))
    offset = data.draw(st.integers(first, last)) * plan.blocks.step
    cluster = plan.job.cluster
    reserved = {number for item in cluster.reserved for number in range(item.first, item.last + 1)}
    assert reserved.isdisjoint(number + offset for _, number in numbers(plan, fixed=False))
    ports = {(role.name, port.name): port for role in plan.job.roles for port in role.ports}
    for worker in plan.workers:
        for name, block in (pair for task in worker.tasks for pair in task.ports):
            port = ports[worker.role, name]
            if not port.fixed:
                low, high = max(cluster.port_range.first, port.low), min(cluster.port_range.last, port.high)
                assert low <= block.port + offset <= block.port + offset + block.count - 1 <= high


@given(jobs())
@law
def test_a_job_without_the_key_is_as_before_and_one_with_it_stands_where_it_stood(tables: Tables) -> None:
    tables["cluster"].pop("port-offset", None)
    plan = plan_of(tables)
    assert plan.blocks is None
    assert "port_offset+" not in compiled(plan)
    tables["cluster"]["port-range"] = "20000-29999"
    try:
        moved = planned({**tables, "job": {**tables["job"], "port-offset": "job-id"}})
    except InputError:  # a port with bounds of its own finds no number in the range
        return
    assert [[(task.node, task.gpus) for task in worker.tasks] for worker in moved.workers] == [
        [(task.node, task.gpus) for task in worker.tasks] for worker in plan.workers
    ]
    assert job_of(tables).port_offset == "none"
