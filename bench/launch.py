"""What starting workers costs, on a throwaway Slurm of 32 nodes that share this machine.

    python -m bench.launch [WORKERS...]        # as root; 64 and 256 workers unless given

For each number of workers one cluster runs three jobs, one after another: the script that dynplan writes,
with one srun step per role; a loop that starts one srun per worker; and a script whose workers become
ready at one moment, for the time from there to the start of its phase. Prints Markdown.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from attrs import frozen

from dynplan.cli import app
from tests.testbed import Cluster, eventually, obstacle

NODES = 32
WORKERS = (64, 256)
LIMIT_S = 300
ANSWER = Path(__file__).with_name("answer.py")

# A worker says when it runs, and stays.
WORKER = 'echo "$EPOCHREALTIME" >>started; exec sleep 3600'

HEAD = f"""
[job]
name = "bench"
num-nodes = {NODES}
time = "01:00:00"
output-dir = "out"
[cluster]
gpus-per-node = 32
"""
RUN = """
[roles.worker]
num-nodes = %(nodes)d
workers-per-node = %(per)d
gpus-per-worker = 1
command = '''%(worker)s'''
[phases.stay]
command = "sleep 3600"
"""
READY = """
[roles.engines]
place = "every-node"
command = ["%(python)s", "%(answer)s", "20000", "%(per)d", "go", "listening"]
[roles.worker]
num-nodes = %(nodes)d
workers-per-node = %(per)d
gpus-per-worker = 1
command = '''%(worker)s'''
ports = { http = 20000 }
ready = { port = "http", path = "/health" }
[phases.first]
command = 'echo "$EPOCHREALTIME" >phase; sleep 3600'
"""
LOOP = """#!/bin/bash
#SBATCH --nodes=%(nodes)d --gpus-per-node=32 --exclusive --mem=0 --no-kill --time=60

export SLURM_EXPORT_ENV=ALL
mapfile -t hosts < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
for ((i = 0; i < %(nodes)d * %(per)d; i++)); do
  srun --quiet --overlap --overcommit --cpu-bind=none --mpi=none --nodes=1 --ntasks=1 \\
    --nodelist="${hosts[i / %(per)d]}" bash -c '%(worker)s' </dev/null &
done
wait
"""


@frozen
class Cost:
    """What it took until the last worker ran: from the job's start, in the job's first node, at the controller."""

    seconds: float
    megabytes: float
    requests: int


def main() -> None:
    """Measure, and print the tables."""
    if reason := obstacle():
        raise SystemExit(f"not measured: {reason}")
    numbers = [int(word) for word in sys.argv[1:]] or WORKERS
    lags: list[tuple[int, float]] = []
    with Cluster.up(nodes=NODES, gpus=32) as cluster:
        print("| workers | started by | job start to last worker running | memory on the first node | requests |")
        print("|--:|---|--:|--:|--:|")
        for workers in numbers:
            for way, text in (("one srun per role", compiled(RUN, workers)), ("one srun per worker", looped(workers))):
                cost = launch(cluster, text, workers)
                figures = f"{cost.seconds:.2f} s | {cost.megabytes:.0f} MB | {cost.requests} |"
                print(f"| {workers} | {way} | {figures}", flush=True)
            lags.append((workers, lag(cluster, workers)))
    print("\n| workers | last one ready to phase starts |\n|--:|--:|")
    for workers, seconds in lags:
        print(f"| {workers} | {seconds:.2f} s |")


def words(workers: int) -> dict[str, object]:
    """What the texts above leave open."""
    per = workers // NODES
    return {"nodes": NODES, "per": per, "worker": WORKER, "python": sys.executable, "answer": ANSWER}


def compiled(job: str, workers: int) -> str:
    """The script that dynplan writes."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "job.toml", Path(folder) / "job.sbatch"
        source.write_text(HEAD + job % words(workers))
        assert not app(["compile", str(source), "--output", str(target)], standalone_mode=False)
        return target.read_text()


def looped(workers: int) -> str:
    """A script with a srun per worker."""
    return LOOP % words(workers)


@contextmanager
def running(cluster: Cluster, script: str) -> Iterator[Path]:
    """Submit a script, and cancel it; gives the directory it runs in."""
    with tempfile.TemporaryDirectory() as name:
        begun = script.replace("\n\n", '\necho "$EPOCHREALTIME" >begin\n\n', 1)  # right after the directives
        cluster.run(["sdiag", "--reset"])
        job = cluster.submit(begun, cwd=Path(name), args=["--output=job.out"])
        try:
            yield Path(name)
        except TimeoutError:
            raise SystemExit((Path(name) / "job.out").read_text()) from None
        finally:
            cluster.run(["scancel", str(job)])
            cluster.wait(job, timeout_s=LIMIT_S)


def launch(cluster: Cluster, script: str, workers: int) -> Cost:
    """Run a script until all its workers do."""
    with running(cluster, script) as folder:
        last = last_time(folder / "started", workers)
        return Cost(last - last_time(folder / "begin", 1), megabytes(cluster), requests(cluster))


def lag(cluster: Cluster, workers: int) -> float:
    """Seconds from the moment that the last worker answers to the first line of the phase."""
    with running(cluster, compiled(READY, workers)) as folder:
        last_time(folder / "started", workers)
        (folder / "go").touch()
        return last_time(folder / "phase", 1) - last_time(folder / "listening", NODES)


def last_time(path: Path, count: int) -> float:
    """Wait for `count` lines, each a time, and return the last one."""
    eventually(lambda: path.exists() and path.read_text().count("\n") >= count, LIMIT_S)
    return max(map(float, path.read_text().split()))


def megabytes(cluster: Cluster) -> float:
    """Memory of the batch script and of its srun processes; what they share is counted once."""
    total = 0
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            command = (process / "cmdline").read_bytes()
            if not command.startswith(b"srun\0") and b"slurm_script" not in command:
                continue
            if str(cluster.directory).encode() in (process / "environ").read_bytes():
                total += int(re.findall(r"^Pss: *(\d+)", (process / "smaps_rollup").read_text(), re.MULTILINE)[0])
    return total / 1024


def requests(cluster: Cluster) -> int:
    """How many requests the controller has had since the job was submitted."""
    by_kind, _, _ = cluster.run(["sdiag"]).stdout.partition("statistics by user")
    return sum(map(int, re.findall(r"count:(\d+)", by_kind.partition("by message type")[2])))


if __name__ == "__main__":
    main()
