"""`from-env`: a value that is the submitter's reaches a worker's environment, and is written nowhere."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dynplan.cli import app
from tests.launch.lab import compiled, job_text, plan_of, run
from tests.launch.test_run import phase, role

MISSING = "not in the environment that sbatch has passed on, from which the job takes it (from-env): "
TOLD = "tok-{brace}-$(id)-'q' 9f3c"
TAKES = 'env = { HF_TOKEN = { from-env = "MY_TOKEN" }, LOWER = { from-env = "my_token" } }'
# What every process of this machine was started with, as anybody sees it.
LOOK = 'cat /proc/[0-9]*/cmdline >{job.dir}/processes; printf \'%s\\n\' "$HF_TOKEN" "$LOWER" >../seen-$NAME'


def job() -> str:
    worker = role("worker", json.dumps(LOOK), 'kind = "task"', TAKES.replace("env = {", 'env = { NAME = "worker",'))
    one = phase("one", LOOK).replace(
        "[phases.one]\n", "[phases.one]\n" + TAKES.replace("{ HF", '{ NAME = "one", HF') + "\n"
    )
    return job_text(worker, one)


def test_a_secret_reaches_workers_and_phases_and_is_written_nowhere(tmp_path: Path) -> None:
    folder = tmp_path / "job"
    folder.mkdir()
    done = run(job(), folder, env={"MY_TOKEN": TOLD, "my_token": TOLD + "2"})
    assert (done.code, done.cause) == (0, ""), done.output
    for name in ("worker", "one"):
        assert (tmp_path / f"seen-{name}").read_text() == f"{TOLD}\n{TOLD}2\n"
    left = [path for path in folder.rglob("*") if path.is_file()]
    assert folder / "out" / "processes" in left
    assert [path for path in left if b"9f3c" in path.read_bytes()] == []
    assert "9f3c" not in done.output + compiled(job())


@pytest.mark.parametrize("name", ["MY_TOKEN", "my_token"])
def test_one_that_is_missing_is_named_before_anything_starts(tmp_path: Path, name: str) -> None:
    given = {"MY_TOKEN": "a", "my_token": "b"}
    del given[name]
    done = run(job(), tmp_path, env=given)
    assert done.code == 65
    assert done.cause == f"preflight: {MISSING}{name} (role worker, phase one); nothing was started", done.output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["name", "dir", "value", "mask"])
def test_a_variable_of_the_script_is_none_of_the_submitter(tmp_path: Path, name: str) -> None:
    worker = role("worker", '"true"', 'kind = "task"', f'env = {{ A = {{ from-env = "{name}" }} }}')
    done = run(job_text(worker), tmp_path)
    assert (done.code, done.cause) == (65, f"preflight: {MISSING}{name} (role worker); nothing was started")


def test_all_that_are_missing_are_named_with_who_takes_them(tmp_path: Path) -> None:
    both = "env = { A = { from-env = 'FIRST' }, B = { from-env = 'SECOND' } }"
    job = job_text(role("one", '"true"', both), role("two", '"true"', "env = { C = { from-env = 'SECOND' } }"))
    done = run(job, tmp_path)
    told = f"preflight: {MISSING}FIRST (role one), SECOND (role one, role two); nothing was started"
    assert (done.code, done.cause) == (65, told), done.output


def test_the_export_that_counts_is_the_jobs_own() -> None:
    head = '[roles.a]\ncommand = ["x"]\nenv = { A = { from-env = "X" }, B = { from-env = "Y" } }\n'
    site = '[cluster.sbatch]\nexport = "NONE"\n'
    refused = CliRunner().invoke(app, ["compile", "-"], input=head + site)
    assert refused.exit_code == 1
    assert "`X` (role a), `Y` (role a)" in refused.stderr
    assert CliRunner().invoke(app, ["compile", "-"], input=f'{head}[job.sbatch]\nexport = "ALL"\n{site}').exit_code == 0
    for given, code in (("X,Y", 0), ("X", 1)):
        text = f'{head}[job.sbatch]\nexport = "{given}"\n{site}'
        assert CliRunner().invoke(app, ["compile", "-"], input=text).exit_code == code


def test_the_plan_names_it_and_is_enough_for_the_script() -> None:
    plan = CliRunner().invoke(app, ["plan", "-"], input=job()).stdout
    assert 'from-env = "MY_TOKEN"' in plan
    assert (
        CliRunner().invoke(app, ["emit", "-"], input=plan).stdout
        == CliRunner().invoke(app, ["compile", "-"], input=job()).stdout
    )
    assert plan_of(job()).job.roles[0].launch.env


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('env = { A = { from-env = "1" } }', "must name a variable of the submitter's"),
        ('env = { A = { from-env = "X", default = "y" } }', "must be a string or a number"),
        ('args = { key = { from-env = "X" } }', "`args.key` of role `a` takes `from-env`, which `env` alone may"),
        ('args = { key = { a = [{ from_env = "X" }] } }', "takes `from-env`, which `env` alone may"),
        (
            'ready = { port = "p", path = "/", post = { key = { from-env = "X" } } }',
            "takes `from-env`, which `env` alone",
        ),
        (
            '[files.f]\nformat = "json"\ndata = { a = [{ key = { from-env = "X" } }] }',
            "takes `from-env`, which `env` alone",
        ),
        ('args = { key = "{from-env.X}" }', "there is no `{from-env.X}`"),
        ('env = { A = { from-env = "X" } }\n[job.sbatch]\nexport = "NONE"', "`X` (role a)"),
    ],
)
def test_what_cannot_be_is_refused(text: str, said: str) -> None:
    done = CliRunner().invoke(app, ["compile", "-"], input=f'[roles.a]\ncommand = ["x"]\n{text}\n')
    assert (done.exit_code, said in done.stderr) == (1, True), done.stderr
