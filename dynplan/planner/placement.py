"""The planner: a job in, a plan out. Four stages: demands, nodes, slices, ports."""

from collections.abc import Iterator, Sequence
from itertools import chain, count, islice, repeat
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from dynplan.diagnostics import Finding, InputError
from dynplan.language.task_numbers import check_expressions, counting_on_equal
from dynplan.model import Job, Node, Placement, Plan, PortBlocks, Ports, Record, Role, Task, Worker
from dynplan.planner.allocation import allocate
from dynplan.planner.cutting import Slice
from dynplan.planner.demand import Demand, demands
from dynplan.planner.nodes import Allocation
from dynplan.planner.ports import assign
from dynplan.planner.remaining import Homes
from dynplan.planner.services import place_services
from dynplan.planner.slices import slice_nodes

if TYPE_CHECKING:
    from dynplan.planner.turns import Turns  # few jobs have tasks that others come after


@frozen(eq=False, repr=False)
class _Standing(Record):
    """Where the workers of every role stand and which GPUs they have; `turns` where places are to be had in turns."""

    wanted: tuple[Demand, ...]
    allocation: Allocation
    homes: tuple[Homes, ...]
    slices: list[list[Slice]]
    turns: "Turns | None"


def plan(job: Job, gpus: Sequence[int] = ()) -> Plan:
    """Return the placement of a job, the same for the same job on every machine.

    Args:
        job: the job.
        gpus: the GPUs of each node, by index, where nodes differ; the job then takes exactly these nodes.
            Nothing for nodes that all have the cluster's `gpus-per-node`.

    Raises:
        InputError: the job cannot be placed (D2xx) or its ports cannot (D3xx); every finding says what
            is needed and what there is, and carries changes that might fit (`dynplan.planner.advice`).
    """
    if any(role.task for role in job.roles) and any(role.after for role in job.roles):
        from dynplan.planner.turns import turns_of  # few jobs have tasks that others come after

        turns = turns_of(job.roles)
        if turns:
            return _with_turns(job, gpus, turns)
    return _planned(job, _standing(job, gpus, None), None)


def _with_turns(job: Job, gpus: Sequence[int], turns: "Turns") -> Plan:
    """Return the plan of a job in which roles come after tasks: in turns where all of it at once does not fit.

    The fewest nodes are those that hold everything in turns, and where these are no fewer nobody gives anything back.
    """
    try:
        at_once: _Standing | None = _standing(job, gpus, None)
    except InputError:
        at_once = None
    if at_once is None:
        return _planned(job, _standing(job, gpus, turns), turns)
    if job.num_nodes != "min":
        return _planned(job, at_once, turns)
    from dynplan.planner.in_turns import bound_in_turns  # few jobs have tasks that others come after

    try:
        standing = _standing(job, gpus, turns)
        if standing.allocation.nodes < at_once.allocation.nodes:
            return _planned(job, standing, turns)
        lower = standing.allocation.lower
    except InputError:
        lower = bound_in_turns(job, turns)
    bound = min(at_once.allocation.lower, lower)
    return _planned(job, evolve(at_once, allocation=evolve(at_once.allocation, lower=bound)), turns)


def _standing(job: Job, gpus: Sequence[int], turns: "Turns | None") -> _Standing:
    """Place the workers of every role, all at once or in turns."""
    wanted = demands(job, gpus or (job.cluster.gpus_per_node,), turns)
    allocation = allocate(job, wanted, gpus, turns)
    homes = place_services(wanted, allocation, turns)
    if turns:
        from dynplan.planner.in_turns import slices_in_turns  # few jobs have tasks that others come after

        slices = slices_in_turns(wanted, homes, allocation.gpus, job.cluster.groups, turns)
    else:
        slices = slice_nodes(wanted, homes, allocation.gpus, job.cluster.groups)
    return _Standing(wanted, allocation, homes, slices, turns)


def _planned(job: Job, standing: _Standing, turns: "Turns | None") -> Plan:
    """Give ports to workers that have their places, and put everything together."""
    wanted, allocation, homes = standing.wanted, standing.allocation, standing.homes
    ports, warnings = assign(job.roles, homes, allocation.nodes, job.cluster, turns)
    blocks, warnings = _blocks(job, ports, warnings)
    workers = tuple(_workers(job.roles, homes, standing.slices, ports))
    if turns:
        from dynplan.planner.given import with_until  # few jobs have tasks that others come after

        workers = with_until(job.roles, workers, turns)
    found = Plan(
        job=job,
        placement=Placement(allocation.mode, allocation.lower, standing.turns is not None),
        head=allocation.head,
        nodes=tuple(map(Node, range(allocation.nodes), allocation.hosts, allocation.gpus)),
        workers=workers,
        warnings=(*_placement_warnings(job, wanted, allocation, homes), *_unequal(job, wanted, workers), *warnings),
        blocks=blocks,
    )
    check_expressions(found)
    return found


def _blocks(
    job: Job, ports: Sequence[list[Ports]], warnings: tuple[Finding, ...]
) -> tuple[PortBlocks | None, tuple[Finding, ...]]:
    """Return the blocks of ports that a job may take, and the warnings about ports with one of blocks."""
    if job.port_offset == "none":
        return None, warnings
    from dynplan.planner.blocks import in_ephemeral, port_blocks  # most jobs have their nodes to themselves

    blocks = port_blocks(job.roles, ports, job.cluster)
    more = in_ephemeral(blocks, job.cluster) if blocks and not warnings else ()
    return blocks, (*warnings, *more)


def _workers(
    roles: Sequence[Role], homes: Sequence[Homes], slices: Sequence[list[Slice]], ports: Sequence[list[Ports]]
) -> Iterator[Worker]:
    """Yield the workers of every role with their tasks, which slices and ports list one behind another."""
    for role, role_homes, of_slices, of_ports in zip(roles, homes, slices, ports, strict=True):
        sizes = [len(home) for home in role_homes]
        ranks = chain.from_iterable(map(range, sizes))
        tasks = map(Task, ranks, chain.from_iterable(role_homes), of_slices, of_ports)
        of_workers = map(tuple, map(islice, repeat(tasks), sizes))
        yield from map(Worker, repeat(role.name), count(), of_workers, repeat(role.size.beside))


def _unequal(job: Job, wanted: Sequence[Demand], workers: Sequence[Worker]) -> Iterator[Finding]:
    """Yield a warning for each role that computes with ranks as if all slices of a worker were alike."""
    uneven = {demand.role.name for demand in wanted if len(set(demand.slices)) > 1}
    for demand in wanted if uneven else ():
        role = demand.role
        of_role = [worker for worker in workers if worker.role == role.name]
        if role.name not in uneven and not any(len({len(task.gpus) for task in one.tasks}) > 1 for one in of_role):
            continue
        if text := counting_on_equal(job, role, of_role):
            message = f"`{text.strip()}` of role `{role.name}` takes the slices of a worker for alike, and they are not"
            fix = "`gpus-before` is the number of the worker's GPUs on the nodes before a task's"
            yield Finding("W203", message, ("roles", role.name), fix)


def _placement_warnings(
    job: Job, wanted: Sequence[Demand], allocation: Allocation, homes: Sequence[Homes]
) -> tuple[Finding, ...]:
    found: list[Finding] = []
    busy = {node for demand, role in zip(wanted, homes, strict=True) if demand.slices for home in role for node in home}
    idle = allocation.nodes - len(busy)
    if busy and idle:
        path = ("job", "nodes") if job.hosts else ("job", "num-nodes")
        run = "runs" if idle == 1 else "run"
        found.append(
            Finding(
                "W201",
                f"{idle} of {allocation.nodes} nodes {run} no role with GPUs",
                path,
                f"{len(busy)} nodes hold them all" if len(busy) > 1 else "one node holds them all",
            )
        )
    if allocation.lower < allocation.nodes and job.num_nodes == "min":
        found.append(
            Finding(
                "W202",
                f"{allocation.nodes} nodes are not proven minimal: {allocation.lower} may do",
                ("job", "num-nodes"),
            )
        )
    return tuple(found)
