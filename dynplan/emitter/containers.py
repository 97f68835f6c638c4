"""Containers: what srun is told to run the tasks of a role or phase in one, and which images are brought before.

The whole task is inside, the launcher's own code too, whatever runs the container.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from dynplan.emitter.lowered import Image
from dynplan.model import Container, Launch, Plan, Texts

_GPU_OPTIONS: Mapping[str, Texts] = {"nvidia": ("--nv",), "amd": ("--rocm",), "intel": ()}
NO_PATHS = ("tmpfs", "umount")  # words of pyxis, where the source of a mount stands
_OWN = ("container-image", "container-name", "container-save")  # options that a user gives pyxis beside us

Owner = tuple[str, str]  # `roles` or `phases`, and a name


def containers(plan: Plan) -> list[Container]:
    """Return the containers of roles and phases, where the cluster runs them."""
    return [box for _, launch in _launches(plan) if (box := launch.container) is not None]


def _launches(plan: Plan) -> Iterator[tuple[Owner, Launch]]:
    """Yield what runs in a container, where the cluster runs them."""
    if plan.job.cluster.container_runtime == "none":
        return
    for kind, owners in (("roles", plan.job.roles), ("phases", plan.job.phases)):
        yield from (((kind, owner.name), owner.launch) for owner in owners if owner.launch.container is not None)


def container_paths(plan: Plan) -> list[str]:
    """Return the paths that must exist on every node: image files, and what is mounted."""
    found: dict[str, None] = {}
    for box in containers(plan):
        if _is_file(box.image, plan.job.cluster.container_runtime):
            found[box.image] = None
        sources = [mount.partition(":")[0] for mount in box.mounts]
        found |= dict.fromkeys(source for source in sources if source not in NO_PATHS)
    return [path for path in found if "{" not in path]


def _is_file(image: str, runtime: str) -> bool:
    """Tell whether an image is a file: for apptainer all without a scheme, for pyxis what looks like a path."""
    if "://" in image or _registry(image):
        return False
    return runtime == "apptainer" or image.startswith((".", "/")) or image.endswith(".sqsh")


def _registry(image: str) -> tuple[str, str] | None:
    """Return the registry and the rest of an image that is named as docker does, or as enroot: REGISTRY#IMAGE."""
    found = re.fullmatch(r"([\w-]+(?:\.[\w-]+)*(?::\d+)?)([/#])(.+)", image)
    if not found or image.endswith((".sif", ".sqsh")):
        return None
    host, sign, rest = found.groups()
    return (host, rest) if sign == "#" or re.search(r"[.:]", host) or host == "localhost" else None


# Images that are brought before anything starts


def brings(plan: Plan) -> bool:
    """Tell whether a plan has an image that is brought before anything starts."""
    return next(_brought(plan), None) is not None


def brought(plan: Plan, fill: Callable[[Owner, str], str]) -> dict[Owner, tuple[str, str]]:
    """Return for the roles and phases whose image is brought the container that they start from, and the image.

    Both are templates. There is no container for apptainer, which keeps images alone. The roles and phases of one
    image share what is brought, as the root of a container can't be written to; one that can gets its own, or
    shares it by `name`.

    Args:
        plan: the plan.
        fill: fills the constants of a role or phase into a template.
    """
    runtime = plan.job.cluster.container_runtime
    keys: dict[tuple[str, ...], str] = {}
    found: dict[Owner, tuple[str, str]] = {}
    for owner, box, writable in _brought(plan):
        image = image_name(fill(owner, box.image), runtime)
        key = (image, box.name, *(owner if writable and not box.name else ()))
        # Images of one text may differ by role.
        name = f"-{box.name}" + (f".{len(keys)}" if "{" in box.image else "") if box.name else f".{len(keys)}"
        found[owner] = (f"dynplan-{{job.id}}{keys.setdefault(key, name)}" if runtime == "pyxis" else "", image)
    return found


def _brought(plan: Plan) -> Iterator[tuple[Owner, Container, bool]]:
    """Yield the containers of images that are brought: those of registries, and all that have a name.

    The last item tells whether the root can be written to.
    """
    cluster = plan.job.cluster
    for owner, launch in _launches(plan):
        box, options = launch.container, {**dict(cluster.srun), **dict(launch.srun)}
        if box is None or not box.brought or any(name in options for name in _OWN):
            continue
        if not _is_file(box.image, cluster.container_runtime) or (cluster.container_runtime == "pyxis" and box.name):
            yield owner, box, "container-writable" in options


def images(runtime: str, boxes: Mapping[Owner, tuple[str, str]], nodes: Mapping[Owner, Iterable[int]]) -> list[Image]:
    """Return the images that are brought to the nodes which use them.

    Args:
        runtime: the cluster's `container-runtime`.
        boxes: what is brought, by role or phase.
        nodes: those that each of them uses.
    """
    used: dict[tuple[str, str], set[int]] = {}
    for owner, box in boxes.items():
        used.setdefault(box, set()).update(nodes[owner])
    found = []
    for (name, source), numbers in used.items():
        pyxis = (f"--container-image={source}", f"--container-name={name}:create")
        words = pyxis if runtime == "pyxis" else ("apptainer", "exec", source)
        found.append(Image(name, _ranges(sorted(numbers)), source, words))
    return found


def _ranges(numbers: Iterable[int]) -> str:
    """Write sorted numbers as bash reads them here: `0-3,7-7`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(f"{first}-{last}" for first, last in runs)


# What runs a task


def around_a_task(
    box: Container | None, runtime: str, vendor: str = "nvidia", start_from: str = ""
) -> tuple[Mapping[str, str], Texts]:
    """Return what runs a task in a container: options of srun, and a command that stands before the task's.

    Args:
        box: the container, None for none.
        runtime: the cluster's `container-runtime`.
        vendor: whose GPUs it has.
        start_from: the container that was brought, as a template; empty for none.
    """
    if box is None or runtime == "none":
        return {}, ()
    mounts = (*box.mounts, "{job.dir}:{job.dir}")
    if runtime == "apptainer":
        return {}, _apptainer(box, mounts, vendor)
    return _pyxis(box, mounts, start_from), ()


def image_name(image: str, runtime: str) -> str:
    """Return an image as the runtime wants it named."""
    registry = _registry(image)
    if not registry:
        return image
    return "docker://" + "/".join(registry) if runtime == "apptainer" else "#".join(registry)


def _pyxis(box: Container, mounts: Texts, start_from: str) -> Mapping[str, str]:
    """Return the options that pyxis adds to srun: https://github.com/NVIDIA/pyxis, Usage.

    Without `no_exec` (pyxis 0.14) a step would enter the container of another one that runs: its mounts would be
    missing, and it would find the other's environment.
    """
    options = {
        "container-image": image_name(box.image, "pyxis"),
        "container-mounts": ",".join(mounts),
        "container-workdir": box.workdir,
        "container-name": f"{start_from}:no_exec" if start_from else box.name,
    }
    return {name: text for name, text in options.items() if text}


def _apptainer(box: Container, mounts: Texts, vendor: str) -> Texts:
    """Return the words of `apptainer exec`: https://apptainer.org/docs/user/latest/cli/apptainer_exec.html.

    Around the worker alone it would run probes and a phase's `setup` outside, PATH would not arrive,
    and what the image sets would win over the job's variables. An option brings the libraries of the
    GPUs' vendor; for Intel's there is none, as a container has /dev/dri with the rest of /dev:
    https://apptainer.org/docs/user/latest/gpu.html.
    """
    binds = [word for mount in mounts for word in ("--bind", mount)]
    inside = ("--pwd", box.workdir) if box.workdir else ()
    return ("apptainer", "exec", *_GPU_OPTIONS[vendor], *binds, *inside, image_name(box.image, "apptainer"))
