"""Values of a source file with their places: what any format is read to, and what every importer walks.

A node keeps the path at which it was written wherever it is merged to, so that a report can name its line. Comments
hang on keys: the lines right above one, and what stands behind its value.
"""

from collections.abc import Iterator
from typing import Any

from attrs import frozen

from dynplan.diagnostics import Document, Path, Span

Scalar = str | int | float | bool | None
MOST_NODES = 100_000  # of a file, aliases counted every time: no recipe has a hundredth of that
MOST_BYTES = 2 * 1024 * 1024
MOST_DEPTH = 60


@frozen(eq=False)
class Node:
    """One value of a source file.

    Attributes:
        value: a scalar, a list of nodes, or nodes by key.
        text: a scalar as it is written; empty for others.
        path: where in its document it was written.
        document: which one that was.
        span: of the value.
        key: the span of its key, or its own.
        above: the comment lines over its key, without `#`.
        beside: the comment behind its value.
    """

    value: "Scalar | list[Node] | dict[str, Node]"
    text: str
    path: Path
    document: Document
    span: Span
    key: Span
    above: tuple[str, ...] = ()
    beside: str = ""

    @property
    def table(self) -> "dict[str, Node]":
        """Its nodes by key; empty for anything else."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def is_leaf(self) -> bool:
        """Whether the report has one row for it: a scalar, an empty table, a list in which no table stands."""
        if isinstance(self.value, dict):
            return not self.value
        return not isinstance(self.value, list) or not any(_holds_table(item) for item in self.value)


@frozen(eq=False)
class Tree:
    """One source file, read: its document, what is in it, its first comment, and keys that only merge others."""

    document: Document
    root: Node
    header: tuple[str, ...] = ()
    merges: tuple[Node, ...] = ()


def _holds_table(node: Node) -> bool:
    if isinstance(node.value, list):
        return any(_holds_table(item) for item in node.value)
    return isinstance(node.value, dict)


def leaves(node: Node) -> Iterator[Node]:
    """Yield the leaves under a node as they were written, each once; what a merge brought stands elsewhere."""
    if node.is_leaf:
        yield node
        return
    children = node.value if isinstance(node.value, list) else node.table.values()
    for child in children:
        if child.path[: len(node.path)] == node.path:
            yield from leaves(child)


def plain(node: Node) -> Any:
    """Return what a node holds as Python data."""
    if isinstance(node.value, dict):
        return {key: plain(child) for key, child in node.value.items()}
    if isinstance(node.value, list):
        return [plain(item) for item in node.value]
    return node.value


class Comments:
    """The comments of a text that knows `#` and no other comments: YAML and TOML alike."""

    def __init__(self, text: str) -> None:
        """Split a text into lines; lines inside of values are told by `cover`."""
        self.lines = text.split("\n")
        self._covered: set[int] = set()
        self._taken: set[int] = set()

    def cover(self, span: Span) -> None:
        """Take the lines of a value that goes over several for no comments, whatever they look like."""
        self._covered.update(range(span.line + 1, span.end_line + 1))

    def header(self) -> tuple[str, ...]:
        """Return the comment that a file begins with, where an empty line or nothing ends it."""
        found = []
        for index, line in enumerate(self.lines):
            if not line.startswith("#"):
                if line.strip():
                    return ()
                break
            found.append((index, _said(line)))
        self._taken.update(index for index, _ in found)
        return tuple(said for _, said in found)

    def above(self, line: int) -> tuple[str, ...]:
        """Return the comment lines right over line `line`, counted from 1; each is given once."""
        found: list[str] = []
        index = line - 2
        while index >= 0 and self._is_comment(index):
            self._taken.add(index)
            found.insert(0, _said(self.lines[index].strip()))
            index -= 1
        return tuple(found)

    def beside(self, span: Span) -> str:
        """Return the comment behind a value, on the line where that ends."""
        rest = self.lines[span.end_line - 1][span.end_column - 1 :].lstrip(" \t,]}")
        return _said(rest) if rest.startswith("#") else ""

    def _is_comment(self, index: int) -> bool:
        line = self.lines[index].strip()
        return line.startswith("#") and index + 1 not in self._covered and index not in self._taken


def _said(line: str) -> str:
    return line.lstrip("#").strip()
