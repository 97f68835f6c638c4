"""What is made of the files in `cases/`."""

import io
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from dynplan.importers import Fate, Source, imported
from dynplan.model import Plan, Worker
from tests.importers import CASES, FOLDER, complaints, made, of_text, plans, presets, sources


@pytest.mark.parametrize("case", CASES)
def test_a_job_and_a_report_are_what_stands_beside_their_source(case: str) -> None:
    for name, text in made(case).items():
        assert text == (FOLDER / case / name).read_text()


@pytest.mark.parametrize("case", CASES)
def test_every_job_compiles_and_checks_without_a_warning(case: str) -> None:
    assert complaints((FOLDER / case / "job.toml").read_text()) == []


@pytest.mark.parametrize("case", CASES)
def test_every_key_of_every_source_is_in_the_report_once(case: str) -> None:
    files = sources(case)
    entries = imported(files, None, presets()).entries
    wanted = []
    for file in files:
        toml = file.name.endswith(".toml")
        data = tomllib.loads(file.raw.decode()) if toml else YAML(typ="safe", pure=True).load(io.BytesIO(file.raw))
        wanted += [(file.name, key) for key in _keys(data, "")]
    assert sorted((entry.file, entry.key) for entry in entries) == sorted(wanted)
    assert all(entry.line > 0 and entry.said for entry in entries)


def _keys(value: Any, path: str) -> list[str]:
    """Return the paths of what is no table: a list of plain values is one value."""
    if isinstance(value, dict) and value:
        return [key for name, item in value.items() for key in _keys(item, f"{path}.{_name(name)}".removeprefix("."))]
    if isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        return [key for index, item in enumerate(value) for key in _keys(item, f"{path}[{index}]")]
    return [path]


def _name(key: str) -> str:
    return key if key.replace("-", "_").isidentifier() else f'"{key}"'


def test_the_page_shows_a_recipe_and_its_job() -> None:
    page = (Path(__file__).parents[2] / "docs" / "importing.md").read_text()
    recipe, job = (re.search(rf"^```{kind}\n(.*?)^```$", page, re.DOTALL | re.MULTILINE) for kind in ("yaml", "toml"))
    assert recipe
    assert job
    assert of_text(recipe[1]).job == job[1]
    assert complaints(job[1]) == []


def test_cases_have_each_of_the_fates() -> None:
    fates = {entry.fate for case in CASES for entry in imported(sources(case), None, presets()).entries}
    assert fates == set(Fate)


# Workers, GPUs of each, and nodes: by the rules of the source's own planner, worked out by hand.
PLACED: dict[str, tuple[dict[str, tuple[int, int]], int]] = {
    "srt-disaggregated": ({"prefill": (2, 4), "decode": (1, 16)}, 4),
    "srt-colocated": ({"prefill": (2, 2), "decode": (2, 2)}, 1),
    "srt-trtllm-serve": ({"prefill": (1, 4), "decode": (1, 8)}, 3),
    "srt-vllm-router": ({"prefill": (2, 4), "decode": (1, 8)}, 2),
    "srt-mocker": ({"prefill": (2, 2), "decode": (4, 1)}, 3),
    "srt-services": ({"agg": (2, 1), "train": (2, 8)}, 3),
    "srt-dedicated": ({"prefill": (2, 2), "decode": (1, 4), "nap": (2, 8)}, 6),
    "srt-services-only": ({"train": (2, 8), "rl-head": (1, 8), "rl-workers": (1, 8)}, 4),
    "srt-own-sizes": ({"agg": (2, 8)}, 2),
    "srt-cluster-file": ({"agg": (1, 8)}, 1),
    "srt-direct": ({"agg": (1, 4)}, 1),
    "trtllm-server": ({"context": (2, 2), "generation": (1, 4)}, 2),
}


@pytest.mark.parametrize("case", PLACED)
def test_a_plan_has_the_workers_and_nodes_of_the_source(case: str) -> None:
    plan = plans((FOLDER / case / "job.toml").read_text())[0][""]
    roles, nodes = PLACED[case]
    for name, (workers, gpus) in roles.items():
        found = [worker for worker in plan.workers if worker.role == name]
        assert [sum(len(task.gpus) for task in worker.tasks) for worker in found] == [gpus] * workers
    assert len(plan.nodes) == nodes


def test_variants_are_points_that_differ_in_what_they_say() -> None:
    found = {
        name: [(len(worker.tasks), sum(len(task.gpus) for task in worker.tasks)) for worker in _agg(plan)]
        for name, plan in plans((FOLDER / "srt-overrides" / "job.toml").read_text())[0].items()
    }
    assert found == {"many-big": [(1, 4)] * 4, "sizes_0": [(1, 8)], "sizes_1": [(1, 2)] * 4}


def _agg(plan: Plan) -> list[Worker]:
    return [worker for worker in plan.workers if worker.role == "agg"]


def test_a_sweep_of_parameters_is_a_grid_of_keys() -> None:
    found, _ = plans((FOLDER / "srt-sweep" / "job.toml").read_text())
    args = [plan.job.tables["roles"]["agg"]["args"] for plan in found.values()]
    values = [(one["mem-fraction-static"], one["chunked-prefill-size"]) for one in args]
    assert values == [(mem, chunk) for mem in (0.8, 0.85) for chunk in (4096, 8192, -1)]


def test_a_cluster_file_takes_what_is_the_sites() -> None:
    found = imported(sources("srt-disaggregated"), None, presets(), "site.toml")
    assert tomllib.loads(found.cluster)["cluster"]["sbatch"]["account"] == "llm"
    job = tomllib.loads(found.job)
    assert job["job"]["cluster"] == "site.toml"
    assert "cluster" not in job


def test_words_of_a_shell_are_no_placeholders_and_its_variables_are_told() -> None:
    lines = """\
[cmd_args.dynamo]
ingress-cmd = "python3 -m dynamo.frontend --tags {a} --home $SCRATCH"
[cmd_args.genai_perf]
cmd = "genai-perf {b} profile"
"""
    text = (FOLDER / "cloudai-test" / "test.toml").read_text()
    text = text.replace("[cmd_args.dynamo]\n", lines.partition("[cmd_args.genai_perf]")[0])
    text = text.replace('cmd = "genai-perf profile"', 'cmd = "genai-perf {b} profile"')
    found = imported([Source("test.toml", text.encode())], None, presets())
    plan = plans(found.job)[0]["tensor-parallel-size1"]
    tables = plan.job.tables
    assert tables["roles"]["frontend"]["extra-args"][:2] == ["--tags", "{{a}"]
    assert tables["phases"]["genai-perf"]["command"] == ["genai-perf", "{{b}", "profile"]
    fates = {entry.key: entry.fate for entry in found.entries}
    assert fates["cmd_args.dynamo.ingress-cmd"] == Fate.changed
