"""Wrong job files, each NAME.toml with what dynplan says about it in NAME.txt, to the character.

`python -m tests.wrong` writes the texts anew: read the diff as you would read code. A first line
`#: --set job.num-nodes=2` gives options; `#: --strict` makes a file wrong of which dynplan only warns. What
several files extend or name stands in `with/`. A name that begins with a letter and a number is a row of the
field test in `tests/field`.
"""

import shlex
from pathlib import Path

from typer.testing import CliRunner

from dynplan.cli import app

FOLDER = Path(__file__).parent
CASES = sorted(path.stem for path in FOLDER.glob("*.toml"))


def told(name: str, command: str) -> tuple[str, str, int]:
    """Return standard output, standard error and exit code of a command on a wrong file; run it in `FOLDER`."""
    first = (FOLDER / f"{name}.toml").read_bytes().partition(b"\n")[0]
    options = shlex.split(first[2:].decode()) if first.startswith(b"#:") else []
    done = CliRunner().invoke(app, [command, f"{name}.toml", *options], prog_name="dynplan", catch_exceptions=False)
    return done.stdout, done.stderr, done.exit_code
