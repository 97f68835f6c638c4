"""Job arrays: several plans with the same directives become one script, which runs one of them for each index.

The program stands there once, and so does each function of data that all points share. Of every other there is one
for each text that it has, in the arm of a `case` over the index: tasks see functions as those of a job by itself.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, starmap

from attrs import evolve, frozen

from dynplan.diagnostics import Finding, InputError, Path
from dynplan.emitter.digests import POINTS_SEAL_LINE
from dynplan.emitter.limits import check_task_size
from dynplan.emitter.lowered import Option, Script, Settings
from dynplan.emitter.lowering import lower
from dynplan.emitter.parts import FOR_TASKS, PARTS
from dynplan.emitter.quote import word
from dynplan.emitter.writing import (
    HEADING,
    Function,
    functions,
    functions_of_parts,
    given_settings,
    head,
    joined,
    named_hosts,
    plan_digest,
    with_digest,
)
from dynplan.model import Plan, Record, Texts

_OWN = ("digest", "output_dir")  # of what holds for the whole job, what is surely another for each point
_OUTPUT = ("output", "%x-%j.out")  # what a job by itself has where it says nothing


@frozen(eq=False, repr=False)
class ArrayPoint(Record):
    """One index of a job array.

    Attributes:
        number: the index, SLURM_ARRAY_TASK_ID.
        title: a line for people: what differs from the other points.
        script: what a script of its own would say, the digest of its plan too.
    """

    number: int
    title: str
    script: Script

    @property
    def digest(self) -> str:
        """The digest of its plan, as the array's script has it."""
        return str(dict(chain.from_iterable(self.script.job))["digest"])


def array_point(number: int, title: str, plan: Plan) -> ArrayPoint:
    """Return a plan as an index of a job array.

    Raises:
        InputError: D601 or D602 for texts that Slurm or Linux do not take, D113 for a heterogeneous job.
    """
    script = lower(plan)
    if script.components:  # "Invalid job array specification" (heterogeneous_jobs.html, Limitations)
        message = f"point {number} has nodes of several groups, and Slurm has no job arrays of such jobs"
        fix = f"write a script for each point: `dynplan compile JOB --point {number}`"
        raise InputError([Finding("D113", message, ("cluster", "node-groups"), help=fix)])
    return ArrayPoint(number, title, with_digest(script, plan_digest(script)))


def in_arrays(points: Iterable[tuple[int, str, Plan]]) -> list[tuple[ArrayPoint, ...]]:
    """Return points, each with its number, title and plan, as arrays: those that have the same directives together.

    Raises:
        InputError: D601 or D602 for texts that Slurm or Linux do not take.
    """
    found: dict[tuple[tuple[Option, ...], Texts], list[ArrayPoint]] = {}
    for point in starmap(array_point, points):
        found.setdefault((point.script.directives, point.script.hosts), []).append(point)
    return [tuple(array) for array in found.values()]


def write_arrays(
    points: Sequence[ArrayPoint], stamp: str, program: Mapping[str, str], most_running: int
) -> Iterator[tuple[Sequence[ArrayPoint], str]]:
    """Yield the scripts of an array, each with its points: several where one would be larger than Slurm takes.

    Arguments and errors as of `write_array`.
    """
    try:
        text = write_array(points, stamp, program, most_running)
    except InputError as problem:
        if len(points) == 1 or problem.findings[0].code != "D601":
            raise
        half = len(points) // 2
        yield from write_arrays(points[:half], stamp, program, most_running)
        yield from write_arrays(points[half:], stamp, program, most_running)
    else:
        yield points, text


def write_array(points: Sequence[ArrayPoint], stamp: str, program: Mapping[str, str], most_running: int) -> str:
    """Return the script of a job array.

    Args:
        points: what runs, one of them for each index.
        stamp: what made it.
        program: the parts of the program, by name: at least `parts_of` the points.
        most_running: how many of them may run at a time, 0 for as many as there is room for.

    Raises:
        InputError: D601 or D602 where the script or a part of it is larger than Slurm or Linux take.
    """
    first = points[0].script
    parts = parts_of(points)
    for point in points:
        own = {path: function.text() for path, function in functions(point.script)}
        check_task_size(own, point.script.nodes, (program[name] for name in parts if name in FOR_TASKS))
    options = [_of_array(option) for option in first.directives]
    options.append(("array", indices([point.number for point in points], most_running)))
    top = head(evolve(first, directives=tuple(options), summary=_summary(points)), stamp, POINTS_SEAL_LINE)
    before = {name: pieces for (name,), pieces in _pieces(points, functions_of_parts).items()}
    before["hosts"] = named_hosts(first)
    data = [_choice(points), *chain.from_iterable(_pieces(points, _functions).values())]
    return joined("\n".join(top), data, before, parts, program)


def parts_of(points: Sequence[ArrayPoint]) -> tuple[str, ...]:
    """Return the names of the parts of the program that a script for these points needs, in script order."""
    wanted = set(chain.from_iterable(point.script.program for point in points))
    return tuple(name for name, _ in PARTS if name in wanted)


def indices(numbers: Sequence[int], most_running: int) -> str:
    """Return indices as sbatch takes them (sbatch(1), --array): `0-3,7%2`."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][-1] + 1:
            ranges[-1] = [ranges[-1][0], number]
        else:
            ranges.append([number])
    text = ",".join("-".join(map(str, dict.fromkeys(ends))) for ends in ranges)
    return f"{text}%{most_running}" if most_running else text


def _of_array(option: Option) -> Option:
    """Return an option of a job as an array has it: its output is named as `squeue` names the points."""
    return ("output", "%x-%A_%a.out") if option == _OUTPUT else option


def _summary(points: Sequence[ArrayPoint]) -> str:
    texts = list(dict.fromkeys(point.script.summary for point in points))
    more = f" (and {len(texts) - 1} other placements)" if len(texts) > 1 else ""
    count = f"{len(points)} points" if len(points) > 1 else "One point"
    return f"{count} of a sweep, an index each. {texts[0]}{more}"


def _choice(points: Sequence[ArrayPoint]) -> str:
    """Return what stands before the data: it says which point this is."""
    return "\n".join(_choice_lines(points))


def _choice_lines(points: Sequence[ArrayPoint]) -> Iterator[str]:
    yield HEADING
    yield "# What differs between them stands below in arms of a `case`; everything else is the same for all."
    yield "case ${SLURM_ARRAY_TASK_ID-} in"
    for point in points:
        yield f"{point.number})"
        yield f"\techo {word(f'dynplan: point {point.title}')}"
        yield Function("", "point", tuple(given_settings(_own(point.script)))).text("\t")
        yield "\t;;"
    yield "*)"
    yield '\techo "dynplan: FAILED: no point ${SLURM_ARRAY_TASK_ID-} here; sbatch sets SLURM_ARRAY_TASK_ID"'
    yield "\texit 64"
    yield "\t;;"
    yield "esac"


def _functions(script: Script) -> Iterator[tuple[Path, Function]]:
    """Yield the functions of data; that of the job calls `point` for what is each point's own."""
    own = dict(_own(script))
    job = [tuple(setting for setting in settings if setting[0] not in own) for settings in script.job]
    for path, function in functions(evolve(script, job=tuple(job)), heading=""):  # that stands above all points
        yield path, evolve(function, lines=(*function.lines, "point")) if path == ("job",) else function


def _own(script: Script) -> Settings:
    return tuple(setting for settings in script.job for setting in settings if setting[0] in _OWN)


def _pieces(
    points: Sequence[ArrayPoint], data: Callable[[Script], Iterable[tuple[Path, Function]]]
) -> dict[Path, list[str]]:
    """Return functions of data: once where all points have the same, else one for those that have the same."""
    numbers: dict[Path, dict[Function, list[int]]] = {}
    for point in points:
        for path, function in data(point.script):
            numbers.setdefault(path, {}).setdefault(function, []).append(point.number)
    return {path: ["\n".join(_one_or_more(own, len(points)))] for path, own in numbers.items()}


def _one_or_more(numbers: Mapping[Function, Sequence[int]], points: int) -> Iterator[str]:
    if [len(own) for own in numbers.values()] == [points]:
        yield from (function.text() for function in numbers)
        return
    yield "case $SLURM_ARRAY_TASK_ID in"
    for function, own in numbers.items():
        yield f"{' | '.join(map(str, own))})"
        yield function.text("\t")
        yield "\t;;"
    yield "esac"


def write_submit(arrays: Mapping[str, Sequence[ArrayPoint]], folder: str, name: str, stamp: str, program: str) -> str:
    """Return the script that submits arrays.

    Args:
        arrays: the points of each, by the name of its script.
        folder: where the scripts stand, relative to the directory from which they are to be submitted, or absolute.
        name: of the job.
        stamp: what made it.
        program: `submit.sh`.
    """
    lines = ["#!/bin/bash", f"# The points of {name}. Made by {stamp}.", f"folder={word(folder)}"]
    for array, words in (
        ("arrays", list(arrays)),
        ("indices", [indices([point.number for point in points], 0) for points in arrays.values()]),
    ):
        lines += [f"{array}=(", *(f"\t{word(text)}" for text in words), ")"]
    return "\n".join([*lines, "", program])


def in_directory(plan: Plan, output_dir: str) -> Plan:
    """Return a plan whose job leaves everything in another directory."""
    tables = {**plan.job.tables, "job": {**plan.job.tables["job"], "output-dir": output_dir}}
    return evolve(plan, job=evolve(plan.job, output_dir=output_dir, tables=tables))
