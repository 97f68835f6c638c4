"""The pieces of the static program: which of them a plan needs, in the order in which they stand.

A piece is a file `program/NAME.sh`. What a plan does not use is left out, so that a reader of its
script meets nothing but what runs there.
"""

from collections import Counter
from collections.abc import Callable, Iterator

from dynplan.emitter.constants import lists_named, templates
from dynplan.emitter.containers import container_paths
from dynplan.model import Each, Phase, Plan, Probe, Role

Needed = Callable[[Plan], bool]


def runs_around(plan: Plan, phase: Phase) -> bool:
    """Tell whether a phase runs more than its command."""
    return bool(phase.setup or (phase.after_command and phase is not plan.job.phases[-1]))


def starts_apart(role: Role, workers: int) -> bool:
    """Tell whether the workers of a role, so many, are steps of their own: a single one is the role's."""
    return role.world and workers > 1


def needed(plan: Plan) -> tuple[str, ...]:
    """Return the names of a plan's pieces, in script order."""
    return tuple(name for name, wanted in PIECES if wanted(plan))


def _always(_: Plan) -> bool:
    return True


def _probes(plan: Plan) -> Iterator[Probe]:
    for role in plan.job.roles:
        yield from (*role.ready, *role.alive)


def _asks(kind: str) -> Needed:
    return lambda plan: any(probe.kind == kind for probe in _probes(plan))


def _patterns(plan: Plan) -> bool:
    return any(role.fail_on_log for role in plan.job.roles)


def _reads_log(plan: Plan) -> bool:
    return _patterns(plan) or _asks("log")(plan)


def _alive(plan: Plan) -> bool:
    return any(role.alive for role in plan.job.roles)


def excuses(plan: Plan) -> bool:
    """Tell whether a role may die and the job goes on."""
    return not all(role.critical for role in plan.job.roles)


def _restarts(plan: Plan) -> bool:
    return any(role.restart_max for role in plan.job.roles)


def _staggers(plan: Plan) -> bool:
    return any(role.stagger for role in plan.job.roles)


def _phases(plan: Plan) -> bool:
    return bool(plan.job.phases)


def _runs_around(plan: Plan) -> bool:
    return any(runs_around(plan, phase) for phase in plan.job.phases)


def _checks_health(plan: Plan) -> bool:
    return any(phase.health_check for phase in plan.job.phases[:-1])


def _hosts(plan: Plan) -> bool:
    return any(node.host for node in plan.nodes)


def _interface(plan: Plan) -> bool:
    return bool(plan.job.cluster.interface)


def _metrics(plan: Plan) -> bool:
    return any(role.metrics for role in plan.job.roles)


def _lists(plan: Plan) -> bool:
    return bool(lists_named(templates(plan.job)))


def _followers(plan: Plan) -> bool:
    return any(len(worker.tasks) > 1 for worker in plan.workers)


def _worlds(plan: Plan) -> bool:
    return any(role.world for role in plan.job.roles)


def _starts_apart(plan: Plan) -> bool:
    workers = Counter(worker.role for worker in plan.workers)
    return any(starts_apart(role, workers[role.name]) for role in plan.job.roles)


def _repeats(plan: Plan) -> bool:
    """Tell whether a command line has words that stand once for every worker of a role."""
    launches = [*(role.launch for role in plan.job.roles), *(phase.launch for phase in plan.job.phases)]
    lines = ((*launch.command, *launch.leader_args, *launch.follower_args) for launch in launches)
    return any(isinstance(word, Each) for line in lines for word in line)


PIECES: tuple[tuple[str, Needed], ...] = (
    ("head", _always),
    ("plan", _always),
    ("world", _starts_apart),
    ("each", _repeats),
    ("blame", lambda plan: not excuses(plan)),
    ("blame-or-excuse", excuses),
    ("watch", _always),
    ("ask-tcp", _asks("tcp")),
    ("ask-http", _asks("http")),
    ("ask-command", _asks("command")),
    ("log", _reads_log),
    ("alive", _alive),
    ("task", _always),
    ("around", _runs_around),
    ("task-health", _checks_health),
    ("task-stagger", _staggers),
    ("task-leader", _followers),
    ("restart", _restarts),
    ("preflight", _always),
    ("name-address", lambda plan: not _interface(plan)),
    ("interface-address", _interface),
    ("paths", lambda plan: bool(container_paths(plan))),
    ("batch", _always),
    ("worlds", _starts_apart),
    ("metrics", _metrics),
    ("lists", _lists),
    ("no-word", lambda plan: not _worlds(plan)),
    ("no-word-of-world", _worlds),
    ("excuse", excuses),
    ("restarts", _restarts),
    ("stagger", _staggers),
    ("health", _checks_health),
    ("followers", _followers),
    ("allocation", _always),
    ("hosts", _hosts),
    ("main", _always),
    ("files", lambda plan: bool(plan.job.files)),
    ("roles", _always),
    ("phases", _phases),
    ("no-phases", lambda plan: not _phases(plan)),
)
