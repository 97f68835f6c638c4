"""How a script ends: signals of all kinds, an output directory that is lost or wanted twice, a clock that is set."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.launch.lab import PROGRAM, Run, compiled, job_text, left_behind, run, start, stub
from tests.launch.test_run import phase, role, wait_for
from tests.launch.test_start import wait_for_text

WORKER = role("worker", stub("--record", "seen"))
LONG = phase("one", "sleep 300")


def started(folder: Path, job: str, **place: str) -> "subprocess.Popen[str]":
    """Start a job and wait until its phase runs."""
    process = start(compiled(job), folder, env={"STUB_MARK": str(folder), **place})
    wait_for(folder / "out" / "phases" / "one.log")
    wait_for_text(folder / "out" / "events.log", "\tstarted\tphase:one")
    return process


def ended(process: "subprocess.Popen[str]", folder: Path) -> Run:
    """Wait for a job's end; nothing of it is left."""
    output, _ = process.communicate(timeout=60)
    assert left_behind(f"STUB_MARK={folder}") == [], output
    return Run(process.returncode, output, folder, 0)


# Signals to the batch script


@pytest.mark.parametrize("name", ["HUP", "QUIT", "USR2", "ALRM", "XCPU", "XFSZ", "VTALRM", "PROF"])
def test_a_signal_to_the_batch_script_is_an_end_with_its_cause(tmp_path: Path, name: str) -> None:
    number = signal.Signals[f"SIG{name}"]
    process = started(tmp_path, job_text(WORKER, LONG))
    process.send_signal(number)
    done = ended(process, tmp_path)
    assert (done.code, done.cause) == (128 + number, f"{name}: a signal to the batch script"), done.output
    assert done.order("stopped") == ["stopped phase:one/0", "stopped worker/0"]
    assert done.text("failure-marker.txt")
    assert not (done.directory / "success-marker.txt").exists()


def test_a_signal_that_nobody_has_thought_of_is_no_success(tmp_path: Path) -> None:
    process = started(tmp_path, job_text(WORKER, LONG))
    process.send_signal(signal.SIGABRT)
    done = ended(process, tmp_path)
    assert done.code != 0
    assert not (tmp_path / "out" / "success-marker.txt").exists()
    assert "dynplan: done" not in done.output


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1])
def test_a_signal_to_all_of_the_batch_scripts_children_ends_the_job_all_the_same(
    tmp_path: Path, number: signal.Signals
) -> None:
    # A terminal that is closed, or `scancel --full`.
    process = started(tmp_path, job_text(WORKER, LONG))
    os.killpg(process.pid, number)
    done = ended(process, tmp_path)
    assert done.code == {signal.SIGHUP: 129, signal.SIGUSR1: 75}[number], done.output
    assert done.order("stopped") == ["stopped phase:one/0", "stopped worker/0"]


@pytest.mark.parametrize(
    ("left", "near"),
    [
        *(("1-00:00:00", False), ("1:00:00", False), ("4:00", False), ("UNLIMITED", False)),
        *(("2:00", True), ("0:08", True), ("INVALID", True), ("", True)),
    ],
)
def test_usr1_is_the_time_limit_only_where_that_is_near(tmp_path: Path, left: str, near: bool) -> None:
    process = started(tmp_path, job_text(WORKER, LONG), STUB_LEFT=left)
    process.send_signal(signal.SIGUSR1)
    if not near:
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
    done = ended(process, tmp_path)
    assert done.code == (75 if near else 143), done.output
    assert ("USR1, long before the time limit: nothing to do" in done.output) is not near


# Signals to the workers

SIGNALS = ("USR1", "USR2", "QUIT", "ABRT", "XCPU", "URG", "WINCH")
TALKER = "".join(f"trap 'echo got {name}' {name}; " for name in SIGNALS) + "echo up; while :; do sleep 0.1; done"


def processes_below(parent: int) -> Iterator[int]:
    """The processes of this machine that a process has started."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == parent:
            yield int(path.parent.name)


def wrapper(folder: Path, word: str) -> int:
    """The process that started the worker whose environment holds `word`."""
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            found = path.read_bytes()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if f"STUB_MARK={folder}\0".encode() in found and f"DYNPLAN_TASK=7/{word}/".encode() in found:
            return int(found.partition(f"DYNPLAN_TASK=7/{word}/".encode())[2].partition(b"/")[0])
    raise AssertionError(word)


@pytest.mark.parametrize("to_all", [False, True])
def test_a_signal_of_the_user_reaches_the_worker_and_nothing_else_happens(tmp_path: Path, to_all: bool) -> None:
    # `scancel --signal=USR1`: Slurm signals the tasks, and by some of its plugins all that they have started.
    ready = 'ready = { log = "up" }\nfail-on-log = "panic"'
    process = started(tmp_path, job_text(role("worker", json.dumps(TALKER), ready), phase("one", "sleep 300")))
    log = tmp_path / "out" / "logs" / "worker-0.log"
    one = wrapper(tmp_path, "worker/0.0")
    ours = [pid for pid in processes_below(one) if os.getpgid(pid) == os.getpgid(one)]
    assert ours  # the process that watches the log
    for name in SIGNALS:
        for pid in ours if to_all else ():
            os.kill(pid, signal.Signals[f"SIG{name}"])
        os.kill(one, signal.Signals[f"SIG{name}"])
        wait_for_text(log, f"got {name}\n")
    assert process.poll() is None
    with log.open("a") as file:
        file.write("panic\n")
    done = ended(process, tmp_path)
    assert done.code == 72, done.output
    assert not [event for event, *_ in done.events if event == "signal"]


def test_a_phase_gets_such_signals_too(tmp_path: Path) -> None:
    command = "trap 'echo got USR1; exit 0' USR1; echo up; while :; do sleep 0.1; done"
    process = started(tmp_path, job_text(WORKER, phase("one", command)))
    wait_for_text(tmp_path / "out" / "phases" / "one.log", "up\n")
    os.kill(wrapper(tmp_path, "phase:one/0.0"), signal.SIGUSR1)
    done = ended(process, tmp_path)
    assert (done.code, done.cause) == (0, ""), done.output


# The output directory


def test_an_output_directory_that_is_deleted_ends_the_job(tmp_path: Path) -> None:
    process = started(tmp_path, job_text(WORKER, LONG))
    shutil.rmtree(tmp_path / "out")
    done = ended(process, tmp_path)
    assert (done.code, done.cause) == (74, f"{tmp_path}/out is gone, or its events.log"), done.output
    assert "dynplan: done" not in done.output


def test_an_output_directory_that_is_deleted_at_the_very_end_is_no_success(tmp_path: Path) -> None:
    command = f"trap 'rm -rf {tmp_path}/out; exit' TERM; echo up; while :; do sleep 0.1; done"
    worker = role("worker", json.dumps(command), 'ready = { log = "up" }')
    done = run(job_text(worker, phase("one", "true")), tmp_path)
    assert (done.code, done.cause) == (74, f"cannot write in {tmp_path}/out"), done.output
    assert "dynplan: done" not in done.output


def test_jobs_that_start_at_once_share_no_output_directory(tmp_path: Path) -> None:
    script = compiled(job_text(role("worker", '"true"', 'kind = "task"')))
    # All of them look before the first one has claimed it.
    script = script.replace("	set -o noclobber\n", "	sleep 1\n	set -o noclobber\n")
    assert "sleep 1" in script
    processes = [start(script, tmp_path) for _ in range(4)]
    outputs = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, outputs
    wanted = [tmp_path / name for name in ("out", "out.1", "out.2", "out.3")]
    assert all((path / "success-marker.txt").exists() for path in wanted), outputs
    assert all((path / "events.log").read_text().count("\tready\t") == 1 for path in wanted)


# Time


def test_elapsed_time_is_not_what_the_wall_clock_says(tmp_path: Path) -> None:
    # A clock that leaps by two hours at every look: bash's SECONDS follows it.
    leap = "SECONDS=$((SECONDS + 7200))\n"
    worker = role("worker", stub("--ready-after", "2"), "ports = { p = 9090 }")
    worker += '\n[roles.worker.ready]\nport = "p"\npath = "/health"\ntimeout = "60s"'
    worker = worker.replace("1s", "20s")
    script = compiled(job_text(worker, phase("one", "sleep 3", 'timeout = "60s"')))
    for name in ("each_second", "listen", "nap", "lives"):
        assert f"\n{name}() {{\n" in script
        script = script.replace(f"\n{name}() {{\n", f"\n{name}() {{\n	{leap}")
    process = start(script, tmp_path)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output


def test_where_many_tasks_end_on_one_node_they_have_more_time(tmp_path: Path) -> None:
    program = "\n".join((PROGRAM / f"{name}.sh").read_text() for name in ("plan", "task", "launch"))
    steps = (PROGRAM / "steps.sh").read_text()
    script = f"""{program}
{steps}
longest_grace=1 has_followers='' now=0 step_input[role]=9
look_at_clock() {{ :; }}
tell() {{ :; }}
next_event() {{ now=$((now + 1)); }}
stop role
echo "$now"
now=0 most_on_node=200
stop role
echo "$now"
"""
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    few, many = map(int, done.stdout.split())
    assert (few, many) == (6, 31), done.stderr
