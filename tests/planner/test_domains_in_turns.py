"""Places that tasks give back on a cluster of NVLink domains: one size of segments for stages that never meet."""

import pytest

from tests.planner.test_domains import job, nodes_of, role, size
from tests.plans import placed, plan_of, told

TASK = 'kind = "task"'


def after(*names: str) -> str:
    return f"after = {list(names)}"


TEST = role("test", 2, 3, TASK)
STAGES = (TEST, role("d", 1, 4, after("test")), role("p", 2, 2, after("test")))
# `a` and `b` have turns with each other, and `c` with neither.
PARTIAL = (role("a", 1, 4, TASK), role("b", 1, 4, after("a")), role("c", 1, 2))
# Every node's GPUs are looked at first: at once there is room for nobody else.
LOOKED_AT = (
    f"look; per-node = true; gpus-per-worker = 4; {TASK}",
    "d; workers = 2; gpus-per-worker = 12; after = ['look']",
    "e; workers = 1; gpus-per-worker = 16; after = ['look']",
)


@pytest.mark.parametrize("nodes", ["8", '"min"'])
def test_who_comes_after_a_task_has_its_segments(nodes: str) -> None:
    plan = plan_of(job(*STAGES, nodes=nodes))
    assert (len(plan.nodes), plan.placement.segment, plan.placement.lower) == (8, 4, 8)
    assert plan.placement.in_turns
    assert plan.warnings == ()
    assert nodes_of(job(*STAGES, nodes=nodes)) == {"test": "0-2 4-6", "d": "0-3", "p": "4-5 6-7"}
    assert {worker.role: worker.until for worker in plan.workers if worker.until} == {"test": ("d", "p")}


@pytest.mark.parametrize("nodes", ["", "16"])
def test_who_has_segments_enough_at_once_gives_nothing_back(nodes: str) -> None:
    plan = plan_of(job(*STAGES, nodes=nodes))
    assert (len(plan.nodes), plan.placement.segment, plan.placement.in_turns) == (16, 4, False)
    assert not any(worker.until for worker in plan.workers)


def test_the_fewest_nodes_are_had_at_once_where_turns_save_none() -> None:
    plan = plan_of(job(role("a", 1, 2, TASK), role("b", 1, 4, after("a")), role("c", 1, 2), nodes='"min"'))
    assert (len(plan.nodes), plan.placement.lower, plan.placement.in_turns) == (8, 8, False)


def test_all_stages_come_in_segments_of_one_size() -> None:
    """Segments of 3 hold the test on three nodes, and of 2 the servers on six: of 4 both, on eight."""
    both = (role("test", 1, 3, TASK), role("d", 3, 2, after("test")))
    plan = plan_of(job(*both, nodes='"min"'))
    assert (len(plan.nodes), plan.placement.segment, plan.placement.lower) == (8, 4, 8)
    assert nodes_of(job(*both, nodes='"min"')) == {"test": "0-2", "d": "0-1 2-3 4-5"}
    assert size(job(*both, nodes="9")) == (9, 3)


def test_roles_of_a_stage_stand_apart_where_a_larger_segment_lets_them() -> None:
    """The test holds six nodes' segments at three or more. In three `p` would share a node with `d`, and in six not."""
    apart = "d; num-nodes = 4; gpus-per-worker = 3; after = ['test']"
    roles = (role("test", 1, 6, TASK), apart, role("p", 1, 3, after("test")))
    text = job(*roles, gpus=2, nodes="6", domain=6)
    assert (size(text), nodes_of(text)) == ((6, 6), {"test": "0-2", "d": "0-1 2-3", "p": "4-5"})
    text = job(*roles, gpus=2, nodes="6", domain=3)
    assert (size(text), nodes_of(text)["d"]) == ((6, 3), "0-1 3-4")
    assert placed(text)[-1] == "p.0 on 2:0-1 1:1"


def test_where_some_roles_meet_and_others_do_not_the_fewest_nodes_are_proven_by_those_that_do() -> None:
    plan = plan_of(job(*PARTIAL, nodes='"min"'))
    assert (len(plan.nodes), plan.placement.segment, plan.placement.lower) == (8, 4, 8)
    assert nodes_of(job(*PARTIAL, nodes='"min"')) == {"a": "0-3", "b": "0-3", "c": "4-5"}
    assert [warning.code for warning in plan.warnings] == ["W205"]


def test_a_worker_larger_than_a_domain_gives_back_all_its_segments() -> None:
    roles = (role("test", 1, 6, TASK), role("d", 2, 3, after("test")), role("p", 1, 2, after("test")))
    text = job(*roles, nodes='"min"')
    assert (size(text), nodes_of(text)) == ((9, 3), {"test": "0-5", "d": "0-2 3-5", "p": "6-7"})
    partial = job(*roles[:2], role("p", 1, 2), nodes='"min"')
    assert (size(partial), nodes_of(partial)) == ((9, 3), {"test": "0-5", "d": "0-2 3-5", "p": "6-7"})


def test_who_looks_at_every_node_gives_it_back_and_roles_stand_apart() -> None:
    text = job(*LOOKED_AT, gpus=4)
    plan = plan_of(text)
    assert (len(plan.nodes), plan.placement.segment, plan.placement.mode) == (12, 4, "separate")
    assert (nodes_of(text)["d"], nodes_of(text)["e"]) == ("0-2 4-6", "8-11")


def test_idle_nodes_are_more_than_enough_or_there_because_of_domains() -> None:
    (warning,) = plan_of(job(*STAGES, nodes="12")).warnings
    assert (warning.code, warning.help) == ("W201", "8 nodes hold them all, no worker across a domain")
    (warning,) = plan_of(job(role("test", 1, 3, TASK), role("d", 3, 2, after("test")), nodes="8")).warnings
    assert warning.code == "W205"


@pytest.mark.parametrize(
    ("roles", "nodes", "segment", "expected"),
    [
        # The stage that has no segment is named, or all roles where one size does not go with all of them.
        (
            (role("test", 1, 3, TASK), role("d", 3, 2, after("test"))),
            "6",
            "",
            "D220 on 6 nodes a worker would cross a domain of 4 nodes (`d` 3 workers of 2 nodes): Slurm gives a job"
            " segments that are all alike, each of one domain\n"
            "set `job.num-nodes = 8`, or set `roles.d.workers = 2`",
        ),
        (
            (role("test", 1, 3, TASK), role("d", 3, 2, after("test"))),
            "7",
            "",
            "D220 on 7 nodes a worker would cross a domain of 4 nodes (`test` 1 worker of 3 nodes, `d` 3 workers of"
            " 2 nodes): Slurm gives a job segments that are all alike, each of one domain\nset `job.num-nodes = 8`",
        ),
        (
            PARTIAL,
            "6",
            "",
            "D220 on 6 nodes a worker would cross a domain of 4 nodes (`a` 1 worker of 4 nodes, `b` 1 worker of"
            " 4 nodes, `c` 1 worker of 2 nodes): Slurm gives a job segments that are all alike, each of one domain\n"
            "set `job.num-nodes = 8`",
        ),
        # Too few nodes in any segments.
        (
            STAGES,
            "6",
            "",
            "D204 role `p` needs 2 times 2 GPUs, but `d` leaves 0 on node 0: together they need 8 of 6 GPUs\n"
            "set `job.num-nodes = 8`, or set `roles.d.gpus-per-worker = 1`",
        ),
        # A task that nobody comes after yet.
        (
            (role("test", 2, 3, TASK), role("d", 1, 2)),
            "8",
            "",
            "D220 on 8 nodes a worker would cross a domain of 4 nodes (`test` 2 workers of 3 nodes, `d` 1 worker of"
            " 2 nodes): Slurm gives a job segments that are all alike, each of one domain\n"
            'set `job.num-nodes = 9`, or set `roles.d.after = ["test"]`',
        ),
        # Segments of the user's.
        (
            STAGES,
            "8",
            "3",
            "D220 segments of 3 nodes are less than workers need (`test` 2 workers of 3 nodes, `d` 1 worker of"
            " 4 nodes, `p` 2 workers of 2 nodes)\nset `job.sbatch.segment = 4`, or leave `segment` out",
        ),
        (
            (role("test", 1, 3, TASK), role("d", 3, 2, after("test"))),
            "6",
            "3",
            "D220 on 6 nodes a worker would cross segments of 3 (`d` 3 workers of 2 nodes)\n"
            "set `job.num-nodes = 9`, or leave `segment` out",
        ),
    ],
)
def test_what_neither_fits_at_once_nor_in_turns_is_refused_with_a_change_that_was_tried(
    roles: tuple[str, ...], nodes: str, segment: str, expected: str
) -> None:
    text = job(*roles, nodes=nodes)
    if segment:
        text = text.replace("[cluster]", f"[job.sbatch]\nsegment = {segment}\n[cluster]", 1)
    assert told(text) == expected
