"""vLLM itself, built for CPUs, by its presets: prefill and decode apart, and one worker on two nodes.

Only `make acceptance-all` runs it: every engine imports and compiles for a minute or two on the two cores of a small
machine, so the three jobs take about six.
"""

from __future__ import annotations

import re

import pytest

from tests.acceptance.conftest import PROGRAMS, environment
from tests.slurm.lab import Lab, Run, Running, succeeded

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(1200)]

ANSWERS = 4
TOKENS = 8  # for each answer: ask.py
# How an engine without a GPU and without weights is started; what concerns several roles or nodes comes from presets.
ENGINE = f"""
[vars]
venv = "{{venv}}"
model = "{{model}}"
ask = "{PROGRAMS / "ask.py"}"

[job]
time = "00:15:00"
num-nodes = 2
setup = "source {{{{vars.venv}}}}/bin/activate"

[job.env]
HF_HUB_OFFLINE = "1"
OMP_NUM_THREADS = "1"
UCX_TLS = "tcp,self"
VLLM_CPU_KVCACHE_SPACE = "1"
VLLM_CPU_OMP_THREADS_BIND = "nobind"
VLLM_NO_USAGE_STATS = "1"

[cluster]
gpus-per-node = 1
"""
SERVER = """
[roles.{role}]
engine = "vllm"
workers = 1

[roles.{role}.args]
model = "{{vars.model}}"
load-format = "dummy"
dtype = "float32"
enforce-eager = true
max-model-len = 512
"""
APART = 'kv-transfer-config = { kv_connector = "NixlConnector", kv_role = "kv_both", kv_buffer_device = "cpu" }\n'
ROUTER = """
[roles.router]
engine = "vllm-router"
after = ["prefill", "decode"]
extra-args = [
    "--vllm-pd-disaggregation",
    { each = "prefill", args = ["--prefill", "{it.url.http}"] },
    { each = "decode", args = ["--decode", "{it.url.http}"] },
]
"""
ASK = f"""
[phases.ask]
command = ["python3", "{{{{vars.ask}}}}"]
extra-args = ["{{{{role.{{role}}.url.http}}}}", "{{{{vars.model}}}}", "{ANSWERS}", {{metrics}}]
workdir = "{{{{phase.dir}}}}"
"""
WAIT = """
[phases.wait]
command = ["sleep", "600"]
"""


def job(*parts: str) -> str:
    venv = environment("vllm")
    return ENGINE.format(venv=venv, model=venv.parent / "model") + "".join(parts)


def server(role: str, more: str) -> str:
    return SERVER.format(role=role) + more


def ask(role: str, *metrics: str) -> str:
    words = (f'"{name}={{role.{name}.url.http}}/metrics"' for name in metrics)
    return ASK.format(role=role, metrics=", ".join(words))


def counter(run: Run, role: str, name: str, label: str = "") -> float:
    """A counter of vLLM's metrics, summed over the rows that have `label`, as the phase `ask` read it from a role."""
    rows = re.findall(rf"^vllm:{name}{{(.*)}} (\S+)$", run.log(f"phases/ask/{role}.txt"), re.MULTILINE)
    counts = [float(count) for labels, count in rows if label in labels]
    assert counts, (name, label)
    return sum(counts)


def texts(run: Run) -> list[str]:
    return [answer["choices"][0]["text"] for answer in run.json("phases/ask/answers.json")]


def kill_the_decoder_in_a_phase(running: Running) -> None:
    running.wait_for("started", "phase:wait", timeout_s=600)
    running.kill(running.nodes[1], "VLLM::EngineCore")


@pytest.fixture(scope="module")
def apart(lab: Lab) -> Run:
    """Prefill on one node, decode on the other; once all has been asked, decode's engine process is killed."""
    parts = (server("prefill", APART), server("decode", APART), ROUTER, ask("router", "prefill", "decode"), WAIT)
    return lab.run(job(*parts), fault=kill_the_decoder_in_a_phase, timeout_s=900)


def test_prefill_and_decode_answer_through_the_router(apart: Run) -> None:
    assert all(texts(apart)), apart.output
    assert len(texts(apart)) == ANSWERS


def test_every_cache_goes_from_prefill_to_decode(apart: Run) -> None:
    asked = sum(answer["usage"]["prompt_tokens"] for answer in apart.json("phases/ask/answers.json"))
    assert counter(apart, "decode", "nixl_xfer_time_seconds_count") == ANSWERS
    computed, brought = 'source="local_compute"', 'source="external_kv_transfer"'
    assert counter(apart, "prefill", "prompt_tokens_by_source_total", computed) == asked
    assert counter(apart, "decode", "prompt_tokens_by_source_total", computed) == 0
    assert counter(apart, "decode", "prompt_tokens_by_source_total", brought) == asked


def test_a_killed_engine_process_is_named_and_the_job_over_in_seconds(apart: Run) -> None:
    assert apart.cause.startswith(f"role decode worker 0 rank 0 on {apart.nodes[1]}: "), apart.output
    assert (apart.job.state, apart.job.exit_code) == ("FAILED", 70)
    assert apart.ended - apart.fault < 30
    assert apart.left == {}


@pytest.mark.parametrize("size", ["tensor-parallel-size", "data-parallel-size"])
def test_a_worker_on_two_nodes_answers(lab: Lab, size: str) -> None:
    run = lab.run(job(server("server", f"{size} = 2\n"), ask("server", "server")), timeout_s=900)
    assert succeeded(run)
    assert len(texts(run)) == ANSWERS
    assert counter(run, "server", "generation_tokens_total") == ANSWERS * TOKENS
    follower = run.log("logs/server-0.1.log")
    assert "--headless" in follower.splitlines()[0]
