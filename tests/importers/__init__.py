"""Job files of other launchers, written for these tests, and what is made of them.

cases/NAME/: the files of one launcher, beside them `job.toml` and `report.txt`; `python -m tests.importers` writes
the two anew, and the diff is what has changed.
"""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from dynplan.checker import check
from dynplan.cli.engines import packaged
from dynplan.cli.stages import documents_of, is_sweep, plan_among, script_of
from dynplan.cli.sweeping import plan_all
from dynplan.diagnostics import Finding, Findings
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


def plans(text: str) -> tuple[dict[str, Plan], list[Finding]]:
    """Return the plans of a job file, of a sweep by the names of its points, and the warnings about them.

    It raises InputError for a file that is wrong.
    """
    document = parse("job.toml", text.encode())
    findings = Findings()
    inputs = documents_of("job.toml", document, None, "", findings)
    if not is_sweep(inputs):
        plan = plan_among(inputs, findings)
        return {"": plan}, list(plan.warnings)
    _, planned, warnings = plan_all(list(inputs), inputs, findings)
    return {found.point.name: found.plan for found in planned if found.plan}, warnings


def complaints(text: str) -> list[Finding]:
    """Return what `compile` and `check` say against any of a file's jobs: warnings, and promises that are broken."""
    found, complaints = plans(text)
    for plan in found.values():
        script_of(plan)
        complaints += check(to_tree(plan))
    return complaints
