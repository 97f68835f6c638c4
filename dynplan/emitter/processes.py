"""What runs of a plan: a process for each task, or for each GPU of a role with `launch = "per-gpu"`."""

from collections.abc import Iterator

from attrs import evolve

from dynplan.model import Plan, Role, Task, Worker


def running(plan: Plan) -> Plan:
    """Return the plan with one task for each process, ranks counted over the worker.

    A process for each GPU sees all of the worker's GPUs on its node, as MPI programs expect. A port of the
    leader stays on rank 0; one that is bound on every node is told to all processes there.
    """
    per_gpu = {role.name: role for role in plan.job.roles if role.per_gpu}
    if not per_gpu:
        return plan
    workers = (
        evolve(worker, tasks=tuple(_processes(worker, per_gpu[worker.role]))) if worker.role in per_gpu else worker
        for worker in plan.workers
    )
    return evolve(plan, workers=tuple(workers))


def local_ranks(worker: Worker) -> Iterator[tuple[int, int]]:
    """Yield, for each task of a running worker, its node's rank and its own rank on that node."""
    counts: dict[int, int] = {}
    for task in worker.tasks:
        local = counts.setdefault(task.node, 0)
        yield len(counts) - 1, local
        counts[task.node] += 1


def _processes(worker: Worker, role: Role) -> Iterator[Task]:
    everywhere = {port.name for port in role.ports if port.everywhere}
    rank = 0
    for task in worker.tasks:
        shared = tuple((name, block) for name, block in task.ports if name in everywhere)
        for local in range(len(task.gpus)):
            yield evolve(task, rank=rank, ports=shared if local else task.ports)
            rank += 1
