"""The shell of `make slurm`: on a terminal with job control, elsewhere one that reads commands; then all is gone."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHELL = (sys.executable, "-m", "tests.testbed", "shell", "--nodes", "2")

pytestmark = [pytest.mark.slurm, pytest.mark.usefixtures("slurm")]


def test_it_reads_commands_where_there_is_no_terminal_and_returns_their_exit_code() -> None:
    commands = "sinfo --noheader --format=%D\ntype -P dynplan\npwd\nexit 3\n"
    done = subprocess.run(SHELL, cwd=ROOT, input=commands, capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[1:] == ["2", str(Path(sys.executable).with_name("dynplan")), str(ROOT)]
    assert (done.returncode, done.stderr) == (3, "")


def test_on_a_terminal_ctrl_c_ends_a_command_and_not_the_shell() -> None:
    ours, its = pty.openpty()
    with subprocess.Popen(SHELL, cwd=ROOT, stdin=its, stdout=its, stderr=its, start_new_session=True) as shell:
        os.close(its)
        seen = shown(ours, "throwaway:")
        os.write(ours, b"sleep 100\n")
        shown(ours, "sleep 100")
        time.sleep(1)  # until it runs: before that Ctrl-C is the shell's
        os.write(ours, b"\x03")
        shown(ours, "throwaway:")
        os.write(ours, b"echo $((6 * 7)) and on; exit 4\n")
        seen += shown(ours, "42 and on")
        assert shell.wait(30) == 4
    os.close(ours)
    assert "job control" not in seen


def shown(terminal: int, text: str) -> str:
    """Read what a terminal shows until `text` stands there."""
    seen = ""
    while text not in seen:
        seen += os.read(terminal, 4096).decode(errors="replace")
    return seen
