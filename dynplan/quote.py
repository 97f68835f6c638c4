"""The two quoters: words for bash, and values for `#SBATCH` lines."""

import re

_PLAIN = re.compile(r"[A-Za-z0-9_@%+=:,./-]+")
_PLAIN_VALUE = re.compile(r"[A-Za-z0-9_@%+=:,./*-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]|'|\\$")
_NAMED = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def word(text: str) -> str:
    """Quote one word for bash.

    Single quotes hold any text but themselves; `$'...'` (bash(1), QUOTING) writes what would
    be unreadable or would end them.
    """
    if _PLAIN.fullmatch(text):
        return text
    if not _CONTROL.search(text):
        return f"'{text}'"
    return "$'" + "".join(_ansi_c(char) for char in text) + "'"


def directive(name: str, value: str | int | bool) -> str:
    """Write one `#SBATCH` line.

    sbatch splits directives by its own rules, not the shell's: quotes hold spaces, a backslash
    escapes the next character even inside quotes, and `#` outside them starts a comment
    (sbatch(1), and `_get_next_opt` in its source, 22.05).
    """
    if value is True:
        return f"#SBATCH --{name}"
    text = str(value)
    if not _PLAIN_VALUE.fullmatch(text):
        text = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"#SBATCH --{name}={text}"


def _ansi_c(char: str) -> str:
    if char in _NAMED:
        return _NAMED[char]
    return f"\\x{ord(char):02x}" if ord(char) < 32 or ord(char) == 127 else char
