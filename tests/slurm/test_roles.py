"""What a role may ask for beyond GPUs and ports, on a real Slurm."""

from __future__ import annotations

import pytest

from tests.slurm.lab import Event, Lab, Run, gpus_and_ports, scenario, succeeded

pytestmark = pytest.mark.slurm


def order(events: list[Event], *wanted: tuple[str, str]) -> list[tuple[str, str]]:
    """The events among `wanted`, as (name, task), in the order they happened."""
    return [(event.name, event.task) for event in events if (event.name, event.task) in wanted]


TASK_FIRST = """
[roles.download]
kind = "task"
command = "sleep 1; echo weights >{job.dir}/model"
[roles.worker]
num-nodes = 2
gpus-per-worker = 8
after = ["download"]
command = "cat {job.dir}/model; sleep 600"
ready = { log = "weights", timeout = "20s" }
stop = { grace = "1s" }
[phases.client]
command = "true"
"""


def task_first(lab: Lab) -> Run:
    return lab.run(TASK_FIRST)


@scenario(task_first)
def test_a_task_has_ended_before_its_dependents_start(run: Run) -> None:
    assert succeeded(run)
    names = [(event.name, event.role) for event in run.events if event.role in ("download", "worker")]
    assert names.index(("exit", "download")) < names.index(("started", "worker"))
    assert "weights" in run.log("logs/worker-0.log")


ONE_BY_ONE = """
[roles.worker]
num-nodes = 1
workers-per-node = 3
gpus-per-worker = 1
stagger = true
command = ["{vars.python}", "{vars.stub}", "--ready-after", "0.4"]
ports = { system = 9090 }
ready = { port = "system", path = "/health", timeout = "20s" }
stop = { grace = "1s" }
[phases.client]
command = "true"
"""


def one_by_one(lab: Lab) -> Run:
    return lab.run(ONE_BY_ONE, nodes=1)


@scenario(one_by_one)
def test_staggered_workers_of_a_node_start_when_the_one_before_is_ready(run: Run) -> None:
    assert succeeded(run)
    both = [(name, f"{worker}.0") for worker in range(3) for name in ("started", "ready")]
    workers = [event for event in run.events if event.role == "worker"]
    assert order(workers, *both) == both


SURROUNDINGS = """
[job]
num-nodes = 2
env = { STUB_A = "job", STUB_B = "job", STUB_C = "job" }
[cluster]
env = { STUB_A = "cluster", STUB_D = "cluster" }
network-interface = "eth0"
[roles.worker]
num-nodes = 2
gpus-per-worker = 2
command = ["{vars.python}", "{vars.stub}", "{host}", "{ip}", "{node}", "{gpus}", "{role.worker.endpoints.system}"]
args = { record = "{job.dir}/seen.jsonl" }
workdir = "{job.dir}"
env = { STUB_B = "role", STUB_UNSET = "set again" }
unset = ["STUB_C", "STUB_OUTSIDE"]
ports = { system = 9090 }
stop = { signal = "INT", grace = "10s" }
[[roles.worker.ready]]
port = "system"
timeout = "20s"
[[roles.worker.ready]]
command = ["test", "-e", "/proc/self"]
[[roles.worker.ready]]
port = "system"
path = "/health"
post = { ask = "me" }
body = '"ask": "me"'
[roles.exporter]
per-node = true
gpus-per-worker = 0
command = ["{vars.python}", "{vars.stub}"]
args = { record = "{job.dir}/seen.jsonl" }
ports = { metrics = 9401 }
ready = { port = "metrics" }
stop = { grace = "1s" }
[roles.router]
place = "with:worker"
command = ["{vars.python}", "{vars.stub}"]
args = { record = "{job.dir}/seen.jsonl" }
stop = { grace = "1s" }
[phases.first]
on = "worker"
command = ["{vars.python}", "{vars.stub}", "--record", "{job.dir}/seen.jsonl", "--exit-after", "0"]
[phases.second]
command = ["{vars.python}", "{vars.stub}", "--record", "{job.dir}/seen.jsonl", "--exit-after", "0"]
env = { STUB_B = "phase" }
"""


def surroundings(lab: Lab) -> Run:
    return lab.run(SURROUNDINGS, env={"STUB_OUTSIDE": "from the user's shell", "STUB_KEPT": "too"})


@scenario(surroundings)
def test_the_jobs_surroundings_succeed(run: Run) -> None:
    assert succeeded(run)


@scenario(surroundings)
def test_words_know_where_they_are(run: Run) -> None:
    a, b = run.nodes
    everyone = f"{a}:9090,{b}:9090"
    addresses = {worker["host"]: worker["ip"] for worker in run.json("endpoints.json")["roles"]["worker"]}
    assert all(address.startswith("10.77.") for address in addresses.values())
    assert run.workers["worker", 0, 0].argv == (a, addresses[a], "0", "0,1", everyone)
    assert run.workers["worker", 1, 0].argv == (b, addresses[b], "1", "0,1", everyone)


@scenario(surroundings)
def test_the_environment_of_the_role_wins_over_the_jobs_and_that_over_the_clusters(run: Run) -> None:
    env = run.workers["worker", 1, 0].env
    assert {name: value for name, value in env.items() if name.startswith("STUB_")} == {
        "STUB_A": "job",
        "STUB_B": "role",
        "STUB_D": "cluster",
        "STUB_KEPT": "too",
        "STUB_UNSET": "set again",
    }


@scenario(surroundings)
def test_a_phase_has_an_environment_of_its_own(run: Run) -> None:
    phases = [record.env["STUB_B"] for record in run.seen if "DYNPLAN_PHASE_NAME" in record.env]
    assert phases == ["job", "phase"]


@scenario(surroundings)
def test_roles_without_gpus_run_where_they_ask_and_see_no_gpu(run: Run) -> None:
    a, b = run.nodes
    exporters = [run.workers["exporter", worker, 0] for worker in (0, 1)]
    assert [(record.host, record.ports) for record in exporters] == [(a, (9401,)), (b, (9401,))]
    assert {record.cuda for record in exporters} == {""}
    router = run.workers["router", 0, 0]
    assert (router.host, router.cuda) == (a, "")


@scenario(surroundings)
def test_workers_run_in_their_working_directory(run: Run) -> None:
    assert {record.cwd for record in run.seen if record.env.get("DYNPLAN_ROLE") == "worker"} == {str(run.directory)}


@scenario(surroundings)
def test_a_role_is_stopped_by_the_signal_it_asks_for(run: Run) -> None:
    assert "KeyboardInterrupt" in run.log("logs/worker-0.log")  # what SIGINT does to Python
    assert "KeyboardInterrupt" not in run.log("logs/exporter-0.log")


MANY = """
[job]
num-nodes = 4
[roles.worker]
num-nodes = 4
workers-per-node = 8
gpus-per-worker = 1
command = "echo here $DYNPLAN_WORKER $CUDA_VISIBLE_DEVICES $DYNPLAN_PORT_HTTP $(hostname) >>{job.dir}/here; sleep 600"
ports = { http = 20000 }
stop = { grace = "1s" }
[phases.client]
command = "true"
"""


def many(lab: Lab) -> Run:
    return lab.run(MANY, nodes=4)


@scenario(many)
def test_each_of_many_workers_finds_its_own_row(run: Run) -> None:
    assert succeeded(run)
    here = sorted((line.split() for line in run.log("here").splitlines()), key=lambda words: int(words[1]))
    assert here == [
        ["here", str(worker), str(worker % 8), str(20000 + worker % 8), run.nodes[worker // 8]] for worker in range(32)
    ]


A_REST = """
[phases.client]
command = ["echo", "{role.worker.urls.http}"]
[roles.worker]
workers = 5
gpus-per-worker = 2
command = ["{vars.python}", "{vars.stub}", "--record", "{job.dir}/seen.jsonl"]
ports = { http = 8000 }
ready = { port = "http", timeout = "20s" }
stop = { grace = "1s" }
"""


def a_rest(lab: Lab) -> Run:
    return lab.run(A_REST)


@scenario(a_rest)
def test_four_workers_on_one_node_and_a_fifth_on_the_next_are_those_of_the_plan(run: Run) -> None:
    assert succeeded(run)
    first, second = run.nodes
    full = [(first, f"{2 * worker},{2 * worker + 1}", (8000 + worker,)) for worker in range(4)]
    assert gpus_and_ports(run.workers) == {"worker": [*full, (second, "0,1", (8000,))]}
    assert sorted(run.workers) == [("worker", worker, 0) for worker in range(5)]
    urls = [*(f"http://{first}:{8000 + worker}" for worker in range(4)), f"http://{second}:8000"]
    assert ",".join(urls) in run.log("phases/client.log")
