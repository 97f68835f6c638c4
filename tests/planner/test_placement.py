"""The rules of "Placement", each by name with worked examples: a job file beside where its roles stand."""

import tomllib
from functools import partial

import pytest

from dynplan.checker import check
from dynplan.diagnostics import InputError
from dynplan.language.plan_file import to_tree
from dynplan.model import Block
from dynplan.planner import plan, search
from dynplan.planner.packing import pack
from tests.laws.jobs import job_of
from tests.plans import placed, plan_of, ports, refused, told

EIGHT = "[cluster]\ngpus-per-node = 8\n"
FOUR = "[cluster]\ngpus-per-node = 4\n"


def role(name: str, gpus: int, *lines: str) -> str:
    return "\n".join([f"[roles.{name}]", f"gpus-per-worker = {gpus}", *lines, ""])


def total(nodes: int | str) -> str:
    return f"[job]\nnum-nodes = {nodes}\n" if isinstance(nodes, int) else f'[job]\nnum-nodes = "{nodes}"\n'


# Rule 1: how many workers


def test_rule_1_nodes_times_workers_on_each() -> None:
    text = EIGHT + role("a", 2, "num-nodes = 2", "workers-per-node = 2")
    assert placed(text) == ["a.0 on 0:0-1", "a.1 on 0:2-3", "a.2 on 1:0-1", "a.3 on 1:2-3"]


def test_rule_1_max_is_as_many_as_a_node_holds() -> None:
    text = EIGHT + role("a", 3, "num-nodes = 2", 'workers-per-node = "max"')
    assert placed(text) == ["a.0 on 0:0-2", "a.1 on 0:3-5", "a.2 on 1:0-2", "a.3 on 1:3-5"]


def test_rule_1_max_counts_what_roles_on_every_node_leave() -> None:
    text = EIGHT + role("a", 3, 'workers-per-node = "max"') + role("probe", 3, "per-node = true")
    assert placed(text) == ["a.0 on 0:0-2", "probe.0 on 0:3-5"]


def test_rule_1_workers_alone_take_the_fewest_nodes() -> None:
    text = EIGHT + role("a", 3, "workers = 5")
    assert placed(text) == ["a.0 on 0:0-2", "a.1 on 0:3-5", "a.2 on 1:0-2", "a.3 on 1:3-5", "a.4 on 2:0-2"]


def test_rule_1_workers_alone_use_any_room_on_shared_nodes() -> None:
    text = EIGHT + total(2) + role("a", 5, "num-nodes = 2") + role("b", 1, "workers = 5")
    assert placed(text)[2:] == ["b.0 on 0:5", "b.1 on 0:6", "b.2 on 0:7", "b.3 on 1:5", "b.4 on 1:6"]


def test_rule_1_one_worker_where_nothing_is_said() -> None:
    assert placed(EIGHT + role("a", 4)) == ["a.0 on 0:0-3"]


def test_rule_1_both_given_must_agree() -> None:
    assert placed(EIGHT + role("a", 4, "num-nodes = 2", "workers-per-node = 2", "workers = 4"))[3] == "a.3 on 1:4-7"
    assert told(EIGHT + role("a", 4, "num-nodes = 2", "workers = 4")) == (
        "D202 role `a` asks for 4 workers of 4 GPUs, but 2 nodes with 1 worker each make 2: 4 workers need 4 nodes\n"
        "set `roles.a.workers = 2`, or set `roles.a.workers-per-node = 2`"
    )


@pytest.mark.parametrize("key", ["tensor-parallel-size", "tensor_parallel_size", "tp-size", "tp"])
@pytest.mark.parametrize("asked", ["tensor-parallel-size", "tp-size", "tp"])
def test_rule_1_a_size_is_found_in_every_spelling_that_the_engines_take(key: str, asked: str) -> None:
    text = f'{EIGHT}[roles.a]\nworkers = 2\ngpus-per-worker = "{asked} * pp"\nargs = {{ {key} = 3 }}\n'
    assert placed(text) == ["a.0 on 0:0-2", "a.1 on 0:3-5"]


# Rule 2: separate


def test_rule_2_without_num_nodes_every_role_has_nodes_of_its_own() -> None:
    text = EIGHT + role("a", 4, "num-nodes = 2") + role("b", 2, "workers = 5") + role("c", 8)
    assert placed(text) == [
        *("a.0 on 0:0-3", "a.1 on 1:0-3"),
        *("b.0 on 2:0-1", "b.1 on 2:2-3", "b.2 on 2:4-5", "b.3 on 2:6-7", "b.4 on 3:0-1"),
        "c.0 on 4:0-7",
    ]
    assert plan_of(text).placement.mode == "separate"


def test_rule_2_a_separate_role_takes_the_fewest_nodes_for_itself() -> None:
    """Five workers of 5 on nodes of 4: 3 + 2, and the twos of two workers share a node."""
    text = FOUR + role("a", 5, "workers = 5")
    assert placed(text) == [
        *("a.0 on 0:0-2 1:0-1", "a.1 on 2:0-2 1:2-3"),
        *("a.2 on 3:0-2 4:0-1", "a.3 on 5:0-2 4:2-3"),
        "a.4 on 6:0-2 7:0-1",
    ]


# Rule 3: a number of nodes


def test_rule_3_more_nodes_than_needed_is_a_warning_with_the_number() -> None:
    text = EIGHT + total(4) + role("a", 4) + role("b", 4)
    assert placed(text) == ["a.0 on 0:0-3", "b.0 on 1:0-3"]
    assert [warning.message for warning in plan_of(text).warnings] == ["2 of 4 nodes run no role with GPUs"]


@pytest.mark.parametrize(
    ("nodes", "stands"),
    [
        (6, [0, 1, 2, 3, 4, 5]),
        (5, [0, 1, 2, 0, 3, 4]),
        (4, [0, 1, 2, 0, 1, 3]),
        (3, [0, 1, 2, 0, 1, 2]),
    ],
)
def test_rule_3_every_node_is_used_before_one_is_shared_and_the_lowest_first(nodes: int, stands: list[int]) -> None:
    text = EIGHT + total(nodes) + role("a", 4, "num-nodes = 3") + role("b", 4, "num-nodes = 3")
    assert [worker.tasks[0].node for worker in plan_of(text).workers] == stands


def test_rule_3_a_role_keeps_its_distinct_nodes_on_shared_ones() -> None:
    """Room for both workers of `b` is on node 0, but two nodes were asked for."""
    text = EIGHT + total(2) + role("a", 4) + role("b", 2, "num-nodes = 2")
    assert placed(text) == ["a.0 on 0:0-3", "b.0 on 0:4-5", "b.1 on 1:0-1"]


def test_rule_3_an_earlier_role_gives_way_where_a_later_one_would_find_no_room() -> None:
    """First fit would put both workers of `a` on node 0."""
    text = EIGHT + total(2) + role("a", 4, "workers = 2") + role("b", 4, "num-nodes = 2")
    assert placed(text) == ["a.0 on 0:0-3", "a.1 on 1:0-3", "b.0 on 0:4-7", "b.1 on 1:4-7"]


def test_rule_3_smaller_than_the_largest_role_is_an_error_with_the_numbers() -> None:
    text = EIGHT + total(1) + role("a", 1, "num-nodes = 3") + role("b", 1, "num-nodes = 2")
    assert told(text) == (
        "D203 not enough nodes: the job has 1, and role `a` needs at least 3 for 3 workers of 1 GPU,"
        " role `b` needs at least 2 for 2 workers of 1 GPU\n"
        "set `job.num-nodes = 3`"
    )


# Rule 4: the fewest nodes


def test_rule_4_first_fit_in_any_order_would_take_a_node_more() -> None:
    sizes = {"a": (4, 1), "b": (3, 2), "c": (2, 3)}
    text = EIGHT + total("min") + "".join(role(name, gpus, f"workers = {n}") for name, (gpus, n) in sizes.items())
    found = plan_of(text)
    assert (len(found.nodes), found.placement.lower, found.warnings) == (2, 2, ())
    used = [sum(len(task.gpus) for worker in found.workers for task in worker.tasks if task.node == n) for n in (0, 1)]
    assert used == [8, 8]


def test_rule_4_the_fewest_may_be_one_node_for_each() -> None:
    text = EIGHT + total("min") + role("a", 5, "workers = 2") + role("b", 4, "workers = 1")
    assert placed(text) == ["a.0 on 0:0-4", "a.1 on 1:0-4", "b.0 on 2:0-3"]


def test_rule_4_separate_roles_count_their_own_fewest() -> None:
    text = EIGHT + total("min") + role("a", 6, "workers = 2", "dedicated = true") + role("b", 2, "workers = 4")
    assert [node.node for node in plan_of(text).nodes] == [0, 1, 2]


def test_rule_4_a_role_of_three_nodes_needs_three() -> None:
    text = EIGHT + total("min") + role("a", 1, "num-nodes = 3") + role("b", 7, "workers = 3")
    assert placed(text)[:3] == ["a.0 on 0:0", "a.1 on 1:0", "a.2 on 2:0"]
    assert len(plan_of(text).nodes) == 3


def test_rule_4_roles_without_gpus_find_an_open_node() -> None:
    text = EIGHT + total("min") + role("a", 8, "dedicated = true") + "[roles.frontend]\n"
    assert placed(text) == ["a.0 on 0:0-7", "frontend.0 on 1"]


# Rule 5: hosts by name


def test_rule_5_lists_that_overlap_share_those_nodes_and_only_those() -> None:
    text = EIGHT + role("a", 4, 'nodes = "n[1-3]"') + role("b", 2, 'nodes = ["n3", "n4"]')
    assert placed(text) == ["a.0 on 0:0-3", "a.1 on 1:0-3", "a.2 on 2:0-3", "b.0 on 2:4-5", "b.1 on 3:0-1"]
    assert [node.host for node in plan_of(text).nodes] == ["n1", "n2", "n3", "n4"]


def test_rule_5_lists_that_do_not_overlap_stay_separate() -> None:
    text = EIGHT + role("a", 4, 'nodes = ["n2"]') + role("b", 4, 'nodes = ["n1"]')
    assert placed(text) == ["a.0 on 0:0-3", "b.0 on 1:0-3"]
    assert plan_of(text).placement.mode == "separate"


def test_rule_5_the_order_of_a_list_is_the_order_of_the_workers() -> None:
    text = EIGHT + '[job]\nnodes = "n[1-3]"\n' + role("a", 4, 'nodes = ["n3", "n1", "n2"]')
    assert placed(text) == ["a.0 on 2:0-3", "a.1 on 0:0-3", "a.2 on 1:0-3"]


def test_rule_5_some_roles_name_hosts_and_others_take_the_rest() -> None:
    text = EIGHT + '[job]\nnodes = "n[1-4]"\n' + role("a", 4, "num-nodes = 2") + role("b", 4, 'nodes = ["n1", "n4"]')
    assert placed(text) == ["a.0 on 1:0-3", "a.1 on 2:0-3", "b.0 on 0:0-3", "b.1 on 3:0-3"]


def test_rule_5_hosts_come_before_nodes_that_nobody_named() -> None:
    text = EIGHT + role("a", 4, "num-nodes = 2") + role("b", 4, 'nodes = ["n1"]')
    assert placed(text) == ["a.0 on 1:0-3", "a.1 on 2:0-3", "b.0 on 0:0-3"]
    assert [node.host for node in plan_of(text).nodes] == ["n1", None, None]


def test_rule_5_a_worker_larger_than_a_node_takes_its_hosts_in_order() -> None:
    text = FOUR + role("a", 6, 'nodes = ["n2", "n1", "n4", "n3"]')
    assert placed(text) == ["a.0 on 0:0-2 1:0-2", "a.1 on 2:0-2 3:0-2"]
    assert [node.host for node in plan_of(text).nodes] == ["n2", "n1", "n4", "n3"]


def test_rule_5_a_host_of_a_role_without_gpus_is_not_given_to_a_dedicated_one() -> None:
    text = (
        EIGHT
        + '[roles.store]\nnodes = ["s1"]\ngpus-per-worker = 0\n'
        + role("a", 8, "num-nodes = 2", "dedicated = true")
    )
    assert placed(text) == ["store.0 on 0", "a.0 on 1:0-7", "a.1 on 2:0-7"]


def test_rule_5_a_host_that_a_dedicated_role_passes_over_is_taken_by_a_later_role() -> None:
    text = EIGHT + role("a", 0, "dedicated = true") + role("store", 0, 'nodes = ["s1"]') + role("b", 1)
    assert placed(text) == ["a.0 on 1", "store.0 on 0", "b.0 on 0:0"]


def test_rule_5_a_mistyped_host_is_told_once() -> None:
    text = EIGHT + '[job]\nnodes = ["a", "b", "c"]\n' + role("x", 4, 'nodes = ["a", "b"]')
    assert told(text + role("y", 4, 'nodes = ["b", "d"]')) == (
        "D205 role `y` names host `d`, which is not among the job's `nodes`\n"
        'set `job.nodes = ["a", "b", "d"]`, or name another host'
    )
    assert told(text + role("y", 4, 'nodes = ["b"]')).startswith("D206 ")


def test_rule_5_a_full_host_names_who_fills_it() -> None:
    text = EIGHT + role("a", 6, 'nodes = ["n1", "n2"]') + role("b", 4, 'nodes = ["n2"]')
    assert told(text) == (
        "D207 role `b` needs 4 GPUs on `n2`, but `a` leaves 2\n"
        "set `roles.b.gpus-per-worker = 2`, or set `roles.a.gpus-per-worker = 4`, or name another host"
    )


# Rule 6: a worker and a node


def test_rule_6_a_worker_of_at_most_a_node_stays_on_one() -> None:
    text = EIGHT + total("min") + role("a", 5, "workers = 3")
    assert placed(text) == ["a.0 on 0:0-4", "a.1 on 1:0-4", "a.2 on 2:0-4"]


@pytest.mark.parametrize(
    ("gpus", "slices"),
    [
        (9, "0:0-4 1:0-3"),
        (12, "0:0-5 1:0-5"),
        (16, "0:0-7 1:0-7"),
        (17, "0:0-5 1:0-5 2:0-4"),
        (23, "0:0-7 1:0-7 2:0-6"),
    ],
)
def test_rule_6_a_larger_one_is_cut_into_slices_that_differ_by_at_most_one(gpus: int, slices: str) -> None:
    assert placed(EIGHT + role("a", gpus)) == [f"a.0 on {slices}"]


def test_rule_6_what_a_large_worker_leaves_others_may_use() -> None:
    text = EIGHT + total(2) + role("a", 13) + role("b", 1, "workers = 3")
    assert placed(text) == ["a.0 on 0:0-6 1:0-5", "b.0 on 0:7", "b.1 on 1:6", "b.2 on 1:7"]


def test_rule_6_not_where_it_is_dedicated() -> None:
    text = EIGHT + total(2) + role("a", 13, "dedicated = true") + role("b", 1, "workers = 3")
    assert told(text) == (
        "D204 role `b` needs 3 times 1 GPU, but `a` leaves 0 on node 0: together they need 16 of 16 GPUs,"
        " and `a` is dedicated\n"
        "set `job.num-nodes = 3`, or set `roles.a.gpus-per-worker = 8`"
    )
    assert placed(text.replace("num-nodes = 2", "num-nodes = 3")) == [
        *("a.0 on 0:0-6 1:0-5", "b.0 on 2:0", "b.1 on 2:1", "b.2 on 2:2")
    ]


def test_rule_6_the_rank_says_where_a_task_stands() -> None:
    """The second worker's leader stands behind the first one's last slice."""
    text = FOUR + role("a", 5, "workers = 2")
    ranks = [(task.rank, task.node, task.gpus) for worker in plan_of(text).workers for task in worker.tasks]
    assert ranks == [(0, 0, (0, 1, 2)), (1, 1, (0, 1)), (0, 2, (0, 1, 2)), (1, 1, (2, 3))]


# Rule 7: which GPUs


def test_rule_7_in_declaration_order_then_worker_order() -> None:
    text = EIGHT + total(1) + role("z", 1, "workers = 2") + role("a", 3) + role("m", 1, "workers = 2")
    assert placed(text) == ["z.0 on 0:0", "z.1 on 0:1", "a.0 on 0:2-4", "m.0 on 0:5", "m.1 on 0:6"]


def test_rule_7_order_says_who_is_first() -> None:
    text = EIGHT + total(1) + role("a", 3) + role("b", 2, "order = -1")
    assert placed(text) == ["b.0 on 0:0-1", "a.0 on 0:2-4"]


GROUPS = "[cluster]\ngpus-per-node = 8\ngpu-groups = [[0, 1, 2, 3], [4, 5, 6, 7]]\n"


@pytest.mark.parametrize(
    ("sizes", "slices"),
    [
        ([4, 4], ["0-3", "4-7"]),  # in a row is right already
        ([3, 3, 1], ["0-2", "4-6", "3"]),  # the second would cross
        ([2, 3, 1], ["0-1", "4-6", "2"]),
        ([1, 4, 3], ["0", "4-7", "1-3"]),
        ([3, 2, 3], ["0-2", "3-4", "5-7"]),  # somebody has to cross
        ([5, 3], ["0-4", "5-7"]),  # larger than a group
        ([6], ["0-5"]),
        ([3, 4], ["0-2", "4-7"]),  # a gap rather than a border
    ],
)
def test_rule_7_a_slice_stays_in_a_group_whenever_an_arrangement_allows_it(sizes: list[int], slices: list[str]) -> None:
    text = GROUPS + total(1) + "".join(role(f"r{at}", gpus) for at, gpus in enumerate(sizes))
    assert placed(text) == [f"r{at}.0 on 0:{gpus}" for at, gpus in enumerate(slices)]


def test_rule_7_groups_of_indices_that_are_not_neighbours_hold_no_slice_of_two() -> None:
    odd = "[cluster]\ngpus-per-node = 4\ngpu-groups = [[0, 2], [1, 3]]\n"
    assert placed(odd + total(1) + role("a", 2) + role("b", 1)) == ["a.0 on 0:0-1", "b.0 on 0:2"]


# Rule 8: ports


def test_rule_8_fixed_first_then_in_declaration_order_past_what_is_taken() -> None:
    text = (
        EIGHT
        + 'reserved-ports = ["9091"]\n'
        + total(1)
        + role("a", 1, "workers = 2", "ports = { s = 9090, kv = { base = 5557, count = 3 } }")
        + role("b", 1, "ports = { s = 9090, kv = { base = 5559, count = 2 } }")
        + role("c", 1, "ports = { s = { fixed = 9093 } }")
    )
    assert ports(text) == [
        "a.0 on 0 s=9090 kv=5557-5559",
        "a.1 on 0 s=9092 kv=5560-5562",
        "b.0 on 0 s=9094 kv=5563-5564",
        "c.0 on 0 s=9093",
    ]


def test_rule_8_a_job_with_one_role_on_a_node_uses_the_bases() -> None:
    text = EIGHT + role("a", 8, "num-nodes = 2", "ports = { s = 9090 }") + role("b", 8, "ports = { s = 9090 }")
    assert ports(text) == ["a.0 on 0 s=9090", "a.1 on 1 s=9090", "b.0 on 2 s=9090"]


@pytest.mark.parametrize(
    ("bound", "told_to"),
    [
        ("max = 9000", 'set `roles.a.ports.x.max = 30009`, or set `cluster.port-range = "1024-9000"`'),
        ("min = 40000", 'set `roles.a.ports.x.min = 30000`, or set `cluster.port-range = "30000-65535"`'),
    ],
)
def test_rule_8_a_bound_outside_the_range_of_the_cluster_is_told_as_that(bound: str, told_to: str) -> None:
    text = EIGHT + 'port-range = "30000-30009"\n' + role("a", 1, f'ports = {{ x = {{ base = "auto", {bound} }} }}')
    key, value = bound.split(" = ")
    assert told(text) == (
        "D301 port `x` of role `a` is `auto`, from the cluster's `port-range` 30000-30009,"
        f" but its `{key}` is {value}\n{told_to}"
    )


def test_rule_8_auto_comes_from_the_range_of_the_cluster() -> None:
    text = EIGHT + 'port-range = "30000-30009"\n' + role("a", 1, "workers = 2", 'ports = { x = "auto", y = "auto" }')
    assert ports(text) == ["a.0 on 0 x=30000 y=30001", "a.1 on 0 x=30002 y=30003"]


def test_rule_8_every_task_or_the_leader_and_one_number_for_the_whole_worker() -> None:
    keys = 'rpc = { base = 6000, on = "every-task" }, one = { base = 7000, same = true }, http = 8000'
    text = FOUR + total(3) + role("x", 2, "ports = { busy = 7000 }") + role("a", 8, f"ports = {{ {keys} }}")
    assert ports(text) == [
        "x.0 on 0 busy=7000",
        "a.0 on 1 rpc=6000 one=7000 http=8000",
        "a.0 on 2 rpc=6000 one=7000",
    ]
    shared = FOUR + total(2) + role("x", 1, "ports = { busy = 7000 }") + role("a", 6, f"ports = {{ {keys} }}")
    assert ports(shared) == [
        "x.0 on 0 busy=7000",
        "a.0 on 0 rpc=6000 one=7001 http=8000",
        "a.0 on 1 rpc=6000 one=7001",
    ]


def test_rule_8_a_number_that_stands_once_in_the_whole_job() -> None:
    text = EIGHT + role("a", 8, "num-nodes = 3", 'ports = { m = { base = 29500, scope = "job" }, s = 29500 }')
    assert ports(text) == [
        "a.0 on 0 m=29500 s=29501",
        "a.1 on 1 m=29502 s=29501",
        "a.2 on 2 m=29503 s=29501",
    ]


def test_rule_8_offsets_that_the_engine_derives_are_taken_too() -> None:
    """SGLang binds +13 and +233 to +239 of its port by itself."""
    sglang = 'also = [13, "233..239"]'
    text = EIGHT + role("a", 1, "workers = 3", f"ports = {{ dist = {{ base = 30000, {sglang} }}, s = 30013 }}")
    assert ports(text) == [
        "a.0 on 0 dist=30000 s=30014",
        "a.1 on 0 dist=30007 s=30015",  # 30001 + 13 is taken, and so is one of 233 to 239 up to 30006
        "a.2 on 0 dist=30016 s=30017",
    ]


def test_rule_8_min_and_max_are_bounds() -> None:
    keys = "s = { base = 9090, min = 9092, max = 9093 }"
    text = EIGHT + role("a", 1, "workers = 2", f"ports = {{ {keys} }}")
    assert ports(text) == ["a.0 on 0 s=9092", "a.1 on 0 s=9093"]
    assert told(text.replace("workers = 2", "workers = 3")) == (
        "D301 port `s` of role `a`, worker 2, finds no free number from 9092 to 9093 on node 0:"
        " port `s` of `a` holds 9092-9093\n"
        "set `roles.a.ports.s.max = 9094`, or set `roles.a.workers = 2`"
    )


def test_rule_8_a_port_with_a_lower_bound_and_no_base_starts_there() -> None:
    text = EIGHT + role("a", 1, "workers = 2", "ports = { s = { min = 9092, max = 9093 } }")
    assert ports(text) == ["a.0 on 0 s=9092", "a.1 on 0 s=9093"]
    assert check(to_tree(plan_of(text))) == ()


def test_rule_8_a_port_in_the_ephemeral_range_is_a_warning() -> None:
    text = EIGHT + role("a", 1, "ports = { nixl = 40000 }")
    (warning,) = plan_of(text).warnings
    assert (warning.code, warning.path) == ("W301", ("roles", "a", "ports", "nixl"))
    assert warning.message == (
        "port `nixl` of role `a` is 40000, inside the ephemeral range 32768-60999:"
        " an outgoing connection may take it first"
    )


def test_rule_8_a_fixed_port_that_is_held_names_the_holder() -> None:
    text = EIGHT + total(1) + role("a", 1, "ports = { s = { fixed = 9090 } }")
    text += role("b", 1, "ports = { s = { base = 9088, count = 4, fixed = true } }")
    assert told(text) == (
        "D303 port 9088 of role `b` (`s`, fixed) takes 9090 too, which is held by port `s` of `a` on node 0\n"
        "set `roles.b.ports.s.base = 9091`, or set `roles.b.ports.s.fixed = false`"
    )


# Rule 9: what is said


def test_rule_9_everything_a_stage_finds_comes_at_once() -> None:
    text = (
        EIGHT
        + role("a", 9, "workers-per-node = 2")
        + role("b", 5, "workers-per-node = 2")
        + role("c", 1, "num-nodes = 2", "workers = 3")
    )
    assert [(finding.code, finding.path[1]) for finding in refused(text)] == [
        ("D201", "a"),
        ("D209", "b"),
        ("D202", "c"),
    ]


def test_rule_9_the_example_of_the_rule() -> None:
    text = EIGHT + total(2) + role("decode", 6, "num-nodes = 2") + role("prefill", 4, "num-nodes = 2")
    assert told(text) == (
        "D204 role `prefill` needs 4 GPUs on each of 2 nodes, but `decode` leaves 2 on node 0:"
        " together they need 20 of 16 GPUs\n"
        "set `job.num-nodes = 4`, or set `roles.prefill.gpus-per-worker = 2`"
    )


def test_rule_9_a_size_that_is_computed_is_changed_where_it_comes_from() -> None:
    size = 'gpus-per-worker = "tp * pp"\nargs = { tp = 8, pp = 2 }\nnum-nodes = 1\n'
    assert told(EIGHT + "[roles.a]\n" + size) == (
        "D201 role `a` needs 16 GPUs per worker, but a node has 8: each worker spans 2 nodes, and `a` asks for 1\n"
        "set `roles.a.num-nodes = 2`, or set `roles.a.args.tp = 4`"
    )


def test_rule_9_two_changes_where_one_is_not_enough() -> None:
    text = EIGHT + total(2) + role("a", 8, "num-nodes = 2", "workers = 3")
    assert told(text) == (
        "D202 role `a` asks for 3 workers of 8 GPUs, but 2 nodes with 1 worker each make 2:"
        " 3 workers need 3 nodes\nset `roles.a.workers = 2`"
    )
    text = EIGHT + total(2) + role("a", 8, "workers = 5", "workers-per-node = 1", "num-nodes = 4")
    assert told(text).startswith(
        "D202 role `a` asks for 5 workers of 8 GPUs, but 4 nodes with 1 worker each make 4: 5 workers need 5 nodes\n"
    )
    assert told(text).endswith("set `roles.a.workers = 4` and set `job.num-nodes = 4`")


# Further keys


def test_spread_keeps_workers_of_a_role_apart() -> None:
    text = EIGHT + role("a", 2, "workers = 3", "spread = true")
    assert placed(text) == ["a.0 on 0:0-1", "a.1 on 1:0-1", "a.2 on 2:0-1"]


def test_spread_keeps_even_the_small_slices_of_large_workers_apart() -> None:
    text = FOUR + role("a", 5, "workers = 2", "spread = true")
    assert placed(text) == ["a.0 on 0:0-2 1:0-1", "a.1 on 2:0-2 3:0-1"]


def test_spread_contradicts_two_workers_on_a_node() -> None:
    assert told(EIGHT + role("a", 2, "workers-per-node = 2", "spread = true")) == (
        "D202 role `a` wants 2 workers on a node, and `spread` allows one\n"
        "set `roles.a.workers-per-node = 1`, or set `roles.a.spread = false`"
    )


def test_a_worker_with_a_task_for_each_gpu_has_one_entry_for_each_node() -> None:
    text = EIGHT + role("a", 12, 'launch = "per-gpu"', "ports = { x = 8000 }")
    assert placed(text) == ["a.0 on 0:0-5 1:0-5"]
    (worker,) = plan_of(text).workers
    assert [(task.rank, dict(task.ports)) for task in worker.tasks] == [(0, {"x": Block(8000, 1)}), (1, {})]


def test_dedicated_shares_with_no_other_role() -> None:
    text = (
        EIGHT
        + total(3)
        + role("a", 4, "num-nodes = 2")
        + role("b", 2, "dedicated = true")
        + role("c", 4, "num-nodes = 2")
    )
    assert placed(text) == ["a.0 on 0:0-3", "a.1 on 1:0-3", "b.0 on 2:0-1", "c.0 on 0:4-7", "c.1 on 1:4-7"]


def test_dedicated_and_a_role_on_every_node_exclude_each_other() -> None:
    assert told(EIGHT + role("a", 4, "dedicated = true") + role("probe", 1, "per-node = true")) == (
        "D208 role `a` is dedicated, but role `probe` stands on its node 0 too\nset `roles.a.dedicated = false`"
    )


def test_a_dedicated_role_without_gpus_has_a_node_of_its_own() -> None:
    text = EIGHT + role("a", 8) + "[roles.store]\ngpus-per-worker = 0\ndedicated = true\n"
    assert placed(text) == ["a.0 on 0:0-7", "store.0 on 1"]


def test_workers_without_gpus_take_as_many_nodes_as_so_many_on_each_come_to() -> None:
    a = EIGHT + role("a", 8, "num-nodes = 2")
    store = role("store", 0, "workers = 4", "workers-per-node = 2")
    assert placed(a + store)[2:] == ["store.0 on 0", "store.1 on 0", "store.2 on 1", "store.3 on 1"]
    alone = placed(a + store + "dedicated = true\n")
    assert alone[2:] == ["store.0 on 2", "store.1 on 2", "store.2 on 3", "store.3 on 3"]


def test_workers_of_a_dedicated_role_without_gpus_share_its_node_unless_they_spread() -> None:
    store = role("store", 0, "workers = 3", "dedicated = true")
    assert placed(EIGHT + role("a", 8) + store)[1:] == ["store.0 on 1", "store.1 on 1", "store.2 on 1"]
    assert placed(EIGHT + role("a", 8) + store + "spread = true\n")[1:] == [
        "store.0 on 1",
        "store.1 on 2",
        "store.2 on 3",
    ]


def test_roles_without_gpus_stand_on_the_head_node() -> None:
    text = EIGHT + '[roles.etcd]\n[roles.nats]\nplace = "head"\n' + role("b", 4, 'nodes = ["n2"]') + role("a", 4)
    assert placed(text)[:2] == ["etcd.0 on 0", "nats.0 on 0"]
    assert plan_of(text).head == 0


def test_the_head_is_the_first_node_of_the_first_role_that_may_share() -> None:
    text = EIGHT + role("a", 8, "dedicated = true") + role("b", 8) + '[roles.frontend]\nworkers = 2\nplace = "head"\n'
    assert placed(text)[2:] == ["frontend.0 on 1", "frontend.1 on 1"]


def test_place_on_every_node_and_per_node_are_one_worker_on_each() -> None:
    text = EIGHT + role("a", 8, "num-nodes = 2") + '[roles.x]\nplace = "every-node"\n[roles.y]\nper-node = true\n'
    assert placed(text)[2:] == ["x.0 on 0", "x.1 on 1", "y.0 on 0", "y.1 on 1"]


def test_per_node_with_gpus_takes_them_on_every_node_in_declaration_order() -> None:
    text = EIGHT + role("a", 2) + role("probe", 1, "per-node = true", "workers-per-node = 2") + role("b", 6)
    assert placed(text) == [
        *("a.0 on 0:0-1", "probe.0 on 0:2", "probe.1 on 0:3"),
        *("probe.2 on 1:0", "probe.3 on 1:1", "b.0 on 1:2-7"),
    ]


def test_place_with_a_role_follows_its_workers_one_by_one() -> None:
    text = (
        FOUR + role("a", 6, "workers = 2") + '[roles.x]\nplace = "with:a"\nworkers = 3\n[roles.y]\nplace = "with:x"\n'
    )
    assert placed(text) == [
        *("a.0 on 0:0-2 1:0-2", "a.1 on 2:0-2 3:0-2"),
        *("x.0 on 0", "x.1 on 2", "x.2 on 0", "y.0 on 0"),
    ]


def test_roles_without_gpus_on_so_many_nodes() -> None:
    text = (
        EIGHT + role("a", 8, "num-nodes = 3") + "[roles.x]\ngpus-per-worker = 0\nnum-nodes = 2\nworkers-per-node = 2\n"
    )
    assert placed(text)[3:] == ["x.0 on 0", "x.1 on 0", "x.2 on 1", "x.3 on 1"]


def test_a_job_without_gpus() -> None:
    text = "[job]\nnum-nodes = 3\n[roles.a]\ngpus-per-worker = 0\nworkers = 3\nspread = true\n[roles.b]\n"
    assert placed(text) == ["a.0 on 0", "a.1 on 1", "a.2 on 2", "b.0 on 0"]
    assert [node.gpus for node in plan_of(text).nodes] == [0, 0, 0]


def test_a_cluster_without_gpus_says_so() -> None:
    assert told(role("a", 4)) == (
        "D210 role `a` needs 4 GPUs, but the cluster has no `gpus-per-node`\n"
        "set `cluster.gpus-per-node = 8`, or name a cluster file with `--cluster`"
    )


# Nodes that differ


def on_nodes(text: str, *gpus: int) -> list[str]:
    """Plan a job on nodes of these sizes; the tables of the job say nothing of them, so the checker gets none."""
    tables = tomllib.loads(text)
    for table in tables["roles"].values():
        table["command"] = ["serve"]
    found = plan(job_of(tables), gpus)
    bare = {key: value for key, value in to_tree(found).items() if key in ("schema", "nodes", "workers")}
    assert check(bare) == ()
    assert [node.gpus for node in found.nodes] == list(gpus)
    return [
        f"{worker.role}.{worker.worker} on " + " ".join(f"{task.node}:{len(task.gpus)}" for task in worker.tasks)
        for worker in found.workers
    ]


def test_the_planner_takes_the_gpus_of_each_node() -> None:
    text = EIGHT + role("a", 2, "workers = 2") + role("b", 6)
    assert on_nodes(text, 4, 8) == ["a.0 on 0:2", "a.1 on 0:2", "b.0 on 1:6"]
    assert on_nodes(text, 8, 4) == ["a.0 on 0:2", "a.1 on 1:2", "b.0 on 0:6"]


def test_a_role_passes_over_nodes_that_are_too_small() -> None:
    assert on_nodes(EIGHT + role("a", 6, "num-nodes = 2"), 4, 8, 4, 8) == ["a.0 on 1:6", "a.1 on 3:6"]


def test_sizes_that_do_not_fit_are_refused_with_the_sum_of_what_is_there() -> None:
    with pytest.raises(InputError, match="on 2 nodes of 4 to 8 GPUs: together they need 13 of 12 GPUs"):
        on_nodes(EIGHT + role("a", 6, "num-nodes = 2") + role("b", 1), 8, 4)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            total(3) + role("a", 4),
            ("2 of 3 nodes run no role with GPUs", ("job", "num-nodes"), "one node holds them all"),
        ),
        (
            total(3) + role("a", 4, "num-nodes = 2"),
            ("1 of 3 nodes runs no role with GPUs", ("job", "num-nodes"), "2 nodes hold them all"),
        ),
        (
            '[job]\nnodes = ["x", "y"]\n' + role("a", 4),
            ("1 of 2 nodes runs no role with GPUs", ("job", "nodes"), "one node holds them all"),
        ),
    ],
)
def test_rule_3_nodes_that_no_role_uses_are_a_warning(text: str, expected: tuple[str, tuple[str, ...], str]) -> None:
    (warning,) = plan_of(EIGHT + text).warnings
    assert (warning.code, warning.message, warning.path, warning.help) == ("W201", *expected)
    assert plan_of(EIGHT + total(3) + role("store", 0)).warnings == ()
    assert plan_of(EIGHT + total("min") + role("a", 4, "workers = 3")).warnings == ()


def test_rule_4_a_search_that_gives_up_says_so_with_the_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = (17, 19, 23, 29, 31, 37, 41, 43)
    text = "[cluster]\ngpus-per-node = 97\n" + total("min")
    text += "".join(role(f"r{size}", size, "workers = 7") for size in sizes)
    assert (len(plan_of(text).nodes), plan_of(text).placement.lower, plan_of(text).warnings) == (18, 18, ())
    monkeypatch.setattr(search, "pack", partial(pack, budget=1))
    found = plan_of(text)
    (warning,) = found.warnings
    assert (len(found.nodes), found.placement.lower) == (19, 18)
    assert (warning.code, warning.path) == ("W202", ("job", "num-nodes"))
    assert warning.message == "19 nodes are not proven minimal: 18 may do"
