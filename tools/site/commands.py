"""Every command with its options, from the help texts."""

import re
from collections.abc import Iterator
from typing import Any

import typer

from dynplan.cli import app

_ABOUT = """\
# Every command

Made from the help texts: `dynplan help COMMAND` prints the same. What commands have in common, and exit codes, are told
on [the page about the command line](../command-line.md).
"""


def commands_page() -> str:
    """Return the page."""
    program: Any = typer.main.get_command(app)
    context = program.make_context("dynplan", [], resilient_parsing=True)
    lines = [_ABOUT]
    for name, command in program.commands.items():
        lines += _command(name, command, command.make_context(name, [], parent=context, resilient_parsing=True))
    return "\n".join([*lines, "## Options of all", "", *_options(program, context)])


def _command(name: str, command: Any, context: Any) -> Iterator[str]:
    if hasattr(command, "commands"):  # a group is its commands
        for below, inner in command.commands.items():
            own = inner.make_context(below, [], parent=context, resilient_parsing=True)
            yield from _command(f"{name} {below}", inner, own)
        return
    usage = re.sub(r"\{(.*?)\}", r"\1", " ".join(command.collect_usage_pieces(context)[1:]))
    yield from (f"## dynplan {name}", "", "```text", f"dynplan {name} [OPTIONS] {usage}".rstrip(), "```", "")
    for paragraph in re.split(r"\n\s*\n", command.help):
        yield from (_verbatim(paragraph) if "\b" in paragraph else _prose(paragraph), "")
    yield from _options(command, context)


def _options(command: Any, context: Any) -> Iterator[str]:
    records = [param.get_help_record(context) for param in command.get_params(context)]
    rows = [f"| `{_cell(name)}` | {_cell(_prose(text))} |" for name, text in filter(None, records)]
    if rows:
        yield from ("| option | |", "|---|---|", *rows, "")


def _verbatim(paragraph: str) -> str:
    lines = [line for line in paragraph.splitlines() if line.strip("\b ")]
    return "\n".join(["```console", *(f"$ {line.strip()}" for line in lines), "```"])


def _prose(text: str) -> str:
    """Return text of a terminal as Markdown: options and names in capitals are what is typed."""
    words = " ".join(text.split())
    words = re.sub(r"([<>*_\[\]])", r"\\\1", words)
    return re.sub(r"(?<![\w`-])(--?[a-z][\w-]*)", r"`\1`", words)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
