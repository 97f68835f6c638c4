"""The command line: streams, files to write, and exit codes. What a command computes is elsewhere, and pure."""

import errno
import gc
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path as File
from typing import Annotated, Any, TextIO

import typer

from dynplan import __version__
from dynplan.errors import NOWHERE, Document, Finding, InputError
from dynplan.files import STDIN, is_plan, job_documents, load
from dynplan.model import Plan
from dynplan.pieces import needed
from dynplan.planfile import Outline, from_tree, outline, outline_of, to_toml, to_tree
from dynplan.planner import plan as make_plan
from dynplan.read import read
from dynplan.script import script
from dynplan.source import resolve

Inputs = list[Document]  # what a command has read so far: where its findings point

STAMP = f"dynplan {__version__}"
_PROGRAM = File(__file__).parent / "program"

_HELP = """Compile TOML roles into a placement plan and one self-contained sbatch script.

\b
dynplan compile job.toml | sbatch
dynplan compile job.toml --set roles.decode.num-nodes=4 -o job.sbatch
dynplan show job.toml

Exit status: 0 done, 1 the input is wrong (standard error says what and where), 2 wrong usage.
"""

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # boxes and colours cost 48 ms and say nothing more
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Format(StrEnum):
    """How a plan is written."""

    toml = "toml"
    json = "json"


class View(StrEnum):
    """How a placement is shown."""

    text = "text"
    svg = "svg"


JobFile = Annotated[str, typer.Argument(metavar="JOB", help="Job file; - for standard input.")]
JobOrPlan = Annotated[str, typer.Argument(metavar="JOB|PLAN", help="Job file or plan; - for standard input.")]
PlanFile = Annotated[str, typer.Argument(metavar="PLAN", help="Plan in TOML or JSON; - for standard input.")]
ClusterFile = Annotated[
    str, typer.Option("--cluster", metavar="FILE", help="Cluster description; wins over the job's own.")
]
Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Set a key of the job to a TOML value, over everything else; may be repeated.",
    ),
]
Output = Annotated[
    str,
    typer.Option("--output", "-o", metavar="FILE", help="Write to FILE, all of it or nothing, not to standard output."),
]
AsFormat = Annotated[Format, typer.Option("--format", help="How to write the plan.", show_default=True)]
AsView = Annotated[View, typer.Option("--format", help="How to draw the placement.", show_default=True)]
Version = Annotated[bool, typer.Option("--version", help="Show the version and exit.", is_eager=True)]


@app.callback(invoke_without_command=True, help=_HELP)
def about(version: Version = False) -> None:
    """Answer `dynplan --version`."""
    if version:
        typer.echo(STAMP)
        raise typer.Exit


@app.command("compile")
def compile_(job: JobFile, cluster: ClusterFile = "", sets: Sets = None, output: Output = "") -> None:
    """Write the sbatch script of a job file."""
    with _reporting() as inputs:
        _write(_script(_job(job, sets, cluster, inputs)), output)


@app.command()
def plan(
    job: JobFile, cluster: ClusterFile = "", sets: Sets = None, form: AsFormat = Format.toml, output: Output = ""
) -> None:
    """Write the placement plan of a job file."""
    with _reporting() as inputs:
        _write(_plan_text(_job(job, sets, cluster, inputs), form), output)


@app.command()
def emit(plan_file: PlanFile, output: Output = "") -> None:
    """Write the sbatch script of a plan: the same bytes as compile.

    A plan that breaks a promise, a GPU or a port given out twice for example, is refused as by check.
    """
    with _reporting() as inputs:
        tree = _read(plan_file, inputs).data
        found = from_tree(tree)
        _check(tree)
        _write(_script(found), output)


@app.command()
def show(
    source: JobOrPlan, cluster: ClusterFile = "", sets: Sets = None, form: AsView = View.text, output: Output = ""
) -> None:
    """Draw the placement for people: nodes by GPUs, ports, warnings."""
    with _reporting() as inputs:
        document = _read(source, inputs)
        if is_plan(document):
            _refuse_changes(sets, cluster)
            found = outline(document.data)
        else:
            found = outline_of(_planned(source, document, sets, cluster, inputs))
        _write(_drawn(found, form), output)


@app.command()
def check(source: JobOrPlan, cluster: ClusterFile = "", sets: Sets = None) -> None:
    """Say what is wrong with a job or a plan, and write nothing else.

    Every promise of a plan is checked again, by code that the planner does not share.
    """
    with _reporting() as inputs:
        document = _read(source, inputs)
        if is_plan(document):
            _refuse_changes(sets, cluster)
            _check(document.data)
            if "roles" in document.data:  # a plan without commands may come from anywhere
                from_tree(document.data)
            return
        found = _planned(source, document, sets, cluster, inputs)
        _tell(found.warnings, inputs)
        _check(to_tree(found))
        _script(found)  # a script may be too large for Slurm


def main() -> None:
    """Run the command line."""
    # What is imported stays to the end. The collector need not look at it again, which it does for 9 of the
    # 101 ms of a small compile, most of that on the way out.
    gc.freeze()
    app(prog_name="dynplan")


def _read(name: str, inputs: Inputs) -> Document:
    document = load(name)
    inputs[:] = [document]
    return document


def _planned(name: str, document: Document, sets: Sequence[str] | None, cluster: str, inputs: Inputs) -> Plan:
    if name == STDIN == cluster:
        raise typer.BadParameter("standard input can be read once, for the job or for the cluster")
    inputs[:] = job_documents(name, document, sets or (), cluster)
    tables = resolve(inputs)
    try:
        return make_plan(read(tables))
    except InputError as problem:
        from dynplan.advice import advised  # most jobs plan

        raise advised(tables, problem) from None


def _job(name: str, sets: Sequence[str] | None, cluster: str, inputs: Inputs) -> Plan:
    """Read and plan a job file, and tell its warnings."""
    document = _read(name, inputs)
    if is_plan(document):
        message = "this is a plan, not a job file"
        raise InputError(
            [Finding("D504", message, ("schema",), "`dynplan emit` writes the script of a plan", key=True)]
        )
    found = _planned(name, document, sets, cluster, inputs)
    _tell(found.warnings, inputs)
    return found


def _refuse_changes(sets: Sequence[str] | None, cluster: str) -> None:
    if sets or cluster:
        fix = "plan the job again with them: `dynplan plan JOB`"
        message = "`--set` and `--cluster` change a job, and this is a plan"
        raise InputError([Finding("D503", message, help=fix)])


def _check(tree: Mapping[str, Any]) -> None:
    from dynplan.check import check as broken_promises  # `compile` trusts its own planner

    if findings := broken_promises(tree):
        raise InputError(findings)


def _script(found: Plan) -> str:
    texts = {name: (_PROGRAM / f"{name}.sh").read_text(encoding="utf-8") for name in needed(found)}
    return script(found, STAMP, texts)


def _plan_text(found: Plan, form: Format) -> str:
    if form is Format.toml:
        return to_toml(found)
    import json  # only a plan in JSON needs it

    return json.dumps(to_tree(found), indent=1, ensure_ascii=False) + "\n"


def _drawn(found: Outline, form: View) -> str:
    if form is View.text:
        from dynplan.show import as_text  # only one command draws

        return as_text(found)
    from dynplan.svg import as_svg  # and seldom as a picture

    return as_svg(found)


@contextmanager
def _reporting() -> Iterator[Inputs]:
    """Catch wrong input, the one place that does: findings go to stderr, and the exit code is 1."""
    inputs: Inputs = []
    try:
        yield inputs
    except InputError as problem:
        _tell(problem.findings, inputs)
        raise typer.Exit(1) from None


def _tell(findings: Sequence[Finding], inputs: Inputs) -> None:
    if not findings or sys.stderr is None:
        return
    from dynplan.report import render  # nothing to report is the usual case

    try:
        sys.stderr.write(render(findings, inputs))
        sys.stderr.flush()
    except OSError:  # whoever closed standard error wants to hear nothing
        _hush(sys.stderr)


def _hush(stream: TextIO) -> None:
    """Drop what a stream still holds: Python would try again at exit, and end with its own exit code, 120."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _write(text: str, output: str) -> None:
    """Write the artefact, all of it or nothing."""
    try:
        if output not in ("", STDIN):
            _write_file(text.encode(), File(output))
            return
        if sys.stdout is None:
            raise OSError(errno.EBADF, "it is closed")
        sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()
    except BrokenPipeError:  # the reader has gone
        _hush(sys.stdout)
        raise typer.Exit(1) from None
    except (OSError, ValueError) as error:  # a name that no file can have is a ValueError
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        target = "standard output" if output in ("", STDIN) else f"`{output}`"
        raise InputError([Finding("D005", f"cannot write {target}: {reason.lower()}", document=NOWHERE)]) from None


def _write_file(data: bytes, target: File) -> None:
    """Put a new file in the place of the old one, which stays as it is where that fails."""
    if target.exists() and not target.is_file():
        target.write_bytes(data)  # /dev/null, a pipe: nothing to put something in the place of
        return
    target = target.resolve()  # a link stays a link
    partial = target.with_name(f".dynplan-{os.getpid()}")
    try:
        partial.write_bytes(data)
        if target.exists():
            partial.chmod(target.stat().st_mode)
        partial.replace(target)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
