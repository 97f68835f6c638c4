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
