"""GPUs as Slurm's gres lists name them: `gpu:h100:8(S:0-1),shard:32`."""

import re
from collections.abc import Iterable

from attrs import frozen

_ITEM = re.compile(r"([^:,()]+)(?::([^,()]*))?(?:\(([^()]*)\))?")
_COUNT = re.compile(r"([0-9]{1,18})([KMGTP]?)", re.IGNORECASE)
_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40, "P": 2**50}
# NVIDIA's own names of instances (1g.10gb, 3g.40gb), and what sites make of them (mig_24gb, a100-mig-2g, a100_1g.5gb).
_MIG = re.compile(r"(?<![a-z0-9])(mig|[0-9]+g(\.[0-9]+gb)?|[0-9]+c\.[0-9]+g)(?![a-z0-9])", re.IGNORECASE)
# What makers call their chips and series. A feature that is a maker's name may well be that of the processors.
_CHIPS = {
    "amd": re.compile(r"instinct|radeon|mi[0-9]{2,3}[a-z]?|gfx[0-9][0-9a-f]+|w[67][89]00"),
    "intel": re.compile(r"pvc([0-9]+g)?|ponte|xpu|bmg|max1[15][05]0"),
    "nvidia": re.compile(
        r"tesla|quadro|geforce|titan.*|[rg]tx.*|g?[abhlvpkt][0-9]{2,3}[a-z]?s?|[agt][0-9]{1,2}|gb[0-9]{3}|[234567]0[5-9]0(ti)?"
    ),
}
_MAKERS = {
    "amd": re.compile(r"amd|rocm"),
    "intel": re.compile(r"intel|max|flex|arc"),
    "nvidia": re.compile(r"nvidia|cuda|.*dgx.*"),
}


@frozen
class Gpus:
    """So many GPUs of a type on a node; an empty type where the site has given them none."""

    type: str
    count: int

    @property
    def is_part(self) -> bool:
        """Whether they are parts of GPUs, MIG instances, by their name."""
        return bool(_MIG.search(self.type))


@frozen
class Gres:
    """A node's generic resources: the text, GPUs by type, and names of the others (`shard`, `nvme`)."""

    text: str
    gpus: tuple[Gpus, ...]
    others: tuple[str, ...]


def read_gres(text: str) -> Gres:
    """Return what a gres list says; what is no entry of one is left out."""
    counts: dict[str, int] = {}
    others: dict[str, None] = {}
    for match in _ITEM.finditer("" if text in ("(null)", "N/A") else text):
        kind, count = _type_and_count(match[2])
        if match[1] != "gpu":
            others[match[1]] = None
        elif count:
            counts[kind] = counts.get(kind, 0) + count
    return Gres(text, tuple(Gpus(kind, count) for kind, count in counts.items()), tuple(others))


def _type_and_count(text: str | None) -> tuple[str, int]:
    """Return the type and the number of `h100:8`, `8` or nothing; a flag (`no_consume`) may stand between."""
    parts = [part for part in (text or "").split(":") if part not in ("", "no_consume")]
    match = _COUNT.fullmatch(parts[-1]) if parts else None
    if match is None:
        return ":".join(parts), 1  # gres.conf(5): without a count it is one
    return ":".join(parts[:-1]), int(match[1]) * _UNITS[match[2].upper()]


def vendor_of(types: Iterable[str], features: Iterable[str] = ()) -> str:
    """Return whose GPUs they are; empty where nothing says it.

    Args:
        types: what their types are called: the maker's name counts, then that of a chip.
        features: features of their nodes, of which only the names of chips count.
    """
    types = list(types)
    for names, tables in ((types, (_MAKERS, _CHIPS)), (features, (_CHIPS,))):
        words = [word for name in names for word in re.split("[^a-z0-9]+", name.lower())]
        for table in tables:
            for vendor, pattern in table.items():
                if any(pattern.fullmatch(word) for word in words):
                    return vendor
    return ""
