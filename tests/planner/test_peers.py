"""Inputs on which other launchers go wrong, and what dynplan does with them.

Found by running them: double booking, an IndexError, GPUs that nobody gets, a job that dies after hours
in the queue. Nodes have 8 GPUs unless said. `tests/slurm/test_peers.py` has what the running script
does with such cases; these are the ones that the compiler decides.
"""

import json
import shlex
import subprocess
from pathlib import Path

import dynplan
from dynplan.diagnostics import InputError
from dynplan.emitter import lower, write
from tests.plans import placed, plan_of, ports, told

PROGRAM = Path(dynplan.__file__).parent / "emitter" / "program"


def job(*roles: str, nodes: str = "", gpus: int = 8) -> str:
    """Write a job file in one go: `prefill workers=1 gpus-per-worker=4` is a role."""
    lines = ["[cluster]", f"gpus-per-node = {gpus}", "[job]", f"num-nodes = {nodes}" if nodes else ""]
    for role in roles:
        name, *keys = shlex.split(role, posix=False)
        lines += [f"[roles.{name}]", *keys]
    return "\n".join(lines)


def emitted(text: str) -> str:
    texts = {path.stem: path.read_text(encoding="utf-8") for path in PROGRAM.glob("*.sh")}
    return write(lower(plan_of(text)), "dynplan", texts)


def test_1_a_node_is_not_booked_twice() -> None:
    roles = "prefill workers=1 gpus-per-worker=4", "decode workers=1 gpus-per-worker=8"
    assert told(job(*roles, nodes="1")) == (
        "D204 role `decode` needs 8 GPUs, but `prefill` leaves 4 on node 0: together they need 12 of 8 GPUs\n"
        "set `job.num-nodes = 2`, or set `roles.decode.gpus-per-worker = 4`"
    )


def test_2_with_two_nodes_each_role_has_its_own() -> None:
    roles = "prefill workers=1 gpus-per-worker=4", "decode workers=1 gpus-per-worker=8"
    for nodes in ("", "2", '"min"'):
        assert placed(job(*roles, nodes=nodes)) == ["prefill.0 on 0:0-3", "decode.0 on 1:0-7"]


def test_3_three_workers_of_five_need_three_nodes() -> None:
    roles = "prefill workers=3 num-nodes=2 gpus-per-worker=5", "decode workers=1 num-nodes=1 gpus-per-worker=8"
    assert told(job(*roles)) == (
        "D202 role `prefill` asks for 3 workers of 5 GPUs, but 2 nodes with 1 worker each make 2:"
        " 3 workers need 3 nodes\n"
        "set `roles.prefill.workers = 2`, or set `roles.prefill.num-nodes = 3`"
    )
    roles = "prefill workers=3 gpus-per-worker=5", "decode workers=1 gpus-per-worker=8"
    assert len(plan_of(job(*roles, nodes='"min"')).nodes) == 4
    assert told(job(*roles, nodes="3")) == (
        "D204 role `decode` needs 8 GPUs, but `prefill` leaves 3 on node 0: together they need 23 of 24 GPUs,"
        " in pieces that do not go together\n"
        "set `job.num-nodes = 4`, or set `roles.decode.gpus-per-worker = 2`"
    )


def test_4_a_worker_of_twelve_is_six_and_six_and_the_rest_is_for_others() -> None:
    big, small = "big workers=1 gpus-per-worker=12", "small workers=2 gpus-per-worker=2"
    assert placed(job(big, small, nodes='"min"')) == [
        "big.0 on 0:0-5 1:0-5",
        *("small.0 on 0:6-7", "small.1 on 1:6-7"),
    ]


def test_5_two_workers_of_six_on_nodes_of_four() -> None:
    """12 GPUs in 3 nodes are enough in number, but a worker takes 3 + 3 unless it says that it fills nodes."""
    role = "decode workers=2 gpus-per-worker=6"
    assert len(plan_of(job(role, nodes='"min"', gpus=4)).nodes) == 4
    assert told(job(role, nodes="3", gpus=4)) == (
        "D203 not enough nodes: the job has 3, and role `decode` needs at least 4 for 2 workers of 6 GPUs\n"
        'set `job.num-nodes = 4`, or set `roles.decode.split = "fill"`'
    )
    filling = role + ' split="fill"'
    assert placed(job(filling, nodes="3", gpus=4)) == [
        "decode.0 on 0:0-3 1:0-1",
        "decode.1 on 2:0-3 1:2-3",
    ]
    assert len(plan_of(job(filling, nodes='"min"', gpus=4)).nodes) == 3


def test_6_sixteen_workers_without_a_size_are_refused() -> None:
    assert told(job("decode workers=16 num-nodes=1")).startswith(
        "D103 role `decode` says how many workers it wants, but not how many GPUs each needs\n"
    )
    assert told(job("decode workers-per-node=16 num-nodes=1 gpus-per-worker=1")).startswith(
        "D209 role `decode` wants 16 workers of 1 GPU on a node, which is 16 GPUs, but a node has 8\n"
        "set `roles.decode.workers-per-node = 8`"
    )


def test_7_sixteen_of_sixteen_gpus_are_used() -> None:
    roles = "prefill workers=1 gpus-per-worker=4", "decode workers=3 gpus-per-worker=4"
    for nodes in ("2", '"min"'):
        assert placed(job(*roles, nodes=nodes)) == [
            *("prefill.0 on 0:0-3", "decode.0 on 0:4-7"),
            *("decode.1 on 1:0-3", "decode.2 on 1:4-7"),
        ]


def test_8_forty_gpus_do_not_fit_on_sixteen() -> None:
    roles = "prefill workers=4 gpus-per-worker=8", "decode workers=1 gpus-per-worker=8"
    assert told(job(*roles, nodes="2")) == (
        "D203 not enough nodes: the job has 2, and role `prefill` needs at least 4 for 4 workers of 8 GPUs;"
        " together the roles need 40 of 16 GPUs\n"
        "set `job.num-nodes = 5`, or set `roles.prefill.workers = 1`"
    )


def test_9_a_worker_of_at_most_a_node_stays_on_one() -> None:
    roles = "context workers=1 gpus-per-worker=4", "generation workers=2 gpus-per-worker=6"
    assert placed(job(*roles, nodes='"min"')) == [
        "context.0 on 0:0-3",
        *("generation.0 on 1:0-5", "generation.1 on 2:0-5"),
    ]


def test_10_two_workers_on_a_node_have_different_ports() -> None:
    roles = (
        'generation workers=1 gpus-per-worker=4 ports={"http"=8000}',
        'context workers=1 gpus-per-worker=4 ports={"http"=8000}',
    )
    assert ports(job(*roles, nodes="1")) == ["generation.0 on 0 http=8000", "context.0 on 0 http=8001"]


def test_11_all_three_nodes_are_used_and_one_is_shared() -> None:
    roles = "decode num-nodes=2 gpus-per-worker=4", "prefill num-nodes=2 gpus-per-worker=4"
    assert placed(job(*roles, nodes="3")) == [
        *("decode.0 on 0:0-3", "decode.1 on 1:0-3"),
        *("prefill.0 on 0:4-7", "prefill.1 on 2:0-3"),
    ]


def test_12_sharing_is_decided_node_by_node() -> None:
    text = job(
        'decode nodes=["a","b"] gpus-per-worker=4 ports={"http"=8000}',
        'prefill nodes=["b","c"] gpus-per-worker=4 ports={"http"=8000}',
    )
    assert placed(text) == [
        *("decode.0 on 0:0-3", "decode.1 on 1:0-3"),
        *("prefill.0 on 1:4-7", "prefill.1 on 2:0-3"),
    ]
    assert ports(text)[2:] == ["prefill.0 on 1 http=8001", "prefill.1 on 2 http=8000"]
    assert [node.host for node in plan_of(text).nodes] == ["a", "b", "c"]


def test_13_tensor_parallel_16_on_nodes_of_eight() -> None:
    size = 'gpus-per-worker="tensor-parallel-size" args={"tensor-parallel-size"=16}'
    assert placed(job(f"decode num-nodes=2 {size}")) == ["decode.0 on 0:0-7 1:0-7"]
    assert told(job(f"decode num-nodes=1 {size}")) == (
        "D201 role `decode` needs 16 GPUs per worker, but a node has 8: each worker spans 2 nodes,"
        " and `decode` asks for 1\n"
        "set `roles.decode.num-nodes = 2`, or set `roles.decode.args.tensor-parallel-size = 8`"
    )
    assert told(job(f"decode num-nodes=2 workers-per-node=2 {size}")).startswith(
        "D201 role `decode` needs 16 GPUs per worker, but a node has 8\n"
        "set `roles.decode.workers-per-node = 1`, or set `roles.decode.args.tensor-parallel-size = 4`"
    )


METRICS = 'ports={"system"=9090} metrics="http://{host}:{port.system}/metrics"'


def test_14_two_workers_of_a_role_on_a_node_are_two_addresses() -> None:
    text = job(f"decode num-nodes=1 workers-per-node=2 gpus-per-worker=4 {METRICS}")
    assert ports(text) == ["decode.0 on 0 system=9090", "decode.1 on 0 system=9091"]


def test_15_an_exporter_on_every_shared_node_runs_once() -> None:
    roles = (
        "decode num-nodes=2 gpus-per-worker=4",
        "prefill num-nodes=2 gpus-per-worker=4",
        'exporter per-node=true ports={"http"=9401}',
    )
    text = job(*roles, nodes="2")
    assert [line for line in placed(text) if line.startswith("exporter")] == ["exporter.0 on 0", "exporter.1 on 1"]
    assert ports(text) == ["exporter.0 on 0 http=9401", "exporter.1 on 1 http=9401"]


def test_16_a_table_among_args_is_one_word_of_compact_json() -> None:
    text = """
    [roles.decode]
    gpus-per-worker = 0
    args = { kv-transfer-config = { kv_connector = "NixlConnector", kv_role = "kv_both" } }
    """
    (role,) = plan_of(text).job.roles
    word = '{"kv_connector":"NixlConnector","kv_role":"kv_both"}'
    assert role.launch.command == ("serve", "--kv-transfer-config", word)
    assert f"'{word}'" in emitted(text)


def test_17_dollars_and_backticks_reach_the_program_byte_for_byte() -> None:
    value = '$HOME/`whoami` "x" \\'
    text = f"[roles.decode]\nargs = {{ chat-template = {json.dumps(value)} }}\n"
    (written,) = [line for line in emitted(text).splitlines() if "whoami" in line]
    read_back = subprocess.run(["bash", "-c", f"printf %s {written}"], capture_output=True, check=True, text=True)
    assert read_back.stdout == value


def test_18_an_environment_value_with_commas_is_set_inside_the_task() -> None:
    text = """
    [roles.decode]
    gpus-per-worker = 2
    env = { UCX_TLS = "rc,cuda_copy,cuda_ipc" }
    [cluster]
    gpus-per-node = 8
    """
    lines = emitted(text).splitlines()
    assert any("UCX_TLS" in line and "rc,cuda_copy,cuda_ipc" in line for line in lines)
    assert not [line for line in lines if line.lstrip().startswith("srun") and "--export=" in line and "UCX" in line]


def test_21_hosts_are_expanded_and_ordered_as_slurm_does() -> None:
    text = job('decode nodes="node[8-10]" gpus-per-worker=8')
    assert [node.host for node in plan_of(text).nodes] == ["node8", "node9", "node10"]
    text = job('decode nodes="node[08-10],big2" gpus-per-worker=8')
    assert [node.host for node in plan_of(text).nodes] == ["node08", "node09", "node10", "big2"]


def test_the_same_with_other_numbers_is_planned_or_refused_and_nothing_else() -> None:
    planned = [
        (workers, gpus)
        for workers in range(1, 12)
        for gpus in range(1, 20)
        if fits(job(f"a workers={workers} gpus-per-worker={gpus}", f"b workers=2 gpus-per-worker={gpus}", nodes="2"))
    ]
    # Two nodes of eight hold 16 / g workers of g GPUs, as far as no worker is cut in two.
    assert planned == [
        (workers, gpus) for workers in range(1, 12) for gpus in range(1, 20) if workers + 2 <= 2 * (8 // gpus)
    ]


def fits(text: str) -> bool:
    try:
        return len(plan_of(text).nodes) == 2
    except InputError:
        return False
