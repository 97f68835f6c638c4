"""What each node group says of its nodes: NVLink domains, and the NUMA nodes of their GPUs."""

import pytest

from dynplan.diagnostics import InputError
from dynplan.emitter import lower
from dynplan.language.plan_file import from_tree, to_tree
from tests.planner.test_groups import role
from tests.plans import placed, plan_of, refused

# A head without GPUs, racks of four nodes of four GPUs, nodes of eight GPUs on two NUMA nodes.
SITE = """
[[cluster.node-groups]]
name = "cpu"

[[cluster.node-groups]]
name = "rack"
gpus-per-node = 4
domain-nodes = 4

[[cluster.node-groups]]
name = "box"
gpus-per-node = 8
gpu-numa = [0, 0, 0, 1, 1, 1, 1, 1]
"""
RACKS = (
    role("etcd")
    + role("decode", 'group = "rack"', "workers = 2", "gpus-per-worker = 12")
    + role("prefill", 'group = "rack"', "workers = 2", "gpus-per-worker = 4")
)


def segments(text: str) -> dict[str, int]:
    return dict(plan_of(text).placement.segments)


def directives(text: str) -> list[list[str]]:
    """Return what each component asks of `--segment`."""
    script = lower(plan_of(text))
    return [
        [f"{value}" for name, value in options if name == "segment"]
        for options in (script.directives, *script.components)
    ]


def test_workers_stay_in_the_domains_of_their_group_and_its_nodes_count_from_its_first() -> None:
    assert placed(SITE + RACKS) == [
        "etcd.0 on 0",
        *("decode.0 on 1:0-3 2:0-3 3:0-3", "decode.1 on 5:0-3 6:0-3 7:0-3"),
        *("prefill.0 on 4:0-3", "prefill.1 on 8:0-3"),
    ]
    assert segments(SITE + RACKS) == {"rack": 4}
    assert directives(SITE + RACKS) == [[], ["4"]]


def test_a_job_of_one_group_has_segments_of_that_group() -> None:
    text = SITE + RACKS.replace(role("etcd"), "")
    assert segments(text) == {"rack": 4}
    assert directives(text) == [["4"]]


def test_a_group_without_domains_beside_one_with_them_is_planned_as_ever() -> None:
    wide = role("wide", 'group = "box"', "workers = 2", "gpus-per-worker = 24")
    assert placed(SITE + RACKS + wide)[-2:] == ["wide.0 on 9:0-7 10:0-7 11:0-7", "wide.1 on 12:0-7 13:0-7 14:0-7"]
    assert segments(SITE + RACKS + wide) == {"rack": 4}
    assert directives(SITE + RACKS + wide) == [[], ["4"], []]


def test_each_of_two_groups_has_segments_of_its_own() -> None:
    site = SITE + "domain-nodes = 18\n"
    wide = role("wide", 'group = "box"', "workers = 3", "gpus-per-worker = 16")
    assert segments(site + RACKS + wide) == {"rack": 4, "box": 2}
    assert directives(site + RACKS + wide) == [[], ["4"], ["2"]]


def test_a_plan_says_the_segments_of_each_group_and_is_read_back_as_it_was() -> None:
    plan = plan_of(SITE + RACKS)
    tree = to_tree(plan)
    assert tree["placement"] == {"mode": "separate", "lower-bound": 9, "head": 0, "segment": {"rack": 4}}
    assert from_tree(tree) == plan
    assert "segment" not in to_tree(plan_of(SITE + role("a", 'group = "rack"', "gpus-per-worker = 4")))["placement"]


@pytest.mark.parametrize(
    ("segment", "said"),
    [
        ({"rack": 4, "box": 2}, "the plan has no nodes of node group `box`"),
        (4, "the plan has node groups, and `segment` is one number"),
        ({"rack": "4"}, "`placement.segment.rack` must be a whole number, not a string"),
        ({"rack": 0}, "`placement.segment.rack` is 0, outside 1 to 9"),
        ("4", "`placement.segment` must be a whole number, not a string"),
    ],
)
def test_segments_that_are_of_no_group_of_the_plan_are_refused(segment: object, said: str) -> None:
    tree = to_tree(plan_of(SITE + RACKS))
    tree["placement"]["segment"] = segment
    with pytest.raises(InputError) as caught:
        from_tree(tree)
    assert [finding.message for finding in caught.value.findings] == [said]


OF_GROUP = SITE.replace("domain-nodes = 4", "domain-nodes = 4\nsbatch = { segment = SIZE }")
PAIRS = role("etcd") + role("d", 'group = "rack"', "workers = 4", "gpus-per-worker = 8")


def test_segments_that_the_user_asks_for_are_those_of_the_group() -> None:
    assert segments(SITE + PAIRS) == {"rack": 2}
    asked = OF_GROUP.replace("SIZE", "4") + PAIRS
    assert (segments(asked), directives(asked)) == ({"rack": 4}, [[], ["4"]])
    # The group's own goes before the cluster's, the job's before both.
    site = "[cluster]\nsbatch = { segment = 2 }\n" + asked
    assert (segments(site), directives(site)) == ({"rack": 4}, [[], ["4"]])
    job = "[job]\nsbatch = { segment = 2 }\n" + asked
    assert (segments(job), directives(job)) == ({"rack": 2}, [[], ["2"]])
    # Without the directive the promise is nobody's, and nodes are counted all the same.
    none = OF_GROUP.replace("SIZE", "false") + PAIRS
    assert (segments(none), directives(none)) == ({"rack": 2}, [[], []])


def test_segments_that_are_asked_for_all_nodes_are_for_groups_with_domains() -> None:
    boxes = role("b", 'group = "box"', "workers = 2", "gpus-per-worker = 8")
    text = "[cluster]\nsbatch = { segment = 2 }\n" + SITE + PAIRS + boxes
    assert directives(text) == [[], ["2"], []]
    # Where no group of the job says them, what the user says stands as it is.
    assert directives("[cluster]\nsbatch = { segment = 2 }\n" + SITE + boxes) == [["2"]]


def said(text: str) -> str:
    (finding,) = refused(text)
    return f"{finding.code} {'.'.join(map(str, finding.path))}: {finding.message}\n{finding.help}"


LARGE = role("etcd") + role("d", 'group = "rack"', "workers = 1", "gpus-per-worker = 12")
LARGE += role("p", 'group = "rack"', "workers = 4", "gpus-per-worker = 4")
NEEDS = "(`d` 1 worker of 3 nodes)"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "[job.num-nodes]\nrack = 7\n" + SITE + LARGE,
            "D220 job.num-nodes.rack: in node group `rack`: on 7 nodes a worker would cross a domain of 4 nodes"
            f" {NEEDS}: Slurm gives a job segments that are all alike, each of one domain\n"
            "set `job.num-nodes.rack = 8`",
        ),
        (
            OF_GROUP.replace("SIZE", "2") + LARGE,
            "D220 cluster.node-groups.1.sbatch.segment: in node group `rack`: segments of 2 nodes are less than workers"
            f" need {NEEDS}\nset `cluster.node-groups[1].sbatch.segment = 3`, or leave `segment` out",
        ),
        (
            "[job]\nsbatch = { segment = 5 }\n" + OF_GROUP.replace("SIZE", "4") + LARGE,
            "D220 job.sbatch.segment: in node group `rack`: segments of 5 nodes cross domains, which have 4\n"
            "set `job.sbatch.segment = 3`, or leave `segment` out",
        ),
        (
            "[cluster]\nsbatch = { segment = 5 }\n" + SITE + LARGE,
            "D220 cluster.sbatch.segment: in node group `rack`: segments of 5 nodes cross domains, which have 4\n"
            "set `cluster.sbatch.segment = 3`, or leave `segment` out",
        ),
    ],
)
def test_what_cannot_be_is_said_in_the_keys_of_the_group(text: str, expected: str) -> None:
    assert said(text) == expected


def test_nodes_that_are_idle_because_of_domains_are_those_of_the_group() -> None:
    text = SITE + role("etcd") + role("d", 'group = "rack"', "workers = 1", "gpus-per-worker = 12")
    (warning,) = plan_of(text + role("p", 'group = "rack"', "workers = 1", "gpus-per-worker = 8")).warnings
    assert (warning.code, warning.path) == ("W205", ("job", "num-nodes", "rack"))
    assert warning.message == (
        "in node group `rack`: 1 of 6 nodes runs no role with GPUs: no worker crosses a domain of 4 nodes, and all"
        " segments are alike, of 3"
    )


def test_tasks_give_back_in_the_domains_of_their_group() -> None:
    roles = role("warm", 'group = "rack"', 'kind = "task"', "gpus-per-worker = 8", "workers = 1")
    roles += role("serve", 'group = "rack"', 'after = ["warm"]', "gpus-per-worker = 8", "workers = 1")
    assert placed('[job]\nnum-nodes = "min"\n' + SITE + roles) == ["warm.0 on 0:0-3 1:0-3", "serve.0 on 0:0-3 1:0-3"]


def test_a_group_that_counts_on_nothing_given_back_is_planned_at_once() -> None:
    roles = role("load", 'group = "box"', 'kind = "task"', "gpus-per-worker = 8", "workers = 1")
    roles += role("run", 'group = "box"', 'after = ["load"]', "gpus-per-worker = 8", "workers = 1")
    roles += role("warm", 'group = "rack"', 'kind = "task"', "gpus-per-worker = 8", "workers = 1")
    roles += role("serve", 'group = "rack"', 'after = ["warm"]', "gpus-per-worker = 8", "workers = 1")
    found = placed('[job.num-nodes]\nbox = "min"\n' + SITE + roles)
    assert found == ["load.0 on 4:0-7", "run.0 on 4:0-7", "warm.0 on 0:0-3 1:0-3", "serve.0 on 2:0-3 3:0-3"]


# NUMA nodes


def test_a_slice_stays_on_one_numa_node_of_its_group() -> None:
    roles = role("a", 'group = "box"', "workers = 2", "gpus-per-worker = 3")
    roles += role("b", 'group = "rack"', "workers = 1", "gpus-per-worker = 3")
    assert placed(SITE + roles) == ["a.0 on 1:0-2", "a.1 on 1:3-5", "b.0 on 0:0-2"]
    islands = SITE.replace("gpu-numa = [0, 0, 0, 1", "gpu-groups = [[0, 1, 2, 3, 4, 5, 6, 7]]\ngpu-numa = [0, 0, 0, 1")
    assert placed(islands + role("a", 'group = "box"', "workers = 3", "gpus-per-worker = 2")) == [
        *("a.0 on 0:0-1", "a.1 on 0:2-3", "a.2 on 0:4-5")
    ]


FACT = 'command = ["serve", "{numa}"]'


def test_a_role_has_the_facts_that_its_own_group_says() -> None:
    bound = ('group = "box"', "gpus-per-worker = 4", "numa-bind = true", FACT)
    assert placed(SITE + role("a", *bound)) == ["a.0 on 0:3-6"]
    where = 'group = "rack"'
    assert said(SITE + role("a", where, "gpus-per-worker = 4", FACT)) == (
        "D123 roles.a.command.1: there is no `{numa}` in `command[1]` of role `a`\nset `gpu-numa` in node group `rack`"
    )
    assert said(SITE + role("a", where, "gpus-per-worker = 4", "numa-bind = true")) == (
        "D130 roles.a.numa-bind: role `a` is to be bound to the NUMA nodes of its GPUs, and node group `rack` does not"
        " say them\nset `gpu-numa` there, `[0, 0, 0, 0]` for example: `nvidia-smi topo -m` shows them"
    )
    # A worker beside another one is where that one is.
    beside = role("a", *bound) + role("b", 'beside = "a"', "numa-bind = true", FACT)
    assert placed(SITE + beside) == ["a.0 on 0:3-6", "b.0 on 0:3-6"]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("gpu-numa = [0, 1]", "D104 `gpu-numa` has 2 items, and a node has 4 GPUs"),
        ('gpu-nics = ["a", "b"]', "D104 `gpu-nics` has 2 items, and a node has 4 GPUs"),
        ('gpu-nics = ["a", "b", "c", 4]', "D102 an item of `gpu-nics` must be a name or a list of names"),
        ("domain-nodes = 0", "D104 `cluster.node-groups[0].domain-nodes` is 0, outside 1 to 65536"),
        (
            "gpu-groups = [[0, 1, 2], [3]]\ngpu-numa = [0, 0, 1, 1]",
            "D113 the GPUs 0, 1, 2 are a group, and 2, 3 are those of a NUMA node: neither lies inside the other",
        ),
    ],
)
def test_a_group_is_held_to_what_a_cluster_is(lines: str, expected: str) -> None:
    text = f'[[cluster.node-groups]]\nname = "a"\ngpus-per-node = 4\n{lines}\n' + role("r", "gpus-per-worker = 1")
    assert [f"{finding.code} {finding.message}" for finding in refused(text)] == [expected]


@pytest.mark.parametrize(
    "line", ["gpu-numa = [0, 0]", 'gpu-nics = ["a", "b"]', "domain-nodes = 18", "gpus-per-node = 2"]
)
def test_beside_node_groups_the_cluster_says_nothing_of_nodes(line: str) -> None:
    (finding,) = refused(f"[cluster]\n{line}\n{SITE}" + role("a", "gpus-per-worker = 8"))
    name = line.split(" ")[0]
    assert f"{finding.code} {finding.message}" == f"D113 `{name}` is of one kind of node, and the cluster has several"
    assert finding.help == "write it into each of the `node-groups`"
