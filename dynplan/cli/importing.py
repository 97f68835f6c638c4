"""The command `import`: job files of other launchers become one of ours, with a report of every key."""

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from dynplan.cli.documents import STDIN, Input, read_named
from dynplan.cli.inputs import Inputs
from dynplan.cli.program import Output, Told, app
from dynplan.cli.streams import reporting, write
from dynplan.diagnostics import Finding, InputError


class From(StrEnum):
    """Whose files can be read."""

    srt = "srt"
    cloudai = "cloudai"
    trtllm = "trtllm"


Files = Annotated[list[str], typer.Argument(metavar="FILE...", help="Files of another launcher; - for standard input.")]
Whose = Annotated[From | None, typer.Option("--from", help="Whose files they are, where their keys do not say it.")]
ClusterOut = Annotated[
    str, typer.Option("--cluster-out", metavar="FILE", help="Write what is the site's to FILE, not into the job.")
]
ReportFile = Annotated[str, typer.Option("--report", metavar="FILE", help="Write the report to FILE, not to stderr.")]
AsReport = Annotated[Told, typer.Option("--format", help="How to write the report.", show_default=True)]
All = Annotated[bool, typer.Option("--strict", help="Exit with 1 if a key is changed or dropped; all is written.")]


@app.command("import")
def import_(
    files: Files,
    whose: Whose = None,
    cluster_out: ClusterOut = "",
    report: ReportFile = "",
    form: AsReport = Told.text,
    strict: All = False,
    output: Output = "",
) -> None:
    """Write a job file from another launcher's files, and a report.

    The report says of every key what became of it. Files: recipes of srt-slurm, tests and scenarios of CloudAI, and
    the file of a disaggregated TensorRT-LLM server.
    """
    from dynplan.importers import Fate, Kind, Source, imported, report_json, report_text  # only this command imports

    with reporting() as inputs:
        sources = [Source(*_read(name, inputs)) for name in files]
        _distinct(output, cluster_out, report)
        kind = Kind(whose) if whose else None
        found = imported(sources, kind, _presets(), _beside(output, cluster_out))
        if cluster_out:
            write(found.cluster, cluster_out, inputs)
        write(found.job, output, inputs, private=False)
        text = report_text(found.entries) if form is Told.text else report_json(found.entries)
        if report:
            write(text, report, inputs)
        elif sys.stderr is not None:
            sys.stderr.write(text)
        lost = any(entry.fate in (Fate.changed, Fate.dropped) for entry in found.entries)
    if strict and lost:
        raise typer.Exit(1)


def _read(name: str, inputs: Inputs) -> tuple[str, bytes]:
    """Return a file's name as shown and what is in it, and know it for what is written."""
    content, shown = read_named(name), "<stdin>" if name == STDIN else name
    inputs.append(Input(shown, "", {}, origin=content.origin))
    return shown, content.raw


def _presets() -> dict[str, dict[str, object]]:
    from dynplan.cli.engines import packaged, text_of  # the same
    from dynplan.language import parse  # the same

    return {name: parse(name, text_of(name).encode()).data for name in packaged()}


def _beside(output: str, cluster: str) -> str:
    """Return a cluster file as the job names it: relative to the job's folder."""
    if not cluster or output in ("", STDIN) or Path(cluster).is_absolute():
        return cluster
    return os.path.relpath(cluster, Path(output).parent)


def _distinct(*names: str) -> None:
    """Refuse to write two things into one file."""
    given = [os.path.realpath(name) for name in names if name not in ("", STDIN)]
    if len(set(given)) < len(given):
        from dynplan.diagnostics import NOWHERE  # only an error needs it

        message = "job, cluster file and report cannot be one file"
        raise InputError([Finding("D005", message, help="name three files", document=NOWHERE)])
