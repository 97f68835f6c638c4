"""Folding: what the plan knows becomes a constant, what only the run knows stays a placeholder."""

from collections.abc import Iterable, Iterator, Sequence

from dynplan.language.placeholders import Scope
from dynplan.language.task_numbers import expressions, texts, value
from dynplan.language.templates import Part, Ref, fill, for_bash, refs
from dynplan.model import Block, Phase, Plan, Task, TextFile, Worker, texts_of

Parts = tuple[Part, ...]


class Folding:
    """The constants that hold for every task which a template is written for."""

    def __init__(self, plan: Plan, scope: Scope, workers: Sequence[Worker] = (), node: int | None = None) -> None:
        """Hold the facts that are the same for all `workers`, or for a phase on `node`."""
        self.plan = plan
        self.scope = scope
        self.workers = workers
        self.node = node
        self.spans_nodes = any(len(worker.tasks) > 1 for worker in workers)
        self.found: dict[Ref, Parts | None] = {}

    def fill(self, text: str) -> str:
        """Return a template with its constants filled in, as the script reads it."""
        return for_bash(self.parts(text))

    def parts(self, text: str) -> Parts:
        """Return what a template is made of once its constants are filled in."""
        return fill(text, self._value)

    def _value(self, ref: Ref) -> Parts | None:
        if ref not in self.found:
            self.found[ref] = self._parts(ref)
        return self.found[ref]

    def _parts(self, ref: Ref) -> Parts | None:
        if ref.name.startswith("role."):
            return self._of_role(ref.name)
        if ref.name.startswith("file."):
            return self._path(ref.name.removeprefix("file."))
        part = self._expression(ref) if ref.expression else self._name(ref.name)
        return None if part is None else (part,)

    def _expression(self, ref: Ref) -> Part | None:
        role, job = self.scope.role, self.plan.job
        if role is None:
            return None
        numbers = (
            value(ref.expression, job, role, worker, task, len(self.workers))
            for worker in self.workers
            for task in worker.tasks
        )
        same = _same(map(str, numbers))
        return same if same is not None else Ref(f"expr.{expressions(job, role).index(ref.expression)}")

    def _name(self, name: str) -> Part | None:
        if name == "job.name":
            # A `$` before another placeholder would read as a variable of the shell; the run knows the name too.
            return None if self.plan.job.name.endswith("$") else self.plan.job.name
        if self.node is not None and name == "node":
            return str(self.node)
        if self.scope.role is None:
            return None
        if name.startswith(("port.", "leader.port.")):
            return self._port(name)
        if name in ("leader.host", "leader.ip") and not self.spans_nodes:
            return Ref(name.removeprefix("leader."))
        return _same(_fact(name, worker, task, len(self.workers)) for worker in self.workers for task in worker.tasks)

    def _path(self, name: str) -> Parts:
        """Return the path of a file; one that differs from node to node lies in a folder of the node's name."""
        file = next(file for file in self.plan.job.files if file.name == name)
        where = (Ref("job.dir"), "/files/")
        return (*where, Ref("host"), f"/{name}") if differs_by_node(file) else (*where, name)

    def _of_role(self, name: str) -> Parts | None:
        """Return what the plan knows of another role: all but the lists over its workers.

        The run knows the host and the address of a node by its number: `{host.0}`, `{ip.0}`.
        """
        _, role, fact, *rest = name.split(".")
        leader = next(worker for worker in self.plan.workers if worker.role == role).tasks[0]
        match fact:
            case "workers":
                return (str(sum(worker.role == role for worker in self.plan.workers)),)
            case "host" | "ip":
                return (Ref(f"{fact}.{leader.node}"),)
            case "port":
                return (_number(dict(leader.ports)[rest[0]], last=len(rest) > 1),)
            case "url":
                return ("http://", Ref(f"host.{leader.node}"), f":{dict(leader.ports)[rest[0]].port}")
            case _:
                return None

    def _port(self, name: str) -> Part | None:
        """Return a port's number where all tasks agree.

        A port that only the leader binds has one number for the whole worker, so that a command
        line can be the same on all of its nodes.
        """
        of_leader = name.startswith("leader.")
        port, _, last = name.removeprefix("leader.").removeprefix("port.").partition(".")
        role = self.scope.role
        if not of_leader and role is not None:
            of_leader = not next(item for item in role.ports if item.name == port).everywhere
        blocks = (
            dict((worker.tasks[0] if of_leader else task).ports)[port]
            for worker in self.workers
            for task in worker.tasks
        )
        same = _same(_number(block, last=bool(last)) for block in blocks)
        if same is not None:
            return same
        plain = f"port.{port}" + (".last" if last else "")
        return Ref(f"leader.{plain}" if of_leader and self.spans_nodes else plain)


def differs_by_node(file: TextFile) -> bool:
    """Tell whether a file names a fact of the node it is for."""
    return any(ref.name in ("host", "ip", "node") for ref in refs(file.content))


def run_time_facts(plan: Plan) -> list[str]:
    """Return the lists over workers of other roles that templates name when the job starts, sorted."""
    found: set[str] = set()
    for folding, text in _templates(plan):
        if "{" in text:
            found.update(part.name for part in folding.parts(text) if isinstance(part, Ref))
    return sorted(name for name in found if name.startswith("role.") or name == "metrics-urls")


def _templates(plan: Plan) -> Iterator[tuple[Folding, str]]:
    for role in plan.job.roles:
        workers = [worker for worker in plan.workers if worker.role == role.name]
        folding = Folding(plan, Scope(plan.job, role=role), workers)
        for text in texts(plan.job, role):
            yield folding, text
    for phase in plan.job.phases:
        folding = Folding(plan, Scope(plan.job, phase=phase.name), node=0)
        for text in _phase_texts(phase):
            yield folding, text
    for file in plan.job.files:
        yield Folding(plan, Scope(plan.job)), file.content


def _phase_texts(phase: Phase) -> Iterable[str]:
    launch = phase.launch
    yield from (*texts_of(launch.command), *phase.setup, *phase.after_command, launch.workdir)
    yield from (text for _, text in (*launch.env, *launch.srun))


def _same(values: Iterable[str | None]) -> str | None:
    """Return the one value of all, or None where they differ."""
    values = iter(values)
    first = next(values, None)
    return first if all(other == first for other in values) else None


def _number(block: Block, *, last: bool) -> str:
    return str(block.port + block.count - 1 if last else block.port)


def _fact(name: str, worker: Worker, task: Task, num_workers: int) -> str | None:
    match name:
        case "worker":
            return str(worker.worker)
        case "num-workers":
            return str(num_workers)
        case "rank":
            return str(task.rank)
        case "num-tasks":
            return str(len(worker.tasks))
        case "node":
            return str(task.node)
        case "gpus":
            return ",".join(map(str, task.gpus))
        case "gpu-count":
            return str(len(task.gpus))
        case _:
            return None
