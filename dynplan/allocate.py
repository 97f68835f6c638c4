"""How many nodes a job has, which of them have names, and whether roles share them."""

from collections.abc import Callable, Sequence
from typing import Literal

from attrs import evolve

from dynplan.demand import Demand, demands
from dynplan.errors import Finding, Findings, InputError, Path
from dynplan.model import Job, Role
from dynplan.nodes import Allocation, Homes, NoRoomError, fewest, place

_MOST_TRIES = 200


def allocate(job: Job, wanted: Sequence[Demand], capacity: int) -> Allocation:
    """Decide the nodes of a job and place its roles with GPUs on them.

    Args:
        job: the job.
        wanted: the demand of every role.
        capacity: GPUs of a node that roles on every node leave.

    Raises:
        InputError: D203 to D208 and D211, with the numbers and changes that would fit.
    """
    findings = Findings()
    hosts = _named_hosts(job, wanted, findings)
    findings.raise_if_errors()
    floating = [demand for demand in wanted if demand.nodes and demand.form != "none" and not demand.role.size.hosts]
    need = len({host for demand in wanted if demand.form != "none" for host in demand.role.size.hosts})
    need += sum(demand.nodes for demand in floating)
    if job.num_nodes == "min":
        return _fewest(job, wanted, capacity, hosts, need)
    count = _count(job, wanted, hosts, need)
    _check_largest(job, wanted, count)
    named = _padded(hosts, count)
    try:
        homes = place(wanted, count, capacity, named)
    except NoRoomError as problem:
        raise InputError([_no_room(job, wanted, capacity, count, need, problem)]) from None
    mode: Literal["separate", "shared"] = "separate" if count >= need and not _overlap(wanted) else "shared"
    return Allocation(named, mode, count, _head(wanted, homes, count), _by_role(wanted, homes))


def _by_role(wanted: Sequence[Demand], homes: dict[str, Homes]) -> tuple[Homes, ...]:
    return tuple(homes.get(demand.role.name, []) for demand in wanted)


def _padded(hosts: tuple[str, ...], count: int) -> tuple[str | None, ...]:
    return hosts + (None,) * (count - len(hosts))


def _named_hosts(job: Job, wanted: Sequence[Demand], findings: Findings) -> tuple[str, ...]:
    """Return the hosts by node index: the job's list, or the roles' lists in declaration order."""
    union = dict.fromkeys(host for demand in wanted for host in demand.role.size.hosts)
    if not job.hosts:
        return tuple(union)
    known = frozenset(job.hosts)
    for demand in wanted:
        strange = [host for host in demand.role.size.hosts if host not in known]
        if strange:
            findings.error(
                "D205",
                f"role `{demand.role.name}` names host `{strange[0]}`, which is not among the job's `nodes`",
                ("roles", demand.role.name, "nodes"),
                help="add it to `nodes` in `[job]`, or take it out here",
            )
    if job.num_nodes not in (None, len(job.hosts)):
        findings.error(
            "D211",
            f"`nodes` names {len(job.hosts)} hosts, but `num-nodes` is {job.num_nodes}",
            ("job", "num-nodes"),
            help=f"set `job.num-nodes = {len(job.hosts)}`, or leave it out",
        )
    _check_dedicated_hosts(wanted, findings)
    idle = [host for host in job.hosts if host not in union]
    floating = any(demand.form not in ("none",) and not demand.role.size.hosts for demand in wanted)
    if idle and _overlap(wanted) and not floating:
        findings.error(
            "D206",
            f"the job allocates {len(job.hosts)} hosts and its roles share {len(union)}: no role names `{idle[0]}`",
            ("job", "nodes"),
            help="take the host out of `nodes`, or add it to a role",
        )
    return job.hosts


def _check_dedicated_hosts(wanted: Sequence[Demand], findings: Findings) -> None:
    named = [demand for demand in wanted if demand.role.size.hosts]
    for demand in named:
        mine = set(demand.role.size.hosts)
        for other in named:
            both = sorted(mine & set(other.role.size.hosts))
            if demand.role.size.dedicated and other is not demand and both:
                findings.error(
                    "D208",
                    f"role `{demand.role.name}` is dedicated,"
                    f" but role `{other.role.name}` names its host `{both[0]}` too",
                    ("roles", demand.role.name, "dedicated"),
                    help=f"set `roles.{demand.role.name}.dedicated = false`, or name other hosts",
                )


def _overlap(wanted: Sequence[Demand]) -> bool:
    named = [host for demand in wanted if demand.form != "none" for host in demand.role.size.hosts]
    return len(named) != len(set(named))


def _count(job: Job, wanted: Sequence[Demand], hosts: tuple[str, ...], need: int) -> int:
    """Return the number of nodes of a job that does not leave it to the search."""
    if job.hosts:
        return len(job.hosts)
    if isinstance(job.num_nodes, int):
        if job.num_nodes < len(hosts):
            message = f"the roles name {len(hosts)} hosts, but `num-nodes` is {job.num_nodes}"
            fix = f"set `job.num-nodes = {len(hosts)}`, or leave it out"
            raise InputError([Finding("D211", message, ("job", "num-nodes"), fix)])
        return job.num_nodes
    return max(1, len(hosts), need, *(demand.nodes for demand in wanted if demand.form == "none"))


def _check_largest(job: Job, wanted: Sequence[Demand], count: int) -> None:
    """Refuse a job smaller than its largest role."""
    largest = max(wanted, key=lambda demand: demand.nodes)
    if largest.nodes <= count:
        return
    role = largest.role
    what = f"{largest.workers} workers of {role.size.gpus} GPUs" if largest.form != "none" else "its workers"
    path: Path = ("job", "nodes") if job.hosts else ("job", "num-nodes")
    fixes = [] if job.hosts else [f"set `job.num-nodes = {largest.nodes}`"]
    if role.size.num_nodes and largest.form == "nodes" and role.size.workers is None:
        fixes.append(f"set `roles.{role.name}.num-nodes = {count}`")
    raise InputError(
        [
            Finding(
                "D203",
                f"not enough nodes: role `{role.name}` needs at least {largest.nodes} for {what},"
                f" and the job has {count}",
                path,
                _fixes(job, fixes) or "name more hosts",
            )
        ]
    )


def _fewest(job: Job, wanted: Sequence[Demand], capacity: int, hosts: tuple[str, ...], need: int) -> Allocation:
    """Answer `num-nodes = "min"`."""
    total, lower = fewest(wanted, capacity)
    least = max(1, len(hosts), *(demand.nodes for demand in wanted))
    lower = max(lower, least)
    start = lower if hosts else max(total, least)
    for count in range(start, start + _MOST_TRIES):
        named = _padded(hosts, count)
        try:
            homes = place(wanted, count, capacity, named)
        except NoRoomError as problem:
            if lower == count and problem.proven:
                lower = count + 1
            continue
        if not _head_is_closed(wanted, homes, count):
            mode: Literal["separate", "shared"] = "separate" if count >= need and not _overlap(wanted) else "shared"
            return Allocation(named, mode, lower, _head(wanted, homes, count), _by_role(wanted, homes))
        lower += lower == count
    overfull = _overfull_host(job, wanted, capacity)
    raise InputError([overfull or Finding("D204", "the roles do not fit on the hosts they name", ("job", "num-nodes"))])


def _closed(wanted: Sequence[Demand], homes: dict[str, Homes]) -> set[int]:
    """Return the nodes that belong to dedicated roles."""
    dedicated = [homes.get(demand.role.name, []) for demand in wanted if demand.role.size.dedicated]
    return {node for role_homes in dedicated for home in role_homes for node in home}


def _head(wanted: Sequence[Demand], homes: dict[str, Homes], count: int) -> int:
    """Return the head node: the first role's first node, unless a dedicated role owns it."""
    for demand in wanted:
        home = homes.get(demand.role.name)
        if home and not demand.role.size.dedicated:
            return home[0][0]
    closed = _closed(wanted, homes)
    return next((node for node in range(count) if node not in closed), 0)


def _head_is_closed(wanted: Sequence[Demand], homes: dict[str, Homes], count: int) -> bool:
    """Tell whether roles without GPUs have no node to stand on, all being dedicated."""
    return any(demand.form == "none" for demand in wanted) and len(_closed(wanted, homes)) == count


def _no_room(job: Job, wanted: Sequence[Demand], capacity: int, count: int, need: int, problem: NoRoomError) -> Finding:
    """Say why roles do not fit, and which changes would make them fit."""
    gpus = [demand for demand in wanted if demand.form not in ("none", "every")]
    total = sum(sum(demand.slices) * demand.workers for demand in gpus)
    needs = ", ".join(f"`{demand.role.name}` {_needs(demand)}" for demand in gpus)
    nodes = "node" if count == 1 else "nodes"
    message = (
        f"the roles do not fit on {count} {nodes} of {capacity} GPUs: together they need {total} of"
        f" {count * capacity} GPUs ({needs})"
    )
    if not problem.proven:
        message = f"no arrangement of the roles on {count} {nodes} was found within the search budget ({needs})"
    overfull = _overfull_host(job, wanted, capacity)
    if overfull is not None:
        return overfull
    fixes = [] if job.hosts else [f"set `job.num-nodes = {_enough(wanted, capacity, need)}`"]
    fixes += _smaller(wanted, problem.role, count, capacity)
    return Finding("D204", message, ("job", "nodes" if job.hosts else "num-nodes"), _fixes(job, fixes))


def _enough(wanted: Sequence[Demand], capacity: int, need: int) -> int:
    return min(need, max(1, fewest(wanted, capacity)[0])) if not any(d.role.size.hosts for d in wanted) else need


def _needs(demand: Demand) -> str:
    if demand.form == "nodes":
        return f"{demand.block} on each of {demand.nodes}" + (" of its own" if demand.role.size.dedicated else "")
    return f"{demand.workers} times {sum(demand.slices)}"


def _smaller(wanted: Sequence[Demand], name: str, count: int, capacity: int) -> list[str]:
    """Suggest a size for the role that found no room; `_fixes` keeps it if it plans."""
    demand = next(demand for demand in wanted if demand.role.name == name)
    size = demand.role.size
    others = sum(other.block for other in wanted if other.form == "nodes" and other.role.name != name)
    left = (capacity - others) // max(1, demand.per)
    return [f"set `roles.{name}.gpus-per-worker = {gpus}`" for gpus in (left, 1) if 0 < gpus < size.gpus][:1]


def _overfull_host(job: Job, wanted: Sequence[Demand], capacity: int) -> Finding | None:
    """Name a host on which the roles that name it do not fit together."""
    taken: dict[str, int] = {}
    for demand in wanted:
        span = len(demand.slices)
        for at, host in enumerate(demand.role.size.hosts):
            before = taken.get(host, 0)
            gpus = demand.slices[at % span] if demand.form == "wide" else demand.block
            taken[host] = before + gpus
            if before + gpus <= capacity:
                continue
            each = (capacity - before) // max(1, demand.per)
            fixes = [f"set `roles.{demand.role.name}.gpus-per-worker = {each}`"] if each else []
            return Finding(
                "D207",
                f"role `{demand.role.name}` needs {gpus} GPUs on `{host}`,"
                f" but the roles before it leave {capacity - before}",
                ("roles", demand.role.name, "nodes"),
                _fixes(job, fixes) or "name another host",
            )
    return None


def _fixes(job: Job, fixes: Sequence[str]) -> str:
    """Keep the suggested changes under which the job plans, and write them as help."""
    return ", or ".join(fix for fix in fixes if _plans(job, fix))


def _plans(job: Job, fix: str) -> bool:
    """Apply a suggestion such as ``set `job.num-nodes = 3` `` and allocate again."""
    path, _, number = fix.split("`")[1].partition(" = ")
    change = _CHANGES[path.rpartition(".")[2]]
    changed = change(job, path, int(number))
    try:
        wanted = demands(changed)
        allocate(changed, wanted, room(changed, wanted))
    except InputError:
        return False
    return True


def room(job: Job, wanted: Sequence[Demand]) -> int:
    """Return the GPUs of a node that roles on every node leave to the others."""
    return job.cluster.gpus_per_node - sum(demand.block for demand in wanted if demand.form == "every")


def _with_nodes(job: Job, path: str, number: int) -> Job:
    if path == "job.num-nodes":
        return evolve(job, num_nodes=number)
    name = path.split(".")[1]
    return _with_role(job, name, lambda role: evolve(role, size=evolve(role.size, num_nodes=number)))


def _with_gpus(job: Job, path: str, number: int) -> Job:
    name = path.split(".")[1]
    return _with_role(job, name, lambda role: evolve(role, size=evolve(role.size, gpus=number)))


def _with_role(job: Job, name: str, change: Callable[[Role], Role]) -> Job:
    return evolve(job, roles=tuple(change(role) if role.name == name else role for role in job.roles))


_CHANGES: dict[str, Callable[[Job, str, int], Job]] = {"num-nodes": _with_nodes, "gpus-per-worker": _with_gpus}
