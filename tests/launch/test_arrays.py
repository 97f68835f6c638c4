"""Scripts of job arrays: each index runs what a script of its own would."""

import json
import os
import signal
import subprocess
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from dynplan.emitter.arrays import in_arrays, in_directory, write_array, write_arrays
from dynplan.emitter.digests import seal_of
from dynplan.model import Plan
from tests.launch.lab import Run, bash_version, bashes, compiled, job_text, plan_of, program_parts, start, stub

QUICK = 'stop = { grace = "1s" }'
SERVER = f"""\
[roles.server]
command = {stub("--record", "seen", "--size", "SIZE")}
gpus-per-worker = SIZE
workers = 2
ports = {{ http = 18600 }}
ready = {{ port = "http" }}
{QUICK}
"""
BENCH = '[phases.bench]\ncommand = "echo SIZE {role.server.urls.http}"\n'
FILE = """\
[files."a.txt"]
content = "size SIZE\\n$HOME 'quoted'\\n}\\n{host}"
[phases.show]
command = ["cat", "{file.a.txt}"]
"""
EXTRA = f'[roles.extra]\ncommand = {stub()}\nafter = ["server"]\nfail-on-log = "panic"\n{QUICK}\n'
# Three that differ in everything that a script may hold, on nodes of one number.
POINTS = {
    0: (SERVER + BENCH).replace("SIZE", "2"),
    2: (SERVER + FILE).replace("SIZE", "4"),
    5: (SERVER + EXTRA + BENCH + FILE).replace("SIZE", "1"),
}


def plans(points: Mapping[int, str] = POINTS) -> dict[int, Plan]:
    return {number: in_directory(plan_of(job_text(text)), f"out-{number}") for number, text in points.items()}


def array_of(found: Mapping[int, Plan], most_running: int = 0) -> str:
    [array] = in_arrays((number, f"{number}, size = {number}", plan) for number, plan in found.items())
    return write_array(array, "dynplan test", program_parts(), most_running)


def data_of(script: str) -> str:
    """All data of a script: what is left of it without the program."""
    text = script[script.index("# ==== The plan ====") :]
    for part in program_parts().values():
        text = text.replace(part.rstrip("\n"), "")
    return text


def functions(data: str, number: int) -> Sequence[str]:
    """What bash knows after it has read data, and what the job's function sets."""
    show = "declare -f | sed '/^job ()/,/^}/d; /^point ()/,/^}/d'\n"
    names = "nodes gpus longest_grace job_name output_dir roles phases stop_order has_log has_followers srun env digest"
    known = f"job\nfor name in {names}; do declare -p $name 2>/dev/null; done; true\n"
    probe = "probe() { :; }; task() { :; }; times() { :; }\n"
    done = subprocess.run(
        ["bash", "-p"],
        input=f"{probe}{data}\n{show}{known}",
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ["PATH"], "SLURM_ARRAY_TASK_ID": str(number)},
    )
    assert done.stderr == ""
    return [line for line in done.stdout.splitlines() if not line.startswith("dynplan: point ")]


def test_an_index_has_the_functions_of_a_script_of_its_own() -> None:
    script = array_of(plans())
    for number, plan in plans().items():
        assert functions(data_of(script), number) == functions(data_of(compiled(plan)), number)


def test_an_array_has_the_digests_of_scripts_of_its_points_own_and_one_of_its_text() -> None:
    script = array_of(plans())
    seal = seal_of(script)
    assert seal
    assert (seal.whole, seal.plan, seal.stamp) == (True, "", "dynplan test")
    own = [(number, seal_of(compiled(plan))) for number, plan in plans().items()]
    assert [(point.number, point.plan) for point in seal.points] == [(number, one and one.plan) for number, one in own]
    assert len({point.plan for point in seal.points}) == len(POINTS)
    for edited in map(seal_of, (f"{script}#", script.replace("size 4", "size 5"))):
        assert edited
        assert not edited.whole


@pytest.mark.parametrize("title", ["a", "it's-me", "a b, c", 'say "a", $HOME', "ü\u2192", "2\u202e, x = 1"])
def test_points_are_known_by_their_names_whatever_their_titles_quote(title: str) -> None:
    [array] = in_arrays((number, f"p{number}, x = {title}", plan) for number, plan in plans().items())
    seal = seal_of(write_array(array, "dynplan test", program_parts(), 0))
    assert seal
    assert [(point.number, point.name) for point in seal.points] == [(number, f"p{number}") for number in POINTS]


def test_what_all_points_share_stands_once() -> None:
    found = plans({0: POINTS[0], 1: POINTS[0].replace("echo 2", "echo 3")})
    script = array_of(found)
    assert script.count("role_server() {") == 1
    assert script.count("phase_bench() {") == 2
    assert script.count("\njob() {") == 1
    one = compiled(next(iter(found.values())))
    assert len(script) < len(one) + 1500


def test_indices_are_numbers_of_points_and_so_many_run_at_a_time() -> None:
    script = array_of(plans(), most_running=2)
    assert "#SBATCH --array=0,2,5%2\n" in script
    assert "#SBATCH --output=%x-%A_%a.out\n" in script


def test_points_with_other_directives_are_an_array_of_their_own() -> None:
    wide = plan_of(job_text(POINTS[0], nodes=2))
    found = in_arrays([(0, "a", plan_of(job_text(POINTS[0]))), (1, "b", wide), (2, "c", plan_of(job_text(POINTS[2])))])
    assert [[point.number for point in array] for array in found] == [[0, 2], [1]]


def run_index(script: str, folder: Path, index: str, **place: Any) -> Run:
    folder.mkdir()
    env = {"SLURM_ARRAY_TASK_ID": index, "STUB_GPUS": "0,1,2,3,4,5,6,7", "STUB_TOPOLOGY": ""}
    process = start(script, folder, env=env, **place)
    try:
        output, _ = process.communicate(timeout=120)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    return Run(process.returncode, output, folder, 0)


@pytest.mark.parametrize("bash", bashes(), ids=bash_version)
def test_an_index_runs_under_every_bash(bash: Path, tmp_path: Path) -> None:
    done = run_index(array_of(plans()), tmp_path / "one", "2", bash=bash)
    assert (done.code, done.cause) == (0, ""), done.output


@pytest.mark.parametrize("number", POINTS)
def test_an_index_does_what_a_script_of_its_own_does(number: int, tmp_path: Path) -> None:
    own = run_index(compiled(plans()[number]), tmp_path / "own", str(number))
    ours = run_index(array_of(plans()), tmp_path / "ours", str(number))
    assert (ours.code, ours.cause) == (own.code, own.cause) == (0, ""), ours.output + own.output
    assert ours.output.startswith(f"dynplan: point {number}, size = {number}\n")
    for run in (own, ours):
        assert run.directory.name == f"out-{number}"
    seen = [
        [(row["argv"], row["cuda"], row["ports"], row["env"]["DYNPLAN_WORKER"]) for row in run.seen()]
        for run in (own, ours)
    ]
    assert seen[0] == seen[1]
    seal = seal_of(compiled(plans()[number]))
    assert [tomllib.loads(run.text("plan.toml"))["job"]["digest"] for run in (own, ours)] == [seal and seal.plan] * 2
    left = [sorted(str(path.relative_to(run.directory)) for path in run.directory.rglob("*")) for run in (own, ours)]
    assert left[0] == left[1]
    for name in left[0]:
        if name.startswith("phases/") and name.endswith(".log"):
            assert own.text(name).splitlines()[1:] == ours.text(name).splitlines()[1:]


def test_a_point_that_fails_leaves_its_exit_code_beside_the_cause(tmp_path: Path) -> None:
    jobs = {0: POINTS[0], 1: POINTS[0].replace("echo 2", "exit 3;")}
    done = run_index(array_of(plans(jobs)), tmp_path / "one", "1")
    assert done.code == 3
    assert done.text("exit-code.txt") == "3\n"
    assert done.cause in done.text("failure-marker.txt")


@pytest.mark.parametrize("index", ["", "1", "5 "])
def test_an_index_without_a_point_says_so(index: str, tmp_path: Path) -> None:
    done = run_index(array_of(plans()), tmp_path / "one", index)
    assert done.code == 64
    assert done.output.startswith(f"dynplan: FAILED: no point {index} here")


def test_points_that_fill_more_than_one_script_are_several() -> None:
    long = "x" * 1_500_000
    text = f'[roles.a]\ncommand = "true"\n[files.a]\ncontent = "{long}NUMBER"\n'
    found = {number: plan_of(job_text(text.replace("NUMBER", str(number)))) for number in range(5)}
    [array] = in_arrays((number, str(number), plan) for number, plan in found.items())
    written = list(write_arrays(array, "dynplan test", program_parts(), 0))
    assert [[point.number for point in points] for points, _ in written] == [[0, 1], [2], [3, 4]]
    assert all(len(text) < 4 * 1024 * 1024 for _, text in written)


def test_a_point_takes_no_facts_of_another_one_for_its_own(tmp_path: Path) -> None:
    """Both name their hosts on a cluster with domains, and only what one of them runs spans nodes or moves ports."""
    hosts = ["n0", "n1"]
    wide = f"[roles.wide]\ncommand = {stub()}\ngpus-per-worker = 16\nnodes = {json.dumps(hosts)}\n{QUICK}\n"
    small = wide.replace("wide", "small").replace("16", "2") + 'launch = "per-gpu"\nports = { http = 18600 }\n'
    end = '[phases.one]\ncommand = "true"\n'
    cluster = 'domain-nodes = 2\nport-offset = "{}"'
    jobs = [job_text(wide, end, cluster=cluster.format("none")), job_text(small, end, cluster=cluster.format("job-id"))]
    script = array_of({at: plan_of(job.replace("num-nodes = 1\n", "")) for at, job in enumerate(jobs)})
    said = []
    for at in range(len(jobs)):
        done = run_index(script, tmp_path / str(at), str(at), nodes=hosts)
        assert done.code == 0, done.output
        said.append(["Slurm tells no blocks of nodes" in done.output, "ports: block" in done.output])
    assert said == [[True, False], [False, True]]
