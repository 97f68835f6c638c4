"""An srt-slurm recipe in either of its layouts, read to one shape.

Schema 1 (and no `schema`): `resources.prefill_nodes`, `backend.prefill_environment`, `backend.sglang_config.prefill`.
Schema 2: `roles.prefill` holds all of these, `engine` the backend. The mapping is srt-slurm's own
(docs/legacy-v1.md of NVIDIA/srt-slurm).
"""

from attrs import field, frozen

from dynplan.importers.source import Part

MODES = {"prefill": "prefill", "decode": "decode", "agg": "aggregated"}
ENGINES = ("sglang", "vllm", "trtllm", "mocker")


@frozen(eq=False)
class RoleParts:
    """What a recipe says of one role of workers: parts that are there."""

    name: str
    nodes: Part | None = None
    workers: Part | None = None
    gpus: Part | None = None
    env: Part | None = None
    args: Part | None = None
    extra: Part | None = None
    events: Part | None = None
    container: Part | None = None
    srun: Part | None = None
    critical: Part | None = None
    restart: Part | None = None


@frozen(eq=False)
class Recipe:
    """A recipe.

    Attributes:
        root: the whole of it.
        schema: 1 or 2.
        engine: one of `ENGINES`, or what the recipe calls it.
        options: keys of the engine as a whole.
        roles: by name, in the order of placement: prefill, decode, agg.
    """

    root: Part
    schema: int
    engine: str
    options: dict[str, Part] = field(factory=dict)
    roles: dict[str, RoleParts] = field(factory=dict)

    @property
    def disaggregated(self) -> bool:
        """Whether it has prefill and decode workers."""
        return "prefill" in self.roles or "decode" in self.roles


def recipe_of(root: Part) -> Recipe:
    """Return a recipe in one shape; what is wrong with its keys is reported."""
    schema = root.get("schema")
    if schema is not None:
        schema.rule("the layout of the recipe")
    if root.child("roles") is not None or (root.child("engine") is not None and root.child("backend") is None):
        return _second(root)
    return _first(root)


def _first(root: Part) -> Recipe:
    backend = root.get("backend")
    options = {part.name: part for part in backend.items()} if backend is not None and backend.is_table() else {}
    engine = _engine(options.pop("type", None))
    config = options.get(f"{engine}_config")
    events = options.pop("kv_events_config", None)
    roles = {}
    for role, mode in MODES.items():
        sizes = {key: root.at("resources", key) for key in (f"{role}_nodes", f"{role}_workers", f"gpus_per_{role}")}
        if not any(sizes.values()):
            continue
        nodes, workers, gpus = sizes.values()
        roles[role] = RoleParts(
            role,
            nodes=nodes,
            workers=workers,
            gpus=gpus,
            env=_present(options.pop(f"{mode}_environment", None)),
            args=_table(config, mode),
            extra=_present(options.pop(f"{mode}_extra_args", None)),
            events=_events(events, mode),
            critical=root.at("resources", f"{role}_critical"),
        )
    for engine_name in ENGINES:  # of other engines, or of roles that the recipe does not have
        options.pop(f"{engine_name}_config", None)
    return Recipe(root, 1, engine, options, roles)


def _second(root: Part) -> Recipe:
    engine = root.get("engine") or root.get("backend")  # the latter in early recipes of schema 2
    options: dict[str, Part] = {}
    name = ""
    if engine is not None:
        if isinstance(engine.node.value, dict):
            options = {part.name: part for part in engine.items()}
            name = _engine(options.pop("type", None))
        else:
            name = _engine(engine)
    found = root.get("roles")
    roles = {}
    for role in MODES:
        part = found.get(role) if found is not None and found.is_table() else None
        if part is None or not part.is_table():
            continue
        own = part.get("engine")
        if own is not None:
            kind = own.get("type") if isinstance(own.node.value, dict) else own
            before, name = name, _engine(kind)
            if before not in ("", name):
                own.wrong("D702", f"one engine runs all roles here, and `{name}` is a second one beside `{before}`")
            options |= {one.name: one for one in own.items() if one.name != "type"}
        keys = ("nodes", "workers", "gpus", "env", "args", "container", "critical", "restart")
        roles[role] = RoleParts(
            role,
            **{key: part.get(key) for key in keys},
            extra=part.get("extra_args"),
            events=part.get("kv_events"),
            srun=part.get("srun_options"),
        )
    return Recipe(root, 2, name or _engine(None), options, roles)


def _engine(part: Part | None) -> str:
    if part is None:
        return "sglang"  # srt-slurm's own default
    name = part.text()
    if name not in ENGINES:
        part.wrong("D702", f"`{name}` is an engine that no importer knows", f"engines: {', '.join(ENGINES)}")
    part.rule("the engine says which preset a role has")
    return name


def _present(part: Part | None) -> Part | None:
    return None if part is None or part.is_null() else part


def _table(part: Part | None, key: str) -> Part | None:
    return part.get(key) if part is not None and not part.is_null() and part.is_table() else None


def _events(part: Part | None, mode: str) -> Part | None:
    if part is None or part.is_null():
        return None
    if isinstance(part.node.value, dict):
        return part.get(mode)
    # `true` alone means prefill and decode (srtctl.backends: get_kv_events_config_for_mode)
    return part if mode != "aggregated" else None
