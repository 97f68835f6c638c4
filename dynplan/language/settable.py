"""The keys that `--set` may name in a job, for whoever completes a command line."""

from collections.abc import Iterator, Mapping
from typing import Any

_PARTS = ("extends", "roles", "phases", "files", "meta")  # as a whole, and where none has a name


def settable(schema: Mapping[str, Any], data: Mapping[str, Any]) -> list[str]:
    """Return the keys of a job, sorted, each with the names of the tables that it is in: `roles.decode.num-nodes`.

    Args:
        schema: the JSON Schema of a job file.
        data: what the job's files say: whatever has a name there can be set by that name.
    """
    return sorted(key for key in _keys(schema, data, schema.get("$defs", {})) if key not in _PARTS)


def _keys(schema: Mapping[str, Any], data: object, known: Mapping[str, Any]) -> Iterator[str]:
    """Yield the keys below a table, those that only the job has too: `args` are its own."""
    found = data if isinstance(data, Mapping) else {}
    ours: Mapping[str, Any] = schema.get("properties", {})
    for name in {**ours, **found}:
        own = ours.get(name, schema.get("additionalProperties"))
        below = [f"{_part(name)}.{key}" for key in _keys(_table(own, known), found.get(name), known)]
        if not below or (isinstance(own, Mapping) and "anyOf" in own):
            yield _part(name)
        yield from below


def _table(schema: object, known: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the schema of a table that a value may be, an empty one if it may be none; references are followed."""
    if not isinstance(schema, Mapping):
        return {}
    if "$ref" in schema:
        return _table(known[schema["$ref"].rpartition("/")[2]], known)
    tables = [_table(part, known) for part in schema.get("anyOf", ())]
    return next(filter(None, tables), schema if schema.get("type") == "object" else {})


def _part(name: str) -> str:
    """Write a part of a key as TOML has it."""
    bare = name.replace("-", "").replace("_", "")
    return name if bare.isascii() and bare.isalnum() else f'"{name}"'
