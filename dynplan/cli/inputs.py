"""Reading input files: the job file, its parents, the cluster file, a plan. Used by the command line only."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path as File
from typing import Any

from attrs import evolve

from dynplan.cli.documents import STDIN, inside, parsed, read, read_named
from dynplan.cli.reading import Content
from dynplan.diagnostics import Document, Finding, Findings, InputError, Path
from dynplan.language import engines, parse, parse_json

Inputs = list[Document]  # what a command has read so far: where its findings point

_MOST_PARENTS = 50


def load(name: str) -> Document:
    """Return the document that a command was given: TOML, or JSON where it starts with a brace.

    Args:
        name: a file, or `-` for standard input.

    Raises:
        InputError: D001 to D004.
    """
    return loaded(name, read_named(name))


def loaded(name: str, content: Content) -> Document:
    """Return what is in a file that has been read, as `load`."""
    return parsed(
        "<stdin>" if name == STDIN else name, content, parse_json if content.raw.lstrip()[:1] == b"{" else parse
    )


def is_plan(document: Document) -> bool:
    """Tell a plan from a job file, which is TOML without a `schema` and without a list of workers."""
    data = document.data
    return "schema" in data or isinstance(data.get("workers"), list) or document.text.lstrip()[:1] == "{"


def job_documents(
    name: str, document: Document, sets: Sequence[str], cluster: str, findings: Findings | None = None
) -> list[Document]:
    """Return the documents a job is made of, the one that wins first.

    Args:
        name: the job file, or `-`; the paths in it are relative to its folder, or to the current one.
        document: what is in it.
        sets: `KEY=VALUE` overrides, the last one wins.
        cluster: the file that `--cluster` names, or an empty string.
        findings: where to report, for a caller that goes on with what could be read; without it errors are
            raised here.

    Raises:
        InputError: D001 to D004, D101, D103, D108, D115, D122 or D123.
    """
    if findings is None:
        documents = job_documents(name, document, sets, cluster, found := Findings())
        found.raise_if_errors()
        return documents
    return with_presets(user_documents(name, document, sets, cluster, findings), findings)


def with_presets(documents: Sequence[Document], findings: Findings) -> list[Document]:
    """Return what a user wrote with the presets that it names, and without overrides of what is not there.

    Args:
        documents: `user_documents`, the one that wins first.
        findings: where to report.
    """
    documents = list(documents)
    wanted = engines(documents)
    if wanted:
        from dynplan.cli.engines import presets_of  # many jobs have no engines

        documents += presets_of(wanted, documents, findings)
    if any(document.name.startswith("--") for document in documents):
        from dynplan.cli.overrides import without_slips  # only some command lines set something

        documents = without_slips(documents, findings)
    return documents


@contextmanager
def _going_on(findings: Findings, unread: Path) -> Iterator[None]:
    """Keep what is wrong with one input, and go on without it: nobody knows what stands at `unread` then."""
    try:
        yield
    except InputError as problem:
        if problem.findings[-1].code == "D007":  # all that `findings` holds, and an end of it
            raise
        findings.found += problem.findings
        findings.unread.add(unread)


def user_documents(
    name: str, document: Document, sets: Sequence[str], cluster: str, findings: Findings
) -> list[Document]:
    """Return what a user wrote of a job, the document that wins first; arguments as of `job_documents`."""
    overrides: list[Document] = []
    for text in reversed(sets):
        with _going_on(findings, ()):
            overrides.append(_override(text))
    chain = _chain(document, File() if name == STDIN else File(name), findings)
    files = [document for document, _ in chain]
    if cluster:
        # The whole description is replaced, not merged: half of one site and half of another is neither.
        files = [evolve(document, data=_without_cluster(document.data)) for document in files]
        with _going_on(findings, ("cluster",)):
            files.append(_cluster_document(cluster, read_named(cluster), findings))
        return [*overrides, *files]
    for document, folder in [*((document, File()) for document in overrides), *chain]:
        job = document.data.get("job")
        asked = job.get("cluster") if isinstance(job, Mapping) else None
        if isinstance(asked, str):
            finding = Finding("D108", "", ("job", "cluster"), document=document)
            file = folder / asked
            with _going_on(findings, ("cluster",)):
                files.append(_cluster_document(os.fspath(file), read(file, finding), findings))
            break
    return [*overrides, *files]


def _override(text: str) -> Document:
    """Parse one `KEY=VALUE`; it is merged after the file has found its parents."""
    document = parse("--set", text.encode(errors="surrogateescape"))
    if "extends" in document.data:
        message, fix = "`extends` cannot be set: overrides come after inheritance", "write it in a job file"
        raise InputError([Finding("D108", message, ("extends",), fix, document=document)])
    return document


def _chain(document: Document, file: File, findings: Findings) -> list[tuple[Document, File]]:
    """Return a job file and its parents, as far as they can be read, each with the folder its paths are relative to."""
    found: list[tuple[Document, File]] = [(inside(file.parent, document), file.parent)]
    seen = [os.path.realpath(file)]
    while (parent := document.data.get("extends")) is not None:
        with _going_on(findings, ()):
            file = _parent(document, parent, file, seen)
            asked = Finding("D108", "", ("extends",), document=document)
            document = parsed(os.fspath(file), read(file, asked))
            found.append((inside(file.parent, document), file.parent))
            seen.append(os.path.realpath(file))
            continue
        break
    return found


def _parent(document: Document, parent: object, file: File, seen: Sequence[str]) -> File:
    """Return the file that a document extends."""
    asked = Finding("D108", "", ("extends",), document=document)
    if not isinstance(parent, str):
        fix = "a file extends one other, which may extend the next"
        raise InputError([evolve(asked, message="`extends` must be the name of one file", help=fix)])
    if not parent.isprintable():  # no file is named so, and the name of one ends at a NUL byte
        raise InputError([evolve(asked, message="the name of a parent must be one line of printable text")])
    file = file.parent / parent
    if os.path.realpath(file) in seen:
        raise InputError([evolve(asked, message=f"`{os.fspath(file)}` extends itself, through this file")])
    if len(seen) > _MOST_PARENTS:
        message = f"the chain of `extends` is longer than {_MOST_PARENTS} files"
        raise InputError([evolve(asked, message=message, help="put some of these files together")])
    return file


def _cluster_document(name: str, content: Content, findings: Findings) -> Document:
    document = parsed(name, content)
    if not isinstance(document.data.get("cluster"), Mapping):
        message = f"`{name}` has no table `[cluster]`"
        fix = "a cluster file holds one table: `[cluster]`"
        raise InputError([Finding("D103", message, help=fix, document=document)])
    for key in document.data:
        if key != "cluster":
            message = f"unknown key `{key}` in a cluster file"
            findings.error("D101", message, (key,), help="known keys: cluster", key=True, document=document)
    return evolve(document, data={"cluster": document.data["cluster"]})


def _without_cluster(data: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if key != "cluster"}
