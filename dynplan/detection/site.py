"""A site: everything that was said of it, read."""

from collections.abc import Mapping

from attrs import frozen

from dynplan.detection.gres_conf import GresConf, read_gres_conf
from dynplan.detection.nodes import Node, read_nodes
from dynplan.detection.partitions import Partition, read_partitions
from dynplan.detection.scontrol import settings
from dynplan.detection.surroundings import Ports, read_interfaces, read_ports, runtimes
from dynplan.detection.topology import Topology, read_topology


@frozen(kw_only=True)
class Said:
    """Texts, each empty where it could not be had.

    Attributes:
        nodes: of `scontrol show node`.
        partitions: of `scontrol show partition`.
        config: of `scontrol show config`.
        topology: of `scontrol show topology`.
        srun_help: of `srun --help`.
        programs: paths of the container runtimes that are in the PATH, one a line.
        gres_conf: the file.
        interfaces: of `ip -brief address`.
        ports: of `/proc/sys/net/ipv4/ip_local_port_range`.
    """

    nodes: str
    partitions: str = ""
    config: str = ""
    topology: str = ""
    srun_help: str = ""
    programs: str = ""
    gres_conf: str = ""
    interfaces: str = ""
    ports: str = ""


@frozen(kw_only=True)
class Site:
    """A site; `has_pyxis` is None where `srun --help` was not there to say."""

    nodes: tuple[Node, ...]
    partitions: tuple[Partition, ...]
    config: Mapping[str, str]
    topology: Topology
    has_pyxis: bool | None
    programs: tuple[str, ...]
    gres_conf: GresConf
    interfaces: tuple[tuple[str, str], ...]
    ephemeral: Ports | None


def site_of(said: Said) -> Site:
    """Return what the texts say, as far as they can be read; no text is wrong."""
    nodes = read_nodes(said.nodes)
    told = read_partitions(said.partitions)
    names = dict.fromkeys(name for node in nodes for name in node.partitions)
    known = {partition.name for partition in told}
    return Site(
        nodes=nodes,
        partitions=(*told, *(Partition(name) for name in names if name not in known)),
        config=settings(said.config),
        topology=read_topology(said.topology),
        has_pyxis="--container-image" in said.srun_help if said.srun_help.strip() else None,
        programs=runtimes(said.programs),
        gres_conf=read_gres_conf(said.gres_conf),
        interfaces=read_interfaces(said.interfaces),
        ephemeral=read_ports(said.ports),
    )
