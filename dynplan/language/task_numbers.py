"""The values of `{= ... }`: integers that are computed from where a task stands."""

from collections.abc import Collection, Iterable, Iterator, Sequence

from attrs import evolve

from dynplan.diagnostics import Findings
from dynplan.language.expressions import ExprError, evaluate, names
from dynplan.language.placeholders import TASK_NUMBERS, Scope, expression_lookup
from dynplan.language.templates import refs
from dynplan.model import Job, Plan, Probe, Role, Task, When, Worker, texts_of


def texts(job: Job, role: Role, unused: Collection[str] = ()) -> Iterable[str]:
    """Yield every template that a role's tasks fill: its launch, its probes, the job's environment.

    Words on one of the conditions `unused` are left out.
    """
    launch = role.launch
    yield from (launch.workdir, role.metrics, job.setup, launch.setup)
    words = (*launch.command, *launch.leader_args, *launch.follower_args)
    yield from texts_of(tuple(word for word in words if not (isinstance(word, When) and word.expression in unused)))
    for _, value in (*job.cluster.env, *job.env, *launch.env, *launch.srun):
        yield value
    for probe in (*role.ready, *role.alive):
        yield from probe_texts(probe)


def probe_texts(probe: Probe) -> tuple[str, ...]:
    """Return the templates of a probe."""
    return (probe.path, probe.post, *probe.command)


def expressions(job: Job, role: Role, workers: Sequence[Worker]) -> tuple[str, ...]:
    """Return the expressions of a role's conditions and templates, each once, without those in words no task has.

    Args:
        job: the job.
        role: one of its roles.
        workers: the role's, with the tasks that are started.
    """
    launch = role.launch
    given = [word for word in (*launch.command, *launch.leader_args, *launch.follower_args) if isinstance(word, When)]
    conditions = [word.expression for word in given]
    unused = {condition for condition in dict.fromkeys(conditions) if _never(condition, job, role, workers)}
    found = [ref.expression for text in texts(job, role, unused) if "{=" in text for ref in refs(text)]
    return tuple(dict.fromkeys(expression for expression in (*conditions, *found) if expression))


def _never(condition: str, job: Job, role: Role, workers: Sequence[Worker]) -> bool:
    try:
        return values(condition, job, role, workers) == 0
    except ExprError:  # reported where conditions are checked
        return False


def values(expression: str, job: Job, role: Role, workers: Sequence[Worker]) -> int | list[int]:
    """Return what an expression is worth for each task of a role, worker by worker; one number where that is the same.

    Raises:
        ExprError: it has no value for one of them.
    """
    used = [name for name in names(expression) if name in TASK_NUMBERS]
    numbers: dict[str, int] = {}
    lookup = expression_lookup(Scope(job, role=role), numbers)
    if not used:
        return evaluate(expression, lookup)
    known: dict[tuple[int, ...], int] = {}
    found: list[int] = []
    for worker in workers:
        before, last = 0, worker.tasks[0]
        for task in worker.tasks:
            before += len(last.gpus) if task.node != last.node else 0
            last = task
            numbers |= _numbers(worker, task, len(workers), before)
            key = tuple([numbers[name] for name in used])
            if key not in known:
                known[key] = evaluate(expression, lookup)
            found.append(known[key])
    return found[0] if found.count(found[0]) == len(found) else found


def _numbers(worker: Worker, task: Task, num_workers: int, before: int) -> dict[str, int]:
    """Return the numbers of a task by their names, `TASK_NUMBERS`; `before` it are so many GPUs of its worker."""
    return {
        "rank": task.rank,
        "num-tasks": len(worker.tasks),
        "gpu-count": len(task.gpus),
        "gpus-before": before,
        "worker": worker.worker,
        "num-workers": num_workers,
        "node": task.node,
    }


def _has_expressions(job: Job, role: Role) -> bool:
    launch = role.launch
    words = (*launch.command, *launch.leader_args, *launch.follower_args)
    return any(isinstance(word, When) for word in words) or any("{=" in text for text in texts(job, role))


def counting_on_equal(job: Job, role: Role, workers: Iterable[Worker]) -> str:
    """Return an expression of a role that multiplies ranks by a task's GPUs, where slices of a worker differ; or none.

    `rank * gpu-count` is the first GPU of a task only where those before it have as many; `gpus-before` is it anywhere.
    """
    if not _has_expressions(job, role):
        return ""
    running = started(role, workers)
    found = expressions(job, role, running)
    return next((text for text in found if {"rank", "gpu-count"} <= set(names(text))), "")


def check_expressions(plan: Plan) -> None:
    """Report expressions that have no value for some task (D112)."""
    findings = Findings()
    for role in plan.job.roles:
        if not _has_expressions(plan.job, role):
            continue
        workers = started(role, (worker for worker in plan.workers if worker.role == role.name))
        for expression in expressions(plan.job, role, workers):
            try:
                values(expression, plan.job, role, workers)
            except ExprError as error:
                message = f"`{expression}` of role `{role.name}`: {error}"
                findings.error("D112", message, ("roles", role.name), help=error.fix)
    findings.raise_if_errors()


def started(role: Role, workers: Iterable[Worker]) -> tuple[Worker, ...]:
    """Return a role's workers with a task for each process that Slurm starts, ranks counted over the worker.

    That is the task of each node, or with `launch = "per-gpu"` one for each GPU there. Such a process sees all of
    the worker's GPUs on its node, as MPI programs expect. A port of the leader stays on rank 0; one that is bound
    on every node is told to all processes there.
    """
    if not role.per_gpu:
        return tuple(workers)
    return tuple(evolve(worker, tasks=tuple(_processes(role, worker))) for worker in workers)


def _processes(role: Role, worker: Worker) -> Iterator[Task]:
    everywhere = {port.name for port in role.ports if port.everywhere}
    rank = 0
    for task in worker.tasks:
        shared = tuple((name, block) for name, block in task.ports if name in everywhere)
        for local in range(len(task.gpus)):
            yield evolve(task, rank=rank, ports=shared if local else task.ports)
            rank += 1
