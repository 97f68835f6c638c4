"""Text put into a string that bash runs: what of it bash would read as code.

A command that is a string is the user's own code, but what a placeholder in it stands for is text.
How bash reads that text depends on the quotes around it (bash(1), "QUOTING").
"""

import re
from collections.abc import Callable, Sequence

from attrs import Factory, define

from dynplan.diagnostics import Findings, Path
from dynplan.language.tables import name_of
from dynplan.language.templates import Part, Ref

_BARE = frozenset("`$\"'\\;&|<>()\n")
_SPECIAL = {"": _BARE, '"': frozenset('`$"\\'), "'": frozenset("'"), "$'": frozenset("'\\")}
# What a path holds that only the run knows: the folder of the submission may have any name.
RUN_PATHS = {"job.dir": "${DYNPLAN_JOB_DIR}", "phase.dir": "${DYNPLAN_PHASE_DIR}"}
_SHELL_KEYS = ("command", "setup", "after-command")
_OWNERS = ("roles", "phases", "phase-defaults")


def is_shell(path: Path) -> bool:
    """Tell whether a string at a key path is run by bash: an array of words would go on with an index."""
    if path == ("job", "setup"):
        return True
    if path[:1] not in {(owner,) for owner in _OWNERS} or path[-1] not in _SHELL_KEYS:
        return False
    return len(path) <= 3 or path[2] in ("ready", "alive")


def check_shell(parts: Sequence[Part], path: Path, value: Callable[[Ref], str], findings: Findings) -> None:
    """Report every placeholder of a string run by bash that stands for more than text there (D107).

    A string that is one placeholder is a command kept elsewhere, and code by intent.

    Args:
        parts: the string.
        path: where it stands.
        value: what a placeholder stands for, as far as it is known when the job is compiled.
        findings: where to report.
    """
    if len(parts) < 2 or not is_shell(path):
        return
    before = _Quotes()
    known: dict[tuple[Ref, str], str] = {}
    for part in parts:
        if isinstance(part, Ref):
            key = (part, before.open[-1])
            if key not in known:
                known[key] = _code_in(value(part), before.open[-1])
            if char := known[key]:
                message = f"{name_of(path)} is run by bash, which would read `{char}` in `{{{part.name}}}` as code"
                fix = 'write an array of words, or set the text in `env` and write `"$NAME"`'
                findings.error("D107", message, path, help=fix)
        before.read(part if isinstance(part, str) else "x")


def with_variables(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Return a text for bash in which paths that only the run knows are variables, quoted by where they stand.

    So bash reads them as text, whatever they hold. In a here-document (bash(1), "Here Documents") quotes would stand
    in the text; there a variable is text without them, and where its delimiter has quotes all is text as it stands.
    """
    before = _Quotes()
    found: list[Part] = []
    for part in parts:
        if isinstance(part, Ref) and part.name in RUN_PATHS and not (before.document and before.waiting[0][1]):
            found.append(_quoted(RUN_PATHS[part.name], before))
        else:
            found.append(part)
        before.read(part if isinstance(part, str) else "x")
    return tuple(found)


def _quoted(variable: str, before: "_Quotes") -> str:
    quote = before.open[-1]
    if quote in ("'", "$'"):
        return f'\'"{variable}"{quote}'
    return variable if quote == '"' or before.document else f'"{variable}"'


def _code_in(value: str, quote: str) -> str:
    """Return the first character that bash reads as more than text, inside such a quote; empty for none."""
    special = _SPECIAL[quote]
    return next((char for char in value if char in special), "")


@define(eq=False, repr=False)
class _Quotes:
    """The quotes that are open at the end of a bash text, the last one inside; `$(` starts anew.

    Comments and here-documents are known, so that a quote in them is none.
    """

    open: list[str] = Factory(lambda: [""])
    skip: bool = False
    comment: bool = False
    # Of here-documents: what ends those that the next line begins, and whether their text is plain; the line so far.
    waiting: list[tuple[str, bool]] = Factory(list)
    line: str = ""
    angles: int = 0
    arithmetic: int = 0
    delimiter: str | None = None
    begun: bool = False
    last: str = ""

    def read(self, text: str) -> None:
        """Go on with more of the text."""
        for char in text:
            self._read(char)
            self.last = char

    def _read(self, char: str) -> None:
        if self.document:
            self._read_document(char)
        elif not self._read_delimiter(char):
            self._read_code(char)

    def _read_code(self, char: str) -> None:
        quote = self.open[-1]
        if self.skip:
            self.skip = False
        elif self.comment:
            self.comment = char != "\n"
        elif quote == "'" or (quote == "$'" and char != "\\"):
            if char == "'":
                self.open.pop()
        elif char == "\\":
            self.skip = True
        elif char == quote == '"' or (char == ")" and quote == "" and len(self.open) > 1):
            self.open.pop()
        elif char == '"' or (char == "'" and quote == ""):
            self.open.append("$'" if char == "'" and self.last == "$" else char)
        elif char == "(" and self.last == "$":
            self.open.append("")
        elif quote == "":
            self._read_bare(char)

    @property
    def document(self) -> bool:
        """Whether the text goes on in a here-document."""
        return bool(self.waiting) and self.begun

    def _read_bare(self, char: str) -> None:
        self.comment = char == "#" and self.last in ("", " ", "\t", "\n", ";", "(", "&", "|")
        doubled = char == self.last
        self.arithmetic += (char == "(" and doubled) - (char == ")" and doubled and self.arithmetic > 0)
        self.angles = self.angles + 1 if char == "<" else 0
        self.begun = bool(self.waiting) and char == "\n"

    def _read_delimiter(self, char: str) -> bool:
        """Read the word behind `<<`, with its quotes; tell whether the character was of it."""
        if self.angles == 2 and char != "<" and not self.arithmetic:
            self.angles = 0
            self.delimiter = ""
        if self.delimiter is None:
            return False
        if char.isspace() or char in ";&|)":
            if self.delimiter.strip("-") or char == "\n":
                plain = any(sign in self.delimiter for sign in "'\"\\")
                self.waiting.append((re.sub(r"^-|['\"\\\\]", "", self.delimiter), plain))
                self.delimiter = None
                return False
            return True
        self.delimiter += char
        return True

    def _read_document(self, char: str) -> None:
        if char != "\n":
            self.line += char
            return
        if self.line.lstrip("\t") == self.waiting[0][0]:
            self.waiting.pop(0)
            self.begun = bool(self.waiting)
        self.line = ""
