"""`dynplan report`: a run as one page, or as numbers."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path as File
from typing import Any

from dynplan.cli.left import Found, find, left_in, look, text_of
from dynplan.cli.program import Page
from dynplan.cli.streams import reporting, write
from dynplan.views.numbers import report_tree
from dynplan.views.progress import Progress
from dynplan.views.report import Account, as_html

_MOST_TAIL = 64 * 1024  # bytes of a log's end
_LOG = re.compile(r".*/((?:logs|phases)/[^/]+\.log)")


def write_report(name: str, form: Page, output: str) -> None:
    """Write what came of a run."""
    with reporting() as inputs:
        found, progress = look(find(name))
        outline, now = left_in(found).outline, datetime.now(UTC)
        if form is Page.json:
            tree = report_tree(progress, outline, now)
            write(json.dumps(tree, indent=1, ensure_ascii=False) + "\n", output, inputs, private=True)
            return
        account = Account(progress, outline, _endpoints(found), progress.tail or _tail(found, progress), now)
        write(as_html(account), output, inputs, private=True)


def _endpoints(found: Found) -> Mapping[str, Any]:
    text = text_of(found.directory / "endpoints.json") if found.directory else None
    try:
        tree = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return tree if isinstance(tree, dict) else {}


def _tail(found: Found, progress: Progress) -> str:
    """Return the end of the log that a cause names, by its name below the directory: that may have been moved."""
    match = _LOG.fullmatch(progress.log)
    return _end_of(found.directory / match[1]) if match and found.directory else ""


def _end_of(file: File) -> str:
    try:
        if not file.is_file():
            return ""
        with file.open("rb") as stream:
            stream.seek(max(0, file.stat().st_size - _MOST_TAIL))
            return stream.read(_MOST_TAIL).decode("utf-8", errors="replace")
    except OSError:
        return ""
