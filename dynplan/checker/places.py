"""The promises about places: how many workers, on which nodes, alone or together."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle

from attrs import evolve

from dynplan.checker.domains import in_segments, left_over, spanning
from dynplan.checker.shapes import Need, Shape, rooms_of, shapes_of
from dynplan.checker.stated import Request, StatedPlan, StatedWorker
from dynplan.checker.turns import Order, order_of
from dynplan.diagnostics import Findings, counted

_MOST_TOLD = 8  # nodes, in one message


def check_places(plan: StatedPlan, findings: Findings) -> None:
    """Report workers that are too many, too few, too large, or not where the job asks for them."""
    if plan.request is None:
        _check_alike(plan, findings)
        return
    request, named = plan.request, _named(plan.request)
    in_turns = order_of(plan) if plan.in_turns else None
    shapes = shapes_of(request, len(plan.nodes), in_turns)
    room = _room(request)
    _check_allocation(plan, request, named, _need(plan, request), findings)
    before = len(findings.found)
    for shape in shapes:
        _check_count(shape, plan, findings)
    if len(findings.found) > before:
        return  # what follows pairs workers with nodes
    places = {host: node for node, host in enumerate(named)}
    for shape in shapes:
        _check_nodes(shape, plan, places, findings)
    _check_dedicated(plan, request, in_turns, findings)
    for part, whole in _stages(shapes, in_turns):
        if whole:
            _check_sharing(part, plan, places, Need.of(part, (), room), findings)
    head, open_nodes = _check_head(plan, request, shapes, findings), _open(plan, request)
    for shape in shapes:
        _check_follower(shape, head, open_nodes, plan, findings)


def _check_alike(plan: StatedPlan, findings: Findings) -> None:
    """Without the job's tables: the workers of a role are alike."""
    first: dict[str, StatedWorker] = {}
    for worker in (worker for worker in plan.workers if not worker.shares):
        other = first.setdefault(worker.role, worker)
        if worker.gpus != other.gpus:
            message = f"{worker.name} has {counted(worker.gpus, 'GPU')}, and worker 0 has {other.gpus}"
            findings.error("D406", message, (*worker.path, "tasks"), help="the workers of a role are alike")


def _check_allocation(plan: StatedPlan, request: Request, named: Sequence[str], need: Need, findings: Findings) -> None:
    """The nodes are as many, as large and named as the job says, and `placement` says what they are."""
    count = len(request.hosts) or request.num_nodes or need.least
    decided, segmented = bool(request.hosts) or request.num_nodes is not None, in_segments(plan)
    asks = "the job asks for" if decided else "the roles come to"
    free = segmented and not decided
    spare = left_over(plan) if free or (segmented and request.num_nodes == "min") else None
    if spare is not None and len(plan.nodes) - (plan.segment or 0) >= (need.least if free else need.proven):
        findings.error("D410", f"no worker has a GPU in segment {spare}, and fewer nodes would do", ("nodes",))
    elif isinstance(count, int) and count != len(plan.nodes) and not (free and len(plan.nodes) > count):
        findings.error("D410", f"{asks} {counted(count, 'node')}, and the plan has {len(plan.nodes)}", ("nodes",))
    else:
        check_placement(plan, *_placement(plan, request, need), findings)
    for index, node in enumerate(plan.nodes):
        host = named[index] if index < len(named) else None
        if node.host != host:
            message = f"node {index} is {_host(node.host)}, and the job's node {index} is {_host(host)}"
            findings.error("D410", message, (*node.path, "host"))
        if node.gpus != request.gpus_per_node:
            message = f"node {index} has {node.gpus} GPUs, and the cluster's nodes have {request.gpus_per_node}"
            findings.error("D410", message, (*node.path, "gpus"))


def placement_of(plan: StatedPlan, request: Request) -> tuple[Sequence[str], int]:
    """Return what `mode` may be for the nodes of a plan, what it is to be first, and the least its bound may be."""
    return _placement(plan, request, _need(plan, request))


def _need(plan: StatedPlan, request: Request) -> Need:
    """Return what the roles need together; no more is proven of it than what holds where places are had in turns."""
    named, room, order = _named(request), _room(request), order_of(plan)
    need = Need.of(shapes_of(request, len(plan.nodes), order if plan.in_turns else None), named, room)
    if order.there:
        in_any_case = Need.of(shapes_of(request, len(plan.nodes), order), named, room, turns=True)
        need = evolve(need, proven=min(need.proven, in_any_case.proven))
    return need


def _room(request: Request) -> int:
    return min(rooms_of(request).values(), default=0)


def _placement(plan: StatedPlan, request: Request, need: Need) -> tuple[Sequence[str], int]:
    count = len(plan.nodes)
    searched = request.num_nodes == "min" and not request.hosts
    mode = "separate" if count >= need.separate and not need.overlap else "shared"
    # Where domains matter it may take more nodes to keep roles apart.
    modes = (mode, "shared") if in_segments(plan) else (mode,)
    return modes, min(need.proven, count) if searched else count


def check_placement(plan: StatedPlan, modes: Sequence[str], low: int, findings: Findings) -> None:
    """What `placement` says follows from the nodes; for the fewest nodes its bound may be lower than their number."""
    count = len(plan.nodes)
    if plan.mode and plan.mode not in modes:
        message = f"`mode` is `{plan.mode}`, and the roles are {modes[0]} on {counted(count, 'node')}"
        findings.error("D410", message, ("placement", "mode"))
    if plan.lower is not None and not low <= plan.lower <= count:
        bound = f"{low} to {count}" if low < count else str(count)
        message = f"`lower-bound` is {plan.lower}, and for {counted(count, 'node')} it is {bound}"
        findings.error("D410", message, ("placement", "lower-bound"))


def _named(request: Request) -> tuple[str, ...]:
    """Return the hosts by node: the job's list, or those of the roles in declaration order."""
    return request.hosts or tuple(dict.fromkeys(host for role in request.roles for host in role.hosts))


def _host(host: str | None) -> str:
    return f"`{host}`" if host else "without a name"


# Roles against their workers


def _check_count(shape: Shape, plan: StatedPlan, findings: Findings) -> None:
    role, workers = shape.role, plan.of_role(shape.role.name)
    if len(workers) != shape.workers:
        message = f"role `{role.name}` comes to {counted(shape.workers, 'worker')}, and the plan has {len(workers)}"
        findings.error("D405", message, workers[-1].path if workers else role.path)
    for worker in workers:
        if worker.gpus != role.gpus:
            message = f"{worker.name} has {counted(worker.gpus, 'GPU')}, and its role asks for {role.gpus}"
            findings.error("D406", message, (*worker.path, "tasks"))
        elif len(worker.tasks) < shape.span:
            message = f"{worker.name} stands on {len(worker.tasks)} nodes, and {role.gpus} GPUs take {shape.span}"
            findings.error("D406", message, (*worker.path, "tasks"))


def _check_nodes(shape: Shape, plan: StatedPlan, places: Mapping[str, int], findings: Findings) -> None:
    role, workers = shape.role, plan.of_role(shape.role.name)
    if role.hosts:
        stands = [places.get(host, len(plan.nodes)) for host in role.hosts]
        homes: Iterable[tuple[int, ...]] = ((node,) for node in stands for _ in range(shape.per or 1))
        if shape.span > 1:
            homes = (tuple(stands[at : at + shape.span]) for at in range(0, len(stands), shape.span))
        _check_homes(workers, homes, "the hosts its role names come to", findings)
    elif role.spread or (shape.span > 1 and (shape.nodes or role.pins)):
        _check_apart(workers, findings)
    elif shape.per and not shape.follows:
        _check_blocks(shape, workers, findings)


def _check_homes(
    workers: Sequence[StatedWorker], homes: Iterable[tuple[int, ...]], reason: str, findings: Findings
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


def _check_blocks(shape: Shape, workers: Sequence[StatedWorker], findings: Findings) -> None:
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
    names = ", ".join(map(str, nodes[:_MOST_TOLD]))
    more = f" and {len(nodes) - _MOST_TOLD} more" if len(nodes) > _MOST_TOLD else ""
    return f"node {names}" if len(nodes) == 1 else f"nodes {names}{more}"


# Roles against each other


def _stages(shapes: Sequence[Shape], order: Order | None) -> list[tuple[list[Shape], bool]]:
    """Return the roles that are placed together, and whether all of them meet: all roles, where nobody has turns."""
    if order is None:
        return [(list(shapes), True)]
    holding = [shape.role.name for shape in shapes if not shape.follows or (shape.role.per_node and shape.role.gpus)]
    others = [shape for shape in shapes if shape.role.name not in holding]
    stages = ([name for name in holding if name in part] for part in order.parts(holding))
    return [
        ([shape for shape in shapes if shape.role.name in stage or shape in others], order.all_meet(stage))
        for stage in stages
    ]


def _check_dedicated(plan: StatedPlan, request: Request, order: Order | None, findings: Findings) -> None:
    """Nobody else stands on the nodes of a dedicated role, or only when it is not there."""
    owners: dict[int, dict[str, None]] = {}
    for role in (role for role in request.roles if role.dedicated):
        for node in (task.node for worker in plan.of_role(role.name) for task in worker.tasks):
            owners.setdefault(node, {})[role.name] = None
    for worker in (worker for worker in plan.workers if not worker.shares and owners):
        for task in worker.tasks:
            for mine in owners.get(task.node, ()):
                if mine != worker.role and (order is None or order.meet(mine, worker.role)):
                    message = f"{worker.name} stands on node {task.node}, which is dedicated to `{mine}`"
                    findings.error("D408", message, (*task.path, "node"))
                    break


def _check_sharing(
    shapes: Sequence[Shape], plan: StatedPlan, places: Mapping[str, int], need: Need, findings: Findings
) -> None:
    """Roles are separate where there are nodes enough; else every node is used before one is shared."""
    taking = [shape for shape in shapes if not shape.follows]
    floating = [shape for shape in taking if not shape.role.hosts]
    on_node: list[dict[str, StatedWorker]] = [{} for _ in plan.nodes]
    takers = {shape.role.name for shape in taking}
    for worker in plan.workers:
        for task in worker.tasks if worker.role in takers else ():
            on_node[task.node].setdefault(worker.role, worker)
    movable = {shape.role.name for shape in floating}
    shared = [node for node, roles in enumerate(on_node) if len(roles) > 1 and movable & set(roles)]
    if len(plan.nodes) >= need.separate and not (plan.mode == "shared" and in_segments(plan)):
        for node in shared:
            _report_shared(node, on_node[node], f"{need.separate} nodes keep the roles separate", findings)
        if not shared and not in_segments(plan):
            named = {places.get(host, -1) for shape in taking for host in shape.role.hosts}
            passed = {places.get(host, -1) for shape in shapes if shape.follows for host in shape.role.hosts}
            _check_own(floating, named, passed, plan, findings)
    elif (shared := _not_by_domain(shared, on_node, plan)) and {} in on_node:
        idle = on_node.index({})
        _report_shared(shared[0], on_node[shared[0]], f"node {idle} has no role of its own", findings)


def _not_by_domain(shared: Sequence[int], on_node: Sequence[Mapping[str, StatedWorker]], plan: StatedPlan) -> list[int]:
    """Return shared nodes without those on which workers meet that have to stay inside a segment."""
    wide = {worker.role for worker in spanning(plan)} if in_segments(plan) else set()
    return [node for node in shared if len(wide & set(on_node[node])) < 2]


def _report_shared(node: int, roles: dict[str, StatedWorker], reason: str, findings: Findings) -> None:
    first, *_, last = roles.values()
    task = next(task for task in last.tasks if task.node == node)
    message = f"`{first.role}` and `{last.role}` share node {node}, and {reason}"
    findings.error("D407", message, (*task.path, "node"))


def _check_own(
    floating: Sequence[Shape], named: set[int], passed: set[int], plan: StatedPlan, findings: Findings
) -> None:
    """Separate roles take the lowest nodes that are left, in declaration order, and no more than hold them.

    Nodes in `passed` are named by roles without GPUs: a dedicated role passes them over, a later role may not.
    """
    left = [node.node for node in plan.nodes if node.node not in named]
    highest = -1
    for shape in floating:
        name, workers = shape.role.name, plan.of_role(shape.role.name)
        nodes = sorted({task.node for worker in workers for task in worker.tasks})
        own, left = left[: shape.alone], left[shape.alone :]
        taken = [node for node in nodes if node not in passed]
        path, fix = (*workers[0].path, "tasks"), ""
        if len(nodes) > shape.alone:
            message = f"`{name}` stands on {_nodes(nodes)}, and {counted(shape.alone, 'node')} {_hold(shape.alone)} it"
        elif taken and taken[0] < highest:
            message = f"`{name}` takes node {taken[0]}, before a role declared earlier takes node {highest}"
            fix = "separate roles take their nodes in declaration order"
        elif not passed and nodes != own:
            message = f"`{name}` stands on {_nodes(nodes)}, and its turn is at {_nodes(own)}"
            fix = "separate roles take the lowest nodes that are left, in declaration order"
        else:
            highest = max([highest, *taken])
            continue
        findings.error("D407", message, path, help=fix)
        return


def _hold(nodes: int) -> str:
    return "holds" if nodes == 1 else "hold"


# Roles that stand where others are


def _check_head(plan: StatedPlan, request: Request, shapes: Sequence[Shape], findings: Findings) -> int:
    """The head is the first node of the first role that takes nodes and may share them."""
    open_nodes = _open(plan, request)
    begins = {shape.role.name: plan.of_role(shape.role.name)[0].tasks[0].node for shape in shapes if not shape.follows}
    first = next((name for name, node in begins.items() if node in open_nodes), None)
    if first:
        head, reason = begins[first], f"where `{first}` begins"
    else:
        head, reason = next(iter(open_nodes), 0), "the first open one"
    if plan.later:
        return head
    if plan.head is None:
        findings.error("D410", "the plan does not say which node is its head", ("placement",))
    elif plan.head != head:
        message = f"the head node is {plan.head}, and it should be {head}, {reason}"
        findings.error("D410", message, ("placement", "head"))
    return head


def _open(plan: StatedPlan, request: Request) -> list[int]:
    """Return the nodes that no dedicated role has for itself."""
    owners = {role.name for role in request.roles if role.dedicated and not role.place and not role.per_node}
    closed = {task.node for worker in plan.workers for task in worker.tasks if worker.role in owners}
    return [node.node for node in plan.nodes if node.node not in closed]


def _check_follower(shape: Shape, head: int, open_nodes: Sequence[int], plan: StatedPlan, findings: Findings) -> None:
    role, workers = shape.role, plan.of_role(shape.role.name)
    if not shape.follows or role.hosts:
        return
    if shape.everywhere:
        per = shape.per or 1
        _check_homes(workers, ((node.node,) for node in plan.nodes for _ in range(per)), "it belongs on", findings)
    elif role.place.startswith("with:"):
        beside = role.place.removeprefix("with:")
        leaders = [(worker.tasks[0].node,) for worker in plan.of_role(beside)]
        homes: Iterable[tuple[int, ...]] = cycle(leaders)
        _check_homes(workers, homes, f"`{beside}`, which it goes with, on", findings)
    elif shape.nodes:
        homes = ((node,) for node in open_nodes[: shape.nodes] for _ in range(shape.per or 1))
        _check_homes(workers, homes, "the first open nodes come to", findings)
    else:
        _check_homes(workers, [(head,)] * len(workers), "the head is", findings)
