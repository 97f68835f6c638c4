"""A TOML table being read: typed access by key, and a finding for whatever is wrong.

Every method returns a usable value, the default where the input is wrong, so that one pass
finds everything; `Findings.raise_if_errors` ends the stage.
"""

import datetime
import re
from collections.abc import Iterable, Mapping
from typing import Any

from dynplan.diagnostics import Findings, Path, nearest

_KINDS = (
    (bool, "a boolean"),
    (int, "a number"),
    (float, "a fraction"),
    (str, "a string"),
    (list, "a list"),
    (Mapping, "a table"),
)
_DURATION = re.compile(r"([0-9]{1,9})[ \t]*(s|m|h|d)?")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, None: 1}
_MEANS = frozenset("\\[({*+?")  # what can be wrong in a regular expression begins with one of these
LARGEST = 10**6  # of a count: more nodes or workers than that are a slip of the finger


def kind(value: object) -> str:
    """Name the TOML type of a value for a message, `a list` for example."""
    return next((name for cls, name in _KINDS if isinstance(value, cls)), "a date or time")


class Table:
    """One table, its key path, and the keys that were asked for."""

    def __init__(self, data: Any, path: Path, findings: Findings) -> None:
        """Wrap `data`, which is treated as empty (with a finding) where it is no table."""
        self.path = path
        self.findings = findings
        self.known: set[str] = set()
        self.data: Mapping[str, Any] = {}
        if isinstance(data, Mapping):
            self.data = data
        elif data is not None:
            findings.unread.add(path)
            self.wrong(path, "a table", data)

    def __contains__(self, key: str) -> bool:
        """Tell whether the key is set; asking makes it a known one."""
        self.known.add(key)
        return key in self.data

    def at(self, *keys: str | int) -> Path:
        """Return the key path of something below this table."""
        return (*self.path, *keys)

    def wrong(self, path: Path, wanted: str, value: object, fix: str = "") -> None:
        """Report a value of the wrong type, with the line as it should be where that can be said."""
        if not fix:
            from dynplan.language.shapes import as_it_should_be  # most values have the right type

            fix = as_it_should_be(path, value)
        self.findings.error("D102", f"{name_of(path)} must be {wanted}, not {kind(value)}", path, help=fix)

    def bad(
        self, key: str, message: str, fix: str = "", code: str = "D104", *, lacks: Path | None = None, also: Path = ()
    ) -> None:
        """Report a value that has the right type and does not make sense; `lacks` and `also` as in `Finding`."""
        self.findings.error(code, message, self.at(key), help=fix, lacks=lacks, also=also)

    def get(self, key: str) -> Any:
        """Return the raw value, None where it is not set."""
        self.known.add(key)
        return self.data.get(key)

    def text(self, key: str, default: str = "") -> str:
        """Return a string without NUL bytes."""
        value = self.get(key)
        if value is None:
            return default
        if not isinstance(value, str):
            self.wrong(self.at(key), "a string", value)
            return default
        return plain(value, self.at(key), self.findings)

    def line(self, key: str, default: str = "") -> str:
        """Return a string of one line, without control characters."""
        value = self.text(key, default)
        if not value.isprintable():
            self.bad(key, f"{name_of(self.at(key))} must be one line of printable text", code="D107")
            return default
        return value

    def regex(self, key: str) -> str:
        """Return a regular expression for bash: POSIX extended, of one line, as several would never match."""
        value = self.line(key)
        if not _MEANS.isdisjoint(value):
            from dynplan.language.regexes import RegexError, check  # most are plain words

            try:
                check(value)
            except RegexError as error:
                self.bad(key, f"{name_of(self.at(key))} {error}", error.fix)
        return value

    def choice(self, key: str, choices: Iterable[str], default: str) -> str:
        """Return one of a few words."""
        choices = tuple(choices)
        value = self.text(key, default)
        if value in choices:
            return value
        near = nearest(value, choices)
        words = ", ".join(f'`"{choice}"`' for choice in choices)
        self.bad(
            key,
            f"{name_of(self.at(key))} cannot be `{value}`",
            f'did you mean `"{near}"`? It is one of {words}' if near else f"it is one of {words}",
        )
        return default

    def flag(self, key: str, default: bool) -> bool:
        """Return a boolean."""
        value = self.get(key)
        if isinstance(value, bool):
            return value
        if value is not None:
            self.wrong(self.at(key), "`true` or `false`", value)
        return default

    def count(self, key: str, default: int | None = None, low: int = 1, high: int = LARGEST) -> int | None:
        """Return a whole number from `low` to `high`."""
        return self.number(self.get(key), self.at(key), low, high, default)

    def number(
        self, value: object, path: Path, low: int = 1, high: int = LARGEST, default: int | None = None
    ) -> int | None:
        """Check one whole number that stands at `path`."""
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int):
            self._no_number(value, path)
            return default
        if not low <= value <= high:
            self.findings.error("D104", f"{name_of(path)} is {_short(value)}, outside {low} to {high}", path)
            return default
        return value

    def _no_number(self, value: object, path: Path) -> None:
        if isinstance(value, list):
            fix = "one job is one point of a sweep: give one number here, and the list in `[sweep]`"
            self.findings.error("D110", f"{name_of(path)} must be a whole number, not a list", path, help=fix)
        else:
            self.wrong(path, "a whole number", value)

    def seconds(self, key: str, default: int) -> int:
        """Return a duration in seconds: a number, or text such as `"30m"`."""
        value = self.get(key)
        if isinstance(value, str):
            match = _DURATION.fullmatch(value.strip())
            if match is None:
                self.bad(key, f"`{value}` is not a duration", 'write seconds, or `"90s"`, `"30m"`, `"2h"`')
                return default
            value = int(match[1]) * _SECONDS[match[2]]
        found = self.number(value, self.at(key), 0, 10**8, default)
        return default if found is None else found

    def strings(self, key: str) -> tuple[str, ...]:
        """Return a list of strings."""
        value = self.get(key)
        if value is None:
            return ()
        if not isinstance(value, list):
            self.wrong(self.at(key), "a list of strings", value)
            return ()
        found = []
        for index, item in enumerate(value):
            if isinstance(item, str):
                found.append(plain(item, self.at(key, index), self.findings))
            else:
                self.wrong(self.at(key, index), "a string", item)
        return tuple(found)

    def table(self, key: str) -> "Table":
        """Return a table below this one, an empty one where it is not set."""
        return Table(self.get(key), self.at(key), self.findings)

    def tables(self, key: str) -> list[tuple[str, "Table"]]:
        """Return the named tables below a key, in file order."""
        outer = self.table(key)
        return [(name, Table(value, outer.at(name), self.findings)) for name, value in outer.data.items()]

    def close(self) -> None:
        """Report every key that nobody asked for."""
        for key in self.data:
            if key not in self.known:
                self._unknown(key)

    def _unknown(self, key: str) -> None:
        from dynplan.language.foreign import ours  # most keys are known

        own, help_ = ours(key, self.path)
        if not help_ and (near := nearest(key, self.known)):
            own, help_ = near, f"did you mean `{near}`?"
        if own:  # what it says is not read, and not missing either
            self.findings.unread |= {self.at(own), _brought(self.path, own)}
        message = f"unknown key `{key}` in {table_name(self.path)}"
        known = "known keys: " + ", ".join(sorted(self.known))
        self.findings.error("D101", message, self.at(key), help=help_ or known, key=True)


def _brought(path: Path, key: str) -> Path:
    """Return where everything might come from a key: a parent, a preset, a cluster file bring more than themselves."""
    if (path, key) == (("job",), "cluster"):
        return ("cluster",)
    return path if (path, key) == ((), "extends") or key == "engine" else (*path, key)


def plain(value: str, path: Path, findings: Findings) -> str:
    """Return the text, or report the NUL byte that no process can be given."""
    if "\0" in value:
        findings.error("D107", f"{name_of(path)} holds a NUL byte, which no process can be given", path)
        return value.replace("\0", "")
    return value


def name_of(path: Path) -> str:
    """Name the thing at a key path for a message: `num-nodes` of role `decode`."""
    match path:
        case ("roles" | "phases" as kind, str(owner), *rest) if rest:
            return f"`{dotted(tuple(rest))}` of {kind[:-1]} `{owner}`"
        case _:
            return f"`{dotted(path)}`"


def table_name(path: Path) -> str:
    """Name a table for a message, `[job]` for example."""
    return f"`[{dotted(path)}]`" if path else "the job file"


def dotted(path: Path) -> str:
    """Write a key path with dots, indices in brackets."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def is_from_env(value: object) -> bool:
    """Tell whether a value says `{ from-env = ... }`, in either spelling."""
    return isinstance(value, Mapping) and value.keys() in ({"from-env"}, {"from_env"})


def holds_from_env(value: object) -> bool:
    """Tell whether a value is `{ from-env = ... }`, or holds it anywhere."""
    if isinstance(value, Mapping):
        return is_from_env(value) or any(map(holds_from_env, value.values()))
    return isinstance(value, list) and any(map(holds_from_env, value))


def scalar(value: object) -> str | None:
    """Write a TOML scalar as text; None for a list or a table."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case int() | float():
            return str(value)
        case datetime.datetime() | datetime.date() | datetime.time():
            return value.isoformat()
        case _:
            return None


def _short(value: int) -> str:
    return str(value) if abs(value) < 10**18 else "far too large"
