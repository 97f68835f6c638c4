"""Whole jobs of presets: what each of their parts is told of the others."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from dynplan.cli.inputs import job_documents
from dynplan.diagnostics import Findings, InputError
from dynplan.emitter import lower
from dynplan.emitter.lowered import Script
from dynplan.language import parse, read, resolve
from dynplan.model import Plan
from dynplan.planner import plan
from dynplan.planner.advice import advised


def planned(text: str) -> Plan:
    findings = Findings()
    document = parse("job.toml", ("[cluster]\ngpus-per-node = 8\n" + text).encode())
    tables = resolve(job_documents("job.toml", document, (), "", findings), findings)
    job = read(tables, findings)
    assert not findings.found
    try:
        return plan(job)
    except InputError as problem:
        raise InputError(advised(tables, problem).findings) from None


def script(text: str) -> Script:
    return lower(planned(text))


def words(found: Script, name: str) -> str:
    step = next(step for step in (*found.roles, *found.phases) if step.name == name)
    return " ".join(word if isinstance(word, str) else f"[{' '.join(word.words)}]" for word in step.command)


def gpus(found: Plan, role: str) -> list[list[int]]:
    return [[len(task.gpus) for task in worker.tasks] for worker in found.workers if worker.role == role]


TRTLLM = """
[job]
num-nodes = "min"
[vars]
model = "/models/r1"
[roles.ctx]
engine = "trtllm"
workers = 2
args = { tp_size = 4 }
extra-args = ["{vars.model}", "--config", "{file.ctx.yaml}"]
[roles.gen]
engine = "trtllm"
args = { tp_size = 16, ep_size = 16 }
extra-args = ["{vars.model}", "--config", "{file.gen.yaml}"]
[roles.disagg]
engine = "trtllm-orchestrator"
after = ["ctx", "gen"]
extra-args = ["-c", "{file.disagg.yaml}", "-r", "1800"]
[files."ctx.yaml".data]
disable_overlap_scheduler = true
cache_transceiver_config = { backend = "NIXL", max_tokens_in_buffer = 8192 }
kv_cache_config = { free_gpu_memory_fraction = 0.8, host_cache_size = "{null}" }
[files."gen.yaml".data]
enable_attention_dp = true
[files."disagg.yaml".data]
hostname = "0.0.0.0"
port = "{role.disagg.port.http}"
[files."disagg.yaml".data.context_servers]
num_instances = "{role.ctx.workers}"
urls = [{ each = "ctx", value = "{it.ip}:{it.port.http}" }]
[files."disagg.yaml".data.generation_servers]
num_instances = "{role.gen.workers}"
urls = [{ each = "gen", value = "{it.ip}:{it.port.http}" }]
"""


def test_tensorrt_llm_with_context_and_generation_apart() -> None:
    found = planned(TRTLLM)
    assert (gpus(found, "ctx"), gpus(found, "gen"), len(found.nodes)) == ([[4], [4]], [[8, 8]], 3)
    lowered = lower(found)
    text = dict(lowered.files)
    assert yaml.safe_load(text["disagg.yaml"]) == {
        "hostname": "0.0.0.0",  # noqa: S104 - what a file says
        "port": 8002,  # the workers of ctx on its node have 8000 and 8001
        "context_servers": {"num_instances": 2, "urls": ["{ip.0}:8000", "{ip.0}:8001"]},
        "generation_servers": {"num_instances": 1, "urls": ["{ip.1}:8000"]},
    }
    assert yaml.safe_load(text["ctx.yaml"])["kv_cache_config"]["host_cache_size"] is None
    assert words(lowered, "gen") == (
        "trtllm-llmapi-launch trtllm-serve --host 0.0.0.0 --port 8000 --gpus_per_node 8 --tp_size 16 --ep_size 16"
        " /models/r1 --config {job.dir}/files/gen.yaml"
    )
    assert {worker.role: len(worker.tasks) for worker in found.workers}["gen"] == 2
    assert ("world", "yes") in next(step for step in lowered.roles if step.name == "gen").settings


def test_vllm_with_prefill_and_decode_apart_behind_its_router() -> None:
    transfer = 'kv-transfer-config = { kv_connector = "NixlConnector", kv_role = "kv_both" }'
    found = script(
        '[roles.prefill]\nengine = "vllm"\nworkers = 2\n'
        f'args = {{ model = "m", tensor-parallel-size = 2, {transfer} }}\n'
        f'[roles.decode]\nengine = "vllm"\nargs = {{ model = "m", tensor-parallel-size = 16, {transfer} }}\n'
        '[roles.router]\nengine = "vllm-router"\nafter = ["prefill", "decode"]\n'
        'extra-args = ["--vllm-pd-disaggregation",'
        '{ each = "prefill", args = ["--prefill", "{it.url.http}"] },'
        '{ each = "decode", args = ["--decode", "{it.url.http}"] }]\n'
    )
    assert words(found, "decode") == (
        "vllm serve --nnodes 2 --node-rank {rank} --master-addr {leader.ip} --master-port 29501 [--headless]"
        " --host 0.0.0.0 --port 8000 --model m --tensor-parallel-size 16"
        ' --kv-transfer-config {"kv_connector":"NixlConnector","kv_role":"kv_both"}'
    )
    assert words(found, "router").endswith("[--prefill {it.url.http}] [--decode {it.url.http}]")


ATTENTION = 'engine = "sglang"\nargs = { model = "m", tp-size = 16, dp-size = 16, enable-dp-attention = true }\n'


def test_sglang_with_data_parallel_attention_takes_the_gpus_of_its_tensor_group() -> None:
    """`tp-size = 16, dp-size = 16, enable-dp-attention = true` was planned with 256 GPUs on 32 nodes."""
    assert gpus(planned(f"[roles.a]\n{ATTENTION}"), "a") == [[8, 8]]


def test_what_is_too_large_for_a_node_is_told_what_would_fit() -> None:
    """The refusal beside `num-nodes = 1` once had an advice that made it worse."""
    with pytest.raises(InputError) as caught:
        planned(f"[roles.a]\nnum-nodes = 1\n{ATTENTION}")
    assert "needs 16 GPUs per worker" in caught.value.findings[0].message
    assert "set `roles.a.num-nodes = 2`" in caught.value.findings[0].help
    assert "dp-size" not in caught.value.findings[0].help


def test_several_frontends_stand_behind_one_nginx() -> None:
    found = script(
        '[roles.frontend]\nengine = "dynamo-frontend"\nworkers = 2\ngpus-per-worker = 0\nnum-nodes = 2\n'
        '[roles.work]\nengine = "dynamo-mocker"\nnum-nodes = 2\ngpus-per-worker = 8\n'
        '[roles.proxy]\nengine = "nginx"\nafter = ["frontend"]\nextra-args = ["-c", "{file.nginx.conf}"]\n'
        '[files."nginx.conf"]\ncontent = ["upstream all {\\n",'
        '{ each = "frontend", text = "server {it.endpoint.http};\\n" }, "}\\nlisten {role.proxy.port.http};\\n"]\n'
    )
    assert dict(found.files)["nginx.conf"] == (
        "upstream all {\nserver {url-host.0}:8000;\nserver {url-host.1}:8000;\n}\nlisten 8080;\n"
    )
    assert words(found, "proxy") == "nginx -g daemon off; -c {job.dir}/files/nginx.conf"


def test_a_ray_cluster_is_a_head_workers_and_what_drives_it() -> None:
    found = script(
        '[roles.head]\nengine = "ray-head"\ngpus-per-worker = 8\n'
        '[roles.more]\nengine = "ray-worker"\nnum-nodes = 2\ngpus-per-worker = 8\nafter = ["head"]\n'
        'args = { address = "{role.head.ip}:{role.head.port.gcs}" }\n'
        '[roles.train]\nengine = "torchrun"\ngpus-per-worker = 16\nextra-args = ["train.py", "--out", "x"]\n'
    )
    assert words(found, "head").startswith(
        "ray start --head --block --num-gpus 8 --disable-usage-stats --node-ip-address"
    )
    assert words(found, "more").endswith("--address {ip.0}:6379")
    assert words(found, "train") == (
        "torchrun --nnodes 2 --node-rank {rank} --nproc-per-node 8 --master-addr {leader.ip} --master-port 29500"
        " train.py --out x"
    )


def test_a_server_beside_the_head_of_a_ray_cluster_drives_it() -> None:
    found = script(
        '[roles.head]\nengine = "ray-head"\ngpus-per-worker = 8\n'
        '[roles.serve]\nengine = "vllm"\nbeside = "head"\nafter = ["head"]\n'
        'args = { model = "m", tensor-parallel-size = 16, distributed-executor-backend = "ray" }\n'
        'env = { RAY_ADDRESS = "{beside.ip}:{beside.port.gcs}" }\n'
    )
    assert words(found, "serve").startswith("vllm serve --host 0.0.0.0 --port 8000 --model m")
    assert "RAY_ADDRESS={ip}:6379" in next(step for step in found.roles if step.name == "serve").env


# One worker with what a role of it must say, beside what its tasks run.
ALONE = [
    ("amd-smi", "", "amd-smi monitor --csv --watch 1 --file {job.dir}/gpus-{host}.csv"),
    ("haproxy", 'extra-args = ["-f", "x.cfg"]', "haproxy -db -f x.cfg"),
    (
        "lm-eval",
        'args = { model_args = "base_url=http://x", tasks = "gsm8k" }',
        "lm_eval --model local-completions --output_path {job.dir}/lm-eval --model_args base_url=http://x"
        " --tasks gsm8k",
    ),
    (
        "sglang-bench",
        'args = { model = "m", base-url = "http://x" }',
        "python3 -m sglang.bench_serving --output-file {job.dir}/sglang-bench.jsonl --model m --base-url http://x",
    ),
    (
        "dynamo-sglang",
        'args = { model-path = "m", tp-size = 16 }',
        "python3 -m dynamo.sglang --nnodes 2 --node-rank {rank} --dist-init-addr {leader.url-ip}:20000"
        " --nccl-port 20014 --model-path m --tp-size 16",
    ),
    (
        "dynamo-trtllm",
        'args = { model-path = "m", tensor-parallel-size = 4 }',
        "trtllm-llmapi-launch python3 -m dynamo.trtllm --gpus-per-node 4 --model-path m --tensor-parallel-size 4",
    ),
    (
        "dynamo-vllm",
        'args = { model = "m", tensor-parallel-size = 16 }',
        "python3 -m dynamo.vllm --nnodes 2 --node-rank {rank} --master-addr {leader.ip} --master-port 29501"
        " [--headless] --model m --tensor-parallel-size 16",
    ),
    (
        "nvidia-smi",
        "",
        "nvidia-smi --query-gpu timestamp,index,name,utilization.gpu,utilization.memory,memory.used,power.draw"
        " --format csv --loop 1 --filename {job.dir}/gpus-{host}.csv",
    ),
    ("dcgm-exporter", "", "dcgm-exporter --address :9401"),
    (
        "aiperf",
        'args = { model = "m", url = "http://x" }',
        "aiperf profile --ui none --artifact-dir {job.dir}/aiperf --model m --url http://x",
    ),
]


@pytest.mark.parametrize(("engine", "says", "runs"), ALONE)
def test_a_preset_runs_its_program_with_what_the_role_says(engine: str, says: str, runs: str) -> None:
    assert words(script(f'[roles.a]\nengine = "{engine}"\n{says}\n'), "a") == runs


def test_every_preset_is_used_by_an_example_or_by_a_test_of_what_it_runs() -> None:
    root = Path(__file__).parents[2]
    tables = [tomllib.loads(path.read_text()) for path in root.glob("examples/*/*.toml") if path.name != "plan.toml"]
    examples = {role.get("engine") for table in tables for role in table.get("roles", {}).values()}
    named = re.findall(r'engine = "([a-z-]+)"', Path(__file__).read_text())
    assert {*examples, *named, *(engine for engine, _, _ in ALONE)} >= {
        path.stem for path in root.glob("dynplan/engines/*.toml")
    }


def test_prometheus_reads_what_the_job_writes() -> None:
    found = script(
        '[roles.watch]\nengine = "prometheus"\nargs = { "config.file" = "{file.prometheus.yaml}" }\n'
        '[files."prometheus.yaml".data]\n'
        'scrape_configs = [{ job_name = "j", file_sd_configs = [{ files = ["{job.dir}/prometheus.json"] }] }]\n'
    )
    data: Any = yaml.safe_load(dict(found.files)["prometheus.yaml"])
    assert data["scrape_configs"][0]["file_sd_configs"] == [{"files": ["{job.dir}/prometheus.json"]}]
    assert words(found, "watch").startswith("prometheus --web.listen-address 0.0.0.0:20000 --storage.tsdb.path")


def test_the_controller_of_lmcache_gets_its_ports_as_json() -> None:
    found = words(script('[roles.a]\nengine = "lmcache-controller"\n'), "a")
    assert json.loads(found.partition("--monitor-ports ")[2]) == {"pull": 8300, "reply": 8400}
