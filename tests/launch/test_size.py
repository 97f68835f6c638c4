"""How large a script is, and what it grows with."""

import re
from pathlib import Path

import pytest

from dynplan.diagnostics import InputError
from tests.launch.lab import ROOT, compiled, compiled_file, job_text, run

SHARED = ROOT / "examples" / "dynamo-shared" / "job.toml"
ROLE = """
[roles.{name}]
num-nodes = {nodes}
gpus-per-worker = 2
command = ["serve", "--port", "{{port.http}}", "--master", "{{role.decode.ip}}"]
ports = {{ http = 8000, nixl = {{ base = 5557, count = 4 }} }}
ready = {{ port = "http", path = "/health" }}
metrics = "http://{{host}}:{{port.http}}/metrics"
"""


def four_roles(nodes: int) -> str:
    names = ("decode", "prefill", "encode", "rerank")
    return job_text(*(ROLE.format(name=name, nodes=nodes) for name in names), nodes=nodes)


def test_the_shared_example_is_at_most_96_kib_comments_included() -> None:
    """It has nearly every option: probes by HTTP, patterns in logs, files. sbatch takes 4 MiB."""
    assert len(compiled_file(SHARED).encode()) <= 96 * 1024


@pytest.mark.parametrize("nodes", [5, 64, 1000, 10_000])
def test_identical_nodes_change_the_counts_and_nothing_else(nodes: int) -> None:
    few, many = compiled(four_roles(3)).splitlines(), compiled(four_roles(nodes)).splitlines()
    different = [(before, after) for before, after in zip(few, many, strict=True) if before != after]
    digests = [pair for pair in different if re.match(r"# Plan |\tdigest=", pair[0])]
    assert len(digests) == 2
    assert len(different) == 2 + 3 + 4 * 3  # the directive, the summary, the job; three lines of each role
    counts = [pair for pair in different if pair not in digests]
    assert all(re.sub(rf"\b{nodes}\b", "3", after) == before for before, after in counts)


def test_four_roles_on_ten_thousand_nodes_stay_below_96_kib() -> None:
    assert len(compiled(four_roles(10_000)).encode()) < 96 * 1024


def test_a_script_that_slurm_refuses_is_an_error() -> None:
    large = f'[files.large]\ncontent = "{"y" * 4_300_000}"'
    with pytest.raises(InputError) as caught:
        compiled(job_text('[roles.r]\ncommand = ["x"]', large))
    assert [finding.code for finding in caught.value.findings] == ["D601"]


@pytest.mark.parametrize("words", ['"{}"'.format("y" * 123_000), ", ".join(['"{}"'.format("y" * 100_000)] * 16)])
def test_data_that_no_task_can_be_given_are_an_error_that_names_where_they_stand(words: str) -> None:
    with pytest.raises(InputError) as caught:
        compiled(job_text(f'[roles.web]\ncommand = ["x", {words}]', '[roles.other]\ncommand = ["x"]'))
    (finding,) = caught.value.findings
    assert (finding.code, finding.path) == ("D602", ("roles", "web"))


def test_more_nodes_than_a_task_can_be_told_of_are_an_error() -> None:
    compiled(four_roles(18_000))
    with pytest.raises(InputError) as caught:
        compiled(four_roles(30_000))
    assert [finding.code for finding in caught.value.findings] == ["D602"]


def test_what_is_just_not_refused_arrives(tmp_path: Path) -> None:
    words = ", ".join(['"{}"'.format("y" * 120_000)] * 11)
    job = job_text(f'[roles.web]\nkind = "task"\ncommand = ["bash", "-c", "echo ${{#1}} $#", "x", {words}]')
    assert run(job, tmp_path).code == 0
    assert (tmp_path / "out" / "logs" / "web-0.log").read_text().splitlines()[-1] == "120000 11"
