"""gres.conf(5), where one may read it: which cores and which other GPUs each GPU is near."""

import re
from collections.abc import Sequence

from attrs import frozen

from dynplan.detection.scontrol import hosts

_MOST_GPUS = 1024


@frozen
class GpuLine:
    """A line about GPUs: the nodes that it is of (none for all), the type, how many, their cores and their links."""

    nodes: frozenset[str]
    type: str
    count: int
    cores: str
    links: tuple[int, ...]


@frozen
class GresConf:
    """The lines about GPUs, and words that tell whose they are: of AutoDetect, Flags and the files' names."""

    lines: tuple[GpuLine, ...] = ()
    hints: tuple[str, ...] = ()


_HINTS = {"nvml": "nvidia", "nvidia": "nvidia", "rsmi": "amd", "oneapi": "intel"}
_FLAGS = {"nvidia_gpu_env": "nvidia", "amd_gpu_env": "amd", "intel_gpu_env": "intel"}


def read_gres_conf(text: str) -> GresConf:
    """Return what a gres.conf says of GPUs; keys are in any case, `#` begins a comment."""
    lines, hints = [], []
    for line in text.splitlines():
        found = dict(re.findall(r"(\w+)=(\S+)", line.partition("#")[0]))
        entry = {key.lower(): value for key, value in found.items()}
        hints += [_HINTS[word] for word in (entry.get("autodetect", "").lower(),) if word in _HINTS]
        if entry.get("name") != "gpu":
            continue
        hints += [_FLAGS[word] for word in entry.get("flags", "").lower().split(",") if word in _FLAGS]
        hints += ["nvidia"] if entry.get("file", "").startswith("/dev/nvidia") else []
        lines.append(
            GpuLine(
                nodes=frozenset(hosts(entry.get("nodename", ""))),
                type=entry.get("type", ""),
                count=_count(entry),
                cores=entry.get("cores") or entry.get("cpus", ""),
                links=_links(entry.get("links", "")),
            )
        )
    return GresConf(tuple(lines), tuple(hints))


def islands(conf: GresConf, node: str, count: int) -> tuple[tuple[tuple[int, ...], ...], str]:
    """Return which GPUs of a node are near one another, lists of indices, and the key that says so.

    Links say it where some GPUs have none to each other; else Cores, where GPUs differ in them. Nothing where neither
    does, or where the lines do not name each of the node's `count` GPUs.
    """
    mine = [line for line in conf.lines if not line.nodes or node in line.nodes]
    if sum(line.count for line in mine) != count or count < 2:
        return (), ""
    each = [line for line in mine for _ in range(line.count)]
    linked = _by_links([line.links for line in each])
    if len(linked) > 1 and any(len(group) > 1 for group in linked):
        return linked, "Links"
    near: dict[str, list[int]] = {}
    for index, line in enumerate(each):
        near.setdefault(line.cores, []).append(index)
    if len(near) > 1 and "" not in near:
        return tuple(map(tuple, near.values())), "Cores"
    return (), ""


def _by_links(links: Sequence[tuple[int, ...]]) -> tuple[tuple[int, ...], ...]:
    """Return GPUs that are linked, directly or through others; nothing unless each line tells of each GPU."""
    if any(len(each) != len(links) for each in links):
        return ()
    left = list(range(len(links)))
    groups = []
    while left:
        group, todo = set(), [left[0]]
        while todo:
            one = todo.pop()
            if one not in group:
                group.add(one)
                todo += [other for other in range(len(links)) if links[one][other] > 0 or links[other][one] > 0]
        left = [index for index in left if index not in group]
        groups.append(tuple(sorted(group)))
    return tuple(groups)


def _links(text: str) -> tuple[int, ...]:
    parts = text.split(",")
    if len(parts) > _MOST_GPUS or not all(re.fullmatch(r"-?[0-9]{1,4}", part) for part in parts):
        return ()
    return tuple(map(int, parts))


def _count(entry: dict[str, str]) -> int:
    """Return how many GPUs a line has: its Count, or as many as its File names."""
    said = entry.get("count", "")
    if re.fullmatch("[0-9]{1,4}", said):
        return min(int(said), _MOST_GPUS)
    # The files of a line are a host list but for their slashes.
    return min(len(hosts(entry.get("file", "").replace("/", "x"))) or 1, _MOST_GPUS)
