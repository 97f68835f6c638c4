"""What `scontrol show topology` says: blocks (topology/block) or switches (topology/tree)."""

from collections.abc import Container

from attrs import frozen

from dynplan.detection.scontrol import hosts, records


@frozen
class Block:
    """A block of nodes and, where it is told, the number of nodes that Slurm plans it with, else 0."""

    name: str
    nodes: tuple[str, ...]
    size: int


@frozen
class Topology:
    """Blocks, and how many switches have nodes of their own."""

    blocks: tuple[Block, ...] = ()
    leaf_switches: int = 0


def read_topology(text: str) -> Topology:
    """Return what there is; blocks that are made of others (AggregatedBlock) are left out."""
    blocks = []
    for record in records(text, ("BlockName", "Nodes", "BlockSize")):
        size = record.get("BlockSize", "")
        blocks.append(Block(record["BlockName"], hosts(record.get("Nodes", "")), int(size) if _is_size(size) else 0))
    switches = [record for record in records(text, ("SwitchName", "Level", "Nodes")) if record.get("Level") == "0"]
    return Topology(tuple(blocks), len(switches))


def domain_of(blocks: tuple[Block, ...], nodes: Container[str]) -> tuple[int, int]:
    """Return how many nodes a block has in which some nodes are, and how many such blocks there are.

    Blocks may differ by a node that is broken: the fewest count, for so many each of them has.
    """
    sizes = [block.size or len(block.nodes) for block in blocks if any(name in nodes for name in block.nodes)]
    return min(sizes, default=0), len(sizes)


def _is_size(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 7
