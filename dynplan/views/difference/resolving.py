"""What templates come to by a plan: ports, expressions and facts of other roles; what the run alone knows stays.

Facts of a task's own place (`{node}`, `{host}`, `{gpus}`) stay too: that a worker has moved is told once, not in
every word that names its node.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from attrs import field, frozen

from dynplan.language.expressions import ExprError, evaluate
from dynplan.language.placeholders import Scope, expression_lookup
from dynplan.language.task_numbers import started, values
from dynplan.language.templates import Ref, parse, unparse
from dynplan.model import Block, Launch, Phase, Plan, Role, Task, Worker

Filled = str | tuple[str, ...]  # one text for all tasks of a role, or one for each


@frozen(eq=False)
class Owner:
    """A role or phase whose texts are filled.

    `tasks` are those that Slurm starts for a role, as log files name them, with what each binds and its leader; a
    phase has none. `launch` is None for the job, whose texts are for all.
    """

    plan: Plan
    launch: Launch | None = None
    role: Role | None = None
    phase: Phase | None = None
    workers: tuple[Worker, ...] = ()
    tasks: Mapping[str, tuple[Worker, Task]] = field(factory=dict)
    _found: dict[Ref, Filled] = field(factory=dict, init=False)

    def fill(self, text: str) -> Filled:
        """Return what a template comes to, one text where that is the same for all tasks."""
        if "{" not in text:
            return text
        parts = [part if isinstance(part, str) else self._value(part) for part in parse(text)]
        if all(isinstance(part, str) for part in parts):
            return "".join(map(str, parts))
        columns = (part if isinstance(part, tuple) else (part,) * len(self.tasks) for part in parts)
        return _agreed(tuple(map("".join, zip(*columns, strict=True))))

    def shown(self, text: str) -> str:
        """Return what a template comes to for all tasks, and where they differ the template."""
        found = self.fill(text)
        return found if isinstance(found, str) else text

    def _value(self, ref: Ref) -> Filled:
        if ref not in self._found:
            found = self._expression(ref.expression) if ref.expression else self._fact(ref.name)
            self._found[ref] = unparse((ref,)) if found is None else found
        return self._found[ref]

    def _expression(self, text: str) -> Filled | None:
        job = self.plan.job
        try:
            if self.role and self.workers:
                found = values(text, job, self.role, self.workers)
            else:
                found = evaluate(text, expression_lookup(Scope(job, phase=self.phase.name if self.phase else None), {}))
        except ExprError:  # of words on a condition that no task has
            return None
        return str(found) if isinstance(found, int) else tuple(map(str, found))

    def _fact(self, name: str) -> Filled | None:
        match name.split("."):
            case ["role", role, fact, *rest]:
                return _of_role(self.plan, role, fact, rest)
            case ["leader", "port", port, *last] | ["port", port, *last] if self.tasks:
                number = partial(_port, name=port, leader=name.startswith("leader"), last=bool(last))
                return _each(self.tasks.values(), number)
            case ["num-workers"] if self.tasks:
                return str(len(self.workers))
            case _:
                return None


def role_owner(plan: Plan, role: Role) -> Owner:
    """Return a role as the owner of its texts."""
    workers = started(role, (worker for worker in plan.workers if worker.role == role.name))
    tasks = {
        f"{worker.worker}.{task.rank}" if len(worker.tasks) > 1 else f"{worker.worker}": (worker, task)
        for worker in workers
        for task in worker.tasks
    }
    return Owner(plan, role.launch, role=role, workers=workers, tasks=tasks)


def phase_owner(plan: Plan, phase: Phase) -> Owner:
    """Return a phase as the owner of its texts."""
    return Owner(plan, phase.launch, phase=phase)


def _each(tasks: Iterable[tuple[Worker, Task]], value: Callable[[Worker, Task], str | None]) -> Filled | None:
    found = tuple(value(worker, task) for worker, task in tasks)
    texts = tuple(text for text in found if text is not None)
    return _agreed(texts) if len(texts) == len(found) else None


def _agreed(texts: tuple[str, ...]) -> Filled:
    return texts[0] if texts and texts.count(texts[0]) == len(texts) else texts


def _port(worker: Worker, task: Task, *, name: str, leader: bool, last: bool) -> str | None:
    """Return a port's number for a task; one that the task does not bind is its leader's."""
    block = dict(task.ports).get(name) if not leader else None
    block = block or dict(worker.tasks[0].ports).get(name)
    return _number(block, last=last) if block else None


def _number(block: Block, *, last: bool) -> str:
    return str(block.port + block.count - 1 if last else block.port)


def _of_role(plan: Plan, name: str, fact: str, rest: Sequence[str]) -> str | None:
    """Return a fact of another role: of its first worker's leader; lists over its workers stay as they are."""
    workers = [worker for worker in plan.workers if worker.role == name]
    if not workers:
        return None
    leader = workers[0].tasks[0]
    block = dict(leader.ports).get(rest[0]) if rest else None
    host = plan.nodes[leader.node].host or f"<node {leader.node}>"
    match fact:
        case "workers":
            return str(len(workers))
        case "host":
            return host
        case "ip":
            return f"<address of {host.strip('<>')}>"
        case "port" if block:
            return _number(block, last=len(rest) > 1)
        case "url" if block:
            return f"http://{host}:{block.port}"
        case _:
            return None
