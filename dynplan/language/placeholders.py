"""What placeholders exist and where: the names that templates may use, and their check."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from attrs import evolve, frozen

from dynplan.diagnostics import Findings, Path, nearest
from dynplan.language.expressions import ExprError, evaluate
from dynplan.language.lookups import lookup_of
from dynplan.language.shell_text import check_shell
from dynplan.language.tables import name_of
from dynplan.language.templates import Ref, parse, refs
from dynplan.model import Job, Record, Role, TextFile

# Integers that differ from task to task and may stand in `{= ... }`.
TASK_NUMBERS = ("rank", "num-tasks", "gpu-count", "gpus-before", "worker", "num-workers", "node")
# Facts of every task and phase that are known when the job runs.
NODE_FACTS = ("host", "ip", "node", "url-host", "url-ip", "interface")
LEADER_FACTS = ("leader.host", "leader.ip", "leader.url-host", "leader.url-ip")
RUN_FACTS = (*NODE_FACTS, "job.id", "job.name", "job.dir", "metrics-urls")
TASK_FACTS = ("gpus", "gpu-count", "worker", "rank", "num-tasks", "num-workers", *LEADER_FACTS)
AFFINITY_FACTS = ("numa", "nics")  # of a task with GPUs, where the cluster says them
PHASE_FACTS = ("phase.name", "phase.dir")
# Of another role: facts of its first worker, and lists over all of its workers.
ROLE_FACTS = ("host", "ip", "hosts", "ips", "workers")
ROLE_PORT_FACTS = ("port", "url", "urls", "endpoints")
ROLE_LISTS = ("hosts", "ips", "urls", "endpoints")
# Of the worker that a worker is beside: facts of its leader, and ports as its task on this node knows them.
BESIDE_FACTS = ("host", "ip", "url-host", "url-ip")
BESIDE_PORT_FACTS = ("port", "url", "endpoint")
# Of the worker that words in `each` are repeated for: facts of its leader.
IT_FACTS = ("host", "ip", "node", "worker")
IT_PORT_FACTS = ("port", "url", "endpoint")

_TEMPLATE_KEYS = [
    "command",
    "args",
    "extra-args",
    "leader-args",
    "follower-args",
    "env",
    "metrics",
    "workdir",
    "setup",
    "after-command",
    "container",
    "srun",
]
_PROBE_KEYS = ("path", "post", "command")


@frozen(eq=False, repr=False)
class Scope(Record):
    """Where a template stands: below a role, below a phase, or for all of them (both None).

    `it` is the role that the template is repeated for, with `tasks` for each of its tasks; `file` is for the text of
    a file.
    """

    job: Job
    role: Role | None = None
    phase: str | None = None
    it: Role | None = None
    file: bool = False
    tasks: bool = False

    def names(self) -> list[str]:
        """Return every placeholder that may be used here and not everywhere, for suggestions and for the check."""
        names = [*RUN_FACTS]
        names += TASK_FACTS if self.role else ()
        if self.role and self.role.size.gpus:
            affinity = self.job.cluster.affinity_in(self.role.size.group)
            names += [name for name in AFFINITY_FACTS if getattr(affinity, name)]
        names += PHASE_FACTS if self.phase else ()
        for port in self.role.ports if self.role else ():
            names += _port_names(f"port.{port.name}") + _port_names(f"leader.port.{port.name}")
        if self.role and self.role.size.beside:
            names += _beside_names(self.job, self.role.size.beside)
        return names + (_it_names(self.it, tasks=self.tasks) if self.it else [])


def check_templates(job: Job, findings: Findings) -> None:
    """Report every placeholder of a job that names nothing (D123), cannot be (D124) or is no number."""
    known: dict[object, frozenset[str]] = {}
    roles = frozenset(name for role in job.roles for name in _role_names(role))
    files = frozenset(f"file.{file.name}" for file in job.files)
    texts = {
        "job.name": job.name,
        **dict.fromkeys(("job.dir", "phase.dir"), job.output_dir.replace("%x", job.name)),
        "metrics-urls": ",".join(role.metrics for role in job.roles),
    }
    for text, path, scope in _templates(job):
        if "{" not in text:
            continue
        key = (scope.role and scope.role.name, scope.phase is None, scope.it and scope.it.name, scope.tasks)
        if key not in known:
            known[key] = frozenset(scope.names())
        _check(text, path, scope, (known[key], roles, files), findings)
        check_shell(parse(text), path, lambda ref: texts.get(ref.name, ""), findings)


def _check(text: str, path: Path, scope: Scope, known: Sequence[frozenset[str]], findings: Findings) -> None:
    for ref in refs(text):
        if ref.expression:
            _check_expression(ref, path, scope, findings)
        elif not any(ref.name in names for names in known):
            message = f"there is no `{{{ref.name}}}` in {name_of(path)}"
            fix, lacks = _fix(ref.name, chain(*known), scope), _lacks(ref.name, path)
            findings.error("D123", message, path, help=fix, lacks=lacks)


def _lacks(name: str, path: Path) -> Path | None:
    """Return the path of what a placeholder names, where that is for the job file to say."""
    match name.split("."):
        case ["port", port, *_] | ["leader", "port", port, *_]:
            return (*path[:2], "ports", port)
        case ["role", role, "port" | "url" | "urls" | "endpoints", port, *_]:
            return ("roles", role, "ports", port)
        case ["role", role, *_]:
            return ("roles", role)
        case ["file", *rest]:
            return ("files", ".".join(rest))
        case ["it" | "beside", *_]:
            return ("roles",)
        case _:
            return None


def _fix(name: str, known: Iterable[str], scope: Scope) -> str:
    start, _, rest = name.partition(".")
    roles = [role.name for role in scope.job.roles]
    if name in AFFINITY_FACTS:
        if not scope.role or not scope.role.size.gpus:
            return "it is a fact of a role's GPUs, and here are none"
        group = scope.role.size.group
        return f"set `gpu-{name}` in node group `{group}`" if group else f"set `cluster.gpu-{name}`"
    if start == "role" and rest.partition(".")[0] not in roles:
        near = nearest(rest.partition(".")[0], roles)
        return f"did you mean role `{near}`?" if near else "the roles are " + ", ".join(f"`{role}`" for role in roles)
    near = nearest(name, known)
    return f"did you mean `{{{near}}}`?" if near else f"for just this text write `{{{{{name}}}`"


def _check_expression(ref: Ref, path: Path, scope: Scope, findings: Findings) -> None:
    try:
        evaluate(ref.expression, expression_lookup(scope, dict.fromkeys(TASK_NUMBERS, 1)))
    except ExprError as error:
        if not scope.role or "zero" not in str(error):  # with the job's own numbers it may well have a value
            lacks = (*path[:2], "args", error.lacks) if error.lacks else None
            place = (*path[:2], *error.at) if error.at else path
            shown = ref.expression if path[-1] == "when" else f"{{={ref.expression}}}"
            if not any(finding.path == path for finding in findings.found):  # a condition is read where it stands
                also = (*path[:2], "switches")  # where a preset has the expression
                findings.error("D112", f"`{shown}`: {error}", place, help=error.fix, lacks=lacks, also=also)


def expression_lookup(scope: Scope, numbers: Mapping[str, int]) -> Any:
    """Return the look-up for an expression inside a template: task numbers, then the role's `args`."""
    kind, owner = ("roles", scope.role.name) if scope.role else ("phases", scope.phase)
    table = scope.job.tables.get(kind, {}).get(owner, {})
    return lookup_of(table, numbers if scope.role else None)


def submitted(job: Job) -> dict[str, tuple[str, ...]]:
    """Return the variables that a job takes from the environment of its submission, each with who takes it."""
    envs = (
        ("the job", (*job.cluster.env, *job.env)),
        *((f"role {role.name}", role.launch.env) for role in job.roles),
        *((f"phase {phase.name}", phase.launch.env) for phase in job.phases),
    )
    owners: dict[str, dict[str, None]] = {}
    for owner, env in envs:
        for _, text in env:
            if text.startswith("{from-env."):
                owners.setdefault(text[len("{from-env.") : -1], {})[owner] = None
    return {name: tuple(who) for name, who in owners.items()}


def _templates(job: Job) -> Iterator[tuple[str, Path, Scope]]:
    """Yield every template of a job with its key path and its scope."""
    tables = job.tables
    anywhere = Scope(job)
    yield from _strings(_below(tables.get("job"), "env"), ("job", "env"), anywhere)
    yield from _strings(_below(tables.get("job"), "setup"), ("job", "setup"), anywhere)
    for key in ("env", "srun"):
        yield from _strings(_below(tables.get("cluster"), key), ("cluster", key), anywhere)
    for file in job.files:
        yield from _file(file, job)
    for role in job.roles:
        yield from _owner(tables["roles"][role.name], ("roles", role.name), Scope(job, role=role))
    for phase in job.phases:
        yield from _owner(tables["phases"][phase.name], ("phases", phase.name), Scope(job, phase=phase.name))


def _file(file: TextFile, job: Job) -> Iterator[tuple[str, Path, Scope]]:
    listed = isinstance(_below(_below(job.tables.get("files"), file.name), "content"), list)
    for index, part in enumerate(file.content):
        path: Path = ("files", file.name, "content", *((index,) if listed else ()))
        if isinstance(part, str):
            yield part, path, Scope(job, file=True)
        else:
            for it in job.roles:  # none of that name has been reported
                if it.name == part.role:
                    yield part.text, (*path, "text"), Scope(job, it=it, file=True, tasks=part.tasks)


def _below(table: Any, key: str) -> Any:
    return table.get(key) if isinstance(table, Mapping) else None


def _owner(table: Any, path: Path, scope: Scope) -> Iterator[tuple[str, Path, Scope]]:
    for key in _TEMPLATE_KEYS:
        yield from _strings(_below(table, key), (*path, key), scope)
    for key in ("ready", "alive"):
        probes = _below(table, key)
        for index, probe in enumerate(probes if isinstance(probes, list) else [probes]):
            where = (*path, key, index) if isinstance(probes, list) else (*path, key)
            for part in _PROBE_KEYS:
                yield from _strings(_below(probe, part), (*where, part), scope)
    yield from _inherited_container(_below(table, "container"), scope)


def _inherited_container(own: Any, scope: Scope) -> Iterator[tuple[str, Path, Scope]]:
    """Yield what a role or phase takes from the job's container: each must be able to fill it."""
    default = _below(scope.job.tables.get("job"), "container")
    for key, value in default.items() if isinstance(default, Mapping) and own is not False else ():
        if _below(own, key) is None:
            yield from _strings(value, ("job", "container", key), scope)


def _strings(value: Any, path: Path, scope: Scope) -> Iterator[tuple[str, Path, Scope]]:
    if isinstance(value, str):
        yield value, path, scope
    elif isinstance(value, Mapping) and isinstance(path[-1], int) and "when" in value:
        yield "{=" + str(value["when"]) + "}", (*path, "when"), scope
        yield from _strings(value.get("args"), (*path, "args"), scope)
    elif isinstance(value, Mapping) and isinstance(path[-1], int) and "each" in value:
        for it in scope.job.roles:  # none of that name has been reported
            if it.name == value["each"]:
                yield from _strings(value.get("args"), (*path, "args"), evolve(scope, it=it))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _strings(item, (*path, key), scope)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _strings(item, (*path, index), scope)


def _port_names(stem: str) -> list[str]:
    return [stem, f"{stem}.last"]


def _it_names(role: Role, *, tasks: bool) -> list[str]:
    names = [f"it.{fact}" for fact in (*IT_FACTS, *(("rank",) if tasks else ()))]
    for port in (port for port in role.ports if port.everywhere or not tasks):
        names += [f"it.{fact}.{port.name}" for fact in IT_PORT_FACTS] + [f"it.port.{port.name}.last"]
    return names


def _beside_names(job: Job, partner: str) -> list[str]:
    names = [f"beside.{fact}" for fact in BESIDE_FACTS]
    for port in (port for role in job.roles if role.name == partner for port in role.ports):
        names += [f"beside.{fact}.{port.name}" for fact in BESIDE_PORT_FACTS] + [f"beside.port.{port.name}.last"]
    return names


def _role_names(role: Role) -> list[str]:
    names = [f"role.{role.name}.{fact}" for fact in ROLE_FACTS]
    for port in role.ports:
        names += [f"role.{role.name}.{fact}.{port.name}" for fact in ROLE_PORT_FACTS]
        names.append(f"role.{role.name}.port.{port.name}.last")
    return names
