"""A Ray cluster by its presets: head, worker and driver, all ports planned."""

from __future__ import annotations

from datetime import datetime

import pytest

from tests.acceptance.conftest import constants, environment
from tests.slurm.lab import Lab, Run, succeeded

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(300)]

JOB = """
[job]
setup = "source {vars.venv}/bin/activate"

[cluster]
gpus-per-node = 1

[roles.head]
engine = "ray-head"
gpus-per-worker = 1

[roles.worker]
engine = "ray-worker"
gpus-per-worker = 1
after = ["head"]
args = { address = "{role.head.ip}:{role.head.port.gcs}" }

[roles.driver]
kind = "task"
after = ["worker"]
command = ["python3", "{vars.programs}/ray_nodes.py", "{job.dir}/nodes.json"]
env = { RAY_ADDRESS = "{role.head.ip}:{role.head.port.gcs}" }
"""


@pytest.fixture(scope="module")
def run(lab: Lab) -> Run:
    return lab.run(constants(venv=environment("ray")) + JOB, timeout_s=240)


def test_a_task_runs_on_every_node_of_the_cluster(run: Run) -> None:
    assert succeeded(run)
    assert run.json("nodes.json") == [
        [node, "0"] for node in run.nodes
    ]  # the driver waits for no node: both had joined


def test_it_is_over_soon_after_its_driver(run: Run) -> None:
    over = next(event for event in run.events if event.name == "exit" and event.role == "driver")
    assert run.ended - seconds(over.time) < 15


def seconds(time: str) -> float:
    """A time of events.log in seconds since the epoch."""
    return datetime.strptime(time, "%Y-%m-%dT%H:%M:%S%z").timestamp()
