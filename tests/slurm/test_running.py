"""`status`, `logs` and `report` of real jobs: while roles start, while a phase runs, and after the job has failed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from tests.slurm.lab import Lab, Run, scenario
from tests.testbed import eventually

pytestmark = pytest.mark.slurm

JOB = """
[roles.worker]
num-nodes = 2
gpus-per-worker = 8
command = '''
until [[ -e {job.dir}/go-{worker} ]]; do sleep 0.1; done
exec {vars.python} {vars.stub}'''
ports = { system = 9090 }
ready = { port = "system", path = "/health", timeout = "50s" }
stop = { grace = "1s" }

[roles.late]
command = "echo hello from late; sleep 300"
after = ["worker"]
stop = { grace = "1s" }

[phases.client]
command = '''echo asking; until [[ -e {job.dir}/go-client ]]; do sleep 0.1; done; echo it is broken; exit 9'''
timeout = "40s"
"""
ROOT = Path(__file__).parents[2]


@frozen
class Said:
    """What was said of a job while it ran and afterwards: trees of `status`, texts of the others."""

    run: Run
    starting: dict[str, Any]
    text: str
    in_phase: dict[str, Any]
    ended: dict[str, Any]
    watched: list[dict[str, Any]]
    followed: str
    pending: str
    page: str


def dynplan(lab: Lab, folder: Path, *arguments: str) -> list[str]:
    """Return a command line that runs dynplan on the cluster's log-in node."""
    where = ["env", "-C", str(folder), f"PYTHONPATH={ROOT}"]
    return lab.cluster.argv([*where, sys.executable, "-m", "dynplan", *arguments])


def told(lab: Lab, folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        dynplan(lab, folder, *arguments), env=lab.cluster.environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def beside(lab: Lab, folder: Path, *arguments: str) -> subprocess.Popen[str]:
    env = lab.cluster.environment
    return subprocess.Popen(dynplan(lab, folder, *arguments), env=env, stdout=subprocess.PIPE, text=True)


def looked_after(lab: Lab) -> Said:
    folder = lab.write(JOB)
    script = lab.compile(folder)
    with lab.nodes(2) as names:
        waiting = lab.submit(names, folder, script, ["--hold"])
        number = str(waiting.id)
        pending = told(lab, folder, "status", number)
        lab.cluster.run(["scontrol", "release", number])
        waiting.wait_for("started", "worker", count=2)
        (folder / "out" / "go-0").touch()
        waiting.wait_for("ready", "worker", "0.0")
        eventually((folder / "out" / "plan.toml").exists, 20)
        starting = json.loads(told(lab, folder, "status", number, "--format", "json"))
        text = told(lab, folder, "status", "out")
        watching = beside(lab, folder, "status", number, "--watch", "--interval", "0.3", "--format", "json")
        following = beside(lab, folder, "logs", "out", "late", "client", "-f")
        (folder / "out" / "go-1").touch()
        waiting.wait_for("started", "phase:client")
        time.sleep(1)
        in_phase = json.loads(told(lab, folder, "status", "out", "--format", "json"))
        (folder / "out" / "go-client").touch()
        run = waiting.finish(60)
        watched = [json.loads(line) for line in watching.communicate(timeout=60)[0].splitlines()]
        followed = following.communicate(timeout=60)[0]
    ended = json.loads(told(lab, folder, "status", number, "--format", "json"))
    return Said(run, starting, text, in_phase, ended, watched, followed, pending, told(lab, folder, "report", "out"))


@scenario(looked_after)
def test_a_job_that_waits_is_told_by_its_number(run: Said) -> None:
    assert run.pending == f"test {run.run.job.id}: pending (JobHeldUser); nothing has happened yet\n"


@scenario(looked_after)
def test_status_while_roles_start(run: Said) -> None:
    tree = run.starting
    assert (tree["state"], tree["stage"], tree["slurm"], tree["limit-s"]) == ("running", "starting", "RUNNING", 300)
    worker, late = tree["roles"]
    assert (worker["role"], worker["ready"], worker["workers"], worker["ready-timeout-s"]) == ("worker", 1, 2, 50)
    (missing,) = worker["not-ready"]
    assert (missing["worker"], missing["node"], missing["state"]) == (1, run.run.nodes[1], "starting")
    assert missing["log"] == "logs/worker-1.log"
    assert (late["started"], late["after"]) == (None, ["worker"])
    assert tree["phases"][0]["state"] == "not started"
    assert " of at most 50s\n" in run.text
    assert "late    0/1    not started: waits for worker\n" in run.text


@scenario(looked_after)
def test_status_while_a_phase_runs(run: Said) -> None:
    tree = run.in_phase
    assert (tree["state"], tree["stage"]) == ("running", "phases")
    assert [role["ready"] for role in tree["roles"]] == [2, 1]
    (client,) = tree["phases"]
    assert (client["state"], client["timeout-s"]) == ("running", 40)
    assert client["took-s"] >= 0


@scenario(looked_after)
def test_status_after_it_has_failed(run: Said) -> None:
    tree = run.ended
    assert (tree["state"], tree["code"]) == ("failed", run.run.job.exit_code) == ("failed", 9)
    assert f"{tree['cause']}; log {tree['log']}" == run.run.cause
    assert Path(tree["log"]) == run.run.directory / "phases" / "client.log"


@scenario(looked_after)
def test_watch_and_follow_end_with_the_job(run: Said) -> None:
    assert [tree["state"] for tree in run.watched][:: len(run.watched) - 1] == ["running", "failed"]
    readies = [tree["roles"][0]["ready"] for tree in run.watched]
    assert readies == sorted(readies)
    lines = run.followed.splitlines()
    assert [line for line in lines if "dynplan: " not in line] == [
        "late-0 | hello from late",
        "client | asking",
        "client | it is broken",
    ]


@scenario(looked_after)
def test_the_report_has_the_end_of_the_log(run: Said) -> None:
    assert "Failed with 9</span>" in run.page
    assert "asking\nit is broken</pre>" in run.page
    assert 'title="worker 1: starting for ' in run.page


def killed(lab: Lab) -> dict[str, Any]:
    folder = lab.write(JOB)
    script = lab.compile(folder)
    with lab.nodes(2) as names:
        running = lab.submit(names, folder, script)
        running.wait_for("started", "worker", count=2)
        lab.cluster.run(["scancel", "--signal=KILL", "--batch", str(running.id)])
        running.finish(60)
        tree: dict[str, Any] = json.loads(told(lab, folder, "status", str(running.id), "--format", "json"))
        beside(lab, folder, "logs", "out", "-f").communicate(timeout=60)  # it ends by what Slurm says
    return tree


@scenario(killed)
def test_a_job_whose_script_was_killed_has_left_no_word(run: dict[str, Any]) -> None:
    assert (run["state"], run["stage"], run["slurm"], run["cause"]) == ("lost", "starting", "FAILED", None)
