"""Flags that an engine does not take (W111), values that a flag does not (W112), versions nobody knows (W113).

Loaded only where a role or phase has `flags-of`. What an engine takes stands in `engines/flags/ENGINE-VERSION.txt`,
read from its own parser by `tools/flags.py`, which tells the format. Everything here is a warning, so it has to be
right nearly always: without `engine-version` a flag that any known version takes is one; what a preset says is never
asked about.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any

from attrs import field, frozen

from dynplan.diagnostics import Document, Findings, Path, nearest
from dynplan.language.flag_files import Flag, Parser, parsers_of, taken
from dynplan.language.tables import name_of, scalar

NO_VERSION = "none"
_MOST = 50  # warnings; whoever has more has another program, and to look for a neighbour of each takes time
_LONGEST = 80  # characters of a word that are shown
_LISTS = ("extra-args", "leader-args", "follower-args")
_NUMBER = re.compile(r"-[0-9]+|-[0-9]*\.[0-9]+")  # no flag to argparse
_DIGITS = re.compile(r"[0-9]+")
_LOCAL = re.compile(r"\+.*")  # of a version: `0.32.0+cu129`


@frozen(eq=False, repr=False)
class Shelf:
    """The files of flags: their names without an ending, and who reads one."""

    names: Sequence[str]
    read: Callable[[str], str]

    def versions(self, engine: str) -> tuple[str, ...]:
        """Return the versions of an engine that have a file, the newest first."""
        start = f"{engine}-"
        found = [name.removeprefix(start) for name in self.names if name.startswith(start)]
        return tuple(sorted((each for each in found if _DIGITS.match(each)), key=_order, reverse=True))


@frozen(eq=False, repr=False)
class _Said:
    """A flag as the user wrote it, `value` None where none stands beside it, and where both stand."""

    word: str
    value: Any
    path: Path
    beside: Path
    key: bool = False


@frozen(eq=False, repr=False)
class _Engine:
    """The known versions of an engine, newest first; `asked` are those that the role may run."""

    name: str
    shelf: Shelf
    versions: tuple[str, ...]
    asked: tuple[str, ...]
    texts: dict[str, tuple[Parser, ...]] = field(factory=dict)
    meant: dict[tuple[str, str], Flag | None] = field(factory=dict)

    def parsers(self, version: str) -> tuple[Parser, ...]:
        if version not in self.texts:
            self.texts[version] = parsers_of(self.shelf.read(f"{self.name}-{version}"))
        return self.texts[version]

    def takes(self, version: str, word: str) -> Flag | None:
        if (version, word) not in self.meant:
            self.meant[version, word] = taken(word, self.parsers(version))
        return self.meant[version, word]

    def among(self, versions: Sequence[str]) -> str:
        """Name versions for a message: `0.33`, or `0.31 to 0.33`."""
        span = versions[0] if len(versions) == 1 else f"{versions[-1]} to {versions[0]}"
        return f"`{self.name}` {span}"


def check_flags(tables: Mapping[str, Any], documents: Sequence[Document], shelf: Shelf, findings: Findings) -> None:
    """Warn of flags and values of every role and phase that its program would refuse.

    Args:
        tables: resolved tables of a job.
        documents: what they were made of; those with a `root` are presets.
        shelf: the flags that are known.
        findings: where to report; what stands at a place that has a finding already is left alone.
    """
    told, before = {finding.path for finding in findings.found}, len(findings.found)
    for path, role in _owners(tables):
        engine = _engine(role, path, shelf, findings)
        if engine is None:
            continue
        known = role.get("known-flags")
        silent = {_bare(flag) for flag in known if isinstance(flag, str)} if isinstance(known, list) else set()
        said = [each for each in _said(role, path, documents) if not {each.path, each.beside} & told]
        if any(rule in {each.word for each in said} for rule in _opens(engine, said)):
            continue
        for each in said:
            if len(findings.found) - before >= _MOST:
                return
            if _bare(each.word) not in silent:
                _check(each, engine, findings)


def _owners(tables: Mapping[str, Any]) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    for kind in ("roles", "phases"):
        named = tables.get(kind)
        for name, owner in named.items() if isinstance(named, Mapping) else ():
            if isinstance(owner, Mapping):
                yield (kind, name), owner


def _engine(role: Mapping[str, Any], path: Path, shelf: Shelf, findings: Findings) -> _Engine | None:
    """Return what is known of a role's engine, None where its flags cannot be checked."""
    name, asked = role.get("flags-of"), role.get("engine-version")
    if (name is not None and not isinstance(name, str)) or not isinstance(asked, str | None) or asked == NO_VERSION:
        return None
    versions = shelf.versions(name) if name else ()
    what = name or role.get("engine") or "a program without `flags-of`"
    if not versions:
        if asked is not None or name is not None:
            place = "flags-of" if asked is None else "engine-version"
            message = f"{name_of((*path, place))} says nothing: no flags of `{what}` are known"
            findings.warn("W113", message, (*path, place), help="leave it out")
        return None
    wanted = versions if asked is None else _matching(asked, versions)
    if not wanted:
        message = f"{name_of((*path, 'engine-version'))} is `{asked}`, and its flags are not known: none is checked"
        fix = f'known of `{name}`: {", ".join(reversed(versions))}; `"{NO_VERSION}"` says that it is another'
        findings.warn("W113", message, (*path, "engine-version"), help=fix)
        return None
    return _Engine(str(name), shelf, versions, wanted)


def _matching(asked: str, versions: Sequence[str]) -> tuple[str, ...]:
    """Return the known versions that a version means: `0.5` means 0.5.21 and 0.5.23, `0.33.1` means 0.33."""
    parts = _LOCAL.sub("", asked.strip().removeprefix("v")).split(".")
    pairs = ((version, version.split(".")) for version in versions)
    return tuple(version for version, own in pairs if all(one == other for one, other in zip(parts, own, strict=False)))


def _order(version: str) -> tuple[int, ...]:
    return tuple(map(int, _DIGITS.findall(version)))


def _opens(engine: _Engine, said: Sequence[_Said]) -> tuple[str, ...]:
    """Return flags with which a program takes others that are not known."""
    return tuple(flag for parser in engine.parsers(engine.asked[0]) for flag in parser.open) if said else ()


def _said(role: Mapping[str, Any], path: Path, documents: Sequence[Document]) -> Iterator[_Said]:
    """Yield every flag that the user wrote, none of a preset's; phases have none."""
    own: list[Mapping[str, Any]] = [
        table for document in documents if not document.root and isinstance(table := _at(document.data, path), Mapping)
    ]
    own = own if path[0] == "roles" else [role]
    keys = {str(key).replace("_", "-") for table in own for key in table}
    if "command" in keys:
        presets = (document.data for document in documents if document.root == path)
        behind = _behind(role.get("command"), next((data["command"] for data in presets if "command" in data), None))
        if behind is None:  # another program, or a shell: who knows which words reach the engine
            return
        yield from _words(behind[0], (*path, "command"), behind[1])
    written = {key for table in own if isinstance(args := table.get("args"), Mapping) for key in args}
    if isinstance(args := role.get("args"), Mapping):
        for key, value in args.items():
            if key in written and "{" not in key:
                place = (*path, "args", key)
                yield _Said(f"--{key}", value, place, place, key=True)
    for key in _LISTS:
        if key in keys:
            yield from _words(role.get(key), (*path, key))


def _at(data: Any, path: Path) -> Any:
    for key in path:
        data = data.get(key) if isinstance(data, Mapping) else None
    return data


def _behind(command: Any, preset: Any) -> tuple[list[Any], int] | None:
    """Return the words behind the preset's own in a command, and the place of the first; None for another program.

    The preset's own are those that name the program: what it says under a condition is none. A role without a
    preset says by `flags-of` itself which program gets its words.
    """
    named = list(takewhile(lambda word: isinstance(word, str), preset)) if isinstance(preset, list) else []
    if not named:
        return [], 0
    if isinstance(command, str):
        return ([], 0) if " ".join(named) in " ".join(command.split()) else None
    if not isinstance(command, list):
        return None
    ends = (at + len(named) for at in range(len(command)) if command[at : at + len(named)] == named)
    end = next(ends, None)
    return None if end is None else (command[end:], end)


def _words(words: Any, path: Path, first: int = 0) -> Iterator[_Said]:
    """Yield the flags among words, repeated and conditional ones too, up to a `--`."""
    if isinstance(words, str):
        import shlex  # few roles write their words in one string

        try:
            split: list[Any] = shlex.split(words)
        except ValueError:
            return  # told where it is read
        places: list[Path] = [path] * len(split)
    else:
        split = words if isinstance(words, list) else []
        places = [(*path, first + at) for at in range(len(split))]
    for at, (word, place) in enumerate(zip(split, places, strict=True)):
        if word == "--":
            return
        if isinstance(word, Mapping):
            yield from _words(word.get("args"), (*place, "args"))
        elif isinstance(word, str) and _is_flag(word):
            name, equal, value = word.partition("=")
            if not equal and at + 1 < len(split) and not _is_flag(split[at + 1]):
                yield _Said(name, split[at + 1], place, places[at + 1])
            else:
                yield _Said(name, value if equal else None, place, place)


def _is_flag(word: Any) -> bool:
    return (
        isinstance(word, str)
        and word.startswith("-")
        and len(word) > 1
        and not _NUMBER.fullmatch(word)
        and "{" not in word.partition("=")[0]
    )


def _bare(word: str) -> str:
    return word.lstrip("-").replace("_", "-")


def _check(said: _Said, engine: _Engine, findings: Findings) -> None:
    """Warn of one flag, or of its value, where every version that the role may run refuses it."""
    wrong = ""
    for version in engine.asked:
        flag = engine.takes(version, said.word)
        reason = _refused(said, flag) if flag else ""
        if flag and not reason:
            return
        wrong = wrong or reason
    if wrong:
        message = f"{_shown(said)} of {engine.among(engine.asked)} {wrong.partition(chr(10))[0]}"
        findings.warn("W112", message, said.beside, help=wrong.partition("\n")[2])
        return
    message, fix = _unknown(said, engine)
    findings.warn("W111", message, said.path, help=fix, key=said.key)


def _refused(said: _Said, flag: Flag) -> str:
    """Return what is wrong with a flag's value and how to mend it, in two lines; empty where nothing surely is."""
    value = said.value
    if flag.values == "0":
        if said.key and not isinstance(value, bool):
            return f"takes no value\nwrite `{_cut(said.path[-1])} = true`, or leave it out"
        return ""
    if value is True and said.key and flag.values not in ("", "?", "*"):
        return f"needs a value\nwrite it behind the `=`{_choices(flag)}"
    text = None if isinstance(value, bool) else scalar(value)
    if not flag.choices or flag.values != "1" or text is None or "{" in text:
        return ""
    if text.lower() in (choice.lower() for choice in flag.choices):
        return ""
    near = nearest(text, flag.choices)
    return f"cannot be `{_cut(text)}`\n{f'did you mean `{near}`? It' if near else 'it'} is one of {_listed(flag)}"


def _choices(flag: Flag) -> str:
    return f": one of {_listed(flag)}" if flag.choices else ""


def _listed(flag: Flag) -> str:
    return ", ".join(f"`{choice}`" for choice in flag.choices)


def _shown(said: _Said) -> str:
    return f"`{_cut(said.path[-1] if said.key else said.word)}`"


def _cut(text: Any) -> str:
    text = str(text)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _unknown(said: _Said, engine: _Engine) -> tuple[str, str]:
    """Say since when, or until when, other versions take a flag, and which one is near."""
    newest = engine.asked[0]
    near = _near(said, engine, newest)
    mine = f'if your build takes it, write `known-flags = ["{_cut(said.word.lstrip("-"))}"]`'
    fix = f"did you mean `{near}`? Else, {mine}" if near else mine
    place = engine.versions.index(newest)
    later = [version for version in engine.versions[:place] if engine.takes(version, said.word)]
    if later:
        message = f"{_shown(said)} came with {engine.among(later[-1:])}, and {newest} does not take it"
        return message, f"set `engine-version` to what runs, or leave `{_cut(said.word.lstrip('-'))}` out"
    oldest = engine.versions.index(engine.asked[-1])
    for at in range(oldest + 1, len(engine.versions)):
        if engine.takes(engine.versions[at], said.word):
            gone = engine.versions[at - 1]
            message = f"{_shown(said)} is gone since {engine.among((gone,))}; {engine.versions[at]} took it"
            return message, f"did you mean `{near}`?" if near else "leave it out, or see the engine's notes of changes"
    head = said.word.partition(" ")[0]
    if head != said.word and engine.takes(newest, head):
        return f"{_shown(said)} is one word, and no flag of {engine.among(engine.asked)}", "write two words"
    if any(parser.ambiguous(said.word) for parser in engine.parsers(newest)):
        return f"{_shown(said)} is short for several flags of {engine.among(engine.asked)}", fix
    return f"{_shown(said)} is no flag of {engine.among(engine.asked)}", fix


def _near(said: _Said, engine: _Engine, version: str) -> str:
    """Return the flag of a version that was probably meant, as it would stand in the place of the wrong one."""
    lines = {spelling: line for parser in engine.parsers(version) for spelling, line in parser.lines.items()}
    if short := lines.get(f"-{said.word.lstrip('-')}"):  # `--tp` for `-tp`
        return next((name.lstrip("-") if said.key else name for name, line in lines.items() if line is short), "")
    old = " deprecated"
    names = {name.lstrip("-"): name for name, line in lines.items() if name.startswith("--") and not line.endswith(old)}
    near = nearest(said.word.lstrip("-"), names)
    return "" if near is None else near if said.key else names[near]
