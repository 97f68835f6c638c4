"""The real stack on a throwaway Slurm: etcd, NATS, Dynamo's frontend and mock engines, AIPerf.

`make acceptance` runs it, after `install.sh` beside it.
"""

import csv
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from tests.testbed import Cluster, Job, Process

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache"
VENV = CACHE / "stack"
EXAMPLE = ROOT / "examples" / "dynamo-shared" / "job.toml"
VARS = {
    "python": VENV / "bin" / "python",
    "aiperf": VENV / "bin" / "aiperf",
    "model": CACHE / "model",
    "accuracy": ROOT / "tests" / "acceptance" / "accuracy.py",
}
REQUESTS = 50

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(600)]


@frozen
class Run:
    """What the example's job left behind."""

    job: Job
    directory: Path
    log: str
    left: dict[str, list[Process]]
    nodes: tuple[str, ...]

    def file(self, name: str) -> Path:
        """The one file of that name below the job's output directory."""
        found = list(self.directory.rglob(name))
        assert len(found) == 1, f"{name}: {found}\n{self.log}"
        return found[0]

    def json(self, name: str) -> Any:
        """The one JSON file of that name."""
        return json.loads(self.file(name).read_text())


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Compile the example, submit it on two nodes, and wait for its end."""
    if not VARS["aiperf"].exists():
        pytest.fail("the stack is not installed: run tests/acceptance/install.sh")
    directory = tmp_path_factory.mktemp("dynamo")
    script = compile_example()
    with Cluster.up(nodes=2, gpus=8) as cluster:
        job = cluster.wait(cluster.submit(script, cwd=directory), timeout_s=420)
        left = {node: cluster.processes(node) for node in cluster.node_names}
        log = job.output.read_text() if job.output.exists() else ""
        yield Run(job, directory / "results" / f"dynamo-shared-{job.id}", log, left, cluster.node_names)


def compile_example() -> str:
    sets = [word for name, value in VARS.items() for word in ("--set", f'vars.{name}="{value}"')]
    argv = [sys.executable, "-m", "dynplan", "compile", str(EXAMPLE), *sets]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_job_succeeds_and_says_so(run: Run) -> None:
    assert (run.job.state, run.job.exit_code) == ("COMPLETED", 0), run.log
    assert run.file("success-marker.txt").is_file()
    assert not list(run.directory.rglob("failure-marker.txt"))


def test_aiperf_reports_every_request_as_successful(run: Run) -> None:
    report = run.json("profile_export_aiperf.json")
    assert report["request_count"]["avg"] == REQUESTS
    assert "error_request_count" not in report
    assert (report["error_summary"], report["was_cancelled"]) == ([], False)
    assert report["output_sequence_length"]["min"] > 0


def test_aiperf_scrapes_the_frontend_and_every_worker(run: Run) -> None:
    scraped = set(run.json("server_metrics_export.json")["summary"]["endpoints_successful"])
    first, second = run.nodes
    assert scraped == {
        f"http://{first}:8000/metrics",
        *(f"http://{node}:{port}/metrics" for node in (first, second) for port in (9090, 9091)),
    }


def test_prefill_and_decode_of_both_nodes_serve_requests(run: Run) -> None:
    metrics = run.json("server_metrics_export.json")["metrics"]
    served: Counter[str] = Counter()
    workers = set()
    for series in metrics["dynamo_component_requests"]["series"]:
        labels = series["labels"]
        if labels["dynamo_endpoint"] == "generate" and series["stats"]["total"] > 0:
            served[labels["dynamo_component"]] += int(series["stats"]["total"])
            workers.add(series["endpoint_url"])
    assert served == {"backend": REQUESTS, "prefill": REQUESTS}  # "backend" is decode
    assert len(workers) == 4


def test_every_accuracy_question_has_an_answer(run: Run) -> None:
    with run.file("accuracy_results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 10
    assert all(row["ok"] == "True" and int(row["answer_length"]) > 0 for row in rows)


def test_endpoints_lists_every_worker_where_it_ran(run: Run) -> None:
    roles = run.json("endpoints.json")["roles"]
    hosts = {role: [worker["host"] for worker in workers] for role, workers in roles.items()}
    first, second = run.nodes
    assert hosts == {
        "etcd": [first],
        "nats": [first],
        "decode": [first, second],
        "prefill": [first, second],
        "frontend": [first],
    }


def test_no_process_is_left_on_any_node(run: Run) -> None:
    assert run.left == {node: [] for node in run.nodes}
