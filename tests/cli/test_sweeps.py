"""`dynplan sweep` and `dynplan results` from the outside: tables, directories, and what is wrong with points."""

import json
import os
import re
import stat
import subprocess
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dynplan.cli import app

JOB = """\
[job]
name = "swept"
time = "00:30:00"

[cluster]
gpus-per-node = 8

[vars]
concurrency = 8

[sweep]
"roles.server.args.tp" = [2, 8]
"vars.concurrency" = [4, 64]

[[sweep.points]]
name = "wide"
"roles.server.workers" = 4

[roles.server]
workers = 1
gpus-per-worker = "tp"
command = ["serve", "{sweep.point}"]
args = { tp = 4 }

[phases.bench]
command = ["bench", "{vars.concurrency}"]

[results]
rate = { file = "{phase.dir}/out.json", key = "rate.avg", best = "max" }
delay = { file = "{job.dir}/delay.json", key = "all.0.p99", best = "min" }
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "job.toml").write_text(JOB)
    return tmp_path


def dynplan(*words: str) -> str:
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert (done.exit_code, done.stderr) == (0, ""), done.stderr
    return done.stdout


def refused(*words: str) -> str:
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert (done.exit_code, done.stdout) == (1, "")
    return done.stderr


# The table of points


def test_the_table_tells_what_each_point_sets_and_takes(folder: Path) -> None:
    assert (
        dynplan("sweep", "job.toml")
        == """\
swept: 5 points, at most 24.0 GPU-hours

point  tp  concurrency  workers  nodes  GPUs  idle GPUs  GPU-hours
0       2            4        1      1     8          6        4.0
1       2           64        1      1     8          6        4.0
2       8            4        1      1     8          0        4.0
3       8           64        1      1     8          0        4.0
wide    4            8        4      2    16          0        8.0
"""
    )


def test_the_table_is_there_for_other_tools(folder: Path) -> None:
    tree = json.loads(dynplan("sweep", "job.toml", "--format", "json"))
    assert (tree["job"], tree["gpu-hours"]) == ("swept", 24.0)
    assert tree["points"][4] == {
        "point": 4,
        "name": "wide",
        "values": {"tp": 4, "concurrency": 8, "workers": 4},
        "nodes": 2,
        "gpus": 16,
        "idle-gpus": 0,
        "gpu-hours": 8.0,
    }
    assert dynplan("sweep", "job.toml", "--format", "csv").splitlines()[5] == "wide,4,8,4,2,16,0,8.0"


def test_without_a_time_limit_nobody_knows_the_hours(folder: Path) -> None:
    (folder / "job.toml").write_text(JOB.replace('time = "00:30:00"\n', ""))
    assert dynplan("sweep", "job.toml").startswith("swept: 5 points, without a time limit\n")


def test_set_changes_the_sweep_and_what_is_around_it(folder: Path) -> None:
    told = dynplan("sweep", "job.toml", "--set", 'sweep."vars.concurrency"=[1]', "--set", "cluster.gpus-per-node=16")
    assert [line.split()[:5] for line in told.splitlines()[3:]] == [
        ["0", "2", "1", "1", "1"],
        ["1", "8", "1", "1", "1"],
        ["wide", "4", "8", "4", "1"],
    ]


# One point


@pytest.mark.parametrize("point", ["4", "wide"])
def test_one_point_is_taken_by_its_number_or_its_name(point: str, folder: Path) -> None:
    by_hand = re.sub(r"\[sweep\].*?(?=\[roles)", "", JOB, flags=re.DOTALL).replace("workers = 1", "workers = 4")
    (folder / "hand.toml").write_text(by_hand.replace("{sweep.point}", "wide"))
    for command in ("compile", "plan", "show"):
        assert dynplan(command, "job.toml", "--point", point) == dynplan(command, "hand.toml")
    assert dynplan("check", "job.toml", "--point", point) == ""


def test_a_plan_of_a_point_is_whole(folder: Path) -> None:
    dynplan("plan", "job.toml", "--point", "1", "-o", "plan.toml")
    assert dynplan("emit", "plan.toml") == dynplan("compile", "job.toml", "--point", "1")
    assert dynplan("check", "plan.toml", "--strict") == ""
    assert tomllib.loads((folder / "plan.toml").read_text())["results"]["rate"]["best"] == "max"


def test_a_point_wins_over_set(folder: Path) -> None:
    told = dynplan("compile", "job.toml", "--point", "3", "--set", "vars.concurrency=5")
    assert "\t\tbench\n\t\t64\n" in told


def test_a_sweep_may_be_over_engines_and_each_has_its_preset(folder: Path) -> None:
    job = """\
[cluster]
gpus-per-node = 8
[sweep]
"roles.server.engine" = ["vllm", "sglang"]
[roles.server]
gpus-per-worker = 1
args = { model = "m" }
"""
    (folder / "job.toml").write_text(job)
    scripts = [dynplan("compile", "job.toml", "--point", point) for point in "01"]
    assert ["vllm" in script for script in scripts] == [True, False]
    assert ["sglang.launch_server" in script for script in scripts] == [False, True]


def test_a_job_without_a_sweep_has_no_points(folder: Path) -> None:
    (folder / "job.toml").write_text('[roles.a]\ncommand = "true"\n')
    for words in (["compile", "job.toml", "--point", "0"], ["sweep", "job.toml"]):
        assert refused(*words).startswith("error[D127]: this job has no `[sweep]`, and so no points\n")


# What is wrong


def test_bad_points_are_told_together_each_thing_once_with_its_place(folder: Path) -> None:
    job = JOB.replace("[2, 8]", "[2, 12, 20]").replace("workers = 1\n", "num-nodes = 1\n")
    (folder / "job.toml").write_text(job)
    told = refused("sweep", "job.toml", "-o", "out")
    heads = re.findall(r"^error\[(\w+)\]: (points? .*?): .*\n +--> (\S+)$", told, re.MULTILINE)
    assert heads == [
        ("D201", "points `2` and `3`", "job.toml:12:30"),
        ("D201", "points `4` and `5`", "job.toml:12:34"),
        ("D202", "point `wide`", "job.toml:17:26"),
    ]
    assert not (folder / "out").exists()


def test_an_inherited_value_is_shown_where_it_stands_and_a_set_one_too(folder: Path) -> None:
    (folder / "base.toml").write_text(JOB.replace("[2, 8]", "[2, 20]").replace("workers = 1\n", "num-nodes = 1\n"))
    (folder / "job.toml").write_text('extends = "base.toml"\n[sweep]\n"vars.concurrency" = [1]\npoints = []\n')
    told = refused("sweep", "job.toml")
    assert told.startswith("error[D201]: point `1`: role `server` needs 20 GPUs per worker")
    assert "--> base.toml:12:30\n" in told
    told = refused("sweep", "job.toml", "--set", 'sweep."roles.server.args.tp"=[1, 2, 12]')
    assert told.startswith("error[D201]: point `2`: role `server` needs 12 GPUs per worker")
    assert "--> --set:1:37\n" in told


def test_the_job_may_come_from_standard_input_and_the_cluster_from_a_file(folder: Path) -> None:
    (folder / "cluster.toml").write_text("[cluster]\ngpus-per-node = 16\n")
    words = ["sweep", "-", "--cluster", "cluster.toml"]
    done = CliRunner().invoke(app, words, input=JOB.encode(), catch_exceptions=False)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.splitlines()[3].split() == ["0", "2", "4", "1", "1", "16", "14", "8.0"]


def test_what_is_wrong_with_all_points_is_told_as_for_a_job(folder: Path) -> None:
    (folder / "job.toml").write_text(JOB.replace("[phases.bench]\n", '[phases.bench]\ntimeot = "1m"\n'))
    told = refused("sweep", "job.toml")
    assert told.startswith("error[D101]: unknown key `timeot` in `[phases.bench]`\n")
    assert told.count("error[") == 1


def test_warnings_of_points_are_told_and_strict_allows_none(folder: Path) -> None:
    (folder / "job.toml").write_text(JOB.replace('name = "swept"\n', 'name = "swept"\nnum-nodes = 2\n'))
    done = CliRunner().invoke(app, ["sweep", "job.toml"], catch_exceptions=False)
    assert (done.exit_code, done.stderr.count("warning[W201]")) == (0, 1)
    assert "warning[W201]: points `0`, `1`, `2` and `3`: " in done.stderr
    assert "error[D006]" in refused("sweep", "job.toml", "--strict")


# The directory


def test_the_directory_holds_scripts_plans_and_what_submits_them(folder: Path) -> None:
    assert dynplan("sweep", "job.toml", "-o", "runs/one/", "--max-running", "3") == ""
    one = folder / "runs" / "one"
    assert sorted(str(path.relative_to(one)) for path in one.rglob("*") if path.is_file()) == [
        "array-0.sbatch",
        "array-1.sbatch",
        *(f"plans/{name}.toml" for name in ("0", "1", "2", "3", "wide")),
        "submit.sh",
        "sweep.json",
    ]
    assert "#SBATCH --array=0-3%3\n" in (one / "array-0.sbatch").read_text()
    assert "#SBATCH --array=4%3\n" in (one / "array-1.sbatch").read_text()
    assert stat.S_IMODE((one / "submit.sh").stat().st_mode) == 0o700
    assert stat.S_IMODE((one / "array-0.sbatch").stat().st_mode) == 0o600
    assert "output_dir='runs/one/points/wide-{job.id}'" in dynplan("emit", "runs/one/plans/wide.toml")


def test_the_index_has_the_digest_by_which_each_point_is_known_again(folder: Path) -> None:
    dynplan("sweep", "job.toml", "-o", "runs")
    for point in json.loads((folder / "runs" / "sweep.json").read_text())["points"]:
        told = dynplan("check", f"runs/{point['script']}")
        assert re.search(
            rf"^  point {point['point']}(, \S+)?: plan {point['digest']}$|; plan {point['digest']} ", told, re.M
        )


@pytest.mark.parametrize(
    ("output_dir", "expected"),
    [
        ("out", ["out-0", "out-1", "out-2", "out-3", "out-wide"]),
        ("out/%x-%j/", [f"out/swept-{{job.id}}-{name}" for name in ("0", "1", "2", "3", "wide")]),
        ("of-{sweep.point}/%j", [f"of-{name}/{{job.id}}" for name in ("0", "1", "2", "3", "wide")]),
    ],
)
def test_no_two_points_share_an_output_directory(output_dir: str, expected: list[str], folder: Path) -> None:
    (folder / "job.toml").write_text(JOB.replace("[job]\n", f'[job]\noutput-dir = "{output_dir}"\n'))
    dynplan("sweep", "job.toml", "-o", "runs")
    scripts = "".join(path.read_text() for path in sorted((folder / "runs").glob("*.sbatch")))
    assert re.findall(r"output_dir='?([^'\n]*)'?$", scripts, re.MULTILINE) == expected


def test_a_directory_with_something_in_it_is_left_alone(folder: Path) -> None:
    (folder / "runs").mkdir()
    dynplan("sweep", "job.toml", "-o", "runs")  # nothing is in it
    before = (folder / "runs" / "sweep.json").read_bytes()
    told = refused("sweep", "job.toml", "-o", "runs", "--set", "job.time=5")
    assert told.startswith("error[D005]: cannot write into `runs`: something is in it\n")
    assert (folder / "runs" / "sweep.json").read_bytes() == before
    assert sorted(path.name for path in folder.iterdir()) == ["job.toml", "runs"]


@pytest.mark.parametrize("name", ["../runs", ".", "runs-%j", "a\nb", "job.toml", "job.toml/runs"])
def test_a_directory_that_cannot_be_is_refused(name: str, folder: Path) -> None:
    assert refused("sweep", "job.toml", "-o", name).startswith("error[D005]: cannot write into `")
    assert [path.name for path in folder.iterdir()] == ["job.toml"]


def submit(folder: Path, *words: str, at: str = ".") -> subprocess.CompletedProcess[str]:
    """Run submit.sh with a stand-in of sbatch, which prints its directory and words."""
    bin_ = folder / "bin"
    bin_.mkdir(exist_ok=True)
    (bin_ / "sbatch").write_text('#!/bin/bash\necho "$PWD: $*" >>"$LOG"\necho "7;cluster"\n')
    (bin_ / "sbatch").chmod(0o755)
    env = {"PATH": f"{bin_}:/usr/bin:/bin", "LOG": str(folder / "log")}
    script = folder / at / "submit.sh"
    return subprocess.run([script, *words], cwd="/", env=env, capture_output=True, text=True, check=False)


def test_submit_begins_where_the_sweep_was_made_and_keeps_its_promise_of_how_many_run(folder: Path) -> None:
    dynplan("sweep", "job.toml", "-o", "runs/one")
    done = submit(folder, "--max-running", "2", "--partition=p", at="runs/one")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "array-0.sbatch: job 7, points 0-3\narray-1.sbatch: job 7, points 4\n"
    one = folder / "runs" / "one"
    assert (folder / "log").read_text().splitlines() == [
        f"{folder}: --parsable --array=0-3%2 --partition=p {one}/array-0.sbatch",
        f"{folder}: --parsable --array=4%2 --dependency=afterany:7 --partition=p {one}/array-1.sbatch",
    ]


def test_a_link_on_the_way_to_the_sweep_leads_to_where_it_was_made(folder: Path) -> None:
    (folder / "far").mkdir()
    (folder / "home").mkdir()
    (folder / "home" / "runs").symlink_to(folder / "far")
    (folder / "home" / "job.toml").write_text(JOB.replace("[job]\n", '[job]\noutput-dir = "out"\n'))
    os.chdir(folder / "home")
    dynplan("sweep", "job.toml", "-o", "runs/one")
    assert submit(folder, at="home/runs/one").returncode == 0
    assert (folder / "log").read_text().startswith(f"{folder}/home: ")
    leave(folder / "home" / "out-0", success="")
    os.chdir("/")
    assert "1 done" in dynplan("results", str(folder / "home" / "runs" / "one"))


def test_submit_refuses_what_makes_no_sense(folder: Path) -> None:
    dynplan("sweep", "job.toml", "-o", "runs/one")
    for words in (["--max-running"], ["--max-running=0"], ["--max-running", "x"]):
        assert submit(folder, *words, at="runs/one").returncode == 2
    (folder / "runs" / "one").rename(folder / "moved")
    done = submit(folder, at="moved")
    assert (done.returncode, done.stdout) == (1, "")
    assert "was runs/one when the sweep was made" in done.stderr
    assert submit(folder, "--help", at="moved").stdout.splitlines()[1].startswith("usage: submit.sh [--max-running N]")


# Results


def leave(directory: Path, **files: str) -> None:
    """Make the output directory of a run."""
    for name, text in {"events.log": "", **{name.replace("__", "/"): text for name, text in files.items()}}.items():
        path = directory / {"success": "success-marker.txt", "failure": "failure-marker.txt"}.get(name, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_results_are_the_last_run_of_every_point(folder: Path) -> None:
    dynplan("sweep", "job.toml", "-o", "runs/one")
    points = folder / "runs" / "one" / "points"
    numbers = {"phases__bench__out.json": '{"rate": {"avg": 5}}', "delay.json": '{"all": [{"p99": 0.25}]}'}
    leave(points / "0-9", failure="old")
    leave(points / "0-10", failure="older than the next")
    leave(points / "0-10.1", success="", **numbers)
    leave(points / "1-10x", success="")  # nobody's
    leave(points / "3-12", failure="[12:00:00] dynplan: FAILED: no, really\nmore", **{"exit-code.txt": "70\n"})
    leave(points / "wide-13", success="", **{**numbers, "delay.json": '{"all": []}'})
    expected = """\
5 points: 2 done, 2 not run, 1 failed

point  tp  concurrency  workers  state    code  ready-s  bench-s  rate  delay  cause
0       2            4        1  done        0                      5*  0.25*
1       2           64        1  not run
2       8            4        1  not run
3       8           64        1  failed     70                                 no, really
wide    4            8        4  done        0                      5*

delay: delay.json has no `all.0.p99` (point wide)
"""
    assert dynplan("results", "runs/one") == expected
    (folder / "runs" / "one").rename(folder / "moved")
    assert dynplan("results", "moved") == expected


def test_results_of_a_job_with_a_directory_of_its_own_are_found_there(folder: Path) -> None:
    (folder / "job.toml").write_text(JOB.replace("[job]\n", '[job]\noutput-dir = "out/%j/%x"\n'))
    dynplan("sweep", "job.toml", "-o", "runs/one")
    leave(folder / "out" / "8" / "swept-0", success="")
    leave(folder / "out" / "11" / "swept-wide", failure="x")
    states = [row["state"] for row in json.loads(dynplan("results", "runs/one", "--format", "json"))["points"]]
    assert states == ["done", "not run", "not run", "not run", "failed"]


@pytest.mark.parametrize("text", [None, "", "[]", "{}", '{"schema": 2}', '{"schema": 1, "folder": "x", "points": [1]}'])
def test_what_is_no_sweep_has_no_results(text: str | None, folder: Path) -> None:
    (folder / "runs").mkdir()
    if text is not None:
        (folder / "runs" / "sweep.json").write_text(text)
    assert refused("results", "runs").startswith("error[D128]: ")


def test_values_may_be_tables_and_lists(folder: Path) -> None:
    job = JOB.replace(
        '"vars.concurrency" = [4, 64]', '"roles.server.args" = [{ tp = 1 }, { tp = 2, config = { a = [1] } }]'
    )
    (folder / "job.toml").write_text(job.replace('"roles.server.args.tp" = [2, 8]\n', ""))
    dynplan("sweep", "job.toml", "-o", "runs")
    rows = json.loads(dynplan("results", "runs", "--format", "json"))["points"]
    assert [row["values"]["args"] for row in rows[:2]] == [{"tp": 1}, {"tp": 2, "config": {"a": [1]}}]
    assert '{"tp":2,"config":{"a":[1]}}' in dynplan("results", "runs")
