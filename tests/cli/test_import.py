"""`dynplan import` from the outside: streams, exit codes, files."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from dynplan.cli import app
from tests.importers import FOLDER

KEPT = FOLDER / "srt-disaggregated" / "recipe.yaml"  # nothing of it is changed or dropped
LOST = FOLDER / "srt-vllm-router" / "recipe.yaml"
MADE = (FOLDER / "srt-disaggregated" / "job.toml").read_text()
REPORT = "41 keys: 27 kept, 14 by rule, 0 changed, 0 dropped\n"


def run(*words: str | Path, stdin: str = "") -> Result:
    return CliRunner().invoke(app, ["import", *map(str, words)], input=stdin)


def test_the_job_goes_to_stdout_and_the_report_to_stderr() -> None:
    done = run(KEPT)
    assert (done.exit_code, done.stdout) == (0, MADE)
    assert done.stderr.endswith(REPORT)


def test_standard_input_is_a_file() -> None:
    done = run("-", stdin=KEPT.read_text())
    assert done.exit_code == 0
    assert tomllib.loads(done.stdout) == tomllib.loads(MADE)
    assert "<stdin>:4: name = pair-1k1k -> job.name" in done.stderr


def test_files_take_job_and_report(tmp_path: Path) -> None:
    job, report = tmp_path / "job.toml", tmp_path / "report.json"
    done = run(KEPT, "-o", job, "--report", report, "--format", "json")
    assert (done.exit_code, done.output) == (0, "")
    assert job.read_text() == MADE
    rows = json.loads(report.read_text())
    rows = rows if isinstance(rows, list) else rows["keys"]
    assert len(rows) == 41
    assert {"line": 4, "key": "name", "fate": "kept"}.items() <= rows[0].items()


def test_the_cluster_file_and_the_job_beside_it_compile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sites").mkdir()
    (tmp_path / "jobs").mkdir()
    monkeypatch.chdir(tmp_path)
    assert run(KEPT, "-o", "jobs/job.toml", "--cluster-out", "sites/north.toml").exit_code == 0
    assert tomllib.loads(Path("jobs/job.toml").read_text())["job"]["cluster"] == "../sites/north.toml"
    done = CliRunner().invoke(app, ["compile", "jobs/job.toml"])
    assert (done.exit_code, done.stderr) == (0, "")
    assert "#SBATCH --qos=high" in done.stdout


@pytest.mark.parametrize(("source", "code"), [(KEPT, 0), (LOST, 1)])
def test_strict_is_about_what_is_changed_or_dropped(source: Path, code: int) -> None:
    done = run(source, "--strict")
    assert done.exit_code == code
    assert done.stdout.startswith("# Imported from recipe.yaml")


def test_what_is_wrong_leaves_nothing_behind(tmp_path: Path) -> None:
    recipe, job = tmp_path / "recipe.yaml", tmp_path / "job.toml"
    recipe.write_text(KEPT.read_text().replace("prefill_workers: 2", "prefill_workers: two"))
    done = run(recipe, "-o", job)
    assert (done.exit_code, done.stdout, job.exists()) == (1, "", False)
    assert f"{recipe}:15:20" in done.stderr
    assert "D102" in done.stderr


def test_from_decides_what_no_key_says(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("model: /models/small\n")
    assert "D702" in run(file).stderr
    assert "`context_servers`" in run(file, "--from", "trtllm").stderr


def test_one_file_is_not_written_twice(tmp_path: Path) -> None:
    done = run(KEPT, "-o", tmp_path / "x", "--report", tmp_path / "x")
    assert done.exit_code == 1
    assert "D005" in done.stderr


def test_the_source_is_not_written_over(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(KEPT.read_text())
    assert run(recipe, "-o", recipe).exit_code == 1
    assert recipe.read_text() == KEPT.read_text()


def test_without_the_library_one_line_says_how_to_get_it() -> None:
    program = (
        "import sys; sys.modules['ruamel'] = None; sys.modules['ruamel.yaml'] = None\n"
        "from dynplan.__main__ import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "import", str(KEPT)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "D704" in done.stderr
    assert "pip install 'dynplan[import]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_toml_needs_no_library_for_yaml() -> None:
    program = (
        "import sys; sys.modules['ruamel'] = None; sys.modules['ruamel.yaml'] = None\n"
        "from dynplan.__main__ import main; main()"
    )
    words = [str(path) for path in sorted((FOLDER / "cloudai-test").glob("test.toml"))]
    done = subprocess.run(
        [sys.executable, "-c", program, "import", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
