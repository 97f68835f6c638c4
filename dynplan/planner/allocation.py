"""How many nodes a job has, which of them have names, and whether roles share them."""

from collections.abc import Sequence
from typing import Literal

from dynplan.diagnostics import Finding, Findings, InputError, Path
from dynplan.model import Job
from dynplan.planner.demand import MOST_NODES, MOST_TASKS, Demand
from dynplan.planner.nodes import Allocation, place
from dynplan.planner.refusals import Ladder, counted, ladder, refuse, smaller
from dynplan.planner.remaining import Homes, NoRoomError

_JOB_NODES: Path = ("job", "num-nodes")
_MOST_TOLD = 6  # roles, in one message


def allocate(job: Job, wanted: Sequence[Demand], gpus: Sequence[int] = ()) -> Allocation:
    """Decide the nodes of a job and place its roles with GPUs on them.

    Args:
        job: the job.
        wanted: the demand of every role.
        gpus: the GPUs of each node; nothing where every node has the cluster's `gpus-per-node`.

    Raises:
        InputError: D203 to D208, D211 or D212, with the numbers and changes that might fit.
    """
    findings = Findings()
    hosts = _named_hosts(job, wanted, findings)
    findings.raise_if_errors()
    need = _need(wanted)
    if job.num_nodes == "min" and not gpus:
        return _fewest(job, wanted, hosts, need)
    count = len(gpus) or _count(job, wanted, hosts, need, findings)
    _check_counts(job, wanted, count, findings)
    findings.raise_if_errors()
    nodes = tuple(gpus) or (job.cluster.gpus_per_node,) * count
    try:
        return _placed(wanted, nodes, hosts, need, count)
    except NoRoomError as problem:
        raise InputError(_no_room(job, wanted, nodes, problem)) from None


def _placed(
    wanted: Sequence[Demand], gpus: tuple[int, ...], hosts: tuple[str, ...], need: int, lower: int
) -> Allocation:
    count = len(gpus)
    named = hosts + (None,) * (count - len(hosts))
    every = sum(demand.block for demand in wanted if demand.form == "every")
    homes = place(wanted, [have - every for have in gpus], named)
    mode: Literal["separate", "shared"] = "separate" if count >= need and not _overlap(wanted) else "shared"
    by_role = tuple(homes.get(demand.role.name, []) for demand in wanted)
    return Allocation(named, gpus, mode, lower, _head(wanted, homes, count), by_role)


def _need(wanted: Sequence[Demand]) -> int:
    """Return the nodes that keep the roles with GPUs separate."""
    taking = [demand for demand in wanted if demand.form in ("nodes", "loose", "wide")]
    named = {host for demand in taking for host in demand.role.size.hosts}
    return len(named) + sum(demand.nodes for demand in taking if not demand.role.size.hosts)


def _count(job: Job, wanted: Sequence[Demand], hosts: tuple[str, ...], need: int, findings: Findings) -> int:
    """Return the number of nodes of a job that does not leave it to the search."""
    if job.hosts:
        return len(job.hosts)
    if not isinstance(job.num_nodes, int):
        return max(need, *(demand.nodes for demand in wanted), _set_aside(wanted) + len(hosts), 1)
    if job.num_nodes < len(hosts):
        message = f"the roles name {len(hosts)} hosts, but `num-nodes` is {job.num_nodes}"
        refuse(findings, "D211", message, _JOB_NODES, ladder(_JOB_NODES, [len(hosts)]), besides="leave it out")
    return job.num_nodes


def _check_counts(job: Job, wanted: Sequence[Demand], count: int, findings: Findings) -> None:
    """Refuse a job that is too large, or smaller than its largest role."""
    if count > MOST_NODES:
        message = f"the job comes to {count} nodes, and a job has at most {MOST_NODES}"
        path = _JOB_NODES if isinstance(job.num_nodes, int) else ("job",)
        refuse(findings, "D212", message, path, otherwise="ask for fewer nodes")
        return
    for demand in wanted:
        role, on_every = demand.role, demand.form == "every" or demand.role.size.per_node
        if on_every and demand.per * count > MOST_TASKS:
            message = f"role `{role.name}` comes to {demand.per * count} tasks, and a role has at most {MOST_TASKS}"
            path = ("roles", role.name, "workers-per-node")
            tries = ladder(path, [MOST_TASKS // count])
            refuse(findings, "D212", message, path, tries, otherwise="ask for fewer workers on a node")
    _check_largest(job, wanted, count, findings)


def _check_largest(job: Job, wanted: Sequence[Demand], count: int, findings: Findings) -> None:
    large = [demand for demand in wanted if demand.nodes > count]
    if not large:
        return
    needs = _listed([f"role `{demand.role.name}` needs at least {demand.nodes} {_for(demand)}" for demand in large])
    message = f"not enough nodes: the job has {count}, and {needs}"
    total, there = sum(demand.gpus for demand in wanted), count * job.cluster.gpus_per_node
    if total > there:
        message += f"; together the roles need {total} of {there} GPUs"
    path = ("job", "nodes") if job.hosts else _JOB_NODES
    largest = max(demand.nodes for demand in large)
    more = ladder(_JOB_NODES, [] if job.hosts else _enough(job, wanted, largest - 1))
    fewer = tuple(rungs for demand in large for rungs in _fewer(demand, count))
    otherwise = "name more hosts" if job.hosts else "ask for fewer nodes"
    refuse(findings, "D203", message, path, more, *fewer, otherwise=otherwise)


def _listed(parts: Sequence[str]) -> str:
    more = [f"and {len(parts) - _MOST_TOLD} more"] if len(parts) > _MOST_TOLD else []
    return ", ".join([*parts[:_MOST_TOLD], *more])


def _for(demand: Demand) -> str:
    of = f" of {counted(demand.role.size.gpus, 'GPU')}" if demand.role.size.gpus else ""
    return f"for {counted(demand.workers, 'worker')}{of}"


def _fewer(demand: Demand, count: int) -> list[Ladder]:
    """Suggest a smaller role: fewer nodes or workers, or smaller ones."""
    role, span = demand.role, max(1, len(demand.slices))
    size, at = role.size, ("roles", role.name)
    nodes = range(min(count, demand.nodes - 1) // span * span, 0, -span) if size.num_nodes else ()
    free = size.workers and not size.num_nodes and not size.hosts
    per = demand.per or max(1, -(-demand.workers // max(1, demand.nodes)))
    most = min(count * per // span, demand.workers - 1)
    return [
        ladder((*at, "num-nodes"), () if size.workers else list(nodes)[:8]),
        ladder((*at, "workers"), [most, most // 2, 1] if free and most > 0 else ()),
        ladder((*at, "gpus-per-worker"), smaller(size.gpus, size.gpus // span)),
    ]


# Named hosts


def _named_hosts(job: Job, wanted: Sequence[Demand], findings: Findings) -> tuple[str, ...]:
    """Return the hosts by node index: the job's list, or the roles' lists in declaration order."""
    union = tuple(dict.fromkeys(host for demand in wanted for host in demand.role.size.hosts))
    _check_dedicated_hosts(wanted, findings)
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
        tries = ladder(_JOB_NODES, [len(job.hosts)])
        refuse(findings, "D211", message, _JOB_NODES, tries, besides="leave it out")
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


def _check_dedicated_hosts(wanted: Sequence[Demand], findings: Findings) -> None:
    named = [demand.role for demand in wanted if demand.role.size.hosts]
    for role in named:
        mine = set(role.size.hosts)
        for other in named:
            both = sorted(mine & set(other.size.hosts))
            if role.size.dedicated and other is not role and both:
                message = f"role `{role.name}` is dedicated, but role `{other.name}` names its host `{both[0]}` too"
                path = ("roles", role.name, "dedicated")
                refuse(findings, "D208", message, path, ladder(path, [False]), besides="name other hosts")


def _overlap(wanted: Sequence[Demand]) -> bool:
    named = [host for demand in wanted if demand.form != "none" for host in demand.role.size.hosts]
    return len(named) != len(set(named))


# The fewest nodes


def _fewest(job: Job, wanted: Sequence[Demand], hosts: tuple[str, ...], need: int) -> Allocation:
    """Answer `num-nodes = "min"`."""
    from dynplan.planner.search import fewest  # 13 ms, and few jobs leave the number of nodes to a search

    every = sum(demand.block for demand in wanted if demand.form == "every")
    total, lower = fewest(wanted, job.cluster.gpus_per_node - every)
    least = max(*(demand.nodes for demand in wanted), _set_aside(wanted) + len(hosts), _open(wanted), 1)
    lower = max(lower, least)
    problem = NoRoomError("")
    most = max(need, lower)  # nodes of its own for every role always do, but for named hosts
    for count in range(lower if hosts else max(total, least), most + 1):
        findings = Findings()
        _check_counts(job, wanted, count, findings)
        findings.raise_if_errors()
        try:
            return _placed(wanted, (job.cluster.gpus_per_node,) * count, hosts, need, lower)
        except NoRoomError as again:
            problem = again
            lower += lower == count and problem.proven
    nodes = (job.cluster.gpus_per_node,) * most
    raise InputError(_no_room(job, wanted, nodes, problem))


def _set_aside(wanted: Sequence[Demand]) -> int:
    """Return the nodes that dedicated roles take where nobody named a host."""
    dedicated = [demand for demand in wanted if demand.role.size.dedicated and not demand.role.size.hosts]
    return sum(demand.nodes for demand in dedicated if demand.form != "none")


def _open(wanted: Sequence[Demand]) -> int:
    """Return the nodes that leave roles without GPUs as many as they need beside the dedicated ones."""
    sizes = [demand.role.size for demand in wanted]
    closed = {host for size in sizes if size.dedicated for host in size.hosts}
    followers = [demand for demand in wanted if demand.form == "none" and _needs_open_node(demand)]
    return _set_aside(wanted) + len(closed) + max((demand.nodes or 1 for demand in followers), default=0)


def _needs_open_node(demand: Demand) -> bool:
    size = demand.role.size
    return not (size.hosts or size.per_node or size.place not in ("", "head"))


# The head node


def _closed(wanted: Sequence[Demand], homes: Sequence[Homes]) -> set[int]:
    """Return the nodes that belong to dedicated roles."""
    pairs = zip(wanted, homes, strict=True)
    dedicated = [role_homes for demand, role_homes in pairs if demand.role.size.dedicated]
    return {node for role_homes in dedicated for home in role_homes for node in home}


def _head(wanted: Sequence[Demand], homes: dict[str, Homes], count: int) -> int:
    """Return the head node: the first role's first node, unless a dedicated role owns it."""
    for demand in wanted:
        home = homes.get(demand.role.name)
        if home and not demand.role.size.dedicated:
            return home[0][0]
    closed = _closed(wanted, [homes.get(demand.role.name, []) for demand in wanted])
    return next((node for node in range(count) if node not in closed), 0)


# No room


def _no_room(job: Job, wanted: Sequence[Demand], gpus: Sequence[int], problem: NoRoomError) -> list[Finding]:
    """Say why roles do not fit, and which changes might make them fit."""
    overfull = _overfull_hosts(job, wanted)
    if overfull:
        return overfull
    failing = next(demand for demand in wanted if demand.role.name == problem.role)
    others = [demand for demand in _taking(wanted) if demand is not failing]
    tries = [
        ladder(_JOB_NODES, [] if job.hosts else _enough(job, wanted, len(gpus))),
        *(rungs for demand in (failing, *others) for rungs in _shrunk(demand, job)),
    ]
    path = ("job", "nodes") if job.hosts else _JOB_NODES
    findings = Findings()
    message = _told(wanted, failing, others, gpus, proven=problem.proven)
    refuse(findings, "D204", message, path, *tries, otherwise="ask for more nodes")
    return findings.found


def _taking(wanted: Sequence[Demand]) -> list[Demand]:
    return [demand for demand in wanted if demand.form in ("nodes", "loose", "wide")]


def _told(
    wanted: Sequence[Demand], failing: Demand, others: Sequence[Demand], gpus: Sequence[int], *, proven: bool
) -> str:
    every = [demand for demand in wanted if demand.form == "every"]
    total = sum(demand.gpus for demand in wanted) + len(gpus) * sum(demand.block for demand in every)
    low = f"{min(gpus)} to " if min(gpus) < max(gpus) else ""
    nodes = f"{counted(len(gpus), 'node')} of {low}{counted(max(gpus), 'GPU')}"
    needs = _listed([f"`{demand.role.name}` {_needs(demand)}" for demand in (*_taking(wanted), *every)])
    if not proven:
        return f"no arrangement of the roles on {nodes} was found within the search budget ({needs})"
    together = f"together they need {total} of {sum(gpus)} GPUs"
    left = _left(failing, others, [have - sum(demand.block for demand in every) for have in gpus])
    if left is None:
        return f"the roles do not fit on {nodes}: {together} ({needs})"
    node, free = left
    who = f"`{others[0].role.name}` leaves" if len(others) == 1 and not every else "the others leave"
    message = f"role `{failing.role.name}` needs {_needs(failing)}, but {who} {free} on node {node}"
    if total > sum(gpus):
        return f"{message}: {together}"
    alone = next((other for other in others if other.role.size.dedicated), None)
    why = f"and `{alone.role.name}` is dedicated" if alone else "in pieces that do not go together"
    return f"{message}: {together}, {why}"


def _left(failing: Demand, others: Sequence[Demand], free: Sequence[int]) -> tuple[int, int] | None:
    """Return the first node without room for a role, and what the others leave of it when they are placed alone."""
    left = list(free)
    try:
        homes = place(others, free, (None,) * len(free)) if not any(d.role.size.hosts for d in others) else None
    except NoRoomError:
        return None
    if not homes:
        return None
    for demand in others:
        for home in homes[demand.role.name][:: demand.per or 1]:
            for rank, node in enumerate(home):
                left[node] = 0 if demand.role.size.dedicated else left[node] - (demand.block or demand.slices[rank])
    least = failing.block or failing.slices[-1]
    return next(((node, room) for node, room in enumerate(left) if room < least), None)


def _enough(job: Job, wanted: Sequence[Demand], count: int) -> list[int]:
    """Return numbers of nodes above `count` to try, the fewest first; separate nodes always do."""
    need = max(_need(wanted), _open(wanted), count + 1)
    if any(demand.role.size.hosts for demand in wanted):
        return [*range(count + 1, min(need, count + 4)), need]
    from dynplan.planner.search import fewest  # only an error gets here

    every = sum(demand.block for demand in wanted if demand.form == "every")
    least = max(fewest(wanted, job.cluster.gpus_per_node - every)[0], count + 1)
    return [*range(least, min(need, least + 2)), need]


def _needs(demand: Demand) -> str:
    if demand.form == "every":
        return f"{counted(demand.block, 'GPU')} on every node"
    if demand.form == "nodes":
        own = " of its own" if demand.role.size.dedicated else ""
        nodes = f"each of {demand.nodes} nodes" if demand.nodes > 1 else "one node"
        return f"{counted(demand.block, 'GPU')} on {nodes}{own}"
    times = f"{demand.workers} times " if demand.workers > 1 else ""
    return f"{times}{counted(sum(demand.slices), 'GPU')}"


def _shrunk(demand: Demand, job: Job) -> list[Ladder]:
    """Suggest less for a role: smaller workers, fewer of them, nodes that others may use too."""
    size = demand.role.size
    at = ("roles", demand.role.name)
    sizes = smaller(size.gpus, min(size.gpus - 1, job.cluster.gpus_per_node))
    fewer = _fewer(demand, demand.nodes - 1) if demand.nodes > 1 else []
    dedicated = ladder((*at, "dedicated"), [False] if size.dedicated else [])
    return [ladder((*at, "gpus-per-worker"), sizes), dedicated, *fewer]


def _overfull_hosts(job: Job, wanted: Sequence[Demand]) -> list[Finding]:
    """Name the hosts on which the roles that name them do not fit together: of each role the first."""
    findings = Findings()
    named = [demand for demand in wanted if demand.role.size.hosts and demand.slices]
    every = sum(demand.block for demand in wanted if demand.form == "every")
    hosts = (*job.hosts, *(host for demand in named for host in demand.role.size.hosts))
    left = dict.fromkeys(hosts, job.cluster.gpus_per_node - every)
    before: dict[str, list[Demand]] = {host: [] for host in left}
    for demand in named:
        needs = _on_hosts(demand)
        full = next((host for host, gpus in needs.items() if gpus > left[host]), None)
        if full:
            _refuse_host(demand, full, needs[full], left, before[full], findings, every=every > 0)
        for host, gpus in needs.items():
            left[host] -= gpus
            before[host].append(demand)
    return findings.found


def _on_hosts(demand: Demand) -> dict[str, int]:
    """Return the GPUs that a role takes on each of the hosts it names."""
    span = len(demand.slices)
    wide = demand.form == "wide"
    return {host: demand.slices[at % span] if wide else demand.block for at, host in enumerate(demand.role.size.hosts)}


def _refuse_host(
    demand: Demand,
    host: str,
    gpus: int,
    left: dict[str, int],
    before: Sequence[Demand],
    findings: Findings,
    *,
    every: bool,
) -> None:
    size, span, room = demand.role.size, len(demand.slices), max(0, left[host])
    path = ("roles", demand.role.name)
    names = [f"`{other.role.name}`" for other in before] + ["the roles on every node"] * every
    others, verb = " and ".join(names), "leaves" if len(before) == 1 and not every else "leave"
    message = f"role `{demand.role.name}` needs {counted(gpus, 'GPU')} on `{host}`, but {others} {verb} {room}"
    open_hosts = [other for other, free in left.items() if free >= gpus and other not in size.hosts]
    moved = [[open_hosts[0] if other == host else other for other in size.hosts]] if open_hosts else []
    tries = [
        ladder((*path, "workers-per-node"), [room // size.gpus] if 0 < size.gpus <= room else []),
        ladder((*path, "gpus-per-worker"), smaller(size.gpus, room // max(1, demand.per) * span)),
        ladder((*path, "nodes"), moved),
    ]
    for other in before:
        most = (room + _on_hosts(other)[host] - gpus) // max(1, other.per) * len(other.slices)
        at = ("roles", other.role.name, "gpus-per-worker")
        tries.append(ladder(at, smaller(other.role.size.gpus, most or other.role.size.gpus // 2)))
    refuse(findings, "D207", message, (*path, "nodes"), *tries, besides="name another host")
