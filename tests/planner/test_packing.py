"""The packer against every way to fill the bins, and where it may give up."""

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from dynplan.planner.packing import BinClass, Kind, Packing, Pattern, Run, Unknown, arrange, pack
from tests.laws.profile import law, some

few = st.integers(0, 4)
kinds = st.lists(
    st.builds(Kind, st.integers(1, 6), few, st.one_of(st.none(), st.integers(1, 2))), min_size=1, max_size=3
)


def fillings(free: int, kinds: Sequence[Kind], need: Pattern) -> Iterator[Pattern]:
    """Yield every way to fill one bin, the empty one too."""
    if not kinds:
        yield ()
        return
    kind = kinds[0]
    most = need[0] if kind.limit is None else min(need[0], kind.limit)
    for items in range(min(most, free // kind.size), -1, -1):
        for rest in fillings(free - items * kind.size, kinds[1:], need[1:]):
            yield (items, *rest)


def can_fill(bins: Sequence[int], kinds: Sequence[Kind], need: Pattern) -> bool:
    """Try every way to put the items into bins that hold so much each."""
    if not any(need):
        return True
    if not bins:
        return False
    free, *rest = bins
    return any(
        can_fill(rest, kinds, tuple(n - items for n, items in zip(need, pattern, strict=True)))
        for pattern in fillings(free, kinds, need)
    )


def fewest(capacity: int, kinds: Sequence[Kind]) -> int:
    need = tuple(kind.count for kind in kinds)
    return next(bins for bins in range(sum(need) + 1) if can_fill([capacity] * bins, kinds, need))


def check_runs(runs: Sequence[Run], free: int, kinds: Sequence[Kind]) -> Pattern:
    """Hold every bin against its limits, and return how many items lie in all of them."""
    placed = [0] * len(kinds)
    for bins, pattern in runs:
        assert bins > 0
        assert any(pattern)
        assert sum(items * kind.size for items, kind in zip(pattern, kinds, strict=True)) <= free
        for at, (items, kind) in enumerate(zip(pattern, kinds, strict=True)):
            assert kind.limit is None or items <= kind.limit
            placed[at] += bins * items
    return tuple(placed)


@given(st.integers(6, 12), kinds)
@law
def test_the_fewest_bins_are_what_trying_everything_finds(capacity: int, kinds: list[Kind]) -> None:
    assume(sum(kind.count for kind in kinds) <= 9)
    found = pack(capacity, kinds)
    assert check_runs(found.bins, capacity, kinds) == tuple(kind.count for kind in kinds)
    assert (found.total, found.proven) == (fewest(capacity, kinds), True)


@st.composite
def bins_and_items(draw: st.DrawFn) -> tuple[list[BinClass], list[Kind]]:
    """Return bins of up to three classes, and items."""
    items = draw(kinds)
    classes = st.builds(BinClass, st.integers(1, 9), st.integers(0, 3), st.booleans())
    return draw(st.lists(classes, min_size=1, max_size=3)), items


@given(bins_and_items())
@law
def test_an_arrangement_in_bins_of_several_classes_is_found_or_there_is_none(
    asked: tuple[list[BinClass], list[Kind]],
) -> None:
    classes, kinds = asked
    assume(sum(kind.count for kind in kinds) <= 8)
    need = tuple(kind.count for kind in kinds)
    bins = [cls.free for cls in classes for _ in range(cls.count)]
    found = arrange(classes, kinds)
    assert not isinstance(found, Unknown)
    assert (found is not None) == can_fill(bins, kinds, need)
    if found is not None:
        placed = [check_runs(runs, cls.free, kinds) for cls, runs in zip(classes, found, strict=True)]
        assert tuple(map(sum, zip(*placed, strict=True))) == need
        assert all(sum(bins for bins, _ in runs) <= cls.count for cls, runs in zip(classes, found, strict=True))


@given(st.integers(1, 6), st.integers(1, 4), st.integers(1, 4), st.integers(1, 4))
@some(0.3)
def test_no_bin_that_must_be_used_is_left_empty_while_another_has_two(
    bins: int, first: int, second: int, third: int
) -> None:
    kinds = [Kind(1, first), Kind(2, second), Kind(3, third)]
    assume(bins <= first + second + third)
    found = arrange([BinClass(8, bins, must_use=True)], kinds)
    if isinstance(found, tuple):
        assert sum(count for count, _ in found[0]) == bins


def test_first_fit_in_any_order_would_take_a_bin_more() -> None:
    found = pack(8, [Kind(4, 1), Kind(3, 2), Kind(2, 3)])
    assert (found.total, found.lower) == (2, 2)


def test_bins_that_fractions_would_fill_are_proven_too_few() -> None:
    """Marcotte's instance: in fractions two bins are enough, 259 of 264, and no packing does with less than three."""
    kinds = [Kind(44, 2), Kind(33, 3), Kind(12, 6)]
    found = pack(132, kinds)
    assert (found.total, found.lower) == (fewest(132, kinds), 3)
    assert arrange([BinClass(132, 2)], kinds) is None
    twice = [Kind(44, 4), Kind(33, 6), Kind(12, 12)]
    assert (pack(132, twice).total, pack(132, twice).proven) == (4, True)


@pytest.mark.parametrize(
    ("bins", "items"),
    [
        ([(29, 1), (27, 1), (9, 1)], [(7, 2), (8, 1), (11, 2), (9, 2)]),
        ([(21, 2), (14, 2)], [(4, 3), (10, 3), (5, 2), (8, 2)]),
        ([(30, 1), (28, 2)], [(6, 3), (15, 2), (8, 2), (19, 1)]),
        ([(23, 1), (28, 1), (30, 1)], [(6, 2), (5, 3), (4, 2), (14, 1), (15, 2)]),
        ([(30, 1), (16, 1), (22, 2)], [(11, 1), (9, 2), (13, 3), (4, 2), (6, 2)]),
        ([(15, 1), (9, 2)], [(7, 2), (3, 1), (4, 2), (5, 1)]),
        ([(44, 3), (88, 2)], [(44, 2), (33, 3), (12, 6)]),
        ([(132, 1), (127, 1)], [(44, 2), (33, 3), (12, 6)]),
    ],
)
def test_what_best_fit_and_fractions_miss_is_searched_for(
    bins: list[tuple[int, int]], items: list[tuple[int, int]]
) -> None:
    classes, kinds = [BinClass(*each) for each in bins], [Kind(*each) for each in items]
    need = tuple(kind.count for kind in kinds)
    found = arrange(classes, kinds)
    assert not isinstance(found, Unknown)
    assert (found is not None) == can_fill([free for free, count in bins for _ in range(count)], kinds, need)
    for (free, count), runs in zip(bins, found or (), strict=bool(found)):
        assert check_runs(runs, free, kinds)
        assert sum(times for times, _ in runs) <= count


def test_a_thousand_bins_are_filled_without_a_rest() -> None:
    """3 + 3 + 2 and 5 + 3: the sum of the sizes is that of the bins."""
    found = pack(8, [Kind(3, 5000), Kind(2, 2000), Kind(5, 1000)])
    assert (found.total, found.proven) == (3000, True)
    assert check_runs(found.bins, 8, [Kind(3, 5000), Kind(2, 2000), Kind(5, 1000)]) == (5000, 2000, 1000)


def test_a_limit_of_one_is_a_bin_for_each() -> None:
    assert pack(8, [Kind(1, 7, 1), Kind(8, 2)]).bins == ((7, (1, 0)), (2, (0, 1)))


def test_nothing_takes_no_bin() -> None:
    assert pack(8, [Kind(3, 0)]) == Packing((), 0)


def test_an_item_larger_than_a_bin_is_an_error() -> None:
    with pytest.raises(ValueError, match="fits into no bin of 8"):
        pack(8, [Kind(9, 1)])
    assert arrange([BinClass(8, 3)], [Kind(9, 1)]) is None


def test_a_budget_that_runs_out_is_told_and_the_packing_still_holds() -> None:
    kinds = [Kind(size, 7) for size in (17, 19, 23, 29, 31, 37, 41, 43)]
    found = pack(97, kinds, budget=1)
    assert check_runs(found.bins, 97, kinds) == (7,) * 8
    assert found.lower <= pack(97, kinds).total <= found.total
    bins = -(-sum(kind.size * kind.count for kind in kinds) // 97)
    assert arrange([BinClass(97, bins)], kinds, budget=1) == Unknown(1)


@given(st.lists(st.builds(Kind, st.integers(1, 16), st.integers(1, 30), st.one_of(st.none(), st.just(1))), max_size=4))
@example([Kind(7, 30), Kind(5, 30), Kind(3, 30), Kind(11, 9)])
@law
def test_what_people_ask_for_is_always_proven(kinds: list[Kind]) -> None:
    assume(kinds and sum(kind.size * kind.count for kind in kinds) <= 300)
    assert pack(16, kinds).proven
