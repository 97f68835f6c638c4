"""Roles bound to NUMA nodes on a real Slurm, and a cluster file that says of a node what is not so."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.slurm.lab import Lab, Run, scenario, succeeded

pytestmark = pytest.mark.slurm

HERE = Path("/sys/devices/system/node/node0/cpulist")
JOB = """
[cluster]
gpus-per-node = 4
gpu-numa = NUMA
gpu-nics = ["mlx5_0", "mlx5_0", "mlx5_1", "mlx5_2"]
[roles.bound]
workers = 2
gpus-per-worker = 2
numa-bind = true
command = "grep allowed_list /proc/self/status; cat /proc/self/numa_maps; echo at {numa} {nics} $DYNPLAN_NICS; sleep 60"
ready = { log = "^at " }
stop = { grace = "1s" }
[phases.one]
command = "true"
"""


def bound(lab: Lab) -> Run:
    return lab.run(JOB.replace("NUMA", "[0, 0, 0, 0]"), 1)


@scenario(bound)
def test_a_worker_runs_on_the_cpus_of_its_numa_node(run: Run) -> None:
    """Whatever of them Slurm has left it; this machine has a NUMA node 0 at least."""
    assert succeeded(run)
    node = numbers(HERE.read_text())
    for worker, nics in ((0, "mlx5_0"), (1, "mlx5_1,mlx5_2")):
        log = run.log(f"logs/bound-{worker}.log")
        assert numbers(found(log, "Cpus_allowed_list")) == node & os.sched_getaffinity(0)
        assert 0 in numbers(found(log, "Mems_allowed_list"))
        assert f"at 0 {nics} {nics}" in log
        assert re.search(r"bound to NUMA node 0: \S*(numactl --physcpubind=\S+ --membind=0|taskset -c \S+)$", log, re.M)
        if "numactl" in log:
            assert " bind:0 " in log


def not_so(lab: Lab) -> Run:
    return lab.run(JOB.replace("NUMA", "[0, 0, 917, 917]"), 1)


@scenario(not_so)
def test_a_wrong_fact_is_named_before_anything_starts(run: Run) -> None:
    assert (run.job.state, run.job.exit_code) == ("FAILED", 65), run.output
    assert re.fullmatch(
        rf"preflight: {run.nodes[0]}: the cluster's gpu-numa has GPU 2 on NUMA node 917, GPU 3 on NUMA node 917; "
        r"the node has NUMA nodes 0(, \d+)*; nothing was started",
        run.cause,
    )


def found(log: str, name: str) -> str:
    match = re.search(rf"^{name}:\s*(\S+)$", log, re.M)
    assert match, log
    return match[1]


def numbers(text: str) -> set[int]:
    """`0-3,8` as numbers."""
    ends = (item.partition("-") for item in text.strip().split(","))
    return {number for first, _, last in ends for number in range(int(first), int(last or first) + 1)}
