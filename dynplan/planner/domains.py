"""NVLink domains: every worker on nodes of one, or of as few as it can, in segments that Slurm promises.

Slurm gives a job no chosen nodes, but with `--segment=S` nodes of one block S at a time (topology/block, since 24.05):
segments that are all alike, so that S divides the number of nodes (sbatch(1), and 24.11 and 26.05 refuse others). So a
plan's nodes fall into windows of S in a row, S a domain at the most, and no worker that fits into a domain leaves its
window. A smaller segment is a smaller promise, for which a job waits less: of those that do it is the smallest.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from attrs import evolve, frozen

from dynplan.diagnostics import Finding
from dynplan.model import Job, Record
from dynplan.planner.demand import Demand, gpus_on_every_node
from dynplan.planner.nodes import Allocation, place
from dynplan.planner.refusals import JOB_NODES
from dynplan.planner.remaining import Homes, NoDomainError, NoRoomError
from dynplan.planner.spans import Domains, Mode
from dynplan.planner.windows import Board, Steps, assignments, solid, spans


def domains_of(job: Job) -> Domains:
    """Return what a job says of domains; a `segment` that is none is for `no_domain` to refuse."""
    asked = dict((*job.cluster.sbatch, *job.sbatch)).get("segment", False)
    return Domains(job.cluster.domain_nodes, asked is not False, int(asked) if str(asked).isdecimal() else 0)


class Found(NamedTuple):
    """Per role its workers' nodes, the nodes of a segment, and whether roles share nodes."""

    homes: dict[str, Homes]
    segment: int
    mode: Mode


def place_in_domains(wanted: Sequence[Demand], gpus: Sequence[int], domains: Domains, modes: Sequence[Mode]) -> Found:
    """Place every role that takes nodes, as `dynplan.planner.nodes.place` does, no worker across domains.

    Args:
        wanted: of every role.
        gpus: per node its GPUs.
        domains: of the cluster, and what the user says of them.
        modes: in which roles may stand, the first that is possible is wanted.

    Raises:
        NoRoomError: they do not fit.
        NoDomainError: they do, but not so.
    """
    plain = place(wanted, gpus, (None,) * len(gpus))
    proven = True
    for mode in modes:
        for size in segments(wanted, len(gpus), domains):
            found, all_seen = in_segments_of(size, mode, wanted, plain, gpus, domains)
            if found:
                return Found(found, smallest(found, wanted, len(gpus), domains), mode)
            proven = proven and all_seen
    raise NoDomainError(spans(wanted)[0].role.name, proven=proven)


def in_segments_of(
    size: int, mode: Mode, wanted: Sequence[Demand], plain: dict[str, Homes], gpus: Sequence[int], domains: Domains
) -> tuple[dict[str, Homes] | None, bool]:
    """Place every role in segments of a size, as they stand in `plain` where that does.

    Returns:
        Per role its workers' nodes, None where that fails, and whether it is proven that nothing does.
    """
    if (mode == "shared" or apart(plain, wanted)) and inside(plain, wanted, size, domains):
        return plain, True
    return _arranged(wanted, gpus, domains, size, mode)


def smallest(homes: dict[str, Homes], wanted: Sequence[Demand], nodes: int, domains: Domains) -> int:
    """Return the smallest segment that does for where workers stand; for a smaller one a search may have given up."""
    return next(size for size in segments(wanted, nodes, domains) if inside(homes, wanted, size, domains))


def apart(homes: dict[str, Homes], wanted: Sequence[Demand]) -> bool:
    """Tell whether no two roles that take nodes share one."""
    of_roles = [{node for home in homes[demand.role.name] for node in home} for demand in wanted if demand.takes_nodes]
    return sum(map(len, of_roles)) == len(set().union(*of_roles))


def inside(homes: dict[str, Homes], wanted: Sequence[Demand], size: int, domains: Domains) -> bool:
    """Tell whether no worker stands in more segments of a size than the domains that it needs."""
    return all(
        len({node // size for node in home}) <= -(-len(home) // domains.nodes)
        for demand in spans(wanted)
        for home in homes[demand.role.name]
    )


def segments(wanted: Sequence[Demand], nodes: int, domains: Domains) -> Iterator[int]:
    """Yield the segments that so many nodes may come in and that hold the largest worker, the smallest first."""
    for size in sizes_of(wanted, domains):
        if size > nodes:
            return
        if nodes % size == 0:
            yield size


def sizes_of(wanted: Sequence[Demand], domains: Domains) -> Sequence[int]:
    """Return how many nodes a segment may have: no more than a domain, and enough for the largest worker."""
    least = 1
    for span in (len(demand.slices) for demand in spans(wanted)):
        least = max(least, -(-span // -(-span // domains.nodes)))
    sizes = range(least, domains.nodes + 1)
    if domains.asked:
        return [domains.segment] if domains.segment in sizes else []
    return sizes


def _arranged(
    wanted: Sequence[Demand], gpus: Sequence[int], domains: Domains, size: int, mode: Mode
) -> tuple[dict[str, Homes] | None, bool]:
    """Place the workers that span nodes in segments, then the others; None where that fails, and whether it is proven.

    What has its nodes stands like a role on named hosts.
    """
    every = gpus_on_every_node(wanted)
    wide = spans(wanted)
    closed = frozenset(at for at, demand in enumerate(wide) if mode == "separate" or demand.role.size.dedicated)
    board = Board([have - every for have in gpus], size, domains.nodes, closed, [()] * len(gpus))
    steps, proven = Steps(), True
    names = tuple(map(str, range(len(gpus))))
    for homes in assignments(wide, board, steps):
        own = {demand.role.name: of_role for demand, of_role in zip(wide, homes, strict=True)}
        try:
            found = place([_standing(demand, own, names) for demand in wanted], gpus, names)
        except NoRoomError as problem:
            proven = proven and problem.proven
            continue
        if mode == "shared" or apart(found, wanted):
            return found, True
    return None, proven and not steps.spent


def _standing(demand: Demand, homes: dict[str, Homes], names: Sequence[str]) -> Demand:
    own = homes.get(demand.role.name)
    if own is None:
        return demand
    hosts = tuple(names[node] for home in own for node in home)
    return evolve(demand, role=evolve(demand.role, size=evolve(demand.role.size, hosts=hosts)))


# How many nodes


@frozen(eq=False, repr=False)
class Counts(Record):
    """Numbers of nodes: `most` do, fewer than `first` do not or were not found to, fewer than `lower` never do."""

    first: int
    most: int
    lower: int


def fewest_in_domains(
    wanted: Sequence[Demand],
    gpus: int,
    domains: Domains,
    least: int,
    crowds: Sequence[Sequence[Demand]] = (),
) -> Counts:
    """Return how many nodes, `least` and more, hold the workers that span nodes; `least` where no segment can.

    What else there is to place is not looked at.

    Args:
        wanted: of every role.
        gpus: of a node.
        domains: of the cluster, and what the user says of them.
        least: so many nodes hold all roles where domains do not matter.
        crowds: roles that are there at one time, each such set; nothing where all of `wanted` are.
    """
    there = [(spans(crowd), gpus - gpus_on_every_node(crowd)) for crowd in crowds or (wanted,)]
    exact = [solid(wide, room) for wide, room in there]
    # Nodes that workers share where there are no domains, and that they may not share where there are.
    together = max(sum(demand.workers * len(demand.slices) - demand.nodes for demand in wide) for wide, _ in there)
    most = lower = 0
    for size in sizes_of(wanted, domains):
        needed = -(-least // size)
        if most and needed * size >= most:
            continue
        found = [_windows(wide, size, domains) for wide, _ in there]
        bound = max(bound if proven else 1 for (_, bound), proven in zip(found, exact, strict=True))
        total = size * max(-(-(least + together) // size), *(windows for windows, _ in found))
        proven_total = size * max(needed, bound)
        most, lower = min(most or total, total), min(lower or proven_total, proven_total)
        if most == lower == least:
            break
    return Counts((most if all(exact) else lower) or least, most or least, lower or least)


def in_segments(wanted: Sequence[Demand], nodes: int, domains: Domains) -> bool:
    """Tell whether there are segments that hold the largest worker and that so many nodes may come in."""
    return any(segments(wanted, nodes, domains))


def _windows(wide: Sequence[Demand], size: int, domains: Domains) -> tuple[int, int]:
    """Return how many segments of a size hold workers of which each has its nodes alone, and no fewer do."""
    kinds: dict[int, int] = {}
    whole = 0
    for demand in wide:
        of_each = -(-len(demand.slices) // domains.nodes) - 1
        rest = len(demand.slices) - of_each * size
        whole += of_each * demand.workers
        kinds[rest] = kinds.get(rest, 0) + demand.workers
    from dynplan.planner.packing import Kind, pack  # where the number of nodes is left to a search

    found = pack(size, [Kind(rest, count) for rest, count in sorted(kinds.items(), reverse=True)])
    return whole + found.total, whole + found.lower


def idle_in_domains(
    job: Job, wanted: Sequence[Demand], allocation: Allocation, busy: int, stages: Sequence[Sequence[Demand]] = ()
) -> Finding:
    """Return a warning of nodes that run no role with GPUs: because of domains (W205), or because there are too many.

    Args:
        job: the job.
        wanted: of every role.
        allocation: its nodes, some of which are idle.
        busy: how many are not.
        stages: the roles in parts that never meet, where places are had in turns.
    """
    nodes, size, domain = allocation.nodes, allocation.segment, job.cluster.domain_nodes
    found = fewest_in_domains(wanted, job.cluster.gpus_per_node, domains_of(job), busy, stages)
    what = f"{nodes - busy} of {nodes} nodes {'runs' if nodes - busy == 1 else 'run'} no role with GPUs"
    if found.most < nodes:
        return Finding("W201", what, JOB_NODES, f"{found.most} nodes hold them all, no worker across a domain")
    message = f"{what}: no worker crosses a domain of {domain} nodes, and all segments are alike, of {size}"
    return Finding("W205", message, JOB_NODES, "more workers, or workers of other sizes, would use them")
