"""Laws of every plan, over jobs of the whole language."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import tomli_w
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dynplan.checker import check
from dynplan.emitter import lower, write
from dynplan.language import parse, parse_json
from dynplan.language.plan_file import from_tree, to_toml, to_tree
from dynplan.model import Plan
from tests.launch.lab import PROGRAM
from tests.laws.jobs import NEVER, Tables, jobs, outcome, planned
from tests.laws.profile import EXAMPLES, law
from tests.laws.whole import whole_jobs

ROOT = Path(__file__).parents[2]
TEXTS = {path.stem: path.read_text(encoding="utf-8") for path in PROGRAM.glob("*.sh")}

ORDERED = {"roles", "phases", "ports", "args"}  # there the order of the keys means something


def plan_of(tables: Tables) -> Plan:
    """Return the plan of a job; a job that does not plan is no example."""
    found = outcome(tables)
    assume(isinstance(found, Plan))
    assert isinstance(found, Plan)
    return found


@given(jobs())
@law
def test_the_checker_accepts_every_plan(tables: Tables) -> None:
    assert check(to_tree(plan_of(tables))) == ()


@given(jobs(tasks=NEVER))  # what tasks give back others have too: that is in test_turns.py
@law
def test_a_worker_beside_another_one_has_its_nodes_and_gpus_and_nobody_else_has_them(tables: Tables) -> None:
    plan = plan_of(tables)
    workers = {(worker.role, worker.worker): worker for worker in plan.workers}
    for worker in plan.workers:
        assert worker.shares == plan.job.role(worker.role).size.beside
        if worker.shares:
            partner = workers[worker.shares, worker.worker]
            assert [(task.node, task.gpus) for task in worker.tasks] == [
                (task.node, task.gpus) for task in partner.tasks
            ]
    alone = [worker for worker in plan.workers if not worker.shares]
    held = [(task.node, gpu) for worker in alone for task in worker.tasks for gpu in task.gpus]
    assert len(held) == len(set(held))
    bound = [
        (task.node, block.port + at)
        for worker in plan.workers
        for task in worker.tasks
        for _, block in task.ports
        for at in range(block.count)
    ]
    assert len(bound) == len(set(bound))


@given(jobs(tasks=NEVER))  # beside a task it would have to be one, and others after it, for that to give anything back
@law
def test_a_role_beside_each_of_them_moves_nobody(tables: Tables) -> None:
    plan = plan_of(tables)
    roles = tables["roles"]
    more = {f"look-{name}": {"command": ["look"], "beside": name} for name in roles}
    both = planned({**tables, "roles": {**roles, **more}})
    assert check(to_tree(both)) == ()
    assert (both.nodes, both.head, both.placement) == (plan.nodes, plan.head, plan.placement)
    assert both.workers[: len(plan.workers)] == plan.workers
    assert [tuple((task.node, task.gpus) for task in worker.tasks) for worker in both.workers[len(plan.workers) :]] == [
        tuple((task.node, task.gpus) for task in worker.tasks) for worker in plan.workers
    ]


@given(jobs())
@law
def test_a_role_that_names_its_gpus_has_exactly_these_on_each_of_its_nodes(tables: Tables) -> None:
    plan = plan_of(tables)
    assume(any("gpus" in role for role in tables["roles"].values()))
    for worker in plan.workers:
        if named := tables["roles"][worker.role].get("gpus"):
            lists = named if isinstance(named[0], list) else [named]
            assert {task.gpus for task in worker.tasks} == {tuple(lists[worker.worker % len(lists)])}


@st.composite
def _shuffled(draw: st.DrawFn, value: Any, key: str = "") -> Any:
    if isinstance(value, list):
        return [draw(_shuffled(item)) for item in value]
    if not isinstance(value, dict):
        return value
    keys = list(value) if key in ORDERED else draw(st.permutations(list(value)))
    return {name: draw(_shuffled(value[name], name)) for name in keys}


@given(st.data(), whole_jobs())
@law
def test_the_order_of_the_keys_in_a_table_changes_nothing(data: st.DataObject, tables: Tables) -> None:
    plan = plan_of(tables)
    again = planned(data.draw(_shuffled(tables)))
    assert (again.nodes, again.workers, again.head, again.placement) == (
        *(plan.nodes, plan.workers),
        *(plan.head, plan.placement),
    )


BATCH = min(5 + EXAMPLES // 100, 50)  # jobs for two processes: to start these costs more than a job


@given(st.lists(whole_jobs(), min_size=BATCH, max_size=BATCH))
@settings(law, max_examples=max(10, EXAMPLES // BATCH))
def test_the_hash_seed_changes_nothing(several: list[Tables]) -> None:
    """Findings and plans of a batch of jobs, planned in two processes."""
    program = "import sys; from tests.laws.test_plans import print_outcomes; print_outcomes(sys.stdin.read())"
    texts = [
        subprocess.run(
            [sys.executable, "-c", program],
            input=json.dumps([tomli_w.dumps(tables) for tables in several]),
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
            cwd=ROOT,
        ).stdout
        for seed in ("0", "4242")
    ]
    assert texts[0] == texts[1] != ""


def print_outcomes(text: str) -> None:
    """Plan each of a JSON list of job files, and print plans and findings."""
    for job in json.loads(text):
        found = outcome(parse("job.toml", job.encode()).data)
        print(to_toml(found) if isinstance(found, Plan) else found)


@given(whole_jobs())
@law
def test_a_plan_goes_through_toml_and_json_unchanged(tables: Tables) -> None:
    plan = plan_of(tables)
    assert from_tree(parse("plan.toml", to_toml(plan).encode()).data) == plan
    assert from_tree(parse_json("plan.json", json.dumps(to_tree(plan)).encode()).data) == plan


@given(whole_jobs())
@law
def test_emitting_a_plan_gives_the_bytes_of_compiling_the_job(tables: Tables) -> None:
    plan = plan_of(tables)
    again = from_tree(parse("plan.toml", to_toml(plan).encode()).data)
    assert write(lower(again), "dynplan", TEXTS) == write(lower(plan), "dynplan", TEXTS)
