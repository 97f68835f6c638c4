"""Runs compiled jobs on the throwaway Slurm, several at a time, and gathers what the outside can see.

A scenario is a function that gets the `Lab` and returns what tests look at, a `Run` mostly. The lab hands
out nodes of its own to each, so that jobs, ports and processes of two scenarios never meet.
"""

from __future__ import annotations

import json
import re
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import pytest
from attrs import define, field, frozen

from dynplan.cli import app
from tests.testbed import Cluster, Job, Process, eventually
from tests.testbed.cluster import ENDED

STUB: Final = Path(__file__).parents[1] / "launch" / "stub.py"

# Every scenario's job file extends this one. Graces are short: nobody waits for them but us.
BASE: Final = f"""\
[vars]
python = "{sys.executable}"
stub = "{STUB}"

[job]
name = "test"
time = "00:05:00"
output-dir = "out"

[cluster]
gpus-per-node = 8
"""

NOTHING: Final[Mapping[str, str]] = MappingProxyType({})

Place = tuple[str, int, int]  # role, worker, rank


@frozen
class Seen:
    """One process of a job as it saw itself: the record of `tests/launch/stub.py`."""

    host: str
    cuda: str | None
    ports: tuple[int, ...]
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str

    @property
    def place(self) -> Place:
        """Which of the plan's processes it is."""
        return self.env["DYNPLAN_ROLE"], int(self.env["DYNPLAN_WORKER"]), int(self.env["DYNPLAN_RANK"])


@frozen
class Event:
    """A line of events.log; `task` is `worker.rank`, empty where the event is not one of a task."""

    time: str
    name: str
    role: str
    task: str
    node: str
    detail: str


@frozen
class Run:
    """What a job left behind.

    `nodes` are the hosts it had, in Slurm's order; `left` the processes that outlived it, by node. `fault` is
    when the scenario did to it what it does, `ended` when Slurm had ended it, both in seconds since the epoch.
    """

    job: Job
    nodes: tuple[str, ...]
    folder: Path
    output: str
    left: Mapping[str, Sequence[Process]]
    fault: float
    ended: float

    @property
    def directory(self) -> Path:
        """The job's output directory."""
        return self.folder / "out"

    @property
    def cause(self) -> str:
        """The one line that says why the job failed, without its time and prefix."""
        lines = re.findall(r"^(?:\[[\d:]+\] )?dynplan: FAILED: (.*)$", self.output, re.MULTILINE)
        assert len(lines) <= 1, self.output
        return lines[0] if lines else ""

    @property
    def logs(self) -> set[str]:
        """Names of the logs that hold something."""
        return {path.name for path in (self.directory / "logs").iterdir() if path.stat().st_size}

    def log(self, name: str) -> str:
        """Text of a file of the output directory: `logs/decode-0.log`."""
        return (self.directory / name).read_text(errors="replace")

    def json(self, name: str) -> Any:
        """Content of a JSON file of the output directory."""
        return json.loads(self.log(name))

    @property
    def events(self) -> list[Event]:
        """The lines of events.log."""
        return read_events(self.directory)

    @property
    def seen(self) -> list[Seen]:
        """What the processes of the job saw, in the order they started."""
        return read_seen(self.directory / "seen.jsonl")

    @property
    def plan(self) -> Any:
        """What `dynplan plan` says of the job file."""
        target = self.folder / "plan.json"
        argv = ["plan", str(self.folder / "job.toml"), "--format=json", "--output", str(target)]
        assert not app(argv, standalone_mode=False)
        return json.loads(target.read_text())

    @property
    def workers(self) -> dict[Place, Seen]:
        """What the processes of the roles saw, by role, worker and rank."""
        found = [record for record in self.seen if "DYNPLAN_ROLE" in record.env]
        by_place = {record.place: record for record in found}
        assert len(by_place) == len(found), "a worker ran twice"
        return by_place


@define
class Running:
    """A job that scenarios can do something to; `strangers` are processes that ran on its nodes before it."""

    lab: Lab
    id: int
    nodes: tuple[str, ...]
    folder: Path
    strangers: Mapping[str, frozenset[int]]
    fault: float = field(factory=time.time)

    def wait_for(self, name: str, role: str = "", task: str = "", count: int = 1, timeout_s: float = 40) -> None:
        """Wait until events.log holds `count` such events."""

        def happened() -> bool:
            events = read_events(self.folder / "out")
            alike = [e for e in events if e.name == name and role in ("", e.role) and task in ("", e.task)]
            return len(alike) >= count or self.lab.ended(self.id)

        eventually(happened, timeout_s)
        self.fault = time.time()

    def kill(self, node: str, word: str, signal: str = "KILL") -> None:
        """Signal every process on `node` that has `word` in its command line."""
        pids = [str(found.pid) for found in self.lab.cluster.processes(node) if word in " ".join(found.argv)]
        assert pids, f"no process with {word!r} on {node}: {self.lab.cluster.processes(node)}"
        self.fault = time.time()
        self.lab.cluster.node_run(node, ["kill", f"-{signal}", *pids], check=False)  # one may end with the other

    def scancel(self, *options: str) -> None:
        """Cancel the job as its user does."""
        self.fault = time.time()
        self.lab.cluster.run(["scancel", *options, str(self.id)])

    def end(self, fault: Fault, timeout_s: float) -> Run:
        """Do `fault` to the job, wait for its end and collect what it left."""
        try:
            fault(self)
        finally:
            run = self.finish(timeout_s)
        return run

    def finish(self, timeout_s: float) -> Run:
        """Wait for the job's end and collect what it left."""
        try:
            eventually(lambda: self.lab.ended(self.id), timeout_s)
        except TimeoutError:
            self.lab.cluster.run(["scancel", "--signal=KILL", str(self.id)], check=False)
            raise TimeoutError(f"the job runs after {timeout_s} s:\n{self._output()}") from None
        ended = time.time()
        job = self.lab.cluster.job(self.id)
        left = self.lab.left(self.strangers)
        return Run(job, self.nodes, self.folder, self._output(), left, self.fault, ended)

    def _output(self) -> str:
        path = next(self.folder.glob("*.out"), None)
        return path.read_text(errors="replace") if path else ""


Fault = Callable[[Running], None]


Scenario = Callable[["Lab"], Any]


def scenario(function: Scenario) -> pytest.MarkDecorator:
    """Mark a test as one that looks at what `function` returned: its argument `run`."""
    return pytest.mark.scenario.with_args(function)


def succeeded(run: Run) -> bool:
    """Whether the job ended well and says so; it left no process behind."""
    assert (run.job.state, run.job.exit_code, run.cause) == ("COMPLETED", 0, ""), run.output
    assert (run.directory / "success-marker.txt").is_file()
    assert not (run.directory / "failure-marker.txt").exists()
    assert run.left == {}
    return True


def leave_alone(running: Running) -> None:
    """Do nothing to a job: it ends as it does."""


@define
class Lab:
    """A cluster, and the nodes of it that no scenario uses at the moment."""

    cluster: Cluster
    root: Path
    _free: list[str] = field(init=False)
    _change: threading.Condition = field(factory=threading.Condition)
    _states: dict[int, str] = field(factory=dict)
    _asked: float = 0
    _lock: threading.Lock = field(factory=threading.Lock)

    def __attrs_post_init__(self) -> None:
        self._free = list(self.cluster.node_names)

    @contextmanager
    def nodes(self, count: int) -> Iterator[tuple[str, ...]]:
        """Lend `count` nodes, in Slurm's order."""
        with self._change:
            self._change.wait_for(lambda: len(self._free) >= count)
            mine, self._free = self._free[:count], self._free[count:]
        try:
            yield tuple(mine)
        finally:
            with self._change:
                self._free = sorted({*self._free, *mine}, key=self.cluster.node_names.index)
                self._change.notify_all()

    def write(self, job: str, parents: Mapping[str, str] = NOTHING) -> Path:
        """Write a job's text, on top of BASE where it extends nothing, to a new folder's job.toml."""
        folder = self.folder()
        extends = "" if job.lstrip().startswith("extends") else 'extends = "base.toml"\n'
        for name, text in {**parents, "base.toml": BASE, "job.toml": extends + job}.items():
            (folder / name).write_text(text)
        return folder

    def folder(self) -> Path:
        """Make a new folder."""
        with self._lock:
            folder = self.root / f"run{len(list(self.root.iterdir()))}"
            folder.mkdir()
        return folder

    def compile(self, folder: Path) -> str:
        """Compile the folder's job.toml to job.sbatch, and return its text."""
        script = folder / "job.sbatch"
        code = app(["compile", str(folder / "job.toml"), "--output", str(script)], standalone_mode=False)
        assert not code, f"does not compile:\n{(folder / 'job.toml').read_text()}"
        return script.read_text()

    def run(
        self,
        job: str,
        nodes: int = 2,
        *,
        fault: Fault = leave_alone,
        sbatch: Sequence[str] = (),
        parents: Mapping[str, str] = NOTHING,
        env: Mapping[str, str] = NOTHING,
        timeout_s: float = 60,
    ) -> Run:
        """Compile a job, submit it to nodes of its own, do `fault` to it, and return what it left.

        Args:
            job: text of the job file.
            nodes: how many nodes it gets.
            fault: what to do to it while it runs.
            sbatch: options on top of those in the script.
            parents: further files for the job file to extend, by name.
            env: variables in the environment of sbatch.
            timeout_s: the job's longest life, waiting and queueing included.
        """
        with self.nodes(nodes) as names:
            return self.run_on(names, job, fault=fault, sbatch=sbatch, parents=parents, env=env, timeout_s=timeout_s)

    def run_on(
        self,
        names: tuple[str, ...],
        job: str,
        *,
        fault: Fault = leave_alone,
        sbatch: Sequence[str] = (),
        parents: Mapping[str, str] = NOTHING,
        env: Mapping[str, str] = NOTHING,
        timeout_s: float = 60,
    ) -> Run:
        """The same on nodes that the scenario has borrowed itself."""
        folder = self.write(job, parents)
        return self.submit(names, folder, self.compile(folder), sbatch, env).end(fault, timeout_s)

    def submit(
        self,
        names: tuple[str, ...],
        folder: Path,
        script: str | Path,
        sbatch: Sequence[str] = (),
        env: Mapping[str, str] = NOTHING,
    ) -> Running:
        """Submit a script, by its text or by its path, and return at once."""
        before = self.strangers(names)
        options = [f"--nodelist={','.join(names)}", *sbatch]
        return Running(self, self.cluster.submit(script, cwd=folder, args=options, env=env), names, folder, before)

    def strangers(self, names: Sequence[str]) -> dict[str, frozenset[int]]:
        """Processes on these nodes that are none of the job that comes next."""
        return {node: frozenset(each.pid for each in self.cluster.processes(node)) for node in names}

    @contextmanager
    def other_job(self, command: str, names: Sequence[str], sbatch: Sequence[str] = ()) -> Iterator[None]:
        """Run a shell command as a job of somebody else on these nodes; it ends with the context."""
        options = [f"--nodelist={','.join(names)}", f"--nodes={len(names)}", *sbatch]
        script = f"#!/bin/bash\necho running >running\n{command}\n"
        folder = self.write("")
        number = self.cluster.submit(script, cwd=folder, args=options)
        try:
            eventually((folder / "running").exists, 30)
            yield
        finally:
            self.cluster.run(["scancel", str(number)])
            eventually(lambda: self.ended(number), 30)

    def ended(self, job_id: int) -> bool:
        """Whether the job has ended and left its nodes."""
        return self.state(job_id) in ENDED

    def state(self, job_id: int) -> str:
        """The job's state; asks the controller ten times a second at most.

        Where it has no time to answer (squeue then ends by SIGPIPE) the state is what it was.
        """
        with self._lock:
            if time.monotonic() > self._asked + 0.1:
                argv = ["squeue", "--noheader", "--states=all", "--array", "--format=%A %T"]
                said = self.cluster.run(argv, check=False)
                if said.returncode == 0:
                    self._states = {int(line.split()[0]): line.split()[1] for line in said.stdout.splitlines()}
                self._asked = time.monotonic()
            return self._states.get(job_id, "")

    def left(self, strangers: Mapping[str, frozenset[int]]) -> dict[str, list[Process]]:
        """What a job left running, by node; kills it, for the next job's sake."""
        found: dict[str, list[Process]] = {}
        for node, before in strangers.items():
            after = self.cluster.processes(node) if self.cluster.runs(node) else []
            if ours := [process for process in after if process.pid not in before]:
                found[node] = ours
                self.cluster.node_run(node, ["kill", "-KILL", *(str(process.pid) for process in ours)], check=False)
        return found


def read_events(directory: Path) -> list[Event]:
    """Read events.log as far as it is written; no file, no events."""
    try:
        lines = (directory / "events.log").read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return []
    rows = [line.split("\t") for line in lines if line.count("\t") >= 6]
    return [Event(row[0], row[1], row[2], ".".join(row[3:5]).strip("."), row[5], "\t".join(row[6:])) for row in rows]


def read_seen(path: Path) -> list[Seen]:
    """Read the records of a job's processes."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [
        Seen(row["host"], row["cuda"], tuple(sorted(row["ports"])), tuple(row["argv"]), row["env"], row["cwd"])
        for row in rows
    ]


def gpus_and_ports(workers: Mapping[Place, Seen]) -> dict[str, list[tuple[str, str, tuple[int, ...]]]]:
    """What the workers saw, by role: host, GPUs and ports of each process, in the plan's order."""
    found = defaultdict(list)
    for place in sorted(workers):
        found[place[0]].append((workers[place].host, workers[place].cuda or "", workers[place].ports))
    return dict(found)
