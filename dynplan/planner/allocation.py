"""How many nodes a job has, which of them have names, and whether roles share them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dynplan.diagnostics import Findings, InputError
from dynplan.model import Job
from dynplan.planner.demand import (
    MOST_NODES,
    MOST_TASKS,
    Demand,
    dedicated_nodes,
    demands,
    nodes_with_open_ones,
    separate_nodes,
)
from dynplan.planner.nodes import Allocation, place
from dynplan.planner.refusals import JOB_NODES, ladder, refuse
from dynplan.planner.remaining import Homes, NoDomainError, NoRoomError
from dynplan.planner.spans import Domains, Mode

if TYPE_CHECKING:
    from dynplan.planner.domains import Found  # few clusters have domains
    from dynplan.planner.turns import Turns  # few jobs have tasks that others come after


def allocate(job: Job, wanted: Sequence[Demand], gpus: Sequence[int] = (), turns: "Turns | None" = None) -> Allocation:
    """Decide the nodes of a job and place its roles with GPUs on them.

    Args:
        job: the job.
        wanted: the demand of every role.
        gpus: the GPUs of each node; nothing where every node has the cluster's `gpus-per-node`.
        turns: who gives back to whom, where places are to be had in turns.

    Raises:
        InputError: D203 to D208, D211, D212 or D220, with the numbers and changes that might fit.
    """
    findings = Findings()
    hosts = _named_hosts(job, wanted, findings, turns)
    findings.raise_if_errors()
    separate = separate_nodes(wanted)
    domains = _domains(job, wanted, hosts)
    if job.num_nodes == "min" and not gpus:
        return _fewest(job, wanted, hosts, separate, turns, domains)
    count = len(gpus) or _count(job, wanted, hosts, separate, findings)
    _check_counts(job, wanted, count, findings)
    findings.raise_if_errors()
    if domains and job.num_nodes is None and not gpus:
        return _fewest_apart(job, wanted, count, separate, turns, domains)
    nodes = tuple(gpus) or (job.cluster.gpus_per_node,) * count
    try:
        return _placed(wanted, nodes, hosts, separate, count, turns, domains)
    except NoRoomError as problem:
        raise _refused(job, wanted, nodes, problem, turns) from None


def _placed(
    wanted: Sequence[Demand],
    gpus: tuple[int, ...],
    hosts: tuple[str, ...],
    separate: int,
    lower: int,
    turns: "Turns | None",
    domains: Domains | None,
    modes: Sequence[Mode] = ("separate", "shared"),
) -> Allocation:
    """Place the roles; where domains matter in the first of `modes` that is possible, of those that nodes allow."""
    count = len(gpus)
    named = hosts + (None,) * (count - len(hosts))
    mode: Mode = "separate" if count >= separate and not _overlap(wanted) else "shared"
    segment = 0
    if domains:
        homes, segment, mode = _in_domains(wanted, gpus, domains, modes if count >= separate else ("shared",), turns)
    elif turns:
        from dynplan.planner.in_turns import place_in_turns  # few jobs have tasks that others come after

        homes = place_in_turns(wanted, gpus, named, turns)
    else:
        homes = place(wanted, gpus, named)
    by_role = tuple(homes.get(demand.role.name, []) for demand in wanted)
    return Allocation(named, gpus, mode, lower, _head(wanted, homes, count), by_role, segment)


def _count(job: Job, wanted: Sequence[Demand], hosts: tuple[str, ...], separate: int, findings: Findings) -> int:
    """Return the number of nodes of a job that does not leave it to the search."""
    if job.hosts:
        return len(job.hosts)
    if not isinstance(job.num_nodes, int):
        return max(separate, *(demand.nodes for demand in wanted), dedicated_nodes(wanted) + len(hosts), 1)
    if job.num_nodes < len(hosts):
        message = f"the roles name {len(hosts)} hosts, but `num-nodes` is {job.num_nodes}"
        refuse(findings, "D211", message, JOB_NODES, ladder(JOB_NODES, [len(hosts)]), besides="leave it out")
    return job.num_nodes


def _check_counts(job: Job, wanted: Sequence[Demand], count: int, findings: Findings) -> None:
    """Refuse a job that is too large, or smaller than its largest role."""
    if count > MOST_NODES:
        message = f"the job comes to {count} nodes, and a job has at most {MOST_NODES}"
        path = JOB_NODES if isinstance(job.num_nodes, int) else ("job",)
        refuse(findings, "D212", message, path, otherwise="ask for fewer nodes")
        return
    for demand in wanted:
        role, on_every = demand.role, demand.form == "every" or demand.role.size.per_node
        tasks = demand.workers_per_node * count
        if on_every and tasks > MOST_TASKS:
            message = f"role `{role.name}` comes to {tasks} tasks, and a role has at most {MOST_TASKS}"
            path = ("roles", role.name, "workers-per-node")
            tries = ladder(path, [MOST_TASKS // count])
            refuse(findings, "D212", message, path, tries, otherwise="ask for fewer workers on a node")
    large = [demand for demand in wanted if demand.nodes > count]
    if large:
        from dynplan.planner.no_room import refuse_large  # only an error gets here

        refuse_large(job, wanted, large, count, findings)


def _refused(
    job: Job, wanted: Sequence[Demand], gpus: Sequence[int], problem: NoRoomError, turns: "Turns | None"
) -> InputError:
    if isinstance(problem, NoDomainError):
        from dynplan.planner.no_domain import refuse_crossing  # only an error gets here

        return InputError(refuse_crossing(job, wanted, problem, len(gpus), turns))
    from dynplan.planner.no_room import refusals  # only an error gets here

    return InputError(refusals(job, problem.among or wanted, gpus, problem))


# Named hosts


def _named_hosts(job: Job, wanted: Sequence[Demand], findings: Findings, turns: "Turns | None") -> tuple[str, ...]:
    """Return the hosts by node index: the job's list, or the roles' lists in declaration order."""
    union = tuple(dict.fromkeys(host for demand in wanted for host in demand.role.size.hosts))
    _check_dedicated_hosts(wanted, findings, turns)
    if not job.hosts:
        return union
    known = frozenset(job.hosts)
    strange = [host for host in union if host not in known]
    for demand in wanted:
        own = [host for host in demand.role.size.hosts if host not in known]
        if own:
            message = f"role `{demand.role.name}` names host `{own[0]}`, which is not among the job's `nodes`"
            tries = ladder(("job", "nodes"), [[*job.hosts, *strange], list(union)])
            path = ("roles", demand.role.name, "nodes")
            refuse(findings, "D205", message, path, tries, besides="name another host")
    if job.num_nodes not in (None, len(job.hosts)):
        message = f"`nodes` names {len(job.hosts)} hosts, but `num-nodes` is {job.num_nodes}"
        tries = ladder(JOB_NODES, [len(job.hosts)])
        refuse(findings, "D211", message, JOB_NODES, tries, besides="leave it out")
    if not strange:  # else a name is mistyped, most likely of the host that seems idle
        _check_idle_hosts(job, wanted, union, findings)
    return job.hosts


def _check_idle_hosts(job: Job, wanted: Sequence[Demand], union: tuple[str, ...], findings: Findings) -> None:
    named = frozenset(union)
    idle = [host for host in job.hosts if host not in named]
    floating = any(demand.form != "none" and not demand.role.size.hosts for demand in wanted)
    if idle and _overlap(wanted) and not floating:
        message = (
            f"the job allocates {len(job.hosts)} hosts and its roles share {len(union)}: no role names `{idle[0]}`"
        )
        tries = ladder(("job", "nodes"), [[host for host in job.hosts if host in named]])
        refuse(findings, "D206", message, ("job", "nodes"), tries, besides="add the host to a role")


def _check_dedicated_hosts(wanted: Sequence[Demand], findings: Findings, turns: "Turns | None") -> None:
    named = [demand.role for demand in wanted if demand.role.size.hosts]
    for role in named:
        mine = set(role.size.hosts)
        for other in (other for other in named if not turns or turns.meet(role.name, other.name)):
            both = sorted(mine & set(other.size.hosts))
            if role.size.dedicated and other is not role and both:
                message = f"role `{role.name}` is dedicated, but role `{other.name}` names its host `{both[0]}` too"
                path = ("roles", role.name, "dedicated")
                refuse(findings, "D208", message, path, ladder(path, [False]), besides="name other hosts")


def _overlap(wanted: Sequence[Demand]) -> bool:
    named = [host for demand in wanted if demand.form != "none" for host in demand.role.size.hosts]
    return len(named) != len(set(named))


# Domains


def _in_domains(
    wanted: Sequence[Demand], gpus: Sequence[int], domains: Domains, modes: Sequence[Mode], turns: "Turns | None"
) -> "Found":
    if turns:
        from dynplan.planner.domains_in_turns import place_in_both  # few of those have tasks that others come after

        return place_in_both(wanted, gpus, domains, modes, turns)
    from dynplan.planner.domains import place_in_domains  # few clusters have domains

    return place_in_domains(wanted, gpus, domains, modes)


def _domains(job: Job, wanted: Sequence[Demand], hosts: Sequence[str]) -> Domains | None:
    """Return the domains of a job in which workers span nodes that nobody has named."""
    if job.cluster.domain_nodes < 2 or hosts or not any(demand.form == "wide" for demand in wanted):
        return None
    from dynplan.planner.domains import domains_of  # few clusters have domains

    return domains_of(job)


# The fewest nodes


def _fewest_apart(
    job: Job, wanted: Sequence[Demand], least: int, separate: int, turns: "Turns | None", domains: Domains
) -> Allocation:
    """Keep roles apart on the fewest nodes, from `least` on, that hold every worker inside its domain."""
    from dynplan.planner.domains import fewest_in_domains, in_segments  # few clusters have domains

    gpus = job.cluster.gpus_per_node
    found = fewest_in_domains(wanted, gpus, domains, least)
    problem: NoRoomError = NoDomainError("")
    for count in range(found.first, found.most + 1):
        _check_all_counts(job, wanted, count)
        try:
            if in_segments(wanted, count, domains):
                return _placed(wanted, (gpus,) * count, (), separate, count, turns, domains, ("separate",))
        except NoRoomError as again:
            problem = again
    raise _refused(job, wanted, (gpus,) * found.most, problem, turns)


def _fewest(
    job: Job,
    wanted: Sequence[Demand],
    hosts: tuple[str, ...],
    separate: int,
    turns: "Turns | None",
    domains: Domains | None,
) -> Allocation:
    """Answer `num-nodes = "min"`."""
    total, lower = _least(job, wanted, hosts, turns)
    gpus, most = job.cluster.gpus_per_node, max(separate, lower)  # nodes of its own for every role always do
    first = lower if hosts else min(max(total, lower), most)  # but for named hosts
    if domains:
        from dynplan.planner.domains import fewest_in_domains, in_segments  # few clusters have domains

        crowds = _crowds(wanted, turns)
        first = fewest_in_domains(wanted, gpus, domains, first, crowds).first
        lower = fewest_in_domains(wanted, gpus, domains, lower, crowds).lower
        most = fewest_in_domains(wanted, gpus, domains, most).most
    problem = NoRoomError("")
    for count in range(first, most + 1):
        _check_all_counts(job, wanted, count)
        try:
            if domains and not in_segments(wanted, count, domains):
                raise NoDomainError("")
            found = _placed(wanted, (gpus,) * count, hosts, separate, lower, turns, domains)
            if turns is None or _open_ones(wanted, found):
                return found
            owner = next(demand.role.name for demand in wanted if demand.role.size.dedicated)
            problem = NoRoomError(owner, proven=False)
        except NoRoomError as again:
            problem = again
            lower += lower == count and problem.proven
    raise _refused(job, wanted, (gpus,) * most, problem, turns)


def _least(job: Job, wanted: Sequence[Demand], hosts: Sequence[str], turns: "Turns | None") -> tuple[int, int]:
    """Return how many nodes hold the roles by their GPUs, and that no fewer do."""
    if turns:
        from dynplan.planner.in_turns import fewest_in_turns  # few jobs have tasks that others come after

        total, lower = fewest_in_turns(wanted, job.cluster.gpus_per_node, turns)
        least = max(*(demand.nodes for demand in wanted), len(hosts), 1)
    else:
        from dynplan.planner.search import fewest  # 13 ms, and few jobs leave the number of nodes to a search

        total, lower = fewest(wanted, job.cluster.gpus_per_node)
        opened = nodes_with_open_ones(wanted)
        least = max(*(demand.nodes for demand in wanted), dedicated_nodes(wanted) + len(hosts), opened, 1)
    return total, max(lower, least)


def _check_all_counts(job: Job, wanted: Sequence[Demand], count: int) -> None:
    findings = Findings()
    _check_counts(job, wanted, count, findings)
    findings.raise_if_errors()


def _open_ones(wanted: Sequence[Demand], found: Allocation) -> bool:
    """Tell whether dedicated roles, in turns on nodes of their own, leave roles without GPUs as many as these need."""
    others = [demand for demand in wanted if not demand.role.size.dedicated]
    return found.nodes - len(_closed(wanted, found.homes)) >= nodes_with_open_ones(others)


def _crowds(wanted: Sequence[Demand], turns: "Turns | None") -> Sequence[Sequence[Demand]]:
    """Return the sets of roles that are there at one time."""
    if turns is None:
        return (wanted,)
    from dynplan.planner.in_turns import crowds_of  # few jobs have tasks that others come after

    return crowds_of(wanted, turns)


def bound_in_turns(job: Job, turns: "Turns") -> int:
    """Return a proven lower bound of the nodes of a job, all alike, also where it could not be placed in turns."""
    try:
        wanted = demands(job, (job.cluster.gpus_per_node,), turns)
    except InputError:
        return 1
    hosts = [*job.hosts, *(host for demand in wanted for host in demand.role.size.hosts)]
    _, lower = _least(job, wanted, hosts, turns)
    domains = _domains(job, wanted, hosts)
    if domains is None:
        return lower
    from dynplan.planner.domains import fewest_in_domains  # few clusters have domains

    return fewest_in_domains(wanted, job.cluster.gpus_per_node, domains, lower, _crowds(wanted, turns)).lower


# The head node


def _closed(wanted: Sequence[Demand], homes: Sequence[Homes]) -> set[int]:
    """Return the nodes that belong to dedicated roles."""
    pairs = zip(wanted, homes, strict=True)
    dedicated = [role_homes for demand, role_homes in pairs if demand.role.size.dedicated]
    return {node for role_homes in dedicated for home in role_homes for node in home}


def _head(wanted: Sequence[Demand], homes: dict[str, Homes], count: int) -> int:
    """Return the head node: the first role's first node, unless a dedicated role owns it."""
    closed = _closed(wanted, [homes.get(demand.role.name, []) for demand in wanted])
    for demand in wanted:
        home = homes.get(demand.role.name)
        if home and home[0][0] not in closed:
            return home[0][0]
    return next((node for node in range(count) if node not in closed), 0)
