"""The command line: streams, files to write, and exit codes. What a command computes is elsewhere, and pure."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path as File
from typing import Annotated

import typer
from attrs import define, field

from dynplan import __version__
from dynplan.errors import Document, Finding, InputError
from dynplan.files import load_job, load_tree
from dynplan.model import Plan
from dynplan.planfile import Outline, from_tree, outline, outline_of, to_toml, to_tree
from dynplan.planner import plan as make_plan
from dynplan.read import read
from dynplan.script import script
from dynplan.source import resolve

STAMP = f"dynplan {__version__}"
_PROGRAM = File(__file__).parent / "static" / "launch.sh"

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Compile TOML roles into a placement plan and one self-contained sbatch script.",
)


class Format(StrEnum):
    """How a plan is written."""

    toml = "toml"
    json = "json"


class View(StrEnum):
    """How a placement is shown."""

    text = "text"
    svg = "svg"


JobFile = Annotated[str, typer.Argument(metavar="JOB", help="The job file, - for standard input.")]
JobOrPlan = Annotated[str, typer.Argument(metavar="JOB|PLAN", help="A job file or a plan, - for standard input.")]
PlanFile = Annotated[str, typer.Argument(metavar="PLAN", help="A plan in TOML or JSON, - for standard input.")]
ClusterFile = Annotated[str, typer.Option("--cluster", metavar="FILE", help="Cluster file; wins over the job's own.")]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Set a key to a TOML value: job.num-nodes=4."),
]
Output = Annotated[str, typer.Option("--output", "-o", metavar="FILE", help="Write here instead of standard output.")]


@define
class Inputs:
    """What a command has read so far: where its findings point."""

    documents: list[Document] = field(factory=list)


@app.command("compile")
def compile_(job: JobFile, cluster: ClusterFile = "", sets: Sets = None, output: Output = "") -> None:
    """Write the sbatch script of a job file."""
    with _reporting() as inputs:
        _write(_script(_planned(job, sets, cluster, inputs)), output)


@app.command()
def plan(
    job: JobFile,
    cluster: ClusterFile = "",
    sets: Sets = None,
    output: Output = "",
    format: Annotated[Format, typer.Option("--format", help="How to write it.")] = Format.toml,  # noqa: A002 - the option's name
) -> None:
    """Write the placement plan of a job file."""
    with _reporting() as inputs:
        _write(_plan_text(_planned(job, sets, cluster, inputs), format), output)


@app.command()
def emit(plan_file: PlanFile, output: Output = "") -> None:
    """Write the sbatch script of a plan: the same bytes as compile."""
    with _reporting() as inputs:
        document, _ = load_tree(plan_file)
        inputs.documents = [document]
        _write(_script(from_tree(document.data)), output)


@app.command()
def show(
    source: JobOrPlan,
    cluster: ClusterFile = "",
    sets: Sets = None,
    format: Annotated[View, typer.Option("--format", help="How to draw it.")] = View.text,  # noqa: A002 - the option's name
    output: Output = "",
) -> None:
    """Draw a placement for people: nodes by GPUs, ports, warnings."""
    with _reporting() as inputs:
        _write(_drawn(_outline(source, sets, cluster, inputs), format), output)


@app.command()
def check(source: JobOrPlan, cluster: ClusterFile = "", sets: Sets = None) -> None:
    """Report what is wrong; a plan's every promise is checked again by code the planner does not share."""
    from dynplan.check import check as check_tree  # only this command checks

    with _reporting() as inputs:
        found = _job_or_plan(source, sets, cluster, inputs)
        broken = check_tree(to_tree(found))
        if broken:
            raise InputError(broken)


def main() -> None:
    """Run the command line."""
    app()


def _planned(job: str, sets: Sequence[str] | None, cluster: str, inputs: Inputs) -> Plan:
    inputs.documents = load_job(job, sets or (), cluster)
    found = make_plan(read(resolve(inputs.documents)))
    _tell(found.warnings, inputs)
    return found


def _job_or_plan(source: str, sets: Sequence[str] | None, cluster: str, inputs: Inputs) -> Plan:
    """Read a plan where the file is one, and plan it where it is a job."""
    document, is_plan = load_tree(source)
    inputs.documents = [document]
    if not is_plan:
        return _planned(source, sets, cluster, inputs)
    if sets or cluster:
        raise InputError([Finding("D503", "`--set` and `--cluster` change a job, and this is a plan")])
    return from_tree(document.data)


def _outline(source: str, sets: Sequence[str] | None, cluster: str, inputs: Inputs) -> Outline:
    document, is_plan = load_tree(source)
    inputs.documents = [document]
    if not is_plan:
        return outline_of(_planned(source, sets, cluster, inputs))
    return outline(document.data)


def _drawn(found: Outline, form: View) -> str:
    if form is View.text:
        from dynplan.show import as_text  # only one command draws

        return as_text(found)
    from dynplan.svg import as_svg

    return as_svg(found)


def _script(found: Plan) -> str:
    return script(found, STAMP, _PROGRAM.read_text(encoding="utf-8"))


def _plan_text(found: Plan, form: Format) -> str:
    if form is Format.toml:
        return to_toml(found)
    import json  # TOML is the default

    return json.dumps(to_tree(found), indent=1, ensure_ascii=False) + "\n"


@contextmanager
def _reporting() -> Iterator[Inputs]:
    """Catch wrong input, the one place that does: findings go to stderr, and the exit code is 1."""
    inputs = Inputs()
    try:
        yield inputs
    except InputError as problem:
        _tell(problem.findings, inputs)
        raise typer.Exit(1) from None


def _tell(findings: Sequence[Finding], inputs: Inputs) -> None:
    if findings:
        from dynplan.report import render  # nothing to report is the usual case

        sys.stderr.write(render(findings, inputs.documents))


def _write(text: str, output: str) -> None:
    """Write the artefact, all of it or nothing."""
    data = text.encode()
    if output:
        _write_file(data, File(output))
        return
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # The reader has gone: say nothing, and keep Python from saying it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(1) from None
    except OSError as error:
        raise InputError([Finding("D005", f"cannot write: {_reason(error)}")]) from None


def _write_file(data: bytes, target: File) -> None:
    if target.exists() and not target.is_file():
        target.write_bytes(data)  # /dev/stdout, a pipe: nothing to replace
        return
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        partial.write_bytes(data)
        partial.replace(target)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise InputError([Finding("D005", f"cannot write `{target}`: {_reason(error)}")]) from None


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
