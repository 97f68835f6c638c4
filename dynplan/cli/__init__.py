"""The command line: `app`, a typer program.

Arguments, files and streams come in; artefacts go out on standard output or into a file, findings on standard
error, and an exit code. This package alone touches files, environment and processes; what a command computes is
elsewhere, and pure. The commands stand in a file for each group: `artefacts` (compile, plan, emit), `importing`
(import), `review` (show, check, engines), `diff`, `sweeps` (sweep, results), `running` (status, logs, report),
`cluster` (cluster detect) and `usage` (init, explain, schema, help).
"""

from dynplan.cli import artefacts, cluster, diff, importing, review, running, sweeps, usage
from dynplan.cli.program import app

__all__ = ["app", "artefacts", "cluster", "diff", "importing", "review", "running", "sweeps", "usage"]
