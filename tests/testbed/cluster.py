"""What tests do with a running testbed."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

import attrs

from tests.testbed import config, life

ENDED: Final = frozenset(
    ("BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "TIMEOUT")
)
UP: Final = frozenset(("idle", "mixed", "allocated"))


@attrs.frozen
class Job:
    """A job as `scontrol show job` describes it."""

    id: int
    state: str
    exit_code: int
    signal: int
    reason: str
    node_list: str
    output: Path


@attrs.frozen
class Process:
    """A process on a node, by its number there."""

    pid: int
    argv: tuple[str, ...]


@attrs.frozen
class Cluster:
    """A running testbed, by its directory."""

    directory: Path

    @classmethod
    @contextmanager
    def up(
        cls,
        nodes: int = 4,
        gpus: int = 8,
        directory: Path | None = None,
        gpu_flags: str = config.GPU_FLAGS,
        named: bool = True,
        kinds: Sequence[config.Kind] = (),
        prolog: str = "",
        blocks: Sequence[str] = (),
    ) -> Iterator[Self]:
        """Start a testbed that ends with this context, or with this process, however that ends: see `life.start`.

        `kinds` says of which kinds the nodes are, in place of `nodes` and `gpus`.
        """
        directory = directory or life.new_directory()
        alike = (config.Kind(nodes, gpus),)
        owner = life.start(directory, kinds or alike, gpu_flags, named, prolog, blocks)
        try:
            yield cls(directory)
        finally:
            owner.end()

    @property
    def node_names(self) -> tuple[str, ...]:
        """Names of the nodes, in Slurm's order."""
        return tuple(config.read_hosts(self.directory))

    def address(self, node: str) -> str:
        """Address of `node` in the testbed's network."""
        return config.read_hosts(self.directory)[node]

    @property
    def environment(self) -> dict[str, str]:
        """Environment of commands: ours, with this cluster's Slurm instead of any other."""
        return life.clean(os.environ) | {"SLURM_CONF": str(self.directory / "etc" / "slurm.conf")}

    def argv(self, argv: Sequence[str | Path], cwd: Path | None = None) -> list[str]:
        """The command line that runs `argv` on the controller's node, for subprocess.Popen.

        It must get `environment`. Where it is ended before `argv` is, `argv` gets SIGTERM.
        """
        init = life.init_pid(self.directory)
        if init is None:
            raise life.TestbedError(f"no testbed runs in {self.directory}")
        return [*_enter(init, cwd), *map(str, argv)]

    def run(
        self,
        argv: Sequence[str | Path],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: str = "",
        check: bool = True,
        timeout_s: float = 60,
    ) -> subprocess.CompletedProcess[str]:
        """Run `argv` on the controller's node, which is the log-in node too.

        Args:
            argv: program and arguments.
            cwd: working directory; ours unless given.
            env: variables on top of `environment`.
            stdin: text for the standard input.
            check: fail unless the command returns 0.
            timeout_s: seconds after which it is ended.

        Raises:
            TestbedError: with `check`, if the return code is not 0.
            subprocess.TimeoutExpired: it took more than `timeout_s`.
        """
        done = subprocess.run(
            self.argv(argv, cwd),
            env=self.environment | dict(env or {}),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )
        if check and done.returncode != 0:
            said = f"return code {done.returncode}\n{done.stdout}{done.stderr}"
            raise life.TestbedError(f"{shlex.join(map(str, argv))}: {said}")
        return done

    def node_run(
        self, node: str, argv: Sequence[str | Path], *, cwd: Path | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run `argv` on `node`, outside of any job."""
        return self.run([*_enter(self._node_pid(node), cwd), *argv], check=check)

    def node_argv(self, node: str, argv: Sequence[str | Path]) -> list[str]:
        """The command line that runs `argv` on `node`, outside of any job: as `argv`."""
        return self.argv([*_enter(self._node_pid(node), None), *argv])

    def submit(
        self,
        script: str | Path,
        *,
        cwd: Path | None = None,
        args: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
    ) -> int:
        """Submit a script, by its text (through sbatch's standard input) or by its path.

        Args:
            script: text or path.
            cwd: directory to submit from, where the job runs and writes its output.
            args: options of sbatch; for a path they may end in `--` and words for the script.
            env: variables on top of `environment`.

        Returns:
            The job's number.
        """
        sbatch = ["sbatch", "--parsable", *args]
        if isinstance(script, Path):
            done = self.run([*sbatch, script], cwd=cwd, env=env)
        else:
            done = self.run(sbatch, cwd=cwd, env=env, stdin=script)
        return int(done.stdout.split(";")[0])

    def job(self, job_id: int) -> Job:
        """The job as the controller sees it now."""
        # Of a heterogeneous job the first line is its first component, which has the batch script.
        text, *_ = self.run(["scontrol", "--oneliner", "show", "job", str(job_id)]).stdout.splitlines()
        field = dict(re.findall(r"(\w+)=(\S*)", text))
        exit_code, signal = map(int, field["ExitCode"].split(":"))
        return Job(
            id=job_id,
            state=field["JobState"],
            exit_code=exit_code,
            signal=signal,
            reason=field["Reason"],
            node_list=field["NodeList"],
            output=Path(field.get("StdOut", os.devnull)),
        )

    def wait(self, job_id: int, timeout_s: float = 60) -> Job:
        """Wait until the job has ended and left its nodes.

        Raises:
            TimeoutError: it still runs after `timeout_s` seconds.
        """
        job = self.job(job_id)

        def ended() -> bool:
            nonlocal job
            job = self.job(job_id)
            return job.state in ENDED

        try:
            life.eventually(ended, timeout_s)
        except TimeoutError:
            raise TimeoutError(f"after {timeout_s} s: {job}") from None
        return job

    def processes(self, node: str) -> list[Process]:
        """What runs on `node` apart from Slurm's own daemons and the node's first process."""
        # A process's `root` is a door into its mount namespace: first the cluster's, there the node's.
        cluster = Path(f"/proc/{life.init_pid(self.directory)}/root/proc")
        proc = cluster / str(self._node_pid(node)) / "root" / "proc"
        pids = sorted(int(path.name) for path in proc.iterdir() if path.name.isdigit())
        return [process for pid in pids if pid != 1 and (process := _process(proc, pid))]

    def runs(self, node: str) -> bool:
        """Whether `node` runs: it has not been killed."""
        return self._node_pid_file(node).exists()

    def kill_node(self, node: str) -> None:
        """Take `node` away in an instant, with every process on it, as a power cut does."""
        pid = self._node_pid(node)
        # The cable first: a dying process would close its connections, a lost node says nothing.
        self.run(["ip", "link", "delete", node])
        self.run(["kill", "-KILL", str(pid)])
        self.run(["tail", f"--pid={pid}", "--sleep-interval=0.02", "--lines=0", os.devnull])
        (self.directory / "run" / f"{node}.pid").unlink()

    def start_node(self, node: str) -> None:
        """Boot `node` after `kill_node`, and wait until Slurm uses it again."""
        script = Path(__file__).with_name("start-node.sh")
        self.run(["bash", script, self.directory, node])
        life.eventually(lambda: self.runs(node) and self.node_state(node) in UP)

    def node_state(self, node: str) -> str:
        """The node's state, in sinfo's words: `idle`, `mixed`, `down`, `idle*` (no answer) ..."""
        return self.run(["sinfo", "--noheader", f"--nodes={node}", "--format=%T"]).stdout.strip()

    def _node_pid_file(self, node: str) -> Path:
        return self.directory / "run" / f"{node}.pid"

    def _node_pid(self, node: str) -> int:
        """Process id of the node's first process, as the cluster's namespace counts."""
        try:
            return int(self._node_pid_file(node).read_text())
        except FileNotFoundError:
            raise life.TestbedError(f"node {node} does not run in {self.directory}") from None


def _enter(pid: int, cwd: Path | None) -> list[str]:
    """Prefix that runs a command in the namespaces of process `pid`, in the directory `cwd`."""
    kinds = ["--pid", "--mount", "--net", "--uts", "--ipc"]
    # nsenter has to fork; without setpriv the command would outlive it.
    return ["nsenter", f"--target={pid}", *kinds, f"--wdns={cwd or Path.cwd()}", "setpriv", "--pdeathsig=TERM"]


def _process(proc: Path, pid: int) -> Process | None:
    """The process `pid` of a node's /proc, None if it has ended or belongs to Slurm."""
    try:
        program = (proc / str(pid) / "exe").readlink().name
        argv = (proc / str(pid) / "cmdline").read_text(errors="replace").rstrip("\0").split("\0")
    except (FileNotFoundError, ProcessLookupError):  # gone, or a zombie
        return None
    return None if program.startswith(("slurmd", "slurmstepd")) else Process(pid, tuple(argv))
