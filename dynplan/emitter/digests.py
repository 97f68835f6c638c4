"""Digests: by which a script says what plan it is, and whether it is still as it was written."""

import re

from attrs import frozen

# hashlib loads OpenSSL, 3 ms of every compile; Python's own `random` goes round it in the same way.
try:
    from _sha256 import sha256  # type: ignore[import-not-found,unused-ignore]  # its name up to 3.11
except ImportError:
    try:
        from _sha2 import sha256  # type: ignore[import-not-found,unused-ignore]  # and since 3.12
    except ImportError:
        from hashlib import sha256  # a Python without its own

_LENGTH = 12  # hexadecimal digits: enough to tell jobs apart, and short enough to be read out
_OPEN = "0" * _LENGTH  # stands in the text while its digest is made
_SEAL = re.compile(rf"^# Plan ([0-9a-f]{{{_LENGTH}}}), text ([0-9a-f]{{{_LENGTH}}})\.$", re.MULTILINE)
_STAMP = re.compile(r"^# Made by (.*): change the job file, not this\.$", re.MULTILINE)


@frozen
class Seal:
    """What a script says of itself: its plan's digest, who wrote it, the line of that; and whether that still holds."""

    plan: str
    stamp: str
    line: int
    whole: bool


def digest(text: str) -> str:
    """Return the beginning of a text's SHA-256, 12 hexadecimal digits."""
    return str(sha256(text.encode(errors="surrogateescape")).hexdigest())[:_LENGTH]


def seal_line(plan: str) -> str:
    """Return the line of a script in which `sealed` puts the digest of its text."""
    return f"# Plan {plan}, text {_OPEN}."


def sealed(text: str) -> str:
    """Return a script whose seal holds the digest of all of its text, made while there were zeros in its place."""
    return _SEAL.sub(lambda found: f"# Plan {found[1]}, text {digest(text)}.", text, count=1)


def seal_of(text: str) -> Seal | None:
    """Return the seal of a script, None for a text that has none."""
    found = _SEAL.search(text)
    if not found:
        return None
    stamp = _STAMP.search(text)
    opened = text[: found.start(2)] + _OPEN + text[found.end(2) :]
    line = text.count("\n", 0, found.start()) + 1
    return Seal(found[1], stamp[1] if stamp else "", line, whole=digest(opened) == found[2])
