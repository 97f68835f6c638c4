"""The values of `{= ... }`: integers that are computed from where a task stands."""

from collections.abc import Iterable, Sequence

from dynplan.diagnostics import Findings
from dynplan.language.expressions import ExprError, evaluate, names
from dynplan.language.placeholders import TASK_NUMBERS, Scope, expression_lookup
from dynplan.language.templates import refs
from dynplan.model import Job, Plan, Probe, Role, Task, Worker, started, texts_of


def texts(job: Job, role: Role) -> Iterable[str]:
    """Yield every template that a role's tasks fill: its launch, its probes, the job's environment."""
    launch = role.launch
    yield from (launch.workdir, role.metrics)
    yield from texts_of((*launch.command, *launch.leader_args, *launch.follower_args))
    for _, value in (*job.cluster.env, *job.env, *launch.env, *launch.srun):
        yield value
    for probe in (*role.ready, *role.alive):
        yield from probe_texts(probe)


def probe_texts(probe: Probe) -> tuple[str, ...]:
    """Return the templates of a probe."""
    return (probe.path, probe.post, *probe.command)


def expressions(job: Job, role: Role) -> tuple[str, ...]:
    """Return the expressions of a role's templates, each once, in order."""
    found = (ref.expression for text in texts(job, role) if "{=" in text for ref in refs(text))
    return tuple(dict.fromkeys(expression for expression in found if expression))


def value(expression: str, job: Job, role: Role, worker: Worker, task: Task, num_workers: int) -> int:
    """Return what an expression is worth for one task.

    Raises:
        ExprError: it has no value there.
    """
    return evaluate(expression, expression_lookup(Scope(job, role=role), _numbers(worker, task, num_workers)))


def _numbers(worker: Worker, task: Task, num_workers: int) -> dict[str, int]:
    """Return the numbers of a task by their names, `TASK_NUMBERS`."""
    return {
        "rank": task.rank,
        "num-tasks": len(worker.tasks),
        "gpu-count": len(task.gpus),
        "worker": worker.worker,
        "num-workers": num_workers,
        "node": task.node,
    }


def check_expressions(plan: Plan) -> None:
    """Report expressions that have no value for some task (D112)."""
    findings = Findings()
    for role in plan.job.roles:
        wanted = expressions(plan.job, role)
        if not wanted:
            continue
        workers = started(role, (worker for worker in plan.workers if worker.role == role.name))
        for expression in wanted:
            try:
                _check(expression, plan.job, role, workers)
            except ExprError as error:
                message = f"`{{={expression}}}` of role `{role.name}`: {error}"
                findings.error("D112", message, ("roles", role.name), help=error.fix)
    findings.raise_if_errors()


def _check(expression: str, job: Job, role: Role, workers: Sequence[Worker]) -> None:
    """Compute an expression for every task, once where the numbers in it are the same.

    Raises:
        ExprError: it has no value for one of them.
    """
    used = [name for name in names(expression) if name in TASK_NUMBERS]
    numbers: dict[str, int] = {}
    lookup = expression_lookup(Scope(job, role=role), numbers)
    seen: set[tuple[int, ...]] = set()
    for worker in workers:
        for task in worker.tasks:
            numbers |= _numbers(worker, task, len(workers))
            key = tuple([numbers[name] for name in used])
            if key not in seen:
                seen.add(key)
                evaluate(expression, lookup)
