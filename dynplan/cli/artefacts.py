"""The commands that write an artefact: `compile`, `plan` and `emit`."""

from collections.abc import Sequence

from dynplan.cli.inputs import Inputs, is_plan
from dynplan.cli.program import AsFormat, ClusterFile, Format, JobFile, Output, PlanFile, Point, Sets, Strict, app
from dynplan.cli.stages import allowed, check_plan, planned, read, script_of
from dynplan.cli.streams import reporting, tell, write
from dynplan.diagnostics import Finding, InputError
from dynplan.model import Plan


@app.command("compile")
def compile_(
    job: JobFile,
    cluster: ClusterFile = "",
    sets: Sets = None,
    point: Point = "",
    strict: Strict = False,
    output: Output = "",
) -> None:
    """Write the sbatch script of a job file."""
    with reporting() as inputs:
        found = _job(job, sets, cluster, point, strict, inputs)
        write(script_of(found), output, inputs, private=True)


@app.command()
def plan(
    job: JobFile,
    cluster: ClusterFile = "",
    sets: Sets = None,
    point: Point = "",
    form: AsFormat = Format.toml,
    strict: Strict = False,
    output: Output = "",
) -> None:
    """Write the placement plan of a job file."""
    with reporting() as inputs:
        found = _job(job, sets, cluster, point, strict, inputs)
        write(_plan_text(found, form), output, inputs, private=True)


@app.command()
def emit(plan_file: PlanFile, strict: Strict = False, output: Output = "") -> None:
    """Write the sbatch script of a plan: the same bytes as compile.

    A plan that breaks a promise, a GPU or a port given out twice for example, is refused as by check.
    """
    with reporting() as inputs:
        from dynplan.language.plan_file import from_tree  # `compile` reads no plan

        tree = read(plan_file, inputs).data
        found = from_tree(tree)
        beside = check_plan(tree)
        allowed((*beside, *found.warnings), strict=strict)
        tell(beside, inputs)
        write(script_of(found), output, inputs, private=True)


def _job(name: str, sets: Sequence[str] | None, cluster: str, point: str, strict: bool, inputs: Inputs) -> Plan:
    """Read and plan a job file, and tell its warnings."""
    document = read(name, inputs)
    if is_plan(document):
        message = "this is a plan, not a job file"
        raise InputError(
            [Finding("D504", message, ("schema",), "`dynplan emit` writes the script of a plan", key=True)]
        )
    found = planned(name, document, sets, cluster, inputs, point)
    allowed(found.warnings, strict=strict)
    tell(found.warnings, inputs)
    return found


def _plan_text(found: Plan, form: Format) -> str:
    from dynplan.language.plan_file import to_toml, to_tree  # `compile` writes no plan

    if form is Format.toml:
        return to_toml(found)
    import json  # only a plan in JSON needs it

    return json.dumps(to_tree(found), indent=1, ensure_ascii=False) + "\n"
