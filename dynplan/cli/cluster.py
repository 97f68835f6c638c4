"""The commands about clusters: `cluster detect` writes a cluster file of what Slurm says."""

from typing import Annotated

import typer

from dynplan.cli.program import Force, Output, app
from dynplan.cli.streams import reporting, write

cluster = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
app.add_typer(cluster, name="cluster", help="Describe a cluster: what it has, and how it wants to be asked.")

OnlyPartition = Annotated[str, typer.Option("--partition", metavar="NAME", help="The only partition that counts.")]
SavedIn = Annotated[
    str, typer.Option("--from", metavar="DIR", help="Read what the commands have printed from files in DIR, run none.")
]


@cluster.command()
def detect(partition: OnlyPartition = "", source: SavedIn = "", output: Output = "", force: Force = False) -> None:
    """Write a cluster file of what Slurm says, on a login node.

    It compiles as it stands; each line has its source, and DECIDE marks what a person has to decide.
    """
    from dynplan.cli.detecting import ask, check, read  # only this command asks what a cluster has
    from dynplan.cli.starts import refuse_what_is_there  # the same
    from dynplan.detection import cluster_text, site_of  # the same

    with reporting() as inputs:
        if not force:
            refuse_what_is_there(output)
        site = site_of(read(source, inputs) if source else ask())
        check(site, partition, source)
        write(cluster_text(site, partition), output, inputs)
