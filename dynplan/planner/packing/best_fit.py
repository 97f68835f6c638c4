"""Best fit: items into the bins with the least room, kind by kind."""

from collections.abc import Sequence

from dynplan.planner.packing.bins import Group, Pattern, Problem, bins_in, dot, free_in, with_items


def best_fit(problem: Problem, need: Pattern, left: Pattern) -> list[Group] | None:
    """Return the better of two best fits: large kinds first, and kinds with little room first; None where both fail."""
    scarcity = [items / (dot(left, [caps[kind] for caps in problem.caps]) or 1) for kind, items in enumerate(need)]
    orders = (
        sorted(range(len(need)), key=lambda kind: -problem.sizes[kind]),
        sorted(range(len(need)), key=lambda kind: -scarcity[kind]),
    )
    found = [groups for order in orders if (groups := _in_order(problem, need, left, order)) is not None]
    return min(found, key=bins_in, default=None)


def _in_order(problem: Problem, need: Pattern, left: Pattern, order: Sequence[int]) -> list[Group] | None:
    groups = [(cls, bins, (0,) * len(need)) for cls, bins in enumerate(left) if bins]
    for kind in order:
        items = need[kind]
        placed: list[Group] = []
        for group in sorted(groups, key=lambda group: free_in(problem, group)):
            parts, items = _put(problem, group, kind, items)
            placed += parts
        if items:
            return None
        groups = placed
    return [group for group in groups if any(group[2])]


def _put(problem: Problem, group: Group, kind: int, items: int) -> tuple[list[Group], int]:
    """Put items into equal bins: into some the most that fits, into one the rest, none into the others."""
    cls, bins, pattern = group
    each = min(problem.caps[cls][kind], free_in(problem, group) // problem.sizes[kind])
    parts = []
    for part in (each, items % each if each else 0):
        used = min(bins, items // part) if part else 0
        parts.append((cls, used, with_items(pattern, kind, part)))
        bins -= used
        items -= used * part
    return [part for part in [*parts, (cls, bins, pattern)] if part[1]], items
