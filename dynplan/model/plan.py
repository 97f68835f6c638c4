"""What is planned: nodes, and the workers on them with their GPUs and ports."""

from typing import Literal

from attrs import frozen

from dynplan.diagnostics import Finding
from dynplan.model.job import Job
from dynplan.model.values import Record


@frozen(eq=False, repr=False)
class Node(Record):
    """One node of the allocation; `host` is None where the user named no host, `group` empty where all are alike."""

    node: int
    host: str | None
    gpus: int
    group: str = ""


@frozen
class Block:
    """`count` ports from `port` up, bound by one task."""

    port: int
    count: int


Ports = tuple[tuple[str, Block], ...]
Segments = tuple[tuple[str, int], ...]  # pairs of a node group and how many of its nodes are a segment


@frozen(eq=False, repr=False)
class Task(Record):
    """One process of a worker: its node, its slice, and the ports it binds."""

    rank: int
    node: int
    gpus: tuple[int, ...]
    ports: Ports


@frozen(eq=False, repr=False)
class Worker(Record):
    """One instance of a role, `tasks` in rank order; it `shares` nodes and GPUs with that role's of its index.

    `until`: roles that start when all workers of this one have ended, and have some of what these held.
    """

    role: str
    worker: int
    tasks: tuple[Task, ...]
    shares: str = ""
    until: tuple[str, ...] = ()


@frozen(eq=False, repr=False)
class Placement(Record):
    """How the nodes were found: `mode` is `separate` or `shared`.

    `lower` is the proven least number of nodes where `num-nodes = "min"` was asked, else
    the number of nodes itself. `in_turns`: roles were placed as if tasks had given back what they held. `segment` nodes
    in a row are to be of one NVLink domain, 0 where none need be; on a cluster with node groups it is 0, and `segments`
    says it of the nodes of each group that has some.
    """

    mode: Literal["separate", "shared"]
    lower: int
    in_turns: bool = False
    segment: int = 0
    segments: Segments = ()

    def segment_of(self, group: str) -> int:
        """Return the nodes of a segment of a group; of any node where all are alike."""
        return dict(self.segments).get(group, self.segment)


@frozen(eq=False, repr=False)
class PortBlocks(Record):
    """The blocks of ports of which each job takes one by its id.

    The ports of a plan that are not fixed are those of block 0, from `first` on and below `first + step`; in block k
    each is k times `step` higher. `runs` are the blocks that a job may take: ranges, both ends included, ascending.
    """

    first: int
    step: int
    runs: tuple[tuple[int, int], ...]

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(last - first + 1 for first, last in self.runs)


@frozen(eq=False, repr=False)
class Plan(Record):
    """The immutable answer: every worker's nodes, slices and ports, and all that is run.

    `blocks` is None where the job's ports are those of the plan.
    """

    job: Job
    placement: Placement
    head: int
    nodes: tuple[Node, ...]
    workers: tuple[Worker, ...]
    warnings: tuple[Finding, ...]
    blocks: PortBlocks | None = None


@frozen(eq=False, repr=False)
class Outline(Record):
    """Where everything stands, without what is run there: as much of a plan as other tools must write.

    `mode` is empty and `head` None where a tree does not say. `time` is the job's limit as Slurm reads it, empty for
    none. `segment` and `segments` are as in `Placement`.
    """

    name: str
    mode: str
    lower: int
    head: int | None
    nodes: tuple[Node, ...]
    workers: tuple[Worker, ...]
    warnings: tuple[Finding, ...]
    blocks: PortBlocks | None = None
    time: str = ""
    in_turns: bool = False
    segment: int = 0
    segments: Segments = ()

    def segment_of(self, group: str) -> int:
        """Return the nodes of a segment of a group; of any node where all are alike."""
        return dict(self.segments).get(group, self.segment)


def outline_of(plan: Plan) -> Outline:
    """Return where everything stands by a plan."""
    job, place = plan.job, plan.placement
    return Outline(
        name=job.name,
        mode=place.mode,
        lower=place.lower,
        head=plan.head,
        nodes=plan.nodes,
        workers=plan.workers,
        warnings=plan.warnings,
        blocks=plan.blocks,
        time=job.time,
        in_turns=place.in_turns,
        segment=place.segment,
        segments=place.segments,
    )
