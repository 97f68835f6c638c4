"""What Slurm's commands print, as tests need it: the records of scontrol in both of its forms."""

from collections.abc import Iterable, Mapping

from dynplan.detection import Said, cluster_text, site_of
from dynplan.diagnostics import Finding, Findings
from dynplan.language import parse, read, resolve
from dynplan.model import Cluster

JOB = b"""
[job]
name = "one"
[roles.a]
command = "true"
"""


def node(name: str, gres: str = "(null)", partitions: str = "batch", **more: str) -> str:
    """Return a node as `scontrol --oneliner show node` of 22.05 has it; `more` are values of other keys."""
    keys = {
        "NodeName": name,
        "Arch": "x86_64",
        "CPUTot": "64",
        "AvailableFeatures": "(null)",
        "ActiveFeatures": "(null)",
        "Gres": gres,
        "NodeAddr": name,
        "OS": "Linux 6.1.0 #1 SMP PREEMPT_DYNAMIC Debian 6.1.0 (2026-01-01)",
        "RealMemory": "512000",
        "Sockets": "2",
        "State": "IDLE",
        "Partitions": partitions,
        "CfgTRES": "cpu=64,mem=500G,billing=64,gres/gpu=8",
        **more,
    }
    return " ".join(f"{key}={value}" for key, value in keys.items()) + "\n"


def partition(name: str, **more: str) -> str:
    """Return a partition as `scontrol --oneliner show partition` of 22.05 has it."""
    keys = {
        "PartitionName": name,
        "AllowGroups": "ALL",
        "AllowAccounts": "ALL",
        "AllowQos": "ALL",
        "Default": "NO",
        "QoS": "N/A",
        "DefaultTime": "NONE",
        "Hidden": "NO",
        "MaxNodes": "UNLIMITED",
        "MaxTime": "UNLIMITED",
        "MinNodes": "0",
        "RootOnly": "NO",
        "OverSubscribe": "NO",
        "State": "UP",
        **more,
    }
    return " ".join(f"{key}={value}" for key, value in keys.items()) + "\n"


def on_lines(text: str) -> str:
    """Return records of one line each as scontrol prints them without `--oneliner`."""
    return "\n\n".join(line.replace(" ", "\n   ") for line in text.splitlines()) + "\n\n"


def settings(values: Mapping[str, str]) -> str:
    """Return what `scontrol show config` prints."""
    return "Configuration data as of 2026-11-28T03:48:39\n" + "".join(f"{k:<24}= {v}\n" for k, v in values.items())


def detected(said: Said, partition: str = "") -> str:
    """Return the text of the cluster file."""
    return cluster_text(site_of(said), partition)


def compiled(text: str) -> tuple[Cluster, tuple[Finding, ...]]:
    """Return the cluster that a cluster file describes, and what there is to warn of in it."""
    document = parse("cluster.toml", text.encode())
    assert list(document.data) == ["cluster"]
    findings = Findings()
    tables = resolve([parse("job.toml", JOB), document], findings)
    return read(tables, findings).cluster, findings.told


def active(text: str) -> list[str]:
    """Return the lines of a cluster file that are no comments."""
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def nodes(names: Iterable[str], gres: str = "(null)", partitions: str = "batch", **more: str) -> str:
    """Return several nodes that are alike."""
    return "".join(node(name, gres, partitions, **more) for name in names)
