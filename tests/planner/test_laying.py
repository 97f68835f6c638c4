"""Slices on the GPUs of one node where roles have them in turns: those of roles that meet are apart."""

from collections.abc import Iterator, Sequence
from itertools import product

import pytest

from dynplan.planner.cutting import Groups, Slice
from dynplan.planner.laying import Item, Meets, cut_in_turns, laid

CHAIN = frozenset({0, 1}), frozenset({0, 1, 2}), frozenset({1, 2})  # 1 meets 0 and 2, which have turns
ALONE = tuple(frozenset({role}) for role in range(3))


def places(item: Item, gpus: int) -> Iterator[Slice]:
    if item.pins:
        yield from [item.pins] if item.pins[-1] < gpus else []
        return
    for first in range(gpus - item.gpus + 1):
        yield tuple(range(first, first + item.gpus))


def apart(items: Sequence[Item], slices: Sequence[Slice], meets: Meets) -> bool:
    """Tell whether no two slices of roles that meet have a GPU in common."""
    pairs = list(zip(items, slices, strict=True))
    return not any(
        other.role in meets[item.role] and set(one) & set(two)
        for at, (item, one) in enumerate(pairs)
        for other, two in pairs[:at]
    )


def every_way(items: Sequence[Item], gpus: int, meets: Meets) -> list[tuple[Slice, ...]]:
    """Try every place for every slice."""
    return [found for found in product(*(places(item, gpus) for item in items)) if apart(items, found, meets)]


ITEMS = [
    (Item(0, 1), Item(0, 1), Item(0, 1)),
    (Item(0, 2), Item(1, 2), Item(2, 2)),
    (Item(0, 2), Item(1, 1), Item(2, 3)),
    (Item(0, 1), Item(1, 2, (1, 2)), Item(2, 1)),
    (Item(0, 2), Item(1, 1, (1,)), Item(2, 1)),
    (Item(0, 1), Item(0, 2), Item(1, 1), Item(2, 2)),
    (Item(1, 1), Item(0, 1), Item(2, 3), Item(0, 2)),
    (Item(0, 1, (0,)), Item(2, 1, (3,)), Item(1, 2), Item(0, 1)),
    (Item(0, 1), Item(1, 1, (4,))),
    (Item(0, 1, (2,)), Item(2, 1, (2,)), Item(1, 2), Item(1, 1)),
]


@pytest.mark.parametrize("items", ITEMS)
@pytest.mark.parametrize("gpus", [3, 4, 5])
@pytest.mark.parametrize("meets", [CHAIN, ALONE])
def test_slices_of_roles_that_meet_are_laid_apart_where_any_way_does(
    items: tuple[Item, ...], gpus: int, meets: Meets
) -> None:
    found = laid(items, gpus, (), meets)
    ways = every_way(items, gpus, meets)
    assert (found in ways) if ways else found is None


@pytest.mark.parametrize(
    ("items", "gpus", "groups", "meets", "expected"),
    [
        # Each inside a group, and there as low as can be.
        (
            (Item(0, 1), Item(1, 2), Item(2, 2)),
            4,
            ((0, 1), (2, 3)),
            CHAIN,
            ((0,), (2, 3), (0, 1)),
        ),
        # The first one goes where it costs no later one its place.
        ((Item(0, 1), Item(1, 2), Item(2, 2, (0, 1))), 4, (), CHAIN, ((0,), (2, 3), (0, 1))),
        ((Item(0, 1), Item(1, 3), Item(2, 1, (3,))), 4, (), CHAIN, ((3,), (0, 1, 2), (3,))),
        ((Item(1, 1), Item(0, 2), Item(2, 3)), 4, (), CHAIN, ((0,), (1, 2), (1, 2, 3))),
        # A slice that is taken up again leaves no GPU behind, and the others of its role what they have.
        (
            (Item(0, 1), Item(2, 3, (4, 5, 6)), Item(1, 2), Item(1, 3)),
            9,
            (),
            CHAIN,
            ((0,), (4, 5, 6), (7, 8), (1, 2, 3)),
        ),
        # What is named lies outside of the node.
        ((Item(0, 1, (4,)),), 4, (), ALONE, None),
        ((), 4, (), CHAIN, ()),
    ],
)
def test_where_slices_in_turns_lie(
    items: tuple[Item, ...], gpus: int, groups: Groups, meets: Meets, expected: tuple[Slice, ...] | None
) -> None:
    assert laid(items, gpus, groups, meets) == expected


def test_where_all_have_room_at_once_nobody_gives_back_a_named_gpu() -> None:
    items = Item(0, 2, (0, 1)), Item(1, 2)
    assert cut_in_turns(items, 4, (), ALONE) == ((0, 1), (2, 3))
    assert cut_in_turns((*items, Item(2, 1)), 4, (), ALONE) == ((0, 1), (0, 1), (0,))


def test_too_many_places_are_not_all_tried() -> None:
    """What lies between named GPUs is filled, in thousands of ways, and a last slice finds no place in any of them."""
    pins = Item(0, 6, tuple(range(0, 24, 4)))
    items = pins, *[Item(1, 2)] * 6, *[Item(1, 1)] * 6, Item(2, 2)
    assert laid(items[:-1], 24, (), CHAIN) is not None
    assert laid(items, 24, (), CHAIN) is None
