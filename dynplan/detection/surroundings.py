"""What is around Slurm where a command runs: ports, network interfaces, container runtimes."""

import re
from collections.abc import Iterable, Mapping

from attrs import frozen

HIGHEST = 65535
_RANGE = re.compile(r"([0-9]{1,5})(?:[-\s]+([0-9]{1,5}))?")
# Of virtual machines, containers and the node itself.
_INNER = re.compile(r"lo|docker|veth|br-|virbr|cni|flannel|cali|tun|dummy|podman|vnet")
_INTERFACE = re.compile(r"[A-Za-z0-9_.:-]{1,15}")  # of what Linux takes, what a cluster file does
_FAST = re.compile(r"ib|hsn|opa|mlx|roce|rdma|bond-?ib")
RUNTIMES = ("apptainer", "singularity", "enroot", "podman", "docker")


@frozen(order=True)
class Ports:
    """The ports `first` to `last`, both included, as text `first-last`."""

    first: int
    last: int

    def __str__(self) -> str:
        """Return it as the cluster file has it."""
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"

    def meets(self, other: "Ports") -> bool:
        """Tell whether they share a port."""
        return self.first <= other.last and other.first <= self.last


def read_ports(text: str) -> Ports | None:
    """Return the ports of `6817`, `6817-6820` or `32768 60999`; None for what is none, such as Slurm's `0-0`."""
    match = _RANGE.fullmatch(text.strip())
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    return Ports(first, last) if 1 <= first <= last <= HIGHEST else None


def reserved_ports(config: Mapping[str, str]) -> tuple[tuple[str, Ports], ...]:
    """Return the ports that Slurm itself holds on nodes, by the setting that says so."""
    said = [(key, config.get(key, "")) for key in ("SlurmctldPort", "SlurmdPort", "SrunPortRange")]
    mpi = re.search(r"(?:^|[, ])ports=([0-9-]+)", config.get("MpiParams", ""))
    if mpi:
        said.append(("MpiParams", mpi[1]))
    return tuple((key, ports) for key, text in said if (ports := read_ports(text)))


def free_range(taken: Iterable[Ports]) -> Ports | None:
    """Return two thousand ports that meet none of these; None where there are none below 60000."""
    held = list(taken)
    for first in (*range(20000, 60000, 2000), *range(10000, 20000, 2000)):
        found = Ports(first, first + 1999)
        if not any(found.meets(other) for other in held):
            return found
    return None


def read_interfaces(text: str) -> tuple[tuple[str, str], ...]:
    """Return name and first address of each interface of `ip -brief address`, fast ones first."""
    found = []
    for line in text.splitlines():
        name, *rest = line.split()[:3] or [""]
        name = name.partition("@")[0]
        if len(rest) < 2 or rest[0] == "DOWN" or not _INTERFACE.fullmatch(name) or _INNER.match(name):
            continue
        if not rest[1].startswith("fe80:"):  # which no other network knows
            found.append((name, rest[1]))
    return tuple(sorted(found, key=lambda pair: not is_fast(pair[0])))


def is_fast(interface: str) -> bool:
    """Tell whether a name is one that InfiniBand or Slingshot has."""
    return bool(_FAST.match(interface))


def runtimes(text: str) -> tuple[str, ...]:
    """Return the container runtimes among some paths or names, one a line."""
    names = {line.strip().rpartition("/")[2] for line in text.splitlines()}
    return tuple(name for name in RUNTIMES if name in names)
