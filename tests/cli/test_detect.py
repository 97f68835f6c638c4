"""`dynplan cluster detect`: what it asks, where it reads, and what it says where there is no Slurm."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from dynplan.cli import app, detecting
from tests.detection.said import nodes, partition
from tests.golden import DETECTING, SAVED, with_detected

EXAMPLE = Path(__file__).parents[2] / "examples" / "minimal" / "job.toml"


def detect(*arguments: object, code: int = 0) -> tuple[str, str]:
    """Return what is printed and what is told."""
    argv = ["cluster", "detect", *map(str, arguments)]
    done = CliRunner().invoke(app, argv, prog_name="dynplan", catch_exceptions=False)
    assert done.exit_code == code, done.stderr
    return done.stdout, done.stderr


def refused(*arguments: object) -> str:
    """Return what is told; nothing is printed."""
    printed, told = detect(*arguments, code=1)
    assert printed == ""
    return told


def pretend(folder: Path, monkeypatch: pytest.MonkeyPatch, **programs: str) -> None:
    """Let the PATH hold programs of a shell's text, and no others."""
    folder.mkdir()
    for name, text in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_the_page_shows_what_is_written_of_what_is_saved() -> None:
    assert DETECTING.read_text() == with_detected(DETECTING.read_text()), "run `make golden`, read the diff"


def test_saved_texts_make_a_file_that_a_job_compiles_with(tmp_path: Path) -> None:
    target = tmp_path / "cluster.toml"
    assert detect("--from", SAVED, "-o", target) == ("", "")
    assert detect("--from", SAVED) == (target.read_text(), "")
    done = CliRunner().invoke(app, ["compile", str(EXAMPLE), "--cluster", str(target)], catch_exceptions=False)
    assert (done.exit_code, done.stderr) == (0, "")
    assert "#SBATCH --partition=batch\n" in done.stdout
    assert "#SBATCH --gpus-per-node=8\n" in done.stdout


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    target = tmp_path / "cluster.toml"
    target.write_text("mine")
    assert refused("--from", SAVED, "-o", target).startswith("error[D005]: ")
    assert target.read_text() == "mine"
    detect("--from", SAVED, "-o", target, "--force")
    assert target.read_text() == detect("--from", SAVED)[0]


def test_without_slurm_it_says_where_to_run_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(tmp_path / "bin", monkeypatch)
    assert refused() == (
        "error[D804]: there is no Slurm here: `scontrol` is not in the PATH\n"
        "  = help: run it on a login node, or name a folder by `--from` (docs/detecting.md)\n"
    )


@pytest.mark.parametrize(
    ("does", "complaint"),
    [
        ("echo 'scontrol: error: x' >&2; echo 'slurm_load_node error: Unable to contact' >&2; exit 1", "Unable to"),
        ("exit 3", "it ended with 3"),
        ("sleep 5", "no answer within 1 s"),
    ],
)
def test_a_slurm_that_does_not_answer_is_told_by_its_own_words(
    does: str, complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(tmp_path / "bin", monkeypatch, scontrol=does.replace("sleep", "exec /bin/sleep"))
    monkeypatch.setattr(detecting, "_LONGEST_S", 1)
    told = refused()
    assert told.startswith("error[D805]: `scontrol show node` failed: ")
    assert complaint in told


def test_slurm_is_asked_for_everything_that_a_page_says_and_gres_conf_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    etc = tmp_path / "etc"
    etc.mkdir()
    (etc / "gres.conf").write_bytes((SAVED / "gres-conf.txt").read_bytes())
    cat = f"exec /bin/cat {SAVED}"
    scontrol = f"""case "$*" in
        *'show node') {cat}/nodes.txt;; *'show partition') {cat}/partitions.txt;;
        *'show config') /bin/cat {SAVED}/config.txt; echo 'SLURM_CONF = {etc}/slurm.conf';;
        *) echo 'scontrol: error: No topology information available' >&2; exit 1;;
    esac"""
    programs = {"scontrol": scontrol, "srun": f"{cat}/srun-help.txt", "ip": f"{cat}/interfaces.txt"}
    pretend(tmp_path / "bin", monkeypatch, **programs, apptainer="", enroot="")
    monkeypatch.setattr(detecting, "_EPHEMERAL", str(SAVED / "ports.txt"))
    live, saved = detect()[0], detect("--from", SAVED)[0]
    assert live == saved


def test_a_command_that_fails_beside_the_nodes_leaves_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scontrol = f"case \"$*\" in *'show node') exec /bin/cat {SAVED}/nodes.txt;; esac; exit 1"
    pretend(tmp_path / "bin", monkeypatch, scontrol=scontrol)
    assert "\ngpus-per-node = 8\n" in detect()[0]


def test_a_partition_that_no_node_is_in_is_told_with_the_nearest() -> None:
    told = refused("--from", SAVED, "--partition", "bach")
    assert told == "error[D806]: no node is in a partition `bach`\n  = help: did you mean `batch`?\n"
    assert "= help: there is `batch`, `all`, `debug`, `cpu`" in refused("--from", SAVED, "--partition", "zzz")


def test_a_folder_without_nodes_is_told(tmp_path: Path) -> None:
    command = "scontrol --all --oneliner --local show node"
    fix = f"  = help: it holds what `{command}` prints (docs/detecting.md)\n"
    assert refused("--from", tmp_path) == f"error[D807]: there is no `{tmp_path}/nodes.txt`\n{fix}"
    (tmp_path / "nodes.txt").write_text("No nodes in the system\n")
    assert refused("--from", tmp_path) == f"error[D807]: `{tmp_path}/nodes.txt` tells of no node\n{fix}"


def test_a_slurm_that_hides_its_nodes_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(tmp_path / "bin", monkeypatch, scontrol="echo No nodes in the system")
    assert refused().startswith(
        "error[D807]: `scontrol show node` tells of no node\n  = help: where `PrivateData=nodes`"
    )


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "nodes.txt").write_text(nodes(["n1"]))
    (tmp_path / "partitions.txt").mkdir()
    assert refused("--from", tmp_path) == f"error[D004]: cannot read `{tmp_path}/partitions.txt`: is a directory\n"


def test_what_is_read_is_not_written_over_and_its_mode_is_kept(tmp_path: Path) -> None:
    (tmp_path / "nodes.txt").write_text(nodes(["n1"]))
    (tmp_path / "partitions.txt").write_text(partition("batch"))
    (tmp_path / "partitions.txt").chmod(0o600)
    told = refused("--from", tmp_path, "-o", tmp_path / "nodes.txt", "--force")
    assert told.startswith("error[D005]: ")
    detect("--from", tmp_path, "-o", tmp_path / "cluster.toml")
    assert (tmp_path / "cluster.toml").stat().st_mode & 0o777 == 0o600


def test_bytes_that_are_no_text_are_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "nodes.txt").write_bytes(nodes(["n1"], "gpu:h100:8").encode() + b"\xff\xfe\0")
    (tmp_path / "config.txt").write_bytes(b"ClusterName = \xff\n")
    assert "\ngpus-per-node = 8\n" in detect("--from", tmp_path)[0]
