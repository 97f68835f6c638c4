"""Presets of engines: what lies under a role, and what an engine says of a role that uses it.

Loaded only where a job has roles with an engine. A preset is the table of a role. `[about]`, `extends` and
`required` are for presets alone, and are not handed on.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from attrs import evolve

from dynplan.diagnostics import Document, Findings, Path
from dynplan.language.extents import OF_PARTNER
from dynplan.language.merging import Data, merge, normalised

_OF_PRESETS = ("about", "extends", "required")


class Preset(NamedTuple):
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
            gpus=str(preset.get("gpus-per-worker", "")),
        )
        for name, preset in found.items()
        if isinstance(roles.get(name), Mapping)
    }


def upon(preset: Mapping[str, Any], role: Mapping[str, Any]) -> Data:
    """Merge a role over its preset: a number alone moves a port, and a probe of another kind replaces one."""
    below = {key: value for key, value in preset.items() if not _replaced(key, value, role.get(key))}
    if "beside" in role:
        below = _without(below, OF_PARTNER)
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
            if "sizes" in role or "switches" in role:
                from dynplan.language.size_checks import check_sizes  # routers and services have none

                check_sizes(role, user, preset.engine, path, findings)
            if "gpus-per-worker" in user and preset.gpus:
                from dynplan.language.size_checks import check_gpus  # most roles leave it to the engine

                check_gpus(role, preset.engine, preset.gpus, path, findings)


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
