"""The directory of a sweep: a script for each array of points, their plans, an index, and what submits them."""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path as File
from typing import Any

from dynplan.cli.program import STAMP
from dynplan.cli.stages import program_texts
from dynplan.cli.sweeping import Planned
from dynplan.diagnostics import NOWHERE, Finding, Findings, InputError
from dynplan.diagnostics.visible import brief, visible
from dynplan.emitter.arrays import ArrayPoint, in_arrays, in_directory, parts_of, write_arrays, write_submit
from dynplan.language.plan_file import to_toml
from dynplan.language.results import read_results
from dynplan.language.sweep import Sweep, shown
from dynplan.model import Plan
from dynplan.views.sweeps import PointLine, point_line

_SUBMIT = File(__file__).parents[1] / "emitter" / "submit.sh"
_LONGEST_SHOWN = 40
INDEX = "sweep.json"
SCHEMA = 1


def lines_of(sweep: Sweep, planned: Sequence[Planned]) -> list[PointLine]:
    """Return the lines of a table of points that all have a plan."""
    found = []
    for point, plan in ((each.point, each.plan) for each in planned if each.plan):
        values = {sweep.names[path]: value for path, value in sweep.values(point).items()}
        texts = {name: _short(shown(value)) for name, value in values.items()}
        found.append(point_line(point.number, point.name, values, texts, plan))
    return found


def _short(text: str) -> str:
    return brief(visible(text), _LONGEST_SHOWN)


def write_folder(folder: str, sweep: Sweep, planned: Sequence[Planned], most_running: int) -> None:
    """Write the directory of a sweep, all of it or nothing.

    Args:
        folder: a directory that is not there yet, or holds nothing.
        sweep: its points.
        planned: the points with their plans: all of them have one.
        most_running: how many points of an array may run at a time, 0 for any number.

    Raises:
        InputError: D005 where the directory cannot be written, D601 or D602 where a script is too large.
    """
    name = _checked(folder)
    plans = _at_their_own(planned, name)
    lines = {line.number: line for line in lines_of(sweep, planned)}
    arrays = in_arrays((number, _title(lines[number]), plan) for number, plan in plans.items())
    written = [
        pair for array in arrays for pair in write_arrays(array, STAMP, program_texts(parts_of(array)), most_running)
    ]
    scripts = {f"array-{index}.sbatch": points for index, (points, _) in enumerate(written)}
    files = dict(zip(scripts, (text for _, text in written), strict=True))
    files |= {f"plans/{lines[number].name}.toml": to_toml(plan) for number, plan in plans.items()}
    files[INDEX] = json.dumps(_index(name, lines, plans, scripts), indent=1, ensure_ascii=False) + "\n"
    job = next(iter(plans.values())).job.name
    files["submit.sh"] = write_submit(scripts, name, job, STAMP, _SUBMIT.read_text("utf-8"))
    try:
        _write_files(File(name), files)
    except OSError as error:
        raise InputError([_cannot(folder, (error.strerror or str(error)).lower())]) from None


def _title(line: PointLine) -> str:
    return ", ".join([line.name, *(f"{visible(name)} = {text}" for name, text in line.shown.items())])


def _checked(folder: str) -> str:
    """Return the name of a directory that scripts may be written into, without what says nothing in it."""
    name = os.path.normpath(folder)
    if not name.isprintable() or "%" in name:
        raise InputError([_cannot(folder, "scripts hold its name, and take one line of printable text without `%`")])
    if name.split("/")[0] in (".", ".."):
        fix = "name a directory below this one, in which relative paths of the job begin, or an absolute one"
        raise InputError(
            [_cannot(folder, "output directories are below the directory that jobs are submitted from", fix)]
        )
    try:
        if os.path.lexists(name) and any(File(name).iterdir()):
            raise InputError([_cannot(folder, "something is in it", "name a new directory, or remove this one")])
    except OSError as error:
        raise InputError([_cannot(folder, (error.strerror or str(error)).lower())]) from None
    return name


def _cannot(folder: str, why: str, fix: str = "") -> Finding:
    return Finding("D005", f"cannot write into `{folder}`: {why}", help=fix, document=NOWHERE)


def _at_their_own(planned: Sequence[Planned], folder: str) -> dict[int, Plan]:
    """Return the plans of points by their numbers, each with an output directory of its own.

    Without an `output-dir` in the job it stands below the sweep's. One that the job names stays where it differs from
    point to point, and has the point's name behind it where it does not.
    """
    plans = [(found.point, found.plan) for found in planned if found.plan]
    said = [plan.job.output_dir for _, plan in plans]
    found = {}
    for point, plan in plans:
        if "output-dir" not in plan.job.tables["job"]:
            wanted = f"{folder}/points/{point.name}-%j"
        elif len(set(said)) < len(said):
            wanted = f"{plan.job.output_dir.rstrip('/')}-{point.name}"
        else:
            wanted = plan.job.output_dir
        found[point.number] = in_directory(plan, wanted)
    return found


def _index(
    folder: str, lines: Mapping[int, PointLine], plans: Mapping[int, Plan], scripts: Mapping[str, Sequence[ArrayPoint]]
) -> dict[str, Any]:
    """Return what `results` reads: the points, where they leave what they do, and the numbers that count."""
    script_of = {point.number: (file, point.digest) for file, points in scripts.items() for point in points}
    return {
        "schema": SCHEMA,
        "folder": folder,
        "points": [_entry(lines[number], plan, *script_of[number]) for number, plan in plans.items()],
    }


def _entry(line: PointLine, plan: Plan, script: str, digest: str) -> dict[str, Any]:
    phases = tuple(phase.name for phase in plan.job.phases)
    measures = read_results(plan.job.tables, phases, Findings())
    return {
        "point": line.number,
        "name": line.name,
        "values": dict(line.values),
        "script": script,
        "digest": digest,
        "plan": f"plans/{line.name}.toml",
        "output-dir": plan.job.output_dir.replace("%x", plan.job.name),
        "phases": phases,
        "results": [
            {"name": each.name, "file": each.file, "key": each.key, "phase": each.phase, "best": each.best}
            for each in measures
        ],
    }


def _write_files(target: File, files: Mapping[str, str]) -> None:
    """Write files into a new directory, which takes its name once it is whole; scripts are for their owner alone."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".dynplan-{os.urandom(8).hex()}")
    (partial / "plans").mkdir(parents=True)
    try:
        for name, text in files.items():
            mode = 0o700 if name == "submit.sh" else 0o600
            handle = os.open(partial / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            with os.fdopen(handle, "wb") as stream:
                stream.write(text.encode())
        partial.rename(target)  # over an empty directory too
    finally:
        shutil.rmtree(partial, ignore_errors=True)  # it has gone where all went well
