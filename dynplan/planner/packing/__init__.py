"""The packer: counted items and bins in, the fewest equal bins or an arrangement in the bins there are out.

An item is a worker's share of one node, a bin is a node, a size is a number of GPUs. Everything is
counted and nothing listed: 40,000 items in 10,000 bins cost about as much as 40 items in 10.

The search is exact. Give every kind a worth, any integer from 0 up: items worth more than the
dearest fillings of all the bins do not fit, and so every choice of worths is a bound. Sizes make the
continuous bound, one kind alone the bound of its limit, and the linear relaxation over patterns
(Gilmore and Gomory, "A linear programming approach to the cutting-stock problem", Operations Research
9, 1961) finds the best worths there are. Dual feasible functions are worths too, so this bound is
never below theirs, nor below Martello and Toth's L2 ("Lower bounds and a reduction procedure for the
bin packing problem", Discrete Applied Mathematics 28, 1990), and unlike them it knows the limits.

What the relaxation can hold is rounded down (`relaxation`) and best fit places the rest (`best_fit`). Where that
fails the search fixes one bin and relaxes again, and every worth found on the way cuts other branches
(`branching`, `worths`).

All arithmetic is on integers but two orderings; nothing is random, hashed or timed.
"""

from collections.abc import Sequence

from dynplan.planner.packing.best_fit import best_fit
from dynplan.planner.packing.bins import BinClass, Kind, Packing, Pattern, Run, Unknown, bins_in, runs
from dynplan.planner.packing.branching import search_of
from dynplan.planner.packing.spreading import spread

BUDGET = 100_000

__all__ = ["BUDGET", "BinClass", "Kind", "Packing", "Pattern", "Run", "Unknown", "arrange", "pack"]


def pack(capacity: int, kinds: Sequence[Kind], budget: int = BUDGET) -> Packing:
    """Pack the items into the fewest bins.

    Args:
        capacity: What one bin holds, in the unit of the items' sizes.
        kinds: The items.
        budget: Steps (pivots and patterns looked at) for each number of bins that is tried.

    Returns:
        A packing, proven minimal unless the budget ran out.

    Raises:
        ValueError: An item fits into no bin, however many there are.
    """
    search = search_of([BinClass(capacity, 0)], kinds)
    need = tuple(kind.count for kind in kinds)
    best = best_fit(search.problem, need, (sum(need),))
    if best is None:
        raise ValueError(f"an item of {kinds} fits into no bin of {capacity}")
    lower = bins = search.bound(need)
    while bins < bins_in(best):
        found = search.fill(need, (bins,), budget)
        if isinstance(found, list):
            best = found
            break
        proven = found is None and lower == bins
        bins = max(bins + 1, search.bound(need))
        lower = bins if proven else lower
    return Packing(runs(best), lower)


def arrange(
    classes: Sequence[BinClass], kinds: Sequence[Kind], budget: int = BUDGET
) -> tuple[tuple[Run, ...], ...] | Unknown | None:
    """Put the items into bins of several classes.

    Args:
        classes: The bins there are.
        kinds: The items.
        budget: Steps (pivots and patterns looked at).

    Returns:
        The used bins of each class; None when the items do not fit; or that the budget ran out.
    """
    search = search_of(classes, kinds)
    need = tuple(kind.count for kind in kinds)
    left = tuple(bins.count for bins in classes)
    found = search.fill(need, left, budget)
    if not isinstance(found, list):
        return found
    used = spread(search.problem, left, [bins.must_use for bins in classes], found)
    return tuple(runs([group for group in used if group[0] == cls]) for cls in range(len(classes)))
