"""What a command says and writes: findings on standard error, the artefact on standard output or in a file."""

import errno
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import reduce
from operator import and_
from pathlib import Path as File
from typing import TextIO

import typer
from attrs import frozen

from dynplan.cli.documents import POINT, STDIN, Input
from dynplan.cli.inputs import Inputs
from dynplan.cli.reading import Origin, origin_of
from dynplan.diagnostics import NOWHERE, Document, Finding, InputError

_OWNER, _ALL = 0o600, 0o666  # who may read and write a new file; the umask comes off


@contextmanager
def reporting() -> Iterator[Inputs]:
    """Catch wrong input, the one place that does: findings go to stderr, and the exit code is 1."""
    inputs: Inputs = []
    try:
        yield inputs
    except InputError as problem:
        tell(problem.findings, inputs)
        raise typer.Exit(1) from None


@frozen
class Report:
    """What was found about one input of several, the documents that it is made of, and whether it is wrong."""

    findings: tuple[Finding, ...]
    documents: tuple[Document, ...]
    failed: bool


def attempted(check: Callable[[Inputs], Sequence[Finding]]) -> Report:
    """Return what `check` finds about an input, where others are looked at as well: it is wrong, or has warnings."""
    inputs: Inputs = []
    try:
        findings, failed = check(inputs), False
    except InputError as problem:
        findings, failed = problem.findings, True
    findings, documents = _placed(findings, inputs)
    return Report(tuple(findings), tuple(documents), failed)


def tell_all(reports: Iterable[Report]) -> None:
    """Write the findings of each report to standard error, a blank line between two."""
    lead = ""
    for report in reports:
        tell(report.findings, report.documents, lead)
        lead = lead or ("\n" if report.findings else "")


def tell(findings: Sequence[Finding], inputs: Sequence[Document], lead: str = "") -> None:
    """Write findings to standard error, behind `lead`, each with its place in the documents read."""
    if not findings or sys.stderr is None:
        return
    from dynplan.cli.terminal import paint_of  # nothing to report is the usual case
    from dynplan.diagnostics.rendering import render  # the same

    findings, inputs = _placed(findings, inputs)
    try:
        sys.stderr.write(lead + render(findings, inputs, paint_of(sys.stderr)))
        sys.stderr.flush()
    except OSError:  # whoever closed standard error wants to hear nothing
        _hush(sys.stderr)


def _placed(findings: Sequence[Finding], inputs: Sequence[Document]) -> tuple[Sequence[Finding], Sequence[Document]]:
    """Return findings at places of what a user wrote, and these documents."""
    if not any(document.name == POINT for document in inputs):
        return findings, inputs
    from dynplan.cli.sweeping import placed  # hardly any job is a sweep

    return placed(findings, inputs)


def _hush(stream: TextIO) -> None:
    """Drop what a stream still holds: Python would try again at exit, and end with its own exit code, 120."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def write(text: str, output: str, inputs: Inputs, *, private: bool = False) -> None:
    """Write the artefact, all of it or nothing.

    Args:
        text: the artefact.
        output: the file to write, or `-` or nothing for standard output.
        inputs: what it was made of: none of these files is written over, and no one may read the new file who may
            not read them all.
        private: no one but its owner may read the new file: it holds arguments and environment.
    """
    try:
        if output not in ("", STDIN):
            origins = [document.origin for document in inputs if isinstance(document, Input) and document.origin]
            _keep(origins, output)
            mode = reduce(and_, (origin.mode | _OWNER for origin in origins), _OWNER if private else _ALL)
            _write_file(text.encode(), File(output), mode)
            return
        if sys.stdout is None:
            raise OSError(errno.EBADF, "it is closed")
        sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()
    except BrokenPipeError:  # the reader has gone
        _hush(sys.stdout)
        raise typer.Exit(1) from None
    except (OSError, ValueError) as error:  # a name that no file can have is a ValueError
        if output in ("", STDIN) and sys.stdout is not None:
            _hush(sys.stdout)
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        target = "standard output" if output in ("", STDIN) else f"`{output}`"
        raise InputError([Finding("D005", f"cannot write {target}: {reason.lower()}", document=NOWHERE)]) from None


def _keep(origins: Iterable[Origin], output: str) -> None:
    """Refuse to write over a file that was read, by whatever name."""
    target = origin_of(File(output))
    if target and any((origin.device, origin.inode) == (target.device, target.inode) for origin in origins):
        message, fix = f"cannot write `{output}`: it is what this command has read", "name another file"
        raise InputError([Finding("D005", message, help=fix, document=NOWHERE)])


def _write_file(data: bytes, target: File, mode: int) -> None:
    """Put a new file in the place of the old one, which stays as it is where that fails.

    What was there keeps its mode. The new file has a name that nobody can guess and is made here: a link that stands
    in its place is not followed.
    """
    if target.exists() and not target.is_file():
        target.write_bytes(data)  # /dev/null, a pipe: nothing to put something in the place of
        return
    target = target.resolve()  # a link stays a link
    old = target.stat().st_mode & 0o777 if target.exists() else None
    partial = target.with_name(f".dynplan-{os.urandom(8).hex()}")
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode if old is None else _OWNER)
    try:
        with os.fdopen(handle, "wb") as stream:
            if old is not None:
                os.fchmod(handle, old)
            stream.write(data)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)  # it has gone where all went well
