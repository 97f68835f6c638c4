"""The first stage of placement: what each role asks of the nodes."""

from collections.abc import Sequence
from typing import Literal

from attrs import frozen

from dynplan.diagnostics import Findings, Path
from dynplan.model import Job, Record, Role
from dynplan.planner.refusals import Ladder, counted, fewer, ladder, refuse, smaller

# `nodes`: `workers_per_node` of them on each of `nodes` distinct nodes. `loose`: workers of at most a node, anywhere.
# `wide`: workers larger than a node. `every`: so many on every node. `none`: no GPUs. `beside`: those of another role.
Form = Literal["nodes", "loose", "wide", "every", "none", "beside"]

MOST_NODES = 65_536  # of a job; a Slurm host list names no more either (MAX_RANGE in hostlist.c)
MOST_TASKS = 250_000  # of a role; 40,000 are planned in half a second, and more than these are a slip


@frozen(eq=False, repr=False)
class Demand(Record):
    """What one role asks for.

    Attributes:
        slices: the GPUs of one worker, one entry per node it spans, the larger ones first.
        workers_per_node: workers on each of its nodes, for the forms `nodes` and `every`.
        nodes: how many nodes the role takes where it has them for itself.
        apart: no two of its workers share a node, for the form `wide`.
    """

    role: Role
    form: Form
    workers: int
    workers_per_node: int
    nodes: int
    slices: tuple[int, ...]
    apart: bool = False

    @property
    def takes_nodes(self) -> bool:
        """Whether the role is placed on nodes by its size, not beside others or on every node."""
        return self.form in ("nodes", "loose", "wide")

    @property
    def gpus_of_its_own(self) -> bool:
        """Whether its workers hold GPUs, and not those of the workers that they are beside."""
        return self.form != "beside" and self.role.size.gpus > 0

    @property
    def gpus_on_node(self) -> int:
        """GPUs the role takes on each of its nodes, for the forms `nodes` and `every`."""
        return self.workers_per_node * self.slices[0] if self.slices else 0

    @property
    def gpus(self) -> int:
        """GPUs of all its workers."""
        return sum(self.slices) * self.workers


def demands(job: Job, nodes: Sequence[int]) -> tuple[Demand, ...]:
    """Return the demand of every role, in declaration order.

    Roles that run on every node come off each node's GPUs first.

    Args:
        job: the job.
        nodes: the GPUs of each node; where all are alike, of one.

    Raises:
        InputError: D201, D202, D209, D210 or D212, for every role that asks for what no node can give.
    """
    findings = Findings()
    by_name = {role.name: _every(role, min(nodes), findings) for role in job.roles if _on_every_node(role)}
    every = [demand for demand in by_name.values() if demand.slices]
    taken = sum(demand.gpus_on_node for demand in every)
    if taken > min(nodes) and not findings.found:
        _refuse_every(every, taken, min(nodes), findings)
    found = tuple(by_name.get(role.name) or _demand(role, max(nodes), every, findings) for role in job.roles)
    for demand in found:
        _check_numbers(demand, findings)
    findings.raise_if_errors()
    return found


def gpus_on_every_node(wanted: Sequence[Demand]) -> int:
    """Return the GPUs of each node that the roles on every node take together."""
    return sum(demand.gpus_on_node for demand in wanted if demand.form == "every")


def separate_nodes(wanted: Sequence[Demand]) -> int:
    """Return how many nodes give every role that takes nodes its own."""
    taking = [demand for demand in wanted if demand.takes_nodes]
    named = {host for demand in taking for host in demand.role.size.hosts}
    return len(named) + sum(demand.nodes for demand in taking if not demand.role.size.hosts)


def dedicated_nodes(wanted: Sequence[Demand]) -> int:
    """Return how many nodes dedicated roles take, beside those that are named."""
    dedicated = [demand for demand in wanted if demand.role.size.dedicated and not demand.role.size.hosts]
    return sum(demand.nodes for demand in dedicated if demand.form != "none")


def nodes_with_open_ones(wanted: Sequence[Demand]) -> int:
    """Return how many nodes leave roles without GPUs as many as they need beside the dedicated ones."""
    sizes = [demand.role.size for demand in wanted]
    closed = {host for size in sizes if size.dedicated for host in size.hosts}
    followers = [demand for demand in wanted if demand.form == "none" and _needs_open_node(demand)]
    return dedicated_nodes(wanted) + len(closed) + max((demand.nodes or 1 for demand in followers), default=0)


def _needs_open_node(demand: Demand) -> bool:
    size = demand.role.size
    return not (size.hosts or size.per_node or size.place not in ("", "head"))


def slices_of(gpus: int, capacity: int) -> tuple[int, ...]:
    """Split a worker's GPUs over the fewest nodes, in slices that differ by at most one, larger first."""
    count = -(-gpus // capacity)
    each, more = divmod(gpus, count)
    return (each + 1,) * more + (each,) * (count - more)


def _on_every_node(role: Role) -> bool:
    return role.size.per_node and role.size.gpus > 0


def _every(role: Role, capacity: int, findings: Findings) -> Demand:
    size = role.size
    if size.gpus > capacity:
        if capacity:
            _refuse_span(role, "per-node", capacity, findings)
        else:
            _refuse_no_gpus(role, findings)
        return Demand(role, "none", 0, 0, 0, ())
    return Demand(role, "every", 0, _per(role, capacity, findings), 0, (size.gpus,))


def _demand(role: Role, capacity: int, every: Sequence[Demand], findings: Findings) -> Demand:
    """Return one role's demand, on nodes of so many GPUs that other roles take some of on every node."""
    if role.size.beside:
        return Demand(role, "beside", 0, 0, 0, ())
    gpus, room = role.size.gpus, max(0, capacity - sum(demand.gpus_on_node for demand in every))
    if gpus == 0:
        return _without_gpus(role, findings)
    if capacity == 0:
        _refuse_no_gpus(role, findings)
    elif -(-gpus // -(-gpus // capacity)) > room:
        _refuse_no_room(role, every, capacity, findings)
    elif gpus > capacity:
        return _wide(role, capacity, room, findings)
    else:
        return _narrow(role, room, findings)
    return Demand(role, "none", 0, 0, 0, ())


def _narrow(role: Role, room: int, findings: Findings) -> Demand:
    """A role whose workers are at most a node each."""
    size = role.size
    slices = (size.gpus,)
    per = _per(role, room, findings)
    count = len(size.hosts) or size.num_nodes
    if count is None and size.workers:
        if size.fill or size.workers_per_node:
            count = -(-size.workers // per)
        elif size.spread:
            count = size.workers
        else:
            return Demand(role, "loose", size.workers, 0, -(-size.workers // (room // size.gpus)), slices)
    return _on_nodes(role, "nodes", per, count or 1, slices, findings)


def _wide(role: Role, capacity: int, room: int, findings: Findings) -> Demand:
    """A role whose workers are larger than a node: it takes whole groups of nodes."""
    size = role.size
    span = -(-size.gpus // capacity)
    if size.fill or (size.workers_per_node or 1) > 1:
        _refuse_span(role, "workers-per-node", capacity, findings)
    named = len(size.hosts) or size.num_nodes
    workers = size.workers or max(1, (named or span) // span)
    if named and named % span:
        _refuse_odd_nodes(role, named, span, capacity, findings)
    elif named and workers != named // span:
        _refuse_workers(role, f"{named} nodes, {span} for each worker, make", named, 1, span, findings)
    if workers * span > MOST_TASKS:
        return Demand(role, "wide", workers, 0, workers * span, (size.gpus,))  # _check_numbers refuses it
    slices = slices_of(size.gpus, capacity)
    apart = bool(named) or size.spread
    # Two of a worker's smallest slices fit on one node only if it has one of them: from another worker.
    pairs = not apart and slices[0] > slices[-1] and 2 * slices[-1] <= room
    nodes = workers * span - (workers // 2 if pairs else 0)
    return Demand(role, "wide", workers, 0, nodes, slices, apart)


def _without_gpus(role: Role, findings: Findings) -> Demand:
    size = role.size
    per = size.workers_per_node
    count = len(size.hosts) or size.num_nodes or (size.workers if size.spread and not per else None)
    if count is None and per and size.workers and not size.per_node:
        count = -(-size.workers // per)
    takes_nodes = size.dedicated and not size.place and not size.per_node
    if count or (takes_nodes and not size.workers):
        slices = (0,) if takes_nodes else ()
        return _on_nodes(role, "nodes" if takes_nodes else "none", per or 1, count or 1, slices, findings)
    workers = size.workers or per or 1
    if takes_nodes:
        return Demand(role, "nodes", workers, workers, 1, (0,))
    return Demand(role, "none", workers, per or 1, 0, ())


def _on_nodes(role: Role, form: Form, per: int, count: int, slices: tuple[int, ...], findings: Findings) -> Demand:
    size = role.size
    if size.workers not in (None, per * count):
        each = f"with {counted(per, 'worker')}"
        layout = f"1 node {each} makes" if count == 1 else f"{count} nodes {each} each make"
        _refuse_workers(role, layout, count, per, 1, findings)
    if size.spread and per > 1:
        message = f"role `{role.name}` wants {per} workers on a node, and `spread` allows one"
        tries = ladder(_at(role, "workers-per-node"), [1]), ladder(_at(role, "spread"), [False])
        refuse(findings, "D202", message, _at(role, "spread"), *tries, otherwise="leave out `spread`")
    return Demand(role, form, per * count, per, count, slices)


def _per(role: Role, room: int, findings: Findings) -> int:
    """Return the workers on each node, at most as many as fit."""
    size = role.size
    fits = room // size.gpus
    per = fits if size.fill else size.workers_per_node or 1
    if per <= fits:
        return max(1, per)
    message = (
        f"role `{role.name}` wants {per} workers of {counted(size.gpus, 'GPU')} on a node,"
        f" which is {counted(per * size.gpus, 'GPU')}, but a node has {room}"
    )
    path = _at(role, "workers-per-node")
    tries = ladder(path, fewer(fits)), _smaller_workers(role, room // per)
    refuse(findings, "D209", message, path, *tries, otherwise="ask for fewer workers on a node, or smaller ones")
    return max(1, fits)


def _smaller_workers(role: Role, most: int) -> Ladder:
    return ladder(_at(role, "gpus-per-worker"), smaller(role.size.gpus, most))


# What is refused


def _check_numbers(demand: Demand, findings: Findings) -> None:
    """Refuse numbers that no cluster has, before anything is made as long as they are."""
    role, tasks = demand.role, demand.workers * max(1, len(demand.slices))
    if demand.nodes > MOST_NODES:
        message = f"role `{role.name}` needs {demand.nodes} nodes, and a job has at most {MOST_NODES}"
        refuse(findings, "D212", message, _sized_by(role), otherwise="ask for fewer or smaller workers")
    elif tasks > MOST_TASKS:
        message = f"role `{role.name}` comes to {tasks} tasks, and a role has at most {MOST_TASKS}"
        refuse(findings, "D212", message, _sized_by(role), otherwise="ask for fewer workers")


def _sized_by(role: Role) -> Path:
    size = role.size
    keys = {"num-nodes": size.num_nodes, "workers": size.workers, "workers-per-node": size.workers_per_node}
    values = {key: value for key, value in keys.items() if value}
    largest = max(values, key=lambda key: values[key] or 0, default="gpus-per-worker")
    return _at(role, "gpus-per-worker" if size.gpus > (values.get(largest) or 0) else largest)


def _refuse_no_gpus(role: Role, findings: Findings) -> None:
    message = f"role `{role.name}` needs {counted(role.size.gpus, 'GPU')}, but the cluster has no `gpus-per-node`"
    path = ("cluster", "gpus-per-node")
    sizes = [max(8, role.size.gpus), role.size.gpus]
    besides = "name a cluster file with `--cluster`"
    refuse(findings, "D210", message, _at(role, "gpus-per-worker"), ladder(path, sizes), besides=besides)


def _refuse_no_room(role: Role, every: Sequence[Demand], capacity: int, findings: Findings) -> None:
    gpus = role.size.gpus
    room = max(0, capacity - sum(demand.gpus_on_node for demand in every))
    message = (
        f"role `{role.name}` needs {counted(gpus, 'GPU')} per worker,"
        f" but of a node's {capacity} the roles on every node leave {room}"
    )
    least = -(-gpus // -(-gpus // capacity))  # on one node
    tries = [_smaller_workers(role, room)]
    for demand in every:
        tries += _less_on_every_node(demand, room + demand.gpus_on_node - least)
    otherwise = "give the roles on every node fewer or smaller workers"
    refuse(findings, "D210", message, _at(role, "gpus-per-worker"), *tries, otherwise=otherwise)


def _refuse_every(every: Sequence[Demand], taken: int, capacity: int, findings: Findings) -> None:
    needs = ", ".join(f"`{demand.role.name}` {demand.gpus_on_node}" for demand in every)
    message = f"the roles on every node need {counted(taken, 'GPU')} there ({needs}), but a node has {capacity}"
    tries = [
        rungs for demand in every[::-1] for rungs in _less_on_every_node(demand, capacity - taken + demand.gpus_on_node)
    ]
    otherwise = "give one of them nodes of its own"
    refuse(findings, "D209", message, _at(every[-1].role, "per-node"), *tries, otherwise=otherwise)


def _less_on_every_node(demand: Demand, most: int) -> list[Ladder]:
    """Suggest that a role on every node takes no more than so many GPUs of each."""
    fits = max(0, most) // demand.slices[0]
    return [
        ladder(_at(demand.role, "workers-per-node"), fewer(fits) if fits < demand.workers_per_node else []),
        _smaller_workers(demand.role, max(0, most) // demand.workers_per_node),
        ladder(_at(demand.role, "per-node"), [False]),
    ]


def _refuse_span(role: Role, key: str, capacity: int, findings: Findings) -> None:
    size = role.size
    span = -(-size.gpus // capacity)
    message = f"role `{role.name}` needs {counted(size.gpus, 'GPU')} per worker, but a node has {capacity}"
    single = ladder(_at(role, key), [1 if key == "workers-per-node" else False])
    per = size.workers_per_node or 1
    besides = f"leave out `{key}`: each worker spans {span} nodes"
    refuse(findings, "D201", message, _at(role, key), single, _smaller_workers(role, capacity // per), besides=besides)


def _refuse_odd_nodes(role: Role, count: int, span: int, capacity: int, findings: Findings) -> None:
    size = role.size
    message = (
        f"role `{role.name}` needs {counted(size.gpus, 'GPU')} per worker, but a node has {capacity}:"
        f" each worker spans {span} nodes, and `{role.name}` asks for {count}"
    )
    wanted = span * (size.workers or -(-count // span))
    more = ladder(_at(role, "num-nodes"), [] if size.hosts else [wanted])
    path = _at(role, "gpus-per-worker")
    otherwise = f"name {wanted} hosts" if size.hosts else "ask for whole workers, or smaller ones"
    refuse(findings, "D201", message, path, more, _smaller_workers(role, capacity), otherwise=otherwise)


def _refuse_workers(role: Role, layout: str, nodes: int, per: int, span: int, findings: Findings) -> None:
    """`workers` does not agree with the nodes and the workers on each."""
    size = role.size
    asked, workers = size.workers or 0, per * nodes // span
    of = f" of {counted(size.gpus, 'GPU')}" if size.gpus else ""
    need = -(-asked // per) * span
    message = f"role `{role.name}` asks for {counted(asked, 'worker')}{of}, but {layout} {workers}"
    if need != nodes:
        message += f": {counted(asked, 'worker')} need{'s' * (asked == 1)} {counted(need, 'node')}"
    fits = [asked // nodes] if span == 1 and asked % nodes == 0 else []
    more = [asked * span // per] if not size.hosts and not asked % per else []
    tries = (
        ladder(_at(role, "workers"), [workers]),
        ladder(_at(role, "workers-per-node"), fits),
        ladder(_at(role, "num-nodes"), more),
    )
    otherwise = "leave out `workers`, or the number of nodes"
    refuse(findings, "D202", message, _at(role, "workers"), *tries, otherwise=otherwise)


def _at(role: Role, key: str) -> Path:
    return ("roles", role.name, key)
