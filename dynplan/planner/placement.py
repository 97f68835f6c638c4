"""The planner: a job in, a plan out. Four stages: demands, nodes, slices, ports."""

from collections.abc import Iterator, Sequence
from itertools import chain, count, islice, repeat

from dynplan.diagnostics import Finding
from dynplan.language.task_numbers import check_expressions, counting_on_equal
from dynplan.model import Job, Node, Placement, Plan, Ports, Role, Task, Worker
from dynplan.planner.allocation import allocate
from dynplan.planner.cutting import Slice
from dynplan.planner.demand import Demand, demands
from dynplan.planner.nodes import Allocation
from dynplan.planner.ports import assign
from dynplan.planner.remaining import Homes
from dynplan.planner.services import place_services
from dynplan.planner.slices import slice_nodes


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
    wanted = demands(job, gpus or (job.cluster.gpus_per_node,))
    allocation = allocate(job, wanted, gpus)
    homes = place_services(wanted, allocation)
    slices = slice_nodes(wanted, homes, allocation.gpus, job.cluster.groups)
    ports, warnings = assign(job.roles, homes, allocation.nodes, job.cluster)
    workers = tuple(_workers(job.roles, homes, slices, ports))
    found = Plan(
        job=job,
        placement=Placement(allocation.mode, allocation.lower, allocation.segment),
        head=allocation.head,
        nodes=tuple(map(Node, range(allocation.nodes), allocation.hosts, allocation.gpus)),
        workers=workers,
        warnings=(*_placement_warnings(job, wanted, allocation, homes), *_unequal(job, wanted, workers), *warnings),
    )
    check_expressions(found)
    return found


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
    if busy and idle and allocation.segment:
        from dynplan.planner.domains import idle_in_domains  # few clusters have domains

        found.append(idle_in_domains(job, wanted, allocation, len(busy)))
    elif busy and idle:
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
