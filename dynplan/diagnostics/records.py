"""Findings for programs: as records, and as the commands by which GitHub shows them beside the lines."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from dynplan.diagnostics.findings import Document, Finding
from dynplan.diagnostics.rendering import Place, placed
from dynplan.diagnostics.visible import told, visible

Record = dict[str, Any]
_NO_FILES = ("--", "<", "engine ")  # how documents are called that are options, standard input, presets


def as_records(findings: Iterable[Finding], documents: Sequence[Document]) -> list[Record]:
    """Return findings as tables that JSON can carry, in source order and each once.

    Lines and columns count from 1, columns in characters; the end is exclusive. What has no place has null there.

    Args:
        findings: what was found.
        documents: what was read, as for `rendering.render`.
    """
    found, rest = placed(findings, documents)
    return [*(_record(finding, place) for place, finding in found), *(_record(finding) for finding in rest)]


def _record(finding: Finding, place: Place | None = None) -> Record:
    document, span = (place.document, place.span) if place else (None, None)
    return {
        "code": finding.code,
        "severity": finding.severity,
        "message": finding.message,
        "help": finding.help,
        "file": (document.name or None) if document else None,
        "line": span and span.line,
        "column": span and span.column,
        "end_line": span and span.end_line,
        "end_column": span and span.end_column,
        "path": list(finding.path),
    }


def as_commands(records: Iterable[Mapping[str, Any]]) -> str:
    """Return records as workflow commands of GitHub Actions, a line for each; no records give an empty string.

    Quoting is that of GitHub's own toolkit (actions/toolkit, packages/core/src/command.ts), which leaves columns out
    where an annotation has several lines.
    """
    return "".join(f"{_command(record)}\n" for record in records)


def _command(record: Mapping[str, Any]) -> str:
    properties = ",".join(f"{name}={_property(str(value))}" for name, value in _properties(record))
    message = told(record["message"]) + (f"\nhelp: {told(record['help'])}" if record["help"] else "")
    return f"::{record['severity']} {properties}::{_data(message)}"


def _properties(record: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    file, line, end = record["file"], record["line"], record["end_line"]
    if file and not file.startswith(_NO_FILES):
        yield "file", visible(file)
        if line:
            yield from (("line", line), ("endLine", end))
        if line and line == end:
            yield from (("col", record["column"]), ("endColumn", record["end_column"]))
    yield "title", visible(record["code"])


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
