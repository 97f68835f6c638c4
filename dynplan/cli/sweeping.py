"""The points of a sweep as jobs: what the job file says of each, and its plan."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import evolve, field, frozen

from dynplan.cli.documents import POINT, Input, folder_of
from dynplan.cli.inputs import Inputs, with_presets
from dynplan.cli.planning import plan_of, resolved_tables
from dynplan.diagnostics import Document, Finding, Findings, InputError, Path, nearest
from dynplan.language import merged_data
from dynplan.language.sweep import Point, Sweep, constants, place_of, read_sweep, tables_of
from dynplan.model import Plan

_MOST_NAMED = 6  # points that a message names
_COMPUTED = ("gpus-per-worker", "count")  # numbers that may come from what a point sets in `args`


@frozen(eq=False, repr=False)
class AtPoint(Input):
    """What a point sets, as a document over those of the job."""

    point: Point | None = field(default=None, eq=False)


@frozen
class Planned:
    """A point and its plan, None where it has none; what was found on the way, at places of the job file."""

    point: Point
    plan: Plan | None
    findings: tuple[Finding, ...]


def sweep_of(documents: Sequence[Document], findings: Findings) -> Sweep:
    """Return the points of a job.

    Args:
        documents: what a user wrote of it, the document that wins first.
        findings: what was found before.

    Raises:
        InputError: D127 where the job is no sweep, else what is wrong with it, and what was found before.
    """
    tables = merged_data(documents)
    if "sweep" not in tables:
        message, fix = "this job has no `[sweep]`, and so no points", "`[sweep]` names keys and their values"
        findings.error("D127", message, help=fix, lacks=("sweep",))
        findings.raise_if_errors()
    try:
        return read_sweep(tables)
    except InputError as problem:
        raise InputError((*findings.told, *problem.findings)) from None


def tables_of_point(wanted: str, inputs: Inputs, findings: Findings) -> Mapping[str, Any]:
    """Return the tables of the job that one point is.

    Args:
        wanted: its number or its name.
        inputs: what a user wrote of the job; the point and its presets come to it, as places of findings.
        findings: what was found before.

    Raises:
        InputError: D126 or D127, or whatever is wrong with the sweep or the point.
    """
    sweep = sweep_of(inputs, findings)
    if not wanted:
        many = f"of {len(sweep.points)} points" if len(sweep.points) > 1 else "of one point"
        message = f"this is a sweep {many}, and a point is a job"
        fix = f"choose one: `--point {sweep.points[0].name}`; `dynplan sweep` lists them"
        findings.error("D126", message, ("sweep",), help=fix, key=True)
        raise InputError(findings.told)
    point = _chosen(wanted, sweep)
    documents = _documents(point, inputs, findings)
    inputs[:] = [documents[0], *inputs, *(document for document in documents if document.root)]
    return resolved_tables(documents, findings, constants(sweep, point))


def plan_all(
    documents: Sequence[Document], inputs: Inputs, before: Findings
) -> tuple[Sweep, list[Planned], list[Finding]]:
    """Return the points of a job, each with its plan, and the warnings about them, each once.

    Arguments as of `plan_points`.

    Raises:
        InputError: what is wrong with the sweep, or with any of its points.
    """
    sweep = sweep_of(documents, before)
    planned = list(plan_points(sweep, documents, inputs, before))
    told = told_together(planned)
    if any(found.plan is None for found in planned):
        raise InputError(finding for finding in told if finding.severity == "error")
    return sweep, planned, told


def plan_points(sweep: Sweep, documents: Sequence[Document], inputs: Inputs, before: Findings) -> Iterator[Planned]:
    """Yield every point with its plan, or with what is wrong with it.

    Args:
        sweep: `sweep_of` the documents.
        documents: what a user wrote of the job.
        inputs: where the presets of the points are remembered, as places of findings.
        before: what was found before.
    """
    for point in sweep.points:
        findings = Findings([*before.found], {*before.unread})
        try:
            own = _documents(point, documents, findings)
            inputs += [document for document in own if document.root and document not in inputs]
            plan = plan_of(own, findings, constants(sweep, point))
        except InputError as problem:
            yield Planned(point, None, tuple(_placed(problem.findings, point)))
        else:
            yield Planned(point, plan, tuple(_placed(plan.warnings, point)))


def placed(findings: Sequence[Finding], inputs: Sequence[Document]) -> tuple[list[Finding], list[Document]]:
    """Return findings at the places where a point's values stand, and the documents without the point's own."""
    own = next(document for document in inputs if isinstance(document, AtPoint))
    others = [document for document in inputs if document is not own]
    return list(_placed(findings, own.point)) if own.point else list(findings), others


def told_together(planned: Sequence[Planned]) -> list[Finding]:
    """Return what was found at points, each thing once with the points that it holds for."""
    points: dict[tuple[object, ...], list[Point]] = {}
    once: dict[tuple[object, ...], Finding] = {}
    for found in planned:
        for finding in found.findings:
            key = (finding.code, finding.message, finding.path, finding.help, finding.document, finding.span)
            once[key] = finding
            points.setdefault(key, []).append(found.point)
    return [
        finding
        if len(points[key]) == len(planned)
        else evolve(finding, message=f"{_named(points[key])}: {finding.message}")
        for key, finding in once.items()
    ]


def _named(points: Sequence[Point]) -> str:
    names = [f"`{point.name}`" for point in points[:_MOST_NAMED]]
    if len(points) > _MOST_NAMED:
        names.append(f"{len(points) - _MOST_NAMED} more")
    if len(names) == 1:
        return f"point {names[0]}"
    return f"points {', '.join(names[:-1])} and {names[-1]}"


def _placed(findings: Sequence[Finding], point: Point) -> Iterator[Finding]:
    for finding in findings:
        place = place_of(finding.path, point)
        if not place and finding.code == "D101":  # an unknown table, of which a point sets a key
            place = _around(finding.path, point)
        elif not place and finding.path[:1] == ("roles",) and finding.path[-1] in _COMPUTED:
            place = _around((*finding.path[:2], "args"), point)
        if finding.document is not None and finding.document.name == POINT:
            yield evolve(finding, path=place or _around(finding.path, point) or ("sweep",), document=None)
        elif finding.document is None and place:
            yield evolve(finding, path=place)
        else:
            yield finding


def _around(table: Path, point: Point) -> Path | None:
    """Return the place of the first value below a table."""
    below = (place for (path, _), place in zip(point.values, point.places, strict=True) if path[: len(table)] == table)
    return next(below, None)


def _chosen(wanted: str, sweep: Sweep) -> Point:
    for point in sweep.points:
        if wanted in (point.name, str(point.number)):
            return point
    names = [point.name for point in sweep.points if point.name != str(point.number)]
    near = nearest(wanted, names)
    known = f"points are 0 to {len(sweep.points) - 1}" + "".join(f", `{name}`" for name in names)
    fix = f"did you mean `{near}`?" if near else known
    raise InputError([Finding("D127", f"the sweep has no point `{wanted}`", ("sweep",), fix, key=True)])


def _documents(point: Point, documents: Sequence[Document], findings: Findings) -> list[Document]:
    """Return the documents of a job at a point, presets too, the point's own first."""
    file = next(document for document in documents if not document.name.startswith("--"))
    others = [
        evolve(document, data={key: value for key, value in document.data.items() if key != "sweep"})
        for document in documents
    ]
    own = AtPoint(POINT, "", tables_of(point), folder=folder_of(file), point=point)
    return with_presets([own, *others], findings)
