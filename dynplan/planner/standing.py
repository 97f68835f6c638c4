"""Where the roles of a job stand on nodes of one kind: the first three stages of placement."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from attrs import frozen

from dynplan.diagnostics import Finding
from dynplan.model import Job, Node, Placement, Record
from dynplan.planner.allocation import allocate
from dynplan.planner.cutting import Slice
from dynplan.planner.demand import Demand, demands
from dynplan.planner.nodes import Allocation
from dynplan.planner.remaining import Homes
from dynplan.planner.services import place_services
from dynplan.planner.slices import slice_nodes

if TYPE_CHECKING:
    from dynplan.planner.turns import Turns  # few jobs have tasks that others come after


@frozen(eq=False, repr=False)
class Standing(Record):
    """The nodes of a job, and where every worker stands on them with which GPUs; everything but ports.

    Attributes:
        wanted: the demand of every role, in declaration order, as are the two below.
        homes: per role its workers' nodes.
        slices: per role the GPUs of each task, worker by worker and rank by rank.
        nodes: by index.
        placement: how they were found.
        head: the node of roles without GPUs and of phases.
        warnings: of what is legal and surely not meant.
    """

    wanted: tuple[Demand, ...]
    homes: tuple[Homes, ...]
    slices: list[list[Slice]]
    nodes: tuple[Node, ...]
    placement: Placement
    head: int
    warnings: tuple[Finding, ...]


def stand(job: Job, gpus: Sequence[int] = (), turns: "Turns | None" = None) -> Standing:
    """Return where the roles of a job stand.

    Args:
        job: the job; its nodes are all of one kind.
        gpus: the GPUs of each node, as for `dynplan.planner.placement.plan`.
        turns: who gives back to whom, where places are to be had in turns.

    Raises:
        InputError: D2xx, as `dynplan.planner.placement.plan`.
    """
    wanted = demands(job, gpus or (job.cluster.gpus_per_node,), turns)
    allocation = allocate(job, wanted, gpus, turns)
    homes = place_services(wanted, allocation, turns)
    return Standing(
        wanted=wanted,
        homes=homes,
        slices=_slices(job, wanted, homes, allocation.gpus, turns),
        nodes=tuple(map(Node, range(allocation.nodes), allocation.hosts, allocation.gpus)),
        placement=Placement(allocation.mode, allocation.lower, turns is not None, allocation.segment),
        head=allocation.head,
        warnings=_warnings(job, wanted, allocation, homes, turns),
    )


def _slices(
    job: Job, wanted: Sequence[Demand], homes: Sequence[Homes], gpus: Sequence[int], turns: "Turns | None"
) -> list[list[Slice]]:
    if turns:
        from dynplan.planner.in_turns import slices_in_turns  # few jobs have tasks that others come after

        return slices_in_turns(wanted, homes, gpus, job.cluster.groups, turns)
    return slice_nodes(wanted, homes, gpus, job.cluster.groups)


def _stages(wanted: Sequence[Demand], turns: "Turns | None") -> Sequence[Sequence[Demand]]:
    """Return the roles that share nodes out, in parts that never meet."""
    if turns is None:
        return (wanted,)
    from dynplan.planner.in_turns import stages_of  # few jobs have tasks that others come after

    return stages_of(wanted, turns)


def _warnings(
    job: Job, wanted: Sequence[Demand], allocation: Allocation, homes: Sequence[Homes], turns: "Turns | None"
) -> tuple[Finding, ...]:
    found: list[Finding] = []
    busy = {node for demand, role in zip(wanted, homes, strict=True) if demand.slices for home in role for node in home}
    idle = allocation.nodes - len(busy)
    if busy and idle and allocation.segment:
        from dynplan.planner.domains import idle_in_domains  # few clusters have domains

        found.append(idle_in_domains(job, wanted, allocation, len(busy), _stages(wanted, turns)))
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
        found.append(unproven(allocation.nodes, allocation.lower))
    return tuple(found)


def unproven(nodes: int, lower: int) -> Finding:
    """Return the warning of nodes that are not proven to be the fewest (W202)."""
    return Finding("W202", f"{nodes} nodes are not proven minimal: {lower} may do", ("job", "num-nodes"))
