"""What `import dynplan` offers: the stages, for other programs, without streams and exit codes."""

import os
from collections.abc import Sequence

from attrs import evolve

from dynplan.cli.flags import check_known_flags
from dynplan.cli.inputs import is_plan, job_documents
from dynplan.cli.inputs import load as load_document
from dynplan.cli.stages import script_of
from dynplan.diagnostics import Finding, Findings, InputError
from dynplan.language import read, resolve
from dynplan.model import Job, Plan
from dynplan.planner import plan as place

AnyPath = str | os.PathLike[str]


def load(path: AnyPath, sets: Sequence[str], cluster: AnyPath) -> Job:
    """Return the job of a file with its warnings; see `dynplan.load`."""
    name = os.fspath(path)
    document, findings = load_document(name), Findings()
    if is_plan(document):
        raise InputError([Finding("D504", "this is a plan, not a job file", ("schema",), document=document)])
    documents = job_documents(name, document, sets, os.fspath(cluster), findings)
    tables = resolve(documents, findings)
    check_known_flags(tables, documents, findings)
    job = read(tables, findings)
    return evolve(job, warnings=findings.warnings) if findings.warnings else job


def plan(job: Job) -> Plan:
    """Return the plan of a job with all warnings; see `dynplan.plan`."""
    try:
        found = place(job)
    except InputError as problem:
        from dynplan.planner.advice import advised  # most jobs plan

        raise InputError((*job.warnings, *advised(job.tables, problem).findings)) from None
    return evolve(found, warnings=(*job.warnings, *found.warnings)) if job.warnings else found


def emit(plan: Plan) -> str:
    """Return the script of a plan; see `dynplan.emit`."""
    return script_of(plan)


def check(plan: Plan) -> tuple[Finding, ...]:
    """Return what there is to say of a plan; see `dynplan.check`."""
    from dynplan.checker import check as broken  # few programs check
    from dynplan.language.plan_file import to_tree  # the same

    return (*broken(to_tree(plan)), *plan.warnings)
