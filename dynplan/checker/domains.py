"""The promises about NVLink domains: no worker in more of them than it needs, in segments that Slurm can give."""

from collections.abc import Sequence

from dynplan.checker.stated import Request, StatedPlan, StatedWorker
from dynplan.diagnostics import Findings, Path

_PATH: Path = ("placement", "segment")


def spanning(plan: StatedPlan) -> list[StatedWorker]:
    """Return the workers that stand on several nodes, without those beside them."""
    return [worker for worker in plan.workers if not worker.shares and len(_nodes(worker)) > 1]


def in_segments(plan: StatedPlan) -> bool:
    """Tell whether a plan's nodes come in segments: a domain is known, no host is, and a worker spans nodes."""
    request = plan.request
    if request is None:
        return bool(plan.segment)
    named = request.hosts or any(role.hosts for role in request.roles)
    return request.domain_nodes > 1 and not named and bool(spanning(plan))


def check_which(plan: StatedPlan, findings: Findings) -> None:
    """Report segments of node groups that the plan has no nodes of, and such of no group where its nodes are (D419)."""
    groups = {node.group for node in plan.nodes}
    for group in plan.segments:
        if group not in groups:
            message = f"the plan says what a segment of node group `{group}` is, and has no nodes of it"
            findings.error("D419", message, (*_PATH, group), help="leave it out")
    if plan.segment and groups != {""}:
        message = f"the plan has segments of {plan.segment} nodes, and does not say of which node group"
        findings.error("D419", message, _PATH, help="a table says it: `segment = { GROUP = 18 }`")


def check_domains(plan: StatedPlan, findings: Findings) -> None:
    """Report workers across segments, and segments that Slurm does not give or that nobody needs (D419)."""
    segment = plan.segment or 0
    if not in_segments(plan):
        if segment:
            message = f"the plan has segments of {segment} nodes, and nothing of the job asks for any"
            findings.error("D419", message, _PATH, help="leave `segment` out")
        return
    if not segment:
        message = f"the plan does not say which nodes are of one domain, and {spanning(plan)[0].name} spans several"
        findings.error("D419", message, ("placement",))
        return
    count = len(plan.nodes)
    domain = plan.request.domain_nodes if plan.request else segment
    before = len(findings.found)
    if segment > domain:
        findings.error("D419", f"segments of {segment} nodes cross domains, which have {domain}", _PATH)
    if count % segment:
        findings.error("D419", f"{count} nodes do not come in segments of {segment}", _PATH)
    for worker in spanning(plan):
        _check_worker(worker, segment, domain, findings)
    if plan.request and len(findings.found) == before:
        _check_promise(plan, plan.request, segment, findings)


def _check_worker(worker: StatedWorker, segment: int, domain: int, findings: Findings) -> None:
    nodes = _nodes(worker)
    needed, there = -(-len(nodes) // domain), _segments(nodes, segment)
    if there > needed:
        other = next(node for node in nodes if node // segment != nodes[0] // segment)
        message = (
            f"{worker.name} stands on nodes {nodes[0]} and {other}, in {there} segments of {segment} nodes,"
            f" and {needed} would hold it"
        )
        findings.error("D419", message, (*worker.path, "tasks"))


def _check_promise(plan: StatedPlan, request: Request, segment: int, findings: Findings) -> None:
    """A segment is what the user asks for, or the smallest that does; and none is left over."""
    workers, count = spanning(plan), len(plan.nodes)
    if request.segment.isdecimal():
        if int(request.segment) != segment:
            message = f"the job asks for segments of {request.segment} nodes, and the plan has such of {segment}"
            findings.error("D419", message, _PATH)
        return
    smaller = (size for size in range(2, segment) if count % size == 0)
    enough = next((size for size in smaller if _hold(workers, size, request.domain_nodes)), 0)
    if enough:
        message = f"segments of {segment} nodes are more than is needed: segments of {enough} hold every worker"
        findings.error("D419", message, _PATH, help="a job waits less for smaller ones")


def left_over(plan: StatedPlan) -> int | None:
    """Return a segment in which no worker has a GPU, None where there is none."""
    size = plan.segment or len(plan.nodes)
    busy = {task.node // size for worker in plan.workers for task in worker.tasks if task.gpus}
    return next((at for at in range(len(plan.nodes) // size) if at not in busy), None)


def _hold(workers: Sequence[StatedWorker], size: int, domain: int) -> bool:
    return all(_segments(nodes, size) <= -(-len(nodes) // domain) for nodes in map(_nodes, workers))


def _nodes(worker: StatedWorker) -> list[int]:
    return list(dict.fromkeys(task.node for task in worker.tasks))


def _segments(nodes: Sequence[int], size: int) -> int:
    return len({node // size for node in nodes})
