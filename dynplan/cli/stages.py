"""The stages of the compiler, one behind another, as the commands run them."""

from collections.abc import Mapping, Sequence
from pathlib import Path as File
from typing import Any

import typer

from dynplan.cli.documents import STDIN
from dynplan.cli.inputs import Inputs, load, user_documents, with_presets
from dynplan.cli.planning import job_of, plan_job, resolved_tables
from dynplan.cli.program import STAMP
from dynplan.diagnostics import NOWHERE, Document, Finding, Findings, InputError
from dynplan.emitter import lower, write
from dynplan.model import Plan

_PROGRAM = File(__file__).parents[1] / "emitter" / "program"


def read(name: str, inputs: Inputs) -> Document:
    """Read what a command was given, and remember it as the place of findings."""
    document = load(name)
    inputs[:] = [document]
    return document


def planned(
    name: str, document: Document, sets: Sequence[str] | None, cluster: str, inputs: Inputs, point: str = ""
) -> Plan:
    """Return the plan of a job file; a job that does not fit is refused with changes that would.

    Args:
        name: the job file, or `-`.
        document: what is in it.
        sets: `KEY=VALUE` overrides.
        cluster: the file that `--cluster` names, or an empty string.
        inputs: where the documents of the job are remembered, as places of findings.
        point: which point of a sweep, by its number or name; an empty string where the job is none.

    Raises:
        InputError: whatever is wrong with the job.
    """
    findings = Findings()
    inputs[:] = documents_of(name, document, sets, cluster, findings)
    return plan_among(inputs, findings, point)


def plan_among(inputs: Inputs, findings: Findings, point: str = "") -> Plan:
    """Return the plan of the job that a user's documents describe, or of a point of their sweep."""
    tables = tables_among(inputs, findings, point)
    return plan_job(job_of(tables, findings), tables)


def tables_among(inputs: Inputs, findings: Findings, point: str = "") -> Mapping[str, Any]:
    """Return the tables of the job that a user's documents describe, or of a point of their sweep.

    Presets come to the documents.
    """
    if point or is_sweep(inputs):
        from dynplan.cli.sweeping import tables_of_point  # hardly any job is a sweep

        return tables_of_point(point, inputs, findings)
    inputs[:] = with_presets(inputs, findings)
    return resolved_tables(inputs, findings)


def is_sweep(documents: Sequence[Document]) -> bool:
    """Tell whether a user's documents describe many jobs."""
    return any("sweep" in document.data for document in documents)


def documents_of(
    name: str, document: Document, sets: Sequence[str] | None, cluster: str, findings: Findings
) -> list[Document]:
    """Return what a user wrote of a job, the document that wins first; arguments as of `planned`."""
    if name == STDIN == cluster:
        raise typer.BadParameter("standard input can be read once, for the job or for the cluster")
    return user_documents(name, document, sets or (), cluster, findings)


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
    return write(lowered, STAMP, program_texts(lowered.program))


def program_texts(names: Sequence[str]) -> dict[str, str]:
    """Return parts of the script's program, by name."""
    return {name: (_PROGRAM / f"{name}.sh").read_text("utf-8") for name in names}
