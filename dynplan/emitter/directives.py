"""The `#SBATCH` lines of a plan."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from dynplan.diagnostics import Finding, InputError
from dynplan.emitter.components import Component, components
from dynplan.emitter.lowered import Option
from dynplan.model import Plan

Options = tuple[Option, ...]

_SLACK_S = 30  # beyond the longest stop grace: time for files, events and a last look

# What sbatch hands on from one component to those behind it, where they say nothing else (heterogeneous_jobs.html, the
# list of propagated options; seen with 22.05). All others begin anew with each.
HANDED_ON = frozenset(
    (
        *("account", "acctg-freq", "begin", "chdir", "cluster-constraint", "clusters", "comment", "deadline"),
        *("delay-boot", "dependency", "error", "exclude", "export", "export-file", "get-user-env", "gid", "hold"),
        *("ignore-pbs", "input", "job-name", "mcs-label", "nice", "no-kill", "no-requeue", "open-mode", "output"),
        *("priority", "profile", "propagate", "qos", "quiet", "reboot", "requeue", "reservation", "signal", "time"),
        *("time-min", "uid", "verbose", "wait-all-nodes", "wckey"),
    )
)
# What is heard in the first one alone (the same page; sbatch(1), --licenses), or is of the job as a whole.
OF_THE_FIRST = frozenset(
    (
        *("bb", "bbf", "burst-buffer", "kill-on-invalid-dep", "licenses", "mail-type", "mail-user", "parsable"),
        "wait",
    )
)


def margin_s(plan: Plan) -> int:
    """Return how many seconds before the time limit the job begins to end itself."""
    return max(role.stop.grace_s for role in plan.job.roles) + _SLACK_S


def directives(plan: Plan) -> Iterator[Options]:
    """Yield the options of sbatch for each component: the plan's, then the site's, the group's and the job's own.

    Raises:
        InputError: D113 for an option of a group that would be another group's too.
    """
    handed_on: dict[str, str | int | bool] = {}
    for index, component in enumerate(components(plan)):
        options = _options(plan, component)
        _check_handed_on(plan, component, [name for name in handed_on if name not in options])
        said = {name: value for name, value in options.items() if handed_on.get(name) != value}
        own = dict(component.group.sbatch)
        yield tuple(
            (name, value) for name, value in said.items() if not index or name not in OF_THE_FIRST or name in own
        )
        handed_on |= {name: value for name, value in options.items() if name in HANDED_ON}


def _check_handed_on(plan: Plan, component: Component, names: Sequence[str]) -> None:
    """Refuse an option that a component would get from those before it."""
    if names:
        name, group = names[0], component.group
        message = (
            f"`{name}` of a node group before `{group.name}` would hold for `{group.name}` too: sbatch hands it on"
        )
        path = ("cluster", "node-groups", plan.job.cluster.node_groups.index(group), "sbatch")
        raise InputError([Finding("D113", message, path, help=f"say what `{name}` is for `{group.name}`")])


def _options(plan: Plan, component: Component) -> dict[str, str | int | bool]:
    job, group = plan.job, component.group
    planned = _planned(plan, component)
    own = (_said_of_all(job.cluster.sbatch, component, plan), group.sbatch, _said_of_all(job.sbatch, component, plan))
    options = planned | _defaults(plan, dict(chain.from_iterable(own)))
    for given in own:
        options |= dict(given)
    if "gres" in options:
        options["gres"] = _gres(planned.get("gres"), own)
    return {name: value for name, value in options.items() if value is not False}


def _said_of_all(options: Options, component: Component, plan: Plan) -> Options:
    """Return options that are said of all nodes without `segment`, where only other components have domains."""
    if component.group.domain_nodes or not any(other.group.domain_nodes for other in components(plan)):
        return options
    return tuple(option for option in options if option[0] != "segment")


def _planned(plan: Plan, component: Component) -> dict[str, str | int | bool]:
    job = plan.job
    options: dict[str, str | int | bool] = {"job-name": job.name, "nodes": len(component.nodes)}
    if segment := plan.placement.segment_of(component.group.name):
        options["segment"] = segment
    named = [node.host for node in component.nodes if node.host]
    if named:
        options["nodelist"] = ",".join(named)
    if job.time:
        options["time"] = job.time
    if component.asks:
        gpus = component.gpus
        kind, _, model = component.group.gpu_request.partition(":")
        if kind == "gpus-per-node":
            options["gpus-per-node"] = gpus
        elif kind == "gres":
            options["gres"] = f"gpu:{model}:{gpus}" if model else f"gpu:{gpus}"
    return options


def _gres(gpus: str | int | bool | None, own: Sequence[Options]) -> str | bool:
    """Return the GPUs and what is asked for beside them: for each name what the later ones of `own` say.

    Slurm takes one list (sbatch(1), --gres): a second would stand in the place of the first.
    """
    given: dict[str, list[str]] = {}
    for options in own:
        items: dict[str, list[str]] = {}
        value = dict(options).get("gres")
        if value is False:
            given = {}
        for item in str(value).split(",") if value else []:
            items.setdefault(re.split("[:=]", item, maxsplit=1)[0], []).append(item)
        given |= items
    words = [str(gpus)] * bool(gpus) + [item for several in given.values() for item in several]
    return ",".join(words) or False


def _defaults(plan: Plan, given: Mapping[str, str | int | bool]) -> dict[str, str | int | bool]:
    """Return options that a job may override, each with the reason it is there.

    Whole nodes: the plan hands out ports and GPUs of a node, another job there would not know.
    All memory: steps that overlap share what the job has. A lost node ends the job, with its name
    in the log, and is not answered by Slurm's requeue. The output stands where the job was
    submitted: Slurm makes no directories.
    """
    return {
        "exclusive": True,
        "mem": False if given.get("mem-per-cpu") or given.get("mem-per-gpu") else "0",  # sbatch takes one of them
        "no-requeue": not given.get("requeue"),
        "signal": f"B:USR1@{margin_s(plan)}",
        "output": "%x-%j.out",
    }
