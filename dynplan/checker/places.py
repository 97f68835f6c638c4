"""The promises about places: how many workers, on which nodes, alone or together."""

from collections.abc import Sequence

from attrs import frozen

from dynplan.checker.stated import Request, RequestedRole, StatedPlan, StatedWorker
from dynplan.diagnostics import Findings


@frozen
class _Shape:
    """What a role comes to on nodes of this size.

    `span` is the nodes of one worker. `per` is the workers on each of its `nodes`; both are None for
    workers that may stand anywhere. `alone` is the nodes it takes where it has them for itself.
    """

    role: RequestedRole
    workers: int
    span: int
    per: int | None
    nodes: int | None
    alone: int

    @property
    def follows(self) -> bool:
        """Whether it stands where others already are: a role without GPUs, or one on every node."""
        return self.role.per_node or not (self.role.gpus or (self.role.dedicated and not self.role.place))


def check_places(plan: StatedPlan, findings: Findings) -> None:
    """Report workers that are too many, too few, too large, or not where the job asks for them."""
    if plan.request is None:
        _check_alike(plan, findings)
        return
    _check_allocation(plan, plan.request, findings)
    shapes = [_shape(role, plan, plan.request) for role in plan.request.roles]
    before = len(findings.found)
    for shape in shapes:
        _check_count(shape, plan, findings)
    if len(findings.found) > before:
        return  # what follows pairs workers with nodes
    for shape in shapes:
        _check_nodes(shape, plan, plan.request, findings)
    _check_dedicated(plan, plan.request, findings)
    _check_sharing(shapes, plan, plan.request, findings)
    head = _check_head(plan, plan.request, shapes, findings)
    for shape in shapes:
        _check_follower(shape, head, plan, findings)


def _check_alike(plan: StatedPlan, findings: Findings) -> None:
    """Without the job's tables: the workers of a role are alike."""
    first: dict[str, StatedWorker] = {}
    for worker in plan.workers:
        other = first.setdefault(worker.role, worker)
        if worker.gpus != other.gpus:
            message = f"{worker.name} has {_gpus(worker.gpus)}, and worker 0 has {other.gpus}"
            findings.error("D406", message, (*worker.path, "tasks"), help="the workers of a role are alike")


def _check_allocation(plan: StatedPlan, request: Request, findings: Findings) -> None:
    """The nodes are as many, as large and named as the job says."""
    count = len(request.hosts) or request.num_nodes
    if isinstance(count, int) and count != len(plan.nodes):
        findings.error("D410", f"the job asks for {count} nodes, and the plan has {len(plan.nodes)}", ("nodes",))
    named = _named(request)
    for index, node in enumerate(plan.nodes):
        host = named[index] if index < len(named) else None
        if node.host != host:
            message = f"node {index} is {_host(node.host)}, and the job's node {index} is {_host(host)}"
            findings.error("D410", message, (*node.path, "host"))
        if node.gpus != request.gpus_per_node:
            message = f"node {index} has {node.gpus} GPUs, and the cluster's nodes have {request.gpus_per_node}"
            findings.error("D410", message, (*node.path, "gpus"))


def _named(request: Request) -> tuple[str, ...]:
    """Return the hosts by node: the job's list, or those of the roles in declaration order."""
    return request.hosts or tuple(dict.fromkeys(host for role in request.roles for host in role.hosts))


def _gpus(count: int) -> str:
    return "1 GPU" if count == 1 else f"{count} GPUs"


def _host(host: str | None) -> str:
    return f"`{host}`" if host else "without a name"


# What a role comes to


def _shape(role: RequestedRole, plan: StatedPlan, request: Request) -> _Shape:
    capacity = max(request.gpus_per_node, 1)
    room = capacity - sum(other.gpus * _per(other, capacity) for other in request.roles if other.per_node)
    span = max(1, -(-role.gpus // capacity))
    named = len(role.hosts) or role.num_nodes
    if role.per_node:
        per = _per(role, capacity)
        return _Shape(role, per * len(plan.nodes), 1, per, len(plan.nodes), 0)
    if role.place == "every-node":
        return _Shape(role, len(plan.nodes), 1, 1, len(plan.nodes), 0)
    if span > 1:
        workers = role.workers or (named or span) // span
        return _Shape(role, workers, span, None, named, named or _wide_alone(role.gpus, workers, span, room))
    if not role.gpus:
        return _shape_without_gpus(role, named)
    per = _per(role, room)
    if named is None and role.workers and (role.fill or role.per):
        named = -(-role.workers // per)
    if named is None and role.workers and role.spread:
        named = role.workers
    if named is None and role.workers:
        return _Shape(role, role.workers, 1, None, None, -(-role.workers // max(1, room // role.gpus)))
    return _Shape(role, per * (named or 1), 1, per, named or 1, named or 1)


def _per(role: RequestedRole, room: int) -> int:
    return room // role.gpus if role.fill and role.gpus else role.per or 1


def _wide_alone(gpus: int, workers: int, span: int, room: int) -> int:
    """Only the smallest slice of a worker can share a node with another one's, two by two."""
    pairs = gpus % span and 2 * (gpus // span) <= room
    return workers * span - (workers // 2 if pairs else 0)


def _shape_without_gpus(role: RequestedRole, named: int | None) -> _Shape:
    per, nodes = role.per or 1, named
    if named is None and role.workers and (role.per or role.spread):
        nodes = -(-role.workers // per)
    workers = role.workers or per * (nodes or 1)
    if role.dedicated and not role.place:
        return _Shape(role, workers, 1, -(-workers // (nodes or 1)), nodes or 1, nodes or 1)
    return _Shape(role, workers, 1, per, nodes, nodes or 0)


# Roles against their workers


def _check_count(shape: _Shape, plan: StatedPlan, findings: Findings) -> None:
    role, workers = shape.role, plan.of_role(shape.role.name)
    if len(workers) != shape.workers:
        noun = "worker" if shape.workers == 1 else "workers"
        message = f"role `{role.name}` comes to {shape.workers} {noun}, and the plan has {len(workers)}"
        findings.error("D405", message, workers[-1].path if workers else role.path)
    for worker in workers:
        if worker.gpus != role.gpus:
            message = f"{worker.name} has {_gpus(worker.gpus)}, and its role asks for {role.gpus}"
            findings.error("D406", message, (*worker.path, "tasks"))
        elif len(worker.tasks) < shape.span:
            message = f"{worker.name} stands on {len(worker.tasks)} nodes, and {role.gpus} GPUs take {shape.span}"
            findings.error("D406", message, (*worker.path, "tasks"))


def _check_nodes(shape: _Shape, plan: StatedPlan, request: Request, findings: Findings) -> None:
    role, workers = shape.role, plan.of_role(shape.role.name)
    if role.hosts:
        named = _named(request)
        stands = [named.index(host) if host in named else len(plan.nodes) for host in role.hosts]
        if shape.span > 1:
            homes = [tuple(stands[at : at + shape.span]) for at in range(0, len(stands), shape.span)]
        else:
            homes = [(node,) for node in stands for _ in range(shape.per or 1)]
        _check_homes(workers, homes, "the hosts its role names come to", findings)
    elif role.spread or (shape.span > 1 and shape.nodes):
        _check_apart(workers, findings)
    elif shape.per and not shape.follows:
        _check_blocks(shape, workers, findings)


def _check_homes(
    workers: Sequence[StatedWorker], homes: Sequence[tuple[int, ...]], reason: str, findings: Findings
) -> None:
    for worker, home in zip(workers, homes, strict=False):
        nodes = tuple(task.node for task in worker.tasks)
        if nodes != home:
            message = f"{worker.name} stands on {_nodes(nodes)}, and {reason} {_nodes(home)}"
            findings.error("D409", message, (*worker.path, "tasks"))


def _check_apart(workers: Sequence[StatedWorker], findings: Findings) -> None:
    """No two workers of the role on a node."""
    owner: dict[int, StatedWorker] = {}
    for worker in workers:
        for task in worker.tasks:
            other = owner.setdefault(task.node, worker)
            if other is not worker:
                message = f"{worker.name} stands on node {task.node}, where worker {other.worker} is"
                findings.error("D409", message, (*task.path, "node"), help="this role has one worker on a node")


def _check_blocks(shape: _Shape, workers: Sequence[StatedWorker], findings: Findings) -> None:
    """So many workers on each of so many different nodes, in worker order."""
    per, seen = shape.per or 1, set[int]()
    for at in range(0, len(workers), per):
        node = workers[at].tasks[0].node
        if node in seen:
            message = f"{workers[at].name} stands on node {node}, where {per} of its role are already"
            fix = f"`{shape.role.name}` has {per} on each of {shape.nodes} nodes"
            findings.error("D409", message, (*workers[at].tasks[0].path, "node"), help=fix)
        seen.add(node)
        homes = [(node,)] * per
        _check_homes(workers[at : at + per], homes, f"{per} of its role go together on", findings)


def _nodes(nodes: Sequence[int]) -> str:
    names = ", ".join(map(str, nodes))
    return f"node {names}" if len(nodes) == 1 else f"nodes {names}"


# Roles against each other


def _check_dedicated(plan: StatedPlan, request: Request, findings: Findings) -> None:
    owner = {
        task.node: role.name
        for role in request.roles
        if role.dedicated
        for worker in plan.of_role(role.name)
        for task in worker.tasks
    }
    for worker in plan.workers:
        for task in worker.tasks:
            mine = owner.get(task.node, worker.role)
            if mine != worker.role:
                message = f"{worker.name} stands on node {task.node}, which is dedicated to `{mine}`"
                findings.error("D408", message, (*task.path, "node"))


def _check_sharing(shapes: Sequence[_Shape], plan: StatedPlan, request: Request, findings: Findings) -> None:
    """Roles are separate where there are nodes enough; else every node is used before one is shared."""
    taking = [shape for shape in shapes if not shape.follows]
    named = {host for shape in taking for host in shape.role.hosts}
    floating = [shape for shape in taking if not shape.role.hosts]
    need = len(named) + sum(shape.alone for shape in floating)
    on_node: list[dict[str, StatedWorker]] = [{} for _ in plan.nodes]
    takers = {shape.role.name for shape in taking}
    for worker in plan.workers:
        for task in worker.tasks if worker.role in takers else ():
            on_node[task.node].setdefault(worker.role, worker)
    movable = {shape.role.name for shape in floating}
    shared = [node for node, roles in enumerate(on_node) if len(roles) > 1 and movable & set(roles)]
    if len(plan.nodes) >= need:
        for node in shared:
            _report_shared(node, on_node[node], f"{need} nodes keep the roles separate", findings)
        if not shared:
            _check_sequence(floating, _named_by_followers(shapes, request), plan, findings)
    elif shared and {} in on_node:
        idle = on_node.index({})
        _report_shared(shared[0], on_node[shared[0]], f"node {idle} has no role of its own", findings)


def _report_shared(node: int, roles: dict[str, StatedWorker], reason: str, findings: Findings) -> None:
    first, *_, last = roles.values()
    task = next(task for task in last.tasks if task.node == node)
    message = f"`{first.role}` and `{last.role}` share node {node}, and {reason}"
    findings.error("D407", message, (*task.path, "node"))


def _named_by_followers(shapes: Sequence[_Shape], request: Request) -> set[int]:
    """Return the nodes that roles without GPUs name: a dedicated role passes them over, a later role may not."""
    named = _named(request)
    return {named.index(host) for shape in shapes if shape.follows for host in shape.role.hosts if host in named}


def _check_sequence(floating: Sequence[_Shape], passed: set[int], plan: StatedPlan, findings: Findings) -> None:
    """Separate roles take their nodes in declaration order."""
    highest = -1
    for shape in floating:
        workers = plan.of_role(shape.role.name)
        nodes = [task.node for worker in workers for task in worker.tasks if task.node not in passed]
        if nodes and min(nodes) < highest:
            message = (
                f"`{shape.role.name}` takes node {min(nodes)}, before a role declared earlier takes node {highest}"
            )
            fix = "separate roles take their nodes in declaration order"
            findings.error("D407", message, (*workers[0].path, "tasks"), help=fix)
            return
        highest = max([highest, *nodes])


# Roles that stand where others are


def _check_head(plan: StatedPlan, request: Request, shapes: Sequence[_Shape], findings: Findings) -> int:
    """The head is the first node of the first role that takes nodes and may share them."""
    first = next((shape.role for shape in shapes if not shape.follows and not shape.role.dedicated), None)
    if first:
        head, reason = plan.of_role(first.name)[0].tasks[0].node, f"where `{first.name}` begins"
    else:
        closed = {task.node for worker in plan.workers for task in worker.tasks if _is_dedicated(worker, request)}
        head, reason = next((node.node for node in plan.nodes if node.node not in closed), 0), "the first open one"
    if plan.head is None:
        findings.error("D410", "the plan does not say which node is its head", ("placement",))
    elif plan.head != head:
        message = f"the head node is {plan.head}, and it should be {head}, {reason}"
        findings.error("D410", message, ("placement", "head"))
    return head


def _is_dedicated(worker: StatedWorker, request: Request) -> bool:
    role = next(role for role in request.roles if role.name == worker.role)
    return role.dedicated and not role.place and not role.per_node


def _check_follower(shape: _Shape, head: int, plan: StatedPlan, findings: Findings) -> None:
    role, workers = shape.role, plan.of_role(shape.role.name)
    if not shape.follows or role.hosts:
        return
    if role.per_node or role.place == "every-node":
        per = shape.per or 1
        _check_homes(workers, [(node.node,) for node in plan.nodes for _ in range(per)], "it belongs on", findings)
    elif role.place.startswith("with:"):
        beside = role.place.removeprefix("with:")
        leaders = [(worker.tasks[0].node,) for worker in plan.of_role(beside)]
        homes = [leaders[at % len(leaders)] for at in range(len(workers) if leaders else 0)]
        _check_homes(workers, homes, f"`{beside}`, which it goes with, on", findings)
    elif shape.nodes:
        _check_blocks(shape, workers, findings)
    else:
        _check_homes(workers, [(head,)] * len(workers), "the head is", findings)
