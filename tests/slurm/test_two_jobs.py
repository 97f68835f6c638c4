"""Jobs of one file on one node of a real Slurm at once: each with ports of its own, by the job's id."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from dynplan.cli import app
from tests.slurm.lab import Lab, Run, Running, Seen, read_events, read_seen, scenario, succeeded
from tests.testbed import eventually

pytestmark = pytest.mark.slurm

ROOT = Path(__file__).parents[2]
FIRST, STEP = 21000, 8
MANY = 100  # blocks: jobs that are submitted beside other tests' have different ones, as far as a job id goes by then
STUB = 'command = ["{vars.python}", "{vars.stub}", "--record", "{job.dir}/seen.jsonl", '
# All that may hold a port holds one: commands, words for each worker, environment, lists, files, probes, metrics.
JOB = f"""
[job]
port-offset = "job-id"
[job.sbatch]
exclusive = false
cpus-per-task = 1
mem = "64M"
[cluster]
gpus-per-node = 2
port-range = "RANGE"
[roles.decode]
workers = 2
gpus-per-worker = 1
{STUB} "{{port.http}}", "{{port.nixl.last}}"]
ports = {{ http = 8000, nixl = {{ base = 5557, count = 2 }} }}
ready = {{ port = "http", path = "/health" }}
metrics = "http://{{host}}:{{port.http}}/metrics"
stop = {{ grace = "1s" }}
[roles.router]
after = ["decode"]
{STUB} {{ each = "decode", args = ["{{it.url.http}}"] }}]
extra-args = ["{{role.decode.urls.nixl}}", "{{role.decode.port.http}}", "{{file.servers}}"]
ports = {{ http = {{ base = "auto", count = 2 }} }}
ready = {{ port = "http", path = "/health" }}
stop = {{ grace = "1s" }}
[files.servers]
content = [{{ each = "decode", text = "{{it.endpoint.http}}\\n" }}]
[phases.both]
command = ["sh", "-c", "sleep SECONDS; echo asked {{role.router.url.http}} {{metrics-urls}}"]
"""


def job(blocks: int, seconds: float = 0.5) -> str:
    """The job, in a range that has so many blocks of its ports."""
    last = FIRST + STEP * blocks - 1
    return JOB.replace("RANGE", f"{FIRST}-{last}").replace("SECONDS", str(seconds))


@contextmanager
def listening(lab: Lab, node: str, port: int) -> Iterator[None]:
    """Somebody else listens on a port of a node."""
    program = f"import socket, time; s = socket.create_server(('', {port})); print('yes', flush=True); time.sleep(300)"
    inside = lab.cluster.node_argv(node, [sys.executable, "-c", program])
    with subprocess.Popen(inside, env=lab.cluster.environment, stdout=subprocess.PIPE, text=True) as outsider:
        try:
            assert outsider.stdout
            assert outsider.stdout.readline() == "yes\n"
            yield
        finally:
            outsider.terminate()


def chosen(run: Run) -> int:
    """How much higher the ports of a job are than in the plan, as its plan.toml says."""
    found = re.search(r"port-shift = (\d+)", run.log("plan.toml"))
    assert found, run.output
    return int(found[1])


def assert_all_have(run: Run, offset: int) -> None:
    """Everything that the job wrote, and that its processes were given, has the numbers of one block."""
    first = FIRST + offset
    http, nixl = (first, first + 3), (first + 1, first + 4)
    router = (first + 6, first + 7)
    node = run.nodes[0]
    workers = run.workers
    for worker in (0, 1):
        seen = workers["decode", worker, 0]
        assert seen.ports == (http[worker], nixl[worker], nixl[worker] + 1)
        assert seen.argv == (str(http[worker]), str(nixl[worker] + 1))
    asked = workers["router", 0, 0]
    assert asked.ports == router
    lists = ",".join(f"http://{node}:{port}" for port in nixl)
    assert asked.argv[:-1] == (*(f"http://{node}:{port}" for port in http), lists, str(http[0]))
    assert Path(asked.argv[-1]).read_text() == "".join(f"{node}:{port}\n" for port in http)
    metrics = ",".join(f"http://{node}:{port}/metrics" for port in http)
    assert f"asked http://{node}:{router[0]} {metrics}" in run.log("phases/both.log")
    roles = run.json("endpoints.json")["roles"]
    assert [worker["ports"]["http"] for worker in roles["decode"]] == list(http)
    assert [target["targets"] for target in run.json("prometheus.json")] == [[f"{node}:{port}"] for port in http]
    assert f"http = {{ port = {router[0]}, count = 2 }}" in run.log("plan.toml")
    assert [event.name for event in run.events if event.role == ":preflight"].count("ports") == 1


def ended(lab: Lab, runs: Sequence[Running]) -> list[Run]:
    """Wait for the end of all of them, and then look at what each has left."""
    eventually(lambda: all(lab.ended(one.id) for one in runs), 90)
    return [one.finish(10) for one in runs]


def two_at_once(lab: Lab) -> list[Run]:
    """Both run at the same time, on one node."""
    with lab.nodes(1) as names:
        folders = [lab.write(job(MANY, seconds=6)) for _ in range(2)]
        return ended(lab, [lab.submit(names, folder, lab.compile(folder)) for folder in folders])


@scenario(two_at_once)
def test_two_jobs_of_one_file_share_a_node_and_each_has_its_own_ports(run: list[Run]) -> None:
    assert all(map(succeeded, run))
    offsets = [one.job.id % MANY * STEP for one in run]
    assert offsets[0] != offsets[1]
    for one, offset in zip(run, offsets, strict=True):
        assert chosen(one) == offset
        assert_all_have(one, offset)
    starts = [min(e.time for e in one.events if e.name == "ready") for one in run]
    ends = [max(e.time for e in one.events if e.name == "stopped") for one in run]
    assert max(starts) < min(ends), "they did not run at once"
    for one in run:
        for words in (["status", one.directory], ["report", one.directory, "-o", one.folder / "report.html"]):
            assert not app(list(map(str, words)), standalone_mode=False)
        for command in ("show", "check"):
            assert not app([command, str(one.directory / "plan.toml")], standalone_mode=False)
    shown = [{seen.cuda for place, seen in one.workers.items() if place[0] == "decode"} for one in run]
    assert shown[0].isdisjoint(shown[1])


def taken(lab: Lab, blocks: int, ports: Sequence[int]) -> Run:
    """A job in whose blocks somebody listens: `ports` count from its first block."""
    with lab.nodes(1) as names, ExitStack() as outsiders:
        folder = lab.write(job(blocks))
        running = lab.submit(names, folder, lab.compile(folder), ["--hold"])
        start = running.id % blocks
        for port in ports:
            block = (start + port // STEP) % blocks
            outsiders.enter_context(listening(lab, names[0], FIRST + block * STEP + port % STEP))
        running = Running(lab, running.id, names, folder, lab.strangers(names))
        lab.cluster.run(["scontrol", "release", str(running.id)])
        return running.finish(60)


def first_block_taken(lab: Lab) -> Run:
    return taken(lab, 3, [4])


@scenario(first_block_taken)
def test_a_port_that_somebody_has_in_the_first_block_leads_to_the_next_one(run: Run) -> None:
    assert succeeded(run)
    start = run.job.id % 3
    offset = (start + 1) % 3 * STEP
    assert chosen(run) == offset
    assert_all_have(run, offset)
    holder = f"block {start} is taken: port {FIRST + start * STEP + 4} (nixl of role decode) on {run.nodes[0]}"
    assert f"ports: block {(start + 1) % 3} of 3, {offset} above the plan's; {holder}" in run.output


def all_blocks_taken(lab: Lab) -> Run:
    return taken(lab, 2, [0, STEP + 7])


@scenario(all_blocks_taken)
def test_a_range_without_a_free_block_is_an_error_with_the_port_and_who_wants_it(run: Run) -> None:
    start = run.job.id % 2
    assert (run.job.state, run.job.exit_code) == ("FAILED", 65), run.output
    assert run.cause == (
        f"preflight: each of the 2 blocks of ports has one that is taken; block {start} is taken: "
        f"port {FIRST + start * STEP} (http of role decode) on {run.nodes[0]}; nothing was started"
    )
    assert not (run.directory / "seen.jsonl").exists()


# A worker of two nodes and one beside it; `fixed` stays. What computes with a number computes with the moved one.
WIDE = """
[job]
port-offset = "job-id"
num-nodes = 2
[cluster]
gpus-per-node = 2
port-range = "21000-21019"
reserved-ports = 21007
[roles.train]
workers = 1
gpus-per-worker = 4
command = ["{vars.python}", "{vars.stub}", "--record", "{job.dir}/seen.jsonl", "{leader.port.rdzv}", "{port.rank.last}"]
ports = { rdzv = 29500, rank = { base = 5000, count = 2, on = "every-task" }, web = { fixed = 18080 } }
ready = { port = "rank", on = "every-task" }
stop = { grace = "1s" }
[roles.look]
beside = "train"
command = ["{vars.python}", "{vars.stub}", "--record", "{job.dir}/seen.jsonl"]
extra-args = ["{beside.port.rank}", "{beside.url.rdzv}"]
ports = { http = 8000 }
ready = { port = "http", path = "/health" }
stop = { grace = "1s" }
[phases.one]
command = "echo next $(({role.train.port.rdzv} + 1)) and {role.train.port.web}"
"""


def on_two_nodes(lab: Lab) -> Run:
    """Blocks of four numbers, of which one holds a reserved port. Each node lacks another one of the first two."""
    with lab.nodes(2) as names, ExitStack() as outsiders:
        folder = lab.write(WIDE)
        running = lab.submit(names, folder, lab.compile(folder), ["--hold"])
        blocks = (0, 2, 3, 4)
        for place, node, number in ((0, names[0], 2), (1, names[1], 1)):
            block = blocks[(running.id + place) % 4]
            outsiders.enter_context(listening(lab, node, FIRST + 4 * block + number))
        running = Running(lab, running.id, names, folder, lab.strangers(names))
        lab.cluster.run(["scontrol", "release", str(running.id)])
        return running.finish(60)


@scenario(on_two_nodes)
def test_all_nodes_have_the_first_block_that_is_free_on_each_of_them(run: Run) -> None:
    assert succeeded(run)
    offset = 4 * (0, 2, 3, 4)[(run.job.id + 2) % 4]
    assert chosen(run) == offset
    rdzv, rank, http = FIRST + offset, FIRST + offset + 1, FIRST + offset + 3
    workers = run.workers
    assert [workers["train", 0, at].ports for at in (0, 1)] == [(18080, rdzv, rank, rank + 1), (rdzv, rdzv + 1)]
    assert [workers["train", 0, at].argv for at in (0, 1)] == [(str(rdzv), str(last)) for last in (rank + 1, rank)]
    url = f"http://{run.nodes[0]}:{rdzv}"
    assert [workers["look", 0, at].argv for at in (0, 1)] == [(str(rank), url), (str(rdzv), url)]
    assert workers["look", 0, 0].ports == (http,)
    assert f"next {rdzv + 1} and 18080" in run.log("phases/one.log")


@frozen
class Point:
    """What a point of an array left: its directory, and its processes."""

    directory: Path
    seen: Sequence[Seen]
    endpoints: Any


SWEEP = '[sweep]\n"phases.both.timeout" = ["50s", "51s", "52s"]\n'


def points(lab: Lab) -> list[Point]:
    """Three points of a sweep at once on one node of eight GPUs."""
    with lab.nodes(1) as names:
        folder = lab.write(SWEEP + job(MANY, seconds=6))
        dynplan = ["env", f"PYTHONPATH={ROOT}", sys.executable, "-m", "dynplan"]
        lab.cluster.run([*dynplan, "sweep", "job.toml", "-o", "runs"], cwd=folder)
        said = lab.cluster.run(["runs/submit.sh", f"--nodelist={names[0]}"], cwd=folder).stdout
        number = re.findall(r"job (\d+)", said)[0]

        def all_ended() -> bool:
            listed = ["squeue", "--noheader", "--array", f"--jobs={number}", "--states=all", "--format=%T"]
            return set(lab.cluster.run(listed).stdout.split()) <= {"COMPLETED", "FAILED"}

        eventually(all_ended, 120)
        found = sorted(folder.glob("**/endpoints.json"))
        return [Point(one.parent, read_seen(one.parent / "seen.jsonl"), json.loads(one.read_text())) for one in found]


@scenario(points)
def test_points_of_an_array_run_beside_each_other(run: list[Point]) -> None:
    assert len(run) == 3
    assert all((point.directory / "success-marker.txt").exists() for point in run)
    ports = [{port for seen in point.seen for port in seen.ports} for point in run]
    assert len(set.union(*ports)) == sum(map(len, ports)) == 3 * STEP
    times = [[event.time for event in read_events(point.directory)] for point in run]
    assert max(min(one) for one in times) < min(max(one) for one in times), "they did not run at once"
