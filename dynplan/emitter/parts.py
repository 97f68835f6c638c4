"""The parts of the program: which of them a plan needs, in the order in which they stand.

A part is a file `program/NAME.sh`. Most are in every script; an option of some size stands alone, and
is left out where a plan does not use it.
"""

from collections.abc import Callable, Iterator, Mapping

from dynplan.emitter.components import domains_of_components, is_attached, is_heterogeneous
from dynplan.emitter.constants import templates
from dynplan.emitter.containers import brings
from dynplan.model import Each, Phase, Plan, Role, Texts, Worker

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


def regained(plan: Plan) -> Mapping[str, Texts]:
    """Return for each role its ports that another one had before it and gave back: `NAME=ROLE`."""
    givers = {worker.role: worker.until for worker in plan.workers if worker.until}
    if not givers:
        return {}
    had: dict[tuple[int, int], list[str]] = {}  # who had a number of a node
    for worker, number, _ in _numbers(plan):
        if worker.role in givers:
            had.setdefault(number, []).append(worker.role)
    unprobed = {(role.name, port.name) for role in plan.job.roles for port in role.ports if not port.probed}
    found: dict[str, dict[str, str]] = {}
    for worker, number, name in _numbers(plan):
        before = [role for role in had.get(number, ()) if worker.role in givers[role]]
        if before and (worker.role, name) not in unprobed:
            found.setdefault(worker.role, {}).setdefault(name, before[-1])
    return {role: tuple(f"{name}={other}" for name, other in ports.items()) for role, ports in found.items()}


def _numbers(plan: Plan) -> Iterator[tuple[Worker, tuple[int, int], str]]:
    """Yield every port number that a worker binds, with its node and the name of the port."""
    for worker in plan.workers:
        for task in worker.tasks:
            for name, block in task.ports:
                for number in range(block.port, block.port + block.count):
                    yield worker, (task.node, number), name


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


def _regains(plan: Plan) -> bool:
    """Tell whether a role binds ports that another one had before it."""
    return bool(regained(plan))


def _moves(plan: Plan) -> bool:
    """Tell whether the job takes a block of ports by its id."""
    return plan.blocks is not None


def _hosts(plan: Plan) -> bool:
    return any(node.host for node in plan.nodes) or has_domains(plan)


def has_domains(plan: Plan) -> bool:
    """Tell whether a worker spans nodes of NVLink domains."""
    return any(domains_of_components(plan))


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
    ("turns", _regains),
    ("preflight", _always),
    ("interfaces", finds_interfaces),
    ("taken", _moves),
    ("told", has_domains),
    ("affinity", is_attached),
    ("worlds", _worlds),
    ("groups", is_heterogeneous),
    ("steps", _always),
    ("launch", _always),
    ("events", _always),
    ("records", _always),
    ("end", _always),
    ("blocks", _moves),
    ("hosts", _hosts),
    ("domains", has_domains),
    ("files", _files),
    ("images", brings),
    ("main", _always),
)
FIRST = "start"  # it stands before the plan
# They stand before `steps`, and go to the tasks.
FOR_TASKS = (
    *("plan", "each", "when", "probes", "http", "logs", "surroundings", "task", "turns"),
    *("preflight", "interfaces", "taken", "told", "affinity", "worlds", "groups"),
)
