"""A difference as Markdown, for a comment on a pull request: a sentence, a table, and details to unfold."""

import re
from collections.abc import Iterator

from dynplan.diagnostics.visible import visible
from dynplan.views.difference.lines import Row, details, headline, rows, unchanged
from dynplan.views.difference.records import Difference, Part

_MOST_CHARACTERS = 60_000  # GitHub takes 65,536 in a comment
_MOST_ROWS = 60
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&@!])")


def as_markdown(found: Difference) -> str:
    """Return what differs as GitHub's Markdown; of very much the beginning, which says so."""
    blocks = [f"### {_plain(headline(found))}", "\n".join(_table(list(rows(found))))]
    blocks += (
        [f"The same: {', '.join(_names(kind, names) for kind, names in unchanged(found))}."] if _some(found) else []
    )
    size, left = sum(map(len, blocks)), 0
    for part in found.changed:
        block = _unfolding(part)
        size += len(block) + 2
        if size > _MOST_CHARACTERS:
            left += 1
            size -= len(block) + 2
        else:
            blocks.append(block)
    blocks += [f"The details of {left} more are too long for a comment: `dynplan diff` shows them."] if left else []
    return "\n\n".join(block for block in blocks if block) + "\n"


def _some(found: Difference) -> bool:
    return bool(found.changed and unchanged(found))


def _names(kind: str, names: list[str]) -> str:
    shown = ", ".join(map(_code, names[:20])) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
    return f"{kind} {shown}"


def _table(found: list[Row]) -> Iterator[str]:
    if not found:
        return
    yield from ("| | before | after | |", "|---|---|---|---|")
    for row in found[:_MOST_ROWS]:
        name = f"{row.kind} {_code(row.name)}" if row.kind and row.name else row.kind or row.name
        yield f"| {' | '.join((name, *map(_plain, (row.before, row.after, row.said))))} |"
    if len(found) > _MOST_ROWS:
        yield f"| {len(found) - _MOST_ROWS} more | | | |"


def _unfolding(part: Part) -> str:
    """Return the details of a part below a line that unfolds them, coloured as a diff."""
    lines = [f"@@ {text} @@" if sign == "@" else f"{sign} {text}".rstrip() for sign, text in details(part)]
    if not lines:
        return ""
    body = "\n".join(map(visible, lines))
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", body)), default=0))
    title = f"{part.kind} <code>{_html(visible(part.name))}</code>" if part.name else part.kind
    return f"<details><summary>{title}</summary>\n\n{fence}diff\n{body}\n{fence}\n\n</details>"


def _code(name: str) -> str:
    name = visible(name)
    if re.fullmatch(r"[^`|\\]+", name):
        return f"`{name}`"
    return _plain(name)


def _plain(text: str) -> str:
    """Return text that Markdown shows as it stands, in a table too."""
    return _SPECIAL.sub(r"\\\1", visible(text))


def _html(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
