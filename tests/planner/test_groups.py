"""Nodes of several kinds: which group a role stands in, how many nodes each group has, and what is refused."""

import pytest

from dynplan.checker import check
from dynplan.language.plan_file import from_tree, to_tree
from tests.plans import placed, plan_of, ports, refused, told

# A head without GPUs, nodes of eight GPUs in two islands, nodes of four.
SITE = """
[[cluster.node-groups]]
name = "cpu"

[[cluster.node-groups]]
name = "h100"
gpus-per-node = 8
gpu-groups = [[0, 1, 2, 3], [4, 5, 6, 7]]

[[cluster.node-groups]]
name = "l40s"
gpus-per-node = 4
"""


def role(name: str, *lines: str) -> str:
    return "\n".join([f"[roles.{name}]", *lines, ""])


def nodes(text: str) -> list[str]:
    return [f"{node.group}:{node.gpus}" for node in plan_of(text).nodes]


DISAGGREGATED = (
    SITE
    + role("etcd", "ports = { client = 2379 }")
    + role("frontend", "ports = { http = 8000 }")
    + role("prefill", 'group = "l40s"', "num-nodes = 2", "gpus-per-worker = 4", "ports = { http = 8000 }")
    + role("decode", "num-nodes = 1", "workers-per-node = 2", "gpus-per-worker = 4", "ports = { http = 8000 }")
    + role("exporter", 'place = "every-node"', "ports = { http = 8000 }")
)


def test_services_on_a_head_without_gpus_and_engines_on_two_kinds_of_nodes() -> None:
    assert nodes(DISAGGREGATED) == ["cpu:0", "h100:8", "l40s:4", "l40s:4"]
    assert placed(DISAGGREGATED) == [
        *("etcd.0 on 0", "frontend.0 on 0"),
        *("prefill.0 on 2:0-3", "prefill.1 on 3:0-3"),
        *("decode.0 on 1:0-3", "decode.1 on 1:4-7"),
        *("exporter.0 on 0", "exporter.1 on 1", "exporter.2 on 2", "exporter.3 on 3"),
    ]
    assert plan_of(DISAGGREGATED).head == 0


def test_a_node_has_one_set_of_ports_whatever_its_group() -> None:
    assert ports(DISAGGREGATED)[-4:] == [
        *("exporter.0 on 0 http=8001", "exporter.1 on 1 http=8002"),
        *("exporter.2 on 2 http=8001", "exporter.3 on 3 http=8001"),
    ]
    wide = DISAGGREGATED.replace("{ http = 8000 }", '{ http = { base = 8000, scope = "job" } }')
    assert [line.split("=")[1] for line in ports(wide)[1:]] == [str(port) for port in range(8000, 8009)]


def test_a_plan_with_groups_is_read_back_as_it_was() -> None:
    found = plan_of(DISAGGREGATED)
    assert [node.get("group") for node in to_tree(found)["nodes"]] == ["cpu", "h100", "l40s", "l40s"]
    again = from_tree(to_tree(found))
    assert to_tree(again) == to_tree(found)
    assert [one.size.group for one in again.job.roles] == ["cpu", "cpu", "l40s", "h100", ""]


# Which group


@pytest.mark.parametrize(
    ("lines", "group"),
    [
        ((), "cpu"),
        (('group = "l40s"',), "l40s"),
        (("gpus-per-worker = 0", "num-nodes = 2"), "cpu"),
        (("gpus-per-worker = 1",), "h100"),
        (("gpus-per-worker = 5",), "h100"),
        (("gpus-per-worker = 4", 'group = "l40s"'), "l40s"),
        (("gpus-per-worker = 16",), "h100"),
        (("gpus = [6, 7]",), "h100"),
        (("gpus-per-worker = 2", "per-node = true"), "h100"),
        (('place = "every-node"',), ""),
        (("per-node = true",), ""),
        (('place = "every-node"', 'group = "h100"'), "h100"),
        (('place = "with:decode"',), "l40s"),
        (('beside = "decode"',), "l40s"),
        (('place = "with:all"',), "cpu"),
        (('place = "with:all"', 'group = "l40s"'), "l40s"),
        (('beside = "all"',), ""),
    ],
)
def test_the_group_of_a_role(lines: tuple[str, ...], group: str) -> None:
    text = SITE + role("a", *lines) + role("decode", "gpus-per-worker = 4", 'group = "l40s"')
    found = plan_of(text + role("all", 'place = "every-node"'))
    assert found.job.role("a").size.group == group
    there = {found.nodes[task.node].group for worker in found.workers if worker.role == "a" for task in worker.tasks}
    assert there == ({group} if group else {node.group for node in found.nodes})


def test_small_nodes_first_have_the_roles_that_they_hold() -> None:
    small_first = '[[cluster.node-groups]]\nname = "small"\ngpus-per-node = 2\n' + SITE
    for lines, group in [
        (("gpus-per-worker = 2",), "small"),
        (("gpus-per-worker = 2", "workers-per-node = 2"), "h100"),
        (("gpus-per-worker = 2", 'workers-per-node = "max"'), "small"),
        (("gpus = [1]",), "small"),
        (("gpus = [2]",), "h100"),
        (("gpus-per-worker = 32",), "h100"),
    ]:
        assert plan_of(small_first + role("a", *lines)).job.role("a").size.group == group


def test_hosts_of_the_job_say_the_group_of_a_role_that_names_them() -> None:
    job = '[job]\nnodes = { cpu = ["c0"], h100 = ["h1", "h0"], l40s = "l[0-1]" }\n'
    text = job + SITE + role("etcd") + role("a", 'nodes = ["l1"]', "gpus-per-worker = 2")
    text += role("b", 'nodes = ["h0"]', "gpus-per-worker = 8")
    assert [node.host for node in plan_of(text).nodes] == ["c0", "h1", "h0", "l0", "l1"]
    assert placed(text) == ["etcd.0 on 0", "a.0 on 4:0-1", "b.0 on 2:0-7"]


def test_roles_name_hosts_of_their_groups() -> None:
    text = (
        SITE
        + role("etcd", "gpus-per-worker = 0", 'nodes = ["c0"]')
        + role("a", 'nodes = "h[0-1]"', "gpus-per-worker = 8")
    )
    assert [(node.group, node.host) for node in plan_of(text).nodes] == [("cpu", "c0"), ("h100", "h0"), ("h100", "h1")]


# How many nodes


def test_a_group_without_a_role_has_no_node() -> None:
    assert nodes(SITE + role("a", "gpus-per-worker = 8")) == ["h100:8"]
    assert nodes(SITE + role("a", 'group = "l40s"')) == ["l40s:4"]
    assert nodes(SITE + role("a", 'place = "every-node"')) == ["cpu:0"]


def test_every_group_has_a_number_of_its_own() -> None:
    roles = role("a", "gpus-per-worker = 3", "num-nodes = 2") + role("b", "gpus-per-worker = 3", "num-nodes = 2")
    roles += role("c", 'group = "l40s"', "gpus-per-worker = 2") + role("d", 'group = "l40s"', "gpus-per-worker = 2")
    assert nodes(SITE + roles) == ["h100:8"] * 4 + ["l40s:4"] * 2
    assert nodes('[job]\nnum-nodes = "min"\n' + SITE + roles) == ["h100:8"] * 2 + ["l40s:4"]
    assert nodes('[job.num-nodes]\nh100 = "min"\n' + SITE + roles) == ["h100:8"] * 2 + ["l40s:4"] * 2
    found = plan_of("[job.num-nodes]\nh100 = 3\nl40s = 1\n" + SITE + roles)
    assert [node.group for node in found.nodes] == ["h100"] * 3 + ["l40s"]
    assert (found.placement.mode, found.placement.lower) == ("shared", 4)


def test_a_number_for_nodes_that_only_roles_on_every_node_have() -> None:
    text = "[job.num-nodes]\nl40s = 2\n" + SITE + role("a", "gpus-per-worker = 8") + role("all", "per-node = true")
    assert placed(text) == ["a.0 on 0:0-7", "all.0 on 0", "all.1 on 1", "all.2 on 2"]


def test_one_number_is_for_a_job_whose_roles_stand_in_one_group() -> None:
    assert nodes("[job]\nnum-nodes = 3\n" + SITE + role("a", "gpus-per-worker = 8", "num-nodes = 3")) == ["h100:8"] * 3
    names = '[job]\nnodes = "h[0-1]"\n' + SITE + role("a", "gpus-per-worker = 8", "num-nodes = 2")
    assert [node.host for node in plan_of(names).nodes] == ["h0", "h1"]
    text = "[job]\nnum-nodes = 4\n" + SITE + role("etcd") + role("a", "gpus-per-worker = 8")
    assert told(text) == (
        "D113 `num-nodes` is one number, and the roles stand in node groups `cpu` and `h100`\n"
        "say it by group: `num-nodes = { cpu = 1, h100 = 3 }`"
    )


def test_nodes_left_over_are_a_warning_that_names_the_group() -> None:
    text = "[job.num-nodes]\nh100 = 2\n" + SITE + role("a", "gpus-per-worker = 8")
    (warning,) = plan_of(text).warnings
    assert warning.message == "in node group `h100`: 1 of 2 nodes runs no role with GPUs"
    assert warning.path == ("job", "num-nodes", "h100")


def test_the_head_of_a_job_is_that_of_its_first_group_and_each_group_has_its_own() -> None:
    roles = role("decode", "gpus-per-worker = 8", "dedicated = true") + role("prefill", "gpus-per-worker = 8")
    text = SITE + roles + role("near", 'group = "h100"') + role("far", 'group = "l40s"')
    assert placed(text)[2:] == ["near.0 on 1", "far.0 on 2"]
    assert plan_of(text).head == 1


def test_gpus_go_out_inside_the_islands_of_the_group() -> None:
    lines = ("workers = 2", "gpus-per-worker = 3")
    other = SITE.replace('name = "l40s"\ngpus-per-node = 4', 'name = "l40s"\ngpus-per-node = 8')
    text = other + role("a", *lines) + role("b", 'group = "l40s"', *lines)
    assert placed(text) == ["a.0 on 0:0-2", "a.1 on 0:4-6", "b.0 on 1:0-2", "b.1 on 1:3-5"]


def test_the_block_of_a_port_is_as_long_as_a_slice_in_its_group() -> None:
    lines = ("gpus-per-worker = 8", 'ports = { nccl = { base = 6000, count = "gpu-count" } }')
    assert ports(SITE + role("a", *lines)) == ["a.0 on 0 nccl=6000-6007"]
    assert ports(SITE + role("a", 'group = "l40s"', *lines)) == ["a.0 on 0 nccl=6000-6003"]


# What is refused

REFUSED = [
    (
        role("a", 'group = "h10"', "gpus-per-worker = 8"),
        "D122 `group` of role `a` names `h10`, which is no node group\n"
        "did you mean `h100`? The groups are `cpu`, `h100`, `l40s`",
    ),
    (
        role("a", 'group = "cpu"', "gpus-per-worker = 4"),
        "D210 role `a` needs 4 GPUs per worker, and the nodes of node group `cpu` have none\n"
        'set `roles.a.group = "h100"`',
    ),
    (
        role("a", 'group = "l40s"', "workers-per-node = 3", "gpus-per-worker = 2"),
        "D209 in node group `l40s`: role `a` wants 3 workers of 2 GPUs on a node, which is 6 GPUs, but a node has 4\n"
        "set `roles.a.workers-per-node = 2`, or set `roles.a.gpus-per-worker = 1`",
    ),
    (
        role("a", 'group = "l40s"', "gpus = [4, 5]"),
        'D214 in node group `l40s`: role `a` names GPU 5, and a node has 4 GPUs, 0 to 3\nset `roles.a.group = "h100"`',
    ),
    (
        "[job.num-nodes]\nl40s = 1\n" + role("a", 'group = "l40s"', "num-nodes = 2", "gpus-per-worker = 4"),
        "D203 in node group `l40s`: not enough nodes: the job has 1, and role `a` needs at least 2 for 2 workers of 4"
        " GPUs; together the roles need 8 of 4 GPUs\n"
        "set `job.num-nodes.l40s = 2`, or set `roles.a.num-nodes = 1`",
    ),
    (
        "[job.num-nodes]\nl40s = 2\n" + role("a", "gpus-per-worker = 8"),
        "D113 `num-nodes` gives the job nodes of group `l40s`, and no role stands there\n"
        'leave it out, or say `group = "l40s"` in a role',
    ),
    (
        "[job.num-nodes]\nl40 = 2\n" + role("a", "gpus-per-worker = 8"),
        "D122 `job.num-nodes.l40` names `l40`, which is no node group\n"
        "did you mean `l40s`? The groups are `cpu`, `h100`, `l40s`",
    ),
    (
        role("a", "gpus-per-worker = 8") + role("b", 'beside = "a"', 'group = "l40s"'),
        "D113 role `b` is where `a` is, which stands in node group `h100`, not in `l40s`\nleave it out",
    ),
    (
        role("a", 'place = "with:b"', 'group = "h100"') + role("b"),
        "D113 role `a` is where `b` is, which stands in node group `cpu`, not in `h100`\nleave it out",
    ),
    (
        '[job]\nnodes = { h100 = ["x"], l40s = ["x"] }\n' + role("a", "gpus-per-worker = 8"),
        "D113 host `x` is in node group `l40s` and in `h100`\nname it in one of them",
    ),
    (
        role("a", "gpus-per-worker = 8", 'nodes = ["x"]') + role("b", 'nodes = ["x"]'),
        "D113 role `b` of node group `cpu` names host `x`, and so does role `a` of `h100`\n"
        "a host is in one group: name another",
    ),
    (
        '[job]\nnodes = { h100 = ["x"] }\n' + role("a", "gpus-per-worker = 8", 'nodes = ["y"]'),
        "D205 in node group `h100`: role `a` names host `y`, which is not among the job's `nodes`\n"
        'set `job.nodes.h100 = ["x", "y"]`, or name another host',
    ),
    (
        role("a", "gpus-per-worker = 8", "dedicated = true") + role("all", 'place = "every-node"'),
        "D208 in node group `h100`: role `a` is dedicated, but role `all` stands on its node 0 too\n"
        "set `roles.a.dedicated = false`",
    ),
]


@pytest.mark.parametrize(("text", "said"), REFUSED)
def test_what_cannot_be_names_the_group_and_what_would_fit(text: str, said: str) -> None:
    head, roles = text[: text.index("[roles")], text[text.index("[roles") :]
    assert said in [f"{finding.code} {finding.message}\n{finding.help}" for finding in refused(head + SITE + roles)]


def test_nodes_without_gpus_are_told_with_the_key_that_names_the_group() -> None:
    cpu = '[[cluster.node-groups]]\nname = "cpu"\n'
    (finding,) = refused(cpu + role("a", "gpus-per-worker = 2"))
    assert (finding.code, finding.path) == ("D210", ("roles", "a", "group"))
    assert finding.message == "role `a` needs 2 GPUs per worker, and the nodes of node group `cpu` have none"
    assert finding.help == "give a node group of the cluster `gpus-per-node`"


def test_the_nodes_of_all_groups_together_are_no_more_than_a_job_may_have() -> None:
    roles = role("a") + role("b", 'group = "l40s"')
    (finding,) = refused("[job.num-nodes]\ncpu = 40000\nl40s = 25537\n" + SITE + roles)
    assert (finding.code, finding.path, finding.help) == ("D212", ("job",), "ask for fewer nodes")
    assert finding.message == "the node groups come to 65537 nodes, and a job has at most 65536"


def test_a_number_of_nodes_that_is_too_small_is_told_at_the_key_of_its_group() -> None:
    roles = role("a", 'group = "l40s"', "num-nodes = 2", "gpus-per-worker = 4")
    (finding,) = refused("[job.num-nodes]\nl40s = 1\n" + SITE + roles)
    assert (finding.code, finding.path) == ("D203", ("job", "num-nodes", "l40s"))


def test_what_a_task_gives_back_is_given_inside_each_group() -> None:
    test, server = ("gpus-per-worker = 8", 'kind = "task"'), ("gpus-per-worker = 8", 'after = ["test"]')
    other = role("other", 'group = "l40s"', "gpus-per-worker = 4", 'after = ["test"]')
    text = '[job]\nnum-nodes = "min"\n' + SITE + role("test", *test) + role("server", *server) + other
    found = plan_of(text)
    assert placed(text) == ["test.0 on 0:0-7", "server.0 on 0:0-7", "other.0 on 1:0-3"]
    assert [worker.until for worker in found.workers] == [("server",), (), ()]
    assert (found.placement.in_turns, found.placement.lower) == (True, 2)
    assert not plan_of(SITE + role("test", *test) + role("server", *server) + other).placement.in_turns


def test_the_fewest_nodes_of_a_group_that_may_be_fewer_in_turns_are_not_proven() -> None:
    """As `test_turns.AROUND_PINS`, in a group beside another one."""
    small = '[[cluster.node-groups]]\nname = "small"\ngpus-per-node = 2\n' + SITE
    text = '[job]\nnum-nodes = "min"\n' + small
    text += role("a", 'group = "small"', "num-nodes = 2", "gpus = [0]", 'after = ["d"]')
    text += role("b", 'group = "small"', "workers = 2", "gpus-per-worker = 1", 'kind = "task"')
    text += role("c", 'group = "small"', "num-nodes = 1", "gpus-per-worker = 1", 'kind = "task"')
    text += role("d", 'group = "small"', "num-nodes = 2", "gpus = [1]", 'kind = "task"')
    found = plan_of(text + role("e", "num-nodes = 2", "gpus-per-worker = 8"))
    assert (len(found.nodes), found.placement.lower, found.placement.in_turns) == (6, 5, False)
    (warning,) = found.warnings
    assert (warning.code, warning.path) == ("W202", ("job", "num-nodes", "small"))
    assert warning.message == "in node group `small`: 4 nodes are not proven minimal: 3 may do"


def test_a_group_that_was_not_placed_in_turns_stands_at_once_and_another_in_turns() -> None:
    """The workers of group `x` fill its nodes in one way, which no order finds in which they are placed in turns."""
    cluster = '[[cluster.node-groups]]\nname = "x"\ngpus-per-node = 10\n' + SITE
    text = '[job.num-nodes]\nx = 3\nh100 = "min"\n' + cluster
    text += role("a", 'group = "x"', "workers = 2", "gpus-per-worker = 4")
    text += role("b", 'group = "x"', "workers = 4", "gpus-per-worker = 3")
    text += role("c", 'group = "x"', "gpus-per-worker = 8", 'kind = "task"')
    text += role("u", 'group = "x"', "gpus-per-worker = 2", 'after = ["c"]')
    text += role("test", 'group = "h100"', "num-nodes = 2", "gpus-per-worker = 8", 'kind = "task"')
    text += role("serve", 'group = "h100"', "num-nodes = 2", "gpus-per-worker = 8", 'after = ["test"]')
    found = plan_of(text)
    assert (len(found.nodes), found.placement.lower, found.placement.in_turns) == (5, 5, True)
    assert found.warnings == ()
    assert check(to_tree(found)) == ()


def test_groups_are_named_where_the_cluster_has_none() -> None:
    one = "[cluster]\ngpus-per-node = 8\n" + role("a", "gpus-per-worker = 8", 'group = "h100"')
    assert told(one) == (
        "D113 `group` is a node group, and the cluster has no `node-groups`\n"
        "leave it out, or name the groups in the cluster"
    )
    table = "[job]\nnum-nodes = { h100 = 1 }\n[cluster]\ngpus-per-node = 8\n" + role("a", "gpus-per-worker = 8")
    assert told(table) == (
        "D113 `num-nodes` is a table by node group, and the cluster has no `node-groups`\n"
        "name them in the cluster, or give one value"
    )


def test_all_groups_are_told_what_is_wrong_in_them() -> None:
    text = SITE + role("a", "gpus-per-worker = 8", "workers-per-node = 2")
    text += role("b", 'group = "l40s"', "gpus-per-worker = 4", "workers-per-node = 2")
    assert [finding.path[1] for finding in refused(text)] == ["a", "b"]
