"""The checker of plans whose nodes come in segments of one NVLink domain: hand-broken ones, and what is said."""

import json
from typing import Any

import pytest

from dynplan.checker import check
from dynplan.language import parse, read, resolve
from dynplan.language.plan_file import to_tree
from dynplan.planner import plan

# Eight nodes in segments of four: a worker of three and one of one, twice. Roles: decode 0-2 and 4-6, prefill 3 and 7.
JOB = b"""
[cluster]
gpus-per-node = 4
domain-nodes = 4
[roles.decode]
workers = 2
gpus-per-worker = 12
command = "serve"
[roles.prefill]
workers = 2
gpus-per-worker = 4
command = "serve"
"""
# The same nodes in turns: a test on two times three of them, and then a worker of all four of a segment and two of two.
TURNS = b"""
[job]
num-nodes = 8
[cluster]
gpus-per-node = 4
domain-nodes = 4
[roles.test]
kind = "task"
workers = 2
gpus-per-worker = 12
command = "test"
[roles.decode]
after = ["test"]
workers = 1
gpus-per-worker = 16
command = "serve"
[roles.prefill]
after = ["test"]
workers = 2
gpus-per-worker = 8
command = "serve"
"""
# A worker of six nodes, in two segments of three.
LARGE = b"""
[cluster]
gpus-per-node = 4
domain-nodes = 4
[roles.train]
workers = 1
gpus-per-worker = 24
command = "train"
"""


def tree_of(job: bytes, **keys: Any) -> Any:
    tables = resolve([parse("job.toml", job)])
    for path, value in keys.items():
        *above, last = path.split("__")
        table: Any = tables
        for key in above:
            table = table.setdefault(key.replace("_", "-"), {})
        table[last.replace("_", "-")] = value
    return json.loads(json.dumps(to_tree(plan(read(tables)))))


def moved(tree: Any, role: str, worker: int, *nodes: int) -> Any:
    """Return the plan with a worker on other nodes."""
    found = next(one for one in tree["workers"] if (one["role"], one["worker"]) == (role, worker))
    for task, node in zip(found["tasks"], nodes, strict=True):
        task["node"] = node
    return tree


def with_nodes(tree: Any, count: int) -> Any:
    tree["nodes"] += [{"node": node, "host": None, "gpus": 4} for node in range(len(tree["nodes"]), count)]
    tree["placement"]["lower-bound"] = count
    return tree


def segments(tree: Any, size: int | None) -> Any:
    tree["placement"].pop("segment", None)
    if size is not None:
        tree["placement"]["segment"] = size
    return tree


def said(tree: Any) -> list[str]:
    return [f"{finding.code}: {finding.message}" for finding in check(tree)]


def test_plans_in_segments_keep_their_promises() -> None:
    for tree in (
        tree_of(JOB),
        tree_of(TURNS),
        tree_of(LARGE),
        tree_of(JOB, job__num_nodes="min"),
        tree_of(JOB, job__num_nodes=12),
    ):
        assert check(tree) == ()
    assert tree_of(JOB)["placement"]["segment"] == 4
    assert tree_of(LARGE)["placement"]["segment"] == 3


BROKEN: list[tuple[Any, str]] = [
    (
        # A worker and one of another role have changed places: both are where there is room.
        moved(moved(tree_of(JOB), "decode", 0, 0, 1, 7), "prefill", 1, 2),
        "D419: worker 0 of `decode` stands on nodes 0 and 7, in 2 segments of 4 nodes, and 1 would hold it",
    ),
    (
        moved(moved(tree_of(JOB), "decode", 1, 3, 5, 6), "prefill", 0, 4),
        "D419: worker 1 of `decode` stands on nodes 3 and 5, in 2 segments of 4 nodes, and 1 would hold it",
    ),
    (
        segments(tree_of(JOB), None),
        "D419: the plan does not say which nodes are of one domain, and worker 0 of `decode` spans several",
    ),
    (segments(tree_of(JOB), 8), "D419: segments of 8 nodes cross domains, which have 4"),
    (
        segments(tree_of(JOB), 2),
        "D419: worker 0 of `decode` stands on nodes 0 and 2, in 2 segments of 2 nodes, and 1 would hold it\n"
        "D419: worker 1 of `decode` stands on nodes 4 and 6, in 2 segments of 2 nodes, and 1 would hold it",
    ),
    (
        segments(tree_of(JOB), 3),
        "D419: 8 nodes do not come in segments of 3\n"
        "D419: worker 1 of `decode` stands on nodes 4 and 6, in 2 segments of 3 nodes, and 1 would hold it",
    ),
    (
        segments(tree_of(JOB, roles__decode__gpus_per_worker=8, job__num_nodes=8), 4),
        "D419: segments of 4 nodes are more than is needed: segments of 2 hold every worker",
    ),
    (
        segments(tree_of(JOB, roles__decode__gpus_per_worker=4), 2),
        "D419: the plan has segments of 2 nodes, and nothing of the job asks for any",
    ),
    (
        segments(tree_of(JOB, job__nodes="n[0-7]"), 4),
        "D419: the plan has segments of 4 nodes, and nothing of the job asks for any",
    ),
    (
        segments(tree_of(JOB, job__sbatch={"segment": "4"}, roles__decode__gpus_per_worker=8, job__num_nodes=8), 2),
        "D419: the job asks for segments of 4 nodes, and the plan has such of 2",
    ),
    (
        segments(tree_of(LARGE), 2),
        "D419: worker 0 of `train` stands on nodes 0 and 2, in 3 segments of 2 nodes, and 2 would hold it",
    ),
    (
        moved(tree_of(TURNS), "test", 1, 3, 4, 5),
        "D419: worker 1 of `test` stands on nodes 3 and 4, in 2 segments of 4 nodes, and 1 would hold it",
    ),
    (
        moved(moved(tree_of(TURNS), "decode", 0, 0, 1, 2, 7), "prefill", 1, 3, 6),
        "D419: worker 0 of `decode` stands on nodes 0 and 7, in 2 segments of 4 nodes, and 1 would hold it\n"
        "D419: worker 1 of `prefill` stands on nodes 3 and 6, in 2 segments of 4 nodes, and 1 would hold it",
    ),
    (
        segments(tree_of(TURNS), 2),
        "D419: worker 0 of `test` stands on nodes 0 and 2, in 2 segments of 2 nodes, and 1 would hold it\n"
        "D419: worker 1 of `test` stands on nodes 4 and 6, in 2 segments of 2 nodes, and 1 would hold it\n"
        "D419: worker 0 of `decode` stands on nodes 0 and 2, in 2 segments of 2 nodes, and 1 would hold it",
    ),
    (
        # In a segment of four only the test would need three.
        segments(tree_of(TURNS, roles__test__workers=1, roles__decode__gpus_per_worker=8, job__num_nodes=8), 8),
        "D419: segments of 8 nodes cross domains, which have 4",
    ),
    (
        segments(tree_of(TURNS, roles__test__gpus_per_worker=8, roles__decode__gpus_per_worker=8, job__num_nodes=8), 4),
        "D419: segments of 4 nodes are more than is needed: segments of 2 hold every worker",
    ),
    (with_nodes(tree_of(JOB), 12), "D410: no worker has a GPU in segment 2, and fewer nodes would do"),
    (with_nodes(tree_of(JOB, job__num_nodes=8), 12), "D410: the job asks for 8 nodes, and the plan has 12"),
]


@pytest.mark.parametrize(("tree", "expected"), BROKEN)
def test_a_broken_promise_is_named(tree: Any, expected: str) -> None:
    assert "\n".join(said(tree)) == expected


def test_without_the_tables_of_the_job_workers_are_held_to_the_segments_that_the_plan_states() -> None:
    tree = moved(moved(tree_of(JOB), "decode", 0, 0, 1, 7), "prefill", 1, 2)
    bare = {key: tree[key] for key in ("schema", "nodes", "workers", "placement")}
    assert said(bare) == [
        "D419: worker 0 of `decode` stands on nodes 0 and 7, in 2 segments of 4 nodes, and 1 would hold it"
    ]
