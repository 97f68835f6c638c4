"""What a script does with a place that a task gives back: who has it next starts when nothing of the task is left."""

import json
import socket
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dynplan.checker import check
from tests.launch.lab import Run, job_text, left_behind, run, stub
from tests.launch.test_run import role

GPUS = "gpus-per-worker = 8"
AFTER = 'after = ["first"]'
ROLES = ("first", "second", "third")
PHASE = '[phases.one]\ncommand = "true"'


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("", 0))
        return int(taken.getsockname()[1])


@contextmanager
def listening(number: int) -> Iterator[None]:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", number))
        taken.listen()
        yield


def ports(number: int) -> str:
    return f"ports = {{ p = {{ fixed = {number} }} }}"


def task(command: str, *lines: str, name: str = "first") -> str:
    return role(name, command, 'kind = "task"', *lines)


def order(done: Run, *names: str) -> list[str]:
    return [f"{event} {part}" for event, part, *_ in done.events if event in names and part in ROLES]


def test_who_has_the_gpus_and_the_port_of_a_task_starts_when_its_step_is_over(tmp_path: Path) -> None:
    number = free_port()
    first = task(stub("--record", "seen", "--exit-after", "0.5"), GPUS, ports(number))
    second = role("second", stub("--record", "seen"), GPUS, ports(number), AFTER, 'ready = { port = "p" }')
    done = run(job_text(first, second, PHASE), tmp_path)
    assert (done.code, done.cause) == (0, ""), done.output
    seen = [(row["env"]["DYNPLAN_ROLE"], row["cuda"], row["env"]["DYNPLAN_PORT_P"]) for row in done.seen()]
    assert seen == [(name, "0,1,2,3,4,5,6,7", str(number)) for name in ("first", "second")]
    events = order(done, "ready", "exit", "end", "started")
    assert events.index("end first") < events.index("started second")


def test_what_a_job_leaves_says_who_has_what_in_turns(tmp_path: Path) -> None:
    done = run(job_text(task('"true"', GPUS), role("second", '"sleep 300"', GPUS, AFTER), PHASE), tmp_path)
    left = tomllib.loads(done.text("plan.toml"))
    assert [(worker["role"], worker.get("until")) for worker in left["workers"]] == [
        ("first", ["second"]),
        ("second", None),
    ]
    assert check(left) == ()


def test_whatever_a_task_leaves_behind_is_gone_before_its_place_is_taken(tmp_path: Path) -> None:
    """Its grace is 1 s: a child in its group, and one in a session of its own, ignore TERM."""
    first = task(json.dumps(["bash", "-c", "trap '' TERM; sleep 60 & setsid sleep 61 & exit 0"]), GPUS)
    look = 'pgrep -f "^sleep 6[01]" || echo none; sleep 300'
    done = run(
        job_text(first, role("second", json.dumps(look), GPUS, AFTER), PHASE.replace("true", "sleep 1")), tmp_path
    )
    assert (done.code, done.cause) == (0, ""), done.output
    assert done.text("logs/second-0.log").splitlines()[1:] == ["none"]
    assert not left_behind("DYNPLAN_TASK=7/first")


@pytest.mark.parametrize("wide", [False, True])
def test_a_task_that_fails_is_the_cause_and_nobody_takes_its_place(tmp_path: Path, wide: bool) -> None:
    size = ("gpus-per-worker = 16",) if wide else (GPUS, "workers = 2")
    first = task('"exit 3"', *size)
    second = role("second", '"sleep 300"', "num-nodes = 2", GPUS, AFTER)
    done = run(job_text(first, second, PHASE, nodes=2), tmp_path, nodes=("n0", "n1"))
    assert done.code == 70
    assert done.cause.startswith("role first worker ")
    assert "exit status 3" in done.cause
    assert not [event for event in done.events if event[1] == "second"]


def test_the_place_of_a_task_that_may_fail_is_free_when_it_has(tmp_path: Path) -> None:
    first = task('"exit 3"', GPUS, "critical = false", 'restart = { max = 1, delay = "0s" }')
    done = run(job_text(first, role("second", '"sleep 300"', GPUS, AFTER), PHASE), tmp_path)
    assert (done.code, done.cause) == (0, ""), done.output
    events = order(done, "restart", "excused", "end", "started")
    assert events[:6] == [
        "started first",
        "restart first",
        "started first",
        "excused first",
        "end first",
        "started second",
    ]


def test_a_chain_of_tasks_has_one_place_one_after_another(tmp_path: Path) -> None:
    second = task('"true"', GPUS, AFTER, name="second")
    third = role("third", '"sleep 300"', GPUS, 'after = ["second"]')
    done = run(job_text(task('"true"', GPUS), second, third, PHASE), tmp_path)
    assert (done.code, done.cause) == (0, ""), done.output
    assert [event for event in order(done, "end", "started") if "one" not in event][:5] == [
        "started first",
        "end first",
        "started second",
        "end second",
        "started third",
    ]


def test_a_taken_port_is_told_once_before_anything_starts(tmp_path: Path) -> None:
    number = free_port()
    second = role("second", '"sleep 300"', ports(number), AFTER)
    with listening(number):
        done = run(job_text(task('"true"', ports(number)), second, PHASE), tmp_path)
    assert done.code == 65
    assert done.cause == f"preflight: n0: port {number} (p of role first) is taken; nothing was started"
    assert done.output.count("is taken") == 2  # in the output, and as the cause


def test_a_port_that_somebody_else_has_taken_meanwhile_is_named(tmp_path: Path) -> None:
    """The task waits until a process has it that is none of the job's."""
    number = free_port()
    wait = f"touch {tmp_path}/now; until [[ -e {tmp_path}/taken ]]; do sleep 0.1; done"
    second = role("second", stub(), ports(number), AFTER)
    over = threading.Event()

    def steal() -> None:
        while not (tmp_path / "now").exists():
            over.wait(0.05)
        with listening(number):
            (tmp_path / "taken").touch()
            over.wait(60)

    thief = threading.Thread(target=steal)
    thief.start()
    try:
        done = run(job_text(task(json.dumps(wait), ports(number)), second, PHASE), tmp_path)
    finally:
        over.set()
        thief.join()
    assert done.code == 70
    text = f"port {number} (p), which role first had before, is taken: somebody listens on it"
    assert f"role second worker 0 rank 0 on n0: not started: {text}; log" in done.cause


def test_connections_that_are_not_over_are_told_and_stand_in_the_cause(tmp_path: Path) -> None:
    number = free_port()
    lingering = (
        "import socket\ns = socket.socket()\ns.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n"
        f"s.bind(('127.0.0.1', {number}))\ns.listen()\n"
        f"c = socket.create_connection(('127.0.0.1', {number})); a, _ = s.accept(); a.close(); c.recv(1); c.close()\n"
    )
    bind = f"import socket; socket.socket().bind(('127.0.0.1', {number}))"
    first = task(json.dumps(["python3", "-c", lingering]), ports(number))
    second = role("second", json.dumps(["python3", "-c", bind]), ports(number), AFTER)
    done = run(job_text(first, second, PHASE), tmp_path)
    note = (
        f"port {number} (p), which role first had before, has connections that are not over (TIME_WAIT, for a minute)"
    )
    assert done.code == 70
    assert f"exit status 1; {note}: a bind without SO_REUSEADDR fails; log" in done.cause
    assert f"role second worker 0 rank 0 on n0; {note}" in done.output
