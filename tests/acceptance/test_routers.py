"""SGLang's router, nginx and HAProxy by their presets, before servers that are stubs.

Behind every door both servers answer; one is stopped, and the other still does.
"""

from __future__ import annotations

import pytest

from tests.acceptance.conftest import constants, environment
from tests.slurm.lab import Lab, Run, succeeded

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(300)]

JOB = """
[job]
time = "00:10:00"
num-nodes = 2

[roles.server]
command = ["{vars.python}", "{vars.programs}/stub_server.py", "{port.http}", "server {worker}"]
num-nodes = 2
gpus-per-worker = 1
critical = false # one of them is stopped on purpose
ports = { http = 30000 }
ready = { port = "http", path = "/health", timeout = "60s" }

[roles.router]
engine = "sglang-router"
setup = "source {vars.venv}/bin/activate"
after = ["server"]
args = { policy = "round_robin" } # by default one prompt always goes to one server
extra-args = ["--worker-urls", { each = "server", args = ["{it.url.http}"] }]
stop = { grace = "10s" }

[roles.nginx]
engine = "nginx"
after = ["server"]
extra-args = ["-c", "{file.nginx.conf}"]

[roles.haproxy]
engine = "haproxy"
after = ["server"]
extra-args = ["-f", "{file.haproxy.cfg}"]

[files."nginx.conf"]
content = [
    "pid {job.dir}/nginx.pid;\\nerror_log stderr;\\nevents {}\\nhttp { access_log off; upstream all {\\n",
    { each = "server", text = "server {it.endpoint.http};\\n" },
    "} server { listen {role.nginx.port.http}; location / { proxy_pass http://all; } } }\\n",
]

[files."haproxy.cfg"]
content = [
    "defaults\\n  mode http\\n  option redispatch\\n",
    "  timeout connect 5s\\n  timeout client 1h\\n  timeout server 1h\\n",
    "listen all\\n  bind :{role.haproxy.port.http}\\n",
    { each = "server", text = "  server s{it.worker} {it.endpoint.http} check inter 500ms\\n" },
]

[phases.ask]
command = [
    "{vars.python}", "{vars.programs}/who_answers.py", "{role.server.url.http}",
    "{role.router.url.http}", "{role.nginx.url.http}", "{role.haproxy.url.http}",
]
workdir = "{phase.dir}"
"""


@pytest.fixture(scope="module")
def run(lab: Lab) -> Run:
    return lab.run(f"{constants(venv=environment('routers'))}{JOB}", timeout_s=200)


def test_all_servers_answer_behind_every_door_and_after_one_has_stopped_the_other(run: Run) -> None:
    assert succeeded(run)
    answers = run.json("phases/ask/answers.json")
    assert len(answers) == 3
    assert all(heard == [["server 0", "server 1"], ["server 1"]] for heard in answers.values()), answers


def test_the_stopped_server_ends_by_itself_and_no_other(run: Run) -> None:
    assert [event.task for event in run.events if event.name == "exit" and event.role == "server"] == ["0.0"]
