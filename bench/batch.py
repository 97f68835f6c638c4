"""Runs a compiled script without a Slurm: the stand-ins of `slurm/` start no task, and say what they are told to."""

from __future__ import annotations

import os
import re
import select
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import Self

import tomli_w
from attrs import frozen

from bench.costs import DYNPLAN, ROOT, Group
from bench.node import COMMAND, GO, GPUS, Task, address, host

STAND_INS = Path(__file__).with_name("slurm")
LIMIT_S = 120


@frozen
class Step:
    """A srun that waits for what it is to say."""

    cpu_s: float  # of the script, up to this srun
    argv: Sequence[str]  # what it is to start
    env: dict[str, str]
    folder: Path
    voice: int
    tasks: int
    nodes: int

    def task(self, rank: int) -> Task:
        """What this srun would start for one of its tasks."""
        per = self.tasks // self.nodes or 1
        return Task(self.argv, self.env, self.folder, rank, rank // per, rank % per)

    def say(self, lines: Iterable[str]) -> None:
        """Print lines, as fast as the script reads them; a write is never torn, as one of srun's is not (pipe(7))."""
        data = b""
        for line in (f"{line}\n".encode() for line in lines):
            if len(data) + len(line) > select.PIPE_BUF:
                os.write(self.voice, data)
                data = b""
            data += line
        os.write(self.voice, data)

    def as_others(self, said: Sequence[str], task: Task, ranks: Iterable[int]) -> list[str]:
        """Return what other tasks would say, by what one has said."""
        lines = []
        for other in map(self.task, ranks):
            texts = {address(task.node): address(other.node), host(task.node): host(other.node)}
            texts[str(task.rank)] = str(other.rank)
            lines += [_with_words(line, texts) for line in said]
        return lines

    def end(self) -> None:
        """End it well."""
        os.close(self.voice)


@frozen
class Batch:
    """A running batch script, and the group in which its CPU time is counted."""

    group: Group
    folder: Path
    nodes: int
    steps: int

    @classmethod
    @contextmanager
    def up(cls, nodes: int, workers: int, *, metrics: bool = False) -> Iterator[Self]:
        """Compile a job of one role and start its script; in the end all of it is killed.

        Each worker has a GPU and a port, and is ready as soon as it runs.
        """
        with tempfile.TemporaryDirectory() as name, Group.new() as group, Group.new() as aside:
            folder = Path(name)
            (folder / "job.toml").write_text(tomli_w.dumps(job(nodes, workers, metrics=metrics)))
            compiler = [*DYNPLAN, "compile", str(folder / "job.toml"), "--output", str(folder / "job.sbatch")]
            subprocess.run(compiler, cwd=ROOT, check=True)
            (folder / "hostnames").write_text("".join(f"{host(node)}\n" for node in range(nodes)))
            for fifo in ("steps", GO):
                os.mkfifo(folder / fifo)
            steps = os.open(folder / "steps", os.O_RDWR)
            with (folder / "job.out").open("w") as output:
                process = subprocess.Popen(
                    group.around(["bash", "job.sbatch"]),
                    cwd=folder,
                    env=environment(folder, nodes, aside),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
            try:
                yield cls(group, folder, nodes, steps)
            finally:
                group.kill()
                process.wait()
                os.close(steps)

    def step(self) -> Step:
        """Wait for the next srun, and return it."""
        readable, _, _ = select.select([self.steps], [], [], LIMIT_S)
        if not readable:
            raise SystemExit(f"no srun in {LIMIT_S} s; the script says:\n{(self.folder / 'job.out').read_text()}")
        cpu_s = self.group.cpu_s()
        here = os.read(self.steps, 4096).decode().strip()
        voice = os.open(f"{here}.says", os.O_WRONLY)
        pairs = (text.partition("=") for text in Path(f"{here}.env").read_text().split("\0"))
        env = {name: text for name, _, text in pairs if name and not name.startswith("BENCH_")}
        _, _, *words, _ = Path(f"{here}.argv").read_text().split("\0")  # after the shell and the stand-in
        options = list(takewhile(lambda word: word.startswith("-"), words))
        tasks = [int(word.partition("=")[2]) for word in options if word.startswith("--ntasks=")]
        return Step(cpu_s, words[len(options) :], env, self.folder, voice, tasks[0], self.nodes)

    def events(self) -> int:
        """How many events the script has heard."""
        return (self.folder / "out" / "events.log").read_text().count("\n")


def _with_words(line: str, texts: Mapping[str, str]) -> str:
    return re.sub(r"[\w.]+", lambda word: texts.get(word[0], word[0]), line)


def environment(folder: Path, nodes: int, aside: Group) -> dict[str, str]:
    """What Slurm would tell the batch script, and we our stand-ins."""
    ours = {name: text for name, text in os.environ.items() if not name.startswith(("DYNPLAN_", "SLURM"))}
    slurms = {
        "SLURM_JOB_ID": "7",
        "SLURM_JOB_NODELIST": f"{host(0)[:-1]}[0-{nodes - 1}]" if nodes > 1 else host(0),
        "SLURM_JOB_NUM_NODES": str(nodes),
        "SLURMD_NODENAME": host(0),
    }
    stand_ins = {
        "PATH": f"{STAND_INS}:{os.environ['PATH']}",
        "BENCH_FOLDER": str(folder),
        "BENCH_ASIDE": str(aside.door),
    }
    return ours | slurms | stand_ins


def job(nodes: int, workers: int, *, metrics: bool) -> dict[str, object]:
    """Return the job."""
    role = {"workers": workers, "gpus-per-worker": 1, "command": COMMAND, "ports": {"http": 8000}}
    return {
        "job": {"name": "bench", "num-nodes": nodes, "output-dir": "out"},
        "cluster": {"gpus-per-node": GPUS},
        "roles": {"worker": role | ({"metrics": "http://{host}:{port.http}/metrics"} if metrics else {})},
    }
