"""Run a task on every node of the Ray cluster at RAY_ADDRESS: `ray_nodes.py FILE`.

FILE gets what each said of itself: its host, and the GPUs that Ray gave it.
"""

import json
import os
import socket
import sys
from pathlib import Path

import ray  # type: ignore[import-not-found,unused-ignore]  # it stands in an environment of its own
from ray.util.scheduling_strategies import (  # type: ignore[import-not-found,unused-ignore]  # as above
    NodeAffinitySchedulingStrategy,
)


@ray.remote(num_gpus=1)  # type: ignore[untyped-decorator,unused-ignore]  # as above
def where() -> tuple[str, str]:
    """Say on which host this runs, with which GPUs."""
    return socket.gethostname(), os.environ.get("CUDA_VISIBLE_DEVICES", "")


ray.init(log_to_driver=False)
nodes = [node["NodeID"] for node in ray.nodes() if node["Alive"]]
pinned = [where.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)) for node in nodes]
found = ray.get([task.remote() for task in pinned], timeout=120)
Path(sys.argv[1]).write_text(json.dumps(sorted(found)) + "\n")
