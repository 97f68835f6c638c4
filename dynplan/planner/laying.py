"""One node's GPUs where roles hold them in turns: which slices may lie over one another, and where each lies."""

from collections.abc import Iterator, Sequence
from functools import cache

from attrs import frozen

from dynplan.planner.content import Content
from dynplan.planner.cutting import Groups, Slice, cut
from dynplan.planner.turns import apart

_BUDGET = 20_000  # places that are tried for the slices of a node

Meets = tuple[frozenset[int], ...]  # per role those that it meets, itself among them, by their places in a list


@frozen
class Item:
    """A slice of a role: GPUs side by side, or where `pins` are not empty these."""

    role: int
    gpus: int
    pins: Slice = ()


@cache
def laid(items: tuple[Item, ...], gpus: int, groups: Groups, meets: Meets) -> tuple[Slice, ...] | None:
    """Lay slices on the GPUs of a node so that those of roles that meet are apart.

    Each in turn lies inside a group where that can be, and there as low as can be, unless that costs a later one its
    place: no slice could lie better where all others stay.

    Args:
        items: the slices, in the order in which they choose.
        gpus: of the node.
        groups: its islands, each a tuple of GPU indices.
        meets: by role the roles whose slices its own must be apart from.

    Returns:
        The GPUs of each slice; None where they do not fit, or no place was found within the budget.
    """
    if _too_many(items, gpus, meets):
        return None
    by_size = sorted(range(len(items)), key=lambda at: -items[at].gpus)
    for order in (range(len(items)), by_size):
        pinned_first = sorted(order, key=lambda at: not items[at].pins)
        found = _search([items[at] for at in pinned_first], gpus, groups, meets)
        if found is not None:
            slices = dict(zip(pinned_first, found, strict=True))
            return tuple(slices[at] for at in range(len(items)))
    return None


def _too_many(items: Sequence[Item], gpus: int, meets: Meets) -> bool:
    """Tell at once where a role and one that it meets have more GPUs together than there are."""
    by_role: dict[int, int] = {}
    for item in items:
        by_role[item.role] = by_role.get(item.role, 0) + item.gpus
    return any(
        size + (by_role[other] if other != role else 0) > gpus
        for role, size in by_role.items()
        for other in meets[role]
        if other in by_role
    )


def _search(items: Sequence[Item], gpus: int, groups: Groups, meets: Meets) -> list[Slice] | None:
    """Try places, the better ones first, and go back where a slice finds none."""
    group_of = {gpu: at for at, group in enumerate(groups) for gpu in group}
    held = [0] * len(meets)  # by role, a bit for each GPU

    def places(item: Item) -> Iterator[Slice]:
        taken = 0
        for role in meets[item.role]:
            taken |= held[role]
        runs = [item.pins] if item.pins else [tuple(range(at, at + item.gpus)) for at in range(gpus - item.gpus + 1)]
        free = [run for run in runs if not taken & _bits(run) and run[-1] < gpus]
        yield from sorted(free, key=lambda run: (len({group_of.get(gpu) for gpu in run}) > 1, run))

    steps, trail = 0, list[tuple[Iterator[Slice], Slice]]()
    choices = places(items[0]) if items else iter(())
    while len(trail) < len(items):
        run = next(choices, None)
        steps += 1
        if steps > _BUDGET:
            return None
        if run is not None:
            held[items[len(trail)].role] |= _bits(run)
            trail.append((choices, run))
            choices = places(items[len(trail)]) if len(trail) < len(items) else choices
        elif trail:
            choices, run = trail.pop()
            held[items[len(trail)].role] &= ~_bits(run)
        else:
            return None
    return [run for _, run in trail]


def _bits(run: Slice) -> int:
    return sum(1 << gpu for gpu in run)


@cache
def cut_in_turns(items: tuple[Item, ...], gpus: int, groups: Groups, meets: Meets) -> tuple[Slice, ...]:
    """Return the GPUs of each slice of a node; arguments as in `laid`.

    Where all of them have room at once nobody gives anything back. Else those of roles that never meet are cut apart
    from each other, and only where some roles meet and others do not are places tried.
    """
    if _at_once(items, gpus):
        return _cut(items, gpus, groups)
    slices: dict[int, Slice] = {}
    for part in apart(len(items), lambda one, other: items[one].role in meets[items[other].role]):
        of_part = tuple(items[at] for at in part)
        if all(other.role in meets[item.role] for item in of_part for other in of_part):
            found: tuple[Slice, ...] | None = _cut(of_part, gpus, groups)
        else:
            found = laid(of_part, gpus, groups, meets) or laid(of_part, gpus, (), meets)
        if found is None:
            raise ValueError(f"{of_part} do not lie on {gpus} GPUs")
        slices |= zip(part, found, strict=True)
    return tuple(slices[at] for at in range(len(items)))


def _at_once(items: Sequence[Item], gpus: int) -> bool:
    """Tell whether slices lie beside each other on a node."""
    content: Content | None = Content(gpus)
    for item in items:
        content = content and content.with_slices(() if item.pins else (item.gpus,), item.pins)
    return content is not None


def _cut(items: Sequence[Item], gpus: int, groups: Groups) -> tuple[Slice, ...]:
    """Cut a node as if nobody gave anything back."""
    pins = tuple(sorted(gpu for item in items for gpu in item.pins))
    pieces = iter(cut(tuple(item.gpus for item in items if not item.pins), gpus, groups, pins))
    return tuple(item.pins or next(pieces) for item in items)
