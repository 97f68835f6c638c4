"""What the points of a sweep have left: their output directories, found and read."""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path as File
from typing import Any

from dynplan.cli.documents import read
from dynplan.cli.left import left_at, text_of
from dynplan.cli.sweep_folder import INDEX, SCHEMA
from dynplan.diagnostics import NOWHERE, Finding, InputError
from dynplan.diagnostics.visible import brief, visible
from dynplan.language.sweep import shown
from dynplan.views.progress import progress_of
from dynplan.views.runs import Asked, Run, compared, numbers_of, run_of

_LONGEST_SHOWN = 40


def runs_of(folder: str) -> list[Run]:
    """Return what each point of a sweep has come to; of several runs of a point the last one counts.

    Args:
        folder: what `dynplan sweep -o` has written.

    Raises:
        InputError: D128 where that is not what stands there, D004 for what cannot be read.
    """
    where = File(folder)
    content = read(where / INDEX, Finding("D128", "", document=NOWHERE))
    try:
        index = json.loads(content.raw)
        if index["schema"] != SCHEMA:
            raise ValueError(index["schema"])
        return compared([_run(entry, where, index["folder"]) for entry in index["points"]])
    except (ValueError, KeyError, TypeError, AttributeError):
        message, fix = f"`{where / INDEX}` is not what `dynplan sweep` of this version writes", "make the sweep anew"
        raise InputError([Finding("D128", message, help=fix, document=NOWHERE)]) from None


def _run(entry: Mapping[str, Any], where: File, folder: str) -> Run:
    numbers = numbers_of(entry["results"], entry["phases"])
    texts = {name: brief(visible(shown(value)), _LONGEST_SHOWN) for name, value in entry["values"].items()}
    asked = Asked(entry["name"], entry["values"], texts, tuple(entry["phases"]), numbers)
    directory = _last(_template(entry["output-dir"], where, folder))
    if directory is None:
        return run_of(asked, None, {})
    files = {number.file: text_of(directory / number.file) for number in numbers}
    return run_of(asked, progress_of(left_at(directory)), files)


def _template(output_dir: str, where: File, folder: str) -> File:
    """Return where the output directory of a point is: below the sweep's, or as the job says it.

    A relative one begins where the sweep was made, which the name of its directory tells as long as that is the same.
    """
    if output_dir.startswith(f"{folder}/"):
        return where / output_dir[len(folder) + 1 :]
    whole = os.path.normpath(File.cwd() / where)  # a link in it may stand where the sweep was made
    return File(whole.removesuffix(f"/{folder}") if whole.endswith(f"/{folder}") else "") / output_dir


def _last(template: File) -> File | None:
    """Return the directory of the last run: of the highest job id, and there of the last of several in one place."""
    found = _matching(File(template.anchor or "."), template.parts[1:] if template.anchor else template.parts, ())
    return max(found, key=lambda pair: pair[0], default=((), None))[1]


def _matching(at: File, parts: tuple[str, ...], numbers: tuple[int, ...]) -> list[tuple[tuple[int, ...], File]]:
    """Return the directories below one that a template leads to, each with the job ids in its name."""
    if not parts:
        return [(numbers, at)] if (at / "events.log").is_file() else []
    first, *rest = parts
    again = r"(?:\.([0-9]+))?" if not rest else ""
    if "%j" not in first and rest:
        return _matching(at / first, tuple(rest), numbers) if (at / first).is_dir() else []
    pattern = re.compile(re.escape(first).replace("%j", "([0-9]+)") + again)
    found = []
    for path in sorted(at.iterdir()) if at.is_dir() else ():
        if match := pattern.fullmatch(path.name):
            own = tuple(int(text or 0) for text in match.groups())
            found += _matching(path, tuple(rest), (*numbers, *own))
    return found
