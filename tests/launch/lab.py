"""Compiles jobs and runs their scripts here, without a Slurm: the stand-ins of `slurm/` run the tasks as processes."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from attrs import frozen

from dynplan.cli.inputs import job_documents, load
from dynplan.emitter import lower, write
from dynplan.language import parse, read, resolve
from dynplan.model import Plan
from dynplan.planner import plan

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PROGRAM = ROOT / "dynplan" / "emitter" / "program"
STUB = HERE / "stub.py"
CACHED_BASHES = ROOT / ".cache" / "bash"
JOB_ID = "7"

# Texts that mean something to a shell, to Slurm, to our templates, or to a reader of bytes.
NASTY = (
    *("$(touch hacked)", "`touch hacked`", "; touch hacked #", "| touch hacked", "& touch hacked", "<(touch hacked)"),
    *("'", '"', "\\", "$HOME", "${x}", "$'x'", "!", "*", "~", "?", "[0]", "a=b", "-n", "--", "", " ", "#"),
    *("{", "}", "{{", "{x}", "{host}}", "{{host}", "${host}", "%j", "%x", "#SBATCH --wait", "//", "|"),
    *("\n", "\n#SBATCH --wait\n", "\t", "\r\n", "\x01", "\x7f", "\x1b[0m", "\ufeff", "\u2028", "\u00a0"),
    *("\u201cquoted\u201d", "\u00e9", "\U0001f600", "\u4e2d"),
)


@cache
def program_parts() -> Mapping[str, str]:
    """The parts of the program, by name."""
    return {path.stem: path.read_text(encoding="utf-8") for path in PROGRAM.glob("*.sh")}


def plan_of(text: str) -> Plan:
    """Plan a job file's text."""
    return plan(read(resolve([parse("job.toml", text.encode())])))


def compiled(job: str | Plan) -> str:
    """Return the script of a job file's text, or of a plan."""
    found = plan_of(job) if isinstance(job, str) else job
    return write(lower(found), "dynplan test", program_parts())


def compiled_file(path: Path) -> str:
    """Return the script of a job file and what it extends."""
    return compiled(plan(read(resolve(job_documents(str(path), load(str(path)), [], "")))))


@cache
def bashes() -> tuple[Path, ...]:
    """Every bash here: the system's, and those that `python -m tests.launch.bashes` has brought."""
    found = [Path("/bin/bash"), *sorted(CACHED_BASHES.glob("*/bin/bash"))]
    return tuple({bash_version(path): path for path in found}.values())


@cache
def bash_version(bash: Path) -> str:
    """The version of a bash, `5.2` for example."""
    words = ["-c", 'echo "${BASH_VERSINFO[0]}.${BASH_VERSINFO[1]}"']
    return subprocess.run([bash, *words], capture_output=True, text=True, check=True).stdout.strip()


@frozen
class Run:
    """What a script said and left."""

    code: int
    output: str
    folder: Path
    seconds: float

    @property
    def directory(self) -> Path:
        """The newest output directory."""
        return max(self.folder.glob("out*"), key=lambda path: path.stat().st_mtime)

    @property
    def cause(self) -> str:
        """The one-line cause of a failure."""
        found = re.findall(r"^\[\d\d:\d\d:\d\d\] dynplan: FAILED: (.*)$", self.output, re.MULTILINE)
        assert len(found) <= 1, self.output
        return found[0] if found else ""

    @property
    def events(self) -> list[tuple[str, ...]]:
        """The lines of events.log without their times: event, role, worker, rank, node, detail."""
        lines = (self.directory / "events.log").read_text().splitlines()
        return [tuple(line.split("\t")[1:]) for line in lines]

    def order(self, *names: str) -> list[str]:
        """`event role/worker` of the events of these names, in order."""
        return [f"{name} {role}/{worker}" for name, role, worker, *_ in self.events if name in names]

    def text(self, name: str) -> str:
        """A file of the output directory."""
        return (self.directory / name).read_text()

    def seen(self) -> list[dict[str, Any]]:
        """The records of stub workers, sorted by role, worker and rank."""
        lines = (self.folder / "seen").read_text().splitlines()
        return sorted(map(json.loads, lines), key=lambda record: record["env"]["DYNPLAN_TASK"])


def start(
    text: str,
    folder: Path,
    *,
    nodes: Sequence[str] = ("n0",),
    env: Mapping[str, str] | None = None,
    bash: Path | str = "/bin/bash",
    options: Sequence[str] = ("-p",),
) -> "subprocess.Popen[str]":
    """Start a script in a folder, as the batch script of a job on these nodes; `options` are its first line's."""
    # A job before it may be reading its own.
    (folder / "script.new").write_text(text)
    (folder / "script.new").replace(folder / "script.sbatch")
    place = {"SLURM_JOB_ID": JOB_ID, "SLURM_JOB_NODELIST": ",".join(nodes)}
    # The tasks take the same bash from the PATH as the batch script runs in; a `python3` there may be a shell script.
    path = f"{HERE / 'slurm'}:{Path(bash).parent}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    # What the test run itself was told (DYNPLAN_REQUIRE_SLURM) is no fact of a job.
    ours = {name: text for name, text in os.environ.items() if not name.startswith("DYNPLAN_")}
    return subprocess.Popen(
        [bash, *options, "script.sbatch"],
        cwd=folder,
        env={**ours, **place, "PATH": path, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )


def run(job: str, folder: Path, *, timeout_s: float = 120, **place: Any) -> Run:
    """Compile a job and run its script to its end."""
    began = time.monotonic()
    process = start(compiled(job), folder, **place)
    try:
        output, _ = process.communicate(timeout=timeout_s)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    return Run(process.returncode, output, folder, time.monotonic() - began)


def job_text(*parts: str, nodes: int | str = 1, cluster: str = "") -> str:
    """A job file with short graces whose output lands in `out`."""
    return "\n".join(
        [
            f'[vars]\nstub = "{STUB}"',
            f'[job]\nname = "test"\nnum-nodes = {nodes}\noutput-dir = "out"',
            f"[cluster]\ngpus-per-node = 8\n{cluster}",
            *parts,
        ]
    )


def stub(*words: str) -> str:
    """The TOML of a command that runs the stub worker."""
    return json.dumps(["python3", "{vars.stub}", *words])


def left_behind(mark: str, within_s: float = 0) -> list[str]:
    """Processes of a job that are still there after so long, by what stands in their environment."""
    deadline = time.monotonic() + within_s
    while (found := _marked(mark)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def _marked(mark: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark.encode() in path.read_bytes():
                found.append((path.parent / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return found
