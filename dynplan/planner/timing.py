"""Whether roles have their places all at once or in turns, where some come after tasks that give back theirs."""

from collections.abc import Callable, Sequence

from attrs import evolve

from dynplan.diagnostics import InputError
from dynplan.model import Job
from dynplan.planner.allocation import bound_in_turns
from dynplan.planner.standing import Standing, unproven
from dynplan.planner.turns import Turns


def stand_in_turns(job: Job, turns: Turns, stand: Callable[["Turns | None"], Standing]) -> Standing:
    """Return where the roles of a job stand: in turns where all of it at once does not fit.

    The fewest nodes are those that hold everything in turns, and where these are no fewer nobody gives anything back.

    Args:
        job: the job.
        turns: who gives back to whom.
        stand: places the roles, in turns or (None) all at once.

    Raises:
        InputError: D2xx, the job does not fit in turns either.
    """
    try:
        at_once = stand(None)
    except InputError:
        return stand(turns)
    if "min" not in (job.num_nodes, *(one.num_nodes for one in job.of_groups)):
        return at_once
    try:
        found = stand(turns)
        if len(found.nodes) < len(at_once.nodes):
            return found
        lower = found.placement.lower
    except InputError:
        lower = sum(bound_in_turns(part, turns) for part in _parts(job))
    return _with_bound(at_once, lower)


def _parts(job: Job) -> Sequence[Job]:
    """Return the job, or that of each of its node groups."""
    if not job.of_groups:
        return (job,)
    from dynplan.planner.groups import jobs_of_groups  # few clusters have nodes of several kinds

    return jobs_of_groups(job)


def _with_bound(at_once: Standing, lower: int) -> Standing:
    """Say of nodes that hold everything at once how many may do where places are had in turns."""
    count, bound = len(at_once.nodes), min(at_once.placement.lower, lower)
    others = [warning for warning in at_once.warnings if warning.code != "W202"]
    warnings = (*others, unproven(count, bound)) if bound < count else (*others,)
    return evolve(at_once, placement=evolve(at_once.placement, lower=bound), warnings=warnings)
