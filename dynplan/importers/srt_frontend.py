"""What stands before the workers of an srt-slurm recipe: etcd and NATS, Dynamo's frontends or a router, and nginx."""

from typing import Any

from attrs import frozen

from dynplan.importers.draft import Draft, escaped
from dynplan.importers.source import Part
from dynplan.importers.srt_environment import add_env, image_of, needs_configs, setup_of
from dynplan.importers.srt_placement import Placement
from dynplan.importers.srt_recipe import Recipe
from dynplan.importers.srt_services import kind_of, services_of

# Frontends by the name that `frontend.type` has, in schema 2: what they are to us. `direct` is no process of its own.
_KINDS = {
    "dynamo": "dynamo-frontend",
    "sglang-router": "sglang-router",
    "sgl-router": "sglang-router",
    "vllm-router": "vllm-router",
    "trtllm_serve": "trtllm-orchestrator",
    "sglang": "direct",
    "vllm": "direct",
    "none": "none",  # nothing asks workers but a command of the recipe's own
}
_ENGINES = {  # the only engine behind a frontend; Dynamo's takes all
    **dict.fromkeys(("sglang-router", "sgl-router", "sglang"), "sglang"),
    **dict.fromkeys(("vllm-router", "vllm"), "vllm"),
    "trtllm_serve": "trtllm",
}
_MORE = 9  # frontends beside the first one, where a recipe does not say (FrontendConfig)
_NGINX = "nginx:1.27.4"
_PORT = 8000


@frozen
class Front:
    """What stands before the workers.

    Attributes:
        kind: a preset, or `direct`.
        many: how many there are; several stand behind nginx.
        part: the recipe's table, if it has one.
    """

    kind: str
    many: int
    part: Part | None

    @property
    def dynamo(self) -> bool:
        """Whether workers register with Dynamo."""
        return self.kind == "dynamo-frontend"


def front_of(recipe: Recipe) -> Front:
    """Return what stands before the workers of a recipe."""
    part = recipe.root.get("frontend")
    if part is not None and not part.is_table():
        part = None
    kind = part.get("type") if part is not None else None
    name = kind.text() if kind is not None else "dynamo"
    if recipe.schema == 1 and name == "sglang":
        name = "sglang-router"  # what `sglang` meant before schema 2 (docs/legacy-v1.md)
    if kind is not None:
        if name not in _KINDS:
            kind.wrong("D702", f"`{name}` is a frontend that no importer knows", f"frontends: {', '.join(_KINDS)}")
        if name == "sgl-router":
            kind.changed("SGLang's released router stands here for its experimental one: look at its options")
        needed = _ENGINES.get(name, recipe.engine)
        if needed != recipe.engine:
            kind.wrong("D703", f"`{name}` stands before workers of `{needed}`, and these are of `{recipe.engine}`")
        kind.rule("the frontend says which presets the job has")
    if name == "sglang" and not _is_direct(recipe, part):
        name = "sglang-router"
    found = _KINDS.get(name, "dynamo-frontend")
    if found == "trtllm-orchestrator" and not recipe.disaggregated:
        found = "direct"
    return Front(found, _many(part) if found not in ("direct", "none", "trtllm-orchestrator") else 1, part)


def _is_direct(recipe: Recipe, part: Part | None) -> bool:
    """Tell whether one worker serves itself: `sglang` meant the router in early recipes of schema 2 too."""
    workers = recipe.roles["agg"].workers if list(recipe.roles) == ["agg"] else None
    policy = part.at("args", "policy") if part is not None else None
    return policy is None and list(recipe.roles) == ["agg"] and (workers is None or workers.node.value in (1, "1"))


def _many(part: Part | None) -> int:
    several = part.get("enable_multiple_frontends") if part is not None else None
    more = part.get("num_additional_frontends") if part is not None else None
    if several is not None and not several.flag():
        return 1
    return 1 + (more.whole() if more is not None else _MORE)


def public_role(front: Front, placement: Placement) -> str:
    """Return the role that clients talk to."""
    if front.kind in ("direct", "none"):
        return placement.groups[0].role if placement.groups else ""
    return "nginx" if front.many > 1 else "frontend"


def add_control_plane(recipe: Recipe, placement: Placement, draft: Draft) -> None:
    """Add etcd, by which Dynamo's processes find one another, and NATS where the recipe asks for it."""
    roles = {"etcd": draft.role("etcd")}
    if _wants_nats(recipe):
        roles["nats"] = draft.role("nats")
    own = recipe.root.at("model", "container")
    has_them = own is not None and "dynamo" in own.node.text
    for name, role in roles.items():
        role["engine"] = name
        if not has_them:
            role["command"] = [f"/configs/{'nats-server' if name == 'nats' else name}"]
            needs_configs(draft)
    if placement.dedicated:
        roles["etcd"] |= {"workers": 1, "gpus-per-worker": placement.gpus_per_node}
        draft.say(("roles", "etcd", "gpus-per-worker"), "a node of its own: with all its GPUs, no engine stands there")
        if "nats" in roles:
            roles["nats"]["place"] = "with:etcd"
    env = draft.job.setdefault("job", {}).setdefault("env", {})
    env.setdefault("ETCD_ENDPOINTS", "{role.etcd.url.client}")
    if "nats" in roles:
        env.setdefault("NATS_SERVER", "nats://{role.nats.host}:{role.nats.port.client}")
    _planes(recipe, env)
    _payload(recipe, roles, draft)


def _wants_nats(recipe: Recipe) -> bool:
    planes = (recipe.root.at("dynamo", key) for key in ("request_plane", "event_plane"))
    if any(plane is not None and plane.text() == "nats" for plane in planes):
        return True
    return _payload_of(recipe) is not None or any(_of_kind(recipe, "nats"))


def _planes(recipe: Recipe, env: dict[str, Any]) -> None:
    for key in ("request_plane", "event_plane"):
        plane = recipe.root.at("dynamo", key)
        if plane is not None:
            env.setdefault(f"DYN_{key.upper()}", escaped(plane.text()))
            plane.kept(f"job.env.DYN_{key.upper()}")


def _of_kind(recipe: Recipe, kind: str) -> list[Part]:
    return [one for one in services_of(recipe.root) if kind_of(one) == kind]


def _payload_of(recipe: Recipe) -> Part | None:
    first = recipe.root.at("infra", "nats_max_payload_mb")
    return first or next(
        (found for one in _of_kind(recipe, "nats") if (found := one.at("options", "max_payload_mb"))), None
    )


def _payload(recipe: Recipe, roles: dict[str, dict[str, Any]], draft: Draft) -> None:
    part = _payload_of(recipe)
    if part is not None and "nats" in roles:
        draft.put(("files", "nats.conf", "content"), f"max_payload: {part.whole(1)}MB\n", part)
        roles["nats"]["extra-args"] = ["--config", "{file.nats.conf}"]


def is_dedicated(recipe: Recipe) -> bool:
    """Tell whether etcd and NATS have a node of their own, and say so of the keys that ask for it."""
    asked = recipe.root.at("infra", "etcd_nats_dedicated_node")
    places = [one.at("placement", "node") for kind in ("etcd", "nats") for one in _of_kind(recipe, kind)]
    found = asked is not None and asked.flag()
    for part in (asked, *places):
        if part is not None:
            part.rule(
                "etcd takes a node with all its GPUs" if found or part.node.text == "dedicated" else "on the head node"
            )
            found = found or part.node.text == "dedicated"
    return found


def add_front(recipe: Recipe, front: Front, placement: Placement, draft: Draft) -> None:
    """Add the frontends or routers, and nginx before several."""
    if front.part is not None:
        _told(front, draft)
    if front.kind in ("direct", "none"):
        return
    role = draft.role("frontend")
    role["engine"] = front.kind
    workers = [group.role for group in placement.groups]
    if front.kind != "trtllm-orchestrator":
        role["engine-version"] = "none"
    role["after"] = [name for name in ("etcd", "nats") if name in draft.job["roles"]] if front.dynamo else workers
    _words(front, workers, role, draft)
    if front.part is not None:
        _own(recipe, front, role, draft)
    setup = setup_of(recipe, draft, dynamo=front.dynamo)
    if setup:
        role["setup"] = setup
        role["srun"] = {"container-writable": True}
    if front.many > 1:
        role |= {"workers": front.many, "place": f"with:{workers[-1]}", "ports": {"http": 8180}}
        _nginx(front, placement, draft)
    elif _has_own_node(front):
        role |= {"workers": 1, "gpus-per-worker": placement.gpus_per_node}
        draft.say(
            ("roles", "frontend", "gpus-per-worker"), "a node of its own: with all its GPUs, nothing else stands there"
        )
    elif _beside_decode(front) and "decode" in workers:
        role |= {"workers": 1, "place": "with:decode"}
    elif placement.dedicated:
        role |= {"workers": 1, "place": f"with:{workers[0]}"}


def _has_own_node(front: Front) -> bool:
    """Tell whether the one frontend has a node of its own."""
    own, place = (front.part.get("dedicated_node"), front.part.at("placement", "node")) if front.part else (None, None)
    return (own is not None and own.flag()) or (place is not None and place.node.text == "dedicated")


def _beside_decode(front: Front) -> bool:
    """Tell whether the one frontend stands beside the first decode worker."""
    places = (front.part.get("orchestrator_placement"), front.part.at("placement", "node")) if front.part else ()
    return any(part is not None and part.node.text == "first_decode" for part in places)


def _words(front: Front, workers: list[str], role: dict[str, Any], draft: Draft) -> None:
    """Name the workers of a router, or for TensorRT-LLM the file that names them."""
    disaggregated = "decode" in workers
    if front.kind == "trtllm-orchestrator":
        _orchestrator(front, workers, draft)
        role["extra-args"] = ["-c", "{file.server.yaml}"]
    elif not front.dynamo and not disaggregated:
        role["extra-args"] = ["--worker-urls", {"each": workers[0], "args": ["{it.url.http}"]}]
    elif front.kind == "sglang-router":
        more = {"prefill": ["{it.port.bootstrap}"]}
        pairs = [{"each": name, "args": [f"--{name}", "{it.url.http}", *more.get(name, ())]} for name in workers]
        role["extra-args"] = ["--pd-disaggregation", *pairs]
    elif front.kind == "vllm-router":
        pairs = [{"each": name, "args": [f"--{name}", "{it.url.http}"]} for name in workers]
        role["extra-args"] = ["--vllm-pd-disaggregation", *pairs]


def _orchestrator(front: Front, workers: list[str], draft: Draft) -> None:
    data: dict[str, Any] = {"hostname": "0.0.0.0", "port": "{role.frontend.port.http}"}  # noqa: S104 - in the job
    for key, role, router in (
        ("context_servers", "prefill", "ctx_router"),
        ("generation_servers", "decode", "gen_router"),
    ):
        if role not in workers:
            continue
        data[key] = {"num_instances": f"{{role.{role}.workers}}"}
        data[key]["urls"] = [{"each": role, "value": "{it.ip}:{it.port.http}"}]
        part = front.part.get(router) if front.part is not None else None
        if part is not None:
            data[key]["router"] = part.data()
            part.kept(f'files."server.yaml".data.{key}.router')
    more = front.part.get("server_config_extra") if front.part is not None else None
    if more is not None and more.is_table():
        data |= more.data()
        more.kept('files."server.yaml".data')
    draft.put(("files", "server.yaml", "data"), data)


def _own(recipe: Recipe, front: Front, role: dict[str, Any], draft: Draft) -> None:
    part = front.part
    assert part is not None  # noqa: S101 - for mypy: the caller has looked
    args = part.get("args")
    for option in args.items() if args is not None and args.is_table() else ():
        draft.option(("roles", "frontend"), option)
    env = part.get("env")
    if env is not None and env.is_table():
        add_env(env, ("roles", "frontend", "env"), draft)
    image = part.get("container_image")
    if image is not None:
        draft.put(("roles", "frontend", "container", "image"), "", image)
        draft.put(("roles", "frontend", "container", "image"), image_of(image, draft))
    selection = part.get("worker_selection")
    if selection is not None:
        draft.put(("files", "router-policy.yaml", "data"), {"worker_selection": selection.data()}, selection)
        draft.put(("roles", "frontend", "args", "router-policy-config"), "{file.router-policy.yaml}")


def _told(front: Front, draft: Draft) -> None:
    """Say what became of the keys that decide how many frontends there are and where they stand."""
    part = front.part
    assert part is not None  # noqa: S101 - for mypy: the caller has looked
    for key in ("enable_multiple_frontends", "num_additional_frontends"):
        found = part.get(key)
        if found is not None:
            several = f"{front.many} frontends behind nginx, beside the workers" if front.many > 1 else "one frontend"
            found.rule(several if front.kind != "direct" else "the workers serve themselves")
    for key in (
        "nginx_container",
        "nginx_raise_ulimit",
        "nginx_session_affinity",
        "nginx_session_affinity_header",
        "nginx_keepalive_timeout",
    ):
        found = part.get(key)
        if found is not None and front.many == 1:
            found.rule("there is no nginx before one frontend")
    for key in ("orchestrator_placement", "dedicated_node", "placement", "numa_bind"):
        found = part.get(key)
        if found is None:
            continue
        where = found.get("node") if isinstance(found.node.value, dict) else found
        if where is None or where.node.text.lower() in ("head", "false"):
            found.rule("as here without a word")
        elif where.node.text == "first_decode" and front.many == 1:
            found.rule("beside the first decode worker")
        elif where.node.text.lower() in ("true", "dedicated") and front.many == 1:
            found.rule("the frontend takes a node with all its GPUs")
        else:
            found.changed("the frontend stands on the head node: set `place` of its role")


def _nginx(front: Front, placement: Placement, draft: Draft) -> None:
    role = draft.role("nginx")
    role |= {
        "engine": "nginx",
        "after": ["frontend"],
        "extra-args": ["-c", "{file.nginx.conf}"],
        "ports": {"http": _PORT},
    }
    if placement.dedicated:
        role |= {"workers": 1, "place": f"with:{placement.groups[0].role}"}
    part = front.part
    image = part.get("nginx_container") if part is not None else None
    draft.put(("roles", "nginx", "container", "image"), _NGINX)
    if image is not None:
        draft.put(("roles", "nginx", "container", "image"), image_of(image, draft), None)
        if not draft.ledger.is_told(image.node):
            image.kept("roles.nginx.container.image")
    role["container"]["mounts"] = []
    draft.put(("files", "nginx.conf", "content"), _conf(front))


def _conf(front: Front) -> list[Any]:
    part = front.part
    affinity = part.get("nginx_session_affinity") if part is not None else None
    header = part.get("nginx_session_affinity_header") if part is not None else None
    keep = part.get("nginx_keepalive_timeout") if part is not None else None
    limit = part.get("nginx_raise_ulimit") if part is not None else None
    start = "pid {job.dir}/nginx.pid;\nerror_log stderr;\nworker_processes auto;\n"
    if limit is not None:
        limit.rule("workers and nginx have the node's hard limit of open files")
        start += "worker_rlimit_nofile 1048576;\n" if limit.flag() else ""
    upstream = "upstream frontends {\n"
    if affinity is not None and affinity.flag():
        name = (escaped(header.text()) if header is not None else "X-Dynamo-Session-ID").lower().replace("-", "_")
        upstream += f"    hash $http_{name} consistent;\n"
    timeout = escaped(keep.text()) if keep is not None else "600s"
    for found in (affinity, header, keep):
        if found is not None:
            found.kept('files."nginx.conf".content')
    return [
        f"{start}events {{ worker_connections 65536; }}\nhttp {{\naccess_log off;\n{upstream}",
        {"each": "frontend", "text": "    server {it.endpoint.http};\n"},
        "    keepalive 1024;\n}\nserver {\n    listen {role.nginx.port.http};\n    client_max_body_size 0;\n"
        f"    keepalive_timeout {timeout};\n    location / {{\n        proxy_pass http://frontends;\n"
        '        proxy_http_version 1.1;\n        proxy_set_header Connection "";\n        proxy_buffering off;\n'
        "        proxy_read_timeout 1h;\n    }\n}\n}\n",
    ]
