"""`--set`, or a key of a sweep, that is not there: it would make a new table where an old one was meant to change."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import evolve

from dynplan.cli.documents import POINT
from dynplan.diagnostics import Document, Findings, Path, nearest
from dynplan.language import merged_data

_USED = re.compile(r"\{vars\.([A-Za-z0-9_-]+)\}")
# Kind -> what makes a new one whole: without any of it an old one was meant.
_WHOLE = {"roles": ("command", "engine"), "phases": ("command",), "files": ("content", "data")}


def without_slips(documents: Sequence[Document], findings: Findings) -> list[Document]:
    """Return the documents without overrides of roles, phases, files, ports and `vars` that are nowhere else.

    Each is reported (D122, D123). One that says all that a new role, phase or file needs is new by intent.
    """
    overrides = [document for document in documents if document.name.startswith("--")]
    others = [document for document in documents if not document.name.startswith("--")]
    if () in findings.unread:  # what is there stands in a file that could not be read
        return list(documents)
    known, new = merged_data(others), merged_data(overrides)
    for kind in _WHOLE:
        for name in _names(new, kind):
            if name not in _names(known, kind) and not _is_new(kind, name, new, known):
                overrides = _refused(overrides, (kind, name), list(_names(known, kind)), findings)
    for role in _names(known, "roles"):
        ports = ("roles", role, "ports")
        there = dict(_names(known, *ports))
        for preset in (document for document in others if document.root == ("roles", role)):
            there |= _names(preset.data, "ports")
        for name in _names(new, *ports):
            if name not in there and nearest(name, there):
                overrides = _refused(overrides, (*ports, name), list(there), findings)
    _check_vars(overrides, others, _names(known, "vars"), findings)
    return [*overrides, *others]


def _names(data: Any, *path: str) -> Mapping[str, Any]:
    for key in path:
        data = data.get(key) if isinstance(data, Mapping) else None
    return data if isinstance(data, Mapping) else {}


def _is_new(kind: str, name: str, new: Mapping[str, Any], known: Mapping[str, Any]) -> bool:
    """Tell whether overrides make something new and whole: a phase may take its command from the defaults."""
    if any(key in _names(new, kind, name) for key in _WHOLE[kind]):
        return True
    defaults = {**_names(known, "phase-defaults"), **_names(new, "phase-defaults")}
    return kind == "phases" and "command" in defaults and nearest(name, _names(known, kind)) is None


def _refused(overrides: list[Document], path: Path, known: list[str], findings: Findings) -> list[Document]:
    """Report overrides of what is not there, once, and return them without it."""
    what, name = str(path[-2])[:-1], str(path[-1])
    near = nearest(name, known)
    there = ", ".join(f"`{other}`" for other in known)
    fix = f"did you mean `{near}`?" if near else f"the job has {there}" if there else f"the job has no {what}"
    owner = f" of role `{path[1]}`" if len(path) > 2 else ""
    document = next(document for document in overrides if _has(document.data, path))
    message = f"{_said(document)} names {what} `{name}`{owner}, which is not there"
    findings.error("D122", message, path, help=fix, key=True, document=document)
    return [evolve(document, data=_without(document.data, path)) for document in overrides]


def _said(document: Document) -> str:
    return "`[sweep]`" if document.name == POINT else "`--set`"


def _has(data: Any, path: Path) -> bool:
    return not path or (isinstance(data, Mapping) and path[0] in data and _has(data[path[0]], path[1:]))


def _without(data: Any, path: Path) -> Any:
    """Return a copy of tables without what stands at a path."""
    if not _has(data, path):
        return data
    rest = {key: value for key, value in data.items() if key != path[0]}
    return {**rest, path[0]: _without(data[path[0]], path[1:])} if path[1:] else rest


def _check_vars(
    overrides: Sequence[Document], others: Sequence[Document], known: Mapping[str, Any], findings: Findings
) -> None:
    """Report a constant that is set, that nothing uses, and that is nearly another one."""
    used = {name for document in (*overrides, *others) for name in _USED.findall(document.text)}
    for document in overrides:
        for name in _names(document.data, "vars"):
            near = nearest(name, {*known, *used} - {name})
            if name not in known and name not in used and near:
                message = f"{_said(document)} gives `vars.{name}`, which nothing uses"
                fix = f"did you mean `vars.{near}`?"
                findings.error("D123", message, ("vars", name), help=fix, key=True, document=document)
