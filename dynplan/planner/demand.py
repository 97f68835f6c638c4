"""The first stage of placement: what each role asks of the nodes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from attrs import frozen

from dynplan.diagnostics import Findings, counted
from dynplan.model import Job, Record, Role, Size
from dynplan.planner.content import Content
from dynplan.planner.cutting import Slice
from dynplan.planner.no_node import (
    at_key,
    check_pins,
    filling,
    least_slice,
    refuse_around,
    refuse_no_gpus,
    refuse_odd_nodes,
    refuse_pinned_twice,
    refuse_span,
    refuse_unequal,
    refuse_workers,
    sized_by,
    smaller_workers,
)
from dynplan.planner.refusals import Ladder, coming_after, fewer, ladder, refuse
from dynplan.planner.spans import nodes_alone, slices_of, whole_of

if TYPE_CHECKING:
    from dynplan.planner.turns import Turns  # few jobs have tasks that others come after

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
    def block(self) -> tuple[Slice, Slice]:
        """What it puts on each of its nodes, for the forms `nodes` and `every`: slices, or GPUs by index."""
        pins = self.role.size.pins
        if pins:
            return (), tuple(gpu for of_worker in pins for gpu in of_worker)
        return self.slices * self.workers_per_node, ()

    @property
    def gpus(self) -> int:
        """GPUs of all its workers."""
        return sum(self.slices) * self.workers


def demands(job: Job, nodes: Sequence[int], turns: "Turns | None" = None) -> tuple[Demand, ...]:
    """Return the demand of every role, in declaration order.

    Roles that run on every node come off each node's GPUs first.

    Args:
        job: the job.
        nodes: the GPUs of each node; where all are alike, of one.
        turns: who gives back to whom; a role then has what those on every node leave that it meets.

    Raises:
        InputError: D201, D202, D209, D210 or D212, for every role that asks for what no node can give.
    """
    findings = Findings()
    by_name = {role.name: _every(role, min(nodes), findings) for role in job.roles if _on_every_node(role)}
    every = [demand for demand in by_name.values() if demand.slices]
    on_every = {demand.role.name: demand for demand in every}
    for names in turns.crowds(list(on_every)) if turns else (list(on_every),):
        crowd = [on_every[name] for name in names]
        taken = sum(demand.gpus_on_node for demand in crowd)
        if taken > min(nodes) and not findings.found:
            _refuse_every(crowd, taken, min(nodes), findings)
        base = _base(crowd, max(nodes), findings)
    found: list[Demand] = []
    for role in job.roles:
        if turns and role.name not in by_name:
            weights = {demand.role.name: demand.gpus_on_node for demand in every}
            crowd = [on_every[name] for name in turns.heaviest(role.name, weights)]
            base = left_of_a_node(crowd, max(nodes))
        found.append(by_name.get(role.name) or _demand(role, base, crowd, findings))
    for demand in found:
        _check_numbers(demand, findings)
    _check_beside(found, findings)
    findings.raise_if_errors()
    return tuple(found)


def gpus_on_every_node(wanted: Sequence[Demand]) -> int:
    """Return the GPUs of each node that the roles on every node take together."""
    return sum(demand.gpus_on_node for demand in wanted if demand.form == "every")


def pinned(wanted: Sequence[Demand]) -> bool:
    """Tell whether a role has GPUs by index: nodes are not chosen by numbers of GPUs alone then."""
    return any(demand.role.size.pins for demand in wanted)


def on_every_node(wanted: Sequence[Demand], gpus: int) -> Content | None:
    """Return a node of so many GPUs with what the roles on every node have of it; None where it does not hold them."""
    found: Content | None = Content(gpus)
    for demand in (demand for demand in wanted if demand.form == "every"):
        found = found and found.with_slices(*demand.block)
    return found


def left_of_a_node(wanted: Sequence[Demand], gpus: int) -> Content:
    """Return a node as `on_every_node` does, and a full one where it does not hold them, which is refused."""
    return on_every_node(wanted, gpus) or Content(gpus, (gpus,))


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


def _on_every_node(role: Role) -> bool:
    return role.size.per_node and role.size.gpus > 0


def _every(role: Role, capacity: int, findings: Findings) -> Demand:
    size = role.size
    if capacity and size.pins and not check_pins(role, capacity, findings):
        return Demand(role, "none", 0, 0, 0, ())
    if size.gpus > capacity:
        if capacity:
            refuse_span(role, "per-node", capacity, findings)
        else:
            refuse_no_gpus(role, findings)
        return Demand(role, "none", 0, 0, 0, ())
    return Demand(role, "every", 0, _per(role, Content(capacity), findings), 0, (size.gpus,))


def _base(every: Sequence[Demand], gpus: int, findings: Findings) -> Content:
    """Return a node with the roles on every node on it; two that do not go together are refused."""
    for at, demand in enumerate(every):
        if findings.found or on_every_node(every[: at + 1], gpus):
            continue
        other = next((one for one in every[:at] if on_every_node((one, demand), gpus) is None), every[at - 1])
        refuse_pinned_twice(demand.role, other.role, "every node", findings)
    return left_of_a_node(every, gpus)


def _demand(role: Role, base: Content, every: Sequence[Demand], findings: Findings) -> Demand:
    """Return one role's demand, on nodes that other roles take some GPUs of on every node."""
    if role.size.beside:
        return Demand(role, "beside", 0, 0, 0, ())
    gpus, capacity, room = role.size.gpus, base.gpus, base.free
    if gpus == 0:
        return _without_gpus(role, findings)
    if capacity == 0:
        refuse_no_gpus(role, findings)
    elif role.size.pins and not check_pins(role, capacity, findings):
        pass
    elif not _holds(base, role.size):
        _refuse_no_room(role, base, every, findings)
    elif gpus > capacity:
        return _wide(role, capacity, room, findings)
    else:
        return _narrow(role, base, findings)
    return Demand(role, "none", 0, 0, 0, ())


def _holds(base: Content, size: Size) -> bool:
    """Tell whether a worker finds room on a node, with as much of it as it has there at the least."""
    if size.pins:
        return base.with_slices((), tuple(sorted(gpu for pins in size.pins for gpu in pins))) is not None
    return base.most(least_slice(size, base.gpus, base.free)) > 0


def _narrow(role: Role, base: Content, findings: Findings) -> Demand:
    """A role whose workers are at most a node each."""
    size = role.size
    slices = (size.gpus,)
    per = _per(role, base, findings)
    count = len(size.hosts) or size.num_nodes
    if count is None and size.workers:
        if size.fill or size.workers_per_node or size.pins:
            count = -(-size.workers // per)
        elif size.spread:
            count = size.workers
        else:
            return Demand(role, "loose", size.workers, 0, -(-size.workers // base.most(size.gpus)), slices)
    return _on_nodes(role, "nodes", per, count or 1, slices, findings)


def _wide(role: Role, capacity: int, room: int, findings: Findings) -> Demand:
    """A role whose workers are larger than a node: it takes whole groups of nodes."""
    size = role.size
    whole = whole_of(size, capacity, room)
    span = -(-size.gpus // whole)
    if size.fill or (size.workers_per_node or 1) > 1:
        refuse_span(role, "workers-per-node", whole, findings)
    named = len(size.hosts) or size.num_nodes
    workers = size.workers or max(1, (named or span) // span)
    if named and named % span:
        refuse_odd_nodes(role, named, span, whole, findings)
    elif named and workers != named // span:
        refuse_workers(role, f"{named} nodes, {span} for each worker, make", named, 1, span, findings)
    if workers * span > MOST_TASKS:
        return Demand(role, "wide", workers, 0, workers * span, (size.gpus,))  # _check_numbers refuses it
    slices = slices_of(size, whole)
    if size.equal_slices and slices[0] != slices[-1]:
        refuse_unequal(role, role, slices, findings)
    apart = bool(named or size.pins) or size.spread
    return Demand(role, "wide", workers, 0, nodes_alone(workers, slices, room, apart=apart), slices, apart)


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
        refuse_workers(role, layout, count, per, 1, findings)
    if size.spread and per > 1:
        message = f"role `{role.name}` wants {per} workers on a node, and `spread` allows one"
        tries = ladder(at_key(role, "workers-per-node"), [1]), ladder(at_key(role, "spread"), [False])
        refuse(findings, "D202", message, at_key(role, "spread"), *tries, otherwise="leave out `spread`")
    return Demand(role, form, per * count, per, count, slices)


def _per(role: Role, base: Content, findings: Findings) -> int:
    """Return the workers on each node, at most as many as fit."""
    size, room = role.size, base.free
    if size.pins:
        return len(size.pins)
    fits = base.most(size.gpus)
    per = fits if size.fill else size.workers_per_node or 1
    if per <= fits:
        return max(1, per)
    message = (
        f"role `{role.name}` wants {per} workers of {counted(size.gpus, 'GPU')} on a node,"
        f" which is {counted(per * size.gpus, 'GPU')}, but a node has {room}{' in pieces' * bool(base.pins)}"
    )
    path = at_key(role, "workers-per-node")
    tries = ladder(path, fewer(fits)), smaller_workers(role, room // per)
    refuse(findings, "D209", message, path, *tries, otherwise="ask for fewer workers on a node, or smaller ones")
    return max(1, fits)


# What is refused


def _check_beside(wanted: Sequence[Demand], findings: Findings) -> None:
    """Refuse programs that take equal slices and stand beside workers of others."""
    by_name = {demand.role.name: demand for demand in wanted}
    for role in (demand.role for demand in wanted if demand.form == "beside" and demand.role.size.equal_slices):
        demand = by_name[role.size.beside]
        while demand.form == "beside":
            demand = by_name[demand.role.size.beside]
        if demand.form == "wide" and demand.slices[0] != demand.slices[-1] and not demand.role.size.equal_slices:
            refuse_unequal(role, demand.role, demand.slices, findings)


def _check_numbers(demand: Demand, findings: Findings) -> None:
    """Refuse numbers that no cluster has, before anything is made as long as they are."""
    role, tasks = demand.role, demand.workers * max(1, len(demand.slices))
    if demand.nodes > MOST_NODES:
        message = f"role `{role.name}` needs {demand.nodes} nodes, and a job has at most {MOST_NODES}"
        refuse(findings, "D212", message, sized_by(role), otherwise="ask for fewer or smaller workers")
    elif tasks > MOST_TASKS:
        message = f"role `{role.name}` comes to {tasks} tasks, and a role has at most {MOST_TASKS}"
        refuse(findings, "D212", message, sized_by(role), otherwise="ask for fewer workers")


def _refuse_no_room(role: Role, base: Content, every: Sequence[Demand], findings: Findings) -> None:
    gpus, capacity, room = role.size.gpus, base.gpus, base.free
    if base.pins or role.size.pins:
        refuse_around(role, base, [demand.role for demand in every], findings)
        return
    message = (
        f"role `{role.name}` needs {counted(gpus, 'GPU')} per worker,"
        f" but of a node's {capacity} the roles on every node leave {room}"
    )
    least = least_slice(role.size, capacity, 1)
    tries = [*(coming_after(demand.role, role) for demand in every), smaller_workers(role, room)]
    for demand in every:
        tries += _less_on_every_node(demand, room + demand.gpus_on_node - least)
    tries.append(filling(role, capacity))
    otherwise = "give the roles on every node fewer or smaller workers"
    refuse(findings, "D210", message, at_key(role, "gpus-per-worker"), *tries, otherwise=otherwise)


def _refuse_every(every: Sequence[Demand], taken: int, capacity: int, findings: Findings) -> None:
    needs = ", ".join(f"`{demand.role.name}` {demand.gpus_on_node}" for demand in every)
    message = f"the roles on every node need {counted(taken, 'GPU')} there ({needs}), but a node has {capacity}"
    roles = [demand.role for demand in every]
    tries = [coming_after(task, later) for task in roles for later in roles]
    for demand in every[::-1]:
        tries += _less_on_every_node(demand, capacity - taken + demand.gpus_on_node)
    otherwise = "give one of them nodes of its own"
    refuse(findings, "D209", message, at_key(every[-1].role, "per-node"), *tries, otherwise=otherwise)


def _less_on_every_node(demand: Demand, most: int) -> list[Ladder]:
    """Suggest that a role on every node takes no more than so many GPUs of each."""
    fits = max(0, most) // demand.slices[0]
    return [
        ladder(at_key(demand.role, "workers-per-node"), fewer(fits) if fits < demand.workers_per_node else []),
        smaller_workers(demand.role, max(0, most) // demand.workers_per_node),
        ladder(at_key(demand.role, "per-node"), [False]),
    ]
