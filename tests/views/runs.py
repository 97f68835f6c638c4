"""What jobs have left, written by hand: the texts of events.log and plan.toml."""

import tomllib
from datetime import datetime
from typing import Any

from dynplan.language.plan_file import outline
from dynplan.views.progress import Left, Progress, progress_of
from dynplan.views.slurm import SlurmJob

PLAN = """\
schema = 1
job = { name = "chat", id = "7" }
nodes = [
  { node = 0, host = "n0", ip = "10.0.0.1", gpus = 8 },
  { node = 1, host = "n1", ip = "10.0.0.2", gpus = 8 },
]
expected = [
  { role = "frontend", tasks = 1, ready-timeout = 60, after = ["decode"] },
  { role = "decode", tasks = 2, ready-timeout = 600, after = [] },
  { role = "wide", tasks = 2, ready-timeout = 0, after = [] },
  { phase = "smoke", timeout = 60 },
  { phase = "bench", timeout = 0 },
]

[[workers]]
role = "frontend"
worker = 0
tasks = [ { rank = 0, node = 0, gpus = [], ports = { http = { port = 8000, count = 1 } } } ]

[[workers]]
role = "decode"
worker = 0
tasks = [ { rank = 0, node = 0, gpus = [0, 1, 2, 3], ports = {} } ]

[[workers]]
role = "decode"
worker = 1
tasks = [ { rank = 0, node = 1, gpus = [0, 1, 2, 3], ports = {} } ]

[[workers]]
role = "wide"
worker = 0
tasks = [ { rank = 0, node = 0, gpus = [4, 5, 6, 7], ports = {} }, { rank = 1, node = 1, gpus = [4, 5], ports = {} } ]
"""
NODES = (
    ("04:00:00", "node", ":preflight", "", "1", "n1", "10.0.0.2"),
    ("04:00:01", "node", ":preflight", "", "0", "n0", "10.0.0.1"),
    ("04:00:01", "end", ":preflight", "", "", "", "0"),
)
STARTED = (
    ("04:00:02", "started", "decode", "0", "0", "n0", "95"),
    ("04:00:03", "started", "decode", "1", "0", "n1", "96"),
    ("04:00:03", "started", "wide", "0", "1", "n1", "97"),
    ("04:00:03", "ready", "wide", "0", "1", "n1", ""),
    ("04:00:04", "started", "wide", "0", "0", "n0", "98"),
)
READY = (
    ("04:00:30", "ready", "decode", "0", "0", "n0", ""),
    ("04:00:40", "ready", "wide", "0", "0", "n0", ""),
    ("04:02:02", "ready", "decode", "1", "0", "n1", ""),
    ("04:02:03", "started", "frontend", "0", "0", "n0", "99"),
    ("04:02:05", "ready", "frontend", "0", "0", "n0", ""),
)
PHASES = (
    ("04:02:06", "started", "phase:smoke", "0", "0", "n0", "100"),
    ("04:02:16", "exit", "phase:smoke", "0", "0", "n0", "0 phase smoke on n0: exit status 0; log /r/phases/smoke.log"),
    ("04:02:16", "end", "phase:smoke", "", "", "", "0"),
    ("04:02:17", "started", "phase:bench", "0", "0", "n0", "101"),
)
CAUSE = "role decode worker 1 rank 0 on n1: exit status 1; log /r/chat-7/logs/decode-1.log"
FAILED = (
    ("04:03:17", "failed", "decode", "1", "0", "n1", f"70 {CAUSE}"),
    ("04:03:17", "exit", "decode", "1", "0", "n1", "1"),
    ("04:03:18", "stopped", "phase:bench", "0", "0", "n0", "143"),
    ("04:03:18", "stopped", "frontend", "0", "0", "n0", "143"),
    ("04:03:20", "stopped", "decode", "0", "0", "n0", "143"),
    ("04:03:20", "stopped", "wide", "0", "0", "n0", "143"),
    ("04:03:20", "stopped", "wide", "0", "1", "n1", "143"),
)
DONE = (
    ("04:03:17", "exit", "phase:bench", "0", "0", "n0", "0 phase bench on n0: exit status 0; log /r/phases/bench.log"),
    ("04:03:18", "stopped", "frontend", "0", "0", "n0", "143"),
    ("04:03:20", "stopped", "decode", "0", "0", "n0", "143"),
    ("04:03:20", "stopped", "decode", "1", "0", "n1", "143"),
    ("04:03:20", "stopped", "wide", "0", "0", "n0", "143"),
    ("04:03:20", "stopped", "wide", "0", "1", "n1", "143"),
)
MARKER = f"""\
[04:03:17] dynplan: FAILED: {CAUSE}
---- last lines of /r/chat-7/logs/decode-1.log
loading <b>weights</b> & more
RuntimeError: no memory
"""

Row = tuple[str, ...]


def log_of(*rows: Row) -> str:
    """Return the text of events.log."""
    return "".join("\t".join((f"2026-11-28T{time}+0000", *rest)) + "\n" for time, *rest in rows)


def at(time: str) -> datetime:
    """Return a time of the night of these jobs."""
    return datetime.fromisoformat(f"2026-11-28T{time}+00:00")


def left(
    events: str,
    *,
    plan: str = PLAN,
    success: str | None = None,
    failure: str | None = None,
    code: str | None = None,
    slurm: SlurmJob | None = None,
) -> Left:
    """Return what a job has left; without a plan where that is empty."""
    tree: dict[str, Any] = tomllib.loads(plan)
    return Left("results/chat-7", events, outline(tree) if tree else None, tree, success, failure, code, slurm)


def progress(*rows: Row, **more: Any) -> Progress:
    """Return how far a job has come by rows of its events.log."""
    return progress_of(left(log_of(*rows), **more))
