"""Digests: by which a script says what plan it is, and whether it is still as it was written."""

import re
from collections.abc import Iterator

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
_DIGEST = rf"[0-9a-f]{{{_LENGTH}}}"
_POINTS = "A plan for each point"
_SEAL = re.compile(rf"^# (?:Plan ({_DIGEST})|{_POINTS}), text ({_DIGEST})\.$", re.MULTILINE)
# The arms of the choice in a job array: the index, the name of the point, the digest of its plan.
_CHOICE = re.compile(r"^case \$\{SLURM_ARRAY_TASK_ID-\} in$(.*?)^esac$", re.MULTILINE | re.DOTALL)
_ARM = re.compile(
    rf"^(\d+)\)\n\techo \W*dynplan: point ([^\s,'\"]+).*\n\tpoint\(\) {{\n\t\tdigest=({_DIGEST}) ", re.MULTILINE
)
_STAMP = re.compile(r"^# Made by (.*): change the job file, not this\.$", re.MULTILINE)


@frozen
class PointSeal:
    """What a job array says of one of its points: its index, its name, and its plan's digest."""

    number: int
    name: str
    plan: str


@frozen
class Seal:
    """What a script says of itself.

    Attributes:
        plan: the digest of its plan; an empty text for a job array, whose points have one each.
        stamp: who wrote it.
        line: where it says so, from 1.
        whole: whether it still is as it was written.
        points: those of a job array.
    """

    plan: str
    stamp: str
    line: int
    whole: bool
    points: tuple[PointSeal, ...] = ()


def digest(text: str) -> str:
    """Return the beginning of a text's SHA-256, 12 hexadecimal digits."""
    return str(sha256(text.encode(errors="surrogateescape")).hexdigest())[:_LENGTH]


def seal_line(plan: str) -> str:
    """Return the line of a script in which `sealed` puts the digest of its text."""
    return f"# Plan {plan}, text {_OPEN}."


POINTS_SEAL_LINE = f"# {_POINTS}, text {_OPEN}."  # the same of a job array


def sealed(text: str) -> str:
    """Return a script whose seal holds the digest of all of its text, made while there were zeros in its place."""
    found = _SEAL.search(text)
    return f"{text[: found.start(2)]}{digest(text)}{text[found.end(2) :]}" if found else text


def seal_of(text: str) -> Seal | None:
    """Return the seal of a script, None for a text that has none."""
    found = _SEAL.search(text)
    if not found:
        return None
    stamp = _STAMP.search(text)
    opened = text[: found.start(2)] + _OPEN + text[found.end(2) :]
    line = text.count("\n", 0, found.start()) + 1
    points = () if found[1] else tuple(_points(text))
    return Seal(found[1] or "", stamp[1] if stamp else "", line, digest(opened) == found[2], points)


def _points(text: str) -> Iterator[PointSeal]:
    choice = _CHOICE.search(text)
    for number, name, plan in _ARM.findall(choice[1]) if choice else ():
        yield PointSeal(int(number), name, plan)
