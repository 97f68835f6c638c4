"""Asking Slurm for a job, where there is a Slurm to ask."""

import shutil
import subprocess

from dynplan.views.slurm import SlurmJob, leader_in, read_job

_LONGEST_S = 15  # that a controller may take to answer


def is_there() -> bool:
    """Tell whether this machine has Slurm's commands."""
    return shutil.which("scontrol") is not None


def ask(job_id: str) -> SlurmJob | None:
    """Return a job as the controller knows it, without a state where it knows no such job; None if nobody answers.

    The number of a component of a heterogeneous job, `8` or `7+1`, stands for the job.
    """
    said = _said(job_id)
    if said is None:
        return None
    job, leader = read_job(said, job_id), leader_in(said)
    return job if leader in ("", job.job_id, job_id) else ask(leader)


def _said(job_id: str) -> str | None:
    """Return what scontrol says of a job, None where nobody answers."""
    program = shutil.which("scontrol")
    if program is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603 - its own program, and a number
            [program, "show", "job", job_id], capture_output=True, timeout=_LONGEST_S, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return None
    said = (done.stdout + done.stderr).decode("utf-8", errors="replace")
    if done.returncode and "Invalid job id" not in said:
        return None
    return said
