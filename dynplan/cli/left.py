"""What a job has left: its output directory, found by its name or by the job's number, and what stands in it."""

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path as File
from typing import Any

from attrs import evolve, frozen

from dynplan.cli.slurm import ask, is_there
from dynplan.diagnostics import NOWHERE, Finding, InputError, nearest
from dynplan.language import parse
from dynplan.language.plan_file import outline
from dynplan.model import Outline
from dynplan.views.progress import Left, Progress, progress_of
from dynplan.views.slurm import SlurmJob, cause_in, results_in

_MOST_BYTES = 256 * 1024 * 1024  # of a log of events, or of a plan
_JOB_ID = re.compile(r"[0-9]{1,10}(?:[_+][0-9]{1,10})?")  # of an array's job: 12_3; of a component: 12+1
_DEFAULT = "results"  # where jobs leave theirs if they say nothing else


@frozen
class Found:
    """Where a job leaves what it leaves, None where it has not begun; the job as Slurm knows it, if that was asked."""

    directory: File | None
    slurm: SlurmJob | None


def find(name: str) -> Found:
    """Return where a job leaves what it leaves.

    Args:
        name: an output directory, or the number of a job.

    Raises:
        InputError: D004 for what cannot be read, D801 for a directory that is none of ours, D802 for a job that is
            not found.
    """
    directory = File(name)
    if _is_directory(directory):
        return Found(_checked(directory, name), None)
    if _JOB_ID.fullmatch(name):
        return _by_number(name)
    raise InputError([_not_ours(name, f"there is no directory `{name}`", _alike(directory))])


def left_in(found: Found) -> Left:
    """Return what stands in an output directory now; what is not there yet is empty."""
    if found.directory is None:
        return Left("", "", None, {}, None, None, slurm=found.slurm)
    tree, plan = _plan(found.directory)
    return evolve(left_at(found.directory), outline=plan, tree=tree, slurm=found.slurm)


def left_at(directory: File) -> Left:
    """Return the same without the plan, which is long, and without Slurm."""
    return Left(
        directory=os.fspath(directory),
        events=text_of(directory / "events.log") or "",
        outline=None,
        tree={},
        success=text_of(directory / "success-marker.txt"),
        failure=text_of(directory / "failure-marker.txt"),
        code=text_of(directory / "exit-code.txt"),
    )


def look(found: Found) -> tuple[Found, Progress]:
    """Return how far a job has come; where it has left no word of its end Slurm is asked, once."""
    left = left_in(found)
    progress = progress_of(left)
    if found.slurm is not None or progress.state != "unfinished" or not progress.job_id:
        return found, progress
    job = ask(progress.job_id)
    if job is None or job.name not in ("", progress.name):  # another cluster may have a job of that number too
        return found, progress
    return evolve(found, slurm=job), progress_of(evolve(left, slurm=job))


def text_of(file: File) -> str | None:
    """Return what is in a file that a job has left, None where there is none.

    Raises:
        InputError: D004 for one that is there and cannot be read: to take it for none would be a wrong word.
    """
    try:
        if not file.is_file():
            return None
        with file.open("rb") as stream:
            return stream.read(_MOST_BYTES).decode("utf-8", errors="replace")
    except FileNotFoundError:  # it was there a moment ago
        return None
    except (OSError, ValueError) as error:
        raise unreadable(file, error) from None


def unreadable(file: File, error: OSError | ValueError) -> InputError:
    """Return the finding of a file that cannot be read."""
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return InputError([Finding("D004", f"cannot read `{file}`: {reason.lower()}", document=NOWHERE)])


def _plan(directory: File) -> tuple[Mapping[str, Any], Outline | None]:
    """Return plan.toml and where everything stands by it; nothing where it is not there, or none of ours."""
    text = text_of(directory / "plan.toml")
    if text is None:
        return {}, None
    try:
        tree = parse("plan.toml", text.encode()).data
        return tree, outline(tree)
    except InputError:
        return {}, None


# Directories


def _checked(directory: File, name: str) -> File:
    if not _is_ours(directory):
        message = f"`{name}` is no output directory of a job: it has no events.log"
        raise InputError([_not_ours(name, message, _newest(directory))])
    return directory


def _is_ours(directory: File) -> bool:
    """Tell whether a job has begun here: it makes two folders, and then events.log."""
    return (directory / "events.log").is_file() or all((directory / name).is_dir() for name in ("logs", "phases"))


def _is_directory(directory: File) -> bool:
    try:
        return directory.is_dir()
    except (OSError, ValueError):  # no file can have that name
        return False


def _not_ours(name: str, message: str, meant: str) -> Finding:
    fix = f"there is `{meant}`" if meant else "name what a job's output calls `results in`, or the number of the job"
    return Finding("D801", message, help=fix, document=NOWHERE)


def _newest(directory: File) -> str:
    """Return the output directory below this one in which something has happened last."""
    try:
        inside = [path for path in directory.iterdir() if path.is_dir() and _is_ours(path)]
        return os.fspath(sorted(inside, key=lambda path: path.stat().st_mtime)[-1]) if inside else ""
    except OSError:
        return ""


def _alike(directory: File) -> str:
    """Return the output directory beside which a name was meant to lead."""
    try:
        beside = {path.name: path for path in directory.parent.iterdir() if path.is_dir() and _is_ours(path)}
    except (OSError, ValueError):
        return ""
    found = nearest(directory.name, beside)
    return os.fspath(beside[found]) if found else ""


# Numbers


def _by_number(number: str) -> Found:
    """Return the output directory of a job: its own output names it, and where that is Slurm knows for some minutes."""
    job = ask(number)
    if job is not None and job.state:
        if directory := _named_by(File(job.workdir) / job.stdout if job.stdout else None):
            return Found(directory, job)
        if job.is_active:
            return Found(None, job)
    outputs = sorted(File().glob(f"*-{number}.out"))
    inside = [path for path in sorted(File().glob(f"{_DEFAULT}/*-{number}")) if _is_ours(path)]
    found = [*filter(None, map(_named_by, outputs)), *reversed(inside)]
    if found:
        return Found(found[0], job)
    raise InputError([_failed_before(number, job, outputs) or _no_job(number, job)])


def _named_by(output: File | None) -> File | None:
    """Return the directory that a job's output names."""
    directory = results_in(text_of(output) or "") if output else ""
    return File(directory) if directory and _is_directory(File(directory)) else None


def _failed_before(number: str, job: SlurmJob | None, outputs: Iterable[File]) -> Finding | None:
    """Return what ended a job before it had a directory: what is submitted by mistake mostly ends so."""
    known = [File(job.workdir) / job.stdout] if job is not None and job.stdout else []
    for output in (*known, *outputs):
        if cause := cause_in(text_of(output) or ""):
            message = f"job {number} failed before it had an output directory: {cause}"
            return Finding("D802", message, help=f"its output is `{output}`", document=NOWHERE)
    return None


def _no_job(number: str, job: SlurmJob | None) -> Finding:
    if job is not None and job.state:
        message = f"job {number} has ended ({job.state}), and its output names no directory of results"
    elif is_there():
        message = f"Slurm knows no job {number} (any more)"
    else:
        message = f"there is no Slurm here to ask for job {number}"
    fix = f"name its output directory; neither `*-{number}.out` nor `{_DEFAULT}/*-{number}` is here"
    return Finding("D802", message, help=fix, document=NOWHERE)
