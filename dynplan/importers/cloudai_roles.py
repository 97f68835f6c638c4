"""The processes of an AI Dynamo test as roles, in its order: decode has the first GPUs and ports, prefill the next."""

from typing import Any

from dynplan.importers.draft import Draft, escaped
from dynplan.importers.source import Part
from dynplan.importers.srt_engines import CONNECTORS, ENGINES, check_size, gpus_of

_WORKERS = {"decode": "decode_worker", "prefill": "prefill_worker"}
_GPUS_PER_NODE = 8
_FACTS = {
    "frontend_node": "{role.frontend.host}",
    "frontend_ip": "{role.frontend.ip}",
    "results_dir": "{job.dir}",
    "storage_cache_dir": "{vars.storage-cache-dir}",
}


def add_roles(command: Part, dynamo: Part, gpus: Part | None, draft: Draft) -> None:
    """Add etcd, NATS, the workers, the frontend, and what else a test starts.

    Args:
        command: `cmd_args` of the test.
        dynamo: its part `dynamo`.
        gpus: GPUs of a node, where a file of the system says it.
        draft: where they go.
    """
    model, backend = dynamo.get("model"), dynamo.get("backend")
    if model is None:
        dynamo.wrong("D103", "the test has no `model`")
    else:
        draft.put(("vars", "model"), "", model)
        draft.put(("vars", "model"), draft.words(model))
    name = backend.text() if backend is not None else "vllm"
    if name not in ("vllm", "sglang"):
        (backend or dynamo).wrong("D702", f"`{name}` is a backend that no importer knows", "backends: vllm, sglang")
        return
    if backend is not None:
        backend.rule("the backend says which preset a role has")
    for service in ("etcd", "nats"):
        draft.role(service)["engine"] = service
    env = draft.job.setdefault("job", {}).setdefault("env", {})
    env["ETCD_ENDPOINTS"] = "{role.etcd.url.client}"
    env["NATS_SERVER"] = "nats://{role.nats.host}:{role.nats.port.client}"
    _workers(dynamo, name, gpus, draft)
    _frontend(dynamo, draft)
    _setup(dynamo, draft)
    _exporter(dynamo, draft)
    _lmcache(command, draft)
    for key, why in (("port", "its preset's, and what follows from the plan"), ("endpoint", "clients ask for it")):
        part = dynamo.get(key)
        if part is not None:
            part.rule(why)


def _workers(dynamo: Part, backend: str, gpus: Part | None, draft: Draft) -> None:
    """Add the workers, decode before prefill, and what they say of the cluster."""
    per_node: list[int] = []
    needs: dict[Part, int] = {}
    if dynamo.get("decode_worker") is None:
        dynamo.wrong("D103", "the test has no `decode_worker`")
    for role, key in _WORKERS.items():
        part = dynamo.get(key)
        if part is not None and part.is_table():
            needs[part] = _worker(role, part, backend, per_node, draft)
    draft.site("gpus-per-node", gpus.whole(1) if gpus is not None else min(per_node, default=_GPUS_PER_NODE), gpus)
    for part, count in needs.items():
        _check_room(part, count, int(draft.cluster["gpus-per-node"]))
    if gpus is None:
        draft.say(("cluster", "gpus-per-node"), "CloudAI says it in the file of the system")
    if len(needs) == 1:  # one that prefills and decodes
        draft.role("decode").get("args", {}).pop("disaggregation-mode", None)


def _check_room(part: Part, needs: int, per_node: int) -> None:
    """Report a worker that is larger than its nodes (D703)."""
    nodes = part.get("num-nodes")
    if nodes is not None and needs > nodes.whole(1) * per_node:
        message = f"a worker of {needs} GPUs does not fit on {nodes.whole(1)} nodes of {per_node} GPUs"
        nodes.wrong("D703", message, "ask for more nodes, or name the file of a system with `gpus_per_node`")


def _worker(role: str, part: Part, backend: str, per_node: list[int], draft: Draft) -> int:
    """Add a worker, and return the GPUs that its sizes come to."""
    path = ("roles", role)
    engine = ENGINES[backend]
    draft.put((*path, "engine"), engine.dynamo)
    draft.put((*path, "engine-version"), "none")
    nodes, hosts, several = part.get("num-nodes"), part.get("nodes"), part.get("multiple-workers-per-node")
    if nodes is not None:
        draft.put((*path, "num-nodes"), nodes.whole(1), nodes)
    if hosts is not None:
        names = hosts.texts() if isinstance(hosts.node.value, list) else hosts.text().split(",")
        draft.put((*path, "nodes"), names, hosts)
    if nodes is None and hosts is None:
        draft.put((*path, "num-nodes"), 1)
    if several is not None:
        many = several.node.text.lower() == "true" or several.node.value is True
        draft.put((*path, "workers-per-node"), "max" if many else 1, several)
    draft.role(role)["after"] = ["etcd", "nats"]
    args = part.get("args")
    draft.put((*path, "args", engine.model), "{vars.model}")
    _words(role, part, backend, draft)
    for option in args.items() if args is not None and args.is_table() else ():
        _option(role, option, backend, draft)
    span = part.get("nodes-per-worker")
    needs = gpus_of(backend, draft.role(role)["args"], draft.role(role).get("extra-args", ())) or 1
    if span is not None:
        span.rule("a worker larger than a node spans several")
        per_node.append(max(1, needs // span.whole(1)))
    regex = part.get("worker-initialized-regex")
    if regex is not None:
        regex.rule("the preset asks the worker for its health, and does not wait for a line of its log")
    return needs


def _words(role: str, part: Part, backend: str, draft: Draft) -> None:
    """Set the words of a worker's command: those behind the program of the preset are further ones."""
    command, extra = part.get("cmd"), part.get("extra-args")
    words = draft.shell_words(command)
    program = ["python3", "-m", f"dynamo.{backend}"]
    if command is not None:
        if words[: len(program)] == program or words[: len(program)] == ["python", *program[1:]]:
            words = words[len(program) :]
            command.rule("the program of the preset; what stands behind it is in `extra-args`")
        else:
            draft.put(("roles", role, "command"), words, command)
            words = []
    words += draft.shell_words(extra)
    if extra is not None:
        extra.kept(("roles", role, "extra-args"))
    if "--is-prefill-worker" in words:  # gone by ai-dynamo 1.6, and since 1.0 the mode says it
        words.remove("--is-prefill-worker")
    if not any(word.startswith("--disaggregation-mode") for word in words):
        draft.put(("roles", role, "args", "disaggregation-mode"), role)
    if words:
        draft.role(role)["extra-args"] = words


def _option(role: str, option: Part, backend: str, draft: Draft) -> None:
    engine, name = ENGINES[backend], option.name.lstrip("-")
    path = ("roles", role, "args", name)
    plain = name.replace("_", "-")
    check_size(name, option)
    if plain in engine.derived:
        option.rule("follows from the plan: the preset writes it")
    elif plain == "disaggregation-bootstrap-port" and role == "prefill":
        draft.put(("roles", role, "ports", "bootstrap"), option.whole(1), option)
        draft.put(path, "{port.bootstrap}")
    elif plain == "connector" and backend == "vllm":
        _connector(role, option, draft)
    elif plain == "kv-events-config" and "20080" in option.node.text:
        draft.put(path, option.text().replace("20080", "{port.kv-events}"), option)
        draft.put(("roles", role, "ports", "kv-events"), {"base": 20080, "on": "every-task"})
    elif isinstance(option.node.value, str):
        draft.put(path, "", option)
        draft.put(path, draft.words(option, _FACTS))
    elif isinstance(option.node.value, list):
        draft.role(role).setdefault("extra-args", []).extend([f"--{name}", *option.texts()])
        option.rule("a list is so many words after its option: `extra-args`")
    else:
        draft.put(path, option.data(), option)


def _connector(role: str, option: Part, draft: Draft) -> None:
    """Write vLLM's connectors as `kv-transfer-config`: Dynamo has no option for them any more."""
    names = option.text().split()
    known = [dict(CONNECTORS[name]) for name in names if name in CONNECTORS]
    if len(known) < len(names) or not known:
        option.changed("write `kv-transfer-config` into `args` of the role")
        return
    several: dict[str, Any] = {
        "kv_connector": "PdConnector" if "kvbm" in names else "MultiConnector",
        "kv_role": "kv_both",
        "kv_connector_extra_config": {"connectors": known},
    }
    if "kvbm" in names:
        several["kv_connector_module_path"] = "kvbm.vllm_integration.connector"
    value = known[0] if len(known) == 1 else several
    why = "its connector, as `kv-transfer-config`"
    draft.put(("roles", role, "args", "kv-transfer-config"), value, option, rule=why)


def _frontend(dynamo: Part, draft: Draft) -> None:
    role = draft.role("frontend")
    role |= {"engine": "dynamo-frontend", "engine-version": "none", "after": ["etcd", "nats"]}
    command = dynamo.get("ingress-cmd")
    words = draft.shell_words(command)
    if command is None:
        return
    at = words.index("dynamo.frontend") + 1 if "dynamo.frontend" in words else 0
    if at:
        role["extra-args"] = words[at:]
        command.rule("the frontend's preset, with the words behind its program")
        if not words[at:]:
            role.pop("extra-args")
    else:
        draft.put(("roles", "frontend", "command"), words, command)


def _setup(dynamo: Part, draft: Draft) -> None:
    command = dynamo.get("node-setup-cmd")
    if command is None:
        return
    draft.put(("roles", "node-setup", "command"), escaped(command.text()), command)
    draft.role("node-setup").update({"kind": "task", "place": "every-node"})
    for role in _there(draft):
        draft.role(role).setdefault("after", []).append("node-setup")


def _there(draft: Draft) -> list[str]:
    return [role for role in _WORKERS if role in draft.job["roles"]]


def _exporter(dynamo: Part, draft: Draft) -> None:
    part = dynamo.get("dcgm_exporter")
    if part is None or not part.is_table():
        return
    enabled, image = part.get("enabled"), part.get("docker-image-url")
    if enabled is not None:
        enabled.rule("the role `dcgm`, on every node")
    if enabled is not None and not enabled.flag():
        if image is not None:
            image.rule("it is not enabled")
        return
    draft.role("dcgm")["engine"] = "dcgm-exporter"
    if image is not None:
        draft.put(("roles", "dcgm", "container", "image"), "", image)
        draft.put(("roles", "dcgm", "container", "image"), draft.words(image))
        draft.role("dcgm")["container"]["mounts"] = []


def _lmcache(command: Part, draft: Draft) -> None:
    """Add LMCache's file, and its controller where the test starts one."""
    table, controller = command.get("lmcache"), command.get("lmcache_controller")
    cache = command.get("storage_cache_dir")
    wanted = table.get("enable_controller") if table is not None and table.is_table() else None
    if cache is not None:
        draft.put(("vars", "storage-cache-dir"), "", cache)
        draft.put(("vars", "storage-cache-dir"), draft.words(cache))
    elif table is not None:
        draft.var("storage-cache-dir", "/tmp")  # noqa: S108 - CloudAI's own default
    starts = wanted is not None and wanted.flag()
    if wanted is not None:
        wanted.rule("the role `lmcache-controller`" if starts else "no controller")
    if table is not None and table.is_table():
        data = {part.name: _filled(part, draft) for part in table.items() if part.name != "enable_controller"}
        draft.put(("files", "lmcache.yaml", "data"), data)
        for part in table.items():
            if part.name != "enable_controller":
                part.kept(f'files."lmcache.yaml".data.{part.name}')
        for role in _there(draft):
            draft.put(("roles", role, "env", "LMCACHE_CONFIG_FILE"), "{file.lmcache.yaml}")
    line = controller.get("cmd") if controller is not None and controller.is_table() else None
    if line is not None and starts:
        draft.put(("roles", "lmcache-controller", "command"), draft.shell_words(line), line)
        draft.role("lmcache-controller")["place"] = "head"
    elif line is not None:
        line.rule("no controller is asked for: `lmcache.enable_controller`")


def _filled(part: Part, draft: Draft) -> Any:
    if isinstance(part.node.value, dict):
        return {child.name: _filled(child, draft) for child in part.items()}
    if isinstance(part.node.value, list):
        return [_filled(child, draft) for child in part.elements()]
    return draft.plain(part.node.value, _FACTS)[0] if isinstance(part.node.value, str) else part.data()
