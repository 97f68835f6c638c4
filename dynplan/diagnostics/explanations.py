"""What a code of a finding means, for the terminal: the sections of docs/diagnostics.md, as `codes.txt` has them."""

import re
from collections.abc import Iterator, Sequence

from dynplan.diagnostics.findings import CODES, NOWHERE, Finding, InputError

_SECTION = re.compile(r"^(?=[DW]\d{3}: )", re.MULTILINE)
_LENGTH = 4


def explained(wanted: Sequence[str], sections: str) -> str:
    """Return the sections of codes: what each means, and what it looks like.

    Args:
        wanted: codes, in capitals or not.
        sections: what is in `codes.txt`: sections that begin with `CODE: TITLE`.

    Raises:
        InputError: D008 for each that is no code, with those that come near.
    """
    unknown = [code for code in wanted if code.upper() not in CODES]
    if unknown:
        raise InputError(
            Finding("D008", f"there is no code `{code}`", help=_near(code.upper()), document=NOWHERE)
            for code in unknown
        )
    by_code = {section[:_LENGTH]: f"{section.rstrip()}\n" for section in _SECTION.split(sections)}
    return "\n".join(by_code[code.upper()] for code in wanted)


def table() -> str:
    """Return every code with its title, a paragraph for each stage."""
    return "\n".join("".join(f"{code}  {CODES[code]}\n" for code in group) for group in _groups())


def _groups() -> Iterator[list[str]]:
    for stage in sorted({code[:2] for code in CODES}):
        yield [code for code in CODES if code.startswith(stage)]


def _near(code: str) -> str:
    """Return a help: the codes with the same number, those that differ by one character, or those of the same stage."""
    digits = re.sub(r"\D", "", code)
    near = [known for known in CODES if known[1:] == digits]
    near = near or [known for known in CODES if len(code) == _LENGTH and _apart(code, known) == 1]
    near = near or [known for known in CODES if len(code) == _LENGTH and known[:2] == code[:2]]
    if not near:
        return "`dynplan explain` lists all of them"
    return f"did you mean {_listed(near)}?"


def _apart(one: str, other: str) -> int:
    return sum(here != there for here, there in zip(one, other, strict=True))


def _listed(codes: list[str]) -> str:
    *first, last = [f"`{code}`" for code in codes]
    return f"{', '.join(first)} or {last}" if first else last
