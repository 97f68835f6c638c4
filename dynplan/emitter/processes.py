"""What runs of a plan: a process for each task, or for each GPU of a role with `launch = "per-gpu"`."""

from collections.abc import Iterator

from attrs import evolve

from dynplan.model import Plan, Worker, started


def running(plan: Plan) -> Plan:
    """Return the plan with one task for each process, ranks counted over the worker.

    A process for each GPU sees all of the worker's GPUs on its node, as MPI programs expect. A port of the
    leader stays on rank 0; one that is bound on every node is told to all processes there.
    """
    if not any(role.per_gpu for role in plan.job.roles):
        return plan
    roles = {role.name: role for role in plan.job.roles}
    return evolve(plan, workers=tuple(started(roles[worker.role], [worker])[0] for worker in plan.workers))


def local_ranks(worker: Worker) -> Iterator[tuple[int, int]]:
    """Yield, for each task of a running worker, its node's rank and its own rank on that node."""
    counts: dict[int, int] = {}
    for task in worker.tasks:
        local = counts.setdefault(task.node, 0)
        yield len(counts) - 1, local
        counts[task.node] += 1
