"""Roles that run once on every node: a task before everything else, and a sampler beside it, on a real Slurm."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.slurm.lab import Lab, Run, scenario, succeeded

pytestmark = pytest.mark.slurm

JOB = """
job.num-nodes = 2

[roles.prepare]
kind = "task"
place = "every-node"
command = "sleep 1; echo done >{job.dir}/prepared-{host}"

[roles.gpus]
engine = "nvidia-smi"
command = ["{vars.smi}"]
ready = { command = ["test", "-s", "{job.dir}/gpus-{host}.csv"], timeout = "20s" }
stop = { grace = "1s" }

[roles.worker]
num-nodes = 2
gpus-per-worker = 8
after = ["prepare"]
command = "ls {job.dir}/prepared-* && exec sleep 600"
ready = { log = "^/.*prepared-" }
stop = { grace = "1s" }

[phases.measure]
command = ["sleep", "0.1"]
"""

# Takes the options that nvidia-smi takes, and has no GPU to ask.
SMI = """\
#!/bin/bash
for word; do
	[[ $word != /*.csv ]] || echo "$*" >"$word"
done
exec sleep 600
"""


def prepared(lab: Lab) -> Run:
    smi = lab.root / "nvidia-smi"
    smi.write_text(SMI)
    smi.chmod(0o755)
    return lab.run(f'vars.smi = "{smi}"\n{JOB}')


@scenario(prepared)
def test_a_task_ends_on_every_node_before_the_roles_after_it_start(run: Run) -> None:
    assert succeeded(run)
    first, second = run.nodes
    both = f"prepared-{first}", f"prepared-{second}"
    for log in ("worker-0.log", "worker-1.log"):
        assert all(name in run.log(f"logs/{log}") for name in both)


@scenario(prepared)
def test_gpu_utilisation_is_asked_for_on_every_node_in_a_file_of_its_own(run: Run) -> None:
    asked = {node: Path(run.directory, f"gpus-{node}.csv").read_text() for node in run.nodes}
    query = "timestamp,index,name,utilization.gpu,utilization.memory,memory.used,power.draw"
    options = f"--query-gpu {query} --format csv --loop 1 --filename"
    assert asked == {node: f"{options} {run.directory}/gpus-{node}.csv\n" for node in run.nodes}
