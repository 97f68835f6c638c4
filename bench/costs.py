"""What all benchmarks share: the CPU time of processes, and the table."""

from __future__ import annotations

import os
import platform
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from attrs import frozen

ROOT = Path(__file__).parent.parent
DYNPLAN = (sys.executable, "-m", "dynplan")


@frozen
class Row:
    """One line of the table."""

    what: str
    measured: str
    goal: str = ""


def show(rows: Iterable[Row]) -> None:
    """Print rows as they come, and then where they were measured."""
    before = yardstick_ms()
    print("| what | measured | goal |")
    print("|---|--:|--:|", flush=True)
    for row in rows:
        print(f"| {row.what} | {row.measured} | {row.goal} |", flush=True)
    print(f"\nMeasured on {machine()}.")
    turns = "100,000 turns of an empty loop of bash"
    print(f"There {turns} took {before:.0f} ms of CPU before, and {yardstick_ms():.0f} ms after.")


def yardstick_ms() -> float:
    """CPU milliseconds of a piece of work that is always the same: what else runs slows every CPU second down."""
    return 1000 * min(spent(["bash", "-c", "for ((i = 0; i < 100000; i++)); do :; done"]).cpu_s for _ in range(5))


def machine() -> str:
    """The machine and the programs, in words."""
    model = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    bash = subprocess.run(["bash", "-c", 'echo "${BASH_VERSION%%(*}"'], capture_output=True, text=True).stdout.strip()
    words = [f"{os.cpu_count()} cores of {model[1] if model else platform.machine()}"]
    linux = ".".join(platform.release().split(".")[:2])
    words += [f"CPython {platform.python_version()}", f"Linux {linux}", f"bash {bash}"]
    if shutil.which("slurmctld"):
        words.append("Slurm " + subprocess.run(["slurmctld", "-V"], capture_output=True, text=True).stdout.split()[-1])
    return ", ".join(words)


@frozen
class Spent:
    """What a process took, all of it."""

    cpu_s: float
    peak_mib: float


def spent(command: Sequence[str], cwd: Path = ROOT) -> Spent:
    """Run a command to its end, its output to nowhere.

    The peak is never below what this process holds: Linux counts the moment between fork and exec.
    """
    # Without byte code every run compiles the sources again, which is not what a user's runs do.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    process = subprocess.Popen(command, cwd=cwd, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command} failed")
    return Spent(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


@frozen
class Group:
    """Processes whose CPU time is counted together, with all that they start: a cgroup."""

    path: Path

    @classmethod
    @contextmanager
    def new(cls) -> Iterator[Self]:
        """Make an empty group; what is in it in the end is killed."""
        group = cls(_cgroups() / f"dynplan-bench-{secrets.token_hex(4)}")
        group.path.mkdir()
        try:
            yield group
        finally:
            group.kill()
            group.path.rmdir()

    @property
    def door(self) -> Path:
        """The file that takes the number of a process that enters, 0 for the one that writes."""
        return self.path / "cgroup.procs"

    def around(self, command: Sequence[str]) -> list[str]:
        """Return a command that enters the group and becomes `command`."""
        return ["sh", "-c", 'echo 0 >"$0" && exec "$@"', str(self.door), *command]

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Be in the group for a while, to leave children there."""
        before = Path("/proc/self/cgroup").read_text().rpartition("0::/")[2].strip()
        self.door.write_text("0")
        try:
            yield
        finally:
            (_cgroups() / before / "cgroup.procs").write_text("0")

    def cpu_s(self) -> float:
        """CPU seconds up to now, of those that have ended too."""
        return int((self.path / "cpu.stat").read_text().split()[1]) / 1e6

    def settled_s(self, timeout_s: float = 120) -> float:
        """Wait until all in the group sleep and do next to nothing, and return its CPU seconds."""
        deadline = time.monotonic() + timeout_s
        before, quiet = self.cpu_s(), 0
        while quiet < 3:
            if time.monotonic() > deadline:
                raise SystemExit(f"still busy after {timeout_s} s")
            time.sleep(0.05)
            now = self.cpu_s()
            quiet = quiet + 1 if now - before < 0.001 and not self._runs() else 0
            before = now
        return before

    def _runs(self) -> bool:
        """Whether one of the group has a CPU, waits for one, or for a disk."""
        for pid in self.door.read_text().split():
            with suppress(FileNotFoundError, ProcessLookupError):
                if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "RD":
                    return True
        return False

    def kill(self) -> None:
        """Kill all that is in the group, and wait until it is empty."""
        while pids := self.door.read_text().split():
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            time.sleep(0.005)


def obstacle() -> str | None:
    """Why CPU time cannot be counted by groups here, or None if it can."""
    try:
        with Group.new():
            return None
    except OSError as error:
        return f"CPU time is counted by cgroups (version 2), and none can be made here: {error}"


def _cgroups() -> Path:
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, path, kind, *_ = line.split()
        if kind == "cgroup2":
            return Path(path)
    raise FileNotFoundError("cgroup2 is not mounted")
