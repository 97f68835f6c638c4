"""The seed's stack from a base file and a scenario on a real Slurm: order, facts, phases, files left."""

from __future__ import annotations

import json
import tomllib

import pytest
from attrs import frozen

from tests.slurm.lab import Event, Lab, Run, scenario, succeeded

pytestmark = pytest.mark.slurm

BASE = """
extends = "base.toml"

[job.env]
STUB_NATS_SERVER = "nats://{role.nats.host}:{role.nats.port.client}"
STUB_ETCD_ENDPOINTS = "{role.etcd.url.client}"
STUB_NO_COLOR = "1"

[roles.etcd]
command = ["{vars.python}", "{vars.stub}"]
args = { ready-after = 1, host = "0.0.0.0" }
ports = { client = 2379, peer = 2380 }
ready = { port = "client", path = "/health", timeout = "40s" }
stop = { grace = "2s" }

[roles.nats]
command = ["{vars.python}", "{vars.stub}"]
args = { say-after = "1,Server is ready", host = "0.0.0.0" }
ports = { client = 4222 }
ready = { log = "Server is ready", timeout = "40s" }
stop = { grace = "2s" }

[roles.decode]
num-nodes = 1
gpus-per-worker = 4
command = ["{vars.python}", "{vars.stub}"]
args = { record = "{job.dir}/seen.jsonl" }
ports = { system = 9090 }
after = ["etcd", "nats"]
ready = { port = "system", path = "/health", timeout = "40s" }
stop = { grace = "2s" }
metrics = "http://{host}:{port.system}/metrics"

[roles.prefill]
num-nodes = 1
gpus-per-worker = 4
command = ["{vars.python}", "{vars.stub}"]
args = { record = "{job.dir}/seen.jsonl" }
ports = { system = 9090 }
after = ["etcd", "nats"]
ready = { port = "system", path = "/health", timeout = "40s" }
stop = { grace = "2s" }
metrics = "http://{host}:{port.system}/metrics"

[roles.frontend]
command = ["{vars.python}", "{vars.stub}"]
args = { record = "{job.dir}/seen.jsonl", ready-after = 2 }
ports = { http = 8000 }
after = ["etcd", "nats"]
metrics = "http://{host}:{port.http}/metrics"
stop = { grace = "2s" }
[roles.frontend.ready]
port = "http"
path = "/v1/chat/completions"
post = { model = "tiny", messages = [{ role = "user", content = "Are you ready?" }] }
body = '"content": *"Are'
timeout = "40s"

[phase-defaults]
command = ["{vars.python}", "{vars.stub}"]
after-command = "echo cooling down"
[phase-defaults.args]
record = "{job.dir}/seen.jsonl"
say = "measured"
exit-after = "0"
url = "{role.frontend.url.http}"
artifact-dir = "{phase.dir}"

[phases.accuracy]
order = 10
args = { name = "accuracy" }
"""

SCENARIO = """
extends = "stack.toml"
[job]
num-nodes = 2
[roles.decode]
num-nodes = 2
[roles.prefill]
num-nodes = 2
[phases.shared_node_smoke]
setup = "echo warming up"
[phases.shared_node_smoke.args]
concurrency = 2
request-count = 50
server-metrics = "{metrics-urls}"
streaming = true
no-gpu-telemetry = false
kv-transfer-config = { kv_connector = "NixlConnector", sizes = [1, 2.5], on = true }
"""


def stack(lab: Lab) -> Run:
    return lab.run(SCENARIO, nodes=2, parents={"stack.toml": BASE})


def first(events: list[Event], name: str, role: str) -> int:
    """Place of the first such event among all."""
    return next(place for place, event in enumerate(events) if (event.name, event.role) == (name, role))


def last(events: list[Event], name: str, role: str) -> int:
    """Place of the last such event among all."""
    return len(events) - 1 - first(events[::-1], name, role)


@scenario(stack)
def test_the_stack_runs_and_says_so(run: Run) -> None:
    assert succeeded(run)


@scenario(stack)
def test_services_are_ready_before_workers_start_and_all_is_ready_before_the_first_phase(run: Run) -> None:
    events = run.events
    services = max(last(events, "ready", role) for role in ("etcd", "nats"))
    workers = [first(events, "started", role) for role in ("decode", "prefill", "frontend")]
    assert services < min(workers)
    ready = max(last(events, "ready", role) for role in ("decode", "prefill", "frontend"))
    # The frontend is not waited for before the workers start, and the other way round.
    assert max(workers) < first(events, "ready", "frontend")
    assert ready < first(events, "started", "phase:shared_node_smoke")


@scenario(stack)
def test_clients_stop_before_workers_and_workers_before_services(run: Run) -> None:
    events = run.events
    assert last(events, "stopped", "frontend") < first(events, "stopped", "decode")
    workers = max(last(events, "stopped", role) for role in ("decode", "prefill"))
    assert workers < min(first(events, "stopped", role) for role in ("etcd", "nats"))


@scenario(stack)
def test_services_and_frontend_run_on_the_first_node_of_decode(run: Run) -> None:
    roles = run.json("endpoints.json")["roles"]
    first, second = run.nodes
    assert {role: [worker["host"] for worker in workers] for role, workers in roles.items()} == {
        "etcd": [first],
        "nats": [first],
        "decode": [first, second],
        "prefill": [first, second],
        "frontend": [first],
    }


@scenario(stack)
def test_every_process_learns_where_the_services_are(run: Run) -> None:
    head = run.nodes[0]
    told = {
        "STUB_NATS_SERVER": f"nats://{head}:4222",
        "STUB_ETCD_ENDPOINTS": f"http://{head}:2379",
        "STUB_NO_COLOR": "1",
    }
    assert len(run.seen) == 7  # two decode, two prefill, the frontend, two phases
    for record in run.seen:
        assert {name: value for name, value in record.env.items() if name.startswith("STUB_")} == told


@scenario(stack)
def test_the_client_gets_every_metrics_url_once(run: Run) -> None:
    a, b = run.nodes
    argv = client(run, "shared_node_smoke")
    urls = argv[argv.index("--server-metrics") + 1].split(",")
    assert sorted(urls) == sorted(
        [
            f"http://{a}:8000/metrics",
            *(f"http://{node}:{port}/metrics" for node in (a, b) for port in (9090, 9091)),
        ]
    )


def client(run: Run, phase: str) -> tuple[str, ...]:
    """The words that a phase's command was given."""
    (record,) = [record for record in run.seen if record.env.get("DYNPLAN_PHASE_NAME") == phase]
    assert record.host == run.nodes[0]
    return record.argv


@scenario(stack)
def test_a_phase_is_the_defaults_with_its_own_words_on_top(run: Run) -> None:
    argv = client(run, "shared_node_smoke")
    urls = argv[argv.index("--server-metrics") + 1]
    assert argv == (
        *("--url", f"http://{run.nodes[0]}:8000"),
        *("--artifact-dir", f"{run.directory}/phases/shared_node_smoke"),
        *("--concurrency", "2"),
        *("--request-count", "50"),
        *("--server-metrics", urls),
        "--streaming",
        *("--kv-transfer-config", '{"kv_connector":"NixlConnector","sizes":[1,2.5],"on":true}'),
    )


@scenario(stack)
def test_the_accuracy_phase_of_the_base_file_runs_last(run: Run) -> None:
    phases = [event.role for event in run.events if event.name == "started" and event.role.startswith("phase:")]
    assert list(dict.fromkeys(phases)) == ["phase:shared_node_smoke", "phase:accuracy"]
    assert client(run, "accuracy") == (
        *("--url", f"http://{run.nodes[0]}:8000"),
        *("--artifact-dir", f"{run.directory}/phases/accuracy"),
        *("--name", "accuracy"),
    )


@scenario(stack)
def test_setup_and_the_command_between_phases_write_to_the_phase_log(run: Run) -> None:
    smoke = [line for line in run.log("phases/shared_node_smoke.log").splitlines() if not line.startswith("dynplan:")]
    assert smoke == ["warming up", "measured", "stub: exits with 0", "cooling down"]
    accuracy = [line for line in run.log("phases/accuracy.log").splitlines() if not line.startswith("dynplan:")]
    assert accuracy == ["measured", "stub: exits with 0"]  # the last phase has none after it


@scenario(stack)
def test_endpoints_say_where_everything_is(run: Run) -> None:
    a, b = run.nodes
    endpoints = run.json("endpoints.json")
    assert endpoints["job"] == {"id": str(run.job.id), "name": "test"}
    prefill = endpoints["roles"]["prefill"][1]
    assert {key: prefill[key] for key in ("worker", "rank", "node", "host", "gpus", "ports", "metrics")} == {
        "worker": 1,
        "rank": 0,
        "node": 1,
        "host": b,
        "gpus": [4, 5, 6, 7],
        "ports": {"system": 9091},
        "metrics": f"http://{b}:9091/metrics",
    }
    assert endpoints["roles"]["etcd"][0]["ports"] == {"client": 2379, "peer": 2380}
    assert endpoints["roles"]["frontend"][0]["host"] == a


@scenario(stack)
def test_prometheus_finds_every_worker_with_its_role(run: Run) -> None:
    a, b = run.nodes
    found = {
        (*entry["targets"], entry["labels"]["role"], entry["labels"]["worker"], entry["labels"]["__metrics_path__"])
        for entry in run.json("prometheus.json")
    }
    assert found == {
        (f"{a}:9090", "decode", "0", "/metrics"),
        (f"{b}:9090", "decode", "1", "/metrics"),
        (f"{a}:9091", "prefill", "0", "/metrics"),
        (f"{b}:9091", "prefill", "1", "/metrics"),
        (f"{a}:8000", "frontend", "0", "/metrics"),
    }


@scenario(stack)
def test_the_plan_left_beside_the_logs_is_the_plan_with_its_hosts(run: Run) -> None:
    left = tomllib.loads(run.log("plan.toml"))
    assert [(node["node"], node["host"], node["gpus"]) for node in left["nodes"]] == [
        (0, run.nodes[0], 8),
        (1, run.nodes[1], 8),
    ]
    planned = run.plan
    assert left["schema"] == planned["schema"]
    assert json.loads(json.dumps(left["workers"])) == [
        {key: worker[key] for key in ("role", "worker", "tasks")} for worker in planned["workers"]
    ]


@scenario(stack)
def test_every_process_has_a_log_that_begins_with_what_it_is(run: Run) -> None:
    assert {f"{role}-{worker}.log" for role in ("decode", "prefill") for worker in (0, 1)} < run.logs
    assert {"etcd-0.log", "nats-0.log", "frontend-0.log"} < run.logs
    head = run.log("logs/prefill-1.log").splitlines()[0]
    assert head.startswith(f"dynplan: prefill worker 1 rank 0 on {run.nodes[1]}, GPUs [4,5,6,7]: ")


# ---- words -----------------------------------------------------------------------------------------------

HOSTILE = (
    "",
    " two  spaces ",
    'it\'s "quoted"',
    "$HOME ${HOME} $(touch pwned) `touch pwned`",
    "; touch pwned; #",
    "a\nb\n",
    "\n#SBATCH --nodes=7",
    "tab\tbell\x07escape\x1b[31m\x7f",
    "back\\slash\\",
    "* ? [a-z] ~ ! {a,b}",
    "%j %x %N %t",
    "--leading",
    "-",
    "äöü → 模型 \U0001f600",
    "{not a placeholder} {} {{",
    "A=B,C=D",
    "x" * 5000,
)


def toml(text: str) -> str:
    """A TOML string of the text; a brace before a name is doubled as the language asks."""
    return json.dumps(text.replace("{{", "{{{{"), ensure_ascii=False).replace("\x7f", "\\u007f")


@frozen
class Words:
    """A job of hostile words, and whether anything of them ran."""

    run: Run
    pwned: list[str]


def hostile(lab: Lab) -> Words:
    words = ", ".join(map(toml, HOSTILE))
    env = "\n".join(f"STUB_{index} = {toml(text)}" for index, text in enumerate(HOSTILE))
    job = f"""
[job]
name = {toml("it's $(touch pwned) `touch pwned` # %j")}
[job.env]
{env}
[roles.worker]
num-nodes = 2
gpus-per-worker = 1
command = ["{{vars.python}}", "{{vars.stub}}", "--record", "{{job.dir}}/seen.jsonl", "--", {words}]
ports = {{ system = 9090 }}
ready = {{ port = "system", path = "/health", timeout = "40s" }}
stop = {{ grace = "2s" }}
[phases.client]
command = ["{{vars.python}}", "{{vars.stub}}", "--record", "{{job.dir}}/seen.jsonl", "--exit-after", "0", "--", {words}]
"""
    run = lab.run(job, nodes=2)
    return Words(run, sorted(str(path) for path in run.folder.rglob("pwned*")))


@scenario(hostile)
def test_words_and_environment_arrive_byte_for_byte_and_nothing_of_them_runs(run: Words) -> None:
    assert (run.run.job.state, run.run.job.exit_code) == ("COMPLETED", 0), run.run.output
    assert len(run.run.seen) == 3
    for record in run.run.seen:
        assert record.argv == ("--", *HOSTILE)
        assert [record.env[f"STUB_{index}"] for index in range(len(HOSTILE))] == list(HOSTILE)
    assert run.pwned == []


@scenario(hostile)
def test_a_hostile_job_name_is_the_jobs_name(run: Words) -> None:
    assert run.run.json("endpoints.json")["job"]["name"] == "it's $(touch pwned) `touch pwned` # %j"
