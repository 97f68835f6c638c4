"""From bytes to data: the one place that reads TOML and JSON text, and says what is wrong with it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from typing import Any

from attrs import evolve

from dynplan.diagnostics import Document, Finding, InputError, Path, Span

_BOM = "\ufeff"
_INT64 = range(-(2**63), 2**63)  # what TOML promises; Python cannot even print much larger ones
_MAX_DEPTH = 100  # dotted keys nest without limit, and later stages recurse
_SURROGATE = re.compile("[\ud800-\udfff]")
# How a message ends: "(at line 1, column 5)" or "(at end of document)"; json: ": line 1 column 5 (char 4)".
_PLACE = re.compile(r"(?: \(at |: )(?:line ([0-9]+),? column ([0-9]+)|end of document)(?:\)| \(char [0-9]+\))$")


def parse(name: str, raw: bytes) -> Document:
    """Return the TOML document in `raw`, shown as `name`.

    Raises InputError: D001 not valid TOML, D002 not plain UTF-8, D003 beyond the limits of size and depth.
    """
    return _parse(name, raw, tomllib.loads)


def parse_json(name: str, raw: bytes) -> Document:
    """Return the JSON object in `raw`, shown as `name`; errors as in `parse`."""
    import json  # a job file does not need it

    return _parse(name, raw, json.loads)


def parse_error(exc: ValueError, document: Document) -> Finding:
    """Return what tomllib or json has to say about `document`'s text, at the place it names."""
    from dynplan.language.slips import QUOTES, is_twice, plainly  # most texts are TOML

    message = str(exc)
    place = _PLACE.search(message)
    if not place:  # the one ValueError without a place is int()'s own limit
        return Finding("D003", "a number has thousands of digits", document=document)
    message = message[0].lower() + message[1 : place.start()]
    span = _span(document.text, _offset(document.text, place))
    line = document.text.split("\n")[span.line - 1].rstrip(" \t\r")
    if is_twice(message):  # said where the second one ends
        span = span._replace(column=len(line) - len(line.lstrip()) + 1)
    message, fix = plainly(message, line, span.column - 1)
    if document.name.startswith("--") and (fix == QUOTES or fix.startswith("write `")):
        fix = f"{QUOTES}, and for the shell the whole option: `--set 'job.name=\"demo\"'`"
    return Finding("D001", message, help=fix, document=document, span=span)


def _parse(name: str, raw: bytes, loads: Callable[[str], Any]) -> Document:
    text = _decode(name, raw)
    document = Document(name, text, {})
    try:
        data = loads(text)
    except RecursionError:
        raise InputError([Finding("D003", "the nesting is too deep", document=document)]) from None
    except ValueError as exc:
        raise InputError([parse_error(exc, document)]) from None
    if not isinstance(data, dict):
        raise InputError([Finding("D001", "the outermost value is not an object", document=document)])
    document = evolve(document, data=data)
    if beyond := [evolve(finding, document=document) for finding in _beyond(data)]:
        raise InputError(beyond)
    return document


def _decode(name: str, raw: bytes) -> str:
    try:
        text = raw.decode()
    except UnicodeDecodeError as exc:
        text = raw.decode(errors="backslashreplace")  # one bad byte reads \xff: four characters
        place = _span(text, len(raw[: exc.start].decode()), 4)
        message, fix = f"byte 0x{raw[exc.start]:02x} is not UTF-8", "save the file as UTF-8"
    else:
        if not text.startswith(_BOM):
            return text
        place = _span(text, 0)
        message, fix = "the file starts with a byte order mark", "save the file as UTF-8 without it"
    raise InputError([Finding("D002", message, help=fix, document=Document(name, text, {}), span=place)])


def _beyond(data: dict[str, Any]) -> Iterator[Finding]:
    """Yield what is well formed and still could not be planned, printed or written out again."""
    todo: list[tuple[Path, Any]] = [((), data)]
    while todo:
        path, value = todo.pop()
        match value:
            case dict() | list() if len(path) >= _MAX_DEPTH:
                yield Finding("D003", f"the nesting is deeper than {_MAX_DEPTH} levels", path)
            case dict():
                todo.extend(((*path, key), inner) for key, inner in value.items())
            case list():
                todo.extend(((*path, index), inner) for index, inner in enumerate(value))
            case int() if value not in _INT64:
                yield Finding("D003", "a number does not fit into 64 bits", path)
            case str() if _SURROGATE.search(value):
                yield Finding("D002", "a string has half a surrogate pair", path)
        if path and _SURROGATE.search(str(path[-1])):
            yield Finding("D002", "a key has half a surrogate pair", path, key=True)


def _offset(text: str, place: re.Match[str]) -> int:
    if place[1] is None:
        return len(text.rstrip(" \t\r\n"))
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    return starts[int(place[1]) - 1] + int(place[2]) - 1


def _span(text: str, offset: int, width: int = 1) -> Span:
    line, column = text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)
    return Span(line, column, line, column + width)
