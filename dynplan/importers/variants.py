"""One recipe file, several jobs: `base` with `override_*` and `zip_override_*`, and `sweep`.

The rules are srt-slurm's (docs/overrides.md, docs/sweeps.md): tables merge deeply, other values are replaced, null
takes a key out; the lists of a zip go together, one of a single element and a plain value stand for all; a sweep is
every combination of its lists, and `{name}` in any text is its value.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product

from attrs import evolve, field, frozen

from dynplan.importers.nodes import Node, leaves
from dynplan.importers.source import Fate, Ledger

_LONGEST = 60  # characters of a name, of 63 that it may have
_MOST = 500  # jobs of one file


@frozen(eq=False)
class Variant:
    """One job of a recipe file.

    Attributes:
        name: of the point; empty for the only one.
        root: the recipe.
        values: of the parameters of a sweep.
    """

    name: str
    root: Node
    values: dict[str, Node] = field(factory=dict)


def variants(root: Node, ledger: Ledger) -> list[Variant]:
    """Return the jobs of a recipe file, in the order of the file; what is wrong is in the ledger."""
    base = root.table.get("base")
    if base is None:
        found = [Variant("", root)]
    elif not isinstance(base.value, dict):
        ledger.wrong("D102", "`base` must be a table of keys", base)
        return []
    else:
        found = _overridden(root, base, ledger)
    found = [one for variant in found for one in _swept(variant, ledger)]
    if len(found) > _MOST:
        ledger.wrong("D104", f"the file comes to {len(found)} jobs, and at most {_MOST} are read", root, at_key=True)
        return []
    return _named(found)


def tell_unreached(base: Node, found: Iterable[Node], ledger: Ledger) -> None:
    """Say of the values of a base that all of its variants replace that nobody uses them."""
    used = {(node.document.name, node.path) for root in found for node in _nodes(root)}
    for node in leaves(base):
        if (node.document.name, node.path) not in used and not ledger.is_told(node):
            ledger.say(node, Fate.rule, "everything that is made of it says otherwise")


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in node.value if isinstance(node.value, list) else node.table.values():
        yield from _nodes(child)


def _overridden(root: Node, base: Node, ledger: Ledger) -> list[Variant]:
    found = []
    for key, node in root.table.items():
        if not key.startswith(("override_", "zip_override_")):
            continue
        if not isinstance(node.value, dict):
            ledger.wrong("D102", f"`{key}` must be a table of keys", node)
            continue
        name = key.removeprefix("zip_").removeprefix("override_")
        if key.startswith("zip_"):
            found += [Variant(*one) for one in _zipped(name, node, ledger)]
        else:
            found.append(Variant(_own_name(node) or name, node))
    found = found or [Variant("", evolve(base, value={}))]
    whole = [evolve(variant, root=merged(base, variant.root, ledger)) for variant in found]
    schema = root.table.get("schema")
    if schema is not None:
        for variant in whole:
            variant.root.table.setdefault("schema", schema)
    return [evolve(variant, root=_base_name(variant.root, base)) for variant in whole]


def _own_name(node: Node) -> str:
    name = node.table.get("name")
    return name.text if name is not None and isinstance(name.value, str) else ""


def _base_name(root: Node, base: Node) -> Node:
    """Give every variant the name of the base: its own is the point's."""
    name = base.table.get("name")
    return evolve(root, value={**root.table, "name": name}) if name is not None else root


def merged(base: Node, over: Node, ledger: Ledger) -> Node:
    """Return one table over another: srt-slurm's `deep_merge`."""
    result = dict(base.table)
    for key, node in over.table.items():
        if node.value is None:
            result.pop(key, None)
            ledger.say(node, Fate.rule, "null takes the key out of the base")
        elif isinstance(node.value, dict) and key in result and isinstance(result[key].value, dict):
            result[key] = merged(result[key], node, ledger)
        else:
            result[key] = node
            if key == "name":
                ledger.say(node, Fate.kept, "sweep.points[].name")
    return evolve(base, value=result)


def _zipped(group: str, node: Node, ledger: Ledger) -> list[tuple[str, Node]]:
    """Return name and table of each job of a `zip_override_*`."""
    lists = list(_lists(node))
    for one in lists:
        if one.value == []:
            ledger.wrong("D103", "a list that is zipped has no elements", one)
    lengths = {len(one.value) for one in lists if isinstance(one.value, list)} - {1}
    if len(lengths) > 1:
        first = next(one for one in lists if isinstance(one.value, list) and len(one.value) == max(lengths))
        told = " and ".join(map(str, sorted(lengths)))
        ledger.wrong("D703", f"lists that go together have {told} elements", first, "a list of one stands for all")
        return []
    count = lengths.pop() if lengths else 1
    tables = [_slice(node, index) for index in range(count)]
    names = [_own_name(table) for table in tables]
    if len(set(names)) < count or "" in names:
        names = [f"{group}_{index}" for index in range(count)]
    return list(zip(names, tables, strict=True))


def _lists(node: Node) -> Iterator[Node]:
    for child in node.table.values():
        if isinstance(child.value, list):
            yield child
        else:
            yield from _lists(child)


def _slice(node: Node, index: int) -> Node:
    """Return one job's part of a zip: of every list the element that is its turn."""
    table: dict[str, Node] = {}
    for key, child in node.table.items():
        if isinstance(child.value, list) and child.value:
            element = child.value[index if len(child.value) > 1 else 0]
            table[key] = evolve(element, key=child.key, above=child.above, beside=child.beside)
        else:
            table[key] = _slice(child, index) if isinstance(child.value, dict) else child
    return evolve(node, value=table)


# Sweeps

_PARAMETER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


def _swept(variant: Variant, ledger: Ledger) -> list[Variant]:
    sweep = variant.root.table.get("sweep")
    if sweep is None or sweep.value is None:
        return [variant]
    parameters = sweep.table.get("parameters", sweep)
    mode = sweep.table.get("mode")
    lists = {name: node for name, node in parameters.table.items() if isinstance(node.value, list) and node.value}
    wrong = [node for name, node in parameters.table.items() if name not in lists and node is not mode]
    for node in wrong:
        ledger.wrong("D102", "a parameter of a sweep must be a list of values", node)
    if not isinstance(sweep.value, dict):
        ledger.wrong("D102", "`sweep` must be a table of lists", sweep)
    if wrong or not isinstance(sweep.value, dict):
        return []
    if not lists:
        return [variant]
    for node in (*lists.values(), *([mode] if mode is not None else [])):
        ledger.say(node, Fate.rule, "the points of `[sweep]`")
    zipped = parameters is not sweep and (mode is None or mode.text == "zip")
    lengths = {len(node.value) for node in lists.values() if isinstance(node.value, list)}
    if zipped and len(lengths) > 1:
        ledger.wrong("D703", "the lists of this sweep go together, and are not of one length", sweep, at_key=True)
        return []
    total = 1
    for length in lengths if zipped else [len(node.value) for node in lists.values() if isinstance(node.value, list)]:
        total *= length
    if total > _MOST:
        ledger.wrong("D104", f"the sweep comes to {total} jobs, and at most {_MOST} are read", sweep, at_key=True)
        return []
    columns = [node.value for node in lists.values() if isinstance(node.value, list)]
    rows = zip(*columns, strict=True) if zipped else product(*columns)
    root = evolve(variant.root, value={key: node for key, node in variant.root.table.items() if key != "sweep"})
    return [_filled(variant.name, root, dict(zip(lists, row, strict=True))) for row in rows]


def _filled(name: str, root: Node, values: dict[str, Node]) -> Variant:
    said = "_".join(f"{key}{value.text}" for key, value in values.items())
    filled = _fill(root, values)
    plain = root.table.get("name")  # the name of every job is the file's: the point's says which one it is
    table = {**filled.table, "name": plain} if plain is not None else filled.table
    return Variant(f"{name}_{said}".strip("_"), evolve(filled, value=table), values)


def _fill(node: Node, values: Mapping[str, Node]) -> Node:
    if isinstance(node.value, dict):
        return evolve(node, value={key: _fill(child, values) for key, child in node.table.items()})
    if isinstance(node.value, list):
        return evolve(node, value=[_fill(child, values) for child in node.value])
    if not isinstance(node.value, str) or "{" not in node.value:
        return node
    whole = _PARAMETER.fullmatch(node.value)
    if whole and whole[1] in values:
        return evolve(node, value=values[whole[1]].value, text=values[whole[1]].text)
    text = _PARAMETER.sub(lambda match: values[match[1]].text if match[1] in values else match[0], node.value)
    return evolve(node, value=text, text=text)


def _named(found: list[Variant]) -> list[Variant]:
    """Give every variant a name of its own that a point may have."""
    if len(found) == 1:
        return found
    names = point_names([variant.name for variant in found])
    return [evolve(variant, name=name) for variant, name in zip(found, names, strict=True)]


def point_names(names: Sequence[str]) -> list[str]:
    """Return a name for each: letters, digits, `-` and `_`, a letter first, none twice."""
    found: list[str] = []
    for name in names:
        safe = re.sub(r"[^A-Za-z0-9_]+", "-", name).strip("-")
        safe = (safe if safe[:1].isalpha() else f"point-{safe}".strip("-"))[:_LONGEST]
        unique, number = safe, 2
        while unique in found:
            unique, number = f"{safe[: _LONGEST - 5]}-{number}", number + 1
        found.append(unique)
    return found
