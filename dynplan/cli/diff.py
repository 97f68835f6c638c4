"""The command for people who review: `diff`, what differs between two jobs."""

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from dynplan.cli.documents import STDIN
from dynplan.cli.inputs import Inputs, is_plan
from dynplan.cli.program import AfterSets, ClusterFile, Output, Point, app
from dynplan.cli.review import refuse_changes
from dynplan.cli.stages import check_plan, planned, read
from dynplan.cli.streams import reporting, write
from dynplan.diagnostics import Document
from dynplan.model import Plan

if TYPE_CHECKING:
    from dynplan.diagnostics.paint import Paint  # for its name alone
    from dynplan.views.difference import Difference  # for its name alone


class Form(StrEnum):
    """How a difference is told."""

    text = "text"
    markdown = "markdown"
    json = "json"


Before = Annotated[str, typer.Argument(metavar="BEFORE", help="Job file or plan; - for standard input.")]
After = Annotated[str, typer.Argument(metavar="AFTER", help="Job file or plan; - for standard input.")]
AsForm = Annotated[Form, typer.Option("--format", help="How to tell what differs.", show_default=True)]


@app.command()
def diff(
    before: Before,
    after: After,
    cluster: ClusterFile = "",
    sets: AfterSets = None,
    point: Point = "",
    form: AsForm = Form.text,
    output: Output = "",
) -> None:
    """Tell what differs between two jobs: where they run, and what.

    Exit status: 0 nothing differs; 1 something does, or the input is wrong, and then nothing is written.
    """
    if [before, after, cluster].count(STDIN) > 1:
        raise typer.BadParameter("standard input can be read once")
    with reporting() as inputs:
        documents = [read(name, inputs) for name in (before, after)]
        if all(map(is_plan, documents)):
            refuse_changes((), cluster, point)
        old, first = _side(before, documents[0], (), cluster, point, inputs), list(inputs)
        new = _side(after, documents[1], sets or (), cluster, point, inputs)
        from dynplan.cli.terminal import paint_for  # only some commands paint
        from dynplan.views.difference import difference  # only one command compares

        found = difference(old, new)
        write(_told(found, form, paint_for(output)), output, [*first, *inputs], private=True)
    if found.changed:
        raise typer.Exit(1)


def _side(name: str, document: Document, sets: Sequence[str], cluster: str, point: str, inputs: Inputs) -> Plan:
    """Return the plan of a job file, or a plan that keeps its promises; `--cluster` and `--point` are for job files."""
    if not is_plan(document):
        return planned(name, document, sets, cluster, inputs, point)
    from dynplan.language.plan_file import from_tree  # a job file needs no reader of plans

    inputs[:] = [document]
    refuse_changes(sets, "", "")
    found = from_tree(document.data)
    check_plan(document.data)
    return found


def _told(found: "Difference", form: Form, paint: "Paint") -> str:
    if form is Form.text:
        from dynplan.views.difference.text import as_text  # one form of three

        return as_text(found, paint)
    if form is Form.markdown:
        from dynplan.views.difference.markdown import as_markdown  # one form of three

        return as_markdown(found)
    import json  # only the form for programs needs it

    from dynplan.views.difference.data import as_data  # one form of three

    return json.dumps(as_data(found), indent=1) + "\n"
