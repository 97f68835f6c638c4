"""Reading input files: the job file, its parents, the cluster file, a plan. Used by the command line only."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path as File
from typing import Any

from attrs import evolve

from dynplan.errors import Document, Finding, InputError
from dynplan.parse import parse, parse_json

_MOST_PARENTS = 50
STDIN = "-"


def read_bytes(name: str, asked: Finding | None = None) -> bytes:
    """Return the bytes of a file, or of standard input for `-`.

    Args:
        name: the file's name as the user gave it.
        asked: the finding to raise where another file asked for this one, without its message.

    Raises:
        InputError: D004 or the code of `asked`, with the system's reason.
    """
    try:
        return sys.stdin.buffer.read() if name == STDIN else File(name).read_bytes()
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        message = f"cannot read `{name}`: {reason.lower()}"
        finding = evolve(asked, message=message) if asked else Finding("D004", message)
        raise InputError([finding]) from None


def load_job(name: str, sets: Sequence[str], cluster: str) -> list[Document]:
    """Return the documents a job is made of, the one that wins first.

    Args:
        name: the job file, or `-`.
        sets: `KEY=VALUE` overrides, the last one wins.
        cluster: the file that `--cluster` names, or an empty string.

    Raises:
        InputError: D001 to D004 or D108.
    """
    overrides = [parse("--set", text.encode(errors="surrogateescape")) for text in reversed(sets)]
    chain = _chain(name)
    documents = [*overrides, *(document for document, _ in chain)]
    if cluster:
        # The whole description is replaced, not merged: half of one site and half of another is neither.
        files = [evolve(document, data=_without_cluster(document.data)) for document, _ in chain]
        return [*overrides, *files, _cluster_file(cluster, None)]
    for document, folder in [*((document, File()) for document in overrides), *chain]:
        job = document.data.get("job")
        asked = job.get("cluster") if isinstance(job, Mapping) else None
        if isinstance(asked, str):
            finding = Finding("D108", "", ("job", "cluster"), document=document)
            return [*documents, _cluster_file(os.fspath(folder / asked), finding)]
    return documents


def load_tree(name: str) -> tuple[Document, bool]:
    """Return a document in TOML or JSON, and whether it is a plan."""
    raw = read_bytes(name)
    shown = shown_name(name)
    document = parse_json(shown, raw) if raw.lstrip()[:1] == b"{" else parse(shown, raw)
    return document, "schema" in document.data or "workers" in document.data


def shown_name(name: str) -> str:
    """Return a file's name for messages."""
    return "<stdin>" if name == STDIN else name


def _chain(name: str) -> list[tuple[Document, File]]:
    """Return a job file and its parents, each with the folder its paths are relative to."""
    found: list[tuple[Document, File]] = []
    seen: list[str] = []
    asked: Finding | None = None
    while True:
        document = parse(shown_name(name), read_bytes(name, asked))
        folder = File() if name == STDIN else File(name).parent
        found.append((document, folder))
        seen.append(os.path.realpath(name))
        parent = document.data.get("extends")
        if parent is None:
            return found
        asked = Finding("D108", "", ("extends",), document=document)
        name = os.fspath(folder / _parent_name(parent, asked))
        if os.path.realpath(name) in seen or len(seen) > _MOST_PARENTS:
            raise InputError([evolve(asked, message=f"`{name}` extends itself, through this file")])


def _parent_name(parent: Any, asked: Finding) -> str:
    if isinstance(parent, str) and parent:
        return parent
    raise InputError([evolve(asked, message="`extends` must be the name of one file")])


def _cluster_file(name: str, asked: Finding | None) -> Document:
    document = parse(shown_name(name), read_bytes(name, asked))
    if not isinstance(document.data.get("cluster"), Mapping):
        message = f"`{name}` has no table `[cluster]`"
        raise InputError(
            [Finding("D103", message, help="a cluster file holds one table: `[cluster]`", document=document)]
        )
    strange = [key for key in document.data if key != "cluster"]
    if strange:
        message = f"unknown key `{strange[0]}` in a cluster file"
        raise InputError([Finding("D101", message, (strange[0],), "known keys: cluster", key=True, document=document)])
    return document


def _without_cluster(data: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if key != "cluster"}
