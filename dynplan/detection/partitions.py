"""Partitions as `scontrol show partition` tells them."""

from collections.abc import Mapping

from attrs import field, frozen

from dynplan.detection.scontrol import NOTHING, records, words

# Which of their limits are worth a word: what they are where there is none.
LIMITS = {
    "DefaultTime": (*NOTHING,),
    "MaxTime": ("UNLIMITED", *NOTHING),
    "MinNodes": ("0", "1", *NOTHING),
    "MaxNodes": ("UNLIMITED", *NOTHING),
    "MaxCPUsPerNode": ("UNLIMITED", *NOTHING),
    "MaxMemPerNode": ("UNLIMITED", *NOTHING),
    "OverSubscribe": ("NO", *NOTHING),
    "QoS": (*NOTHING,),
    "AllowGroups": ("ALL", *NOTHING),
    "AllowAccounts": ("ALL", *NOTHING),
    "DenyAccounts": (*NOTHING,),
    "AllowQos": ("ALL", *NOTHING),
    "PreemptMode": ("OFF", *NOTHING),
}
_KEYS = ("PartitionName", "Default", "Hidden", "RootOnly", "State", *LIMITS)


@frozen
class Partition:
    """A partition, and its limits by Slurm's names for them, without those that limit nothing."""

    name: str
    is_default: bool = False
    is_hidden: bool = False
    is_open: bool = True  # it takes jobs of ordinary users
    limits: Mapping[str, str] = field(factory=dict)

    @property
    def accounts(self) -> tuple[str, ...]:
        """The accounts whose jobs it takes; none for all."""
        return words(self.limits.get("AllowAccounts", ""))

    @property
    def is_restricted(self) -> bool:
        """Whether only some people's jobs may run in it."""
        return bool({"AllowGroups", "AllowAccounts", "AllowQos"} & self.limits.keys())


def read_partitions(text: str) -> tuple[Partition, ...]:
    """Return the partitions, in Slurm's order; of two of one name the first."""
    found: dict[str, Partition] = {}
    for record in records(text, _KEYS):
        name = record["PartitionName"]
        if name:
            limits = {key: record[key] for key, none in LIMITS.items() if record.get(key, "") not in none}
            shown = Partition(
                name,
                is_default=record.get("Default") == "YES",
                is_hidden=record.get("Hidden") == "YES",
                is_open=record.get("State", "UP") == "UP" and record.get("RootOnly") != "YES",
                limits=limits,
            )
            found.setdefault(name, shown)
    return tuple(found.values())
