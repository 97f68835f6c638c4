"""Where GPUs are attached: what tasks are told of it, what they are bound to, and nodes that say otherwise."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.launch.lab import HERE, Run, bash_version, bashes, job_text, program_parts, run, stub

BASHES = [pytest.param(bash, id=bash_version(bash)) for bash in bashes()]
NUMA = "gpu-numa = [0, 0, 0, 0, 1, 1, 1, 1]"
NICS = 'gpu-nics = ["mlx5_0", "mlx5_0", "mlx5_1", ["mlx5_2:1", "mlx5_1"], "mlx5_3", "mlx5_3", "mlx5_3", "mlx5_3"]'
ONE_NODE = "gpu-numa = [0, 0, 0, 0, 0, 0, 0, 0]"
END = 'stop = { grace = "1s" }\n[phases.one]\ncommand = "true"\n'


def role(*words: str, gpus: int = 4, more: str = "") -> str:
    command = stub("--record", "seen", "--no-ports", *words)
    return f"[roles.worker]\nworkers = 2\ngpus-per-worker = {gpus}\ncommand = {command}\n{more}\n"


def here(tmp_path: Path, cluster: str, worker: str, **tools: str) -> Run:
    """Run a job on this machine, whose one NUMA node is 0, with these programs and no other numactl."""
    tools_here = tmp_path / "tools"
    tools_here.mkdir()
    for name, text in tools.items():
        (tools_here / name).write_text(text)
        (tools_here / name).chmod(0o755)
    env = {"PATH": f"{tools_here}:{HERE / 'slurm'}:{os.environ['PATH']}"}
    return run(job_text(worker + END, cluster=cluster), tmp_path, env=env)


NUMACTL = '#!/bin/bash\necho "$1 $2" >>"$DYNPLAN_JOB_DIR/bound"\nshift 2\nexec "$@"\n'


def test_a_task_is_told_the_numa_nodes_and_adapters_of_its_gpus_each_once(tmp_path: Path) -> None:
    done = here(tmp_path, f"{ONE_NODE}\n{NICS}", role("{numa}", "{nics}", "at {nics}"))
    assert (done.code, done.cause) == (0, ""), done.output
    first, second = done.seen()
    assert first["argv"] == ["0", "mlx5_0,mlx5_1,mlx5_2:1", "at mlx5_0,mlx5_1,mlx5_2:1"]
    assert second["argv"] == ["0", "mlx5_3", "at mlx5_3"]
    assert [seen["env"]["DYNPLAN_NICS"] for seen in (first, second)] == [first["argv"][1], "mlx5_3"]
    assert [seen["env"]["DYNPLAN_NUMA"] for seen in (first, second)] == ["0", "0"]


def test_facts_may_stand_in_what_the_batch_script_fills(tmp_path: Path) -> None:
    more = 'metrics = "http://{host}:1/{numa}/{nics}"'
    done = here(tmp_path, f"{ONE_NODE}\n{NICS}", role(gpus=2, more=more))
    assert (done.code, done.cause) == (0, ""), done.output
    assert [worker["metrics"] for worker in json.loads(done.text("endpoints.json"))["roles"]["worker"]] == [
        "http://n0:1/0/mlx5_0",
        "http://n0:1/0/mlx5_1,mlx5_2:1",
    ]


def test_a_role_is_bound_by_numactl_where_that_is(tmp_path: Path) -> None:
    done = here(tmp_path, ONE_NODE, role(more="numa-bind = true\nsetup = 'export X=1'"), numactl=NUMACTL)
    assert (done.code, done.cause) == (0, ""), done.output
    cpus = ",".join(map(str, sorted(os.sched_getaffinity(0))))
    assert done.text("bound").splitlines() == [f"--physcpubind={cpus} --membind=0"] * 2
    assert f"bound to NUMA node 0: {tmp_path}/tools/numactl --physcpubind={cpus} --membind=0" in done.text(
        "logs/worker-0.log"
    )
    assert not [event for event in done.events if event[0] == "warning" and "numactl" in event[-1]]


def test_a_role_that_is_not_bound_runs_as_it_is(tmp_path: Path) -> None:
    done = here(tmp_path, ONE_NODE, role(), numactl="#!/bin/bash\nexit 9\n")
    assert (done.code, done.cause) == (0, ""), done.output
    assert "bound" not in done.text("logs/worker-0.log")


def test_a_numa_node_that_is_not_there_is_named_before_anything_starts(tmp_path: Path) -> None:
    done = here(tmp_path, NUMA, role("{numa}"))
    assert done.code == 65
    gpus = ", ".join(f"GPU {gpu} on NUMA node 1" for gpu in (4, 5, 6, 7))
    assert done.cause == (
        f"preflight: n0: the cluster's gpu-numa has {gpus}; the node has NUMA nodes 0; nothing was started"
    )


# Functions of the program on a node that is a folder


def node(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text) if text else path.mkdir(exist_ok=True)


def told(bash: Path, folder: Path, call: str, **variables: str) -> list[str]:
    """Call a function of the program, and return what it tells."""
    lines = [
        program_parts()["plan"],
        program_parts()["preflight"],
        program_parts()["affinity"],
        'event() { echo "$1: $2"; }\nSLURMD_NODENAME=n7',
        *(f"{name}={value}" for name, value in variables.items()),
        call,
    ]
    done = subprocess.run([bash, "-c", "\n".join(lines)], cwd=folder, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.stdout.splitlines()


HALVES = {"gpu_numa": "(0 0 1 1)", "gpu_nics": "(mlx5_0 mlx5_0:1 mlx5_1,mlx5_2 hsn0)", "shown_count": "4"}
ADDRESSES = ("0000:07:00.0", "0000:0f:00.0", "0000:87:00.0", "0000:90:00.0")
GOOD = {
    "sys/devices/system/node/node0/cpulist": "0-3\n",
    "sys/devices/system/node/node1/cpulist": "4-7\n",
    "sys/class/infiniband/mlx5_0": "",
    "sys/class/infiniband/mlx5_1": "",
    "sys/class/infiniband/mlx5_2": "",
    "sys/class/net/hsn0": "",
    **{f"proc/driver/nvidia/gpus/{address}": "" for address in ADDRESSES},
    **{f"sys/bus/pci/devices/{address}/numa_node": f"{at // 2}\n" for at, address in enumerate(ADDRESSES)},
}
CHECK = "preflight_affinity sys proc"
SAYS = "problem: preflight: n7: "


@pytest.mark.parametrize("bash", BASHES)
@pytest.mark.parametrize(
    ("changes", "variables", "expected"),
    [
        ({}, {}, []),
        (
            {"sys/bus/pci/devices/0000:0f:00.0/numa_node": "1\n"},
            {},
            ["GPU 1 (0000:0f:00.0) is on NUMA node 1, and the cluster's gpu-numa has it on 0"],
        ),
        ({"sys/bus/pci/devices/0000:0f:00.0/numa_node": "-1\n"}, {}, []),  # firmware that does not say it
        ({"sys/bus/pci/devices/0000:0f:00.0/numa_node": "1\n"}, {"shown_count": "2"}, []),  # not the whole node's
        ({}, {"gpu_numa": "()"}, []),
        (
            {},
            {"gpu_numa": "(0 0 1 2)"},
            [
                "the cluster's gpu-numa has GPU 3 on NUMA node 2; the node has NUMA nodes 0, 1",
                "GPU 3 (0000:90:00.0) is on NUMA node 1, and the cluster's gpu-numa has it on 2",
            ],
        ),
        (
            {},
            {"gpu_nics": "(mlx5_0 mlx5_7:1,mlx5_7 mlx5_1 mlx5_8)"},
            [
                "the cluster's gpu-nics has mlx5_7 at GPU 1; the node has mlx5_0, mlx5_1, mlx5_2",
                "the cluster's gpu-nics has mlx5_8 at GPU 3; the node has mlx5_0, mlx5_1, mlx5_2",
            ],
        ),
    ],
)
def test_what_a_node_says_otherwise_is_told(
    tmp_path: Path, bash: Path, changes: dict[str, str], variables: dict[str, str], expected: list[str]
) -> None:
    node(tmp_path, GOOD | changes)
    assert told(bash, tmp_path, CHECK, **(HALVES | variables)) == [SAYS + text for text in expected]


def test_a_node_that_says_nothing_is_not_refused(tmp_path: Path) -> None:
    (tmp_path / "sys").mkdir()
    assert told(Path("/bin/bash"), tmp_path, CHECK, **HALVES) == []
    show = 'find_cpus 1 sys status; echo "$usable|$fault"'
    (tmp_path / "status").write_text("Cpus_allowed_list:\t0-7\nMems_allowed_list:\t0\n")
    assert told(Path("/bin/bash"), tmp_path, show) == ["|"]


@pytest.mark.parametrize("bash", BASHES)
@pytest.mark.parametrize(
    ("numa", "cpus", "memory", "expected"),
    [
        ("0", "0-7", "0-1", "0,1,2,3|"),
        ("0,1", "0-7", "0-1", "0,1,2,3,4,5,6,7|"),
        ("1", "2-4,6", "0-1", "4,6|"),  # a part of the node's CPUs is the job's
        ("1", "0-3", "0-1", "|none of the CPUs of NUMA node 1 (4-7) is the job's, which has 0-3"),
        ("2", "0-7", "0-2", "|there is no NUMA node 2 with CPUs"),
        ("1", "0-7", "0", "4,5,6,7|memory of NUMA node 1 is not the job's, which has that of 0"),
    ],
)
def test_a_task_is_bound_to_those_cpus_of_its_numa_nodes_that_are_the_jobs(
    tmp_path: Path, bash: Path, numa: str, cpus: str, memory: str, expected: str
) -> None:
    node(tmp_path, GOOD)
    (tmp_path / "status").write_text(f"Name:\tbash\nCpus_allowed_list:\t{cpus}\nMems_allowed_list:\t{memory}\n")
    show = f'find_cpus {numa} sys status; echo "$usable|$fault"'
    assert told(bash, tmp_path, show) == [expected]


@pytest.mark.parametrize(
    ("tools", "expected"),
    [
        (("numactl", "taskset"), "tools/numactl --physcpubind=0,1 --membind=0||"),
        (
            ("taskset",),
            "tools/taskset -c 0,1||numactl is missing: taskset binds to CPUs alone, and memory stays where it is first "
            "touched",
        ),
        ((), "|neither numactl nor taskset is there|"),
    ],
)
def test_the_best_tool_that_is_there_binds(tmp_path: Path, tools: tuple[str, ...], expected: str) -> None:
    (tmp_path / "tools").mkdir()
    for name in tools:
        (tmp_path / "tools" / name).touch(mode=0o755)
    show = 'PATH=tools; usable=0,1; find_tool 0; echo "${binding[*]}|$fault|$weak"'
    assert told(Path("/bin/bash"), tmp_path, show) == [expected]
