"""`dynplan check` as a gate: several files, findings for programs, and the hook for pre-commit."""

import json
import re
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from dynplan import __version__
from dynplan.cli import app
from tests.cli.test_commands import EXAMPLES, IDLE

ROOT = EXAMPLES.parent
GOOD = str(EXAMPLES / "minimal" / "job.toml")
WRONG = '[job]\nnam = "x"\n[roles.a]\ncommand = ["serve"]\nafter = 5\n'
TOO_LARGE = IDLE.replace('["serve"]', '["serve", "' + "x" * 200_000 + '"]')


def check(*words: str, text: str | None = None) -> Result:
    return CliRunner().invoke(app, ["check", *words], input=text, catch_exceptions=False)


@pytest.fixture
def wrong(tmp_path: Path) -> str:
    (tmp_path / "wrong.toml").write_text(WRONG)
    return str(tmp_path / "wrong.toml")


@pytest.fixture
def idle(tmp_path: Path) -> str:
    (tmp_path / "idle.toml").write_text(IDLE)
    return str(tmp_path / "idle.toml")


def test_several_files_are_all_checked_and_one_that_is_wrong_is_enough(wrong: str, idle: str) -> None:
    alone = check(wrong)
    assert (alone.exit_code, alone.stdout) == (1, "")
    done = check(GOOD, wrong, idle, str(EXAMPLES / "minimal" / "plan.toml"))
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == f"{alone.stderr}\n{check(idle).stderr}"
    assert check(GOOD, idle).exit_code == 0
    assert check(GOOD, idle, "--strict").exit_code == 1


def test_findings_as_json_are_one_list_on_standard_output(wrong: str, idle: str) -> None:
    done = check(idle, wrong, "--format", "json")
    assert (done.exit_code, done.stderr) == (1, "")
    records = json.loads(done.stdout)
    assert [(record["code"], record["file"]) for record in records] == [
        ("W201", idle),
        ("D101", wrong),
        ("D102", wrong),
    ]
    assert records[1]["line"] == 2
    assert json.loads(check(GOOD, "--format", "json").stdout) == []
    strict = check(idle, "--strict", "--format", "json")
    assert strict.exit_code == 1
    assert [record["code"] for record in json.loads(strict.stdout)] == ["W201", "D006"]


def test_warnings_stay_where_a_later_stage_refuses() -> None:
    done = check("-", "--format", "json", text=TOO_LARGE)
    assert done.exit_code == 1
    assert [record["code"] for record in json.loads(done.stdout)] == ["W201", "D602"]


def test_findings_for_github(wrong: str, idle: str) -> None:
    done = check(wrong, idle, "--format", "github")
    assert (done.exit_code, done.stderr) == (1, "")
    heads = [line.partition(" ")[0] for line in done.stdout.splitlines()]
    assert heads == ["::error", "::error", "::warning"]
    assert f"::error file={wrong},line=2,endLine=2,col=1,endColumn=4,title=D101::unknown key" in done.stdout
    quiet = check(GOOD, "--format", "github")
    assert (quiet.exit_code, quiet.stdout) == (0, "")


def test_a_file_that_cannot_be_read_is_a_finding_too() -> None:
    done = check("no-such.toml", "--format", "json")
    assert done.exit_code == 1
    (record,) = json.loads(done.stdout)
    assert (record["code"], record["file"], record["line"]) == ("D004", None, None)


def test_a_script_says_which_plan_it_is_and_whether_it_was_edited() -> None:
    file = EXAMPLES / "minimal" / "job.sbatch"
    text = file.read_text()
    plan = re.search(r"^# Plan (\w+),", text, re.MULTILINE)
    assert plan
    said = f"minimal: 1 node of 8 GPUs, shared; plan {plan[1]} by dynplan {__version__}"
    whole = check(str(file), "--strict")
    assert (whole.exit_code, whole.stdout, whole.stderr) == (0, f"{file}: {said}, as it was written\n", "")
    edited = check("-", text=text.replace("longest_grace=30", "longest_grace=31"))
    assert (edited.exit_code, edited.stdout) == (0, f"<stdin>: {said}, edited since\n")
    assert edited.stderr.startswith("warning[W601]: this script was edited since it was written\n  --> <stdin>:14:1\n")
    refused = check("-", "--strict", text=f"{text}\n")
    assert (refused.exit_code, refused.stdout) == (1, "")
    (record,) = json.loads(check("-", "--format", "json", text=f"{text}\n").stdout)
    assert (record["code"], record["line"]) == ("W601", 14)
    assert json.loads(check(str(file), "--format", "json").stdout) == []


def test_a_script_of_someone_elses_is_no_script_of_a_plan() -> None:
    other = check("-", text="#!/bin/bash\n#SBATCH --nodes=1\nsrun x\n")
    assert (other.exit_code, other.stdout) == (1, "")
    assert other.stderr.startswith("error[D505]")
    changed = check(str(EXAMPLES / "minimal" / "job.sbatch"), "--set", "job.name='x'")
    assert "D503" in changed.stderr
    assert "this is a script" in changed.stderr


SWEEP = "[sweep]\n'roles.a.workers' = [1, 9]\n[cluster]\ngpus-per-node = 8\n[roles.a]\ngpus-per-worker = 1\n"


def swept(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text)
    return str(folder / name)


def test_a_point_is_one_of_every_sweep_and_nothing_else_has_points(tmp_path: Path) -> None:
    text = f"[job]\nname = 's'\nnum-nodes = 1\n{SWEEP}command = 'x'\n"
    one, other = swept(tmp_path, "one.toml", text), swept(tmp_path, "other.toml", text)
    assert check(one, other, "--point", "0").exit_code == 0
    done = check(one, other, GOOD, str(EXAMPLES / "minimal" / "plan.toml"), "--point", "0", "--format", "json")
    assert [(record["code"], Path(record["file"]).name) for record in json.loads(done.stdout)] == [
        ("D127", "job.toml"),
        ("D503", "plan.toml"),
    ]
    assert (
        "`--point` change a job, and this is a script"
        in check(str(EXAMPLES / "minimal" / "job.sbatch"), "--point", "0").stderr
    )


def test_without_a_point_every_point_of_a_sweep_is_checked(tmp_path: Path) -> None:
    bad = f"[job]\nname = 's'\nnum-nodes = 1\n{SWEEP}command = 'x'\n"
    assert check(swept(tmp_path, "good.toml", bad.replace("9", "8"))).exit_code == 0
    done = check(swept(tmp_path, "bad.toml", bad), GOOD, "--format", "json")
    assert done.exit_code == 1
    [alone] = json.loads(check(str(tmp_path / "bad.toml"), "--point", "1", "--format", "json").stdout)
    assert json.loads(done.stdout) == [{**alone, "message": f"point `1`: {alone['message']}"}]


def test_findings_at_a_point_stand_where_its_values_do_in_every_form(tmp_path: Path) -> None:
    job = swept(tmp_path, "one.toml", f"[job]\nname = 's'\nnum-nodes = 1\n{SWEEP.replace('9', '0.5')}command = 'x'\n")
    told = check(job, "--point", "1").stderr
    place = re.search(r"--> (.*):(\d+):(\d+)\n", told)
    assert place
    assert place[2] == "5"
    (record, *_) = json.loads(check(job, "--point", "1", "--format", "json").stdout)
    assert [record["file"], record["line"], record["column"]] == [place[1], int(place[2]), int(place[3])]


def test_the_script_of_a_sweep_says_the_plan_of_each_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(app, ["sweep", str(EXAMPLES / "sweep" / "job.toml"), "-o", "runs"]).exit_code == 0
    script = "runs/array-0.sbatch"
    head, *points = check(script, "--strict").stdout.splitlines()
    assert head.startswith(f"{script}: 7 points of a sweep, an index each. sizes: ")
    assert head.endswith(f"; 7 plans by dynplan {__version__}, as it was written")
    for name, line in zip((*map(str, range(6)), "long"), points, strict=True):
        Path("one.sbatch").write_bytes(CliRunner().invoke(app, ["emit", f"runs/plans/{name}.toml"]).stdout_bytes)
        plan = re.search(r"; plan (\w+) by", check("one.sbatch").stdout)
        assert plan
        assert line == f"  point {'6, long' if name == 'long' else name}: plan {plan[1]}"
    edited = check("-", text=Path(script).read_text().replace("8192", "8193"))
    assert "W601" in edited.stderr
    assert edited.stdout.splitlines()[0].endswith(", edited since")


def test_wrong_usage() -> None:
    assert check().exit_code == 2
    assert check("-", "-", text="").exit_code == 2
    assert check(GOOD, "--format", "xml").exit_code == 2


def test_the_hook_checks_jobs_and_no_other_toml() -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    program, *words = hook["entry"].split()
    assert program == "dynplan"
    assert CliRunner().invoke(app, [*words, *hook.get("args", []), GOOD, GOOD]).exit_code == 0
    assert hook["language"] == "python"
    taken = ["job.toml", "a/b/job.toml", "job-large.toml", "base.toml", "pyproject.toml", "plan.toml"]
    assert [path for path in taken if re.search(hook["files"], path)] == ["job.toml", "a/b/job.toml", "job-large.toml"]
