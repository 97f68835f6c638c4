"""Files of the job and words repeated for every worker, as the processes of a real job find them."""

from __future__ import annotations

import pytest

from tests.slurm.lab import Lab, Run, scenario

pytestmark = pytest.mark.slurm

JOB = """
[job]
num-nodes = 4

[vars]
tricky = 'its $(touch pwned) `touch pwned` \\ "x"'

[roles.worker]
num-nodes = 2
workers-per-node = 2
gpus-per-worker = 2
command = ["bash", "-c", "cp {file.me.yaml} {job.dir}/worker-{worker}; exec sleep 60"]
ports = { http = { base = 8000, count = 2 } }
stop = { grace = "1s" }

[roles.wide]
gpus-per-worker = 10
command = ["sleep", "60"]
ports = { rpc = { base = 9000, on = "every-task" } }
stop = { grace = "1s" }

[roles.router]
after = ["worker", "wide"]
command = [
  "bash", "-c", 'printf "%s\\n" "$@" >{job.dir}/router; exec sleep 60', "bash",
  { each = "worker", args = ["--worker", "{it.host}:{it.port.http}-{it.port.http.last}"] },
  { each = "worker", args = ["{it.url.http} {it.endpoint.http}"] },
  "between $HOME `id` {{job.id}",
  { each = "wide", args = ["{it.worker} {it.node} {it.ip} {it.port.rpc} {host} {{x} {{it.host} ${it.host}"] },
]
stop = { grace = "1s" }

[files."me.yaml".data]
me = "{host} {ip} {node}"
tricky = "{vars.tricky}"
[files."all.json".data]
workers = "{role.worker.urls.http}"
[files."text"]
content = '''
'quoted' "twice" $HOME `id` {{job.id} {job.id}
'''

[phases.look]
command = "cp {file.all.json} {job.dir}/all; cp {file.text} {job.dir}/text"
"""


def files_and_words(lab: Lab) -> Run:
    return lab.run(JOB, 4)


@scenario(files_and_words)
def test_words_are_repeated_for_every_worker_of_a_role(run: Run) -> None:
    assert run.cause == "", run.output
    first, second, third, _ = run.nodes
    expected = []
    for host in (first, second):
        for port in (8000, 8002):
            expected += ["--worker", f"{host}:{port}-{port + 1}"]
    expected += [f"http://{host}:{port} {host}:{port}" for host in (first, second) for port in (8000, 8002)]
    expected.append("between $HOME `id` {job.id}")
    ip = run.json("endpoints.json")["roles"]["wide"][0]["ip"]
    assert third == run.json("endpoints.json")["roles"]["wide"][0]["host"]
    expected.append(f"0 2 {ip} 9000 {first} {{x}} {{it.host}} ${{it.host}}")
    assert run.log("router").splitlines() == expected


@scenario(files_and_words)
def test_a_file_that_differs_by_node_is_there_for_each(run: Run) -> None:
    addresses = {task["host"]: task["ip"] for task in run.json("endpoints.json")["roles"]["worker"]}
    first, second, *_ = run.nodes
    for worker, (node, host) in enumerate([(0, first), (0, first), (1, second), (1, second)]):
        assert run.log(f"worker-{worker}").splitlines() == [
            f'me: "{host} {addresses[host]} {node}"',
            r'tricky: "its $(touch pwned) `touch pwned` \\ \"x\""',
        ]
    assert not list(run.folder.rglob("pwned"))


@scenario(files_and_words)
def test_a_file_knows_the_workers_and_keeps_its_bytes(run: Run) -> None:
    first, second, *_ = run.nodes
    urls = ",".join(f"http://{host}:{port}" for host in (first, second) for port in (8000, 8002))
    assert run.json("all") == {"workers": urls}
    assert run.log("text") == f"'quoted' \"twice\" $HOME `id` {{job.id}} {run.job.id}\n"
