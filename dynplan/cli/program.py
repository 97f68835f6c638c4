"""The program `dynplan`, to which the other modules add their commands, and the options that these share."""

from enum import StrEnum
from typing import Annotated

import typer

from dynplan import __version__

STAMP = f"dynplan {__version__}"

_HELP = """Compile TOML roles into a placement plan and one self-contained sbatch script.

\b
dynplan compile job.toml | sbatch
dynplan compile job.toml --set roles.decode.num-nodes=4 -o job.sbatch
dynplan show job.toml

Exit status: 0 done, 1 the input is wrong (standard error says what and where), 2 wrong usage.
"""

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # boxes and colours cost 48 ms and say nothing more
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Format(StrEnum):
    """How a plan is written."""

    toml = "toml"
    json = "json"


class Findings(StrEnum):
    """How findings are told."""

    text = "text"
    json = "json"
    github = "github"


class Drawing(StrEnum):
    """How a placement is drawn."""

    text = "text"
    svg = "svg"


JobFile = Annotated[str, typer.Argument(metavar="JOB", help="Job file; - for standard input.")]
JobOrPlan = Annotated[str, typer.Argument(metavar="JOB|PLAN", help="Job file or plan; - for standard input.")]
JobsOrPlans = Annotated[
    list[str], typer.Argument(metavar="JOB|PLAN...", help="Job files, plans, scripts; - for standard input.")
]
PlanFile = Annotated[str, typer.Argument(metavar="PLAN", help="Plan in TOML or JSON; - for standard input.")]
EngineName = Annotated[str, typer.Argument(metavar="[NAME]", help="A preset; without it all of them are listed.")]
ClusterFile = Annotated[
    str, typer.Option("--cluster", metavar="FILE", help="Cluster description; wins over the job's own.")
]
Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Set a key of the job to a TOML value, over everything else; may be repeated.",
    ),
]
Output = Annotated[
    str,
    typer.Option("--output", "-o", metavar="FILE", help="Write to FILE, all of it or nothing, not to standard output."),
]
Strict = Annotated[bool, typer.Option("--strict", help="Take a warning for an error: write nothing, exit with 1.")]
AsFormat = Annotated[Format, typer.Option("--format", help="How to write the plan.", show_default=True)]
AsFindings = Annotated[Findings, typer.Option("--format", help="How to tell what is wrong.", show_default=True)]
AsDrawing = Annotated[Drawing, typer.Option("--format", help="How to draw the placement.", show_default=True)]
Version = Annotated[bool, typer.Option("--version", help="Show the version and exit.", is_eager=True)]


@app.callback(invoke_without_command=True, help=_HELP)
def about(version: Version = False) -> None:
    """Answer `dynplan --version`."""
    if version:
        typer.echo(STAMP)
        raise typer.Exit
