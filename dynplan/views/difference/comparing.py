"""Two plans side by side: what moves, grows, runs something else."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from itertools import chain
from typing import Any

from attrs import evolve

from dynplan.language.plan_file import to_tree
from dynplan.model import EachText, Plan, TextFile
from dynplan.views.difference.commands import command_changes, env_changes, pair_changes
from dynplan.views.difference.placing import extent, moves, numbers, port_moves, workers_of
from dynplan.views.difference.records import Difference, Kind, Part, State, Value, Words
from dynplan.views.difference.resolving import Owner, phase_owner, role_owner
from dynplan.views.difference.sequences import hunks, in_order, leaves, same

_COMMAND = ("command", "args", "extra-args", "leader-args", "follower-args")
_ENV = ("env", "unset")
_OF_ENGINE = ("sizes", "switches")  # what a preset knows of its engine's options
_Tree = Mapping[str, Any]
_Names = tuple[str, str]  # on both sides


def difference(before: Plan, after: Plan) -> Difference:
    """Return what differs between two plans, everything but their warnings.

    Nothing differs only where the plans' trees are the same. `difference(b, a)` is the mirror of `difference(a, b)`.
    """
    a, b = to_tree(before), to_tree(after)
    parts = (
        _job(before, after, a, b),
        *(_role(names, before, after, a, b) for names in _pairs("roles", a, b)),
        *(_phase(names, before, after, a, b) for names in _pairs("phases", a, b)),
        *(_file(names, before, after, a, b) for names in _pairs("files", a, b)),
    )
    return Difference(before.job.name, after.job.name, parts)


def _pairs(kind: str, a: _Tree, b: _Tree) -> list[_Names]:
    """Return what each role, phase or file is called on both sides, an empty name for nothing.

    Two of different names are one where all else is the same, and no other is like them.
    """
    old, new = a.get(kind, {}), b.get(kind, {})
    gone, come = ([name for name in one if name not in other] for one, other in ((old, new), (new, old)))
    like = [(name, other) for name in gone for other in come if same(old[name], new[other])]
    counts = Counter(chain.from_iterable((("a", name), ("b", other)) for name, other in like))
    renamed = [(name, other) for name, other in like if counts["a", name] == counts["b", other] == 1]
    pairs: dict[str, _Names] = {name: pair for pair in renamed for name in pair}
    alone = {name: (name if name in old else "", name if name in new else "") for name in (*old, *new)}
    return list(dict.fromkeys(pairs.get(name, alone[name]) for name in in_order(list(old), list(new))))


def _bare(kind: Kind, names: _Names) -> Part:
    old, new = names
    return Part(kind, new or old, "same", was=old if old and new and old != new else "")


def _part(part: Part, *sides: object) -> Part:
    """Return a part with its state: `sides` are what it is on both of them, None for nothing."""
    old, new = sides
    state: State = "added" if old is None else "removed" if new is None else "changed"
    bare = Part(part.kind, part.name, part.state, before=part.before, after=part.after)
    return evolve(part, state="same" if state == "changed" and part == bare else state)


# The job


def _job(before: Plan, after: Plan, a: _Tree, b: _Tree) -> Part:
    old, new = ((*plan.job.cluster.env, *plan.job.env) for plan in (before, after))
    env = tuple(pair_changes(old, new, Owner(before), Owner(after)))
    directives = tuple(_directives(before, after))
    settings = [*_orders(before, after, a, b)]
    for table, told in (("job", {"env": env, "sbatch": directives}), ("cluster", {"env": env, "sbatch": directives})):
        hidden = [key for key, changes in told.items() if changes]
        settings += _settings(_by_group(a.get(table)), _by_group(b.get(table)), hidden, table)
    for key in ("port-offset", "meta"):
        settings += _settings(a.get(key), b.get(key), (), key)
    found = tuple(numbers(before, after))
    return _part(Part("job", "", "same", numbers=found, env=env, directives=directives, settings=tuple(settings)), a, b)


def _directives(before: Plan, after: Plan) -> Iterator[Value]:
    """Yield the options that site and job give sbatch, the job's over the site's; `True` is a bare flag."""
    a, b = (dict((*plan.job.cluster.sbatch, *plan.job.sbatch)) for plan in (before, after))
    for name in in_order(list(a), list(b)):
        if not same(a.get(name), b.get(name)):
            yield Value(name, a.get(name), b.get(name))


def _by_group(table: _Tree | None) -> _Tree | None:
    """Return the table of a cluster with its node groups by name, and any other as it is."""
    groups = (table or {}).get("node-groups")
    return {**table, "node-groups": {group["name"]: group for group in groups}} if table and groups else table


def _orders(before: Plan, after: Plan, a: _Tree, b: _Tree) -> Iterator[Value]:
    """Yield the orders of roles, phases and workers that differ among what both jobs have."""
    workers = [[f"{worker.role}.{worker.worker}" for worker in plan.workers] for plan in (before, after)]
    groups = [[group.name for group in plan.job.cluster.node_groups] for plan in (before, after)]
    if groups[0] != groups[1] and sorted(groups[0]) == sorted(groups[1]):
        yield Value("order of node groups", groups[0], groups[1])
    lists = {
        "order of roles": (list(a["roles"]), list(b["roles"])),
        "order of phases": (list(a.get("phases", {})), list(b.get("phases", {}))),
        "order of workers": (workers[0], workers[1]),
    }
    for what, (old, new) in lists.items():
        common = set(old) & set(new)
        one, other = ([name for name in names if name in common] for names in (old, new))
        if one != other:
            yield Value(what, one, other)
            return  # the workers stand in the order of their roles


def _settings(a: _Tree | None, b: _Tree | None, hidden: Collection[str], above: str = "") -> Iterator[Value]:
    """Yield the keys of two tables that differ, without those that are `hidden`."""
    old, new = ({key: value for key, value in (table or {}).items() if key not in hidden} for table in (a, b))
    for path, one, other in leaves(old, new, above):
        yield Value(path, one, other)


# Roles, phases, files


def _role(names: _Names, before: Plan, after: Plan, a: _Tree, b: _Tree) -> Part:
    sides = tuple(zip((before, after), names, strict=True))
    tables = a["roles"].get(names[0]), b["roles"].get(names[1])
    old, new = (workers_of(plan, name) for plan, name in sides)
    owners = [role and role_owner(plan, role) for plan, name in sides for role in (_named(plan.job.roles, name),)]
    part = evolve(_bare("role", names), before=extent(old), after=extent(new))
    part = evolve(part, moves=moves(old, new), ports=port_moves(old, new))
    return _part(_with_launch(part, owners, tables), *tables)


def _phase(names: _Names, before: Plan, after: Plan, a: _Tree, b: _Tree) -> Part:
    sides = zip((before, after), names, strict=True)
    tables = a.get("phases", {}).get(names[0]), b.get("phases", {}).get(names[1])
    owners = [phase and phase_owner(plan, phase) for plan, name in sides for phase in (_named(plan.job.phases, name),)]
    return _part(_with_launch(_bare("phase", names), owners, tables), *tables)


def _with_launch(part: Part, owners: list[Owner | None], tables: tuple[_Tree | None, _Tree | None]) -> Part:
    """Add what a role or phase runs. Keys that the command line or the environment tells are no settings too."""
    words, env = tuple(command_changes(*owners)), tuple(env_changes(*owners))
    hidden = [
        *(_COMMAND if any(not change.follows for change in words) else ()),
        *(_ENV if any(not change.follows for change in env) else ()),
        *(_OF_ENGINE if _engine(tables[0]) != _engine(tables[1]) else ()),
    ]
    return evolve(part, words=words, env=env, settings=(*_settings(*tables, hidden), *_key_orders(*tables)))


def _engine(table: _Tree | None) -> Any:
    return table.get("engine") if table else None


def _key_orders(a: _Tree | None, b: _Tree | None) -> Iterator[Value]:
    """Yield the order of ports where that alone differs: it decides which finds its number first."""
    old, new = (list(table.get("ports") or ()) if table else [] for table in (a, b))
    if old != new and sorted(old) == sorted(new):
        yield Value("order of ports", old, new)


def _named(owners: tuple[Any, ...], name: str) -> Any:
    return next((owner for owner in owners if owner.name == name), None)


def _file(names: _Names, before: Plan, after: Plan, a: _Tree, b: _Tree) -> Part:
    sides = zip((before, after), names, strict=True)
    files: list[TextFile | None] = [_named(plan.job.files, name) for plan, name in sides]
    old, new = (list(_lines(file)) for file in files)
    words = tuple(
        Words("content", tuple(old[at] for at in gone), tuple(new[at] for at in come))
        for gone, come in hunks(old, new)[0]
    )
    part = evolve(_bare("file", names), words=words)
    if not words:
        one, other = (side.get("files", {}).get(name) for side, name in zip((a, b), names, strict=True))
        part = evolve(part, settings=tuple(_settings(one, other, ())))
    return _part(part, *files)


def _lines(file: TextFile | None) -> Iterator[str]:
    """Yield the lines of a file; text that is repeated for workers has them behind what it is repeated for."""
    for part in file.content if file else ():
        if isinstance(part, EachText):
            between = f", with {part.between!r} between" if part.between else ""
            yield f"[each {'task' if part.tasks else 'worker'} of {part.role}{between}]"
        yield from (part if isinstance(part, str) else part.text).split("\n")
