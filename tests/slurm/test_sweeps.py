"""Sweeps as job arrays on a real Slurm: six points of which one fails, on three nodes, no more than three at a time."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from tests.slurm.lab import BASE, NOTHING, Lab, read_events, read_seen, scenario
from tests.testbed import Process, eventually

pytestmark = pytest.mark.slurm

ROOT = Path(__file__).parents[2]

SWEEP = """
[vars]
load = 1

[sweep]
"roles.worker.gpus-per-worker" = [1, 2, 4]
"vars.load" = [1, 8]

[roles.worker]
workers = 2
gpus-per-worker = 1
command = ["{vars.python}", "{vars.stub}"]
args = { record = "{job.dir}/seen.jsonl", point = "{sweep.point}" }
ports = { system = 9090 }
ready = { port = "system", path = "/health", timeout = "40s" }
stop = { grace = "2s" }

[phases.client]
command = \"\"\"
if [ {vars.load} = 8 ] && [ {sweep.gpus-per-worker} = 2 ]; then echo broken; exit 3; fi
sleep 1
printf '{"rate": {"avg": %s.5}}' {vars.load} >{phase.dir}/out.json\"\"\"

[results]
rate = { file = "{phase.dir}/out.json", key = "rate.avg", best = "max" }
"""


@frozen
class Swept:
    """What a sweep left: its table as text, JSON and CSV, the states of its jobs, and what outlived them."""

    folder: Path
    submitted: str
    text: str
    table: Sequence[Mapping[str, Any]]
    rows: Sequence[Mapping[str, str]]
    most_at_once: int
    left: Mapping[str, Sequence[Process]]


def dynplan(lab: Lab, folder: Path, *words: str) -> str:
    argv = ["env", f"PYTHONPATH={ROOT}", sys.executable, "-m", "dynplan", *words]
    return lab.cluster.run(argv, cwd=folder).stdout


def sweep(lab: Lab, job: str, most: int, parents: Mapping[str, str] = NOTHING) -> Swept:
    """Sweep a job on three nodes, from a directory that is not the sweep's, and wait for the end of all points."""
    with lab.nodes(3) as names:
        folder = lab.write(job, parents)
        before = lab.strangers(names)
        dynplan(lab, folder, "sweep", "job.toml", "-o", "runs/mine")
        others = ",".join(name for name in lab.cluster.node_names if name not in names)
        (folder / "elsewhere").mkdir()
        words = ["../runs/mine/submit.sh", "--max-running", str(most), f"--exclude={others}"]
        submitted = lab.cluster.run(words, cwd=folder / "elsewhere").stdout
        jobs = ",".join(re.findall(r"job (\d+)", submitted))
        at_once = 0

        def all_ended() -> bool:
            nonlocal at_once
            listed = ["squeue", "--noheader", "--array", f"--jobs={jobs}", "--states=all", "--format=%T"]
            states = lab.cluster.run(listed).stdout.split()
            at_once = max(at_once, states.count("RUNNING"))
            return bool(states) and not {"PENDING", "RUNNING", "COMPLETING", "CONFIGURING"}.intersection(states)

        eventually(all_ended, 180)
        return Swept(
            folder=folder,
            submitted=submitted,
            text=dynplan(lab, folder, "results", "runs/mine"),
            table=json.loads(dynplan(lab, folder, "results", "runs/mine", "--format", "json"))["points"],
            rows=list(csv.DictReader(io.StringIO(dynplan(lab, folder, "results", "runs/mine", "--format", "csv")))),
            most_at_once=at_once,
            left=lab.left(before),
        )


def six_points(lab: Lab) -> Swept:
    return sweep(lab, SWEEP, most=3)


@scenario(six_points)
def test_five_points_end_well_and_the_table_says_which_one_did_not_and_why(run: Swept) -> None:
    assert [(row["name"], row["state"], row["code"]) for row in run.table] == [
        ("0", "done", 0),
        ("1", "done", 0),
        ("2", "done", 0),
        ("3", "failed", 3),
        ("4", "done", 0),
        ("5", "done", 0),
    ]
    assert run.table[3]["values"] == {"gpus-per-worker": 2, "load": 8}
    assert re.fullmatch(r"phase client on \S+: exit status 3; log \S+/out-3/phases/client\.log", run.table[3]["cause"])
    assert "phase client on" in run.text


@scenario(six_points)
def test_the_table_has_the_times_and_numbers_of_every_point_and_marks_the_best(run: Swept) -> None:
    done = [row for row in run.table if row["state"] == "done"]
    assert [row["results"] for row in done] == [
        {"rate": 1.5},
        {"rate": 8.5},
        {"rate": 1.5},
        {"rate": 1.5},
        {"rate": 8.5},
    ]
    assert [row["best"] for row in run.table] == [[], ["rate"], [], [], [], ["rate"]]
    assert all(0 <= row["ready-s"] < 60 and 1 <= row["phases-s"]["client"] < 60 for row in done)
    assert run.text.count("8.5*") == 2
    assert [row["rate"] for row in run.rows] == ["1.5", "8.5", "1.5", "", "1.5", "8.5"]
    assert [row["best"] for row in run.rows] == ["", "rate", "", "", "", "rate"]


@scenario(six_points)
def test_every_point_has_its_own_gpus_words_and_directory(run: Swept) -> None:
    directories = [Path(row["directory"]) for row in run.table]
    assert len(set(directories)) == 6
    for number, row in enumerate(run.table):
        seen = read_seen(run.folder / row["directory"] / "seen.jsonl")
        gpus = row["values"]["gpus-per-worker"]
        assert sorted(record.cuda or "" for record in seen) == [
            ",".join(map(str, range(first, first + gpus))) for first in (0, gpus)
        ]
        assert all(record.argv[record.argv.index("--point") + 1] == str(number) for record in seen)
        assert {event.name for event in read_events(run.folder / row["directory"])} >= {"started", "ready", "stopped"}
        assert json.loads((run.folder / row["directory"] / "endpoints.json").read_text())["roles"]["worker"]


@scenario(six_points)
def test_no_more_points_run_at_a_time_than_asked_for_and_nothing_is_left(run: Swept) -> None:
    assert 1 < run.most_at_once <= 3
    assert re.fullmatch(r"array-0\.sbatch: job \d+, points 0-5\n", run.submitted)
    assert run.left == {}
    assert not list((run.folder / "elsewhere").iterdir())


TWO_ARRAYS = """
extends = "bare.toml"
[sweep]
"job.time" = ["00:05:00", "00:06:00"]
[[sweep.points]]
name = "two-nodes"
"job.num-nodes" = 2
[roles.worker]
command = "sleep 100"
[phases.one]
command = "echo {sweep.point}"
"""


def several_arrays(lab: Lab) -> Swept:
    return sweep(lab, TWO_ARRAYS, most=1, parents={"bare.toml": BASE.replace('output-dir = "out"', "num-nodes = 1")})


@scenario(several_arrays)
def test_points_with_other_directives_are_other_arrays_and_run_one_after_another(run: Swept) -> None:
    assert re.findall(r"^(\S+): job \d+, points (\S+)$", run.submitted, re.MULTILINE) == [
        ("array-0.sbatch", "0"),
        ("array-1.sbatch", "1"),
        ("array-2.sbatch", "2"),
    ]
    assert run.most_at_once == 1
    assert [(row["name"], row["state"]) for row in run.table] == [("0", "done"), ("1", "done"), ("two-nodes", "done")]


@scenario(several_arrays)
def test_what_points_leave_stands_below_the_sweep_where_the_job_says_nothing(run: Swept) -> None:
    for row in run.table:
        directory = run.folder / row["directory"]
        assert re.fullmatch(rf"{row['name']}-\d+", directory.name)
        assert directory.parent == run.folder / "runs" / "mine" / "points"
        assert (directory / "phases" / "one.log").read_text().splitlines()[-1] == row["name"]
