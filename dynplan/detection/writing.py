"""The text of a cluster file: what was found of a site, each line with where it is from."""

from collections.abc import Iterable, Iterator, Sequence

from dynplan.detection.choices import Choice, choices, vendor
from dynplan.detection.entries import DECIDE, Entry, comment, counted, is_plain, written
from dynplan.detection.gres_conf import islands
from dynplan.detection.nodes import Kind, span
from dynplan.detection.partitions import Partition
from dynplan.detection.site import Site
from dynplan.detection.surround_entries import surroundings
from dynplan.detection.topology import domain_of

_MOST_GPUS = 1024  # that a node may have in a cluster file
_MOST_SHOWN = 12  # kinds of node, partitions, accounts that are written out


def cluster_text(site: Site, partition: str = "") -> str:
    """Return a cluster file, TOML.

    Args:
        site: what was found; it has nodes.
        partition: the only partition that counts; empty for all of them.
    """
    main, *others = choices(site, partition)
    lines = [
        *comment(f"What Slurm{_version(site)} says of this cluster, as `dynplan cluster detect` has read it."),
        *comment("Look it over: DECIDE marks what only a person knows. All keys: docs/cluster-file.md."),
        "",
        "[cluster]",
        *written([*_name(site), *_gpus(main, site), *surroundings(site)])[1:],
        "",
        "[cluster.sbatch]",
        *written(_sbatch(main, site))[1:],
        *written(_alternatives(others, site)),
    ]
    return "\n".join(lines) + "\n"


def _version(site: Site) -> str:
    version = site.config.get("SLURM_VERSION", "")
    return f" {version}" if is_plain(version) else ""


def _name(site: Site) -> Iterator[Entry]:
    name = site.config.get("ClusterName", "")
    if is_plain(name):
        yield Entry(("ClusterName.",), "name", name)
    else:
        yield Entry(("For people: Slurm did not say what it is called.",), "name", "my-cluster", is_set=False)


def _gpus(choice: Choice, site: Site) -> Iterator[Entry]:
    main = choice.kind.main
    count = min(main.count, _MOST_GPUS)
    yield Entry(tuple(_about(choice)), "gpus-per-node", count)
    if not count:
        return
    yield from _islands(choice.kind, site)
    request = f"{choice.why}." if choice.why else "What most sites take."
    form = f' Some want "gres:{main.type}" or "gres": their pages say so.' if choice.request == "gpus-per-node" else ""
    yield Entry((f"{request}{form}",), "gpu-request", choice.request)
    whose = vendor(choice, site)
    said = (
        "By the GPUs' type, features of the nodes or gres.conf." if whose else f"{DECIDE}nothing says whose they are."
    )
    yield Entry((said,), "gpu-vendor", whose or "nvidia")
    yield from _domains(choice.kind, site)


def _about(choice: Choice) -> Iterator[str]:
    """Yield what the nodes are, and what to know of their GPUs."""
    kind = choice.kind
    yield f"{described(choice)}."
    if kind.main.is_part:
        yield f"Each is a part of a GPU ({kind.main.type}), and a process of CUDA sees no more than one of them."
    elif any(one.is_part for one in kind.gpus):
        yield "Parts of GPUs (MIG) are not counted: a cluster file has one type of GPU."
    elif len(kind.gpus) > 1:
        yield f"{DECIDE}the nodes have GPUs of several types, and a cluster file has one: {kind.main.type}."
    if kind.main.count > _MOST_GPUS:
        yield f"{DECIDE}so many GPUs no node has; {_MOST_GPUS} are the most that a cluster file takes."
    hints = {word for node in kind.nodes for word in node.features if "gpu" in word.lower()}
    if not kind.main.count and hints:
        yield (
            f"{DECIDE}Slurm has no GPUs, but features of nodes tell of some ({', '.join(sorted(hints)[:3])}). If they "
            'are there, write how many, and gpu-request = "none".'
        )
    others = sorted({name for name in kind.nodes[0].gres.others if name in ("shard", "mps")})
    if others:
        yield f"Shares of GPUs ({', '.join(others)}) are not asked for: workers get whole ones."


def described(choice: Choice) -> str:
    """Return what some nodes are: `12 nodes of partition batch, g1 to g12 (2 of them down or drained): Gres=...`."""
    nodes = choice.kind.nodes
    away = len(nodes) - choice.kind.present
    where = f" of partition {choice.partition.name}" if choice.partition else " in no partition"
    lost = f" ({away} of them down or drained)" if away else ""
    cpus, memory = [node.cpus for node in nodes], [node.memory_mb for node in nodes]
    size = f"{_least(cpus)} CPUs, {_least([mb // 1024 for mb in memory])} GiB" if any(cpus) else ""
    gres = f"Gres={nodes[0].gres.text or '(null)'}"
    return f"{counted(len(nodes), 'node')}{where}, {span(nodes)}{lost}: {gres}{f', {size}' if size else ''}"


def _least(numbers: Sequence[int]) -> str:
    return str(min(numbers)) if min(numbers) == max(numbers) else f"{min(numbers)} to {max(numbers)}"


def _islands(kind: Kind, site: Site) -> Iterator[Entry]:
    count = kind.main.count
    groups, key = islands(site.gres_conf, kind.nodes[0].name, count)
    if groups:
        yield Entry((f"{key} of {kind.nodes[0].name} in gres.conf.",), "gpu-groups", [list(group) for group in groups])
        return
    if kind.nodes[0].sockets == 2 and 1 < count <= 16 and count % 2 == 0:
        half = count // 2
        guess = [list(range(half)), list(range(half, count))]
        why = f"{DECIDE}if `nvidia-smi topo -m` on a node shows that only some GPUs are near one another, such as:"
        yield Entry((why,), "gpu-groups", guess, is_set=False)


def _domains(kind: Kind, site: Site) -> Iterator[Entry]:
    size, blocks = domain_of(site.topology.blocks, {node.name for node in kind.nodes})
    if size > 1:
        said = f"{counted(blocks, 'block')} of {size} nodes or more (scontrol show topology): NVLink domains, likely."
        yield Entry((f"{said} A job asks for whole ones by `segment` of sbatch.",))
    elif site.topology.leaf_switches > 1:
        said = f"A tree of {site.topology.leaf_switches} leaf switches (scontrol show topology)."
        yield Entry((f"{said} `switches = 1` in the `sbatch` of a job keeps its nodes on one.",))


# How to ask


def _sbatch(choice: Choice, site: Site) -> Iterator[Entry]:
    home = choice.partition
    if home is None:
        yield Entry((f"{DECIDE}Slurm told of no partition.",), "partition", "batch", is_set=False)
    else:
        plain = is_plain(home.name)
        odd = () if plain else (f"{DECIDE}a cluster file cannot hold the name of the partition, {home.name}.",)
        notes = (*odd, *_partition_notes(home, choice.others))
        yield Entry(notes, "partition", home.name if plain else "...", is_set=plain)
    if choice.constraint:
        said = "A feature that these nodes have, and no others of the partition that could be given in their place."
        yield Entry((said,), "constraint", choice.constraint)
    elif choice.is_mixed:
        said = "the partition has other nodes too, and no feature tells these from them: see what your site says."
        yield Entry((f"{DECIDE}{said}",), "constraint", "...", is_set=False)
    yield from _account(home, site)
    plugins = site.config.get("JobSubmitPlugins", "")
    if plugins:
        yield Entry((f"JobSubmitPlugins={plugins}: the site may refuse or change what is asked for.",))


def _partition_notes(home: Partition, others: Sequence[Partition]) -> Iterator[str]:
    default = "The default partition" if home.is_default else "The partition that has most of these nodes"
    yield f"{default}{_limited(home)}."
    if not home.is_open:
        yield f"{DECIDE}it takes no jobs now, or root's only."
    if "OverSubscribe" in home.limits and home.limits["OverSubscribe"].startswith("FORCE"):
        yield "OverSubscribe=FORCE: other jobs may run on a job's nodes, whatever it asks for."
    if others:
        shown = [f"{one.name}{' (default)' if one.is_default else ''}{_limited(one)}" for one in others[:_MOST_SHOWN]]
        more = len(others) - len(shown)
        yield f"Others with such nodes: {'; '.join(shown)}{f'; and {more} more' if more else ''}."


def _limited(partition: Partition) -> str:
    """Return the limits of a partition, behind a colon."""
    return "".join(f"{',' if i else ':'} {key}={value}" for i, (key, value) in enumerate(partition.limits.items()))


def _account(home: Partition | None, site: Site) -> Iterator[Entry]:
    enforced = site.config.get("AccountingStorageEnforce", "none")
    accounts = home.accounts if home else ()
    if len(accounts) == 1 and is_plain(accounts[0]):
        yield Entry(("The only account whose jobs the partition takes.",), "account", accounts[0])
        return
    if accounts:
        said = f"one of those that the partition takes: {', '.join(accounts[:_MOST_SHOWN])}."
    elif "associations" in enforced or "limits" in enforced or enforced == "all":
        said = f"whose time it is (AccountingStorageEnforce={enforced}); without it your default account's."
    else:
        return
    how = "`sacctmgr show associations user=$USER format=account,partition,qos` lists yours."
    yield Entry((f"{DECIDE}{said} {how}",), "account", "...", is_set=False)


# What else there is


def _alternatives(others: Iterable[Choice], site: Site) -> Iterator[Entry]:
    """Yield the other kinds of node, commented out: a cluster file has one."""
    others = list(others)
    if others:
        yield Entry(("Other nodes. A cluster file is of one kind: one for these has in place of the above",))
    for choice in others[:_MOST_SHOWN]:
        yield Entry(tuple(_about(choice)))
        yield Entry((), "gpus-per-node", min(choice.kind.main.count, _MOST_GPUS), is_set=False)
        if choice.kind.main.count:
            yield Entry((), "gpu-request", choice.request, is_set=False)
            yield Entry((), "gpu-vendor", vendor(choice, site) or "nvidia", is_set=False)
        if sbatch := _asked(choice):
            yield Entry((), "sbatch", sbatch, is_set=False)
    if len(others) > _MOST_SHOWN:
        yield Entry((f"... and {counted(len(others) - _MOST_SHOWN, 'kind')} more, or others still.",))


def _asked(choice: Choice) -> dict[str, str]:
    """Return the options of sbatch that a kind of node takes."""
    named = {"partition": choice.partition.name} if choice.partition and is_plain(choice.partition.name) else {}
    return {**named, **({"constraint": choice.constraint} if choice.constraint else {})}
