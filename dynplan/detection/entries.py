"""Lines of a cluster file: a key, its value, and what is said above it."""

import json
import re
import textwrap
from collections.abc import Iterable, Sequence

from attrs import frozen

from dynplan.diagnostics.visible import brief, visible

DECIDE = "DECIDE: "  # begins what a person has to decide
_WIDTH = 118  # of a comment, without its sign
_LONGEST = 600  # of what is said about a key
# What dynplan's templates or a shell take for something else, and no name of Slurm's has.
_LIVE = re.compile(r"[{}$~`\"'\\\s]")


@frozen
class Entry:
    """A key with its value, or without a key just what is said; `is_set`: not commented out.

    What is said of an entry stands above it, and an entry of which nothing is said right below the one before.
    """

    why: Sequence[str]
    key: str = ""
    value: object = None
    is_set: bool = True


def is_plain(text: str) -> bool:
    """Tell whether a name can stand in a cluster file as it is."""
    return text.isprintable() and 0 < len(text) < 256 and not _LIVE.search(text)


def written(entries: Iterable[Entry]) -> list[str]:
    """Return the lines of some entries, a blank line before each of which something is said."""
    lines: list[str] = []
    for entry in entries:
        lines += ["", *(line for text in entry.why for line in comment(text))] if entry.why else []
        if entry.key:
            lines.append(f"{'' if entry.is_set else '# '}{entry.key} = {_value(entry.value)}")
    return lines


def comment(text: str) -> list[str]:
    """Return text as comment lines."""
    shown = brief(visible(text), _LONGEST)
    return [f"# {line}" for line in textwrap.wrap(shown, _WIDTH, break_on_hyphens=False)]


def _value(value: object) -> str:
    """Return a value as TOML: strings, whole numbers and lists are as in JSON, a table of these is on one line."""
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key} = {_value(item)}' for key, item in value.items())} }}"
    return json.dumps(value, ensure_ascii=False)
