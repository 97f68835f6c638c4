"""Where workers stand on both sides: the size of a role, moves, ports."""

from collections.abc import Iterator, Mapping

from dynplan.model import Block, Plan, Worker
from dynplan.views.difference.records import Extent, Move, PortMove, Seat, Value
from dynplan.views.difference.sequences import in_order, same

Workers = Mapping[int, Worker]


def workers_of(plan: Plan, role: str) -> Workers:
    """Return the workers of a role by number."""
    return {worker.worker: worker for worker in plan.workers if worker.role == role}


def extent(workers: Workers) -> Extent | None:
    """Return how large a role is, None where it has no workers."""
    if not workers:
        return None
    nodes = sorted({task.node for worker in workers.values() for task in worker.tasks})
    gpus = max(sum(len(task.gpus) for task in worker.tasks) for worker in workers.values())
    return Extent(len(workers), gpus, tuple(nodes))


def moves(before: Workers, after: Workers) -> tuple[Move, ...]:
    """Return the workers that are new, gone or elsewhere."""
    numbers = sorted({*before, *after})
    found = (Move(number, _seats(before.get(number)), _seats(after.get(number))) for number in numbers)
    return tuple(move for move in found if move.before != move.after)


def _seats(worker: Worker | None) -> tuple[Seat, ...] | None:
    return tuple((task.node, task.gpus) for task in worker.tasks) if worker else None


def port_moves(before: Workers, after: Workers) -> tuple[PortMove, ...]:
    """Return the ports that are new, gone or have other numbers, worker by worker."""
    return tuple(_port_moves(before, after))


def _port_moves(before: Workers, after: Workers) -> Iterator[PortMove]:
    for number in sorted({*before, *after}):
        old, new = (_ports(side.get(number)) for side in (before, after))
        for rank, name in sorted({*old, *new}):
            a, b = old.get((rank, name)), new.get((rank, name))
            if a != b:
                yield PortMove(number, rank, name, a, b)


def _ports(worker: Worker | None) -> dict[tuple[int, str], Block]:
    return {(task.rank, name): block for task in worker.tasks for name, block in task.ports} if worker else {}


def numbers(before: Plan, after: Plan) -> Iterator[Value]:
    """Yield what the plans as wholes differ in: nodes, GPUs, hosts, the head node."""
    a, b = _numbers(before), _numbers(after)
    for name in in_order(list(a), list(b)):
        if not same(a.get(name), b.get(name)):
            yield Value(name, a.get(name), b.get(name))


def _numbers(plan: Plan) -> dict[str, object]:
    used = {(task.node, gpu) for worker in plan.workers for task in worker.tasks for gpu in task.gpus}
    sizes = sorted({node.gpus for node in plan.nodes})
    hosts = [node.host for node in plan.nodes]
    groups = [node.group for node in plan.nodes if node.group]
    return {
        "nodes": len(plan.nodes),
        **{f"nodes of {group}": groups.count(group) for group in dict.fromkeys(groups)},
        "GPUs per node": None if groups else sizes[0] if len(sizes) == 1 else [node.gpus for node in plan.nodes],
        "GPUs in use": len(used),
        "placement": plan.placement.mode,
        "nodes of a segment": plan.placement.segment or None,
        **{f"nodes of a segment of {group}": size for group, size in plan.placement.segments},
        "proven least nodes": plan.placement.lower if plan.placement.lower != len(plan.nodes) else None,
        "head node": plan.head,
        "hosts": hosts if any(hosts) else None,
    }
