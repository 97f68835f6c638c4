"""The commands for many jobs at once: `sweep` and `results`."""

from collections.abc import Sequence
from typing import Any

import typer

from dynplan.cli.inputs import is_plan
from dynplan.cli.program import (
    AsTable,
    ClusterFile,
    JobFile,
    MostRunning,
    Output,
    Sets,
    Strict,
    SweepFolder,
    SweepResults,
    Table,
    app,
)
from dynplan.cli.stages import allowed, documents_of, read
from dynplan.cli.streams import reporting, tell, write
from dynplan.diagnostics import Finding, Findings, InputError


@app.command()
def sweep(
    job: JobFile,
    cluster: ClusterFile = "",
    sets: Sets = None,
    form: AsTable = Table.text,
    strict: Strict = False,
    max_running: MostRunning = 0,
    output: SweepFolder = "",
) -> None:
    """Plan the points of a sweep: a table, or job arrays.

    Nothing is written unless all points can be planned.
    """
    from dynplan.cli.sweep_folder import lines_of, write_folder  # only sweeps have points
    from dynplan.cli.sweeping import plan_all  # the same

    if max_running and not output:
        raise typer.BadParameter("`--max-running` is for the scripts that `-o DIR` writes")
    with reporting() as inputs:
        document = read(job, inputs)
        if is_plan(document):
            message, fix = "this is a plan, not a job file", "a sweep is made of a job file"
            raise InputError([Finding("D504", message, ("schema",), fix, key=True)])
        findings = Findings()
        documents = documents_of(job, document, sets, cluster, findings)
        inputs[:] = documents
        points, planned, told = plan_all(documents, inputs, findings)
        allowed(told, strict=strict)
        tell(told, inputs)
        if output:
            write_folder(output, points, planned, max_running)
            return
        write(_table(planned[0].plan.job.name if planned[0].plan else "", lines_of(points, planned), form), "", inputs)


def _table(name: str, lines: Sequence[Any], form: Table) -> str:
    from dynplan.views.columns import as_csv  # only sweeps are tables
    from dynplan.views.sweeps import as_rows, as_text, as_tree  # the same

    match form:
        case Table.text:
            return as_text(name, lines)
        case Table.csv:
            return as_csv(as_rows(lines))
        case Table.json:
            return _json(as_tree(name, lines))


@app.command()
def results(folder: SweepResults, form: AsTable = Table.text, output: Output = "") -> None:
    """Show what the points of a sweep have come to, in one table."""
    from dynplan.cli.runs import runs_of  # only sweeps have runs
    from dynplan.views.columns import as_csv  # the same
    from dynplan.views.runs import as_rows, as_text, as_tree  # the same

    with reporting() as inputs:
        found = runs_of(folder)
        match form:
            case Table.text:
                text = as_text(found)
            case Table.csv:
                text = as_csv(as_rows(found))
            case Table.json:
                text = _json(as_tree(found))
        write(text, output, inputs)


def _json(tree: Any) -> str:
    import json  # only tables in JSON need it

    return json.dumps(tree, indent=1, ensure_ascii=False) + "\n"
