"""Command lines and environments side by side, as the script would run them."""

from collections.abc import Iterator, Mapping, Sequence
from shlex import quote

from dynplan.model import Each, Pairs, Words
from dynplan.views.difference.records import Value
from dynplan.views.difference.records import Words as WordsChange
from dynplan.views.difference.resolving import Filled, Owner
from dynplan.views.difference.sequences import hunks, in_order

_STREAMS = (("command", "command"), ("leader-args", "leader_args"), ("follower-args", "follower_args"))


def command_changes(before: Owner | None, after: Owner | None) -> Iterator[WordsChange]:
    """Yield what differs in the command lines of a role or phase, words of templates first, then what follows."""
    for where, name in _STREAMS:
        old, new = (tuple(_chunks(_words(owner, name))) for owner in (before, after))
        found, same = hunks(old, new)
        for removed, added in found:
            yield WordsChange(where, _shown(before, old, removed), _shown(after, new, added))
        if before and after:
            for text in dict.fromkeys(old[at] for at, _ in same):
                for a, b, tasks in _following(before, after, text):
                    yield WordsChange(where, (a,), (b,), tasks, follows=True)


def _words(owner: Owner | None, name: str) -> Words:
    return getattr(owner.launch, name) if owner and owner.launch else ()


def _shown(owner: Owner | None, chunks: Sequence[str], places: range) -> tuple[str, ...]:
    return tuple(owner.shown(chunks[at]) for at in places) if owner else ()


def _chunks(words: Words) -> Iterator[str]:
    """Yield words as a reader takes them: an option with its value, each line of a longer text."""
    option = ""
    for word in words:
        if not isinstance(word, str):
            yield from filter(None, (option,))
            inner = " ".join(map(_quoted, word.words))
            kind = f"each {word.role}" if isinstance(word, Each) else f"when {word.expression}"
            yield f"[{kind}] {inner}"
            option = ""
        elif "\n" in word:
            yield from filter(None, (option,))
            yield from word.split("\n")
            option = ""
        elif _is_option(word):
            yield from filter(None, (option,))
            option = word
        else:
            yield f"{option} {_quoted(word)}".lstrip()
            option = ""
    yield from filter(None, (option,))


def _is_option(word: str) -> bool:
    return len(word) > 1 and word[0] == "-" and word[1:2] not in "0123456789." and " " not in word


def _quoted(word: str) -> str:
    """Return a word as a shell reads it, where its borders could not be seen otherwise."""
    return quote(word) if not word or any(char.isspace() for char in word) or "'" in word else word


def env_changes(before: Owner | None, after: Owner | None) -> Iterator[Value]:
    """Yield the variables of a role or phase that differ: `None` for one that is not set, or taken away."""
    yield from pair_changes(_env(before), _env(after), before, after)
    old, new = _unset(before), _unset(after)
    for name in in_order(old, new):
        if (name in old) != (name in new):
            yield Value(f"unset {name}", name in old or None, name in new or None)


def _env(owner: Owner | None) -> Pairs:
    return owner.launch.env if owner and owner.launch else ()


def _unset(owner: Owner | None) -> list[str]:
    return list(dict.fromkeys(owner.launch.unset)) if owner and owner.launch else []


def pair_changes(old: Pairs, new: Pairs, before: Owner | None, after: Owner | None) -> Iterator[Value]:
    """Yield the names that have another template on each side, and those whose template comes to something else."""
    a, b = dict(old), dict(new)
    for name in in_order(list(a), list(b)):
        if a.get(name) != b.get(name):
            yield Value(name, _text(a, name, before), _text(b, name, after))
        elif before and after:
            for one, other, tasks in _following(before, after, a[name]):
                yield Value(name, one, other, tasks, follows=True)


def _text(pairs: Mapping[str, str], name: str, owner: Owner | None) -> str | None:
    return owner.shown(pairs[name]) if owner and name in pairs else None


def _following(before: Owner, after: Owner, text: str) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield what a template comes to on both sides where that differs, with the tasks; none for all of them."""
    if "{" not in text:
        return
    old, new = before.fill(text), after.fill(text)
    if isinstance(old, str) and isinstance(new, str):
        if old != new:
            yield old, new, ()
        return
    a, b = _by_task(before, old), _by_task(after, new)
    found: dict[tuple[str, str], list[str]] = {}
    common = [name for name in a if name in b]
    for name in common:
        if a[name] != b[name]:
            found.setdefault((a[name], b[name]), []).append(name)
    for (one, other), tasks in found.items():
        yield one, other, () if len(tasks) == len(common) else tuple(tasks)


def _by_task(owner: Owner, filled: Filled) -> dict[str, str]:
    texts = (filled,) * len(owner.tasks) if isinstance(filled, str) else filled
    return dict(zip(owner.tasks, texts, strict=True))
