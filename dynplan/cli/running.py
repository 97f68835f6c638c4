"""The commands for who looks after a job, while it runs and when it has ended: `status`, `logs` and `report`."""

from typing import Annotated

import typer

from dynplan.cli.program import Output, Page, Told, app

_DirectoryOrId = Annotated[
    str, typer.Argument(metavar="DIR|JOBID", help="Output directory of a job, or the number that Slurm gave it.")
]
_AsTold = Annotated[Told, typer.Option("--format", help="How to tell it.", show_default=True)]


@app.command()
def status(
    job: _DirectoryOrId,
    form: _AsTold = Told.text,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Look again until the job has ended.")] = False,
    interval: Annotated[float, typer.Option(metavar="SECONDS", help="With --watch: how often.", min=0.2)] = 2,
) -> None:
    """Say how far a job has come, and what failed."""
    from dynplan.cli.status import tell_status, watch_status  # `compile` looks at no job

    if watch:
        watch_status(job, form, interval)
    else:
        tell_status(job, form)


@app.command()
def logs(
    job: _DirectoryOrId,
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ROLE[-WORKER[.RANK]]|PHASE]...", help="Whose logs; without it all.", show_default=False
        ),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the job has ended.")] = False,
    tail: Annotated[
        int | None, typer.Option("--tail", "-n", metavar="N", help="The last N lines of each alone.", min=0)
    ] = None,
) -> None:
    """Show what workers and phases write.

    Each line stands behind the name of its log where there are several.
    """
    from dynplan.cli.logs import follow_logs, show_logs  # `compile` looks at no job

    if follow:
        follow_logs(job, names or (), tail)
    else:
        show_logs(job, names or (), tail)


@app.command()
def report(
    job: _DirectoryOrId,
    form: Annotated[Page, typer.Option("--format", help="A page, or its numbers.", show_default=True)] = Page.html,
    output: Output = "",
) -> None:
    """Write what came of a run as a page.

    It needs nothing from elsewhere.
    """
    from dynplan.cli.report import write_report  # `compile` looks at no job

    write_report(job, form, output)
