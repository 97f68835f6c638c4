"""The pieces of the static program: which of them a plan needs, in the order in which they stand.

A piece is a file `static/NAME.sh`. What a plan does not use is left out, so that a reader of its
script meets nothing but what runs there.
"""

from collections.abc import Callable, Iterator

from dynplan.fold import run_time_facts
from dynplan.model import Each, Plan, Probe

Needed = Callable[[Plan], bool]


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


def _watches_on(plan: Plan) -> bool:
    return _patterns(plan) or _alive(plan)


def excuses(plan: Plan) -> bool:
    """Tell whether a role may die and the job goes on."""
    return not all(role.critical for role in plan.job.roles)


def _restarts(plan: Plan) -> bool:
    return any(role.restart_max for role in plan.job.roles)


def _staggers(plan: Plan) -> bool:
    return any(role.stagger for role in plan.job.roles)


def _phases(plan: Plan) -> bool:
    return bool(plan.job.phases)


def _runs_after(plan: Plan) -> bool:
    return any(phase.after_command for phase in plan.job.phases[:-1])


def _checks_health(plan: Plan) -> bool:
    return any(phase.health_check for phase in plan.job.phases[:-1])


def _hosts(plan: Plan) -> bool:
    return any(node.host for node in plan.nodes)


def _interface(plan: Plan) -> bool:
    return bool(plan.job.cluster.interface)


def _metrics(plan: Plan) -> bool:
    return any(role.metrics for role in plan.job.roles)


def _lists(plan: Plan) -> bool:
    return any(name.startswith("role.") for name in run_time_facts(plan))


def _followers(plan: Plan) -> bool:
    return any(len(worker.tasks) > 1 for worker in plan.workers)


def _repeats(plan: Plan) -> bool:
    """Tell whether a command line has words that stand once for every worker of a role."""
    launches = [*(role.launch for role in plan.job.roles), *(phase.launch for phase in plan.job.phases)]
    lines = ((*launch.command, *launch.leader_args, *launch.follower_args) for launch in launches)
    return any(isinstance(word, Each) for line in lines for word in line)


PIECES: tuple[tuple[str, Needed], ...] = (
    ("head", _always),
    ("plan", _always),
    ("each", _repeats),
    ("blame", lambda plan: not excuses(plan)),
    ("blame-or-excuse", excuses),
    ("watch", _always),
    ("ask-tcp", _asks("tcp")),
    ("ask-http", _asks("http")),
    ("ask-command", _asks("command")),
    ("log", _reads_log),
    ("watch-on", _watches_on),
    ("alive", _alive),
    ("task", _always),
    ("run-after", _runs_after),
    ("task-health", _checks_health),
    ("task-stagger", _staggers),
    ("task-leader", _followers),
    ("restart", _restarts),
    ("preflight", _always),
    ("name-address", lambda plan: not _interface(plan)),
    ("interface-address", _interface),
    ("batch", _always),
    ("metrics", _metrics),
    ("lists", _lists),
    ("excuse", excuses),
    ("restarts", _restarts),
    ("stagger", _staggers),
    ("health", _checks_health),
    ("hosts", _hosts),
    ("followers", _followers),
    ("files", lambda plan: bool(plan.job.files)),
    ("main", _always),
    ("phases", _phases),
    ("no-phases", lambda plan: not _phases(plan)),
)
