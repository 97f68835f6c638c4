"""What `dynplan init` writes: the beginning of a job file, of the texts in `engines/starts`."""

import json
import os
from collections.abc import Sequence
from pathlib import Path as File

import typer

from dynplan.cli.documents import STDIN
from dynplan.cli.engines import text_of
from dynplan.cli.streams import write
from dynplan.diagnostics import NOWHERE, Finding, InputError
from dynplan.language import parse
from dynplan.language.starts import most_of, start_of

_FOLDER = File(__file__).parents[1] / "engines" / "starts"


def begin(engines: Sequence[str], output: str, cluster: str) -> None:
    """Write a job file for engines, and a cluster file where one is asked for.

    Args:
        engines: presets by name; one that is there twice is prefill and decode.
        output: the job file, or `-` or nothing for standard output.
        cluster: the cluster file, or nothing.

    Raises:
        InputError: D005, D115.
        BadParameter: an engine is named more often than makes sense, or both files are one.
    """
    _check(engines)
    presets = {name: parse(name, text_of(name).encode()).data for name in engines}
    folder = File(output).parent if output not in ("", STDIN) else File()
    if cluster and cluster == output:
        raise typer.BadParameter("the job and its cluster are two files")
    called = json.dumps(os.path.relpath(cluster, folder), ensure_ascii=False) if cluster else ""
    job_text, cluster_text = start_of(engines, _source, presets, called)
    if cluster:
        write(cluster_text, cluster, [])
    write(job_text, output, [])


def refuse_what_is_there(*outputs: str) -> None:
    """Raise InputError (D005) for each file that is there already."""
    there = [name for name in outputs if name not in ("", STDIN) and os.path.lexists(name)]
    if there:
        fix = "name another file, or write over it with `--force`"
        raise InputError(
            Finding("D005", f"cannot write `{name}`: it is there already", help=fix, document=NOWHERE) for name in there
        )


def _check(engines: Sequence[str]) -> None:
    found: list[Finding] = []
    for name in dict.fromkeys(engines):
        try:
            text_of(name)
        except InputError as problem:
            found += problem.findings
    if found:
        raise InputError(found)
    for name in engines:
        if engines.count(name) > (most := most_of(name, _source)):
            once = "once, or twice for prefill and decode" if most > 1 else "once"
            raise typer.BadParameter(f"`{name}` is named {once}; how many workers it has is a number in the file")


def _source(name: str) -> str | None:
    file = _FOLDER / f"{name}.txt"
    return file.read_text("utf-8") if file.is_file() else None
