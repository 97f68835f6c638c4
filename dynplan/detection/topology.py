"""What `scontrol show topology` says: blocks (topology/block) or switches (topology/tree)."""

from collections.abc import Container

from attrs import frozen

from dynplan.detection.scontrol import hosts, records

_MOST_NODES = 65_536  # of a domain in a cluster file


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


def block_sizes(blocks: tuple[Block, ...], nodes: Container[str]) -> list[int]:
    """Return how many nodes each block has in which some nodes are, as Slurm plans with it."""
    return [block.size or len(block.nodes) for block in blocks if any(name in nodes for name in block.nodes)]


def _is_size(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 7 and int(text) <= _MOST_NODES
