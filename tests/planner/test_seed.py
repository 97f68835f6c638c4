"""What the system that dynplan replaces plans, row by row, with its numbers: nodes, GPUs, ports.

The rows are those of its 1,485 lines of bash and Python: two roles, decode and prefill, on nodes of 8
GPUs. Where it has a limit or a defect, the test says what dynplan does instead.
"""

import pytest

from tests.plans import placed, plan_of, ports, refused, told

HEAD = "[cluster]\ngpus-per-node = 8\n"
SIZE = 'gpus-per-worker = "tensor-parallel-size * pipeline-parallel-size"'


def job(top: str, decode: str, prefill: str, more: str = "") -> str:
    """Write a job of decode and prefill, each of tensor-parallel size 4 unless it says so itself."""
    roles = {"decode": decode, "prefill": prefill}
    tables = [
        f"[roles.{name}]\n{text if 'gpus-per-worker' in text else four(text)}" for name, text in roles.items() if text
    ]
    return "\n".join([HEAD, "[job]", top, *tables, more])


def four(text: str, size: int = 4) -> str:
    return f"{text}\n{SIZE}\nargs = {{ tensor-parallel-size = {size}, pipeline-parallel-size = 1 }}\n"


# Nodes


def test_row_1_any_number_of_roles() -> None:
    names = ["decode", "prefill", "encode", "embed", "rerank"]
    text = HEAD + "".join(f"[roles.{name}]\nnum-nodes = 1\ngpus-per-worker = 8\n" for name in names)
    assert placed(text) == [f"{name}.0 on {node}:0-7" for node, name in enumerate(names)]


def test_row_2_without_num_nodes_the_roles_are_separate_and_decode_comes_first() -> None:
    assert placed(job("", "num-nodes = 2", "num-nodes = 1")) == [
        *("decode.0 on 0:0-3", "decode.1 on 1:0-3"),
        "prefill.0 on 2:0-3",
    ]


def test_row_3_every_node_is_used_before_one_is_shared() -> None:
    """Theirs starts both roles at node 0 and leaves the third idle."""
    assert placed(job("num-nodes = 3", "num-nodes = 2", "num-nodes = 2")) == [
        *("decode.0 on 0:0-3", "decode.1 on 1:0-3"),
        *("prefill.0 on 0:4-7", "prefill.1 on 2:0-3"),
    ]


def test_row_4_hosts_named_by_roles_make_the_allocation_and_an_overlap_is_shared() -> None:
    separate = job("", 'nodes = ["node-a"]', 'nodes = ["node-b"]')
    assert [node.host for node in plan_of(separate).nodes] == ["node-a", "node-b"]
    assert plan_of(separate).placement.mode == "separate"
    assert placed(separate) == ["decode.0 on 0:0-3", "prefill.0 on 1:0-3"]
    shared = job("", 'nodes = "node-[a-b]"', 'nodes = "node-[a-b]"')
    assert plan_of(shared).placement.mode == "shared"
    assert placed(shared) == [
        *("decode.0 on 0:0-3", "decode.1 on 1:0-3"),
        *("prefill.0 on 0:4-7", "prefill.1 on 1:4-7"),
    ]


def test_row_5_an_overlap_needs_an_allocation_of_the_hosts_that_roles_name() -> None:
    both = 'nodes = "node-[a-b]"', 'nodes = "node-[a-b]"'
    assert told(job('nodes = "node-[a-c]"', *both)) == (
        "D206 the job allocates 3 hosts and its roles share 2: no role names `node-c`\n"
        'set `job.nodes = ["node-a", "node-b"]`, or add the host to a role'
    )
    assert told(job("", 'nodes = ["node-a"]\nnum-nodes = 2', "num-nodes = 1")) == (
        "D113 `nodes` of role `decode` names 1 hosts, but `num-nodes` is 2\nset `num-nodes = 1`, or leave it out"
    )
    assert told(job('nodes = ["node-a"]', 'nodes = ["node-b"]', "num-nodes = 1")) == (
        "D205 role `decode` names host `node-b`, which is not among the job's `nodes`\n"
        'set `job.nodes = ["node-a", "node-b"]`, or name another host'
    )


def test_row_6_too_few_nodes_is_one_message_with_the_numbers_and_the_fix() -> None:
    assert told(job("num-nodes = 2", "num-nodes = 4", "num-nodes = 1")) == (
        "D203 not enough nodes: the job has 2, and role `decode` needs at least 4 for 4 workers of 4 GPUs;"
        " together the roles need 20 of 16 GPUs\n"
        "set `job.num-nodes = 4`, or set `roles.decode.num-nodes = 2`"
    )


@pytest.mark.parametrize(
    "line",
    ["num-nodes = [1, 2]", "workers = [4]", "workers-per-node = [1, 2]", "gpus-per-worker = [4, 8]"],
)
def test_row_7_a_list_where_a_number_belongs_names_role_and_key(line: str) -> None:
    """Theirs reaches int() with the list."""
    key = line.partition(" ")[0]
    found = refused(job("", f"{line}\ngpus-per-worker = 4" if key != "gpus-per-worker" else line, "num-nodes = 1"))
    assert [finding.code for finding in found] == ["D110"]
    assert found[0].message == f"`{key}` of role `decode` must be a whole number, not a list"
    assert found[0].path == ("roles", "decode", key)


def test_row_8_no_decode_nodes_is_an_error() -> None:
    """Theirs accepts it, and the frontend becomes an empty string."""
    (found,) = refused(job("", "num-nodes = 0", "num-nodes = 1"))
    assert (found.code, found.path) == ("D104", ("roles", "decode", "num-nodes"))
    assert found.message == "`num-nodes` of role `decode` is 0, outside 1 to 1000000"


def test_row_9_host_lists_are_slurms() -> None:
    """Theirs pads `node[8-10]` to node08 and sorts the names as text."""
    text = job("", 'nodes = "node[8-10]"', "")
    assert [node.host for node in plan_of(text).nodes] == ["node8", "node9", "node10"]


# GPUs


@pytest.mark.parametrize(("decode", "prefill"), [(4, 4), (2, 4), (6, 2), (1, 7), (1, 1)])
def test_row_10_on_a_shared_node_prefill_comes_after_decode(decode: int, prefill: int) -> None:
    text = job("num-nodes = 2", four("num-nodes = 2", decode), four("num-nodes = 2", prefill))
    for worker in plan_of(text).workers:
        first, size = (0, decode) if worker.role == "decode" else (decode, prefill)
        assert worker.tasks[0].gpus == tuple(range(first, first + size))


def test_row_11_more_gpus_than_a_node_has_names_both_roles() -> None:
    text = job("num-nodes = 2", four("num-nodes = 2", 6), four("num-nodes = 2", 4))
    assert told(text) == (
        "D204 role `prefill` needs 4 GPUs on each of 2 nodes, but `decode` leaves 2 on node 0:"
        " together they need 20 of 16 GPUs\n"
        "set `job.num-nodes = 4`, or set `roles.prefill.args.tensor-parallel-size = 2`"
    )


def test_row_12_as_many_workers_on_a_shared_node_as_asked() -> None:
    """Theirs has exactly one for each role."""
    text = job("num-nodes = 1", four("num-nodes = 1\nworkers-per-node = 2", 2), four("num-nodes = 1", 4))
    assert placed(text) == ["decode.0 on 0:0-1", "decode.1 on 0:2-3", "prefill.0 on 0:4-7"]


@pytest.mark.parametrize(("per", "slices"), [("1", ["0-2"]), ('"max"', ["0-2", "3-5"])])
def test_row_13_one_worker_on_a_separate_node_or_as_many_as_fit(per: str, slices: list[str]) -> None:
    text = job("", four(f"num-nodes = 1\nworkers-per-node = {per}", 3), "num-nodes = 1")
    assert placed(text)[:-1] == [f"decode.{worker} on 0:{gpus}" for worker, gpus in enumerate(slices)]


def test_row_14_slices_are_positions_and_not_ids() -> None:
    """The task counts in the list that its node shows; what a node shows is tested on a Slurm."""
    assert placed(job("num-nodes = 1", "num-nodes = 1", "num-nodes = 1")) == ["decode.0 on 0:0-3", "prefill.0 on 0:4-7"]


def test_row_15_a_worker_larger_than_a_node_spans_two_or_is_refused() -> None:
    """Theirs starts none and is ready at once."""
    assert placed(job("", four("num-nodes = 2", 16), "")) == ["decode.0 on 0:0-7 1:0-7"]
    assert told(job("", four("num-nodes = 1", 16), "")).startswith(
        "D201 role `decode` needs 16 GPUs per worker, but a node has 8: each worker spans 2 nodes,"
    )


def test_row_16_constraints_and_capacity() -> None:
    rule = 'constraints = ["prefill.args.tensor-parallel-size <= decode.args.tensor-parallel-size"]'
    assert len(plan_of(job(rule, "num-nodes = 1", "num-nodes = 1")).nodes) == 2
    (found,) = refused(job(rule, "num-nodes = 1", four("num-nodes = 1", 8)))
    assert found.code == "D120"
    assert found.message.endswith("the left side is 8, the right side 4")


# Ports

PORTS = """
ports.nixl = { base = 5557, count = "tensor-parallel-size" }
ports.events = 20080
ports.kvbm = { base = 56001, count = 2 }
ports.system = 9090
"""


def test_rows_17_to_20_the_bases_on_separate_nodes() -> None:
    bases = "nixl=5557-5560 events=20080 kvbm=56001-56002 system=9090"
    assert ports(job("", f"num-nodes = 1{PORTS}", f"num-nodes = 1{PORTS}")) == [
        f"decode.0 on 0 {bases}",
        f"prefill.0 on 1 {bases}",
    ]


def test_rows_17_to_20_workers_of_a_role_follow_each_other() -> None:
    text = job("", four(f"num-nodes = 1\nworkers-per-node = 3{PORTS}", 2), "")
    assert ports(text) == [
        "decode.0 on 0 nixl=5557-5558 events=20080 kvbm=56001-56002 system=9090",
        "decode.1 on 0 nixl=5559-5560 events=20081 kvbm=56003-56004 system=9091",
        "decode.2 on 0 nixl=5561-5562 events=20082 kvbm=56005-56006 system=9092",
    ]


def test_rows_17_to_20_prefill_shifts_past_decode_on_a_shared_node() -> None:
    text = job(
        "num-nodes = 2",
        four(f"num-nodes = 2\nworkers-per-node = 2{PORTS}", 2),
        four(f"num-nodes = 2{PORTS}", 4),
    )
    on_each = [
        "nixl=5557-5558 events=20080 kvbm=56001-56002 system=9090",
        "nixl=5559-5560 events=20081 kvbm=56003-56004 system=9091",
        "nixl=5561-5564 events=20082 kvbm=56005-56006 system=9092",
    ]
    assert ports(text) == [
        *(f"decode.0 on 0 {on_each[0]}", f"decode.1 on 0 {on_each[1]}"),
        *(f"decode.2 on 1 {on_each[0]}", f"decode.3 on 1 {on_each[1]}"),
        *(f"prefill.0 on 0 {on_each[2]}", f"prefill.1 on 1 {on_each[2]}"),
    ]


FIXED = """
[roles.etcd]
ports = { client = { fixed = 2379 } }
[roles.nats]
ports = { client = { fixed = 4222 } }
[roles.frontend]
ports = { http = { fixed = 8000 } }
[roles.exporter]
per-node = true
ports = { http = { fixed = 9401 } }
"""


def test_row_21_fixed_ports_are_exactly_those() -> None:
    text = job(
        "num-nodes = 2",
        "num-nodes = 2\nports = { init = { fixed = 30011 } }",
        "num-nodes = 2\nports = { init = { fixed = 30021 } }",
        FIXED,
    )
    assert ports(text) == [
        *("decode.0 on 0 init=30011", "decode.1 on 1 init=30011"),
        *("prefill.0 on 0 init=30021", "prefill.1 on 1 init=30021"),
        *("etcd.0 on 0 client=2379", "nats.0 on 0 client=4222", "frontend.0 on 0 http=8000"),
        *("exporter.0 on 0 http=9401", "exporter.1 on 1 http=9401"),
    ]


def test_row_21_others_make_way_for_a_fixed_port_wherever_it_is_declared() -> None:
    text = job("num-nodes = 1", "num-nodes = 1\nports = { a = 7999 }", "num-nodes = 1\nports = { a = 7999 }", FIXED)
    assert ports(text)[:2] == ["decode.0 on 0 a=7999", "prefill.0 on 0 a=8001"]


def test_row_22_every_planned_port_can_be_checked_before_anything_starts() -> None:
    """Theirs looks at one node, and its awk exits 1 either way. Ours is the script's; the plan says which."""
    text = job("", f"num-nodes = 1{PORTS}", "")
    assert all(port.probed for role in plan_of(text).job.roles for port in role.ports)
    text = job("", "num-nodes = 1\nports = { ray = { base = 6379, probe = false } }", "")
    assert [port.probed for role in plan_of(text).job.roles for port in role.ports] == [False]


# Their two examples, and the head


def test_the_frontend_node_is_the_first_decode_node() -> None:
    text = job("", "num-nodes = 1", "num-nodes = 1", FIXED)
    assert plan_of(text).head == 0
    assert placed(text)[2:5] == ["etcd.0 on 0", "nats.0 on 0", "frontend.0 on 0"]


def test_the_shared_example() -> None:
    assert placed(job("num-nodes = 2", "num-nodes = 2", "num-nodes = 2")) == [
        *("decode.0 on 0:0-3", "decode.1 on 1:0-3"),
        *("prefill.0 on 0:4-7", "prefill.1 on 1:4-7"),
    ]


def test_the_separate_example() -> None:
    assert placed(job("", "num-nodes = 1", "num-nodes = 1")) == ["decode.0 on 0:0-3", "prefill.0 on 1:0-3"]


def test_the_explicit_examples() -> None:
    shared = job('nodes = ["node-a", "node-b"]', 'nodes = ["node-a", "node-b"]', 'nodes = ["node-a", "node-b"]')
    assert plan_of(shared).placement.mode == "shared"
    separate = job('nodes = ["node-a", "node-b"]', 'nodes = ["node-a"]', 'nodes = ["node-b"]')
    assert plan_of(separate).placement.mode == "separate"
