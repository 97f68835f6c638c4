"""The `data` of a file as text: JSON, TOML or YAML, with values that are numbers only when the job runs.

What such a form cannot say of itself, an item that is repeated and a placeholder without quotes, is a marked
string while the form is written, and is put in its place then. No string of a user holds the NUL byte of a mark.
"""

import datetime
import re
from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any

from dynplan.language.tables import is_from_env, scalar
from dynplan.model import EachText

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_YAML_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
# A placeholder that stands for a number.
_NUMBER = re.compile(
    r"\{=[^{}]*\}|\{(?:node|role\.[A-Za-z0-9_-]+\.(?:workers|port\.[a-z0-9_-]+(?:\.last)?)"
    r"|it\.(?:node|worker|rank|port\.[a-z0-9_-]+(?:\.last)?))\}"
)
# How each form writes the mark: NUL, its number, a semicolon; in quotes, and for an item on a line of its own.
_MARK = re.compile(r'"\\(?:u|U0000)0000([0-9]{1,9});"')
_KINDS = ({"each", "value"}, {"each-task", "value"})

Content = tuple[str | EachText, ...]


class DataError(Exception):
    """Data that a form cannot say: the message goes on behind the name of the data."""

    def __init__(self, message: str, fix: str = "", code: str = "D104") -> None:
        super().__init__(message)
        self.fix = fix
        self.code = code


_NUL = DataError("holds a NUL byte, which no script can carry", code="D107")


def rendered(data: Mapping[str, Any], form: str) -> Content:
    """Return data as text.

    Args:
        data: a table, in which `{ each = "ROLE", value = ... }` is an item of a list that is repeated, `"{null}"` null,
            and a string that is just a placeholder of a number a number.
        form: `json`, `toml` or `yaml`.

    Raises:
        DataError: the form cannot say it.
    """
    marks: list[str | Mapping[str, Any]] = []
    marked = _marked(data, marks, form)
    try:
        text = _TEXT[form](marked)
    except ValueError:
        raise DataError("holds `nan` or `inf`, which JSON cannot say") from None
    return tuple(_merged(_unmarked(text, marks, form)))


def _marked(value: Any, marks: list[str | Mapping[str, Any]], form: str, *, item: bool = False) -> Any:
    """Return a value with marks for what a form cannot say, which is kept in `marks`."""
    match value:
        case str() if "\0" in value:
            raise _NUL
        case str() if value == "{null}":
            if form == "toml":
                raise DataError("holds `{null}`, and TOML has no null", "leave the key out")
            marks.append("null")
        case str() if _NUMBER.fullmatch(value):
            marks.append(value)
        case Mapping() if is_from_env(value):
            raise DataError(
                "takes `from-env`, which `env` alone may", "let the program take it from a variable", "D102"
            )
        case Mapping() if item and value.keys() in _KINDS:
            marks.append(value)
        case Mapping():
            if any("\0" in key for key in value):
                raise _NUL
            return {key: _marked(below, marks, form) for key, below in value.items()}
        case list():
            return [_marked(below, marks, form, item=True) for below in value]
        case _:
            return value
    return f"\0{len(marks) - 1};"


def _unmarked(text: str, marks: list[str | Mapping[str, Any]], form: str) -> Iterator[str | EachText]:
    at = 0
    for match in _MARK.finditer(text):
        mark, begin = marks[int(match[1])], match.start()
        yield text[at:begin]
        at = match.end()
        if isinstance(mark, str):
            yield mark
            continue
        line = text[text.rfind("\n", 0, begin) + 1 : begin]
        yield _repeated(mark, form, line[: len(line) - len(line.lstrip())])
    yield text[at:]


def _repeated(mark: Mapping[str, Any], form: str, indent: str) -> EachText:
    """Return an item that is repeated, as its form writes it at that indentation."""
    kind = "each-task" if "each-task" in mark else "each"
    if not isinstance(mark[kind], str):
        raise DataError(f"holds an item whose `{kind}` names no role")
    if _holds_each(mark["value"]):
        raise DataError("repeats an item inside a repeated item")
    _marked(mark["value"], [], form)  # raises what the form cannot say
    between = ",\n" + indent
    match form:
        case "yaml":
            between = f"\n{indent}- "
            found = "".join(map(str, rendered({"": [mark["value"]]}, form)))
            lines = found.splitlines()[1:]  # without the key; the first line has the dash
            first = lines[0].strip().removeprefix("-").strip()
            rest = [line.removeprefix("  ") for line in lines[1:]]
            text = "\n".join([first, *(f"{indent}{line}" for line in rest)])
            if not first:  # a table or a list, which begins on the next line
                text = "\n" + "\n".join(f"{indent}{line}" for line in rest)
        case "json":
            found = "".join(map(str, rendered({"": mark["value"]}, form)))
            lines = found.removeprefix('{\n  "": ').removesuffix("\n}\n").split("\n")
            text = "\n".join([lines[0], *(indent + line.removeprefix("  ") for line in lines[1:])])
        case _:
            text = _inline(mark["value"])
    return EachText(mark[kind], text, kind == "each-task", between)


def _holds_each(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_holds_each, value.values()))
    return isinstance(value, list) and any(
        (isinstance(item, Mapping) and item.keys() in _KINDS) or _holds_each(item) for item in value
    )


def _merged(parts: Iterator[str | EachText]) -> Iterator[str | EachText]:
    """Yield the parts, texts side by side as one."""
    text = ""
    for part in parts:
        if isinstance(part, str):
            text += part
            continue
        if text:
            yield text
        yield part
        text = ""
    if text:
        yield text


def _inline(value: Any) -> str:
    """Write a value of TOML in a line."""
    match value:
        case Mapping():
            return "{ " + ", ".join(f"{_quoted(key)} = {_inline(below)}" for key, below in value.items()) + " }"
        case list():
            return "[" + ", ".join(map(_inline, value)) + "]"
        case str() if _NUMBER.fullmatch(value):
            return value
        case str():
            return _quoted(value)
        case _:
            return scalar(value) or '""'


def _quoted(text: str) -> str:
    import json  # strings of JSON are strings of TOML

    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _json(data: Mapping[str, Any]) -> str:
    import json  # only jobs that make such a file need it

    return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False, default=scalar) + "\n"


def _toml(data: Mapping[str, Any]) -> str:
    import tomli_w  # only jobs that make such a file need it

    return tomli_w.dumps(data)


def _yaml(data: Mapping[str, Any]) -> str:
    return "".join(f"{line}\n" for line in _yaml_lines(data, "")) if data else "{}\n"


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


_TEXT = {"json": _json, "toml": _toml, "yaml": _yaml}
