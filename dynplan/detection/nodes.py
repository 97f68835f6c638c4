"""Nodes as `scontrol show node` tells them, and kinds of them: those that have the same GPUs."""

import re
from collections.abc import Iterable, Sequence
from functools import cached_property

from attrs import field, frozen

from dynplan.detection.gres import Gpus, Gres, read_gres
from dynplan.detection.scontrol import records, words

_KEYS = (
    *("NodeName", "Gres", "State", "Partitions", "ActiveFeatures", "AvailableFeatures", "Features"),
    *("CPUTot", "RealMemory", "Sockets"),
)
# scontrol(1), NODE STATES: with one of these a node runs no job today, or never has.
_AWAY = {"DOWN", "DRAIN", "DRAINED", "DRAINING", "FAIL", "FAILING", "ERROR", "UNKNOWN", "NOT_RESPONDING", "INVAL"}


@frozen(eq=False)
class Node:
    """A node: what it is called, what it has, and where it is.

    `cpus` are Slurm's, `memory_mb` MiB, each 0 where it is not told; `is_away`: down, drained or failing.
    """

    name: str
    gres: Gres
    partitions: tuple[str, ...]
    features: tuple[str, ...]
    cpus: int
    memory_mb: int
    sockets: int
    is_away: bool


@frozen
class Kind:
    """Nodes with the same GPUs, in Slurm's order; at least one."""

    gpus: tuple[Gpus, ...]
    nodes: tuple[Node, ...] = field(eq=False)

    @cached_property
    def main(self) -> Gpus:
        """The GPUs that a job is given: whole ones rather than parts, then those of which there are most."""
        return max(self.gpus, key=lambda one: (not one.is_part, one.count), default=Gpus("", 0))

    @property
    def present(self) -> int:
        """How many of the nodes are not away."""
        return sum(not node.is_away for node in self.nodes)

    def within(self, partition: str) -> "Kind | None":
        """Return the nodes of this kind in a partition, None where there are none."""
        nodes = tuple(node for node in self.nodes if partition in node.partitions)
        return Kind(self.gpus, nodes) if nodes else None


def read_nodes(text: str) -> tuple[Node, ...]:
    """Return the nodes; those of state FUTURE are none yet."""
    lists: dict[str, Gres] = {}  # ten thousand nodes have a few lists
    found = []
    for record in records(text, _KEYS):
        states = set(re.findall(r"[A-Z_]+", record.get("State", "")))
        gres = record.get("Gres", "")
        if "FUTURE" in states or not record["NodeName"]:
            continue
        if gres not in lists:
            lists[gres] = read_gres(gres)
        features = record.get("ActiveFeatures") or record.get("AvailableFeatures") or record.get("Features", "")
        found.append(
            Node(
                name=record["NodeName"],
                gres=lists[gres],
                partitions=words(record.get("Partitions", "")),
                features=words(features),
                cpus=_whole(record, "CPUTot"),
                memory_mb=_whole(record, "RealMemory"),
                sockets=_whole(record, "Sockets"),
                is_away=bool(states & _AWAY),
            )
        )
    return tuple(found)


def kinds_of(nodes: Iterable[Node]) -> tuple[Kind, ...]:
    """Return the kinds of some nodes, those with most GPUs in all first: of nodes that are there, then of all."""
    alike: dict[tuple[Gpus, ...], list[Node]] = {}
    for node in nodes:
        alike.setdefault(tuple(sorted(node.gres.gpus, key=lambda one: (one.type, one.count))), []).append(node)
    kinds = [Kind(gpus, tuple(members)) for gpus, members in alike.items()]
    return tuple(sorted(kinds, key=_worth, reverse=True))


def _worth(kind: Kind) -> tuple[int, int, int, int]:
    gpus = kind.main.count
    return gpus * kind.present, gpus * len(kind.nodes), gpus, kind.present


def span(nodes: Sequence[Node]) -> str:
    """Return what some nodes are called, as people say it: the first and the last."""
    return nodes[0].name if len(nodes) == 1 else f"{nodes[0].name} to {nodes[-1].name}"


def _whole(record: dict[str, str], key: str) -> int:
    match = re.match("[0-9]{1,15}", record.get(key, ""))
    return int(match[0]) if match else 0
