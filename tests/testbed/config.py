"""The files of a testbed's directory: Slurm's configuration, host names, key and devices."""

from __future__ import annotations

import os
import re
import secrets
import stat
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import attrs

# Slurm's and munge's Unix sockets live below the directory; their names may have 107 bytes, and
# the longest one, `node/spool/n31_<job>.<step>`, takes 45 of them.
LONGEST_DIRECTORY: Final = 60
# Nothing that slurm.conf takes as a comment, a pattern (%), a list or a bracket expression.
PLAIN_PATH: Final = re.compile(r"/[\w./+-]+", re.ASCII)

GPU_FLAGS: Final = ""
CONTROLLER_ADDRESS: Final = "10.77.0.1"

SLURM_CONF: Final = """\
ClusterName=testbed
SlurmctldHost=ctl
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={dir}/run/munge
StateSaveLocation={dir}/state
SlurmctldPidFile={dir}/run/slurmctld.pid
SlurmctldLogFile={dir}/log/slurmctld.log
SlurmdSpoolDir={dir}/node/spool
SlurmdPidFile={dir}/node/slurmd.pid
SlurmdLogFile={dir}/log/%n.log
MailProg=/bin/true

# Neither cgroups nor real hardware: a node claims what the tests need.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SlurmdParameters=config_overrides
GresTypes=gpu
{nodes}
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE

# Steps and jobs share nodes; without DefMemPerCPU the first one takes all memory.
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=1000

# Start at once, notice a lost node and an ended job soon, remember jobs for a whole test run.
SchedulerParameters=sched_min_interval=10000,bf_interval=1
KillWait=5
SlurmdTimeout=10
ReturnToService=2
JobRequeue=1
OverTimeLimit=0
MinJobAge=86400
"""


@attrs.frozen
class Kind:
    """Nodes of one kind: how many, GPUs of each, and the name of a partition that holds them alone, if any.

    `type` is what Slurm calls the GPUs; empty for a site that has not named them.
    """

    nodes: int
    gpus: int
    partition: str = ""
    type: str = "h100"

    @property
    def gres(self) -> str:
        """What a node has in slurm.conf."""
        return f" Gres=gpu:{self.type and f'{self.type}:'}{self.gpus}" if self.gpus else ""


def slurm_version() -> tuple[int, int]:
    """The release of this machine's Slurm: (22, 5) for 22.05."""
    said = subprocess.run(["slurmd", "-V"], capture_output=True, text=True, check=True).stdout
    major, minor = said.split()[-1].split(".")[:2]  # slurm-wlm 22.05.8
    return int(major), int(minor)


def node_names(nodes: int) -> list[str]:
    """Names of the nodes, in Slurm's order."""
    return [f"n{node}" for node in range(nodes)]


def write(
    directory: Path,
    kinds: Sequence[Kind],
    gpu_flags: str = GPU_FLAGS,
    named: bool = True,
    prolog: str = "",
    blocks: Sequence[str] = (),
) -> None:
    """Fill the new `directory` for a cluster of nodes of some kinds: see `life.start`."""
    nodes = sum(kind.nodes for kind in kinds)
    for name in ("dev", "etc", "log", "node", "run", "state"):
        (directory / name).mkdir(mode=0o755)
    etc = directory / "etc"
    (etc / "slurm.conf").write_text(_slurm_conf(directory, kinds, named))
    if prolog:
        _write_prolog(etc, prolog)
    if blocks:
        _write_topology(etc, blocks)
    (etc / "gres.conf").write_text(_gres_conf(directory, kinds, gpu_flags))
    # Nothing here uses cgroups, yet slurmd loads a plugin for them. Version 1's does no harm anywhere;
    # the default ends slurmd where /sys/fs/cgroup is absent, or mixes versions 1 and 2. Slurm 20.11 has one
    # plugin, and ends at a word that it does not know.
    (etc / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n" if slurm_version() >= (21, 8) else "")
    # Nodes share /tmp here, and would meet in the names that PMIx takes there.
    (etc / "mpi.conf").write_text(f"PMIxCliTmpDirBase={directory}/node\n")
    (etc / "hosts").write_text(_hosts(_addresses(nodes) if named else {}))
    (etc / "addresses").write_text(_hosts(_addresses(nodes)))
    (etc / "resolv.conf").touch()
    (etc / "nodes").write_text("".join(f"{name}\n" for name in node_names(nodes)))
    (etc / "munge.key").touch(mode=0o600)
    (etc / "munge.key").write_bytes(secrets.token_bytes(128))
    for gpu in range(max(kind.gpus for kind in kinds)):
        os.mknod(directory / "dev" / f"nvidia{gpu}", stat.S_IFCHR | 0o666, os.makedev(1, 3))


def read_hosts(directory: Path) -> dict[str, str]:
    """Address of each node of the testbed in `directory`, by node name, in Slurm's order."""
    lines = (directory / "etc" / "addresses").read_text().splitlines()
    address = {name: address for address, name in map(str.split, lines)}
    return {name: address[name] for name in (directory / "etc" / "nodes").read_text().split()}


def _slurm_conf(directory: Path, kinds: Sequence[Kind], named: bool) -> str:
    lines = []
    addresses = _addresses(sum(kind.nodes for kind in kinds))
    for kind, names in _names(kinds):
        shown = names if named else [f"{name} NodeAddr={addresses[name]}" for name in names]
        lines += [f"NodeName={name} CPUs=64 RealMemory=512000{kind.gres}" for name in shown]
    for kind, names in _names(kinds):
        if kind.partition:
            lines.append(f"PartitionName={kind.partition} Nodes={','.join(names)} MaxTime=INFINITE")
    return SLURM_CONF.format(dir=directory, nodes="\n".join(lines))


def _gres_conf(directory: Path, kinds: Sequence[Kind], flags: str) -> str:
    lines = []
    for kind, names in _names(kinds):
        if kind.gpus:
            last = f" Flags={flags}" if flags else ""
            device = f"File={directory}/dev/nvidia[0-{kind.gpus - 1}]"
            lines.append(f"NodeName={','.join(names)} Name=gpu{kind.type and f' Type={kind.type}'} {device}{last}\n")
    return "".join(lines)


def _names(kinds: Sequence[Kind]) -> Iterator[tuple[Kind, list[str]]]:
    """Yield the kinds with the names of their nodes."""
    names = node_names(sum(kind.nodes for kind in kinds))
    for kind in kinds:
        yield kind, names[: kind.nodes]
        names = names[kind.nodes :]


def _write_prolog(etc: Path, prolog: str) -> None:
    """Have every node run a text for bash before the first step of a job there."""
    script = etc / "prolog.sh"
    script.write_text(f"#!/bin/bash\n{prolog}\n")
    script.chmod(0o755)
    with (etc / "slurm.conf").open("a") as conf:
        conf.write(f"Prolog={script}\n")


def _write_topology(etc: Path, blocks: Sequence[str]) -> None:
    """Write a topology of blocks: as one where this Slurm knows them, else as a tree of switches."""
    known = slurm_version() >= (23, 11)
    with (etc / "slurm.conf").open("a") as file:
        file.write(f"TopologyPlugin=topology/{'block' if known else 'tree'}\n")
    names = [f"b{block}" for block in range(len(blocks))]
    key = "BlockName" if known else "SwitchName"
    lines = [f"{key}={name} Nodes={nodes}" for name, nodes in zip(names, blocks, strict=True)]
    size = min(len(_expanded(nodes)) for nodes in blocks)
    lines.append(f"BlockSizes={size}" if known else f"SwitchName=top Switches={','.join(names)}")
    (etc / "topology.conf").write_text("".join(f"{line}\n" for line in lines))


def _expanded(nodes: str) -> list[str]:
    """The names in a list as it stands in Slurm's files: `n[0-2,5]`."""
    found: list[str] = []
    for first, last in re.findall(r"(\d+)(?:-(\d+))?", nodes):
        found += [f"n{node}" for node in range(int(first), int(last or first) + 1)]
    return found


def _addresses(nodes: int) -> dict[str, str]:
    return {name: f"10.77.{1 + i // 250}.{1 + i % 250}" for i, name in enumerate(node_names(nodes))}


def _hosts(addresses: dict[str, str]) -> str:
    """Text of /etc/hosts: no node is 127.0.1.1 to itself, as it would be on a fresh Debian."""
    rows = [("127.0.0.1", "localhost"), (CONTROLLER_ADDRESS, "ctl")]
    rows += [(address, name) for name, address in addresses.items()]
    return "".join(f"{address} {name}\n" for address, name in rows)
