"""The workers of an srt-slurm recipe as roles: preset, sizes, options, environment, ports."""

from math import isfinite
from typing import Any

from dynplan.importers.draft import Draft, escaped
from dynplan.importers.source import Part
from dynplan.importers.srt_engines import (
    CONNECTORS,
    ENGINES,
    MOCKER_DEFAULTS,
    MOCKER_SWITCHES,
    OPTIONS_CHANGED,
    OPTIONS_RULED,
    check_size,
    gpus_of,
)
from dynplan.importers.srt_environment import add_env, image_of, model_of, needs_folders, setup_of, srun_options
from dynplan.importers.srt_placement import Group, Placement
from dynplan.importers.srt_recipe import Recipe, RoleParts

_EPHEMERAL = range(32768, 61000)
_NUMA_GPUS = ("gb200", "gb300")  # on which srt-slurm binds TensorRT-LLM's memory to the CPUs' nodes


def add_workers(recipe: Recipe, placement: Placement, draft: Draft, *, dynamo: bool) -> None:
    """Add a role for the workers of every kind.

    Args:
        recipe: the recipe.
        placement: how many workers, and how large.
        draft: where they go.
        dynamo: whether they register with Dynamo's frontend, and are no servers of their own.
    """
    draft.job.setdefault("roles", {})
    served = _served(recipe, draft) if placement.groups else ""
    for group in placement.groups:
        parts = recipe.roles[group.role]
        _sizes(parts, group, placement, draft)
        draft.put(("roles", group.role, "engine-version"), "none")
        _args(recipe, parts, served, draft, dynamo=dynamo)
        if parts.env is not None and parts.env.is_table():
            add_env(parts.env, ("roles", group.role, "env"), draft)
        _launch(recipe, parts, draft, dynamo=dynamo)
        _check_room(parts, group, draft)
    if dynamo and placement.groups and recipe.root.get("dynamo") is None:
        why = "srt-slurm installs Dynamo 0.8.0 where a recipe does not say which: here the image has it"
        draft.say(("roles", placement.groups[0].role, "engine"), why)
    _options(recipe)


def _check_room(parts: RoleParts, group: Group, draft: Draft) -> None:
    """Report a worker with fewer GPUs than the sizes of its engine come to (D703)."""
    needs = draft.needs.get(group.role, 0)
    said = parts.gpus or parts.workers or parts.nodes
    if needs > group.gpus and said is not None:
        message = f"a worker of `{group.role}` has {group.gpus} GPUs, and the sizes of its engine come to {needs}"
        said.wrong("D703", message, "fewer workers, more nodes, or smaller sizes")


def _sizes(parts: RoleParts, group: Group, placement: Placement, draft: Draft) -> None:
    path = ("roles", group.role)
    draft.put((*path, "engine"), "")
    draft.put((*path, "workers"), group.workers, parts.workers)
    draft.gpus[group.role] = group.gpus
    if parts.gpus is not None:
        draft.put((*path, "gpus-per-worker"), group.gpus, parts.gpus)
        parts.gpus.kept(f"roles.{group.role}: the sizes in `args`, or `gpus-per-worker`")
    if parts.nodes is None:
        return
    idle = placement.asked - placement.used
    if idle > 0:
        parts.nodes.changed(f"{idle} of {placement.asked} nodes would run no worker: the job does not ask for them")
    elif parts.nodes.node.value in (0, "colocate"):
        parts.nodes.rule("no nodes of its own: `job.num-nodes` makes the roles share")
    else:
        parts.nodes.rule(f"{group.workers} x {group.gpus} GPUs come to these nodes")
    draft.note((*path, "workers"), parts.nodes)


def _served(recipe: Recipe, draft: Draft) -> str:
    """Return the name at which clients find the model; srt-slurm takes the first role's for all."""
    found = recipe.options.get("served_model_name")
    if found is not None and not found.is_null():
        draft.put(("vars", "served-model"), found.text(), found)
        return "{vars.served-model}"
    first = ""
    for role in ("prefill", "agg", "decode"):
        args = recipe.roles[role].args if role in recipe.roles else None
        for key in ("served-model-name", "served_model_name"):
            part = args.get(key) if args is not None and args.is_table() else None
            if part is not None and recipe.engine != "trtllm":
                name = draft.words(part)
                part.kept("vars.served-model")
                if first and name != first:
                    part.rule("all workers have the name of the first role, as there")
                first = first or name
    if not first:
        model = str(draft.job.get("vars", {}).get("model", "")).rstrip("/")
        first = model.rpartition("/")[2] or "model"
    draft.var("served-model", first)
    return "{vars.served-model}"


def _args(recipe: Recipe, parts: RoleParts, served: str, draft: Draft, *, dynamo: bool) -> None:
    """Set preset and options of a role."""
    engine = ENGINES[recipe.engine]
    preset = engine.dynamo if dynamo or not engine.plain else engine.plain
    path = ("roles", parts.name)
    draft.put((*path, "engine"), preset)
    if recipe.engine == "trtllm":
        _trtllm(recipe, parts, served, draft, dynamo=dynamo)
        return
    args: dict[str, Any] = {engine.model: model_of(recipe)}
    if recipe.engine != "mocker":
        args["served-model-name"] = served
    if parts.name != "agg" and not (recipe.engine == "vllm" and not dynamo):
        args["disaggregation-mode"] = parts.name
    for key, value in args.items():
        draft.put((*path, "args", key), value)
    if recipe.engine == "mocker":
        _mocker(recipe, parts, draft)
    for part in parts.args.items() if parts.args is not None and parts.args.is_table() else ():
        _option(recipe, parts, part, draft)
    if recipe.engine == "vllm":
        _connector(recipe, parts, draft, dynamo=dynamo)
    if parts.extra is not None:
        draft.role(parts.name).setdefault("extra-args", []).extend(draft.plain(word)[0] for word in parts.extra.texts())
        parts.extra.kept((*path, "extra-args"))
    _bootstrap(recipe, parts, draft, dynamo=dynamo)
    _kv_events(recipe, parts, draft)
    needs = gpus_of(recipe.engine, draft.role(parts.name)["args"], draft.role(parts.name).get("extra-args", ()))
    if needs is not None:
        draft.needs[parts.name] = needs


def _option(recipe: Recipe, parts: RoleParts, part: Part, draft: Draft) -> None:
    """Add one option of an engine."""
    engine = ENGINES[recipe.engine]
    name = part.name.lstrip("-").replace("_", "-")
    path = ("roles", parts.name, "args", name)
    check_size(name, part)
    if name in engine.derived:
        part.rule("follows from the plan: the preset writes it")
    elif name in engine.ports:
        _port(parts.name, engine.ports[name], part, draft)
    elif name in ("model-path", "model"):
        part.rule("`model.path` is the model, here as there")
    elif name == "served-model-name":
        pass
    elif name == "disaggregation-mode":
        part.rule("the name of the role says it")
        draft.note(path, part)
    elif name in ("connector", "kv-transfer-config") and recipe.engine == "vllm":
        pass
    elif name == "disaggregation-bootstrap-port" and parts.name == "prefill":
        _port(parts.name, "bootstrap", part, draft)
    else:
        _value(path, part, draft)


def _value(path: tuple[str, ...], part: Part, draft: Draft) -> None:
    """Add the value of an option: flags and numbers as they are, a list as words, a table as JSON."""
    value = part.node.value
    if value is None:
        part.rule("null: the option is left out, there too")
    elif isinstance(value, list):
        words = [escaped(_word(element)) for element in part.elements()]
        draft.role(path[1]).setdefault("extra-args", []).extend([f"--{path[-1]}", *words])
        part.rule("a list is so many words after its option: `extra-args`")
    elif isinstance(value, str):
        draft.put(path, "", part)
        draft.put(path, draft.words(part))
        needs_folders(value, draft)
    elif isinstance(value, dict):
        draft.put(path, part.data(), part, rule="a table is one word of JSON")
    elif isinstance(value, float) and not isfinite(value):
        draft.put(path, part.node.text, part)
    else:
        draft.put(path, value, part)


def _word(part: Part) -> str:
    return part.text() if not isinstance(part.node.value, list | dict) else str(part.data())


def _port(role: str, name: str, part: Part, draft: Draft) -> None:
    """Add a port of a role by the number that the recipe has for it."""
    number = part.whole(1)
    if number in _EPHEMERAL or number > 65535:
        draft.role(role).setdefault("ports", {})[name] = "auto"
        part.changed(f"{number} is a number that the kernel gives away: the job takes a free one")
        return
    draft.role(role).setdefault("ports", {})[name] = number
    part.kept(("roles", role, "ports", name))


def _connector(recipe: Recipe, parts: RoleParts, draft: Draft, *, dynamo: bool) -> None:
    """Set how vLLM's workers hand over KV: what a role says, or the engine's connector, nixl by default."""
    path = ("roles", parts.name, "args", "kv-transfer-config")
    own = {
        part.name.replace("_", "-"): part
        for part in (parts.args.items() if parts.args is not None and parts.args.is_table() else ())
    }
    config, connector = own.get("kv-transfer-config"), own.get("connector") or recipe.options.get("connector")
    if config is not None and not config.is_null():
        _value(path, config, draft)
        if connector is not None:
            connector.rule("`kv-transfer-config` says it")
        return
    if connector is None:
        if dynamo or parts.name != "agg":
            draft.put(path, dict(CONNECTORS["nixl"]))
        return
    name = "none" if connector.is_null() else connector.text()
    if name.lower() in ("none", "null", ""):
        connector.rule("no connector")
    elif name.lower() in CONNECTORS:
        draft.put(path, dict(CONNECTORS[name.lower()]), connector, rule="its connector, as `kv-transfer-config`")
    elif name.startswith("{"):
        draft.put(path, draft.words(connector), connector)
    else:
        connector.changed(f"write the `kv-transfer-config` of `{name}` into `args` of the role")


def _bootstrap(recipe: Recipe, parts: RoleParts, draft: Draft, *, dynamo: bool) -> None:
    """Give SGLang's prefill workers a port at which decode workers find them, each its own."""
    if recipe.engine != "sglang" or parts.name != "prefill":
        return
    draft.role(parts.name).setdefault("ports", {}).setdefault("bootstrap", 8998 if not dynamo else 30001)
    draft.put(("roles", parts.name, "args", "disaggregation-bootstrap-port"), "{port.bootstrap}")


def _kv_events(recipe: Recipe, parts: RoleParts, draft: Draft) -> None:
    """Let workers publish their KV events where `kv_events` asks for it, on a port of each task."""
    events = parts.events
    if events is None or recipe.engine not in ("sglang", "vllm"):
        return
    table: dict[str, Any] = {"publisher": "zmq", "topic": "kv-events"}
    if recipe.engine == "vllm":
        table["enable_kv_cache_events"] = True
    if isinstance(events.node.value, dict):
        table |= {part.name: part.data() for part in events.items()}
    elif not events.flag():
        events.rule("no events")
        return
    table["endpoint"] = "tcp://*:{port.kv-events}"
    draft.put(("roles", parts.name, "args", "kv-events-config"), table, events, rule="events on a port of each task")
    count = "data-parallel-size" if recipe.engine == "vllm" else 1
    port: dict[str, Any] = {"base": 5550, "on": "every-task"}
    draft.role(parts.name).setdefault("ports", {})["kv-events"] = port if count == 1 else {**port, "count": count}


def _mocker(recipe: Recipe, parts: RoleParts, draft: Draft) -> None:
    path = ("roles", parts.name, "args")
    for key, value in MOCKER_DEFAULTS.items():
        draft.put((*path, key), value)
    for part in recipe.options.values():
        name = part.name.replace("_", "-")
        if part.is_null():
            part.rule("null: the option is left out, there too")
        elif part.name in MOCKER_SWITCHES:
            draft.put((*path, MOCKER_SWITCHES[part.name]), not part.flag(), part)
        elif isinstance(part.node.value, list | dict):
            part.wrong("D102", f"`{part.key}` must be one value")
        else:
            _value((*path, name), part, draft)


def _trtllm(recipe: Recipe, parts: RoleParts, served: str, draft: Draft, *, dynamo: bool) -> None:
    """Set the options of a TensorRT-LLM worker: nearly all stand in a file of its engine."""
    role, name = draft.role(parts.name), f"{parts.name}.yaml"
    config = parts.args.data() if parts.args is not None and parts.args.is_table() else {}
    sizes = {key: config[key] for key in _TRTLLM_SIZES if isinstance(config.get(key), int)}
    draft.put(("files", name, "data"), config)
    for part in parts.args.items() if parts.args is not None and parts.args.is_table() else ():
        check_size(part.name, part)
        part.kept(f'files."{name}".data.{part.name}')
        draft.note(("files", name, "data", part.name), part)
    file = f"{{file.{name}}}"
    args = role.setdefault("args", {})
    if dynamo:
        args |= {"model-path": model_of(recipe), "served-model-name": served}
        if parts.name != "agg":
            args["disaggregation-mode"] = parts.name
        args |= {_TRTLLM_SIZES[key]: value for key, value in sizes.items() if _TRTLLM_SIZES[key]}
        args["extra-engine-args"] = file
        events = recipe.options.get("publish_events_and_metrics")
        if events is not None and not events.is_null():
            draft.put(("roles", parts.name, "args", "publish-events-and-metrics"), events.flag(), events)
    else:
        args |= {key: value for key, value in sizes.items() if key != "context_parallel_size"}
        role["extra-args"] = [model_of(recipe), "--config", file]
    if parts.extra is not None:
        role.setdefault("extra-args", []).extend(draft.plain(word)[0] for word in parts.extra.texts())
        parts.extra.kept(("roles", parts.name, "extra-args"))
    draft.needs[parts.name] = gpus_of("trtllm", config) or 1
    draft.put(("roles", parts.name, "env", "TRTLLM_EPLB_SHM_NAME"), f"{parts.name}-{{job.id}}-{{worker}}")
    _bind_memory(recipe, parts, role, dynamo=dynamo)


_TRTLLM_SIZES = {
    "tensor_parallel_size": "tensor-parallel-size",
    "pipeline_parallel_size": "pipeline-parallel-size",
    "moe_expert_parallel_size": "expert-parallel-size",
    "context_parallel_size": "",
}


def _bind_memory(recipe: Recipe, parts: RoleParts, role: dict[str, Any], *, dynamo: bool) -> None:
    asked, gpu = recipe.options.get("numa_memory_bind"), recipe.root.at("resources", "gpu_type")
    wanted = gpu is not None and gpu.node.text in _NUMA_GPUS and parts.name != "agg"
    if asked is not None and not asked.is_null():
        wanted = bool(asked.node.value)
        asked.rule("`numactl -m 0,1` before the command")
    if wanted:
        program = ["python3", "-m", "dynamo.trtllm"] if dynamo else ["trtllm-serve"]
        role["command"] = ["numactl", "-m", "0,1", "trtllm-llmapi-launch", *program]


def _launch(recipe: Recipe, parts: RoleParts, draft: Draft, *, dynamo: bool) -> None:
    """Set what surrounds the process: order, readiness, setup, container, options of srun."""
    role, path = draft.role(parts.name), ("roles", parts.name)
    if dynamo:
        role["after"] = [name for name in ("etcd", "nats") if name in draft.job["roles"]]
    setup = setup_of(recipe, draft, dynamo=dynamo)
    everywhere = recipe.root.get("srun_options")
    options = [*(everywhere.items() if everywhere is not None and everywhere.is_table() else [])]
    options += parts.srun.items() if parts.srun is not None and parts.srun.is_table() else []
    srun = srun_options(options, draft)
    if setup:
        role["setup"] = setup
        srun.setdefault("container-writable", True)
    if srun:
        role["srun"] = srun
    if parts.container is not None:
        draft.put((*path, "container", "image"), "", parts.container)
        draft.put((*path, "container", "image"), image_of(parts.container, draft))
    if parts.critical is not None:
        draft.put((*path, "critical"), parts.critical.flag(), parts.critical)
    if parts.restart is not None:
        _restart(parts.restart, path, draft, alone=recipe.engine != "trtllm")


def _restart(restart: Part, path: tuple[str, ...], draft: Draft, *, alone: bool) -> None:
    """Let a dead worker start again, as often as the recipe lets it."""
    policy, most, delay = restart.get("policy"), restart.get("max_restarts"), restart.get("backoff_seconds")
    if not isinstance(restart.node.value, dict):  # the policy alone
        policy = restart
    name = policy.text() if policy is not None else "never"
    longest = restart.get("max_backoff_seconds")
    if name == "never":
        restart.rule("a worker that dies ends the job")
    elif not alone:
        restart.changed("an MPI world of ranks does not start again: a worker that dies ends the job")
    else:
        count, pause = most.whole(1) if most is not None else 3, delay.whole() if delay is not None else 10
        draft.put((*path, "restart"), {"max": count, "delay": f"{max(pause, 1)}s"})
        for part in (policy, most, delay):
            if part is not None:
                part.kept((*path, "restart"))
        if longest is not None:
            longest.changed("the delay stays as it is, and does not grow")


def _options(recipe: Recipe) -> None:
    """Say what became of the keys of the engine as a whole that no role took."""
    for key, part in recipe.options.items():
        if key in OPTIONS_CHANGED:
            part.changed(OPTIONS_CHANGED[key])
        elif key in OPTIONS_RULED:
            part.rule(OPTIONS_RULED[key])
