"""The cut of one node against every arrangement there is."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynplan.planner.cutting import Groups, cut
from tests.laws.profile import law


def test_without_groups_slices_stand_in_a_row() -> None:
    assert cut((2, 0, 3), 8) == ((0, 1), (), (2, 3, 4))
    assert cut((), 8) == ()


def test_slices_lie_around_gpus_that_are_taken() -> None:
    assert cut((1, 2, 1), 8, (), (2,)) == ((0,), (3, 4), (1,))
    assert cut((3, 2), 6, (), (0,)) == ((1, 2, 3), (4, 5))
    for sizes, taken in [((2, 2), (1,)), ((1,), (4,))]:  # in pieces, and one that the node does not have
        with pytest.raises(ValueError, match="do not fit beside"):
            cut(sizes, 4, (), taken)


@st.composite
def nodes(draw: st.DrawFn) -> tuple[list[int], int, Groups]:
    """Return slices that fit, the GPUs of the node, and its groups."""
    gpus = draw(st.integers(1, 7))
    edges = sorted({0, gpus, *draw(st.sets(st.integers(1, gpus), max_size=3))})
    groups = tuple(tuple(range(low, high)) for low, high in pairwise(edges))
    if draw(st.integers(0, 5)) == 5:
        groups = tuple(filter(None, (tuple(range(0, gpus, 2)), tuple(range(1, gpus, 2)))))
    sizes: list[int] = []
    while (left := gpus - sum(sizes)) and draw(st.integers(0, 5)):
        sizes.append(draw(st.integers(1, left)))
    return sizes, gpus, groups


def inside(first: int, size: int, groups: Groups) -> bool:
    return any(set(range(first, first + size)) <= set(group) for group in groups)


def most_inside(sizes: list[int], free: frozenset[int], groups: Groups) -> int:
    """Try every place for every slice; a very low number where they do not fit."""
    if not sizes:
        return 0
    found = [-99]
    for first in free:
        taken = frozenset(range(first, first + sizes[0]))
        if taken <= free:
            found.append(inside(first, sizes[0], groups) + most_inside(sizes[1:], free - taken, groups))
    return max(found)


@given(nodes())
@law
def test_as_many_slices_lie_inside_a_group_as_any_arrangement_allows(node: tuple[list[int], int, Groups]) -> None:
    sizes, gpus, groups = node
    pieces = cut(tuple(sizes), gpus, groups)
    assert [len(piece) for piece in pieces] == sizes
    assert all(piece == tuple(range(piece[0], piece[0] + len(piece))) for piece in pieces)
    used = [gpu for piece in pieces for gpu in piece]
    assert len(set(used)) == len(used)
    assert set(used) <= set(range(gpus))
    found = sum(inside(piece[0], len(piece), groups) for piece in pieces)
    assert found == most_inside(sizes, frozenset(range(gpus)), groups)


@given(nodes())
@law
def test_slices_of_one_size_keep_their_order(node: tuple[list[int], int, Groups]) -> None:
    sizes, gpus, groups = node
    firsts = [(size, piece[0]) for size, piece in zip(sizes, cut(tuple(sizes), gpus, groups), strict=True)]
    for size in set(sizes):
        alike = [first for other, first in firsts if other == size]
        assert alike == sorted(alike)


@pytest.mark.parametrize(
    ("sizes", "firsts"),
    [
        ((4, 4), (0, 4)),
        ((3, 3, 1), (0, 4, 3)),
        ((1, 3, 4), (0, 1, 4)),
        ((2, 3, 2, 1), (0, 4, 2, 7)),
        ((5, 2), (0, 5)),
        ((3, 0, 3), (0, 3, 4)),
        ((3, 2, 3), (0, 3, 5)),
        ((1, 4, 1), (0, 4, 1)),
    ],
)
def test_the_order_given_changes_only_where_it_would_cost_a_group(
    sizes: tuple[int, ...], firsts: tuple[int, ...]
) -> None:
    pieces = cut(sizes, 8, ((0, 1, 2, 3), (4, 5, 6, 7)))
    assert tuple(piece[0] if piece else 3 for piece in pieces) == firsts


def test_a_node_of_many_gpus_and_sizes_is_cut_in_the_order_given_rather_than_never() -> None:
    sizes = tuple(size for size in range(1, 40) for _ in range(2))
    gpus = sum(sizes)
    groups = tuple(tuple(range(first, min(first + 40, gpus))) for first in range(0, gpus, 40))
    pieces = cut(sizes, gpus, groups)
    assert [piece[0] for piece in pieces] == [sum(sizes[:at]) for at in range(len(sizes))]


def test_a_node_of_sixty_four_gpus_is_cut_exactly() -> None:
    groups = tuple(tuple(range(first, first + 8)) for first in range(0, 64, 8))
    pieces = cut((5, 5, 3, 3, 6, 6, 2, 2, 7, 1, 4, 4, 8, 8), 64, groups)
    assert all(inside(piece[0], len(piece), groups) for piece in pieces)
