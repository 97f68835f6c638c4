"""What would help: the changes under which a refused job plans, found by planning it again.

A change is tried on the tables a user wrote, and the job is read and planned from there as if the user
had written it so. What is suggested has been seen to work, constraints and port blocks included.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import define, evolve

from dynplan.diagnostics import Finding, InputError, Path
from dynplan.language import read
from dynplan.language.engine_sizes import arg_of
from dynplan.language.expressions import ExprError, evaluate, names
from dynplan.language.lookups import lookup_of
from dynplan.model import Job, Plan, Tables
from dynplan.planner.placement import plan
from dynplan.planner.refusals import Change, Ladder, Refusal

_MOST_PLANS = 60  # for one report, where plans are small; a plan of 10,000 nodes takes half a second
_MOST_SUGGESTED = 2


def plan_tables(tables: Tables) -> Plan:
    """Return the plan of resolved tables (`dynplan.language.inheritance.resolve`).

    Raises:
        InputError: as from `dynplan.language.job.read` and `dynplan.planner.placement.plan`, with advice.
    """
    try:
        return plan(read(tables))
    except InputError as problem:
        raise advised(tables, problem) from None


def advised(tables: Tables, problem: InputError) -> InputError:
    """Return what is wrong with a job, the planner's findings with changes that do away with them as help."""
    advice = _Advice(tables, problem.findings)
    return InputError(advice.help(finding) if isinstance(finding, Refusal) else finding for finding in problem.findings)


@define
class _Advice:
    """The tables of a refused job, what was found, and how many plans may still be made."""

    tables: Tables
    found: Sequence[Finding]
    left: int = _MOST_PLANS

    def help(self, refusal: Refusal) -> Finding:
        """Return the refusal with the changes that work as its help."""
        found = list(self._single(refusal)) or list(self._double(refusal))
        if not found:
            return refusal
        told = dict.fromkeys(" and ".join(map(_spelled, changes)) for changes in found)
        return evolve(refusal, help=", or ".join((*told, refusal.besides) if refusal.besides else told))

    def _single(self, refusal: Refusal) -> Iterator[tuple[Change, ...]]:
        """Yield of each ladder the first change that works."""
        found: list[Change] = []
        for rungs in self._written(refusal.ladders):
            for change in rungs if len(found) < _MOST_SUGGESTED else ():
                if change in found:
                    break
                if self._remaining((change,), refusal) == ():
                    found.append(change)
                    yield (change,)
                    break

    def _double(self, refusal: Refusal) -> Iterator[tuple[Change, ...]]:
        """Yield two changes that work together, the second for what the first one leads to."""
        for rungs in self._written(refusal.ladders):
            for change in rungs[:2]:
                after = self._remaining((change,), refusal) or ()
                for second in (rungs[0] for next_ in after for rungs in self._written(next_.ladders)):
                    if second.path != change.path and self._remaining((change, second), refusal) == ():
                        yield change, second
                        return

    def _remaining(self, changes: tuple[Change, ...], refusal: Refusal) -> tuple[Refusal, ...] | None:
        """Plan with the changes: nothing remains, new refusals, or (None) something else is wrong.

        Other findings of the same report may remain: each is helped on its own.
        """
        if self.left <= 0:
            return None
        tables = self.tables
        for change in changes:
            tables = changed(tables, change.path, change.value)
        try:
            job = read(tables)
            self.left -= 1 + _extent(job)
            plan(job)
        except InputError as problem:
            others = {_kind(finding) for finding in self.found if finding is not refusal} - {_kind(refusal)}
            new = [finding for finding in problem.findings if _kind(finding) not in others]
            refusals = tuple(finding for finding in new if isinstance(finding, Refusal))
            return refusals if len(refusals) == len(new) else None
        return ()

    def _written(self, ladders: Sequence[Ladder]) -> Iterator[Ladder]:
        """Yield ladders in the user's own terms: a size that is computed is changed where it comes from."""
        for rungs in ladders:
            yield from _from_args(self.tables, rungs)


def changed(tables: Mapping[str, Any], path: Path, value: Any) -> dict[str, Any]:
    """Return the tables with one key set; what is on the way there and neither table nor list is replaced."""
    key, *below = path
    old = tables.get(str(key))
    if below and isinstance(below[0], int) and isinstance(old, list):
        at, *rest = below
        new: Any = [changed(row, tuple(rest), value) if place == at else row for place, row in enumerate(old)]
    elif below:
        new = changed(old if isinstance(old, Mapping) else {}, tuple(below), value)
    else:
        new = value
    return {**tables, str(key): new}


def _extent(job: Job) -> int:
    """Return how many small plans a plan of the job is worth."""
    tasks = [
        max(role.size.workers or 1, (role.size.num_nodes or 1) * (role.size.workers_per_node or 1))
        for role in job.roles
    ]
    return sum(tasks) // 2000 + len(job.roles) // 20


def _kind(finding: Finding) -> tuple[str, Path]:
    return finding.code, finding.path


def _spelled(change: Change) -> str:
    first, *below = change.path
    keys = (f"[{key}]" if isinstance(key, int) else f".{key}" for key in below)
    return f"set `{first}{''.join(keys)} = {_toml(change.value)}`"


def _toml(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return f'"{value}"'
        case list():
            return f"[{', '.join(map(_toml, value))}]"
        case _:
            return str(value)


def _from_args(tables: Tables, rungs: Ladder) -> Iterator[Ladder]:
    """Yield the ladder itself, or ladders for the `args` that its key is computed from."""
    role = _table(_table(tables.get("roles")).get(str(rungs[0].path[1]))) if rungs[0].path[0] == "roles" else {}
    text = role.get("gpus-per-worker")
    if rungs[0].path[-1] != "gpus-per-worker" or not isinstance(text, str):
        yield rungs
        return
    for name in (arg_of(name, role) for name in names(text)):
        if name is None:
            continue
        path = (*rungs[0].path[:2], "args", name)
        values = [_solved(text, role, name, change.value) for change in rungs]
        if found := tuple(Change(path, value) for value in values if value):
            yield found


def _solved(text: str, role: Tables, name: str, wanted: int) -> int | None:
    """Return the value of one name at which an expression has the value wanted, for a product of sizes."""

    def with_size(value: int) -> int:
        return evaluate(text, lookup_of({**role, "args": {**_table(role.get("args")), name: value}}))

    try:
        one = with_size(1)
        value = wanted // one if one else 0
        return value if value and with_size(value) == wanted else None
    except ExprError:
        return None


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
