"""The smallest example, as it stands in the project, on a real Slurm."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.slurm.lab import Lab, Run, scenario, succeeded

pytestmark = pytest.mark.slurm

EXAMPLE = Path(__file__).parents[2] / "examples" / "minimal" / "job.toml"


def minimal(lab: Lab) -> Run:
    return lab.run('extends = "minimal.toml"\njob.output-dir = "out"', 1, parents={"minimal.toml": EXAMPLE.read_text()})


@scenario(minimal)
def test_the_smallest_example_runs_and_its_phase_knows_where_everybody_is(run: Run) -> None:
    assert succeeded(run)
    host = run.nodes[0]
    decode = f"decode: http://{host}:8000,http://{host}:8001"
    assert f"{decode} prefill: http://{host}:8002" in run.log("phases/smoke.log")


@scenario(minimal)
def test_the_smallest_example_leaves_what_the_readme_says(run: Run) -> None:
    left = {str(path.relative_to(run.directory)) for path in run.directory.rglob("*") if path.is_file()}
    assert left == {
        "endpoints.json",
        "events.log",
        "logs/decode-0.log",
        "logs/decode-1.log",
        "logs/prefill-0.log",
        "phases/smoke.log",
        "plan.toml",
        "prometheus.json",
        "success-marker.txt",
    }
