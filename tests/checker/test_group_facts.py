"""Plans whose node groups have NVLink domains and NUMA nodes, each broken by hand in one place: what is said."""

import copy
import json
from typing import Any

import pytest

from dynplan.checker import check
from dynplan.language import parse, read, resolve
from dynplan.language.plan_file import to_tree
from dynplan.planner import plan
from tests.checker.test_domains import moved, said

# A head, node 0; racks of four nodes, 1 to 8, with decode on 1-3 and 5-7 and prefill on 4 and 8; two boxes of two NUMA
# nodes, 9 and 10, with a worker of both and three of three GPUs.
JOB = b"""
[job]
num-nodes = { box = 3 }

[[cluster.node-groups]]
name = "cpu"

[[cluster.node-groups]]
name = "rack"
gpus-per-node = 4
domain-nodes = 4

[[cluster.node-groups]]
name = "box"
gpus-per-node = 6
gpu-numa = [0, 0, 0, 1, 1, 1]

[roles.etcd]
command = "serve"

[roles.decode]
group = "rack"
workers = 2
gpus-per-worker = 12
command = "serve"

[roles.prefill]
group = "rack"
workers = 2
gpus-per-worker = 4
command = "serve"

[roles.train]
group = "box"
workers = 1
gpus-per-worker = 12
command = "train"

[roles.draft]
group = "box"
workers = 2
gpus-per-worker = 2
command = "serve"
"""
Tree = Any


def tree_of(job: bytes = JOB) -> Tree:
    return json.loads(json.dumps(to_tree(plan(read(resolve([parse("job.toml", job)]))))))


GOOD = tree_of()
SMALL = tree_of(
    JOB.replace(b"gpus-per-worker = 12", b"gpus-per-worker = 8", 1).replace(b"box = 3", b"box = 3, rack = 8")
)


def with_segment(segment: Any, tree: Tree = GOOD) -> Tree:
    out = copy.deepcopy(tree)
    out["placement"].pop("segment")
    return out if segment is None else {**out, "placement": {**out["placement"], "segment": segment}}


def with_gpus(role: str, worker: int, *gpus: int) -> Tree:
    out = copy.deepcopy(GOOD)
    found = next(one for one in out["workers"] if (one["role"], one["worker"]) == (role, worker))
    found["tasks"][0]["gpus"] = list(gpus)
    return out


def with_group(name: str, **keys: Any) -> Tree:
    """Return the plan of a cluster that says something else of a group."""
    out = copy.deepcopy(GOOD)
    group = next(one for one in out["cluster"]["node-groups"] if one["name"] == name)
    for key, value in keys.items():
        group[key.replace("_", "-")] = value
        if value is None:
            del group[key.replace("_", "-")]
    return out


def with_nodes(more: int) -> Tree:
    """Return the plan with more nodes of racks, on which nobody stands."""
    out = copy.deepcopy(GOOD)
    out["nodes"][9:9] = [{"node": 0, "host": None, "gpus": 4, "group": "rack"}] * more
    out["nodes"] = [{**node, "node": at} for at, node in enumerate(out["nodes"])]
    for worker in out["workers"]:
        for task in worker["tasks"]:
            task["node"] += more * (task["node"] > 8)
    out["placement"]["lower-bound"] += more
    return out


def test_a_good_plan_is_accepted_with_the_tables_of_its_job_and_without() -> None:
    assert GOOD["placement"]["segment"] == {"rack": 4}
    assert SMALL["placement"]["segment"] == {"rack": 2}
    for tree in (GOOD, SMALL):
        assert check(tree) == ()
        assert check({key: tree[key] for key in ("schema", "nodes", "workers", "placement")}) == ()


RACK, BOX = (f"in node group `{name}`, nodes counted from its first: " for name in ("rack", "box"))
BROKEN: list[tuple[Tree, str]] = [
    (
        moved(moved(copy.deepcopy(GOOD), "decode", 0, 1, 2, 8), "prefill", 1, 3),
        f"D419: {RACK}worker 0 of `decode` stands on nodes 0 and 7, in 2 segments of 4 nodes, and 1 would hold it",
    ),
    (
        moved(moved(copy.deepcopy(GOOD), "decode", 1, 4, 6, 7), "prefill", 0, 5),
        f"D419: {RACK}worker 1 of `decode` stands on nodes 3 and 5, in 2 segments of 4 nodes, and 1 would hold it",
    ),
    (
        with_segment(None),
        f"D419: {RACK}the plan does not say which nodes are of one domain, and worker 0 of `decode` spans several",
    ),
    (
        with_segment({}),
        f"D419: {RACK}the plan does not say which nodes are of one domain, and worker 0 of `decode` spans several",
    ),
    (with_segment({"rack": 8}), f"D419: {RACK}segments of 8 nodes cross domains, which have 4"),
    (
        with_segment({"rack": 3}),
        f"D419: {RACK}8 nodes do not come in segments of 3\n"
        f"D419: {RACK}worker 1 of `decode` stands on nodes 4 and 6, in 2 segments of 3 nodes, and 1 would hold it",
    ),
    (
        with_segment({"rack": 4, "box": 2}),
        f"D419: {BOX}the plan has segments of 2 nodes, and nothing of the job asks for any",
    ),
    (
        with_segment({"rack": 4, "cpu": 1}),
        "D419: in node group `cpu`, nodes counted from its first: the plan has segments of 1 nodes, and nothing of the"
        " job asks for any",
    ),
    (
        with_segment({"rack": 4, "spare": 2}),
        "D419: the plan says what a segment of node group `spare` is, and has no nodes of it",
    ),
    (
        with_segment(4),
        "D419: the plan has segments of 4 nodes, and does not say of which node group",
    ),
    (
        with_segment({"rack": 4}, SMALL),
        f"D419: {RACK}segments of 4 nodes are more than is needed: segments of 2 hold every worker",
    ),
    (
        with_group("rack", sbatch={"segment": 8}),
        f"D419: {RACK}the job asks for segments of 8 nodes, and the plan has such of 4",
    ),
    (
        with_group("rack", domain_nodes=3),
        f"D419: {RACK}segments of 4 nodes cross domains, which have 3",
    ),
    (
        with_group("rack", domain_nodes=None),
        f"D407: {RACK}`decode` stands on nodes 0, 1, 2, 4, 5, 6, and its turn is at nodes 0, 1, 2, 3, 4, 5\n"
        f"D419: {RACK}the plan has segments of 4 nodes, and nothing of the job asks for any",
    ),
    (
        with_group("box", domain_nodes=2),
        f"D419: {BOX}the plan does not say which nodes are of one domain, and worker 0 of `train` spans several",
    ),
    (with_nodes(4), f"D410: {RACK}no worker has a GPU in segment 2, and fewer nodes would do"),
    (with_nodes(1), f"D419: {RACK}9 nodes do not come in segments of 4"),
    # NUMA nodes
    (
        with_gpus("draft", 1, 2, 3),
        f"D404: {BOX}worker 1 of `draft` crosses a border of `gpu-groups` on node 2",
    ),
    (
        with_group("box", gpu_numa=[0, 1, 1, 1, 1, 1]),
        f"D404: {BOX}worker 0 of `draft` crosses a border of `gpu-groups` on node 2",
    ),
    (
        with_group("box", gpu_groups=[[0], [1, 2], [3, 4, 5]]),
        f"D404: {BOX}worker 0 of `draft` crosses a border of `gpu-groups` on node 2",
    ),
]


@pytest.mark.parametrize(("tree", "expected"), BROKEN)
def test_a_broken_promise_is_named_with_its_group(tree: Tree, expected: str) -> None:
    assert "\n".join(said(tree)) == expected


def test_the_place_of_a_segment_is_that_of_its_group() -> None:
    (finding,) = check(with_segment({"rack": 8}))
    assert finding.path == ("placement", "segment", "rack")
    (finding,) = check(with_segment({"rack": 4, "spare": 2}))
    assert finding.path == ("placement", "segment", "spare")


def test_without_the_tables_of_the_job_workers_are_held_to_the_segments_that_the_plan_states() -> None:
    tree = moved(moved(copy.deepcopy(GOOD), "decode", 0, 1, 2, 8), "prefill", 1, 3)
    assert said({key: tree[key] for key in ("schema", "nodes", "workers", "placement")}) == [
        f"D419: {RACK}worker 0 of `decode` stands on nodes 0 and 7, in 2 segments of 4 nodes, and 1 would hold it"
    ]


# Eight nodes keep the roles apart, but not in segments of four.
SHARED = b"""
[job]
num-nodes = { rack = 8 }

[[cluster.node-groups]]
name = "cpu"

[[cluster.node-groups]]
name = "rack"
gpus-per-node = 8
domain-nodes = DOMAIN

[roles.etcd]
command = "serve"

[roles.a]
group = "rack"
workers = 2
gpus-per-worker = 17
command = "serve"

[roles.b]
group = "rack"
workers = 1
gpus-per-worker = 9
split = "fill"
command = "serve"
"""


def test_roles_share_nodes_where_the_segments_of_their_group_keep_them_from_being_apart() -> None:
    apart, shared = (tree_of(SHARED.replace(b"DOMAIN", number)) for number in (b"8", b"4"))
    assert [tree["placement"]["mode"] for tree in (apart, shared)] == ["separate", "shared"]
    assert check(apart) == check(shared) == ()
    shared["placement"]["mode"] = "separate"
    assert said(shared) == [f"D407: {RACK}`a` and `b` share node 0, and 8 nodes keep the roles separate"]
