"""The testbed itself: up in a moment, and nothing left of it, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.testbed import Cluster, Kind, TestbedError, eventually, life
from tests.testbed.life import IN_CHROOT

pytestmark = [pytest.mark.slurm, pytest.mark.usefixtures("slurm")]

ROOT = Path(__file__).parents[2]
OWNER = """
import sys, time
from pathlib import Path
from tests.testbed import Cluster
with Cluster.up(nodes=2, directory=Path(sys.argv[1])) as cluster:
    cluster.submit("#!/bin/bash\\nsleep 600 & setsid sleep 600 & wait\\n", args=["--output=/dev/null"])
    print("up", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def directory() -> Iterator[Path]:
    """A name for a testbed's directory; the testbed is ended if a failing test left it."""
    path = life.new_directory()
    yield path
    life.stop(path)


@pytest.fixture(autouse=True)
def listening() -> None:
    """Children hear Ctrl-C, also where we were started as a shell's background job, which does not."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def namespaces(pid: int) -> set[str]:
    """The namespaces of a process that are not ours: `net:[4026531840]` and the like."""
    kinds = ("pid", "mnt", "net", "uts", "ipc")
    try:
        found, ours = ({str(Path(f"/proc/{each}/ns/{kind}").readlink()) for kind in kinds} for each in (pid, "self"))
    except (FileNotFoundError, ProcessLookupError, PermissionError):  # gone, or none of ours
        return set()
    return found - ours


def everything(directory: Path) -> set[str]:
    """The namespaces of a running testbed: its own, and three of each node at least."""
    init = life.init_pid(directory)
    assert init
    found = set(namespaces(init))
    while True:  # from the first process down to all its descendants
        more = {space for pid in pids() if found & (here := namespaces(pid)) for space in here}
        if more <= found:
            return found
        found |= more


def pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def traces(directory: Path, spaces: set[str]) -> list[str]:
    """What is left of a testbed: its files, mounts of ours, processes, and processes in its namespaces."""
    left = [str(directory)] if directory.exists() else []
    left += [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(directory) in line]
    for pid in pids():
        try:
            command = Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if str(directory) in command or spaces & namespaces(pid):
            left.append(command.replace("\0", " "))
    return left


def test_it_is_up_soon_and_gone_after_the_test(directory: Path) -> None:
    begin = time.monotonic()
    with Cluster.up(nodes=4, directory=directory) as cluster:
        assert time.monotonic() - begin < 10  # 0.3 s on an idle machine
        hosts = cluster.run(["srun", "--nodes=4", "hostname"]).stdout.split()
        assert sorted(hosts) == ["n0", "n1", "n2", "n3"]
        spaces = everything(directory)
        assert len(spaces) == 5 * (1 + 4)  # its own and those of each node
    assert traces(directory, spaces) == []


def test_it_is_gone_after_a_test_that_fails(directory: Path) -> None:
    spaces: set[str] = set()
    with pytest.raises(ZeroDivisionError), Cluster.up(nodes=2, directory=directory):
        spaces = everything(directory)
        raise ZeroDivisionError
    assert traces(directory, spaces) == []


@contextmanager
def owned(directory: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that owns a testbed with a running job, in a process group of its own like a shell's job."""
    argv = [sys.executable, "-c", OWNER, str(directory)]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=quiet, text=True, process_group=0) as owner:
        try:
            assert owner.stdout
            assert owner.stdout.readline() == "up\n"
            yield owner
        finally:
            owner.kill()


ENDS: dict[str, Callable[[subprocess.Popen[str]], None]] = {
    "SIGKILL": lambda owner: owner.kill(),
    "SIGTERM": lambda owner: owner.terminate(),
    "Ctrl-C": lambda owner: os.killpg(owner.pid, signal.SIGINT),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
def test_it_is_gone_when_its_owner_is_gone(end: Callable[[subprocess.Popen[str]], None], directory: Path) -> None:
    with owned(directory) as owner:
        spaces = everything(directory)
        end(owner)
        assert owner.wait(20) != 0
    eventually(lambda: traces(directory, spaces) == [])


def test_ctrl_c_while_it_starts_leaves_nothing(directory: Path) -> None:
    argv = [sys.executable, "-m", "tests.testbed", "up", "--nodes=8", f"--dir={directory}"]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, process_group=0) as owner:
        eventually(lambda: life.init_pid(directory))
        os.killpg(owner.pid, signal.SIGINT)
        assert owner.communicate()[0] == b""
    assert owner.returncode == 130
    assert traces(directory, set()) == []


def test_a_start_that_fails_says_why_and_leaves_nothing(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "slurmctld"
    broken.write_text("#!/bin/sh\necho the controller does not like it >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(TestbedError, match=r"did not start:\n(.*\n)*the controller does not like it"):
        life.start(directory, (Kind(1, 0),))
    assert traces(directory, set()) == []


def test_a_slurmctld_that_dies_in_the_background_is_an_error_with_the_end_of_its_log(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dying = tmp_path / "slurmctld"
    dying.write_text("#!/bin/sh\n{ sleep 0.2; echo fatal: its state is from the future >&2; exit 1; } &\n")
    dying.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    begin = time.monotonic()
    with pytest.raises(TestbedError, match=r"slurmctld has ended\n--- (.*\n)*fatal: its state is from the future"):
        life.start(directory, (Kind(1, 0),))
    assert time.monotonic() - begin < 10
    assert traces(directory, set()) == []


CHROOT = """
mount -t tmpfs chroot "$1"
for name in /*; do
    if [[ -L $name ]]; then cp -d "$name" "$1" && continue; fi
    if [[ -d $name ]]; then mkdir "$1$name" && mount --rbind "$name" "$1$name"; fi
done
exec chroot "$1" env --chdir="$2" "${@:3}"
"""


def test_in_a_chroot_it_says_so_in_one_line(tmp_path: Path) -> None:
    up = [sys.executable, "-m", "tests.testbed", "up"]
    words = ["unshare", "--mount", "bash", "-euc", CHROOT, "bash", str(tmp_path), str(ROOT), *up]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"testbed: {IN_CHROOT}\n"


def test_nodes_of_several_kinds_have_a_partition_each_and_a_prolog(directory: Path, tmp_path: Path) -> None:
    kinds = [Kind(2, 0, "cpu"), Kind(1, 8, "big"), Kind(1, 4)]
    with Cluster.up(kinds=kinds, prolog=f"hostname >>{tmp_path}/prologs", directory=directory) as cluster:
        said = cluster.run(["sinfo", "--noheader", "--format=%R %D %G"]).stdout.split("\n")
        assert sorted(filter(None, said)) == [
            *("all 1 gpu:h100:4", "all 1 gpu:h100:8", "all 2 (null)"),
            *("big 1 gpu:h100:8", "cpu 2 (null)"),
        ]
        shown = cluster.run(["srun", "--partition=big", "--gpus-per-node=8", "printenv", "CUDA_VISIBLE_DEVICES"])
        assert shown.stdout == "0,1,2,3,4,5,6,7\n"
        assert (tmp_path / "prologs").read_text() == "n2\n"


def test_a_command_that_fails_is_told_as_it_would_be_typed(directory: Path) -> None:
    with (
        Cluster.up(nodes=1, gpus=0, directory=directory) as cluster,
        pytest.raises(TestbedError, match=r"^bash -c 'exit 9': return code 9"),
    ):
        cluster.run(["bash", "-c", "exit 9"])


def test_a_killed_keeper_takes_the_processes_along_and_down_removes_the_files(directory: Path) -> None:
    owner = life.start(directory, (Kind(1, 0),))
    spaces = everything(directory)
    owner.keeper.kill()
    owner.end()
    eventually(lambda: traces(directory, spaces) == [str(directory)])
    life.stop(directory)
    assert traces(directory, spaces) == []


def command(*words: str) -> subprocess.CompletedProcess[str]:
    """The testbed's command, as a user types it."""
    return subprocess.run([sys.executable, "-m", "tests.testbed", *words], cwd=ROOT, capture_output=True, text=True)


def test_up_stays_until_down(directory: Path) -> None:
    where = f"--dir={directory}"
    up = command("up", "--nodes=2", "--gpus=3", where)
    assert (up.returncode, up.stderr) == (0, "")
    assert up.stdout.startswith(f"2 nodes in {directory}, up in ")
    spaces = everything(directory)
    again = command("up", where)
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr == f"testbed: {directory} exists: end that testbed first (`down`), or give another --dir\n"
    gpus = command("run", where, "--", "srun", "--gpus=3", "printenv", "CUDA_VISIBLE_DEVICES")
    assert (gpus.returncode, gpus.stdout) == (0, "0,1,2\n")
    assert command("run", where, "--", "bash", "-c", "exit 9").returncode == 9
    down = command("down", where)
    assert (down.returncode, down.stdout, down.stderr) == (0, "", "")
    eventually(lambda: traces(directory, spaces) == [])  # the keeper's last act is to remove the directory
    assert command("down", where).returncode == 0
    late = command("run", where, "--", "true")
    assert (late.returncode, late.stderr) == (1, f"testbed: no testbed runs in {directory}\n")


def test_down_leaves_a_directory_alone_that_is_no_testbeds(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    down = command("down", f"--dir={tmp_path}")
    assert (down.returncode, down.stderr) == (
        1,
        f"testbed: {tmp_path} is not the directory of a testbed: left alone\n",
    )
    assert (tmp_path / "thesis.tex").exists()


def test_a_node_can_be_lost_and_started_again(directory: Path) -> None:
    with Cluster.up(nodes=2, directory=directory) as cluster:
        cluster.node_run("n1", ["setsid", "--fork", "bash", "-c", "exec sleep 600 >/dev/null 2>&1"])
        assert [process.argv for process in cluster.processes("n1")] == [("sleep", "600")]
        cluster.kill_node("n1")
        assert not cluster.runs("n1")
        assert cluster.processes("n0") == []
        cluster.start_node("n1")
        assert cluster.processes("n1") == []
        assert cluster.run(["srun", "--nodelist=n1", "hostname"]).stdout == "n1\n"


def test_slurms_variables_of_a_surrounding_job_do_not_reach_it(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "77")
    monkeypatch.setenv("SLURM_CONF", "/nowhere")
    monkeypatch.setenv("SBATCH_PARTITION", "elsewhere")
    with Cluster.up(nodes=1, directory=directory) as cluster:
        job = cluster.wait(cluster.submit("#!/bin/bash\nexit 3\n", args=["--output=/dev/null"]))
        assert (job.state, job.exit_code, job.signal) == ("FAILED", 3, 0)
