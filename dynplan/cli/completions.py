"""What a shell may put in the place of the word under the cursor. Nothing but a shell that asks loads this."""

import json
from collections.abc import Iterator
from pathlib import Path as File

import typer
from typer.core import TyperGroup

from dynplan.cli.engines import packaged
from dynplan.cli.inputs import job_documents, load
from dynplan.diagnostics import CODES, Findings, InputError
from dynplan.language import merged_data, parse
from dynplan.language.settable import settable

_SCHEMA = File(__file__).parents[1] / "language" / "schemas" / "job.json"

Words = Iterator[tuple[str, str]]  # each with what it is, which some shells show


def engines(context: typer.Context, begun: str) -> Words:
    """Yield the presets that begin so."""
    for name, file in packaged().items():
        if name.startswith(begun):
            yield name, str(parse(name, file.read_bytes()).data["about"]["what"])


def codes(context: typer.Context, begun: str) -> Words:
    """Yield the codes that begin so."""
    yield from ((code, title) for code, title in CODES.items() if code.startswith(begun))


def commands(context: typer.Context, begun: str) -> Words:
    """Yield the commands that begin so, behind a group's name those of the group."""
    group = context.find_root().command
    for name in (*(context.params.get("command") or ()), *context.args):
        group = group.commands.get(name, group) if isinstance(group, TyperGroup) else group
    if isinstance(group, TyperGroup):
        yield from ((name, "") for name in group.commands if name.startswith(begun))


def settings(context: typer.Context, begun: str) -> Words:
    """Yield the keys of the job on the command line that begin so, each with its `=`."""
    # Arguments before an option that has no value yet are not told apart from one another.
    given = context.params
    named = [given.get("job"), given.get("source"), *(given.get("sources") or ()), given.get("after"), *context.args]
    if context.info_name == "diff":  # which sets keys of the last that is named
        named.reverse()
    file = next((name for name in named if isinstance(name, str) and File(name).is_file()), "")
    data = _data(file) if file else {}
    for key in settable(json.loads(_SCHEMA.read_text("utf-8")), data):
        if key.startswith(begun):
            yield f"{key}=", ""


def _data(name: str) -> dict[str, object]:
    """Return what a job file and its parents say, as far as they can be read: a shell hears no findings."""
    try:
        return merged_data(job_documents(name, load(name), (), "", Findings()))
    except InputError:
        return {}
