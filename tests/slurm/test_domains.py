"""Workers inside the blocks of Slurm's topology: what --segment promises, and what the preflight sees without it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.slurm.lab import Lab, Run, Running, leave_alone, succeeded
from tests.testbed import Cluster, slurm_version

pytestmark = [pytest.mark.slurm, pytest.mark.usefixtures("slurm")]
KNOWS_SEGMENTS = slurm_version() >= (24, 5)
BLOCKS = "blocks" if slurm_version() >= (23, 11) else "switches"

# A domain of four nodes holds two workers of two; the ones of three leave a node of each to others.
JOB = """\
cluster.domain-nodes = 4
[job]
sbatch = { segment = SEGMENT }
[roles.wide]
workers = 2
gpus-per-worker = 24
command = ["{vars.python}", "{vars.stub}", "--record", "{job.dir}/seen.jsonl"]
[roles.narrow]
workers = 2
gpus-per-worker = 8
command = ["{vars.python}", "{vars.stub}", "--record", "{job.dir}/seen.jsonl"]
[phases.one]
command = "true"
"""
PLANNED = JOB.replace("[job]\nsbatch = { segment = SEGMENT }\n", "")
NAMED = """\
cluster.domain-nodes = 4
[roles.wide]
nodes = "n[0-5]"
gpus-per-worker = 24
command = ["{vars.python}", "{vars.stub}", "--record", "{job.dir}/seen.jsonl"]
[phases.one]
command = "true"
"""
WIDE = NAMED.replace('nodes = "n[0-5]"', "workers = 2") + "[job]\nsbatch = { segment = false }\n"
UNPROMISED = JOB.replace("SEGMENT", "false")


# Twelve nodes would hold all of it at once, eight hold it in turns.
IN_TURNS = """\
cluster.domain-nodes = 4
[job]
num-nodes = 8
sbatch = { segment = SEGMENT }
[roles.warm]
kind = "task"
workers = 2
gpus-per-worker = 32
command = "echo $DYNPLAN_WORKER $DYNPLAN_HOST >>{job.dir}/warm"
[roles.wide]
after = ["warm"]
workers = 2
gpus-per-worker = 24
command = ["{vars.python}", "{vars.stub}", "--record", "{job.dir}/seen.jsonl"]
[phases.one]
command = "true"
"""


def topology(folder: Path, *blocks: str) -> Iterator[Lab]:
    with Cluster.up(nodes=12, blocks=blocks) as cluster:
        yield Lab(cluster, folder)


@pytest.fixture(scope="module")
def in_order(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Twelve nodes in three blocks, as their names go."""
    yield from topology(tmp_path_factory.mktemp("lab"), "n[0-3]", "n[4-7]", "n[8-11]")


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Twelve nodes whose names say nothing of their blocks."""
    yield from topology(tmp_path_factory.mktemp("lab"), "n[0,3,6,9]", "n[1,4,7,10]", "n[2,5,8,11]")


def run(lab: Lab, job: str, *sbatch: str) -> Run:
    """Run a job on nodes of Slurm's own choice."""
    folder = lab.write(job)
    script = lab.compile(folder)
    nodes = lab.cluster.node_names
    number = lab.cluster.submit(script, cwd=folder, args=sbatch)
    return Running(lab, number, nodes, folder, lab.strangers(nodes)).end(leave_alone, 60)


def homes(run: Run) -> list[set[str]]:
    """Return the nodes of the wide workers."""
    found: dict[int, set[str]] = {}
    for (role, worker, _), seen in run.workers.items():
        if role == "wide":
            found.setdefault(worker, set()).add(seen.host)
    return list(found.values())


def inside(lab: Lab, run: Run) -> bool:
    """Tell whether no wide worker is in two blocks, by Slurm's own words."""
    said = lab.cluster.run(["scontrol", "show", "topology"]).stdout
    lists = re.findall(r"^(?:BlockName|SwitchName=b).* Nodes=(\S+)", said, re.MULTILINE)
    blocks = [set(lab.cluster.run(["scontrol", "show", "hostnames", names]).stdout.split()) for names in lists]
    wide = homes(run)
    assert [len(nodes) for nodes in wide] == [3, 3]
    return all(any(nodes <= block for block in blocks) for nodes in wide)


@pytest.mark.skipif(not KNOWS_SEGMENTS, reason="this Slurm has no --segment")
@pytest.mark.parametrize("names", ["in_order", "mixed"])
def test_slurm_gives_segments_of_one_block_and_hosts_are_put_in_their_order(
    names: str, request: pytest.FixtureRequest
) -> None:
    lab = request.getfixturevalue(names)
    with lab.other_job("sleep 60", ["n1"]):
        done = run(lab, PLANNED)
    assert "#SBATCH --segment=4" in (done.folder / "job.sbatch").read_text()
    assert succeeded(done)
    assert inside(lab, done)


def test_without_a_promise_hosts_are_grouped_by_what_slurm_says(mixed: Lab) -> None:
    done = run(mixed, UNPROMISED, "--nodelist=n[0,1,3,4,6,7,9,10]")
    assert succeeded(done)
    assert inside(mixed, done)


@pytest.mark.parametrize("names", ["in_order", "mixed"])
def test_roles_after_a_task_have_the_segments_that_it_had(names: str, request: pytest.FixtureRequest) -> None:
    lab = request.getfixturevalue(names)
    if KNOWS_SEGMENTS:
        done = run(lab, IN_TURNS.replace("sbatch = { segment = SEGMENT }\n", ""))
        assert "#SBATCH --segment=4" in (done.folder / "job.sbatch").read_text()
    else:
        nodes = "n[0-7]" if names == "in_order" else "n[0,1,3,4,6,7,9,10]"
        done = run(lab, IN_TURNS.replace("SEGMENT", "false"), f"--nodelist={nodes}")
    assert succeeded(done)
    assert inside(lab, done)
    had = [line.split() for line in done.log("warm").splitlines()]
    warm = [{host for worker, host in had if worker == number} for number in ("0", "1")]
    assert [len(nodes) for nodes in warm] == [4, 4]
    assert all(sum(wide < own for wide in homes(done)) == 1 for own in warm)


def test_a_worker_across_blocks_ends_the_job_and_one_across_switches_is_told(in_order: Lab) -> None:
    # With topology/block Slurm refuses nodes in more blocks than so many need, and cuts workers apart all the same.
    done = run(in_order, WIDE, "--nodelist=n[0-5]")
    said = f"is in 2 {BLOCKS}, and 1 of 4 nodes would hold it: n3 in b0, n4, n5 in b1"
    if BLOCKS == "blocks":
        assert done.cause == f"preflight: worker 1 of role wide {said}; nothing was started"
        assert done.job.exit_code == 65
        assert not (done.directory / "seen.jsonl").exists()
        assert done.log("exit-code.txt") == "65\n"
    else:
        assert f"worker 1 of role wide {said}" in done.output
        assert succeeded(done)


def test_named_hosts_are_checked_alike(in_order: Lab) -> None:
    done = run(in_order, NAMED)
    assert f"worker 1 of role wide is in 2 {BLOCKS}" in done.output
    assert "n3 in b0, n4, n5 in b1" in done.output


def test_where_scontrol_does_not_answer_nodes_tell_their_blocks(in_order: Lab, tmp_path: Path) -> None:
    deaf = tmp_path / "scontrol"
    deaf.write_text(f'#!/bin/sh\n[ "$2" = topology ] && exit 1\nexec {shutil.which("scontrol")} "$@"\n')
    deaf.chmod(0o755)
    done = run(in_order, WIDE, "--nodelist=n[0-5]", f"--export=ALL,PATH={tmp_path}:{os.environ['PATH']}")
    assert (
        f"worker 1 of role wide is in 2 {BLOCKS}, and 1 of 4 nodes would hold it: n3 in b0, n4, n5 in b1" in done.output
    )
    assert done.job.exit_code == (65 if BLOCKS == "blocks" else 0)


def test_a_slurm_without_blocks_is_no_fault_and_said(tmp_path_factory: pytest.TempPathFactory) -> None:
    with Cluster.up(nodes=8) as cluster:
        done = run(Lab(cluster, tmp_path_factory.mktemp("lab")), UNPROMISED)
    assert succeeded(done)
    assert "Slurm tells no blocks of nodes (scontrol show topology): whether workers cross domains" in done.output
