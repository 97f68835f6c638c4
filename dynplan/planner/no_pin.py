"""Why a role does not get the GPUs that it names: who holds them where, and changes that might free them.

Only an error gets here.
"""

from collections.abc import Iterator, Sequence

from dynplan.diagnostics import Finding, Findings
from dynplan.model import Job
from dynplan.planner.cutting import Slice, cut
from dynplan.planner.demand import Demand, left_of_a_node
from dynplan.planner.no_node import at_key, other_pins
from dynplan.planner.pinned import block_of, place_pinned
from dynplan.planner.refusals import Ladder, refuse
from dynplan.planner.remaining import Homes, NoRoomError

_Held = tuple[Demand, int, Slice]  # a role, one of its workers, and its GPUs on a node


def refuse_pins(
    job: Job, wanted: Sequence[Demand], gpus: Sequence[int], role: str, tries: Sequence[Ladder]
) -> list[Finding]:
    """Return who holds the GPUs that a role names (D214), or nothing where no role's are the reason.

    Args:
        job: the job.
        wanted: the demand of every role.
        gpus: per node its GPUs.
        role: the role that found no room.
        tries: changes that might help beside other GPUs.
    """
    named = [demand for demand in wanted if demand.role.size.pins and demand.takes_nodes]
    failing = [demand for demand in named if demand.role.name == role]
    for subject in (*failing, *reversed(named)):
        others = [demand for demand in wanted if demand is not subject]
        hosts = _hosts(job, wanted, len(gpus))
        try:
            homes = place_pinned(others, gpus, hosts)
        except NoRoomError:
            continue
        node = _refusing(subject, others, homes, gpus, hosts)
        if node is None:
            continue
        where = f"{_listed(_wanted_on(subject))} of node {node}" + (f" (`{hosts[node]}`)" if hosts[node] else "")
        held = list(_held(others, homes, node, gpus[node], job.cluster.groups))
        message = f"role `{subject.role.name}` is to have {where}, and {_who(subject, held)}"
        path, findings = at_key(subject.role, "gpus"), Findings()
        refuse(findings, "D214", message, path, *other_pins(subject.role), *tries, otherwise="name others")
        return findings.found
    return []


def _hosts(job: Job, wanted: Sequence[Demand], count: int) -> tuple[str | None, ...]:
    named = job.hosts or tuple(dict.fromkeys(host for demand in wanted for host in demand.role.size.hosts))
    return (*named, *[None] * (count - len(named)))


def _wanted_on(subject: Demand) -> Slice:
    return tuple(sorted(gpu for pins in subject.role.size.pins for gpu in pins))


def _refusing(
    subject: Demand, others: Sequence[Demand], homes: dict[str, Homes], gpus: Sequence[int], hosts: Sequence[str | None]
) -> int | None:
    """Return the first node on which a role has not the GPUs that it names when the others are placed without it."""
    contents = [left_of_a_node(others, have) for have in gpus]
    for demand in (demand for demand in others if demand.takes_nodes):
        per = demand.workers_per_node if demand.form == "nodes" else 1
        for home in homes[demand.role.name][::per]:
            for size, node in zip(demand.slices, home, strict=True):
                contents[node] = contents[node].with_slices(*block_of(demand, size)) or contents[node]
    wanted = [hosts.index(host) for host in subject.role.size.hosts] or range(len(gpus))
    return next((node for node in wanted if contents[node].with_slices((), _wanted_on(subject)) is None), None)


def _held(
    others: Sequence[Demand], homes: dict[str, Homes], node: int, gpus: int, groups: tuple[Slice, ...]
) -> Iterator[_Held]:
    """Yield who holds GPUs of a node: those with named ones as they are, the others as they are cut around these."""
    found: list[tuple[Demand, int, int]] = []
    pinned: list[_Held] = []
    for demand in (demand for demand in others if demand.gpus_of_its_own and demand.slices):
        pins = demand.role.size.pins
        for worker, size in _workers_on(demand, homes, node):
            if pins:
                pinned.append((demand, worker, pins[worker % len(pins)]))
            else:
                found.append((demand, worker, size))
    sizes = tuple(size for _, _, size in found)
    pieces = cut(sizes, gpus, groups, tuple(sorted(gpu for _, _, held in pinned for gpu in held)))
    yield from pinned
    for (demand, worker, _), held in zip(found, pieces, strict=True):
        yield demand, worker, held


def _workers_on(demand: Demand, homes: dict[str, Homes], node: int) -> Iterator[tuple[int, int]]:
    """Yield the workers of a role on a node, and the GPUs of each there."""
    if demand.form == "every":
        per = demand.workers_per_node
        yield from ((worker, demand.slices[0]) for worker in range(node * per, node * per + per))
    for worker, home in enumerate(homes.get(demand.role.name, [])):
        yield from ((worker, size) for size, there in zip(demand.slices, home, strict=True) if there == node)


def _who(subject: Demand, held: Sequence[_Held]) -> str:
    """Say who is in the way: a worker that is pinned to one of the GPUs, else one that then has no place."""
    mine = set(_wanted_on(subject))
    for demand, worker, gpus in held:
        both = sorted(mine & set(gpus))
        if both and demand.role.size.pins:
            return f"GPU {both[0]} is held by worker {worker} of `{demand.role.name}`, which is pinned to it"
    demand, worker, gpus = max((one for one in held if mine & set(one[2])), key=lambda one: len(one[2]))
    return f"beside that is no place for worker {worker} of `{demand.role.name}`, planned on {_listed(gpus)}"


def _listed(gpus: Slice) -> str:
    if len(gpus) == 1:
        return f"GPU {gpus[0]}"
    if len(gpus) > 2 and gpus[-1] - gpus[0] == len(gpus) - 1:
        return f"GPUs {gpus[0]} to {gpus[-1]}"
    return f"GPUs {', '.join(map(str, gpus[:-1]))} and {gpus[-1]}"
