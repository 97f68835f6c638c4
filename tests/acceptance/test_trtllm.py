"""TensorRT-LLM's shape: the example's job, with an MPI world for each worker under real PMIx.

TensorRT-LLM has no build without GPUs, so its two programs are stubs, which read the YAML that the job writes.
"""

from __future__ import annotations

import json
import sys
import tomllib

import pytest
import tomli_w

from tests.acceptance.conftest import HERE, PROGRAMS
from tests.slurm.lab import Lab, Run, succeeded

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(300)]

EXAMPLE = HERE.parents[1] / "examples" / "trtllm-disagg" / "job.toml"


def job() -> str:
    """The example without its container and its client, which both cannot be had here."""
    found = tomllib.loads(EXAMPLE.read_text())
    del found["job"]["container"], found["cluster"]["container-runtime"]
    found["job"]["output-dir"] = "out"
    found["job"]["setup"] = f"export PATH={PROGRAMS}/trtllm:$PATH OMPI_MCA_mpi_yield_when_idle=1"
    ask = [sys.executable, str(PROGRAMS / "ask.py"), "{role.server.url.http}", "{vars.model}", "1"]
    found["phases"] = {"ask": {"command": ask, "workdir": "{phase.dir}"}}
    return tomli_w.dumps({"extends": "base.toml", **found})


@pytest.fixture(scope="module")
def run(lab: Lab) -> Run:
    return lab.run(job(), nodes=3, timeout_s=240)


def test_the_server_before_them_reaches_every_worker_with_what_its_file_says(run: Run) -> None:
    assert succeeded(run)
    [answer] = run.json("phases/ask/answers.json")
    heard = json.loads(answer["choices"][0]["text"])
    assert [said["role"] for said in heard] == ["context", "context", "generation"]
    assert heard[0]["kv_cache_config"] == {"free_gpu_memory_fraction": 0.8, "host_cache_size": None}
    assert heard[2]["enable_attention_dp"] is True


def test_every_worker_is_a_world_with_a_rank_for_each_gpu(run: Run) -> None:
    first, second, third = run.nodes
    all_eight = "0,1,2,3,4,5,6,7"
    worlds = {path.stem: json.loads(path.read_text())["ranks"] for path in (run.directory / "worlds").iterdir()}
    assert worlds == {
        "context-0": [[first, "0,1,2,3"]] * 4,
        "context-1": [[first, "4,5,6,7"]] * 4,
        "generation-0": [[second, all_eight]] * 8 + [[third, all_eight]] * 8,
    }
