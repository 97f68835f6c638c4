"""The `#SBATCH` lines of a plan."""

import re
from collections.abc import Iterator

from dynplan.emitter.lowered import Option
from dynplan.model import Plan

_SLACK_S = 30  # beyond the longest stop grace: time for files, events and a last look


def margin_s(plan: Plan) -> int:
    """Return how many seconds before the time limit the job begins to end itself."""
    return max(role.stop.grace_s for role in plan.job.roles) + _SLACK_S


def directives(plan: Plan) -> Iterator[Option]:
    """Yield the options of sbatch: what the plan says, then the site's and the job's own options."""
    planned = _planned(plan)
    options = planned | _defaults(plan) | dict(plan.job.cluster.sbatch) | dict(plan.job.sbatch)
    if "gres" in options:
        options["gres"] = _gres(planned.get("gres"), plan)
    for name, value in options.items():
        if value is not False:
            yield name, value


def _planned(plan: Plan) -> dict[str, str | int | bool]:
    job = plan.job
    options: dict[str, str | int | bool] = {"job-name": job.name, "nodes": len(plan.nodes)}
    if plan.placement.segment:
        options["segment"] = plan.placement.segment
    named = [node.host for node in plan.nodes if node.host]
    if named:
        options["nodelist"] = ",".join(named)
    if job.time:
        options["time"] = job.time
    gpus = job.cluster.gpus_per_node
    if any(role.size.gpus for role in job.roles):
        kind, _, model = job.cluster.gpu_request.partition(":")
        if kind == "gpus-per-node":
            options["gpus-per-node"] = gpus
        elif kind == "gres":
            options["gres"] = f"gpu:{model}:{gpus}" if model else f"gpu:{gpus}"
    return options


def _gres(gpus: str | int | bool | None, plan: Plan) -> str | bool:
    """Return the GPUs and what the site and the job ask for beside them, the job's word over the site's for each name.

    Slurm takes one list (sbatch(1), --gres): a second would stand in the place of the first.
    """
    given: dict[str, list[str]] = {}
    for options in (plan.job.cluster.sbatch, plan.job.sbatch):
        own: dict[str, list[str]] = {}
        value = dict(options).get("gres")
        if value is False:
            given = {}
        for item in str(value).split(",") if value else []:
            own.setdefault(re.split("[:=]", item, maxsplit=1)[0], []).append(item)
        given |= own
    items = [str(gpus)] * bool(gpus) + [item for several in given.values() for item in several]
    return ",".join(items) or False


def _defaults(plan: Plan) -> dict[str, str | int | bool]:
    """Return options that a job may override, each with the reason it is there.

    Whole nodes: the plan hands out ports and GPUs of a node, another job there would not know.
    All memory: steps that overlap share what the job has. A lost node ends the job, with its name
    in the log, and is not answered by Slurm's requeue. The output stands where the job was
    submitted: Slurm makes no directories.
    """
    given = dict((*plan.job.cluster.sbatch, *plan.job.sbatch))
    return {
        "exclusive": True,
        "mem": False if given.get("mem-per-cpu") or given.get("mem-per-gpu") else "0",  # sbatch takes one of them
        "no-requeue": not given.get("requeue"),
        "signal": f"B:USR1@{margin_s(plan)}",
        "output": "%x-%j.out",
    }
