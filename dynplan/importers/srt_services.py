"""The entries of `services` in a recipe of srt-slurm: each that is a command of its own is a role."""

import re
from typing import Any

from dynplan.importers.draft import Draft
from dynplan.importers.source import Part
from dynplan.importers.srt_environment import add_env, image_of, needs_folders
from dynplan.language.templates import literal

_PLACES = {
    "head": "head",
    "infra": "head",
    "workers": "every-node",
    "compute": "every-node",
    "all": "every-node",
    "prefill": "with:prefill",
    "decode": "with:decode",
    "agg": "with:agg",
}
_EXPORTERS = {"dcgm-exporter": "dcgm-exporter"}
_FACTS = {
    "node": "{host}",
    "node_ip": "{ip}",
    "node_id": "{node}",
    "index": "{worker}",
}
_CHANGED = {
    "source": "clone and build it in `setup`, or better in an image",
    "build_command": "clone and build it in `setup`, or better in an image",
    "build_timeout_seconds": "clone and build it in `setup`, or better in an image",
    "metrics": "set `metrics` of the role, a URL",
    "terminal": 'a role that ends is `kind = "task"`',
    "external": "set ETCD_ENDPOINTS and NATS_SERVER in `[job.env]`, and drop the role",
}


def services_of(root: Part) -> list[Part]:
    """Return the entries of `services` that are tables."""
    services = root.get("services")
    found = services.elements() if services is not None and isinstance(services.node.value, list) else []
    return [one for one in found if isinstance(one.node.value, dict)]


def kind_of(service: Part) -> str:
    """Return the kind of a service."""
    part = service.get("type")
    return part.text() if part is not None else "generic"


def add_services(root: Part, per_node: int, draft: Draft) -> None:
    """Add a role for every service with a command, and say what became of the others."""
    for one in services_of(root):
        kind, command = kind_of(one), one.get("command")
        enabled = one.get("enabled")
        if enabled is not None and not enabled.flag():
            for part in one.items():
                part.rule("it is not enabled")
        elif kind in ("etcd", "nats"):
            _known(one, kind)
        elif kind in _EXPORTERS:
            draft.role(kind)["engine"] = _EXPORTERS[kind]
            _known(one, kind)
        elif kind == "ray":
            _ray(one, per_node, draft)
        elif command is not None:
            _service(one, command, per_node, draft)
        _rest(one, kind)


def add_host_setup(root: Part, draft: Draft) -> None:
    """Add a task for what a recipe runs on the nodes themselves before workers start."""
    table = root.get("host_setup")
    if table is None or not table.is_table():
        return
    commands, lenient = table.get("commands"), table.get("ignore_failure")
    lines = [literal(line) for line in commands.texts()] if commands is not None else []
    if commands is not None and lines:
        path = ("roles", "host-setup")
        ends = " || true" if lenient is not None and lenient.flag() else ""
        draft.put((*path, "command"), " && ".join(f"{{ {line}; }}{ends}" for line in lines), commands)
        draft.role("host-setup").update({"kind": "task", "place": "every-node", "container": False})
        for name in ("prefill", "decode", "agg"):
            if name in draft.job["roles"]:
                draft.role(name).setdefault("after", []).append("host-setup")
        if any("$SRTCTL" in line or "${SRTCTL" in line for line in lines):
            commands.changed("set srt-slurm's own variables, `SRTCTL_...`, in `env` of the role `host-setup`")
    if lenient is not None:
        lenient.rule("`|| true` behind each command")
    for part in table.items():
        if part.name in ("nodes", "timeout_seconds"):
            part.changed("the role `host-setup` stands on every node, and has the time of the job")
        elif not table.ledger.is_told(part.node):
            part.dropped("nothing runs after a job: undo on the nodes what a role does in its own `command`")


def _ray(one: Part, per_node: int, draft: Draft) -> None:
    """Add the head and the other nodes of a Ray cluster that owns its nodes."""
    named, nodes = one.get("name"), one.get("nodes")
    name, count = _safe(named.text() if named is not None else "ray"), nodes.whole(1) if nodes is not None else 1
    head = f"{name}-head"
    for role, engine, workers in ((head, "ray-head", 1), (f"{name}-workers", "ray-worker", count - 1)):
        if workers:
            draft.role(role).update({"engine": engine, "workers": workers, "gpus-per-worker": per_node})
            for key in ("env", "container", "preamble"):
                part = one.get(key)
                if part is not None:
                    part.kept(("roles", role))
            _surroundings(one, ("roles", role), draft)
    if count > 1:
        draft.role(f"{name}-workers").update(
            {"after": [head], "args": {"address": f"{{role.{head}.ip}}:{{role.{head}.port.gcs}}"}}
        )
    draft.put(("job", "env", "RAY_ADDRESS"), f"{{role.{head}.ip}}:{{role.{head}.port.gcs}}")
    for part in (named, nodes):
        if part is not None:
            part.rule("one `ray-head`, and a `ray-worker` for each further node")


def _safe(name: str) -> str:
    safe = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-")
    return safe if safe[:1].isalpha() else f"service-{safe}".rstrip("-")


def _known(one: Part, kind: str) -> None:
    for part in one.items():
        if part.name in ("name", "type", "enabled"):
            part.rule(f"the role `{kind}`")


def _service(one: Part, command: Part, per_node: int, draft: Draft) -> None:
    named = one.get("name")
    name = _safe(named.text() if named is not None else "service")
    path = ("roles", name)
    if name in draft.job.get("roles", {}):
        one.wrong("D703", f"`{name}` is a role of the recipe already")
        return
    if named is not None:
        named.kept(path)
    words = command.texts() if isinstance(command.node.value, list) else [command.text()]
    more = one.get("args")
    words += more.texts() if more is not None else []
    facts = _facts(name, one, per_node, draft)
    draft.put((*path, "command"), [draft.plain(word, facts)[0] for word in words], command)
    if more is not None:
        more.kept((*path, "command"))
    for word in words:
        needs_folders(f"{word}/", draft)
    _placed(one, path, per_node, draft)
    _surroundings(one, path, draft)
    _ready(one, path, draft)


def _facts(name: str, one: Part, per_node: int, draft: Draft) -> dict[str, str]:
    """Return our placeholders by the names that srt-slurm has for the words of a service."""
    head = next((role for role in ("etcd", "frontend") if role in draft.job["roles"]), name)
    pool, nodes = one.at("placement", "pool"), one.get("nodes")
    own = pool.text() if pool is not None and pool.text() in draft.job["roles"] else name
    count = nodes.whole(1) if nodes is not None else draft.role(own).get("workers", 1) if own != name else 1
    return {
        **_FACTS,
        **dict.fromkeys(("head_node", "infra_node"), f"{{role.{head}.host}}"),
        **dict.fromkeys(("head_ip", "infra_ip"), f"{{role.{head}.ip}}"),
        "pool_ip": f"{{role.{own}.ip}}",
        "pool_node": f"{{role.{own}.host}}",
        "pool_nodes": f"{{role.{own}.hosts}}",
        "pool_node_count": str(count),
        "gpus_per_node": str(per_node),
    }


def _placed(one: Part, path: tuple[str, ...], per_node: int, draft: Draft) -> None:
    nodes = one.get("nodes")
    if nodes is not None:
        count = nodes.whole(1)
        draft.put((*path, "workers"), count, nodes, rule="nodes of its own: a worker on each, with all its GPUs")
        draft.put((*path, "gpus-per-worker"), per_node)
    else:
        _beside(one, path, draft)
    _in_turn(one, path, draft)


def _beside(one: Part, path: tuple[str, ...], draft: Draft) -> None:
    """Set where a service without nodes of its own stands."""
    node, pool = one.at("placement", "node"), one.at("placement", "pool")
    place = pool or node
    where = f"with:{pool.text()}" if pool is not None else _PLACES.get(node.text(), "") if node is not None else "head"
    role = where.removeprefix("with:")
    if where.startswith("with:"):
        if role not in draft.job["roles"]:
            where = ""
        else:
            draft.put((*path, "workers"), draft.job["roles"][role].get("workers", 1))
    draft.put((*path, "place"), where or "head", place if where else None)
    if place is not None and not where:
        place.changed("it stands on the head node: set `place` of its role")


def _in_turn(one: Part, path: tuple[str, ...], draft: Draft) -> None:
    """Set which roles a service waits for, and which wait for it."""
    start = one.get("start")
    workers = [name for name in ("prefill", "decode", "agg") if name in draft.job["roles"]]
    early = start is not None and start.text() in ("before_workers", "infra")
    if early:
        for worker in workers:
            draft.role(worker).setdefault("after", []).append(path[-1])
    elif start is None or start.text() == "after_frontend":
        before = ["frontend"] if "frontend" in draft.job["roles"] else workers
        if before:
            draft.put((*path, "after"), before)
    if start is not None:
        start.rule("`after` says what comes first")


def _surroundings(one: Part, path: tuple[str, ...], draft: Draft) -> None:
    critical, env, image, setup = one.get("critical"), one.get("env"), one.get("container"), one.get("preamble")
    draft.put((*path, "critical"), critical.flag() if critical is not None else False, critical)
    if env is not None and env.is_table():
        add_env(env, (*path, "env"), draft)
    if image is not None:
        draft.put((*path, "container", "image"), "", image)
        draft.put((*path, "container", "image"), image_of(image, draft))
    if setup is not None:
        draft.put((*path, "setup"), setup.text(), setup)
    cpus = one.get("cpus_per_task")
    if cpus is not None:
        draft.put((*path, "cpus-per-task"), cpus.whole(1), cpus)
    bind = one.get("cpu_bind")
    if bind is not None:
        draft.put((*path, "srun", "cpu-bind"), bind.text(), bind)
    kind, discovery = one.get("type"), one.get("inherit_discovery_env")
    if kind is not None:
        kind.rule("a role without a preset")
    if discovery is not None:
        discovery.rule("`[job.env]` is for all roles")


def _ready(one: Part, path: tuple[str, ...], draft: Draft) -> None:
    gate = one.get("readiness")
    if gate is None or not gate.is_table():
        return
    http, log = gate.get("http"), gate.at("log", "pattern")
    probe: dict[str, Any] = {}
    port = gate.get("port") or gate.at("tcp", "port") or gate.at("http", "port")
    if port is not None:
        draft.put((*path, "ports", "main"), {"fixed": port.whole(1), "on": "every-task"}, port)
        probe["port"] = "main"
    if http is not None and http.is_table():
        probe |= _page(http, path)
    elif log is not None:
        probe = {"log": log.text()}
        log.kept((*path, "ready", "log"))
    limit, every = gate.get("timeout_seconds"), gate.get("interval_seconds")
    if limit is not None:
        limit.kept((*path, "ready", "timeout"))
    if every is not None:
        every.rule("probes are asked every second")
    if http is not None and "port" not in probe:
        http.changed("the recipe says no port: give the role a port and a `ready` that asks it")
    elif probe:
        probe["timeout"] = f"{limit.whole(1) if limit is not None else 120}s"
        draft.put((*path, "ready"), probe)


def _page(http: Part, path: tuple[str, ...]) -> dict[str, Any]:
    where, status = http.get("path"), http.get("status")
    probe: dict[str, Any] = {"path": where.text() if where is not None else "/health"}
    if where is not None and not re.fullmatch(r"/[!-~]*", where.text()):
        where.wrong("D104", f"`{where.key}` must start with `/` and hold no space")
    if status is not None:
        probe["status"] = status.whole(100)
    for part in (where, status):
        if part is not None:
            part.kept((*path, "ready"))
    return probe


def _rest(one: Part, kind: str) -> None:
    for part in one.items():
        if one.ledger.is_told(part.node):
            continue
        if part.name in _CHANGED:
            part.changed(_CHANGED[part.name])
        elif kind in ("etcd", "nats", *_EXPORTERS):
            part.changed(f"set it in the role `{kind}`")
        else:
            part.dropped(f"`{kind}` is a service that srt-slurm starts by itself: write a role with its command")
