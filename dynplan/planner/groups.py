"""Roles on nodes of several kinds: each node group is planned as a job of its own, and their nodes are numbered on.

Every rule of placement holds inside a group. What is said of a group, findings and changes that might fit, is
said in the keys of the whole job.
"""

from collections.abc import Callable, Iterator, Sequence

from attrs import evolve

from dynplan.diagnostics import Finding, Findings, InputError, Path, counted
from dynplan.model import GroupNodes, Job, NodeGroup, Placement, Role
from dynplan.planner.cutting import Slice
from dynplan.planner.demand import MOST_NODES
from dynplan.planner.refusals import Change, Refusal, ladder, refuse
from dynplan.planner.remaining import Homes
from dynplan.planner.standing import Standing

# What other nodes might do away with: workers that are too large for those of their group.
_OF_A_NODE = ("D201", "D209", "D210", "D213", "D214")


def stand_in_groups(job: Job, stand: Callable[[Job], Standing]) -> Standing:
    """Return where the roles of a job stand on a cluster with node groups, as `dynplan.planner.standing.stand`.

    Args:
        job: the job.
        stand: places the roles of one group, at once or in turns.

    Raises:
        InputError: D2xx; every finding names its group.
    """
    findings = Findings()
    _check_gpus(job, findings)
    findings.raise_if_errors()
    standings = []
    for one, of_group in zip(job.of_groups, _jobs_of_groups(job), strict=True):
        try:
            standings.append(stand(of_group))
        except InputError as problem:
            findings.found += [_in_group(finding, one.group, job) for finding in problem.findings]
    findings.raise_if_errors()
    _check_nodes(standings, findings)
    findings.raise_if_errors()
    return _together(job, standings)


def _jobs_of_groups(job: Job) -> list[Job]:
    """Return the jobs that the roles of each group are."""
    kinds = {kind.name: kind for kind in job.cluster.node_groups}
    return [_job_of_group(job, one, kinds[one.group]) for one in job.of_groups]


def _job_of_group(job: Job, nodes: GroupNodes, kind: NodeGroup) -> Job:
    """Return the job that the roles of one group are, on nodes that are all of its kind."""
    cluster = evolve(
        job.cluster,
        gpus_per_node=kind.gpus_per_node,
        groups=kind.groups,
        affinity=kind.affinity,
        domain_nodes=kind.domain_nodes,
        sbatch=(*job.cluster.sbatch, *kind.sbatch),
        node_groups=(),
    )
    return evolve(
        job,
        num_nodes=nodes.num_nodes,
        hosts=nodes.hosts,
        roles=tuple(role for role in job.roles if role.size.group in ("", kind.name)),
        cluster=cluster,
        of_groups=(),
    )


def _together(job: Job, standings: Sequence[Standing]) -> Standing:
    """Number the nodes of one group after those of another; a role that stands in several has workers in each."""
    homes: dict[str, Homes] = {role.name: [] for role in job.roles}
    slices: dict[str, list[Slice]] = {role.name: [] for role in job.roles}
    wanted = {demand.role.name: demand for standing in standings[::-1] for demand in standing.wanted}
    nodes, first = [], 0
    for one, standing in zip(job.of_groups, standings, strict=True):
        for demand, own, own_slices in zip(standing.wanted, standing.homes, standing.slices, strict=True):
            homes[demand.role.name] += [tuple(node + first for node in home) for home in own] if first else own
            slices[demand.role.name] += own_slices
        nodes += [evolve(node, node=node.node + first, group=one.group) for node in standing.nodes]
        first += len(standing.nodes)
    places = [standing.placement for standing in standings]
    segments = ((one.group, place.segment) for one, place in zip(job.of_groups, places, strict=True) if place.segment)
    return Standing(
        wanted=tuple(wanted[role.name] for role in job.roles),
        homes=tuple(homes[role.name] for role in job.roles),
        slices=[slices[role.name] for role in job.roles],
        nodes=tuple(nodes),
        placement=Placement(
            mode="separate" if all(place.mode == "separate" for place in places) else "shared",
            lower=sum(place.lower for place in places),
            in_turns=any(place.in_turns for place in places),
            segments=tuple(segments),
        ),
        head=standings[0].head,
        warnings=tuple(_warnings(job, standings)),
    )


def _warnings(job: Job, standings: Sequence[Standing]) -> Iterator[Finding]:
    for one, standing in zip(job.of_groups, standings, strict=True):
        yield from (_in_group(warning, one.group, job) for warning in standing.warnings)


# What is refused


def _check_gpus(job: Job, findings: Findings) -> None:
    """Refuse roles with GPUs on nodes without (D210)."""
    for role in (role for role in job.roles if role.size.gpus and not role.size.beside):
        if not job.cluster.gpus_in(role.size.group):
            message = f"role `{role.name}` needs {counted(role.size.gpus, 'GPU')} per worker, and the nodes of"
            message += f" node group `{role.size.group}` have none"
            otherwise = "give a node group of the cluster `gpus-per-node`"
            path = ("roles", role.name, "group")
            refuse(findings, "D210", message, path, _other_groups(role, job), otherwise=otherwise)


def _other_groups(role: Role, job: Job) -> tuple[Change, ...]:
    """Suggest the groups of larger nodes for a role, in the order of the cluster."""
    have = job.cluster.gpus_in(role.size.group)
    larger = [kind.name for kind in job.cluster.node_groups if kind.gpus_per_node > have]
    return ladder(("roles", role.name, "group"), larger)


def _check_nodes(standings: Sequence[Standing], findings: Findings) -> None:
    count = sum(len(standing.nodes) for standing in standings)
    if count > MOST_NODES:
        message = f"the node groups come to {count} nodes, and a job has at most {MOST_NODES}"
        refuse(findings, "D212", message, ("job",), otherwise="ask for fewer nodes")


def _in_group(finding: Finding, group: str, job: Job) -> Finding:
    """Say what is wrong in a group in the keys of the whole job; nodes in its words count from the group's first."""
    message, path = f"in node group `{group}`: {finding.message}", _path(finding.path, group, job)
    if not isinstance(finding, Refusal):
        return evolve(finding, message=message, path=path)
    rungs = [tuple(Change(_path(one.path, group, job), one.value) for one in ladder) for ladder in finding.ladders]
    roles = [role for role in job.roles if path[:2] == ("roles", role.name) and finding.code in _OF_A_NODE]
    rungs += [found for role in roles if role.size.gpus and (found := _other_groups(role, job))]
    return evolve(finding, message=message, path=path, ladders=tuple(rungs))


def _path(path: Path, group: str, job: Job) -> Path:
    """Return where a key stands that is said of each group: by the job, or by the group itself."""
    if path in (("job", "num-nodes"), ("job", "nodes")):
        return (*path, group)
    at, kind = next((at, kind) for at, kind in enumerate(job.cluster.node_groups) if kind.name == group)
    own = path[:2] == ("cluster", "sbatch") and path[2:] in [(name,) for name, _ in kind.sbatch]
    return ("cluster", "node-groups", at, *path[1:]) if own else path
