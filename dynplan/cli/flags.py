"""What is known of the flags of programs: the files of `engines/flags`, for jobs that ask for them."""

from collections.abc import Mapping, Sequence
from pathlib import Path as File
from typing import Any

from dynplan.diagnostics import Document, Findings
from dynplan.language.flags import Shelf, check_flags

_FOLDER = File(__file__).parents[1] / "engines" / "flags"


def check_known_flags(tables: Mapping[str, Any], documents: Sequence[Document], findings: Findings) -> None:
    """Warn of flags that the programs of a job do not take; reads what is known of those, and only of those.

    Args:
        tables: resolved tables of a job.
        documents: what they were made of.
        findings: where to report (W111 to W113).
    """
    names = [file.stem for file in _FOLDER.glob("*.txt")]
    check_flags(tables, documents, Shelf(names, lambda name: (_FOLDER / f"{name}.txt").read_text("utf-8")), findings)
