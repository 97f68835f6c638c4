"""What compiling costs, by the number of nodes, and what the search for the fewest nodes does.

    python -m bench.planner            # the rows
    python -m bench.planner NODES      # one size, as JSON

Four roles share all nodes of 8 GPUs, 40,000 workers on 10,000 nodes, with two ports each.
"""

from __future__ import annotations

import json
import random
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from math import log10
from pathlib import Path
from time import process_time
from typing import Any

import tomli_w

from bench.costs import DYNPLAN, Row, Spent, show, spent

SIZES = (100, 1000, 10_000)
CPU_S = 4  # of runs of a size, two at least: the small ones differ more from run to run
MIN_JOBS = 1000
DOMAINS = 556

Tables = dict[str, Any]


def rows() -> Iterator[Row]:
    """Measure."""
    least, *found = (measure(nodes) for nodes in (1, *SIZES))
    for nodes, cost, goal in zip(SIZES, found, ("", "", "1.2 s"), strict=True):
        what = f"compile of {nodes:,} nodes, {cost['workers']:,} workers, 4 roles with two ports each, CPU"
        yield Row(what, f"{cost['seconds']:.2f} s", goal)
    yield Row(f"the same, {SIZES[-1]:,} nodes: peak memory of the process", f"{found[-1]['MiB']:.0f} MiB", "60 MiB")
    yield Row(f"the same, {SIZES[-1]:,} nodes: the script", f"{found[-1]['KiB']:.1f} KiB", "64 KiB")
    for at in (1, 2):
        before, after = (cost["seconds"] - least["seconds"] for cost in found[at - 1 : at + 1])
        exponent = log10(after / max(before, 0.001)) / log10(SIZES[at] / SIZES[at - 1])
        what = f"the same, growth from {SIZES[at - 1]:,} to {SIZES[at]:,} nodes of what comes on top of one node's"
        yield Row(what, f"N^{exponent:.2f}", "N^1.0")
    cost = measure(DOMAINS * 18, domain_job)
    what = f"compile of {DOMAINS * 18:,} nodes in {DOMAINS} NVLink domains, a worker of 15 nodes in each, CPU"
    yield Row(what, f"{cost['seconds']:.2f} s", "2 s")
    yield from fewest()


def measure(nodes: int, job_of: Callable[[int], Tables] | None = None) -> dict[str, float]:
    """Compile the shared job of a size, or another one, as a process of its own; of several runs the least."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "job.toml", Path(folder) / "job.sbatch"
        source.write_text(tomli_w.dumps((job_of or shared_job)(nodes)))
        runs: list[Spent] = []
        while len(runs) < 2 or sum(run.cpu_s for run in runs) < CPU_S:
            runs.append(spent([*DYNPLAN, "compile", str(source), "--output", str(target)]))
        script = target.read_text()
    return {
        # A role's function stands below a line that says how many workers it has.
        "workers": sum(map(int, re.findall(r"^# (\d+) workers?\b", script, re.MULTILINE))),
        "seconds": min(run.cpu_s for run in runs),
        "MiB": max(run.peak_mib for run in runs),
        "KiB": len(script.encode()) / 1024,
    }


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


def domain_job(nodes: int) -> Tables:
    """Return a job that fills domains of 18 nodes, its largest workers last: they are placed out of turn."""
    half = nodes // 18 // 2
    sizes: dict[str, Tables] = {
        "prefill": {"workers": half, "gpus-per-worker": 8},
        "encode": {"num-nodes": half, "workers-per-node": 4, "gpus-per-worker": 1},
        "draft": {"workers": half, "gpus-per-worker": 12},
        "decode": {"workers": 2 * half, "gpus-per-worker": 60},
    }
    roles = {name: {"command": ["serve"], "ports": {"system": 9090}, **size} for name, size in sizes.items()}
    return {"job": {"num-nodes": nodes}, "cluster": {"gpus-per-node": 4, "domain-nodes": 18}, "roles": roles}


def fewest() -> Iterator[Row]:
    """Plan jobs of a random sample that is the same every time, in this process, from file to file."""
    from dynplan.cli import app  # here: the other figures are to be those of a small process

    chance = random.Random(1)  # noqa: S311 - a sample, not a secret
    timings, proven = [], 0
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "job.toml", Path(folder) / "plan.json"
        for _ in range(MIN_JOBS):
            source.write_text(tomli_w.dumps(min_job(chance)))
            start = process_time()
            assert not app(["plan", str(source), "--format=json", "--output", str(target)], standalone_mode=False)
            timings.append(1000 * (process_time() - start))
            plan = json.loads(target.read_text())
            proven += plan["placement"]["lower-bound"] == len(plan["nodes"])
    timings.sort()
    what = f'`dynplan plan` of {MIN_JOBS:,} jobs with `num-nodes = "min"`, warm, CPU'
    figures = (timings[len(timings) // 2], timings[len(timings) * 99 // 100], timings[-1])
    yield Row(f"{what}: median, 99 %, worst", ", ".join(f"{figure:.1f}" for figure in figures) + " ms")
    yield Row("the same: number of nodes proven the least", f"{100 * proven / MIN_JOBS:.1f} %")


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


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(int(sys.argv[1]))))
    else:
        show(rows())
