"""Sweeps: the table `[sweep]` becomes points, each a few keys of the job with values of its own."""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations, product
from math import prod
from typing import Any

from attrs import frozen

from dynplan.diagnostics import Finding, Findings, InputError, Path, nearest
from dynplan.language.command_line import compact_json
from dynplan.language.expressions import ExprError, evaluate
from dynplan.language.merging import Data, merge, normalised
from dynplan.language.plan_tables import plain
from dynplan.language.tables import Table, dotted, kind, scalar
from dynplan.model import Record

# The number of a point is its index in a job array, and Slurm's MaxArraySize is 1001 unless a site says more.
MOST_POINTS = 1000

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}")
_OURS = ("zip", "exclude", "points")  # keys of `[sweep]` itself
_TOGETHER = "keys that go together have lists of one length, or of one value"
# What cannot be swept -> why.
_FIXED: dict[Path, str] = {
    ("extends",): "values of a sweep come after inheritance",
    ("job", "cluster"): "all points have one cluster file",
    ("results",): "all points are measured alike",
    ("sweep",): "it says what the points are",
}


@frozen(eq=False, repr=False)
class Point(Record):
    """One job of a sweep.

    Attributes:
        number: its index among the points, from 0: in a job array SLURM_ARRAY_TASK_ID.
        name: what the job file calls it, else its number.
        values: the keys of the job that it sets, in the order of the file, each with its value.
        places: where these values stand, in the same order.
    """

    number: int
    name: str
    values: tuple[tuple[Path, Any], ...]
    places: tuple[Path, ...]


@frozen(eq=False, repr=False)
class Sweep(Record):
    """The points of a job file.

    Attributes:
        points: in the order of their numbers.
        names: for each key that some of them set the shortest name that is no other's.
        own: what the job itself says of these keys, as far as it does: so it is at points that do not set them.
    """

    points: tuple[Point, ...]
    names: Mapping[Path, str]
    own: Mapping[Path, Any]

    def values(self, point: Point) -> dict[Path, Any]:
        """Return what the keys of the sweep are at a point, as far as that is known, as JSON can carry it."""
        known = {**self.own, **dict(point.values)}
        return {path: plain(known[path]) for path in self.names if path in known}


@frozen
class _Setting:
    """A key of the job, where it stands in the job file, and what stands there."""

    path: Path
    place: Path
    value: Any


def read_sweep(tables: Mapping[str, Any]) -> Sweep:
    """Return the points of merged tables: every combination of the lists, then those that have a name.

    Raises:
        InputError: D101 to D104, D109, D112, D113 or D125, everything that is wrong with `[sweep]`.
    """
    findings = Findings()
    table = Table(tables.get("sweep"), ("sweep",), findings)
    lists = {key: value for key, value in table.data.items() if key not in _OURS}
    axes = [axis for axis in _settings(lists, (), table.path, findings) if _is_list(axis, findings)]
    own = [_own(entry, findings) for entry in _entries(table)]
    groups = _groups(axes, table, findings)
    _check_apart(axes, findings)
    _check_names([name for name, _ in own], findings)
    findings.raise_if_errors()
    count = len(own) + (prod(max(len(axis.value) for axis in group) for group in groups) if groups else 0)
    if count > MOST_POINTS:
        message = f"the sweep has {count} points, and one has at most {MOST_POINTS}"
        fix = "`zip` keys that go together, or make several job files of it"
        raise InputError([Finding("D125", message, ("sweep",), fix, key=True)])
    paths = [setting.path for setting in (*axes, *(setting for _, settings in own for setting in settings))]
    names = _short_names(dict.fromkeys(paths))
    combined = _kept(list(_combinations(axes, groups)), names, table, findings)
    if not combined and not own and not findings.errors:
        findings.error("D104", "the sweep has no points", ("sweep",), help=_no_points(axes), key=True)
    findings.raise_if_errors()
    named = [("", settings) for settings in combined] + own
    points = (_point(number, name, settings) for number, (name, settings) in enumerate(named))
    return Sweep(tuple(points), names, {path: value for path in names if (value := _at(tables, path)) is not None})


def tables_of(point: Point) -> Data:
    """Return what a point sets as tables, to be merged over those of the job."""
    tables: Data = {}
    for path, value in point.values:
        for key in reversed(path):
            value = {key: value}
        tables = merge(tables, value)
    return tables


def shown(value: Any) -> str:
    """Return a value as text: as a command line has it, lists and tables as JSON."""
    text = scalar(value)
    return compact_json(value, (), Findings()) if text is None else text


def _at(value: Any, path: Path) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def constants(sweep: Sweep, point: Point) -> dict[str, Any]:
    """Return what `{sweep.NAME}` stands for at a point: `point`, and each key by its end, where that is one key's."""
    found: dict[str, Any] = {}
    for path, value in sweep.values(point).items():
        if scalar(value) is not None:
            found |= {name: value for name in _ends(path) if _meant(name, sweep.names) == [path]}
    return {**found, "point": point.name}


def place_of(path: Path, point: Point) -> Path | None:
    """Return where the value stands in the job file that a key path of the merged job leads to, None if elsewhere."""
    for (own, _), place in zip(point.values, point.places, strict=True):
        if path[: len(own)] == own:
            return place
    return None


# The table


def _settings(table: Mapping[str, Any], path: Path, place: Path, findings: Findings) -> Iterator[_Setting]:
    """Yield the keys that a table names, with dots or by tables in one another."""
    for raw, value in table.items():
        parts = (raw,) if path else _key_path(raw)
        where = (*place, raw)
        if parts is None:
            fix = 'write it as `--set` takes it: `"roles.decode.num-nodes"`'
            findings.error("D104", f"`{raw}` is no key of a job", where, help=fix, key=True)
        elif isinstance(value, Mapping) and value:
            yield from _settings(value, (*path, *parts), where, findings)
        else:
            found = _Setting(_spelt((*path, *parts)), where, value)
            reasons = (why for fixed, why in _FIXED.items() if found.path[: len(fixed)] == fixed)
            if reason := next(reasons, ""):
                findings.error("D104", f"`{dotted(found.path)}` cannot be swept: {reason}", where, key=True)
            else:
                yield found


def _key_path(text: str) -> Path | None:
    """Return the parts of a dotted key, None for a text that is none."""
    try:
        value: Any = tomllib.loads(f"{text} = 0") if text.isprintable() else None
    except tomllib.TOMLDecodeError:
        return None
    parts: list[str] = []
    while isinstance(value, dict) and len(value) == 1:
        [(key, value)] = value.items()
        parts.append(key)
    return tuple(parts) if value == 0 and parts else None


def _spelt(path: Path) -> Path:
    """Return a key path with dynplan's own keys in their one spelling."""
    table: Any = 0
    for key in reversed(path):
        table = {key: table}
    table = normalised(table, (), Findings())
    found: list[str] = []
    while isinstance(table, dict):
        [(key, table)] = table.items()
        found.append(key)
    return tuple(found)


def _is_list(axis: _Setting, findings: Findings) -> bool:
    """Tell whether a key has a list of values, and report what it has instead."""
    if isinstance(axis.value, list) and axis.value:
        return True
    if isinstance(axis.value, list):
        findings.error("D104", f"`{dotted(axis.path)}` has no values", axis.place, help="list some, or leave it out")
    else:
        message = f"`{dotted(axis.path)}` must be a list of values, not {kind(axis.value)}"
        findings.error("D102", message, axis.place, help="a list of one holds for every point")
    return False


def _entries(table: Table) -> list[Table]:
    """Return the tables of `[[sweep.points]]`."""
    value = table.get("points")
    if value is None:
        return []
    if not isinstance(value, list):
        table.wrong(table.at("points"), "a list of tables", value, "write each as `[[sweep.points]]`")
        return []
    return [Table(entry, table.at("points", index), table.findings) for index, entry in enumerate(value)]


def _own(entry: Table, findings: Findings) -> tuple[str, list[_Setting]]:
    """Return the name of a point and what it sets: keys beside the name."""
    name = entry.text("name")
    if "name" not in entry:
        message, fix = "a point of its own needs a `name`", '`name = "low"`'
        findings.error("D103", message, entry.path, help=fix)
    elif not _NAME.fullmatch(name):
        fix = "use letters, digits, `-` and `_`, and start with a letter"
        findings.error("D109", f"`{name}` is not a name for a point", entry.at("name"), help=fix)
    rest = {key: value for key, value in entry.data.items() if key != "name"}
    settings = list(_settings(rest, (), entry.path, findings))
    _check_apart(settings, findings)
    return name, settings


def _check_names(names: Sequence[str], findings: Findings) -> None:
    for index, name in enumerate(names):
        if name and name in names[:index]:
            message = f"two points are called `{name}`"
            findings.error("D109", message, ("sweep", "points", index, "name"), help="give each a name of its own")


def _check_apart(settings: Sequence[_Setting], findings: Findings) -> None:
    """Refuse two settings of one key, or of a table and a key in it: one of them would be lost."""
    for one, other in combinations(settings, 2):
        shorter = min(len(one.path), len(other.path))
        if one.path[:shorter] == other.path[:shorter]:
            message = f"`{dotted(other.path)}` is swept twice, here and as `{dotted(one.path)}`"
            findings.error("D113", message, other.place, help="keep one of the two", key=True)


# Combinations


def _groups(axes: Sequence[_Setting], table: Table, findings: Findings) -> list[list[_Setting]]:
    """Return the keys whose values go together, each in one group, as the first of each group stands in the file."""
    by_path = {axis.path: axis for axis in axes}
    groups: dict[Path, list[_Setting]] = {axis.path: [axis] for axis in axes}
    zipped: set[Path] = set()
    for index, named in enumerate(_lists(table, "zip")):
        members: list[_Setting] = []
        for at, name in enumerate(named):
            place = table.at("zip", index, at)
            path = _named(name, by_path, place, findings)
            if path in zipped:
                message = f"`{name}` goes together with two lists"
                findings.error("D113", message, place, help="name each key once in `zip`")
            elif path:
                zipped.add(path)
                members.append(by_path[path])
        _check_lengths(members, table.at("zip", index), findings)
        members.sort(key=axes.index)
        for member in members[1:]:
            groups.pop(member.path)
        if members:
            groups[members[0].path] = members
    return list(groups.values())


def _lists(table: Table, key: str) -> list[list[Any]]:
    value = table.get(key)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, list) for item in value):
        fix = f'`{key} = [["roles.decode.num-nodes", "vars.concurrency"]]`'
        table.wrong(table.at(key), "a list of lists of keys", value, fix)
        return []
    return value


def _named(name: Any, paths: Mapping[Path, Any], place: Path, findings: Findings) -> Path | None:
    """Return the swept key that is meant by its end, None with a finding."""
    if not isinstance(name, str):
        findings.error("D102", f"`{dotted(place)}` must be a string, not {kind(name)}", place)
        return None
    meant = _meant(name, paths)
    if len(meant) == 1:
        return meant[0]
    known = [dotted(path) for path in meant or paths]
    if meant:
        message, fix = f"`{name}` may be several keys", "it is one of " + ", ".join(f"`{text}`" for text in known)
    else:
        near = nearest(name, known)
        message = f"`{name}` is no key of this sweep"
        fix = f"did you mean `{near}`?" if near else "keys of this sweep: " + ", ".join(known)
    findings.error("D104", message, place, help=fix)
    return None


def _check_lengths(members: Sequence[_Setting], place: Path, findings: Findings) -> None:
    several = [member for member in members if len(member.value) > 1]
    for other in several[1:]:
        first = several[0]
        if len(other.value) != len(first.value):
            message = (
                f"`{dotted(first.path)}` has {len(first.value)} values and `{dotted(other.path)}` {len(other.value)}"
            )
            findings.error("D113", f"{message}, and they go together", place, help=_TOGETHER)
            return


def _combinations(axes: Sequence[_Setting], groups: Sequence[Sequence[_Setting]]) -> Iterator[list[_Setting]]:
    """Yield the values of every combination, the last key changing first; where each stands is its `place`."""
    if not groups:
        return
    for choice in product(*(range(max(len(axis.value) for axis in group)) for group in groups)):
        chosen = {axis.path: index for group, index in zip(groups, choice, strict=True) for axis in group}
        at = {axis.path: chosen[axis.path] if len(axis.value) > 1 else 0 for axis in axes}
        yield [_Setting(axis.path, (*axis.place, at[axis.path]), axis.value[at[axis.path]]) for axis in axes]


def _kept(
    combined: list[list[_Setting]], names: Mapping[Path, str], table: Table, findings: Findings
) -> list[list[_Setting]]:
    """Return the combinations for which every expression of `exclude` is 0."""
    for index, text in enumerate(table.strings("exclude")):
        place = table.at("exclude", index)
        try:
            combined = [settings for settings in combined if not evaluate(text, _lookup(settings, names))]
        except ExprError as error:
            findings.error("D112", f"`{text}`: {error}", place, help=error.fix)
    return combined


def _lookup(settings: Sequence[_Setting], names: Mapping[Path, str]) -> Callable[[str], int]:
    values = {setting.path: setting.value for setting in settings}

    def lookup(name: str) -> int:
        meant = _meant(name, values)
        if len(meant) != 1:
            known = [names[path] for path in meant or values]
            what = "may be several keys" if meant else "is no key with a list in this sweep"
            raise ExprError(f"`{name}` {what}", "names: " + ", ".join(f"`{text}`" for text in known))
        value = values[meant[0]]
        if not isinstance(value, int):
            raise ExprError(f"`{name}` is {kind(value)}, and expressions are over whole numbers")
        return int(value)

    return lookup


def _no_points(axes: Sequence[_Setting]) -> str:
    if axes:
        return "`exclude` drops all of them"
    return 'name keys and their values: `"roles.decode.num-nodes" = [1, 2]`'


def _point(number: int, name: str, settings: Sequence[_Setting]) -> Point:
    values = tuple((setting.path, setting.value) for setting in settings)
    return Point(number, name or str(number), values, tuple(setting.place for setting in settings))


# Names


def _ends(path: Path) -> list[str]:
    """Return what a key may be called by its end, the shortest first."""
    return [dotted(path[-size:]) for size in range(1, len(path) + 1)]


def _meant(name: str, paths: Mapping[Path, Any]) -> list[Path]:
    """Return the keys that a name may be: the one of just that name, else all that end so, in either spelling."""
    folded = name.replace("_", "-")
    whole = [path for path in paths if dotted(path).replace("_", "-") == folded]
    return whole or [path for path in paths if folded in (end.replace("_", "-") for end in _ends(path))]


def _short_names(paths: Mapping[Path, Any]) -> dict[Path, str]:
    short: dict[Path, str] = {}
    for path in paths:
        alone = (end for end in _ends(path) if end != "point" and _meant(end, paths) == [path])
        short[path] = next(alone, dotted(path))
    return short
