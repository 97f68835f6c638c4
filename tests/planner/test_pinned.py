"""Roles that name their GPUs, `gpus = [0, 1]`: these on each of their nodes, and the others around them."""

import pytest

from dynplan.planner import cutting
from dynplan.planner.cutting import Slice
from tests.planner.test_split import job
from tests.plans import placed, plan_of, refused, told


@pytest.mark.parametrize(
    ("roles", "nodes", "expected"),
    [
        # The number of GPUs is that of the list; one on each of its nodes.
        (["a; num-nodes = 2; gpus = [1, 2]"], "", ["a.0 on 0:1-2", "a.1 on 1:1-2"]),
        (["a; workers = 2; gpus = [3]"], "", ["a.0 on 0:3", "a.1 on 1:3"]),
        (['a; nodes = ["x", "y"]; gpus = [2]'], "", ["a.0 on 0:2", "a.1 on 1:2"]),
        # A list for each worker of a node.
        (
            ["a; workers = 4; gpus = [[2, 3], [0, 1]]"],
            "",
            ["a.0 on 0:2-3", "a.1 on 0:0-1", "a.2 on 1:2-3", "a.3 on 1:0-1"],
        ),
        (["a; num-nodes = 1; gpus = [[0], [3]]"], "", ["a.0 on 0:0", "a.1 on 0:3"]),
        # On several nodes, the same on each.
        (["a; workers = 1; gpus-per-worker = 6; gpus = [1, 2, 3]"], "", ["a.0 on 0:1-3 1:1-3"]),
        # Others go around it, whoever comes first in the file, and each side by side.
        (
            ["b; num-nodes = 1; gpus-per-worker = 1", "a; num-nodes = 1; gpus = [0, 1]"],
            "1",
            ["b.0 on 0:2", "a.0 on 0:0-1"],
        ),
        (
            ["b; num-nodes = 1; gpus-per-worker = 2; workers-per-node = 1", "a; num-nodes = 1; gpus = [1]"],
            "1",
            ["b.0 on 0:2-3", "a.0 on 0:1"],
        ),
        (
            ["b; workers = 2; gpus-per-worker = 1", "a; num-nodes = 1; gpus = [1]"],
            "1",
            ["b.0 on 0:0", "b.1 on 0:2", "a.0 on 0:1"],
        ),
        # Two that go together share a node, and two that do not are kept apart.
        (["a; num-nodes = 1; gpus = [0, 1]", "b; num-nodes = 1; gpus = [2, 3]"], "1", ["a.0 on 0:0-1", "b.0 on 0:2-3"]),
        (
            ["a; num-nodes = 1; gpus = [0, 1]", "b; num-nodes = 1; gpus = [1, 2]"],
            '"min"',
            ["a.0 on 0:0-1", "b.0 on 1:1-2"],
        ),
        # Three of two GPUs find room where two of their nodes are cut in pieces.
        (
            ["a; num-nodes = 2; gpus = [1]", "b; workers = 3; gpus-per-worker = 2"],
            '"min"',
            ["a.0 on 0:1", "a.1 on 1:1", "b.0 on 0:2-3", "b.1 on 2:0-1", "b.2 on 2:2-3"],
        ),
        # On every node: the others find what it leaves.
        (
            ["b; num-nodes = 2; gpus-per-worker = 2", "a; per-node = true; gpus = [1]"],
            "",
            ["b.0 on 0:2-3", "b.1 on 1:2-3", "a.0 on 0:1", "a.1 on 1:1"],
        ),
        (
            ["a; num-nodes = 1; gpus = [0]", "eye; per-node = true; gpus-per-worker = 1"],
            "2",
            ["a.0 on 0:0", "eye.0 on 0:1", "eye.1 on 1:0"],
        ),
        (
            ["b; workers = 2; gpus-per-worker = 2", "a; per-node = true; gpus = [2]"],
            "",
            ["b.0 on 0:0-1", "b.1 on 1:0-1", "a.0 on 0:2", "a.1 on 1:2"],
        ),
        # A dedicated role has its nodes alone, and a role beside another one sees what that one does.
        (
            ["a; num-nodes = 1; gpus = [2, 3]; dedicated = true", "b; num-nodes = 1; gpus-per-worker = 1"],
            "2",
            ["a.0 on 0:2-3", "b.0 on 1:0"],
        ),
        (
            [
                "a; num-nodes = 1; gpus = [0]; dedicated = true",
                "b; num-nodes = 1; gpus = [1]",
                "c; workers = 1; gpus = [2]",
            ],
            "2",
            ["a.0 on 0:0", "b.0 on 1:1", "c.0 on 1:2"],
        ),
        (
            [
                "b; num-nodes = 1; gpus = [1]",
                "c; num-nodes = 1; gpus = [2]",
                "a; workers = 1; gpus = [0]; dedicated = true",
            ],
            "2",
            ["b.0 on 0:1", "c.0 on 0:2", "a.0 on 1:0"],
        ),
        (
            [
                'eye; nodes = ["x"]; gpus-per-worker = 0',
                "a; num-nodes = 1; gpus = [0]; dedicated = true",
                "b; num-nodes = 1; gpus = [1]",
            ],
            "2",
            ["eye.0 on 0", "a.0 on 1:0", "b.0 on 0:1"],
        ),
        # A node that a role without GPUs names is for all but dedicated ones.
        (
            ['eye; nodes = ["x"]; gpus-per-worker = 0', "b; num-nodes = 1; gpus = [1]"],
            "2",
            ["eye.0 on 0", "b.0 on 0:1"],
        ),
        (["a; num-nodes = 1; gpus = [2, 3]", 'look; beside = "a"'], "", ["a.0 on 0:2-3", "look.0 on 0:2-3"]),
        # Rests of workers of a role share a node, but for those that spread.
        (
            ["p; num-nodes = 1; gpus = [3]", 'x; workers = 2; gpus-per-worker = 6; split = "fill"'],
            "",
            ["p.0 on 0:3", "x.0 on 1:0-3 2:0-1", "x.1 on 3:0-3 2:2-3"],
        ),
        (
            ["p; num-nodes = 1; gpus = [3]", 'x; workers = 2; gpus-per-worker = 6; spread = true; split = "fill"'],
            "",
            ["p.0 on 0:3", "x.0 on 1:0-3 2:0-1", "x.1 on 3:0-3 4:0-1"],
        ),
    ],
)
def test_named_gpus_are_kept_and_others_go_around_them(roles: list[str], nodes: str, expected: list[str]) -> None:
    assert placed(job(*roles, nodes=nodes)) == expected


def test_as_many_workers_as_go_beside_gpus_on_every_node_are_those_that_lie_side_by_side() -> None:
    every = "a; per-node = true; gpus = [1]", "c; per-node = true; gpus = [4]"
    roles = *every, 'b; num-nodes = 1; workers-per-node = "max"; gpus-per-worker = 2'
    assert placed(job(*roles, gpus=8))[2:] == ["b.0 on 0:2-3", "b.1 on 0:5-6"]


@pytest.mark.parametrize(
    ("roles", "nodes"),
    [
        (["a; num-nodes = 2; gpus = [0]; dedicated = true"], 2),
        (
            [
                "a; num-nodes = 2; gpus = [0]; dedicated = true",
                "b; num-nodes = 1; gpus = [1]",
                "c; workers = 1; gpus = [0]",
            ],
            3,
        ),
    ],
)
def test_the_fewest_nodes_are_those_of_dedicated_roles_and_what_the_others_share(roles: list[str], nodes: int) -> None:
    plan = plan_of(job(*roles, nodes='"min"'))
    assert (len(plan.nodes), plan.placement.lower, plan.warnings) == (nodes, nodes, ())


def test_without_a_shared_node_every_role_stands_as_in_separate_mode() -> None:
    plan = plan_of(job("a; num-nodes = 2; gpus = [1]", "b; num-nodes = 1; gpus-per-worker = 2", nodes="3"))
    assert (plan.placement.mode, [worker.tasks[0].node for worker in plan.workers]) == ("separate", [0, 1, 2])


TIGHT = [
    "a; num-nodes = 2; gpus = [1, 2]",
    "b; num-nodes = 2; gpus-per-worker = 1",
    "c; num-nodes = 1; gpus = [0, 1, 2]",
]


@pytest.mark.parametrize(
    ("roles", "nodes", "expected"),
    [
        # In the order of the file `c` finds no node of its own. The search needs three nodes, and uses the fourth.
        (TIGHT, "4", ["a.0 on 0:1-2", "a.1 on 1:1-2", "b.0 on 1:0", "b.1 on 3:0", "c.0 on 2:0-2"]),
        # From the fullest node, the first of such, a worker of the last role there goes to the one that is empty.
        (
            ["a; num-nodes = 2; gpus-per-worker = 1", "b; workers = 4; gpus-per-worker = 1", TIGHT[2]],
            "4",
            ["a.0 on 0:0", "a.1 on 1:0", "b.0 on 0:1", "b.1 on 1:1", "b.2 on 1:2", "b.3 on 3:0", "c.0 on 2:0-2"],
        ),
        # Several workers on a node, and one on two.
        (
            ["a; num-nodes = 2; gpus = [[1], [2]]", *TIGHT[1:]],
            "4",
            ["a.0 on 0:1", "a.1 on 0:2", "a.2 on 1:1", "a.3 on 1:2", "b.0 on 1:0", "b.1 on 3:0", "c.0 on 2:0-2"],
        ),
        (
            [*TIGHT, 'x; workers = 1; gpus-per-worker = 4; split = "fill"'],
            "5",
            ["a.0 on 0:1-2", "a.1 on 1:1-2", "b.0 on 0:0", "b.1 on 1:0", "c.0 on 2:0-2", "x.0 on 3:0-2 4:0"],
        ),
        # Dedicated roles have the last nodes, one role behind the other.
        (
            [
                *TIGHT,
                "d; num-nodes = 1; gpus-per-worker = 1; dedicated = true",
                "e; num-nodes = 2; gpus-per-worker = 2; dedicated = true",
            ],
            "7",
            [
                "a.0 on 0:1-2",
                "a.1 on 1:1-2",
                "b.0 on 1:0",
                "b.1 on 3:0",
                "c.0 on 2:0-2",
                "d.0 on 4:0",
                "e.0 on 5:0-1",
                "e.1 on 6:0-1",
            ],
        ),
        (
            [TIGHT[0], "e; num-nodes = 1; gpus-per-worker = 2; dedicated = true", *TIGHT[1:]],
            "4",
            ["a.0 on 0:1-2", "a.1 on 1:1-2", "e.0 on 3:0-1", "b.0 on 0:0", "b.1 on 1:0", "c.0 on 2:0-2"],
        ),
    ],
)
def test_every_node_is_used_before_one_is_shared(roles: list[str], nodes: str, expected: list[str]) -> None:
    assert placed(job(*roles, nodes=nodes, gpus=3)) == expected


def test_a_slice_stays_in_its_group_beside_named_gpus() -> None:
    groups = "gpu-groups = [[0, 1], [2, 3]]"
    others = "c; num-nodes = 1; gpus-per-worker = 1", "b; num-nodes = 1; gpus-per-worker = 2"
    roles = "a; num-nodes = 1; gpus = [3]", *others
    assert placed(job(*roles, nodes="1", more=groups)) == ["a.0 on 0:3", "c.0 on 0:2", "b.0 on 0:0-1"]
    crossing = job("a; num-nodes = 1; gpus = [1, 2]", "b; workers = 2; gpus-per-worker = 1", nodes="1", more=groups)
    assert placed(crossing) == ["a.0 on 0:1-2", "b.0 on 0:0", "b.1 on 0:3"]


@pytest.mark.parametrize(
    ("roles", "nodes", "expected"),
    [
        (
            ["a; num-nodes = 1; gpus = [3, 4]"],
            "",
            "D214 role `a` names GPU 4, and a node has 4 GPUs, 0 to 3\nname others, or leave `gpus` out",
        ),
        (
            ["a; workers = 1; gpus-per-worker = 3; gpus = [0, 1]"],
            "",
            "D214 role `a` needs 3 GPUs per worker and `gpus` names 2\n"
            "set `roles.a.gpus-per-worker = 2`, or name as many as a worker has on a node",
        ),
        (
            ["a; workers = 1; gpus-per-worker = 8; gpus = [0, 1]"],
            "",
            "D214 role `a` needs 8 GPUs per worker on each of 2 nodes and `gpus` names 2\n"
            "set `roles.a.gpus-per-worker = 2`, or name as many as a worker has on a node",
        ),
        (
            ["a; per-node = true; gpus = [0, 1]", "b; per-node = true; gpus = [1, 2]"],
            "",
            "D214 role `b` is to have GPU 1, which `a` has on every node\nset `roles.b.gpus = [2, 3]`",
        ),
        (
            ["a; per-node = true; gpus = [0, 1]", "b; num-nodes = 2; gpus = [1]"],
            "",
            "D214 role `b` is to have GPU 1, which `a` has on every node\nset `roles.b.gpus = [2]`",
        ),
        (
            ["a; per-node = true; gpus = [1]", "b; num-nodes = 2; gpus-per-worker = 3"],
            "",
            "D210 role `b` needs 3 GPUs per worker, side by side on each node, and of a node's 4 `a`, on every node,"
            " leave 3 in pieces\nset `roles.b.gpus-per-worker = 2`",
        ),
        (
            ['a; nodes = ["x"]; gpus = [0, 1]', 'b; nodes = ["x"]; gpus = [1, 2]'],
            "",
            "D214 role `b` is to have GPUs 1 and 2 of node 0 (`x`), and GPU 1 is held by worker 0 of `a`, which is"
            " pinned to it\nset `roles.b.gpus = [2, 3]`",
        ),
        (
            ["a; num-nodes = 2; gpus = [0, 1]", "b; num-nodes = 1; gpus = [0]"],
            "2",
            "D214 role `b` is to have GPU 0 of node 0, and GPU 0 is held by worker 0 of `a`, which is pinned to it\n"
            "set `roles.b.gpus = [2]`, or set `job.num-nodes = 3`",
        ),
        (
            ["a; num-nodes = 1; gpus-per-worker = 3", "b; num-nodes = 1; gpus = [1, 2]"],
            "1",
            "D214 role `b` is to have GPUs 1 and 2 of node 0, and beside that is no place for worker 0 of `a`, planned"
            " on GPUs 0 to 2\nset `job.num-nodes = 2`, or set `roles.a.gpus-per-worker = 1`",
        ),
        # Of roles whose GPUs are not named the one that would have most of them is told.
        (
            [
                "s; workers = 1; gpus-per-worker = 1",
                "a; num-nodes = 1; gpus-per-worker = 2",
                "b; num-nodes = 1; gpus = [1, 2]",
            ],
            "1",
            "D214 role `b` is to have GPUs 1 and 2 of node 0, and beside that is no place for worker 0 of `a`, planned"
            " on GPUs 1 and 2\nset `job.num-nodes = 2`, or set `roles.a.gpus-per-worker = 1`",
        ),
        # GPUs that do not lie side by side are listed, and the worker that is pinned to one is the one of its node.
        (
            ["w; workers = 1; gpus-per-worker = 2", "c; num-nodes = 1; gpus = [[0], [2], [3]]"],
            "1",
            "D214 role `c` is to have GPUs 0, 2 and 3 of node 0, and beside that is no place for worker 0 of `w`,"
            " planned on GPUs 0 and 1\nset `job.num-nodes = 2`, or set `roles.w.gpus-per-worker = 1`",
        ),
        (
            ["a; num-nodes = 2; gpus = [[0, 1], [2, 3]]", "b; num-nodes = 2; gpus = [3]"],
            "2",
            "D214 role `b` is to have GPU 3 of node 0, and GPU 3 is held by worker 1 of `a`, which is pinned to it\n"
            "set `job.num-nodes = 4`",
        ),
        # A worker on another node than the first, and on several.
        (
            ['a; nodes = ["x", "y"]; gpus-per-worker = 3', 'b; nodes = ["y"]; gpus = [1]'],
            "",
            "D214 role `b` is to have GPU 1 of node 1 (`y`), and beside that is no place for worker 1 of `a`, planned"
            " on GPUs 0 to 2\nset `roles.b.gpus = [0]`, or set `roles.a.gpus-per-worker = 2`",
        ),
        (
            [
                'w; workers = 1; gpus-per-worker = 7; split = "fill"',
                "c; num-nodes = 1; gpus = [3]",
                "d; num-nodes = 1; gpus = [3]",
            ],
            "2",
            "D214 role `d` is to have GPU 3 of node 0, and beside that is no place for worker 0 of `w`, planned on"
            " GPUs 0 to 3\nset `job.num-nodes = 3`, or set `roles.w.gpus-per-worker = 3`",
        ),
        # Several workers on each node.
        (
            ["a; num-nodes = 2; workers-per-node = 2; gpus-per-worker = 1", "b; num-nodes = 2; gpus = [0, 1, 2]"],
            "2",
            "D214 role `b` is to have GPUs 0 to 2 of node 0, and beside that is no place for worker 0 of `a`, planned"
            " on GPU 0\nset `job.num-nodes = 4`",
        ),
        # What is on every node is in the way.
        (
            [
                "eye; per-node = true; gpus-per-worker = 2",
                "b; num-nodes = 2; gpus = [0]",
                "c; num-nodes = 1; gpus = [2]",
            ],
            "2",
            "D214 role `c` is to have GPU 2 of node 0, and beside that is no place for worker 0 of `eye`, planned on"
            " GPUs 1 and 2\nset `roles.c.gpus = [1]`, or set `job.num-nodes = 3`",
        ),
        # Of two nodes the one on which it cannot be, whoever else shares the other one.
        (
            [
                "a; num-nodes = 1; gpus-per-worker = 1; workers-per-node = 2",
                "c; num-nodes = 1; gpus = [3]",
                "b; num-nodes = 2; gpus = [3]",
            ],
            "2",
            "D214 role `b` is to have GPU 3 of node 1, and GPU 3 is held by worker 0 of `c`, which is pinned to it\n"
            "set `roles.b.gpus = [0]`, or set `job.num-nodes = 3`",
        ),
        (
            [
                "eye; per-node = true; gpus-per-worker = 2",
                'x; nodes = ["x"]; gpus-per-worker = 1',
                'b; nodes = ["y"]; gpus = [0]',
                'c; nodes = ["y"]; gpus = [2]',
            ],
            "",
            "D214 role `c` is to have GPU 2 of node 1 (`y`), and beside that is no place for worker 1 of `eye`, planned"
            " on GPUs 1 and 2\nset `roles.c.gpus = [1]`",
        ),
        # The role that found no room is not the one that clashes.
        (
            ["a; num-nodes = 2; gpus = [0]", "b; num-nodes = 2; gpus = [0]", "z; num-nodes = 1; gpus = [3]"],
            "2",
            "D214 role `b` is to have GPU 0 of node 0, and GPU 0 is held by worker 0 of `a`, which is pinned to it\n"
            "set `roles.b.gpus = [1]`, or set `job.num-nodes = 4`",
        ),
        # Who is beside another one holds nothing.
        (
            ['look; beside = "a"', "a; num-nodes = 1; gpus-per-worker = 3", "b; num-nodes = 1; gpus = [1, 2]"],
            "1",
            "D214 role `b` is to have GPUs 1 and 2 of node 0, and beside that is no place for worker 0 of `a`, planned"
            " on GPUs 0 to 2\nset `job.num-nodes = 2`, or set `roles.a.gpus-per-worker = 1`",
        ),
        # A larger one that is not in the way is not told.
        (
            [
                "a; num-nodes = 1; gpus-per-worker = 1",
                "c; num-nodes = 1; gpus-per-worker = 3",
                "b; num-nodes = 1; gpus = [0]",
            ],
            "1",
            "D214 role `b` is to have GPU 0 of node 0, and beside that is no place for worker 0 of `a`, planned on"
            " GPU 0\nset `job.num-nodes = 2`, or set `roles.c.gpus-per-worker = 2`",
        ),
        (
            ["a; num-nodes = 1; gpus = [1, 2, 3]", "b; num-nodes = 1; gpus = [1, 2, 3]"],
            "1",
            "D214 role `b` is to have GPUs 1 to 3 of node 0, and GPU 1 is held by worker 0 of `a`, which is pinned to"
            " it\nset `job.num-nodes = 2`",
        ),
        # Nothing helps that is tried.
        (
            ['a; nodes = ["x"]; gpus = [[0], [2]]', 'b; nodes = ["x"]; gpus = [2, 3]'],
            "",
            "D214 role `b` is to have GPUs 2 and 3 of node 0 (`x`), and GPU 2 is held by worker 1 of `a`, which is"
            " pinned to it\nname others",
        ),
        # It has its GPUs everywhere, and no node for itself.
        (
            ["a; num-nodes = 2; gpus = [0]", "b; num-nodes = 1; gpus = [1]; dedicated = true"],
            "2",
            "D204 role `a` needs 1 GPU on each of 2 nodes, but `b` leaves 0 on node 0: together they need 3 of 8 GPUs,"
            " and `b` is dedicated\nset `job.num-nodes = 3`, or set `roles.a.num-nodes = 1`",
        ),
    ],
)
def test_gpus_that_a_role_cannot_have_are_told_with_who_holds_them(roles: list[str], nodes: str, expected: str) -> None:
    assert told(job(*roles, nodes=nodes)) == expected


@pytest.mark.parametrize(
    ("roles", "expected"),
    [
        # Those that clash hold fewer GPUs than the task that both of them could be beside.
        (
            [
                "x; num-nodes = 2; gpus = [1, 2, 3]; kind = 'task'",
                "a; num-nodes = 2; gpus = [0]; after = ['x']",
                "c; num-nodes = 2; gpus = [0]",
            ],
            "D214 role `c` is to have GPU 0 of node 0, and GPU 0 is held by worker 0 of `a`, which is pinned to it\n"
            "set `job.num-nodes = 4`",
        ),
        (
            [
                "x; num-nodes = 2; gpus-per-worker = 2; kind = 'task'",
                "a; num-nodes = 1; gpus = [0, 1]; after = ['x']",
                "c; num-nodes = 2; gpus = [1]",
            ],
            "D214 role `c` is to have GPU 1 of node 0, and GPU 1 is held by worker 0 of `a`, which is pinned to it\n"
            "set `roles.c.gpus = [2]`, or set `job.num-nodes = 3`",
        ),
        # On hosts that both name.
        (
            [
                "x; nodes = ['n1', 'n2']; gpus-per-worker = 2; kind = 'task'",
                "a; nodes = ['n1']; gpus = [0, 1]; after = ['x']",
                "c; nodes = ['n1', 'n2']; gpus = [1]",
            ],
            "D214 role `c` is to have GPU 1 of node 0 (`n1`), and GPU 1 is held by worker 0 of `a`, which is pinned to"
            " it\nset `roles.c.gpus = [2]`",
        ),
    ],
)
def test_where_roles_have_turns_those_that_clash_are_told(roles: list[str], expected: str) -> None:
    assert told(job(*roles, nodes="2")) == expected


def test_what_is_wrong_with_gpus_by_index_is_told_at_their_key() -> None:
    (finding,) = refused(job("a; num-nodes = 2; gpus = [0, 1]", "b; num-nodes = 1; gpus = [0]", nodes="2"))
    assert (finding.code, finding.path) == ("D214", ("roles", "b", "gpus"))


def test_the_fewest_nodes_around_named_gpus_are_found_for_many() -> None:
    """Ten thousand workers: blocks are counted, not listed."""
    roles = "a; num-nodes = 3000; gpus = [3, 4]", "b; workers = 5000; gpus-per-worker = 3"
    plan = plan_of(job(*roles, nodes='"min"', gpus=8))
    assert (len(plan.nodes), plan.placement.lower) == (3000, 3000)


@pytest.mark.parametrize(("pinned", "workers", "nodes"), [(5, 5, 5), (1, 12, 7)])
def test_where_there_are_too_many_ways_to_fill_a_node_nodes_and_gpus_are_counted(
    pinned: int, workers: int, nodes: int
) -> None:
    loose = [f"r{gpus}; workers = {workers}; gpus-per-worker = {gpus}" for gpus in range(1, 9)]
    plan = plan_of(job(f"p; num-nodes = {pinned}; gpus = [0]", *loose, nodes='"min"', gpus=64))
    assert (len(plan.nodes), plan.placement.lower, plan.warnings) == (nodes, nodes, ())


def test_looks_at_a_large_node_cut_in_pieces_are_counted_by_what_they_take(monkeypatch: pytest.MonkeyPatch) -> None:
    """With 64 GPUs each of them is a search of its own; by the number of looks there were thousands: a minute."""
    searches: list[Slice] = []
    run = cutting._Search.run

    def counted(search: cutting._Search, left: Slice) -> bool:
        searches.append(left)
        return run(search, left)

    monkeypatch.setattr(cutting._Search, "run", counted)
    loose = [f"r{gpus}; workers = 7; gpus-per-worker = {gpus}" for gpus in range(1, 9)]
    named = "p; num-nodes = 2; gpus = [0]", "every; per-node = true; gpus = [60, 61, 62]"
    plan = plan_of(job(*named, *loose, nodes='"min"', gpus=64))
    assert (len(plan.nodes), plan.placement.lower) == (5, 5)
    assert 0 < len(searches) < 200


def test_an_answer_that_is_not_proven_says_so_and_comes_soon() -> None:
    """Six sizes around two named places: more ways than are tried."""
    loose = [f"r{at}; workers = {300 + at}; gpus-per-worker = {gpus}" for at, gpus in enumerate((1, 1, 2, 2, 3, 5))]
    named = "p; num-nodes = 300; gpus = [3, 4]", "q; num-nodes = 150; gpus = [6]"
    plan = plan_of(job(*named, *loose, nodes='"min"', gpus=8))
    lower, nodes = plan.placement.lower, len(plan.nodes)
    assert 625 <= lower <= nodes < 660
    assert [finding.code for finding in plan.warnings] == ["W202"] * (lower < nodes)
