"""The commands for people who look before they submit: `show`, `check` and `engines`."""

from collections.abc import Sequence
from functools import partial

import typer

from dynplan.cli.documents import STDIN, read_named
from dynplan.cli.inputs import Inputs, is_plan, loaded
from dynplan.cli.program import (
    AsDrawing,
    AsFindings,
    ClusterFile,
    Drawing,
    EngineName,
    FindingFormat,
    JobOrPlan,
    JobsOrPlans,
    Output,
    Point,
    Sets,
    Strict,
    Width,
    app,
)
from dynplan.cli.stages import (
    allowed,
    check_plan,
    check_promises,
    documents_of,
    is_sweep,
    plan_among,
    planned,
    read,
    script_of,
)
from dynplan.cli.streams import Report, attempted, reporting, tell_all, write
from dynplan.diagnostics import Document, Finding, Findings, InputError
from dynplan.model import Outline, Plan, outline_of


@app.command()
def show(
    source: JobOrPlan,
    cluster: ClusterFile = "",
    sets: Sets = None,
    point: Point = "",
    form: AsDrawing = Drawing.text,
    width: Width = None,
    strict: Strict = False,
    output: Output = "",
) -> None:
    """Draw the placement for people: nodes by GPUs, ports, warnings.

    As a page (html) it can be searched, and tells what each worker runs.
    """
    with reporting() as inputs:
        document = read(source, inputs)
        if is_plan(document):
            refuse_changes(sets, cluster, point)
            from dynplan.language.plan_file import outline  # `compile` reads no plan

            plan, found = None, outline(document.data)
        else:
            plan = planned(source, document, sets, cluster, inputs, point)
            found = outline_of(plan)
        allowed(found.warnings, strict=strict)
        if form is Drawing.html:
            from dynplan.cli.pages import page_of, plan_in  # people look at a text most of the time

            write(page_of(found, plan or plan_in(document)), output, inputs, private=True)
        else:
            write(_drawn(found, form, output, width), output, inputs)


@app.command()
def check(
    sources: JobsOrPlans,
    cluster: ClusterFile = "",
    sets: Sets = None,
    point: Point = "",
    form: AsFindings = FindingFormat.text,
    strict: Strict = False,
) -> None:
    """Say what is wrong with jobs or plans, and write nothing else.

    Every promise of a plan is checked again, by code that the planner does not share. Of a script it says which plan
    it is, and whether it was edited.
    """
    if sources.count(STDIN) > 1:
        raise typer.BadParameter("standard input can be read once")
    reports = [attempted(partial(_checked, source, cluster, sets, point, strict)) for source in sources]
    if form is FindingFormat.text:
        tell_all(reports)
    if told := _told(reports, form):
        with reporting() as inputs:
            write(told, "", inputs)
    if any(report.failed for report in reports):
        raise typer.Exit(1)


def _checked(
    source: str, cluster: str, sets: Sequence[str] | None, point: str, strict: bool, inputs: Inputs
) -> Sequence[Finding]:
    """Return the warnings about a job or a plan; raises InputError for one that is wrong."""
    from dynplan.cli.scripts import check_script, script_in  # only this command reads scripts
    from dynplan.language.plan_file import from_tree, outline, to_tree  # `compile` reads no plan and writes none

    content = read_named(source)
    if text := script_in(source, content):
        refuse_changes(sets, cluster, point, "a script")
        inputs[:] = [text]
        edited = check_script(text)
        allowed(edited, strict=strict)
        return edited
    inputs[:] = [document := loaded(source, content)]
    if is_plan(document):
        refuse_changes(sets, cluster, point)
        beside = check_plan(document.data)
        # A plan without commands may come from anywhere.
        own = from_tree(document.data) if "roles" in document.data else outline(document.data) if strict else None
        allowed((*beside, *(own.warnings if own else ())), strict=strict)
        return beside
    plans, warnings = _plans(source, document, sets, cluster, inputs, point)
    allowed(warnings, strict=strict)
    try:
        for plan in plans:
            check_promises(to_tree(plan))
            script_of(plan)  # a script may be too large for Slurm
    except InputError as problem:
        raise InputError((*warnings, *problem.findings)) from None
    return warnings


def _plans(
    source: str, document: Document, sets: Sequence[str] | None, cluster: str, inputs: Inputs, point: str
) -> tuple[Sequence[Plan], Sequence[Finding]]:
    """Return the plans of a job file with their warnings: one, or those of all points of a sweep."""
    findings = Findings()
    inputs[:] = documents_of(source, document, sets, cluster, findings)
    if point or not is_sweep(inputs):
        plan = plan_among(inputs, findings, point)
        return [plan], plan.warnings
    from dynplan.cli.sweeping import plan_all  # hardly any job is a sweep

    _, points, warnings = plan_all(list(inputs), inputs, findings)
    return [found.plan for found in points if found.plan], warnings


def _told(reports: Sequence[Report], form: FindingFormat) -> str:
    """Return what goes to standard output: the findings, where they are for programs, or which plans scripts are of."""
    if form is FindingFormat.text:
        from dynplan.cli.scripts import described, is_script  # only this command reads scripts

        return "".join(
            described(script) for r in reports if not r.failed for script in r.documents if is_script(script)
        )
    from dynplan.diagnostics.records import as_commands, as_records  # people are the usual readers

    records = [record for report in reports for record in as_records(report.findings, report.documents)]
    if form is FindingFormat.github:
        return as_commands(records)
    import json  # only the form for programs needs it

    return json.dumps(records, indent=1, ensure_ascii=False) + "\n"


@app.command()
def engines(name: EngineName = "", output: Output = "") -> None:
    """List the presets for `engine`, or show one with its comments."""
    from dynplan.cli.engines import listed, text_of  # only jobs with engines need it

    with reporting() as inputs:
        write(text_of(name) if name else listed(), output, inputs)


def refuse_changes(sets: Sequence[str] | None, cluster: str, point: str, what: str = "a plan") -> None:
    """Raise InputError for options that change or choose a job, where what is given is a plan, or a script."""
    if sets or cluster or point:
        fix = "plan the job again with them: `dynplan plan JOB`"
        message = f"`--set`, `--cluster` and `--point` change a job, and this is {what}"
        raise InputError([Finding("D503", message, help=fix)])


def _drawn(found: Outline, form: Drawing, output: str, width: int | None) -> str:
    if form is Drawing.text:
        from dynplan.cli.terminal import paint_for, width_for  # only some commands paint
        from dynplan.views.text import as_text  # only one command draws

        return as_text(found, width or width_for(output), paint_for(output))
    from dynplan.views.svg import as_svg  # and seldom as a picture

    return as_svg(found)
