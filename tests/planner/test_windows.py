"""Workers larger than a node in windows of nodes: which ways to place them are found, first and next."""

from collections.abc import Iterator, Sequence
from itertools import combinations, islice, permutations

import pytest

from dynplan.planner.demand import Demand
from dynplan.planner.remaining import Homes
from dynplan.planner.windows import Board, Steps, assignments
from tests.planner.test_domains import job, role
from tests.plans import plan_of

Sizes = tuple[int, ...]
Way = list[Homes]  # by role, the nodes of each of its workers
ROLE = plan_of(job(role("w", 1, 2))).job.roles[0]  # no window asks for more of a role than its demand says


def wide(workers: int, *slices: int) -> Demand:
    return Demand(ROLE, "wide", workers, 1, workers * len(slices), slices)


def apart(workers: int, *slices: int) -> Demand:
    return Demand(ROLE, "wide", workers, 1, workers * len(slices), slices, apart=True)


def ways(demands: Sequence[Demand], board: Board, steps: Steps) -> list[Way]:
    """Return the first three."""
    return list(islice(assignments(demands, board, steps), 3))


def board_of(free: Sequence[int], size: int, closed: Sequence[int] = (), domain: int = 0) -> Board:
    return Board(list(free), size, domain or size, frozenset(closed), [()] * len(free))


def homes_of(slices: Sizes, size: int, nodes: int) -> Iterator[Sizes]:
    """Yield all nodes that a worker may have: in as few windows as it comes to."""
    windows = [range(first, first + size) for first in range(0, nodes, size)]
    for chosen in combinations(windows, -(-len(slices) // size)):
        for home in permutations((node for window in chosen for node in window), len(slices)):
            if len(slices) < size or all(any(node in home for node in window) for window in chosen):
                yield home


def stands(demands: Sequence[Demand], free: Sequence[int], size: int, closed: Sequence[int]) -> bool:
    """Try every way to place every worker."""
    workers = [at for at, demand in enumerate(demands) for _ in range(demand.workers)]
    dead = set()

    def place(at: int, left: Sizes, holders: tuple[frozenset[int], ...]) -> bool:
        if at == len(workers):
            return True
        if (at, left, holders) in dead:
            return False
        mine, slices = workers[at], demands[workers[at]].slices
        for home in homes_of(slices, size, len(free)):
            after, held = list(left), list(holders)
            for node, gpus in zip(home, slices, strict=True):
                after[node] -= gpus
                held[node] |= {mine}
            shared = [holders[node] for node in home]
            alone = not (demands[mine].apart and any(mine in there for there in shared))
            alone = alone and not any(len(held[node]) > 1 and held[node] & set(closed) for node in home)
            if min(after) >= 0 and alone and place(at + 1, tuple(after), tuple(held)):
                return True
        dead.add((at, left, holders))
        return False

    return place(0, tuple(free), (frozenset(),) * len(free))


def check_way(way: Way, demands: Sequence[Demand], board: Board) -> None:
    left, holders = list(board.free), [set[int]() for _ in board.free]
    for at, (demand, homes) in enumerate(zip(demands, way, strict=True)):
        assert len(homes) == demand.workers
        for home in homes:
            assert len(set(home)) == len(home) == len(demand.slices)
            assert len({node // board.size for node in home}) == board.whole(demand) + 1
            for node, gpus in zip(home, demand.slices, strict=True):
                left[node] -= gpus
                assert not (demand.apart and at in holders[node])
                holders[node].add(at)
    assert min(left) >= 0
    assert not any(len(there) > 1 and there & board.closed for there in holders)


@pytest.mark.parametrize(
    ("demands", "board", "expected"),
    [
        # In the order given, then with those of the most nodes first, then every way that differs. Nodes on which a
        # worker of the role leaves room come first, then unused ones.
        (
            [wide(1, 3, 2), apart(1, 1, 1), wide(3, 3, 2)],
            board_of([3] * 8, 4),
            [[[(0, 1)], [(2, 1)], [(3, 2), (4, 5), (6, 7)]]] * 3,
        ),
        (
            [wide(2, 3, 1), wide(1, 3, 3, 3, 3)],
            board_of([3, 3, 3, 3, 1, 3, 3, 3], 4, closed=[1]),
            [[[(5, 4), (6, 7)], [(0, 1, 2, 3)]]] * 2 + [[[(5, 6), (7, 6)], [(0, 1, 2, 3)]]],
        ),
        # Larger than a domain: whole windows, and the rest in any other.
        (
            [apart(2, 1, 1, 1)],
            board_of([3, 1, 2, 3, 3, 3], 2),
            [[[(0, 1, 2), (4, 5, 3)]]] * 2 + [[[(0, 1, 3), (4, 5, 2)]]],
        ),
        ([wide(2, 3, 3, 1)], board_of([3] * 6, 3, domain=6), [[[(0, 1, 2), (3, 4, 5)]]] * 2),
        ([apart(1, 4, 4, 4, 4, 4, 3)], board_of([4, 3, 4, 4], 2), []),
        # Where no two slices share a node, one way is all there is to say.
        ([wide(1, 2, 1)], board_of([2, 2], 2), [[[(0, 1)]]]),
        ([wide(2, 2, 2)], board_of([2] * 4, 4), [[[(0, 1), (2, 3)]]]),
        ([wide(2, 3, 2)], board_of([4] * 4, 4, domain=8), [[[(0, 1), (2, 1)]]] * 2 + [[[(0, 1), (2, 3)]]]),
        (
            [wide(3, 3, 1)],
            board_of([0, 3, 3, 3, 3, 3], 3, closed=[0]),
            [[[(1, 2), (3, 4), (5, 4)]]] * 3,
        ),
        # Packed, where neither order finds room.
        (
            [wide(3, 1, 1), wide(2, 1, 1, 1, 1)],
            board_of([1] * 15, 3),
            [[[(6, 7), (9, 10), (12, 13)], [(0, 1, 2, 8), (3, 4, 5, 11)]]],
        ),
    ],
)
def test_the_first_ways_to_place_workers_in_windows(demands: list[Demand], board: Board, expected: list[Way]) -> None:
    steps = Steps()
    found = ways(demands, board, steps)
    assert (found, steps.spent) == (expected, False)
    for way in found:
        check_way(way, demands, board)
    if board.domain == board.size and len(board.free) <= 8:
        assert stands(demands, board.free, board.size, sorted(board.closed)) == bool(expected)


@pytest.mark.parametrize(
    ("demands", "free", "left", "expected"),
    [
        # Of three workers each is looked at in one place before the steps end.
        ([wide(3, 3, 3, 1)], [3, 3, 3, 3, 3, 0, 3, 3], 8, ([[[(0, 1, 4), (2, 3, 4), (6, 7, 4)]]], True)),
        ([wide(1, 2, 1), apart(1, 2, 2, 1)], [2] * 6, 2, ([[[(3, 2)], [(0, 1, 2)]]] * 2, True)),
        # Of a hundred tasks all ways are looked at, of more none.
        ([wide(50, 1, 1)], [0, 1, 0, 1], 5, ([], False)),
        ([wide(34, 1, 1, 1)], [0, 1, 0, 1], 5, ([], True)),
    ],
)
def test_ways_that_were_not_looked_at_are_told(
    demands: list[Demand], free: list[int], left: int, expected: tuple[list[Way], bool]
) -> None:
    steps = Steps(left)
    assert (ways(demands, board_of(free, 2), steps), steps.spent) == expected


@pytest.mark.parametrize("free", [(2, 2, 2, 2), (2, 1, 2, 1), (1, 2, 2, 0), (2, 2, 2, 2, 1, 2)])
@pytest.mark.parametrize(
    "demands",
    [
        [wide(2, 2, 1)],
        [wide(2, 1, 1), wide(1, 2, 2)],
        [apart(2, 1, 1), wide(1, 2, 1)],
        [wide(1, 2, 1), wide(1, 2, 1), wide(1, 2, 2)],
        [wide(1, 2, 2, 1), wide(1, 1, 1)],
    ],
)
@pytest.mark.parametrize("closed", [(), (0,)])
def test_there_is_a_way_where_trying_everything_finds_one(free: Sizes, demands: list[Demand], closed: Sizes) -> None:
    board, steps = board_of(free, 2, closed), Steps()
    found = ways(demands, board, steps)
    assert bool(found) == stands(demands, free, 2, closed)
    for way in found:
        check_way(way, demands, board)
