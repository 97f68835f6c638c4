"""What a command says and writes: findings on standard error, the artefact on standard output or in a file."""

import errno
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path as File
from typing import TextIO

import typer

from dynplan.cli.inputs import STDIN, Inputs
from dynplan.diagnostics import NOWHERE, Finding, InputError


@contextmanager
def reporting() -> Iterator[Inputs]:
    """Catch wrong input, the one place that does: findings go to stderr, and the exit code is 1."""
    inputs: Inputs = []
    try:
        yield inputs
    except InputError as problem:
        tell(problem.findings, inputs)
        raise typer.Exit(1) from None


def tell(findings: Sequence[Finding], inputs: Inputs) -> None:
    """Write findings to standard error, each with its place in the documents read."""
    if not findings or sys.stderr is None:
        return
    from dynplan.diagnostics.rendering import render  # nothing to report is the usual case

    try:
        sys.stderr.write(render(findings, inputs))
        sys.stderr.flush()
    except OSError:  # whoever closed standard error wants to hear nothing
        _hush(sys.stderr)


def _hush(stream: TextIO) -> None:
    """Drop what a stream still holds: Python would try again at exit, and end with its own exit code, 120."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def write(text: str, output: str) -> None:
    """Write the artefact, all of it or nothing."""
    try:
        if output not in ("", STDIN):
            _write_file(text.encode(), File(output))
            return
        if sys.stdout is None:
            raise OSError(errno.EBADF, "it is closed")
        sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()
    except BrokenPipeError:  # the reader has gone
        _hush(sys.stdout)
        raise typer.Exit(1) from None
    except (OSError, ValueError) as error:  # a name that no file can have is a ValueError
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        target = "standard output" if output in ("", STDIN) else f"`{output}`"
        raise InputError([Finding("D005", f"cannot write {target}: {reason.lower()}", document=NOWHERE)]) from None


def _write_file(data: bytes, target: File) -> None:
    """Put a new file in the place of the old one, which stays as it is where that fails."""
    if target.exists() and not target.is_file():
        target.write_bytes(data)  # /dev/null, a pipe: nothing to put something in the place of
        return
    target = target.resolve()  # a link stays a link
    partial = target.with_name(f".dynplan-{os.getpid()}")
    try:
        partial.write_bytes(data)
        if target.exists():
            partial.chmod(target.stat().st_mode)
        partial.replace(target)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
