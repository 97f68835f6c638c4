"""A difference in words: what each part comes to in a phrase, and its details line by line."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from attrs import frozen

from dynplan.views.difference.grouping import Line, cut, move_lines, of, port_lines
from dynplan.views.difference.records import Difference, Extent, Part, Value, Words
from dynplan.views.difference.sequences import hunks
from dynplan.views.ranges import runs

_COLLECTED = {"role": "roles", "phase": "phases", "file": "files"}
_LONGEST_VALUE = 300
_MOST_NAMES = 5  # of keys in a phrase


@frozen
class Row:
    """A row of the overview: what it is about, both sides, and what that comes to; `name` is shown as a name."""

    kind: str
    name: str
    before: str
    after: str
    said: str


def headline(found: Difference) -> str:
    """Return in a sentence what differs."""
    if not found.changed:
        return f"{found.after}: nothing differs"
    jobs = found.after if found.before == found.after else f"{found.before} → {found.after}"
    numbers = [f"{value.before} → {value.after} {value.what}" for value in _counts(found)]
    return f"{jobs}: " + "; ".join([*numbers, *_tally(found)] or ["where it stands"])


def _counts(found: Difference) -> Iterator[Value]:
    for part in found.changed:
        yield from (value for value in part.numbers if value.what in ("nodes", "GPUs in use"))


def _tally(found: Difference) -> Iterator[str]:
    """Yield how many parts are new, gone and changed, by kind; of the job what its numbers do not tell."""
    for state, word in (("added", "new"), ("removed", "gone"), ("changed", "changed")):
        kinds = [part.kind for part in found.parts if part.state == state and part.kind != "job"]
        counts = [f"{kinds.count(kind)} {_plural(kind, kinds.count(kind))}" for kind in dict.fromkeys(kinds)]
        if state == "changed" and any(part.kind == "job" and _said(part) for part in found.changed):
            counts.append("the job's own keys")
        if counts:
            yield f"{word}: {', '.join(counts)}"


def _plural(kind: str, count: int) -> str:
    return _COLLECTED[kind] if count > 1 else kind


def unchanged(found: Difference) -> list[tuple[str, list[str]]]:
    """Return the names of roles, phases and files that are the same, by kind."""
    same = [part for part in found.parts if part.state == "same"]
    named = ((kind, [part.name for part in same if part.kind == kind]) for kind in _COLLECTED)
    return [(_plural(kind, len(names)), names) for kind, names in named if names]


def rows(found: Difference) -> Iterator[Row]:
    """Yield the overview: numbers that differ, then the parts that do."""
    for part in found.changed:
        if part.kind == "job":
            for value in part.numbers:
                yield Row("", value.what, _side(value.before), _side(value.after), _more(value))
            if said := _said(part):
                yield Row("job", "", "", "", said)
        else:
            yield Row(part.kind, part.name, _extent(part.before), _extent(part.after), _said(part))


def _side(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else _short(json.dumps(value, ensure_ascii=False))


def _more(value: Value) -> str:
    if not (type(value.before) is type(value.after) is int) or value.what == "head node":
        return ""
    return f"{value.after - value.before:+d}"


def _extent(extent: Extent | None) -> str:
    if extent is None:
        return ""
    gpus = f" x {extent.gpus} GPU{'s' if extent.gpus > 1 else ''}" if extent.gpus else ""
    nodes = f"node {extent.nodes[0]}" if len(extent.nodes) == 1 else f"nodes {runs(extent.nodes)}"
    return f"{extent.workers}{gpus or (' worker' + 's' * (extent.workers > 1))} on {nodes}"


def _said(part: Part) -> str:
    """Return what a part's difference comes to, in a phrase."""
    if part.state in ("added", "removed"):
        return "new" if part.state == "added" else "gone"
    return ", ".join(dict.fromkeys((*((f"was {part.was}",) if part.was else ()), *_phrases(part))))


def _phrases(part: Part) -> Iterator[str]:
    if part.before and part.after and (more := part.after.workers - part.before.workers):
        yield f"{abs(more)} worker{'s' if abs(more) > 1 else ''} {'more' if more > 0 else 'fewer'}"
    moved = sum(move.before is not None and move.after is not None for move in part.moves)
    if moved:
        yield f"{moved} elsewhere"
    if any(move.before and move.after for move in part.ports):
        yield "ports"
    for what, changes in (("command" if part.kind != "file" else "content", part.words), ("environment", part.env)):
        if any(not change.follows for change in changes):
            yield what
    if part.directives:
        yield from _few([f"--{value.what}" for value in part.directives])
    if keys := list(dict.fromkeys(_key(part, value) for value in part.settings)):
        yield from _few(keys)
    elif not (part.numbers or part.moves or part.ports or part.directives) and _only_follows(part):
        yield "what its words name"


def _only_follows(part: Part) -> bool:
    changes: Sequence[Words | Value] = (*part.words, *part.env)
    return bool(changes) and all(change.follows for change in changes)


def _key(part: Part, value: Value) -> str:
    """Return the key of a setting: of the job with its table, of another part the first word is enough."""
    return value.what if part.kind == "job" else value.what.partition(".")[0]


def _few(names: Sequence[str]) -> Iterator[str]:
    yield from names if len(names) <= _MOST_NAMES + 1 else names[:_MOST_NAMES]
    if len(names) > _MOST_NAMES + 1:
        yield f"{len(names) - _MOST_NAMES} more keys"


# Details


def details(part: Part) -> list[Line]:
    """Return the lines that tell what differs in a part.

    The sign of a line is that of diff(1), `!` is something with another value, and `@` a heading. Of what is gone
    these are the nodes, GPUs and ports that are free now.
    """
    lines = [*move_lines(part.moves), *port_lines(part.ports)]
    if part.state == "removed":
        return lines
    for where in dict.fromkeys(change.where for change in part.words):
        lines += [("@", where), *_word_lines([change for change in part.words if change.where == where])]
    for heading, changes in (("env", part.env), ("sbatch", part.directives), ("settings", part.settings)):
        if changes:
            own = [line for value in changes if not value.follows for line in _value_lines(value, heading)]
            follow = [line for value in changes if value.follows for line in _value_lines(value, heading)]
            lines += [("@", heading), *own, *cut(follow)]
    return lines[1:] if lines[:1] == [("@", "content")] else lines


def _word_lines(changes: Sequence[Words]) -> Iterator[Line]:
    for change in changes:
        if not change.follows:
            yield from (("-", text) for text in change.removed)
            yield from (("+", text) for text in change.added)
    follow = [change for change in changes if change.follows]
    yield from cut([("!", _changed(c.removed[0], c.added[0]) + of(c.workers)) for c in follow])


def _changed(before: str, after: str) -> str:
    """Write an option with both its values, or both texts."""
    option, space, value = before.partition(" ")
    other, _, new = after.partition(" ")
    return f"{option} {value} → {new}" if space and option == other else f"{before} → {after}"


def _value_lines(value: Value, heading: str) -> Iterator[Line]:
    """Yield the line of a variable, an option of sbatch or a key; of a text of several lines those that differ."""
    name = f"--{value.what}" if heading == "sbatch" else value.what
    before, after = value.before, value.after
    texts = [text or "" for text in (before, after)]
    if all(isinstance(text, str) for text in texts) and "\n" in "".join(texts):
        yield " ", f"{name}:"
        yield from _text_lines(texts[0].split("\n"), texts[1].split("\n"))
    elif before is None:
        yield "+", _set(name, after, heading)
    elif after is None:
        yield "-", _set(name, before, heading)
    else:
        yield "!", f"{name}: {_bare(before)} → {_bare(after)}{of(value.workers)}"


def _set(name: str, value: Any, heading: str) -> str:
    """Write a key with its value as TOML does, a variable or an option as a shell."""
    if heading == "settings":
        return f"{name} = {_short(json.dumps(value, ensure_ascii=False))}"
    return name if value is True else f"{name}={_bare(value)}"


def _bare(value: Any) -> str:
    return _short(value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False))


def _text_lines(old: Sequence[str], new: Sequence[str]) -> Iterator[Line]:
    for gone, come in hunks(old, new)[0]:
        yield from (("-", f"  {old[at]}") for at in gone)
        yield from (("+", f"  {new[at]}") for at in come)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"
