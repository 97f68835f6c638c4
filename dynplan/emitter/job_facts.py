"""What a script says of the whole job: sizes, names, the order in which roles are stopped."""

from collections.abc import Iterator, Sequence

from dynplan.emitter.components import (
    component_settings,
    components,
    domains_of_components,
    is_attached,
    is_heterogeneous,
)
from dynplan.emitter.constants import Constants
from dynplan.emitter.containers import container_paths, containers
from dynplan.emitter.lowered import Array, Setting, Settings
from dynplan.emitter.moving import block_settings
from dynplan.emitter.parts import excuses, finds_interfaces, follows, reads_log
from dynplan.language.placeholders import submitted
from dynplan.language.templates import Part, Ref, for_bash
from dynplan.model import DEFAULT_LIMITS, GPU_VARIABLES, Job, Plan, Role, Texts

DEFAULT_GRACE_S = 30  # what a role's `grace` is where the script says nothing
LAUNCH_TIMEOUT_S = 600  # and `launch-timeout`


def job_arrays(plan: Plan, srun: Texts, constants: Constants) -> Iterator[Array]:
    """Yield what holds for the whole job and takes a line for each word.

    Args:
        plan: the plan.
        srun: further words of srun that most steps have.
        constants: those that hold for every task.
    """
    job = plan.job
    env = dict((*job.cluster.env, *job.env))
    yield "paths", tuple(container_paths(plan))
    site = (f"--{name}={text}" if text else f"--{name}" for name, text in job.cluster.srun)
    yield "site_srun", tuple(map(constants.fill, site))
    yield "srun", srun
    yield "env", tuple(f"{name}={constants.fill(text)}" for name, text in env.items())
    yield "job_setup", (constants.fill_shell(job.setup),) if job.setup else ()


def job_settings(plan: Plan) -> Iterator[Settings]:
    """Yield the sizes and names of a job, line by line."""
    job, gpus = plan.job, plan.nodes[0].gpus
    yield tuple(_sizes(plan))
    if job.cluster.gpu_vendor != "nvidia":
        yield (("gpu_variable", GPU_VARIABLES[job.cluster.gpu_vendor]),)
    if containers(plan):
        yield (("hint", " (its image must hold bash; what srun says stands above)"),)
    yield from component_settings(plan)
    if not is_heterogeneous(plan) and not components(plan)[0].asks:
        yield (("all_gpus", ",".join(map(str, range(gpus)))),)
    yield ("job_name", job.name), ("quoted_name", _json(job.name)), ("output_dir", _directory(job))
    if names := submitted(job):
        yield (("from_env", tuple(f"{name} ({', '.join(owners)})" for name, owners in names.items())),)
    if job.umask:
        yield (("mask", job.umask),)
    if job.cluster.launch_timeout_s != LAUNCH_TIMEOUT_S:
        yield (("launch_timeout", str(job.cluster.launch_timeout_s)),)
    if finds_interfaces(plan):
        yield (("interfaces", tuple(map(_interface, job.cluster.interfaces))),)
    yield tuple(_domains(plan))
    if job.cluster.limits != DEFAULT_LIMITS:
        yield (("limits", tuple(f"-{letter}={value}" for letter, value in job.cluster.limits)),)
    yield tuple(block_settings(plan))
    yield tuple(_affinity(plan))
    yield (("roles", tuple(role.name for role in job.roles)),)
    yield (("phases", tuple(phase.name for phase in job.phases)),)
    yield (("stop_order", tuple(stop_order(job.roles))),)


def _domains(plan: Plan) -> Iterator[Setting]:
    """Yield the nodes of a domain by component, the only one where the job is of one kind of node."""
    domains = domains_of_components(plan)
    if any(domains):
        yield "domain_nodes", tuple(str(size or "") for size in domains)


def _affinity(plan: Plan) -> Iterator[Setting]:
    """Yield where GPUs are attached; what differs by component is said of these."""
    if is_attached(plan) and not is_heterogeneous(plan):
        affinity = components(plan)[0].group.affinity
        yield "gpu_numa", tuple(map(str, affinity.numa))
        yield "gpu_nics", tuple(map(",".join, affinity.nics))


def _sizes(plan: Plan) -> Iterator[Setting]:
    roles = plan.job.roles
    yield "nodes", str(len(plan.nodes))
    yield "gpus", str(plan.nodes[0].gpus)
    yield "longest_grace", str(max(role.stop.grace_s for role in roles))
    if reads_log(plan):
        yield "has_log", "yes"
    if follows(plan):
        yield "has_followers", "yes"
    if container_paths(plan):
        yield "has_paths", "yes"
    if excuses(plan):
        yield "critical", "yes"
    if any(role.world for role in roles):
        yield "world", ""


def stop_order(roles: Sequence[Role]) -> list[str]:
    """Return the groups of roles that are stopped together, each one's names in a word, the first one first.

    What depends on a role stops before it: routers and frontends, then workers with GPUs, then
    the control plane.
    """
    followers: dict[str, list[Role]] = {role.name: [] for role in roles}
    for role in roles:
        for name in role.after:
            followers[name].append(role)
    stages: dict[str, int] = {}

    def stage(role: Role) -> int:
        if role.name not in stages:
            least = 2 if role.size.gpus else 1
            stages[role.name] = max([least, *(stage(other) + 1 for other in followers[role.name])])
        return stages[role.name]

    last = max(stage(role) for role in roles)
    groups = (" ".join(role.name for role in roles if stages[role.name] == at) for at in range(1, last + 1))
    return [group for group in groups if group]


def _directory(job: Job) -> str:
    """Return the output directory as a template."""
    first, *more = (part.replace("%x", job.name) for part in job.output_dir.split("%j"))
    parts: list[Part] = [first]
    for part in more:
        parts += (Ref("job.id"), part)
    return for_bash(parts)


def _interface(text: str) -> str:
    """Return an interface as the program reads it: a network with its number and mask in hexadecimal."""
    if "/" not in text:
        return text
    from ipaddress import ip_network  # few clusters name a network

    network = ip_network(text, strict=False)
    digits = network.max_prefixlen // 4
    return f"{text}={int(network.network_address):0{digits}x}/{int(network.netmask):0{digits}x}"


def _json(text: str) -> str:
    """Write printable text as JSON does, and TOML too."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
