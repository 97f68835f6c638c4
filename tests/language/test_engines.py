"""Engine presets: data under a role's own table, read by the same reader as a user's file."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import dynplan
from dynplan.cli.inputs import job_documents
from dynplan.diagnostics import InputError
from dynplan.language import parse, read, resolve
from dynplan.model import Plan
from dynplan.planner import plan

ENGINES = sorted(file.stem for file in (Path(dynplan.__file__).parent / "engines").glob("*.toml"))


def planned(text: str) -> Plan:
    return plan(read(resolve(job_documents("job.toml", parse("job.toml", text.encode()), (), ""))))


def command(text: str) -> str:
    return " ".join(map(str, planned(f"[cluster]\ngpus-per-node = 8\n{text}").job.roles[0].launch.command))


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_plans_without_another_word(engine: str) -> None:
    found = planned(f'[cluster]\ngpus-per-node = 8\n[roles.it]\nengine = "{engine}"\n')
    assert found.workers[0].role == "it"
    assert not found.warnings


@pytest.mark.parametrize(
    ("engine", "args", "gpus"),
    [
        ("vllm", "tensor-parallel-size = 4, pipeline-parallel-size = 2", 8),
        ("vllm", "tensor-parallel-size = 2, data-parallel-size = 3, decode-context-parallel-size = 2", 6),
        ("sglang", "tp-size = 4, pp-size = 2", 8),
        ("sglang", "tensor-parallel-size = 4, attn-dp-size = 4, ep-size = 4", 4),
        ("dynamo-vllm", "tensor-parallel-size = 12", 12),
        ("dynamo-sglang", "tp-size = 2", 2),
    ],
)
def test_an_engine_knows_how_many_gpus_its_sizes_need(engine: str, args: str, gpus: int) -> None:
    found = planned(f'[cluster]\ngpus-per-node = 8\n[roles.it]\nengine = "{engine}"\nargs = {{ {args} }}\n')
    assert sum(len(task.gpus) for task in found.workers[0].tasks) == gpus


def test_every_engine_has_its_line_on_the_page() -> None:
    page = (Path(__file__).parents[2] / "docs" / "engines.md").read_text()
    assert re.findall(r"^\| `([a-z-]+)` \|", page, re.MULTILINE) == ENGINES


def test_the_role_wins_over_its_engine_and_keeps_the_rest() -> None:
    text = '[roles.it]\nengine = "sglang"\nargs = { host = "::", tp-size = 2, enable-metrics = false }\n'
    assert command(text + "ports = { http = 9000 }\n") == (
        "python3 -m sglang.launch_server --host :: --port {port.http} --nnodes {num-tasks} --node-rank {rank}"
        " --dist-init-addr {leader.ip}:{port.dist} --nccl-port {port.nccl} --tp-size 2"
    )


def test_a_bare_number_moves_a_port_and_leaves_its_rules() -> None:
    found = planned('[cluster]\ngpus-per-node = 8\n[roles.it]\nengine = "dynamo-vllm"\nports = { system = 9000 }\n')
    system = found.job.roles[0].ports[0]
    assert (system.base, system.high) == (9000, 32767)


def test_a_fixed_number_moves_a_port_too() -> None:
    found = planned('[roles.it]\nengine = "etcd"\nports.client = { fixed = 2400 }\n')
    client = found.job.roles[0].ports[0]
    assert (client.name, client.base, client.fixed) == ("client", 2400, True)


@pytest.mark.parametrize(
    ("own", "kinds"),
    [
        ('{ log = "started" }', [("log", "")]),
        ('{ port = "http" }', [("http", "/health")]),  # of the same kind: the rest of the preset's stays
        ('{ timeout = "5m" }', [("http", "/health")]),
        ('[{ port = "http" }, { log = "started" }]', [("tcp", ""), ("log", "")]),
    ],
)
def test_a_probe_of_another_kind_replaces_that_of_the_engine(own: str, kinds: list[tuple[str, str]]) -> None:
    text = f'[cluster]\ngpus-per-node = 8\n[roles.it]\nengine = "vllm"\nready = {own}\n'
    assert [(probe.kind, probe.path) for probe in planned(text).job.roles[0].ready] == kinds


def test_roles_keep_the_order_of_the_job_file() -> None:
    found = planned('[roles.b]\ncommand = ["b"]\n[roles.a]\nengine = "etcd"\n[roles.c]\ncommand = ["c"]\n')
    assert [role.name for role in found.job.roles] == ["b", "a", "c"]


def test_every_unknown_engine_is_named_with_the_nearest_one() -> None:
    with pytest.raises(InputError) as caught:
        planned('[roles.a]\nengine = "dynamo-vlm"\n[roles.b]\nengine = "zzz"\n')
    found = caught.value.findings
    assert [finding.message for finding in found] == ["there is no engine `dynamo-vlm`", "there is no engine `zzz`"]
    assert found[0].help == "did you mean `dynamo-vllm`?"
    assert found[1].help == "engines: " + ", ".join(ENGINES)


@pytest.mark.parametrize("override", ["roles=5", "roles.a=5"])
def test_an_override_that_is_no_table_is_wrong_input(tmp_path: Path, override: str) -> None:
    job = tmp_path / "job.toml"
    job.write_text('[roles.a]\nengine = "etcd"\n')
    argv = [sys.executable, "-m", "dynplan", "compile", str(job), "--set", override]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "must be a table" in done.stderr


def test_a_wrong_value_from_an_engine_would_point_into_its_preset(tmp_path: Path) -> None:
    job = tmp_path / "job.toml"
    job.write_text('[cluster]\nreserved-ports = "2379"\n[roles.a]\nengine = "etcd"\nports.client = { fixed = true }\n')
    argv = [sys.executable, "-m", "dynplan", "compile", str(job)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert "port 2379 of role `a`" in done.stderr
    assert f"{job}:5:" in done.stderr
