"""Node groups with NVLink domains and NUMA nodes of their own: each component is looked at by what its group says."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.launch.lab import HERE, STUB, Run, bash_version, bashes, program_parts, run, stub
from tests.launch.test_affinity import NUMACTL
from tests.launch.test_domains import BLOCKS, SWITCHES, homes, topology
from tests.launch.test_functions import out
from tests.launch.test_groups import of_components

BASHES = [pytest.param(bash, id=bash_version(bash)) for bash in bashes()]
# A head, racks of four nodes, and boxes of which no domains are known.
SITE = f"""
[vars]
stub = "{STUB}"

[job]
name = "test"
output-dir = "out"

[cluster]
gpu-request = "none"

[[cluster.node-groups]]
name = "cpu"

[[cluster.node-groups]]
name = "rack"
gpus-per-node = 4
domain-nodes = 4

[[cluster.node-groups]]
name = "box"
gpus-per-node = 2
"""
COMPONENTS = (("n9",), tuple(f"n{node}" for node in range(8)), ("n20", "n21", "n22", "n23"))
END = '[phases.one]\ncommand = "true"\n'


def role(name: str, *lines: str, words: Sequence[str] = ()) -> str:
    command = f"command = {stub('--record', 'seen', '--no-ports', *words)}"
    return "\n".join([f"[roles.{name}]", command, 'stop = { grace = "1s" }', *lines, ""])


RACKS = role("wide", 'group = "rack"', "workers = 2", "gpus-per-worker = 12")
RACKS += role("narrow", 'group = "rack"', "workers = 2", "gpus-per-worker = 4")
BOXES = role("pair", 'group = "box"', "workers = 2", "gpus-per-worker = 4")
ROLES = role("etcd") + RACKS + BOXES + END


def ran(folder: Path, job: str, told: str, components: Sequence[Sequence[str]] = COMPONENTS) -> Run:
    return run(job, folder, env={**of_components(*components), "STUB_TOPOLOGY": told})


BY_TWOS = topology(BLOCKS, "n0,n2,n4,n6", "n1,n3,n5,n7", "n23,n21,n9", "n20,n22")


def test_hosts_change_places_in_components_with_domains_alone(tmp_path: Path) -> None:
    done = ran(tmp_path, SITE + ROLES, BY_TWOS)
    assert done.code == 0, done.output
    assert homes(done) == {
        "etcd/0": ["n9"],
        "wide/0": ["n0", "n2", "n4"],
        "narrow/0": ["n6"],
        "wide/1": ["n1", "n3", "n5"],
        "narrow/1": ["n7"],
        "pair/0": ["n20", "n21"],
        "pair/1": ["n22", "n23"],
    }


def test_each_of_two_groups_with_domains_has_its_hosts_in_the_order_of_its_blocks(tmp_path: Path) -> None:
    done = ran(tmp_path, SITE + "domain-nodes = 2\n" + ROLES, BY_TWOS)
    assert done.code == 0, done.output
    found = homes(done)
    assert (found["wide/0"], found["wide/1"]) == (["n0", "n2", "n4"], ["n1", "n3", "n5"])
    assert (found["pair/0"], found["pair/1"]) == (["n20", "n22"], ["n21", "n23"])


def test_a_job_of_one_group_alone_is_ordered_too(tmp_path: Path) -> None:
    env = {"SLURM_JOB_NODELIST": ",".join(COMPONENTS[1]), "STUB_TOPOLOGY": BY_TWOS}
    done = run(SITE + RACKS + END, tmp_path, env=env)
    assert done.code == 0, done.output
    assert homes(done)["wide/1"] == ["n1", "n3", "n5"]


def test_a_worker_in_two_blocks_is_measured_by_the_domains_of_its_own_group(tmp_path: Path) -> None:
    # Workers of a group without domains are wherever they are.
    blocks = topology(BLOCKS, "n0,n1,n2,n3", "n4,n5", "n6,n7", "n20", "n21", "n22", "n23")
    done = ran(tmp_path, SITE + ROLES, blocks)
    cause = "preflight: worker 1 of role wide is in 2 blocks, and 1 of 4 nodes would hold it: n4, n5 in b1, n6 in b2"
    assert (done.code, done.cause) == (65, f"{cause}; nothing was started")
    assert "role pair" not in done.output
    assert not (tmp_path / "seen").exists()


def test_a_worker_of_the_second_group_is_measured_by_its_own(tmp_path: Path) -> None:
    blocks = topology(BLOCKS, "n0,n1,n2,n3", "n4,n5,n6,n7", "n20", "n21,n22", "n23")
    done = ran(tmp_path, SITE + "domain-nodes = 2\n" + ROLES, blocks)
    cause = "preflight: worker 1 of role pair is in 2 blocks, and 1 of 2 nodes would hold it: n20 in b2, n23 in b4"
    assert (done.code, done.cause) == (65, f"{cause}; nothing was started")


def test_switches_are_told_and_end_no_job(tmp_path: Path) -> None:
    done = ran(tmp_path, SITE + ROLES, topology(SWITCHES, "n0,n1", "n2,n3,n4,n5", "n6,n7"))
    assert done.code == 0
    assert "worker 1 of role wide is in 2 switches, and 1 of 4 nodes would hold it" in done.output


def test_a_slurm_without_topology_leaves_all_hosts_as_they_are(tmp_path: Path) -> None:
    done = ran(tmp_path, SITE + ROLES, "")
    assert done.code == 0, done.output
    assert homes(done)["wide/1"] == ["n4", "n5", "n6"]
    assert done.output.count("Slurm tells no blocks of nodes") == 1


def test_named_hosts_of_another_group_stand_as_they_are_named(tmp_path: Path) -> None:
    named = SITE.replace('output-dir = "out"', 'output-dir = "out"\nnodes = { box = ["n22", "n20", "n23", "n21"] }')
    done = ran(tmp_path, named + ROLES, BY_TWOS)
    assert done.code == 0, done.output
    found = homes(done)
    assert (found["pair/0"], found["pair/1"], found["wide/1"]) == (["n22", "n20"], ["n23", "n21"], ["n1", "n3", "n5"])


def test_named_hosts_of_a_group_with_domains_stand_as_they_are_named_and_are_checked(tmp_path: Path) -> None:
    hosts = [*COMPONENTS[1][:3], *COMPONENTS[1][4:7], "n3", "n7"]
    named = SITE.replace('output-dir = "out"', f'output-dir = "out"\nnodes = {{ rack = {json.dumps(hosts)} }}')
    done = ran(tmp_path, named + ROLES, BY_TWOS)
    cause = "worker 0 of role wide is in 2 blocks, and 1 of 4 nodes would hold it: n0 in b0, n1 in b1, n2 in b0"
    assert (done.code, cause in done.output) == (65, True)


# Where GPUs are attached: this machine's one NUMA node is 0


ATTACHED = SITE.replace(
    'name = "box"\ngpus-per-node = 2',
    'name = "box"\ngpus-per-node = 2\ngpu-numa = [0, 0]\ngpu-nics = [["mlx5_0", "mlx5_1:1"], "mlx5_0"]',
).replace("domain-nodes = 4", 'gpu-nics = ["ib0", [], "ib1", "ib1"]')
FACTS = role("etcd") + role("near", 'group = "box"', "workers = 2", "gpus-per-worker = 1", words=["{numa}", "{nics}"])
FACTS += role("far", 'group = "rack"', "workers = 2", "gpus-per-worker = 2", words=["{nics}"])


def here(folder: Path, job: str, **tools: str) -> Run:
    """Run a job on a node of each kind, with these programs and no other numactl."""
    place = folder / "tools"
    place.mkdir()
    for name, text in tools.items():
        (place / name).write_text(text)
        (place / name).chmod(0o755)
    env = {**of_components(("n0",), ("n1",), ("n2",)), "PATH": f"{place}:{HERE / 'slurm'}:{os.environ['PATH']}"}
    return run(job + END, folder, env=env)


def seen(done: Run) -> Mapping[str, tuple[list[str], str | None, str | None]]:
    """Return the words of each worker, and the NUMA nodes and adapters in its environment."""
    return {
        f"{row['env']['DYNPLAN_ROLE']}/{row['env']['DYNPLAN_WORKER']}": (
            row["argv"],
            row["env"].get("DYNPLAN_NUMA"),
            row["env"].get("DYNPLAN_NICS"),
        )
        for row in done.seen()
    }


def test_a_task_is_told_what_its_own_group_says_of_its_gpus(tmp_path: Path) -> None:
    done = here(tmp_path, ATTACHED + FACTS)
    assert (done.code, done.cause) == (0, ""), done.output
    assert seen(done) == {
        "etcd/0": ([], None, None),
        "near/0": (["0", "mlx5_0,mlx5_1:1"], "0", "mlx5_0,mlx5_1:1"),
        "near/1": (["0", "mlx5_0"], "0", "mlx5_0"),
        "far/0": (["ib0"], None, "ib0"),
        "far/1": (["ib1"], None, "ib1"),
    }


def test_facts_may_stand_in_what_the_batch_script_fills(tmp_path: Path) -> None:
    metrics = 'metrics = "http://{host}:1/{nics}"\n'
    done = here(tmp_path, ATTACHED + FACTS + metrics)
    assert (done.code, done.cause) == (0, ""), done.output
    far = json.loads(done.text("endpoints.json"))["roles"]["far"]
    assert [worker["metrics"] for worker in far] == ["http://n1:1/ib0", "http://n1:1/ib1"]


def test_a_role_is_bound_by_what_its_group_says(tmp_path: Path) -> None:
    bound = FACTS.replace('group = "box"', 'group = "box"\nnuma-bind = true')
    done = here(tmp_path, ATTACHED + bound, numactl=NUMACTL)
    assert (done.code, done.cause) == (0, ""), done.output
    cpus = ",".join(map(str, sorted(os.sched_getaffinity(0))))
    assert done.text("bound").splitlines() == [f"--physcpubind={cpus} --membind=0"] * 2
    assert "bound to NUMA node 0" in done.text("logs/near-0.log")
    assert "bound" not in done.text("logs/far-0.log")


def test_a_numa_node_that_is_not_there_is_looked_for_on_the_nodes_of_its_group(tmp_path: Path) -> None:
    done = here(tmp_path, ATTACHED.replace("[0, 0]", "[0, 917]") + FACTS)
    cause = "preflight: n2 (group box): the cluster's gpu-numa has GPU 1 on NUMA node 917; the node has NUMA nodes 0"
    assert (done.code, done.cause) == (65, f"{cause}; nothing was started")
    assert [event[-1] for event in done.events if event[0] == "problem"] == [cause]


@pytest.mark.parametrize("bash", BASHES)
def test_the_facts_of_a_component_are_as_many_as_its_gpus(bash: Path) -> None:
    program = f"""
{program_parts()["affinity"]}
component_numa=('' '0,0,1,10' '7')
component_nics=('' 'a:1/b,c//d' '')
for component in 0 1 2; do
	take_affinity
	printf '%s\\0' "${{#gpu_numa[@]}}" "${{gpu_numa[*]}}" "${{#gpu_nics[@]}}" "${{gpu_nics[*]}}"
done
"""
    assert out(bash, program) == ["0", "", "0", "", "4", "0 0 1 10", "4", "a:1 b,c  d", "1", "7", "0", ""]
