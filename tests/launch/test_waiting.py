"""Waits with a limit end, whatever the machine does meanwhile: functions of the program in every bash here.

A busy machine may take longer than a limit until bash has begun to read. So short a limit does the same on an idle one.
"""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from tests.launch.lab import bash_version, bashes, program_parts

BASHES = [pytest.param(bash, id=bash_version(bash)) for bash in bashes()]
BEGIN = """\
ended=yes child=$$ half_line='' stopping='' released=''
declare -A row=()
exec {quiet}<> <(:) 0<> <(:)
"""
# Bash 5.2 has its chance to block signals, by a half SIGCHLD.
SHORTEST = "for ((again = 0; again < 100; again++)); do nap 0.000001; done"
# The system call that ends one thread: Linux has its own number for each kind of machine.
EXIT = {"x86_64": 60, "aarch64": 93}


def out(bash: Path, *lines: str) -> str:
    """Run lines of bash beside the functions of a task, and return what they print."""
    parts = (program_parts()[name] for name in ("plan", "probes", "task"))
    text = "\n".join([*parts, BEGIN, *lines])
    # A session of its own: some signals go to all of its processes.
    done = subprocess.run([bash, "-c", text], capture_output=True, text=True, timeout=20, start_new_session=True)
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("bash", BASHES)
@pytest.mark.parametrize("function", ["nap", "listen"])
def test_the_shortest_limit_is_one(bash: Path, function: str) -> None:
    assert out(bash, f"for again in {{1..300}}; do {function} 0.000001; done; echo back") == "back\n"


@pytest.mark.parametrize("bash", BASHES)
@pytest.mark.parametrize("function", ["nap 1", "listen 1"])
def test_a_signal_takes_no_limit_away(bash: Path, function: str) -> None:
    sent = "(for again in 1 2; do nap 0.2; kill -USR1 $$; done) &"
    assert out(bash, "trap 'pass_signal USR1' USR1", sent, function, "echo back") == "back\n"


@pytest.mark.parametrize("bash", BASHES)
def test_a_signal_long_before_the_time_limit_takes_none_away_from_the_batch_script(bash: Path) -> None:
    begin = "closing='' longest_grace=30 SLURM_JOB_ID=7\nsqueue() { echo 1-02:00:00; }"
    fail = 'fail() { echo "$1"; }'
    sent = "(for again in 1 2; do nap 0.2; kill -USR1 $$; done) &"
    steps, events = program_parts()["steps"].partition("# ---- steps ----")[0], program_parts()["events"]
    functions = steps[steps.index("# say TEXT") :]
    said = out(bash, functions, events, begin, fail, "trap 'on_signal USR1' USR1", sent, "fail_outside lost")
    assert [line.partition("] ")[2] or line for line in said.splitlines()] == [
        *["USR1, long before the time limit: nothing to do"] * 2,
        "76 lost",
    ]


@pytest.mark.parametrize("bash", BASHES)
@pytest.mark.parametrize("again", range(8))
def test_the_end_of_a_worker_is_noticed_where_bash_is_deaf_to_it(bash: Path, again: int) -> None:
    ends = "(exit 7) & child=$!; while lives $child; do nap 0.01; done; wait $child; echo $?"
    assert out(bash, SHORTEST, ends) == "7\n"


@pytest.mark.parametrize("bash", BASHES)
@pytest.mark.parametrize("again", range(8))
def test_a_worker_that_obeys_is_not_waited_for_longer_where_bash_is_deaf_to_it(bash: Path, again: int) -> None:
    # A bash that has not become `sleep` yet would lose the signal.
    worker = 'set -m; sleep 60 & child=$!; set +m; until [[ $(<"/proc/$child/comm") == sleep ]]; do nap 0.05; done'
    stop = "ended='' grace=60 stop_signal=TERM row[task]=none; exec {mark}</proc/$$/limits; end_worker"
    assert out(bash, SHORTEST, worker, stop, "wait $child 2>/dev/null; echo $?") == "143\n"


@pytest.mark.skipif(platform.machine() not in EXIT, reason="the number of exit(2) is not known here")
@pytest.mark.parametrize("bash", BASHES)
def test_a_worker_lives_as_long_as_any_of_its_threads(bash: Path, tmp_path: Path) -> None:
    script = tmp_path / "threads.py"
    script.write_text(
        "import ctypes, threading, time\n"
        "threading.Thread(target=time.sleep, args=(3,)).start()\n"
        f"open('{tmp_path}/ready', 'w')\n"
        f"ctypes.CDLL(None).syscall({EXIT[platform.machine()]}, 0)\n"
    )
    begin = f"{sys.executable} {script} & child=$!; until [[ -e {tmp_path}/ready ]]; do nap 0.1; done; nap 0.3"
    state = "read -r -a fields </proc/$child/stat; echo ${fields[2]}"
    ends = "lives $child && echo lives; while lives $child; do nap 0.1; done; echo ended"
    assert out(bash, begin, state, ends) == "Z\nlives\nended\n"


@pytest.mark.parametrize("bash", BASHES)
def test_a_grace_is_no_shorter_than_it_says_wherever_in_a_second_it_begins(bash: Path) -> None:
    begin = "until read -r up _ </proc/uptime && [[ $up == *.9? ]]; do nap 0.02; done"
    cleans = "bash -c 'trap \"sleep 0.7; echo cleaned\" TERM; sleep 60 & wait' 2>/dev/null"
    worker = f"set -m; {cleans} & child=$!; set +m"
    stop = "ended='' grace=1 stop_signal=TERM row[task]=none; exec {mark}</proc/$$/limits; end_worker"
    assert out(bash, worker, "nap 0.5", begin, stop) == "cleaned\n"
