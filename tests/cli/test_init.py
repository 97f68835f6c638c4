"""`dynplan init`: files that nobody has to write, and none that is written over."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dynplan.cli import app


def run(*arguments: str) -> tuple[int, str, str]:
    """Return exit code, standard output and standard error."""
    done = CliRunner().invoke(app, arguments, prog_name="dynplan", catch_exceptions=False)
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("engines", [[], ["vllm"], ["dynamo-vllm", "etcd", "nats", "dynamo-frontend"]])
def test_what_it_writes_compiles_as_it_stands(engines: list[str]) -> None:
    code, text, told = run("init", *engines)
    assert (code, told) == (0, "")
    done = subprocess.run([sys.executable, "-m", "dynplan", "compile", "-"], input=text, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("#!/bin/bash -p\n#SBATCH --job-name=my-job\n")
    assert run("init", *engines, "-o", "job.toml") == (0, "", "")
    assert Path("job.toml").read_text() == text


def test_a_job_names_its_cluster_file_from_where_it_stands() -> None:
    Path("jobs").mkdir()
    Path("sites").mkdir()
    assert run("init", "vllm", "-o", "jobs/job.toml", "--cluster-out", 'sites/e"os.toml') == (0, "", "")
    assert r'cluster = "../sites/e\"os.toml"' in Path("jobs/job.toml").read_text()
    assert run("check", "jobs/job.toml", "--strict") == (0, "", "")


def test_no_file_is_written_over_without_a_word() -> None:
    Path("job.toml").write_text("mine")
    Path("cluster.toml").symlink_to("nowhere")
    code, out, told = run("init", "-o", "job.toml", "--cluster-out", "cluster.toml")
    assert (code, out) == (1, "")
    assert told == (
        "error[D005]: cannot write `job.toml`: it is there already\n"
        "  = help: name another file, or write over it with `--force`\n"
        "\n"
        "error[D005]: cannot write `cluster.toml`: it is there already\n"
        "  = help: name another file, or write over it with `--force`\n"
        "\n"
        "error: 2 errors\n"
    )
    assert Path("job.toml").read_text() == "mine"
    assert run("init", "-o", "new.toml", "--cluster-out", "cluster.toml")[0] == 1
    assert not Path("new.toml").exists(), "all or nothing"
    assert run("init", "-o", "job.toml", "--force") == (0, "", "")
    assert Path("job.toml").read_text() == run("init")[1]


def test_every_engine_that_does_not_exist_is_told() -> None:
    code, out, told = run("init", "vlm", "etcd", "zebra")
    assert (code, out) == (1, "")
    assert "there is no engine `vlm`" in told
    assert "there is no engine `zebra`" in told


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["etcd", "etcd"], "`etcd` is named once; "),
        (["vllm", "vllm", "vllm"], "`vllm` is named once, or twice for prefill and decode; "),
        (["-o", "x.toml", "--cluster-out", "x.toml"], "two files"),
    ],
)
def test_what_makes_no_sense_is_wrong_usage(arguments: list[str], says: str) -> None:
    code, out, told = run("init", *arguments)
    assert (code, out) == (2, "")
    assert says in " ".join(told.split())
    assert not Path("x.toml").exists()
