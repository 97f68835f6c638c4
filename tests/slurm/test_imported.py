"""Imported jobs run to their end on a real Slurm: one of each launcher and backend, one with nginx, one sweep.

Their engines, services and clients are stubs with the names that the jobs call: that everything is placed, started,
found and ended is what is seen here. What the stubs cannot be given, containers and what is installed before an engine
starts, is taken out first; everything else is as `dynplan import` writes it.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from attrs import frozen

import dynplan
from tests.importers import FOLDER
from tests.slurm.lab import Lab, Run, scenario, succeeded
from tests.slurm.test_sweeps import Swept, sweep

pytestmark = pytest.mark.slurm

HERE = Path(__file__).parent / "imported"
LAUNCHER = Path(__file__).parents[1] / "acceptance" / "programs" / "trtllm" / "launch.py"
PROGRAMS = ("etcd", "nats-server", "vllm", "vllm-router", "nginx", "trtllm-serve")
MODULES = {
    **dict.fromkeys(("dynamo.frontend", "dynamo.mocker", "dynamo.sglang", "dynamo.vllm"), "engine.py"),
    **dict.fromkeys(("sglang.bench_serving", "sglang.test.run_eval"), "client.py"),
}
# What a container or a site has, and a throwaway Slurm has not.
TAKEN_OUT = {"container", "container-runtime", "setup", "srun", "sbatch", "network-interface", "cluster"}


def stand_ins(folder: Path) -> None:
    """Write programs and modules by the names that jobs call, all of which run a stub."""
    (folder / "bin").mkdir()
    engine = f'exec python3 {HERE / "engine.py"} "$@"'
    texts = dict.fromkeys(PROGRAMS, engine)
    texts["trtllm-llmapi-launch"] = f'exec /usr/bin/python3 {LAUNCHER} "$@"'
    texts["numactl"] = 'shift 2\nexec "$@"'
    texts["genai-perf"] = texts["aiperf"] = f'exec python3 {HERE / "client.py"} "$@"'
    for name, text in texts.items():
        (folder / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / "bin" / name).chmod(0o755)
    for name, stub in MODULES.items():
        path = folder.joinpath(*name.split(".")).with_suffix(".py")
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(f"import runpy\nrunpy.run_path({str(HERE / stub)!r})\n")


def with_stubs(case: str, folder: Path) -> str:
    """Return the job that an import has made, for a Slurm without its engines; their stubs are in a folder."""
    tables = _without(tomllib.loads((FOLDER / case / "job.toml").read_text()))
    job = tables["job"]
    job["output-dir"] = "out"
    job.setdefault("env", {})["PYTHONPATH"] = str(folder)
    job["setup"] = f'export PATH="{folder / "bin"}:$PATH"'
    text = tomli_w.dumps(tables).replace("/configs/", "")
    return text.replace("/srtctl-benchmarks/sa-bench/benchmark_serving.py", str(HERE / "client.py"))


def _without(table: Any) -> Any:
    """Return tables without what stubs cannot have; `cluster` is a key of the job, not the table."""
    return {
        key: _without(value) if isinstance(value, dict) else value
        for key, value in table.items()
        if key not in TAKEN_OUT or (key == "cluster" and isinstance(value, dict))
    }


@frozen
class Imported:
    """A run of an imported job, and what dynplan planned for it."""

    run: Run
    plan: dynplan.Plan


def run_import(lab: Lab, case: str) -> Imported:
    """Run one case on as many nodes as it plans."""
    folder = lab.write("")
    stand_ins(folder)
    text = with_stubs(case, folder)
    (folder / "planned.toml").write_text(text)
    plan = dynplan.plan(dynplan.load(folder / "planned.toml"))
    return Imported(lab.run(text, nodes=len(plan.nodes), timeout_s=120), plan)


def sglang(lab: Lab) -> Imported:
    return run_import(lab, "srt-colocated")


def vllm_behind_nginx(lab: Lab) -> Imported:
    return run_import(lab, "srt-vllm-router")


def trtllm(lab: Lab) -> Imported:
    return run_import(lab, "srt-trtllm-serve")


def mocker(lab: Lab) -> Imported:
    return run_import(lab, "srt-mocker")


def ran_as_planned(found: Imported) -> bool:
    """Whether the job ended well, every task of the plan was ready on its node, and every phase ended with 0."""
    assert succeeded(found.run)
    ready = {(event.role, event.task, event.node) for event in found.run.events if event.name == "ready"}
    wanted = {
        (worker.role, f"{worker.worker}.0", found.run.nodes[worker.tasks[0].node]) for worker in found.plan.workers
    }
    assert wanted <= ready
    phases = {event.role: event.detail for event in found.run.events if event.name == "exit" and "phase:" in event.role}
    assert set(phases) == {f"phase:{phase.name}" for phase in found.plan.job.phases}
    assert all(detail.startswith("0 ") for detail in phases.values())
    return True


@scenario(sglang)
def test_a_recipe_of_dynamo_with_sglang_runs(run: Imported) -> None:
    assert ran_as_planned(run)


@scenario(vllm_behind_nginx)
def test_a_recipe_of_vllm_with_several_routers_behind_nginx_runs(run: Imported) -> None:
    assert ran_as_planned(run)
    config = run.run.log("files/nginx.conf")
    routers = [worker for worker in run.plan.workers if worker.role == "frontend"]
    assert config.count("server ") - config.count("server {") == len(routers) > 1


@scenario(trtllm)
def test_a_recipe_of_tensorrt_llm_runs_as_mpi_worlds(run: Imported) -> None:
    assert ran_as_planned(run)


@scenario(mocker)
def test_a_recipe_of_dynamo_with_mockers_runs(run: Imported) -> None:
    assert ran_as_planned(run)


def run_sweep(lab: Lab, case: str) -> Swept:
    """Run all points of a case, from `dynplan sweep` to `dynplan results`."""
    folder = lab.write("")
    stand_ins(folder)
    return sweep(lab, with_stubs(case, folder).replace('output-dir = "out"\n', ""), most=3)


def six_points(lab: Lab) -> Swept:
    return run_sweep(lab, "srt-sweep")


def cloudai(lab: Lab) -> Swept:
    return run_sweep(lab, "cloudai-test")


@scenario(six_points)
def test_a_recipe_with_a_sweep_runs_as_an_array(run: Swept) -> None:
    assert [row["state"] for row in run.table] == ["done"] * 6
    assert run.left == {}


@scenario(cloudai)
def test_a_test_of_cloudai_with_two_values_runs_as_an_array(run: Swept) -> None:
    assert [row["state"] for row in run.table] == ["done"] * 2
    assert run.left == {}
