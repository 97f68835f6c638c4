"""A shell on the log-in node of a testbed, for somebody who tries things: `python -m tests.testbed shell`."""

from __future__ import annotations

import os
import pty
import shlex
import subprocess
import sys
import termios
from pathlib import Path
from typing import Final

from tests.testbed.cluster import Cluster

PROMPT: Final = r"throwaway:\W\$ "
START: Final = f"""\
[[ ! -f ~/.bashrc ]] || . ~/.bashrc
PATH={{path}}
PS1={shlex.quote(PROMPT)}
"""


def open_shell(cluster: Cluster) -> int:
    """Run bash on the cluster's log-in node in our directory until it ends, and return its exit code.

    On a terminal it gets a terminal of its own: its process group is known in its own PID namespace alone, so on
    ours it would have no job control. Elsewhere it reads commands from our standard input. This project's dynplan is
    the first in its PATH.
    """
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = cluster.environment | {"PATH": path}
    if not sys.stdin.isatty():
        return subprocess.run(cluster.argv(["bash"]), env=environment, check=False).returncode
    start = cluster.directory / "etc" / "bashrc"
    start.write_text(START.format(path=shlex.quote(path)))
    argv = cluster.argv(["setsid", "--ctty", "--wait", "bash", "--rcfile", start, "-i"])
    os.environ.clear()  # `pty.spawn` has no argument for it
    os.environ.update(environment)
    return os.waitstatus_to_exitcode(pty.spawn(argv, _read))


def _read(terminal: int) -> bytes:
    """Read what the shell's terminal shows, once it is as large as ours."""
    termios.tcsetwinsize(terminal, termios.tcgetwinsize(sys.stdin))
    return os.read(terminal, 4096)
