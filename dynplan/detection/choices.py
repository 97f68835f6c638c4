"""What a cluster file says of a site: for each kind of node a partition, and how Slurm is asked for it."""

import re
from collections import Counter
from collections.abc import Sequence

from attrs import frozen

from dynplan.detection.gres import vendor_of
from dynplan.detection.nodes import Kind, Node, kinds_of
from dynplan.detection.partitions import Partition
from dynplan.detection.site import Site

MOST_KINDS = 24  # a site has a few; each takes a look at all nodes
_TYPE = re.compile(r"[A-Za-z0-9_.-]+")  # what `gpu-request` takes of a type
_FEATURE = re.compile(r"[A-Za-z0-9_.:-]+")  # in a constraint other signs mean something (sbatch(1), --constraint)


@frozen
class Choice:
    """A kind of node, and how a job gets it.

    Attributes:
        kind: the nodes of a kind that the partition has.
        partition: where to ask for it; None where the nodes are in none.
        others: other partitions that have such nodes, the better ones first.
        request: a value of `gpu-request`.
        why: what decided `request`.
        constraint: a feature that tells these nodes from others of the partition, where they need to be told apart.
        is_mixed: whether others could be had in their place, for want of such a feature.
    """

    kind: Kind
    partition: Partition | None
    others: tuple[Partition, ...]
    request: str
    why: str
    constraint: str
    is_mixed: bool


def choices(site: Site, partition: str = "") -> tuple[Choice, ...]:
    """Return a choice for each kind of node, the kind with most GPUs in all first, and no more than MOST_KINDS.

    Args:
        site: the site.
        partition: the only partition that counts; empty for all of them.
    """
    wanted = {one.name for one in site.partitions if one.is_open and not one.is_hidden}
    nodes = [node for node in site.nodes if wanted.intersection(node.partitions)] or list(site.nodes)
    if partition:
        nodes = [node for node in site.nodes if partition in node.partitions]
    kinds = kinds_of(site.nodes)
    return tuple(_choice(kind, kinds, site, partition) for kind in kinds_of(nodes)[:MOST_KINDS])


def vendor(choice: Choice, site: Site) -> str:
    """Return whose GPUs a kind of node has, by their type, gres.conf or features; empty where nothing says it."""
    found = vendor_of([choice.kind.main.type], [word for node in choice.kind.nodes[:1] for word in node.features])
    if vendor_of([choice.kind.main.type]):
        return found
    return next(iter(site.gres_conf.hints), "") or found


def _choice(kind: Kind, kinds: Sequence[Kind], site: Site, only: str) -> Choice:
    mine = _partitions(kind, kinds, site, only)
    if not mine:
        return Choice(kind, None, (), *_request(kind, (), site), constraint="", is_mixed=False)
    home = kind.within(mine[0].name) or kind
    around = [node for node in site.nodes if mine[0].name in node.partitions]
    rivals = [other for other in kinds_of(around) if other.gpus != kind.gpus]
    request, why = _request(kind, rivals, site)
    confused = [other for other in rivals if _is_taken_for(other, kind, request)]
    feature = _feature(home, confused) if confused else ""
    return Choice(home, mine[0], mine[1:], request, why, feature, is_mixed=bool(confused) and not feature)


def _partitions(kind: Kind, kinds: Sequence[Kind], site: Site, only: str) -> tuple[Partition, ...]:
    """Return the partitions that have nodes of a kind, the one to ask first."""
    count = Counter(name for node in kind.nodes for name in node.partitions)
    size = Counter(name for node in site.nodes for name in node.partitions)
    mine = [one for one in site.partitions if one.name in count and one.name == (only or one.name)]
    others = [other for other in kinds if other.gpus != kind.gpus and _is_taken_for(other, kind, "gpus-per-node")]
    mixed = {name for other in others for node in other.nodes for name in node.partitions}
    return tuple(
        sorted(
            mine,
            key=lambda one: (
                not one.is_open,
                one.is_hidden,
                -count[one.name],
                one.name in mixed,
                not one.is_default,
                one.is_restricted,
                "PreemptMode" in one.limits,
                size[one.name],
            ),
        )
    )


def _request(kind: Kind, rivals: Sequence[Kind], site: Site) -> tuple[str, str]:
    """Return a value of `gpu-request`, and why."""
    select = site.config.get("SelectType", "select/cons_tres")
    main = kind.main
    if select == "select/linear":
        return "none", f"SelectType={select} gives whole nodes with all their GPUs"
    typed = bool(main.type) and bool(_TYPE.fullmatch(main.type))
    if typed and len(kind.gpus) > 1:
        return f"gres:{main.type}", f"the nodes have GPUs of other types too ({_types(kind)})"
    mistaken = [other for other in rivals if _is_taken_for(other, kind, "gpus-per-node")]
    if typed and mistaken:
        return f"gres:{main.type}", f"the partition has other GPUs too ({', '.join(map(_types, mistaken))})"
    if select != "select/cons_tres":
        return "gres", f"SelectType={select} knows no --gpus-per-node"
    return "gpus-per-node", ""


def _types(kind: Kind) -> str:
    return ", ".join(f"{one.count} {one.type or 'without a type'}" for one in kind.gpus)


def _is_taken_for(other: Kind, kind: Kind, request: str) -> bool:
    """Tell whether a request for nodes of a kind may be given nodes of another, with other GPUs or for nothing."""
    if not kind.gpus or request == "none":
        return True
    if request.startswith("gres:"):
        return False  # of the same type: it has the GPUs that are asked for
    have = sum(one.count for one in other.gpus)
    return have >= kind.main.count and other.main.type != kind.main.type


def _feature(kind: Kind, others: Sequence[Kind]) -> str:
    """Return a feature that all nodes of a kind have and no node of the others, the shortest; empty for none."""
    shared = _common(kind.nodes)
    for other in others:
        for node in other.nodes:
            shared = shared.difference(node.features)
    return min((word for word in shared if _FEATURE.fullmatch(word)), key=lambda word: (len(word), word), default="")


def _common(nodes: Sequence[Node]) -> frozenset[str]:
    shared = frozenset(nodes[0].features)
    for node in nodes:
        shared = shared.intersection(node.features)
    return shared
