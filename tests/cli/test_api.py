"""dynplan for other programs: what docs/api.md promises."""

import doctest
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from typer.testing import CliRunner

import dynplan
from dynplan.cli import app

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(ROOT.glob("examples/*/job.toml"))
POINTS = {"sweep": "long"}  # of a sweep one job
IDLE = """\
[job]
num-nodes = 3
time = "00:10:00"
output-dir = "$SCRATCH/r"
[cluster]
gpus-per-node = 8
[roles.decode]
command = ["serve"]
num-nodes = 1
gpus-per-worker = 8
"""


def test_the_page_and_the_package_do_what_they_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for found in (doctest.testmod(dynplan), doctest.testfile(str(ROOT / "docs" / "api.md"), module_relative=False)):
        assert found.attempted > 3
        assert found.failed == 0


@pytest.mark.parametrize("job", EXAMPLES, ids=lambda path: path.parent.name)
def test_it_gives_the_bytes_of_compile(job: Path) -> None:
    point = POINTS.get(job.parent.name, "")
    plan = dynplan.plan(dynplan.load(job, point=point))
    words = ["--point", point] if point else []
    done = CliRunner().invoke(app, ["compile", str(job), *words], prog_name="dynplan", catch_exceptions=False)
    assert dynplan.emit(plan) == done.stdout
    assert dynplan.check(plan) == plan.warnings == ()
    assert isinstance(plan, dynplan.Plan)


def test_threads_do_not_disturb_one_another() -> None:
    jobs = [dynplan.load(path, point=POINTS.get(path.parent.name, "")) for path in EXAMPLES] * 3
    alone = [dynplan.emit(dynplan.plan(job)) for job in jobs]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda job: dynplan.emit(dynplan.plan(job)), jobs)) == alone


def test_sets_and_clusters_are_those_of_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "cluster.toml").write_text("[cluster]\ngpus-per-node = 4\n")
    job = dynplan.load(EXAMPLES[0], sets=['job.name="mine"', 'job.name="other"'], cluster=tmp_path / "cluster.toml")
    assert isinstance(job, dynplan.Job)
    assert (job.name, job.cluster.gpus_per_node) == ("other", 4)


def test_warnings_of_reading_and_of_placing_are_in_the_plan_as_the_command_tells_them(tmp_path: Path) -> None:
    (tmp_path / "job.toml").write_text(IDLE)
    job = dynplan.load(tmp_path / "job.toml")
    assert [finding.code for finding in job.warnings] == ["W102"]
    plan = dynplan.plan(job)
    assert [finding.code for finding in plan.warnings] == ["W102", "W201"]
    assert dynplan.check(plan) == plan.warnings
    done = CliRunner().invoke(app, ["compile", str(tmp_path / "job.toml")], prog_name="dynplan", catch_exceptions=False)
    assert dynplan.emit(plan) == done.stdout


def test_everything_that_is_wrong_comes_at_once_with_changes_that_were_tried(tmp_path: Path) -> None:
    (tmp_path / "job.toml").write_text(IDLE.replace("num-nodes = 1", "num-nodes = 4"))
    with pytest.raises(dynplan.InputError) as caught:
        dynplan.plan(dynplan.load(tmp_path / "job.toml"))
    assert [finding.code for finding in caught.value.findings] == ["W102", "D203"]
    assert "`job.num-nodes = 4`" in caught.value.findings[1].help
    (tmp_path / "job.toml").write_text("[job]\nnmae = 1\nnum-nodes = true\n")
    with pytest.raises(dynplan.InputError, match=r"D102.*D101"):
        dynplan.load(tmp_path / "job.toml")
    for path, code in ((tmp_path / "nowhere.toml", "D004"), (ROOT / "examples" / "minimal" / "plan.toml", "D504")):
        with pytest.raises(dynplan.InputError, match=code):
            dynplan.load(path)


COMPUTED = """\
[job]
num-nodes = 1
[cluster]
gpus-per-node = 8
[roles.decode]
command = ["serve"]
num-nodes = 1
gpus-per-worker = "tensor-parallel-size * 2"
args = { tensor-parallel-size = 8 }
"""


def test_changes_are_suggested_in_the_terms_of_the_job_as_the_command_does(tmp_path: Path) -> None:
    file = tmp_path / "job.toml"
    file.write_text(COMPUTED)
    with pytest.raises(dynplan.InputError) as caught:
        dynplan.plan(dynplan.load(file))
    (found,) = caught.value.findings
    assert "`roles.decode.args.tensor-parallel-size = 4`" in found.help
    done = CliRunner().invoke(app, ["plan", str(file)], prog_name="dynplan", catch_exceptions=False)
    assert f"= help: {found.help}\n" in done.stderr
    file.write_text(COMPUTED.replace("= 8 }", "= 4 }"))
    plan = dynplan.plan(dynplan.load(file))
    assert plan.job.written == {}, "a plan is what the command makes"


def test_a_plan_that_was_changed_breaks_a_promise() -> None:
    from attrs import evolve

    plan = dynplan.plan(dynplan.load(EXAMPLES[0]))
    twice = evolve(plan, workers=(*plan.workers, plan.workers[-1]))
    assert all(isinstance(finding, dynplan.Finding) for finding in dynplan.check(twice))
    assert {finding.severity for finding in dynplan.check(twice)} == {"error"}


def test_importing_it_loads_nothing() -> None:
    code = "import sys; before = set(sys.modules); import dynplan; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == {"dynplan", "__future__"}


def test_a_name_that_is_not_there_is_no_attribute() -> None:
    assert not hasattr(dynplan, "compile")
    assert all(hasattr(dynplan, name) for name in dynplan.__all__)
