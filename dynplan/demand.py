"""The first stage of placement: what each role asks of the nodes."""

from typing import Literal

from attrs import frozen

from dynplan.errors import Findings, Path
from dynplan.model import Job, Role

# `nodes`: `per` workers on each of `nodes` distinct nodes. `loose`: workers of at most a node, anywhere.
# `wide`: workers larger than a node. `every`: `per` workers on every node. `none`: no GPUs.
Form = Literal["nodes", "loose", "wide", "every", "none"]


@frozen
class Demand:
    """What one role asks for.

    `slices` are the GPUs of one worker, one entry per node it spans, the larger ones first.
    `nodes` is how many nodes the role takes where it has them for itself.
    """

    role: Role
    form: Form
    workers: int
    per: int
    nodes: int
    slices: tuple[int, ...]

    @property
    def block(self) -> int:
        """GPUs the role takes on each of its nodes, for the forms `nodes` and `every`."""
        return self.per * self.slices[0] if self.slices else 0


def demands(job: Job) -> tuple[Demand, ...]:
    """Return the demand of every role, in declaration order.

    Roles that run on every node come off each node's GPUs first.

    Raises:
        InputError: D201, D202, D209 or D210, for every role that asks for what no node can give.
    """
    findings = Findings()
    capacity = job.cluster.gpus_per_node
    everywhere = {role.name: _demand(role, capacity, findings) for role in job.roles if role.size.per_node}
    left = capacity - sum(demand.block for demand in everywhere.values())
    if left < 0:
        last = list(everywhere)[-1]
        findings.error(
            "D209",
            f"the roles on every node need {capacity - left} GPUs there, but a node has {capacity}",
            ("roles", last, "per-node"),
            help=f"give `{last}` nodes of its own, or smaller workers",
        )
    found = tuple(everywhere.get(role.name) or _demand(role, max(left, 0), findings, capacity) for role in job.roles)
    findings.raise_if_errors()
    return found


def slices_of(gpus: int, capacity: int) -> tuple[int, ...]:
    """Split a worker's GPUs over the fewest nodes, in slices that differ by at most one, larger first."""
    count = -(-gpus // capacity)
    each, more = divmod(gpus, count)
    return (each + 1,) * more + (each,) * (count - more)


def first_fit(workers: int, slices: tuple[int, ...], capacity: int) -> list[tuple[int, ...]]:
    """Give each worker's slices the lowest nodes with room, on nodes that hold nothing else.

    For one role this takes the fewest nodes: slices of one size pack densely, and of the two sizes
    of a worker larger than a node only the smaller ones can share a node, two by two.
    """
    if len(slices) == 1:
        each = capacity // slices[0]
        return [(worker // each,) for worker in range(workers)]
    placed: list[tuple[int, ...]] = []
    small, fresh = -1, 0  # a node with room for one more of the small slices, and the next free one
    pairs = 2 * slices[-1] <= capacity
    for _ in range(workers):
        nodes: list[int] = []
        for gpus in slices:
            if pairs and gpus == slices[-1] and small >= 0:
                nodes.append(small)
                small = -1
                continue
            if pairs and gpus == slices[-1]:
                small = fresh
            nodes.append(fresh)
            fresh += 1
        placed.append(tuple(nodes))
    return placed


def nodes_of(placed: list[tuple[int, ...]]) -> int:
    """Count the nodes a placement uses."""
    return max((node for nodes in placed for node in nodes), default=-1) + 1


def _demand(role: Role, room: int, findings: Findings, capacity: int | None = None) -> Demand:
    """Return one role's demand; `room` is what roles on every node leave of a node's `capacity`."""
    size, gpus = role.size, role.size.gpus
    capacity = room if capacity is None else capacity
    if gpus == 0:
        return _without_gpus(role)
    slices = slices_of(gpus, capacity) if capacity else ()
    if not slices or slices[0] > room:
        _no_room(role, room, capacity, findings)
        return Demand(role, "none", 0, 0, 0, ())
    if len(slices) > 1:
        return _wide(role, slices, capacity, findings)
    fits = room // gpus
    per = fits if size.fill else size.workers_per_node or 1
    if per > fits:
        _too_many_per_node(role, per, fits, room, findings)
        per = fits
    if size.per_node:
        return Demand(role, "every", 0, per, 0, slices)
    count = len(size.hosts) or size.num_nodes
    if count is None and (size.fill or size.workers_per_node) and size.workers:
        count = _count_from_workers(role, per, findings)
    if count is None and size.workers and not size.spread:
        return Demand(role, "loose", size.workers, 0, -(-size.workers // fits), slices)
    return _on_nodes(role, per, count or size.workers or 1, slices, findings)


def _no_room(role: Role, room: int, capacity: int, findings: Findings) -> None:
    if capacity == 0:
        message = f"role `{role.name}` needs GPUs, but the cluster has no `gpus-per-node`"
        fix = "set `cluster.gpus-per-node = 8`, or name a cluster file with `--cluster`"
    else:
        message = f"role `{role.name}` needs {role.size.gpus} GPUs, but the roles on every node leave {room} on each"
        fix = "give the roles on every node smaller workers"
    findings.error("D210", message, _at(role, "gpus-per-worker"), help=fix)


def _without_gpus(role: Role) -> Demand:
    size = role.size
    per = size.workers_per_node or 1
    count = len(size.hosts) or size.num_nodes or (size.workers if size.spread else None) or 0
    if size.dedicated and not size.place and not size.per_node:
        workers = size.workers or per * max(count, 1)
        return Demand(role, "nodes", workers, -(-workers // max(count, 1)), max(count, 1), (0,))
    return Demand(role, "none", size.workers or per * max(count, 1), per, count, ())


def _on_nodes(role: Role, per: int, count: int, slices: tuple[int, ...], findings: Findings) -> Demand:
    workers = per * count
    if role.size.workers not in (None, workers):
        _disagree(role, f"{count} nodes of {per}", workers, findings)
    if role.size.spread and per > 1:
        findings.error(
            "D202",
            f"role `{role.name}` wants {per} workers on a node, and `spread` allows one",
            _at(role, "spread"),
            help=f"set `roles.{role.name}.workers-per-node = 1`",
        )
    return Demand(role, "nodes", workers, per, count, slices)


def _count_from_workers(role: Role, per: int, findings: Findings) -> int:
    workers = role.size.workers or 0
    if workers % per:
        _disagree(role, f"{per} on each node", -(-workers // per) * per, findings)
    return max(1, -(-workers // per))


def _disagree(role: Role, layout: str, workers: int, findings: Findings) -> None:
    size = role.size
    fixes = [f"set `roles.{role.name}.workers = {workers}`"]
    nodes = len(size.hosts) or size.num_nodes
    if size.workers and nodes and size.workers % nodes == 0:
        fixes.append(f"set `roles.{role.name}.workers-per-node = {size.workers // nodes}`")
    elif size.workers and size.num_nodes and not size.hosts and size.workers_per_node is None:
        fixes.append(f"set `roles.{role.name}.num-nodes = {size.workers}`")
    findings.error(
        "D202",
        f"role `{role.name}` has {size.workers} workers of {size.gpus} GPUs, but {layout} make {workers}",
        _at(role, "workers"),
        help=", or ".join(fixes),
    )


def _too_many_per_node(role: Role, per: int, fits: int, room: int, findings: Findings) -> None:
    findings.error(
        "D209",
        f"role `{role.name}` wants {per} workers of {role.size.gpus} GPUs on a node,"
        f" which is {per * role.size.gpus} GPUs, but a node has {room}",
        _at(role, "workers-per-node"),
        help=f"set `roles.{role.name}.workers-per-node = {fits}`",
    )


def _wide(role: Role, slices: tuple[int, ...], capacity: int, findings: Findings) -> Demand:
    """A role whose workers are larger than a node: it takes whole groups of nodes."""
    size, span = role.size, len(slices)
    count = len(size.hosts) or size.num_nodes
    if size.per_node or size.fill or (size.workers_per_node or 1) > 1:
        key = "per-node" if size.per_node else "workers-per-node"
        findings.error(
            "D201",
            f"role `{role.name}` needs {size.gpus} GPUs per worker, but a node has {capacity}",
            _at(role, key),
            help=f"leave out `{key}`: each worker spans {span} nodes",
        )
    if count is None:
        workers = size.workers or 1
        return Demand(role, "wide", workers, 0, nodes_of(first_fit(workers, slices, capacity)), slices)
    if count % span:
        _odd_nodes(role, count, span, capacity, findings)
    elif size.workers not in (None, count // span):
        _disagree(role, f"{count} nodes, {span} for each,", count // span, findings)
    return Demand(role, "wide", max(1, count // span), 0, count, slices)


def _odd_nodes(role: Role, count: int, span: int, capacity: int, findings: Findings) -> None:
    size = role.size
    wanted = span * (size.workers or -(-count // span))
    fixes = [f"set `roles.{role.name}.gpus-per-worker = {capacity}`"]
    if not size.hosts:
        fixes.insert(0, f"set `roles.{role.name}.num-nodes = {wanted}`")
    findings.error(
        "D201",
        f"role `{role.name}` needs {size.gpus} GPUs per worker, but a node has {capacity}:"
        f" each worker spans {span} nodes, and `{role.name}` asks for {count}",
        _at(role, "gpus-per-worker"),
        help=", or ".join(fixes) if size.workers in (None, wanted // span) else fixes[0],
    )


def _at(role: Role, key: str) -> Path:
    return ("roles", role.name, key)
