"""What srun is told of a container, and which paths a node must have for it."""

import pytest

from dynplan.emitter.containers import around_a_task, container_paths
from dynplan.model import Container
from tests.launch.lab import plan_of

JOB = """
[job]
num-nodes = 1
[cluster]
container-runtime = "{runtime}"
[roles.worker]
command = "serve"
container = {{ image = "{image}", mounts = {mounts} }}
"""


def paths(runtime: str, image: str, mounts: tuple[str, ...] = ()) -> list[str]:
    return container_paths(plan_of(JOB.format(runtime=runtime, image=image, mounts=list(mounts))))


@pytest.mark.parametrize(
    ("runtime", "image", "looked_for"),
    [
        ("pyxis", "nvcr.io#nvidia/vllm:1.1", []),
        ("pyxis", "docker://nvcr.io#nvidia/vllm:1.1", []),
        ("pyxis", "/images/vllm.sqsh", ["/images/vllm.sqsh"]),
        ("pyxis", "./vllm.sqsh", ["./vllm.sqsh"]),
        ("apptainer", "docker://vllm/vllm-openai", []),
        ("apptainer", "images/vllm.sif", ["images/vllm.sif"]),
        ("apptainer", "sandbox", ["sandbox"]),
        ("apptainer", "nvcr.io#nvidia/vllm:1.1", []),
        ("apptainer", "nvcr.io/nvidia/vllm:1.1", []),
        ("apptainer", "images.d/vllm.sif", ["images.d/vllm.sif"]),
        ("pyxis", "nvcr.io/nvidia/vllm:1.1", []),
        ("apptainer", "/images/{job.name}.sif", []),
    ],
)
def test_an_image_that_is_a_file_is_looked_for(runtime: str, image: str, looked_for: list[str]) -> None:
    assert paths(runtime, image) == looked_for


@pytest.mark.parametrize(
    ("image", "pyxis", "apptainer"),
    [
        ("nvcr.io/nvidia/vllm:1.1", "nvcr.io#nvidia/vllm:1.1", "docker://nvcr.io/nvidia/vllm:1.1"),
        ("nvcr.io#nvidia/vllm:1.1", "nvcr.io#nvidia/vllm:1.1", "docker://nvcr.io/nvidia/vllm:1.1"),
        ("localhost:5000/vllm", "localhost:5000#vllm", "docker://localhost:5000/vllm"),
        ("vllm/vllm-openai:v1.2", "vllm/vllm-openai:v1.2", "vllm/vllm-openai:v1.2"),
        ("docker://nvcr.io#a/b", "docker://nvcr.io#a/b", "docker://nvcr.io#a/b"),
        ("./nvcr.io/x", "./nvcr.io/x", "./nvcr.io/x"),
    ],
)
def test_an_image_of_a_registry_is_named_as_the_runtime_wants_it(image: str, pyxis: str, apptainer: str) -> None:
    box = Container(image=image, mounts=(), workdir="", name="", brought=True)
    assert around_a_task(box, "pyxis")[0]["container-image"] == pyxis
    assert around_a_task(box, "apptainer")[1][-1] == apptainer


def test_the_source_of_each_mount_is_looked_for_once() -> None:
    mounts = ("/a:/b:ro", "./c:/c", "/a:/d", "/e", "/scratch/{job.id}:/s", "tmpfs:/t", "umount:/u")
    assert paths("pyxis", "vllm", mounts) == ["/a", "./c", "/e"]


BOX = Container(
    image="vllm", mounts=("/hf:/root/.cache", "/data:/data:ro"), workdir="/work", name="mine", brought=False
)
BARE = Container(image="vllm", mounts=(), workdir="", name="", brought=True)


def test_pyxis_is_told_by_options_of_srun() -> None:
    assert around_a_task(BOX, "pyxis") == (
        {
            "container-image": "vllm",
            "container-mounts": "/hf:/root/.cache,/data:/data:ro,{job.dir}:{job.dir}",
            "container-workdir": "/work",
            "container-name": "mine",
        },
        (),
    )
    bare = {"container-image": "vllm", "container-mounts": "{job.dir}:{job.dir}"}
    assert around_a_task(BARE, "pyxis") == (bare, ())


def test_apptainer_stands_before_what_srun_runs() -> None:
    binds = ("--bind", "/hf:/root/.cache", "--bind", "/data:/data:ro", "--bind", "{job.dir}:{job.dir}")
    assert around_a_task(BOX, "apptainer") == ({}, ("apptainer", "exec", "--nv", *binds, "--pwd", "/work", "vllm"))
    assert around_a_task(BARE, "apptainer") == ({}, ("apptainer", "exec", "--nv", *binds[-2:], "vllm"))


def test_nothing_stands_around_a_task_without_a_container() -> None:
    assert around_a_task(None, "pyxis") == around_a_task(None, "apptainer") == ({}, ())


@pytest.mark.parametrize(("vendor", "option"), [("nvidia", ("--nv",)), ("amd", ("--rocm",)), ("intel", ())])
def test_apptainer_brings_the_libraries_of_the_gpus_vendor(vendor: str, option: tuple[str, ...]) -> None:
    """On nodes of AMD `--nv` finds nothing; what Intel's GPUs need is in every container."""
    _, words = around_a_task(BARE, "apptainer", vendor)
    assert [word for word in words if word.startswith("--") and word not in ("--bind", "--pwd")] == [*option]
