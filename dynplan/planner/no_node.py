"""What a role asks for and no node can give, or its own numbers contradict; and what it might ask for instead."""

from collections.abc import Sequence

from dynplan.diagnostics import Findings, Path
from dynplan.model import Role, Size
from dynplan.planner.refusals import Ladder, counted, ladder, refuse, smaller


def least_slice(size: Size, capacity: int) -> int:
    """Return the GPUs that a role needs on a node at least, whatever other roles leave of it."""
    if size.split == "fill" and size.gpus > capacity:
        return 1
    return -(-size.gpus // -(-size.gpus // capacity))


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
