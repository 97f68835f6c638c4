"""The two quoters: words for bash, and values for `#SBATCH` lines."""

import re

_PLAIN = re.compile(r"[A-Za-z0-9_@%+=:./-]+")
_PLAIN_VALUE = re.compile(r"[A-Za-z0-9_@%+=:,./*-]+")
# sbatch reads none behind the first command (sbatch(1)); people, and tools that look for directives, may.
_DIRECTIVE = re.compile(r"^#(?:SBATCH|SLURM|PBS|BSUB)", re.MULTILINE)
_IN_DOUBLE = re.compile(r"[$`']|\\\Z")
_SPECIAL = re.compile(r'[$`"\\]')
_NAMED = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def word(text: str) -> str:
    """Quote one word for bash.

    Single quotes hold any text but themselves, and `$'...'` (bash(1), QUOTING) whatever would be
    unreadable. A `$` or a backtick stands in double quotes, behind a backslash: in single quotes
    shellcheck takes it for an expansion that was forgotten (SC2016). No line of a word begins as a
    directive does.
    """
    if _PLAIN.fullmatch(text):
        return text
    unreadable = any(not char.isprintable() or (char > "~" and not char.isalnum()) for char in text if char != "\n")
    if unreadable or _DIRECTIVE.search(text):
        return "$'" + "".join(map(_ansi_c, text)) + "'"
    if _IN_DOUBLE.search(text):
        return '"' + _SPECIAL.sub(r"\\\g<0>", text) + '"'
    return f"'{text}'"


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
    if char.isprintable() and (char <= "~" or char.isalnum()):
        return char
    return "".join(f"\\x{byte:02x}" for byte in char.encode())
