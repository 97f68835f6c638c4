"""docs/dynplan.1, the manual page, made from the help texts: `make golden` writes it, test_usage.py compares."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from dynplan import __version__
from dynplan.cli import app

PAGE = Path(__file__).parents[1] / "docs" / "dynplan.1"
_EXIT = (
    ("0", "Done, perhaps with warnings."),
    ("1", "The input is wrong, or cannot be read, or the output not be written; with \\-\\-strict also a warning."),
    ("2", "The command line makes no sense."),
)


def manual() -> str:
    """Return the manual page, in the macros of man(7)."""
    program: Any = typer.main.get_command(app)
    context = program.make_context("dynplan", [], resilient_parsing=True)
    about, _, rest = program.help.partition("\n\b\n")
    examples, _, _ = rest.partition("\n\n")
    lines = [
        f'.TH DYNPLAN 1 "" "dynplan {__version__}" "User Commands"',
        ".SH NAME",
        f"dynplan \\- {_text(about.strip().rstrip('.').lower()).replace('toml', 'TOML')}",
        ".SH SYNOPSIS",
        ".B dynplan",
        "[\\fIOPTION\\fR] \\fICOMMAND\\fR [\\fIARGUMENT\\fR ...]",
        ".SH DESCRIPTION",
        "dynplan compiles a job file, which says of which workers a job is made, into one script for sbatch(1).",
        "Standard output carries what a command writes and nothing else; what is wrong is told on standard error.",
        "A file that is called \\- is standard input.",
        ".SH COMMANDS",
    ]
    for name, command in program.commands.items():
        lines += _command(name, command, command.make_context(name, [], parent=context, resilient_parsing=True))
    lines += [".SH OPTIONS", *_options(program, context), ".SH EXIT STATUS"]
    for code, meaning in _EXIT:
        lines += [".TP", f".B {code}", meaning]
    lines += [".SH EXAMPLES", ".nf", *(_text(line) for line in examples.strip().splitlines()), ".fi"]
    lines += [".SH SEE ALSO", "sbatch(1), srun(1)"]
    return "\n".join(lines) + "\n"


def _command(name: str, command: Any, context: Any) -> Iterator[str]:
    usage = re.sub(r"\{(.*?)\}", r"\1", " ".join(command.collect_usage_pieces(context)[1:]))
    if hasattr(command, "commands"):  # a group is its commands
        for below, inner in command.commands.items():
            yield from _command(
                f"{name} {below}", inner, inner.make_context(below, [], parent=context, resilient_parsing=True)
            )
        return
    yield f".SS dynplan {_text(f'{name} [OPTIONS] {usage}'.strip())}"
    first, *others = re.split(r"\n\s*\n", command.help)
    yield _text(" ".join(first.split()))
    for paragraph in others:
        yield from (".PP", _text(" ".join(paragraph.split())))
    yield from _options(command, context)


def _options(command: Any, context: Any) -> Iterator[str]:
    for param in command.get_params(context):
        record = param.get_help_record(context)
        if record and record[0] not in ("-h, --help", "--show-completion", "--install-completion"):
            yield from (".TP", f".B {_text(record[0])}", _text(" ".join(record[1].split())))


def _text(text: str) -> str:
    r"""Return text for roff: a dash that is typed is `\-`, a backslash `\e`, and no line begins with a dot."""
    return re.sub(r"^([.'])", r"\\&\1", text.replace("\\", "\\e").replace("-", "\\-"), flags=re.MULTILINE)


def main() -> None:
    """Write it."""
    PAGE.write_text(manual())


if __name__ == "__main__":
    main()
