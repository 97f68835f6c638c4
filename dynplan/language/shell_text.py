"""Text put into a string that bash runs: what of it bash would read as code.

A command that is a string is the user's own code, but what a placeholder in it stands for is text.
How bash reads that text depends on the quotes around it (bash(1), "QUOTING").
"""

from collections.abc import Callable, Sequence

from dynplan.diagnostics import Findings, Path
from dynplan.language.tables import name_of
from dynplan.language.templates import Part, Ref

_BARE = frozenset("`$\"'\\;&|<>()\n")
_SPECIAL = {"": _BARE, '"': frozenset('`$"\\'), "'": frozenset("'")}
_SHELL_KEYS = ("command", "setup", "after-command")
_OWNERS = ("roles", "phases", "phase-defaults")


def is_shell(path: Path) -> bool:
    """Tell whether a string at a key path is run by bash: an array of words would go on with an index."""
    if path[:1] not in {(owner,) for owner in _OWNERS} or path[-1] not in _SHELL_KEYS:
        return False
    return len(path) <= 3 or path[2] in ("ready", "alive")


def check_shell(parts: Sequence[Part], path: Path, value: Callable[[Ref], str], findings: Findings) -> None:
    """Report every placeholder of a string run by bash that stands for more than text there (D107).

    A string that is one placeholder is a command kept elsewhere, and code by intent.

    Args:
        parts: the string.
        path: where it stands.
        value: what a placeholder stands for, as far as it is known when the job is compiled.
        findings: where to report.
    """
    if len(parts) < 2 or not is_shell(path):
        return
    before = ""
    for part in parts:
        if isinstance(part, Ref) and (char := _code_in(value(part), before)):
            message = f"{name_of(path)} is run by bash, which would read `{char}` in `{{{part.name}}}` as code"
            fix = 'write an array of words, or set the text in `env` and write `"$NAME"`'
            findings.error("D107", message, path, help=fix)
        before += part if isinstance(part, str) else "x"


def _code_in(value: str, before: str) -> str:
    """Return the first character that bash reads as more than text, after `before`; empty for none."""
    special = _SPECIAL[_quote(before)]
    return next((char for char in value if char in special), "")


def _quote(text: str) -> str:
    """Return the quote that is open at the end of a bash text, empty for none; `$(` and a backtick start anew."""
    open_ = [""]
    skip = False
    for at, char in enumerate(text):
        quote = open_[-1]
        if skip:
            skip = False
        elif quote == "'":
            if char == "'":
                open_.pop()
        elif char == "\\":
            skip = True
        elif char == quote == '"' or (char == ")" and quote == "" and len(open_) > 1):
            open_.pop()
        elif char == '"' or (char == "'" and quote == ""):
            open_.append(char)
        elif char == "(" and text[at - 1 : at] == "$":
            open_.append("")
    return open_[-1]
