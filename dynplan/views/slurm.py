"""What Slurm says of a job: the text of `scontrol show job` as a record."""

import re

from attrs import frozen

from dynplan.model import Record

# squeue(1), JOB STATE CODES: those in which a job runs, or will.
_ACTIVE = frozenset(
    ("PENDING", "CONFIGURING", "RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING", "STAGE_OUT", "RESIZING")
) | {"REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "RESV_DEL_HOLD", "SPECIAL_EXIT"}
_FIRST = re.compile(r"^JobId=(\d+)\b.*? JobName=(.*)$", re.MULTILINE)
_LEADER = re.compile(r"^JobId=\d+\b.*? (?:Het|Pack)JobId=(\d+)", re.MULTILINE)
_RESULTS = re.compile(r"^\[\d\d:\d\d:\d\d\] results in (/.*)$", re.MULTILINE)
_CAUSE = re.compile(r"^(?:\[\d\d:\d\d:\d\d\] )?dynplan: FAILED: (.*)$", re.MULTILINE)
_LIMIT = re.compile(r"(?:(\d+)-)?(\d+):(\d+):(\d+)")  # days-hours:minutes:seconds (scontrol(1))


@frozen(eq=False, repr=False)
class SlurmJob(Record):
    """A job as the controller knows it.

    Attributes:
        job_id: its number.
        name: its name, empty where the controller does not know the job (any more).
        state: `RUNNING` ..., empty for the same reason.
        reason: why it waits, empty where it does not.
        limit_s: its time limit in seconds, None for none.
        stdout: the file of its output.
        workdir: where it was submitted.
        code: its exit code, None before its end, or where a signal was it.
    """

    job_id: str
    name: str = ""
    state: str = ""
    reason: str = ""
    limit_s: int | None = None
    stdout: str = ""
    workdir: str = ""
    code: int | None = None

    @property
    def is_active(self) -> bool:
        """Whether it runs, or will."""
        return self.state in _ACTIVE


def read_job(text: str, job_id: str) -> SlurmJob:
    """Return the first job that `scontrol show job JOBID` describes."""
    first = _FIRST.search(text)
    if first is None:
        return SlurmJob(job_id)
    name, stdout, reason = first[2], _line(text, "StdOut"), _word(text, "Reason")
    return SlurmJob(
        job_id=first[1],
        name=name,
        state=_word(text, "JobState"),
        reason="" if reason == "None" else reason,
        limit_s=_limit(_word(text, "TimeLimit")),
        stdout=stdout.replace("%j", first[1]).replace("%x", name),  # some versions leave them as they are
        workdir=_line(text, "WorkDir"),
        code=_code(_word(text, "ExitCode")),
    )


def leader_in(text: str) -> str:
    """Return the number of the job that has the batch script, where `text` tells of components of one; else nothing."""
    found = _LEADER.search(text)
    return found[1] if found else ""


def results_in(output: str) -> str:
    """Return the directory that a job's output names last, a requeued one's own; empty where there is none yet."""
    return next((match[1] for match in reversed(list(_RESULTS.finditer(output)))), "")


def cause_in(output: str) -> str:
    """Return the cause that a job's output names last; empty where there is none."""
    return next((match[1] for match in reversed(list(_CAUSE.finditer(output)))), "")


def _word(text: str, key: str) -> str:
    match = re.search(rf"^ +(?:\S+ )*?{key}=(\S*)", text, re.MULTILINE)
    return match[1] if match else ""


def _line(text: str, key: str) -> str:
    match = re.search(rf"^ +{key}=(.*)$", text, re.MULTILINE)
    return match[1].strip() if match else ""


def _limit(text: str) -> int | None:
    match = _LIMIT.fullmatch(text)
    if match is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def _code(text: str) -> int | None:
    """Return the exit code of `CODE:SIGNAL`; a job that runs has 0:0 (scontrol(1))."""
    code, _, signal = text.partition(":")
    return int(code) if signal == "0" and code.isascii() and code.isdecimal() and code != "0" else None
