"""Whether roles have their places all at once or in turns, where some come after tasks that give back theirs."""

from collections.abc import Sequence

from attrs import evolve

from dynplan.diagnostics import InputError
from dynplan.model import Job
from dynplan.planner.allocation import bound_in_turns
from dynplan.planner.standing import Standing, stand, unproven
from dynplan.planner.turns import Turns


def stand_in_turns(job: Job, gpus: Sequence[int], turns: Turns) -> Standing:
    """Return where the roles of a job stand: in turns where all of it at once does not fit.

    The fewest nodes are those that hold everything in turns, and where these are no fewer nobody gives anything back.

    Args:
        job: the job; its nodes are all of one kind.
        gpus: the GPUs of each node, as for `stand`.
        turns: who gives back to whom.

    Raises:
        InputError: D2xx, the job does not fit in turns either.
    """
    try:
        at_once = stand(job, gpus)
    except InputError:
        return stand(job, gpus, turns)
    if job.num_nodes != "min":
        return at_once
    try:
        found = stand(job, gpus, turns)
        if len(found.nodes) < len(at_once.nodes):
            return found
        lower = found.placement.lower
    except InputError:
        lower = bound_in_turns(job, turns)
    return _with_bound(at_once, lower)


def _with_bound(at_once: Standing, lower: int) -> Standing:
    """Say of nodes that hold everything at once how many may do where places are had in turns."""
    count, bound = len(at_once.nodes), min(at_once.placement.lower, lower)
    others = [warning for warning in at_once.warnings if warning.code != "W202"]
    warnings = (*others, unproven(count, bound)) if bound < count else (*others,)
    return evolve(at_once, placement=evolve(at_once.placement, lower=bound), warnings=warnings)
