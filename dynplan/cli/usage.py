"""The commands that answer a question about dynplan itself: `explain` and `help`. What they say is loaded by them."""

from pathlib import Path as File
from typing import cast

import typer
from typer.core import TyperGroup

from dynplan.cli.program import Codes, CommandName, Output, app
from dynplan.cli.streams import reporting, write

_SECTIONS = File(__file__).parents[1] / "diagnostics" / "codes.txt"


@app.command()
def explain(codes: Codes = None, output: Output = "") -> None:
    """Say what the code of a finding means, or list all codes."""
    from dynplan.diagnostics.explanations import explained, table  # only this command explains

    with reporting() as inputs:
        write(explained(codes, _SECTIONS.read_text("utf-8")) if codes else table(), output, inputs)


@app.command("help")
def help_(context: typer.Context, command: CommandName = "") -> None:
    """Show what dynplan can do, or what one of its commands can."""
    program = context.find_root()
    if not command:
        typer.echo(program.get_help())
        return
    _, found, _ = cast(TyperGroup, program.command).resolve_command(program, [command])
    if found:
        typer.echo(found.get_help(found.make_context(command, [], parent=program, resilient_parsing=True)))
