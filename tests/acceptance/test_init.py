"""What `dynplan init` begins, run as it stands but for what only a machine without a network and a PATH needs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.acceptance.conftest import CACHE, environment
from tests.cli.test_usage import said
from tests.slurm.lab import Lab, succeeded

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(600)]

DYNAMO = ("etcd", "nats", "dynamo-mocker", "dynamo-mocker", "dynamo-frontend", "aiperf")
HERE = """\
extends = "{begun}"
[job]
output-dir = "out"
setup = "source {programs}/bin/activate"
"""
OFFLINE = """\
[vars]
model = "{model}"
[job.env]
HF_HUB_OFFLINE = "1"
[roles.aiperf]
unset = ["HF_HUB_OFFLINE"]
args = {{ tokenizer = "{model}" }}
"""


def begun(folder: Path, programs: str, *engines: str) -> str:
    """Return a job that begins from what `init` writes, its programs those of an environment."""
    file = folder / "begun.toml"
    file.write_text(said("init", *engines))
    return HERE.format(begun=file, programs=environment(programs))


def test_prefill_decode_and_a_client_find_one_another(lab: Lab, tmp_path: Path) -> None:
    text = begun(tmp_path, "dynamo-newest", *DYNAMO) + OFFLINE.format(model=CACHE / "model")
    run = lab.run(text, 1, timeout_s=420)
    assert succeeded(run)
    (report,) = run.directory.rglob("profile_export_aiperf.json")
    found = json.loads(report.read_text())
    assert found["request_count"]["avg"] == 100
    assert "error_request_count" not in found


# What `ray status` tells is some seconds old; that a worker is ready only when it has joined is seen in test_ray.py.
JOINED = """\
[phases.driver]
command = "until ray status | grep ' 0.0/16.0 GPU'; do sleep 1; done; ray status"
timeout = "1m"
"""


def test_the_nodes_of_a_ray_cluster_join_its_head(lab: Lab, tmp_path: Path) -> None:
    run = lab.run(begun(tmp_path, "ray", "ray-head", "ray-worker") + JOINED, timeout_s=420)
    assert succeeded(run)
    (log,) = run.directory.rglob("driver.log")
    assert re.search(r"^ *0\.0/16\.0 GPU$", log.read_text(), re.MULTILINE), "both nodes, with their GPUs"
