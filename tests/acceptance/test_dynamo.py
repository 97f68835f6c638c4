"""Dynamo itself with its mock engines, etcd, NATS and AIPerf: the example, with the versions it names and the newest.

Then what the example does not show: workers of different size packed together, and two jobs on the same nodes.
"""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from tests.acceptance.conftest import CACHE, HERE, environment
from tests.slurm.lab import Lab, Run, Running, succeeded
from tests.testbed import eventually

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(600)]

EXAMPLES = HERE.parents[1] / "examples" / "dynamo-shared"
REQUESTS = 50


def job(stack: str, more: str = "", extends: Path = EXAMPLES / "job.toml") -> str:
    """The example's job with the programs of an environment, and what `more` says."""
    programs = environment(stack) / "bin"
    return f"""extends = "{extends}"
[vars]
python = "{programs / "python"}"
aiperf = "{programs / "aiperf"}"
model = "{CACHE / "model"}"
accuracy = "{HERE / "accuracy.py"}"
[job]
output-dir = "out"
{more}"""


def text(run: Run, name: str) -> str:
    """The one file of that name below the job's output directory."""
    found = list(run.directory.rglob(name))
    assert len(found) == 1, f"{name}: {found}\n{run.output}"
    return found[0].read_text()


def scraped(run: Run) -> Any:
    """What AIPerf read from the metrics of frontend and workers."""
    return json.loads(text(run, "server_metrics_export.json"))


@pytest.fixture(scope="module", params=["dynamo", "dynamo-newest"])
def run(lab: Lab, request: pytest.FixtureRequest) -> Run:
    """The example as it is, on two nodes."""
    return lab.run(job(request.param), timeout_s=420)


def test_the_job_succeeds_and_leaves_nothing_behind(run: Run) -> None:
    assert succeeded(run)


def test_aiperf_reports_every_request_as_successful(run: Run) -> None:
    report = json.loads(text(run, "profile_export_aiperf.json"))
    assert report["request_count"]["avg"] == REQUESTS
    assert "error_request_count" not in report
    assert (report["error_summary"], report["was_cancelled"]) == ([], False)
    assert report["output_sequence_length"]["min"] > 0


def test_aiperf_scrapes_the_frontend_and_every_worker(run: Run) -> None:
    first, second = run.nodes
    assert set(scraped(run)["summary"]["endpoints_successful"]) == {
        f"http://{first}:8000/metrics",
        *(f"http://{node}:{port}/metrics" for node in (first, second) for port in (9090, 9091)),
    }


def test_prefill_and_decode_of_both_nodes_serve_requests(run: Run) -> None:
    served, workers = requests(run)
    assert served == {"backend": REQUESTS, "prefill": REQUESTS}  # "backend" is decode
    assert len(workers) == 4


def requests(run: Run) -> tuple[Counter[str], set[str]]:
    """How many requests each component served, and the addresses of the workers that served any."""
    served: Counter[str] = Counter()
    workers = set()
    for series in scraped(run)["metrics"]["dynamo_component_requests"]["series"]:
        labels = series["labels"]
        if labels["dynamo_endpoint"] == "generate" and series["stats"]["total"] > 0:
            served[labels["dynamo_component"]] += int(series["stats"]["total"])
            workers.add(series["endpoint_url"])
    return served, workers


def test_every_accuracy_question_has_an_answer(run: Run) -> None:
    rows = list(csv.DictReader(io.StringIO(text(run, "accuracy_results.csv"))))
    assert len(rows) == 10
    assert all(row["ok"] == "True" and int(row["answer_length"]) > 0 for row in rows)


def test_endpoints_lists_every_worker_where_it_ran(run: Run) -> None:
    first, second = run.nodes
    assert hosts(run) == {
        "etcd": [first],
        "nats": [first],
        "decode": [first, second],
        "prefill": [first, second],
        "frontend": [first],
    }


def hosts(run: Run) -> dict[str, list[str]]:
    """The host of every worker, by role."""
    return {role: [each["host"] for each in workers] for role, workers in run.json("endpoints.json")["roles"].items()}


def test_three_decode_and_two_prefill_workers_of_different_size_fill_two_nodes(lab: Lab, tmp_path: Path) -> None:
    packed = tomllib.loads((EXAMPLES / "base.toml").read_text())
    packed["job"]["num-nodes"] = 2
    for role, workers, gpus in (("decode", 3, 4), ("prefill", 2, 2)):
        del packed["roles"][role]["num-nodes"]
        packed["roles"][role] |= {"workers": workers, "gpus-per-worker": gpus}
    packed["phases"] |= tomllib.loads((EXAMPLES / "job.toml").read_text())["phases"]
    (tmp_path / "packed.toml").write_text(tomli_w.dumps(packed))
    run = lab.run(job("dynamo-newest", extends=tmp_path / "packed.toml"), timeout_s=420)
    assert succeeded(run)
    assert sorted(hosts(run)["decode"] + hosts(run)["prefill"]) == [run.nodes[index] for index in (0, 0, 1, 1, 1)]
    served, busy = requests(run)
    assert served == {"backend": REQUESTS, "prefill": REQUESTS}
    assert len(busy) == 5


def test_two_jobs_on_the_same_nodes_do_not_meet(lab: Lab) -> None:
    half = """
[job.sbatch]
exclusive = false
cpus-per-task = 16
mem = "100G"
[cluster]
gpus-per-node = 4
[roles.decode]
gpus-per-worker = 2
[roles.prefill]
gpus-per-worker = 2
"""
    first = job("dynamo-newest", half)
    with lab.nodes(2) as names:
        jobs = [start(lab, names, first), start(lab, names, first + other_ports(first))]
        eventually(lambda: all(lab.ended(job.id) for job in jobs), 420)
        runs = [job.finish(10) for job in jobs]
    for run in runs:
        assert succeeded(run)
        assert requests(run)[0] == {"backend": REQUESTS, "prefill": REQUESTS}


def start(lab: Lab, names: tuple[str, ...], text: str) -> Running:
    """Submit a job to these nodes."""
    folder = lab.write(text)
    return lab.submit(names, folder, lab.compile(folder))


def other_ports(text: str) -> str:
    """Say of every port that `text` plans that it is 500 higher."""
    argv = [sys.executable, "-m", "dynplan", "plan", "-", "--format=json"]
    plan = json.loads(subprocess.run(argv, input=text, capture_output=True, text=True, check=True).stdout)
    lines = []
    for role, said in plan["roles"].items():
        ports = (f"{name} = {port['base'] + 500}" for name, port in said["ports"].items())
        lines += [f"[roles.{role}.ports]", *ports]
    return "\n".join(lines)
