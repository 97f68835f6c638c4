"""From the text of a TOML file to nodes with their places."""

from typing import Any

from dynplan.diagnostics import Document, Finding, InputError, Path, Span
from dynplan.diagnostics.places import spans
from dynplan.importers.nodes import MOST_BYTES, MOST_NODES, Comments, Node, Tree
from dynplan.language import parse

_Spans = dict[Path, tuple[Span, Span]]


def read_toml(name: str, raw: bytes) -> Tree:
    """Return what a TOML file holds.

    Raises:
        InputError: D001 to D003.
    """
    document = parse(name, raw)
    if len(raw) > MOST_BYTES or document.text.count("\n") > MOST_NODES:
        message = f"the file has more than {MOST_BYTES // 1024 // 1024} MiB, and no job file of a launcher has"
        raise InputError([Finding("D003", message, document=document, span=Span(1, 1, 1, 1))])
    places = spans(document.text)
    comments = Comments(document.text)
    for _, value in places.values():
        if value.end_line > value.line:
            comments.cover(value)
    return Tree(document, _node(document.data, (), document, places, comments), comments.header())


def _node(value: Any, path: Path, document: Document, places: _Spans, comments: Comments) -> Node:
    key, span = places.get(path, (Span(1, 1, 1, 1),) * 2)
    above = comments.above(key.line) if path in places else ()
    if isinstance(value, dict):
        children = {name: _node(item, (*path, name), document, places, comments) for name, item in value.items()}
        return Node(children, "", path, document, span, key, above)
    if isinstance(value, list):
        items = [_node(item, (*path, index), document, places, comments) for index, item in enumerate(value)]
        return Node(items, "", path, document, span, key, above, comments.beside(span))
    found = value if isinstance(value, str | int | float | bool) else str(value)
    text = value if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
    return Node(found, text, path, document, span, key, above, comments.beside(span) if path in places else "")
