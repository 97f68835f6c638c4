"""Findings as text for people: each with its file, line and column, and the line it is about."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import accumulate
from typing import Any
from unicodedata import category, east_asian_width  # attrs loads it in any case

from attrs import frozen

from dynplan.diagnostics.findings import Document, Finding, Path, Span
from dynplan.diagnostics.paint import PLAIN, Paint
from dynplan.diagnostics.places import spans
from dynplan.diagnostics.visible import told, visible

__all__ = ["Document", "Place", "placed", "render"]

_WIDTH = 100  # columns of an excerpt; a longer line is cut around the place
_BEFORE = 30  # columns that a cut keeps before the place
_CUT = "..."
_TAB = "    "
_MOST_PLACED = 1000  # findings of which the place is looked for: errors first, then in the order they were found
_MOST_SHOWN = 200

# Keys below these are the user's own: `a_b` and `a-b` differ there, and nowhere else.
_VERBATIM = frozenset({"args", "env", "vars", "sbatch", "srun", "files"})

# What is merged under what: a value that stands nowhere under its own path comes from the other one.
_UNDER: tuple[tuple[Path, Path], ...] = (
    (("phases", "*"), ("phase-defaults",)),
    (("phases", "*", "env"), ("job", "env")),
    (("phases", "*", "env"), ("cluster", "env")),
    (("phases", "*", "container"), ("job", "container")),
    (("roles", "*", "env"), ("job", "env")),
    (("roles", "*", "env"), ("cluster", "env")),
    (("roles", "*", "container"), ("job", "container")),
    (("job", "env"), ("cluster", "env")),
    (("job", "sbatch"), ("cluster", "sbatch")),
)

# Numbers that may be computed from a role's `args`, and how those are named there.
_COMPUTED = frozenset({"gpus-per-worker", "count"})
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")

_Spans = Callable[[str], dict[Path, tuple[Span, Span]]]
_Lines = Callable[[str], list[str]]


@frozen
class Place:
    """Where a finding points; `turn` is its document's in reading order."""

    turn: int
    document: Document | None
    span: Span | None

    @property
    def order(self) -> tuple[int, int, int]:
        """What findings are sorted by: the turn of their document, then line and column."""
        return (self.turn, self.span.line, self.span.column) if self.span else (self.turn, 0, 0)


def render(findings: Iterable[Finding], documents: Sequence[Document], paint: Paint = PLAIN) -> str:
    """Return all findings as text that ends in a newline: in source order, each once, a count if several.

    `documents` stand in order of precedence: what `--set` gave, the job file, its parents, presets, the
    cluster. A name that starts with `--` is an option, and read last. A table that another document replaces
    whole must be left out of `data`, or findings point at it. No findings give an empty string; of very many
    the first are shown, and the rest is counted. `paint` paints for a terminal.
    """
    lines_of = cache(_lines)
    found, more = placed(findings, documents)
    blocks = {"\n".join(_block(finding, place, lines_of, paint)): finding.severity for place, finding in found}
    rest = [finding.severity for finding in more]
    parts = [*blocks]
    if len(parts) > _MOST_SHOWN:  # no warning in the place of an error
        parts = sorted(blocks, key=lambda block: blocks[block] == "warning")[:_MOST_SHOWN]
    parts += _summary([*blocks.values(), *rest], len(parts))
    return "\n\n".join(parts) + "\n" if parts else ""


def placed(
    findings: Iterable[Finding], documents: Sequence[Document]
) -> tuple[list[tuple[Place, Finding]], list[Finding]]:
    """Return findings with their places, in source order and each once; and of very many those that have none.

    `documents` as for `render`.
    """
    spans_of = cache(spans)
    found = sorted(findings, key=lambda finding: finding.severity == "warning")
    pairs = [(_place(finding, documents, spans_of), finding) for finding in found[:_MOST_PLACED]]
    pairs.sort(key=lambda pair: pair[0].order)
    once = {_alike(finding, place): (place, finding) for place, finding in reversed(pairs)}
    return list(reversed(once.values())), found[_MOST_PLACED:]


def _alike(finding: Finding, place: Place) -> tuple[object, ...]:
    """Return what two findings share that say the same: what many phases inherit is told once."""
    message = finding.message
    if finding.path[:1] in (("roles",), ("phases",)) and len(finding.path) > 1:
        message = message.replace(str(finding.path[1]), "*")
    return finding.code, place.turn, place.order if place.span else finding.path, message


def _summary(severities: list[str], shown: int) -> Iterator[str]:
    counts = {kind: severities.count(kind) for kind in ("error", "warning") if kind in severities}
    if len(severities) > 1:
        numbers = ", ".join(f"{count} {kind}{'s' if count > 1 else ''}" for kind, count in counts.items())
        cut = f"; the first {shown} are shown" if shown < len(severities) else ""
        yield f"{next(iter(counts))}: {numbers}{cut}"


# From key path to place


def _place(finding: Finding, documents: Sequence[Document], spans_of: _Spans) -> Place:
    reading = _reading(documents)
    document, span = _locate(finding, documents, spans_of)
    return Place(reading.index(document) if document in reading else len(reading), document, span)


def _reading(documents: Sequence[Document]) -> list[Document]:
    return sorted(documents, key=lambda document: document.name.startswith("--"))


def _locate(finding: Finding, documents: Sequence[Document], spans_of: _Spans) -> tuple[Document | None, Span | None]:
    """Return document and place of the value, else of the nearest table around it, else a document alone."""
    if finding.span:
        return finding.document, finding.span
    documents = [finding.document] if finding.document else documents
    if value := _value(finding.path, documents):
        document, held = value
        if document.root and (own := _written_by_the_user(finding.also, document, held, documents)):
            document, held = own
        return document, spans_of(document.text)[held][0 if finding.key else 1]
    if not documents:
        return None, None
    # What is missing was overridden nowhere: its table is looked for where people read, options last.
    document = max(_reading(documents), key=lambda document: _depth(document, finding.path))
    held = _held(document, finding.path)
    return document, spans_of(document.text)[held][1] if held else _start(document)


def _start(document: Document) -> Span | None:
    """Return where a finding about a whole file points: its first line, where it has any."""
    first = document.text.partition("\n")[0].rstrip()
    return Span(1, 1, 1, len(first) + 1) if document.text else None


def _value(path: Path, documents: Sequence[Document]) -> tuple[Document, Path] | None:
    """Return the document that a value came from, and its path there.

    What is no table hides what the documents below have in its place: `http = 8000` a preset's `http.base`.
    """
    for origin in (path, *_origins(path)):
        for document in documents:
            held = _held(document, origin)
            whole = len(document.root) + len(held) == len(origin)
            if held and (whole or not isinstance(_at(document.data, held), dict)):
                return document, held
    return None


def _written_by_the_user(
    also: Path, preset: Document, held: Path, documents: Sequence[Document]
) -> tuple[Document, Path] | None:
    """Return the place of what a user wrote that a value of a preset goes against or is computed from, if any."""
    users = [document for document in documents if not document.root]
    if also and (value := _value(also, users)):
        return value
    computed = _at(preset.data, held)
    if held[-1] not in _COMPUTED or not isinstance(computed, str):
        return None
    sizes = {_short(name) for name in _NAME.findall(computed)}
    for document in users:
        args = _held(document, (*preset.root, "args"))
        for key in _at(document.data, args) if len(args) == len(preset.root) + 1 else ():
            if _short(key) in sizes:
                return document, (*args, key)
    return None


def _short(size: str) -> str:
    """Return the short name of a size: `tp` for `tensor-parallel-size`, `tp-size` and `tp`."""
    words = _kebab(size).removesuffix("-size").split("-")
    return "".join(word[:1] for word in words) if len(words) > 1 else words[0]


def _at(value: Any, path: Path) -> Any:
    for key in path:
        value = value[key]
    return value


def _origins(path: Path) -> Iterator[Path]:
    for over, under in _UNDER:
        if len(over) <= len(path) and all(part in ("*", key) for part, key in zip(over, path, strict=False)):
            yield (*under, *path[len(over) :])


def _depth(document: Document, path: Path) -> int:
    held = _held(document, path)
    return len(document.root) + len(held) if held else 0


def _held(document: Document, path: Path) -> Path:
    """Return as much of the path as the document holds, in the document's own spelling."""
    root = len(document.root)
    if path[:root] != document.root:
        return ()
    held: Path = ()
    value: Any = document.data
    for key in path[root:]:
        written = _written(value, key, verbatim=not _VERBATIM.isdisjoint(path[: root + len(held)]))
        if written is None:
            break
        held, value = (*held, written), value[written]
    return held


def _written(value: object, key: str | int, *, verbatim: bool) -> str | int | None:
    """Return the key as `value` has it, or None if it has none."""
    match value, key:
        case (list(), int()) if 0 <= key < len(value):
            return key
        case (dict(), str()) if key in value:
            return key
        case (dict(), str()) if not verbatim:
            return next((other for other in value if _kebab(other) == _kebab(key)), None)
    return None


def _kebab(key: str) -> str:
    return key.replace("_", "-")


# From place to text


def _block(finding: Finding, place: Place, lines_of: _Lines, paint: Paint) -> Iterator[str]:
    kind = finding.severity
    yield paint(kind, f"{kind}[{finding.code}]") + paint("strong", f": {told(finding.message)}")
    document, span = place.document, place.span
    gutter = " " * len(str(span.line)) if span else " "
    if document and document.name:
        yield (
            paint("note", f"{gutter}-->") + f" {told(document.name)}" + (f":{span.line}:{span.column}" if span else "")
        )
    if document and span:
        source, marks = _excerpt(lines_of(document.text)[span.line - 1].rstrip(" \t\r"), span)
        label = f"{marks} {told(finding.label)}".rstrip()
        yield paint("note", f"{gutter} |")
        yield paint("note", f"{span.line} |") + f" {source}".rstrip()
        yield paint("note", f"{gutter} |") + " " + paint(kind, label)
    if finding.help:
        yield f"{gutter} {paint('note', '= help:')} {told(finding.help)}"


def _lines(text: str) -> list[str]:
    return text.split("\n")


def _excerpt(line: str, span: Span) -> tuple[str, str]:
    """Return the span's first line, fit to be shown, and the carets that go under it."""
    start = min(span.column - 1, len(line))
    end = span.end_column - 1 if span.end_line == span.line else len(line)
    near = max(0, start - _WIDTH)  # of a line of megabytes no more is looked at
    low, high = _window([_columns(_shown(char)) for char in line[near : start + 2 * _WIDTH]], start - near)
    low, high = near + low, near + high
    before, marked = (_shown(line[low:start]), _shown(line[start : min(end, high)]))
    left, right = _CUT if low else "", _CUT if high < len(line) else ""
    indent = " " * (len(left) + _columns(before))
    return f"{left}{_shown(line[low:high])}{right}", indent + "^" * max(1, _columns(marked))


def _window(widths: list[int], start: int) -> tuple[int, int]:
    if sum(widths) <= _WIDTH:
        return 0, len(widths)
    low = start - _fitting(widths[:start][::-1], _BEFORE)
    return low, low + _fitting(widths[low:], _WIDTH)


def _fitting(widths: list[int], room: int) -> int:
    return sum(total <= room for total in accumulate(widths))


def _shown(text: str) -> str:
    """Return the text with tabs as spaces and everything else that does not print as an escape."""
    return visible(text, _TAB)


def _columns(text: str) -> int:
    if text.isascii():
        return len(text)
    widths = (0 if category(char) in ("Mn", "Me") else 2 if east_asian_width(char) in "WF" else 1 for char in text)
    return sum(widths)
