"""What a terminal gets, and what a pipe and a file get: colours and width, and neither."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping
from pathlib import Path

import pytest

SGR = re.compile(r"\x1b\[[0-9;]*m")
JOB = """\
[job]
name = "small"
time = "00:30:00"
[cluster]
gpus-per-node = 8
[roles.decode]
command = ["serve"]
num-nodes = 2
gpus-per-worker = 4
ports = { system = 9090, nixl = { base = 5557, count = 4 }, http = 8000, metrics = 9200 }
"""
PLAIN = {"NO_COLOR": "", "TERM": "xterm-256color"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "job.toml").write_text(JOB)
    (tmp_path / "other.toml").write_text(JOB.replace("9200", "9300"))
    (tmp_path / "wrong.toml").write_text(JOB + "gpu-per-worker = 4\n")
    return tmp_path


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "dynplan", *arguments]


def environment(more: Mapping[str, str]) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **PLAIN, **more}


def on_terminal(folder: Path, *arguments: str, columns: int = 100, more: Mapping[str, str] = PLAIN) -> str:
    """Return what a command writes where all three streams are a terminal of so many columns."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    with subprocess.Popen(
        command(*arguments), cwd=folder, stdin=follower, stdout=follower, stderr=follower, env=environment(more)
    ) as process:
        os.close(follower)
        parts = []
        while True:
            try:
                part = os.read(leader, 65536)
            except OSError:  # Linux says EIO where nobody has the terminal any more
                break
            if not part:
                break
            parts.append(part)
        process.wait()
    os.close(leader)
    return b"".join(parts).decode().replace("\r\n", "\n")


def piped(folder: Path, *arguments: str, **more: str) -> str:
    """Return what a command writes into pipes, standard error behind standard output."""
    done = subprocess.run(
        command(*arguments), cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, env=environment(more)
    )
    return (done.stdout + done.stderr).decode()


PAINTED = [("show", "job.toml"), ("check", "wrong.toml"), ("diff", "job.toml", "other.toml")]


@pytest.mark.parametrize("arguments", PAINTED, ids=lambda arguments: arguments[0])
def test_a_terminal_gets_the_same_text_in_colours(arguments: tuple[str, ...], folder: Path) -> None:
    painted, plain = on_terminal(folder, *arguments, columns=80), piped(folder, *arguments)
    assert SGR.sub("", painted) == plain != painted
    assert "\x1b" not in plain


@pytest.mark.parametrize("more", [{"NO_COLOR": "1"}, {"NO_COLOR": "0"}, {"TERM": "dumb"}], ids=str)
@pytest.mark.parametrize("arguments", PAINTED, ids=lambda arguments: arguments[0])
def test_nobody_gets_colours_who_wants_none(arguments: tuple[str, ...], more: Mapping[str, str], folder: Path) -> None:
    assert "\x1b" not in on_terminal(folder, *arguments, more=more)


def test_a_file_is_the_same_whoever_looks_on(folder: Path) -> None:
    for name, told in (("a.txt", on_terminal), ("b.txt", piped)):
        assert told(folder, "show", "job.toml", "-o", name) == ""
    assert (folder / "a.txt").read_text() == (folder / "b.txt").read_text() == piped(folder, "show", "job.toml")


def test_a_line_is_as_wide_as_the_terminal_or_as_wide_as_told(folder: Path) -> None:
    def width(text: str) -> int:
        return max(map(len, SGR.sub("", text).splitlines()))

    assert 40 < width(piped(folder, "show", "job.toml", COLUMNS="200")) <= 80
    assert 80 < width(on_terminal(folder, "show", "job.toml", columns=120)) <= 120
    assert width(on_terminal(folder, "show", "job.toml", columns=20)) <= 40
    assert width(on_terminal(folder, "show", "job.toml", "--width", "50", columns=120)) <= 50
    assert "40" in piped(folder, "show", "job.toml", "--width", "39")
