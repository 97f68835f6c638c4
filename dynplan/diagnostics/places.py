"""Where every key and value of a TOML or JSON text stands; tomllib and json give no positions.

Runs only when there is something to report, and only on text that was parsed before, so it looks for ends,
never for errors. One loop with a stack of its own: depth costs no recursion. JSON needs no code of its own
but for the outermost brace and a few escapes: it is an inline table with colons.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from collections.abc import Iterator

from attrs import define, field

from dynplan.diagnostics.findings import Path, Span

__all__ = ["Span", "spans"]

_Range = tuple[int, int]  # offsets into the text, the end exclusive
_Name = tuple[str, _Range]  # one part of a dotted key, and where it stands

# Nothing here is possessive, which Python before 3.11.5 gets wrong; in valid text nothing is ever given back.
# What may stand between a key, its value and the next key. Separators say nothing that brackets do not.
_GAP = re.compile(r"(?:[ \t\r\n,=:]+|#[^\n]*)*")
_DOT = re.compile(r"[ \t]*\.[ \t]*")
_KEY = re.compile(r""" [A-Za-z0-9_-]+ | "(?:[^"\\]+|\\.)*" | '[^']*' """, re.VERBOSE)
_SCALAR = re.compile(
    r'''
      """ (?: [^"\\]+ | \\. | "{1,2}(?!") )* "{3,5}      # up to two quotes may stand before the closing three
    | \'\'\' (?: [^']+ | '{1,2}(?!') )* '{3,5}
    | " (?: [^"\\]+ | \\. )* "
    | ' [^']* '
    | \d{4}-\d\d-\d\d[ ]\d\d:[^ \t\r\n,\]}\#]+           # a date and a time, a space between them
    | [^ \t\r\n,\]}\#]+
    ''',
    re.VERBOSE | re.DOTALL,
)


def spans(text: str) -> dict[Path, tuple[Span, Span]]:
    """Return key span and value span of every leaf, table and array element of a TOML or JSON text.

    Paths use the keys as written. A table's value span is its `[header]`, or the dotted key up to its name
    where only that makes it; an array element's key span is its value span. `text` must be valid.
    """
    starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def span(offsets: _Range) -> Span:
        (line, column), (end_line, end_column) = (_place(starts, offset) for offset in offsets)
        return Span(line, column, end_line, end_column)

    scan = _Scan(text)
    scan.run()
    return {path: (span(key), span(value)) for path, (key, value) in scan.found.items()}


def _place(starts: list[int], offset: int) -> tuple[int, int]:
    line = bisect_right(starts, offset)
    return line, offset - starts[line - 1] + 1


@define
class _Open:
    """A value whose end is not reached yet; `size` counts an array's elements so far."""

    path: Path
    key: _Range | None
    start: int
    array: bool
    size: int = 0


@define
class _Scan:
    """A position in the text, what is open there, and what was found before it."""

    text: str
    at: int = 0
    table: Path = ()
    open: list[_Open] = field(factory=list)
    sizes: dict[Path, int] = field(factory=dict)  # of arrays of tables
    found: dict[Path, tuple[_Range, _Range]] = field(factory=dict)

    def run(self) -> None:
        while not self._at_end():
            here, inner = self.text[self.at], self.open[-1] if self.open else None
            if inner and here in "]}":
                self.at += 1
                self._end(self.open.pop())
            elif inner and inner.array:
                self._value((*inner.path, inner.size), None)
                inner.size += 1
            elif inner or here not in "[{":
                self._pair(inner.path if inner else self.table)
            elif here == "[":
                self._header()
            else:
                self._value((), None)  # JSON

    def _at_end(self) -> bool:
        self._take(_GAP)
        return self.at == len(self.text)

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.at)
        self.at = match.end() if match else self.at
        return match[0] if match else ""

    def _value(self, path: Path, key: _Range | None) -> None:
        value = _Open(path, key, self.at, self.text[self.at] == "[")
        if self.text[self.at] in "[{":
            self.at += 1
            self.open.append(value)
        else:
            self._take(_SCALAR)
            self._end(value)

    def _end(self, value: _Open) -> None:
        place = (value.start, self.at)
        self.found[value.path] = (value.key or place, place)

    def _pair(self, table: Path) -> None:
        *tables, (last, key) = self._names()
        path = (*self._enter(table, tables), last)
        self._take(_GAP)
        self._value(path, key)

    def _header(self) -> None:
        start, brackets = self.at, 2 if self.text.startswith("[[", self.at) else 1
        self.at += brackets
        self._take(_GAP)
        *tables, (last, key) = self._names()
        self._take(_GAP)
        self.at += brackets
        self.table = (*self._enter((), tables), last)
        if brackets == 2:
            self.found.setdefault(self.table, (key, (start, self.at)))
            size = self.sizes[self.table] = self.sizes.get(self.table, 0) + 1
            self.table = (*self.table, size - 1)
        self.found[self.table] = (key, (start, self.at))

    def _names(self) -> Iterator[_Name]:
        """Yield the parts of a dotted key."""
        while True:
            start = self.at
            written = self._take(_KEY)
            yield _decode(written), (start, self.at)
            if not self._take(_DOT):
                return

    def _enter(self, path: Path, tables: list[_Name]) -> Path:
        """Return the path of the innermost of `tables`, noting those that no header has made yet."""
        for name, part in tables:
            path = (*path, name)
            self.found.setdefault(path, (part, (tables[0][1][0], part[1])))
            if path in self.sizes:
                path = (*path, self.sizes[path] - 1)
        return path


def _decode(key: str) -> str:
    if key[0] not in "\"'":
        return key
    try:
        name: str = tomllib.loads(f"x = {key}")["x"]
    except tomllib.TOMLDecodeError:  # `\/` and surrogate pairs are JSON's alone
        from json import loads  # no TOML file needs it

        name = loads(key)
    return name
