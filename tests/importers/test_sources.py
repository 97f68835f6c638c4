"""Files that are wrong, or written in rare ways: a finding with its place, or what the launcher reads there."""

import re
import tomllib
from typing import Any

import pytest

from dynplan.diagnostics import Finding, InputError
from dynplan.importers import Fate, Kind, Source, imported
from dynplan.importers.srt_engines import gpus_of
from dynplan.importers.variants import point_names
from dynplan.importers.yaml_source import read_yaml
from tests.importers import complaints, of_text, presets

RECIPE = """\
name: small
model: {path: /models/small, container: "x/y:1"}
resources: {gpus_per_node: 8, gpu_type: h100, agg_nodes: 1, agg_workers: 2}
backend: {type: sglang, sglang_config: {aggregated: {tensor-parallel-size: 4}}}
frontend: {type: dynamo, enable_multiple_frontends: false}
benchmark: {type: manual}
"""


def found_in(text: str, kind: Kind | None = None, name: str = "recipe.yaml") -> list[Finding]:
    """Return the findings of a file that holds a text."""
    with pytest.raises(InputError) as caught:
        of_text(text, kind, name)
    return list(caught.value.findings)


def places(text: str, kind: Kind | None = None, name: str = "recipe.yaml") -> list[tuple[str, int]]:
    """Return code and line of each finding."""
    return [(finding.code, finding.span.line if finding.span else 0) for finding in found_in(text, kind, name)]


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("", "D701", 1),
        ("# nothing\n", "D701", 1),
        ("- a\n- b\n", "D701", 1),
        ("just text\n", "D701", 1),
        ("a: [1, 2\nb: 3\n", "D701", 2),
        ('a: 1\nb: "no end\n', "D701", 3),
        ("a:\n\tb: 1\n", "D701", 2),
        ("a: 1\n b: 2\n", "D701", 2),
        ("a: *nowhere\n", "D701", 1),
        ("a: &x [1, *x]\n", "D701", 1),
        ("a: 1\n---\nb: 2\n", "D701", 2),
        ("a: 1\nb: 2\na: 3\n", "D106", 3),
        ("? [1, 2]\n: 3\n", "D701", 1),
        ("a: \x00\n", "D701", 1),
        ("a: " + "[" * 5000 + "\n", "D003", 1),
        ("a: !!python/object/apply:os.system [ls]\n", "D702", 1),
    ],
)
def test_yaml_that_is_wrong_has_a_place(text: str, code: str, line: int) -> None:
    assert places(text) == [(code, line)]


def test_tabs_are_named_as_what_is_wrong() -> None:
    assert "replace the tabs" in (found_in("a:\n\tb: 1\n")[0].help or "")


def test_a_huge_file_is_refused_at_once() -> None:
    with pytest.raises(InputError) as caught:
        imported([Source("recipe.yaml", b"a: 1\n" * 2_000_000)], None, presets())
    assert [finding.code for finding in caught.value.findings] == ["D003"]


def test_aliases_that_grow_without_end_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert [code for code, _ in places("\n".join(lines))] == ["D003"]


def test_what_is_not_utf_8_has_its_place() -> None:
    with pytest.raises(InputError) as caught:
        imported([Source("recipe.yaml", b"name: a\nmodel: \xff\n")], None, presets())
    (finding,) = caught.value.findings
    assert (finding.code, finding.span and finding.span.line) == ("D002", 2)


def test_plain_values_mean_what_they_mean_in_yaml_1_1() -> None:
    text = "a: yes\nb: 'yes'\nc: 0x10\nd: 1_000\ne: 1e3\nf: 1.0e+3\ng: ~\nh: 010\ni: 12:30:00\nj: .inf\n"
    values = {key: node.value for key, node in read_yaml("x.yaml", text.encode()).root.table.items()}
    assert list(values.values()) == [True, "yes", 16, 1000, "1e3", 1000.0, None, 8, "12:30:00", float("inf")]


def test_anchors_and_merge_keys_are_what_they_stand_for() -> None:
    text = RECIPE.replace(
        "backend: {type: sglang, sglang_config: {aggregated: {tensor-parallel-size: 4}}}\n",
        "sizes: &sizes {tensor-parallel-size: 4, page-size: 16}\n"
        "backend: {type: sglang, sglang_config: {aggregated: {<<: *sizes, page-size: 32}}}\n",
    )
    found = of_text(text)
    args = tomllib.loads(found.job)["roles"]["agg"]["args"]
    assert (args["tensor-parallel-size"], args["page-size"]) == (4, 32)
    assert len({(entry.file, entry.key) for entry in found.entries}) == len(found.entries)


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("gpus_per_node: 8", "gpus_per_node: many", [("D102", 3)]),
        ("agg_workers: 2", "agg_workers: [2]", [("D102", 3)]),
        ("agg_workers: 2", "agg_workers: 3", [("D703", 3)]),
        ("agg_workers: 2", "agg_workers: -2", [("D104", 3)]),
        ("tensor-parallel-size: 4", "tensor-parallel-size: four", [("D102", 4)]),
        ("tensor-parallel-size: 4", "enable-dp-attention: 7", [("D102", 4)]),
        ("name: small", "name: {a: b}", [("D102", 1)]),
        ("name: small\n", "", [("D103", 1)]),
        ("type: sglang,", "type: llama,", [("D702", 4)]),
        ("type: dynamo", "type: envoy", [("D702", 5)]),
        ("type: dynamo", "type: vllm-router", [("D703", 5)]),
        ("tensor-parallel-size: 4", "tensor-parallel-size: 8", [("D703", 3)]),
        ('container: "x/y:1"', 'container: "x\\ny"', [("D104", 2)]),
        ("name: small", "name: small\nslurm: {time_limit: soon}", [("D104", 2)]),
        ("{type: manual}", "{type: sa-bench, isl: 1, osl: 1, concurrencies: 4by8}", [("D104", 6)]),
        ("{type: manual}", "{type: sa-bench, isl: 1, osl: 1}", [("D103", 6)]),
    ],
)
def test_a_recipe_that_is_wrong_or_contradicts_itself_says_where(
    old: str, new: str, wanted: list[tuple[str, int]]
) -> None:
    assert old in RECIPE
    assert places(RECIPE.replace(old, new)) == wanted


def test_nobodys_file_is_refused_and_from_decides() -> None:
    assert places("colour: blue\n") == [("D702", 1)]
    assert places("colour: blue\n", Kind.srt)[0][0] == "D103"
    assert places("colour: blue\n", Kind.trtllm)[0][0] == "D103"
    assert places("colour = 'blue'\n", Kind.cloudai, "test.toml")[0][0] == "D103"


def test_a_scenario_without_its_test_asks_for_it() -> None:
    text = 'name = "s"\n[[Tests]]\nid = "a"\ntest_name = "gone"\n'
    (finding,) = found_in(text, None, "scenario.toml")
    assert (finding.code, finding.span and finding.span.line) == ("D103", 4)
    assert "dynplan import SCENARIO TEST" in (finding.help or "")


def test_two_recipes_are_two_jobs() -> None:
    sources = [Source("a.yaml", RECIPE.encode()), Source("b.yaml", RECIPE.encode())]
    with pytest.raises(InputError) as caught:
        imported(sources, None, presets())
    assert [(finding.code, finding.document and finding.document.name) for finding in caught.value.findings] == [
        ("D702", "b.yaml")
    ]


# Rules, each on the smallest recipe that needs it


def job_of(**keys: str) -> dict[str, Any]:
    """Return the job of the recipe with other lines, by their keys."""
    lines = {line.partition(":")[0]: line for line in RECIPE.splitlines()}
    lines |= {key: f"{key}: {value}" for key, value in keys.items()}
    found = of_text("\n".join(lines.values()) + "\n")
    assert complaints(found.job) == []
    return tomllib.loads(found.job)


def test_concurrencies_are_phases_each_after_its_warm_up() -> None:
    bench = "{type: sa-bench, isl: 128, osl: 64, concurrencies: 4x8, req_rate: 7, num_prompts_mult: 3}"
    phases = job_of(benchmark=bench)["phases"]
    assert list(phases) == ["warm-up-4", "c4", "warm-up-8", "c8"]
    assert phases["c8"]["args"] == {"max-concurrency": 8, "num-prompts": 24}


def test_no_size_is_nodes_times_gpus_by_workers() -> None:
    job = job_of(resources="{gpus_per_node: 8, gpu_type: h100, agg_nodes: 2, agg_workers: 4}")
    assert job["roles"]["agg"]["workers"] == 4  # 2 x 8 / 4 are the 4 GPUs of the engine's own sizes
    assert "gpus-per-worker" not in job["roles"]["agg"]


@pytest.mark.parametrize("engine", ["sglang", "vllm", "trtllm"])
@pytest.mark.parametrize("workers", [1, 2])
def test_an_engine_that_uses_less_than_its_worker_has_is_spelt_out(engine: str, workers: int) -> None:
    size = "tensor_parallel_size" if engine == "trtllm" else "tensor-parallel-size"
    role = job_of(
        resources=f"{{gpus_per_node: 8, gpu_type: h100, agg_nodes: 2, agg_workers: {workers}}}",
        backend=f"{{type: {engine}, {engine}_config: {{aggregated: {{{size}: 4}}}}}}",
    )["roles"]["agg"]
    assert "engine" not in role
    assert (role["workers"], role["gpus-per-worker"]) == (workers, 16 // workers)


def test_data_parallel_attention_adds_no_gpus() -> None:
    args = "{tensor-parallel-size: 4, dp-size: 4, enable-dp-attention: true}"
    job = job_of(backend=f"{{type: sglang, sglang_config: {{aggregated: {args}}}}}")
    assert job["roles"]["agg"]["engine"] == "dynamo-sglang"


def test_sizes_count_among_further_words_too() -> None:
    words = ["--enable-dp-attention", "--trust-remote-code", "--dp-size=8"]
    assert gpus_of("sglang", {"tensor-parallel-size": 8, "data-parallel-size": 8}, words) == 8
    assert gpus_of("sglang", {"tensor-parallel-size": 8, "data-parallel-size": 8}) == 64
    assert gpus_of("vllm", {"tensor-parallel-size": 8}, ["--tensor-parallel-size", "4"]) == 4


def test_what_is_empty_is_not_lost() -> None:
    found = of_text(RECIPE + "nothing: {}\nsweeper: null\n")
    assert {entry.key: entry.fate for entry in found.entries if entry.line > 6} == dict.fromkeys(
        ("nothing", "sweeper"), Fate.rule
    )


def test_one_frontend_has_no_proxy_and_several_have_one() -> None:
    assert "nginx" not in job_of()["roles"]
    roles = job_of(frontend="{type: dynamo, enable_multiple_frontends: true, num_additional_frontends: 3}")["roles"]
    assert (roles["frontend"]["workers"], roles["nginx"]["engine"]) == (4, "nginx")


def test_attempts_times_interval_are_the_limit_of_ready() -> None:
    job = job_of(health_check="{max_attempts: 90, interval_seconds: 10}")
    assert job["roles"]["agg"]["ready"] == {"timeout": "900s"}


def test_text_for_a_shell_becomes_a_constant_of_the_job() -> None:
    job = job_of(environment='{CACHE: "$HOME/cache", HOST: "$(hostname)", PLAIN: "cost US$5 {x}"}')
    assert job["job"]["env"]["CACHE"] == "{vars.home}/cache"
    assert job["job"]["env"]["HOST"] == "{host}"
    assert job["job"]["env"]["PLAIN"] == "cost US$5 {{x}"


def test_a_command_of_the_recipes_own_stays_as_it_is() -> None:
    job = job_of(benchmark="{type: custom, command: \"echo '{done}' $X | tee /logs/x\"}")
    assert job["phases"]["benchmark"]["command"] == "echo '{{done}' $X | tee /logs/x"


def test_points_have_names_that_a_point_may_have() -> None:
    names = ["8k/1k.low", "8k 1k low", "", "ü", "x" * 200, "x" * 201, "fine_1"]
    found = point_names(names)
    assert len(set(found)) == len(names)
    assert all(re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,62}", name) for name in found)
    assert found[-1] == "fine_1"


def test_a_hub_model_has_no_mount() -> None:
    job = job_of(model='{path: "hf:Org/Name", container: "x/y:1"}')
    assert job["vars"]["model"] == "Org/Name"
    assert not any("/model" in mount for mount in job["job"]["container"].get("mounts", []))
