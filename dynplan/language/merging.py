"""Tables put over one another, and the one spelling that their keys have for that."""

from collections.abc import Mapping
from typing import Any

from dynplan.diagnostics import Findings, Path

Data = dict[str, Any]

# Below these keys every key is the user's: never rewritten, never checked against a list.
_FREE = frozenset({"args", "env", "vars", "sbatch", "srun", "data", "post", "sweep", "num-nodes", "nodes"})
# Below these keys stand names of the user's choosing, and tables of ours under each.
_NAMED = frozenset({"roles", "phases", "ports", "files"})


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> Data:
    """Merge two tables deeply; scalars and arrays of `above` win, its new keys come last."""
    out = dict(below)
    for key, value in above.items():
        old = out.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        out[key] = merge(old, value) if both else value  # type: ignore[arg-type]  # `both` says so
    return out


def normalised(table: Mapping[str, Any], path: Path, findings: Findings, *, named: bool = False) -> Data:
    """Spell dynplan's own keys with dashes, at any depth; one that stands there in both spellings is D106."""
    out: Data = {}
    for raw, value in table.items():
        key = raw if named else raw.replace("_", "-")
        if key in out:
            message = f"`{key}` is set twice: `_` and `-` mean the same in it"
            findings.error("D106", message, (*path, raw), help="keep one of the two", key=True)
        out[key] = _below(key, value, (*path, key), findings, free=not named and key in _FREE, owner=named)
    return out


def _below(key: str, value: Any, path: Path, findings: Findings, *, free: bool, owner: bool) -> Any:
    if isinstance(value, list):
        return [_below(key, item, (*path, index), findings, free=free, owner=True) for index, item in enumerate(value)]
    if not isinstance(value, Mapping):
        return value
    if free:
        return {
            name: _below(name, item, (*path, name), findings, free=True, owner=False) for name, item in value.items()
        }
    return normalised(value, path, findings, named=not owner and key in _NAMED)
