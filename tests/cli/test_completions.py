"""What a shell completes: engines, codes, commands, and the keys of the job that is being changed."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dynplan.cli import app
from dynplan.cli.engines import packaged
from dynplan.diagnostics.findings import CODES
from dynplan.language.settable import settable
from tests.cli.test_usage import LISTED

EXAMPLE = Path(__file__).parents[2] / "examples" / "dynamo-shared" / "job.toml"


def completed(line: str) -> list[str]:
    """Return what bash is told for a command line whose last word is being written."""
    words = [*shlex.split(line), ""] if line.endswith(" ") else shlex.split(line)
    asked = {"_DYNPLAN_COMPLETE": "complete_bash", "COMP_WORDS": shlex.join(words), "COMP_CWORD": str(len(words) - 1)}
    if line.endswith(" "):
        asked["COMP_WORDS"] = line
    done = CliRunner().invoke(app, [], prog_name="dynplan", env=asked, catch_exceptions=False)
    assert done.stderr == ""
    return done.stdout.split()


def test_commands_and_engines_and_codes_are_known() -> None:
    assert sorted(completed("dynplan ")) == sorted(LISTED)
    assert completed("dynplan engines ") == list(packaged())
    assert completed("dynplan init etcd dynamo-") == [name for name in packaged() if name.startswith("dynamo-")]
    assert completed("dynplan explain D20") == [code for code in CODES if code.startswith("D20")]
    assert completed("dynplan help sc") == ["schema"]
    assert completed("dynplan help cluster ") == completed("dynplan cluster ") == ["detect"]
    assert completed("dynplan schema c") == ["cluster"]


@pytest.mark.parametrize("command", ["compile", "plan", "show", "check"])
def test_set_knows_the_roles_of_the_job_its_parents_and_what_they_say(command: str) -> None:
    found = completed(f"dynplan {command} {EXAMPLE} --set roles.decode.num-")
    assert found == ["roles.decode.num-nodes="]
    assert "roles.decode.args.speedup-ratio=" in completed(f"dynplan {command} {EXAMPLE} --set roles.d")
    assert completed(f"dynplan {command} {EXAMPLE} --set vars.m") == ["vars.model="]
    assert completed(f"dynplan {command} {EXAMPLE} --set zebra") == []
    assert completed(f"dynplan {command} --strict {EXAMPLE} --set job.name=1 --set vars.m") == ["vars.model="]


def test_set_of_diff_knows_the_second_job() -> None:
    other = EXAMPLE.parents[1] / "minimal" / "job.toml"
    assert completed(f"dynplan diff {other} {EXAMPLE} --set vars.m") == ["vars.model="]
    assert completed(f"dynplan diff {other} {EXAMPLE} --set job.name=1 --set vars.m") == ["vars.model="]
    assert completed(f"dynplan diff {EXAMPLE} {other} --set vars.m") == []


def test_without_a_job_that_can_be_read_set_knows_what_every_job_has(tmp_path: Path) -> None:
    broken = tmp_path / "job.toml"
    broken.write_text("[job\n")
    for job in ("", "-", "nowhere.toml", str(broken)):
        assert completed(f"dynplan compile {job} --set job.num") == ["job.num-nodes="]
        assert completed(f"dynplan compile {job} --set roles.") == []


def test_keys_are_written_as_toml_has_them() -> None:
    schema = {"properties": {"args": {"type": "object"}, "extends": {"type": "string"}}}
    assert settable(schema, {"args": {"a b": 1, "c-d": {"e.f": 2}}, "extends": "x"}) == [
        'args."a b"',
        'args.c-d."e.f"',
    ]


def test_a_port_can_be_set_as_a_number_and_key_by_key() -> None:
    found = completed(f"dynplan compile {EXAMPLE} --set roles.")
    assert not [key for key in found if key.startswith("roles.etcd.ports.")], "they are the preset's"
    port = {"type": "object", "properties": {"base": {"type": "integer"}}}
    schema = {
        "properties": {"ports": {"type": "object", "additionalProperties": {"anyOf": [{"type": "integer"}, port]}}}
    }
    assert settable(schema, {"ports": {"http": 8000}}) == ["ports.http", "ports.http.base"]


def test_a_command_that_completes_nothing_loads_nothing_for_it() -> None:
    code = "import sys; from dynplan.cli import app; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"dynplan.cli.completions", "json", "dynplan.language.settable"}.isdisjoint(done.stdout.split())
