"""The stages of the compiler, one behind another, as the commands run them."""

from collections.abc import Mapping, Sequence
from pathlib import Path as File
from typing import Any

import typer

from dynplan.cli.app import STAMP
from dynplan.cli.inputs import STDIN, Inputs, job_documents, load
from dynplan.cli.streams import tell
from dynplan.diagnostics import Document, InputError
from dynplan.emitter.parts import needed
from dynplan.emitter.script import script
from dynplan.language import read as read_job
from dynplan.language import resolve
from dynplan.model import Plan
from dynplan.planner import plan

_PROGRAM = File(__file__).parents[1] / "emitter" / "static"


def read(name: str, inputs: Inputs) -> Document:
    """Read what a command was given, and remember it as the place of findings."""
    document = load(name)
    inputs[:] = [document]
    return document


def planned(name: str, document: Document, sets: Sequence[str] | None, cluster: str, inputs: Inputs) -> Plan:
    """Return the plan of a job file; a job that does not fit is refused with changes that would.

    Args:
        name: the job file, or `-`.
        document: what is in it.
        sets: `KEY=VALUE` overrides.
        cluster: the file that `--cluster` names, or an empty string.
        inputs: where the documents of the job are remembered, as places of findings.

    Raises:
        InputError: whatever is wrong with the job.
    """
    if name == STDIN == cluster:
        raise typer.BadParameter("standard input can be read once, for the job or for the cluster")
    inputs[:] = job_documents(name, document, sets or (), cluster)
    tables = resolve(inputs)
    try:
        return plan(read_job(tables))
    except InputError as problem:
        from dynplan.planner.advice import advised  # most jobs plan

        raise advised(tables, problem) from None


def check_plan(tree: Mapping[str, Any], inputs: Inputs) -> None:
    """Check the promises of a plan that may come from anywhere, and tell what it does beside its roles (W501)."""
    from dynplan.checker import unnamed  # `compile` makes its plan itself

    check_promises(tree)
    tell(unnamed(tree), inputs)


def check_promises(tree: Mapping[str, Any]) -> None:
    """Raise InputError for a plan that breaks a promise (D4xx, D5xx)."""
    from dynplan.checker import check  # `compile` trusts its own planner

    if findings := check(tree):
        raise InputError(findings)


def script_of(found: Plan) -> str:
    """Return the script of a plan."""
    texts = {name: (_PROGRAM / f"{name}.sh").read_text(encoding="utf-8") for name in needed(found)}
    return script(found, STAMP, texts)
