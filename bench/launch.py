"""What starting workers costs, on a throwaway Slurm of 32 nodes that share this machine.

    python -m bench.launch [WORKERS]   # as root; 256 unless given

By turns: the script that dynplan writes, with one srun step for the role, and a loop with one srun for each
worker. Then once a script whose workers become ready at one moment, for the time from there to its phase.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from statistics import median

from attrs import frozen

from bench import costs
from bench.costs import DYNPLAN, ROOT, Group, Row, show
from tests import testbed
from tests.testbed import Cluster, eventually

NODES = 32
WORKERS = 256
ROUNDS = 3
LIMIT_S = 120
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
echo "$EPOCHREALTIME" >sruns
for ((i = 0; i < %(nodes)d * %(per)d; i++)); do
  srun --quiet --overlap --overcommit --cpu-bind=none --mpi=none --nodes=1 --ntasks=1 \\
    --nodelist="${hosts[i / %(per)d]}" bash -c '%(worker)s' </dev/null &
done
wait
"""
# Of dynplan's few: says when each begins.
SRUN = f"""#!/bin/bash
echo "$EPOCHREALTIME" >>sruns
exec -a srun {shutil.which("srun")} "$@"
"""


@frozen
class Cost:
    """What it took until the last worker ran: from the first srun, from the last one before a worker, and of what."""

    seconds: float
    step_s: float
    cpu_s: float
    megabytes: float
    requests: int


def rows(workers: int = WORKERS) -> Iterator[Row]:
    """Measure."""
    what = f"{workers} workers on {NODES} nodes, all on this machine"
    if reason := testbed.obstacle() or costs.obstacle():
        yield Row(what, f"not measured: {reason}")
        return
    with ExitStack() as stack:
        group = stack.enter_context(Group.new())
        with group.inside():
            cluster = stack.enter_context(Cluster.up(nodes=NODES, gpus=32))
        pairs = [
            (launch(cluster, group, compiled(RUN, workers), workers), launch(cluster, group, looped(workers), workers))
            for _ in range(ROUNDS)
        ]
        yield from compared(what, pairs)
        yield Row(
            "the same: from the last worker's answer to the first line of the phase", f"{lag(cluster, workers):.2f} s"
        )


def compared(what: str, pairs: Sequence[tuple[Cost, Cost]]) -> Iterator[Row]:
    """Compare one srun for the role with one for each worker."""

    def row(name: str, unit: str, digits: int, goal: str, values: Sequence[tuple[float, float]]) -> Row:
        ours, theirs = (f"{median(column):.{digits}f}" for column in zip(*values, strict=True))
        ratio = median(our / their for our, their in values)
        return Row(f"{what}: {name}", f"{ratio:.2f} x ({ours} against {theirs}{unit})", goal)

    times = [(ours.seconds, theirs.seconds) for ours, theirs in pairs]
    yield row("first srun to last worker, against one srun for each", " s", 2, "not slower", times)
    what = "the same"
    yield row("from the role's srun, without the preflight", " s", 2, "", [(a.step_s, b.seconds) for a, b in pairs])
    yield row("CPU of all nodes and the controller", " s", 2, "", [(a.cpu_s, b.cpu_s) for a, b in pairs])
    memory = [(a.megabytes, b.megabytes) for a, b in pairs]
    yield row("memory of script and sruns on the first node", " MB", 0, "", memory)
    yield row("requests to the controller", "", 0, "", [(a.requests, b.requests) for a, b in pairs])


def words(workers: int) -> dict[str, object]:
    """What the texts above leave open."""
    per = workers // NODES
    return {"nodes": NODES, "per": per, "worker": WORKER, "python": sys.executable, "answer": ANSWER}


def compiled(job: str, workers: int) -> str:
    """The script that dynplan writes, with our srun before Slurm's."""
    text = HEAD + job % words(workers)
    done = subprocess.run(
        [*DYNPLAN, "compile", "-"], cwd=ROOT, input=text, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout.replace("\n\n", "\nPATH=$PWD/bin:$PATH\n\n", 1)  # right after the directives


def looped(workers: int) -> str:
    """A script with a srun per worker."""
    return LOOP % words(workers)


@contextmanager
def running(cluster: Cluster, script: str) -> Iterator[Path]:
    """Submit a script, and cancel it; gives the directory it runs in."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "bin").mkdir()
        (folder / "bin" / "srun").write_text(SRUN)
        (folder / "bin" / "srun").chmod(0o755)
        cluster.run(["sdiag", "--reset"])
        job = cluster.submit(script, cwd=folder, args=["--output=job.out"])
        try:
            yield folder
        except TimeoutError:
            raise SystemExit((folder / "job.out").read_text()) from None
        finally:
            cluster.run(["scancel", str(job)])
            cluster.wait(job, timeout_s=LIMIT_S)


def launch(cluster: Cluster, group: Group, script: str, workers: int) -> Cost:
    """Run a script until all its workers do."""
    before = group.settled_s()
    with running(cluster, script) as folder:
        started = times(folder / "started", workers)
        cpu_s = group.cpu_s() - before
        sruns = times(folder / "sruns", 1)
        step = max(srun for srun in sruns if srun < min(started))
        return Cost(max(started) - min(sruns), max(started) - step, cpu_s, megabytes(cluster), requests(cluster))


def lag(cluster: Cluster, workers: int) -> float:
    """Seconds from the moment that the last worker answers to the first line of the phase."""
    with running(cluster, compiled(READY, workers)) as folder:
        times(folder / "started", workers)
        (folder / "go").touch()
        return max(times(folder / "phase", 1)) - max(times(folder / "listening", NODES))


def times(path: Path, count: int) -> list[float]:
    """Wait for `count` lines, each a time, and return all."""
    eventually(lambda: path.exists() and path.read_text().count("\n") >= count, LIMIT_S)
    return [float(line) for line in path.read_text().split()]


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
    show(rows(*map(int, sys.argv[1:])))
