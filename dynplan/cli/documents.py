"""Input files as documents: what is in them, which file that was, and where their paths begin."""

import os
from collections.abc import Callable
from pathlib import Path as File

from attrs import evolve, field, frozen

from dynplan.cli.reading import Content, Origin, read_file, read_stdin
from dynplan.diagnostics import NOWHERE, Document, Finding, InputError
from dynplan.language import parse

STDIN = "-"
POINT = "--point"  # the name of the document that a point of a sweep becomes


@frozen(eq=False, repr=False)
class Input(Document):
    """A document that was read from a regular file, which one that was, and the folder its paths are relative to."""

    origin: Origin | None = field(default=None, eq=False)
    folder: File = field(default=File(), eq=False)


def parsed(name: str, content: Content, parser: Callable[[str, bytes], Document] = parse) -> Input:
    """Return the document that a file holds; errors of `parser` have its name."""
    document = parser(name, content.raw)
    return Input(name, document.text, document.data, origin=content.origin)


def inside(folder: File, document: Document) -> Input:
    """Return a document that knows the folder its paths are relative to."""
    origin = document.origin if isinstance(document, Input) else None
    return Input(document.name, document.text, document.data, origin=origin, folder=folder)


def folder_of(document: Document) -> File:
    """Return the folder that paths in a document are relative to; for an override the current one."""
    return document.folder if isinstance(document, Input) else File()


def read_own(file: File, asked: Finding) -> Document:
    """Return a file that a document asks for; raises `asked` with the reason where it cannot be read."""
    return parsed(os.fspath(file), read(file, asked))


def read_named(name: str) -> Content:
    """Return what is in a file named on the command line, or on standard input."""
    return read(None if name == STDIN else File(name), Finding("D004", "", document=NOWHERE))


def read(file: File | None, asked: Finding) -> Content:
    """Return what is in a file or, for None, on standard input.

    Raises `asked` with the reason where that cannot be done: who asked for the file knows the place to show.
    """
    try:
        return read_file(file, given=not asked.path) if file else read_stdin()
    except (OSError, ValueError) as error:  # a name that no file can have is a ValueError
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    name = f"`{file}`" if file else "standard input"
    fix = "a path is relative to the folder of the file it stands in" if asked.path else ""
    if fix and file and str(file).strip("./")[:1] in ("$", "~"):
        fix = "no shell reads it: write the path out, or name the file on the command line"
    raise InputError([evolve(asked, message=f"cannot read {name}: {reason[:1].lower()}{reason[1:]}", help=fix)])
