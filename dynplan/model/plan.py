"""What is planned: nodes, and the workers on them with their GPUs and ports."""

from typing import Literal

from attrs import frozen

from dynplan.diagnostics import Finding
from dynplan.model.job import Job
from dynplan.model.values import Record


@frozen(eq=False, repr=False)
class Node(Record):
    """One node of the allocation; `host` is None where the user named no host."""

    node: int
    host: str | None
    gpus: int


@frozen
class Block:
    """`count` ports from `port` up, bound by one task."""

    port: int
    count: int


Ports = tuple[tuple[str, Block], ...]


@frozen(eq=False, repr=False)
class Task(Record):
    """One process of a worker: its node, its slice, and the ports it binds."""

    rank: int
    node: int
    gpus: tuple[int, ...]
    ports: Ports


@frozen(eq=False, repr=False)
class Worker(Record):
    """One instance of a role, `tasks` in rank order; it `shares` nodes and GPUs with that role's of its index."""

    role: str
    worker: int
    tasks: tuple[Task, ...]
    shares: str = ""


@frozen(eq=False, repr=False)
class Placement(Record):
    """How the nodes were found: `mode` is `separate` or `shared`.

    `lower` is the proven least number of nodes where `num-nodes = "min"` was asked, else
    the number of nodes itself. `segment` nodes in a row are to be of one NVLink domain, 0 where none need be.
    """

    mode: Literal["separate", "shared"]
    lower: int
    segment: int = 0


@frozen(eq=False, repr=False)
class Plan(Record):
    """The immutable answer: every worker's nodes, slices and ports, and all that is run."""

    job: Job
    placement: Placement
    head: int
    nodes: tuple[Node, ...]
    workers: tuple[Worker, ...]
    warnings: tuple[Finding, ...]


@frozen(eq=False, repr=False)
class Outline(Record):
    """Where everything stands, without what is run there: as much of a plan as other tools must write.

    `mode` is empty and `head` None where a tree does not say.
    """

    name: str
    mode: str
    lower: int
    head: int | None
    nodes: tuple[Node, ...]
    workers: tuple[Worker, ...]
    warnings: tuple[Finding, ...]
    segment: int = 0


def outline_of(plan: Plan) -> Outline:
    """Return where everything stands by a plan."""
    place = plan.placement
    named = plan.job.name, place.mode, place.lower, plan.head
    return Outline(*named, plan.nodes, plan.workers, plan.warnings, place.segment)
