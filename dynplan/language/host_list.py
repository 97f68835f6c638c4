"""Slurm host lists: `node[8-10,12]` is node8, node9, node10 and node12.

The rules are those of `scontrol show hostnames` (hostlist expressions, slurm.conf(5)): the
low bound's leading zeros give the width, several brackets multiply, the last one fastest.
A range of single letters is accepted beside Slurm's numbers.
"""

import itertools
import re

_PIECE = re.compile(r"\[([^\[\]]*)\]|([^\[\],]+)")
_NUMBERS = re.compile(r"([0-9]+)-([0-9]+)")
_LETTERS = re.compile(r"([a-zA-Z])-([a-zA-Z])")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
LONGEST = 65_536


def expand(text: str) -> tuple[str, ...]:
    """Return the host names of a host list, in its order.

    Raises:
        ValueError: the text is no host list; the message says why.
    """
    hosts: list[str] = []
    for entry in _entries(text):
        hosts += _expand_entry(entry.strip())
        if len(hosts) > LONGEST:
            raise ValueError(f"`{text}` names more than {LONGEST} hosts")
    return tuple(hosts)


def _entries(text: str) -> list[str]:
    """Split at the commas outside brackets."""
    return re.split(r",(?![^\[]*\])", text)


def _expand_entry(entry: str) -> list[str]:
    choices: list[list[str]] = []
    at = 0
    for match in _PIECE.finditer(entry):
        if match.start() != at:
            break
        at = match.end()
        choices.append(_bracket(match[1], entry) if match[1] is not None else [match[2]])
    if at != len(entry) or not entry:
        raise ValueError(f"`{entry}` is not a host name or a host list")
    names = ["".join(parts) for parts in itertools.islice(itertools.product(*choices), LONGEST + 1)]
    for name in names[:1]:
        if not _HOST.fullmatch(name):
            raise ValueError(f"`{name}` is not a host name")
    return names


def _bracket(inner: str, entry: str) -> list[str]:
    found: list[str] = []
    for part in inner.split(","):
        found += _range(part.strip(), entry)
        if len(found) > LONGEST:
            raise ValueError(f"`{entry}` names more than {LONGEST} hosts")
    return found


def _range(part: str, entry: str) -> list[str]:
    numbers, letters = _NUMBERS.fullmatch(part), _LETTERS.fullmatch(part)
    if numbers and len(part) < 40:
        low, high = int(numbers[1]), int(numbers[2])
        if low <= high <= low + LONGEST:
            return [f"{number:0{len(numbers[1])}d}" for number in range(low, high + 1)]
    elif letters and letters[1] <= letters[2]:
        return [chr(code) for code in range(ord(letters[1]), ord(letters[2]) + 1)]
    elif part.isascii() and part.isalnum():
        return [part]
    raise ValueError(f"`[{part}]` in `{entry}` is not a range")
