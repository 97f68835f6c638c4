"""Values of the wrong shape, and the line as it should be; loaded only when there is one."""

import datetime
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from dynplan.diagnostics import Path

_MOST = 60  # characters of the user's own text in a line that is suggested
_WORDS = '["program", "word"]'
_LISTS = frozenset({"after", "unset", "constraints", "mounts", "reserved-ports"})
_NAMES = frozenset({"after", "unset"})
_USUAL = {"env": 'NAME = "1"', "sbatch": 'account = "..."', "srun": 'mpi = "none"'}


def as_it_should_be(path: Path, value: Any) -> str:
    """Return the help for a value of the wrong type at a key path: the line that was probably meant, or nothing."""
    line = _named_table(path, value) or _table(path, value) or _plain(path, value)
    return f"write `{line}`" if line else ""


def _named_table(path: Path, value: Any) -> str:
    """Return the line for something in the place of a table that has a header of its own."""
    match path:
        case ("roles" | "phases" as kind,):
            return f"[{kind}.NAME]"
        case ("roles" | "phases" as kind, str(name)):
            return f"[{kind}.{name}]` and below it `command = {_text(value, _WORDS)}"
        case ("cluster",) if isinstance(value, str):
            return f"[job]` and below it `cluster = {_text(value)}"
        case ("job",) if isinstance(value, str):
            return f"[job]` and below it `name = {_text(value)}"
        case ("files", str(name)) if isinstance(value, str):
            return f'[files."{name}"]` and below it `content = {_text(value)}'
    return ""


def _table(path: Path, value: Any) -> str:
    """Return the line for something in the place of a table below a key."""
    item = bool(path) and isinstance(path[-1], int)
    key = path[-2] if item and len(path) > 1 else path[-1] if path else ""
    write = _TABLES.get(str(key))
    inside = not item and len(path) > 1 and isinstance(path[-2], int)  # of a list: `args` beside `each`
    if write is None or inside or isinstance(value, Mapping):
        return ""
    table = write(value)
    return f"{key} = [{table}]" if item else table if table.startswith("extra-args") else f"{key} = {table}"


def _ports(value: Any) -> str:
    return f"{{ http = {_number(value, 8000)} }}"


def _probe(value: Any) -> str:
    port = 'port = "http"'
    if not isinstance(value, str):
        return f"{{ {port} }}"
    if value.startswith("/"):
        return f"{{ {port}, path = {_text(value)} }}"
    return f'{{ {port}, path = "/health" }}' if value.startswith("http") else f"{{ log = {_text(value)} }}"


def _args(value: Any) -> str:
    """Return a command line's options as words; a table of them is the other way."""
    if isinstance(value, str) and _plainly(value):
        return f"extra-args = {_text(value)}"
    words = [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
    text = _list(words)
    return f"extra-args = [{text}]" if words and len(text) <= _MOST and all(map(_plainly, words)) else "{ port = 8000 }"


def _pairs(value: Any, usual: str) -> str:
    items: Iterable[Any] = value if isinstance(value, list) else [value]
    pairs: list[str] = []
    for item in items:
        if isinstance(item, str) and "=" in item and _plainly(item):
            name, _, text = item.removeprefix("--").partition("=")
            pairs.append(f'{name.strip()} = "{text}"')
        elif isinstance(item, Mapping) and "name" in item and "value" in item:  # as Kubernetes has it
            name, text = str(item["name"]), str(item["value"])
            pairs += [f'{name} = "{text}"'] if _plainly(name + text) else []
    text = ", ".join(pairs)
    return f"{{ {text if pairs and len(text) <= _MOST else usual} }}"


def _container(value: Any) -> str:
    return f"{{ image = {_text(value)} }}"


def _restart(value: Any) -> str:
    return f"{{ max = {_number(value, 3)} }}"


def _stop(value: Any) -> str:
    seconds = isinstance(value, int) or (isinstance(value, str) and value[:1] in set("0123456789"))
    return f"{{ grace = {_text(value)} }}" if seconds else '{ signal = "INT" }'


_TABLES: dict[str, Callable[[Any], str]] = {
    "ports": _ports,
    "ready": _probe,
    "alive": _probe,
    "args": _args,
    "container": _container,
    "restart": _restart,
    "stop": _stop,
    **{key: lambda value, usual=usual: _pairs(value, usual) for key, usual in _USUAL.items()},  # type: ignore[misc]
    "vars": lambda value: _pairs(value, 'name = "..."'),
}


def _plain(path: Path, value: Any) -> str:
    """Return the line for something in the place of a scalar or a list."""
    key = path[-1] if path else 0
    if isinstance(key, int):
        return ""
    if isinstance(value, datetime.time | datetime.date):
        return f'{key} = "{value}"'
    if key in ("command", "setup", "after-command"):
        return f"{key} = {_WORDS}"
    return _unquoted(str(key), value) if isinstance(value, str) else ""


def _unquoted(key: str, value: str) -> str:
    if value.lower() in ("true", "false") or _whole(value):
        return f"{key} = {value.lower()}"
    if key in _LISTS and value and _plainly(value):
        return f"{key} = [{_list(value.replace(',', ' ').split() if key in _NAMES else [value])}]"
    return ""


def _text(value: Any, usual: str = '"..."') -> str:
    """Write the user's own value, or what is usual where it is too long or of another kind."""
    if isinstance(value, str) and 0 < len(value) <= _MOST and _plainly(value):
        return f'"{value}"'
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else usual


def _list(items: Iterable[str]) -> str:
    return ", ".join(f'"{item}"' for item in items)


def _number(value: Any, usual: int) -> int:
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, int) and not isinstance(item, bool):
            return item
        if isinstance(item, str) and _whole(item):
            return int(item)
    return usual


def _whole(text: str) -> bool:
    return 0 < len(text) < 19 and set(text) <= set("0123456789")


def _plainly(text: str) -> bool:
    """Tell whether a text may stand between double quotes in a line between backticks."""
    return text.isprintable() and not set(text) & set('"`\\')
