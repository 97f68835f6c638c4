"""What people look at: a placement by nodes and by roles, what repeats said once.

`dynplan.views.text` writes it as text and `dynplan.views.svg` draws it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from attrs import define, field, frozen

from dynplan.diagnostics import Finding, counted
from dynplan.model import Block, Node, Outline, PortBlocks, Worker
from dynplan.views.capacity import capacity_of
from dynplan.views.printed import MOST_WARNINGS, in_print
from dynplan.views.ranges import runs
from dynplan.views.turns import held_at_once, one_after_another, sentences, until_of

MOST_NODES = 16  # of a job whose every node is shown; in a larger one equal nodes are shown once
_MOST_LAYOUTS = 16  # different ports of a role's workers that are all listed
_BROKEN = "this plan breaks its promises: `dynplan check` says where"


@frozen
class Owner:
    """A worker on a node; `rank` is None for a worker of one task. `shares` is the role that it is beside, or empty."""

    role: str
    worker: int
    rank: int | None
    ports: tuple[str, ...]
    shares: str

    @property
    def number(self) -> str:
        """The worker and its rank as log files name them: `3`, or `3.1`."""
        return f"{self.worker}" if self.rank is None else f"{self.worker}.{self.rank}"


@frozen
class Segment:
    """GPUs in a row with the same owners: nobody, one worker and those beside it, or by mistake others."""

    first: int
    count: int
    owners: tuple[Owner, ...]

    @property
    def holder(self) -> Owner | None:
        """The one worker that has the GPUs, None where it is nobody or, by mistake, several."""
        holders = [owner for owner in self.owners if not owner.shares]
        return holders[0] if len(holders) == 1 else None

    @property
    def joined(self) -> str:
        """What stands between the names of its owners."""
        return " + " if self.holder else " & "


@frozen
class Row:
    """One node: its GPUs by owner, the workers on it that have none, and the later nodes that look the same.

    `later`: where GPUs are given back the same GPUs again, as they are held after the tasks before have ended.
    """

    node: Node
    head: bool
    segments: tuple[Segment, ...]
    without_gpus: tuple[Owner, ...]
    alike: tuple[int, ...]
    later: tuple[tuple[Segment, ...], ...] = ()

    @property
    def times(self) -> tuple[tuple[Segment, ...], ...]:
        """Return its GPUs by owner, once for each time at which others hold them."""
        return (self.segments, *self.later)


@frozen
class GroupLine:
    """A node group: its name, the first of its nodes, and what is said of them: how many, and of how many GPUs."""

    name: str
    first: int
    about: str


@frozen
class Domain:
    """A segment of nodes of one NVLink domain: the nodes shown of it, and the later segments that look the same.

    Segments of a node group count from its first node.
    """

    index: int
    first: int
    last: int
    rows: tuple[Row, ...]
    alike: tuple[int, ...]

    @property
    def name(self) -> str:
        """Which nodes they are."""
        return f"segment {self.index}: nodes {self.first}-{self.last} of one domain"

    @property
    def more(self) -> str:
        """What is said of the later ones; empty where there are none."""
        return (
            f"{counted(len(self.alike), 'segment')} as segment {self.index}: {runs(self.alike)}" if self.alike else ""
        )


@frozen
class RoleLine:
    """One role: `ports` are pairs of workers (empty where it is all of them) and what each of these binds."""

    name: str
    workers: int
    gpus: str
    nodes: str
    ports: tuple[tuple[str, tuple[str, ...]], ...]


Line = GroupLine | Domain | Row


@frozen
class View:
    """A placement as people look at it; `owners` are the roles with GPUs, in declaration order.

    `lines` are its nodes from top to bottom: a node group stands before its nodes, none where all are alike, and nodes
    that come in segments stand in those. `blocks` tells of ports that move by the job's id, `turns` who gives places
    back to whom. `more` is said where not all warnings are there.
    """

    name: str
    summary: str
    lines: tuple[Line, ...]
    roles: tuple[RoleLine, ...]
    owners: tuple[str, ...]
    warnings: tuple[Finding, ...]
    broken: str
    more: str
    blocks: str
    turns: tuple[str, ...] = ()

    @property
    def groups(self) -> tuple[GroupLine, ...]:
        """Return the node groups."""
        return tuple(line for line in self.lines if isinstance(line, GroupLine))

    @property
    def rows(self) -> tuple[Row, ...]:
        """Return the nodes, whatever they stand in."""
        return tuple(_rows_of(self.lines))


def _rows_of(lines: Iterable[Line]) -> Iterator[Row]:
    for line in lines:
        if isinstance(line, Domain):
            yield from line.rows
        elif isinstance(line, Row):
            yield line


@define
class _Held:
    """What stands on one node: workers by GPU index, and workers without GPUs."""

    by_gpu: dict[int, list[Owner]] = field(factory=dict)
    without: list[Owner] = field(factory=list)


def view(found: Outline) -> View:
    """Return what people look at of a placement: names and warnings with what does not print as escapes."""
    found = in_print(found)
    roles: dict[str, list[Worker]] = {}
    for worker in found.workers:
        roles.setdefault(worker.role, []).append(worker)
    lines = tuple(_lines(found))
    return View(
        name=found.name or "job",
        summary=_summary(found, tuple(_rows_of(lines))),
        lines=lines,
        roles=tuple(_role_line(role, workers) for role, workers in roles.items()),
        owners=tuple(role for role, workers in roles.items() if any(task.gpus for w in workers for task in w.tasks)),
        warnings=found.warnings[:MOST_WARNINGS],
        broken=_broken(found),
        turns=tuple(sentences(found)),
        more=f"{len(found.warnings) - MOST_WARNINGS} more warnings" if len(found.warnings) > MOST_WARNINGS else "",
        blocks=_blocks(found.blocks) if found.blocks else "",
    )


def _lines(found: Outline) -> Iterator[Line]:
    """Yield the nodes of each group, one group behind another; all nodes where they are alike."""
    looks = _looks(found)
    for name, of_group in groupby(found.nodes, lambda node: node.group):
        nodes = tuple(of_group)
        if any(node.group for node in found.nodes):
            yield _group_line(name, nodes)
        if size := found.segment_of(name):
            yield from _domains(found, looks, nodes, size)
        else:
            yield from _rows(found, looks, nodes)


def _blocks(blocks: PortBlocks) -> str:
    """Return what the ports of a job are, other than those that are shown."""
    first, last = blocks.first, blocks.first + blocks.step - 1
    return (
        f"ports {first}-{last} are block 0: a job takes one of {blocks.count} blocks by its id, and the ports of"
        f" block k are k times {blocks.step} higher"
    )


@frozen
class _Look:
    """What is seen of a node, at one time or one after another, and what those that look the same have in common."""

    times: tuple[tuple[Segment, ...], ...]
    without: tuple[Owner, ...]
    kind: object


def _looks(found: Outline) -> list[_Look]:
    """Return every node; in a small job none looks as another one."""
    until = until_of(found)
    looks = []
    for node, held in zip(found.nodes, _held(found), strict=True):
        times = tuple(tuple(_segments(node, by_gpu)) for by_gpu in one_after_another(held.by_gpu, until))
        kind = (node.node == found.head, node.group, tuple(_kind(at_once, held) for at_once in times))
        looks.append(_Look(times, tuple(held.without), kind if len(found.nodes) > MOST_NODES else node.node))
    return looks


def _rows(found: Outline, looks: Sequence[_Look], nodes: Sequence[Node]) -> Iterator[Row]:
    """Yield every node of a small job, and of a larger one the first of each kind among these."""
    alike: dict[object, list[int]] = {}
    for node in nodes:
        alike.setdefault(looks[node.node].kind, []).append(node.node)
    for first, *more in alike.values():
        look = looks[first]
        now, *later = look.times
        yield Row(found.nodes[first], first == found.head, now, look.without, tuple(more), tuple(later))


def _domains(found: Outline, looks: Sequence[_Look], nodes: Sequence[Node], size: int) -> Iterator[Domain]:
    """Yield every segment of these nodes in a small job, and in a larger one the first of each kind."""
    alike: dict[object, list[int]] = {}
    for at in range(0, len(nodes), size):
        kind = tuple(looks[node.node].kind for node in nodes[at : at + size])
        alike.setdefault(kind, []).append(at)
    for first, *more in alike.values():
        own = nodes[first : first + size]
        rows = tuple(_rows(found, looks, own))
        yield Domain(first // size, own[0].node, own[-1].node, rows, tuple(at // size for at in more))


def _group_line(name: str, nodes: Sequence[Node]) -> GroupLine:
    sizes = sorted({node.gpus for node in nodes})
    gpus = f"{' or '.join(map(str, sizes))} GPUs" + (" each" if len(nodes) > 1 else "") if any(sizes) else "no GPUs"
    numbers = runs([node.node for node in nodes])
    return GroupLine(name, nodes[0].node, f"node{'s' if len(nodes) > 1 else ''} {numbers}, {gpus}")


def _held(found: Outline) -> list[_Held]:
    held = [_Held() for _ in found.nodes]
    for worker in found.workers:
        for task in worker.tasks:
            rank = task.rank if len(worker.tasks) > 1 else None
            owner = Owner(worker.role, worker.worker, rank, ports_text(task.ports), worker.shares)
            for gpu in task.gpus:
                held[task.node].by_gpu.setdefault(gpu, []).append(owner)
            if not task.gpus:
                held[task.node].without.append(owner)
    return held


def _segments(node: Node, by_gpu: Mapping[int, Sequence[Owner]]) -> Iterator[Segment]:
    for owners, gpus in groupby(range(node.gpus), key=lambda gpu: tuple(by_gpu.get(gpu, ()))):
        first, *more = gpus
        yield Segment(first, 1 + len(more), owners)


def _kind(segments: Sequence[Segment], held: _Held) -> object:
    """Return what nodes that look the same have in common: every worker's role, and whether it is led from here."""
    by_gpu = tuple(
        (segment.count, tuple((owner.role, owner.rank and 1) for owner in segment.owners)) for segment in segments
    )
    return by_gpu, tuple(owner.role for owner in held.without)


def _broken(found: Outline) -> str:
    """Say so where a GPU has two owners or is none of its node's: dynplan made no such plan."""
    slices = {
        (worker.role, worker.worker): [(task.node, task.gpus) for task in worker.tasks] for worker in found.workers
    }
    own = [worker for worker in found.workers if not worker.shares]
    taken = [(task.node, gpu) for worker in own for task in worker.tasks for gpu in task.gpus]
    fine = len(set(taken)) == len(taken) or not held_at_once(own, until_of(found))
    fine = fine and all(gpu < found.nodes[node].gpus for node, gpu in taken)
    fine = fine and all(
        slices[worker.role, worker.worker] == slices.get((worker.shares, worker.worker))
        for worker in found.workers
        if worker.shares
    )
    return "" if fine else _BROKEN


def _summary(found: Outline, rows: Sequence[Row]) -> str:
    count, sizes = len(found.nodes), sorted({node.gpus for node in found.nodes})
    parts = [counted(count, "node")]
    if any(node.group for node in found.nodes):
        parts[0] += f" ({_by_group(found.nodes)})"
    elif any(sizes):
        parts[0] += f" of {' or '.join(map(str, sizes))} GPUs"
    if any(sizes):
        capacity = capacity_of(found)
        parts.append(f"{capacity.held} of {capacity.gpus} GPUs in use")
    if any(sizes) and count > 1:
        shared = any(
            len({owner.role for segment in segments for owner in segment.owners if not owner.shares}) > 1
            for row in rows
            for segments in row.times
        )
        parts.append(found.mode or ("shared" if shared else "separate"))
    if found.head is not None and count > 1:
        parts.append(f"head node {found.head}")
    return ", ".join(parts)


def _by_group(nodes: Sequence[Node]) -> str:
    """Say how many nodes each group has: `1 cpu, 2 h100`."""
    groups = [node.group for node in nodes]
    return ", ".join(f"{groups.count(name)} {name}" for name in dict.fromkeys(groups))


def _role_line(name: str, workers: Sequence[Worker]) -> RoleLine:
    nodes = sorted({task.node for worker in workers for task in worker.tasks})
    sizes = dict.fromkeys(_gpus(worker) for worker in workers)
    beside = f"as {workers[0].shares}" if workers[0].shares and set(sizes) != {"-"} else ""
    return RoleLine(name, len(workers), beside or " or ".join(sizes), runs(nodes), _ports(workers))


def _gpus(worker: Worker) -> str:
    """Say how many GPUs a worker has: `4`, or `8+8` on two nodes."""
    sizes = [len(task.gpus) for task in worker.tasks]
    if len(sizes) > 3 and len(set(sizes)) == 1:
        return f"{len(sizes)} x {sizes[0]}"
    return "+".join(map(str, sizes)) if any(sizes) else "-"


def _ports(workers: Sequence[Worker]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    by_ports: dict[tuple[str, ...], list[int]] = {}
    for worker in workers:
        by_ports.setdefault(_worker_ports(worker), []).append(worker.worker)
    lines = [(runs(numbers), ports) for ports, numbers in by_ports.items()]
    if len(lines) == 1:
        return (("", lines[0][1]),)
    if len(lines) <= _MOST_LAYOUTS:
        return tuple(lines)
    rest = sum(len(numbers) for numbers in list(by_ports.values())[_MOST_LAYOUTS - 1 :])
    return (*lines[: _MOST_LAYOUTS - 1], ("", (f"{rest} more workers, each with ports of its own",)))


def _worker_ports(worker: Worker) -> tuple[str, ...]:
    """Say what a worker binds; a port that differs by task is listed by rank."""
    if len(worker.tasks) == 1:
        return ports_text(worker.tasks[0].ports)
    numbers: dict[str, list[tuple[int, str]]] = {}
    for task in worker.tasks:
        for name, block in task.ports:
            numbers.setdefault(name, []).append((task.rank, _numbers(block)))
    return tuple(_by_rank(name, found, len(worker.tasks)) for name, found in numbers.items())


def _by_rank(name: str, found: Sequence[tuple[int, str]], tasks: int) -> str:
    ranks: dict[str, list[int]] = {}
    for rank, numbers in found:
        ranks.setdefault(numbers, []).append(rank)
    if len(ranks) == 1 and len(found) == tasks:
        return f"{name} {found[0][1]} on every rank"
    return f"{name} " + " and ".join(f"{numbers} on rank {runs(some)}" for numbers, some in ranks.items())


def ports_text(ports: Iterable[tuple[str, Block]]) -> tuple[str, ...]:
    """Return each port with its numbers: `nixl 5557-5560`."""
    return tuple(f"{name} {_numbers(block)}" for name, block in ports)


def _numbers(block: Block) -> str:
    return f"{block.port}" if block.count == 1 else f"{block.port}-{block.port + block.count - 1}"
