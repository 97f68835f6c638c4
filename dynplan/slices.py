"""The third stage of placement: which GPU indices each worker owns on a node."""

from collections.abc import Sequence
from functools import cache

Groups = tuple[tuple[int, ...], ...]
Slice = tuple[int, ...]


@cache
def cut(sizes: tuple[int, ...], gpus: int, groups: Groups = ()) -> tuple[Slice, ...]:
    """Cut one node's GPUs into contiguous slices, from index 0 up, in the order given.

    With groups (NVLink or NUMA islands) as many slices as any arrangement allows lie inside
    one group each; among those the arrangement with the lowest indices for the first slices.

    Args:
        sizes: GPUs of each slice; 0 gives an empty slice.
        gpus: GPUs of the node; the sizes fit into it.
        groups: the islands, each a tuple of GPU indices.
    """
    in_a_row = _in_a_row(sizes)
    if not groups or all(_inside(piece, groups) for piece in in_a_row if _could_be_inside(piece, groups)):
        return in_a_row
    return _best(sizes, gpus, groups)


def _in_a_row(sizes: Sequence[int]) -> tuple[Slice, ...]:
    slices, at = [], 0
    for size in sizes:
        slices.append(tuple(range(at, at + size)))
        at += size
    return tuple(slices)


def _could_be_inside(piece: Slice, groups: Groups) -> bool:
    return any(len(piece) <= len(group) for group in groups)


def _inside(piece: Slice, groups: Groups) -> bool:
    return not piece or any(set(piece) <= set(group) for group in groups)


def _best(sizes: tuple[int, ...], gpus: int, groups: Groups) -> tuple[Slice, ...]:
    """Search all arrangements, slice by slice; a node's free GPUs are the bits of a number."""

    @cache
    def search(at: int, free: int) -> tuple[int, tuple[int, ...]] | None:
        """Return the most slices inside a group from slice `at` on, and their first GPUs."""
        if at == len(sizes):
            return 0, ()
        best: tuple[int, tuple[int, ...]] | None = None
        mask = (1 << sizes[at]) - 1
        for first in range(gpus - sizes[at] + 1):
            if free & (mask << first) != mask << first:
                continue
            rest = search(at + 1, free & ~(mask << first))
            if rest is None:
                continue
            gain = _inside(tuple(range(first, first + sizes[at])), groups)
            if best is None or rest[0] + gain > best[0]:
                best = (rest[0] + gain, (first, *rest[1]))
            if not mask:
                break
        return best

    found = search(0, (1 << gpus) - 1)
    if found is None:
        raise AssertionError(f"slices of {sizes} do not fit into {gpus} GPUs")
    return tuple(tuple(range(first, first + size)) for first, size in zip(found[1], sizes, strict=True))
