"""A node of a job: runs tasks as srun would, with a given number of other processes and sockets beside them."""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from attrs import field, frozen

from bench.costs import Group

GPUS = 8
LIMIT_S = 60
GO = "go"  # a FIFO in the job's directory: the command of a worker opens it
COMMAND = ("cat", GO)  # of a worker: small, and its start can be seen

# First process of the node, in PID, mount and network namespaces of its own.
# usage: bash -c INIT HOSTS ADDRESS OTHERS SOCKETS PYTHON
INIT = """
read -r pid _ </proc/self/stat # as it is outside
mount -t proc proc /proc && mount --bind "$0" /etc/hosts || exit
ip link set lo up && ip address add "$1/8" dev lo || exit
for ((i = 0; i < $2; i++)); do sleep infinity >/dev/null & done
coproc "$4" -c 'if True:
    import signal, socket, sys
    sockets = [socket.create_server(("", 20000 + n)) for n in range(int(sys.argv[1]))]
    print(flush=True)
    signal.pause()' "$3"
read -r -u "${COPROC[0]}" && echo "$pid"
read -r # until the owner closes it
"""


@frozen
class Task:
    """What srun would start, and where: the node and the task's number there."""

    argv: Sequence[str]
    env: Mapping[str, str]
    folder: Path
    rank: int
    node: int
    local: int


@frozen
class Worker:
    """What a worker has cost, and what it has said until it was ready."""

    start_s: float
    end_s: float
    said: Sequence[str]


@frozen
class Node:
    """A running node. CPU is counted from before a task's program is loaded, all its children with it."""

    prefix: Sequence[str] = field(repr=False)
    group: Group

    @classmethod
    @contextmanager
    def up(cls, hosts: int, others: int = 0, sockets: int = 0) -> Iterator[Self]:
        """Start the last node of a job.

        Args:
            hosts: so many nodes have names that resolve.
            others: other processes on it, each with 4 KiB of environment.
            sockets: TCP sockets that listen on it.
        """
        with tempfile.NamedTemporaryFile("w", suffix=".hosts") as file, Group.new() as group:
            file.write("127.0.0.1 localhost\n" + "".join(f"{address(n)} {host(n)}\n" for n in range(hosts)))
            file.flush()
            unshare = ["unshare", "--fork", "--kill-child", "--pid", "--mount", "--net"]
            words = [file.name, address(hosts - 1), str(others), str(sockets), sys.executable]
            init = subprocess.Popen(
                [*unshare, "bash", "-c", INIT, *words],
                env=os.environ | {"BENCH_FILLER": "x" * 4096},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            try:
                assert init.stdout
                pid = init.stdout.readline().decode().strip()
                if not pid:
                    raise SystemExit("a node does not start: it takes root, and leave to make namespaces")
                yield cls(("nsenter", f"--target={pid}", "--pid", "--mount", "--net"), group)
            finally:
                init.communicate()  # closes its input, and the kernel ends the rest

    def run(self, task: Task) -> tuple[float, Sequence[str]]:
        """Run a task that ends by itself; return its CPU seconds, and the lines it says."""
        before = self.group.cpu_s()
        with self._started(task) as process:
            output, _ = process.communicate(timeout=LIMIT_S)
        return self.group.cpu_s() - before, output.decode().splitlines()

    def work(self, task: Task) -> Worker:
        """Run a worker until it is ready, tell it to stop, and wait until it has."""
        before = self.group.cpu_s()
        with self._started(task) as process:
            go = _opened(task.folder / GO)
            said = _said(process, r"\bready\b")
            between = self.group.settled_s()
            assert process.stdin
            process.stdin.write(b"stop\n")
            process.stdin.flush()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.stdin.close()  # srun has gone
                process.wait(LIMIT_S)
            os.close(go)
        return Worker(between - before, self.group.cpu_s() - between, said)

    @contextmanager
    def _started(self, task: Task) -> Iterator[subprocess.Popen[bytes]]:
        place = {
            "SLURM_PROCID": str(task.rank),
            "SLURM_LOCALID": str(task.local),
            "SLURM_NODEID": str(task.node),
            "SLURMD_NODENAME": host(task.node),
            "CUDA_VISIBLE_DEVICES": ",".join(map(str, range(GPUS))),
        }
        command = [*self.prefix, f"--wdns={task.folder}", *self.group.around(task.argv)]
        process = subprocess.Popen(
            command, env={**task.env, **place}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        try:
            yield process
        finally:
            self.group.kill()
            process.communicate()


def host(node: int) -> str:
    """The name of a node."""
    return f"n{node}"


def address(node: int) -> str:
    """The address of a node."""
    return f"10.78.{1 + node // 250}.{1 + node % 250}"


def _opened(fifo: Path) -> int:
    """Open a FIFO as soon as somebody reads it."""
    deadline = time.monotonic() + LIMIT_S
    while True:
        try:
            return os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            if time.monotonic() > deadline:
                raise SystemExit(f"no worker runs after {LIMIT_S} s") from None
            time.sleep(0.002)


def _said(process: subprocess.Popen[bytes], last: str) -> list[str]:
    """Return the lines that a process says, up to one with `last` in it."""
    assert process.stdout
    text = b""
    while not re.search(last.encode(), text) or not text.endswith(b"\n"):
        readable, _, _ = select.select([process.stdout], [], [], LIMIT_S)
        more = os.read(process.stdout.fileno(), 65536) if readable else b""
        if not more:
            raise SystemExit(f"a worker does not become ready; it says: {text.decode()}")
        text += more
    return text.decode().splitlines()
