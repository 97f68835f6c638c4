"""Sequences and tables side by side: what goes, what comes, what stays. Both ways round it is the same."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_MOST_COMPARED = 4_000_000  # pairs of items; what is longer is told as a whole

Hunk = tuple[range, range]  # of the first sequence, and of the second in their place


def hunks(before: Sequence[str], after: Sequence[str]) -> tuple[list[Hunk], list[tuple[int, int]]]:
    """Return the stretches that differ, and the pairs of positions that are the same.

    difflib prefers one of its two sides, so the sides are put in order first: swapped they give the same, swapped.
    """
    if list(after) < list(before):
        other, pairs = hunks(after, before)
        return [(new, old) for old, new in other], [(new, old) for old, new in pairs]
    head = next((at for at, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), None)
    if head is None:
        head = min(len(before), len(after))
    tail = 0
    while tail < min(len(before), len(after)) - head and before[-1 - tail] == after[-1 - tail]:
        tail += 1
    middle = list(before[head : len(before) - tail]), list(after[head : len(after) - tail])
    found = [(range(head + a, head + b), range(head + c, head + d)) for a, b, c, d in _opcodes(*middle)]
    return found, list(_equal(found, len(before), len(after)))


def _opcodes(before: list[str], after: list[str]) -> Iterator[tuple[int, int, int, int]]:
    if len(before) * len(after) > _MOST_COMPARED or not (before and after):
        if before or after:
            yield 0, len(before), 0, len(after)
        return
    from difflib import SequenceMatcher  # most sequences are the same

    for tag, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag != "equal":
            yield a, b, c, d


def _equal(found: Sequence[Hunk], before: int, after: int) -> Iterator[tuple[int, int]]:
    at = 0, 0
    for old, new in [*found, (range(before, before), range(after, after))]:
        yield from zip(range(at[0], old.start), range(at[1], new.start), strict=True)
        at = old.stop, new.stop


def in_order(before: Sequence[str], after: Sequence[str]) -> list[str]:
    """Return the names of both sides, each once, about where it stands in either."""
    places = {name: at for names in (after, before) for at, name in enumerate(names)}
    other = {name: at for names in (before, after) for at, name in enumerate(names)}
    return sorted(places, key=lambda name: (min(places[name], other[name]), name))


def leaves(before: Any, after: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield what differs between two trees, each with its key path; `None` where one side has nothing."""
    if same(before, after):
        return
    if isinstance(before, Mapping | None) and isinstance(after, Mapping | None) and (before or after):
        old, new = before or {}, after or {}
        for key in in_order(list(old), list(new)):
            yield from leaves(old.get(key), new.get(key), f"{path}.{_key(key)}" if path else _key(key))
        return
    yield path, before, after


def same(before: Any, after: Any) -> bool:
    """Tell whether two trees are the same to the type; a NaN is the same as another one."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return before.keys() == after.keys() and all(same(value, after[key]) for key, value in before.items())
    if isinstance(before, list | tuple) and isinstance(after, list | tuple):
        return len(before) == len(after) and all(map(same, before, after))
    return type(before) is type(after) and repr(before) == repr(after)


def _key(name: str) -> str:
    """Write a key as TOML does: in quotes where it holds more than letters, digits, `-` and `_`."""
    import json  # a key that differs is the exception

    return name if name.replace("-", "a").replace("_", "a").isalnum() else json.dumps(name, ensure_ascii=False)
