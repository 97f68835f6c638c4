"""The promises about ports: each number once, as the role asks for it, and the first one that is free."""

from collections.abc import Iterator, Sequence

from attrs import Factory, define, frozen

from dynplan.checker.book import Book, Stretches, Taken
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
    books = [Book() for _ in plan.nodes]
    for worker in plan.workers:
        for task in worker.tasks:
            for port in task.ports:
                if not 1 <= port.first <= HIGHEST_PORT + 1 - port.count:
                    _report_past(port, worker, findings)
                    continue
                me = f"{worker.name} (`{port.name}`)"
                numbers = ((port.first, port.first + port.count),)
                if not _report_taken(port, me, task.node, books[task.node].taken(numbers), findings):
                    books[task.node].enter(numbers, me)


def _report_past(port: StatedPort, worker: StatedWorker, findings: Findings) -> None:
    message = f"port `{port.name}` of {worker.name} is {_span(port.first, port.count)}, outside 1 to {HIGHEST_PORT}"
    findings.error("D412", message, (*port.path, "port"))


def _report_taken(port: StatedPort, me: str, node: int, taken: Taken | None, findings: Findings) -> bool:
    if taken:
        message = f"port {taken.number} of node {node} is held by {taken.owner} and by {me}"
        findings.error("D411", message, (*port.path, "port"))
    return taken is not None


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

    def numbers(self, first: int) -> Stretches:
        """Return everything it takes when its first number is `first`."""
        return tuple((first + low, first + end) for low, end in self.port.pieces)

    @property
    def name(self) -> str:
        """How a message calls it."""
        return f"{self.worker.name} (`{self.port.name}`)"


@define
class _Owners:
    """Who has which number: by node, anywhere, and for the whole job; `reserved` are nobody's on all nodes."""

    reserved: Book
    on_node: list[Book]
    anywhere: Book = Factory(Book)
    job_wide: Book = Factory(Book)
    searched: dict[tuple[int, Stretches, bool, tuple[int, ...]], int] = Factory(dict)

    def on(self, node: int, numbers: Stretches) -> Taken | None:
        """Return the first of the numbers that is held on a node."""
        return self.reserved.taken(numbers) or self.on_node[node].taken(numbers)

    def elsewhere(self, port: RequestedPort, numbers: Stretches) -> Taken | None:
        """Return the first of the numbers that a port must stay clear of on whatever node it stands."""
        return (self.anywhere if port.job_wide else self.job_wide).taken(numbers)

    def enter(self, binding: _Binding, first: int) -> None:
        """Note the numbers of a binding."""
        numbers = binding.numbers(first)
        books = [*(self.on_node[task.node] for task in binding.tasks), self.anywhere]
        for book in books + [self.job_wide] * binding.port.job_wide:
            book.enter(numbers, binding.name)


def _check_ledger(plan: StatedPlan, request: Request, findings: Findings) -> None:
    """Enter every port in the order of the promise, and hold each against those before it."""
    owners = _Owners(Book(), [Book() for _ in plan.nodes])
    owners.reserved.enter(tuple((low, high + 1) for low, high in request.reserved), "`reserved-ports`")
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
    numbers = binding.numbers(first)
    reports = [
        _report_taken(port, binding.name, task.node, owners.on(task.node, numbers), findings)
        for task, port in zip(binding.tasks, binding.claims, strict=True)
    ]
    taken = owners.elsewhere(binding.port, numbers)
    if taken and not any(reports):
        both = f"{taken.owner} and by {binding.name}"
        message = f"port {taken.number} is held by {both}, and stands once in the whole job"
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


def limits(port: RequestedPort, request: Request) -> tuple[int, int]:
    """Return the lowest and the highest number that a port may have."""
    if port.base is None:
        return max(request.port_range[0], port.low), min(request.port_range[1], port.high)
    return max(port.base, port.low), port.high


def _check_bounds(binding: _Binding, first: int, request: Request, findings: Findings) -> None:
    port, claims = binding.port, binding.claims
    path = (*claims[0].path, "port")
    low, high = limits(port, request)
    other = next((plan for plan in claims if plan.first != first), None)
    where = f"port `{port.name}` of {binding.worker.name} is {_span(first, port.count)}"
    if other:
        message = f"port `{port.name}` of {binding.worker.name} is {first} on one node and {other.first} on another"
        findings.error("D412", message, (*other.path, "port"), help="`same` is one number on all nodes of a worker")
    elif port.fixed and first != port.base:
        findings.error("D412", f"{where}, and it is fixed at {port.base}", path)
    elif first < low or first + port.count - 1 > high or binding.numbers(first)[-1][1] > HIGHEST_PORT + 1:
        findings.error("D412", f"{where}, outside {low} to {high}", path)


def _first_free(binding: _Binding, request: Request, owners: _Owners) -> int:
    """Return the first number that is free on all nodes of a binding; nothing is ever given back."""
    port, nodes = binding.port, tuple(task.node for task in binding.tasks)
    low = limits(port, request)[0]
    key = (low, port.pieces, port.job_wide, nodes)  # of ports that are alike the next one begins where the last ended
    first = owners.searched.get(key, low)
    while taken := _any_taken(port, nodes, binding.numbers(first), owners):
        first += taken.ahead
    owners.searched[key] = first
    return first


def _any_taken(port: RequestedPort, nodes: Sequence[int], numbers: Stretches, owners: _Owners) -> Taken | None:
    on_nodes = (taken for node in nodes if (taken := owners.on(node, numbers)))
    return next(on_nodes, None) or owners.elsewhere(port, numbers)


def _span(first: int, count: int) -> str:
    return str(first) if count == 1 else f"{first}-{first + count - 1}"
