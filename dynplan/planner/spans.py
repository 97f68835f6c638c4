"""Workers larger than a node: the GPUs that one has on each of its nodes, and the nodes that many take together."""

from collections.abc import Sequence
from typing import Literal

from attrs import frozen

from dynplan.model import Record, Size

Mode = Literal["separate", "shared"]


@frozen(eq=False, repr=False)
class Domains(Record):
    """NVLink domains: the nodes of each; whether the user has `asked` for segments himself, and of how many nodes."""

    nodes: int
    asked: bool
    segment: int


def whole_of(size: Size, capacity: int, room: int) -> int:
    """Return the most GPUs that a worker larger than a node has on one.

    Args:
        size: of its role.
        capacity: the GPUs of a node.
        room: what roles on every node leave of these. Slices of one size are those of whole nodes all the same, so
            that such a role refuses a worker rather than moves it to more nodes; nodes are filled up to there.
    """
    return room if size.split == "fill" else capacity


def slices_of(size: Size, whole: int) -> tuple[int, ...]:
    """Split a worker's GPUs over the fewest nodes, the larger slices first.

    Rank 0 stands where most of the worker's GPUs are. Slices are as even as can be and differ by at most one, or fill
    whole nodes, and the last one is the rest.

    Args:
        size: of its role.
        whole: the most GPUs in a slice.
    """
    count = -(-size.gpus // whole)
    if size.split == "fill":
        return (*[whole] * (count - 1), size.gpus - whole * (count - 1))
    each, more = divmod(size.gpus, count)
    return (each + 1,) * more + (each,) * (count - more)


def nodes_alone(workers: int, slices: Sequence[int], room: int, *, apart: bool) -> int:
    """Return how many nodes hold so many workers larger than a node, and nothing else.

    Two slices of a worker are more than a node has, so only last ones meet, those of different workers. Of two slices
    that are alike no two fit on a node either.

    Args:
        workers: their number.
        slices: of each of them, the larger first.
        room: the GPUs of a node.
        apart: no two of them share a node.
    """
    together = 1 if apart or slices[0] == slices[-1] else max(1, room // slices[-1])
    return workers * (len(slices) - 1) + -(-workers // together)
