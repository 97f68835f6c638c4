"""Plans on nodes of several kinds, each broken by hand in one place, and what the checker says."""

from typing import Any

import pytest

from dynplan.checker import check
from tests.checker.test_promises import told, tree_of

# A node without GPUs, two of eight in two islands, three of four; a role on every node of all groups.
GROUPS = """\
schema = 1
nodes = [
    { node = 0, gpus = 0, group = "cpu" },
    { node = 1, gpus = 8, group = "big" },
    { node = 2, gpus = 8, group = "big" },
    { node = 3, gpus = 4, group = "small" },
    { node = 4, gpus = 4, group = "small" },
    { node = 5, gpus = 4, group = "small" },
]
workers = [
    { role = "etcd", worker = 0, tasks = [
     { rank = 0, node = 0, gpus = [], ports = { peer = { port = 7000 }, client = { port = 2379 } } } ] },
    { role = "decode", worker = 0, tasks = [
     { rank = 0, node = 1, gpus = [0, 1, 2, 3, 4, 5, 6, 7], ports = { peer = { port = 7001 } } },
     { rank = 1, node = 2, gpus = [0, 1, 2, 3, 4, 5, 6, 7], ports = {} } ] },
    { role = "prefill", worker = 0, tasks = [
     { rank = 0, node = 3, gpus = [0, 1], ports = { peer = { port = 7002 } } } ] },
    { role = "prefill", worker = 1, tasks = [
     { rank = 0, node = 4, gpus = [0, 1], ports = { peer = { port = 7003 } } } ] },
    { role = "draft", worker = 0, tasks = [ { rank = 0, node = 5, gpus = [0, 1, 2], ports = {} } ] },
    { role = "look", worker = 0, shares = "draft", tasks = [ { rank = 0, node = 5, gpus = [0, 1, 2], ports = {} } ] },
    { role = "all", worker = 0, tasks = [ { rank = 0, node = 0, gpus = [], ports = { http = { port = 9100 } } } ] },
    { role = "all", worker = 1, tasks = [ { rank = 0, node = 1, gpus = [], ports = { http = { port = 9100 } } } ] },
    { role = "all", worker = 2, tasks = [ { rank = 0, node = 2, gpus = [], ports = { http = { port = 9100 } } } ] },
    { role = "all", worker = 3, tasks = [ { rank = 0, node = 3, gpus = [], ports = { http = { port = 9100 } } } ] },
    { role = "all", worker = 4, tasks = [ { rank = 0, node = 4, gpus = [], ports = { http = { port = 9100 } } } ] },
    { role = "all", worker = 5, tasks = [ { rank = 0, node = 5, gpus = [], ports = { http = { port = 9100 } } } ] },
]
placement = { mode = "separate", lower-bound = 6, head = 0 }
job = { name = "demo", num-nodes = { small = 3 } }

[[cluster.node-groups]]
name = "cpu"

[[cluster.node-groups]]
name = "big"
gpus-per-node = 8
gpu-groups = [[0, 1, 2, 3], [4, 5, 6, 7]]

[[cluster.node-groups]]
name = "spare"
gpus-per-node = 4

[[cluster.node-groups]]
name = "small"
gpus-per-node = 4

[roles.etcd]
group = "cpu"
ports = { peer = { base = 7000, scope = "job" }, client = 2379 }

[roles.decode]
group = "big"
gpus-per-worker = 16
ports = { peer = { base = 7000, scope = "job" } }

[roles.prefill]
group = "small"
num-nodes = 2
gpus-per-worker = 2
ports = { peer = { base = 7000, scope = "job" } }

[roles.draft]
group = "small"
workers = 1
gpus-per-worker = 3

[roles.look]
beside = "draft"
group = "small"

[roles.all]
place = "every-node"
ports = { http = 9100 }
"""


def in_group(group: str) -> str:
    return f"in node group `{group}`, nodes counted from its first: "


BROKEN: list[tuple[str, str, str]] = [
    # nodes
    ('gpus = 8, group = "big" },\n    { node = 3', 'gpus = 8, group = "huge" },\n    { node = 3',
     "D410 node 2 is in node group `huge`, and the cluster has `cpu`, `big`, `spare`, `small`"),
    ('gpus = 0, group = "cpu"', "gpus = 0",
     "D410 node 0 is in no node group, and the cluster has `cpu`, `big`, `spare`, `small`"),
    ('{ node = 4, gpus = 4, group = "small" }', '{ node = 4, gpus = 8, group = "big" }',
     "D410 node 4 is in node group `big`, after nodes of `small`"),
    ("{ node = 4, gpus = 4,", "{ node = 4, gpus = 8,",
     f"D410 {in_group('small')}node 1 has 8 GPUs, and the cluster's nodes have 4"),
    ("small = 3 }", "small = 4 }", f"D410 {in_group('small')}the job asks for 4 nodes, and the plan has 3"),
    ("gpus-per-worker = 16", "gpus-per-worker = 8",
     f"D410 {in_group('big')}the roles come to 1 node, and the plan has 2"),
    ("small = 3 }", "small = 3, spare = 1 }", "D410 the job has nodes of node group `spare`, and the plan none"),
    ('group = "cpu"\nports', 'group = "big"\nports',
     "D417 worker 0 of `etcd` stands on node 0 of node group `cpu`, and its role is in `big`"),
    ("head = 0", "head = 1", f"D410 {in_group('cpu')}the head node is 1, and it should be 0, the first open one"),
    ('mode = "separate"', 'mode = "shared"', "D410 `mode` is `shared`, and the roles are separate on 6 nodes"),
    ("lower-bound = 6", "lower-bound = 5", "D410 `lower-bound` is 5, and for 6 nodes it is 6"),
    # workers
    ("{ rank = 1, node = 2, gpus = [0, 1, 2, 3, 4, 5, 6, 7]", "{ rank = 1, node = 3, gpus = [0, 1, 2, 3, 4, 5, 6, 7]",
     "D417 worker 0 of `decode` stands on node 3 of node group `small`, and its role is in `big`"),
    ("node = 4, gpus = [0, 1]", "node = 1, gpus = [0, 1]",
     "D417 worker 1 of `prefill` stands on node 1 of node group `big`, and its role is in `small`"),
    ("worker = 5, tasks = [ { rank = 0, node = 5,", "worker = 5, tasks = [ { rank = 0, node = 4,",
     f"D409 {in_group('small')}worker 5 of `all` stands on node 1, and it belongs on node 2"),
    ("node = 4, gpus = [0, 1]", "node = 5, gpus = [0, 1]",
     f"D401 {in_group('small')}GPU 0 of node 2 is held twice: by worker 1 of `prefill` and by worker 0 of `draft`"),
    ("node = 3, gpus = [0, 1]", "node = 3, gpus = [3, 4]",
     f"D402 {in_group('small')}worker 0 of `prefill` holds GPU 4 of node 0, which has 4"),
    ("node = 3, gpus = [0, 1]", "node = 3, gpus = [1, 2]",
     f"D403 {in_group('small')}worker 0 of `prefill` starts at GPU 1 of node 0, and its turn is at 0"),
    # ports, in the whole job
    ("peer = { port = 7003 }", "peer = { port = 7001 }",
     "D411 port 7001 is held by worker 0 of `decode` (`peer`) and by worker 1 of `prefill` (`peer`), and stands once in"
     " the whole job"),
    ("peer = { port = 7003 }", "peer = { port = 7004 }",
     "D413 port `peer` of worker 1 of `prefill` is 7004, and 7003 is the first free one"),
]  # fmt: skip


def first_told(tree: dict[str, Any]) -> str:
    finding = check(tree)[0]
    return f"{finding.code} {finding.message}"


def test_a_good_plan_is_accepted_with_the_tables_of_its_job_and_without() -> None:
    tree = tree_of(GROUPS)
    assert check(tree) == ()
    assert check({key: tree[key] for key in ("schema", "nodes", "workers")}) == ()


@pytest.mark.parametrize(("before", "after", "said"), BROKEN)
def test_a_broken_plan_is_refused(before: str, after: str, said: str) -> None:
    assert GROUPS.count(before) == 1
    assert first_told(tree_of(GROUPS.replace(before, after))) == said


def test_the_group_of_a_role_that_names_none_follows_from_the_rule() -> None:
    bare = GROUPS.replace('group = "cpu"\n', "").replace('group = "big"\n', "")
    assert check(tree_of(bare.replace('beside = "draft"\ngroup = "small"', 'beside = "draft"'))) == ()
    other = bare.replace('[roles.draft]\ngroup = "small"', "[roles.draft]")
    assert first_told(tree_of(other)) == (
        "D417 worker 0 of `draft` stands on node 5 of node group `small`, and its role is in `big`"
    )


def test_without_the_tables_of_the_job_a_worker_stays_in_one_group() -> None:
    tree = tree_of(GROUPS.replace("rank = 1, node = 2", "rank = 1, node = 3"))
    bare = {key: tree[key] for key in ("schema", "nodes", "workers")}
    said = "D417 worker 0 of `decode` stands on node 3 of node group `small`, and its rank 0 in `big`"
    assert first_told(bare) == said


def test_groups_of_a_cluster_that_has_none_are_refused() -> None:
    tree = tree_of(GROUPS)
    tree |= {"cluster": {"gpus-per-node": 8}, "job": {"name": "demo"}}
    assert first_told(tree) == "D410 node 0 is in node group `cpu`, and the cluster has none"


def test_the_place_of_what_is_wrong_is_shown() -> None:
    lines = told(GROUPS.replace("node = 4, gpus = [0, 1]", "node = 1, gpus = [0, 1]")).splitlines()
    assert lines[0].startswith("error[D417]")
    assert "node = 1, gpus = [0, 1]" in lines[1]
