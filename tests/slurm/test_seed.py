"""The seed's placements on a real Slurm: which GPUs and ports each process saw, and on which node.

Numbers are written out from the rules: slices from GPU 0 up in declaration order, one port ledger per node.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.slurm.lab import Lab, Place, Run, gpus_and_ports, scenario, succeeded

pytestmark = pytest.mark.slurm

# The four kinds of ports that a Dynamo worker binds; tp is 4 in these jobs.
PORTS = """
system = 9090
nixl = { base = 5557, count = "tensor-parallel-size" }
kv-events = 20080
kvbm = { base = 56001, count = 2 }
"""


def role(name: str, size: str, tp: int = 4) -> str:
    """A role of stubs with the seed's ports; `size` are its further keys."""
    return f"""
[roles.{name}]
{size}
gpus-per-worker = "tensor-parallel-size * pipeline-parallel-size"
command = ["{{vars.python}}", "{{vars.stub}}"]
args = {{ record = "{{job.dir}}/seen.jsonl", tensor-parallel-size = {tp}, pipeline-parallel-size = 1 }}
ready = {{ port = "system", path = "/health", timeout = "40s" }}
stop = {{ grace = "2s" }}
[roles.{name}.ports]
{PORTS}
"""


END = """
[phases.smoke]
command = "true"
"""


def both(size: str) -> str:
    return role("decode", size) + role("prefill", size) + END


def ports(system: int, nixl: range, events: int, kvbm: range) -> tuple[int, ...]:
    """The numbers of the four kinds of ports, ascending."""
    return (*nixl, system, events, *kvbm)


# A worker that is the first of its node: every block starts at its base.
FIRST = ports(9090, range(5557, 5561), 20080, range(56001, 56003))
# Behind one decode worker of tp 4: + 1, + 1 * 4, + 1, + 2 * 1.
SHIFTED = ports(9091, range(5561, 5565), 20081, range(56003, 56005))


def planned(run: Run) -> dict[Place, Any]:
    """What `dynplan plan` says of each process: host, GPUs and ports."""
    plan = run.plan
    hosts = dict(enumerate(run.nodes)) | {node["node"]: node["host"] for node in plan["nodes"] if node["host"]}
    return {
        (worker["role"], worker["worker"], task["rank"]): (
            hosts[task["node"]],
            ",".join(map(str, task["gpus"])),
            {p for block in task["ports"].values() for p in range(block["port"], block["port"] + block["count"])},
        )
        for worker in plan["workers"]
        for task in worker["tasks"]
    }


def as_planned(run: Run) -> bool:
    """The job succeeded, and each of its processes had what the plan promises, no more and no less."""
    saw = {place: (seen.host, seen.cuda, set(seen.ports)) for place, seen in run.workers.items()}
    assert saw == planned(run)
    return succeeded(run)


# ---- Their two examples ----------------------------------------------------------------------------------


def separate(lab: Lab) -> Run:
    return lab.run(both("num-nodes = 1"), nodes=2)


@scenario(separate)
def test_without_a_number_of_nodes_each_role_has_nodes_of_its_own(run: Run) -> None:
    a, b = run.nodes
    assert gpus_and_ports(run.workers) == {"decode": [(a, "0,1,2,3", FIRST)], "prefill": [(b, "0,1,2,3", FIRST)]}
    assert as_planned(run)


def shared(lab: Lab) -> Run:
    return lab.run("[job]\nnum-nodes = 2\n" + both("num-nodes = 2"), nodes=2)


@scenario(shared)
def test_two_roles_share_two_nodes_decode_below_prefill_above(run: Run) -> None:
    a, b = run.nodes
    assert gpus_and_ports(run.workers) == {
        "decode": [(a, "0,1,2,3", FIRST), (b, "0,1,2,3", FIRST)],
        "prefill": [(a, "4,5,6,7", SHIFTED), (b, "4,5,6,7", SHIFTED)],
    }
    assert as_planned(run)


def overlap(lab: Lab) -> Run:
    with lab.nodes(2) as (a, b):
        hosts = f'nodes = ["{a}", "{b}"]'
        return lab.run_on((a, b), f"[job]\n{hosts}\n" + both(hosts))


@scenario(overlap)
def test_hosts_that_both_roles_name_are_shared(run: Run) -> None:
    a, b = run.nodes
    assert gpus_and_ports(run.workers) == {
        "decode": [(a, "0,1,2,3", FIRST), (b, "0,1,2,3", FIRST)],
        "prefill": [(a, "4,5,6,7", SHIFTED), (b, "4,5,6,7", SHIFTED)],
    }
    assert as_planned(run)


def apart(lab: Lab) -> Run:
    with lab.nodes(2) as (a, b):
        roles = role("decode", f'nodes = ["{a}"]') + role("prefill", f'nodes = ["{b}"]')
        return lab.run_on((a, b), roles + END)


@scenario(apart)
def test_hosts_that_no_two_roles_name_stay_separate(run: Run) -> None:
    a, b = run.nodes
    assert gpus_and_ports(run.workers) == {"decode": [(a, "0,1,2,3", FIRST)], "prefill": [(b, "0,1,2,3", FIRST)]}
    assert as_planned(run)


# ---- What theirs cannot do -------------------------------------------------------------------------------


def partly(lab: Lab) -> Run:
    with lab.nodes(3) as (a, b, c):
        roles = role("decode", f'nodes = ["{a}", "{b}"]') + role("prefill", f'nodes = ["{b}", "{c}"]')
        return lab.run_on((a, b, c), roles + END)


@scenario(partly)
def test_only_the_node_that_both_roles_name_is_shared(run: Run) -> None:
    a, b, c = run.nodes
    assert gpus_and_ports(run.workers) == {
        "decode": [(a, "0,1,2,3", FIRST), (b, "0,1,2,3", FIRST)],
        "prefill": [(b, "4,5,6,7", SHIFTED), (c, "0,1,2,3", FIRST)],
    }
    assert as_planned(run)


def uneven(lab: Lab) -> Run:
    return lab.run("[job]\nnum-nodes = 3\n" + both("num-nodes = 2"), nodes=3)


@scenario(uneven)
def test_two_and_two_on_three_nodes_use_all_three_and_share_one(run: Run) -> None:
    a, b, c = run.nodes
    assert gpus_and_ports(run.workers) == {
        "decode": [(a, "0,1,2,3", FIRST), (b, "0,1,2,3", FIRST)],
        "prefill": [(a, "4,5,6,7", SHIFTED), (c, "0,1,2,3", FIRST)],
    }
    assert as_planned(run)


def swapped(lab: Lab) -> Run:
    with lab.nodes(2) as (a, b):
        roles = role("decode", f'nodes = ["{b}"]') + role("prefill", f'nodes = ["{a}"]')
        return lab.run_on((a, b), f'[job]\nnodes = ["{b}", "{a}"]\n' + roles + END)


@scenario(swapped)
def test_hosts_named_in_another_order_than_slurms_are_found_by_name(run: Run) -> None:
    a, b = run.nodes
    assert gpus_and_ports(run.workers) == {"decode": [(b, "0,1,2,3", FIRST)], "prefill": [(a, "0,1,2,3", FIRST)]}
    assert as_planned(run)


def several(lab: Lab) -> Run:
    roles = role("decode", "num-nodes = 2\nworkers-per-node = 2", tp=2)
    roles += role("prefill", "num-nodes = 2\nworkers-per-node = 2", tp=1)
    return lab.run("[job]\nnum-nodes = 2\n" + roles + END, nodes=2)


@scenario(several)
def test_workers_of_one_node_and_of_the_role_behind_them_take_the_next_ports(run: Run) -> None:
    a, b = run.nodes
    # i = worker's place on its node: system 9090 + i, NIXL 5557 + i * tp, KV events 20080 + i, KVBM 56001 + 2i;
    # prefill is behind two decode workers of tp 2: + 2, + 2 * 2, + 2, + 2 * 2.
    decode = [
        ("0,1", ports(9090, range(5557, 5559), 20080, range(56001, 56003))),
        ("2,3", ports(9091, range(5559, 5561), 20081, range(56003, 56005))),
    ]
    prefill = [
        ("4", ports(9092, range(5561, 5562), 20082, range(56005, 56007))),
        ("5", ports(9093, range(5562, 5563), 20083, range(56007, 56009))),
    ]
    assert gpus_and_ports(run.workers) == {
        "decode": [(node, *worker) for node in (a, b) for worker in decode],
        "prefill": [(node, *worker) for node in (a, b) for worker in prefill],
    }
    assert as_planned(run)


def filled(lab: Lab) -> Run:
    return lab.run(role("decode", 'num-nodes = 1\nworkers-per-node = "max"', tp=3) + END, nodes=1)


@scenario(filled)
def test_as_many_workers_as_fit_on_the_node_in_slices_from_the_first_gpu(run: Run) -> None:
    (a,) = run.nodes
    assert gpus_and_ports(run.workers) == {
        "decode": [
            (a, "0,1,2", ports(9090, range(5557, 5560), 20080, range(56001, 56003))),
            (a, "3,4,5", ports(9091, range(5560, 5563), 20081, range(56003, 56005))),
        ]
    }
    assert as_planned(run)


def two_nodes_each(lab: Lab) -> Run:
    job = """
[job]
num-nodes = 2
[roles.big]
workers = 1
gpus-per-worker = 12
command = ["{vars.python}", "{vars.stub}", "{rank}/{num-tasks}", "{leader.host}:{leader.port.dist}"]
leader-args = ["--serve"]
follower-args = ["--headless"]
args = { record = "{job.dir}/seen.jsonl" }
ports = { dist = 30011, system = { base = 9090, on = "every-task" } }
ready = { port = "system", path = "/health", on = "every-task", timeout = "40s" }
[roles.small]
workers = 2
gpus-per-worker = 2
command = ["{vars.python}", "{vars.stub}"]
args = { record = "{job.dir}/seen.jsonl" }
ports = { system = 9090 }
ready = { port = "system", path = "/health", timeout = "40s" }
[phases.smoke]
command = "true"
"""
    return lab.run(job, nodes=2)


@scenario(two_nodes_each)
def test_a_worker_larger_than_a_node_spans_two_and_leaves_the_rest_to_others(run: Run) -> None:
    a, b = run.nodes
    assert gpus_and_ports(run.workers) == {
        "big": [(a, "0,1,2,3,4,5", (9090, 30011)), (b, "0,1,2,3,4,5", (9090,))],
        "small": [(a, "6,7", (9091,)), (b, "6,7", (9091,))],
    }
    assert run.workers["big", 0, 0].argv == ("0/2", f"{a}:30011", "--serve")
    assert run.workers["big", 0, 1].argv == ("1/2", f"{a}:30011", "--headless")
    assert {"big-0.0.log", "big-0.1.log", "small-0.log", "small-1.log"} <= run.logs
    assert as_planned(run)


def upper_half(lab: Lab) -> Run:
    """Another job has GPUs 0-3 of the node, so Slurm gives ours 4-7."""
    job = """
[cluster]
gpus-per-node = 4
[job.sbatch]
exclusive = false
mem = 1000
[roles.decode]
workers = 2
gpus-per-worker = 2
command = ["{vars.python}", "{vars.stub}", "{gpus}"]
args = { record = "{job.dir}/seen.jsonl" }
ports = { system = 9090 }
ready = { port = "system", path = "/health", timeout = "40s" }
[phases.smoke]
command = "true"
"""
    with lab.nodes(1) as names:
        other = ["--gpus-per-node=4", "--mem=1000"]
        with lab.other_job("exec sleep 100", names, other):
            return lab.run_on(names, job)


@scenario(upper_half)
def test_slices_are_places_in_the_list_that_slurm_gave_the_job(run: Run) -> None:
    (a,) = run.nodes
    assert gpus_and_ports(run.workers) == {"decode": [(a, "4,5", (9090,)), (a, "6,7", (9091,))]}
    assert [run.workers["decode", worker, 0].argv for worker in (0, 1)] == [("0,1",), ("2,3",)]
    assert succeeded(run)
