"""Reading a source file by its keys, while a ledger notes what became of each: no key is left out in silence.

An importer asks a `Part` for a key and says what it did with it: kept, turned by a rule, changed, or dropped. What
nobody asked for is found by the ledger itself, and reported as dropped.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from enum import StrEnum
from typing import Any

from attrs import define, field, frozen

from dynplan.diagnostics import Findings, Path
from dynplan.diagnostics.visible import brief
from dynplan.importers.nodes import Node, Tree, leaves
from dynplan.language.templates import literal

_LONGEST = 60  # characters of a value that the report shows


class Fate(StrEnum):
    """What became of a key; the later ones win where several are said."""

    kept = "kept"
    rule = "by rule"
    changed = "changed"
    dropped = "dropped"


_ORDER = list(Fate)
_UNREAD = (Fate.dropped, "no importer knows this key: read it yourself")
_EMPTY = (Fate.rule, "empty, as if it were not there")


@frozen
class Entry:
    """One row of the report: a key of a source file, and what became of it."""

    file: str
    line: int
    key: str
    value: str
    fate: Fate
    said: str


@define
class Ledger:
    """What became of the keys of some files, and what is wrong with them."""

    trees: Sequence[Tree]
    findings: Findings = field(factory=Findings)
    _said: dict[tuple[str, Path], tuple[Fate, str]] = field(factory=dict)
    _leaves: dict[tuple[str, Path], Node] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        for tree in self.trees:
            for node in (*leaves(tree.root), *tree.merges):
                self._leaves[tree.document.name, node.path] = node
            for node in tree.merges:
                self.say(node, Fate.rule, "an alias: what it stands for is told where that is written")

    def say(self, node: Node, fate: Fate, text: str) -> None:
        """Note what became of a node, and so of every leaf below it."""
        name = node.document.name
        for path in self._touched(node):
            before = self._said.get((name, path))
            if before is None or _ORDER.index(fate) > _ORDER.index(before[0]):
                self._said[name, path] = fate, text

    def is_told(self, node: Node) -> bool:
        """Tell whether something was said of a node."""
        return any((node.document.name, path) in self._said for path in self._touched(node))

    def wrong(self, code: str, message: str, node: Node, fix: str = "", *, at_key: bool = False) -> None:
        """Report what is wrong with a node; `raise_if_errors` of the findings ends the import."""
        from dynplan.diagnostics import Finding  # beside `Findings`, which makes none with a span

        span = node.key if at_key else node.span
        self.findings.found.append(Finding(code, message, help=fix, document=node.document, span=span))

    def entries(self) -> list[Entry]:
        """Return a row for every key of every file, in the order of the files."""
        found = []
        for (name, path), node in self._leaves.items():
            fate, text = self._said.get((name, path), _UNREAD if node.value not in (None, {}, []) else _EMPTY)
            found.append(Entry(name, node.key.line, dotted(path), brief(_shown(node), _LONGEST), fate, text))
        return sorted(
            found, key=lambda entry: ([tree.document.name for tree in self.trees].index(entry.file), entry.line)
        )

    def _touched(self, node: Node) -> Iterator[Path]:
        name, path = node.document.name, node.path
        for end in range(len(path), -1, -1):
            if (name, path[:end]) in self._leaves:
                yield path[:end]
                return
        yield from (leaf.path for leaf in _below(node) if (leaf.document.name, leaf.path) in self._leaves)


def _below(node: Node) -> Iterator[Node]:
    if node.is_leaf:
        yield node
        return
    for child in node.value if isinstance(node.value, list) else node.table.values():
        yield from _below(child)


def _shown(node: Node) -> str:
    if isinstance(node.value, list):
        return "[" + ", ".join(_shown(item) for item in node.value) + "]"
    return "{}" if isinstance(node.value, dict) else node.text


def dotted(path: Path) -> str:
    """Write a path with dots, indices in brackets; a key with a dot or blank stands in quotes."""
    return "".join(map(_step, path)).removeprefix(".")


def _step(part: str | int) -> str:
    if isinstance(part, int):
        return f"[{part}]"
    return f".{part}" if part.replace("-", "_").isidentifier() else f'."{part}"'


@frozen(eq=False)
class Part:
    """A node, as an importer reads it: its ledger hears what becomes of it."""

    node: Node
    ledger: Ledger
    name: str = ""

    # What is there

    def get(self, key: str) -> "Part | None":
        """Return what stands below a key, None where the key is missing or null."""
        found = self.child(key)
        return None if found is None or found.node.value is None else found

    def child(self, key: str) -> "Part | None":
        """Return what stands below a key, null too."""
        node = self.node.table.get(key)
        return None if node is None else Part(node, self.ledger, key)

    def at(self, *keys: str) -> "Part | None":
        """Return what stands below keys of tables in tables, None where one is missing or null."""
        part: Part | None = self
        for key in keys:
            part = None if part is None or not part.is_table() else part.get(key)
        return part

    def items(self) -> "list[Part]":
        """Return all children of a table, null ones too."""
        return [Part(node, self.ledger, key) for key, node in self.node.table.items()]

    def elements(self) -> "list[Part]":
        """Return the elements of a list; anything else is one element."""
        nodes = self.node.value if isinstance(self.node.value, list) else [self.node]
        return [Part(node, self.ledger, self.name) for node in nodes]

    def is_table(self) -> bool:
        """Tell whether it is a table; report it where it is not (D102)."""
        if isinstance(self.node.value, dict):
            return True
        self._mistyped("a table of keys")
        return False

    def is_null(self) -> bool:
        """Tell whether it is null."""
        return self.node.value is None

    # Typed values: what is wrong is reported (D102), and a value of that type goes on

    def text(self) -> str:
        """Return a text; a number or a flag as it is written."""
        if isinstance(self.node.value, list | dict) or self.node.value is None:
            self._mistyped("a text")
            return ""
        return self.node.value if isinstance(self.node.value, str) else self.node.text

    def whole(self, least: int = 0) -> int:
        """Return a whole number of at least `least`; one that is written as text counts."""
        value = self.node.value
        if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit() and len(value) < 18:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            self._mistyped("a whole number")
            return least
        if not least <= value <= 1_000_000_000:
            self.ledger.wrong("D104", f"`{self.key}` must be at least {least}, and is {value}", self.node)
            return least
        return value

    def number(self) -> int | float:
        """Return a number; one that is written as text counts."""
        value = self.node.value
        if isinstance(value, str):
            with suppress(ValueError):
                value = float(value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            self._mistyped("a number")
            return 0
        return value

    def flag(self) -> bool:
        """Return a flag; `"true"` and `"false"` as text count."""
        value = {"true": True, "false": False}.get(self.node.text.lower(), self.node.value)
        if not isinstance(value, bool):
            self._mistyped("true or false")
            return False
        return value

    def texts(self) -> list[str]:
        """Return the texts of a list; a single one is a list of one."""
        return [element.text() for element in self.elements()]

    def data(self) -> Any:
        """Return what is there as data of a file: text that stands for itself, null as `"{null}"`."""
        value = self.node.value
        if isinstance(value, dict):
            return {part.name: part.data() for part in self.items()}
        if isinstance(value, list):
            return [part.data() for part in self.elements()]
        if value is None:
            return "{null}"
        return literal(value) if isinstance(value, str) else value

    @property
    def key(self) -> str:
        """Its path in its file, for people."""
        return dotted(self.node.path)

    # What became of it

    def kept(self, where: Path | str) -> None:
        """Say that a key of ours holds it."""
        self.ledger.say(self.node, Fate.kept, where if isinstance(where, str) else dotted(where))

    def rule(self, why: str) -> None:
        """Say by which rule it was turned into something else."""
        self.ledger.say(self.node, Fate.rule, why)

    def changed(self, why: str) -> None:
        """Say what is lost or different, and what to do."""
        self.ledger.say(self.node, Fate.changed, why)

    def dropped(self, why: str) -> None:
        """Say why nothing of ours holds it."""
        self.ledger.say(self.node, Fate.dropped, why)

    def wrong(self, code: str, message: str, fix: str = "") -> None:
        """Report what is wrong with it."""
        self.ledger.wrong(code, message, self.node, fix)

    def _mistyped(self, wanted: str) -> None:
        value = self.node.value
        kinds = {dict: "a table", list: "a list", bool: "a flag", str: "a text", int: "a number", float: "a number"}
        found = "nothing" if value is None else kinds[type(value)]
        self.ledger.wrong("D102", f"`{self.key}` must be {wanted}, and is {found}", self.node)
