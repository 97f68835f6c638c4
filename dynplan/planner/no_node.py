"""What a role asks for and no node can give, or its own numbers contradict; and what it might ask for instead."""

from collections.abc import Sequence

from dynplan.diagnostics import Findings, Path, counted
from dynplan.model import Role, Size
from dynplan.planner.content import Content
from dynplan.planner.refusals import Ladder, ladder, refuse, smaller

_MOST_MOVED = 16  # places that are tried for GPUs by index


def least_slice(size: Size, capacity: int, room: int) -> int:
    """Return the GPUs that a worker needs on a node at least, of which roles on every node leave `room`."""
    if size.split == "fill" and size.gpus > capacity:
        return max(1, room)
    return -(-size.gpus // -(-size.gpus // capacity))


def check_pins(role: Role, capacity: int, findings: Findings) -> bool:
    """Tell whether the GPUs that a role has by index are a node's and as many as its workers need; else report it."""
    size, path = role.size, at_key(role, "gpus")
    each, highest = len(size.pins[0]), max(pins[-1] for pins in size.pins)
    span = -(-size.gpus // capacity)
    if highest >= capacity:
        has = "1 GPU, 0" if capacity == 1 else f"{capacity} GPUs, 0 to {capacity - 1}"
        message = f"role `{role.name}` names GPU {highest}, and a node has {has}"
        refuse(findings, "D214", message, path, otherwise="name others, or leave `gpus` out")
    elif each * span != size.gpus or (span > 1 and len(size.pins) > 1):
        of = f"on each of {span} nodes " if span > 1 else ""
        message = f"role `{role.name}` needs {counted(size.gpus, 'GPU')} per worker {of}and `gpus` names {each}"
        fits = ladder(at_key(role, "gpus-per-worker"), [each * span, each])
        refuse(findings, "D214", message, path, fits, besides="name as many as a worker has on a node")
    else:
        return True
    return False


def refuse_pinned_twice(role: Role, other: Role, where: str, findings: Findings) -> None:
    """GPUs by index on nodes where another role has them (D214)."""
    mine, theirs = ({gpu for pins in one.size.pins for gpu in pins} for one in (role, other))
    both = sorted(mine & theirs)
    held = f"GPU {both[0]}, which `{other.name}` has" if both else f"GPUs for which `{other.name}` leaves no room"
    message = f"role `{role.name}` is to have {held} on {where}"
    path = at_key(role, "gpus" if role.size.pins else "per-node")
    refuse(findings, "D214", message, path, *other_pins(role), otherwise="name others, or leave `gpus` out")


def refuse_around(role: Role, base: Content, every: Sequence[Role], findings: Findings) -> None:
    """GPUs that roles on every node hold, by index or in the way (D214, D210)."""
    overlapping = next((one for one in every if _overlap(role, one)), None)
    if overlapping:
        refuse_pinned_twice(role, overlapping, "every node", findings)
        return
    names = ", ".join(f"`{one.name}`" for one in every)
    if role.size.pins:
        message = f"role `{role.name}` leaves {names}, on every node, no room beside its `gpus`"
        refuse(findings, "D214", message, at_key(role, "gpus"), *other_pins(role), otherwise="name others")
        return
    message = (
        f"role `{role.name}` needs {counted(role.size.gpus, 'GPU')} per worker, side by side on each node,"
        f" and of a node's {base.gpus} {names}, on every node, leave {base.free} in pieces"
    )
    fits = [gpus for gpus in smaller(role.size.gpus, base.free) if base.most(gpus)]
    path = at_key(role, "gpus-per-worker")
    refuse(findings, "D210", message, path, ladder(path, fits), otherwise="pin the roles on every node elsewhere")


def _overlap(role: Role, other: Role) -> bool:
    mine, theirs = ({gpu for pins in one.size.pins for gpu in pins} for one in (role, other))
    return bool(mine & theirs)


def other_pins(role: Role) -> tuple[Ladder, ...]:
    """Suggest other GPUs for a role that has its own by index, the lowest that plan."""
    pins = role.size.pins
    if not pins:
        return ()
    first = min(of_worker[0] for of_worker in pins)
    steps = [to - first for to in range(_MOST_MOVED) if to != first]
    moved = [[[gpu + step for gpu in of_worker] for of_worker in pins] for step in steps]
    return (ladder(at_key(role, "gpus"), [lists if len(pins) > 1 else lists[0] for lists in moved]),)


def filling(role: Role, capacity: int) -> Ladder:
    """Suggest that workers fill whole nodes, where they are larger than one of so many GPUs and do not."""
    size = role.size
    uneven = size.split == "even" and size.gpus > capacity > 0 and not (size.equal_slices or size.beside)
    return ladder(at_key(role, "split"), ["fill"] if uneven else [])


def sized_by(role: Role) -> Path:
    """Return the key that makes a role as large as it is."""
    size = role.size
    keys = {"num-nodes": size.num_nodes, "workers": size.workers, "workers-per-node": size.workers_per_node}
    values = {key: value for key, value in keys.items() if value}
    largest = max(values, key=lambda key: values[key] or 0, default="gpus-per-worker")
    return at_key(role, "gpus-per-worker" if size.gpus > (values.get(largest) or 0) else largest)


def smaller_workers(role: Role, most: int) -> Ladder:
    """Suggest workers of so many GPUs at most."""
    return ladder(at_key(role, "gpus-per-worker"), smaller(role.size.gpus, most))


def refuse_no_gpus(role: Role, findings: Findings) -> None:
    """GPUs on nodes of which nobody says that they have any (D210)."""
    message = f"role `{role.name}` needs {counted(role.size.gpus, 'GPU')}, but the cluster has no `gpus-per-node`"
    path = ("cluster", "gpus-per-node")
    sizes = [max(8, role.size.gpus), role.size.gpus]
    besides = "name a cluster file with `--cluster`"
    refuse(findings, "D210", message, at_key(role, "gpus-per-worker"), ladder(path, sizes), besides=besides)


def refuse_span(role: Role, key: str, capacity: int, findings: Findings) -> None:
    """Workers larger than a node, by a key for those that are not (D201)."""
    size = role.size
    span = -(-size.gpus // capacity)
    message = f"role `{role.name}` needs {counted(size.gpus, 'GPU')} per worker, but a node has {capacity}"
    single = ladder(at_key(role, key), [1 if key == "workers-per-node" else False])
    per = size.workers_per_node or 1
    besides = f"leave out `{key}`: each worker spans {span} nodes"
    refuse(
        findings, "D201", message, at_key(role, key), single, smaller_workers(role, capacity // per), besides=besides
    )


def refuse_odd_nodes(role: Role, count: int, span: int, capacity: int, findings: Findings) -> None:
    """A number of nodes that comes to no whole workers (D201)."""
    size = role.size
    message = (
        f"role `{role.name}` needs {counted(size.gpus, 'GPU')} per worker, but a node has {capacity}:"
        f" each worker spans {span} nodes, and `{role.name}` asks for {count}"
    )
    wanted = span * (size.workers or -(-count // span))
    more = ladder(at_key(role, "num-nodes"), [] if size.hosts else [wanted])
    path = at_key(role, "gpus-per-worker")
    otherwise = f"name {wanted} hosts" if size.hosts else "ask for whole workers, or smaller ones"
    refuse(findings, "D201", message, path, more, smaller_workers(role, capacity), otherwise=otherwise)


def refuse_workers(role: Role, layout: str, nodes: int, per: int, span: int, findings: Findings) -> None:
    """`workers` does not agree with the nodes and the workers on each."""
    size = role.size
    asked, workers = size.workers or 0, per * nodes // span
    of = f" of {counted(size.gpus, 'GPU')}" if size.gpus else ""
    need = -(-asked // per) * span
    message = f"role `{role.name}` asks for {counted(asked, 'worker')}{of}, but {layout} {workers}"
    if need != nodes:
        message += f": {counted(asked, 'worker')} need{'s' * (asked == 1)} {counted(need, 'node')}"
    fits = [asked // nodes] if span == 1 and asked % nodes == 0 else []
    more = [asked * span // per] if not size.hosts and not asked % per else []
    tries = (
        ladder(at_key(role, "workers"), [workers]),
        ladder(at_key(role, "workers-per-node"), fits),
        ladder(at_key(role, "num-nodes"), more),
    )
    otherwise = "leave out `workers`, or the number of nodes"
    refuse(findings, "D202", message, at_key(role, "workers"), *tries, otherwise=otherwise)


def refuse_unequal(role: Role, owner: Role, slices: Sequence[int], findings: Findings) -> None:
    """The program of a role takes equal slices, and the workers of `owner`, itself or another one, have none."""
    whose = "its workers have" if role is owner else f"the workers of `{owner.name}`, which it is beside, have"
    sizes = (
        f"{', '.join(map(str, slices[:-1]))} and {slices[-1]}" if len(slices) < 5 else f"{slices[0]} to {slices[-1]}"
    )
    message = f"role `{role.name}` needs equally many GPUs on each node of a worker, and {whose} {sizes}"
    equal = owner.size.gpus - owner.size.gpus % len(slices)
    tries = (
        ladder(at_key(owner, "split"), ["even"] if owner.size.split == "fill" else []),
        ladder(at_key(owner, "gpus-per-worker"), [equal, *smaller(owner.size.gpus, slices[0])]),
    )
    path = at_key(role, "split") if role is owner and role.size.split == "fill" else ("roles", role.name)
    refuse(findings, "D213", message, path, *tries, otherwise="make the worker a multiple of its nodes")


def at_key(role: Role, key: str) -> Path:
    """Return the path of a key of a role."""
    return ("roles", role.name, key)
