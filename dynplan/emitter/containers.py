"""Containers: what srun is told to run the tasks of a role or phase in one.

The whole task is inside, the launcher's own code too, whatever runs the container.
"""

import re
from collections.abc import Mapping

from dynplan.model import Container, Plan, Texts

_GPU_OPTIONS: Mapping[str, Texts] = {"nvidia": ("--nv",), "amd": ("--rocm",), "intel": ()}
NO_PATHS = ("tmpfs", "umount")  # words of pyxis, where the source of a mount stands


def containers(plan: Plan) -> list[Container]:
    """Return the containers of roles and phases, where the cluster runs them."""
    if plan.job.cluster.container_runtime == "none":
        return []
    launches = [role.launch for role in plan.job.roles] + [phase.launch for phase in plan.job.phases]
    return [launch.container for launch in launches if launch.container is not None]


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


def around_a_task(box: Container | None, runtime: str, vendor: str = "nvidia") -> tuple[Mapping[str, str], Texts]:
    """Return what runs a task in a container: options of srun, and a command that stands before the task's.

    Args:
        box: the container, None for none.
        runtime: the cluster's `container-runtime`.
        vendor: whose GPUs it has.
    """
    if box is None or runtime == "none":
        return {}, ()
    mounts = (*box.mounts, "{job.dir}:{job.dir}")
    return ({}, _apptainer(box, mounts, vendor)) if runtime == "apptainer" else (_pyxis(box, mounts), ())


def _pyxis(box: Container, mounts: Texts) -> Mapping[str, str]:
    """Return the options that pyxis adds to srun: https://github.com/NVIDIA/pyxis, Usage."""
    registry = _registry(box.image)
    options = {
        "container-image": "#".join(registry) if registry else box.image,
        "container-mounts": ",".join(mounts),
        "container-workdir": box.workdir,
        "container-name": box.name,
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
    registry = _registry(box.image)
    image = "docker://" + "/".join(registry) if registry else box.image
    return ("apptainer", "exec", *_GPU_OPTIONS[vendor], *binds, *inside, image)
