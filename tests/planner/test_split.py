"""Workers larger than a node that fill nodes, `split = "fill"`, and programs that take equal slices only."""

import pytest

from dynplan.language.task_numbers import started, values
from tests.plans import placed, plan_of, ports, told


def job(*roles: str, nodes: str = "", gpus: int = 4, more: str = "") -> str:
    """Return a job file; a role is its name and its keys."""
    head = f"[job]\nnum-nodes = {nodes}\n" if nodes else ""
    tables = [f"[roles.{name}]\n" + "\n".join(keys) for name, *keys in (role.split("; ") for role in roles)]
    return "\n".join([head, f"[cluster]\ngpus-per-node = {gpus}\n{more}", *tables])


FILL = 'split = "fill"'


@pytest.mark.parametrize(
    ("roles", "nodes", "expected"),
    [
        # The rest lies beside another one's, and rank 0 has a whole node.
        ([f"x; workers = 2; gpus-per-worker = 6; {FILL}"], "", ["x.0 on 0:0-3 1:0-1", "x.1 on 2:0-3 1:2-3"]),
        (["x; workers = 2; gpus-per-worker = 6"], "", ["x.0 on 0:0-2 1:0-2", "x.1 on 2:0-2 3:0-2"]),
        # Four rests of one GPU on a node, the fifth on the next.
        (
            [f"x; workers = 5; gpus-per-worker = 5; {FILL}"],
            "",
            ["x.0 on 0:0-3 1:0", "x.1 on 2:0-3 1:1", "x.2 on 3:0-3 1:2", "x.3 on 4:0-3 1:3", "x.4 on 5:0-3 6:0"],
        ),
        # Two rests on a node, also of workers that have several whole ones; and none where two do not fit on one.
        ([f"x; workers = 2; gpus-per-worker = 9; {FILL}"], "", ["x.0 on 0:0-3 1:0-3 2:0", "x.1 on 3:0-3 4:0-3 2:1"]),
        ([f"x; workers = 2; gpus-per-worker = 7; {FILL}"], "", ["x.0 on 0:0-3 1:0-2", "x.1 on 2:0-3 3:0-2"]),
        # No rest, and nothing to fill.
        ([f"x; workers = 1; gpus-per-worker = 8; {FILL}"], "", ["x.0 on 0:0-3 1:0-3"]),
        ([f"x; workers = 2; gpus-per-worker = 3; {FILL}"], "", ["x.0 on 0:0-2", "x.1 on 1:0-2"]),
        # On nodes of its own in number, no two workers meet.
        (
            [f"x; num-nodes = 4; gpus-per-worker = 6; {FILL}"],
            "",
            ["x.0 on 0:0-3 1:0-1", "x.1 on 2:0-3 3:0-1"],
        ),
        (
            [f"x; workers = 2; gpus-per-worker = 6; spread = true; {FILL}"],
            "",
            ["x.0 on 0:0-3 1:0-1", "x.1 on 2:0-3 3:0-1"],
        ),
        # What roles on every node leave of one is a whole one.
        (
            [f"x; workers = 1; gpus-per-worker = 7; {FILL}", "eye; per-node = true; gpus-per-worker = 1"],
            "",
            ["x.0 on 0:0-2 1:0-2 2:0", "eye.0 on 0:3", "eye.1 on 1:3", "eye.2 on 2:1"],
        ),
        # Another role beside the rest.
        (
            [f"x; workers = 1; gpus-per-worker = 6; {FILL}", "y; workers = 1; gpus-per-worker = 2"],
            "2",
            ["x.0 on 0:0-3 1:0-1", "y.0 on 1:2-3"],
        ),
        # By the search: in the order of the file the small ones would take two nodes.
        (
            ["y; workers = 2; gpus-per-worker = 1", f"x; workers = 1; gpus-per-worker = 10; {FILL}"],
            "3",
            ["y.0 on 0:0", "y.1 on 0:1", "x.0 on 1:0-3 2:0-3 0:2-3"],
        ),
        # With its nodes and with slices of that size, whoever stands beside it.
        (
            [f"x; workers = 1; gpus-per-worker = 6; {FILL}", 'look; beside = "x"'],
            "",
            ["x.0 on 0:0-3 1:0-1", "look.0 on 0:0-3 1:0-1"],
        ),
    ],
)
def test_whole_nodes_and_a_rest(roles: list[str], nodes: str, expected: list[str]) -> None:
    assert placed(job(*roles, nodes=nodes)) == expected


def test_slices_of_one_size_are_those_of_whole_nodes_whatever_is_on_every_node() -> None:
    roles = "x; workers = 1; gpus-per-worker = 7", "eye; per-node = true; gpus-per-worker = 1"
    assert told(job(*roles)) == (
        "D210 role `x` needs 7 GPUs per worker, but of a node's 4 the roles on every node leave 3\n"
        "set `roles.x.gpus-per-worker = 3`, or set `roles.eye.per-node = false`"
    )


def test_on_hosts_the_whole_nodes_come_first() -> None:
    role = f'x; nodes = ["b", "a"]; gpus-per-worker = 6; {FILL}'
    assert placed(job(role)) == ["x.0 on 0:0-3 1:0-1"]


def test_a_rest_stays_inside_a_group() -> None:
    roles = "y; workers = 1; gpus-per-worker = 1", f"x; workers = 1; gpus-per-worker = 6; {FILL}"
    placed_ = placed(job(*roles, nodes="2", more="gpu-groups = [[0, 1], [2, 3]]"))
    assert placed_ == ["y.0 on 0:0", "x.0 on 1:0-3 0:2-3"]


@pytest.mark.parametrize("nodes", ['"min"', "3"])
def test_the_fewest_nodes_are_proven(nodes: str) -> None:
    plan = plan_of(job(f"x; workers = 2; gpus-per-worker = 6; {FILL}", nodes=nodes))
    assert (len(plan.nodes), plan.placement.lower, plan.warnings) == (3, 3, ())


def test_tasks_with_different_numbers_of_gpus_count_their_own() -> None:
    text = job(f'x; workers = 2; gpus-per-worker = 6; {FILL}; launch = "per-gpu"; mpi = "pmix"')
    plan = plan_of(text)
    role = plan.job.roles[0]
    running = started(role, plan.workers)
    assert [(task.rank, task.node) for task in running[1].tasks] == [(0, 2), (1, 2), (2, 2), (3, 2), (4, 1), (5, 1)]
    assert values("gpu-count", plan.job, role, running) == [4, 4, 4, 4, 2, 2] * 2
    assert values("gpus-before", plan.job, role, running) == [0, 0, 0, 0, 4, 4] * 2
    assert values("gpus-before + gpu-count", plan.job, role, plan.workers) == [4, 6, 4, 6]


def test_a_block_of_ports_for_each_gpu_is_as_long_as_the_longest_slice() -> None:
    keys = 'x; workers = 1; gpus-per-worker = 6; ports = { a = { base = 100, count = "gpu-count", on = "every-task" } }'
    assert ports(job(f"{keys}; {FILL}")) == ["x.0 on 0 a=100-103", "x.0 on 1 a=100-103"]
    assert ports(job(keys)) == ["x.0 on 0 a=100-102", "x.0 on 1 a=100-102"]


def test_ranks_times_gpus_is_a_warning_where_slices_differ() -> None:
    keys = 'x; workers = 1; gpus-per-worker = 6; env = { A = "{= rank * gpu-count }" }'
    assert plan_of(job(keys)).warnings == ()
    (warning,) = plan_of(job(f"{keys}; {FILL}")).warnings
    assert (warning.code, warning.path) == ("W203", ("roles", "x"))
    assert "`rank * gpu-count` of role `x`" in warning.message
    (warning,) = plan_of(job(keys.replace("= 6", "= 7"))).warnings
    assert warning.code == "W203"
    looks = 'look; beside = "x"; env = { A = "{= rank * gpu-count }" }'
    (warning,) = plan_of(job(f"x; workers = 1; gpus-per-worker = 6; {FILL}", looks)).warnings
    assert warning.path == ("roles", "look")
    better = keys.replace("rank * gpu-count", "gpus-before")
    assert plan_of(job(f"{better}; {FILL}")).warnings == ()


@pytest.mark.parametrize(
    ("roles", "nodes", "expected"),
    [
        (
            ["x; workers = 2; gpus-per-worker = 6"],
            "3",
            "D203 not enough nodes: the job has 3, and role `x` needs at least 4 for 2 workers of 6 GPUs\n"
            'set `job.num-nodes = 4`, or set `roles.x.split = "fill"`',
        ),
        # One that fills nodes leaves room for others where it lies on two all the same.
        (
            ["x; workers = 1; gpus-per-worker = 6", "y; workers = 1; gpus-per-worker = 2"],
            "2",
            "D204 role `y` needs 2 GPUs, but `x` leaves 1 on node 0: together they need 8 of 8 GPUs, in pieces that do"
            ' not go together\nset `job.num-nodes = 3`, or set `roles.x.split = "fill"`',
        ),
        # It would not help: the workers are to have nodes of their own, or its program takes no such slices.
        (
            ["x; workers = 2; gpus-per-worker = 6; spread = true"],
            "3",
            "D203 not enough nodes: the job has 3, and role `x` needs at least 4 for 2 workers of 6 GPUs\n"
            "set `job.num-nodes = 4`, or set `roles.x.workers = 1`",
        ),
        (
            ["x; workers = 2; gpus-per-worker = 6; equal-slices = true"],
            "3",
            "D203 not enough nodes: the job has 3, and role `x` needs at least 4 for 2 workers of 6 GPUs\n"
            "set `job.num-nodes = 4`, or set `roles.x.workers = 1`",
        ),
        # Even slices are those of whole nodes, whatever is taken of each.
        (
            ["x; workers = 1; gpus-per-worker = 8", "eye; per-node = true; gpus-per-worker = 1"],
            "",
            "D210 role `x` needs 8 GPUs per worker, but of a node's 4 the roles on every node leave 3\n"
            "set `roles.x.gpus-per-worker = 2`, or set `roles.eye.per-node = false`",
        ),
        (
            [f"x; workers = 1; gpus-per-worker = 6; equal-slices = true; {FILL}"],
            "",
            "D213 role `x` needs equally many GPUs on each node of a worker, and its workers have 4 and 2\n"
            'set `roles.x.split = "even"`, or set `roles.x.gpus-per-worker = 4`',
        ),
        (
            [f"x; num-nodes = 3; gpus-per-worker = 6; {FILL}"],
            "",
            "D201 role `x` needs 6 GPUs per worker, but a node has 4: each worker spans 2 nodes, and `x` asks for 3\n"
            "set `roles.x.num-nodes = 4`, or set `roles.x.gpus-per-worker = 4`",
        ),
    ],
)
def test_what_does_not_fit_is_told_with_what_would(roles: list[str], nodes: str, expected: str) -> None:
    assert told(job(*roles, nodes=nodes)) == expected
