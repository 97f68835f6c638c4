"""What a submitting shell may hold, on a real Slurm: whatever it is, the job runs as if it were not there."""

from __future__ import annotations

from typing import Any

import pytest

from tests.slurm.lab import Lab, Run, Running, scenario, succeeded

pytestmark = pytest.mark.slurm

JOB = """
[roles.worker]
workers = 2
gpus-per-worker = 4
command = ["{vars.python}", "{vars.stub}"]
args = { record = "{job.dir}/seen.jsonl" }
ports = { system = 9090 }
ready = { port = "system", path = "/health", timeout = "40s" }
stop = { grace = "2s" }
[phases.client]
command = ["bash", "-p", "-c", "ulimit -Sn; pwd; env"]
"""

# Each of them ends or spoils a step for itself.
WORST = """
SLURM_DEBUG=3 SLURM_EXCLUSIVE=1 SLURM_NO_KILL=1 SLURM_STEP_GRES=gpu:h100:1 SLURM_GPUS=1 SLURM_WORKING_DIR=/usr
SLURM_REMOTE_CWD=/usr SLURM_TIMELIMIT=1 SLURM_MEM_PER_CPU=1 SLURM_MEM_PER_GPU=1 SLURM_MEM_PER_NODE=1
SLURM_GPUS_PER_NODE=h100:1 SLURM_GRES=gpu:1 SLURM_NTASKS_PER_GPU=1 SLURM_CPUS_PER_GPU=99 SLURM_CPUS_PER_TASK=99
SLURM_HINT=nomultithread SLURM_CONSTRAINT=none SLURM_RESERVATION=none SLURM_QOS=none SLURM_PARTITION=none
SLURM_ACCOUNT=none SLURM_NETWORK=x SLURM_MPI_TYPE=pmix_v9 SLURM_PROLOG=/bin/false SLURM_TASK_PROLOG=/bin/false
SLURM_OPEN_MODE=t SLURM_STDOUTMODE=/dev/null SRUN_OUTPUT=/dev/null SLURM_STDINMODE=none SRUN_INPUT=none
SLURM_LABELIO=1 SLURM_EXACT=1 SLURM_OVERLAP=0 SLURM_THREADS_PER_CORE=1 SLURM_NTASKS_PER_CORE=1 SLURM_CORE_SPEC=1
SLURM_WAIT=1 SLURM_EXPORT_ENV=NONE SRUN_EXPORT_ENV=NONE SLURM_TEST_EXEC=1 SLURM_SPREAD_JOB=1
SLURM_CPU_BIND=verbose,map_cpu:0 SLURM_MEM_BIND=local SLURM_GPU_BIND=single:1 SLURM_SIGNAL=9@1
SLURM_DISTRIBUTION=cyclic SLURM_HOSTFILE=/nowhere SLURM_IMMEDIATE=1 SLURM_DEPENDENCY=afterok:1
"""
SHELL = """
SHELLOPTS=errexit:nounset:noglob POSIXLY_CORRECT=1 FUNCNEST=2 BASH_COMPAT=3.1 CDPATH=/usr IFS=adlnp|/ TMOUT=1
LC_ALL=tr_TR.UTF-8 SECONDS=90000 http_proxy=http://nowhere:1
"""
FUNCTIONS = [
    f"BASH_FUNC_{name}%%=() {{ exit 3; }}" for name in ("kill", "run", "fail", "read", "printf", "mkdir", "exec")
]


def everything_at_once(lab: Lab) -> Run:
    """The worst of Slurm's variables and the worst of bash's, and a low soft limit, in one shell."""
    with lab.nodes(1) as names:
        folder = lab.write(JOB)
        lab.compile(folder)
        (folder / "rc").write_text("set -u\n")
        words = [*WORST.split(), *SHELL.split(), *FUNCTIONS, f"BASH_ENV={folder}/rc"]
        submit = ["env", *words, "sbatch", "--parsable", f"--nodelist={names[0]}", "job.sbatch"]
        before = lab.strangers(names)
        limited = ["bash", "-c", 'ulimit -Sn 256; exec "$@"', "bash"]
        number = int(lab.cluster.run([*limited, *submit], cwd=folder).stdout)
        return Running(lab, number, names, folder, before).finish(60)


def as_ever(run: Run) -> bool:
    assert succeeded(run)
    assert [(record.cuda, record.ports) for _, record in sorted(run.workers.items())] == [
        ("0,1,2,3", (9090,)),
        ("4,5,6,7", (9091,)),
    ]
    return True


@scenario(everything_at_once)
def test_a_job_runs_whatever_its_submitting_shell_holds(run: Run) -> None:
    """SLURM_WORKING_DIR, SLURM_TIMELIMIT, SLURM_STEP_GRES, SHELLOPTS, FUNCNEST, functions of the user's, a proxy ..."""
    assert as_ever(run)
    lines = [line for line in run.log("phases/client.log").splitlines() if "setlocale" not in line]  # bash has none
    soft, place, *env = lines[1:]
    assert (int(soft) > 256, place) == (True, str(run.folder))
    assert {"FUNCNEST=2", "LC_ALL=tr_TR.UTF-8", "POSIXLY_CORRECT=1", "BASH_COMPAT=3.1", "CDPATH=/usr"} <= {*env}
    names = {line.partition("=")[0] for line in env}
    assert names >= {"SLURM_NTASKS", "SLURM_PROCID", "SLURM_CPUS_ON_NODE", "SLURM_STEP_NODELIST", "SLURM_JOB_PARTITION"}
    assert not names & {"SLURM_TIMELIMIT", "SLURM_GRES", "SLURM_MEM_PER_GPU", "SLURM_WORKING_DIR", "SRUN_OUTPUT"}
    assert f"no_proxy=localhost,127.0.0.1,::1,{run.nodes[0]}," in "\n".join(env)


@scenario(everything_at_once)
def test_srun_has_nothing_to_say_of_binding_cpus_where_slurm_binds_none(run: Run) -> None:
    assert "cpu binding" not in run.output


def sbatch_in_salloc(*options: str) -> Any:
    """A job submitted from inside an allocation that asks for other things, as from an interactive shell."""

    def inside(lab: Lab) -> Run:
        with lab.nodes(2) as names:
            folder = lab.write(JOB)
            lab.compile(folder)
            before = lab.strangers(names)
            submit = ["sbatch", "--parsable", f"--nodelist={names[1]}", "job.sbatch"]
            salloc = ["salloc", "--quiet", f"--nodelist={names[0]}", *options, *submit]
            number = int(lab.cluster.run(salloc, cwd=folder).stdout)
            return Running(lab, number, names, folder, before).finish(60)

    return inside


by_gpu = sbatch_in_salloc("--gpus-per-node=1", "--mem-per-gpu=100", "--ntasks-per-gpu=1", "--cpus-per-gpu=2")
by_cpu = sbatch_in_salloc("--gres=gpu:1", "--mem-per-cpu=100", "--ntasks=3", "--cpus-per-task=2", "srun", "--ntasks=1")


@scenario(by_gpu)
def test_a_job_from_inside_an_allocation_runs_where_memory_and_tasks_were_asked_for_by_gpu(run: Run) -> None:
    assert as_ever(run)


@scenario(by_cpu)
def test_and_where_they_were_asked_for_by_cpu(run: Run) -> None:
    assert as_ever(run)


def by_its_own_word(lab: Lab) -> Run:
    return lab.run(JOB + '[job.sbatch]\nmem-per-gpu = "100"\nexclusive = false\ncpus-per-task = 8\n', nodes=1)


@scenario(by_its_own_word)
def test_what_the_job_itself_asks_for_holds_for_all_its_steps_together(run: Run) -> None:
    assert as_ever(run)
