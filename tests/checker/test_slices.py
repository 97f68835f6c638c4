"""Slices that fill nodes: plans that keep the promise, and for each way to break it a plan with what is said."""

from typing import Any

import pytest

from dynplan.checker import check
from tests.checker.test_promises import messages, tree_of

# Two workers of six on nodes of four, and what lies beside a rest.
FILLED = """\
schema = 1
nodes = [
    { node = 0, gpus = 4 },
    { node = 1, gpus = 4 },
    { node = 2, gpus = 4 },
    { node = 3, gpus = 4 },
]
workers = [
    { role = "x", worker = 0, tasks = [
     { rank = 0, node = 0, gpus = [0, 1, 2, 3], ports = {} }, { rank = 1, node = 1, gpus = [0, 1], ports = {} } ] },
    { role = "x", worker = 1, tasks = [
     { rank = 0, node = 2, gpus = [0, 1, 2, 3], ports = {} }, { rank = 1, node = 1, gpus = [2, 3], ports = {} } ] },
    { role = "y", worker = 0, tasks = [ { rank = 0, node = 3, gpus = [0, 1], ports = {} } ] },
    { role = "look", worker = 0, shares = "y", tasks = [ { rank = 0, node = 3, gpus = [0, 1], ports = {} } ] },
]
placement = { mode = "separate", lower-bound = 4, head = 0 }
job = { name = "demo" }
cluster = { gpus-per-node = 4 }

[roles.x]
workers = 2
gpus-per-worker = 6
split = "fill"

[roles.y]
workers = 1
gpus-per-worker = 2

[roles.look]
beside = "y"
equal-slices = true
"""

# What a role on every node leaves of one is a whole one.
LEFT = """\
schema = 1
nodes = [ { node = 0, gpus = 4 }, { node = 1, gpus = 4 } ]
workers = [
    { role = "eye", worker = 0, tasks = [ { rank = 0, node = 0, gpus = [0], ports = {} } ] },
    { role = "eye", worker = 1, tasks = [ { rank = 0, node = 1, gpus = [0], ports = {} } ] },
    { role = "x", worker = 0, tasks = [
     { rank = 0, node = 0, gpus = [1, 2, 3], ports = {} }, { rank = 1, node = 1, gpus = [1, 2], ports = {} } ] },
]
placement = { mode = "separate", lower-bound = 2, head = 0 }
job = { name = "demo" }
cluster = { gpus-per-node = 4 }

[roles.eye]
per-node = true
gpus-per-worker = 1

[roles.x]
workers = 1
gpus-per-worker = 5
split = "fill"
"""

PLANS = {"filled": FILLED, "left": LEFT}
WHOLE_FIRST = "GPUs, by rank, and a node has 4 for them"


@pytest.mark.parametrize("name", PLANS)
def test_a_plan_that_keeps_its_promises_is_accepted(name: str) -> None:
    assert check(tree_of(PLANS[name])) == ()


BROKEN: list[tuple[str, list[tuple[str, str]], str]] = [
    (  # as even as an even split
        "filled",
        [("node = 0, gpus = [0, 1, 2, 3]", "node = 0, gpus = [0, 1, 2]"), ("gpus = [0, 1], p", "gpus = [0, 1, 2], p")],
        f"error[D406]: the slices of worker 0 of `x` have 3 and 3 {WHOLE_FIRST}\n"
        "error[D401]: GPU 2 of node 1 is held twice: by worker 0 of `x` and by worker 1 of `x`",
    ),
    (  # the rest first
        "filled",
        [
            ("rank = 0, node = 0, gpus = [0, 1, 2, 3]", "rank = 0, node = 1, gpus = [0, 1]"),
            ("rank = 1, node = 1, gpus = [0, 1]", "rank = 1, node = 0, gpus = [0, 1, 2, 3]"),
        ],
        f"error[D406]: the slices of worker 0 of `x` have 2 and 4 {WHOLE_FIRST}\n"
        "error[D410]: the head node is 0, and it should be 1, where `x` begins",
    ),
    (  # three nodes for what two hold
        "filled",
        [
            (
                'node = 1, gpus = [0, 1], ports = {} } ] },\n    { role = "x", worker = 1',
                "node = 1, gpus = [0], ports = {} }, { rank = 2, node = 3, gpus = [2], ports = {} } ] },\n"
                '    { role = "x", worker = 1',
            ),
            ("gpus = [2, 3]", "gpus = [1, 2]"),
        ],
        "error[D406]: worker 0 of `x` has 6 GPUs on 3 nodes, and 2 nodes hold them\n"
        f"error[D406]: the slices of worker 0 of `x` have 4, 1 and 1 {WHOLE_FIRST}\n"
        "error[D403]: worker 0 of `x` starts at GPU 2 of node 3, and its turn is at 0\n"
        "error[D407]: `x` and `y` share node 3, and 4 nodes keep the roles separate",
    ),
    (  # one GPU less than asked for
        "filled",
        [("gpus = [2, 3]", "gpus = [2]")],
        "error[D406]: worker 1 of `x` has 5 GPUs, and its role asks for 6",
    ),
    (  # a slice longer than its node
        "filled",
        [("node = 0, gpus = [0, 1, 2, 3]", "node = 0, gpus = [0, 1, 2, 3, 4]"), ("gpus = [0, 1], p", "gpus = [0], p")],
        f"error[D406]: the slices of worker 0 of `x` have 5 and 1 {WHOLE_FIRST}\n"
        "error[D402]: worker 0 of `x` holds GPU 4 of node 0, which has 4\n"
        "error[D403]: worker 1 of `x` starts at GPU 2 of node 1, and its turn is at 1",
    ),
    (  # both on one node
        "filled",
        [("rank = 1, node = 1, gpus = [0, 1]", "rank = 1, node = 0, gpus = [0, 1]")],
        "error[D406]: worker 0 of `x` has two tasks on node 0\n"
        "error[D401]: GPU 0 of node 0 is held twice: by worker 0 of `x`\n"
        "error[D403]: worker 1 of `x` starts at GPU 2 of node 1, and its turn is at 0",
    ),
    (  # rests that could lie on one node lie on two
        "filled",
        [("node = 1, gpus = [2, 3]", "node = 3, gpus = [2, 3]")],
        "error[D403]: worker 1 of `x` starts at GPU 2 of node 3, and its turn is at 0\n"
        "error[D407]: `x` and `y` share node 3, and 4 nodes keep the roles separate",
    ),
    (  # out of turn
        "filled",
        [
            ("node = 1, gpus = [2, 3]", "node = 1, gpus = [0, 1]"),
            ("node = 1, gpus = [0, 1]", "node = 1, gpus = [2, 3]"),
        ],
        "error[D403]: worker 0 of `x` starts at GPU 2 of node 1, and its turn is at 0",
    ),
    (  # a role that does not fill nodes
        "filled",
        [('split = "fill"\n', "")],
        "error[D410]: the roles come to 5 nodes, and the plan has 4\n"
        "error[D406]: the slices of worker 0 of `x` have 4 and 2 GPUs\n"
        "error[D406]: the slices of worker 1 of `x` have 4 and 2 GPUs",
    ),
    (  # a program that takes equal slices
        "filled",
        [('split = "fill"\n', 'split = "fill"\nequal-slices = true\n')],
        "error[D406]: the slices of worker 0 of `x` have 4 and 2 GPUs, and its role takes equal ones\n"
        "error[D406]: the slices of worker 1 of `x` have 4 and 2 GPUs, and its role takes equal ones",
    ),
    (  # and one that stands beside others
        "filled",
        [
            (
                'worker = 0, shares = "y", tasks = [ { rank = 0, node = 3, gpus = [0, 1], ports = {} } ] },\n',
                'worker = 0, shares = "x", tasks = [\n'
                "     { rank = 0, node = 0, gpus = [0, 1, 2, 3], ports = {} }, { rank = 1, node = 1, gpus = [0, 1], "
                'ports = {} } ] },\n    { role = "look", worker = 1, shares = "x", tasks = [\n'
                "     { rank = 0, node = 2, gpus = [0, 1, 2, 3], ports = {} }, { rank = 1, node = 1, gpus = [2, 3], "
                "ports = {} } ] },\n",
            ),
            ('beside = "y"', 'beside = "x"'),
        ],
        "error[D406]: the slices of worker 0 of `look` have 4 and 2 GPUs, and its role takes equal ones\n"
        "error[D406]: the slices of worker 1 of `look` have 4 and 2 GPUs, and its role takes equal ones",
    ),
    (  # too many nodes: rests lie together
        "filled",
        [("{ node = 3, gpus = 4 },", "{ node = 3, gpus = 4 },\n    { node = 4, gpus = 4 },")],
        "error[D410]: the roles come to 4 nodes, and the plan has 5",
    ),
    (  # a whole node is what others leave of it
        "left",
        [
            ("node = 0, gpus = [1, 2, 3]", "node = 0, gpus = [1, 2]"),
            ("node = 1, gpus = [1, 2]", "node = 1, gpus = [1, 2, 3]"),
        ],
        "error[D406]: the slices of worker 0 of `x` have 2 and 3 GPUs, by rank, and a node has 3 for them",
    ),
]


@pytest.mark.parametrize(("name", "changes", "expected"), BROKEN)
def test_a_broken_promise_is_named(name: str, changes: list[tuple[str, str]], expected: str) -> None:
    assert messages(changed(PLANS[name], changes)) == expected


def changed(text: str, changes: list[tuple[str, str]]) -> str:
    """Return a text with the first place of each replaced."""
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return text


def bare(text: str) -> dict[str, Any]:
    """Return a plan without the tables of its job."""
    return {key: value for key, value in tree_of(text).items() if key in ("schema", "nodes", "workers")}


def test_without_the_tables_of_the_job_slices_are_even_or_fill_nodes() -> None:
    assert check(bare(FILLED)) == ()
    even = [
        ("node = 0, gpus = [0, 1, 2, 3]", "node = 0, gpus = [0, 1, 2]"),
        ("gpus = [0, 1], p", "gpus = [0, 1, 2], p"),
    ]
    alone = changed(FILLED, [*even, ("node = 1, gpus = [2, 3]", "node = 3, gpus = [2, 3]")])
    assert [finding.code for finding in check(bare(alone))] == []
    neither = changed(
        FILLED, [("node = 0, gpus = [0, 1, 2, 3]", "node = 0, gpus = [0, 1, 2]"), ("gpus = [0, 1], p", "gpus = [0], p")]
    )
    assert {finding.code for finding in check(bare(neither))} == {"D406"}


EVERYWHERE = """\
schema = 1
nodes = [ { node = 0, gpus = 8 }, { node = 1, gpus = 8 }, { node = 2, gpus = 8 } ]
workers = [
    { role = "watch", worker = 0, tasks = [ { rank = 0, node = 0, gpus = [0, 1], ports = {} } ] },
    { role = "watch", worker = 1, tasks = [ { rank = 0, node = 1, gpus = [0, 1], ports = {} } ] },
    { role = "watch", worker = 2, tasks = [ { rank = 0, node = 2, gpus = [0, 1], ports = {} } ] },
    { role = "serve", worker = 0, tasks = [
        { rank = 0, node = 0, gpus = [2, 3, 4, 5, 6, 7], ports = {} },
        { rank = 1, node = 1, gpus = [2, 3, 4, 5, 6, 7], ports = {} },
        { rank = 2, node = 2, gpus = [2, 3], ports = {} },
    ] },
]
"""


def test_without_the_tables_of_the_job_slices_may_fill_what_roles_on_every_node_leave() -> None:
    assert check(tree_of(EVERYWHERE)) == ()
    elsewhere = EVERYWHERE.replace(
        "worker = 2, tasks = [ { rank = 0, node = 2, gpus = [0, 1]",
        "worker = 2, tasks = [ { rank = 0, node = 0, gpus = [0, 1]",
    )
    less = EVERYWHERE.replace("gpus = [2, 3, 4, 5, 6, 7]", "gpus = [2, 3, 4, 5, 6]")
    for broken in (elsewhere, less):
        assert "D406" in {finding.code for finding in check(tree_of(broken))}


# GPUs by index: one list, a list for each worker of a node, and others around them.
NAMED_GPUS = """\
schema = 1
nodes = [ { node = 0, gpus = 8 }, { node = 1, gpus = 8 } ]
workers = [
    { role = "b", worker = 0, tasks = [ { rank = 0, node = 0, gpus = [0, 1], ports = {} } ] },
    { role = "b", worker = 1, tasks = [ { rank = 0, node = 1, gpus = [0, 1], ports = {} } ] },
    { role = "a", worker = 0, tasks = [ { rank = 0, node = 0, gpus = [2, 3], ports = {} } ] },
    { role = "a", worker = 1, tasks = [ { rank = 0, node = 1, gpus = [2, 3], ports = {} } ] },
    { role = "c", worker = 0, tasks = [ { rank = 0, node = 0, gpus = [7], ports = {} } ] },
    { role = "c", worker = 1, tasks = [ { rank = 0, node = 0, gpus = [6], ports = {} } ] },
    { role = "d", worker = 0, tasks = [ { rank = 0, node = 0, gpus = [4], ports = {} } ] },
    { role = "d", worker = 1, tasks = [ { rank = 0, node = 1, gpus = [4], ports = {} } ] },
    { role = "e", worker = 0, tasks = [ { rank = 0, node = 1, gpus = [5, 6, 7], ports = {} } ] },
]
placement = { mode = "shared", lower-bound = 2, head = 0 }
job = { name = "demo", num-nodes = 2 }
cluster = { gpus-per-node = 8 }

[roles.b]
num-nodes = 2
gpus-per-worker = 2

[roles.a]
num-nodes = 2
gpus = [2, 3]

[roles.c]
num-nodes = 1
gpus = [[7], [6]]

[roles.d]
per-node = true
gpus-per-worker = 1

[roles.e]
num-nodes = 1
gpus-per-worker = 3
"""

# On several nodes the same on each, with a part of each node in pieces.
NAMED_WIDE = """\
schema = 1
nodes = [ { node = 0, gpus = 4 }, { node = 1, gpus = 4 }, { node = 2, gpus = 4 } ]
workers = [
    { role = "w", worker = 0, tasks = [
     { rank = 0, node = 0, gpus = [0, 1, 2], ports = {} }, { rank = 1, node = 1, gpus = [0, 1, 2], ports = {} } ] },
    { role = "eye", worker = 0, tasks = [ { rank = 0, node = 0, gpus = [3], ports = {} } ] },
    { role = "eye", worker = 1, tasks = [ { rank = 0, node = 1, gpus = [3], ports = {} } ] },
    { role = "eye", worker = 2, tasks = [ { rank = 0, node = 2, gpus = [3], ports = {} } ] },
    { role = "s", worker = 0, tasks = [ { rank = 0, node = 2, gpus = [0, 1], ports = {} } ] },
]
placement = { mode = "separate", lower-bound = 3, head = 0 }
job = { name = "demo" }
cluster = { gpus-per-node = 4, gpu-groups = [[0, 1], [2, 3]] }

[roles.w]
workers = 1
gpus-per-worker = 6
gpus = [0, 1, 2]

[roles.eye]
per-node = true
gpus = [3]

[roles.s]
num-nodes = 1
gpus-per-worker = 2
"""

NAMED = {"named": NAMED_GPUS, "wide": NAMED_WIDE}


@pytest.mark.parametrize("name", NAMED)
def test_a_plan_with_named_gpus_is_accepted(name: str) -> None:
    assert check(tree_of(NAMED[name])) == ()


def of(role: str, worker: int) -> str:
    return f'role = "{role}", worker = {worker}, tasks = [ {{ rank = 0, node = '


BROKEN_NAMES: list[tuple[str, list[tuple[str, str]], str]] = [
    (  # other ones, and free
        "named",
        [(of("c", 0) + "0, gpus = [7]", of("c", 0) + "0, gpus = [5]")],
        "error[D415]: the GPUs of worker 0 of `c` on node 0 are 5, and its role names 7",
    ),
    (  # those of the role's other worker
        "named",
        [
            (of("c", 0) + "0, gpus = [7]", of("c", 0) + "0, gpus = [6]"),
            (of("c", 1) + "0, gpus = [6]", of("c", 1) + "0, gpus = [7]"),
        ],
        "error[D415]: the GPUs of worker 0 of `c` on node 0 are 6, and its role names 7\n"
        "error[D415]: the GPUs of worker 1 of `c` on node 0 are 7, and its role names 6",
    ),
    (  # more than it names
        "named",
        [(of("a", 1) + "1, gpus = [2, 3]", of("a", 1) + "1, gpus = [2, 3, 4]")],
        "error[D406]: worker 1 of `a` has 3 GPUs, and its role asks for 2\n"
        "error[D415]: the GPUs of worker 1 of `a` on node 1 are 2, 3 and 4, and its role names 2 and 3\n"
        "error[D401]: GPU 4 of node 1 is held twice: by worker 1 of `a` and by worker 1 of `d`",
    ),
    (  # fewer
        "named",
        [(of("a", 0) + "0, gpus = [2, 3]", of("a", 0) + "0, gpus = [2]")],
        "error[D406]: worker 0 of `a` has 1 GPU, and its role asks for 2\n"
        "error[D415]: the GPUs of worker 0 of `a` on node 0 are 2, and its role names 2 and 3",
    ),
    (  # none
        "named",
        [(of("c", 0) + "0, gpus = [7]", of("c", 0) + "0, gpus = []")],
        "error[D406]: worker 0 of `c` has 0 GPUs, and its role asks for 1\n"
        "error[D415]: the GPUs of worker 0 of `c` on node 0 are none, and its role names 7",
    ),
    (  # one that another worker holds on a role's named GPU
        "named",
        [(of("b", 0) + "0, gpus = [0, 1]", of("b", 0) + "0, gpus = [1, 2]")],
        "error[D401]: GPU 2 of node 0 is held twice: by worker 0 of `b` and by worker 0 of `a`",
    ),
    (  # around them, not in turn: GPU 4 is free
        "named",
        [(of("d", 0) + "0, gpus = [4]", of("d", 0) + "0, gpus = [5]")],
        "error[D403]: worker 0 of `d` starts at GPU 5 of node 0, and its turn is at 4",
    ),
    (  # around them, one before another's turn
        "named",
        [
            (of("d", 1) + "1, gpus = [4]", of("d", 1) + "1, gpus = [7]"),
            (of("e", 0) + "1, gpus = [5, 6, 7]", of("e", 0) + "1, gpus = [4, 5, 6]"),
        ],
        "error[D403]: worker 1 of `d` starts at GPU 7 of node 1, and its turn is at 4",
    ),
    (  # a slice with a named GPU in its midst
        "named",
        [
            (of("b", 1) + "1, gpus = [0, 1]", of("b", 1) + "1, gpus = [1, 4]"),
            ("node = 1, gpus = [4], p", "node = 1, gpus = [0], p"),
        ],
        "error[D402]: the GPUs of worker 1 of `b` on node 1 are 1 and 4",
    ),
    (  # both workers of a node on two nodes
        "named",
        [(of("c", 1) + "0, gpus = [6]", of("c", 1) + "1, gpus = [6]")],
        "error[D409]: worker 1 of `c` stands on node 1, and 2 of its role go together on node 0\n"
        "error[D401]: GPU 6 of node 1 is held twice: by worker 1 of `c` and by worker 0 of `e`",
    ),
    (  # a worker that the list has no more
        "named",
        [("gpus = [[7], [6]]", "gpus = [7]")],
        "error[D405]: role `c` comes to 1 worker, and the plan has 2\n"
        "error[D415]: the GPUs of worker 1 of `c` on node 0 are 6, and its role names 7",
    ),
    (  # another one on the second node of a worker
        "wide",
        [("rank = 1, node = 1, gpus = [0, 1, 2]", "rank = 1, node = 1, gpus = [0, 1]")],
        "error[D406]: worker 0 of `w` has 5 GPUs, and its role asks for 6\n"
        "error[D415]: the GPUs of worker 0 of `w` on node 1 are 0 and 1, and its role names 0, 1 and 2",
    ),
    (  # on every node
        "wide",
        [(of("eye", 2) + "2, gpus = [3]", of("eye", 2) + "2, gpus = [2]")],
        "error[D415]: the GPUs of worker 2 of `eye` on node 2 are 2, and its role names 3",
    ),
    (  # across a border of groups, beside a named GPU
        "wide",
        [(of("s", 0) + "2, gpus = [0, 1]", of("s", 0) + "2, gpus = [1, 2]")],
        "error[D403]: worker 0 of `s` starts at GPU 1 of node 2, and its turn is at 0",
    ),
    (  # no list of indices
        "wide",
        [("gpus = [3]\n", "gpus = [[3], 4]\n")],
        "error[D502]: `roles.eye.gpus` of a plan must be a list of GPU indices, or a list of such lists",
    ),
]


@pytest.mark.parametrize(("name", "changes", "expected"), BROKEN_NAMES)
def test_a_broken_promise_about_named_gpus_is_told(name: str, changes: list[tuple[str, str]], expected: str) -> None:
    assert messages(changed(NAMED[name], changes)) == expected


def test_where_turns_find_no_place_around_named_gpus_any_arrangement_will_do() -> None:
    """Pieces of two and three GPUs: two in turn take the lower piece, and leave no place for another two."""
    head = "schema = 1\nnodes = [ { node = 0, gpus = 6 } ]\nplacement = { head = 0 }\ncluster = { gpus-per-node = 6 }\n"
    row = '{{ role = "{}", worker = 0, tasks = [ {{ rank = 0, node = 0, gpus = {}, ports = {{}} }} ] }}'
    roles = "[roles.a]\nnum-nodes = 1\ngpus = [3]\n" + "".join(
        f"[roles.{name}]\nnum-nodes = 1\ngpus-per-worker = {gpus}\n" for name, gpus in (("x", 1), ("y", 2), ("z", 2))
    )

    def said(x: str, y: str, z: str) -> str:
        rows = ", ".join(row.format(*pair) for pair in (("a", "[3]"), ("x", x), ("y", y), ("z", z)))
        return messages(f"{head}workers = [ {rows} ]\njob.num-nodes = 1\n{roles}")

    assert said("[0]", "[1, 2]", "[4, 5]") == ""
    assert (
        said("[2]", "[0, 1]", "[4, 5]")
        == "error[D403]: worker 0 of `x` starts at GPU 2 of node 0, and its turn is at 0"
    )


# Two on a NUMA node of three GPUs, one on the other: what stands second in the file stands first on the node.
ATTACHED = """\
schema = 1
nodes = [ { node = 0, gpus = 6 } ]
workers = [
    { role = "x", worker = 0, tasks = [ { rank = 0, node = 0, gpus = [0, 1], ports = {} } ] },
    { role = "x", worker = 1, tasks = [ { rank = 0, node = 0, gpus = [3, 4], ports = {} } ] },
    { role = "y", worker = 0, tasks = [ { rank = 0, node = 0, gpus = [2], ports = {} } ] },
]
placement = { mode = "shared", lower-bound = 1, head = 0 }
job = { name = "demo", num-nodes = 1 }
cluster = { gpus-per-node = 6, gpu-numa = [0, 0, 0, 1, 1, 1] }

[roles.x]
workers = 2
gpus-per-worker = 2

[roles.y]
workers = 1
gpus-per-worker = 1
"""
IN_A_ROW = [("gpus = [3, 4]", "gpus = [2, 3]"), ("gpus = [2], p", "gpus = [4], p")]
BROKEN_NODES: list[tuple[list[tuple[str, str]], str]] = [
    (
        IN_A_ROW,
        "error[D404]: worker 1 of `x` crosses a border of `gpu-groups` on node 0",
    ),
    (  # groups that are named win, and are one here
        [("gpu-numa", "gpu-groups = [[0, 1, 2, 3, 4, 5]], gpu-numa")],
        "error[D403]: worker 1 of `x` starts at GPU 3 of node 0, and its turn is at 2",
    ),
    (
        [("[0, 0, 0, 1, 1, 1]", '["a"]')],
        "error[D502]: `cluster.gpu-numa` of a plan must be a whole number from 0 to 1000000",
    ),
]


def test_numa_nodes_are_groups_where_a_plan_names_none() -> None:
    assert check(tree_of(ATTACHED)) == ()
    named = [("gpu-numa = [0, 0, 0, 1, 1, 1]", "gpu-numa = [0, 0, 0, 0, 0, 0]")]
    assert check(tree_of(changed(ATTACHED, [*IN_A_ROW, *named]))) == ()


@pytest.mark.parametrize(("changes", "expected"), BROKEN_NODES)
def test_a_broken_promise_about_numa_nodes_is_told(changes: list[tuple[str, str]], expected: str) -> None:
    assert messages(changed(ATTACHED, changes)) == expected
