"""torchrun over two nodes by its preset, with gloo: no GPU is needed, and the job ends with its task."""

from __future__ import annotations

import pytest

from tests.acceptance.conftest import constants, environment
from tests.slurm.lab import Lab, Run, succeeded

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(300)]

JOB = """
[job]
setup = "source {vars.venv}/bin/activate"

[job.env]
GLOO_SOCKET_IFNAME = "{interface}" # gloo asks the resolver for the host's own name else
OMP_NUM_THREADS = "1"

[cluster]
gpus-per-node = 2

[roles.train]
engine = "torchrun"
gpus-per-worker = 4
extra-args = ["{vars.programs}/all_reduce.py", "{job.dir}/ranks"]
"""


@pytest.fixture(scope="module")
def run(lab: Lab) -> Run:
    return lab.run(constants(venv=environment("torch")) + JOB, timeout_s=240)


def test_an_all_reduce_goes_over_both_nodes(run: Run) -> None:
    assert succeeded(run)
    first, second = run.nodes
    ranks = [run.json(f"ranks/{rank}.json") for rank in range(4)]
    assert ranks == [{"total": 1 + 2 + 3 + 4, "of": 4, "host": host} for host in (first, first, second, second)]
