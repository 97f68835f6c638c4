"""What the points of a sweep have come to: from what each has left in its output directory to one table."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import evolve, frozen

from dynplan.diagnostics.visible import visible
from dynplan.model import Record
from dynplan.views.columns import as_columns
from dynplan.views.progress import Progress
from dynplan.views.seen import PhaseSeen


@frozen(eq=False, repr=False)
class Number(Record):
    """A number to look for: its column, the file that holds it (relative to the output directory), and its keys."""

    column: str
    file: str
    key: str
    best: str


@frozen(eq=False, repr=False)
class Asked(Record):
    """A point as it was planned: `values` by the names of the swept keys, as text in `shown`."""

    name: str
    values: Mapping[str, Any]
    shown: Mapping[str, str]
    phases: tuple[str, ...]
    numbers: tuple[Number, ...]


@frozen(eq=False, repr=False)
class Run(Record):
    """What a point has come to.

    Attributes:
        asked: the point.
        state: `done`, `failed`, `unfinished` (it runs, or was lost without a word) or `not run`.
        code: the exit code of the job, None where it is not known.
        cause: why it failed.
        ready_s: seconds from its first event until everything was ready.
        phases_s: seconds that each phase took, by name.
        numbers: what was found, by column.
        missing: why a number was not found, by column.
        best: the columns of which it has the best.
        directory: where it has left all this.
    """

    asked: Asked
    state: str
    code: int | None
    cause: str
    ready_s: int | None
    phases_s: Mapping[str, int]
    numbers: Mapping[str, Any]
    missing: Mapping[str, str]
    best: tuple[str, ...]
    directory: str


def numbers_of(results: Sequence[Mapping[str, str]], phases: Sequence[str]) -> tuple[Number, ...]:
    """Return the numbers to look for: of a result in every phase's directory, one for each phase.

    Args:
        results: `name`, `file`, `key`, `phase` and `best` of each, as in the job file.
        phases: the names of the job's phases.
    """
    found: list[Number] = []
    for each in results:
        wanted = [each["phase"]] if each["phase"] else list(phases)
        places = wanted if "{phase.dir}" in each["file"] else [""]
        for phase in places:
            column = f"{phase}.{each['name']}" if len(places) > 1 else each["name"]
            file = each["file"].replace("{job.dir}/", "").replace("{phase.dir}", f"phases/{phase}")
            found.append(Number(column, file, each["key"], each["best"]))
    return tuple(found)


def run_of(asked: Asked, progress: Progress | None, files: Mapping[str, str | None]) -> Run:
    """Return what a point has come to.

    Args:
        asked: the point.
        progress: how far it has come, None where it has left nothing.
        files: texts of those that hold numbers, by their names in `Number`; None where one is not there.
    """
    if progress is None:
        return Run(asked, "not run", None, "", None, {}, {}, {}, (), "")
    done = progress.state == "done"
    found = {number.column: _number(number, files.get(number.file)) for number in asked.numbers}
    return Run(
        asked=asked,
        state=progress.state,
        code=progress.code,
        cause=f"{progress.cause}; log {progress.log}" if progress.log else progress.cause,
        ready_s=_ready_s(progress),
        phases_s=dict(_phases_s(progress.phases, asked.phases)),
        numbers={column: value for column, (value, why) in found.items() if not why},
        missing={column: why for column, (_, why) in found.items() if why and done},
        best=(),
        directory=progress.directory,
    )


def compared(runs: Sequence[Run]) -> list[Run]:
    """Return runs that know of which numbers they have the best: the least or the most of all that are done."""
    wanted = {number.column: number.best for run in runs for number in run.asked.numbers if number.best}
    best: dict[str, Any] = {}
    for column, which in wanted.items():
        values = [run.numbers[column] for run in runs if _counts(run, column)]
        if values:
            best[column] = min(values) if which == "min" else max(values)
    return [_with_best(run, best) for run in runs]


def _with_best(run: Run, best: Mapping[str, Any]) -> Run:
    return evolve(run, best=tuple(name for name in best if _counts(run, name) and run.numbers[name] == best[name]))


def _counts(run: Run, column: str) -> bool:
    value = run.numbers.get(column)
    return run.state == "done" and isinstance(value, int | float)


# What stands in the files


def _number(number: Number, text: str | None) -> tuple[Any, str]:
    """Return a number, or why there is none."""
    if text is None:
        return None, f"there is no {number.file}"
    try:
        value = json.loads(text, parse_constant=str)  # NaN is no number to compare, nor JSON
    except (ValueError, RecursionError):
        return None, f"{number.file} is not JSON"
    rest = number.key
    while rest:
        key, value = _step(value, rest)
        if not key:
            return None, f"{number.file} has no `{number.key}`"
        rest = rest[len(key) + 1 :]
    if isinstance(value, dict | list):
        return None, f"`{number.key}` of {number.file} is no number"
    return value, ""


def _step(value: Any, key: str) -> tuple[str, Any]:
    """Return the longest beginning of a dotted key that stands in a value, and what stands there; else nothing."""
    if isinstance(value, list):
        first = key.partition(".")[0]
        known = first.isascii() and first.isdecimal() and int(first) < len(value)
        return (first, value[int(first)]) if known else ("", None)
    names = [name for name in value if key == name or key.startswith(f"{name}.")] if isinstance(value, dict) else []
    name = max(names, key=len, default="")
    return (name, value[name]) if name else ("", None)


# Times


def _ready_s(progress: Progress) -> int | None:
    """Return the seconds until the last role was ready; None where a phase has not begun, and the job has not ended."""
    sure = progress.state == "done" or any(phase.started for phase in progress.phases)
    if not sure or progress.began is None or progress.ready is None:
        return None
    return int((progress.ready - progress.began).total_seconds())


def _phases_s(seen: Sequence[PhaseSeen], phases: Sequence[str]) -> Iterator[tuple[str, int]]:
    by_name = {phase.name: phase for phase in seen}
    for name in phases:
        phase = by_name.get(name)
        if phase and phase.started and phase.ended:
            yield name, int((phase.ended - phase.started).total_seconds())


# The table


def as_rows(runs: Sequence[Run], mark: str = "") -> list[list[str]]:
    """Return the rows of the table, the heads first; `mark` stands behind the best numbers, without it in a column."""
    keys, phases, columns = _columns(runs)
    ready = ["ready-s", *(f"{phase}-s" for phase in phases)]
    rows = [["point", *keys, "state", "code", *ready, *columns, *([] if mark else ["best"]), "cause"]]
    for run in runs:
        values = [run.asked.shown.get(key, "") for key in keys]
        times = [_text(run.ready_s), *(_text(run.phases_s.get(phase)) for phase in phases)]
        numbers = [_text(run.numbers.get(name)) + (mark if name in run.best else "") for name in columns]
        best = [] if mark else [" ".join(run.best)]
        rows.append([run.asked.name, *values, run.state, _text(run.code), *times, *numbers, *best, run.cause])
    return rows if mark else [[*row, path] for row, path in zip(rows, ["directory", *_paths(runs)], strict=True)]


def as_text(runs: Sequence[Run]) -> str:
    """Return the table for people: the best numbers have a star, and what could not be found is told below."""
    rows = as_rows(runs, "*")
    states = [run.state for run in runs]
    counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    notes: dict[str, list[str]] = {}
    for run in runs:
        for column, why in run.missing.items():
            notes.setdefault(visible(f"{column}: {why}"), []).append(run.asked.name)
    told = "".join(f"\n{note} (point {', '.join(names)})" for note, names in notes.items())
    return f"{len(runs)} points: {counts}\n\n{as_columns(rows)}" + (f"{told}\n" if told else "")


def as_tree(runs: Sequence[Run]) -> dict[str, Any]:
    """Return the same as tables and lists, for other tools."""
    return {
        "points": [
            {
                "name": run.asked.name,
                "values": dict(run.asked.values),
                "state": run.state,
                "code": run.code,
                "cause": run.cause or None,
                "ready-s": run.ready_s,
                "phases-s": dict(run.phases_s),
                "results": dict(run.numbers),
                "missing": dict(run.missing),
                "best": list(run.best),
                "directory": run.directory or None,
            }
            for run in runs
        ]
    }


def _paths(runs: Sequence[Run]) -> list[str]:
    return [run.directory for run in runs]


def _columns(runs: Sequence[Run]) -> tuple[list[str], list[str], list[str]]:
    """Return the names of the swept keys, of the phases, and of the numbers, each once."""
    return (
        list(dict.fromkeys(key for run in runs for key in run.asked.shown)),
        list(dict.fromkeys(phase for run in runs for phase in run.asked.phases)),
        list(dict.fromkeys(number.column for run in runs for number in run.asked.numbers)),
    )


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)
