"""What planning costs: time and memory by the number of nodes, and the search for the fewest nodes.

    python -m bench.planner

Prints two tables of Markdown. Times are CPU time of the process; every size runs in a process of its own, so that
its peak is its own. The shared job has four roles on all nodes, 40,000 workers on 10,000 nodes of 8 GPUs, with two
ports each.
"""

import json
import random
import resource
import subprocess
import sys
from math import log
from pathlib import Path
from time import process_time
from typing import Any

from dynplan.model import Job, Plan
from dynplan.planner import plan
from dynplan.read import read
from dynplan.script import script

SIZES = (100, 1000, 10_000)
MIN_JOBS = 2000
PROGRAM = Path(__file__).parent.parent / "dynplan" / "program"

Tables = dict[str, Any]


def shared_job(nodes: int) -> Tables:
    """Return a job of four roles on the same nodes, all GPUs in use."""
    roles = {
        name: {
            "command": ["serve"],
            "num-nodes": nodes,
            "gpus-per-worker": gpus,
            "ports": {"system": 9090, "nixl": {"base": 5557, "count": gpus}},
        }
        for name, gpus in (("decode", 4), ("prefill", 2), ("encode", 1), ("embed", 1))
    }
    return {"job": {"num-nodes": nodes}, "cluster": {"gpus-per-node": 8}, "roles": roles}


def min_job(chance: random.Random) -> Tables:
    """Return a job as people write them: up to four roles and 300 GPUs, workers of 1 to 16 GPUs."""
    roles: Tables = {}
    count = chance.randint(1, 4)
    for name in ("decode", "prefill", "encode", "embed")[:count]:
        gpus = chance.randint(1, 16)
        workers = chance.randint(1, max(1, chance.randint(8, 300) // count // gpus))
        size = {"workers": workers} if chance.random() < 0.5 else {"num-nodes": workers * -(-gpus // 8)}
        roles[name] = {"command": ["serve"], "gpus-per-worker": gpus, **size}
    return {"job": {"num-nodes": "min"}, "cluster": {"gpus-per-node": 8}, "roles": roles}


def timed(job: Job, runs: int = 1) -> tuple[Plan, float]:
    """Return the plan of a job, and the CPU seconds it took, the least of several runs."""
    seconds = []
    for _ in range(runs):
        start = process_time()
        found = plan(job)
        seconds.append(process_time() - start)
    return found, min(seconds)


def measure(nodes: int) -> dict[str, float]:
    """Plan and compile the shared job of a size; the peak is that of this whole process."""
    found, seconds = timed(read(shared_job(nodes)), 3)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    texts = {path.stem: path.read_text(encoding="utf-8") for path in PROGRAM.glob("*.sh")}
    size = len(script(found, "dynplan", texts).encode()) / 1024
    return {"workers": len(found.workers), "seconds": seconds, "MiB": peak, "KiB": size}


def by_nodes() -> None:
    """Print the table of sizes."""
    print("| nodes | workers | plan, CPU s | peak, MiB | script, KiB | growth |")
    print("|---|---|---|---|---|---|")
    before: dict[str, float] = {}
    for nodes in SIZES:
        done = subprocess.run(
            [sys.executable, "-m", "bench.planner", str(nodes)], capture_output=True, check=True, text=True
        )
        found: dict[str, float] = json.loads(done.stdout)
        growth = f"N^{log(found['seconds'] / before['seconds'], 10):.2f}" if before else ""
        print(
            f"| {nodes:,} | {found['workers']:,} | {found['seconds']:.3f} | {found['MiB']:.0f}"
            f" | {found['KiB']:.1f} | {growth} |"
        )
        before = found


def fewest() -> None:
    """Print the table of searches, over a random sample that is the same every time."""
    chance = random.Random(1)  # noqa: S311 - a sample, not a secret
    timings, proven = [], 0
    for _ in range(MIN_JOBS):
        found, seconds = timed(read(min_job(chance)))
        timings.append(1000 * seconds)
        proven += found.placement.lower == len(found.nodes)
    timings.sort()
    print('| jobs with `num-nodes = "min"` | proven minimal | median, CPU ms | 99 %, CPU ms | worst, CPU ms |')
    print("|---|---|---|---|---|")
    middle, most = timings[len(timings) // 2], timings[len(timings) * 99 // 100]
    print(f"| {MIN_JOBS:,} | {100 * proven / MIN_JOBS:.1f} % | {middle:.2f} | {most:.2f} | {timings[-1]:.2f} |")


def main() -> None:
    """Print the tables; with a number of nodes, one measurement as JSON."""
    if len(sys.argv) > 1:
        print(json.dumps(measure(int(sys.argv[1]))))
        return
    by_nodes()
    print()
    fewest()


if __name__ == "__main__":
    main()
