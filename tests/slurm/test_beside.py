"""Workers beside others on a real Slurm: two steps that see the same GPUs, on purpose."""

from __future__ import annotations

import tomllib

import pytest

from dynplan.checker import check
from tests.slurm.lab import Lab, Run, scenario, succeeded

pytestmark = pytest.mark.slurm

STUB = """
command = ["{vars.python}", "{vars.stub}", "--record", "{job.dir}/seen.jsonl", "{gpus}"]
stop = { grace = "1s" }
"""
JOB = f"""
job.num-nodes = 2

[roles.wide]
workers = 1
gpus-per-worker = 12
ports = {{ http = 8000 }}
ready = {{ port = "http", path = "/health", timeout = "20s" }}
{STUB}

[roles.narrow]
num-nodes = 2
gpus-per-worker = 2
ports = {{ http = 8000 }}
{STUB}

[roles.wide-beside]
beside = "wide"
after = ["wide"]
ports = {{ http = 8000 }}
env = {{ STUB_URL = "{{beside.url.http}}" }}
ready = {{ command = ["test", "-e", "/proc/self"] }}
{STUB}

[roles.narrow-beside]
beside = "narrow"
ports = {{ http = 8000 }}
env = {{ STUB_URL = "{{beside.url.http}}" }}
{STUB}

[phases.one]
command = "sleep 1"
"""


def both(lab: Lab) -> Run:
    return lab.run(JOB)


@scenario(both)
def test_a_worker_and_the_one_beside_it_see_the_same_gpus_and_have_ports_of_their_own(run: Run) -> None:
    assert succeeded(run)
    first, second = run.nodes
    seen = {place: (worker.host, worker.cuda, worker.ports) for place, worker in run.workers.items()}
    assert seen == {
        ("wide", 0, 0): (first, "0,1,2,3,4,5", (8000,)),
        ("wide", 0, 1): (second, "0,1,2,3,4,5", ()),
        ("narrow", 0, 0): (first, "6,7", (8001,)),
        ("narrow", 1, 0): (second, "6,7", (8000,)),
        ("wide-beside", 0, 0): (first, "0,1,2,3,4,5", (8002,)),
        ("wide-beside", 0, 1): (second, "0,1,2,3,4,5", ()),
        ("narrow-beside", 0, 0): (first, "6,7", (8003,)),
        ("narrow-beside", 1, 0): (second, "6,7", (8001,)),
    }
    assert all(worker.argv == (worker.cuda,) for worker in run.workers.values())


@scenario(both)
def test_a_worker_is_told_the_ports_of_the_one_it_is_beside(run: Run) -> None:
    first, second = run.nodes
    urls = {place: worker.env["STUB_URL"] for place, worker in run.workers.items() if "STUB_URL" in worker.env}
    assert urls == {
        ("wide-beside", 0, 0): f"http://{first}:8000",
        ("wide-beside", 0, 1): f"http://{first}:8000",
        ("narrow-beside", 0, 0): f"http://{first}:8001",
        ("narrow-beside", 1, 0): f"http://{second}:8000",
    }
    told = {place: worker.env["DYNPLAN_BESIDE_PORT_HTTP"] for place, worker in run.workers.items() if place in urls}
    assert told == {place: url.rpartition(":")[2] for place, url in urls.items()}


@scenario(both)
def test_what_is_left_of_the_job_says_who_shares_with_whom(run: Run) -> None:
    left = tomllib.loads(run.log("plan.toml"))
    assert check(left) == ()
    shares = {"wide": {None}, "narrow": {None}, "wide-beside": {"wide"}, "narrow-beside": {"narrow"}}
    told = run.json("endpoints.json")["roles"]
    assert {role: {place.get("shares") for place in told[role]} for role in told} == shares
    assert {role: {w.get("shares") for w in left["workers"] if w["role"] == role} for role in shares} == shares


@scenario(both)
def test_a_worker_beside_another_starts_by_its_after(run: Run) -> None:
    order = [(event.name, event.role) for event in run.events]
    assert order.index(("ready", "wide")) < order.index(("started", "wide-beside"))
