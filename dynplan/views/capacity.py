"""What an allocation costs at most, and how much of it nobody has."""

from attrs import frozen

from dynplan.language.limits import seconds_of
from dynplan.model import Outline, Record

_HOUR_S = 3600


@frozen(eq=False, repr=False)
class Capacity(Record):
    """The GPUs of all nodes, those of them that some worker has, and the time limit in seconds, 0 for none."""

    gpus: int
    held: int
    limit_s: int

    @property
    def idle(self) -> int:
        """How many GPUs no worker has."""
        return self.gpus - self.held

    @property
    def idle_share(self) -> float:
        """The share of the GPUs that no worker has, from 0 to 1; 0 where there are none."""
        return self.idle / self.gpus if self.gpus else 0.0

    @property
    def gpu_hours(self) -> float | None:
        """GPUs of all nodes times the time limit: what the job takes at most; None without a limit."""
        return self.gpus * self.limit_s / _HOUR_S if self.limit_s else None


def capacity_of(found: Outline) -> Capacity:
    """Return what an allocation costs; a GPU counts once, however many workers share it."""
    gpus = [node.gpus for node in found.nodes]
    held = {
        (task.node, gpu)
        for worker in found.workers
        for task in worker.tasks
        for gpu in task.gpus
        if gpu < gpus[task.node]
    }
    return Capacity(sum(gpus), len(held), seconds_of(found.time))


def percent(share: float) -> str:
    """Return a share as people say it: `0%`, `12.5%`, `<0.1%`."""
    if 0 < share < 0.001:
        return "<0.1%"
    return f"{100 * share:.1f}".removesuffix(".0") + "%"


def hours_text(hours: float) -> str:
    """Return GPU-hours as people say them: `32`, `1.5`, `240,000`."""
    return f"{hours:,.1f}".removesuffix(".0")
