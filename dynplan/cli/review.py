"""The commands for people who look before they submit: `show`, `check` and `engines`."""

from collections.abc import Sequence

from dynplan.cli.inputs import is_plan
from dynplan.cli.program import AsDrawing, ClusterFile, Drawing, EngineName, JobOrPlan, Output, Sets, Strict, app
from dynplan.cli.stages import allowed, check_plan, check_promises, planned, read, script_of
from dynplan.cli.streams import reporting, tell, write
from dynplan.diagnostics import Finding, InputError
from dynplan.model import Outline, outline_of


@app.command()
def show(
    source: JobOrPlan,
    cluster: ClusterFile = "",
    sets: Sets = None,
    form: AsDrawing = Drawing.text,
    strict: Strict = False,
    output: Output = "",
) -> None:
    """Draw the placement for people: nodes by GPUs, ports, warnings."""
    with reporting() as inputs:
        document = read(source, inputs)
        if is_plan(document):
            refuse_changes(sets, cluster)
            from dynplan.language.plan_file import outline  # `compile` reads no plan

            found = outline(document.data)
        else:
            found = outline_of(planned(source, document, sets, cluster, inputs))
        allowed(found.warnings, strict=strict)
        write(_drawn(found, form), output, inputs)


@app.command()
def check(source: JobOrPlan, cluster: ClusterFile = "", sets: Sets = None, strict: Strict = False) -> None:
    """Say what is wrong with a job or a plan, and write nothing else.

    Every promise of a plan is checked again, by code that the planner does not share.
    """
    from dynplan.language.plan_file import from_tree, outline, to_tree  # `compile` reads no plan and writes none

    with reporting() as inputs:
        document = read(source, inputs)
        if is_plan(document):
            refuse_changes(sets, cluster)
            beside = check_plan(document.data)
            # A plan without commands may come from anywhere.
            own = from_tree(document.data) if "roles" in document.data else outline(document.data) if strict else None
            allowed((*beside, *(own.warnings if own else ())), strict=strict)
            tell(beside, inputs)
            return
        found = planned(source, document, sets, cluster, inputs)
        allowed(found.warnings, strict=strict)
        tell(found.warnings, inputs)
        check_promises(to_tree(found))
        script_of(found)  # a script may be too large for Slurm


@app.command()
def engines(name: EngineName = "", output: Output = "") -> None:
    """List the presets for `engine`, or show one as it stands, with its comments."""
    from dynplan.cli.engines import listed, text_of  # only jobs with engines need it

    with reporting() as inputs:
        write(text_of(name) if name else listed(), output, inputs)


def refuse_changes(sets: Sequence[str] | None, cluster: str) -> None:
    """Raise InputError for options that change a job, where what they would change is a plan."""
    if sets or cluster:
        fix = "plan the job again with them: `dynplan plan JOB`"
        message = "`--set` and `--cluster` change a job, and this is a plan"
        raise InputError([Finding("D503", message, help=fix)])


def _drawn(found: Outline, form: Drawing) -> str:
    if form is Drawing.text:
        from dynplan.views.text import as_text  # only one command draws

        return as_text(found)
    from dynplan.views.svg import as_svg  # and seldom as a picture

    return as_svg(found)
