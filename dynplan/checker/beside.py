"""The promises about workers beside others: one for each of them, with exactly its nodes and its GPUs."""

from collections.abc import Iterator, Sequence

from dynplan.checker.stated import StatedPlan, StatedWorker
from dynplan.diagnostics import Findings, counted


def check_beside(plan: StatedPlan, findings: Findings) -> None:
    """Report workers that share what nobody asked for, or are not where those stand that they are beside (D414).

    Once this holds, GPUs and places of such workers are those of the workers at the ends of their chains, of which
    all other promises are checked.
    """
    _check_asked(plan, findings)
    for role, workers in plan.by_role.items():
        for worker in workers:
            if worker.shares != workers[0].shares:
                message = f"{worker.name} shares with {_whom(worker)}, and worker 0 with {_whom(workers[0])}"
                findings.error("D414", message, (*worker.path, "shares"), help="the workers of a role are alike")
        if role in _shared(plan, role):
            message = f"the workers of `{role}` share with themselves: nobody holds their GPUs"
            findings.error("D414", message, (*workers[0].path, "shares"))
    if not findings.found:
        for workers in plan.by_role.values():
            if workers[0].shares:
                _check_pairs(workers, plan.of_role(workers[0].shares), findings)


def _check_asked(plan: StatedPlan, findings: Findings) -> None:
    """Workers share as their roles say, where the plan carries these, and with roles that are there."""
    asked = {role.name: role.beside for role in plan.request.roles} if plan.request else {}
    for worker in plan.workers:
        path = (*worker.path, "shares") if worker.shares else worker.path
        if worker.role in asked and worker.shares != asked[worker.role]:
            who = f"`{asked[worker.role]}`" if asked[worker.role] else "nobody"
            message = f"{worker.name} shares with {_whom(worker)}, and its role is beside {who}"
            findings.error("D414", message, path)
        elif worker.shares and not plan.of_role(worker.shares):
            message = f"{worker.name} shares with {_whom(worker)}, and the plan has no worker of that role"
            findings.error("D414", message, path)


def _whom(worker: StatedWorker) -> str:
    return f"`{worker.shares}`" if worker.shares else "nobody"


def _shared(plan: StatedPlan, role: str) -> Iterator[str]:
    """Yield the roles that a role shares with, the next one first, each once."""
    seen: set[str] = set()
    while (workers := plan.of_role(role)) and (role := workers[0].shares) and role not in seen:
        seen.add(role)
        yield role


def _check_pairs(workers: Sequence[StatedWorker], partners: Sequence[StatedWorker], findings: Findings) -> None:
    if len(workers) != len(partners):
        has = counted(len(workers), "worker")
        message = f"`{workers[0].role}` has {has}, and `{partners[0].role}`, which it shares with, has {len(partners)}"
        findings.error("D414", message, workers[-1].path, help="each worker has one beside it")
    for worker, partner in zip(workers, partners, strict=False):
        nodes, theirs = ([task.node for task in one.tasks] for one in (worker, partner))
        if nodes != theirs:
            message = f"{worker.name} has tasks on nodes {_listed(nodes)}, and {partner.name}, which it is beside, on"
            findings.error("D414", f"{message} {_listed(theirs)}", (*worker.path, "tasks"))
            continue
        for task, other in zip(worker.tasks, partner.tasks, strict=True):
            if task.gpus != other.gpus:
                held = f"sees GPUs {_listed(task.gpus)} of node {task.node}"
                message = f"{worker.name} {held}, and {partner.name}, which it is beside, {_listed(other.gpus)}"
                findings.error("D414", message, (*task.path, "gpus"))
                break


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers)) or "none"
