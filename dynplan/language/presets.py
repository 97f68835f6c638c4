"""Presets of engines: what lies under a role, and what an engine says of a role that uses it.

Loaded only where a job has roles with an engine. A preset is the table of a role. `[about]`, `extends` and
`required` are for presets alone, and are not handed on.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import evolve, frozen

from dynplan.diagnostics import Document, Findings, Path
from dynplan.language.expressions import ExprError, evaluate
from dynplan.language.merging import Data, merge, normalised
from dynplan.language.sizes import EngineSize, Setting, engine_sizes, lookup_of, settings, taken_for
from dynplan.language.tables import name_of
from dynplan.model import Record

_FORMULA = "gpus-per-worker"
_OF_PRESETS = ("about", "extends", "required")
_SHORTEST = 6  # characters of an option that may be a slip for another
_NOT_COUNTED = ("leader-args", "follower-args")


@frozen(eq=False, repr=False)
class Preset(Record):
    """What an engine says of the role that uses it.

    Attributes:
        engine: what the role calls it.
        required: for each thing that a role must say the options that say it.
        gpus: how many GPUs a worker needs, an expression; empty where the engine does not say.
    """

    engine: str
    required: tuple[tuple[str, ...], ...]
    gpus: str


def upon_presets(roles: Mapping[str, Any], documents: Sequence[Document], findings: Findings) -> Data:
    """Return roles with what lies under them.

    Args:
        roles: the tables of all roles.
        documents: presets, each with the path of its role as `root`; of a role that has several the first one wins.
        findings: where to report.
    """
    below: dict[str, Data] = {}
    for document in reversed(documents):
        twice = Findings()
        found = normalised(document.data, document.root, twice)
        findings.found += [evolve(finding, document=document) for finding in twice.found]
        name = str(document.root[-1])
        below[name] = upon(below.get(name, {}), found)
    return {
        name: upon(_without(below[name], _OF_PRESETS), role) if name in below and isinstance(role, Mapping) else role
        for name, role in roles.items()
    }


def presets(roles: Mapping[str, Any], documents: Sequence[Document]) -> dict[str, Preset]:
    """Return what the engine of each role says of it; arguments as in `upon_presets`."""
    found: dict[str, Data] = {}
    for document in reversed(documents):
        name = str(document.root[-1])
        found[name] = merge(found.get(name, {}), normalised(document.data, document.root, Findings()))
    return {
        name: Preset(
            engine=str(roles[name].get("engine", "")),
            required=tuple(tuple(text.split()) for text in _texts(preset.get("required")) if text.split()),
            gpus=str(preset.get(_FORMULA, "")),
        )
        for name, preset in found.items()
        if isinstance(roles.get(name), Mapping)
    }


def upon(preset: Mapping[str, Any], role: Mapping[str, Any]) -> Data:
    """Merge a role over its preset: a number alone moves a port, and a probe of another kind replaces one."""
    below = {key: value for key, value in preset.items() if not _replaced(key, value, role.get(key))}
    ports, known = role.get("ports"), preset.get("ports", {})
    if not isinstance(ports, Mapping) or not isinstance(known, Mapping):
        return merge(below, role)
    moved = {name: _moved(port) if name in known else port for name, port in ports.items()}
    return merge(below, {**role, "ports": moved})


def _replaced(key: str, probe: Any, own: Any) -> bool:
    """Return whether a role asks for something else than a probe of its preset does."""
    if key not in ("ready", "alive") or not isinstance(own, Mapping):
        return False
    return any(kind in own and kind not in probe for kind in ("port", "log", "command"))


def _moved(port: Any) -> Any:
    """Return what a role says of a port of its preset as a table with the `base`, if it names a number."""
    if not isinstance(port, Mapping):
        return {"base": port}
    fixed = port.get("fixed")
    return port if fixed is None or isinstance(fixed, bool) else {"base": fixed, **port}


def _without(table: Mapping[str, Any], keys: Sequence[str]) -> Data:
    return {key: value for key, value in table.items() if key not in keys}


def _texts(value: Any) -> Iterator[str]:
    yield from (text for text in (value if isinstance(value, list) else []) if isinstance(text, str))


# What is surely not meant


def check_presets(
    roles: Mapping[str, Any], own: Mapping[str, Any], engines: Mapping[str, Preset], findings: Findings
) -> None:
    """Report what an engine needs that its role does not say (D103), and sizes that do not count as meant (W107, W108).

    Args:
        roles: resolved tables.
        own: the tables of roles without presets, as their users wrote them.
        engines: what the engine of each role says of it.
        findings: where to report.
    """
    for name, role in roles.items():
        if isinstance(role, Mapping) and (preset := engines.get(name)):
            path, written = ("roles", name), own.get(name)
            user = written if isinstance(written, Mapping) else {}
            _check_required(role, user, preset, path, findings)
            sizes = engine_sizes(role)
            _check_sizes(role, user, sizes, preset, path, findings)
            if _FORMULA in user and preset.gpus:
                _check_gpus(role, sizes, preset, path, findings)


def _check_required(
    role: Mapping[str, Any], own: Mapping[str, Any], preset: Preset, path: Path, findings: Findings
) -> None:
    if "command" in own:  # which may say it in any way
        return
    args, extra = role.get("args"), role.get("extra-args")
    words = extra.split() if isinstance(extra, str) else list(map(str, extra)) if isinstance(extra, list) else []
    said = {word.partition("=")[0] for word in words}
    said |= {f"--{key}" for key, value in args.items() if value is not False} if isinstance(args, Mapping) else set()
    for options in preset.required:
        placed = options[-1] == "WORD"
        if (placed and words and not words[0].startswith("-")) or not said.isdisjoint(options):
            continue
        key = options[0].removeprefix("--")
        message = f"role `{path[-1]}` does not say `{key}`, which engine `{preset.engine}` needs"
        fix = f'set it in `args`: `args = {{ {key} = "..." }}`'
        if not options[0].startswith("--"):
            fix = "name it first of all in `extra-args`" if placed else f"name it in `extra-args`, after `{options[0]}`"
        findings.error("D103", message, path, help=fix, lacks=(*path, "args", key))


def _check_sizes(
    role: Mapping[str, Any],
    own: Mapping[str, Any],
    sizes: Sequence[EngineSize],
    preset: Preset,
    path: Path,
    findings: Findings,
) -> None:
    """Report options that look like a size of the engine and are none, and sizes where they are not counted."""
    args = role.get("args")
    for key in args if isinstance(args, Mapping) and sizes else ():
        size = None if taken_for(f"--{key}", sizes) else _meant(f"--{key}", sizes)
        if size and not any(finding.path == (*path, "args", key) for finding in findings.found):
            message = f"`{key}` of role `{path[-1]}` is no size of engine `{preset.engine}`, and counts no GPUs"
            fix = f"did you mean `{size.name}`?"
            findings.warn("W107", message, (*path, "args", key), help=fix, key=True)
    for option, where in _hidden(own, sizes):
        message = f"`{option}` in {name_of((*path, *where))} is a size, and counts no GPUs there"
        findings.warn("W107", message, (*path, *where), help="write it in `args`")
    first: dict[str, Setting] = {}
    for setting in settings(role, sizes):
        before = first.setdefault(setting.size.name, setting)
        if str(before.value) != str(setting.value):
            message = (
                f"`{setting.size.name}` of role `{path[-1]}` is {before.value} by `{before.option}`"
                f" and {setting.value} by `{setting.option}`, which comes last and counts"
            )
            findings.warn("W108", message, (*path, *setting.at), help="say it once")


def _hidden(role: Mapping[str, Any], sizes: Sequence[EngineSize]) -> Iterator[tuple[str, Path]]:
    """Yield options of sizes where they are not counted: in a command for bash, and where not all tasks have them."""
    for key in ("command", *_NOT_COUNTED):
        value = role.get(key)
        if isinstance(value, str):
            yield from ((word.partition("=")[0], (key,)) for word in value.split() if _is_size(word, sizes))
        elif isinstance(value, list) and key != "command":
            yield from ((str(word), (key, at)) for at, word in enumerate(value) if _is_size(word, sizes))
    for key in ("command", "extra-args", *_NOT_COUNTED):
        value = role.get(key)
        for at, item in enumerate(value if isinstance(value, list) else []):
            words = item.get("args") if isinstance(item, Mapping) else None
            for word in words if isinstance(words, list) else []:
                if _is_size(word, sizes):
                    yield str(word), (key, at)


def _is_size(word: Any, sizes: Sequence[EngineSize]) -> bool:
    return isinstance(word, str) and word[:1] == "-" and bool(taken_for(word.partition("=")[0], sizes))


def _check_gpus(
    role: Mapping[str, Any], sizes: Sequence[EngineSize], preset: Preset, path: Path, findings: Findings
) -> None:
    """Report a number of GPUs that is not what the sizes of the engine come to; 0 is a worker that runs without."""
    lookup = lookup_of(role)
    try:
        needs = evaluate(preset.gpus, lookup)
        own = role.get(_FORMULA)
        has = evaluate(own, lookup) if isinstance(own, str) else own
    except ExprError:  # reported where the role is read, if it matters
        return
    if not isinstance(has, int) or isinstance(has, bool) or has in (0, needs):
        return
    set_by = {setting.size.name: f"`{setting.option} {setting.value}`" for setting in settings(role, sizes)}
    by = ", ".join(set_by.values()) or f"`{preset.gpus}`, none of which is set"
    message = f"role `{path[-1]}` has {has} GPUs for a worker, and engine `{preset.engine}` needs {needs}: {by}"
    fix = f"leave `{_FORMULA}` out: it is computed from the sizes"
    findings.warn("W108", message, (*path, _FORMULA), help=fix)


def _meant(option: str, sizes: Sequence[EngineSize]) -> EngineSize | None:
    """Return the size that an option is another spelling of, or a slip for."""
    plain = option.lstrip("-").replace("_", "-").lower()
    for size in sizes:
        for known in size.options:
            other = known.strip("-*").replace("_", "-").lower()
            if plain == other or (len(other) >= _SHORTEST and known[-1] != "*" and _close(plain, other)):
                return size
    return None


def _close(word: str, other: str) -> bool:
    """Tell whether one letter more, less, other or out of place makes one of two words, or twice in a long one."""
    most = 1 if len(other) < 2 * _SHORTEST else 2
    if abs(len(word) - len(other)) > most:
        return False
    before, row = [0] * (len(other) + 1), list(range(len(other) + 1))
    for at, char in enumerate(word, 1):
        two, before, row = before, row, [at]
        for to, wanted in enumerate(other, 1):
            cost = min(before[to] + 1, row[-1] + 1, before[to - 1] + (char != wanted))
            if at > 1 and to > 1 and (char, word[at - 2]) == (other[to - 2], wanted):
                cost = min(cost, two[to - 2] + 1)
            row.append(cost)
    return row[-1] <= most
