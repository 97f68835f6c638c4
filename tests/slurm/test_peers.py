"""Cases on which other launchers go wrong while the job runs; those of the compiler: `tests/planner/test_peers.py`."""

from __future__ import annotations

from datetime import datetime

import pytest

from tests.slurm.lab import Lab, Run, scenario, succeeded

pytestmark = pytest.mark.slurm

SERVER = """
[roles.server]
command = ["{vars.python}", "{vars.stub}", "--ready-after", "1.5"]
ports = { http = 8000 }
ready = { port = "http", path = "/health", timeout = "20s" }
stop = { grace = "1s" }
"""


def failing_beside(lab: Lab) -> Run:
    role = "[roles.monitor]\ncommand = 'sleep 3; exit 3'\n"
    return lab.run(SERVER + role + "[phases.client]\ncommand = ['sleep', '60']\n", nodes=1)


@scenario(failing_beside)
def test_19_a_step_that_fails_is_the_jobs_failure_whatever_else_ends_well(run: Run) -> None:
    assert (run.job.state, run.job.exit_code) == ("FAILED", 70), run.output
    assert run.cause.startswith("role monitor worker 0 rank 0 on "), run.output
    assert ": exit status 3; log " in run.cause


def helper_ends(lab: Lab) -> Run:
    role = "[roles.helper]\ncommand = 'sleep 1; exit 0'\ncritical = false\n"
    phase = "[phases.client]\ncommand = ['{vars.python}', '-c', '''\n"
    phase += "import time, urllib.request as web; time.sleep(2); web.urlopen('{role.server.url.http}/health')''']\n"
    return lab.run(SERVER + role + phase, nodes=1)


@scenario(helper_ends)
def test_20_a_helper_that_ends_well_takes_no_server_along(run: Run) -> None:
    assert succeeded(run)
    ended = [event.name for event in run.events if event.role == "helper" and event.name in ("excused", "exit")]
    assert ended == ["excused", "exit"]


def starting(lab: Lab) -> Run:
    """The server answers 503 for a second and a half."""
    return lab.run(SERVER + "[phases.client]\ncommand = 'true'\n", nodes=1)


@scenario(starting)
def test_22_a_server_that_answers_503_is_not_ready(run: Run) -> None:
    assert succeeded(run)
    events = [(event.name, event.role) for event in run.events]
    assert events.index(("ready", "server")) < events.index(("started", "phase:client"))
    at = {event.name: datetime.fromisoformat(event.time) for event in run.events if event.role == "server"}
    assert (at["ready"] - at["started"]).total_seconds() >= 1
