"""Workers larger than a node in windows: equal runs of nodes, each of which will be nodes of one domain.

Only workers that span nodes are placed here. What they leave of each node is for the other roles, wherever it is.
"""

from collections.abc import Iterator, Sequence

from attrs import define, evolve

from dynplan.planner.demand import Demand
from dynplan.planner.remaining import Homes

_BUDGET = 5_000  # ways to place a worker that are looked at, in a search that packing does not do
_MOST_SEARCHED = 100  # tasks, in such a search


@define(eq=False, repr=False)
class Board:
    """What is left of each node while workers get theirs.

    Attributes:
        free: GPUs, by node.
        size: nodes of a window; the last ones stand in the last window, all of which are whole.
        domain: nodes of a domain, `size` at the least.
        closed: the roles that share their nodes with no other, by their index.
        holders: per node the roles that are there.
    """

    free: list[int]
    size: int
    domain: int
    closed: frozenset[int]
    holders: list[tuple[int, ...]]

    def copy(self) -> "Board":
        """Return a board on which others may be placed."""
        return evolve(self, free=list(self.free), holders=list(self.holders))

    def window(self, at: int) -> range:
        """Return the nodes of a window."""
        return range(at * self.size, (at + 1) * self.size)

    @property
    def windows(self) -> range:
        """The windows by index."""
        return range(len(self.free) // self.size)

    def whole(self, demand: Demand) -> int:
        """Return how many windows a worker takes as a whole: those of its domains but one."""
        return -(-len(demand.slices) // self.domain) - 1

    def rest(self, demand: Demand) -> tuple[int, ...]:
        """Return the slices that a worker has on the one window that it need not have for itself."""
        return demand.slices[self.whole(demand) * self.size :]

    def take(self, node: int, gpus: int, role: int) -> None:
        """Take so many GPUs of a node."""
        self.free[node] -= gpus
        self.holders[node] = (*self.holders[node], role)


@define
class Steps:
    """How many ways may still be looked at."""

    left: int = _BUDGET

    @property
    def spent(self) -> bool:
        """Whether there may be more than was looked at."""
        return self.left <= 0


def spans(demands: Sequence[Demand]) -> list[Demand]:
    """Return the roles of which a worker spans nodes."""
    return [demand for demand in demands if demand.form == "wide"]


def solid(demands: Sequence[Demand], room: int) -> bool:
    """Tell whether no two slices of these roles fit on a node: windows are then filled by numbers of nodes alone."""
    least = [demand.slices[-1] for demand in demands]
    pairs = sorted(least)[:2]
    alone = any(demand.workers > 1 and not demand.apart and 2 * demand.slices[-1] <= room for demand in demands)
    return not alone and (len(pairs) < 2 or sum(pairs) > room)


def assignments(demands: Sequence[Demand], board: Board, steps: Steps) -> Iterator[list[Homes]]:
    """Yield ways to place all workers, by role, the quickest found first; nothing where there is none.

    A worker stands in one window, or in as few as the domains that it is larger than come to. Where all ways leave as
    much on as many nodes one is enough.
    """
    large = sorted(range(len(demands)), key=lambda at: -len(demands[at].slices))
    alike = len(set(board.free)) == 1 and solid(demands, board.free[0])
    for order in dict.fromkeys([tuple(range(len(demands))), tuple(large)]):
        if found := _first_fit(demands, order, board.copy()):
            yield found
            if alike:
                return
    if alike:
        yield from _packed(demands, board, steps)
    elif sum(demand.workers * len(demand.slices) for demand in demands) > _MOST_SEARCHED:
        steps.left = 0
    else:
        workers = [role for role in large for _ in range(demands[role].workers)]
        for placed in _searched(demands, workers, board.copy(), steps):
            yield [sorted(home for at, home in placed if at == role) for role in range(len(demands))]


# The first window with room


def _first_fit(demands: Sequence[Demand], order: Sequence[int], board: Board) -> list[Homes] | None:
    homes: dict[int, Homes] = {}
    for role in sorted(order, key=lambda role: not board.whole(demands[role])):  # whole windows are there only once
        at, found = 0, []
        for _ in range(demands[role].workers):
            whole = _whole(demands[role], role, board)
            home = None
            while whole is not None and home is None and at < len(board.windows):
                home = _in_window(demands[role], role, at, board)
                at += home is None  # room only shrinks
            if whole is None or home is None:
                return None
            found.append((*whole, *home))
        homes[role] = sorted(found)
    return [homes[role] for role in range(len(demands))]


def _whole(demand: Demand, role: int, board: Board) -> tuple[int, ...] | None:
    """Take the windows that a worker has for itself, the lowest ones; None where there are not so many."""
    wanted = board.whole(demand)
    nodes: list[int] = []
    for at in board.windows if wanted else ():
        mine = board.window(at)
        slices = demand.slices[len(nodes) : len(nodes) + board.size]
        if len(nodes) < wanted * board.size and all(
            not board.holders[node] and board.free[node] >= gpus for node, gpus in zip(mine, slices, strict=True)
        ):
            nodes += mine
    if len(nodes) < wanted * board.size:
        return None
    for node, gpus in zip(nodes, demand.slices, strict=False):
        board.take(node, gpus, role)
    return tuple(nodes)


def _in_window(demand: Demand, role: int, at: int, board: Board) -> tuple[int, ...] | None:
    """Take the nodes of a worker in a window, or of its last slices; None, and nothing is taken, where it has no room.

    Nodes that workers of the role leave room on come first, then unused ones.
    """
    home: list[int] = []
    slices = board.rest(demand)
    nodes = board.window(at)
    for gpus in slices:
        open_nodes = [node for node in nodes if node not in home and _open(demand, role, node, gpus, board)]
        if not open_nodes:
            return None
        home.append(min(open_nodes, key=lambda node: (_rank(board.holders[node], role), node)))
    for node, gpus in zip(home, slices, strict=True):
        board.take(node, gpus, role)
    larger = slices.count(slices[0])
    return (*sorted(home[:larger]), *sorted(home[larger:]))


def _open(demand: Demand, role: int, node: int, gpus: int, board: Board) -> bool:
    """Tell whether a slice of a role may stand on a node."""
    holders = board.holders[node]
    if board.free[node] < gpus or (role in holders and demand.apart):
        return False
    return all(other == role or not board.closed & {role, other} for other in holders)


def _rank(holders: tuple[int, ...], role: int) -> int:
    return 0 if role in holders else 1 if not holders else 2


# Windows filled by numbers of nodes


def _packed(demands: Sequence[Demand], board: Board, steps: Steps) -> Iterator[list[Homes]]:
    """Place workers of which each node holds one slice; the answer is exact, unless the packer gives up.

    It is no loss that a worker larger than a domain has all its windows but one for itself: what else stands in them
    fits into that one, and worker by worker it can be moved there.
    """
    from dynplan.planner.packing import BinClass, Kind, Unknown, arrange  # where no order of roles fits

    whole = sum(board.whole(demand) * demand.workers for demand in demands)
    left = len(board.windows) - whole
    sizes = sorted({len(board.rest(demand)) for demand in demands}, reverse=True)
    kinds = [Kind(size, sum(demand.workers for demand in demands if len(board.rest(demand)) == size)) for size in sizes]
    found = arrange([BinClass(board.size, left)], kinds) if left > 0 else None
    if isinstance(found, Unknown):
        steps.left = 0
    if found is None or isinstance(found, Unknown):
        return
    starts: dict[int, list[int]] = {size: [] for size in sizes}
    patterns = sorted((pattern for times, pattern in found[0] for _ in range(times)), reverse=True)
    for at, pattern in enumerate(patterns):
        first = (whole + at) * board.size
        for size, times in zip(sizes, pattern, strict=True):
            starts[size] += range(first, first + times * size, size)
            first += times * size
    firsts = {size: iter(nodes) for size, nodes in starts.items()}
    windows = iter(range(whole))
    yield [_homes_at(demand, firsts, windows, board) for demand in demands]


def _homes_at(demand: Demand, firsts: dict[int, Iterator[int]], windows: Iterator[int], board: Board) -> Homes:
    """Return the nodes of a role's workers, the last ones of each from the next of `firsts` on."""
    size, homes = len(board.rest(demand)), []
    for _ in range(demand.workers):
        own = [node for _ in range(board.whole(demand)) for node in board.window(next(windows))]
        first = next(firsts[size])
        homes.append((*own, *range(first, first + size)))
    return sorted(homes)


# Nodes that several workers share


_Placed = tuple[int, tuple[int, ...]]  # a role by its index, and the nodes of one of its workers


def _searched(demands: Sequence[Demand], workers: Sequence[int], board: Board, steps: Steps) -> Iterator[list[_Placed]]:
    """Yield all ways that differ, worker by worker, as far as the steps go."""
    if not workers:
        yield []
        return
    role, *others = workers
    for home, after in _ways(demands[role], role, board):
        steps.left -= 1
        if steps.spent:
            return
        for rest in _searched(demands, others, after, steps):
            yield [(role, home), *rest]


def _ways(demand: Demand, role: int, board: Board) -> Iterator[tuple[tuple[int, ...], Board]]:
    """Yield the nodes that a worker may have, of those that are alike the lowest, and what is left then."""
    board = board.copy()
    whole = _whole(demand, role, board)
    if whole is None:
        return
    told = set()
    for at in board.windows:
        state = tuple((board.free[node], board.holders[node]) for node in board.window(at))
        if state not in told:
            told.add(state)
            for home in _choices(demand, role, board.rest(demand), board.window(at), board):
                after = board.copy()
                for node, gpus in zip(home, board.rest(demand), strict=True):
                    after.take(node, gpus, role)
                yield (*whole, *home), after


def _choices(
    demand: Demand, role: int, slices: Sequence[int], nodes: Sequence[int], board: Board
) -> Iterator[tuple[int, ...]]:
    """Yield nodes of a window for slices, the first in front; nodes that are alike go in their order."""
    if not slices:
        yield ()
        return
    told = set()
    for node in sorted(nodes, key=lambda node: (_rank(board.holders[node], role), node)):
        state = board.free[node], board.holders[node]
        if state not in told and _open(demand, role, node, slices[0], board):
            told.add(state)
            others = [other for other in nodes if other != node]
            yield from ((node, *rest) for rest in _choices(demand, role, slices[1:], others, board))
