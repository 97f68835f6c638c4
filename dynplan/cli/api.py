"""What `import dynplan` offers: the stages, for other programs, without streams and exit codes."""

import os
from collections.abc import Sequence

from attrs import evolve

from dynplan.cli.inputs import is_plan, user_documents
from dynplan.cli.inputs import load as load_document
from dynplan.cli.planning import job_of, plan_job
from dynplan.cli.stages import script_of, tables_among
from dynplan.diagnostics import Finding, Findings, InputError
from dynplan.model import Job, Plan

AnyPath = str | os.PathLike[str]


def load(path: AnyPath, sets: Sequence[str], cluster: AnyPath, point: str) -> Job:
    """Return the job of a file with its warnings; see `dynplan.load`."""
    name = os.fspath(path)
    document, findings = load_document(name), Findings()
    if is_plan(document):
        raise InputError([Finding("D504", "this is a plan, not a job file", ("schema",), document=document)])
    documents = user_documents(name, document, sets, os.fspath(cluster), findings)
    tables = tables_among(documents, findings, point)
    return evolve(job_of(tables, findings), written=tables)


def plan(job: Job) -> Plan:
    """Return the plan of a job with all warnings; see `dynplan.plan`."""
    return plan_job(evolve(job, written={}), job.written or job.tables)


def emit(plan: Plan) -> str:
    """Return the script of a plan; see `dynplan.emit`."""
    return script_of(plan)


def check(plan: Plan) -> tuple[Finding, ...]:
    """Return what there is to say of a plan; see `dynplan.check`."""
    from dynplan.checker import check as broken  # few programs check
    from dynplan.language.plan_file import to_tree  # the same

    return (*broken(to_tree(plan)), *plan.warnings)
