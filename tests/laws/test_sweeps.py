"""Laws of sweeps: how many points there are, and that a point is the job with its values written in."""

import json
import tomllib
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st
from typer.testing import CliRunner

from dynplan.cli import app
from dynplan.emitter.arrays import ArrayPoint, array_point, write_array
from dynplan.language.sweep import read_sweep
from dynplan.model import Plan
from tests.launch.lab import compiled as script_of
from tests.launch.lab import program_parts
from tests.launch.test_arrays import data_of, functions
from tests.laws.jobs import Tables, outcome
from tests.laws.profile import law, some
from tests.laws.whole import whole_jobs

KEYS = ("vars.a", "vars.b", "roles.r.num-nodes", "roles.r.args.x", "job.num-nodes")

lists = st.dictionaries(
    st.sampled_from(KEYS), st.lists(st.integers(0, 9), min_size=1, max_size=4), min_size=1, max_size=4
)


@law
@given(lists, st.data())
def test_the_points_are_the_product_of_the_lists_less_what_is_excluded(values: dict[str, list[int]], data: Any) -> None:
    limit = data.draw(st.integers(0, 30))
    together = [key for key in values if len(values[key]) in (1, len(next(iter(values.values()))))]
    zipped = data.draw(st.sampled_from([[], together]))
    table = {**values, "exclude": [" + ".join(values) + f" > {limit}"]}
    if zipped:
        table["zip"] = [zipped]
    free = [key for key in values if key not in zipped]
    rows = max((len(values[key]) for key in zipped), default=1)
    expected = 0
    for row, *others in product(range(rows), *(values[key] for key in free)):
        picked = dict(zip(free, others, strict=True))
        picked |= {key: values[key][row if len(values[key]) > 1 else 0] for key in zipped}
        expected += sum(picked.values()) <= limit
    own = [{"name": "own", "vars.a": 1}]
    found = read_sweep({"sweep": {**table, "points": own}})
    assert len(found.points) == expected + 1
    assert [point.number for point in found.points] == list(range(expected + 1))
    without = read_sweep({"sweep": values})
    assert len(without.points) == prod(map(len, values.values()))


JOB = """\
[job]
name = "law"
num-nodes = {nodes}
[cluster]
gpus-per-node = 8
[vars]
text = {text}
[roles.server]
workers = {workers}
gpus-per-worker = "tp"
command = ["serve", "{{vars.text}}"]
args = {{ tp = {tp}, word = {word} }}
ports = {{ http = 8000 }}
[phases.bench]
command = ["bench", "{{role.server.urls.http}}"]
"""
NAMES = {
    "nodes": "job.num-nodes",
    "text": "vars.text",
    "workers": "roles.server.workers",
    "tp": "roles.server.args.tp",
    "word": "roles.server.args.word",
}
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Cn", "Co", "Cs"]), max_size=8)
points = st.fixed_dictionaries(
    {"nodes": st.integers(1, 3), "text": texts, "workers": st.integers(1, 4), "tp": st.integers(1, 8), "word": texts}
)


def compiled(folder: Path, text: str, *options: str) -> tuple[int, str, int]:
    (folder / "job.toml").write_text(text)
    done = CliRunner().invoke(app, ["compile", str(folder / "job.toml"), *options], catch_exceptions=False)
    return done.exit_code, done.stdout, done.stderr.count("error[")


@law
@given(base=points, other=points, swept=st.sets(st.sampled_from(sorted(NAMES)), min_size=1), number=st.integers(0, 1))
def test_a_point_is_the_job_with_its_values_written_in(
    base: dict[str, Any], other: dict[str, Any], swept: set[str], number: int, tmp_path_factory: Any
) -> None:
    folder = tmp_path_factory.mktemp("law")
    keys = [name for name in NAMES if name in swept]
    table = {f'"{NAMES[name]}"': [base[name], other[name]] for name in keys}
    together = f"zip = {json.dumps([[NAMES[name] for name in keys]])}"
    lines = ["[sweep]", *(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in table.items()), together]
    written = {
        name: json.dumps(other[name] if number and name in swept else base[name], ensure_ascii=False) for name in NAMES
    }
    by_hand = compiled(folder, JOB.format(**written))
    swept_job = JOB.format(**{name: json.dumps(value, ensure_ascii=False) for name, value in base.items()}) + "\n".join(
        lines
    )
    tomllib.loads(swept_job)
    assert compiled(folder, swept_job, "--point", str(number)) == by_hand


def _point(number: int, plan: Plan) -> ArrayPoint:
    return array_point(number, f"point {number}", plan)


@some(0.5)
@given(st.lists(whole_jobs(), min_size=2, max_size=4), st.data())
def test_at_each_index_bash_knows_what_it_knows_in_a_script_of_that_point(jobs: list[Tables], data: Any) -> None:
    found = [plan for plan in map(outcome, jobs) if isinstance(plan, Plan)]
    assume(found)
    plans = data.draw(st.lists(st.sampled_from(found), min_size=1, max_size=4))  # some are the same
    script = data_of(write_array(list(map(_point, range(len(plans)), plans)), "dynplan test", program_parts(), 0))
    number = data.draw(st.integers(0, len(plans) - 1))
    assert functions(script, number) == functions(data_of(script_of(plans[number])), number)
