"""The values of `{= ... }`: integers that are computed from where a task stands."""

from collections.abc import Iterable, Sequence

from dynplan.diagnostics import Findings
from dynplan.language.expressions import ExprError, evaluate, names
from dynplan.language.placeholders import TASK_NUMBERS, Scope, expression_lookup
from dynplan.language.templates import refs
from dynplan.model import Job, Plan, Probe, Role, Task, When, Worker, started, texts_of


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
    """Return the expressions of a role's templates and conditions, each once, in order."""
    found = [ref.expression for text in texts(job, role) if "{=" in text for ref in refs(text)]
    launch = role.launch
    words = (*launch.command, *launch.leader_args, *launch.follower_args)
    found += [word.expression for word in words if isinstance(word, When)]
    return tuple(dict.fromkeys(expression for expression in found if expression))


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
        for task in worker.tasks:
            numbers |= _numbers(worker, task, len(workers))
            key = tuple([numbers[name] for name in used])
            if key not in known:
                known[key] = evaluate(expression, lookup)
            found.append(known[key])
    return found[0] if found.count(found[0]) == len(found) else found


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
                values(expression, plan.job, role, workers)
            except ExprError as error:
                message = f"`{expression}` of role `{role.name}`: {error}"
                findings.error("D112", message, ("roles", role.name), help=error.fix)
    findings.raise_if_errors()
