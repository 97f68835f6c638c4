"""The flags of one version of an engine as its file tells them, and which of them a word means to its parser."""

import re
from collections.abc import Sequence

from attrs import frozen

_VALUES = re.compile(r"[01?*+]|[0-9]+")
_ANY = ".*"  # ends a spelling that stands for all that begin so


@frozen(eq=False, repr=False)
class Flag:
    """One flag: how many values it takes (`0`, `1`, `?`, `*`, `+` or a number), empty where that is not certain.

    `choices` are those of its value where it has a few; `deprecated` is what the engine calls it.
    """

    values: str
    choices: tuple[str, ...]
    deprecated: bool


_UNCERTAIN = Flag("", (), deprecated=False)


@frozen(eq=False, repr=False)
class Parser:
    """One parser: what it takes beside the spellings of its flags, and the line of each spelling, dashes included.

    `open` are flags with which it takes others that nobody knows.
    """

    rules: frozenset[str]
    open: tuple[str, ...]
    lines: dict[str, str]

    def flag(self, spelling: str) -> Flag | None:
        """Return the flag that is spelt exactly so."""
        line = self.lines.get(spelling)
        return None if line is None else _flag(line, certain="values" in self.rules)

    def ambiguous(self, word: str) -> bool:
        """Tell whether a word is the beginning of several flags."""
        return len(self._beginning(self._folded(word))) > 1

    def takes(self, word: str) -> Flag | None:
        """Return the flag that a word without its `=` means, as argparse finds it (CPython, `_parse_optional`)."""
        name = self._folded(word)
        if found := self.flag(name):
            return found
        if "dotted" in self.rules and "." in name:  # a key of a flag's JSON: any value
            return _UNCERTAIN if self.takes(name.partition(".")[0]) else None
        if not name.startswith("--") and len(name) > 2 and name[:2] in self.lines:
            return _UNCERTAIN  # `-O3`
        if any(spelling.endswith(_ANY) and name.startswith(spelling[:-1]) for spelling in self.lines):
            return _UNCERTAIN
        meant = self._beginning(name)
        return self.flag(meant[0]) if len(meant) == 1 else None

    def _folded(self, word: str) -> str:
        if "underscores" not in self.rules or not word.startswith("--"):
            return word
        head, dot, tail = word.partition(".")
        return head.replace("_", "-") + dot + tail

    def _beginning(self, name: str) -> list[str]:
        """Return a spelling of each flag that a name abbreviates; with one dash it always may (`allow_abbrev`)."""
        if "abbreviations" not in self.rules and name.startswith("--"):
            return []
        return list({line: spelling for spelling, line in self.lines.items() if spelling.startswith(name)}.values())


def taken(word: str, parsers: Sequence[Parser]) -> Flag | None:
    """Return the flag that a word means to one of several parsers, each of which gets what those before left over."""
    return next((flag for parser in parsers if (flag := parser.takes(word))), None)


def parsers_of(text: str) -> tuple[Parser, ...]:
    """Read a file of flags; `tools/flags.py` writes it and tells its format. Few of its lines are looked at closer."""
    parsers: list[Parser] = []
    for line in text.splitlines():
        if line.startswith("-"):
            for word in line.split(" "):
                if not word.startswith("-"):
                    break
                parsers[-1].lines[word] = line
        elif line.startswith("rules"):
            words = line.split(" ")
            opens = tuple(word.removeprefix("open=") for word in words if word.startswith("open="))
            parsers.append(Parser(frozenset(words[1:]), opens, {}))
    return tuple(parsers)


def _flag(line: str, *, certain: bool) -> Flag:
    words = line.split(" ")
    values = next((word for word in words if _VALUES.fullmatch(word)), "")
    choices = next((tuple(word[1:].split("|")) for word in words if word.startswith("=")), ())
    return Flag(values if certain else "", choices, "deprecated" in words)
