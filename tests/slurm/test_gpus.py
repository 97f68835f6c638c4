"""Which GPUs a worker is shown on nodes whose gres.conf names a vendor, every vendor, or no GPUs at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.slurm.lab import Lab, Run, succeeded
from tests.testbed import Cluster

pytestmark = pytest.mark.slurm

SHELL = {"HIP_VISIBLE_DEVICES": "0", "CUDA_VISIBLE_DEVICES": "1", "ROCR_VISIBLE_DEVICES": "2", "ZE_AFFINITY_MASK": "3"}
EVERY = (*SHELL, "GPU_DEVICE_ORDINAL")


def shown_on(tmp_path: Path, site: str, *, gpus: int = 8, gpu_flags: str = "") -> list[dict[str, str]]:
    """What two workers of two GPUs see on a node of a new cluster; the submitting shell has variables of its own."""
    job = f"""\
[cluster]
{site}
[roles.worker]
workers = 2
gpus-per-worker = 2
command = ["{{vars.python}}", "{{vars.stub}}", "--record", "{{job.dir}}/seen.jsonl"]
ports = {{ system = 9090 }}
ready = {{ port = "system", path = "/health", timeout = "40s" }}
[phases.one]
command = "true"
"""
    with Cluster.up(nodes=1, gpus=gpus, gpu_flags=gpu_flags) as cluster:
        run: Run = Lab(cluster, tmp_path).run(job, 1, env=SHELL)
    assert succeeded(run)
    places = sorted(run.workers)
    return [{name: run.workers[at].env[name] for name in EVERY if name in run.workers[at].env} for at in places]


@pytest.mark.usefixtures("slurm")
@pytest.mark.parametrize(
    ("vendor", "gpu_flags", "variable"),
    [
        ("amd", "amd_gpu_env", "ROCR_VISIBLE_DEVICES"),
        ("amd", "", "ROCR_VISIBLE_DEVICES"),
        ("intel", "intel_gpu_env", "ZE_AFFINITY_MASK"),
        ("nvidia", "", "CUDA_VISIBLE_DEVICES"),
    ],
    ids=["amd alone", "amd among all", "intel alone", "nvidia among all"],
)
def test_a_slice_is_cut_in_the_variable_of_the_vendor(
    tmp_path: Path, vendor: str, gpu_flags: str, variable: str
) -> None:
    """A node whose Slurm sets ROCR_VISIBLE_DEVICES or ZE_AFFINITY_MASK alone, or by default those of all vendors."""
    found = shown_on(tmp_path, f'gpu-vendor = "{vendor}"', gpu_flags=gpu_flags)
    assert found == [{variable: "0,1"}, {variable: "2,3"}]


@pytest.mark.usefixtures("slurm")
def test_what_the_submitting_shell_has_brought_is_no_gpu_of_a_step_without_generic_resources(tmp_path: Path) -> None:
    found = shown_on(tmp_path, 'gpu-vendor = "amd"\ngpu-request = "none"', gpus=0)
    assert found == [{"ROCR_VISIBLE_DEVICES": "0,1"}, {"ROCR_VISIBLE_DEVICES": "2,3"}]


@pytest.mark.usefixtures("slurm")
def test_a_step_that_is_not_given_the_jobs_gpus_starts_no_worker_on_none(tmp_path: Path) -> None:
    """The allocation has GPUs and preflight sees them; an option of the role's srun takes them from its step."""
    job = """\
[cluster]
gpu-request = "gres"
[roles.worker]
gpus-per-worker = 2
command = "touch {job.dir}/started; sleep 60"
srun = { gres = "none" }
"""
    with Cluster.up(nodes=1) as cluster:
        run: Run = Lab(cluster, tmp_path).run(job, 1)
    assert (run.job.state, run.job.exit_code) == ("FAILED", 65), run.output
    assert run.cause == (
        "role worker worker 0 rank 0 on n0: its step shows 0 GPUs, '', and the plan gives it GPUs 0,1 of its node"
    )
    assert not (run.directory / "started").exists()
