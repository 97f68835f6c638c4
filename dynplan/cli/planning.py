"""From the documents of a job to its plan: the stages that every command shares."""

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import evolve

from dynplan.diagnostics import Document, Findings, InputError
from dynplan.language import read, resolve
from dynplan.model import Job, Plan
from dynplan.planner import plan


def plan_of(documents: Sequence[Document], findings: Findings, point: Mapping[str, Any] | None = None) -> Plan:
    """Return the plan of a job; a job that does not fit is refused with changes that would.

    Arguments and errors as of `resolved_tables`.
    """
    tables = resolved_tables(documents, findings, point)
    return plan_job(job_of(tables, findings), tables)


def resolved_tables(
    documents: Sequence[Document], findings: Findings, point: Mapping[str, Any] | None = None
) -> Mapping[str, Any]:
    """Return the tables of a job, in which nothing is left to inherit.

    Args:
        documents: what it is made of, presets too, the one that wins first.
        findings: what was found before.
        point: of the point of a sweep what `{sweep.NAME}` stands for, by NAME.

    Raises:
        InputError: whatever is wrong with the job so far.
    """
    tables = resolve(documents, findings, point)
    if _asks_for_flags(tables):
        from dynplan.cli.flags import check_known_flags  # many jobs write their commands themselves

        check_known_flags(tables, documents, findings)
    return tables


def job_of(tables: Mapping[str, Any], findings: Findings) -> Job:
    """Return the job of tables, with the warnings so far; InputError for whatever is wrong with it."""
    job = read(tables, findings)
    return evolve(job, warnings=findings.warnings) if findings.warnings else job


def plan_job(job: Job, tables: Mapping[str, Any]) -> Plan:
    """Return the plan of a job with its warnings before those of the placement.

    Args:
        job: what is asked for.
        tables: those that it was read from, in which changes are tried where it does not fit.

    Raises:
        InputError: it does not fit; the help of its findings are changes that were tried.
    """
    try:
        found = plan(job)
    except InputError as problem:
        from dynplan.planner.advice import advised  # most jobs plan

        raise InputError((*job.warnings, *advised(tables, problem).findings)) from None
    return evolve(found, warnings=(*job.warnings, *found.warnings)) if job.warnings else found


def _asks_for_flags(tables: Mapping[str, Any]) -> bool:
    named = [tables.get(kind) for kind in ("roles", "phases")]
    owners = (owner for part in named if isinstance(part, Mapping) for owner in part.values())
    return any("flags-of" in owner or "engine-version" in owner for owner in owners if isinstance(owner, Mapping))
