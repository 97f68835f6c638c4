"""Constants: what the plan knows is filled in when the script is made; what only the run knows stays a placeholder."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

from attrs import field, frozen

from dynplan.emitter.moving import Moving, at
from dynplan.emitter.rows import Group
from dynplan.emitter.tasks import RoleTasks
from dynplan.language.expressions import evaluate
from dynplan.language.placeholders import LEADER_FACTS, NODE_FACTS, ROLE_LISTS, Scope, expression_lookup
from dynplan.language.task_numbers import texts
from dynplan.language.templates import Part, Ref, fill, for_bash, refs
from dynplan.model import Block, EachText, Job, Record, Task, TextFile, Worker, texts_of

Parts = tuple[Part, ...]
T = TypeVar("T")


class Others(NamedTuple):
    """What every template may name: the job, the workers of each role, and the files that differ by node.

    `moving` are the ports of each role whose numbers only the run knows.
    """

    job: Job
    workers: Mapping[str, Sequence[Worker]]
    by_node: frozenset[str]
    moving: Moving

    def number(self, role: str, port: str, number: int) -> Part:
        """Return a number of a role's port as a script has it."""
        return at(number) if port in self.moving[role] else str(number)


def named_by_others(job: Job, roles: Iterable[RoleTasks], moving: Moving) -> Others:
    """Return what every template may name of the roles of a job."""
    return Others(job, {tasks.role.name: tasks.workers for tasks in roles}, files_by_node(job), moving)


@frozen(eq=False, repr=False)
class Constants(Record):
    """The constants that hold for every task which a template is written for.

    `tasks` are those of the role that the template stands in; `phase` is the name of a phase and `node` its node.
    All None: for all of them.
    """

    others: Others
    tasks: RoleTasks | None = None
    phase: str | None = None
    node: int | None = None
    _found: dict[Ref, Parts | None] = field(factory=dict, init=False)

    def fill(self, text: str) -> str:
        """Return a template with its constants filled in, in the grammar of the script's program."""
        return for_bash(fill(text, self._parts))

    def fill_words(self, words: Iterable[str]) -> tuple[str, ...]:
        """Return the words of a command with their constants filled in.

        What bash is to run, a string in the job file, has variables where a path is known to the run alone.
        """
        words = tuple(words)
        if len(words) > 2 and words[:2] == ("bash", "-c"):
            return ("bash", "-c", self.fill_shell(words[2]), *map(self.fill, words[3:]))
        return tuple(map(self.fill, words))

    def fill_shell(self, text: str) -> str:
        """Return a template of text for bash, in the grammar of the script's program."""
        parts = fill(text, self._parts)
        if any(isinstance(part, Ref) and part.name.endswith(".dir") for part in parts):
            from dynplan.language.shell_text import with_variables  # few commands of few jobs have such a path

            parts = with_variables(parts)
        return for_bash(parts)

    def fill_file(self, file: TextFile) -> str:
        """Return the text of a file with its constants filled in, and what is repeated written out."""
        return "".join(self.fill(part) if isinstance(part, str) else self._each(part) for part in file.content)

    def _each(self, part: EachText) -> str:
        workers = self.others.workers[part.role]
        tasks = ((worker, task) for worker in workers for task in (worker.tasks if part.tasks else worker.tasks[:1]))
        return part.between.join(for_bash(fill(part.text, self._with_it(*it))) for it in tasks)

    def _with_it(self, worker: Worker, task: Task) -> Callable[[Ref], Parts | None]:
        """Return what placeholders stand for where a text is repeated for a task."""
        return lambda ref: _of_it(ref, worker, task, self.others) or self._parts(ref)

    def _parts(self, ref: Ref) -> Parts | None:
        if ref not in self._found:
            self._found[ref] = self._known(ref)
        return self._found[ref]

    def _known(self, ref: Ref) -> Parts | None:
        if ref.name.startswith("role."):
            return self._of_role(ref.name)
        if ref.name.startswith("file."):
            return self._path(ref.name.removeprefix("file."))
        if ref.name.startswith("beside.") and self.tasks:
            return self._of_partner(ref.name, self.tasks)
        if ref.expression:
            value = self.expression(ref.expression)
            return (str(value) if isinstance(value, int) else Ref(value),)
        return self._as_known(ref.name)

    def _as_known(self, name: str) -> Parts | None:
        part = self._fact(name)
        return None if part is None else (part,)

    def expression(self, text: str) -> int | str:
        """Return the value of an expression, or the column that has it where tasks differ."""
        if self.tasks is None:
            return evaluate(text, expression_lookup(Scope(self.others.job, phase=self.phase), {}))
        same = self.tasks.same.get(text)
        return f"expr.{self.tasks.computed.index(text)}" if same is None else same

    def _fact(self, name: str) -> Part | None:
        job = self.others.job
        if name == "job.name":
            # A `$` before another placeholder would read as a variable of the shell; the run knows the name too.
            return None if job.name.endswith("$") else job.name
        if self.node is not None and name == "node":
            return str(self.node)
        if self.tasks is None:
            return None
        if name.startswith(("port.", "leader.port.")):
            return self._port(name, self.tasks)
        if name in LEADER_FACTS and not self.tasks.several:
            return Ref(name.removeprefix("leader."))
        return _of_all_tasks(name, self.tasks)

    def _path(self, name: str) -> Parts:
        """Return the path of a file; one that differs from node to node lies in a folder of the node's name."""
        where = (Ref("job.dir"), "/files/")
        return (*where, Ref("host"), f"/{name}") if name in self.others.by_node else (*where, name)

    def _of_role(self, name: str) -> Parts | None:
        """Return what the plan knows of another role: all but the lists over its workers.

        The run knows the host and the address of a node by its number: `{host.0}`, `{ip.0}`.
        """
        _, role, fact, *rest = name.split(".")
        workers = self.others.workers[role]
        leader = workers[0].tasks[0]
        match fact:
            case "workers":
                return (str(len(workers)),)
            case "host" | "ip":
                return (Ref(f"{fact}.{leader.node}"),)
            case "port":
                number = _number(dict(leader.ports)[rest[0]], last=len(rest) > 1)
                return (self.others.number(role, rest[0], number),)
            case "url":
                number = dict(leader.ports)[rest[0]].port
                return ("http://", Ref(f"url-host.{leader.node}"), ":", self.others.number(role, rest[0], number))
            case _:
                return None

    def _of_partner(self, name: str, tasks: RoleTasks) -> Parts | None:
        """Return a fact of the worker that a worker is beside: it has the same nodes, and the same leader's.

        A port that every task of it binds is that of the same node, any other one the leader's.
        """
        _, fact, *rest = name.split(".")
        if not rest:
            return self._as_known(f"leader.{fact}") or (Ref(f"leader.{fact}"),)
        column = f"beside.port.{rest[0]}"
        cells = (row[column] for row in _cells(tasks.rows))
        same = _agreed(cell.last if rest[1:] else cell.number for cell in cells)
        partner = self.others.job.role(tasks.role.size.beside)
        column = ".".join([column, *rest[1:]])
        number = Ref(column) if same is None else self.others.number(partner.name, rest[0], same)
        if fact == "port":
            return (number,)
        here = not tasks.several or next(port.everywhere for port in partner.ports if port.name == rest[0])
        return (*(("http://",) if fact == "url" else ()), Ref("url-host" if here else "leader.url-host"), ":", number)

    def _port(self, name: str, tasks: RoleTasks) -> Part | None:
        """Return a port's number where all tasks agree.

        A port that only the leader binds has one number for the whole worker, so that a command
        line can be the same on all of its nodes.
        """
        port, _, last = name.removeprefix("leader.").removeprefix("port.").partition(".")
        everywhere = next(item.everywhere for item in tasks.role.ports if item.name == port)
        of_leader = name.startswith("leader.") or not everywhere
        columns = (f"leader.port.{port}", f"port.{port}") if of_leader else (f"port.{port}",)
        cells = (next(row[column] for column in columns if column in row) for row in _cells(tasks.rows))
        same = _agreed(cell.last if last else cell.number for cell in cells)
        if same is not None:
            return self.others.number(tasks.role.name, port, same)
        plain = f"port.{port}" + (".last" if last else "")
        return Ref(f"leader.{plain}" if of_leader and tasks.several else plain)


def _of_it(ref: Ref, worker: Worker, task: Task, others: Others) -> Parts | None:
    """Return a fact of the task that a text is repeated for, None for any other placeholder."""
    if not ref.name.startswith("it."):
        return None
    _, fact, *rest = ref.name.split(".")
    host, port = Ref(f"url-host.{task.node}"), dict(task.ports)[rest[0]] if rest else None
    number = others.number(worker.role, rest[0], _number(port, last=len(rest) > 1)) if port else ""
    match fact:
        case "host" | "ip":
            return (Ref(f"{fact}.{task.node}"),)
        case "port" if port:
            return (number,)
        case "endpoint" if port:
            return (host, ":", number)
        case "url" if port:
            return ("http://", host, ":", number)
        case _:
            numbers = {"node": task.node, "worker": worker.worker, "rank": task.rank}
            return (str(numbers[fact]),)


class _Cell(NamedTuple):
    """One column of a row: its number, None where repetitions of the row differ, and how many it stands for."""

    number: int | None
    width: int

    @property
    def last(self) -> int | None:
        """The last number of the block."""
        return None if self.number is None else self.number + self.width - 1


def _cells(rows: Iterable[Group]) -> Iterator[Mapping[str, _Cell]]:
    """Yield the rows that are written, by column: as many as the script has lines, not as there are tasks."""
    for group in rows:
        moving = {name for name, _ in group.steps} if group.times > 1 else set()
        for shape, numbers in group.rows:
            yield {
                column.name: _Cell(None if column.name in moving else number, column.width)
                for column, number in zip(shape, numbers, strict=True)
            }


def _of_all_tasks(name: str, tasks: RoleTasks) -> str | None:
    """Return a fact of a task where it is the same for all tasks of the role."""
    rows = _cells(tasks.rows)
    match name:
        case "num-workers":
            return str(len(tasks.workers))
        case "worker" | "node":
            found = _agreed(row[name].number for row in rows)
        case "rank":
            found = _agreed(row[name].number if name in row else 0 for row in rows)
        case "num-tasks":
            found = _agreed(row[name].number if name in row else 1 for row in rows)
        case "gpu-count":
            found = _agreed(row["gpus"].width for row in rows)
        case "gpus":
            return _agreed(_indices(row["gpus"]) for row in rows)
        case _:
            return None
    return None if found is None else str(found)


def _indices(gpus: _Cell) -> str | None:
    if gpus.number is None:
        return None if gpus.width else ""
    return ",".join(str(gpus.number + index) for index in range(gpus.width))


def _agreed(values: Iterable[T | None]) -> T | None:
    """Return the one value of all, or None where they differ or one is not known."""
    values = iter(values)
    first = next(values, None)
    return first if all(other == first for other in values) else None


def _number(block: Block, *, last: bool) -> int:
    return block.port + block.count - 1 if last else block.port


def files_by_node(job: Job) -> frozenset[str]:
    """Return the names of the files that differ by node: they name a fact of the node they are for, or such a file."""
    named = {file.name: {ref.name for text in file.texts for ref in refs(text)} for file in job.files}
    found = {name for name, names in named.items() if not names.isdisjoint(NODE_FACTS)}
    more = found
    while more:
        paths = {f"file.{name}" for name in more}
        more = {name for name, names in named.items() if name not in found and not names.isdisjoint(paths)}
        found = found | more
    return frozenset(found)


def lists_named(texts: Iterable[str]) -> list[str]:
    """Return the lists over workers of a role that templates name, sorted: they are known when the job runs."""
    named = {ref.name for text in texts if "{" in text for ref in refs(text)}
    return sorted(name for name in named if name.startswith("role.") and name.split(".")[2] in ROLE_LISTS)


def templates(job: Job) -> Iterator[str]:
    """Yield every template of a job that may name a list over workers."""
    for role in job.roles:
        yield from texts(job, role)
    for phase in job.phases:
        launch = phase.launch
        yield from (*texts_of(launch.command), *phase.setup, *phase.after_command, launch.workdir, launch.setup)
        yield from (text for _, text in (*launch.env, *launch.srun))
    for file in job.files:
        yield from file.texts
