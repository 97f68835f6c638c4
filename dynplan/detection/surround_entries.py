"""What a cluster file says of containers, ports, the network and the launch."""

from collections.abc import Iterator

from dynplan.detection.entries import DECIDE, Entry
from dynplan.detection.site import Site
from dynplan.detection.surroundings import Ports, free_range, is_fast, reserved_ports

_DEFAULT = Ports(20000, 21999)  # `port-range`
_MOST_SHOWN = 12


def surroundings(site: Site) -> Iterator[Entry]:
    """Yield the lines that are the same for all nodes."""
    yield _containers(site)
    yield from _ports(site)
    yield _network(site)
    yield from _launch(site)


def _containers(site: Site) -> Entry:
    there = ", ".join(site.programs)
    seen = f" In the PATH here: {there}." if there else ""
    if site.has_pyxis:
        return Entry((f"`srun --help` has --container-image, which is pyxis.{seen}",), "container-runtime", "pyxis")
    if "apptainer" in site.programs:
        return Entry((f"No pyxis in `srun --help`.{seen}",), "container-runtime", "apptainer")
    asked = "No pyxis in `srun --help`" if site.has_pyxis is not None else f"{DECIDE}`srun --help` was not to be had"
    more = " dynplan calls `apptainer`, whose old name singularity is." if "singularity" in site.programs else ""
    return Entry((f"{asked}, and no apptainer in the PATH here.{seen}{more}",), "container-runtime", "none")


def _ports(site: Site) -> Iterator[Entry]:
    held = reserved_ports(site.config)
    taken = [ports for _, ports in held] + ([site.ephemeral] if site.ephemeral else [])
    chosen = free_range(taken)
    if chosen is None:
        said = f"{DECIDE}no two thousand ports are free of Slurm's and of what the kernel gives out."
        yield Entry((said,), "port-range", str(_DEFAULT), is_set=False)
    else:
        usual = "" if chosen == _DEFAULT else " The usual 20000-21999 are not."
        yield Entry(
            (f"For ports called \"auto\": free of Slurm's and the kernel's.{usual}",), "port-range", str(chosen)
        )
    if held:
        shown = ", ".join(f"{key}={ports}" for key, ports in held)
        said = f"{shown} (scontrol show config). What else listens on the nodes, `ss -ltn` there shows."
        yield Entry((said,), "reserved-ports", [str(ports) for ports in dict.fromkeys(ports for _, ports in held)])
    if site.ephemeral:
        said = "net.ipv4.ip_local_port_range of the login node; the nodes' own may differ."
        yield Entry((said,), "ephemeral-ports", str(site.ephemeral))


def _network(site: Site) -> Entry:
    if not site.interfaces:
        said = f"{DECIDE}whose address {{ip}} is; without it what a node's name resolves to."
        return Entry((f"{said} `ip -brief address` on a node shows them.",), "network-interface", "ib0", is_set=False)
    shown = ", ".join(f"{name} ({address})" for name, address in site.interfaces[:_MOST_SHOWN])
    said = f"{DECIDE}whose address {{ip}} is; without it what a node's name resolves to. The login node has {shown}."
    fast = [name for name, _ in site.interfaces if is_fast(name)]
    return Entry((said,), "network-interface", (fast or [site.interfaces[0][0]])[0], is_set=False)


def _launch(site: Site) -> Iterator[Entry]:
    prolog = site.config.get("Prolog") or site.config.get("Prolog[0]", "")
    if prolog:
        flags = site.config.get("PrologFlags", "")
        said = f"A prolog runs before jobs ({prolog}{f', PrologFlags={flags}' if flags else ''}). If it takes minutes:"
        yield Entry((said,), "launch-timeout", "10m", is_set=False)
