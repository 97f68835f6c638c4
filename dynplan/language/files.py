"""Read `[files."NAME"]`: text that every node finds in the job's directory when its tasks start."""

import datetime
import re
from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any

from dynplan.language.tables import Table, name_of, scalar
from dynplan.model import TextFile

FORMATS = ("json", "toml", "yaml")
_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_ENDINGS = {"json": "json", "toml": "toml", "yaml": "yaml", "yml": "yaml"}
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_YAML_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


def read_files(top: Table) -> tuple[TextFile, ...]:
    """Read every file of a job, in file order; `data` becomes text."""
    return tuple(_file(name, table) for name, table in top.tables("files"))


def _file(name: str, table: Table) -> TextFile:
    if not _NAME.fullmatch(name):
        table.findings.error(
            "D109",
            f"`{name}` is not a name for a file",
            table.path,
            help="use letters, digits, `-`, `_`, `.`",
            key=True,
        )
    set_keys = [key for key in ("content", "data") if key in table]
    if not set_keys:
        message, lacks = f"{name_of(table.path)} needs `content` or `data`", table.at("content")
        table.findings.error("D103", message, table.path, help=_HELP, lacks=lacks)
    if len(set_keys) > 1:
        table.bad("data", f"{name_of(table.path)} has `content` and `data`", "keep one of the two", code="D113")
    text = table.text("content")
    ending = _ENDINGS.get(name.rpartition(".")[2], "")
    form = table.choice("format", FORMATS, ending or "json")
    if "data" in table:
        text = _rendered(table, form)
    elif "format" in table:
        table.bad("format", "`format` is for `data`: `content` stands as it is", code="D113")
    table.close()
    return TextFile(name, text)


_HELP = 'write `content = """..."""`, or a table `data` and its `format`'


def _rendered(table: Table, form: str) -> str:
    data = table.get("data")
    if not isinstance(data, Mapping):
        table.wrong(table.at("data"), "a table", data)
        return ""
    text = ""
    try:
        text = _TEXT[form](data)
    except ValueError:
        table.bad("data", f"{name_of(table.at('data'))} holds `nan` or `inf`, which JSON cannot say")
    if any(nul in text for nul in ("\0", "\\u0000", "\\U00000000")):
        table.bad("data", f"{name_of(table.at('data'))} holds a NUL byte, which no script can carry", code="D107")
    return text


def _json(data: Mapping[str, Any]) -> str:
    import json  # only jobs that make such a file need it

    return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False, default=scalar) + "\n"


def _toml(data: Mapping[str, Any]) -> str:
    import tomli_w  # only jobs that make such a file need it

    return tomli_w.dumps(data)


def _yaml(data: Mapping[str, Any]) -> str:
    return "".join(f"{line}\n" for line in _yaml_lines(data, "")) if data else "{}\n"


_TEXT = {"json": _json, "toml": _toml, "yaml": _yaml}


def _yaml_lines(value: Any, indent: str) -> Iterator[str]:
    """Write a table or a list in block style (YAML 1.2, section 8.2)."""
    pairs = value.items() if isinstance(value, Mapping) else ((None, item) for item in value)
    for key, item in pairs:
        head = "-" if key is None else f"{_yaml_key(key)}:"
        if isinstance(item, Mapping | list) and item:
            yield indent + head
            yield from _yaml_lines(item, indent + "  ")
        else:
            yield f"{indent}{head} {_yaml_scalar(item)}"


def _yaml_key(key: str) -> str:
    return key if _PLAIN_KEY.fullmatch(key) and key.lower() not in _YAML_WORDS else _yaml_scalar(key)


def _yaml_char(char: str) -> str:
    if char in '"\\':
        return f"\\{char}"
    return char if char.isprintable() else f"\\U{ord(char):08x}"


def _yaml_scalar(value: Any) -> str:
    """Write a scalar; a string stands in double quotes (YAML 1.2, section 7.3.1)."""
    match value:
        case str() | datetime.date() | datetime.time():
            return '"' + "".join(map(_yaml_char, scalar(value) or "")) + '"'
        case float() if not isfinite(value):
            return str(value).replace("inf", ".inf").replace("nan", ".nan")
        case float():
            # YAML 1.1, which PyYAML reads, takes `1e+22` for text.
            mantissa, sign, exponent = str(value).partition("e")
            return f"{mantissa}{'' if '.' in mantissa else '.0'}{sign}{exponent}"
        case dict():
            return "{}"
        case list():
            return "[]"
        case _:
            return scalar(value) or ""
