"""The ways a script gets to Slurm: pipes, a file, an allocation, again."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from attrs import frozen

from tests.slurm.lab import Lab, Run, Running, scenario, succeeded
from tests.testbed import Process, eventually

pytestmark = pytest.mark.slurm

DYNPLAN = f"{sys.executable} -m dynplan"
ROOT = Path(__file__).parents[2]

JOB = """
[roles.worker]
workers = 2
gpus-per-worker = 4
command = ["{vars.python}", "{vars.stub}"]
args = { record = "{job.dir}/seen.jsonl" }
ports = { system = 9090 }
ready = { port = "system", path = "/health", timeout = "40s" }
stop = { grace = "2s" }
[phases.client]
command = "echo measured; sleep 0.2"
"""


def both_ran(run: Run) -> bool:
    assert succeeded(run)
    assert run.logs == {"worker-0.log", "worker-1.log"}
    return True


def piped(lab: Lab) -> Run:
    """A user's own words, a shell's pipe and all; the script is never a file."""
    with lab.nodes(1) as names:
        folder = lab.write(JOB)
        before = lab.strangers(names)
        line = f"{DYNPLAN} compile job.toml | sbatch --parsable --nodelist={names[0]}"
        words = ["bash", "-o", "pipefail", "-c", line]
        number = int(lab.cluster.run(words, cwd=folder).stdout)
        return Running(lab, number, names, folder, before).finish(60)


@scenario(piped)
def test_compile_can_be_piped_into_sbatch(run: Run) -> None:
    assert not list(run.folder.glob("*.sbatch"))
    assert both_ran(run)


def by_file(lab: Lab) -> Run:
    with lab.nodes(1) as names:
        folder = lab.write(JOB)
        lab.compile(folder)
        return lab.submit(names, folder, folder / "job.sbatch").finish(60)


@scenario(by_file)
def test_a_script_can_be_submitted_by_its_path(run: Run) -> None:
    assert both_ran(run)


def through_plan(lab: Lab) -> Run:
    with lab.nodes(1) as names:
        folder = lab.write(JOB)
        job = f"{folder}/job.toml"
        commands = (
            f"{DYNPLAN} plan {job} | {DYNPLAN} emit - >{folder}/emitted; {DYNPLAN} compile {job} >{folder}/script"
        )
        lab.cluster.run(["bash", "-o", "pipefail", "-ec", commands], cwd=ROOT)
        return lab.submit(names, folder, (folder / "emitted").read_text()).finish(60)


@scenario(through_plan)
def test_a_plan_emits_the_bytes_that_compile_writes_and_they_run(run: Run) -> None:
    assert (run.folder / "emitted").read_bytes() == (run.folder / "script").read_bytes()
    assert both_ran(run)


@frozen
class Session:
    """What a script did that ran inside an allocation made by salloc, on the log-in node."""

    code: int
    output: str
    folder: Path
    left: Mapping[str, Sequence[Process]]


def in_allocation(lab: Lab, command: str) -> Session:
    with lab.nodes(1) as names:
        folder = lab.write(JOB)
        lab.compile(folder)
        before = lab.strangers(names)
        salloc = ["salloc", "--quiet", "--exclusive", "--gpus-per-node=8", f"--nodelist={names[0]}"]
        done = lab.cluster.run([*salloc, "bash", "-c", command], cwd=folder, check=False)
        return Session(done.returncode, done.stdout + done.stderr, folder, lab.left(before))


def twice(lab: Lab) -> Session:
    return in_allocation(lab, "bash job.sbatch && bash job.sbatch")


@scenario(twice)
def test_a_script_runs_twice_in_one_allocation_each_time_in_a_directory_of_its_own(run: Session) -> None:
    assert run.code == 0, run.output
    assert sorted(path.name for path in run.folder.iterdir() if path.is_dir()) == ["out", "out.1"]
    for directory in (run.folder / "out", run.folder / "out.1"):
        assert (directory / "success-marker.txt").is_file()
        assert "measured" in (directory / "phases" / "client.log").read_text()
        assert len((directory / "seen.jsonl").read_text().splitlines()) == 2
    assert run.left == {}


def failing(lab: Lab) -> Session:
    return in_allocation(lab, "sed 's/echo measured/exit 9/' job.sbatch >bad.sbatch; bash bad.sbatch; echo code $?")


@scenario(failing)
def test_the_exit_code_of_a_script_in_an_allocation_is_the_phases(run: Session) -> None:
    assert "code 9\n" in run.output
    assert run.left == {}


def bare(lab: Lab) -> Session:
    folder = lab.write(JOB)
    lab.compile(folder)
    done = lab.cluster.run(["bash", "job.sbatch"], cwd=folder, check=False)
    return Session(done.returncode, done.stdout + done.stderr, folder, {})


@scenario(bare)
def test_a_script_outside_of_any_job_says_how_to_start_it(run: Session) -> None:
    assert run.code == 64
    assert "dynplan: FAILED: no Slurm job: submit with sbatch, or run under salloc\n" in run.output
    assert not (run.folder / "out").exists()


def interrupted(lab: Lab) -> Session:
    long = "sed 's/sleep 0.2/sleep 600/' job.sbatch >long.sbatch"
    return in_allocation(lab, f"{long}; timeout --foreground --preserve-status -s INT 4 bash long.sbatch; echo code $?")


@scenario(interrupted)
def test_ctrl_c_ends_a_script_in_an_allocation_in_order(run: Session) -> None:
    assert "dynplan: FAILED: INT\n" in run.output
    assert "code 130\n" in run.output
    assert (run.folder / "out" / "failure-marker.txt").is_file()
    assert run.left == {}


def with_options(lab: Lab) -> Run:
    """Options whose leftovers in the environment srun would take for its own."""
    options = ["--export=NONE", "--ntasks-per-node=2", "--cpus-per-task=3", "--gpu-bind=none", "--hint=nomultithread"]
    return lab.run(JOB, nodes=1, sbatch=options)


@scenario(with_options)
def test_what_a_user_adds_at_submission_does_not_reach_the_steps(run: Run) -> None:
    assert [(record.cuda, record.ports) for _, record in sorted(run.workers.items())] == [
        ("0,1,2,3", (9090,)),
        ("4,5,6,7", (9091,)),
    ]
    assert both_ran(run)


def requeued(lab: Lab) -> Run:
    """A requeue in the middle of a phase; the second time the phase is short."""
    job = JOB.replace("sleep 0.2", "[[ -n ${SLURM_RESTART_COUNT-} ]] || sleep 60") + "[job.sbatch]\nrequeue = true\n"

    def requeue(running: Running) -> None:
        running.wait_for("started", "phase:client")
        lab.cluster.run(["scontrol", "requeue", str(running.id)])
        eventually(lambda: lab.state(running.id) == "PENDING", 30)
        # Slurm would wait for two minutes, until every credential of the first run has expired. The ones of
        # this second are revoked and the job would be killed with them.
        lab.cluster.run(["scontrol", "update", f"JobId={running.id}", "StartTime=now+2"])

    return lab.run(job, nodes=1, fault=requeue, timeout_s=90)


@scenario(requeued)
def test_a_requeued_job_starts_clean_beside_the_logs_of_its_first_run(run: Run) -> None:
    assert (run.job.state, run.job.exit_code) == ("COMPLETED", 0), run.output
    first, second = run.folder / "out", run.folder / "out.1"
    assert not (first / "success-marker.txt").exists()
    assert (second / "success-marker.txt").is_file()
    for directory in (first, second):
        assert {path.name for path in (directory / "logs").iterdir()} == {"worker-0.log", "worker-1.log"}
        assert len((directory / "seen.jsonl").read_text().splitlines()) == 2
        assert json.loads((directory / "endpoints.json").read_text())["job"]["id"] == str(run.job.id)
    assert run.left == {}
