"""Jobs of several components, without a Slurm: which step goes to which, and what a wrong allocation is called."""

import json
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.launch.lab import STUB, Run, compiled, run, stub

GROUPS = f"""
[vars]
stub = "{STUB}"

[job]
name = "test"
num-nodes = {{ front = 1, big = 2, small = 1 }}
output-dir = "out"

[cluster]
gpu-request = "none"

[[cluster.node-groups]]
name = "front"

[[cluster.node-groups]]
name = "big"
gpus-per-node = 8

[[cluster.node-groups]]
name = "small"
gpus-per-node = 2
"""
ROLES = f"""
[roles.watch]
place = "every-node"
stagger = true
command = {stub("--record", "seen")[:-1]}, {{ when = "worker == 2", args = ["the third"] }}, "of {{num-workers}}"]
ready = {{ port = "http", path = "/health" }}
stop = {{ grace = "1s" }}
[roles.watch.ports]
http = 20100

[roles.decode]
group = "big"
workers = 3
gpus-per-worker = 4
command = {stub("--record", "seen")}
after = ["watch"]
stop = {{ grace = "1s" }}

[roles.prefill]
group = "small"
workers = 2
gpus-per-worker = 1
command = {stub("--record", "seen", "{role.decode.hosts}")}
after = ["decode"]
stop = {{ grace = "1s" }}

[phases.here]
command = "echo here; sleep 0.1"

[phases.there]
on = "prefill"
command = "echo there"
"""
COMPONENTS = (("n7",), ("n1", "n2"), ("n4",))


def of_components(*components: Sequence[str]) -> dict[str, str]:
    """What Slurm tells the batch script of a heterogeneous job."""
    lists = {f"SLURM_JOB_NODELIST_HET_GROUP_{index}": ",".join(names) for index, names in enumerate(components)}
    return {"SLURM_HET_SIZE": str(len(components)), "SLURM_JOB_NODELIST": ",".join(components[0]), **lists}


def ran(folder: Path, job: str = GROUPS + ROLES, env: Mapping[str, str] | None = None) -> Run:
    return run(job, folder, env=of_components(*COMPONENTS) if env is None else env)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Run:
    found = ran(tmp_path_factory.mktemp("groups"))
    assert (found.code, found.cause) == (0, ""), found.output
    return found


def test_a_step_has_the_nodes_and_the_number_of_its_component(done: Run) -> None:
    lines = [json.loads(line)["options"] for line in (done.folder / "sruns").read_text().splitlines()]
    options = [dict(word[2:].partition("=")[::2] for word in words) for words in lines]
    everywhere = [(str(index), ",".join(names)) for index, names in enumerate(COMPONENTS)]
    assert {(each["job-name"], each["het-group"], each["nodelist"]) for each in options} == {
        ("decode", "1", "n1,n1,n2"),
        ("here", "0", "n7"),
        ("prefill", "2", "n4,n4"),
        ("there", "2", "n4"),
        *((f"{part}/+{index}", index, names) for part in ("preflight", "watch") for index, names in everywhere),
    }
    assert len(options) == 10


def test_every_task_finds_its_row_whichever_component_it_is_in(done: Run) -> None:
    seen = {(row["env"]["DYNPLAN_ROLE"], row["env"]["DYNPLAN_WORKER"]): row for row in done.seen()}
    hosts = {place: (row["env"]["DYNPLAN_HOST"], row["cuda"]) for place, row in seen.items()}
    assert hosts == {
        **{("watch", str(at)): (name, "") for at, name in enumerate(("n7", "n1", "n2", "n4"))},
        **{("decode", str(at)): (("n1", "n1", "n2")[at], ("0,1,2,3", "4,5,6,7", "0,1,2,3")[at]) for at in range(3)},
        **{("prefill", str(at)): ("n4", str(at)) for at in range(2)},
    }
    assert [seen["watch", str(at)]["argv"] for at in range(4)] == [
        ["of 4"],
        ["of 4"],
        ["the third", "of 4"],
        ["of 4"],
    ]
    assert seen["prefill", "0"]["argv"] == ["n1,n1,n2"]
    assert {row["env"]["DYNPLAN_NUM_WORKERS"] for place, row in seen.items() if place[0] == "watch"} == {"4"}


def test_events_of_a_role_on_all_groups_are_of_one_role(done: Run) -> None:
    assert sorted(done.order("ready")) == sorted(
        [
            f"ready {role}/{worker}"
            for role, count in (("watch", 4), ("decode", 3), ("prefill", 2))
            for worker in range(count)
        ]
    )
    assert "has not started ()" not in done.output


@pytest.mark.parametrize(
    ("components", "cause"),
    [
        ((("n7",), ("n1",), ("n4",)), "the plan needs 2 nodes of group big, component 1 of the job has 1: n1"),
        ((("n7",), ("n1", "n2"), ("n2",)), "n2 is a node of group big and of group small"),
        (
            (("n7",), ("n1", "n2")),
            "the plan needs a heterogeneous job of 3 components (front big small), this one has 2",
        ),
    ],
)
def test_an_allocation_of_other_components_is_refused(
    tmp_path: Path, components: Sequence[Sequence[str]], cause: str
) -> None:
    found = ran(tmp_path, env=of_components(*components))
    assert (found.code, found.cause) == (64, cause)


def test_a_job_of_one_component_is_refused(tmp_path: Path) -> None:
    found = ran(tmp_path, env={"SLURM_JOB_NODELIST": "n1,n2,n4,n7"})
    cause = "the plan needs a heterogeneous job of 3 components (front big small), this one has 1"
    assert (found.code, found.cause) == (64, cause)


def test_a_named_host_must_be_in_its_component(tmp_path: Path) -> None:
    job = (GROUPS + ROLES).replace('output-dir = "out"', 'output-dir = "out"\nnodes = { big = ["n2", "n1"] }')
    good = ran(tmp_path, job)
    assert good.code == 0, good.output
    rows = [row["env"] for row in good.seen() if row["env"]["DYNPLAN_ROLE"] == "watch"]
    assert [row["DYNPLAN_HOST"] for row in rows] == ["n7", "n2", "n1", "n4"]
    bad = ran(tmp_path, job, of_components(("n2",), ("n1", "n7"), ("n4",)))
    assert (bad.code, bad.cause) == (64, "host n2 is planned in group big, and the job has it in group front")


SHOW = """
hosts=({hosts})
load :
for role in "${{roles[@]}}"; do
	load "$role"
	for at in "${{!tasks_in[@]}}"; do
		load "$role/+$at"
		for ((number = first; number < first + tasks; number++)); do
			find_task "$number"
			echo "$role $component $gpus ${{srun[*]: -1}} ${{row[worker]}} ${{row[node]}} of ${{row[num-workers]}}"
		done
	done
done
"""


@pytest.mark.parametrize("sizes", [(1, 1), (3, 1, 2), (2, 70), (5, 4, 3, 2, 1)])
def test_the_tasks_of_every_component_are_those_on_its_nodes(sizes: Sequence[int]) -> None:
    groups = "".join(f'[[cluster.node-groups]]\nname = "g{at}"\ngpus-per-node = {at}\n' for at in range(len(sizes)))
    numbers = ", ".join(f"g{at} = {size}" for at, size in enumerate(sizes))
    roles = "".join(f'[roles.r{at}]\ncommand = "x"\nplace = "every-node"\n' for at in range(2))
    script = compiled(f"job.num-nodes = {{ {numbers} }}\n{groups}{roles}")
    top = script[: script.index("# ---- 1. allocation and output directory ----")]
    hosts = [f"n{node}" for node in range(sum(sizes))]
    text = top[top.index("# ==== The plan ====") :] + SHOW.format(hosts=" ".join(hosts))
    done = subprocess.run(["bash", "-p"], input=text, capture_output=True, text=True, check=True)
    places = [at for at, size in enumerate(sizes) for _ in range(size)]
    assert done.stdout.splitlines() == [
        f"r{role} {at} {at} --het-group={at} {node} {node} of {len(places)}"
        for role in range(2)
        for node, at in enumerate(places)
    ]


def test_ports_are_looked_at_on_the_nodes_that_use_them(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", 20100))
        listener.listen()
        found = ran(tmp_path)
    assert found.code == 65
    names = {"n7": "front", "n1": "big", "n2": "big", "n4": "small"}
    for name, group in names.items():
        assert f"preflight: {name} (group {group}): port 20100 (http of role watch) is taken" in found.output


def test_a_component_whose_nodes_do_not_answer_is_told_by_its_nodes(tmp_path: Path) -> None:
    cluster = GROUPS.replace('gpu-request = "none"', 'gpu-request = "none"\nlaunch-timeout = "6s"')
    found = ran(tmp_path, cluster + ROLES, {**of_components(*COMPONENTS), "STUB_SILENT": "n4"})
    assert found.code == 76
    assert "preflight in group small: srun ended with status 1 before any task said a word" in found.output
    assert found.cause.startswith("preflight: no answer from n4 after ")
    assert "n1" not in found.cause
