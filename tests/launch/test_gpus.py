"""Which GPUs a worker is shown, in which variable: by vendor, whatever the submitting shell and the step set."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynplan.emitter.quote import word
from dynplan.language.plan_file import from_tree, to_tree
from dynplan.model import GPU_VARIABLES
from tests.launch.lab import bash_version, bashes, compiled, job_text, plan_of, program_parts, run, stub
from tests.laws.profile import some

BASHES = [pytest.param(bash, id=bash_version(bash)) for bash in bashes()]
EVERY = (*GPU_VARIABLES.values(), "HIP_VISIBLE_DEVICES", "GPU_DEVICE_ORDINAL")
VENDORS = pytest.mark.parametrize("vendor", list(GPU_VARIABLES))
SEEN = stub("--record", "seen")
TWO = f'[roles.worker]\nworkers = 2\ngpus-per-worker = 2\ncommand = {SEEN}\nstop = {{ grace = "1s" }}'
CPU = f'[roles.cpu]\ncommand = {SEEN}\nstop = {{ grace = "1s" }}'
PHASE = '[phases.one]\ncommand = "true"'
IDS = st.sampled_from([[str(n) for n in range(8)], [str(n) for n in range(4, 12)], [f"GPU-{n}{n}" for n in range(8)]])


def vendor_of(name: str) -> str:
    return f'gpu-vendor = "{name}"'


@VENDORS
@pytest.mark.parametrize("others", [(), EVERY], ids=["its-variable-alone", "all-of-them"])
def test_each_worker_sees_its_slice_where_slurm_sets_the_vendors_variable(
    tmp_path: Path, vendor: str, others: tuple[str, ...]
) -> None:
    """Nodes whose Slurm sets ROCR_VISIBLE_DEVICES or ZE_AFFINITY_MASK alone; and default flags, which set all."""
    ours = GPU_VARIABLES[vendor]
    env = {"STUB_GPU_VARIABLES": ",".join({ours, *others}), "STUB_GPUS": "8,9,10,11,12,13,14,15"}
    shell = dict.fromkeys(EVERY, "3")
    done = run(job_text(TWO, CPU, PHASE, cluster=vendor_of(vendor)), tmp_path, env=shell | env)
    assert (done.code, done.cause) == (0, ""), done.output
    found = [{name: seen["env"].get(name) for name in EVERY} for seen in done.seen()]
    nothing = dict.fromkeys(EVERY)
    assert found == [nothing | {ours: shown} for shown in ("", "8,9", "10,11")]


@given(
    vendor=st.sampled_from(list(GPU_VARIABLES)),
    shell=st.dictionaries(st.sampled_from(EVERY), st.sampled_from(["", "3", "0,1,2,3,4,5,6,7", "GPU-x", "NoDevFiles"])),
    step=st.sets(st.sampled_from(EVERY)),
    ids=IDS,
    slice_=st.sets(st.integers(0, 7)),
    granted=st.booleans(),
)
@some(0.7)
@pytest.mark.parametrize("bash", BASHES)
def test_a_worker_sees_exactly_its_slice_in_its_vendors_variable_and_nothing_in_the_others(
    bash: Path, vendor: str, shell: dict[str, str], step: set[str], ids: list[str], slice_: set[int], granted: bool
) -> None:
    ours = GPU_VARIABLES[vendor]
    inside = "".join(f"export {name}={word(','.join(ids))}\n" for name in sorted(step | {ours}) if granted)
    program = f"""{program_parts()["plan"]}
{program_parts()["task"]}
job() {{
\tgpu_variable={ours}
\t{":" if granted else "all_gpus=0,1,2,3,4,5,6,7"}
}}
role_worker() {{ :; }}
own=()
declare -A fact=() row=()
load worker
unset -v "${{gpu_variables[@]}}"
{inside}
row=([gpus]={",".join(map(str, sorted(slice_)))})
set_environment
become "${{exports[@]}}" -- env -0
"""
    done = subprocess.run([bash, "-c", program], capture_output=True, check=False, env={"PATH": "/bin", **shell})
    assert done.stderr == b""
    shown = dict(line.split("=", 1) for line in done.stdout.decode().split("\0")[:-1] if "=" in line)
    of_slurm = ids if granted else [str(n) for n in range(8)]
    visible = ",".join(of_slurm[n] for n in sorted(slice_))
    assert {name: shown[name] for name in EVERY if name in shown} == {ours: visible}


def test_a_plan_says_all_that_the_script_says_of_vendors_and_interfaces() -> None:
    cluster = vendor_of("amd") + '\nnetwork-interface = ["hsn*", "10.2.0.0/16", "fd00::/8"]'
    job = plan_of(job_text(TWO, cluster=cluster))
    assert compiled(from_tree(to_tree(job))) == compiled(job)


def test_a_step_that_shows_another_vendors_gpus_names_gpu_vendor(tmp_path: Path) -> None:
    done = run(job_text(TWO, PHASE), tmp_path, env={"STUB_GPU_VARIABLES": "ROCR_VISIBLE_DEVICES", "STUB_GPUS": "0,1"})
    assert done.code == 65
    assert done.cause == (
        "preflight: n0: the plan needs 8 GPUs, the step shows CUDA_VISIBLE_DEVICES=''; it shows "
        "ROCR_VISIBLE_DEVICES='0,1': is cluster.gpu-vendor right?; nothing was started"
    )


def test_a_step_that_shows_too_few_gpus_names_no_other_variable(tmp_path: Path) -> None:
    done = run(job_text(TWO, PHASE), tmp_path, env={"STUB_GPUS": "0,1", "STUB_GPU_VARIABLES": ",".join(EVERY)})
    expected = "preflight: n0: the plan needs 8 GPUs, the step shows CUDA_VISIBLE_DEVICES='0,1'; nothing was started"
    assert (done.code, done.cause) == (65, expected)


def test_a_worker_whose_step_shows_it_fewer_gpus_than_planned_says_so(tmp_path: Path) -> None:
    """A step with `gres = "none"` under an allocation of GPUs: preflight sees them, the role's step does not."""
    done = run(job_text(f'{TWO}\nsrun = {{ gres = "none" }}', PHASE), tmp_path)
    assert done.code == 65, done.output
    assert done.cause.startswith("role worker worker ")
    assert "rank 0 on n0: its step shows 0 GPUs, '', and the plan gives it GPUs " in done.cause
    assert not (tmp_path / "seen").exists()


@pytest.mark.parametrize(
    ("role", "cluster"),
    [(CPU, ""), (TWO, 'gpu-request = "none"')],
    ids=["a role without GPUs", "no GPUs asked of Slurm"],
)
def test_a_step_without_gpus_is_no_fault_where_none_are_expected_of_it(tmp_path: Path, role: str, cluster: str) -> None:
    job = job_text(f'{role}\nsrun = {{ gres = "none" }}', PHASE, cluster=cluster)
    done = run(job, tmp_path, env={"CUDA_VISIBLE_DEVICES": "3"})
    assert (done.code, done.cause) == (0, ""), done.output
