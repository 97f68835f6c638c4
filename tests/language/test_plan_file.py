"""The plan as an artefact: what order means survives TOML, which writes tables after scalars."""

from typing import Any

import pytest

from dynplan.diagnostics import InputError
from dynplan.language import parse, parse_json, read, resolve
from dynplan.language.plan_file import from_tree, to_toml, to_tree
from dynplan.model import Plan
from dynplan.planner import plan

JOB = """
[cluster]
gpus-per-node = 8

[roles.decode]
gpus-per-worker = 4
command = ["serve"]
args = { kv = { role = { deep = 1 }, port = "{port.b}" }, model = "m", last = true }
ports = { a = { base = 9000, count = 2 }, b = 9000, c = "auto" }
ready = { post = { x = { y = 1 }, z = 2 }, port = "b" }

[phases.bench]
command = ["bench"]
args = { table = { a = 1 }, scalar = 2 }
"""


def planned(text: str) -> Plan:
    return plan(read(resolve([parse("job.toml", text.encode())])))


def test_an_expression_without_a_value_for_some_task_is_an_error() -> None:
    tree = to_tree(plan(read(resolve([parse("job.toml", b"[roles.web]\ncommand = ['x', '{= 4 / num-tasks}']\n")]))))
    assert from_tree(tree).job.name == "dynplan"
    tree["roles"]["web"]["command"][1] = "{= 4 / rank}"
    with pytest.raises(InputError) as caught:
        from_tree(tree)
    assert [finding.code for finding in caught.value.findings] == ["D112"]


@pytest.mark.parametrize("form", ["toml", "json"])
def test_a_table_among_scalars_keeps_its_place(form: str) -> None:
    import json

    before = planned(JOB)
    text = to_toml(before) if form == "toml" else json.dumps(to_tree(before))
    read_back: Any = parse if form == "toml" else parse_json
    after = from_tree(read_back("plan", text.encode()).data)
    role, phase = after.job.roles[0], after.job.phases[0]
    assert role.launch.command == (
        *("serve", "--kv", '{"role":{"deep":1},"port":"{port.b}"}'),
        *("--model", "m", "--last"),
    )
    assert phase.launch.command == ("bench", "--table", '{"a":1}', "--scalar", "2")
    assert [port.name for port in role.ports] == ["a", "b", "c"]
    assert role.ready[0].post == '{"x":{"y":1},"z":2}'
    assert after == before


@pytest.mark.parametrize("kind", ["roles", "phases"])
@pytest.mark.parametrize("value", ["7", '"x"', "[]", "true"])
def test_an_owner_that_is_no_table_is_wrong_input(kind: str, value: str) -> None:
    with pytest.raises(InputError) as caught:
        planned(
            f"{kind}.odd = {value}\n[roles.good]\ncommand = ['x']\n" if kind == "phases" else f"roles.odd = {value}"
        )
    assert "must be a table" in caught.value.findings[0].message


def test_a_container_of_the_job_names_only_what_every_role_in_it_has() -> None:
    job = '[job.container]\nimage = "i:{port.http}"\n[roles.a]\ncommand = ["a"]\nports = { http = 80 }\n'
    planned(job)
    planned(job + '[roles.b]\ncommand = ["b"]\ncontainer = { image = "own" }\n')
    planned(job + '[roles.b]\ncommand = ["b"]\ncontainer = false\n')
    with pytest.raises(InputError) as caught:
        planned(job + '[roles.b]\ncommand = ["b"]\n')
    assert [finding.path for finding in caught.value.findings] == [("job", "container", "image")]


@pytest.mark.parametrize("table", ["job.env", "cluster.env", "cluster.srun"])
def test_what_every_process_gets_names_nothing_of_one_role(table: str) -> None:
    with pytest.raises(InputError) as caught:
        planned(f'[{table}]\nx = "{{port.http}}"\n[roles.a]\ncommand = ["a"]\nports = {{ http = 80 }}\n')
    assert [finding.path for finding in caught.value.findings] == [(*table.split("."), "x")]
