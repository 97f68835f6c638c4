"""`dynplan cluster detect` on clusters of several kinds: what it writes, and a job that runs with it to the end."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.golden import DETECTING
from tests.slurm.containers import obstacle, write_plugstack
from tests.testbed import Cluster, Kind, slurm_version

pytestmark = pytest.mark.slurm

EXAMPLE = Path(__file__).parents[2] / "examples" / "minimal" / "job.toml"
WITHOUT_GPUS = """
[job]
name = "plain"
time = "00:05:00"
output-dir = "results/%x"
[roles.server]
command = ["python3", "-m", "http.server", "{port.http}"]
ports = { http = 8000 }
ready = { port = "http", path = "/", timeout = "60s" }
[phases.smoke]
command = ["echo", "{role.server.urls.http}"]
"""

ON_TWO_KINDS = """
[job]
name = "two"
time = "00:05:00"
output-dir = "results/%x"
[roles.front]
group = "cpu"
command = ["python3", "-m", "http.server", "{port.http}"]
ports = { http = 8000 }
ready = { port = "http", path = "/", timeout = "60s" }
[roles.decode]
workers = 2
gpus-per-worker = 4
command = ["python3", "-m", "http.server", "{port.http}"]
ports = { http = 8000 }
ready = { port = "http", path = "/", timeout = "60s" }
[phases.smoke]
command = ["echo", "{role.front.urls.http} {role.decode.urls.http}"]
"""

# Two workers of two nodes each: a third of a block is left.
ON_TWO_BLOCKS = """
[job]
name = "wide"
time = "00:05:00"
output-dir = "results/wide"
[roles.wide]
kind = "task"
workers = 2
gpus-per-worker = 16
command = "echo {host} >>{job.dir}/seen-{worker}"
"""
KNOWS_BLOCKS = slurm_version() >= (23, 11)


def dynplan(cluster: Cluster, folder: Path, *words: str) -> str:
    """Return what dynplan prints on the log-in node."""
    argv: Sequence[str] = [sys.executable, "-m", "dynplan", *words]
    root = Path(__file__).parents[2]
    return cluster.run(argv, cwd=folder, env={"PYTHONPATH": str(root)}).stdout


def lines(text: str) -> list[str]:
    """Return the lines that say something of GPUs and partitions."""
    return [line for line in text.splitlines() if re.match(r"gpus?-(per-node|request|vendor)|partition|sbatch", line)]


def ran(cluster: Cluster, folder: Path, job: Path) -> str:
    """Compile a job with the cluster file that was detected, run it to its end, and return where it ran."""
    script = dynplan(cluster, folder, "compile", str(job), "--cluster", "cluster.toml")
    found = cluster.wait(cluster.submit(script, cwd=folder))
    output = next(folder.glob("*.out")).read_text(errors="replace")
    assert (found.state, found.exit_code) == ("COMPLETED", 0), output
    assert "dynplan: done" in output
    return found.node_list


@pytest.mark.parametrize(
    ("kinds", "expected", "nodes"),
    [
        pytest.param(
            (Kind(2, 8),),
            ["gpus-per-node = 8", 'gpu-request = "gpus-per-node"', 'gpu-vendor = "nvidia"', 'partition = "all"'],
            {"n0", "n1"},
            id="one kind",
        ),
        pytest.param(
            (Kind(2, 0, "cpu"), Kind(1, 8, "gpu")),
            [
                *('gpu-vendor = "nvidia"', "gpus-per-node = 8", 'gpu-request = "gpus-per-node"'),
                *('sbatch = { partition = "all" }', "gpus-per-node = 0", 'sbatch = { partition = "cpu" }'),
            ],
            {"n2"},
            id="with nodes that have none",
        ),
        pytest.param(
            (Kind(1, 8, "old", type="a100"), Kind(2, 8, "new", type="mi300x")),
            ["gpus-per-node = 8", 'gpu-request = "gpus-per-node"', 'gpu-vendor = "amd"', 'partition = "new"'],
            {"n1", "n2"},
            id="of two vendors",
        ),
        pytest.param(
            (Kind(1, 8, type="a100"), Kind(2, 8, type="h100")),
            [
                *('gpu-vendor = "nvidia"', "gpus-per-node = 8", 'gpu-request = "gres:h100"'),
                *('sbatch = { partition = "all" }', "gpus-per-node = 8", 'gpu-request = "gres:a100"'),
                'sbatch = { partition = "all" }',
            ],
            {"n1", "n2"},
            id="of two types in one partition",
        ),
        pytest.param(
            (Kind(1, 8, type=""),),
            ["gpus-per-node = 8", 'gpu-request = "gpus-per-node"', 'gpu-vendor = "nvidia"', 'partition = "all"'],
            {"n0"},
            id="without a type",
        ),
    ],
)
def test_a_cluster_is_detected_and_the_smallest_example_runs_on_it(
    slurm: None, tmp_path: Path, kinds: tuple[Kind, ...], expected: list[str], nodes: set[str]
) -> None:
    with Cluster.up(kinds=kinds) as cluster:
        dynplan(cluster, tmp_path, "cluster", "detect", "-o", "cluster.toml")
        text = (tmp_path / "cluster.toml").read_text()
        assert lines(text) == expected
        assert 'name = "testbed"' in text
        assert ran(cluster, tmp_path, EXAMPLE) in nodes


def test_a_job_has_nodes_of_two_kinds_that_were_detected(slurm: None, tmp_path: Path) -> None:
    job = tmp_path / "job.toml"
    job.write_text(ON_TWO_KINDS)
    with Cluster.up(kinds=(Kind(2, 0, "cpu"), Kind(1, 8, "gpu"))) as cluster:
        dynplan(cluster, tmp_path, "cluster", "detect", "-o", "cluster.toml")
        ran(cluster, tmp_path, job)
        said = (tmp_path / "results" / "two" / "phases" / "smoke.log").read_text()
    front, decode, other = re.findall(r"http://(\w+):\d+", said.splitlines()[-1])
    assert front in {"n0", "n1"}
    assert (decode, other) == ("n2", "n2")


def test_blocks_are_the_domains_of_the_jobs_that_follow(slurm: None, tmp_path: Path) -> None:
    job = tmp_path / "job.toml"
    job.write_text(ON_TWO_BLOCKS)
    with Cluster.up(nodes=6, blocks=("n[0,3,5]", "n[1-2,4]")) as cluster:
        dynplan(cluster, tmp_path, "cluster", "detect", "-o", "cluster.toml")
        text = (tmp_path / "cluster.toml").read_text()
        if not KNOWS_BLOCKS:
            assert "A tree of 2 leaf switches" in text
            assert "domain-nodes" not in text
            return
        assert "\n# 2 blocks of 3 nodes (scontrol show topology), taken for NVLink domains" in text
        assert "\ndomain-nodes = 3\n" in text
        assert "#SBATCH --segment=2" in dynplan(cluster, tmp_path, "compile", str(job), "--cluster", "cluster.toml")
        ran(cluster, tmp_path, job)
        worlds = [set(log.read_text().split()) for log in sorted((tmp_path / "results" / "wide").glob("seen-*"))]
    assert [len(world) for world in worlds] == [2, 2]
    assert all(world <= {"n0", "n3", "n5"} or world <= {"n1", "n2", "n4"} for world in worlds)


def test_a_cluster_without_gpus_is_detected_and_a_job_runs_on_it(slurm: None, tmp_path: Path) -> None:
    job = tmp_path / "job.toml"
    job.write_text(WITHOUT_GPUS)
    with Cluster.up(nodes=2, gpus=0) as cluster:
        dynplan(cluster, tmp_path, "cluster", "detect", "-o", "cluster.toml")
        assert lines((tmp_path / "cluster.toml").read_text()) == ["gpus-per-node = 0", 'partition = "all"']
        assert ran(cluster, tmp_path, job) in {"n0", "n1"}


def test_one_partition_is_asked_for_and_what_the_page_saves_says_the_same(slurm: None, tmp_path: Path) -> None:
    with Cluster.up(kinds=(Kind(1, 0, "cpu"), Kind(1, 4, "gpu"))) as cluster:
        live = dynplan(cluster, tmp_path, "cluster", "detect", "--partition", "gpu")
        assert lines(live)[-1] == 'partition = "gpu"'
        conf = str(cluster.directory / "etc" / "gres.conf")
        found = re.search(r"^```bash\n(.*?)^```$", DETECTING.read_text(), re.MULTILINE | re.DOTALL)
        assert found
        shell = found[1].replace("/etc/slurm/gres.conf", conf)
        cluster.run(["bash", "-c", shell], cwd=tmp_path, check=False)  # the last command's; there is no topology here
        saved = dynplan(cluster, tmp_path, "cluster", "detect", "--partition", "gpu", "--from", "saved")
        assert saved == live


def test_pyxis_is_seen_where_srun_has_it(slurm: None, tmp_path: Path) -> None:
    with Cluster.up(nodes=1) as cluster:
        assert 'container-runtime = "pyxis"' not in dynplan(cluster, tmp_path, "cluster", "detect")
        write_plugstack(cluster.directory / "etc")
        found = 'container-runtime = "pyxis"' in dynplan(cluster, tmp_path, "cluster", "detect")
    assert found is (obstacle("pyxis") is None), "without a compiler there is no plugin to see"


def test_a_controller_that_is_gone_is_told(slurm: None, tmp_path: Path) -> None:
    with Cluster.up(nodes=1) as cluster:
        cluster.run(["kill", (cluster.directory / "run" / "slurmctld.pid").read_text().strip()])
        argv = [sys.executable, "-m", "dynplan", "cluster", "detect"]
        done: subprocess.CompletedProcess[str] = cluster.run(
            argv, cwd=tmp_path, env={"PYTHONPATH": str(Path(__file__).parents[2])}, check=False, timeout_s=120
        )
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("error[D805]: `scontrol show node` failed: ")
