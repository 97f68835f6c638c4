"""What a cluster file says of one kind of node: its GPUs, and where and how to ask for it."""

from collections.abc import Iterator, Sequence

from dynplan.detection.choices import Choice, vendor
from dynplan.detection.entries import DECIDE, Entry, is_plain
from dynplan.detection.gres_conf import islands
from dynplan.detection.nodes import Kind, span
from dynplan.detection.partitions import Partition
from dynplan.detection.site import Site
from dynplan.detection.topology import block_sizes
from dynplan.diagnostics import counted

_MOST_GPUS = 1024  # that a node may have in a cluster file
_MOST_SHOWN = 12  # partitions, accounts that are written out


def gpus(choice: Choice, site: Site) -> Iterator[Entry]:
    """Yield what the nodes have: how many GPUs, which are near one another, how they are asked for."""
    main = choice.kind.main
    count = min(main.count, _MOST_GPUS)
    yield Entry(tuple(_about(choice)), "gpus-per-node", count)
    if not count:
        return
    yield from _islands(choice.kind, site)
    request = f"{choice.why}." if choice.why else "What most sites take."
    typed = f'"gres:{main.type}" or ' if is_plain(main.type) else ""
    form = f' Some want {typed}"gres": their pages say so.' if choice.request == "gpus-per-node" else ""
    yield Entry((f"{request}{form}",), "gpu-request", choice.request)
    yield from _domains(choice.kind, site)


def vendor_entry(choice: Choice, site: Site) -> Iterator[Entry]:
    """Yield whose the GPUs are, where there are any."""
    if choice.kind.main.count:
        whose = vendor(choice, site)
        known = "By the GPUs' type, features of the nodes or gres.conf."
        yield Entry((known if whose else f"{DECIDE}nothing says whose they are.",), "gpu-vendor", whose or "nvidia")


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
    sizes = block_sizes(site.topology.blocks, {node.name for node in kind.nodes})
    least, most = min(sizes, default=0), max(sizes, default=0)
    if least > 1:
        size = f"{least}" if least == most else f"{least} to {most}"
        told = f"{counted(len(sizes), 'block')} of {size} nodes (scontrol show topology)"
        if least < most:
            why = f"{DECIDE}{told}, and domains of alike nodes have one size. If so many are NVLink domains:"
        else:
            why = f"{told}, taken for NVLink domains: no worker crosses one."
        yield Entry((why,), "domain-nodes", least, is_set=least == most)
    elif site.topology.leaf_switches > 1:
        said = f"A tree of {site.topology.leaf_switches} leaf switches (scontrol show topology)."
        yield Entry((f"{said} `switches = 1` in the `sbatch` of a job keeps its nodes on one.",))


def asked(choice: Choice) -> dict[str, str]:
    """Return the options of sbatch for a kind of node, as far as they are known."""
    home = choice.partition
    named = {"partition": home.name} if home and is_plain(home.name) else {}
    constraint = {"constraint": choice.constraint} if choice.constraint else {}
    single = home.accounts[0] if home and len(home.accounts) == 1 else ""
    return {**named, **constraint, **({"account": single} if is_plain(single) else {})}


def partition_notes(choice: Choice) -> Iterator[str]:
    """Yield what there is to know of the options."""
    home = choice.partition
    if home is None:
        yield f"{DECIDE}Slurm told of no partition."
        return
    if not is_plain(home.name):
        yield f"{DECIDE}a cluster file cannot hold the name of the partition, {home.name}."
    yield from _limits(home, choice.others)
    if choice.constraint:
        yield f"All of these nodes have the feature {choice.constraint}, and none that could be given instead."
    elif choice.is_mixed:
        said = "the partition has other nodes too, and no feature tells these from them: see what your site says."
        yield f"{DECIDE}{said}"
    if len(home.accounts) == 1:
        yield f"It takes jobs of one account: {home.accounts[0]}."


def _limits(home: Partition, others: Sequence[Partition]) -> Iterator[str]:
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


def account(choice: Choice, site: Site) -> Iterator[Entry]:
    """Yield that an account is to be named, where Slurm asks for one and there are several."""
    enforced = site.config.get("AccountingStorageEnforce", "none")
    accounts = choice.partition.accounts if choice.partition else ()
    if "account" in asked(choice):
        return
    if accounts:
        said = f"one of those that the partition takes: {', '.join(accounts[:_MOST_SHOWN])}."
    elif "associations" in enforced or "limits" in enforced or enforced == "all":
        said = f"whose time it is (AccountingStorageEnforce={enforced}); without it your default account's."
    else:
        return
    how = "`sacctmgr show associations user=$USER format=account,partition,qos` lists yours."
    yield Entry((f"{DECIDE}{said} {how}",), "account", "...", is_set=False)
