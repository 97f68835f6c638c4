"""`setup`: text for bash that prepares a worker's surroundings, and whose environment the command gets."""

import json
from pathlib import Path

import pytest

from tests.launch.lab import Run, bash_version, bashes, job_text, left_behind, run, stub
from tests.launch.test_run import phase, role

ONE = phase("one", "true")
IDLE = role("idle", stub())
IN_EVERY_BASH = pytest.mark.parametrize("bash", [pytest.param(bash, id=bash_version(bash)) for bash in bashes()])


def of_job(text: str, *parts: str) -> str:
    """A job file whose `[job]` has a setup."""
    return job_text(*parts).replace("[job]", f"[job]\nsetup = {json.dumps(text)}", 1)


def setup(text: str) -> str:
    return f"setup = {json.dumps(text)}"


def log(done: Run, name: str) -> str:
    return (done.directory / "logs" / f"{name}.log").read_text()


@IN_EVERY_BASH
def test_the_command_gets_what_the_setups_of_the_job_and_of_the_role_leave(tmp_path: Path, bash: Path) -> None:
    (tmp_path / "with space").mkdir()
    (tmp_path / "with space" / "activate").write_text('export SEEN_ARGUMENTS="$# $*"\n')
    own = "source 'with space/activate'; cd 'with space'\nexport B=$A-own N={node} # the last line is a comment"
    write = 'printf "%s\\n" "$B" "$N" "$SEEN_ARGUMENTS" "$*" >../left; exec sleep 100'
    worker = role("worker", json.dumps(["sh", "-c", write, "sh", "a word"]), setup(own))
    other = role("other", stub("--record", "seen"))
    done = run(of_job("export A='the job'; unset SECRET", worker, other, ONE), tmp_path, env={"SECRET": "x"}, bash=bash)
    assert (done.code, done.cause) == (0, ""), done.output
    # What is sourced sees no words of the command.
    assert (tmp_path / "left").read_text().splitlines() == ["the job-own", "0", "0 ", "a word"]
    (seen,) = done.seen()
    assert {"A", "B", "SECRET"} & set(seen["env-names"]) == {"A"}
    assert seen["fds"] == [0, 1, 2, 3]  # 3 is the look at them


def test_a_phase_gets_the_jobs_setup_and_its_own_and_its_after_command_the_jobs(tmp_path: Path) -> None:
    first = phase("one", 'echo "$A+$B" >one', setup("export B=own"), 'after-command = "echo $A+$B- >after"')
    last = phase("two", 'echo "$A+$B+" >two', 'setup = ["sh", "-c", "echo $A >apart; export B=lost"]')
    done = run(of_job("export A=job", IDLE, first, last), tmp_path)
    assert (done.code, done.cause) == (0, ""), done.output
    assert [(tmp_path / name).read_text() for name in ("one", "after", "apart", "two")] == [
        *("job+own\n", "job+-\n", "job\n", "job++\n")
    ]


@pytest.mark.parametrize(
    ("text", "why", "status"),
    [
        ("cd /nowhere", "exit status 1", 1),
        ("exit 0", "exit status 0", 1),
        ("true\nexit 7", "exit status 7", 7),
        ("if true; then", "exit status 2", 2),
        ("cat <<EOF\nno end", "exit status 0", 1),
        ("kill -KILL $$", "killed by SIGKILL (status 137)", 137),
        ("set -e\nfalse\ntrue", "exit status 1", 1),
    ],
)
@pytest.mark.parametrize("kind", ["service", "task", "phase"])
def test_a_setup_that_fails_is_named_and_the_command_does_not_run(
    tmp_path: Path, text: str, why: str, status: int, kind: str
) -> None:
    command = "echo ran >ran"
    if kind == "phase":
        parts = [IDLE, phase("one", command, setup(text))]
    else:
        parts = [role("worker", json.dumps(command), f'kind = "{kind}"', setup(text)), ONE]
    done = run(job_text(*parts), tmp_path)
    assert f": its setup ended: {why}; log " in done.cause, done.output
    assert done.code == (status if kind == "phase" else 70)
    assert not (tmp_path / "ran").exists()


def test_a_command_that_fails_after_its_setup_is_told_as_itself(tmp_path: Path) -> None:
    done = run(job_text(role("worker", '["no-such-program"]', setup("true\\")), ONE), tmp_path)
    assert "exit status 127" in done.cause
    assert "setup" not in done.cause
    assert "no-such-program: not found" in log(done, "worker-0")


@IN_EVERY_BASH
def test_a_worker_without_probes_is_ready_when_its_setup_is_through(tmp_path: Path, bash: Path) -> None:
    worker = role("worker", '["sleep", "100"]', setup("sleep 1.5; echo through >through"))
    done = run(job_text(worker, phase("one", "cat through")), tmp_path, bash=bash)
    assert (done.code, done.cause) == (0, ""), done.output


def test_a_worker_that_starts_again_is_set_up_again(tmp_path: Path) -> None:
    text = "echo x >>tries; export TRY=$(wc -l <tries)"
    worker = role("worker", '"exit $((2 - TRY))"', 'kind = "task"', "restart = { max = 2, delay = 0 }", setup(text))
    done = run(job_text(worker, ONE), tmp_path)
    assert (done.code, (tmp_path / "tries").read_text()) == (0, "x\nx\n"), done.output


def test_a_job_that_ends_during_a_setup_ends_the_setup(tmp_path: Path) -> None:
    worker = role("worker", '["sleep", "100"]', setup("sleep 98765"), "ready = { log = 'never', timeout = '2s' }")
    done = run(job_text(worker, ONE), tmp_path)
    assert done.code == 71, done.output
    assert left_behind(str(tmp_path)) == []
