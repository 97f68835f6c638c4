"""A plan's tree as it claims to be: the form is checked here, whether it holds in `dynplan.checker.promises`.

Nothing of the planner or the job reader is used, so that a mistake there cannot hide itself here. The
tables of the job are read only as far as promises follow from them; other tools may leave them out.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import frozen

from dynplan.checker.book import apart
from dynplan.checker.tree import Part, Range
from dynplan.diagnostics import Findings, Path

HIGHEST_PORT = 65535


@frozen
class StatedNode:
    """A node of the allocation; `host` is None where nobody named it, `group` empty where all nodes are alike."""

    path: Path
    node: int
    host: str | None
    gpus: int
    group: str


@frozen
class StatedPort:
    """`count` ports from `first` up, bound under a name."""

    path: Path
    name: str
    first: int
    count: int


@frozen
class StatedTask:
    """One task: its rank, its node, its GPUs and its ports."""

    path: Path
    rank: int
    node: int
    gpus: tuple[int, ...]
    ports: tuple[StatedPort, ...]


@frozen
class StatedWorker:
    """One worker of a role; `shares` is the role with whose worker of the same index it has nodes and GPUs.

    `until` are roles that have some of what its role held, when that has ended.
    """

    path: Path
    role: str
    worker: int
    tasks: tuple[StatedTask, ...]
    shares: str
    until: tuple[str, ...]

    @property
    def name(self) -> str:
        """How a message calls it."""
        return f"worker {self.worker} of `{self.role}`"

    @property
    def gpus(self) -> int:
        """The GPUs of all its tasks."""
        return sum(len(task.gpus) for task in self.tasks)


@frozen
class RequestedPort:
    """A port as the role asks for it; `base` is None for `"auto"`.

    `pieces` is all that it takes: offsets from its number, the end exclusive, apart from each other.
    """

    path: Path
    name: str
    base: int | None
    count: int
    low: int
    high: int
    fixed: bool
    everywhere: bool
    same: bool
    job_wide: bool
    pieces: tuple[Range, ...]


@frozen
class RequestedRole:
    """A role as the job asks for it; None where the job does not say, `fill` is `"max"` per node.

    `pins` are the GPUs of each of its workers on a node, where it names them by index.
    """

    path: Path
    name: str
    gpus: int
    workers: int | None
    num_nodes: int | None
    per: int | None
    fill: bool
    hosts: tuple[str, ...]
    per_node: bool
    spread: bool
    dedicated: bool
    split: str
    equal_slices: bool
    pins: tuple[tuple[int, ...], ...]
    place: str
    beside: str
    task: bool
    after: tuple[str, ...]
    group: str
    ports: tuple[RequestedPort, ...]


@frozen
class RequestedGroup:
    """A node group of the cluster, see `Request`; `num_nodes` and `hosts` are what the job says of it alone."""

    name: str
    gpus_per_node: int
    groups: tuple[tuple[int, ...], ...]
    domain_nodes: int
    segment: str
    num_nodes: int | str | None
    hosts: tuple[str, ...]


@frozen
class Request:
    """What the job's and the cluster's tables ask for, in role declaration order; `moves`: ports do by the job's id.

    `kinds` are the node groups of the cluster; what else is said of nodes is of all of them. `segment` is an option of
    sbatch.
    """

    roles: tuple[RequestedRole, ...]
    kinds: tuple[RequestedGroup, ...]
    num_nodes: int | str | None
    hosts: tuple[str, ...]
    gpus_per_node: int
    groups: tuple[tuple[int, ...], ...]
    domain_nodes: int
    segment: str
    port_range: Range
    reserved: tuple[Range, ...]
    moves: bool


@frozen
class StatedBlocks:
    """The blocks that ports may move to: the first number of block 0, how far the next one is, and their indices."""

    path: Path
    first: int
    step: int
    runs: tuple[Range, ...]


@frozen
class StatedPlan:
    """A plan as it stands; `request` is None where it carries no tables of the job, `blocks` where ports stay.

    `head`, `mode`, `lower`, `in_turns` and `segment` are what `placement` says, None or empty where it does not, and
    `segments` are those by node group, which it says in place of `segment`;
    `by_role` are the workers again. `later`: these are the nodes of a node group that is not the first, and the head is
    none of them.
    """

    nodes: tuple[StatedNode, ...]
    workers: tuple[StatedWorker, ...]
    head: int | None
    mode: str
    lower: int | None
    in_turns: bool
    segment: int | None
    segments: Mapping[str, int]
    request: Request | None
    blocks: StatedBlocks | None
    by_role: Mapping[str, list[StatedWorker]]
    later: bool = False

    def of_role(self, name: str) -> list[StatedWorker]:
        """Return a role's workers, as listed."""
        return self.by_role.get(name, [])


def read_stated(tree: Mapping[str, Any], findings: Findings) -> StatedPlan:
    """Return what a plan's tree claims; D501 and D502 for a tree of another form."""
    top = Part(tree, (), findings)
    if tree.get("schema") != 1:
        findings.error("D501", "this is no plan of schema 1", ("schema",), help="write one: `dynplan plan JOB`")
    nodes = tuple(
        StatedNode(part.path, part.count("node"), part.text("host") or None, part.count("gpus"), part.text("group"))
        for part in top.parts("nodes", needed=True)
    )
    workers = tuple(_worker(part) for part in top.parts("workers", needed=True))
    place = top.part("placement")
    by_group = place.part("segment") if isinstance(place.data.get("segment"), Mapping) else None
    return StatedPlan(
        nodes=nodes,
        workers=workers,
        head=place.maybe("head"),
        mode=place.text("mode"),
        lower=place.maybe("lower-bound"),
        in_turns=place.flag("in-turns"),
        segment=None if by_group else place.maybe("segment"),
        segments={group: by_group.count(group) for group in by_group.data} if by_group else {},
        request=_asked(top) if "roles" in tree else None,
        blocks=_blocks(top.part("port-offset")) if "port-offset" in tree else None,
        by_role=by_role(workers),
    )


def by_role(workers: Iterable[StatedWorker]) -> dict[str, list[StatedWorker]]:
    """Return workers by their role, in the order of the list."""
    found: dict[str, list[StatedWorker]] = {}
    for worker in workers:
        found.setdefault(worker.role, []).append(worker)
    return found


def _worker(part: Part) -> StatedWorker:
    tasks = tuple(_task(task) for task in part.parts("tasks", needed=True))
    name = part.text("role")
    if not name:
        part.wrong((*part.path, "role"), "the name of a role")
    return StatedWorker(part.path, name, part.count("worker"), tasks, part.text("shares"), part.texts("until"))


def _task(part: Part) -> StatedTask:
    part.list("gpus", needed=True)
    ports = tuple(
        StatedPort(port.path, name, port.count("port"), port.count("count", 1)) for name, port in part.named("ports")
    )
    return StatedTask(part.path, part.count("rank"), part.count("node"), part.numbers("gpus"), ports)


def _blocks(part: Part) -> StatedBlocks:
    return StatedBlocks(part.path, part.count("first"), part.count("step"), part.ranges("blocks"))


def _asked(top: Part) -> Request:
    job, cluster = top.part("job"), top.part("cluster")
    kinds = tuple(_kind(part, cluster, job) for part in cluster.parts("node-groups"))
    moves = (job.text("port-offset") or cluster.text("port-offset")) == "job-id"
    ranges = cluster.ranges("port-range")
    return Request(
        roles=tuple(_role(name, part, moves) for name, part in top.named("roles")),
        kinds=kinds,
        num_nodes=None if kinds and isinstance(job.data.get("num-nodes"), Mapping) else _num_nodes(job, "num-nodes"),
        hosts=() if kinds and isinstance(job.data.get("nodes"), Mapping) else job.texts("nodes"),
        gpus_per_node=cluster.count("gpus-per-node", 0),
        groups=_islands(cluster),
        domain_nodes=cluster.count("domain-nodes", 0),
        segment=_segment(cluster, job),
        port_range=ranges[0] if ranges else (20000, 21999),
        reserved=cluster.ranges("reserved-ports"),
        moves=moves,
    )


def _segment(*parts: Part) -> str:
    """Return an option of sbatch as the last of several tables has it that says it."""
    options: dict[str, Any] = {}
    for part in parts:
        options |= part.part("sbatch").data
    return str(options.get("segment", False))


def _num_nodes(part: Part, key: str) -> int | str | None:
    value = part.data.get(key)
    return value if value is None or value == "min" else part.count(key)


def _islands(part: Part) -> tuple[tuple[int, ...], ...]:
    groups = part.list("gpu-groups")
    if not all(isinstance(group, list) and all(isinstance(gpu, int) for gpu in group) for group in groups):
        part.wrong((*part.path, "gpu-groups"), "a list of lists of GPU indices")
        return ()
    if "gpu-groups" not in part.data:
        groups = _numa_nodes(part.numbers("gpu-numa"))
    return tuple(tuple(group) for group in groups)


def _numa_nodes(nodes: tuple[int, ...]) -> list[list[int]]:
    """Return the GPUs of each NUMA node, which are groups where nobody names any."""
    return [[gpu for gpu, node in enumerate(nodes) if node == one] for one in sorted(set(nodes))]


def _kind(part: Part, cluster: Part, job: Part) -> RequestedGroup:
    name = part.text("name")
    numbers, hosts = (
        job.part(key) if isinstance(job.data.get(key), Mapping) else Part({}, (*job.path, key), job.findings)
        for key in ("num-nodes", "nodes")
    )
    return RequestedGroup(
        name=name,
        gpus_per_node=part.count("gpus-per-node", 0),
        groups=_islands(part),
        domain_nodes=part.count("domain-nodes", 0),
        segment=_segment(cluster, part, job),
        num_nodes=_num_nodes(numbers, name),
        hosts=hosts.texts(name),
    )


def _role(name: str, part: Part, moves: bool) -> RequestedRole:
    fill = part.data.get("workers-per-node") == "max"
    pins = _pins(part)
    per = None if fill else part.maybe("workers-per-node")
    return RequestedRole(
        path=part.path,
        name=name,
        gpus=part.count("gpus-per-worker", len(pins[0]) if pins else 0),
        workers=part.maybe("workers"),
        num_nodes=part.maybe("num-nodes"),
        per=len(pins) if pins else per,
        fill=fill,
        hosts=part.texts("nodes"),
        per_node=part.flag("per-node"),
        spread=part.flag("spread"),
        dedicated=part.flag("dedicated"),
        split=part.text("split"),
        equal_slices=part.flag("equal-slices"),
        pins=pins,
        place=part.text("place"),
        beside=part.text("beside"),
        task=part.text("kind") == "task",
        after=part.texts("after"),
        group=part.text("group"),
        ports=tuple(_port(port, part, moves) for port in part.part("ports").data),
    )


def _pins(role: Part) -> tuple[tuple[int, ...], ...]:
    """Return the GPUs of a role by index: one list, or one for each worker of a node."""
    lists = role.list("gpus")
    if lists and not any(isinstance(item, list) for item in lists):
        lists = [lists]
    if not all(isinstance(item, list) and item for item in lists):
        role.wrong((*role.path, "gpus"), "a list of GPU indices, or a list of such lists")
        return ()
    return tuple(tuple(role.number(gpu, (*role.path, "gpus")) for gpu in item) for item in lists)


def _port(name: str, role: Part, moves: bool) -> RequestedPort:
    value = role.part("ports").data[name]
    part = Part(value if isinstance(value, Mapping) else {"base": value}, (*role.path, "ports", name), role.findings)
    fixed = part.data.get("fixed", False)
    base = part.data.get("base", "auto") if isinstance(fixed, bool) else fixed
    count = part.count("count", 1)
    return RequestedPort(
        path=part.path,
        name=name,
        base=None if base == "auto" or (moves and fixed is False) else part.number(base, part.path),
        count=count,
        low=part.count("min", 1),
        high=part.count("max", HIGHEST_PORT),
        fixed=fixed is not False,
        everywhere=part.text("on") == "every-task" or part.flag("same"),
        same=part.flag("same"),
        job_wide=part.text("scope") == "job",
        pieces=tuple(apart([(0, max(1, count)), *((low, high + 1) for low, high in part.ranges("also"))])),
    )
