"""The commands about a job that runs or has run, from the outside: its directory as it was left, Slurm as a stub."""

import errno
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from dynplan.cli import app
from dynplan.cli import logs as logs_command
from tests.laws.profile import law
from tests.views.runs import DONE, FAILED, MARKER, NODES, PHASES, PLAN, READY, STARTED, log_of

NOBODY = "/nonexistent"  # a PATH on which there is no Slurm

SCONTROL = """\
#!/bin/bash
echo "$@" >>"$0.asked"
if [[ $3 != 7 ]]; then
	echo "slurm_load_jobs error: Invalid job id specified" >&2
	exit 1
fi
cat <<END
JobId=7 JobName=chat
   JobState=STATE Reason=REASON Dependency=(null)
   RunTime=00:00:12 TimeLimit=01:00:00 TimeMin=N/A
   WorkDir=$PWD
   StdOut=$PWD/elsewhere.txt
END
"""


def dynplan(*arguments: str | Path, path: str = NOBODY, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run dynplan where PATH is as given."""
    command = [sys.executable, "-m", "dynplan", *map(str, arguments)]
    env = {**os.environ, "PATH": path}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=env, **more)


def told(*arguments: str | Path, path: str = NOBODY) -> str:
    """Return what dynplan writes where all is well."""
    done = dynplan(*arguments, path=path)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def refused(*arguments: str | Path, path: str = NOBODY) -> str:
    """Return what dynplan says about wrong input."""
    done = dynplan(*arguments, path=path)
    assert (done.returncode, done.stdout) == (1, "")
    return done.stderr


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where a job was submitted, and what a failed one has left in results/chat-7."""
    monkeypatch.chdir(tmp_path)
    left = tmp_path / "results" / "chat-7"
    (left / "logs").mkdir(parents=True)
    (left / "phases").mkdir()
    (left / "events.log").write_text(log_of(*NODES, *STARTED, *READY, *PHASES, *FAILED))
    (left / "plan.toml").write_text(PLAN)
    (left / "failure-marker.txt").write_text(MARKER)
    return tmp_path


@pytest.fixture
def left(folder: Path) -> Path:
    """The output directory."""
    return folder / "results" / "chat-7"


def slurm(folder: Path, state: str = "RUNNING", reason: str = "None") -> str:
    """Put a scontrol that knows job 7 into a folder, and return the PATH that leads to it."""
    program = folder / "bin" / "scontrol"
    program.parent.mkdir(exist_ok=True)
    program.write_text(SCONTROL.replace("STATE", state).replace("REASON", reason))
    program.chmod(0o755)
    return f"{program.parent}:/usr/bin:/bin"


def run_on(left: Path) -> None:
    """Make of a job that has failed one that still runs its last phase."""
    (left / "failure-marker.txt").unlink()
    (left / "events.log").write_text(log_of(*NODES, *STARTED, *READY, *PHASES))


# status


def test_status_says_what_failed(left: Path) -> None:
    text = told("status", "results/chat-7")
    assert text.startswith("chat 7: failed with 70 after 3m20s, at 04:03:20\nin results/chat-7\n\nFAILED: role decode")
    tree = json.loads(told("status", "results/chat-7", "--format", "json"))
    assert (tree["state"], tree["code"], tree["log"]) == ("failed", 70, "/r/chat-7/logs/decode-1.log")


def test_status_of_a_job_that_has_just_begun(left: Path) -> None:
    for name in ("events.log", "plan.toml", "failure-marker.txt"):
        (left / name).unlink()
    assert told("status", left) == f"a job: nothing has happened yet\nin {left}\n"


def test_status_of_a_directory_in_which_no_job_has_run(folder: Path) -> None:
    (folder / "results" / "chat-8").mkdir()
    ours = "name what a job's output calls `results in`, or the number of the job"
    for name, message, fix in [
        ("results", "`results` is no output directory of a job: it has no events.log", "there is `results/chat-7`"),
        ("results/chat-8", "`results/chat-8` is no output directory of a job: it has no events.log", ours),
        ("results/chat-77", "there is no directory `results/chat-77`", "there is `results/chat-7`"),
        ("job.toml", "there is no directory `job.toml`", ours),
        ("\x1b[2J", "there is no directory `\\x1b[2J`", ours),
    ]:
        assert refused("status", name) == f"error[D801]: {message}\n  = help: {fix}\n"


def test_a_plan_that_is_none_hides_nothing_else(left: Path) -> None:
    (left / "plan.toml").write_text("schema = ")
    assert "\nFAILED: role decode worker 1 rank 0 on n1: exit status 1\n" in told("status", left)


COMPONENTS = """\
#!/bin/bash
# Job 7 has two components; of the first one's number scontrol tells both.
tell() {
	cat <<END
JobId=$1 HetJobId=7 HetJobOffset=$(($1 - 7)) JobName=chat
   HetJobIdSet=7-8
   JobState=RUNNING Reason=None Dependency=(null)
   RunTime=00:00:12 TimeLimit=01:00:00 TimeMin=N/A
   WorkDir=$PWD
   StdOut=$PWD/chat-$1.out

END
}
case $3 in
7) tell 7 && tell 8 ;;
8 | 7+1) tell 8 ;;
esac
"""


@pytest.mark.parametrize("number", ["7", "8", "7+1"])
def test_the_number_of_any_component_is_that_of_the_job(folder: Path, left: Path, number: str) -> None:
    path = slurm(folder)
    (folder / "bin" / "scontrol").write_text(COMPONENTS)
    (folder / "chat-7.out").write_text(f"[04:00:00] results in {left}\n")
    run_on(left)
    assert told("status", number, path=path).startswith("chat 7: runs its phases, ")


def test_slurm_is_asked_where_no_marker_is_there(folder: Path, left: Path) -> None:
    path = slurm(folder)
    told("status", left, path=path)
    assert not (folder / "bin" / "scontrol.asked").exists()
    run_on(left)
    assert told("status", left, path=path).startswith("chat 7: runs its phases, ")
    assert " of at most 1h since 04:00:00\n" in told("status", left, path=path)
    assert told("status", left, path=slurm(folder, "NODE_FAIL")).startswith(
        "chat 7: ended without a word: Slurm has it as NODE_FAIL; its last event was at 04:02:17\n"
    )
    (left / "plan.toml").write_text(PLAN.replace('name = "chat"', 'name = "other"'))
    assert told("status", left, path=path).startswith("other 7: runs its phases, ")
    assert "of at most 1h" not in told("status", left, path=path)  # a job of that number on another cluster


def test_status_by_number(folder: Path, left: Path) -> None:
    path = slurm(folder, "PENDING", "Resources")
    assert told("status", "7", path=path) == "chat 7: pending (Resources); nothing has happened yet\n"
    (folder / "elsewhere.txt").write_text(f"[04:00:00] results in {left}\n")
    assert f"\nin {left}\n" in told("status", "7", path=path)


def test_status_by_a_number_that_slurm_has_forgotten(folder: Path, left: Path) -> None:
    (folder / "chat-9.out").write_text("")
    for path in (NOBODY, slurm(folder)):
        assert told("status", "7", path=NOBODY).startswith("chat 7: failed")
        (folder / "chat-8.out").write_text(f"[04:00:00] results in {left}\n")
        assert told("status", "8", path=path).startswith("chat 7: failed")
    here = "neither `*-9.out` nor `results/*-9` is here"
    assert refused("status", "9", path=slurm(folder)) == (
        f"error[D802]: Slurm knows no job 9 (any more)\n  = help: name its output directory; {here}\n"
    )
    assert refused("status", "9").startswith("error[D802]: there is no Slurm here to ask for job 9\n")


def test_a_job_that_failed_before_it_had_a_directory_is_told_with_its_cause(folder: Path) -> None:
    (folder / "chat-9.out").write_text("[04:00:00] dynplan: FAILED: the plan has 2 nodes\n")
    output, message = folder / "chat-9.out", "job 9 failed before it had an output directory: the plan has 2 nodes"
    for path, name in ((NOBODY, output.name), (slurm(folder), output.name)):
        assert refused("status", "9", path=path) == f"error[D802]: {message}\n  = help: its output is `{name}`\n"
    shutil.rmtree(folder / "results")
    (folder / "elsewhere.txt").write_text("dynplan: FAILED: bash 4.4 is needed\n")
    told = refused("status", "7", path=slurm(folder, "FAILED"))
    assert told.startswith("error[D802]: job 7 failed before it had an output directory: bash 4.4 is needed\n")


def test_watch_ends_with_the_job(left: Path) -> None:
    run_on(left)
    command = [sys.executable, "-m", "dynplan", "status", str(left), "--watch", "--interval", "0.2", "--format", "json"]
    env = {**os.environ, "PATH": NOBODY}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as watching:
        assert watching.stdout is not None
        first = json.loads(watching.stdout.readline())
        assert (first["state"], first["phases"][1]["state"]) == ("unfinished", "running")
        (left / "events.log").write_text(log_of(*NODES, *STARTED, *READY, *PHASES, *DONE))
        (left / "success-marker.txt").write_text("done\n")
        rest = [json.loads(line) for line in watching.stdout]
    assert watching.returncode == 0
    assert rest[-1]["state"] == "done"
    assert 1 <= len(rest) <= 2


def test_watch_ends_with_ctrl_c(left: Path) -> None:
    run_on(left)
    command = [sys.executable, "-m", "dynplan", "status", str(left), "--watch", "--interval", "60"]
    # What a script starts in the background ignores SIGINT, and so would all that these tests start.
    command = ["env", "--default-signal=INT", *command]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as watching:
        assert watching.stdout is not None
        assert watching.stderr is not None
        assert watching.stdout.readline().startswith("chat 7: ")
        time.sleep(0.3)
        watching.send_signal(signal.SIGINT)
        assert watching.stderr.read() == ""
    assert watching.returncode == 130


# logs


HEAD = "dynplan: decode worker 0 rank 0 on n0: serve\n"


@pytest.fixture
def logs(left: Path) -> Path:
    """The output directory with logs in it."""
    (left / "logs" / "decode-0.log").write_text(HEAD + "one\ntwo\nthree")
    (left / "logs" / "decode-1.log").write_text("loading\nRuntimeError\n")
    (left / "logs" / "wide-0.0.log").write_text("leader\n")
    (left / "logs" / "wide-0.1.log").write_bytes(b"follower \xff\n")
    (left / "phases" / "smoke.log").write_text("smoke\n")
    (left / "phases" / "bench.log").write_text("")
    return left


def test_logs_of_all_stand_one_after_another(logs: Path) -> None:
    assert told("logs", logs, "--tail", "1") == (
        "decode-0 | three\ndecode-1 | RuntimeError\nwide-0.0 | leader\nwide-0.1 | follower \ufffd\nsmoke    | smoke\n"
    )


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["decode-0"], HEAD + "one\ntwo\nthree"),
        (["decode-1", "--tail", "1"], "RuntimeError\n"),
        (["decode-1", "--tail", "0"], ""),
        (["wide"], "wide-0.0 | leader\nwide-0.1 | follower \ufffd\n"),
        (["wide-0"], "wide-0.0 | leader\nwide-0.1 | follower \ufffd\n"),
        (["wide-0.1"], "follower \ufffd\n"),
        (["smoke", "decode-1"], "decode-1 | loading\ndecode-1 | RuntimeError\nsmoke    | smoke\n"),
    ],
)
def test_logs_by_name(logs: Path, words: list[str], expected: str) -> None:
    assert told("logs", logs, *words) == expected


def test_logs_that_are_not_there(logs: Path, left: Path) -> None:
    for word, fix in [
        ("decod-1", "there is `decode-1`"),
        ("decode-7", "there is `decode`"),
        ("Wide-0.1", "there is `wide-0.1`"),
        ("smok", "there is `smoke`"),
        ("nginx", "known names: bench, decode, frontend, smoke, wide"),
    ]:
        message = f"no worker, role or phase of this job is called `{word}`"
        assert refused("logs", logs, word) == f"error[D803]: {message}\n  = help: {fix}\n"
    assert refused("logs", logs, "frontend").startswith("error[D803]: `frontend` has written no log yet\n")
    for path in logs.glob("*/*.log"):
        path.unlink()
    assert refused("logs", logs).startswith("error[D803]: this job has written no log yet\n")


@given(st.binary(max_size=40).map(lambda raw: raw.replace(b"a", b"\n").replace(b"\x00", b"\n")), st.integers(0, 9))
@law
def test_a_tail_is_the_last_lines(raw: bytes, lines: int) -> None:
    with TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(logs_command, "_CHUNK", 7)
        file = Path(name) / "x.log"
        file.write_bytes(raw)
        start = logs_command._start(file, lines)
        parts = re.findall(rb"[^\n]*\n|[^\n]+\Z", raw)
        assert raw[start:] == b"".join(parts[-lines:] if lines else [])


def test_logs_are_followed_until_the_job_has_ended(logs: Path, left: Path) -> None:
    run_on(left)
    command = [sys.executable, "-m", "dynplan", "logs", str(left), "decode", "frontend", "-f", "--tail", "1"]
    env = {**os.environ, "PATH": NOBODY}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as following:
        assert following.stdout is not None
        assert following.stdout.readline() == "decode-1 | RuntimeError\n"
        (left / "logs" / "frontend-0.log").write_text("hello\n")  # it was not there when we began
        assert following.stdout.readline() == "frontend-0 | hello\n"
        with (left / "logs" / "decode-0.log").open("a") as log:
            log.write(" and four\nfive\n")
        assert following.stdout.readline() == "decode-0   | three and four\n"
        assert following.stdout.readline() == "decode-0   | five\n"
        (left / "logs" / "decode-1.log").write_text("cut\n")
        assert following.stdout.readline() == "decode-1   | cut\n"
        (left / "events.log").write_text(log_of(*NODES, *STARTED, *READY, *PHASES, *FAILED))
        (left / "failure-marker.txt").write_text(MARKER)
        with (left / "logs" / "decode-0.log").open("a") as log:
            log.write("the last")
        assert following.stdout.read() == "decode-0   | the last\n"
    assert following.returncode == 0


def test_whoever_stops_reading_is_not_told_of_it(logs: Path) -> None:
    (logs / "logs" / "decode-0.log").write_text("line\n" * 1_000_000)
    line = f"{sys.executable} -m dynplan logs {logs} | head -1"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("decode-0 | line\n", "")


@pytest.mark.parametrize(
    ("command", "name"),
    [("status", "events.log"), ("status", "plan.toml"), ("logs", "logs/decode-0.log"), ("report", "endpoints.json")],
)
def test_what_cannot_be_read_is_not_taken_for_nothing(
    command: str, name: str, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (logs / "endpoints.json").write_text("{}")
    opened = Path.open

    def closed(path: Path, *arguments: Any, **more: Any) -> Any:
        if str(path).endswith(name):
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(path, *arguments, **more)

    monkeypatch.setattr(Path, "open", closed)  # as root we may read everything
    done = CliRunner().invoke(app, [command, str(logs)])
    assert done.exit_code == 1
    assert done.stderr == f"error[D004]: cannot read `{logs / name}`: permission denied\n"


def test_a_terminal_is_drawn_anew(left: Path) -> None:
    run_on(left)
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "dynplan", "status", str(left), "--watch", "--interval", "0.2"]
    with subprocess.Popen(command, stdout=follower, env={**os.environ, "PATH": NOBODY}) as watching:
        os.close(follower)
        seen = b""
        while seen.count(b"\x1b[2J") < 3:
            seen += os.read(leader, 65536)
        (left / "success-marker.txt").write_text("done\n")
        while b"done after" not in seen.rpartition(b"\x1b[2J")[2].partition(b"\r\n")[0]:
            seen += os.read(leader, 65536)
    os.close(leader)
    assert watching.returncode == 0


# report


def test_report_is_a_page_or_its_numbers(logs: Path, folder: Path) -> None:
    assert told("report", logs, "-o", "report.html") == ""
    page = (folder / "report.html").read_text()
    assert page.startswith("<!DOCTYPE html>\n")
    assert page == told("report", logs)
    assert "RuntimeError: no memory" in page
    assert (folder / "report.html").stat().st_mode & 0o777 == 0o600  # it holds lines of logs
    tree = json.loads(told("report", logs, "--format", "json"))
    assert (tree["code"], tree["gpu-hours-before-first-phase"]["all"]) == (70, 0.56)


def test_a_report_reads_the_log_where_no_marker_repeats_it(logs: Path, folder: Path) -> None:
    (logs / "failure-marker.txt").unlink()
    moved = logs.rename(folder / "kept")  # the cause names /r/chat-7/logs/decode-1.log
    assert "loading\nRuntimeError</pre>" in told("report", moved)
    (moved / "logs" / "decode-1.log").unlink()
    (moved / "endpoints.json").write_text("{")
    assert "<pre" not in told("report", moved)


def test_report_of_what_is_none(folder: Path) -> None:
    assert refused("report", "results").startswith("error[D801]: `results` is no output directory of a job")
    assert refused("report", "results/chat-7", "-o", "no/x.html").startswith("error[D005]: cannot write `no/x.html`")
