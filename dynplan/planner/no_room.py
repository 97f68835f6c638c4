"""Why roles find no room: what they need, what there is, and changes that might make them fit.

Only an error gets here.
"""

from collections.abc import Sequence

from dynplan.diagnostics import Finding, Findings, counted
from dynplan.model import Job
from dynplan.planner.demand import Demand, gpus_on_every_node, nodes_with_open_ones, pinned, separate_nodes
from dynplan.planner.no_node import filling
from dynplan.planner.nodes import place
from dynplan.planner.refusals import JOB_NODES, Ladder, coming_after, ladder, refuse, smaller
from dynplan.planner.remaining import NoRoomError

_MOST_LISTED = 6  # roles, in one message


def refuse_large(job: Job, wanted: Sequence[Demand], large: Sequence[Demand], count: int, findings: Findings) -> None:
    """Refuse a job of so many nodes whose `large` roles need more (D203)."""
    needs = _listed([f"role `{demand.role.name}` needs at least {demand.nodes} {_workers(demand)}" for demand in large])
    message = f"not enough nodes: the job has {count}, and {needs}"
    total, there = sum(demand.gpus for demand in wanted), count * job.cluster.gpus_per_node
    if total > there:
        message += f"; together the roles need {total} of {there} GPUs"
    path = ("job", "nodes") if job.hosts else JOB_NODES
    largest = max(demand.nodes for demand in large)
    more = ladder(JOB_NODES, [] if job.hosts else _enough(job, wanted, largest - 1))
    fuller = [_filling(demand, job) for demand in large]
    fewer = [rungs for demand in large for rungs in _fewer(demand, count)]
    otherwise = "name more hosts" if job.hosts else "ask for fewer nodes"
    refuse(findings, "D203", message, path, more, *fuller, *fewer, otherwise=otherwise)


def refusals(job: Job, wanted: Sequence[Demand], gpus: Sequence[int], problem: NoRoomError) -> list[Finding]:
    """Return why roles do not fit on nodes of so many GPUs, with changes that might help (D204, D207)."""
    overfull = _overfull_hosts(job, wanted)
    if overfull:
        return overfull
    failing = next(demand for demand in wanted if demand.role.name == problem.role)
    others = [demand for demand in wanted if demand.takes_nodes and demand is not failing]
    tries = [
        ladder(JOB_NODES, [] if job.hosts else _enough(job, wanted, len(gpus))),
        *(_filling(demand, job) for demand in (failing, *others)),
        *_later(failing, others),
        *(rungs for demand in (failing, *others) for rungs in _shrunk(demand, job)),
    ]
    if pinned(wanted) and problem.proven:
        from dynplan.planner.no_pin import refuse_pins  # few jobs say which GPUs a role has

        found = refuse_pins(job, wanted, gpus, failing.role.name, tries)
        if found:
            return found
    path = ("job", "nodes") if job.hosts else JOB_NODES
    findings = Findings()
    message = _message(wanted, failing, others, gpus, proven=problem.proven)
    refuse(findings, "D204", message, path, *tries, otherwise="ask for more nodes")
    return findings.found


def _later(failing: Demand, others: Sequence[Demand]) -> list[Ladder]:
    """Suggest that a role comes after a task, which then gives it what it held."""
    roles = [failing.role, *(other.role for other in others)]
    return [rungs for task in roles if task.task for later in roles if (rungs := coming_after(task, later))]


def _listed(parts: Sequence[str]) -> str:
    more = [f"and {len(parts) - _MOST_LISTED} more"] if len(parts) > _MOST_LISTED else []
    return ", ".join([*parts[:_MOST_LISTED], *more])


def _workers(demand: Demand) -> str:
    of = f" of {counted(demand.role.size.gpus, 'GPU')}" if demand.role.size.gpus else ""
    return f"for {counted(demand.workers, 'worker')}{of}"


def _fewer(demand: Demand, count: int) -> list[Ladder]:
    """Suggest a smaller role: fewer nodes or workers, or smaller ones."""
    role, span = demand.role, max(1, len(demand.slices))
    size, at = role.size, ("roles", role.name)
    nodes = range(min(count, demand.nodes - 1) // span * span, 0, -span) if size.num_nodes else ()
    free = size.workers and not size.num_nodes and not size.hosts
    per = demand.workers_per_node or max(1, -(-demand.workers // max(1, demand.nodes)))
    most = min(count * per // span, demand.workers - 1)
    return [
        ladder((*at, "num-nodes"), () if size.workers else list(nodes)[:8]),
        ladder((*at, "workers"), [most, most // 2, 1] if free and most > 0 else ()),
        ladder((*at, "gpus-per-worker"), smaller(size.gpus, size.gpus // span)),
    ]


def _filling(demand: Demand, job: Job) -> Ladder:
    """Suggest that the workers of a role fill nodes, where slices of one size each are worth whole nodes to them."""
    return () if demand.apart else filling(demand.role, job.cluster.gpus_per_node)


def _message(
    wanted: Sequence[Demand], failing: Demand, others: Sequence[Demand], gpus: Sequence[int], *, proven: bool
) -> str:
    taking = [demand for demand in wanted if demand.takes_nodes]
    every = [demand for demand in wanted if demand.form == "every"]
    total = sum(demand.gpus for demand in wanted) + len(gpus) * sum(demand.gpus_on_node for demand in every)
    low = f"{min(gpus)} to " if min(gpus) < max(gpus) else ""
    nodes = f"{counted(len(gpus), 'node')} of {low}{counted(max(gpus), 'GPU')}"
    needs = _listed([f"`{demand.role.name}` {_needs(demand)}" for demand in (*taking, *every)])
    if not proven:
        return f"no arrangement of the roles on {nodes} was found within the search budget ({needs})"
    together = f"together they need {total} of {sum(gpus)} GPUs"
    left = _without_room(failing, [*every, *others], gpus)
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


def _without_room(failing: Demand, others: Sequence[Demand], gpus: Sequence[int]) -> tuple[int, int] | None:
    """Return the first node without room for a role, and what the others leave of it when they are placed alone."""
    every = gpus_on_every_node(others)
    left = [have - every for have in gpus]
    try:
        homes = place(others, gpus, (None,) * len(gpus)) if not any(d.role.size.hosts for d in others) else None
    except NoRoomError:
        return None
    if not homes:
        return None
    for demand in (demand for demand in others if demand.takes_nodes):
        for home in homes[demand.role.name][:: demand.workers_per_node or 1]:
            for rank, node in enumerate(home):
                left[node] = (
                    0 if demand.role.size.dedicated else left[node] - (demand.gpus_on_node or demand.slices[rank])
                )
    least = failing.gpus_on_node or failing.slices[-1]
    return next(((node, room) for node, room in enumerate(left) if room < least), None)


def _enough(job: Job, wanted: Sequence[Demand], count: int) -> list[int]:
    """Return numbers of nodes above `count` to try, the fewest first; separate nodes always do."""
    need = max(separate_nodes(wanted), nodes_with_open_ones(wanted), count + 1)
    if any(demand.role.size.hosts for demand in wanted):
        return [*range(count + 1, min(need, count + 4)), need]
    from dynplan.planner.search import fewest  # only an error gets here

    least = max(fewest(wanted, job.cluster.gpus_per_node)[0], count + 1)
    return [*range(least, min(need, least + 2)), need]


def _needs(demand: Demand) -> str:
    if demand.form == "every":
        return f"{counted(demand.gpus_on_node, 'GPU')} on every node"
    if demand.form == "nodes":
        own = " of its own" if demand.role.size.dedicated else ""
        nodes = f"each of {demand.nodes} nodes" if demand.nodes > 1 else "one node"
        return f"{counted(demand.gpus_on_node, 'GPU')} on {nodes}{own}"
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
    every = gpus_on_every_node(wanted)
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
    return {
        host: demand.slices[at % span] if wide else demand.gpus_on_node
        for at, host in enumerate(demand.role.size.hosts)
    }


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
        ladder((*path, "gpus-per-worker"), smaller(size.gpus, room // max(1, demand.workers_per_node) * span)),
        ladder((*path, "nodes"), moved),
    ]
    for other in before:
        most = (room + _on_hosts(other)[host] - gpus) // max(1, other.workers_per_node) * len(other.slices)
        at = ("roles", other.role.name, "gpus-per-worker")
        tries.append(ladder(at, smaller(other.role.size.gpus, most or other.role.size.gpus // 2)))
    refuse(findings, "D207", message, (*path, "nodes"), *tries, besides="name another host")
