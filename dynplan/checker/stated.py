"""A plan's tree as it claims to be: the form is checked here, whether it holds in `dynplan.checker.promises`.

Nothing of the planner or the job reader is used, so that a mistake there cannot hide itself here. The
tables of the job are read only as far as promises follow from them; other tools may leave them out.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from attrs import frozen

from dynplan.diagnostics import Findings, Path

HIGHEST_PORT = 65535
_LARGEST = 10**6
_RANGE = re.compile(r"\+?([0-9]{1,5})(?:(?:-|\.\.)\+?([0-9]{1,5}))?")

Range = tuple[int, int]  # both ends included


@frozen
class StatedNode:
    """A node of the allocation; `host` is None where nobody named it."""

    path: Path
    node: int
    host: str | None
    gpus: int


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
    """One worker of a role; `shares` is the role with whose worker of the same index it has nodes and GPUs."""

    path: Path
    role: str
    worker: int
    tasks: tuple[StatedTask, ...]
    shares: str

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
    ports: tuple[RequestedPort, ...]


@frozen
class Request:
    """What the job's and the cluster's tables ask for, in role declaration order; `segment` is an option of sbatch."""

    roles: tuple[RequestedRole, ...]
    num_nodes: int | str | None
    hosts: tuple[str, ...]
    gpus_per_node: int
    groups: tuple[tuple[int, ...], ...]
    domain_nodes: int
    segment: str
    port_range: Range
    reserved: tuple[Range, ...]


@frozen
class StatedPlan:
    """A plan as it stands; `request` is None where it carries no tables of the job.

    `head`, `mode`, `lower` and `segment` are what `placement` says, None or empty where it does not; `by_role` are the
    workers again.
    """

    nodes: tuple[StatedNode, ...]
    workers: tuple[StatedWorker, ...]
    head: int | None
    mode: str
    lower: int | None
    segment: int | None
    request: Request | None
    by_role: Mapping[str, list[StatedWorker]]

    def of_role(self, name: str) -> list[StatedWorker]:
        """Return a role's workers, as listed."""
        return self.by_role.get(name, [])


def read_stated(tree: Mapping[str, Any], findings: Findings) -> StatedPlan:
    """Return what a plan's tree claims; D501 and D502 for a tree of another form."""
    top = _Part(tree, (), findings)
    if tree.get("schema") != 1:
        findings.error("D501", "this is no plan of schema 1", ("schema",), help="write one: `dynplan plan JOB`")
    nodes = tuple(
        StatedNode(part.path, part.count("node"), part.text("host") or None, part.count("gpus"))
        for part in top.parts("nodes", needed=True)
    )
    workers = tuple(_worker(part) for part in top.parts("workers", needed=True))
    by_role: dict[str, list[StatedWorker]] = {}
    for worker in workers:
        by_role.setdefault(worker.role, []).append(worker)
    place = top.part("placement")
    return StatedPlan(
        nodes=nodes,
        workers=workers,
        head=place.maybe("head"),
        mode=place.text("mode"),
        lower=place.maybe("lower-bound"),
        segment=place.maybe("segment"),
        request=_asked(top) if "roles" in tree else None,
        by_role=by_role,
    )


class _Part:
    """A table of the tree; a value of the wrong form is reported and read as a harmless one."""

    def __init__(self, data: Any, path: Path, findings: Findings) -> None:
        self.path = path
        self.findings = findings
        self.data: Mapping[str, Any] = data if isinstance(data, Mapping) else {}
        if data is not self.data and data is not None:
            self.wrong(path, "a table")

    def wrong(self, path: Path, wanted: str) -> None:
        name = ".".join(str(key) for key in path if isinstance(key, str))
        self.findings.error("D502", f"`{name}` of a plan must be {wanted}", path)

    def text(self, key: str) -> str:
        value = self.data.get(key)
        if value is not None and not isinstance(value, str):
            self.wrong((*self.path, key), "a string")
            return ""
        return value or ""

    def count(self, key: str, default: int | None = None) -> int:
        return self.number(self.data.get(key, default), (*self.path, key))

    def maybe(self, key: str) -> int | None:
        return self.count(key) if key in self.data else None

    def number(self, value: Any, path: Path) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST:
            return value
        self.wrong(path, f"a whole number from 0 to {_LARGEST}")
        return 0

    def flag(self, key: str) -> bool:
        value = self.data.get(key, False)
        if not isinstance(value, bool):
            self.wrong((*self.path, key), "`true` or `false`")
        return value is True

    def list(self, key: str, *, needed: bool = False) -> list[Any]:
        value = self.data.get(key, None if needed else [])
        if isinstance(value, list):
            return value
        self.wrong((*self.path, key), "a list")
        return []

    def numbers(self, key: str) -> tuple[int, ...]:
        items = enumerate(self.list(key))
        return tuple(self.number(item, (*self.path, key, at)) for at, item in items)

    def texts(self, key: str) -> tuple[str, ...]:
        items = self.list(key)
        if not all(isinstance(item, str) for item in items):
            self.wrong((*self.path, key), "a list of strings")
            return ()
        return tuple(items)

    def part(self, key: str) -> "_Part":
        return _Part(self.data.get(key), (*self.path, key), self.findings)

    def parts(self, key: str, *, needed: bool = False) -> Iterator["_Part"]:
        for at, item in enumerate(self.list(key, needed=needed)):
            yield _Part(item, (*self.path, key, at), self.findings)

    def named(self, key: str) -> Iterator[tuple[str, "_Part"]]:
        outer = self.part(key)
        for name, value in outer.data.items():
            yield name, _Part(value, (*outer.path, name), self.findings)

    def ranges(self, key: str) -> tuple[Range, ...]:
        """Return ranges written as `9100`, `"9100"`, `"6817-6819"` or, for offsets, `"233..239"`."""
        value = self.data.get(key, [])
        found: list[Range] = []
        for item in value if isinstance(value, list) else [value]:
            match = _RANGE.fullmatch(str(item).replace(" ", ""))
            if match is None:
                self.wrong((*self.path, key), "a range of numbers")
                continue
            found.append((int(match[1]), int(match[2] or match[1])))
        return tuple(found)


def _worker(part: _Part) -> StatedWorker:
    tasks = tuple(_task(task) for task in part.parts("tasks", needed=True))
    name = part.text("role")
    if not name:
        part.wrong((*part.path, "role"), "the name of a role")
    return StatedWorker(part.path, name, part.count("worker"), tasks, part.text("shares"))


def _task(part: _Part) -> StatedTask:
    part.list("gpus", needed=True)
    ports = tuple(
        StatedPort(port.path, name, port.count("port"), port.count("count", 1)) for name, port in part.named("ports")
    )
    return StatedTask(part.path, part.count("rank"), part.count("node"), part.numbers("gpus"), ports)


def _asked(top: _Part) -> Request:
    job, cluster = top.part("job"), top.part("cluster")
    num_nodes = job.data.get("num-nodes")
    groups = cluster.list("gpu-groups")
    if not all(isinstance(group, list) and all(isinstance(gpu, int) for gpu in group) for group in groups):
        cluster.wrong((*cluster.path, "gpu-groups"), "a list of lists of GPU indices")
        groups = []
    ranges = cluster.ranges("port-range")
    return Request(
        roles=tuple(_role(name, part) for name, part in top.named("roles")),
        num_nodes=num_nodes if num_nodes in (None, "min") else job.count("num-nodes"),
        hosts=job.texts("nodes"),
        gpus_per_node=cluster.count("gpus-per-node", 0),
        groups=tuple(tuple(group) for group in groups),
        domain_nodes=cluster.count("domain-nodes", 0),
        segment=str({**cluster.part("sbatch").data, **job.part("sbatch").data}.get("segment", False)),
        port_range=ranges[0] if ranges else (20000, 21999),
        reserved=cluster.ranges("reserved-ports"),
    )


def _role(name: str, part: _Part) -> RequestedRole:
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
        ports=tuple(_port(port, part) for port in part.part("ports").data),
    )


def _pins(role: _Part) -> tuple[tuple[int, ...], ...]:
    """Return the GPUs of a role by index: one list, or one for each worker of a node."""
    lists = role.list("gpus")
    if lists and not any(isinstance(item, list) for item in lists):
        lists = [lists]
    if not all(isinstance(item, list) and item for item in lists):
        role.wrong((*role.path, "gpus"), "a list of GPU indices, or a list of such lists")
        return ()
    return tuple(tuple(role.number(gpu, (*role.path, "gpus")) for gpu in item) for item in lists)


def _port(name: str, role: _Part) -> RequestedPort:
    value = role.part("ports").data[name]
    part = _Part(value if isinstance(value, Mapping) else {"base": value}, (*role.path, "ports", name), role.findings)
    fixed = part.data.get("fixed", False)
    base = part.data.get("base", "auto") if isinstance(fixed, bool) else fixed
    count = part.count("count", 1)
    return RequestedPort(
        path=part.path,
        name=name,
        base=None if base == "auto" else part.number(base, part.path),
        count=count,
        low=part.count("min", 1),
        high=part.count("max", HIGHEST_PORT),
        fixed=fixed is not False,
        everywhere=part.text("on") == "every-task" or part.flag("same"),
        same=part.flag("same"),
        job_wide=part.text("scope") == "job",
        pieces=tuple(_apart([(0, max(1, count)), *((low, high + 1) for low, high in part.ranges("also"))])),
    )


def _apart(pieces: Iterable[Range]) -> Iterator[Range]:
    """Yield stretches, their ends exclusive, in ascending order and those that touch as one."""
    first = end = -1
    for low, high in sorted(pieces):
        if low > end:
            if first < end:
                yield first, end
            first, end = low, high
        end = max(end, high)
    if first < end:
        yield first, end
