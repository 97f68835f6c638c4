"""Slices side by side around GPUs that are pinned: whether they go together, and where they come in turn."""

from collections.abc import Collection, Sequence
from functools import cache

Piece = tuple[int, int]  # GPUs side by side that nobody has by index, the end exclusive


def pieces_of(gpus: int, pinned: Collection[int]) -> tuple[Piece, ...]:
    """Return what pinned GPUs leave of a node, lowest first."""
    found: list[Piece] = []
    first = 0
    for gpu in range(gpus + 1):
        if gpu == gpus or gpu in pinned:
            if first < gpu:
                found.append((first, gpu))
            first = gpu + 1
    return tuple(found)


def in_turn(sizes: Sequence[int], pieces: Sequence[Piece]) -> tuple[int, ...] | None:
    """Return the first GPU of each slice where each in turn takes the lowest GPUs; None where one finds none."""
    starts, found = [first for first, _ in pieces], []
    for size in sizes:
        at = next((at for at, (_, end) in enumerate(pieces) if end - starts[at] >= size), None)
        if at is None:
            return None
        found.append(starts[at])
        starts[at] += size
    return tuple(found)


def go_together(sizes: Sequence[int], pieces: Sequence[Piece]) -> bool:
    """Tell whether slices of these sizes lie in the pieces in any arrangement."""
    return _packed(tuple(sorted(sizes, reverse=True)), tuple(sorted(end - first for first, end in pieces)))


@cache
def _packed(sizes: tuple[int, ...], rooms: tuple[int, ...]) -> bool:
    if not sizes:
        return True
    if sum(sizes) > sum(rooms):
        return False
    largest, others = sizes[0], sizes[1:]
    return any(
        _packed(others, tuple(sorted((*rooms[:at], room - largest, *rooms[at + 1 :]))))
        for at, room in enumerate(rooms)
        if room >= largest
    )
