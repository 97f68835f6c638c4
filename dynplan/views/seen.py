"""What has been seen of the parts of a job: its tasks, workers, roles and phases."""

from collections.abc import Iterator
from datetime import datetime

from attrs import frozen

from dynplan.model import Record

ENDS = ("ended", "stopped", "failed", "excused")  # states in which a task runs no more


@frozen(eq=False, repr=False)
class TaskSeen(Record):
    """One process of a worker: what it is doing since when, and the firsts of what it has done.

    `status` is the exit status with which it ended by itself, None where it has not, or was told to.
    """

    rank: int
    node: str
    state: str
    since: datetime | None
    detail: str
    started: datetime | None = None
    ready: datetime | None = None
    ended: datetime | None = None
    restarts: int = 0
    status: int | None = None


@frozen(eq=False, repr=False)
class WorkerSeen(Record):
    """One worker of a role: `state` is the worst of its tasks'."""

    worker: int
    state: str
    tasks: tuple[TaskSeen, ...]

    @property
    def is_ready(self) -> bool:
        """Whether all its tasks are ready now, or were when the job told them to stop or they had done their work."""
        return all(task.ready is not None and task.state in ("ready", "ended", "stopped") for task in self.tasks)

    @property
    def ready(self) -> datetime | None:
        """When the last of its tasks was ready for the first time, None before that."""
        times = [task.ready for task in self.tasks if task.ready is not None]
        return max(times) if len(times) == len(self.tasks) else None

    @property
    def started(self) -> datetime | None:
        """When the first of its tasks was started."""
        return min((task.started for task in self.tasks if task.started is not None), default=None)

    @property
    def ended(self) -> datetime | None:
        """When the last of its tasks had ended, None while one runs or was never heard to end."""
        times = [task.ended for task in self.tasks if task.ended is not None]
        return max(times) if times and len(times) == len(self.tasks) else None

    def task_name(self, task: TaskSeen) -> str:
        """Return a task as log files name it: `3`, or `3.1` for a worker of several."""
        return f"{self.worker}.{task.rank}" if len(self.tasks) > 1 else f"{self.worker}"


@frozen(eq=False, repr=False)
class RoleSeen(Record):
    """One role: `known` where the plan has said which workers it has; `ready_timeout_s` is 0 without a limit."""

    name: str
    known: bool
    workers: tuple[WorkerSeen, ...]
    after: tuple[str, ...]
    ready_timeout_s: int

    @property
    def ready_workers(self) -> int:
        """How many workers are ready."""
        return sum(worker.is_ready for worker in self.workers)

    @property
    def ready_once(self) -> int:
        """How many workers have been ready, whatever became of them."""
        return sum(worker.ready is not None for worker in self.workers)

    @property
    def started(self) -> datetime | None:
        """When its first task was started."""
        return min((task.started for task in self.tasks if task.started is not None), default=None)

    @property
    def ready(self) -> datetime | None:
        """When its last worker was ready for the first time, None before that."""
        times = [worker.ready for worker in self.workers if worker.ready is not None]
        return max(times) if times and len(times) == len(self.workers) else None

    @property
    def tasks(self) -> Iterator[TaskSeen]:
        """Every task of every worker."""
        return (task for worker in self.workers for task in worker.tasks)


@frozen(eq=False, repr=False)
class PhaseSeen(Record):
    """One phase: `state` is `not started`, `running`, `done`, `failed` or `stopped`; `status` its exit status."""

    name: str
    node: str
    state: str
    status: int | None
    started: datetime | None
    ended: datetime | None
    timeout_s: int
