"""From the text of a YAML file to nodes with their places; nothing here knows what any launcher means by them.

The events of ruamel.yaml's own parser are put together with a stack, so that depth costs no recursion, aliases are
counted, and a mistake has its line. Plain scalars mean what they mean to PyYAML, YAML 1.1: these files are read
with it by their launchers (https://yaml.org/type, `Resolver.yaml_implicit_resolvers` of PyYAML 6).
"""

import re
from collections.abc import Iterator
from typing import Any, NoReturn

from attrs import define, evolve, field

from dynplan.diagnostics import Document, Finding, InputError, Path, Span
from dynplan.importers.nodes import MOST_BYTES, MOST_DEPTH, MOST_NODES, Comments, Node, Scalar, Tree

_BOOLS = {
    **dict.fromkeys(("yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
}
_NULLS = ("", "~", "null", "Null", "NULL")
_INT = re.compile(r"[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0[0-7_]+|0|[1-9][0-9_]*)")
_FLOAT = re.compile(r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?)")
_SPECIAL = re.compile(r"([-+]?)\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_BREAKS = re.compile("\r\n|[\r\x85\u2028\u2029]")  # what ends a line in YAML 1.1, and so counts for places
_INT64 = range(-(2**63), 2**63)
_CORE = "tag:yaml.org,2002:"


def read_yaml(name: str, raw: bytes) -> Tree:
    """Return what a YAML file holds.

    Raises:
        InputError: D002, D003, D701 or D704.
    """
    document = Document(name, _decoded(name, raw), {})
    if len(raw) > MOST_BYTES:
        message = f"the file has more than {MOST_BYTES // 1024 // 1024} MiB, and no job file of a launcher has"
        raise InputError([Finding("D003", message, document=document, span=Span(1, 1, 1, 1))])
    builder = _Builder(document)
    for event in _events(document):
        builder.take(event)
    return builder.tree()


def _decoded(name: str, raw: bytes) -> str:
    try:
        return _BREAKS.sub("\n", raw.decode("utf-8-sig"))
    except UnicodeDecodeError as problem:
        before = raw[: problem.start].decode("utf-8-sig", errors="replace")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        document = Document(name, raw.decode(errors="backslashreplace"), {})
        message, fix = f"byte 0x{raw[problem.start]:02x} is not UTF-8", "save the file as UTF-8"
        span = Span(line, column, line, column + 4)
        raise InputError([Finding("D002", message, help=fix, document=document, span=span)]) from None


def _events(document: Document) -> Iterator[Any]:
    try:
        from ruamel.yaml import YAML  # an extra of the package, and only this command needs it
        from ruamel.yaml.error import MarkedYAMLError, YAMLError  # the same
    except ModuleNotFoundError:
        message = "to read YAML takes ruamel.yaml, which is not installed"
        fix = "pip install 'dynplan[import]'"
        raise InputError([Finding("D704", message, help=fix, document=document, span=Span(1, 1, 1, 1))]) from None
    parser = YAML(typ="rt", pure=True)
    try:
        yield from parser.parse(document.text)
    except MarkedYAMLError as problem:
        raise InputError([_told(problem, document)]) from None
    except (YAMLError, ValueError, IndexError, AttributeError, AssertionError, TypeError, KeyError) as problem:
        # The scanner trips over some texts instead of refusing them; the reader tells of characters YAML forbids.
        at = getattr(problem, "position", None)
        line = document.text.count("\n", 0, at) + 1 if isinstance(at, int) else 1
        reason = str(getattr(problem, "reason", "") or "") or "it is no YAML"
        raise InputError([_broken(reason, line, 1, document)]) from None


def _told(problem: Any, document: Document) -> Finding:
    mark = problem.problem_mark or problem.context_mark
    parts = [str(part) for part in (problem.context, problem.problem) if part]
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    return _broken(", ".join(parts) or "it is no YAML", line, column, document)


def _broken(reason: str, line: int, column: int, document: Document) -> Finding:
    lines = document.text.split("\n")
    line = min(line, len(lines))
    column = min(column, len(lines[line - 1]) + 1)
    fix = "YAML is indented with spaces: replace the tabs" if "\\t" in reason or "\t" in lines[line - 1] else ""
    message = re.sub(r"\s+", " ", reason).rstrip(".!:")
    message = message[:1].lower() + message[1:]
    return Finding("D701", message, help=fix, document=document, span=Span(line, column, line, column + 1))


@define
class _Open:
    """A collection whose end is not reached: its children so far, and the key that waits for its value."""

    path: Path
    span: Span
    is_list: bool
    anchor: str | None
    key: Node | None = None
    named: Node | None = None
    items: list[Node] = field(factory=list)
    table: dict[str, Node] = field(factory=dict)
    merged: list[Node] = field(factory=list)

    def child(self) -> Path:
        if self.is_list:
            return (*self.path, len(self.items))
        return self.path if self.key is None else (*self.path, self.key.text)


@define
class _Builder:
    """Puts events together."""

    document: Document
    comments: Comments = field(init=False)
    header: tuple[str, ...] = field(init=False)
    stack: list[_Open] = field(factory=list)
    anchors: dict[str, Node] = field(factory=dict)
    sizes: dict[str, int] = field(factory=dict)
    merges: list[Node] = field(factory=list)
    root: Node | None = None
    count: int = 0
    documents: int = 0

    def __attrs_post_init__(self) -> None:
        self.comments = Comments(self.document.text)
        self.header = self.comments.header()

    def take(self, event: Any) -> None:
        """Take the next event."""
        kind = type(event).__name__
        if kind == "DocumentStartEvent":
            self.documents += 1
            if self.documents > 1:
                self._refuse("D701", "a second document begins, and a job file is one", _span(event))
        elif kind in ("MappingStartEvent", "SequenceStartEvent"):
            self._open(event, is_list=kind == "SequenceStartEvent")
        elif kind in ("MappingEndEvent", "SequenceEndEvent"):
            self._close(_span(event))
        elif kind == "ScalarEvent":
            self._scalar(event)
        elif kind == "AliasEvent":
            self._alias(event)

    def tree(self) -> Tree:
        """Return what was read.

        Raises:
            InputError: D701 for a file that holds no mapping.
        """
        if self.root is None or not isinstance(self.root.value, dict):
            self._refuse("D701", "the file holds no mapping of keys to values", Span(1, 1, 1, 1))
        return Tree(self.document, self.root, self.header, tuple(self.merges))

    def _open(self, event: Any, *, is_list: bool) -> None:
        if len(self.stack) >= MOST_DEPTH:
            self._refuse("D003", "the nesting is too deep", _span(event))
        path = self.stack[-1].child() if self.stack else ()
        self._no_key(event, "a collection")
        self.stack.append(_Open(path, _span(event), is_list, event.anchor))

    def _close(self, end: Span) -> None:
        done = self.stack.pop()
        value: list[Node] | dict[str, Node] = done.items if done.is_list else done.table
        for other in done.merged:
            for key, node in other.table.items():
                done.table.setdefault(key, node)
        span = done.span._replace(end_line=end.end_line, end_column=end.end_column)
        self._add(Node(value, "", done.path, self.document, span, span), done.anchor, done.span)

    def _scalar(self, event: Any) -> None:
        span = _span(event)
        top = self.stack[-1] if self.stack else None
        text, style = str(event.value), event.style
        if style in ("|", ">"):
            self.comments.cover(span)
            span = span._replace(end_line=span.line, end_column=span.column + 1)
        elif span.end_line > span.line:
            self.comments.cover(span)
        value = self._resolved(event, text, span)
        if top is not None and not top.is_list and top.key is None:
            self._key(top, Node(text, text, top.path, self.document, span, span), event)
            return
        path = top.child() if top else ()
        self._add(Node(value, text, path, self.document, span, span), event.anchor, span)

    def _key(self, top: _Open, key: Node, event: Any) -> None:
        if key.text in top.table and key.text != "<<":
            first = top.table[key.text].key
            message = f"`{key.text}` stands twice, and on line {first.line} already"
            self._refuse("D106", message, key.span, fix="a reader takes the last one: leave one of them out")
        above = self.comments.above(key.span.line)
        top.key = evolve(key, above=above)
        if event.anchor:
            self._bind(event.anchor, key)

    def _alias(self, event: Any) -> None:
        span, name = _span(event), str(event.anchor)
        if name not in self.anchors:
            why = "is used inside of itself" if any(one.anchor == name for one in self.stack) else "is set nowhere"
            self._refuse("D701", f"the anchor `{name}` {why}", span)
        self._no_key(event, "an alias")
        path = self.stack[-1].child() if self.stack else ()
        if path and path[-1] != "<<":
            self.merges.append(Node(None, f"*{name}", path, self.document, span, span))
        self.count += self.sizes[name]
        self._add(self.anchors[name], None, span, counted=False)

    def _no_key(self, event: Any, what: str) -> None:
        top = self.stack[-1] if self.stack else None
        if top is not None and not top.is_list and top.key is None:
            self._refuse("D701", f"{what} is no key: a key is text", _span(event))

    def _add(self, node: Node, anchor: str | None, place: Span, *, counted: bool = True) -> None:
        self.count += counted
        if self.count > MOST_NODES:
            self._refuse("D003", f"the file comes to more than {MOST_NODES} values", place)
        if not self.stack:
            self.root = node
            return
        top = self.stack[-1]
        if top.is_list:
            top.items.append(node)
        elif top.key is not None:
            key, top.key = top.key, None
            if counted:  # an alias stays where it was written
                node = evolve(node, key=key.span, above=key.above, beside=self._beside(node))
            if key.text == "<<":
                self._merge(top, node, key)
            else:
                top.table[key.text] = node
        if anchor:
            self._bind(anchor, node)

    def _beside(self, node: Node) -> str:
        return "" if isinstance(node.value, dict) and node.value else self.comments.beside(node.span)

    def _merge(self, top: _Open, node: Node, key: Node) -> None:
        others = node.value if isinstance(node.value, list) else [node]
        if not all(isinstance(other.value, dict) for other in others):
            self._refuse("D701", "`<<` takes a mapping, or a list of them", key.span)
        top.merged += others
        self.merges.append(evolve(key, path=(*top.path, f"<<@{key.span.line}")))

    def _bind(self, anchor: str, node: Node) -> None:
        self.anchors[anchor] = node
        self.sizes[anchor] = _size(node)

    def _resolved(self, event: Any, text: str, span: Span) -> Scalar:
        tag = str(getattr(event, "ctag", None) or event.tag or "")
        if tag in ("", "None"):
            return scalar_of(text) if event.style in (None, "") and event.implicit[0] else text
        if tag == "!" or tag.endswith("str"):
            return text
        if not tag.startswith((_CORE, "!!")):
            self._refuse("D701", f"the tag `{tag}` means nothing here", span)
        return scalar_of(text)

    def _refuse(self, code: str, message: str, span: Span, fix: str = "") -> NoReturn:
        raise InputError([Finding(code, message, help=fix, document=self.document, span=span)])


def scalar_of(text: str) -> Scalar:
    """Return what a plain scalar means in YAML 1.1; times in base 60 and dates stay text, as they were meant."""
    if text in _NULLS:
        return None
    if text in _BOOLS:
        return _BOOLS[text]
    if _INT.fullmatch(text):
        return _whole(text)
    if _FLOAT.fullmatch(text):
        return float(text.replace("_", ""))
    if special := _SPECIAL.fullmatch(text):
        return float(f"{special[1] or ''}{'inf' if special[2] else 'nan'}")
    return text


def _whole(text: str) -> Scalar:
    digits = text.replace("_", "")
    sign, body = (digits[0], digits[1:]) if digits[0] in "+-" else ("", digits)
    base = {"0b": 2, "0x": 16}.get(body[:2], 8 if len(body) > 1 and body[0] == "0" else 10)
    if len(body) > 40 or body in ("0b", "0x"):
        return text
    number = int(sign + (body[2:] if base in (2, 16) else body), base)
    return number if number in _INT64 else text


def _size(node: Node) -> int:
    children = node.value if isinstance(node.value, list) else node.table.values()
    return 1 + sum(_size(child) for child in children)


def _span(event: Any) -> Span:
    start, end = event.start_mark, event.end_mark
    return Span(start.line + 1, start.column + 1, end.line + 1, end.column + 1)
