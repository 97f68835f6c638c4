"""The two forms in which scontrol prints: records of `Key=value`, on one line or on many, and lines `Key = value`."""

import re
from collections.abc import Iterator, Sequence

from dynplan.language.host_list import expand

NOTHING = frozenset(("", "(null)", "N/A", "n/a", "NONE", "None"))  # how versions write that there is none


def records(text: str, keys: Sequence[str]) -> Iterator[dict[str, str]]:
    """Yield the records of `scontrol show node`, `partition` or `topology`.

    Args:
        text: what it printed, with `--oneliner` or without.
        keys: the keys wanted; a record begins at a line that begins with the first one. Of a key that is there twice
            the first value counts: what people wrote (`Comment`, `Reason`) may look like a key, and stands behind.
    """
    first = keys[0]
    wanted = re.compile(rf"(?:^|\s)({'|'.join(map(re.escape, keys))})=(\S*)")
    for part in re.split(rf"^(?={re.escape(first)}=)", text, flags=re.MULTILINE):
        if part.startswith(f"{first}="):
            found: dict[str, str] = {}
            for match in wanted.finditer(part):
                found.setdefault(match[1], match[2])
            yield found


def settings(text: str) -> dict[str, str]:
    """Return the lines of `scontrol show config`; a value that says nothing is left out."""
    found = re.findall(r"^([A-Za-z_0-9\[\]]+) *= *(.*?) *$", text, re.MULTILINE)
    return {key: value for key, value in reversed(found) if value not in NOTHING}


def hosts(text: str) -> tuple[str, ...]:
    """Return the names of a host list; nothing where it is none."""
    try:
        return expand(text) if text else ()
    except ValueError:
        return ()


def words(value: str) -> tuple[str, ...]:
    """Return the words of a list with commas; none where Slurm writes that there is nothing."""
    return () if value in NOTHING else tuple(word for word in value.split(",") if word)
