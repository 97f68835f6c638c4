"""Directives of a job of several node groups: a set for each component, and what sbatch hands on between them."""

import pytest

from dynplan.diagnostics import InputError
from dynplan.emitter import lower
from dynplan.emitter.arrays import array_point
from dynplan.emitter.digests import seal_of
from tests.launch.lab import compiled, plan_of

JOB = """
[job]
name = "mixed"
num-nodes = {{ front = 1, big = 2 }}
{job}
[cluster]
{cluster}
[[cluster.node-groups]]
name = "front"
{front}
[[cluster.node-groups]]
name = "big"
gpus-per-node = 8
{big}
[[cluster.node-groups]]
name = "unused"
gpus-per-node = 2
sbatch = {{ partition = "unused" }}
[roles.watch]
place = "every-node"
command = "watch"
[roles.decode]
group = "big"
num-nodes = 2
gpus-per-worker = {gpus}
command = "serve"
"""


def job_text(job: str = "", cluster: str = "", front: str = "", big: str = "", gpus: int = 8) -> str:
    return JOB.format(job=job, cluster=cluster, front=front, big=big, gpus=gpus)


def components_of(**parts: str | int) -> list[dict[str, str]]:
    """The directives of each component, as the script has them."""
    text = compiled(job_text(**parts))  # type: ignore[arg-type]
    lines = [line.removeprefix("#SBATCH ") for line in text.splitlines() if line.startswith("#SBATCH")]
    found: list[dict[str, str]] = [{}]
    for line in lines:
        if line == "hetjob":
            found.append({})
        else:
            name, _, value = line.removeprefix("--").partition("=")
            found[-1][name] = value
    return found


def test_each_component_asks_for_what_is_its_own_and_the_first_one_for_what_the_job_has() -> None:
    first, second = components_of(
        job='time = "01:00:00"',
        cluster='sbatch = { account = "a", constraint = "ib", mail-type = "END", licenses = "x:1" }',
        front='sbatch = { partition = "cpu" }',
        big='gpu-request = "gres:h100"\nsbatch = { partition = "gpu", constraint = "h100", gres = "nvme:1" }',
    )
    assert first == {
        "job-name": "mixed",
        "nodes": "1",
        "time": "01:00:00",
        "exclusive": "",
        "mem": "0",
        "no-requeue": "",
        "signal": "B:USR1@60",
        "output": "%x-%j.out",
        "account": "a",
        "constraint": "ib",
        "mail-type": "END",
        "licenses": "x:1",
        "partition": "cpu",
    }
    assert second == {
        "nodes": "2",
        "gres": "gpu:h100:8,nvme:1",
        "exclusive": "",
        "mem": "0",
        "partition": "gpu",
        "constraint": "h100",
    }


def test_what_the_job_says_wins_over_the_group_and_the_group_over_the_cluster() -> None:
    first, second = components_of(
        job='sbatch = { tmp = "9G" }',
        cluster='sbatch = { tmp = "1G", qos = "site", exclusive = false }',
        big='sbatch = { tmp = "2G", qos = "gpus", mem-per-cpu = "4G" }',
    )
    assert (first["tmp"], second["tmp"]) == ("9G", "9G")
    assert (first["qos"], second["qos"]) == ("site", "gpus")
    assert "exclusive" not in first and "exclusive" not in second
    assert (first.get("mem"), second.get("mem"), second["mem-per-cpu"]) == ("0", None, "4G")


@pytest.mark.parametrize(
    ("cluster", "front", "big"),
    [
        ("", 'sbatch = { qos = "cpu" }', ""),
        ('sbatch = { reservation = "r" }', "", "sbatch = { reservation = false }"),
    ],
)
def test_an_option_that_sbatch_would_hand_on_to_another_group_is_refused(cluster: str, front: str, big: str) -> None:
    with pytest.raises(InputError) as caught:
        components_of(cluster=cluster, front=front, big=big)
    [finding] = caught.value.findings
    assert finding.code == "D113"
    assert finding.path == ("cluster", "node-groups", 1, "sbatch")
    assert "of a node group before `big` would hold for `big` too" in finding.message


def test_an_option_of_the_last_group_is_nobody_elses() -> None:
    first, second = components_of(big='sbatch = { qos = "gpu" }')
    assert "qos" not in first and second["qos"] == "gpu"


def test_a_group_without_gpus_in_use_asks_for_none() -> None:
    _, second = components_of(gpus=0)
    assert not {"gres", "gpus-per-node"} & set(second)


def test_a_job_of_one_group_is_a_job_like_any_other() -> None:
    only = job_text().replace("front = 1, ", "").replace('place = "every-node"', 'group = "big"')
    script = lower(plan_of(only))
    assert script.components == () and "groups" not in script.program
    assert ("gpus-per-node", 8) in script.directives
    assert "het-group" not in compiled(only) and "component_names" not in "".join(map(str, script.job))


def test_the_digest_of_the_plan_knows_every_component() -> None:
    plans = {seal.plan for big in ("", "sbatch.tmp = '1G'") if (seal := seal_of(compiled(job_text(big=big))))}
    assert len(plans) == 2


def test_such_a_job_is_no_point_of_a_job_array() -> None:
    with pytest.raises(InputError, match="Slurm has no job arrays") as caught:
        array_point(3, "three", plan_of(job_text()))
    assert caught.value.findings[0].help == "write a script for each point: `dynplan compile JOB --point 3`"
