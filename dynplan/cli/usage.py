"""The commands of the first hour: `init`, `explain`, `schema` and `help`. What they say is loaded by them."""

from pathlib import Path as File

import typer
from typer.core import TyperGroup

from dynplan.cli.program import ClusterOutput, Codes, CommandNames, Engines, FileKind, Force, Output, app
from dynplan.cli.streams import reporting, write

_SECTIONS = File(__file__).parents[1] / "diagnostics" / "codes.txt"
_SCHEMAS = File(__file__).parents[1] / "language" / "schemas"


@app.command()
def init(
    engines: Engines = None,
    output: Output = "",
    cluster_output: ClusterOutput = "",
    force: Force = False,
) -> None:
    """Write a job file to begin with, for engines that work together.

    It compiles as it stands, and says of each line what it is for. An engine that is named twice is prefill and decode.
    """
    from dynplan.cli.starts import begin, refuse_what_is_there  # only this command begins a file

    with reporting():
        if not force:
            refuse_what_is_there(output, cluster_output)
        begin(engines or (), output, cluster_output)


@app.command()
def explain(codes: Codes = None, output: Output = "") -> None:
    """Say what the code of a finding means, or list all codes."""
    from dynplan.diagnostics.explanations import explained, table  # only this command explains

    with reporting() as inputs:
        write(explained(codes, _SECTIONS.read_text("utf-8")) if codes else table(), output, inputs)


@app.command()
def schema(kind: FileKind, output: Output = "") -> None:
    """Write the JSON Schema of a kind of file, for an editor."""
    with reporting() as inputs:
        write((_SCHEMAS / f"{kind}.json").read_text("utf-8"), output, inputs)


@app.command("help")
def help_(context: typer.Context, command: CommandNames = None) -> None:
    """Show what dynplan can do, or what one of its commands can."""
    found = context.find_root()
    for name in command or ():
        group = found.command
        if not isinstance(group, TyperGroup):
            raise typer.BadParameter(f"`{found.command_path}` has no commands of its own")
        _, inner, _ = group.resolve_command(found, [name])
        if inner:
            found = inner.make_context(name, [], parent=found, resilient_parsing=True)
    typer.echo(found.get_help())
