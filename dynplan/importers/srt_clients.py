"""The benchmarks of srt-slurm, as data: which program each of them is, and which of its options a key becomes.

Read in `srtctl/benchmarks` of NVIDIA/srt-slurm. `sa-bench` is a program of srt-slurm itself, which the job runs from
a checkout, so that numbers stay comparable; the others are programs of their own.
"""

from collections.abc import Mapping
from typing import Any

from attrs import frozen


@frozen
class Client:
    """One program that asks the endpoint.

    Attributes:
        command: what is run.
        url: the option for the URL of the endpoint; empty where host and port have options of their own.
        model: the option for the name that the model is served as; empty where there is none.
        tokenizer: the option for the folder of the model; empty where there is none.
        fixed: options with their values.
        keys: by key of the recipe the option, and the value where the recipe does not say it.
        level: the option for the concurrency, one phase for each; empty where it runs once.
        prompts: the option for the number of requests, `num_prompts_mult` times the concurrency.
        times: that factor where the recipe does not say it.
        warm_up: likewise of the run before each level; 0 for none.
        scripts: whether the program stands in srt-slurm's folder of benchmarks.
        setup: shell text that is run before.
        needs: keys that the recipe must have.
    """

    command: tuple[str, ...]
    url: str = "url"
    model: str = "model"
    tokenizer: str = ""
    fixed: Mapping[str, Any] = {}
    keys: Mapping[str, tuple[str, Any]] = {}
    level: str = ""
    prompts: str = ""
    times: int = 10
    warm_up: int = 0
    scripts: bool = False
    setup: str = ""
    needs: tuple[str, ...] = ()


_TRACES = "https://raw.githubusercontent.com/kvcache-ai/Mooncake/main/FAST25-release"
TRACES = {
    "mooncake": f"{_TRACES}/arxiv-trace/mooncake_trace.jsonl",
    "conversation": f"{_TRACES}/traces/conversation_trace.jsonl",
    "synthetic": f"{_TRACES}/traces/synthetic_trace.jsonl",
    "toolagent": f"{_TRACES}/traces/toolagent_trace.jsonl",
}
_AIPERF = ("aiperf", "profile")
_INSTALL_AIPERF = "command -v aiperf >/dev/null || pip install --quiet --break-system-packages aiperf"
_EVAL = ("python3", "-m", "sglang.test.run_eval")
_EVAL_KEYS = {
    "temperature": ("temperature", None),
    "top_p": ("top-p", None),
    "top_k": ("top-k", None),
}


def _eval(name: str, examples: int | None, tokens: int, threads: int, repeat: int | None) -> Client:
    keys = {
        "num_examples": ("num-examples", examples),
        "max_tokens": ("max-tokens", tokens),
        "num_threads": ("num-threads", threads),
        "repeat": ("repeat", repeat),
        **_EVAL_KEYS,
    }
    return Client(_EVAL, url="base-url", fixed={"eval-name": name}, keys=keys)


CLIENTS: dict[str, Client] = {
    "sa-bench": Client(
        ("python3", "-u", "/srtctl-benchmarks/sa-bench/benchmark_serving.py"),
        url="",
        tokenizer="tokenizer",
        fixed={
            "backend": "dynamo",
            "endpoint": "/v1/completions",
            "disable-tqdm": True,
            "ignore-eos": True,
            "percentile-metrics": "ttft,tpot,itl,e2el",
            "trust-remote-code": True,
            "save-result": True,
            "result-dir": "{phase.dir}",
        },
        keys={
            "dataset_name": ("dataset-name", "random"),
            "dataset_path": ("dataset-path", None),
            "isl": ("random-input-len", None),
            "osl": ("random-output-len", None),
            "random_range_ratio": ("random-range-ratio", 0.8),
            "req_rate": ("request-rate", "inf"),
            "use_chat_template": ("use-chat-template", True),
            "custom_tokenizer": ("custom-tokenizer", None),
            "tokenizer_mode": ("tokenizer-mode", None),
            "reuse_http_connections": ("reuse-http-connections", None),
        },
        level="max-concurrency",
        prompts="num-prompts",
        warm_up=2,
        scripts=True,
        needs=("isl", "osl", "concurrencies"),
    ),
    "sglang-bench": Client(
        ("python3", "-m", "sglang.bench_serving"),
        url="base-url",
        tokenizer="tokenizer",
        fixed={"backend": "sglang-oai", "dataset-name": "random", "output-file": "{phase.dir}/bench.jsonl"},
        keys={
            "isl": ("random-input-len", None),
            "osl": ("random-output-len", None),
            "random_range_ratio": ("random-range-ratio", 0.8),
            "req_rate": ("request-rate", "inf"),
        },
        level="max-concurrency",
        prompts="num-prompts",
        needs=("isl", "osl", "concurrencies"),
    ),
    "aiperf": Client(
        _AIPERF,
        tokenizer="tokenizer",
        fixed={"streaming": True, "ui": "none", "artifact-dir": "{phase.dir}", "random-seed": 42},
        keys={
            "aiperf_endpoint_type": ("endpoint-type", "chat"),
            "isl": ("synthetic-input-tokens-mean", None),
            "osl": ("output-tokens-mean", None),
        },
        level="concurrency",
        prompts="request-count",
        times=3,
        setup=_INSTALL_AIPERF,
        needs=("isl", "osl", "concurrencies"),
    ),
    "mooncake-router": Client(
        _AIPERF,
        tokenizer="tokenizer",
        fixed={
            "custom-dataset-type": "mooncake_trace",
            "fixed-schedule": True,
            "streaming": True,
            "random-seed": 42,
            "ui": "none",
            "artifact-dir": "{phase.dir}",
            "server-metrics": "{metrics-urls}",
        },
        setup=_INSTALL_AIPERF,
    ),
    "trace-replay": Client(
        _AIPERF,
        tokenizer="tokenizer",
        fixed={
            "custom-dataset-type": "mooncake_trace",
            "tokenizer-trust-remote-code": True,
            "streaming": True,
            "extra-inputs": "ignore_eos:true",
            "random-seed": 42,
            "ui": "none",
            "artifact-dir": "{phase.dir}",
            "server-metrics": "{metrics-urls}",
        },
        keys={"trace_file": ("input-file", None)},
        level="concurrency",
        setup=_INSTALL_AIPERF,
        needs=("trace_file", "concurrencies"),
    ),
    "mmlu": _eval("mmlu", 200, 2048, 512, 8),
    "gpqa": _eval("gpqa", 198, 32768, 128, 8),
    "gsm8k": _eval("gsm8k", 1319, 16384, 512, None),
    "longbenchv2": _eval("longbench_v2", None, 16384, 16, None),
    "gsm8k-bench": Client(
        ("python3", "-m", "sglang.test.few_shot_gsm8k"),
        url="",
        model="",
        keys={
            "num_examples": ("num-questions", 1319),
            "num_shots": ("num-shots", 5),
            "max_tokens": ("max-new-tokens", 512),
            "num_threads": ("parallel", 128),
        },
    ),
}
CLIENTS["aiperf-bench"] = CLIENTS["aiperf"]

# Keys of `benchmark` that nothing of ours holds, and why; of any type.
DROPPED = {
    "stream_output": "what a phase writes stands in its log alone",
    "export_node_metrics": "nothing makes tables of the engines' logs",
    "slow_down_sleep_time": "nothing asks workers to slow down",
    "slow_down_wait_time": "nothing asks workers to slow down",
    "sweep": "a sweep inside of a benchmark is not read: write `[sweep]`",
    "colocate_with_frontend": "the client and the frontend share the head node",
}
