"""The report of an import: what became of every key of the source, as text for people or as JSON."""

import json
from collections import Counter
from collections.abc import Sequence

from dynplan.diagnostics.visible import visible
from dynplan.importers.source import Entry, Fate

_TITLES = {
    Fate.changed: "changed: what is lost or different, and what to do",
    Fate.dropped: "dropped: nothing of ours holds it",
    Fate.rule: "by rule: turned into something else",
    Fate.kept: "kept: a key of ours holds it",
}


def report_text(entries: Sequence[Entry]) -> str:
    """Return the report for people: what wants an eye first, each key with its line; then the numbers."""
    parts = []
    for fate, title in _TITLES.items():
        rows = [entry for entry in entries if entry.fate is fate]
        if rows:
            parts.append("\n".join([title, *map(_row, rows)]))
    count = Counter(entry.fate for entry in entries)
    numbers = ", ".join(f"{count[fate]} {fate}" for fate in Fate)
    parts.append(f"{len(entries)} keys: {numbers}")
    return "\n\n".join(parts) + "\n"


def _row(entry: Entry) -> str:
    where = visible(f"{entry.file}:{entry.line}")
    value = f" = {entry.value}" if entry.value else ""
    sign = "->" if entry.fate is Fate.kept else "--"
    return visible(f"  {where}: {entry.key}{value} {sign} {entry.said}")


def report_json(entries: Sequence[Entry]) -> str:
    """Return the report for programs: the same rows, in the order of the source."""
    rows = [
        {
            "file": entry.file,
            "line": entry.line,
            "key": entry.key,
            "value": entry.value,
            "fate": str(entry.fate),
            "said": entry.said,
        }
        for entry in entries
    ]
    count = Counter(entry.fate for entry in entries)
    return json.dumps({"counts": {str(fate): count[fate] for fate in Fate}, "keys": rows}, indent=1) + "\n"
