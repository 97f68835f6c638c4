"""Start and end a testbed, and say whether this machine can run one."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import attrs

from tests.testbed import config

ROOT: Final = Path(__file__).parents[2]
PROGRAMS: Final = (
    *("slurmctld", "slurmd", "sbatch", "srun", "scontrol", "munged"),
    *("bash", "hostname", "ip", "kill", "mount", "nsenter", "pgrep", "setpriv", "unshare"),
)
IN_CHROOT: Final = "the throwaway Slurm cannot run in a chroot, which nsenter would leave: in a container it can"


class TestbedError(Exception):
    """A testbed that does not start, is not there, or a command in it that failed."""

    __test__ = False  # not a test class, whatever pytest thinks of its name


@attrs.frozen
class Owner:
    """The end of a testbed's life line that its owner holds."""

    keeper: subprocess.Popen[str]

    def keep(self) -> None:
        """Let the testbed outlive us."""
        self._close("keep\n")

    def end(self) -> None:
        """End the testbed, and return when nothing of it is left."""
        self._close("")
        self.keeper.wait()

    def _close(self, word: str) -> None:
        assert self.keeper.stdin and self.keeper.stdout
        with contextlib.suppress(BrokenPipeError):  # it has ended already
            self.keeper.stdin.write(word)
            self.keeper.stdin.close()
        self.keeper.stdout.close()


def obstacle() -> str | None:
    """Why this machine can't run a testbed, or None if it can."""
    absent = [program for program in PROGRAMS if not shutil.which(program)]
    if os.geteuid() != 0:
        return "the throwaway Slurm needs root"
    if absent:
        return f"the throwaway Slurm needs these programs: {', '.join(absent)}"
    if _in_chroot():
        return IN_CHROOT
    probe = ["unshare", "--fork", "--pid", "--mount", "--net", "--uts", "--ipc", "mount", "-t", "proc", "p", "/proc"]
    done = subprocess.run(probe, capture_output=True, text=True)
    return f"the throwaway Slurm needs namespaces: {done.stderr.strip()}" if done.returncode else None


def default_directory() -> Path:
    """Directory of the command's testbed: one per user."""
    return Path(tempfile.gettempdir()) / f"dynplan-testbed-{os.getuid()}"


def new_directory() -> Path:
    """Name of a directory that no other testbed has."""
    return Path(f"{default_directory()}-{os.getpid()}-{secrets.token_hex(3)}")


def start(
    directory: Path,
    kinds: Sequence[config.Kind],
    gpu_flags: str = "",
    named: bool = True,
    prolog: str = "",
    blocks: Sequence[str] = (),
) -> Owner:
    """Start a testbed in `directory`, which must not exist yet; return when all nodes are idle.

    Args:
        directory: where its files are.
        kinds: how many nodes, with how many GPUs.
        gpu_flags: `Flags` of the GPUs in gres.conf; without any, Slurm sets the variables of all vendors.
        named: whether the nodes' names have addresses outside of Slurm.
        prolog: text for bash that a node runs before the first step of a job there; none if empty.
        blocks: the nodes of each block of Slurm's topology, `n[0-3]`; nothing where it has none.

    Raises:
        TestbedError: it could not start; says why, with the end of each log.
    """
    _check(directory, sum(kind.nodes for kind in kinds))
    told = json.dumps([attrs.astuple(kind) for kind in kinds])
    words = [*map(str, (directory, told, gpu_flags, named, prolog)), *blocks]
    with tempfile.TemporaryFile("w+") as errors:
        # A session of its own: Ctrl-C is for the owner, who then closes the pipe.
        keeper = subprocess.Popen(
            [sys.executable, "-m", "tests.testbed.keeper", *words],
            cwd=ROOT,
            env=clean(os.environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )
        owner = Owner(keeper)
        try:
            assert keeper.stdout
            if keeper.stdout.readline() == "ready\n":
                return owner
        except BaseException:
            owner.end()
            raise
        owner.end()
        errors.seek(0)
        raise TestbedError(f"the testbed in {directory} did not start:\n{errors.read()}")


def stop(directory: Path) -> None:
    """End the testbed in `directory` and remove its files; it need not run any more."""
    if not directory.exists():
        return
    if not (directory / "etc" / "slurm.conf").exists():
        raise TestbedError(f"{directory} is not the directory of a testbed: left alone")
    init = init_pid(directory)
    if init is not None:
        os.kill(init, signal.SIGKILL)
        eventually(lambda: init_pid(directory) is None, 10)
    # The keeper removes the directory; where the keeper itself was killed, we do.
    with contextlib.suppress(TimeoutError):
        eventually(lambda: not directory.exists(), 2 if init is not None else 0)
    shutil.rmtree(directory, ignore_errors=True)


def init_pid(directory: Path) -> int | None:
    """Process id of the testbed's first process, None if it does not run."""
    try:
        pid, start_time = (directory / "run" / "init.pid").read_text().split()
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return None
    # Field 22, counted from field 3: a process that got our number later has another one.
    return int(pid) if after_name[19] == start_time and after_name[0] != "Z" else None


def clean(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without Slurm's variables, as we may run inside a job ourselves."""
    slurms = ("SLURM", "SBATCH_", "SALLOC_", "SRUN_", "SQUEUE_", "SCANCEL_")
    return {name: value for name, value in environment.items() if not name.startswith(slurms)}


def eventually(condition: Callable[[], object], timeout_s: float = 10, pause_s: float = 0.02) -> None:
    """Wait until `condition` holds, asking again after every `pause_s` seconds.

    Raises:
        TimeoutError: it still does not after `timeout_s` seconds.
    """
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() >= deadline:
            raise TimeoutError(f"not within {timeout_s} s")
        time.sleep(pause_s)


def _in_chroot() -> bool:
    """Whether our root is not that of our mount namespace, where nsenter takes every command to."""
    stat = ["nsenter", "--mount=/proc/self/ns/mnt", "stat", "--format=%d:%i", "/"]
    done = subprocess.run(stat, capture_output=True, text=True)
    ours = Path("/").stat()
    # Who may not enter it is told so next, by unshare.
    return "Operation not permitted" not in done.stderr and done.stdout.strip() != f"{ours.st_dev}:{ours.st_ino}"


def _check(directory: Path, nodes: int) -> None:
    if reason := obstacle():
        raise TestbedError(reason)
    if nodes not in range(1, 1000):
        raise TestbedError(f"{nodes} nodes: give 1 to 999")
    if not config.PLAIN_PATH.fullmatch(str(directory)) or len(str(directory)) > config.LONGEST_DIRECTORY:
        longest = config.LONGEST_DIRECTORY
        raise TestbedError(f"{directory}: give an absolute path, plain letters, at most {longest} of them")
    if directory.exists():
        raise TestbedError(f"{directory} exists: end that testbed first (`down`), or give another --dir")
