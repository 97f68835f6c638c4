"""The file of a disaggregated TensorRT-LLM server (`trtllm-serve disaggregated -c FILE`) as a draft of a job.

It lists servers that somebody else has started. The job starts them: `context_servers` and `generation_servers` are
roles, what they say of the engine stands in a file for each, and the server's own file lists them where the plan puts
them. Keys beside both are inherited by both (`extract_disagg_cfg` of tensorrt_llm/llmapi/disagg_utils.py).
"""

from collections.abc import Sequence
from typing import Any

from dynplan.importers.draft import Draft
from dynplan.importers.nodes import Tree
from dynplan.importers.source import Ledger, Part

_ROLES = {"context": "context_servers", "generation": "generation_servers"}
# Keys of the server in front; all others are the engines'.
_SERVER = frozenset(
    (
        *("max_retries", "perf_metrics_max_requests", "return_perf_metrics", "perf_metrics_output_dir", "num_workers"),
        *("conditional_disagg_config", "otlp_config", "node_id", "schedule_style", "allow_request_chat_template"),
        *("gen_strip_message_history", "gen_tokids_ctxbytes", "request_timeout_secs"),
    )
)
_CHANGED = {
    "disagg_cluster": "the file lists the servers of the plan: none registers itself",
    "disagg_coordinator_url": "nothing coordinates several servers in front",
}
_SIZES = {
    "tensor_parallel_size": "tp_size",
    "pipeline_parallel_size": "pp_size",
    "context_parallel_size": "cp_size",
    "moe_expert_parallel_size": "ep_size",
}
_GPUS_PER_NODE = 8
_FILE = "server.yaml"


def drafts_of(trees: Sequence[Tree], ledger: Ledger) -> list[Draft]:
    """Return the job of a server's file."""
    root = Part(trees[0].root, ledger)
    draft = Draft(ledger)
    draft.put(("vars", "model"), "/path/to/model")
    model = root.get("model")
    if model is None:
        draft.say(("vars", "model"), "the file does not say which model its servers have")
    else:
        draft.put(("vars", "model"), "", model)
        draft.put(("vars", "model"), draft.words(model))
    draft.put(("job", "name"), "trtllm-disagg")
    draft.site("gpus-per-node", _GPUS_PER_NODE)
    draft.say(("cluster", "gpus-per-node"), "the file does not say how many GPUs a node has")
    shared = [part for part in root.items() if part.name not in (*_ROLES.values(), *_SERVER, *_CHANGED, *_OWN)]
    names = [name for name, key in _ROLES.items() if (part := root.get(key)) is not None and part.is_table()]
    if not names:
        root.wrong("D103", "the file has neither `context_servers` nor `generation_servers`")
    server: dict[str, Any] = {"hostname": "0.0.0.0", "port": "{role.server.port.http}"}  # noqa: S104 - in the job
    for name in names:
        part = root.get(_ROLES[name])
        if part is not None and _workers(name, part, shared, draft):
            server[_ROLES[name]] = _listed(name, part)
    _front(root, server, [name for name in names if name in draft.job.get("roles", {})], draft)
    return [draft]


_OWN = ("hostname", "port", "model")


def _workers(name: str, servers: Part, shared: Sequence[Part], draft: Draft) -> bool:
    """Add a role for one kind of server; tell whether there is any."""
    count = servers.get("num_instances")
    workers = count.whole() if count is not None else 1
    if not workers:
        if count is not None:
            count.rule("no server of this kind")
        return False
    path = ("roles", name)
    draft.put((*path, "engine"), "trtllm")
    draft.put((*path, "workers"), workers, count)
    own = {part.name: part for part in servers.items() if part.name not in ("num_instances", "urls", "router")}
    data: dict[str, Any] = {}
    for key, part in {**{part.name: part for part in shared}, **own}.items():
        data[key] = part.data()
        part.kept(f'files."{name}.yaml".data.{key}')
        draft.note(("files", f"{name}.yaml", "data", key), part)
    for part in shared:
        other = own.get(part.name)
        if other is not None and other.data() != part.data():
            message = f"`{part.name}` is {other.node.text or 'another value'} here and {part.node.text} for all servers"
            other.wrong("D703", message, "say it once: the server refuses the file")
    sizes = {option: data.pop(key) for key, option in _SIZES.items() if isinstance(data.get(key), int)}
    for key in _SIZES:
        part_of = own.get(key)
        if part_of is not None:
            part_of.whole(1)
            part_of.kept((*path, "args", _SIZES[key]))
    draft.put((*path, "args"), sizes or {"tp_size": 1})
    draft.role(name)["extra-args"] = ["{vars.model}", "--config", f"{{file.{name}.yaml}}"]
    draft.put(("files", f"{name}.yaml", "data"), data)
    _urls(servers, workers)
    return True


def _urls(servers: Part, workers: int) -> None:
    urls = servers.get("urls")
    if urls is None:
        return
    if len(urls.elements()) != workers:
        urls.wrong("D703", f"{len(urls.elements())} URLs for {workers} servers", "one URL for each of `num_instances`")
    urls.rule("the plan says hosts and ports: `each` lists them")


def _listed(name: str, servers: Part) -> dict[str, Any]:
    """Return what the server's own file says of one kind of server."""
    found: dict[str, Any] = {
        "num_instances": f"{{role.{name}.workers}}",
        "urls": [{"each": name, "value": "{it.ip}:{it.port.http}"}],
    }
    router = servers.get("router")
    if router is not None:
        found["router"] = router.data()
        router.kept(f'files."{_FILE}".data.{_ROLES[name]}.router')
    return found


def _front(root: Part, server: dict[str, Any], workers: Sequence[str], draft: Draft) -> None:
    """Add the server in front, with its file."""
    role = draft.role("server")
    role |= {"engine": "trtllm-orchestrator", "after": list(workers), "extra-args": ["-c", f"{{file.{_FILE}}}"]}
    port, host = root.get("port"), root.get("hostname")
    if port is not None:
        draft.put(("roles", "server", "ports", "http"), port.whole(1), port)
    if host is not None:
        host.rule("the head node, on all of its addresses")
    for part in root.items():
        if part.name in _SERVER:
            server[part.name] = part.data()
            part.kept(f'files."{_FILE}".data.{part.name}')
        elif part.name in _CHANGED:
            part.changed(_CHANGED[part.name])
    draft.put(("files", _FILE, "data"), server)
