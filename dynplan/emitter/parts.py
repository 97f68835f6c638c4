"""The parts of the program: which of them a plan needs, in the order in which they stand.

A part is a file `program/NAME.sh`. Most are in every script; an option of some size stands alone, and
is left out where a plan does not use it.
"""

from collections.abc import Callable

from dynplan.emitter.constants import templates
from dynplan.emitter.containers import brings
from dynplan.model import Each, Phase, Plan, Role

Needed = Callable[[Plan], bool]


def runs_around(plan: Plan, phase: Phase) -> bool:
    """Tell whether a phase runs more than its command."""
    return bool(phase.setup or (phase.after_command and phase is not plan.job.phases[-1]))


def starts_apart(role: Role, workers: int) -> bool:
    """Tell whether the workers of a role, so many, are steps of their own: a single one is the role's."""
    return role.world and workers > 1


def reads_log(plan: Plan) -> bool:
    """Tell whether a probe or a pattern looks at the lines of a log."""
    roles = plan.job.roles
    return any(role.fail_on_log or any(probe.kind == "log" for probe in (*role.ready, *role.alive)) for role in roles)


def asks_http(plan: Plan) -> bool:
    """Tell whether a probe asks an HTTP server."""
    return any(probe.kind == "http" for role in plan.job.roles for probe in (*role.ready, *role.alive))


def follows(plan: Plan) -> bool:
    """Tell whether a worker has tasks that follow its first one."""
    return any(len(worker.tasks) > 1 for worker in plan.workers)


def excuses(plan: Plan) -> bool:
    """Tell whether a role may die and the job goes on."""
    return not all(role.critical for role in plan.job.roles)


def finds_interfaces(plan: Plan) -> bool:
    """Tell whether anything asks for a node's network interface."""
    return bool(plan.job.cluster.interfaces) or any("{interface}" in text for text in templates(plan.job))


def needed(plan: Plan, *, with_when: bool) -> tuple[str, ...]:
    """Return the names of a plan's parts, in script order; `with_when`: tasks of a role have words that others lack."""
    return tuple(name for name, wanted in PARTS if (with_when if name == "when" else wanted(plan)))


def _always(_: Plan) -> bool:
    return True


def _worlds(plan: Plan) -> bool:
    return any(role.world for role in plan.job.roles)


def _repeats(plan: Plan) -> bool:
    """Tell whether a command line has words that stand once for every worker of a role."""
    launches = [*(role.launch for role in plan.job.roles), *(phase.launch for phase in plan.job.phases)]
    lines = ((*launch.command, *launch.leader_args, *launch.follower_args) for launch in launches)
    return any(isinstance(word, Each) for line in lines for word in line)


def _hosts(plan: Plan) -> bool:
    return any(node.host for node in plan.nodes) or has_domains(plan)


def has_domains(plan: Plan) -> bool:
    """Tell whether a worker spans nodes on a cluster of NVLink domains."""
    several = (worker for worker in plan.workers if len(worker.tasks) > 1)
    return plan.job.cluster.domain_nodes > 1 and any(len({task.node for task in one.tasks}) > 1 for one in several)


def _files(plan: Plan) -> bool:
    return bool(plan.job.files)


PARTS: tuple[tuple[str, Needed], ...] = (
    ("start", _always),
    ("plan", _always),
    ("each", _repeats),
    ("when", _always),
    ("probes", _always),
    ("http", asks_http),
    ("logs", reads_log),
    ("surroundings", _always),
    ("task", _always),
    ("preflight", _always),
    ("interfaces", finds_interfaces),
    ("worlds", _worlds),
    ("steps", _always),
    ("launch", _always),
    ("events", _always),
    ("records", _always),
    ("end", _always),
    ("hosts", _hosts),
    ("domains", has_domains),
    ("files", _files),
    ("images", brings),
    ("main", _always),
)
FIRST = "start"  # it stands before the plan
# They stand before `steps`, and go to the tasks.
FOR_TASKS = (
    *("plan", "each", "when", "probes", "http", "logs", "surroundings", "task"),
    *("preflight", "interfaces", "worlds"),
)
