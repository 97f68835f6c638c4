"""Several drafts of one file as one job: what they have in common, and a `[sweep]` of what differs."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import evolve, frozen

from dynplan.diagnostics import Path
from dynplan.importers.draft import Comment, Draft
from dynplan.language.limits import seconds_of

_MISSING = object()


@frozen
class Grid:
    """A sweep of every combination: values by key path, and which keys go together."""

    values: tuple[tuple[Path, tuple[Any, ...]], ...]
    together: tuple[tuple[Path, ...], ...]


@frozen
class Sweep:
    """What differs between jobs: named points, or a grid that gives the same ones."""

    points: tuple[tuple[str, tuple[tuple[Path, Any], ...]], ...]
    grid: Grid | None = None


def inlined(drafts: Sequence[Draft], presets: Mapping[str, Mapping[str, Any]]) -> None:
    """Say how many GPUs a worker has, in every draft alike.

    Where the engine's sizes come to the same number everywhere, they say it. Where they do not, the role stands on its
    own feet: with what its preset says, and the number that the source's planner gives.
    """
    roles = dict.fromkeys(name for draft in drafts for name in draft.gpus)
    for name in roles:
        having = [draft for draft in drafts if name in draft.gpus]
        own = [draft for draft in having if draft.needs.get(name, draft.gpus[name]) != draft.gpus[name]]
        sized = all(name in draft.needs for draft in having)
        for draft in having:
            role = draft.role(name)
            if sized and not own:
                role.pop("gpus-per-worker", None)
                continue
            rest = {key: value for key, value in role.items() if key not in ("engine", "workers")}
            preset = presets.get(str(role["engine"]), {}) if own else {}
            below = {key: value for key, value in preset.items() if key not in _OF_PRESETS}
            kept = {} if own else {"engine": role["engine"]}
            draft.job["roles"][name] = {
                **kept,
                "workers": role["workers"],
                "gpus-per-worker": draft.gpus[name],
                **_over(below, {key: value for key, value in rest.items() if key != "gpus-per-worker"}),
            }
            if own:
                _switched_off(draft.job["roles"][name], preset)
                _shorter(draft.job["roles"][name], seconds_of(str(draft.job.get("job", {}).get("time", ""))))
                why = f"{draft.gpus[name]} GPUs for each worker, of which its engine uses {draft.needs[name]}:"
                draft.say(("roles", name, "workers"), why, f"so this role is `{role['engine']}` spelt out")


def _switched_off(role: dict[str, Any], preset: Mapping[str, Any]) -> None:
    """Set the switches that conditions of a preset ask for where the role has none of them."""
    for spellings in preset.get("switches", ()):
        names = [spelling.lstrip("-") for spelling in spellings.split()]
        if not any(name in role.get("args", {}) for name in names):
            role.setdefault("args", {})[names[0]] = False


def _shorter(role: dict[str, Any], limit: int) -> None:
    """Leave out the limit of a preset that is longer than the whole job."""
    ready = role.get("ready")
    if limit and isinstance(ready, dict) and ready.get("timeout") == "1h" and limit < _HOUR:
        role["ready"] = {**ready, "timeout": f"{limit}s"}


_HOUR = 3600
_OF_PRESETS = ("about", "extends", "required", "sizes", "switches", "gpus-per-worker")


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(below)
    for key, value in above.items():
        old = found.get(key)
        if key == "ports" and isinstance(old, Mapping):
            moved = {
                name: {"base": port} if name in old and not isinstance(port, dict) else port
                for name, port in value.items()
            }
            found[key] = _over(old, moved)
        elif isinstance(old, Mapping) and isinstance(value, Mapping):
            found[key] = _over(old, value)
        else:
            found[key] = value
    return found


def joined(drafts: Sequence[Draft], values: Sequence[Mapping[str, Any]]) -> tuple[Draft, Sweep | None]:
    """Return one draft with all that drafts have in common, and what differs.

    Args:
        drafts: at least one, each with the name of its point.
        values: of each the parameters of its sweep, as written; empty where it has none.
    """
    first = drafts[0]
    if len(drafts) == 1:
        return first, None
    common = _common([draft.job for draft in drafts], ())
    if "phases" in common:
        common["phases"] = _in_order(common["phases"], drafts)
    notes: dict[Path, Comment] = {}
    for draft in drafts:
        notes = {**draft.notes, **notes}
    cluster = _common([draft.cluster for draft in drafts], ())
    out = evolve(first, job=common, cluster=cluster, notes=notes)
    points = []
    for draft in drafts:
        differences = tuple(_differences(common, draft.job, ())) + tuple(
            (("cluster", *path), value) for path, value in _differences(cluster, draft.cluster, ())
        )
        points.append((draft.point, differences))
    return out, Sweep(tuple(points), _grid(drafts, points, values))


def _common(tables: Sequence[Mapping[str, Any]], path: Path) -> dict[str, Any]:
    """Return what tables have in common; of values that differ the first, for points say their own."""
    found: dict[str, Any] = {}
    for key in dict.fromkeys(key for table in tables for key in table):
        values = [table.get(key, _MISSING) for table in tables]
        here = (*path, key)
        there = [value for value in values if value is not _MISSING]
        if all(isinstance(value, dict) for value in there):
            if len(there) == len(values):
                found[key] = _common(there, here)
            elif len(here) == 2 and here[0] in ("roles", "phases"):
                found[key] = _common(there, here) | ({} if values[0] is not _MISSING else {"enabled": False})
            elif here[0] in ("files", "vars"):
                found[key] = _common(there, here)
        elif len(there) == len(values) or here[0] == "vars" or _can_be_off(here):
            found[key] = _first(values, here)
    return found


def _in_order(phases: Mapping[str, Any], drafts: Sequence[Draft]) -> dict[str, Any]:
    """Return the phases of all jobs by their numbers, where every job has its own in that order."""
    numbers = {name: [int(number) for number in re.findall(r"\d+", name)] for name in phases}
    for draft in drafts:
        own = [numbers[name] for name in draft.job.get("phases", {})]
        if any(len(one) != 1 for one in own) or own != sorted(own):
            return dict(phases)
    return {name: phases[name] for name in sorted(phases, key=numbers.__getitem__)}


def _can_be_off(path: Path) -> bool:
    """Tell whether a key has a value that stands for its absence: `false` for an option, no words."""
    return ("args" in path[-2:-1] and path[0] in ("roles", "phases", "phase-defaults")) or path[-1] == "extra-args"


def _first(values: Sequence[Any], path: Path) -> Any:
    if values[0] is not _MISSING:
        return values[0]
    if path[0] == "vars":
        return next(value for value in values if value is not _MISSING)
    return [] if path[-1] == "extra-args" else False


def _differences(common: Mapping[str, Any], own: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, Any]]:
    """Yield the keys by which a job differs from what is common."""
    for key in dict.fromkeys([*common, *own]):
        here = (*path, key)
        ours, value = common.get(key, _MISSING), own.get(key, _MISSING)
        if isinstance(ours, dict) and isinstance(value, dict):
            yield from _differences(
                {k: v for k, v in ours.items() if k != "enabled"} if _is_part(here) else ours, value, here
            )
            if _is_part(here) and ours.get("enabled") is False:
                yield (*here, "enabled"), True
        elif value is _MISSING:
            if _is_part(here):
                if isinstance(ours, dict) and ours.get("enabled") is not False:
                    yield (*here, "enabled"), False
            elif _can_be_off(here) and ours not in (False, []):
                yield here, [] if key == "extra-args" else False
        elif type(ours) is not type(value) or ours != value:
            yield here, value


def _is_part(path: Path) -> bool:
    return len(path) == 2 and path[0] in ("roles", "phases")


def _grid(
    drafts: Sequence[Draft], points: Sequence[tuple[str, Any]], values: Sequence[Mapping[str, Any]]
) -> Grid | None:
    """Return a sweep by keys that gives just these points, or None: then they are named."""
    names = list(values[0]) if values and values[0] else []
    if not names or any(list(one) != names for one in values):
        return None
    levels = {name: list(dict.fromkeys(repr(one[name]) for one in values)) for name in names}
    total = 1
    for level in levels.values():
        total *= len(level)
    paths = list(dict.fromkeys(path for _, differences in points for path, _ in differences))
    if total != len(points) or not paths:
        return None
    columns: dict[str, list[tuple[Path, tuple[Any, ...]]]] = {name: [] for name in names}
    for path in paths:
        found = {name: _column(path, name, drafts, values) for name in names}
        owner = next((name for name, column in found.items() if column and len(column) == len(levels[name])), None)
        if owner is None:
            return None
        columns[owner].append((path, found[owner]))
    if not all(columns.values()):
        return None
    return Grid(
        tuple(pair for column in columns.values() for pair in column),
        tuple(tuple(path for path, _ in column) for column in columns.values() if len(column) > 1),
    )


def _column(path: Path, name: str, drafts: Sequence[Draft], values: Sequence[Mapping[str, Any]]) -> tuple[Any, ...]:
    """Return the values of a key by the levels of one parameter; nothing where that does not decide it."""
    by_level: dict[str, Any] = {}
    for draft, own in zip(drafts, values, strict=True):
        value = _at(draft, path)
        if value is _MISSING or isinstance(value, dict) or by_level.setdefault(repr(own[name]), value) != value:
            return ()
    return tuple(by_level.values())


def _at(draft: Draft, path: Path) -> Any:
    value: Any = {**draft.job, "cluster": draft.cluster}
    for key in path:
        value = value.get(key, _MISSING) if isinstance(value, dict) else _MISSING
    return value
