"""The planner: a job in, a plan out. Four stages: demands, nodes, slices, ports."""

from collections.abc import Iterator, Sequence
from itertools import chain, count, islice, repeat
from typing import TYPE_CHECKING

from dynplan.diagnostics import Finding
from dynplan.language.task_numbers import check_expressions, counting_on_equal
from dynplan.model import Job, Plan, PortBlocks, Ports, Role, Task, Worker
from dynplan.planner.cutting import Slice
from dynplan.planner.demand import Demand
from dynplan.planner.ports import assign
from dynplan.planner.remaining import Homes
from dynplan.planner.standing import Standing, stand

if TYPE_CHECKING:
    from dynplan.planner.turns import Turns  # few jobs have tasks that others come after


def plan(job: Job, gpus: Sequence[int] = ()) -> Plan:
    """Return the placement of a job, the same for the same job on every machine.

    Args:
        job: the job.
        gpus: the GPUs of each node, by index, where nodes differ; the job then takes exactly these nodes.
            Nothing for nodes that all have the cluster's `gpus-per-node`, or that of their group.

    Raises:
        InputError: the job cannot be placed (D2xx) or its ports cannot (D3xx); every finding says what
            is needed and what there is, and carries changes that might fit (`dynplan.planner.advice`).
    """
    turns = _turns(job)
    standing = _standing(job, gpus, turns)
    ports, warnings = assign(job.roles, standing.homes, len(standing.nodes), job.cluster, turns)
    blocks, warnings = _blocks(job, ports, warnings)
    workers = tuple(_workers(job.roles, standing.homes, standing.slices, ports))
    if turns:
        from dynplan.planner.given import with_until  # few jobs have tasks that others come after

        workers = with_until(job.roles, workers, turns)
    found = Plan(
        job=job,
        placement=standing.placement,
        head=standing.head,
        nodes=standing.nodes,
        workers=workers,
        warnings=(*standing.warnings, *_unequal(job, standing.wanted, workers), *warnings),
        blocks=blocks,
    )
    check_expressions(found)
    return found


def _turns(job: Job) -> "Turns | None":
    """Return who has places in turns, None where no role comes after a task."""
    if not any(role.task for role in job.roles) or not any(role.after for role in job.roles):
        return None
    from dynplan.planner.turns import turns_of  # few jobs have tasks that others come after

    return turns_of(job.roles)


def _standing(job: Job, gpus: Sequence[int], turns: "Turns | None") -> Standing:
    """Return where the roles of a job stand, on nodes of one kind or of several."""
    if job.cluster.node_groups:
        from dynplan.planner.groups import stand_in_groups  # few clusters have nodes of several kinds

        return stand_in_groups(job, lambda of_group: _on_one_kind(of_group, (), turns))
    return _on_one_kind(job, gpus, turns)


def _on_one_kind(job: Job, gpus: Sequence[int], turns: "Turns | None") -> Standing:
    """Place the roles at once if they fit so, else in turns, which are those of the roles of all kinds of nodes."""
    if turns:
        from dynplan.planner.timing import stand_in_turns  # few jobs have tasks that others come after

        return stand_in_turns(job, gpus, turns)
    return stand(job, gpus)


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
