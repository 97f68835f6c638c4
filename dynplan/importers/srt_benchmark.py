"""The benchmark of an srt-slurm recipe as phases: one for each concurrency, and one before each where it warms up."""

from typing import Any

from dynplan.importers.draft import Draft, escaped
from dynplan.importers.source import Part
from dynplan.importers.srt_clients import CLIENTS, DROPPED, TRACES, Client
from dynplan.importers.srt_environment import add_env, image_of, model_of, needs_folders, needs_scripts
from dynplan.importers.srt_placement import Placement
from dynplan.importers.srt_recipe import Recipe

_MOST_LEVELS = 200


def add_benchmark(recipe: Recipe, placement: Placement, public: str, draft: Draft) -> None:
    """Add the phases of a recipe; `public` is the role that clients talk to."""
    bench = recipe.root.get("benchmark")
    if bench is None or not bench.is_table():
        return
    kind = bench.get("type")
    name = kind.text() if kind is not None else "manual"
    if name == "manual":
        if kind is not None:
            kind.rule("no phase: the job serves until its time limit")
    elif not public and name != "custom":
        bench.wrong("D703", "there is no endpoint that a benchmark could ask")
    elif name == "custom":
        _custom(bench, placement, public, draft)
        _told(kind, "the command is the phase")
    elif name == "lm-eval":
        _told(kind, "srt-slurm's own script for it")
        _script(recipe, public, draft)
    elif name in CLIENTS:
        _told(kind, f"the program behind it: `{' '.join(CLIENTS[name].command)}`")
        _client(recipe, bench, CLIENTS[name], public, draft)
    else:
        _told_changed(kind, f"there is no `{name}` here: write `[phases.NAME]` with its command")
    _surroundings(bench, placement, draft)
    for part in bench.items():
        if not draft.ledger.is_told(part.node):
            part.dropped(DROPPED.get(part.name, f"`{name}` makes no use of it, or nothing of ours does"))


def _told(part: Part | None, why: str) -> None:
    if part is not None:
        part.rule(why)


def _told_changed(part: Part | None, why: str) -> None:
    if part is not None:
        part.changed(why)


def _client(recipe: Recipe, bench: Part, client: Client, public: str, draft: Draft) -> None:
    """Add the phases of a known program."""
    for key in client.needs:
        dataset = bench.get("dataset_name")
        custom = dataset is not None and dataset.node.text != "random"
        if bench.get(key) is None and not (custom and key in ("isl", "osl")):
            bench.ledger.wrong("D103", f"the benchmark has no `{key}`", bench.node, at_key=True)
    table: dict[str, Any] = draft.job.setdefault("phase-defaults", {})
    table["command"] = list(client.command)
    args: dict[str, Any] = {}
    if client.model:
        args[client.model] = "{vars.served-model}"
    if client.tokenizer:
        args[client.tokenizer] = model_of(recipe)
    if client.url:
        args[client.url] = f"{{role.{public}.url.http}}"
    else:
        args |= {"host": f"{{role.{public}.host}}", "port": f"{{role.{public}.port.http}}"}
    table["args"] = args | dict(client.fixed)
    for key, (option, default) in client.keys.items():
        _key(bench.get(key), option, default, draft)
    if client.scripts:
        needs_scripts(draft)
    setup = [client.setup] if client.setup else []
    _goals(bench, draft)
    _packages(bench, setup, draft)
    _trace(bench, client, setup, draft)
    if setup:
        table["setup"] = "\n".join(setup)
        table["srun"] = {"container-writable": True}
    _phases(bench, client, draft)


def _key(part: Part | None, option: str, default: Any, draft: Draft) -> None:
    """Set an option by a key of the recipe, or to what the program of srt-slurm takes without it."""
    path = ("phase-defaults", "args", option)
    if part is None:
        if default is not None:
            draft.put(path, default)
    elif isinstance(part.node.value, list | dict):
        part.wrong("D102", f"`{part.key}` must be one value")
    elif isinstance(part.node.value, str):
        draft.put(path, "", part)
        draft.put(path, draft.words(part))
    else:
        draft.put(path, part.node.value, part)


def _script(recipe: Recipe, public: str, draft: Draft) -> None:
    """Add the accuracy run that srt-slurm has a script for, which gets the rest from its environment."""
    command = ["bash", "/srtctl-benchmarks/lm-eval/bench.sh", f"{{role.{public}.url.http}}"]
    draft.put(("phases", "benchmark", "command"), command)
    draft.put(("phase-defaults", "env"), {"MODEL_NAME": "{vars.served-model}", "MODEL_PATH": model_of(recipe)})
    needs_scripts(draft)


def _goals(bench: Part, draft: Draft) -> None:
    """Set what counts as good, of AIPerf: two limits in milliseconds are one option."""
    parts = {
        name: bench.get(f"{key}_threshold_ms")
        for key, name in (("ttft", "time_to_first_token"), ("itl", "inter_token_latency"))
    }
    words = [f"{name}:{part.whole()}" for name, part in parts.items() if part is not None]
    if words:
        draft.put(("phase-defaults", "args", "goodput"), " ".join(words))
        for part in parts.values():
            if part is not None:
                part.kept("phase-defaults.args.goodput")


def _packages(bench: Part, setup: list[str], draft: Draft) -> None:
    package, more = bench.get("aiperf_package"), bench.get("aiperf_args")
    if package is not None:
        import shlex  # only where a package is named

        setup[:] = [f"pip install --quiet --break-system-packages {shlex.quote(package.text())}"]
        package.kept("phase-defaults.setup")
    for part in more.items() if more is not None and more.is_table() else ():
        draft.option(("phase-defaults",), part)


def _trace(bench: Part, client: Client, setup: list[str], draft: Draft) -> None:
    """Bring the trace of Mooncake's that a recipe names."""
    if "fixed-schedule" not in client.fixed:
        return
    part = bench.get("mooncake_workload")
    name = part.text() if part is not None else "conversation"
    if name not in TRACES:
        if part is not None:
            part.wrong("D104", f"there is no trace `{name}`", f"traces: {', '.join(TRACES)}")
        return
    setup.append(f'curl -fsSL -o "$DYNPLAN_JOB_DIR/{name}_trace.jsonl" {TRACES[name]}')
    draft.put(("phase-defaults", "args", "input-file"), f"{{job.dir}}/{name}_trace.jsonl", part)


def levels_of(bench: Part) -> list[int]:
    """Return the concurrencies of a benchmark: a list, one number, or `"4x8x32"`."""
    found: list[int] = []
    for key in ("concurrencies", "concurrency"):
        part = bench.get(key)
        if part is None:
            continue
        if isinstance(part.node.value, list):
            found += [element.whole(1) for element in part.elements()]
        else:
            words = part.text().lower().replace(",", "x").split("x")
            if not all(word.strip().isascii() and word.strip().isdigit() and len(word) < 10 for word in words):
                part.wrong("D104", f"`{part.text()}` is no list of concurrencies", "write `[4, 8]` or `4x8`")
                return []
            found += [int(word) for word in words]
        part.rule("one phase for each concurrency")
    if len(found) > _MOST_LEVELS:
        bench.wrong("D104", f"{len(found)} concurrencies are more than anybody waits for")
    return list(dict.fromkeys(found[:_MOST_LEVELS]))


def _phases(bench: Part, client: Client, draft: Draft) -> None:
    """Add a phase for each concurrency."""
    phases: dict[str, Any] = draft.job.setdefault("phases", {})
    if not client.level:
        phases["benchmark"] = {}
        return
    times, warm_up = _factor(bench, "num_prompts_mult", client.times), _factor(bench, "num_warmup_mult", client.warm_up)
    fixed, before = bench.get("num_prompts"), bench.get("warmup_prompts")
    for part in (fixed, before):
        if part is not None:
            part.kept("phases.*.args")
    for level in levels_of(bench):
        if warm_up and client.warm_up:
            first = before.whole() if before is not None else level * warm_up
            args = {client.level: level, client.prompts: first, "request-rate": 250, "save-result": False}
            phases[f"warm-up-{level}"] = {"args": args}
        phases[f"c{level}"] = {"args": {client.level: level}}
        if client.prompts:
            phases[f"c{level}"]["args"][client.prompts] = fixed.whole(1) if fixed is not None else level * times


def _factor(bench: Part, key: str, default: int) -> int:
    part = bench.get(key)
    if part is None:
        return default
    part.rule("so many times the concurrency are its requests")
    return part.whole()


def _custom(bench: Part, placement: Placement, public: str, draft: Draft) -> None:
    """Add a command of the recipe's own, which bash runs, with the variables that srt-slurm hands to it."""
    command = bench.get("command")
    if command is None:
        bench.ledger.wrong("D103", "the benchmark has no `command`", bench.node, at_key=True)
        return
    draft.put(("phases", "benchmark", "command"), escaped(command.text()), command)
    needs_folders(command.text(), draft)
    front = {
        "SRT_FRONTEND_URL": f"{{role.{public}.url.http}}",
        "SRT_FRONTEND_HOST": f"{{role.{public}.ip}}",
        "SRT_FRONTEND_PORT": f"{{role.{public}.port.http}}",
    }
    env = {**(front if public else {}), "AIPERF_SERVER_METRICS_URLS": "{metrics-urls}"}
    for group in placement.groups:
        port = "http" if draft.role(group.role)["engine"] in ("sglang", "vllm", "trtllm") else "system"
        env[f"SRT_{group.role.upper()}_IPS"] = f"{{role.{group.role}.ips}}"
        env[f"SRT_{group.role.upper()}_ENDPOINTS"] = f"{{role.{group.role}.endpoints.{port}}}"
    draft.put(("phases", "benchmark", "env"), env)


def _surroundings(bench: Part, placement: Placement, draft: Draft) -> None:
    """Set environment, image and place of all phases."""
    where = "phase-defaults"
    if "phases" not in draft.job:
        return
    env = bench.get("env")
    if env is not None and env.is_table():
        add_env(env, (where, "env"), draft)
    image = bench.get("container_image")
    if image is not None:
        draft.put((where, "container", "image"), "", image)
        draft.put((where, "container", "image"), image_of(image, draft))
    if placement.dedicated:
        draft.put((where, "on"), placement.groups[0].role)
    for part in (bench.get("client_placement"), bench.at("placement", "node"), bench.get("client_dedicated_node")):
        if part is None:
            continue
        if part.node.text.lower() in ("head", "false"):
            part.rule("phases run on the head node")
        elif part.node.text.lower() in ("true", "dedicated"):
            path = ("roles", "client")
            draft.put(
                path, {"command": ["sleep", "infinity"], "workers": 1, "gpus-per-worker": placement.gpus_per_node}
            )
            draft.say(
                (*path, "gpus-per-worker"), "keeps a node for the phases: with all its GPUs, nothing else stands there"
            )
            draft.put((where, "on"), "client")
            part.rule("the role `client` keeps a node, and the phases run `on` it")
        elif part.node.text == "last_decode":
            draft.put((where, "on"), "decode")
            part.changed("it runs on the first decode worker's node: `on`")
        else:
            part.changed("no node is kept for a client: set `on` to a role")
