"""The tables of a plan's tree, by key: what has the wrong form is reported and read as something harmless."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from dynplan.diagnostics import Findings, Path

_LARGEST = 10**6
_RANGE = re.compile(r"\+?([0-9]{1,5})(?:(?:-|\.\.)\+?([0-9]{1,5}))?")

Range = tuple[int, int]  # both ends included


class Part:
    """A table of the tree; a value of the wrong form is reported and read as a harmless one."""

    def __init__(self, data: Any, path: Path, findings: Findings) -> None:
        self.path = path
        self.findings = findings
        self.data: Mapping[str, Any] = data if isinstance(data, Mapping) else {}
        if data is not self.data and data is not None:
            self.wrong(path, "a table")

    def wrong(self, path: Path, wanted: str) -> None:
        """Report a value of the wrong form."""
        name = ".".join(str(key) for key in path if isinstance(key, str))
        self.findings.error("D502", f"`{name}` of a plan must be {wanted}", path)

    def text(self, key: str) -> str:
        """Return a string, the empty one where there is none."""
        value = self.data.get(key)
        if value is not None and not isinstance(value, str):
            self.wrong((*self.path, key), "a string")
            return ""
        return value or ""

    def count(self, key: str, default: int | None = None) -> int:
        """Return a whole number; without a default it has to be there."""
        return self.number(self.data.get(key, default), (*self.path, key))

    def maybe(self, key: str) -> int | None:
        """Return a whole number, None where there is none."""
        return self.count(key) if key in self.data else None

    def number(self, value: Any, path: Path) -> int:
        """Return a value that is to be a whole number."""
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST:
            return value
        self.wrong(path, f"a whole number from 0 to {_LARGEST}")
        return 0

    def flag(self, key: str) -> bool:
        """Return a boolean, false where there is none."""
        value = self.data.get(key, False)
        if not isinstance(value, bool):
            self.wrong((*self.path, key), "`true` or `false`")
        return value is True

    def list(self, key: str, *, needed: bool = False) -> list[Any]:
        """Return a list, an empty one where there is none."""
        value = self.data.get(key, None if needed else [])
        if isinstance(value, list):
            return value
        self.wrong((*self.path, key), "a list")
        return []

    def numbers(self, key: str) -> tuple[int, ...]:
        """Return a list of whole numbers."""
        items = enumerate(self.list(key))
        return tuple(self.number(item, (*self.path, key, at)) for at, item in items)

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of strings."""
        items = self.list(key)
        if not all(isinstance(item, str) for item in items):
            self.wrong((*self.path, key), "a list of strings")
            return ()
        return tuple(items)

    def part(self, key: str) -> "Part":
        """Return the table at a key."""
        return Part(self.data.get(key), (*self.path, key), self.findings)

    def parts(self, key: str, *, needed: bool = False) -> Iterator["Part"]:
        """Yield the tables of a list."""
        for at, item in enumerate(self.list(key, needed=needed)):
            yield Part(item, (*self.path, key, at), self.findings)

    def named(self, key: str) -> Iterator[tuple[str, "Part"]]:
        """Yield the tables at a key with their names."""
        outer = self.part(key)
        for name, value in outer.data.items():
            yield name, Part(value, (*outer.path, name), self.findings)

    def ranges(self, key: str) -> tuple[Range, ...]:
        """Return ranges written as `9100`, `"9100"`, `"6817-6819"` or, for offsets, `"233..239"`."""
        value = self.data.get(key, [])
        found: list[Range] = []
        for item in value if isinstance(value, list) else [value]:
            match = _RANGE.fullmatch(str(item).replace(" ", ""))
            if match is None:
                self.wrong((*self.path, key), "a range of numbers")
                continue
            found.append((int(match[1]), int(match[2] or match[1])))
        return tuple(found)
