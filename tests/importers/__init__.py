"""Job files of other launchers, written for these tests, and what is made of them.

cases/NAME/: the files of one launcher, beside them `job.toml` and `report.txt`; `python -m tests.importers` writes
the two anew, and the diff is what has changed.
"""

import copy
import itertools
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import tomli_w

from dynplan.checker import check
from dynplan.cli.engines import packaged
from dynplan.cli.stages import planned, script_of
from dynplan.diagnostics import Document, Finding
from dynplan.importers import Imported, Kind, Source, imported, report_text
from dynplan.language import parse
from dynplan.language.plan_file import to_tree
from dynplan.model import Plan

FOLDER = Path(__file__).parent / "cases"
CASES = sorted(path.name for path in FOLDER.iterdir())
MADE = ("job.toml", "report.txt")


@cache
def presets() -> dict[str, dict[str, Any]]:
    """Return what the engines of dynplan say."""
    return {name: tomllib.loads(path.read_text()) for name, path in packaged().items()}


def sources(case: str) -> list[Source]:
    """Return the source files of a case."""
    found = sorted(path for path in (FOLDER / case).iterdir() if path.name not in MADE)
    return [Source(path.name, path.read_bytes()) for path in found]


def of_text(text: str, kind: Kind | None = None, name: str = "recipe.yaml") -> Imported:
    """Import one file that holds a text."""
    return imported([Source(name, text.encode())], kind, presets())


def made(case: str) -> dict[str, str]:
    """Return what is made of a case, by the name of the file that keeps it."""
    found = imported(sources(case), None, presets())
    return {"job.toml": found.job, "report.txt": report_text(found.entries)}


def jobs(text: str) -> Iterator[tuple[str, str]]:
    """Yield name and text of every job that a job file with a sweep stands for, the file itself where it has none."""
    tables = tomllib.loads(text)
    sweep = tables.pop("sweep", None)
    if sweep is None:
        yield "", text
        return
    for name, values in _points(sweep):
        job = copy.deepcopy(tables)
        for key, value in values.items():
            _set(job, key, value)
        yield name, tomli_w.dumps(job)


def _points(sweep: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for point in sweep.get("points", ()):
        yield point["name"], {key: value for key, value in point.items() if key != "name"}
    grid = {key: values for key, values in sweep.items() if key not in ("points", "zip")}
    together = sweep.get("zip", [])
    groups = [*together, *([key] for key in grid if not any(key in group for group in together))]
    if grid:
        columns = [[[(key, grid[key][row]) for key in group] for row in range(len(grid[group[0]]))] for group in groups]
        for rows in itertools.product(*columns):
            values = dict(itertools.chain(*rows))
            yield str(values), values


def _set(table: dict[str, Any], key: str, value: Any) -> None:
    """Set a dotted key, as TOML reads it."""
    at: Any = tomllib.loads(f"{key} = 0")
    names = []
    while isinstance(at, dict):
        ((name, at),) = at.items()
        names.append(name)
    for name in names[:-1]:
        table = table.setdefault(name, {})
    table[names[-1]] = value


def plan_of(text: str) -> Plan:
    """Return the plan of a job; it raises InputError for one that is wrong."""
    inputs: list[Document] = []
    return planned("job.toml", parse("job.toml", text.encode()), None, "", inputs)


def complaints(text: str) -> list[Finding]:
    """Return what `compile` and `check` say against any of a file's jobs: warnings, and promises that are broken."""
    found: list[Finding] = []
    for _, job in jobs(text):
        plan = plan_of(job)
        script_of(plan)
        found += [*plan.warnings, *check(to_tree(plan))]
    return found
