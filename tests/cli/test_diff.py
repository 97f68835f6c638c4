"""`dynplan diff` from the outside: what it reads, its exit codes, its streams."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from dynplan.cli import app
from tests.cli.test_commands import EXAMPLES

SHARED, SEPARATE = (str(EXAMPLES / f"dynamo-{name}" / "job.toml") for name in ("shared", "separate"))
MULTINODE = EXAMPLES / "vllm-multinode"
WRONG = "[roles.a]\ncomand = ['x']\n"


def run(*words: str, text: str | bytes | None = None) -> Result:
    return CliRunner().invoke(app, ["diff", *words], input=text, catch_exceptions=False)


def test_jobs_and_plans_in_toml_and_json_are_the_same_side_of_a_difference(tmp_path: Path) -> None:
    told = run(SHARED, SEPARATE)
    assert (told.exit_code, told.stderr) == (1, "")
    assert told.stdout.startswith("dynamo-shared → dynamo-separate: 16 → 8 GPUs in use; changed: 2 roles, 1 phase")
    plan = str(EXAMPLES / "dynamo-shared" / "plan.toml")
    data = CliRunner().invoke(app, ["plan", SEPARATE, "--format", "json"], catch_exceptions=False).stdout
    (tmp_path / "separate.json").write_text(data)
    assert run(plan, str(tmp_path / "separate.json")).stdout == told.stdout
    assert run(plan, "-", text=data).stdout == told.stdout
    assert run("-", SEPARATE, text=Path(plan).read_text()).stdout == told.stdout


def test_nothing_differs_is_0() -> None:
    same = run(SHARED, str(EXAMPLES / "dynamo-shared" / "plan.toml"))
    assert (same.exit_code, same.stdout) == (0, "dynamo-shared: nothing differs\n")


@pytest.mark.parametrize("sides", [("-", SHARED), (SHARED, "-")])
@pytest.mark.parametrize("form", ["text", "markdown", "json"])
def test_wrong_input_on_either_side_is_1_and_writes_nothing(sides: tuple[str, str], form: str, tmp_path: Path) -> None:
    done = run(*sides, "--format", form, text=WRONG)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "<stdin>:2" in done.stderr
    output = tmp_path / "out"
    assert run(*sides, "-o", str(output), text=WRONG).exit_code == 1
    assert not output.exists()


def test_a_plan_that_breaks_a_promise_is_wrong_input() -> None:
    plan = (EXAMPLES / "dynamo-shared" / "plan.toml").read_text()
    broken = plan.replace("port = 9091", "port = 9090")
    done = run("-", SHARED, text=broken)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "D411" in done.stderr


def test_a_point_is_one_of_both_sweeps_or_of_one_beside_a_plan() -> None:
    sweep, plan = str(EXAMPLES / "sweep" / "job.toml"), str(EXAMPLES / "sweep" / "plan.toml")
    assert run(sweep, sweep, "--point", "long").exit_code == 0
    assert run(sweep, plan, "--point", "0").exit_code == 0
    assert run(plan, sweep, "--point", "long").stdout.startswith("sizes: 1 → 8 GPUs in use")
    assert "D126" in run(sweep, plan).stderr
    assert "D127" in run(sweep, SHARED, "--point", "0").stderr
    assert "D503" in run(plan, plan, "--point", "0").stderr


def test_wrong_usage_is_2() -> None:
    assert run(SHARED).exit_code == 2
    assert run("-", "-", text=b"").exit_code == 2
    assert run(SHARED, SEPARATE, "--format", "yaml").exit_code == 2


def test_set_is_for_the_second_side() -> None:
    done = run(SHARED, SHARED, "--set", "phases.accuracy.timeout='9m'", "--format", "json")
    assert done.exit_code == 1
    (part,) = json.loads(done.stdout)["parts"]
    assert (part["kind"], part["name"]) == ("phase", "accuracy")
    assert part["settings"] == [{"what": "timeout", "before": "5m", "after": "9m"}]
    refused = run(SHARED, str(EXAMPLES / "dynamo-shared" / "plan.toml"), "--set", "job.name='x'")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "D503" in refused.stderr


def test_a_cluster_file_is_for_job_files_and_not_for_two_plans() -> None:
    job, plan, cluster = (str(MULTINODE / name) for name in ("job.toml", "plan.toml", "eos.toml"))
    done = run(plan, job, "--cluster", cluster)
    assert done.exit_code in (0, 1)
    assert done.stdout
    refused = run(plan, plan, "--cluster", cluster)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "D503" in refused.stderr


def test_what_is_written_is_its_owners_alone(tmp_path: Path) -> None:
    output = tmp_path / "difference.md"
    done = run(SHARED, SEPARATE, "--format", "markdown", "-o", str(output))
    assert (done.exit_code, done.stdout, done.stderr) == (1, "", "")
    assert output.read_text().startswith("### dynamo-shared → dynamo-separate")
    assert output.stat().st_mode & 0o777 == 0o600
