"""From workers to rows: what each task of a role is told, a column for each number."""

from collections.abc import Iterator, Mapping, Sequence

from attrs import frozen

from dynplan.emitter.moving import Moving
from dynplan.emitter.rows import Column, Group, Row, Shape, groups
from dynplan.language.task_numbers import expressions, started, values
from dynplan.model import Job, Ports, Record, Role, Task, Worker


@frozen(eq=False, repr=False)
class RoleTasks(Record):
    """The workers of a role with the tasks that Slurm starts for them, and these tasks' rows.

    `rows` are in step order: worker by worker, rank by rank. Of the expressions in the role's templates `same` are
    those that have one value for all of its tasks, and `computed` the others: the value of the one at index i is the
    column `expr.i`.
    """

    role: Role
    workers: tuple[Worker, ...]
    same: Mapping[str, int]
    computed: tuple[str, ...]
    rows: tuple[Group, ...]

    @property
    def tasks(self) -> int:
        """How many tasks Slurm starts."""
        return sum(len(worker.tasks) for worker in self.workers)

    @property
    def several(self) -> bool:
        """Whether a worker has more than one task."""
        return any(len(worker.tasks) > 1 for worker in self.workers)


def role_tasks(
    job: Job, role: Role, workers: Sequence[Worker], partners: Sequence[Worker], moving: Moving
) -> RoleTasks:
    """Return the tasks of a role: the one place where the workers of a plan become what Slurm starts.

    Args:
        job: the job.
        role: one of its roles.
        workers: the role's workers, as the plan has them.
        partners: the workers that these are beside, one for each; nothing for a role that is beside none.
        moving: of every role the ports whose numbers only the run knows.
    """
    running = started(role, workers)
    found = {text: values(text, job, role, running) for text in expressions(job, role, running)}
    same = {text: value for text, value in found.items() if isinstance(value, int)}
    computed = {text: value for text, value in found.items() if isinstance(value, list)}
    rows = list(_rows(role, running, list(map(_ports_by_node, partners)), list(computed.values()), moving))
    return RoleTasks(role, running, same, tuple(computed), tuple(groups(rows)))


def _ports_by_node(worker: Worker) -> dict[int, Ports]:
    """Return the ports of a worker as its task on each of its nodes knows them: what the leader binds, else its own."""
    leader = dict(worker.tasks[0].ports)
    return {task.node: tuple({**leader, **dict(task.ports)}.items()) for task in worker.tasks}


def _rows(
    role: Role,
    workers: Sequence[Worker],
    partners: Sequence[Mapping[int, Ports]],
    computed: Sequence[Sequence[int]],
    moving: Moving,
) -> Iterator[Row]:
    """Yield the row of each task.

    Args:
        role: the role.
        workers: its workers, with the tasks that are started.
        partners: for each worker the ports of the one that it is beside, by node; nothing where it is beside none.
        computed: the columns of expressions, a number for each task.
        moving: the ports whose numbers only the run knows.
    """
    number = -1
    shapes: dict[tuple[object, ...], Shape] = {}
    for index, worker in enumerate(workers):
        leader, several = worker.tasks[0], len(worker.tasks) > 1
        places = _places(worker) if role.per_gpu else ()
        for at, task in enumerate(worker.tasks):
            number += 1
            beside = partners[index][task.node] if partners else ()
            numbers = [task.node, worker.worker]
            if several:
                numbers += (task.rank, len(worker.tasks))
            numbers.append(task.gpus[0] if task.gpus else 0)
            numbers += [block.port for _, block in task.ports]
            if several:
                numbers.append(leader.node)
                numbers += [block.port for _, block in leader.ports]
            numbers += [block.port for _, block in beside]
            if role.per_gpu:
                numbers += places[at]
            numbers += [column[number] for column in computed]
            kind = (len(task.gpus), several, *[(name, block.count) for name, block in task.ports])
            if kind not in shapes:
                shapes[kind] = _shape(role, task, leader if several else None, beside, len(computed), moving)
            yield shapes[kind], tuple(numbers)


def _shape(role: Role, task: Task, leader: Task | None, beside: Ports, computed: int, moving: Moving) -> Shape:
    """Return the columns of a task's row; `leader` is None for a worker of one task."""
    columns = [Column("node"), Column("worker")]
    if leader:
        columns += [Column("rank"), Column("num-tasks")]
    columns.append(Column("gpus", len(task.gpus)))
    own, partners = moving[role.name], moving.get(role.size.beside, frozenset())
    columns += [Column(f"port.{name}", block.count, name in own) for name, block in task.ports]
    if leader:
        columns.append(Column("leader"))
        columns += [Column(f"leader.port.{name}", block.count, name in own) for name, block in leader.ports]
    columns += [Column(f"beside.port.{name}", block.count, name in partners) for name, block in beside]
    if role.per_gpu:
        columns += [Column("node-rank"), Column("local-rank")]
    columns += [Column(f"expr.{index}") for index in range(computed)]
    return tuple(columns)


def _places(worker: Worker) -> list[tuple[int, int]]:
    """Return for each task its node's rank within the worker, and its own rank on that node."""
    counts: dict[int, int] = {}
    found: list[tuple[int, int]] = []
    for task in worker.tasks:
        local = counts.setdefault(task.node, 0)
        found.append((len(counts) - 1, local))
        counts[task.node] += 1
    return found
