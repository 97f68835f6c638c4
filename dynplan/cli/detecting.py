"""Where `cluster detect` has its texts from: Slurm's commands on a login node, or files that hold what they printed."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path as File

from attrs import fields

from dynplan.cli.documents import Input
from dynplan.cli.inputs import Inputs
from dynplan.cli.reading import read_file
from dynplan.detection import RUNTIMES, Said, Site, settings
from dynplan.diagnostics import NOWHERE, Finding, InputError, nearest

_LONGEST_S = 60  # that a command may take: ten thousand nodes are ten megabytes, and the controller may be busy
# `--local`: of a federation this cluster alone (scontrol(1)).
_SCONTROL = ("scontrol", "--all", "--oneliner", "--local", "show")
_EPHEMERAL = "/proc/sys/net/ipv4/ip_local_port_range"
_PAGE = "docs/detecting.md"


def ask() -> Said:
    """Return what the commands of this machine's Slurm print.

    Raises:
        InputError: D804 where there is no Slurm, D805 where it does not answer.
    """
    if shutil.which("scontrol") is None:
        message = "there is no Slurm here: `scontrol` is not in the PATH"
        raise _wrong("D804", message, f"run it on a login node, or name a folder by `--from` ({_PAGE})")
    said, complaint = _run([*_SCONTROL, "node"])
    if complaint:
        message = f"`scontrol show node` failed: {complaint}"
        raise _wrong("D805", message, "it has to work in this shell first: is this a login node of a running cluster?")
    config = _run(["scontrol", "--local", "show", "config"])[0]
    return Said(
        nodes=said,
        partitions=_run([*_SCONTROL, "partition"])[0],
        config=config,
        topology=_run(["scontrol", "--local", "show", "topology"])[0],
        srun_help=_run(["srun", "--help"])[0],
        programs="\n".join(filter(None, map(shutil.which, RUNTIMES))),
        gres_conf=_gres_conf(settings(config).get("SLURM_CONF", "")),
        interfaces=_run(["ip", "-brief", "address"])[0],
        ports=_text(File(_EPHEMERAL)),
    )


def read(folder: str, inputs: Inputs) -> Said:
    """Return what is in the files of a folder, each called as a text of `Said`; all but `nodes` may be missing.

    Raises:
        InputError: D004 for a file that cannot be read, D807 where there is none for the nodes.
    """
    found = {}
    for name in (field.name for field in fields(Said)):
        file = File(folder) / f"{name.replace('_', '-')}.txt"
        try:
            content = read_file(file, given=False)
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
            raise _wrong("D004", f"cannot read `{file}`: {reason[:1].lower()}{reason[1:]}") from None
        inputs.append(Input(str(file), "", {}, origin=content.origin))
        found[name] = content.raw.decode("utf-8", errors="replace")
    if "nodes" not in found:
        message = f"there is no `{File(folder) / 'nodes.txt'}`"
        raise _wrong("D807", message, f"it holds what `{' '.join(_SCONTROL)} node` prints ({_PAGE})")
    return Said(**found)


def check(site: Site, partition: str, folder: str) -> None:
    """Raise InputError where no nodes were seen (D807), or none in the partition that was asked for (D806)."""
    if not site.nodes:
        if folder:
            fix = f"it holds what `{' '.join(_SCONTROL)} node` prints ({_PAGE})"
            raise _wrong("D807", f"`{File(folder) / 'nodes.txt'}` tells of no node", fix)
        fix = "where `PrivateData=nodes` hides them from users, an administrator sees them"
        raise _wrong("D807", "`scontrol show node` tells of no node", fix)
    there = list(dict.fromkeys(name for node in site.nodes for name in node.partitions))
    if partition and partition not in there:
        near = nearest(partition, there)
        fix = (
            f"did you mean `{near}`?" if near else f"there is {_listed(there)}" if there else "leave `--partition` out"
        )
        raise _wrong("D806", f"no node is in a partition `{partition}`", fix)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:10])
    return f"{shown} and {len(names) - 10} more" if len(names) > 10 else shown


def _run(argv: Sequence[str]) -> tuple[str, str]:
    """Return what a command prints, and why that is not what was asked for; empty where all is well."""
    program = shutil.which(argv[0]) or shutil.which(argv[0], path="/usr/sbin:/sbin")
    if program is None:
        return "", f"`{argv[0]}` is not in the PATH"
    try:
        done = subprocess.run(  # noqa: S603 - fixed words
            [program, *argv[1:]],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_LONGEST_S,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
    except subprocess.TimeoutExpired:
        return "", f"no answer within {_LONGEST_S} s"
    except OSError as error:
        return "", (error.strerror or str(error)).lower()
    said = done.stdout.decode("utf-8", errors="replace")
    if not done.returncode:
        return said, ""
    complaint = [line.strip() for line in done.stderr.decode("utf-8", errors="replace").splitlines() if line.strip()]
    return "", complaint[-1] if complaint else f"it ended with {done.returncode}"


def _gres_conf(slurm_conf: str) -> str:
    """Return gres.conf, which stands beside slurm.conf; empty where nobody may read it, or it is on the nodes only."""
    return _text(File(slurm_conf).with_name("gres.conf")) if slurm_conf.startswith("/") else ""


def _text(file: File) -> str:
    try:
        return read_file(file, given=False).raw.decode("utf-8", errors="replace")
    except (OSError, ValueError):
        return ""


def _wrong(code: str, message: str, fix: str = "") -> InputError:
    return InputError([Finding(code, message, help=fix, document=NOWHERE)])
