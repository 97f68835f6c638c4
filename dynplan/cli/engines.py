"""Presets: those that come with dynplan, by name, and a user's own, by path. Only jobs with engines load this."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path as File
from typing import Any

from attrs import evolve

from dynplan.cli.documents import folder_of, read_own
from dynplan.diagnostics import NOWHERE, Document, Finding, Findings, InputError, Path, nearest
from dynplan.language import parse

_FOLDER = File(__file__).parents[1] / "engines"
_NAME = re.compile(r"[a-z0-9-]{1,60}")
_MOST_PARENTS = 50


def packaged() -> dict[str, File]:
    """Return the presets that come with dynplan, by name, sorted."""
    return {file.stem: file for file in sorted(_FOLDER.glob("*.toml"), key=lambda file: file.stem)}


def text_of(name: str) -> str:
    """Return a packaged preset as it stands, with its comments.

    Raises:
        InputError: D115.
    """
    return _packaged(name, Finding("D115", "", document=NOWHERE)).text


def listed() -> str:
    """Return what each packaged preset is, the versions that it is for, and what was run of it, in two lines each."""
    width = max(map(len, packaged())) + 2
    lines: list[str] = []
    for name in packaged():
        about = _packaged(name, Finding("D115", "")).data["about"]
        lines += [f"{name:{width}}{about['what']}, {about['versions']}", f"{'':{width}}run: {about['run']}"]
    return "\n".join(lines) + "\n"


def presets_of(wanted: Mapping[str, str], documents: Sequence[Document], findings: Findings) -> list[Document]:
    """Return the presets of roles, each hanging below its role, and above what it extends itself.

    Args:
        wanted: the engine by role.
        documents: what the user wrote, the one that wins first.
        findings: where to report.
    """
    found: list[Document] = []
    known: dict[tuple[str, File], list[Document]] = {}  # roles often have the same one
    for role, engine in wanted.items():
        path = ("roles", role, "engine")
        said = next(document for document in documents if _at(document.data, path) == engine)
        key = engine, folder_of(said)
        try:
            if key not in known:
                known[key] = _chain(engine, path, said, folder_of(said))
        except InputError as problem:
            findings.found += problem.findings
            findings.unread.add(("roles", role))
        found += [evolve(document, root=("roles", role)) for document in known.get(key, ())]
    return found


def _chain(engine: str, path: Path, said: Document, folder: File) -> list[Document]:
    """Return a preset and all that it extends; `said` names it at `path`, and paths are relative to `folder`."""
    found: list[Document] = []
    seen: list[str] = []
    wanted: object = engine
    while True:
        code = "D108" if found else "D115"
        asked = Finding(code, "", path, document=said)
        if not isinstance(wanted, str):
            raise InputError([evolve(asked, message="`extends` must be the name of one engine")])
        if not wanted.isprintable():  # no file is named so, and the name of one ends at a NUL byte
            raise InputError([evolve(asked, message="the name of an engine must be one line of printable text")])
        own = is_path(wanted)
        file = folder / wanted if own else _FOLDER / f"{wanted}.toml"
        if os.path.realpath(file) in seen:
            raise InputError([evolve(asked, message=f"`{wanted}` extends itself, through this file")])
        if len(seen) > _MOST_PARENTS:
            raise InputError([evolve(asked, message=f"the chain of `extends` is longer than {_MOST_PARENTS} files")])
        said = read_own(file, asked) if own else _packaged(wanted, asked)
        found.append(said)
        seen.append(os.path.realpath(file))
        if "extends" not in said.data:
            return found
        wanted, path, folder = said.data["extends"], ("extends",), file.parent


def is_path(engine: str) -> bool:
    """Tell whether a role names a preset by its file."""
    return "/" in engine or engine.endswith(".toml")


def _packaged(name: str, asked: Finding) -> Document:
    file = _FOLDER / f"{name}.toml"
    if not _NAME.fullmatch(name) or not file.is_file():
        files = packaged()
        near = nearest(name, files)
        fix = f"did you mean `{near}`?" if near else "engines: " + ", ".join(files)
        raise InputError([evolve(asked, code="D115", message=f"there is no engine `{name}`", help=fix)])
    return parse(f"engine {name}", file.read_bytes())


def _at(value: Any, path: Path) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
