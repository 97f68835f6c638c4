"""From a job file to its placement, its script and, where it can be, a running job: `make demo`."""

import csv
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.testbed import Cluster, Job, TestbedError, obstacle
from tests.testbed.cluster import ENDED

ROOT = Path(__file__).parents[1]
JOB = "examples/dynamo-shared/job.toml"
DEMO = Path("demo")
SCRIPT = DEMO / "job.sbatch"
# The example's own places are the directory of submission; the demo keeps everything in its own.
SETS = ('job.output-dir="demo/%x-%j"', 'job.sbatch.output="demo/%x-%j.out"')
LEFT = {
    "endpoints.json": "where every worker answers",
    "events.log": "what happened when, one event a line",
    "logs": "one log per worker",
    "phases": "per phase its log and its own directory",
    "plan.toml": "what ran where",
    "prometheus.json": "what Prometheus scrapes (file_sd)",
    "success-marker.txt": "the job ended well",
}
FIGURES = (
    ("request latency", "request_latency"),
    ("time to first token", "time_to_first_token"),
    ("time between tokens", "inter_token_latency"),
    ("output tokens", "output_token_throughput"),
)


def main() -> int:
    """Show the way of one job, and return 1 if it failed."""
    os.chdir(ROOT)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # what others print comes in between
    shutil.rmtree(DEMO, ignore_errors=True)
    DEMO.mkdir()
    heading("The job file")
    print(Path(JOB).read_text())
    heading("Where everything will run")
    dynplan("show", JOB)
    heading("The script")
    dynplan("compile", JOB, *(word for text in SETS for word in ("--set", text)), "-o", str(SCRIPT))
    size = SCRIPT.stat().st_size / 1024
    print(f"{SCRIPT}: {size:.0f} KiB; Slurm and bash are all it needs on a cluster")
    heading("The job")
    missing = prepare()
    if missing:
        print(f"Not run here: {missing}.")
        return 0
    return run()


def heading(text: str) -> None:
    """Print the heading of a step."""
    print(f"\n==== {text} " + "=" * max(0, 72 - len(text)))


def dynplan(*words: str) -> None:
    """Run dynplan, and show how it was called."""
    print("$ dynplan", " ".join(f"'{word}'" if '"' in word else word for word in words))
    subprocess.run([Path(sys.executable).with_name("dynplan"), *words], check=True)


def prepare() -> str | None:
    """Install the throwaway Slurm and the stack; return in one line what is missing, if anything is."""
    if os.geteuid() != 0:
        return "the throwaway Slurm needs root; as root `make demo` also runs the script on it"
    print("Installing Slurm, etcd, NATS, Dynamo and AIPerf unless they are there (1.3 GB in .cache) ...")
    for command in (["tools/install.sh", "slurm"], ["tests/acceptance/install.sh", "dynamo"]):
        if subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode:
            return f"{command[0]} could not install the stack, see above"
    return obstacle()


def run() -> int:
    """Run the script on a throwaway cluster of two nodes and show what comes of it."""
    with Cluster.up(nodes=2, gpus=8) as cluster:
        print(f"$ sbatch {SCRIPT}    # on a throwaway Slurm: {', '.join(cluster.node_names)}")
        job = follow(cluster, cluster.submit(SCRIPT))
    print(f"job {job.id}: {job.state}, exit code {job.exit_code}")
    left = DEMO / f"dynamo-shared-{job.id}"
    if job.state != "COMPLETED":
        print(f"The logs are in {left}/.")
        return 1
    heading("What AIPerf measured against Dynamo's mock engines (no GPU was used)")
    print_figures(json.loads(next(left.rglob("profile_export_aiperf.json")).read_text()))
    print_accuracy(next(left.rglob("accuracy_results.csv")))
    heading("What the job left")
    print_files(left)
    return 0


def follow(cluster: Cluster, job_id: int) -> Job:
    """Print a job's output as it comes, and return the job when it has ended."""
    shown = 0
    while True:
        job = cluster.job(job_id)
        ended = job.state in ENDED
        text = job.output.read_text() if job.output.exists() else ""
        whole = len(text) if ended else text.rfind("\n") + 1
        for line in text[shown:whole].splitlines():
            print(f"  {line}")
        shown = whole
        if ended:
            return job
        time.sleep(0.2)


def print_figures(report: dict[str, Any]) -> None:
    """Print the main figures of AIPerf's export."""
    done, failed = report["request_count"]["avg"], report.get("error_request_count", {"avg": 0})["avg"]
    print(f"{done:.0f} requests answered, {failed:.0f} failed")
    print(f"{'':20}{'mean':>10}{'median':>10}{'99 %':>10}")
    for label, name in FIGURES:
        row = report[name]
        figures = (f"{row[part]:10.2f}" if part in row else " " * 10 for part in ("avg", "p50", "p99"))
        print(f"{label:20}{''.join(figures)} {row['unit']}")


def print_accuracy(file: Path) -> None:
    """Print how many questions of the accuracy run were answered."""
    with file.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    print(f"accuracy run: {sum(row['ok'] == 'True' for row in rows)} of {len(rows)} questions answered")


def print_files(left: Path) -> None:
    """List what a job leaves, with what each file is for."""
    for path in sorted(left.iterdir()):
        name = f"{path.name}/" if path.is_dir() else path.name
        print(f"{left}/{name:20} {LEFT.get(path.name, '')}".rstrip())


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except TestbedError as error:
        sys.exit(f"demo: {error}")
