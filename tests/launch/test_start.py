"""Steps that do not start, and what srun says of them, told by a stand-in srun that fails as real ones do."""

import json
import os
import re
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.launch.lab import Run, compiled, job_text, run, start, stub
from tests.launch.test_run import phase, role, wait_for

WORKER = role("worker", stub("--record", "seen"), "gpus-per-worker = 2")
ONE = phase("one", "true")

# What pyxis says, word for word, where a registry does not give an image.
PYXIS = """\
slurmstepd: error: pyxis: child 4711 failed with error code: 1
slurmstepd: error: pyxis: failed to import docker image
slurmstepd: error: pyxis: printing enroot log file:
slurmstepd: error: pyxis:     [INFO] Querying registry for permission grant
slurmstepd: error: pyxis:     [ERROR] URL https://registry.example/v2/x/manifests/1 returned error code: 404 Not Found
slurmstepd: error: pyxis: couldn't start container
slurmstepd: error: spank: required plugin spank_pyxis.so: task_init() failed with rc=-1
slurmstepd: error: Failed to invoke spank plugin stack
srun: error: n0: task 0: Exited with exit code 1
"""
PYXIS_REASON = (
    "pyxis: failed to import docker image; "
    "pyxis:     [ERROR] URL https://registry.example/v2/x/manifests/1 returned error code: 404 Not Found"
)
BUSY = "srun: Job 7 step creation temporarily disabled, retrying (Requested nodes are busy)\n"


def failing(**faults: Mapping[str, object]) -> dict[str, str]:
    """The environment of a job whose steps fail: see `tests/launch/slurm/srun`."""
    return {"STUB_FAIL": json.dumps(faults)}


def said(done: Run) -> list[str]:
    """The lines of the output, without their times."""
    return [re.sub(r"^\[[\d:]{8}\] ", "", line) for line in done.output.splitlines()]


@pytest.mark.parametrize(
    ("step", "name", "status", "says", "words"),
    [
        # A prolog that takes minutes: the first srun fails with 140 and no words, or so.
        ("preflight", "preflight", 140, "", ""),
        ("worker", "role worker", 1, "srun: error: Unable to confirm allocation for job 7: Socket timed out\n", ": Un"),
        # A plugin that cannot start: srun returns 0.
        (
            "worker",
            "role worker",
            0,
            "srun: error: task 0 launch failed: Plugin initialization failed\n",
            ": task 0 la",
        ),
        # The controller is away while a step starts.
        ("one", "phase one", 1, "srun: error: Unable to contact slurm controller (connect failure)\n", ": Unable to c"),
    ],
)
def test_a_step_that_slurm_could_not_start_is_tried_again(
    tmp_path: Path, step: str, name: str, status: int, says: str, words: str
) -> None:
    env = failing(**{step: {"status": status, "says": says}})
    done = run(job_text(WORKER, ONE), tmp_path, env=env)
    assert (done.code, done.cause) == (0, ""), done.output
    told = f"{name}: srun ended with status {status} before any task said a word{words}"
    assert [line for line in said(done) if line.startswith(told)], done.output
    assert len(done.seen()) == 1
    assert done.order("started") == ["started worker/0", "started phase:one/0"]


def test_a_step_of_an_mpi_world_is_tried_again_by_itself(tmp_path: Path) -> None:
    worker = role(
        "worker", stub("--record", "seen"), 'gpus-per-worker = 1\nlaunch = "per-gpu"\nworkers = 2\nmpi = "none"'
    )
    done = run(job_text(worker, ONE), tmp_path, env=failing(**{"worker/1": {"status": 140}}))
    assert (done.code, done.cause) == (0, ""), done.output
    told = "role worker worker 1: srun ended with status 140 before any task said a word; trying again in 5 s"
    assert told in said(done)
    assert len(done.seen()) == 2
    assert (tmp_path / "tries-worker-1").read_text() == "xx"


@pytest.mark.parametrize(
    ("step", "cause"),
    [
        ("worker", "role worker: srun ended with status 1 and no word from worker 0.0 on n0"),
        ("one", "phase one on n0: srun ended with status 1"),
        ("preflight", "preflight: no answer from n0 after 5 s; srun ended with status 1"),
    ],
)
def test_what_srun_says_twice_is_the_cause_and_nobody_is_asked_about_bash(
    tmp_path: Path, step: str, cause: str
) -> None:
    # A registry that does not give the image.
    box = 'container = { image = "docker://x" }'
    worker = role("worker", stub("--no-ports"), box if step == "worker" else "")
    client = phase("one", "true", box if step == "one" else "")
    job = job_text(worker, client, cluster='container-runtime = "pyxis"')
    done = run(job, tmp_path, env=failing(**{step: {"times": 9, "status": 1, "says": PYXIS}}))
    found = re.sub(r"after [0-9]+ s", "after 5 s", done.cause)  # the pause, or a little more
    assert (done.code, found) == (76, f"{cause}: {PYXIS_REASON}"), done.output
    assert (tmp_path / f"tries-{step}").read_text() == "xx"
    assert all(line in said(done) for line in PYXIS.splitlines())
    assert "bash" not in done.cause


@pytest.mark.parametrize(
    ("says", "cause"),
    [
        (
            "slurmstepd: error: execve(): bash: No such file or directory\n",
            "2 and no word from worker 0.0 on n0: execve",
        ),
        (
            "srun: unrecognized option '--container-image=x'\n",
            "2 and no word from worker 0.0 on n0: unrecognized option",
        ),
    ],
)
def test_what_cannot_come_right_is_not_tried_again(tmp_path: Path, says: str, cause: str) -> None:
    done = run(job_text(WORKER), tmp_path, env=failing(worker={"times": 9, "status": 2, "says": says}))
    assert done.code == 76, done.output
    assert done.cause.startswith(f"role worker: srun ended with status {cause}"), done.output
    assert (tmp_path / "tries-worker").read_text() == "x"


def test_a_step_is_not_tried_again_beyond_the_limit(tmp_path: Path) -> None:
    job = job_text(WORKER, cluster='launch-timeout = "3s"')
    says = "srun: error: Unable to contact slurm controller (connect failure)\n"
    done = run(job, tmp_path, env=failing(worker={"times": 9, "status": 1, "says": says}))
    assert done.code == 76, done.output
    assert done.cause.endswith("no word from worker 0.0 on n0: Unable to contact slurm controller (connect failure)")


def test_a_step_some_of_whose_tasks_had_started_is_not_tried_again(tmp_path: Path) -> None:
    worker = role("worker", stub("--no-ports"), "workers = 2\ngpus-per-worker = 1")
    fault = {"times": 9, "status": 1, "lines": "dynplan|started|worker|0|0|n0|4711|\n"}
    done = run(job_text(worker), tmp_path, env=failing(worker=fault))
    assert done.code == 76, done.output
    assert done.cause == ("role worker: srun ended with status 1 and no word from worker 0.0 on n0, worker 1.0 on n0")
    assert (tmp_path / "tries-worker").read_text() == "x"


def test_a_job_that_is_cancelled_meanwhile_tries_nothing_again(tmp_path: Path) -> None:
    process = start(compiled(job_text(WORKER)), tmp_path, env=failing(worker={"times": 9, "status": 140}))
    wait_for(tmp_path / "tries-worker")
    wait_for_text(tmp_path / "out" / "events.log", "\tend\tworker")
    began = time.monotonic()
    process.terminate()
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 143, output
    assert time.monotonic() - began < 5, output
    assert (tmp_path / "tries-worker").read_text() == "x"


def wait_for_text(path: Path, text: str) -> None:
    deadline = time.monotonic() + 60
    while not (path.exists() and text in path.read_text()):
        assert time.monotonic() < deadline, path


def test_while_a_step_has_not_started_the_output_says_so_and_what_srun_says(tmp_path: Path) -> None:
    job = job_text(
        role("worker", stub("--no-ports"), "workers = 2\ngpus-per-worker = 1"), cluster='launch-timeout = "8s"'
    )
    done = run(job, tmp_path, env=failing(worker={"times": 9, "status": 1, "says": BUSY, "hangs": True}))
    waits = "Job 7 step creation temporarily disabled, retrying (Requested nodes are busy)"
    tasks = "worker 0.0 on n0, worker 1.0 on n0"
    assert f"role worker: its step has not started ({tasks}): {waits}" in said(done), done.output
    assert not [line for line in said(done) if "waiting for" in line]
    assert (done.code, done.cause) == (76, f"role worker: not started after 8 s: no word from {tasks}: {waits}")


def test_nodes_that_do_not_answer_the_preflight_are_named(tmp_path: Path) -> None:
    job = job_text(role("worker", stub("--no-ports")), nodes=2, cluster='launch-timeout = "3s"')
    lines = "dynplan|node|:preflight||0|n0|127.0.1.1|\n"
    env = failing(preflight={"times": 9, "status": 0, "lines": lines, "hangs": True})
    done = run(job, tmp_path, nodes=("n0", "n1"), env=env)
    assert (done.code, done.cause) == (76, "preflight: not started after 3 s: no word from n1"), done.output


def test_a_log_that_cannot_be_opened_has_a_limit(tmp_path: Path) -> None:
    # A file system that hangs, for which a pipe that nobody reads stands in.
    logs = tmp_path / "out" / "logs"
    logs.mkdir(parents=True)
    os.mkfifo(logs / "worker-1.log")
    ends = threading.Event()

    def release() -> None:
        # The wrapper would wait for ever; under Slurm it is killed.
        while not (tmp_path / "out" / "failure-marker.txt").exists() and not ends.wait(0.1):
            pass
        os.close(os.open(logs / "worker-1.log", os.O_RDWR))

    worker = role("worker", stub("--no-ports"), "workers = 2\ngpus-per-worker = 1")
    thread = threading.Thread(target=release)
    thread.start()
    try:
        done = run(job_text(worker, ONE, cluster='launch-timeout = "3s"'), tmp_path)
    finally:
        ends.set()
        thread.join()
    assert (done.code, done.cause) == (76, "role worker: not started after 3 s: no word from worker 1.0 on n0")


def test_tasks_that_wait_for_their_turn_have_started(tmp_path: Path) -> None:
    worker = role(
        "worker", stub("--ready-after", "4"), "workers = 2\ngpus-per-worker = 1\nstagger = true\nports = { p = 9090 }"
    )
    worker += '\n[roles.worker.ready]\nport = "p"\npath = "/health"'
    done = run(job_text(worker, ONE, cluster='launch-timeout = "3s"'), tmp_path)
    assert (done.code, done.cause) == (0, ""), done.output


def test_the_limit_of_a_phase_counts_from_its_start(tmp_path: Path) -> None:
    client = phase("one", "sleep 1", 'timeout = "4s"')
    done = run(job_text(WORKER, client), tmp_path, env=failing(one={"status": 140}))
    assert (done.code, done.cause) == (0, ""), done.output


def test_a_flood_of_words_is_bounded_and_its_last_ones_are_told(tmp_path: Path) -> None:
    fault = {"times": 9, "status": 1, "says": f"srun: error: word NUMBER {'x' * 2000}\n", "lines-said": 1000}
    done = run(job_text(WORKER), tmp_path, env=failing(worker=fault))
    assert done.code == 76, done.output
    assert re.search("on n0: word 0 x{1,500}; x{1,500}$", done.cause), done.cause
    words = [detail for event, *_, detail in done.events if event == "said"]
    assert len(words) <= 2 * 101
    assert max(map(len, words)) <= 500
    assert sum(line.startswith("srun: error: word 999 ") for line in said(done)) == 2


def test_a_flood_of_words_does_not_end_with_its_reader(tmp_path: Path) -> None:
    fault = {"status": 140, "says": "srun: error: again\n", "lines-said": 20000}
    done = run(job_text(WORKER, ONE), tmp_path, env=failing(worker=fault))
    assert (done.code, done.output.count("srun: error: again\n")) == (0, 20000)


def test_a_worker_cannot_speak_for_srun(tmp_path: Path) -> None:
    lines = ["dynplan|end|late||||1", "dynplan|said|late||||nonsense", "dynplan|end|worker|||1.2.3|0"]
    (tmp_path / "lines").write_text("\n".join([*lines, ""]))
    worker = role("worker", json.dumps(f"cat {tmp_path}/lines >/proc/$PPID/fd/1; sleep 2"), 'kind = "task"')
    late = role("late", stub("--record", "seen"), "gpus-per-worker = 1")
    done = run(job_text(worker, late, ONE), tmp_path)
    assert (done.code, done.cause) == (0, ""), done.output
    assert len(done.seen()) == 1
    assert [text for text in said(done) if text.startswith("dynplan|")] == lines
    assert "1.2.3" not in done.text("events.log")


def test_a_line_that_somebody_left_unfinished_takes_no_event_along(tmp_path: Path) -> None:
    command = "printf 'Password: ' >/proc/$PPID/fd/1"
    done = run(job_text(role("worker", json.dumps(command), 'kind = "task"'), ONE), tmp_path)
    assert (done.code, done.cause) == (0, ""), done.output
    assert "Password:" in [line.strip() for line in said(done)]
    assert "ready worker/0" in done.order("ready")
