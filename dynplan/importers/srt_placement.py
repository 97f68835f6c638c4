"""How many workers a recipe has, how many GPUs each, and on how many nodes srt-slurm would put them.

The rules are those of srt-slurm's own planner (`ResourceConfig` and `allocate_endpoints` of NVIDIA/srt-slurm), told
in docs/importing.md: sizes that are not said are nodes times GPUs divided by workers; prefill comes first, then
decode on nodes of its own, unless it has none.
"""

from attrs import frozen

from dynplan.importers.source import Part
from dynplan.importers.srt_recipe import Recipe, RoleParts
from dynplan.importers.srt_services import services_of

DEFAULT_GPUS_PER_NODE = 4  # of srt-slurm, where neither the recipe nor its cluster file says it


@frozen
class Group:
    """The workers of one role: how many, and how many GPUs each."""

    role: str
    workers: int
    gpus: int


@frozen
class Placement:
    """What a recipe comes to.

    Attributes:
        groups: the workers, in the order of placement.
        gpus_per_node: of the cluster.
        asked: nodes that the recipe asks for, those of engines alone.
        used: nodes that its planner puts workers on.
        shared: whether prefill and decode have nodes in common.
        dedicated: whether etcd and NATS have a node of their own, the first one.
    """

    groups: tuple[Group, ...]
    gpus_per_node: int
    asked: int
    used: int
    shared: bool
    dedicated: bool


def placement_of(recipe: Recipe, gpus_per_node: int, *, dedicated: bool) -> Placement | None:
    """Return what a recipe comes to, or None where it contradicts itself, which is reported (D103, D104, D703)."""
    groups: list[Group] = []
    asked = 0
    if recipe.root.ledger.findings.found:
        return None
    for role in recipe.roles.values():
        nodes = _nodes(role)
        workers = role.workers.whole() if role.workers is not None else 1 if recipe.schema > 1 else 0
        if not workers:
            continue
        gpus = _gpus(role, nodes, workers, gpus_per_node, groups)
        if not gpus:
            return None
        groups.append(Group(role.name, workers, gpus))
        asked += nodes or 0
    if recipe.root.ledger.findings.found:  # numbers that are none stand for others here
        return None
    kind = recipe.root.at("frontend", "type")
    if not groups and kind is not None and kind.node.text == "none" and services_of(recipe.root):
        return Placement((), gpus_per_node, 0, 0, shared=False, dedicated=False)
    if not groups:
        recipe.root.ledger.wrong("D103", "the recipe asks for no workers", recipe.root.node, at_key=True)
        return None
    colocate = _colocates(recipe, groups, gpus_per_node)
    asked = asked or 1
    spread = _flag(recipe.root.at("resources", "spread_workers"))
    used, shared = _simulated(groups, gpus_per_node, asked, spread=spread, colocate=colocate)
    if used > asked and not colocate:
        needs = ", ".join(f"{group.workers} x {group.gpus} of {group.role}" for group in groups)
        message = f"the workers ({needs}) need {used} nodes of {gpus_per_node} GPUs, and the recipe has {asked}"
        part = next((role.nodes or role.workers for role in recipe.roles.values() if role.nodes or role.workers), None)
        (part or recipe.root).wrong("D703", message, "srt-slurm puts two workers on the same GPUs then, or fails")
        return None
    return Placement(tuple(groups), gpus_per_node, asked, used, shared, dedicated)


def _nodes(role: RoleParts) -> int | None:
    if role.nodes is None:
        return None
    if role.name == "decode" and str(role.nodes.node.value).strip().lower() == "colocate":
        return 0
    return role.nodes.whole()


def _gpus(role: RoleParts, nodes: int | None, workers: int, gpus_per_node: int, before: list[Group]) -> int:
    """Return the GPUs of a worker, 0 where there are none."""
    if role.gpus is not None:
        return role.gpus.whole(1)
    if nodes:
        gpus = nodes * gpus_per_node // workers
        if not gpus and role.workers is not None:
            message = f"{workers} workers share {nodes * gpus_per_node} GPUs: each has none"
            role.workers.wrong("D703", message, "fewer workers, or more nodes")
        return gpus
    if nodes == 0 and before:  # beside prefill, and as large
        return before[0].gpus
    return gpus_per_node


def _colocates(recipe: Recipe, groups: list[Group], gpus_per_node: int) -> bool:
    """Tell whether vLLM's roles are packed onto nodes together (`allow_prefill_decode_colocation`)."""
    allowed, across = (
        _flag(recipe.options.get(key))
        for key in ("allow_prefill_decode_colocation", "allow_prefill_decode_colocation_across_nodes")
    )
    if recipe.engine != "vllm" or not allowed or len(groups) < 2:
        return False
    return across or sum(group.workers * group.gpus for group in groups) <= gpus_per_node


def _flag(part: Part | None) -> bool:
    return part is not None and not part.is_null() and part.flag()


def _simulated(
    groups: list[Group], gpus_per_node: int, asked: int, *, spread: bool, colocate: bool
) -> tuple[int, bool]:
    """Return how many nodes srt-slurm's planner comes to, and whether a later role begins on a node that is begun."""
    node, taken = 0, 0
    shared = False
    for group in groups:
        if taken and not colocate and node + 1 < asked:
            node, taken = node + 1, 0
        shared = shared or taken > 0
        for _ in range(group.workers):
            if group.gpus >= gpus_per_node:
                node, taken = node + (taken > 0) + -(-group.gpus // gpus_per_node), 0
                continue
            if taken + group.gpus > gpus_per_node:
                node, taken = node + 1, 0
            taken += group.gpus
            if taken >= gpus_per_node or spread:
                node, taken = node + 1, 0
    return node + (taken > 0), shared
