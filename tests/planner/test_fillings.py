"""Fillings of nodes where roles name their GPUs: which nodes hold which blocks, and how many nodes are the fewest."""

from collections.abc import Iterator, Sequence

import pytest

from dynplan.planner.content import Content
from dynplan.planner.fillings import Block, Pattern, SpentError, fewest_nodes, filled
from tests.laws.test_pinned import goes

Kind = tuple[int | tuple[int, ...], int, bool]  # GPUs or these by index, so many times, and whether once on a node
Node = tuple[Content, bool]


def loose(gpus: int, count: int) -> Kind:
    return gpus, count, False


def apart(gpus: int, count: int) -> Kind:
    return gpus, count, True


def named(pins: tuple[int, ...], count: int) -> Kind:
    return pins, count, True


def used(times: int, gpus: int, *sizes: int, pins: tuple[int, ...] = ()) -> list[Node]:
    return [(Content(gpus, sizes, pins), True)] * times


def fresh(times: int, gpus: int, *sizes: int, pins: tuple[int, ...] = ()) -> list[Node]:
    """Return nodes on which no role is that takes nodes; what is on each is on every one."""
    return [(Content(gpus, sizes, pins), False)] * times


def blocks_of(kinds: Sequence[Kind]) -> list[Block]:
    return [
        Block(role, what, (what,), (), count, once)
        if isinstance(what, int)
        else Block(role, len(what), (), what, count, once)
        for role, (what, count, once) in enumerate(kinds)
    ]


def holds(content: Content, kinds: Sequence[Kind], pattern: Pattern) -> bool:
    """Tell whether a node holds so many of each kind, every place for every slice tried."""
    taken, sizes = sum(1 << gpu for gpu in content.pins), list(content.sizes)
    for (what, _, once), items in zip(kinds, pattern, strict=True):
        if items > 1 and once:
            return False
        if isinstance(what, int):
            sizes += [what] * items
        elif items:
            mine = sum(1 << gpu for gpu in what)
            if taken & mine or what[-1] >= content.gpus:
                return False
            taken |= mine
    return goes(taken, tuple(sorted(sizes)), content.gpus)


def splits(most: Pattern) -> Iterator[Pattern]:
    if not most:
        yield ()
        return
    for items in range(most[0] + 1):
        yield from ((items, *rest) for rest in splits(most[1:]))


def possible(contents: Sequence[Content], kinds: Sequence[Kind]) -> bool:
    """Try every filling of every node; what is left to place after some of them is looked at once."""
    left = {tuple(count for _, count, _ in kinds)}
    for content in contents:
        left = {
            tuple(still - items for still, items in zip(need, pattern, strict=True))
            for need in left
            for pattern in splits(need)
            if holds(content, kinds, pattern)
        }
    return (0,) * len(kinds) in left


@pytest.mark.parametrize(
    ("kinds", "nodes", "expected"),
    [
        # No order of the kinds fits, of nodes alike that are taken as a class.
        (
            [loose(2, 3), named((0, 1, 2), 1), apart(1, 5), loose(1, 2)],
            [*fresh(2, 7), *used(3, 2, pins=(1,)), *used(1, 2, 1, pins=(0,))],
            [(2, 0, 1, 1), (1, 1, 1, 1), (0, 0, 1, 0), (0, 0, 1, 0), (0, 0, 1, 0), (0, 0, 0, 0)],
        ),
        (
            [named((1,), 3), apart(1, 5), named((2, 3, 4), 3)],
            [*used(3, 2, 1), *used(1, 5, pins=(3,)), *fresh(3, 6)],
            [(1, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 0), (0, 1, 1), (0, 1, 1), (0, 1, 1)],
        ),
        # The tightest node that holds a block, and blocks move from shared nodes to empty ones.
        (
            [apart(3, 1), loose(1, 1), loose(3, 1)],
            [*fresh(3, 8, 1), *fresh(1, 8, 2), *fresh(4, 8)],
            [(0, 1, 0), (0, 0, 1), (0, 0, 0), (1, 0, 0), (0, 0, 0), (0, 0, 0), (0, 0, 0), (0, 0, 0)],
        ),
        (
            [named((0,), 2), loose(2, 3)],
            [*used(4, 3, pins=(2,)), *fresh(2, 8)],
            [(0, 0), (0, 1), (0, 1), (0, 1), (1, 0), (1, 0)],
        ),
        (
            [loose(1, 5), loose(2, 1), apart(1, 3)],
            [*used(2, 7, 1, pins=(6,)), *used(3, 4, 2), *used(1, 3, 2)],
            [(3, 1, 0), (2, 0, 0), (0, 0, 1), (0, 0, 1), (0, 0, 1), (0, 0, 0)],
        ),
        (
            [loose(2, 1), named((0,), 1), apart(2, 4)],
            [*used(1, 3, 1, pins=(0,)), *used(3, 3, pins=(2,)), *used(1, 7, pins=(1,))],
            [(0, 0, 0), (0, 0, 1), (0, 0, 1), (0, 0, 1), (1, 1, 1)],
        ),
        # What is left after some of the nodes cannot be covered, and after others it can.
        (
            [loose(2, 4), apart(2, 4), named((2, 3, 4), 3), named((1, 2, 3), 1)],
            [*used(3, 6, pins=(0,)), *used(1, 6), *used(3, 6, pins=(5,))],
            [
                (1, 0, 0, 1),
                (0, 0, 1, 0),
                (0, 0, 1, 0),
                (0, 1, 1, 0),
                (1, 1, 0, 0),
                (1, 1, 0, 0),
                (1, 1, 0, 0),
            ],
        ),
        # More nodes are asked for than there are, and no nodes at all.
        ([named((0,), 1), named((2,), 3)], [*fresh(2, 3)], None),
        ([loose(1, 1)], [], None),
        # Of two classes neither holds all of it, and together they do not.
        ([loose(2, 3), named((1,), 2)], [*fresh(2, 3), *used(1, 2)], None),
        (
            [apart(1, 3), loose(2, 5)],
            [*used(3, 7, pins=(3,)), *used(1, 5, 2), *used(1, 3, pins=(0,))],
            [(1, 2), (1, 1), (0, 0), (1, 1), (0, 1)],
        ),
        (
            [loose(3, 1), named((6,), 1), loose(4, 2), named((4, 5, 6, 7), 3)],
            [*used(3, 8, 2), *fresh(4, 8, 1, pins=(2,))],
            [(0, 0, 0, 0), (0, 0, 0, 1), (0, 0, 0, 1), (1, 1, 0, 0), (0, 0, 1, 0), (0, 0, 1, 0), (0, 0, 0, 1)],
        ),
    ],
)
def test_nodes_are_filled_where_trying_everything_finds_a_way_and_each_is_used_before_one_is_shared(
    kinds: list[Kind], nodes: list[Node], expected: list[Pattern] | None
) -> None:
    assert filled(nodes, blocks_of(kinds)) == expected
    assert possible([content for content, _ in nodes], kinds) == (expected is not None)
    if expected is not None:
        assert [sum(items) for items in zip(*expected, strict=True)] == [count for _, count, _ in kinds]
        for (content, _), pattern in zip(nodes, expected, strict=True):
            assert holds(content, kinds, pattern)
        empty = any(not any(pattern) and not on_it for (_, on_it), pattern in zip(nodes, expected, strict=True))
        shared = any(
            any(pattern) and sum(pattern) + on_it > 1 for (_, on_it), pattern in zip(nodes, expected, strict=True)
        )
        assert not (empty and shared)


@pytest.mark.parametrize(
    ("kinds", "base", "nodes"),
    [
        ([loose(3, 3), apart(3, 4), loose(7, 5)], Content(8), 9),
        # Two of three GPUs do not lie beside GPU 3 of six, and three of two do not beside GPU 1.
        ([named((3,), 2), loose(3, 3)], Content(6), 3),
        ([loose(2, 4)], Content(6, (), (1,)), 2),
        ([loose(2, 5)], Content(6, (), (1,)), 3),
        ([named((0,), 3), named((0, 1), 2), apart(1, 4)], Content(3), 5),
        # More than any worth of the blocks tells: one node less is tried, and does not do.
        ([apart(6, 2), loose(4, 3)], Content(8), 4),
        ([loose(2, 4), apart(5, 3)], Content(6), 5),
    ],
)
def test_the_fewest_nodes_are_those_with_which_trying_everything_finds_a_way(
    kinds: list[Kind], base: Content, nodes: int
) -> None:
    assert fewest_nodes(base, blocks_of(kinds)) == (nodes, nodes)
    assert possible([base] * nodes, kinds)
    assert not possible([base] * (nodes - 1), kinds)


TOO_MANY = [loose(gpus, 7) for gpus in range(1, 8)]  # ways to fill a node of 64 GPUs in pieces
PIECES = Content(64, (), (60, 61, 62))


def test_where_a_node_has_too_many_fillings_those_that_stand_once_on_each_are_counted() -> None:
    assert fewest_nodes(PIECES, blocks_of([*TOO_MANY, named((0,), 9), loose(8, 7)])) == (9, 9)
    assert fewest_nodes(PIECES, blocks_of([*TOO_MANY, loose(8, 7)])) == (5, 5)


def test_a_budget_that_ran_out_is_no_answer() -> None:
    """Nine nodes hold 63 slices of 8 GPUs, and 64 are asked for."""
    with pytest.raises(SpentError):
        filled([(PIECES, False)] * 9, blocks_of([*TOO_MANY, loose(8, 64)]))
