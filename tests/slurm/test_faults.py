"""The fault table: what goes wrong in a job, and what is left of it, on a real Slurm.

Every row asserts the exit code, the one line that says why, how long it took from the fault to the job's
end, that every log is kept, and that no process is left on any node.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from tests.slurm.lab import Fault, Lab, Run, Running, leave_alone, scenario
from tests.testbed import eventually, slurm_version

pytestmark = pytest.mark.slurm

NOTICE_S = 5  # from the fault to the decision to end the job
GRACE_S = 1  # of every role here
SLACK_S = 3  # for Slurm to end a job, and for a machine that runs eight of them at once

Around = Callable[[Lab, tuple[str, ...], Path], AbstractContextManager[Any]]


def untouched(lab: Lab, nodes: tuple[str, ...], folder: Path) -> AbstractContextManager[None]:
    """Nodes as they are."""
    return nullcontext()


@frozen
class Row:
    """One thing that goes wrong.

    `code` is the job's exit code (or Slurm's signal for it, negative) and `state` what Slurm says of it.
    `cause` is the line behind `dynplan: FAILED: `, with `{n0}` and `{n1}` for the nodes and `{out}` for the
    output directory; empty where the job succeeds or nobody is left to say it. `says` must stand in the output.

    The time to the end counts from `fault`, which does something to the job from outside, or from the
    last line that the process at fault wrote to `since`. `logs` are the files that must hold something,
    `never` those that must not be there; `directory` tells whether the output directory can be written and seen.
    """

    name: str
    job: str
    code: int
    cause: str = ""
    says: tuple[str, ...] = ()
    state: str = "FAILED"
    nodes: int = 2
    around: Around = untouched
    fault: Fault = leave_alone
    since: str = ""
    within_s: float = NOTICE_S + GRACE_S
    logs: tuple[str, ...] = ("logs/worker-0.log", "logs/worker-1.log")
    never: tuple[str, ...] = ()
    directory: bool = True
    sbatch: tuple[str, ...] = ()
    timeout_s: float = 60

    def __call__(self, lab: Lab) -> Run:
        folder = lab.write(self.job)
        script = lab.compile(folder)
        with lab.nodes(self.nodes) as names, self.around(lab, names, folder):
            return lab.submit(names, folder, script, self.sbatch).end(self.fault, self.timeout_s)


# ---- jobs ------------------------------------------------------------------------------------------------


def workers(second: str = "", more: str = "", ready: str = "timeout = '30s'") -> str:
    """Two workers, each a node; worker 1 gets the stub's options `second`, both get the keys `more`."""
    return f"""
[roles.worker]
num-nodes = 2
gpus-per-worker = 8
command = '''
if [[ {{worker}} == 1 ]]; then exec {{vars.python}} {{vars.stub}} {second}; fi
exec {{vars.python}} {{vars.stub}}'''
ports = {{ system = 9090 }}
stop = {{ grace = "{GRACE_S}s" }}
{more}
[roles.worker.ready]
port = "system"
path = "/health"
{ready}
"""


def phase(command: str, more: str = "", name: str = "client") -> str:
    return f"\n[phases.{name}]\ncommand = '''{command}'''\n{more}\n"


LONG = phase("sleep 600")
SHORT = phase("sleep 0.5")


# ---- what is done to them --------------------------------------------------------------------------------


def in_phase(do: Fault) -> Fault:
    """Wait until the first phase runs, then do it."""

    def fault(running: Running) -> None:
        running.wait_for("started", "phase:client")
        do(running)

    return fault


def while_starting(do: Fault) -> Fault:
    """Wait until both workers run and are not ready, then do it."""

    def fault(running: Running) -> None:
        running.wait_for("started", "worker", count=2)
        do(running)

    return fault


def in_teardown(do: Fault) -> Fault:
    """Wait until the workers have been told to stop, then do it."""

    def fault(running: Running) -> None:
        log = running.folder / "out/logs/worker-1.log"
        eventually(lambda: log.exists() and "stub: stopping" in log.read_text(), 30)
        do(running)

    return fault


def kill_worker(signal: str) -> Fault:
    return lambda running: running.kill(running.nodes[1], "stub.py", signal)


def scancel(*options: str) -> Fault:
    return lambda running: running.scancel(*options)


def kill_batch_script(running: Running) -> None:
    running.kill(running.nodes[0], "slurm_script")


def kill_srun(running: Running) -> None:
    running.kill(running.nodes[0], "--job-name=worker")


def pull_the_plug(of: int) -> Fault:
    """Take a node away, and wait until Slurm has given it up: a busy node is silent too."""

    def fault(running: Running) -> None:
        running.lab.cluster.kill_node(running.nodes[of])
        wait_until_down(running, running.nodes[of])

    return fault


def kill_everything_on_the_node(running: Running) -> None:
    """Slurm's daemon, its step daemons and the tasks; the node itself stays."""
    running.lab.cluster.node_run(running.nodes[1], ["bash", "-c", "kill -KILL -1"], check=False)
    wait_until_down(running, running.nodes[1])


def wait_until_down(running: Running, node: str) -> None:
    eventually(lambda: running.lab.cluster.node_state(node).startswith("down"), 90, 0.2)
    running.fault = time.time()


# ---- what surrounds them ---------------------------------------------------------------------------------


@contextmanager
def plugged_in_again(lab: Lab, nodes: tuple[str, ...], folder: Path) -> Iterator[None]:
    try:
        yield
    finally:
        for node in nodes:
            if not lab.cluster.runs(node):
                lab.cluster.start_node(node)


@contextmanager
def slurmd_again(lab: Lab, nodes: tuple[str, ...], folder: Path) -> Iterator[None]:
    try:
        yield
    finally:
        lab.cluster.node_run(nodes[1], ["slurmd"])
        eventually(lambda: lab.cluster.node_state(nodes[1]) == "idle", 30)


@contextmanager
def stranger_on_the_port(lab: Lab, nodes: tuple[str, ...], folder: Path) -> Iterator[None]:
    """Somebody's server on port 9090 of the second node, started outside of Slurm."""
    server = f"setsid --fork {sys.executable} -m http.server 9090 >/dev/null 2>&1"
    lab.cluster.node_run(nodes[1], ["bash", "-c", server], cwd=folder)
    # 9090, and listening: connections of the node's last job may still be there, in another state.
    listening = ["grep", "--quiet", ":2382 00000000:0000 0A", "/proc/net/tcp"]
    eventually(lambda: lab.cluster.node_run(nodes[1], listening, check=False).returncode == 0)
    try:
        yield
    finally:
        lab.cluster.node_run(nodes[1], ["pkill", "-f", "http.server 9090"])


@contextmanager
def first_job(lab: Lab, nodes: tuple[str, ...], folder: Path) -> Iterator[None]:
    """The same job, on the same nodes, already running."""
    first = lab.write(SHARING + LONG)
    running = lab.submit(nodes, first, lab.compile(first))
    running.wait_for("started", "phase:client")
    try:
        yield
        assert lab.state(running.id) == "RUNNING"  # nothing of the second one has hurt it
    finally:
        running.scancel()
        running.finish(30)


ONE = """
[roles.worker]
num-nodes = 1
gpus-per-worker = 8
command = ["{vars.python}", "{vars.stub}"]
ports = { system = 9090 }
ready = { port = "system", path = "/health", timeout = "30s" }
stop = { grace = "1s" }
"""

SHARING = """
[job.sbatch]
exclusive = false
mem = 1000
[cluster]
gpus-per-node = 2
[roles.worker]
num-nodes = 2
gpus-per-worker = 2
command = ["{vars.python}", "{vars.stub}"]
ports = { system = 9090 }
ready = { port = "system", path = "/health", timeout = "30s" }
stop = { grace = "1s" }
"""


def mounted(command: str, on: int) -> Around:
    """The job's output directory is a mount of its own on one node, made by `command`."""

    @contextmanager
    def around(lab: Lab, nodes: tuple[str, ...], folder: Path) -> Iterator[None]:
        (folder / "out").mkdir()
        lab.cluster.node_run(nodes[on], ["bash", "-ec", command], cwd=folder)
        try:
            yield
        finally:
            lab.cluster.node_run(nodes[on], ["umount", "--lazy", folder / "out"])

    return around


# ---- the table -------------------------------------------------------------------------------------------

WORKER = "role worker worker 1 rank 0 on {n1}"
FRONTEND = "role frontend worker 0 rank 0 on {n0}"
LOG = "log {out}/logs/worker-1.log"
STARTING = 'status 503 Service Unavailable: {{"status": "starting"}}'
HANGS = "connected, and no answer within 3 s"

ROWS = [
    Row(
        "time limit",
        workers() + LONG,
        code=75,
        cause="the time limit is near",
        sbatch=("--time=1",),
        within_s=60,
        timeout_s=120,
    ),
    Row(
        "node lost",
        workers() + LONG,
        code=76,
        cause="node {n1} is lost, and with it worker/1.0",
        state="NODE_FAIL",
        around=plugged_in_again,
        fault=in_phase(pull_the_plug(of=1)),
        timeout_s=120,
    ),
    Row(
        "first node lost, and the batch script with it",
        workers() + LONG,
        code=0,
        state="NODE_FAIL",
        around=plugged_in_again,
        fault=in_phase(pull_the_plug(of=0)),
        within_s=30,  # Slurm tells the other nodes once it has given up asking the first one
        timeout_s=120,
    ),
    Row(
        "slurmd and its tasks killed",
        workers() + LONG,
        code=76,
        cause="node {n1} is lost, and with it worker/1.0",
        state="NODE_FAIL",
        around=slurmd_again,
        fault=in_phase(kill_everything_on_the_node),
        timeout_s=120,
    ),
    Row(
        "worker exits 1",
        workers("--exit-after 2,1") + LONG,
        code=70,
        cause=f"{WORKER}: exit status 1; {LOG}",
        says=("stub: exits with 1",),
        since="logs/worker-1.log",
    ),
    Row(
        "worker exits 0 early",
        workers("--exit-after 2,0") + LONG,
        code=70,
        cause=f"{WORKER}: exit status 0; {LOG}",
        since="logs/worker-1.log",
    ),
    Row(
        "worker killed by SIGKILL",
        workers() + LONG,
        code=70,
        cause=f"{WORKER}: killed by SIGKILL (status 137); {LOG}",
        fault=in_phase(kill_worker("KILL")),
    ),
    Row(
        "worker segfaults at start",
        workers("--kill-after 0,SEGV") + LONG,
        code=70,
        cause=f"{WORKER}: killed by SIGSEGV (status 139); {LOG}",
        since="logs/worker-1.log",
        logs=("logs/worker-1.log",),
    ),
    Row(
        "command not found",
        workers().replace("exec {vars.python} {vars.stub} ;", "exec /no/such/engine;") + LONG,
        code=70,
        cause=f"{WORKER}: exit status 127; {LOG}",
        says=("/no/such/engine: No such file or directory",),
        since="logs/worker-1.log",
        logs=("logs/worker-1.log",),
    ),
    Row(
        "hangs before ready",
        workers("--ready-after 600", ready="timeout = '3s'") + LONG,
        code=71,
        cause=f"{WORKER}: not ready after 3 s: http 9090 /health: {STARTING}; {LOG}",
        since="logs/worker-1.log",
        within_s=3 + NOTICE_S + GRACE_S,
    ),
    Row(
        "ready, then hangs",
        workers(
            "--hang-after 2",
            more='alive = { port = "system", path = "/health", interval = "1s", failures = 2 }',
        )
        + LONG,
        code=73,
        cause=f"{WORKER}: not alive: 2 times: http 9090 /health: {HANGS}; {LOG}",
        since="logs/worker-1.log",
        within_s=2 * (1 + 3) + NOTICE_S + GRACE_S,
    ),
    Row(
        "port taken by somebody else",
        workers() + LONG,
        code=65,
        cause="preflight: {n1}: port 9090 (system of role worker) is taken; nothing was started",
        around=stranger_on_the_port,
        logs=(),
        within_s=15,
    ),
    Row(
        "fewer GPUs than planned",
        workers() + LONG,
        code=65,
        cause="preflight: {n0}: the plan needs 8 GPUs, the step shows CUDA_VISIBLE_DEVICES='0,1,2,3'; "
        "nothing was started",
        says=(
            "preflight: {n0}: the plan needs 8 GPUs, the step shows CUDA_VISIBLE_DEVICES='0,1,2,3'",
            "preflight: {n1}: the plan needs 8 GPUs, the step shows CUDA_VISIBLE_DEVICES='0,1,2,3'",
        ),
        sbatch=("--gpus-per-node=4",),
        logs=(),
        within_s=15,
    ),
    Row(
        "scancel while starting",
        workers("--ready-after 600") + LONG,
        code=143,
        cause="TERM: cancelled, or the time limit",
        state="CANCELLED",
        fault=while_starting(scancel()),
    ),
    Row(
        "scancel in a phase",
        workers() + LONG,
        code=143,
        cause="TERM: cancelled, or the time limit",
        state="CANCELLED",
        fault=in_phase(scancel()),
    ),
    Row(
        "scancel in teardown",
        workers("--term-takes 600") + phase("exit 3"),
        code=3,
        cause="phase client on {n0}: exit status 3; log {out}/phases/client.log",
        state="CANCELLED",
        fault=in_teardown(scancel()),
    ),
    Row(
        "phase fails",
        workers() + phase("echo so be it; exit 7") + phase("true", name="next"),
        code=7,
        cause="phase client on {n0}: exit status 7; log {out}/phases/client.log",
        says=("so be it",),
        since="phases/client.log",
        never=("phases/next.log",),
    ),
    Row(
        "phase fails and the next may run",
        workers() + phase("exit 7", more="continue-on-failure = true") + phase("echo after", name="next"),
        code=7,
        cause="phase client on {n0}: exit status 7; log {out}/phases/client.log",
        since="phases/next.log",
        logs=("phases/client.log", "phases/next.log", "logs/worker-0.log", "logs/worker-1.log"),
    ),
    Row(
        "phase killed",
        workers() + phase("kill -KILL $$"),
        code=137,
        cause="phase client on {n0}: killed by SIGKILL (status 137); log {out}/phases/client.log",
        since="phases/client.log",
    ),
    Row(
        "phase takes too long",
        workers() + phase("echo begun; sleep 600", more='timeout = "2s"'),
        code=124,
        cause="phase client on {n0}: took too long; log {out}/phases/client.log",
        since="phases/client.log",
        within_s=2 + NOTICE_S + GRACE_S,
    ),
    Row(
        "frontend never answers",
        workers()
        + """
[roles.frontend]
command = ["{vars.python}", "{vars.stub}", "--ready-after", "600"]
ports = { http = 8000 }
after = ["worker"]
ready = { port = "http", path = "/v1/models", timeout = "3s" }
stop = { grace = "1s" }
"""
        + LONG,
        code=71,
        cause=f"{FRONTEND}: not ready after 3 s: http 8000 /v1/models: {STARTING}; log {{out}}/logs/frontend-0.log",
        since="logs/frontend-0.log",
        within_s=3 + NOTICE_S + GRACE_S,
        logs=("logs/worker-0.log", "logs/worker-1.log", "logs/frontend-0.log"),
    ),
    Row(
        "log pattern",
        workers("--say-after '2,EngineCore failed to start'", more="fail-on-log = 'EngineCore failed|Traceback'")
        + LONG,
        code=72,
        cause=f"{WORKER}: the log says: EngineCore failed to start; {LOG}",
        since="logs/worker-1.log",
    ),
    Row(
        "worker ignores SIGTERM",
        workers("--ignore-term") + SHORT,
        code=0,
        state="COMPLETED",
        since="phases/client.log",
        within_s=NOTICE_S + GRACE_S + 1,
    ),
    Row(
        "worker leaves a daemon behind",
        workers("--daemon 600") + SHORT,
        code=0,
        state="COMPLETED",
        since="phases/client.log",
        within_s=NOTICE_S + GRACE_S + 1,
    ),
    Row(
        "worker dies and its daemon stays",
        workers("--daemon 600 --exit-after 2,1") + LONG,
        code=70,
        cause=f"{WORKER}: exit status 1; {LOG}",
        since="logs/worker-1.log",
    ),
    Row(
        "exits in teardown mean nothing",
        workers("--child").replace(
            "exec {vars.python} {vars.stub} --child", "trap 'exit 5' TERM; {vars.python} {vars.stub} --child"
        )
        + SHORT,
        code=0,
        state="COMPLETED",
        since="phases/client.log",
    ),
    Row(
        "not critical",
        workers()
        + """
[roles.exporter]
per-node = true
gpus-per-worker = 0
critical = false
command = ["{vars.python}", "{vars.stub}", "--exit-after", "0.5,4"]
stop = { grace = "1s" }
"""
        + phase("sleep 3"),
        code=0,
        state="COMPLETED",
        says=("not critical: role exporter worker 1 rank 0 on {n1}: exit status 4; log {out}/logs/exporter-1.log",),
        logs=("logs/worker-0.log", "logs/worker-1.log", "logs/exporter-0.log", "logs/exporter-1.log"),
        since="phases/client.log",
        within_s=3 + NOTICE_S + GRACE_S,
    ),
    Row(
        "restart works",
        workers(more="restart = { max = 2, delay = '1s' }").replace(
            "then exec {vars.python} {vars.stub} ;",
            "then [[ -e {job.dir}/died ]] || { : >{job.dir}/died; exit 6; }; exec {vars.python} {vars.stub};",
        )
        + SHORT,
        code=0,
        state="COMPLETED",
        says=(f"{WORKER}: exit status 6; restarting it; {LOG}",),
        since="phases/client.log",
    ),
    Row(
        "restart gives up",
        workers(more="restart = { max = 2, delay = '1s' }").replace(
            "then exec {vars.python} {vars.stub} ;", "then echo run >>{job.dir}/runs; echo tried; exit 6;"
        )
        + SHORT,
        code=70,
        cause=f"{WORKER}: exit status 6; {LOG}",
        since="logs/worker-1.log",
    ),
    Row(
        "task fails",
        """
[roles.download]
kind = "task"
command = "echo no such model; exit 9"
[roles.worker]
num-nodes = 2
gpus-per-worker = 8
after = ["download"]
command = ["{vars.python}", "{vars.stub}"]
"""
        + LONG,
        code=70,
        cause="role download worker 0 rank 0 on {n0}: exit status 9; log {out}/logs/download-0.log",
        says=("no such model",),
        since="logs/download-0.log",
        logs=("logs/download-0.log",),
        never=("logs/worker-0.log", "logs/worker-1.log"),
    ),
    Row(
        "follower of a worker on two nodes dies",
        """
[roles.big]
workers = 1
gpus-per-worker = 16
command = ["{vars.python}", "{vars.stub}"]
leader-args = ["--say", "leader"]
follower-args = ["--exit-after", "2,3"]
ports = { system = 9090 }
ready = { port = "system", path = "/health", timeout = "30s" }
stop = { grace = "1s" }
"""
        + LONG,
        code=70,
        cause="role big worker 0 rank 1 on {n1}: exit status 3; log {out}/logs/big-0.1.log",
        since="logs/big-0.1.log",
        logs=("logs/big-0.0.log", "logs/big-0.1.log"),
    ),
    Row(
        "unhealthy between phases",
        workers("--hang-after 1", ready="timeout = '3s'") + phase("sleep 2; echo done") + phase("true", name="next"),
        code=73,
        cause=f"{WORKER}: not healthy after 3 s: http 9090 /health: {HANGS}; {LOG}",
        since="phases/client.log",
        within_s=3 + NOTICE_S + GRACE_S,
        never=("phases/next.log",),
    ),
    Row(
        "output directory read-only on one node",
        workers() + LONG,
        code=65,
        cause="preflight: {n1}: cannot write in {out}/logs; nothing was started",
        around=mounted("mount --bind out out && mount -o remount,ro,bind out", on=1),
        logs=(),
        within_s=15,
    ),
    Row(
        "output directory below a file",
        workers().replace("[roles", '[job]\noutput-dir = "job.toml/out"\n[roles', 1) + LONG,
        code=74,
        cause="cannot write in {folder}/job.toml/out",
        logs=(),
        directory=False,
        within_s=15,
    ),
    Row(
        "disk full at the start",
        ONE + LONG,
        nodes=1,
        code=74,
        cause="cannot write in {out}/events.log",
        around=mounted("mount -t tmpfs -o size=64k full out && ! head -c 1M /dev/zero >out/data", on=0),
        logs=(),
        directory=False,
        within_s=15,
    ),
    Row(
        "disk full in a phase",
        ONE + phase("head -c 1M /dev/zero; sleep 0.5"),
        nodes=1,
        code=74,
        cause="cannot write in {out}",
        around=mounted("mount -t tmpfs -o size=64k full out", on=0),
        logs=(),
        directory=False,
        within_s=15,
    ),
    Row(
        "two jobs on the same nodes",
        SHARING + LONG,
        code=65,
        cause="preflight: {n0}: port 9090 (system of role worker) is taken; nothing was started",
        says=(
            "preflight: {n0}: port 9090 (system of role worker) is taken",
            "preflight: {n1}: port 9090 (system of role worker) is taken",
        ),
        around=first_job,
        logs=(),
        within_s=15,
    ),
    Row(
        "srun killed with -9",
        workers() + LONG,
        code=76,
        cause="role worker: srun ended with status 137 and no word from worker 0.0 on {n0}, worker 1.0 on {n1}",
        fault=in_phase(kill_srun),
        within_s=NOTICE_S + GRACE_S,
    ),
    Row(
        "batch script killed with -9",
        workers() + LONG,
        code=-9,
        fault=in_phase(kill_batch_script),
        within_s=NOTICE_S + GRACE_S,
    ),
]


def kept_code(row: Row) -> int:
    """The code that Slurm keeps of the job.

    Where a node was lost, 24.11 and 26.05 keep a signal 1 of their own, whatever the script returns; 22.05 keeps
    what it returns. The cause is in the output and in the marker with all of them.
    """
    return -1 if row.state == "NODE_FAIL" and slurm_version() >= (24, 11) else row.code


@pytest.mark.parametrize("row", [pytest.param(row, marks=scenario(row), id=row.name) for row in ROWS])
def test_fault(run: Run, row: Row) -> None:
    words = {"n0": run.nodes[0], "n1": run.nodes[-1], "out": run.directory, "folder": run.folder}
    assert run.cause == row.cause.format(**words), run.output
    for text in row.says:
        assert text.format(**words) in run.output
    assert run.job.state == row.state, run.output
    assert (-run.job.signal or run.job.exit_code) == kept_code(row), run.output
    assert [name for name in row.logs if not (run.directory / name).stat().st_size] == []
    assert [name for name in row.never if (run.directory / name).exists()] == []
    assert run.left == {}
    begin = (run.directory / row.since).stat().st_mtime if row.since else run.fault
    assert run.ended - begin <= row.within_s + SLACK_S


WITH_MARKER = [row for row in ROWS if row.cause and row.directory]


@pytest.mark.parametrize("row", [pytest.param(row, marks=scenario(row), id=row.name) for row in WITH_MARKER])
def test_the_marker_repeats_the_cause(run: Run, row: Row) -> None:
    marker = run.log("failure-marker.txt")
    assert f"dynplan: FAILED: {run.cause}" in marker
    _, _, log = run.cause.partition("; log ")
    if log and (lines := Path(log).read_text().splitlines()):
        assert lines[-1] in marker
    assert not (run.directory / "success-marker.txt").exists()
