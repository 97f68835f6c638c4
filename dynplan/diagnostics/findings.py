"""What is wrong with the input and where: findings, and the one exception that carries them.

The core speaks key paths into the merged data, never lines; `dynplan.diagnostics.rendering` turns paths into places.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any, Literal, NamedTuple

from attrs import define, field, frozen

Path = tuple[str | int, ...]

# Code -> short title. Each has a section in docs/diagnostics.md; a test holds code, table and page together.
CODES: dict[str, str] = {
    "D001": "the file is not valid TOML",
    "D002": "the file is not plain UTF-8",
    "D003": "a number is too large or the nesting too deep",
    "D004": "a file cannot be read",
    "D005": "the output cannot be written",
    "D006": "a warning where none is allowed",
    "D007": "more mistakes than are looked for",
    "D008": "a code that dynplan does not have",
    "D101": "an unknown key",
    "D102": "a value of the wrong type",
    "D103": "something required is missing",
    "D104": "a value that makes no sense",
    "D106": "a key set twice, in two spellings",
    "D107": "text that cannot be carried",
    "D108": "a parent or cluster file that cannot be used",
    "D109": "a name that cannot be used",
    "D110": "a list where a number belongs",
    "D111": "a list in `args`",
    "D112": "an expression without a value",
    "D113": "keys that contradict each other",
    "D114": "an environment name that cannot be used",
    "D115": "an engine that has no preset",
    "D120": "a constraint that does not hold",
    "D121": "roles that wait for themselves",
    "D122": "a role, port or node group that does not exist",
    "D123": "a placeholder that does not exist",
    "D124": "a `$` right before a placeholder",
    "D125": "more parts than a job can have",
    "D126": "a sweep where one job belongs",
    "D127": "a point that the sweep does not have",
    "D128": "a directory that holds no sweep",
    "D130": "a binding to NUMA nodes that nobody knows",
    "D201": "a worker larger than the nodes it is given",
    "D202": "numbers of workers that do not agree",
    "D203": "fewer nodes than the largest role needs",
    "D204": "roles that do not fit on the nodes",
    "D205": "a host outside the allocation",
    "D206": "a host that no role names",
    "D207": "roles that do not fit on a host they name",
    "D208": "a dedicated node that another role needs",
    "D209": "more workers on a node than fit",
    "D210": "GPUs on nodes that have none left",
    "D211": "hosts and `num-nodes` that do not agree",
    "D212": "more nodes or tasks than a job can have",
    "D213": "slices that a program does not take",
    "D214": "GPUs by index that a role cannot have",
    "D220": "a worker across NVLink domains",
    "D301": "a port that finds no free number",
    "D302": "a port past the end of the port numbers",
    "D303": "a fixed port that something else holds",
    "D304": "ports that fit into their range once",
    "D401": "a GPU held twice",
    "D402": "GPUs outside their node, or apart",
    "D403": "GPUs out of order",
    "D404": "a slice across GPU groups without need",
    "D405": "workers that are missing, too many or out of order",
    "D406": "a worker with other GPUs than its role asks for",
    "D407": "nodes shared without need",
    "D408": "a dedicated node with another role on it",
    "D409": "a worker on another node than the job says",
    "D410": "nodes that are not the job's",
    "D411": "a port bound twice",
    "D412": "a port that is not what its role asks for",
    "D413": "a port that is not the first free one",
    "D414": "a worker that is not where the one beside it is",
    "D415": "GPUs that are not those its role names",
    "D416": "a place that is not given back as the plan says",
    "D417": "a worker in another node group",
    "D419": "a worker across the segments of its plan",
    "D420": "blocks of ports that are not those of the job",
    "D501": "not a plan",
    "D502": "a plan whose parts do not fit together",
    "D503": "an option that does not go with a plan",
    "D504": "a plan where a job file belongs",
    "D505": "a script that says nothing of a plan",
    "D601": "a script larger than Slurm takes",
    "D602": "more data than Linux takes",
    "D701": "the file is not valid YAML",
    "D702": "a file that no importer knows",
    "D703": "a source that contradicts itself",
    "D704": "a library that is missing",
    "D801": "a directory in which no job has run",
    "D802": "a job that is not found",
    "D803": "a log that is not there",
    "D804": "a machine without Slurm",
    "D805": "a Slurm that does not answer",
    "D806": "a partition that is not there",
    "D807": "texts that tell of no node",
    "W101": "a key of a role among its program's options",
    "W102": "text for a shell that no shell reads",
    "W103": "braces that are no placeholder",
    "W104": "an option that sbatch does not have",
    "W105": "a limit that the job's time does not reach",
    "W107": "a size that counts no GPUs",
    "W108": "sizes that do not agree",
    "W110": "nodes that are not the job's alone, and no CPUs",
    "W111": "a flag that an engine does not take",
    "W112": "a value that an engine's flag does not take",
    "W113": "an engine version of which no flags are known",
    "W201": "nodes that run no role with GPUs",
    "W202": "a number of nodes that is not proven minimal",
    "W203": "an expression that takes slices for alike",
    "W205": "nodes that are idle because of NVLink domains",
    "W301": "a port in the ephemeral range",
    "W302": "jobs that cannot share a node",
    "W501": "a plan that does more than its roles say",
    "W601": "a script edited since it was written",
}


class Span(NamedTuple):
    """A stretch of text: lines and columns from 1, columns in characters, the end exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int


@frozen
class Document:
    """One parsed input: its name as shown, its TOML text, and its data as tomllib gave it.

    `root` is where the data hangs in the merged data: `("roles", "decode")` for a preset of that role.
    """

    name: str
    text: str = field(repr=False)
    data: dict[str, Any] = field(repr=False, eq=False)
    root: Path = ()


NOWHERE = Document("", "", {})  # of a finding about the command line itself: no file has its place


@frozen
class Finding:
    """One thing wrong with the input, at a key path of the merged data; `()` is the whole file.

    `message` is lower-case, without a full stop, names in backticks; the fix stands in `help` only, and
    `label` behind the carets. `key` points at the key, not its value. `document` looks for the path in that
    document alone; with a `span` the place is given and `path` is not looked up. `lacks` is the path of what is
    not there: the finding is dropped where that could not be read, see `Findings.unread`. `also` is the other key
    of a contradiction: shown in place of `path` where that stands in a preset.
    """

    code: str
    message: str
    path: Path = ()
    help: str = ""
    label: str = ""
    key: bool = False
    document: Document | None = None
    span: Span | None = None
    lacks: Path | None = None
    also: Path = ()

    @property
    def severity(self) -> Literal["error", "warning"]:
        """`"warning"` for codes that start with W, else `"error"`."""
        return "warning" if self.code.startswith("W") else "error"


class InputError(Exception):
    """The input is wrong: what a stage found, errors and warnings, never empty."""

    findings: tuple[Finding, ...]

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        if not self.findings:
            raise ValueError("an InputError needs a finding")
        super().__init__("; ".join(f"{finding.code}: {finding.message}" for finding in self.findings))


_MOST_ERRORS = 100  # of the stages that share their findings
_LONGEST_NAME, _MOST_NAMES = 100, 300  # that are compared to find the nearest one


@define
class Findings:
    """What one stage or several have found so far, in the order it was found.

    `unread` are paths of which nobody knows what stands there: a parent that is missing, an engine without a
    preset, a key that is misspelt. Each has a finding of its own; that something is missing there is none.
    """

    found: list[Finding] = field(factory=list)
    unread: set[Path] = field(factory=set)
    _full: int = field(default=_MOST_ERRORS, init=False)  # so many found, there may be too many errors among them

    def error(
        self,
        code: str,
        message: str,
        path: Path = (),
        *,
        help: str = "",  # noqa: A002 - the word that is printed, and the field's name
        label: str = "",
        key: bool = False,
        document: Document | None = None,
        lacks: Path | None = None,
        also: Path = (),
    ) -> None:
        """Add an error, or as `warn` a warning; arguments as in `Finding`."""
        self.found.append(Finding(code, message, path, help, label, key, document, lacks=lacks, also=also))
        self._stop_when_full()

    warn = error  # for the reader: the code's letter is what makes it a warning

    @property
    def told(self) -> tuple[Finding, ...]:
        """What was found, without what only follows from something that could not be read."""
        return tuple(finding for finding in self.found if not self._follows(finding))

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The errors among what is told."""
        return tuple(finding for finding in self.told if finding.severity == "error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The warnings among what is told."""
        return tuple(finding for finding in self.told if finding.severity == "warning")

    def _stop_when_full(self) -> None:
        """Raise InputError with a hundred errors: no one reads more, and to look for a fix for each takes time."""
        if len(self.found) < self._full:
            return
        missing = _MOST_ERRORS - len(self.errors)
        if missing <= 0:
            message, fix = f"there are {_MOST_ERRORS} mistakes, and the rest is not looked for", "mend these first"
            raise InputError([*self.told, Finding("D007", message, help=fix, document=NOWHERE)])
        self._full = len(self.found) + missing

    def raise_if_errors(self) -> None:
        """Raise InputError with everything that is told, warnings too, once there is an error."""
        if self.errors:
            raise InputError(self.told)

    def _follows(self, finding: Finding) -> bool:
        lacks = finding.lacks
        return lacks is not None and any(lacks[: len(path)] == path for path in self.unread)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that `name` was probably meant to be, or None if nothing comes close."""
    from difflib import get_close_matches  # 10 ms, and only a wrong name needs it

    if len(name) > _LONGEST_NAME:
        return None
    spellings = {_fold(candidate): candidate for candidate in sorted(_comparable(name, known))}
    wrong = _fold(name)
    close = get_close_matches(wrong, spellings, n=1) or sorted(
        (spelling for spelling in spellings if set(wrong.split("-")) < set(spelling.split("-"))), key=len
    )
    return spellings[close[0]] if close else None


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: `1 GPU`, `2 GPUs`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _comparable(name: str, known: Iterable[str]) -> list[str]:
    """Return the names that are worth a comparison: all, and of very many those that begin like `name`."""
    names = [candidate for candidate in known if len(candidate) <= _LONGEST_NAME]
    if len(names) <= _MOST_NAMES:
        return names
    return list(islice((candidate for candidate in names if candidate[:1] == name[:1]), _MOST_NAMES))


def _fold(name: str) -> str:
    return name.lower().replace("_", "-")
