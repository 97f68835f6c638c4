"""From parsed files to one set of tables: spelling, inheritance, phase defaults, `vars`.

The files come as documents, the one that wins first: `--set` overrides, the job file, its
parent, its grandparent, the cluster file. The result is in the language itself, with nothing left to inherit.
"""

import datetime
import re
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from attrs import evolve

from dynplan.diagnostics import Document, Findings, Path, nearest
from dynplan.language.merging import Data, merge, normalised
from dynplan.language.order import in_order
from dynplan.language.shell_text import check_shell
from dynplan.language.tables import Table, name_of, scalar
from dynplan.language.templates import Part, Ref, parse, shell_clash, unparse

# A value right below these is one word.
_WORDS = frozenset({"args", "env", "sbatch", "srun"})
_SETTLED = ("extends", "vars", "phase-defaults")
_MOST_CHARACTERS = 1_000_000  # of one of the `vars`: those that use one another grow fast
_MOST_FILLED = 32_000_000  # of all that is put in the place of `{vars.X}`
_MOST_USERS = 50  # that are followed through a ring
_ODD = re.compile(r"[$~]|\{\{|\{[A-Z]")  # what a shell or another template language might read
_SHORTER = "keep long texts in `files`"
_VARS = re.compile(r"(?<!\{)\{vars\.([A-Za-z0-9_-]+)\}")
_WHOLE = re.compile(r"\{((?:vars|sweep)\.[A-Za-z0-9_.-]+)\}")
_SWEEP = re.compile(r"(?<!\{)\{(sweep\.[A-Za-z0-9_.-]+)\}")


def engines(documents: Sequence[Document]) -> dict[str, str]:
    """Return the engine of every role that names one.

    Args:
        documents: the one that wins first.
    """
    found: dict[str, str] = {}
    for document in reversed(documents):
        roles = document.data.get("roles")
        for name, role in roles.items() if isinstance(roles, Mapping) else ():
            engine = role.get("engine") if isinstance(role, Mapping) else None
            if isinstance(engine, str):
                found[name] = engine
    return found


def resolve(
    documents: Sequence[Document], findings: Findings | None = None, point: Mapping[str, Any] | None = None
) -> Data:
    """Merge documents into one set of tables in which nothing is left to inherit.

    Args:
        documents: the one that wins first; those with a `root` are the presets of roles, under all others.
        findings: where to report, for a caller that goes on in any case; without it errors are raised here.
        point: of the point of a sweep what `{sweep.NAME}` stands for, by NAME.

    Raises:
        InputError: D102, D106, D107, D121, D123 or D124.
    """
    if findings is None:
        settled = resolve(documents, found := Findings(), point)
        found.raise_if_errors()
        return settled
    merged = _merged(documents, findings)
    own = merged.get("roles")
    presets = [document for document in documents if document.root]
    if not presets or not isinstance(own, Mapping):
        settled = _settle(merged, findings, point or {})
    else:
        from dynplan.language import presets as engines  # many jobs have none

        merged["roles"] = engines.upon_presets(own, presets, findings)
        settled = _settle(merged, findings, point or {})
        engines.check_presets(_table(settled.get("roles")), own, engines.presets(own, presets), findings)
    if any(_ODD.search(document.text) for document in documents):
        from dynplan.language.suspicions import check_texts  # most files hold no such character

        check_texts(settled, findings)
    if "time" in _table(settled.get("job")):
        from dynplan.language.limits import check_limits  # many jobs leave their time to the site

        check_limits(settled, _table(own), findings)
    return settled


def merged_data(documents: Sequence[Document]) -> Data:
    """Return what documents say together, the one that wins first, and nothing yet of presets, defaults or `vars`."""
    return _merged(documents, Findings())


def _merged(documents: Sequence[Document], findings: Findings) -> Data:
    merged: Data = {}
    for document in reversed([document for document in documents if not document.root]):
        twice = Findings()
        merged = merge(merged, normalised(document.data, (), twice))
        findings.found += [evolve(finding, document=document) for finding in twice.found]
    return merged


def _settle(merged: Data, findings: Findings, point: Mapping[str, Any]) -> Data:
    """Apply phase defaults, `enabled`, `order`, the names of a sweep's point and `vars`."""
    out = {key: value for key, value in merged.items() if key not in _SETTLED}
    defaults = _mapping(merged, "phase-defaults", findings)
    phases = _mapping(merged, "phases", findings)
    merged_phases = {
        name: merge(_defaults_for(phase, defaults), phase) if isinstance(phase, Mapping) else phase
        for name, phase in phases.items()
    }
    if "phases" in merged:
        out["phases"] = _taken(merged_phases, "phases", findings)
    if "roles" in merged:
        out["roles"] = _taken(_mapping(merged, "roles", findings), "roles", findings)
    if defaults and not out.get("phases"):
        _taken_at(defaults, ("phase-defaults",), findings)
        out["phase-defaults"] = _without(defaults, ("enabled", "order"))  # for the reader to check
    swept = {f"sweep.{name}": scalar(value) or "" for name, value in point.items()}
    constants = _vars(_mapping(merged, "vars", findings), swept, findings)
    values = _Constants({f"vars.{name}": text for name, text in constants.items()} | swept)
    values.typed = {f"vars.{name}": value for name, value in _mapping(merged, "vars", Findings()).items()} | {
        f"sweep.{name}": value for name, value in point.items()
    }
    for key in ("job", "roles", "phases", "phase-defaults", "files", "cluster", "results"):
        if key in out:
            out[key] = _filled(out[key], (key,), values, findings)
    return out


def _defaults_for(phase: Mapping[str, Any], defaults: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a phase inherits: a command line of its own in the shell's words takes no other's options."""
    return _without(defaults, ("args", "extra-args")) if isinstance(phase.get("command"), str) else defaults


def _mapping(table: Data, key: str, findings: Findings) -> Mapping[str, Any]:
    value = table.get(key, {})
    if isinstance(value, Mapping):
        return value
    Table(value, (key,), findings)  # reports it
    return {}


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _taken(entries: Mapping[str, Any], kind: str, findings: Findings) -> Data:
    """Drop what is not enabled and sort by `order`, ties by declaration."""
    rows: list[tuple[int, str, Any]] = []
    for name, entry in entries.items():
        enabled, order = _taken_at(_table(entry), (kind, name), findings)
        if enabled:
            rows.append((order, name, entry))
    rows.sort(key=lambda row: row[0])
    return {name: _without(entry, ("enabled", "order")) for _, name, entry in rows}


def _taken_at(entry: Mapping[str, Any], path: Path, findings: Findings) -> tuple[bool, int]:
    """Return whether a role or phase is enabled, and its place."""
    enabled, order = entry.get("enabled", True), entry.get("order", 0)
    if not isinstance(enabled, bool):
        Table(entry, path, findings).flag("enabled", True)  # reports it
    if isinstance(order, bool) or not isinstance(order, int):
        Table(entry, path, findings).wrong((*path, "order"), "a number", order)
        order = 0
    return enabled is not False, order


def _without(entry: Any, keys: tuple[str, ...]) -> Any:
    if not isinstance(entry, Mapping):
        return entry
    return {key: value for key, value in entry.items() if key not in keys}


class _Constants(dict[str, str]):
    """What placeholders of the compiler stand for, `vars.X` and `sweep.X`, and how much of it is in other texts by now.

    As text, and in `typed` as it stands in the job file.
    """

    filled = 0
    typed: Mapping[str, Any] = {}

    def taken(self, name: str, path: Path, findings: Findings) -> str:
        """Return the value of one for a text, the empty one where all texts together grow too long."""
        text = self.get(name, "")
        before, self.filled = self.filled, self.filled + len(text)
        if before <= _MOST_FILLED < self.filled:
            message = f"with `{{{name}}}` the texts of the job come to more than {_MOST_FILLED} characters"
            findings.error("D107", message, path, help=_SHORTER)
        return text if self.filled <= _MOST_FILLED else ""


def _vars(table: Mapping[str, Any], swept: Mapping[str, str], findings: Findings) -> dict[str, str]:
    """Return the `vars` as text; `swept` are the constants of a sweep's point, which they may use."""
    values: dict[str, str] = {}
    for name, value in table.items():
        text = scalar(value)
        if text is None:
            findings.error("D102", f"`vars.{name}` must be one value, not a list or a table", ("vars", name))
        for wanted in _SWEEP.findall(text or ""):
            if wanted not in swept:
                findings.error("D123", f"there is no `{{{wanted}}}`", ("vars", name), help=_swept(swept))
        values[name] = _SWEEP.sub(lambda match: swept.get(match[1], ""), text or "")
    done: dict[str, str] = {}
    uses = {name: _VARS.findall(text) for name, text in values.items()}
    for name in (*in_order(uses), *values):
        _constant(name, values, done, (), findings)
    return done


def _constant(
    name: str, values: Mapping[str, str], done: dict[str, str], users: tuple[str, ...], findings: Findings
) -> str:
    """Return the value of one of the `vars` with those it names filled in, and keep it in `done`.

    `users` are those on the way to it: hardly any, but in a ring.
    """
    length = len(values[name])

    def other(match: re.Match[str]) -> str:
        nonlocal length
        wanted, path = match.group(1), ("vars", name)
        if wanted in (*users, name):
            ring = " -> ".join(f"`{user}`" for user in (*users, name, wanted))
            findings.error("D121", f"`vars.{wanted}` stands for itself: {ring}", path)
            return ""
        if wanted not in values:
            near = nearest(wanted, values)
            fix = f"did you mean `{{vars.{near}}}`?" if near else "set it in `[vars]`"
            message = f"there is no `{{vars.{wanted}}}`"
            findings.error("D123", message, path, help=fix, lacks=("vars", wanted))
            return ""
        if len(users) == _MOST_USERS:
            message = f"`vars.{users[0]}` leads into a ring, through more than {_MOST_USERS} others"
            findings.error("D121", message, path)
            return ""
        text = _constant(wanted, values, done, (*users, name), findings)
        length += len(text) - len(match[0])
        return text if length <= _MOST_CHARACTERS else ""

    if name not in done:
        text = _VARS.sub(other, values[name])
        if length > _MOST_CHARACTERS:
            findings.error("D107", f"`vars.{name}` comes to {length} characters", ("vars", name), help=_SHORTER)
            text = ""
        done[name] = text
    return done[name]


def _filled(value: Any, path: Path, values: _Constants, findings: Findings) -> Any:
    """Put the `vars` into every string below; what they hold is text, never a placeholder."""
    if isinstance(value, str):
        whole = _WHOLE.fullmatch(value) if path[0] == "files" and "data" in path else None
        typed = values.typed.get(whole[1]) if whole else None
        return typed if isinstance(typed, int | float) else _filled_text(value, path, values, findings)
    if isinstance(value, Mapping):
        return {key: _filled(item, (*path, key), values, findings) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, (*path, index), values, findings) for index, item in enumerate(value)]
    # What JSON cannot carry becomes text, as a command line would show it.
    dated = isinstance(value, datetime.date | datetime.time)
    endless = (
        isinstance(value, float)
        and not isfinite(value)
        and path[-2:-1]
        and path[-2] in ("args", "env", "sbatch", "srun")
    )
    return scalar(value) if dated or endless else value


def _filled_text(text: str, path: Path, values: _Constants, findings: Findings) -> str:
    if "{vars." not in text and "{sweep." not in text:
        return text
    written = parse(text)
    check_shell(written, path, lambda ref: values.get(ref.name, ""), findings)
    parts = [part if isinstance(part, str) else _value(part, path, values, findings) for part in written]
    if shell_clash(parts):
        message = f"{name_of(path)} puts `$` right before a placeholder, which reads as a variable of the shell"
        findings.error("D124", message, path, help="put other text between them")
    plain_text = path[0] == "job" and path[1:2] not in (("env",), ("container",))
    texts = [part for part in parts if isinstance(part, str)]
    return "".join(texts) if plain_text and len(texts) == len(parts) else unparse(parts)


def _value(ref: Ref, path: Path, values: _Constants, findings: Findings) -> Part:
    """Return what one of the `vars`, or of the keys of a sweep, holds; every other placeholder stays."""
    kind, dot, name = ref.name.partition(".")
    if not dot or kind not in ("vars", "sweep"):
        return ref
    if ref.name not in values:
        near = nearest(ref.name, (known for known in values if known.startswith(f"{kind}.")))
        own = f'set it: `[vars]` `{name} = "..."`' if kind == "vars" else _swept(values)
        fix = f"did you mean `{{{near}}}`?" if near else own
        findings.error("D123", f"there is no `{{{ref.name}}}`", path, help=fix, lacks=(kind, name))
    return values.taken(ref.name, path, findings)


def _swept(values: Mapping[str, str]) -> str:
    names = [f"`{{{name}}}`" for name in values if name.startswith("sweep.")]
    return "a point has " + ", ".join(names) if names else "the job has no `[sweep]`"
