"""The program `dynplan`, to which the other modules add their commands, and the options that these share."""

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any

import typer

from dynplan import __version__

STAMP = f"dynplan {__version__}"

_HELP = """Compile TOML roles into a placement plan and one self-contained sbatch script.

\b
dynplan init vllm -o job.toml
dynplan compile job.toml | sbatch
dynplan compile job.toml --set roles.decode.num-nodes=4 -o job.sbatch
dynplan show job.toml
dynplan explain D203

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


class FindingFormat(StrEnum):
    """How findings are told."""

    text = "text"
    json = "json"
    github = "github"


class Drawing(StrEnum):
    """How a placement is drawn."""

    text = "text"
    svg = "svg"
    html = "html"


class Page(StrEnum):
    """How a report is written."""

    html = "html"
    json = "json"


class Told(StrEnum):
    """How something is told."""

    text = "text"
    json = "json"


class Kind(StrEnum):
    """A kind of file that people write."""

    job = "job"
    cluster = "cluster"
    engine = "engine"


class Table(StrEnum):
    """How a table is written."""

    text = "text"
    csv = "csv"
    json = "json"


def _completed(kind: str) -> Callable[[typer.Context, str], Any]:
    """Return what completes a word of a kind, a function of `completions`."""

    def words(context: typer.Context, begun: str) -> Any:
        from dynplan.cli import completions  # only a shell asks

        return getattr(completions, kind)(context, begun)

    return words


JobFile = Annotated[str, typer.Argument(metavar="JOB", help="Job file; - for standard input.")]
JobOrPlan = Annotated[str, typer.Argument(metavar="JOB|PLAN", help="Job file or plan; - for standard input.")]
JobsOrPlans = Annotated[
    list[str], typer.Argument(metavar="JOB|PLAN...", help="Job files, plans, scripts; - for standard input.")
]
PlanFile = Annotated[str, typer.Argument(metavar="PLAN", help="Plan in TOML or JSON; - for standard input.")]
EngineName = Annotated[
    str,
    typer.Argument(
        metavar="[NAME]",
        help="A preset; without it all of them are listed.",
        autocompletion=_completed("engines"),
    ),
]
Engines = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[ENGINE]...",
        help="Presets; without one, programs of your own.",
        autocompletion=_completed("engines"),
    ),
]
Codes = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[CODE]...",
        help="Such as D203; without one all codes are listed.",
        autocompletion=_completed("codes"),
    ),
]
CommandNames = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[COMMAND]...",
        help="A command; without it dynplan as a whole.",
        autocompletion=_completed("commands"),
    ),
]
ClusterOutput = Annotated[
    str, typer.Option("--cluster-out", metavar="FILE", help="Write a cluster file too, which the job names.")
]
FileKind = Annotated[Kind, typer.Argument(metavar="job|cluster|engine", help="What kind of file.")]
Force = Annotated[bool, typer.Option("--force", help="Write over files that are there.")]
ClusterFile = Annotated[
    str, typer.Option("--cluster", metavar="FILE", help="Cluster description; wins over the job's own.")
]
Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Set a key of the job to a TOML value, over everything else; may be repeated.",
        autocompletion=_completed("settings"),
    ),
]
AfterSets = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Set a key of AFTER to a TOML value; may be repeated.",
        autocompletion=_completed("settings"),
    ),
]
Output = Annotated[
    str,
    typer.Option("--output", "-o", metavar="FILE", help="Write to FILE, all of it or nothing, not to standard output."),
]
Point = Annotated[
    str,
    typer.Option("--point", metavar="N|NAME", help="Of a job file with a sweep: which point, by number or name."),
]
Strict = Annotated[bool, typer.Option("--strict", help="Take a warning for an error: write nothing, exit with 1.")]
AsFormat = Annotated[Format, typer.Option("--format", help="How to write the plan.", show_default=True)]
AsFindings = Annotated[FindingFormat, typer.Option("--format", help="How to tell what is wrong.", show_default=True)]
AsDrawing = Annotated[Drawing, typer.Option("--format", help="How to draw the placement.", show_default=True)]
Width = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=40,
        help="Of the text: columns of a line; without it those of the terminal, or 80.",
        show_default=False,
    ),
]
AsTable = Annotated[Table, typer.Option("--format", help="How to write the table.", show_default=True)]
SweepFolder = Annotated[
    str,
    typer.Option("--output", "-o", metavar="DIR", help="Write scripts, plans and submit.sh into DIR, a new directory."),
]
SweepResults = Annotated[str, typer.Argument(metavar="DIR", help="What `dynplan sweep -o DIR` has written.")]
MostRunning = Annotated[
    int, typer.Option("--max-running", metavar="N", min=0, help="How many points of an array may run at a time.")
]
Version = Annotated[bool, typer.Option("--version", "-V", help="Show the version and exit.", is_eager=True)]


@app.callback(invoke_without_command=True, help=_HELP)
def about(version: Version = False) -> None:
    """Answer `dynplan --version`."""
    if version:
        typer.echo(STAMP)
        raise typer.Exit
