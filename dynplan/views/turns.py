"""Places that are held in turns: who has a node's GPUs at which time, and who gives them back to whom."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Protocol, TypeVar

from dynplan.model import Outline, Worker

Until = Mapping[str, tuple[str, ...]]  # by role those that have something of it when it has ended


class _Owner(Protocol):
    @property
    def role(self) -> str: ...


_Any = TypeVar("_Any", bound=_Owner)


def until_of(found: Outline) -> Until:
    """Return who gives places back to whom."""
    return {worker.role: worker.until for worker in found.workers if worker.until}


def in_turns(one: str, other: str, until: Until) -> bool:
    """Tell whether one of two roles has ended when the other one starts."""
    return other in until.get(one, ()) or one in until.get(other, ())


def held_at_once(workers: Iterable[Worker], until: Until) -> bool:
    """Tell whether workers hold a GPU at the same time."""
    holders: dict[tuple[int, int], list[str]] = {}
    for worker in workers:
        for task in worker.tasks:
            for gpu in task.gpus:
                holders.setdefault((task.node, gpu), []).append(worker.role)
    pairs = (pair for roles in holders.values() for pair in combinations(roles, 2))
    return not all(in_turns(one, other, until) for one, other in pairs)


def one_after_another(by_gpu: Mapping[int, Sequence[_Any]], until: Until) -> list[dict[int, list[_Any]]]:
    """Return who has the GPUs of a node, once for each time at which others have them; one time where nobody has turns.

    A role is there from the end of those that give it something until the start of those that it gives something.
    """
    roles = list(dict.fromkeys(owner.role for owners in by_gpu.values() for owner in owners))
    turns = until and any(
        in_turns(one.role, other.role, until) for owners in by_gpu.values() for one, other in combinations(owners, 2)
    )
    if not turns:
        return [{gpu: list(owners) for gpu, owners in by_gpu.items()}]
    begins = dict.fromkeys(roles, 0)
    for _ in roles:  # as often as the longest chain is long
        for role in roles:
            for other in until.get(role, ()):
                if other in begins and role not in until.get(other, ()):
                    begins[other] = min(len(roles) - 1, max(begins[other], begins[role] + 1))
    last = max(begins.values())
    ends = {
        role: min([begins[other] - 1 for other in until.get(role, ()) if other in begins] or [last]) for role in roles
    }
    return [
        {
            gpu: [owner for owner in owners if begins[owner.role] <= at <= ends[owner.role]]
            for gpu, owners in by_gpu.items()
        }
        for at in range(last + 1)
    ]


def sentences(found: Outline) -> Iterator[str]:
    """Yield for each task that gives something back a line that says so."""
    for role, later in until_of(found).items():
        *most, last = later
        names = f"{', '.join(most)} and {last}" if most else last
        verbs = ("start", "have") if most else ("starts", "has")
        yield f"{role} ends before {names} {verbs[0]}, which then {verbs[1]} GPUs or ports that it held"


def in_order(names: Iterable[tuple[str, int]], until: Until) -> list[list[tuple[str, int]]]:
    """Split workers of one GPU, by role and number, into those that have it at one time, the first first."""
    parts: list[list[tuple[str, int]]] = []
    for name in names:
        near = [part for part in parts if not all(in_turns(name[0], other[0], until) for other in part)]
        parts = [part for part in parts if part not in near]
        parts.append([*(other for part in near for other in part), name])
    before = {
        at: sum(parts[at][0][0] in until.get(other[0][0], ()) for other in parts if other is not parts[at])
        for at in range(len(parts))
    }
    return [parts[at] for at in sorted(before, key=lambda at: before[at])]
