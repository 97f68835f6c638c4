"""What an srt-slurm recipe says beside its workers: name, model, image, mounts, environment, Slurm, installation."""

from collections.abc import Iterator

from dynplan.importers.draft import Draft, escaped
from dynplan.importers.source import Part
from dynplan.importers.srt_recipe import Recipe
from dynplan.language.directives import known_options, refused

# Placeholders of srt-slurm's paths and environment, and ours.
PATH_FACTS = {
    "job_id": "{job.id}",
    "run_name": "{job.name}_{job.id}",
    "log_dir": "{job.dir}",
    "model_path": "{vars.model}",
}
ENV_FACTS = {**PATH_FACTS, "node": "{host}", "node_id": "{node}"}
_FLAGS = ("", "true", "True")  # values of an option of Slurm that is a bare flag
_SRUN_WRITTEN = (
    *("input", "output", "error", "label", "unbuffered", "pty", "ntasks", "ntasks-per-node", "nodes", "nodelist"),
    *("nodefile", "exclude", "relative", "distribution", "multi-prog", "overlap", "overcommit", "exclusive"),
    *("export", "job-name", "container-image", "container-mounts", "container-name"),
)
_GPUS = ("gres", "gpus-per-node")
_LONGEST_NAME = 120  # bytes of a job's name
CONFIGS = "/path/to/srt-slurm/configs"
SCRIPTS = "/path/to/srt-slurm/src/srtctl/benchmarks/scripts"


def add_environment(recipe: Recipe, draft: Draft) -> None:
    """Add everything of a recipe that is the job's and not a role's."""
    root = recipe.root
    name = root.get("name")
    if name is None:
        root.ledger.wrong("D103", "the recipe has no `name`", root.node, at_key=True)
    else:
        job_name(name, draft)
    _slurm(root, draft)
    _model(root, draft)
    _mounts(root, draft)
    environment = root.get("environment")
    if environment is not None and environment.is_table():
        add_env(environment, ("job", "env"), draft)
    _meta(root, draft)
    _output(root, draft)


def job_name(name: Part, draft: Draft) -> None:
    """Name the job; what no name may have becomes `-`."""
    text = name.text()
    safe = "".join(char if char.isprintable() and char not in "{}/\\$~" else "-" for char in text)
    safe = safe.strip("-. ").encode()[:_LONGEST_NAME].decode(errors="ignore") or "job"
    draft.put(("job", "name"), safe, name, rule="" if safe == text else "without what a name of ours may not have")


def add_env(table: Part, where: tuple[str, ...], draft: Draft) -> None:
    """Add variables of the environment; a value is text, and a number or flag as it is written."""
    for part in table.items():
        if part.is_null():
            part.rule("null: it is not set there either")
        elif part.name.startswith("SLURM_") or not part.name.replace("_", "a").isalnum() or part.name[:1].isdigit():
            part.dropped("Slurm sets it, or no process can have it")
        else:
            draft.put((*where, part.name), "", part)
            draft.put((*where, part.name), draft.words(part, ENV_FACTS))
            needs_folders(part.node.text, draft)


def _slurm(root: Part, draft: Draft) -> None:
    slurm = root.get("slurm")
    if slurm is not None and slurm.is_table():
        limit = slurm.get("time_limit")
        if limit is not None:
            draft.limit(limit)
        for key in ("account", "partition"):
            part = slurm.get(key)
            if part is not None:
                draft.site(f"sbatch.{key}", part.text(), part)
    directives = root.get("sbatch_directives")
    for part in directives.items() if directives is not None and directives.is_table() else ():
        _directive(part, draft)


def _number(text: str) -> int:
    """Return how many GPUs an option of sbatch asks for: `8`, `gpu:8`, `gpu:h100:8`."""
    last = text.rpartition(":")[2]
    return int(last) if last.isascii() and last.isdigit() else 0


def _directive(part: Part, draft: Draft) -> None:
    """Add an option of sbatch to the cluster's, unless dynplan writes it itself."""
    option = part.name.lstrip("-").replace("_", "-")
    value = "" if part.is_null() else part.text()
    why, instead = refused(option, value)
    if option == "time" and not part.is_null():
        draft.limit(part)
    elif option in _GPUS and _number(value) == draft.cluster.get("gpus-per-node"):
        kind = value.split(":")[1:-1]  # of `gpu:h100:8` the type
        asked = ":".join((option, *kind)) if option == "gres" else option
        draft.site("gpu-request", asked, part, rule="all GPUs of a node, asked for like this")
    elif option == "nodes":
        return  # known when the roles are
    elif why:
        part.changed(f"{why}: {instead}")
    elif option not in known_options():
        part.dropped("sbatch has no such option")
    else:
        draft.site(f"sbatch.{option}", True if value in _FLAGS else draft.words(part), part)


def srun_options(parts: "Iterator[Part] | list[Part]", draft: Draft) -> dict[str, str | bool]:
    """Return options of srun for a role; those by which dynplan starts tasks are reported."""
    found: dict[str, str | bool] = {}
    for part in parts:
        option = part.name.lstrip("-").replace("_", "-")
        value = "" if part.is_null() else part.text()
        if option in _SRUN_WRITTEN or option.startswith(("gpus", "gres", "gpu-bind")):
            part.rule("dynplan starts the tasks of its plan, and writes this option itself")
        else:
            found[option] = True if value in _FLAGS else draft.words(part)
            part.kept(f"roles.*.srun.{option}")
    return found


def is_alias(image: str) -> bool:
    """Tell whether an image is a name of srt-slurm's cluster file: neither a path nor a reference of a registry."""
    return not any(mark in image for mark in ("/", ":", "#", ".sqsh", ".sif", "@"))


def image_of(part: Part, draft: Draft) -> str:
    """Return an image as we name it, and say where only srt-slurm's cluster file knows it."""
    name = part.text()
    if not name.isprintable() or not name.strip():
        part.wrong("D104", f"`{part.key}` must be an image, in one line of printable text")
    image = draft.plain(draft.images[name])[0] if name in draft.images else draft.words(part)
    if name not in draft.images and is_alias(image):
        part.changed(f"`{image}` is a name of `containers` in srtslurm.yaml: write the image itself")
    return image


def _model(root: Part, draft: Draft) -> None:
    model = root.get("model")
    if model is None or not model.is_table():
        if model is None:
            root.ledger.wrong("D103", "the recipe has no `model`", root.node, at_key=True)
        return
    path = model.get("path")
    if path is None:
        model.wrong("D103", "the model has no `path`")
    else:
        _model_path(path, draft)
    image = model.get("container")
    if image is not None and not image.text():
        image.rule("no image: the roles run on the nodes themselves")
    elif image is not None:
        draft.put(("job", "container", "image"), "", image)
        draft.put(("job", "container", "image"), image_of(image, draft))
    stage = model.get("stage_dir")
    if stage is not None:
        stage.changed("nothing copies the model to the nodes: write it into the `setup` of the roles")


def _model_path(path: Part, draft: Draft) -> None:
    text = path.text()
    if text.startswith("hf:"):
        draft.put(("vars", "model"), text.removeprefix("hf:"), path)
        return
    draft.put(("vars", "model"), "", path)
    value = draft.plain(draft.models[text])[0] if text in draft.models else draft.words(path)
    if text not in draft.models and not any(mark in text for mark in "/$"):
        path.changed(f"`{text}` is a name of `model_paths` in srtslurm.yaml: set `vars.model` to the folder")
        value = f"/path/to/{text}"
    draft.put(("vars", "model"), value)
    mount(draft, "{vars.model}:/model")


def mount(draft: Draft, text: str) -> None:
    """Add a mount to all containers of the job, once; where it has none there is nothing to mount to."""
    mounts = draft.job.setdefault("job", {}).setdefault("container", {}).setdefault("mounts", [])
    if text not in mounts:
        mounts.append(text)


def is_hub(recipe: Recipe) -> bool:
    """Tell whether the model comes from a hub, and is no folder."""
    path = recipe.root.at("model", "path")
    return path is not None and path.node.text.startswith("hf:")


def model_of(recipe: Recipe) -> str:
    """Return the model as a process of the job names it."""
    return "{vars.model}" if is_hub(recipe) else "/model"


def _mounts(root: Part, draft: Draft) -> None:
    extra = root.get("extra_mount")
    for part in extra.elements() if extra is not None else ():
        text = draft.words(part, PATH_FACTS)
        if text.count(":") and not text.startswith(":"):
            part.kept("job.container.mounts")
            mount(draft, text)
        else:
            part.wrong("D104", f"`{part.key}` is no mount", "write `/on/the/node:/in/the/container`")
    mounts = root.get("container_mounts")
    for part in mounts.items() if mounts is not None and mounts.is_table() else ():
        host, changed = draft.plain(part.name, PATH_FACTS)
        mount(draft, f"{host}:{draft.words(part, PATH_FACTS)}")
        if changed:
            part.changed(changed)
        part.kept("job.container.mounts")


def needs_folders(text: str, draft: Draft) -> None:
    """Mount what srt-slurm mounts into every container itself, where a text of the recipe names it."""
    if "/configs/" in text:
        needs_configs(draft)
    if "/logs" in text:
        mount(draft, "{job.dir}:/logs")
    if "/srtctl-benchmarks" in text:
        needs_scripts(draft)


def needs_scripts(draft: Draft) -> None:
    """Mount srt-slurm's folder of benchmarks."""
    draft.var("benchmarks", SCRIPTS)
    if ("vars", "benchmarks") not in draft.notes:
        draft.say(("vars", "benchmarks"), "the client is srt-slurm's own, and runs from a checkout: say where it is")
    mount(draft, "{vars.benchmarks}:/srtctl-benchmarks")


def needs_configs(draft: Draft) -> None:
    """Mount srt-slurm's folder of scripts and programs, which it mounts into every container itself."""
    draft.var("configs", CONFIGS)
    if ("vars", "configs") not in draft.notes:
        draft.say(("vars", "configs"), "srt-slurm mounts this folder of its own into every container: say where it is")
    mount(draft, "{vars.configs}:/configs")


def _meta(root: Part, draft: Draft) -> None:
    """Keep facts for people, which nothing reads: what is tested, and on which kind of GPU."""
    for keys in (("model", "precision"), ("resources", "gpu_type")):
        part = root.at(*keys)
        if part is not None:
            draft.put(("meta", keys[-1].replace("_", "-")), part.text(), part)
    identity = root.get("identity")
    if identity is not None and identity.is_table():
        for part in identity.items():
            for leaf in part.items() if isinstance(part.node.value, dict) else [part]:
                if leaf.is_null():
                    leaf.rule("null: it is not set there either")
                    continue
                path = ("meta", part.name, leaf.name) if leaf is not part else ("meta", part.name)
                draft.put(path, leaf.node.text or str(leaf.data()), leaf)


def _output(root: Part, draft: Draft) -> None:
    log_dir = root.at("output", "log_dir")
    if log_dir is None:
        return
    text = log_dir.text().removeprefix("./").replace("{job_id}", "%j").replace("{run_name}", "%x_%j")
    if "{" in text or "$" in text or text.startswith("~"):
        log_dir.changed("set `job.output-dir`: its only placeholders are `%x` and `%j`")
    else:
        draft.put(("job", "output-dir"), text, log_dir)


# What is installed before a process starts


def setup_of(recipe: Recipe, draft: Draft, *, dynamo: bool) -> str:
    """Return the shell text that prepares a worker or frontend: the recipe's script, then Dynamo."""
    lines = []
    script = recipe.root.get("setup_script")
    if script is not None:
        name = script.text()
        lines.append(f"bash /configs/{_word(name)}")
        script.kept("roles.*.setup")
        needs_configs(draft)
    if dynamo:
        lines += _install(recipe.root.get("dynamo"))
    return "set -e\n" + "\n".join(lines) if len(lines) > 1 else "\n".join(lines)


def _word(text: str) -> str:
    import shlex  # only for names that bash is to read

    return escaped(shlex.quote(text))


def _install(dynamo: Part | None) -> list[str]:
    """Return what installs Dynamo, by `dynamo` of the recipe; nothing where the image has it."""
    if dynamo is None or not dynamo.is_table():
        return []
    install = dynamo.get("install")
    source = dynamo.get("source")
    where = source if source is not None and source.is_table() else dynamo
    release = where.get("pypi") or dynamo.get("version")
    wheel, revision = where.get("wheel"), where.get("rev") or dynamo.get("hash")
    latest = where.get("top_of_tree")
    if install is not None:
        install.rule("what is installed stands in `setup`, and nothing else is")
        if not install.flag():
            for part in (release, wheel, revision, latest, where.get("git"), where.get("sha")):
                if part is not None:
                    part.rule("not installed: `install` is false, and the image has it")
            return []
    if revision is not None or (latest is not None and latest.flag()):
        return _build(where, revision, latest)
    part = wheel or release
    if part is None:
        return []
    part.kept("roles.*.setup")
    index = "--extra-index-url https://pypi.nvidia.com"
    version = _word(part.text().rpartition("/")[2].removeprefix("ai_dynamo-").removesuffix("-py3-none-any.whl"))
    more = "--pre --no-deps " if wheel is not None else ""
    names = f"ai-dynamo-runtime=={version} ai-dynamo=={version}"
    return [f"pip install --quiet --break-system-packages {more}{index} {names}"]


def _build(where: Part, revision: Part | None, latest: Part | None) -> list[str]:
    git = where.get("git")
    url = git.text() if git is not None else "https://github.com/ai-dynamo/dynamo.git"
    lines = [f"git clone --quiet {_word(url)} /tmp/dynamo-$SLURM_LOCALID", "cd /tmp/dynamo-$SLURM_LOCALID"]
    if revision is not None:
        lines.append(f"git checkout --quiet {_word(revision.text())}")
    for part in (git, revision, latest):
        if part is not None:
            part.changed("built by every worker, without a cache: better an image that has it, and no `setup`")
    return [
        *lines,
        "pip install --quiet --break-system-packages maturin",
        "(cd lib/bindings/python && maturin build --release -o /tmp/wheels)",
        "pip install --quiet --break-system-packages /tmp/wheels/*.whl .",
        "cd - >/dev/null",
    ]
