"""The command line: `main` runs it, `app` is what it runs.

In: arguments, files, streams. Out: artefacts on standard output or in a file, findings on standard error, an
exit code. This package alone touches files, environment and processes; what a command computes is elsewhere,
and pure. The commands stand in a file for each group: `artefacts` (compile, plan, emit) and `review` (show,
check).
"""

import gc

from dynplan.cli import artefacts, review
from dynplan.cli.app import app

__all__ = ["app", "artefacts", "main", "review"]


def main() -> None:
    """Run the command line."""
    # What is imported stays to the end. The collector need not look at it again, which it does for 9 of the
    # 101 ms of a small compile, most of that on the way out.
    gc.freeze()
    app(prog_name="dynplan")
