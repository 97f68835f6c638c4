"""Read where the GPUs of a node are attached: `gpu-numa` and `gpu-nics` -> `Affinity`; who binds to it, and cannot."""

import re
from typing import Any

from dynplan.diagnostics import Findings
from dynplan.language.tables import Table
from dynplan.model import Affinity, Cluster, Job, Role, Texts

_MOST_NUMA_NODES = 1024
_NIC = re.compile(r"[A-Za-z0-9_.-]{1,60}(:[0-9]{1,3})?")
Groups = tuple[tuple[int, ...], ...]


def read_affinity(table: Table, gpus: int) -> Affinity:
    """Read the facts of a node's GPUs: their NUMA nodes, and the network adapters near each.

    Args:
        table: that has `gpu-numa` and `gpu-nics`.
        gpus: of the node.
    """
    numa = tuple(
        table.number(item, path, 0, _MOST_NUMA_NODES, 0) or 0 for item, path in _per_gpu(table, "gpu-numa", gpus)
    )
    nics = tuple(_nics(item, path, table.findings) for item, path in _per_gpu(table, "gpu-nics", gpus))
    return Affinity(numa, nics)


def islands(affinity: Affinity) -> Groups:
    """Return the GPUs of each NUMA node, by the lowest of them; none where all are on one."""
    found: dict[int, list[int]] = {}
    for gpu, node in enumerate(affinity.numa):
        found.setdefault(node, []).append(gpu)
    return tuple(map(tuple, found.values())) if len(found) > 1 else ()


def check_groups(groups: Groups, affinity: Affinity, table: Table) -> None:
    """Report a group of GPUs that lies across NUMA nodes, one of which has GPUs of other groups too (D113)."""
    for node in islands(affinity):
        cut = next((group for group in groups if not set(group).isdisjoint(node) and set(group) - set(node)), None)
        if cut and set(node) - set(cut):
            group, inside = (", ".join(map(str, gpus)) for gpus in (cut, node))
            message = (
                f"the GPUs {group} are a group, and {inside} are those of a NUMA node: neither lies inside the other"
            )
            fix = "leave out `gpu-groups`, and the NUMA nodes are the groups"
            table.bad("gpu-groups", message, fix, "D113", also=table.at("gpu-numa"))
            return


def check_binding(job: Job, findings: Findings) -> None:
    """Report roles that bind to NUMA nodes of which nobody knows (D130)."""
    for role in job.roles:
        if role.numa_bind and (fault := _fault(role, job.cluster)):
            message, fix = fault
            findings.error("D130", message, ("roles", role.name, "numa-bind"), help=fix)


def _fault(role: Role, cluster: Cluster) -> tuple[str, str] | None:
    if not role.size.gpus:
        message = f"role `{role.name}` has no GPUs whose NUMA nodes it could be bound to"
        return message, "leave it out, or set `gpus-per-worker`"
    group = role.size.group
    if not cluster.affinity_in(group).numa:
        gpus = ", ".join("0" for _ in range(min(cluster.gpus_in(group), 8)))
        who, key = (f"node group `{group}`", "`gpu-numa` there") if group else ("the cluster", "`cluster.gpu-numa`")
        message = f"role `{role.name}` is to be bound to the NUMA nodes of its GPUs, and {who} does not say them"
        return message, f"set {key}, `[{gpus}]` for example: `nvidia-smi topo -m` shows them"
    return None


def _per_gpu(table: Table, key: str, gpus: int) -> list[tuple[Any, Any]]:
    """Return the items of a list with one for each GPU, with their paths."""
    value = table.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        table.wrong(table.at(key), "a list with an item for each GPU", value)
        return []
    if len(value) != gpus:
        lacks = table.at("gpus-per-node") if "gpus-per-node" not in table else None
        message = f"`{key}` has {len(value)} items, and a node has {gpus} GPUs"
        table.bad(key, message, "it says where each GPU is attached, in the order of their indices", lacks=lacks)
        return []
    return [(item, table.at(key, index)) for index, item in enumerate(value)]


def _nics(item: Any, path: Any, findings: Findings) -> Texts:
    names = item if isinstance(item, list) else [item]
    fix = 'it is the name of an adapter, `"mlx5_0"` or `"mlx5_0:1"`, or a list of such names'
    for name in names:
        if not isinstance(name, str):
            findings.error("D102", "an item of `gpu-nics` must be a name or a list of names", path, help=fix)
            return ()
        if not _NIC.fullmatch(name):
            findings.error("D104", f"`{name}` is not the name of a network adapter", path, help=fix)
            return ()
    return tuple(names)
