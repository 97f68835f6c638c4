"""Re-derive every promise of a plan, with nothing of the planner's: `dynplan check PLAN`.

A plan may come from anywhere: from `dynplan plan`, from an editor, from another tool. Whatever it
carries of the job (`roles`, `job`, `cluster`) is held against it; without them the promises that need
no job are checked. The rules are those of "Placement" in docs/job-file.md, read a second time.
"""

from collections.abc import Mapping
from typing import Any

from dynplan.checker.beside import check_beside
from dynplan.checker.blocks import check_blocks
from dynplan.checker.domains import check_domains, check_which
from dynplan.checker.gpus import check_gpus
from dynplan.checker.node_groups import check_groups, check_parts
from dynplan.checker.places import check_places
from dynplan.checker.ports import check_ports
from dynplan.checker.stated import StatedPlan, read_stated
from dynplan.checker.turns import check_turns
from dynplan.diagnostics import Finding, Findings, InputError


def check(tree: Mapping[str, Any]) -> tuple[Finding, ...]:
    """Return the promises that a plan breaks, in the order of its text; none for a good plan.

    Args:
        tree: the plan as TOML and JSON carry it; never changed.

    Returns:
        Findings whose paths lead into the tree: D501 and D502 for a tree of another form, else D405
        and D410 for numbers that do not add up, else D414 for workers that are not where those are that they
        stand beside, else D410, D417 and D419 for nodes, workers and segments that are not in their groups, else D401
        to D413, D415, D416 and D419, else D420.
    """
    findings = Findings()
    try:
        plan = read_stated(tree, findings)
        grouped = any(node.group for node in plan.nodes) or bool(plan.request and plan.request.kinds)
        groups = (*(check_groups,) * grouped, check_which)
        standing = (check_parts,) if grouped else (check_gpus, check_places, check_domains)
        for stage in (
            (_check_numbers,),
            (check_beside,),
            groups,
            (*standing, check_ports, check_turns),
            (check_blocks,),
        ):
            if findings.found:
                break  # what comes later counts on what came before
            for promise in stage:
                promise(plan, findings)
    except InputError as full:  # there are more than anybody reads
        return full.findings
    return tuple(findings.found)


def _check_numbers(plan: StatedPlan, findings: Findings) -> None:
    """Nodes, workers and ranks count from 0, and every worker stands where it belongs in the list."""
    _check_nodes(plan, findings)
    _check_list(plan, findings)
    for worker in plan.workers:
        if not worker.tasks:
            findings.error("D405", f"{worker.name} has no tasks", worker.path)
        for rank, task in enumerate(worker.tasks):
            if task.rank != rank:
                message = f"task {rank} of {worker.name} has rank {task.rank}"
                findings.error("D405", message, (*task.path, "rank"), help=f"ranks count from 0: this one is {rank}")
            if task.node >= len(plan.nodes):
                message = f"{worker.name} stands on node {task.node}, and the plan has {len(plan.nodes)}"
                findings.error("D410", message, (*task.path, "node"))


def _check_nodes(plan: StatedPlan, findings: Findings) -> None:
    if not plan.nodes:
        findings.error("D410", "the plan has no nodes", ("nodes",))
    for index, node in enumerate(plan.nodes):
        if node.node != index:
            message = f"node {index} of the plan calls itself {node.node}"
            findings.error("D410", message, (*node.path, "node"), help=f"nodes count from 0: this one is {index}")
    if plan.head is not None and plan.head >= len(plan.nodes):
        message = f"the head node is {plan.head}, and the plan has {len(plan.nodes)}"
        findings.error("D410", message, ("placement", "head"))


def _check_list(plan: StatedPlan, findings: Findings) -> None:
    """Workers come role by role in declaration order, and count from 0 within their role."""
    declared = {role.name: at for at, role in enumerate(plan.request.roles)} if plan.request else None
    seen: dict[str, int] = {}
    for worker in plan.workers:
        name = worker.role
        if declared is not None and name not in declared:
            findings.error("D405", f"the plan has a worker of `{name}`, which is no role", (*worker.path, "role"))
            return
        latest = next(reversed(seen), name)
        late = name in seen and name != latest
        if late or (declared is not None and declared[name] < declared[latest]):
            message = f"workers of `{name}` stand after workers of `{latest}`"
            fix = "workers are listed by role, in declaration order"
            findings.error("D405", message, (*worker.path, "role"), help=fix)
            return
        number = seen.get(name, 0)
        if worker.worker != number:
            message = f"worker {number} of `{name}` calls itself {worker.worker}"
            findings.error("D405", message, (*worker.path, "worker"), help="each role's workers count from 0")
            return
        seen[name] = number + 1
