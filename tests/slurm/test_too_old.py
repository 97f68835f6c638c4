"""A Slurm that the script cannot run under: `tools/slurms.sh 20.11`."""

from __future__ import annotations

import pytest

from tests.slurm.lab import Lab, Run, scenario
from tests.testbed import obstacle, slurm_version

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.skipif(bool(obstacle()) or slurm_version() >= (22, 5), reason="this Slurm is new enough"),
]

JOB = """
[roles.worker]
workers = 2
gpus-per-worker = 8
command = ["{vars.python}", "{vars.stub}"]
ports = { system = 9090 }
ready = { port = "system", path = "/health", timeout = "30s" }
stop = { grace = "1s" }
[phases.client]
command = "true"
"""


def two_workers(lab: Lab) -> Run:
    return lab.run(JOB, timeout_s=20)


@scenario(two_workers)
def test_a_slurm_before_22_05_is_refused_by_name_and_nothing_waits(run: Run) -> None:
    assert run.cause == f"Slurm {'{}.{:02}'.format(*slurm_version())} is too old, 22.05 is needed"
    assert run.job.state == "FAILED"
    assert run.job.exit_code != 0
    assert run.left == {}
