"""The promises about nodes of several kinds: which nodes are whose, and all others of each node group by itself."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from attrs import evolve

from dynplan.checker.domains import check_domains
from dynplan.checker.gpus import check_gpus
from dynplan.checker.places import check_placement, check_places, placement_of
from dynplan.checker.stated import Request, RequestedGroup, RequestedRole, StatedPlan, StatedWorker, by_role
from dynplan.checker.turns import all_before
from dynplan.diagnostics import Finding, Findings


def check_groups(plan: StatedPlan, findings: Findings) -> None:
    """Report nodes that are of no group, of another one than their place says, and workers elsewhere (D410, D417).

    Once this holds the nodes of each group are a stretch of the plan, and no worker reaches over its end.
    """
    names = [name for name, _ in groupby(plan.nodes, lambda node: node.group)]
    if plan.request:
        _check_asked(plan, plan.request, findings)
    if not findings.found:
        _check_stretches(plan, names, [kind.name for kind in plan.request.kinds] if plan.request else [], findings)
    if not findings.found:
        groups = groups_of(plan.request) if plan.request else {}
        for worker in plan.workers:
            _check_worker(worker, groups, plan, findings)


def _check_asked(plan: StatedPlan, request: Request, findings: Findings) -> None:
    """Every node is of a group of the cluster."""
    kinds = [kind.name for kind in request.kinds]
    for node in plan.nodes:
        if node.group not in kinds:
            group = f"in node group `{node.group}`" if node.group else "in no node group"
            has = "the cluster has " + (", ".join(f"`{name}`" for name in kinds) or "none")
            findings.error("D410", f"node {node.node} is {group}, and {has}", (*node.path, "group"))
            return


def _check_stretches(plan: StatedPlan, names: Sequence[str], kinds: Sequence[str], findings: Findings) -> None:
    """The nodes of a group lie side by side, and the groups come in the order of the cluster."""
    order = {name: at for at, name in enumerate(kinds or dict.fromkeys(names))}
    seen = -1
    before = ""
    for node in plan.nodes:
        if order[node.group] < seen:
            message = f"node {node.node} is in node group `{node.group}`, after nodes of `{before}`"
            fix = "the nodes of a group lie side by side, in the order of the groups"
            findings.error("D410", message, (*node.path, "group"), help=fix)
            return
        seen, before = order[node.group], node.group


def _check_worker(worker: StatedWorker, groups: Mapping[str, str], plan: StatedPlan, findings: Findings) -> None:
    """A worker stands in one group, and that is its role's."""
    group = groups.get(worker.role, "") or plan.nodes[worker.tasks[0].node].group
    for task in worker.tasks:
        there = plan.nodes[task.node].group
        if there != group:
            its = f"its role is in `{group}`" if groups.get(worker.role) else f"its rank 0 in `{group}`"
            message = f"{worker.name} stands on node {task.node} of node group `{there}`, and {its}"
            findings.error("D417", message, (*task.path, "node"), help="a worker stands in the group of its role")
            return


def groups_of(request: Request) -> dict[str, str]:
    """Return the group of each role; an empty one for roles without GPUs on every node of all groups."""
    roles = {role.name: role for role in request.roles}
    return {name: _group(role, roles, request.kinds, len(roles)) for name, role in roles.items()}


def _group(role: RequestedRole, roles: Mapping[str, RequestedRole], kinds: Sequence[RequestedGroup], most: int) -> str:
    """Return the group of a role, that of the one it is with or beside; chains are at `most` so long."""
    other = roles.get(role.beside or (role.place[5:] if role.place.startswith("with:") else ""))
    theirs = _group(other, roles, kinds, most - 1) if other and most else ""
    if theirs or role.beside:
        return theirs
    if role.group or (not role.gpus and (role.per_node or role.place == "every-node")):
        return role.group
    named = next((kind.name for kind in kinds if role.hosts and role.hosts[0] in kind.hosts), "")
    if named or not role.gpus:
        return named or kinds[0].name
    wanted = max((gpu + 1 for pins in role.pins for gpu in pins), default=role.gpus * (role.per or 1))
    holding = [kind for kind in kinds if kind.gpus_per_node >= wanted]
    return max(holding[:1] or kinds, key=lambda kind: kind.gpus_per_node).name


# Each group by itself


def check_parts(plan: StatedPlan, findings: Findings) -> None:
    """Hold the nodes of each group against what the job asks of it, and `placement` against all of them."""
    if plan.request and not _has_all(plan, plan.request, findings):
        return
    parts = list(_parts(plan))
    for part in parts:
        before = len(findings.found)
        check_gpus(part, findings)
        check_places(part, findings)
        check_domains(part, findings)
        found = findings.found[before:]
        findings.found[before:] = [_in_group(finding, part.nodes[0].group, plan) for finding in found]
    if not findings.found and plan.request:
        _check_placement(plan, parts, findings)


def _in_group(finding: Finding, group: str, plan: StatedPlan) -> Finding:
    """Say what is wrong in a group in the words of the whole plan."""
    message = f"in node group `{group}`, nodes counted from its first: {finding.message}"
    own = finding.path == ("placement", "segment") and group in plan.segments
    return evolve(finding, message=message, path=(*finding.path, group) if own else finding.path)


def _check_placement(plan: StatedPlan, parts: Sequence[StatedPlan], findings: Findings) -> None:
    """Hold `placement` against what it would be for each group."""
    found = [placement_of(part, part.request) for part in parts if part.request]
    modes = [mode for mode in ("separate", "shared") if any(mode in of_group for of_group, _ in found)]
    alone = all("separate" in of_group for of_group, _ in found)
    check_placement(plan, modes if alone else ["shared"], sum(low for _, low in found), findings)


def _has_all(plan: StatedPlan, request: Request, findings: Findings) -> bool:
    """Tell whether the plan has nodes of those groups that it is to have nodes of, and else report it."""
    groups, there = set(groups_of(request).values()), {node.group for node in plan.nodes}
    asked = {kind.name for kind in request.kinds if kind.hosts or isinstance(kind.num_nodes, int)}
    wanted = {*groups, *asked} - {""} or {request.kinds[0].name}
    for name in (kind.name for kind in request.kinds):
        if (name in wanted) != (name in there):
            says = f"nodes of node group `{name}`"
            message = f"the job has {says}, and the plan none" if name in wanted else f"the job has no {says}"
            path = next((node.path for node in plan.nodes if node.group == name), ("nodes",))
            findings.error("D410", message, path, help="a group has nodes where a role stands in it")
            return False
    return True


def _parts(plan: StatedPlan) -> Iterator[StatedPlan]:
    """Yield the nodes of each group and the workers on them as a plan of its own."""
    groups = groups_of(plan.request) if plan.request else {}
    of_node = [node.group for node in plan.nodes]
    workers: dict[str, list[StatedWorker]] = {name: [] for name in of_node}
    for worker in plan.workers:
        workers[of_node[worker.tasks[0].node]].append(worker)
    first = 0
    for name, own in workers.items():
        count = of_node.count(name)
        nodes = [evolve(node, node=node.node - first) for node in plan.nodes[first : first + count]]
        moved = tuple(_moved(worker, first) for worker in own)
        yield StatedPlan(
            nodes=tuple(nodes),
            workers=moved,
            head=None if first else plan.head,
            mode=plan.mode if plan.mode == "shared" and name in plan.segments else "",
            lower=None,
            request=_of_group(plan.request, name, groups) if plan.request else None,
            in_turns=plan.in_turns,
            segment=plan.segments.get(name),
            segments={},
            blocks=None,
            by_role=by_role(moved),
            later=first > 0,
        )
        first += count


def _moved(worker: StatedWorker, first: int) -> StatedWorker:
    return (
        evolve(worker, tasks=tuple(evolve(task, node=task.node - first) for task in worker.tasks)) if first else worker
    )


def _of_group(request: Request, name: str, groups: Mapping[str, str]) -> Request:
    """Return what is asked for of the nodes of one group; a role may come after others of it through some elsewhere."""
    before = all_before(request)
    kind = next(kind for kind in request.kinds if kind.name == name)
    return evolve(
        request,
        roles=tuple(evolve(role, after=before[role.name]) for role in request.roles if groups[role.name] in ("", name)),
        kinds=(),
        num_nodes=request.num_nodes or kind.num_nodes,
        hosts=request.hosts or kind.hosts,
        gpus_per_node=kind.gpus_per_node,
        groups=kind.groups,
        domain_nodes=kind.domain_nodes,
        segment=kind.segment,
    )
