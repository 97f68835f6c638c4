"""A job while it is being put together: tables in our language, where their comments come from, and what is odd."""

import re
import shlex
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from attrs import define, field, frozen

from dynplan.diagnostics import Path
from dynplan.diagnostics.visible import brief
from dynplan.importers.source import Ledger, Part
from dynplan.language.limits import is_time
from dynplan.language.templates import literal

_OPEN = re.compile(
    r"(?<![\\$])\$\{(?P<braced>[A-Za-z_][A-Za-z0-9_]*)\}"
    r"|(?<![A-Za-z0-9_$\\])\$(?P<plain>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?<!\\)\$\((?P<command>[^()]+)\)"
    r"|(?<!\$)\{(?P<own>[a-z_]+)\}"
)
_CAPITALS = re.compile(r"(?<![${])\{(?=[A-Z][A-Z0-9_]+\}(?!\}))")
# What a variable of a batch script is here; others are the submitter's, and become constants of the job.
_FACTS = {
    **dict.fromkeys(("SLURM_JOB_ID", "SLURM_JOBID", "JOB_ID"), "{job.id}"),
    "SLURM_JOB_NAME": "{job.name}",
    **dict.fromkeys(("HOSTNAME", "SLURMD_NODENAME", "hostname", "hostname -s"), "{host}"),
}


@frozen
class Comment:
    """What stands over a key and behind its value."""

    above: tuple[str, ...] = ()
    beside: str = ""


@define
class Draft:
    """One job.

    Attributes:
        ledger: hears what became of the keys.
        job: the tables of the job file.
        cluster: the keys of `[cluster]`.
        notes: comments by key path.
        gpus: GPUs of a worker, by role, as the source's own planner gives them.
        needs: GPUs that the sizes of the role's engine come to, by role; missing where it has none.
        point: the name of the variant that this is.
        models: folders by the names that the source's site has for them.
        images: images likewise.
    """

    ledger: Ledger
    job: dict[str, Any] = field(factory=dict)
    cluster: dict[str, Any] = field(factory=dict)
    notes: dict[Path, Comment] = field(factory=dict)
    gpus: dict[str, int] = field(factory=dict)
    needs: dict[str, int] = field(factory=dict)
    point: str = ""
    models: dict[str, str] = field(factory=dict)
    images: dict[str, str] = field(factory=dict)

    def put(self, path: Path, value: Any, source: Part | None = None, *, rule: str = "", changed: str = "") -> None:
        """Set a key of the job and say what became of the key that it comes from; its comment goes with it."""
        table = self.job
        for key in path[:-1]:
            table = table.setdefault(str(key), {})
        table[str(path[-1])] = value
        if source is None:
            return
        self.note(path, source)
        if changed:
            source.changed(changed)
        elif rule:
            source.rule(rule)
        else:
            source.kept(path)

    def site(self, key: str, value: Any, source: Part | None = None, *, rule: str = "") -> None:
        """Set a key of `[cluster]`, `key` dotted; else as `put`."""
        table, path = self.cluster, key.split(".")
        for name in path[:-1]:
            table = table.setdefault(name, {})
        table[path[-1]] = value
        if source is not None:
            self.note(("cluster", *path), source)
            if rule:
                source.rule(rule)
            else:
                source.kept(("cluster", *path))

    def note(self, path: Path, source: Part) -> None:
        """Take over the comments of a key."""
        comment = Comment(source.node.above, source.node.beside)
        if (comment.above or comment.beside) and path not in self.notes:
            self.notes[path] = comment

    def say(self, path: Path, *lines: str) -> None:
        """Put comment lines of our own over a key, under those that are there."""
        before = self.notes.get(path, Comment())
        self.notes[path] = Comment((*before.above, *lines), before.beside)

    def var(self, name: str, value: Any) -> str:
        """Set a constant of the job, and return its placeholder."""
        self.job.setdefault("vars", {}).setdefault(name, value)
        return f"{{vars.{name}}}"

    def role(self, name: str) -> dict[str, Any]:
        """Return the table of a role, made where there is none yet."""
        found: dict[str, Any] = self.job.setdefault("roles", {}).setdefault(name, {})
        return found

    def limit(self, source: Part) -> None:
        """Set the time of the job (D104 for what is no time)."""
        text = source.text()
        if text and not is_time(text):
            source.wrong(
                "D104",
                f"`{source.key}` is no time: `{brief(text, 40)}`",
                "write hours, minutes and seconds: `04:00:00`",
            )
        self.put(("job", "time"), text, source)

    def option(self, path: Path, source: Part) -> None:
        """Set an option of a program in the `args` of what runs it: a list repeats the option, null leaves it out."""
        if source.is_null():
            source.rule("null: the option is left out, there too")
        elif isinstance(source.node.value, list):
            owner: Any = self.job
            for key in path:
                owner = owner.setdefault(key, {})
            words = [word for value in source.texts() for word in (f"--{source.name}", escaped(value))]
            owner.setdefault("extra-args", []).extend(words)
            source.rule("an option that is repeated: `extra-args`")
        elif isinstance(source.node.value, str):
            self.put((*path, "args", source.name), "", source)
            self.put((*path, "args", source.name), self.words(source))
        else:
            self.put((*path, "args", source.name), source.data(), source)

    def words(self, source: Part, facts: Mapping[str, str] = MappingProxyType({})) -> str:
        """Return a text as one of ours, and say where it is not the same: what a shell would have filled in."""
        text, changed = self.plain(source.text(), facts)
        if changed:
            source.changed(changed)
        return text

    def shell_words(self, source: Part | None, facts: Mapping[str, str] = MappingProxyType({})) -> list[str]:
        """Return the words of a command line as a shell splits it, each as one of ours; none of nothing."""
        if source is None:
            return []
        try:
            words = source.texts() if isinstance(source.node.value, list) else shlex.split(source.text())
        except ValueError:
            source.wrong("D104", f"`{source.key}` has a quote without an end")
            return []
        found = [self.plain(word, facts) for word in words]
        if changed := next((changed for _, changed in found if changed), ""):
            source.changed(changed)
        return [word for word, _ in found]

    def plain(self, text: str, facts: Mapping[str, str] = MappingProxyType({})) -> tuple[str, str]:
        """Return a text of the source as a template that stands for it, and what is different, if anything.

        `facts` are our placeholders by the names of the source's own, `{node}`. Variables of the shell become facts
        or constants of the job: no shell reads our values.
        """
        unset: list[str] = []
        out, at = "", 0
        for match in _OPEN.finditer(text):
            name = match["plain"] or match["braced"] or match["command"] or ""
            own = facts.get(match["own"] or "")
            if own is None and not name:
                continue
            out += escaped(text[at : match.start()]) + (own or _FACTS.get(name) or self._unset(name, unset))
            at = match.end()
        out += escaped(text[at:])
        if out == "~" or out.startswith("~/"):
            out = self._unset("HOME", unset) + out[1:]
        names = ", ".join(f"`vars.{name}`" for name in dict.fromkeys(unset))
        return out, f"no shell fills it in here: set {names}" if unset else ""

    def _unset(self, name: str, unset: list[str]) -> str:
        var = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40].strip("-") or "value"
        var = var if var[:1].isalpha() else f"v-{var}"
        unset.append(var)
        return self.var(var, f"/set/{var}")


def escaped(text: str) -> str:
    """Return text as a template that stands for just that text, and that no reader takes for another tool's."""
    return _CAPITALS.sub("{{", literal(text))
