"""The promises about ports: each number once, as the role asks for it, and the first one that is free."""

from collections.abc import Iterator, Sequence

from attrs import Factory, define, frozen

from dynplan.checker.stated import (
    HIGHEST_PORT,
    Request,
    RequestedPort,
    RequestedRole,
    StatedPlan,
    StatedPort,
    StatedTask,
    StatedWorker,
)
from dynplan.diagnostics import Findings


def check_ports(plan: StatedPlan, findings: Findings) -> None:
    """Report ports that two tasks bind, and ports that are not what their role asks for."""
    before = len(findings.found)
    if plan.request is None:
        _check_alike(plan, findings)
        _check_once(plan, findings)
        return
    for role in plan.request.roles:
        for worker in plan.of_role(role.name):
            for task in worker.tasks:
                _check_named(role, worker, task, findings)
    if len(findings.found) == before:
        _check_ledger(plan, plan.request, findings)


def _check_alike(plan: StatedPlan, findings: Findings) -> None:
    """Without the job's tables: tasks of one rank bind ports of the same names and sizes."""
    first: dict[tuple[str, int], list[tuple[str, int]]] = {}
    for worker in plan.workers:
        for task in worker.tasks:
            ports = sorted((port.name, port.count) for port in task.ports)
            if ports != first.setdefault((worker.role, task.rank), ports):
                message = f"{worker.name} does not bind the ports that worker 0 of its role binds"
                findings.error("D412", message, (*task.path, "ports"), help="the workers of a role are alike")


def _check_once(plan: StatedPlan, findings: Findings) -> None:
    """Without the job's tables: no number twice on a node."""
    owners: list[dict[int, str]] = [{} for _ in plan.nodes]
    for worker in plan.workers:
        for task in worker.tasks:
            for port in task.ports:
                numbers = range(port.first, port.first + port.count)
                if not 1 <= port.first <= HIGHEST_PORT + 1 - port.count:
                    _report_past(port, worker, findings)
                    continue
                me = f"{worker.name} (`{port.name}`)"
                _check_free(port, me, numbers, task.node, owners[task.node], findings)
                owners[task.node].update(dict.fromkeys(numbers, me))


def _report_past(port: StatedPort, worker: StatedWorker, findings: Findings) -> None:
    message = f"port `{port.name}` of {worker.name} is {_span(port.first, port.count)}, outside 1 to {HIGHEST_PORT}"
    findings.error("D412", message, (*port.path, "port"))


def _check_free(
    port: StatedPort, me: str, numbers: Sequence[int], node: int, owner: dict[int, str], findings: Findings
) -> None:
    taken = next((number for number in numbers if number in owner), None)
    if taken is not None:
        message = f"port {taken} of node {node} is held by {owner[taken]} and by {me}"
        findings.error("D411", message, (*port.path, "port"))


# With the job's tables


def _check_named(role: RequestedRole, worker: StatedWorker, task: StatedTask, findings: Findings) -> None:
    """A task binds the ports of its role, all of them on the leader, each as large as asked."""
    wanted = {port.name: port for port in role.ports if port.everywhere or task.rank == 0}
    have = {port.name: port for port in task.ports}
    for name in wanted:
        if name not in have:
            message = f"{worker.name} has no port `{name}` on node {task.node}"
            findings.error("D412", message, (*task.path, "ports"))
    for name, port in have.items():
        path = (*port.path, "port")
        if name not in wanted:
            message = f"{worker.name} binds port `{name}` on node {task.node}, which its role does not ask for there"
            findings.error("D412", message, path)
        elif port.count != wanted[name].count:
            message = f"port `{name}` of {worker.name} has {port.count} numbers, and its role asks for"
            findings.error("D412", f"{message} {wanted[name].count}", (*port.path, "count"))


@frozen
class _Binding:
    """One port of one worker with the tasks that bind one number together."""

    port: RequestedPort
    worker: StatedWorker
    tasks: tuple[StatedTask, ...]

    @property
    def claims(self) -> list[StatedPort]:
        """The port as each of the tasks claims it."""
        return [next(port for port in task.ports if port.name == self.port.name) for task in self.tasks]

    @property
    def name(self) -> str:
        """How a message calls it."""
        return f"{self.worker.name} (`{self.port.name}`)"


@define
class _Owners:
    """Who has which number: by node, anywhere, and for the whole job."""

    on_node: list[dict[int, str]]
    anywhere: dict[int, str] = Factory(dict)
    job_wide: dict[int, str] = Factory(dict)
    searched: dict[tuple[RequestedPort, tuple[int, ...]], int] = Factory(dict)

    def elsewhere(self, port: RequestedPort) -> dict[int, str]:
        """Return the numbers that a port must stay clear of on whatever node it stands."""
        return self.anywhere if port.job_wide else self.job_wide

    def enter(self, binding: _Binding, first: int) -> None:
        """Note the numbers of a binding."""
        entry = dict.fromkeys(binding.port.numbers(first), binding.name)
        for task in binding.tasks:
            self.on_node[task.node].update(entry)
        self.anywhere.update(entry)
        if binding.port.job_wide:
            self.job_wide.update(entry)


def _check_ledger(plan: StatedPlan, request: Request, findings: Findings) -> None:
    """Enter every port in the order of the promise, and hold each against those before it."""
    reserved = {number: "`reserved-ports`" for first, last in request.reserved for number in range(first, last + 1)}
    owners = _Owners([dict(reserved) for _ in plan.nodes])
    moved: list[tuple[_Binding, int]] = []
    before = len(findings.found)
    for binding in _bindings(plan, request):
        first = binding.claims[0].first
        _check_bounds(binding, first, request, findings)
        _check_owners(binding, first, owners, findings)
        if not binding.port.fixed and len(findings.found) == before:
            free = _first_free(binding, request, owners)
            moved += [(binding, free)] if free != first else []
        owners.enter(binding, first)
    if len(findings.found) == before:
        for binding, free in moved[:1]:  # those after it may only have followed
            port = binding.claims[0]
            message = f"port `{port.name}` of {binding.worker.name} is {port.first}, and {free} is the first free one"
            findings.error("D413", message, (*port.path, "port"))


def _check_owners(binding: _Binding, first: int, owners: _Owners, findings: Findings) -> None:
    numbers = binding.port.numbers(first)
    before = len(findings.found)
    for task, port in zip(binding.tasks, binding.claims, strict=True):
        _check_free(port, binding.name, numbers, task.node, owners.on_node[task.node], findings)
    other = owners.elsewhere(binding.port)
    taken = next((number for number in numbers if number in other), None)
    if taken is not None and len(findings.found) == before:
        message = f"port {taken} is held by {other[taken]} and by {binding.name}, and stands once in the whole job"
        findings.error("D411", message, (*binding.claims[0].path, "port"))


def _bindings(plan: StatedPlan, request: Request) -> Iterator[_Binding]:
    """Yield fixed ports first; then all others; each by role, then worker, then in the order of the table."""
    for fixed in (True, False):
        for role in request.roles:
            ports = [port for port in role.ports if port.fixed == fixed]
            for worker in plan.of_role(role.name) if ports else ():
                for port in ports:
                    yield from _of_port(port, worker)


def _of_port(port: RequestedPort, worker: StatedWorker) -> Iterator[_Binding]:
    if port.same:
        yield _Binding(port, worker, worker.tasks)
    else:
        for task in worker.tasks if port.everywhere else worker.tasks[:1]:
            yield _Binding(port, worker, (task,))


def _limits(port: RequestedPort, request: Request) -> tuple[int, int]:
    if port.base is None:
        return max(request.port_range[0], port.low), min(request.port_range[1], port.high)
    return max(port.base, port.low), port.high


def _check_bounds(binding: _Binding, first: int, request: Request, findings: Findings) -> None:
    port, claims = binding.port, binding.claims
    path = (*claims[0].path, "port")
    low, high = _limits(port, request)
    other = next((plan for plan in claims if plan.first != first), None)
    where = f"port `{port.name}` of {binding.worker.name} is {_span(first, port.count)}"
    if other:
        message = f"port `{port.name}` of {binding.worker.name} is {first} on one node and {other.first} on another"
        findings.error("D412", message, (*other.path, "port"), help="`same` is one number on all nodes of a worker")
    elif port.fixed and first != port.base:
        findings.error("D412", f"{where}, and it is fixed at {port.base}", path)
    elif first < low or first + port.count - 1 > high or max(port.numbers(first)) > HIGHEST_PORT:
        findings.error("D412", f"{where}, outside {low} to {high}", path)


def _first_free(binding: _Binding, request: Request, owners: _Owners) -> int:
    """Return the first number that is free on all nodes of a binding; nothing is ever given back."""
    port, nodes = binding.port, tuple(task.node for task in binding.tasks)
    taken = [*(owners.on_node[node] for node in nodes), owners.elsewhere(port)]
    first = owners.searched.get((port, nodes), _limits(port, request)[0])
    while any(number in owner for number in port.numbers(first) for owner in taken):
        first += 1
    owners.searched[port, nodes] = first
    return first


def _span(first: int, count: int) -> str:
    return str(first) if count == 1 else f"{first}-{first + count - 1}"
