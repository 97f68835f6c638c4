"""Images of registries are brought before anything starts: once to each node, and gone at the end."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from dynplan.emitter import lower
from tests.launch.lab import Run, compiled, job_text, left_behind, plan_of, program_parts, run, start, stub

GPUS = "gpus-per-worker = 1"
IMAGE = "nvcr.io/a:1"
TOLD = "nvcr.io#a:1"
BOXED = f'[job.container]\nimage = "{IMAGE}"'
PYXIS = 'container-runtime = "pyxis"'
NO_IMAGE = "pyxis: failed to import docker image: URL https://nvcr.io/v2/a/manifests/1 returned error code: 404"


def role(name: str, *lines: str) -> str:
    return "\n".join([f"[roles.{name}]\ncommand = {stub()}\nstop = {{ grace = 1 }}", *lines])


def boxed(folder: Path, *parts: str, nodes: int = 1, cluster: str = PYXIS, **env: str) -> Run:
    (folder / "boxes").mkdir(exist_ok=True)
    names = tuple(f"n{index}" for index in range(nodes))
    job = job_text(*parts, '[phases.last]\ncommand = "true"', nodes=nodes, cluster=cluster)
    return run(job, folder, nodes=names, env={"STUB_BOXES": str(folder / "boxes"), **env})


def imports(folder: Path) -> list[str]:
    return sorted((folder / "boxes" / "imports").read_text().splitlines())


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "boxes").glob("*/*"))


def test_an_image_that_many_steps_of_a_node_use_is_brought_there_once_and_its_time_told(tmp_path: Path) -> None:
    # Four steps of one image: two roles, one of them on two nodes, and two phases.
    done = boxed(
        tmp_path,
        BOXED,
        role("wide", "num-nodes = 2", GPUS),
        role("other", GPUS),
        '[phases.first]\ncommand = "true"',
        nodes=2,
    )
    assert (done.code, done.cause) == (0, ""), done.output
    assert imports(tmp_path) == [f"n0 {TOLD} dynplan-7.0", f"n1 {TOLD} dynplan-7.0"]
    assert f"image {TOLD}: on 2 nodes after " in done.output
    said = done.output.index(f"image {TOLD}: on 2 nodes")
    assert "is left on some node" not in done.output
    assert done.output.index("results in") < said < done.output.index("role wide: starting")
    assert left(tmp_path) == []


def test_only_the_nodes_that_use_an_image_get_it_and_two_images_are_two(tmp_path: Path) -> None:
    done = boxed(
        tmp_path,
        role("a", "num-nodes = 1", "gpus-per-worker = 8", 'container = { image = "nvcr.io/a:1" }'),
        role("b", "num-nodes = 1", "gpus-per-worker = 8", 'container = { image = "nvcr.io/b:1" }'),
        role("c", "num-nodes = 1", "gpus-per-worker = 8"),
        nodes=3,
    )
    assert (done.code, done.cause) == (0, ""), done.output
    assert imports(tmp_path) == ["n0 nvcr.io#a:1 dynplan-7.0", "n1 nvcr.io#b:1 dynplan-7.1"]


def test_what_can_write_to_its_root_does_not_share_it_unless_it_is_named(tmp_path: Path) -> None:
    writable = "srun = { container-writable = true }"
    named = f'{writable}\ncontainer = {{ name = "tools" }}'
    job = job_text(BOXED, role("plain"), role("own", writable), role("a", named), role("b", named), cluster=PYXIS)
    script = lower(plan_of(job))
    common = dict(script.arrays)["srun"]
    names = [step.srun[-1] if step.srun else common[-1] for step in script.roles]
    start_from = "--container-name=dynplan-{job.id}"
    assert names == [f"{start_from}{name}:no_exec" for name in (".0", ".1", "-tools", "-tools")]
    assert [image.words[-1] for image in script.images] == [f"{start_from}{n}:create" for n in (".0", ".1", "-tools")]


def test_roles_of_one_name_that_start_at_once_find_their_container_made_and_each_has_its_mounts(tmp_path: Path) -> None:
    # What pyxis answers two who make one: "File already exists"; and to who comes later, his mounts are ignored.
    names = f'container = {{ name = "vllm", mounts = ["{tmp_path}:/%s"] }}'
    done = boxed(tmp_path, BOXED, role("a", names % "a"), role("b", names % "b"))
    assert (done.code, done.cause) == (0, ""), done.output
    assert imports(tmp_path)[0] == f"n0 {TOLD} dynplan-7-vllm"
    script = (tmp_path / "script.sbatch").read_text()
    assert script.count("'--container-name=dynplan-{job.id}-vllm:no_exec'") == 2
    assert f"--container-mounts={tmp_path}:/a," in script
    assert f"--container-mounts={tmp_path}:/b," in script


def test_a_named_container_of_an_earlier_job_is_not_run_in(tmp_path: Path) -> None:
    old = tmp_path / "boxes" / "n0" / "pyxis_vllm"
    old.mkdir(parents=True)
    done = boxed(tmp_path, role("a", 'container = { image = "nvcr.io/a:1", name = "vllm" }'))
    assert (done.code, done.cause) == (0, ""), done.output
    assert imports(tmp_path) == [f"n0 {TOLD} dynplan-7-vllm"]
    assert left(tmp_path) == ["pyxis_vllm"]


def test_what_an_earlier_run_of_the_same_job_has_left_is_made_anew(tmp_path: Path) -> None:
    # Requeued, or started again under salloc: it may be half made, or of another image.
    (tmp_path / "boxes" / "n0" / "pyxis_dynplan-7.0").mkdir(parents=True)
    done = boxed(tmp_path, BOXED, role("a"))
    assert (done.code, done.cause) == (0, ""), done.output
    assert "the container already exists; trying once more" in done.output
    assert imports(tmp_path) == [f"n0 {TOLD} dynplan-7.0"]
    assert left(tmp_path) == []


def test_an_image_that_a_registry_gives_at_the_second_try_is_asked_for_where_it_lacks(tmp_path: Path) -> None:
    done = boxed(tmp_path, BOXED, role("wide", "num-nodes = 2", GPUS), nodes=2, STUB_NO_IMAGE="n1 1")
    assert (done.code, done.cause) == (0, ""), done.output
    assert f"image {TOLD}: not on n1: {NO_IMAGE} Not Found; trying once more" in done.output
    assert imports(tmp_path) == [f"n0 {TOLD} dynplan-7.0", f"n1 {TOLD} dynplan-7.0"]


def test_an_image_that_its_registry_does_not_give_is_the_cause_with_the_node_and_the_runtime_s_words(
    tmp_path: Path,
) -> None:
    done = boxed(tmp_path, BOXED, role("wide", "num-nodes = 2", GPUS), nodes=2, STUB_NO_IMAGE="n1 9")
    log = done.directory / "logs" / "images.0.log"
    cause = f"image {TOLD}: not on n1: {NO_IMAGE} Not Found; nothing was started; log {log}"
    assert (done.code, done.cause) == (65, cause), done.output
    assert not [event for event in done.events if event[0] == "started"]
    assert left(tmp_path) == []


def test_an_image_without_bash_is_told_before_anything_starts(tmp_path: Path) -> None:
    done = boxed(tmp_path, BOXED, role("a"), STUB_NO_BASH="yes")
    why = "execve(): bash: No such file or directory (it must hold bash)"
    cause = f"image {TOLD}: not on n0: {why}; nothing was started; log {done.directory}/logs/images.0.log"
    assert (done.code, done.cause) == (65, cause), done.output


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        # Who has images of his own making, or a pyxis before 0.14.
        ('container = { image = "nvcr.io/a:1", import = false }', []),
        ('container = { image = "nvcr.io/a:1", import = false, name = "mine" }', ["--container-name=mine"]),
        ('container = { image = "nvcr.io/a:1" }\nsrun = { container-name = "mine" }', ["--container-name=mine"]),
        ('container = { image = "/images/a.sqsh" }', []),
    ],
)
def test_who_wants_each_step_to_bring_its_own_has_it_and_files_are_there(lines: str, told: list[str]) -> None:
    text = compiled(job_text(role("a", lines), cluster=PYXIS))
    assert "bring_images() {" not in text
    assert [word for word in text.replace("'", "").split() if word.startswith("--container-name")] == told


def test_apptainer_fills_its_cache_before_on_one_node_first_and_one_image_after_another(tmp_path: Path) -> None:
    # Of four processes that fill one cache at once one fails: "conveyor failed to get: unexpected end of JSON input".
    other = 'container = { image = "docker://b:1" }'
    parts = (BOXED, role("wide", "num-nodes = 3", GPUS), role("other", other, "num-nodes = 3", GPUS))
    cluster = 'container-runtime = "apptainer"'
    text = compiled(job_text(*parts, nodes=3, cluster=cluster))
    assert "\timage '' 0-2 docker://nvcr.io/a:1 \\\n\t\tapptainer \\\n\t\texec \\\n\t\tdocker://nvcr.io/a:1\n" in text
    programs = tmp_path / "bin"
    programs.mkdir()
    said = f'[[ $2 == docker://* ]] && echo "$2 $SLURMD_NODENAME" >>{tmp_path}/cached\n'
    (programs / "apptainer").write_text(f'#!/bin/bash\n{said}while [[ $1 != bash ]]; do shift; done\nexec "$@"\n')
    (programs / "apptainer").chmod(0o755)
    path = f"{Path(__file__).parent / 'slurm'}:{programs}:/usr/bin:/bin"
    done = boxed(tmp_path, *parts, nodes=3, cluster=cluster, PATH=path)
    assert (done.code, done.cause) == (0, ""), done.output
    assert "image docker://nvcr.io/a:1: on 3 nodes after " in done.output
    cached = (tmp_path / "cached").read_text().splitlines()
    first, second = "docker://nvcr.io/a:1", "docker://b:1"
    assert (cached[0], sorted(cached[1:3])) == (f"{first} n0", [f"{first} n1", f"{first} n2"])
    assert (cached[3], sorted(cached[4:])) == (f"{second} n0", [f"{second} n1", f"{second} n2"])


def test_a_job_that_is_cancelled_while_its_image_comes_ends_at_once_and_leaves_nothing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "never")
    (tmp_path / "boxes").mkdir()
    env = {"STUB_BOXES": str(tmp_path / "boxes"), "STUB_IMPORT_WAITS": str(tmp_path / "never")}
    process = start(compiled(job_text(BOXED, role("a"), cluster=PYXIS)), tmp_path, env=env)
    assert process.stdout is not None
    while "bringing it to 1 node" not in process.stdout.readline():
        assert process.poll() is None
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 143, output
    assert time.monotonic() - began < 20
    # What is killed at the very end may take a moment to be gone.
    assert left_behind(str(tmp_path / "never"), within_s=5) == []


def test_a_container_that_cannot_be_removed_is_told_and_the_job_is_done(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "enroot").write_text("#!/bin/bash\necho 'a device is busy' >&2\nexit 1\n")
    (programs / "enroot").chmod(0o755)
    path = f"{programs}:{Path(__file__).parent / 'slurm'}:/usr/bin:/bin"
    done = boxed(tmp_path, BOXED, role("a"), PATH=path)
    assert (done.code, done.cause) == (0, ""), done.output
    where = "logs/images.0.removed.log"
    assert f"image {TOLD}: dynplan-7.0 is left on some node; see {where}" in done.output
    assert "a device is busy" in done.text(where)


def test_one_text_that_names_an_image_for_each_role_is_several_images() -> None:
    own = 'container = { image = "nvcr.io/{job.name}:{port.http}" }'
    roles = [role(f"of{port}", f"ports = {{ http = {port} }}", own) for port in (8000, 8001)]
    script = lower(plan_of(job_text(*roles, cluster=PYXIS)))
    assert [(image.source, image.name) for image in script.images] == [
        ("nvcr.io#test:8000", "dynplan-{job.id}.0"),
        ("nvcr.io#test:8001", "dynplan-{job.id}.1"),
    ]


def test_the_nodes_of_an_image_are_a_few_ranges_however_many_they_are() -> None:
    wide = role("wide", "num-nodes = 300", "gpus-per-worker = 8", 'container = { image = "nvcr.io/a:1" }')
    head = role("head", 'place = "head"', 'container = { image = "nvcr.io/b:1" }')
    script = lower(plan_of(job_text(wide, head, nodes=300, cluster=PYXIS)))
    assert [image.nodes for image in script.images] == ["0-299", "0-0"]


SAID = {
    # What pyxis and enroot say, as users have shown it; the last lines are consequences.
    "pyxis: failed to import docker image: Could not process JSON input": """\
Apr 08 03:37:03.834962 3444994 slurmstepd   0x155552ddfd40: error: pyxis: child 3444995 failed with error code: 1
Apr 08 03:37:03.835051 3444994 slurmstepd   0x155552ddfd40: error: pyxis: failed to import docker image
Apr 08 03:37:03.835067 3444994 slurmstepd   0x155552ddfd40: error: pyxis: printing enroot log file:
Apr 08 03:37:03.835098 3444994 slurmstepd   0x155552ddfd40: error: pyxis:     [INFO] Querying registry
Apr 08 03:37:03.835140 3444994 slurmstepd   0x155552ddfd40: error: pyxis:     [ERROR] Could not process JSON input
""",
    "pyxis: failed to import docker image": """\
pyxis: importing docker image: centos
slurmstepd: error: pyxis: child 15352 failed with error code: 137
slurmstepd: error: pyxis: failed to import docker image
slurmstepd: error: pyxis: couldn't start container
slurmstepd: error: spank: required plugin spank_pyxis.so: task_init() failed with rc=-1
slurmstepd: error: Failed to invoke spank plugin stack
slurmstepd: error: write to unblock task 0 failed: Broken pipe
srun: error: n1: task 0: Exited with exit code 1
""",
    "pyxis: failed to create container filesystem: No space left on device": """\
slurmstepd-n2: error: pyxis: child 9 failed with error code: 1
slurmstepd-n2: error: pyxis: failed to create container filesystem
slurmstepd-n2: error: pyxis: printing enroot log file:
slurmstepd-n2: error: pyxis:     [INFO] Extracting squashfs filesystem...
slurmstepd-n2: error: pyxis:     [ERROR] No space left on device
slurmstepd-n2: error: spank_task_init_privileged failed
""",
    "Unable to handle docker://h/lost:1 uri: reading manifest 1 in h/lost: manifest unknown": """\
INFO:    Converting OCI blobs to SIF format
FATAL:   Unable to handle docker://h/lost:1 uri: reading manifest 1 in h/lost: manifest unknown
srun: error: n1: task 0: Exited with exit code 255
""",
    "unrecognized option '--container-image=nvcr.io#a:1'": """\
srun: unrecognized option '--container-image=nvcr.io#a:1'
Try "srun --help" for more information
""",
    "no word from srun, nor from its tasks": "",
}


@pytest.mark.parametrize("reason", SAID)
def test_the_reason_is_what_says_why_and_not_what_follows_from_it(tmp_path: Path, reason: str) -> None:
    (tmp_path / "log").write_text(SAID[reason])
    functions = program_parts()["images"].replace("known_events[image]=yes", "")
    told = subprocess.run(
        ["bash", "-c", f'{functions}\nget_reason "$1"\nprintf %s "$reason"', "bash", tmp_path / "log"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert (told.stdout, told.stderr) == (reason, "")
