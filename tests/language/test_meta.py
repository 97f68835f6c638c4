"""`[meta]`: a free table that the plan carries on, and that means nothing to dynplan."""

import json
import tomllib

import pytest
from typer.testing import CliRunner

from dynplan.cli import app

ROLE = '[roles.a]\ncommand = "true"\n'
META = """
[meta]
owner = "me"
ticket = { id = 7, tags = ["{x}", "{{ y }}", "$HOME", "{port.none}"] }
day = 2026-11-27
odd = [nan, -inf, 1.5, true]
"""


def told(text: str, *words: str) -> str:
    done = CliRunner().invoke(app, [*words, "-"], input=text)
    assert done.exit_code == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize(("form", "loads"), [("toml", tomllib.loads), ("json", json.loads)])
def test_the_plan_carries_it_and_nothing_else_changes(form: str, loads: object) -> None:
    plan = told(META + ROLE, "plan", "--format", form)
    found = loads(plan)["meta"]  # type: ignore[operator]
    assert found["ticket"] == {"id": 7, "tags": ["{x}", "{{ y }}", "$HOME", "{port.none}"]}
    assert (found["owner"], found["day"], found["odd"]) == ("me", "2026-11-27", ["nan", "-inf", 1.5, True])
    script = told(META + ROLE, "compile")
    assert told(plan, "emit") == script == told(ROLE, "compile")


def test_it_can_be_set_and_must_be_a_table() -> None:
    done = CliRunner().invoke(app, ["plan", "-", "--format", "json", "--set", "meta.run=3"], input=META + ROLE)
    assert json.loads(done.stdout)["meta"]["run"] == 3
    done = CliRunner().invoke(app, ["compile", "-"], input="meta = 3\n" + ROLE)
    assert (done.exit_code, "`meta` must be a table" in done.stderr) == (1, True)
