"""How srt-slurm starts the engines, as data: which flags it writes itself, which sizes count GPUs, what a key means.

Read in `srtctl/backends` of NVIDIA/srt-slurm; the presets of dynplan write the same flags from the plan.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

from dynplan.importers.source import Part


@frozen
class Engine:
    """What is known of an engine.

    Attributes:
        dynamo: its preset behind Dynamo's frontend.
        plain: its preset behind a router, or alone; empty where it has none.
        model: the option that names the model.
        derived: options that follow from the plan; the preset writes them, and srt-slurm ignores or overwrites them.
        ports: options that are a port of the preset: its name there.
    """

    dynamo: str
    plain: str
    model: str
    derived: frozenset[str] = frozenset()
    ports: Mapping[str, str] = {}


ENGINES: dict[str, Engine] = {
    "sglang": Engine(
        "dynamo-sglang",
        "sglang",
        "model-path",
        frozenset(("host", "port", "nnodes", "node-rank", "dist-init-addr", "nccl-port", "grpc-port")),
    ),
    "vllm": Engine(
        "dynamo-vllm",
        "vllm",
        "model",
        frozenset(
            (
                *("headless", "host", "port", "nnodes", "node-rank", "master-addr", "device-ids"),
                *("data-parallel-size-local", "data-parallel-start-rank", "data-parallel-address"),
                *("data-parallel-hybrid-lb", "data-parallel-rank"),
            )
        ),
        {"data-parallel-rpc-port": "rpc", "master-port": "master"},
    ),
    "trtllm": Engine("dynamo-trtllm", "trtllm", "model-path"),
    "mocker": Engine("dynamo-mocker", "", "model-path"),
}

# vLLM's connectors by the names that `connector` has for them (`_CONNECTOR_MAP` of srtctl/backends/vllm.py).
CONNECTORS: dict[str, dict[str, str]] = {
    "nixl": {"kv_connector": "NixlConnector", "kv_role": "kv_both"},
    "lmcache": {"kv_connector": "LMCacheConnectorV1", "kv_role": "kv_both"},
    "kvbm": {
        "kv_connector": "DynamoConnector",
        "kv_connector_module_path": "kvbm.vllm_integration.connector",
        "kv_role": "kv_both",
    },
}

# What srt-slurm passes to the mocker whether a recipe says it or not (srtctl/backends/mocker.py).
MOCKER_DEFAULTS: dict[str, Any] = {
    "engine-type": "vllm",
    "speedup-ratio": 100,
    "num-gpu-blocks-override": 16384,
    "max-num-seqs": 256,
    "max-num-batched-tokens": 8192,
}
MOCKER_SWITCHES = {
    "enable_prefix_caching": "no-enable-prefix-caching",
    "enable_chunked_prefill": "no-enable-chunked-prefill",
}
# Keys of an engine as a whole that nothing of ours holds, and what to do.
OPTIONS_CHANGED = {
    "sequential_node_start": "workers of a node start at once: an MPI world of ranks cannot be staggered",
    "numa_cpu_bind": "nothing binds CPUs: wrap `command` in a script that does",
    "set_visible_devices": "a worker finds its GPUs in CUDA_VISIBLE_DEVICES always",
    "failover": "there are no standby engines: `restart` starts a dead worker again",
    "mooncake_kv_store": "write a role for `mooncake_master`, and its address into the `env` of the workers",
    "vllm_serve_binary": "set `command` of the role",
    "dp_launch_mode": "a worker has one process on each of its nodes, as with `per_node`",
    "publish_metrics": "add the option to `args` where the image's Dynamo takes it",
}
OPTIONS_RULED = {
    "gpu_type": "a fact for people",
    "allow_prefill_decode_colocation": "where the workers stand follows from `job.num-nodes`",
    "allow_prefill_decode_colocation_across_nodes": "where the workers stand follows from `job.num-nodes`",
}


_SIZE = re.compile(r"(tp|pp|dp|ep|(tensor|pipeline|data|expert|(prefill|decode)-context)-parallel)(-size)?")
_SWITCHES = ("enable-dp-attention",)


def check_size(name: str, value: Part) -> None:
    """Report a size of a worker that is no whole number, and a switch that is no flag (D102, D104)."""
    plain = name.replace("_", "-")
    if value.is_null():
        return
    if _SIZE.fullmatch(plain):
        value.whole(1)
    elif plain in _SWITCHES:
        value.flag()


def _options(words: Sequence[Any]) -> dict[str, Any]:
    """Return the options that stand among words: `--name value`, `--name=value`, or a switch."""
    found: dict[str, Any] = {}
    for word, after in zip(words, (*words[1:], ""), strict=False):
        if isinstance(word, str) and word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            found[name] = value if equals else True if str(after).startswith("-") or not after else after
    return found


def gpus_of(engine: str, args: Mapping[str, Any], words: Sequence[Any] = ()) -> int | None:
    """Return the GPUs that a worker's sizes come to, by the formulas of the presets; None where it has no sizes.

    Args:
        engine: a key of `ENGINES`.
        args: the options of the worker.
        words: further words of its command, which come last.
    """
    args = {**args, **_options(words)}
    if engine == "mocker":
        return None
    if engine == "sglang":
        inside = str(args.get("enable-dp-attention")).lower() == "true"
        data = 1 if inside else _size(args, "dp-size", "data-parallel-size", "dp")
        tensor = _size(args, "tp-size", "tensor-parallel-size", "tp")
        return tensor * data * _size(args, "pp-size", "pipeline-parallel-size", "pp")
    if engine == "vllm":
        sizes = (
            "tensor-parallel-size",
            "pipeline-parallel-size",
            "prefill-context-parallel-size",
            "data-parallel-size",
        )
        return _product(_size(args, name) for name in sizes)
    return _product(_size(args, f"{name}_parallel_size") for name in ("tensor", "pipeline", "context"))


def _size(args: Mapping[str, Any], *names: str) -> int:
    for name in names:
        value = args.get(name)
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    return 1


def _product(sizes: Any) -> int:
    total = 1
    for size in sizes:
        total *= size
    return total
