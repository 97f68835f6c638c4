"""What a script makes of Slurm's topology: told by a stand-in for scontrol. The real one is in tests/slurm."""

import json
import os
from pathlib import Path

import pytest

from tests.launch.lab import Run, job_text, program_parts, run, stub
from tests.launch.test_functions import BASHES, out
from tests.launch.test_run import phase, role

WIDE = role("wide", stub("--record", "seen"), "workers = 2", "gpus-per-worker = 24")
NARROW = role("narrow", stub("--record", "seen"), "workers = 2", "gpus-per-worker = 8")
NODES = [f"n{node}" for node in range(8)]
# As scontrol of 24.11 and of 22.05 prints it.
BLOCKS = "BlockName={} BlockIndex=0 Nodes={} BlockSize=4\\n"
SWITCHES = "SwitchName={} Level=0 LinkSpeed=1 Nodes={} \\n"
AGGREGATED = "AggregatedBlock=b[0-1] BlockIndex=2 Nodes=n0,n1,n2,n3,n4,n5,n6,n7 BlockSize=8\\n"
TOP = "SwitchName=top Level=1 LinkSpeed=1 Nodes=n0,n1,n2,n3,n4,n5,n6,n7 Switches=b[0-1]\\n"


def topology(line: str, *blocks: str) -> str:
    return "".join(line.format(f"b{at}", nodes) for at, nodes in enumerate(blocks))


def started(folder: Path, told: str, *parts: str, domain: int = 4) -> Run:
    job = job_text(*(parts or (WIDE, NARROW)), phase("one", "true"), nodes=8, cluster=f"domain-nodes = {domain}")
    return run(job, folder, nodes=NODES, env={"STUB_TOPOLOGY": told})


def homes(done: Run) -> dict[str, list[str]]:
    """Return the hosts of each worker by `role/worker`, in rank order."""
    found: dict[str, list[str]] = {}
    for record in done.seen():
        env = record["env"]
        found.setdefault(f"{env['DYNPLAN_ROLE']}/{env['DYNPLAN_WORKER']}", []).append(env["DYNPLAN_HOST"])
    return found


IN_ORDER = {
    "wide/0": ["n0", "n1", "n2"],
    "narrow/0": ["n3"],
    "wide/1": ["n4", "n5", "n6"],
    "narrow/1": ["n7"],
}
BY_TWOS = {
    "wide/0": ["n0", "n2", "n4"],
    "narrow/0": ["n6"],
    "wide/1": ["n1", "n3", "n5"],
    "narrow/1": ["n7"],
}


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (topology(BLOCKS, "n0,n1,n2,n3", "n4,n5,n6,n7"), IN_ORDER),
        (topology(BLOCKS, "n4,n5,n6,n7", "n0,n1,n2,n3"), IN_ORDER),
        (topology(BLOCKS, "n0,n2,n4,n6", "n1,n3,n5,n7"), BY_TWOS),
        (topology(BLOCKS, "n0,n2,n4,n6,m0", "n1,n3,n5,n7,m1", "m2,m3"), BY_TWOS),
        # What blocks make together, and switches beside them, say nothing more.
        (topology(BLOCKS, "n0,n2,n4,n6", "n1,n3,n5,n7") + AGGREGATED, BY_TWOS),
        (topology(SWITCHES, ",".join(NODES)) + topology(BLOCKS, "n0,n2,n4,n6", "n1,n3,n5,n7"), BY_TWOS),
        (topology(BLOCKS, "n0,n2,n4,n6", "n1,n3,n5,n7") + topology(SWITCHES, ",".join(NODES)), BY_TWOS),
        (topology(SWITCHES, "n0,n2,n4,n6", "n1,n3,n5,n7") + TOP, BY_TWOS),
    ],
)
def test_hosts_of_one_block_stand_side_by_side(told: str, expected: dict[str, list[str]], tmp_path: Path) -> None:
    done = started(tmp_path, told)
    assert done.code == 0, done.output
    assert homes(done) == expected


TEST = role(
    "test", stub("--record", "seen", "--exit-after", "0.3"), 'kind = "task"', "workers = 2", "gpus-per-worker = 24"
)
LATER = (
    role("large", stub("--record", "seen"), "gpus-per-worker = 32", 'after = ["test"]'),
    role("small", stub("--record", "seen"), "workers = 2", "gpus-per-worker = 16", 'after = ["test"]'),
)


def test_who_comes_after_a_task_has_hosts_of_the_blocks_that_it_had(tmp_path: Path) -> None:
    done = started(tmp_path, topology(BLOCKS, "n0,n2,n4,n6", "n1,n3,n5,n7"), TEST, *LATER)
    assert done.code == 0, done.output
    assert homes(done) == {
        "test/0": ["n0", "n2", "n4"],
        "test/1": ["n1", "n3", "n5"],
        "large/0": ["n0", "n2", "n4", "n6"],
        "small/0": ["n1", "n3"],
        "small/1": ["n5", "n7"],
    }
    events = [(event, name) for event, name, *_ in done.events]
    assert events.index(("end", "test")) < events.index(("started", "large"))


def test_a_worker_of_a_later_stage_in_two_blocks_ends_the_job_before_the_task_starts(tmp_path: Path) -> None:
    one = TEST.replace("workers = 2", "workers = 1")
    done = started(tmp_path, topology(BLOCKS, "n0,n1,n2", "n3,n4,n5,n6,n7"), one, *LATER)
    assert done.code == 65
    assert "worker 0 of role small is in 2 blocks, and 1 of 4 nodes would hold it: n7 in b1, n0 in b0" in done.output
    assert "of role test" not in done.output
    assert not (tmp_path / "seen").exists()


def test_the_block_with_most_hosts_is_the_first(tmp_path: Path) -> None:
    done = started(tmp_path, topology(SWITCHES, "n0", "n1,n2,n3,n4", "n5,n6,n7"))
    assert homes(done)["wide/0"] == ["n1", "n2", "n3"]


def test_a_worker_in_two_blocks_is_named_before_anything_starts(tmp_path: Path) -> None:
    done = started(tmp_path, topology(BLOCKS, "n0,n1", "n2,n3,n4,n5", "n6,n7"))
    cause = (
        "preflight: worker 1 of role wide is in 2 blocks, and 1 of 4 nodes would hold it: n0, n1 in b0, n6 in b2;"
        " nothing was started"
    )
    assert cause in done.output
    assert (done.code, done.text("exit-code.txt")) == (65, "65\n")
    assert cause in done.text("failure-marker.txt")
    assert not (tmp_path / "seen").exists()


def test_nodes_that_are_in_no_block_count_as_one_of_their_own(tmp_path: Path) -> None:
    done = started(tmp_path, topology(BLOCKS, "n0,n1,n2,n3"))
    assert done.code == 0, done.output
    assert homes(done) == IN_ORDER


def test_switches_are_told_and_end_no_job(tmp_path: Path) -> None:
    done = started(tmp_path, topology(SWITCHES, "n0,n1", "n2,n3,n4,n5", "n6,n7") + TOP)
    assert done.code == 0
    said = "worker 1 of role wide is in 2 switches, and 1 of 4 nodes would hold it: n0, n1 in b0, n6 in b2"
    assert said in done.output


def test_a_slurm_without_topology_is_said_once(tmp_path: Path) -> None:
    done = started(tmp_path, "")
    assert done.code == 0
    assert homes(done) == IN_ORDER
    assert done.output.count("Slurm tells no blocks of nodes (scontrol show topology)") == 1


def test_a_worker_larger_than_a_domain_may_be_in_as_many_as_it_needs(tmp_path: Path) -> None:
    large = role("large", stub("--record", "seen"), "workers = 1", "gpus-per-worker = 64")
    done = started(tmp_path, topology(BLOCKS, "n0,n2,n4,n6", "n1,n3,n5,n7"), large)
    assert done.code == 0, done.output
    assert homes(done) == {"large/0": ["n0", "n2", "n4", "n6", "n1", "n3", "n5", "n7"]}
    done = started(tmp_path, topology(BLOCKS, "n0,n1,n2", "n3,n4,n5", "n6,n7"), large)
    assert "worker 0 of role large is in 3 blocks, and 2 of 4 nodes would hold it" in done.output


@pytest.mark.parametrize("above", ["", "rack."])
@pytest.mark.parametrize(
    ("pattern", "code", "said"),
    [
        ("block.node", 65, "is in 2 blocks, and 1 of 4 nodes would hold it: n4, n5 in b1, n6 in b2"),
        ("switch.node", 0, "is in 2 switches, and 1 of 4 nodes would hold it: n4, n5 in b1, n6 in b2"),
        ("node", 0, "Slurm tells no blocks of nodes"),
    ],
)
def test_where_scontrol_says_nothing_nodes_tell_their_blocks(
    pattern: str, code: int, said: str, above: str, tmp_path: Path
) -> None:
    pattern = pattern if pattern == "node" else f"{above and pattern.split('.')[0] + '.'}{pattern}"
    told = {node: [f"{above}b{at // 3 if at < 6 else 2}.{node}", pattern] for at, node in enumerate(NODES)}
    told["n3"][0] = f"{above}b0.n3"
    env = {"STUB_TOPOLOGY": "", "STUB_ADDRESSES": json.dumps(told)}
    job = job_text(WIDE, NARROW, phase("one", "true"), nodes=8, cluster="domain-nodes = 4")
    done = run(job, tmp_path, nodes=NODES, env=env)
    assert done.code == code, done.output
    assert said in done.output
    assert ("worker 1 of role wide" in done.output) == (pattern != "node")
    assert done.output.count("nodes would hold it") <= 2
    assert (tmp_path / "seen").exists() == (code == 0)


def test_nodes_that_do_not_answer_are_in_no_block_and_no_worker_is_blamed(tmp_path: Path) -> None:
    told = {node: [f"b{at // 4}.{node}", "block.node"] for at, node in enumerate(NODES)}
    env = {"STUB_TOPOLOGY": "", "STUB_ADDRESSES": json.dumps(told), "STUB_SILENT": "n5"}
    job = job_text(WIDE, NARROW, phase("one", "true"), nodes=8, cluster="domain-nodes = 4")
    done = run(job, tmp_path, nodes=NODES, env=env)
    assert (done.code, "nodes would hold it" in done.output) == (76, False), done.output
    assert "preflight: no answer from n5" in done.cause


def test_what_scontrol_says_counts_more_than_what_nodes_tell(tmp_path: Path) -> None:
    told = {node: [f"{node}.{node}", "block.node"] for node in NODES}
    env = {"STUB_TOPOLOGY": topology(BLOCKS, "n0,n1,n2,n3", "n4,n5,n6,n7"), "STUB_ADDRESSES": json.dumps(told)}
    job = job_text(WIDE, NARROW, phase("one", "true"), nodes=8, cluster="domain-nodes = 4")
    done = run(job, tmp_path, nodes=NODES, env=env)
    assert (done.code, homes(done)) == (0, IN_ORDER), done.output


def test_named_hosts_stand_as_they_are_named_and_are_checked(tmp_path: Path) -> None:
    named = role("wide", stub("--record", "seen"), f"nodes = {json.dumps(NODES[:6])}", "gpus-per-worker = 24")
    job = job_text(named, phase("one", "true"), cluster="domain-nodes = 4").replace("num-nodes = 1\n", "")
    told = topology(BLOCKS, "n0,n1,n2,n6", "n3,n4,n5,n7")
    done = run(job, tmp_path, nodes=NODES[:6], env={"STUB_TOPOLOGY": told})
    assert (done.code, homes(done)["wide/1"]) == (0, ["n3", "n4", "n5"])
    told = topology(BLOCKS, "n0,n1,n2,n3", "n4,n5,n6,n7")
    done = run(job, tmp_path, nodes=NODES[:6], env={"STUB_TOPOLOGY": told})
    assert "worker 1 of role wide is in 2 blocks, and 1 of 4 nodes would hold it: n3 in b0, n4, n5 in b1" in done.output
    assert done.code == 65


@pytest.mark.parametrize("bash", BASHES)
def test_ten_thousand_hosts_in_556_blocks_are_ordered_in_seconds(bash: Path) -> None:
    program = f"""
scontrol() {{
	if [[ $2 == topology ]]; then
		for ((b = 0; b < 556; b++)); do
			printf 'BlockName=rack%s BlockIndex=%s Nodes=' "$b" "$b"
			for ((n = b; n < 10008; n += 556)); do printf 'host%s,' "$n"; done
			echo ' BlockSize=18'
		done
	else
		tr -s , '\\n' <<<"$3"
	fi
}}
join() {{
	local IFS=,
	joined="$*"
}}
{program_parts()["domains"]}
nodes=10008
domain_nodes=(18)
for ((n = 0; n < nodes; n++)); do hosts+=("host$n"); done
find_blocks
group_hosts
printf '%s\\0' "$block_kind" "${{#hosts[@]}}" "${{hosts[0]}}" "${{hosts[17]}}" "${{hosts[18]}}" "${{hosts[10007]}}"
"""
    began = os.times().children_user
    assert out(bash, program) == ["blocks", "10008", "host0", "host9452", "host1", "host10007"]
    assert os.times().children_user - began < 20
