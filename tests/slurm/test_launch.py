"""What a job meets on a real Slurm: its setup, signals of its user, an output directory that goes."""

from __future__ import annotations

import shutil

import pytest

from tests.slurm.lab import Lab, Run, Running, scenario, succeeded

pytestmark = pytest.mark.slurm

# A worker that writes down the signals it gets, as one that dumps its stacks would.
WORKER = """
[roles.worker]
num-nodes = 2
gpus-per-worker = 8
command = '''
trap 'echo dumped its stacks' USR1
echo listening
while true; do sleep 0.2; done'''
ready = { log = "listening", timeout = "20s" }
stop = { grace = "1s" }
"""


def in_phase(job: Running) -> None:
    job.wait_for("started", "phase:client")


def usr1(lab: Lab) -> Run:
    def fault(job: Running) -> None:
        in_phase(job)
        job.scancel("--signal=USR1")

    return lab.run(
        f"{WORKER}[phases.client]\ncommand = \"trap 'echo client too' USR1; sleep 4 & wait; wait\"\n", fault=fault
    )


@scenario(usr1)
def test_a_signal_of_the_user_reaches_every_worker_and_the_phase_and_the_job_goes_on(run: Run) -> None:
    assert succeeded(run)
    # The first lines of a log are the command itself.
    logs = [run.log(name).splitlines() for name in ("logs/worker-0.log", "logs/worker-1.log", "phases/client.log")]
    assert [log.count("dumped its stacks") for log in logs] == [1, 1, 0]
    assert logs[2].count("client too") == 1


def hangup(lab: Lab) -> Run:
    def fault(job: Running) -> None:
        in_phase(job)
        job.scancel("--batch", "--signal=HUP")

    return lab.run(f'{WORKER}[phases.client]\ncommand = "sleep 60"\n', fault=fault)


@scenario(hangup)
def test_a_signal_to_the_batch_script_in_a_phase_is_no_success(run: Run) -> None:
    assert (run.job.state, run.job.exit_code) == ("FAILED", 129), run.output
    assert "HUP" in run.cause
    assert not (run.directory / "success-marker.txt").exists()
    assert run.left == {}


def directory_goes(lab: Lab) -> Run:
    def fault(job: Running) -> None:
        in_phase(job)
        shutil.rmtree(job.folder / "out")

    return lab.run(f'{WORKER}[phases.client]\ncommand = "sleep 3"\n', fault=fault)


@scenario(directory_goes)
def test_an_output_directory_that_is_deleted_in_a_phase_is_no_success(run: Run) -> None:
    assert (run.job.state, run.job.exit_code) == ("FAILED", 74), run.output
    assert run.left == {}


SETUP = """
[job]
setup = "export FROM_JOB=job"
[roles.worker]
num-nodes = 1
workers-per-node = 2
gpus-per-worker = 4
setup = '''
cd "$DYNPLAN_JOB_DIR" || exit
export OWN=$FROM_JOB-$CUDA_VISIBLE_DEVICES
'''
command = "echo got $OWN in $PWD; sleep 600"
ready = { log = "got", timeout = "20s" }
stop = { grace = "1s" }
[phases.client]
command = "echo phase $FROM_JOB"
"""


def set_up(lab: Lab) -> Run:
    return lab.run(SETUP, 1)


@scenario(set_up)
def test_a_setup_prepares_each_worker_with_what_slurm_gives_it(run: Run) -> None:
    assert succeeded(run)
    assert f"got job-0,1,2,3 in {run.directory}\n" in run.log("logs/worker-0.log")
    assert f"got job-4,5,6,7 in {run.directory}\n" in run.log("logs/worker-1.log")
    assert "phase job\n" in run.log("phases/client.log")


def set_up_wrongly(lab: Lab) -> Run:
    return lab.run(SETUP.replace('cd "$DYNPLAN_JOB_DIR"', "module load cuda"), 1)


@scenario(set_up_wrongly)
def test_a_setup_that_fails_is_the_cause(run: Run) -> None:
    assert (run.job.state, run.job.exit_code) == ("FAILED", 70), run.output
    assert run.cause.startswith("role worker worker "), run.output
    assert ": its setup ended: exit status 127; log " in run.cause
    assert "module: command not found" in "".join(run.log(f"logs/{name}") for name in run.logs)
    assert run.left == {}
