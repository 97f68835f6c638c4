"""Where a step's tasks have no input: /dev/null, as under a stand-in for srun or `srun --input=none`."""

from pathlib import Path

from tests.launch.lab import job_text, run

PREPARE = '[roles.prepare]\nkind = "task"\ncommand = "sleep 0.5; echo prepared"'
PHASE = '[phases.smoke]\ncommand = "echo smoke"'


def test_tasks_without_input_run_to_their_own_end(tmp_path: Path) -> None:
    found = run(job_text(PREPARE, PHASE), tmp_path, env={"STUB_NO_INPUT": "yes"})
    assert (found.code, found.cause) == (0, ""), found.output
    assert "prepared" in found.text("logs/prepare-0.log")
    assert "smoke" in found.text("phases/smoke.log")


def test_what_fails_without_input_is_the_failure_of_the_job(tmp_path: Path) -> None:
    found = run(job_text(PREPARE, PHASE.replace("echo smoke", "exit 3")), tmp_path, env={"STUB_NO_INPUT": "yes"})
    assert found.code == 3
    assert found.cause.startswith("phase smoke on n0: exit status 3; log ")
