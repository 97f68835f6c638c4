"""All costs in one table: `python -m bench`, for which `make bench` stands."""

from __future__ import annotations

from itertools import chain

from bench import launch, planner, script, startup, tasks
from bench.costs import show

if __name__ == "__main__":
    # In this order: what `planner` imports in the end would make later children of ours look larger.
    show(chain(startup.rows(), planner.rows(), script.rows(), tasks.rows(), launch.rows()))
