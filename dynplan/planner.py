"""The planner: a job in, a plan out. Four stages: demands, nodes, slices, ports."""

from collections.abc import Sequence

from dynplan.allocate import allocate, room
from dynplan.demand import Demand, demands
from dynplan.errors import Finding
from dynplan.expressions import check_expressions
from dynplan.model import Job, Node, Placement, Plan, Ports, Task, Worker
from dynplan.nodes import Allocation, Homes
from dynplan.ports import assign
from dynplan.services import follow
from dynplan.slices import Slice, cut


def plan(job: Job) -> Plan:
    """Return the placement of a job, the same for the same job on every machine.

    Raises:
        InputError: the job cannot be placed (D2xx) or its ports cannot (D3xx); every finding says what
            is needed, what there is, and where it can be computed a change that fits.
    """
    wanted = demands(job)
    allocation = allocate(job, wanted, room(job, wanted))
    homes = follow(wanted, allocation)
    slices = _slices(job, wanted, homes, allocation.nodes)
    ports, warnings = assign(job.roles, homes, allocation.nodes, job.cluster)
    found = Plan(
        job=job,
        placement=Placement(allocation.mode, allocation.lower),
        head=allocation.head,
        nodes=tuple(Node(node, host, job.cluster.gpus_per_node) for node, host in enumerate(allocation.hosts)),
        workers=_workers(job, homes, slices, ports),
        warnings=(*_placement_warnings(job, wanted, allocation, homes), *warnings),
    )
    check_expressions(found)
    return found


def _slices(job: Job, wanted: Sequence[Demand], homes: Sequence[Homes], count: int) -> list[list[list[Slice]]]:
    """Return per role, per worker, per rank the GPUs; equal nodes are cut once."""
    on_node: list[list[tuple[int, int, int]]] = [[] for _ in range(count)]
    sizes: list[list[int]] = [[] for _ in range(count)]
    out: list[list[list[Slice]]] = []
    for at, (demand, role_homes) in enumerate(zip(wanted, homes, strict=True)):
        out.append([[()] * len(home) for home in role_homes])
        if not demand.role.size.gpus:
            continue
        for worker, home in enumerate(role_homes):
            for rank, node in enumerate(home):
                on_node[node].append((at, worker, rank))
                sizes[node].append(demand.slices[rank])
    for node, places in enumerate(on_node):
        pieces = cut(tuple(sizes[node]), job.cluster.gpus_per_node, job.cluster.groups)
        for (at, worker, rank), piece in zip(places, pieces, strict=True):
            out[at][worker][rank] = piece
    return out


def _workers(
    job: Job, homes: Sequence[Homes], slices: list[list[list[Slice]]], ports: list[list[list[Ports]]]
) -> tuple[Worker, ...]:
    return tuple(
        Worker(
            role.name,
            worker,
            tuple(
                Task(rank, node, slices[at][worker][rank], ports[at][worker][rank]) for rank, node in enumerate(home)
            ),
        )
        for at, role in enumerate(job.roles)
        for worker, home in enumerate(homes[at])
    )


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
