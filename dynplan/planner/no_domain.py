"""Why workers cannot stay inside their domains: segments that the user asks for, or a number of nodes."""

from collections.abc import Iterator, Sequence

from dynplan.diagnostics import Finding, Findings, Path, counted
from dynplan.model import Job
from dynplan.planner.demand import Demand
from dynplan.planner.domains import domains_of, fewest_in_domains, sizes_of
from dynplan.planner.in_turns import crowds_of, stages_of
from dynplan.planner.no_node import at_key
from dynplan.planner.refusals import JOB_NODES, Ladder, coming_after, fewer, ladder, refuse
from dynplan.planner.remaining import NoRoomError
from dynplan.planner.spans import Domains
from dynplan.planner.turns import Turns
from dynplan.planner.windows import spans

_MOST_LISTED = 6  # roles, in one message


def refuse_crossing(
    job: Job, wanted: Sequence[Demand], problem: NoRoomError, nodes: int, turns: Turns | None
) -> list[Finding]:
    """Return why on so many nodes a worker is in more domains than it needs, with changes that help (D220).

    Args:
        job: the job.
        wanted: of every role.
        problem: who crosses domains, among those that are there at the same time.
        nodes: their number.
        turns: who gives back to whom, where places are had in turns.
    """
    findings = Findings()
    among, proven = problem.among or wanted, problem.proven
    domains, path = domains_of(job), _asked(job)
    if path:
        possible = sizes_of(wanted, Domains(domains.nodes, asked=False, segment=0))
        needy = among if domains.segment in possible else wanted
        fault = _segment_fault(domains.segment, possible, domains.nodes, nodes, needy, proven=proven)
        sizes = [size for size in possible if nodes % size == 0] or list(possible)[:1]
        tries = [ladder(path, sizes), *_more_nodes(job, wanted, nodes, turns), *_later(among)]
        refuse(findings, "D220", fault, path, *tries, besides="leave `segment` out")
        return findings.found
    domain = f"a domain of {domains.nodes} nodes ({_needs(among)})"
    crossing = f"on {counted(nodes, 'node')} a worker would cross {domain}"
    if not proven:
        crossing = f"on {counted(nodes, 'node')} no arrangement was found in which no worker crosses {domain}"
    message = f"{crossing}: Slurm gives a job segments that are all alike, each of one domain"
    fewer_workers = (rungs for demand in spans(among) for rungs in _less(demand))
    tries = [*_more_nodes(job, wanted, nodes, turns), *_later(among), *fewer_workers]
    refuse(findings, "D220", message, JOB_NODES, *tries, otherwise="ask for more nodes, or for smaller workers")
    return findings.found


def _asked(job: Job) -> Path:
    """Return the key by which the user asks for segments himself; empty where he does not."""
    for table, options in (("job", dict(job.sbatch)), ("cluster", dict(job.cluster.sbatch))):
        if "segment" in options:
            return (table, "sbatch", "segment") if options["segment"] is not False else ()
    return ()


def _segment_fault(
    asked: int, possible: Sequence[int], domain: int, nodes: int, wanted: Sequence[Demand], *, proven: bool
) -> str:
    if not asked:
        return "`segment` is the number of nodes that Slurm allocates together"
    if asked > domain:
        return f"segments of {counted(asked, 'node')} cross domains, which have {domain}"
    if asked not in possible:
        return f"segments of {counted(asked, 'node')} are less than workers need ({_needs(wanted)})"
    if nodes % asked:
        return f"{counted(nodes, 'node')} do not come in segments of {asked}"
    if not proven:
        there = f"on {counted(nodes, 'node')} no arrangement was found in which no worker crosses"
        return f"{there} segments of {asked} ({_needs(wanted)})"
    return f"on {counted(nodes, 'node')} a worker would cross segments of {asked} ({_needs(wanted)})"


def _needs(wanted: Sequence[Demand]) -> str:
    wide = spans(wanted)
    parts = [
        f"`{demand.role.name}` {counted(demand.workers, 'worker')} of {counted(len(demand.slices), 'node')}"
        for demand in wide[:_MOST_LISTED]
    ]
    return ", ".join([*parts, f"and {len(wide) - _MOST_LISTED} more"] if len(wide) > _MOST_LISTED else parts)


def _more_nodes(job: Job, wanted: Sequence[Demand], nodes: int, turns: Turns | None) -> Iterator[Ladder]:
    if isinstance(job.num_nodes, int):
        there: list[Sequence[Sequence[Demand]]] = [[wanted]]
        there += [crowds_of(wanted, turns), stages_of(wanted, turns)] if turns else []
        found = [
            fewest_in_domains(wanted, job.cluster.gpus_per_node, domains_of(job), nodes + 1, crowds) for crowds in there
        ]
        yield ladder(JOB_NODES, sorted({count for one in found for count in (one.first, one.most)}))


def _later(among: Sequence[Demand]) -> Iterator[Ladder]:
    """Suggest that a role comes after a task, which then gives it the segments that it held."""
    roles = [demand.role for demand in spans(among)]
    yield from (coming_after(task, later) for task in roles for later in roles)


def _less(demand: Demand) -> Iterator[Ladder]:
    """Suggest fewer workers of a role."""
    size, span = demand.role.size, len(demand.slices)
    if size.num_nodes:
        nodes = range(size.num_nodes - span, 0, -span)
        yield ladder(at_key(demand.role, "num-nodes"), () if size.workers else list(nodes)[:8])
    elif size.workers:
        yield ladder(at_key(demand.role, "workers"), fewer(size.workers - 1))
