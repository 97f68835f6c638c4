"""The command line: `app`, a typer program.

Arguments, files and streams come in; artefacts go out on standard output or into a file, findings on standard
error, and an exit code. This package alone touches files, environment and processes; what a command computes is
elsewhere, and pure. The commands stand in a file for each group: `artefacts` (compile, plan, emit), `review`
(show, check, engines), `diff`, `sweeps` (sweep, results) and `usage` (init, explain, schema, help).
"""

from dynplan.cli import artefacts, diff, review, sweeps, usage
from dynplan.cli.program import app

__all__ = ["app", "artefacts", "diff", "review", "sweeps", "usage"]
