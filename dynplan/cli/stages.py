"""The stages of the compiler, one behind another, as the commands run them."""

from collections.abc import Mapping, Sequence
from pathlib import Path as File
from typing import Any

import typer
from attrs import evolve

from dynplan.cli.documents import STDIN
from dynplan.cli.inputs import Inputs, job_documents, load
from dynplan.cli.program import STAMP
from dynplan.diagnostics import NOWHERE, Document, Finding, Findings, InputError
from dynplan.emitter import lower, write
from dynplan.language import read as read_job
from dynplan.language import resolve
from dynplan.model import Plan
from dynplan.planner import plan

_PROGRAM = File(__file__).parents[1] / "emitter" / "program"


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
    findings = Findings()
    inputs[:] = job_documents(name, document, sets or (), cluster, findings)
    tables = resolve(inputs, findings)
    if _asks_for_flags(tables):
        from dynplan.cli.flags import check_known_flags  # many jobs write their commands themselves

        check_known_flags(tables, inputs, findings)
    job = read_job(tables, findings)
    try:
        found = plan(job)
    except InputError as problem:
        from dynplan.planner.advice import advised  # most jobs plan

        raise InputError((*findings.warnings, *advised(tables, problem).findings)) from None
    warnings = findings.warnings
    return evolve(found, warnings=(*warnings, *found.warnings)) if warnings else found


def _asks_for_flags(tables: Mapping[str, Any]) -> bool:
    named = [tables.get(kind) for kind in ("roles", "phases")]
    owners = (owner for part in named if isinstance(part, Mapping) for owner in part.values())
    return any("flags-of" in owner or "engine-version" in owner for owner in owners if isinstance(owner, Mapping))


def allowed(warnings: Sequence[Finding], *, strict: bool) -> None:
    """Raise InputError for warnings where a command was told to allow none."""
    if strict and warnings:
        refusal = Finding("D006", "there are warnings, and `--strict` allows none", document=NOWHERE)
        raise InputError((*warnings, refusal))


def check_plan(tree: Mapping[str, Any]) -> tuple[Finding, ...]:
    """Check the promises of a plan that may come from anywhere, and return what it does beside its roles (W501)."""
    from dynplan.checker import beside_roles  # `compile` makes its plan itself

    check_promises(tree)
    return beside_roles(tree)


def check_promises(tree: Mapping[str, Any]) -> None:
    """Raise InputError for a plan that breaks a promise (D4xx, D5xx)."""
    from dynplan.checker import check  # `compile` trusts its own planner

    if findings := check(tree):
        raise InputError(findings)


def script_of(found: Plan) -> str:
    """Return the script of a plan."""
    lowered = lower(found)
    return write(lowered, STAMP, {name: (_PROGRAM / f"{name}.sh").read_text("utf-8") for name in lowered.program})
