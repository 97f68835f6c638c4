"""The beginnings of job files: for whatever engines, they compile without a word, and say what each line is for."""

import re
import tomllib
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dynplan
from dynplan.cli.flags import check_known_flags
from dynplan.cli.inputs import job_documents
from dynplan.diagnostics import Document, Findings
from dynplan.emitter import lower, write
from dynplan.language import parse, read, resolve
from dynplan.language.starts import most_of, start_of
from dynplan.model import Job
from dynplan.planner import plan

FOLDER = Path(dynplan.__file__).parent / "engines"
PRESETS = {file.stem: tomllib.loads(file.read_text()) for file in sorted(FOLDER.glob("*.toml"))}


def source(name: str) -> str | None:
    file = FOLDER / "starts" / f"{name}.txt"
    return file.read_text() if file.is_file() else None


def started(*engines: str) -> str:
    """Return the job file for engines, with the cluster in it."""
    text, cluster = start_of(engines, source, PRESETS, "")
    assert cluster == ""
    return text


def compiled(text: str, *others: Document) -> Job:
    """Return the job of a file that compiles without a warning, its flags looked at."""
    document, findings = parse("job.toml", text.encode()), Findings()
    documents = [*job_documents("-", document, (), "", findings), *others]
    tables = resolve(documents, findings)
    check_known_flags(tables, documents, findings)
    job = read(tables, findings)
    found = plan(job)
    assert (findings.found, found.warnings) == ([], ())
    lowered = lower(found)
    write(lowered, "dynplan", dict.fromkeys(lowered.program, ""))
    return job


def unexplained(text: str) -> list[str]:
    """Return the lines that no comment is for: behind it, or for the ends of lists nowhere."""
    return [line for line in text.splitlines() if line and not re.search(r"^\[[^\]]*\]$|^\]$|^#|\S {2,}# \S", line)]


@pytest.mark.parametrize("engine", PRESETS)
def test_each_engine_compiles_alone_and_twice(engine: str) -> None:
    for times in range(1, most_of(engine, source) + 1):
        text = started(*[engine] * times)
        assert {role.name for role in compiled(text).roles} >= ({engine} if times == 1 else {"prefill", "decode"})
        assert unexplained(text) == []


@given(
    st.lists(st.sampled_from(sorted(PRESETS)), unique=True, max_size=len(PRESETS)), st.randoms(use_true_random=False)
)
def test_any_engines_together_compile_without_a_word_and_every_line_is_explained(
    engines: list[str], random: Random
) -> None:
    twice = [name for name in engines if most_of(name, source) > 1 and random.random() < 0.5]
    text = started(*engines, *twice)
    assert unexplained(text) == []
    assert "<" not in re.sub(r"  # .*", "", text), "a name that was not filled in"
    assert len(compiled(text).roles) >= max(1, len(engines))


def test_a_file_for_no_engine_compiles_and_is_explained() -> None:
    text = started()
    assert unexplained(text) == []
    assert [role.name for role in compiled(text).roles] == ["server"]


def test_dynamo_s_parts_find_one_another() -> None:
    job = compiled(started("dynamo-vllm", "etcd", "nats", "dynamo-frontend"))
    assert dict(job.env) == {
        "DYN_NAMESPACE": "job-{job.id}",
        "DYN_TCP_RPC_HOST": "{ip}",
        "ETCD_ENDPOINTS": "{role.etcd.url.client}",
        "NATS_SERVER": "nats://{role.nats.host}:{role.nats.port.client}",
    }
    after = {role.name: role.after for role in job.roles}
    assert after["dynamo-vllm"] == after["dynamo-frontend"] == ("etcd", "nats")
    assert '"content":"[^"]' in [probe.body for probe in job.roles[-1].ready], "an answer, not a list of models"
    assert "{role.dynamo-frontend.url.http}/v1/models" in job.phases[0].launch.command


def test_without_etcd_its_place_is_to_be_filled_in() -> None:
    text = started("dynamo-sglang")
    assert tomllib.loads(text)["vars"]["etcd"] == "http://etcd.example:2379"
    assert dict(compiled(text).env)["ETCD_ENDPOINTS"] == "http://etcd.example:2379"


@pytest.mark.parametrize("engine", ["vllm", "sglang"])
def test_a_router_is_before_two_workers_or_before_prefill_and_decode(engine: str) -> None:
    plain = {role.name: role for role in compiled(started(engine, f"{engine}-router")).roles}
    assert plain[engine].size.workers == 2
    assert plain[f"{engine}-router"].after == (engine,)
    apart = {role.name: role for role in compiled(started(engine, engine, f"{engine}-router")).roles}
    assert apart[f"{engine}-router"].after == ("prefill", "decode")
    assert apart["prefill"].launch.command != plain[engine].launch.command


def test_the_orchestrator_is_before_prefill_and_decode_always() -> None:
    names = [role.name for role in compiled(started("trtllm", "trtllm-orchestrator")).roles]
    assert names == ["prefill", "decode", "trtllm-orchestrator"]


def test_halves_of_two_engines_have_names_of_their_own() -> None:
    names = [role.name for role in compiled(started("vllm", "sglang", "sglang", "vllm")).roles]
    assert names == ["vllm-prefill", "vllm-decode", "sglang-prefill", "sglang-decode"]


def test_clients_ask_what_is_in_front_one_after_another() -> None:
    job = compiled(started("aiperf", "vllm", "vllm-bench", "vllm-router", "nginx"))
    roles = {role.name: role for role in job.roles}
    assert roles["nginx"].after == ("vllm-router",)
    assert roles["aiperf"].after == ("nginx",)
    assert roles["vllm-bench"].after == ("nginx", "aiperf")
    assert "{role.nginx.url.http}" in roles["aiperf"].launch.command
    assert job.phases == (), "the job ends with its clients"


def test_a_cluster_file_of_its_own_holds_what_the_job_else_has() -> None:
    text, cluster = start_of(["vllm"], source, PRESETS, '"sites/eos.toml"')
    assert tomllib.loads(text)["job"]["cluster"] == "sites/eos.toml"
    assert "cluster" not in tomllib.loads(text)
    assert tomllib.loads(cluster) == {"cluster": {"gpus-per-node": 8}}
    assert unexplained(text) + unexplained(cluster) == []
    every = re.sub(r"^# (?=[a-z-]+ = )", "", cluster, flags=re.MULTILINE)
    whole = parse("cluster.toml", every.encode())
    assert len(whole.data["cluster"]) > 6
    assert compiled(started("vllm"), whole).cluster.gpus_per_node == 8


COMMENTED = re.compile(r"^# (?=[a-z-]+ = )", re.MULTILINE)


@pytest.mark.parametrize("engine", PRESETS)
def test_lines_that_are_commented_out_are_right(engine: str) -> None:
    for times in range(1, most_of(engine, source) + 1):
        text = COMMENTED.sub("", started(*[engine] * times))
        document, findings = parse("job.toml", text.encode()), Findings()
        documents = job_documents("-", document, (), "", findings)
        tables = resolve(documents, findings)
        check_known_flags(tables, documents, findings)
        read(tables, findings)
        assert findings.found == []


def test_lines_that_are_commented_out_for_programs_of_one_s_own_are_right() -> None:
    text = COMMENTED.sub("", started()).replace('after = ["etcd"]', 'unset = ["ETCD"]')
    assert compiled(text).roles[0].restart_max == 3


def test_a_preset_without_a_start_names_what_it_needs() -> None:
    preset = {
        "command": ["x"],
        "gpus-per-worker": "tp",
        "required": ["--model -m", "-c", "SCRIPT WORD", "--to.do"],
        "about": {"what": "Something new"},
    }
    text, _ = start_of(["new"], source, {"new": preset}, "")
    assert unexplained(text) == []
    tables = tomllib.loads(text)
    assert tables["cluster"] == {"gpus-per-node": 8}
    assert tables["roles"]["new"] == {
        "engine": "new",
        "extra-args": ["CHANGE-ME", "-c", "CHANGE-ME"],
        "args": {"model": "CHANGE-ME", "to.do": "CHANGE-ME"},
    }


def test_every_start_is_of_a_preset_or_of_several() -> None:
    starts = {file.stem for file in (FOLDER / "starts").glob("*.txt")}
    assert {name for name in starts if not name.startswith("_")} == set(PRESETS)
