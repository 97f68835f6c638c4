"""Which roles hold their places in turns: a task gives back what it held, and roles after it may have that.

A role that is `after` a task, directly or through others, starts when all workers of the task have ended. Two roles
meet unless one of them is a task and the other one is after it. Roles that are beside others hold GPUs together with
these: such a group has turns with another one where no two of their roles meet.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from graphlib import TopologicalSorter

from attrs import frozen

from dynplan.model import Record, Role

_MOST_CROWDS = 64  # sets of roles that meet, of which no bound must know all


@frozen(eq=False, repr=False, slots=False)
class Turns(Record):
    """Who comes after whom.

    Attributes:
        done: by role the tasks that have ended when it starts.
        owner: by role the one whose GPUs its workers have: its own, or at the end of a chain of `beside` another's.
    """

    done: Mapping[str, frozenset[str]]
    owner: Mapping[str, str]

    def in_turns(self, one: str, other: str) -> bool:
        """Tell whether a role has ended when the other one starts, whichever comes first."""
        return one in self.done[other] or other in self.done[one]

    @cached_property
    def _groups(self) -> Mapping[str, list[str]]:
        groups: dict[str, list[str]] = {}
        for role, owner in self.owner.items():
            groups.setdefault(owner, []).append(role)
        return groups

    def meet(self, one: str, other: str) -> bool:
        """Tell whether roles that hold GPUs, or some role beside them, may run at the same time."""
        if one == other:
            return True
        groups = self._groups
        return not all(
            self.in_turns(mine, theirs) for mine in groups[self.owner[one]] for theirs in groups[self.owner[other]]
        )

    def stages(self, roles: Sequence[str]) -> list[list[str]]:
        """Split roles so that those of different parts never meet, each part as small as can be, in the order given.

        Of two parts all roles of the one have turns with all of the other: what a part needs is there for each.
        """
        parts = apart(len(roles), lambda one, other: self.meet(roles[one], roles[other]))
        return [[roles[at] for at in part] for part in parts]

    def all_meet(self, roles: Sequence[str]) -> bool:
        """Tell whether all of these may run at the same time."""
        return all(self.meet(one, other) for at, one in enumerate(roles) for other in roles[:at])

    def crowds(self, roles: Sequence[str]) -> Iterator[list[str]]:
        """Yield the largest sets of roles that all meet: what is there at one moment. Of very many not all."""
        meeting = [
            frozenset(other for other, theirs in enumerate(roles) if other != at and self.meet(mine, theirs))
            for at, mine in enumerate(roles)
        ]
        found = 0
        # Bron and Kerbosch, "Algorithm 457", Communications of the ACM 16, 1973, with a stack of its own.
        stack = [(frozenset[int](), frozenset(range(len(roles))), frozenset[int]())]
        while stack and found < _MOST_CROWDS:
            crowd, open_, passed = stack.pop()
            if not open_ and not passed:
                found += 1
                yield [roles[at] for at in sorted(crowd)]
            pivot = max(sorted(open_ | passed), key=lambda at: len(open_ & meeting[at]), default=-1)
            branches = []
            for at in sorted(open_ - meeting[pivot] if pivot >= 0 else open_):
                branches.append((crowd | {at}, open_ & meeting[at], passed & meeting[at]))
                open_, passed = open_ - {at}, passed | {at}
            stack += reversed(branches)

    def heaviest(self, role: str, weights: Mapping[str, int]) -> list[str]:
        """Return those of other roles that meet a role and each other, and weigh the most."""
        near = [other for other in weights if other != role and self.meet(other, role)]
        return max(self.crowds(near), key=lambda crowd: sum(weights[other] for other in crowd))


def apart(count: int, meet: Callable[[int, int], bool]) -> list[list[int]]:
    """Split the numbers below `count` so that those of different parts never meet, in the order of their first ones."""
    parts: list[list[int]] = []
    for at in range(count):
        joined = [part for part in parts if any(meet(other, at) for other in part)]
        parts = [part for part in parts if part not in joined]
        parts.append(sorted([at, *(other for part in joined for other in part)]))
    return sorted(parts)


def turns_of(roles: Sequence[Role]) -> Turns | None:
    """Return who comes after whom; None where no role is after a task."""
    by_name = {role.name: role for role in roles}
    done: dict[str, frozenset[str]] = {}
    for name in TopologicalSorter({role.name: role.after for role in roles}).static_order():
        after = by_name[name].after
        tasks = frozenset(other for other in after if by_name[other].task)
        done[name] = tasks.union(*(done[other] for other in after))
    if not any(done.values()):
        return None
    owner: dict[str, str] = {}
    for role in roles:
        last = role
        while last.size.beside:
            last = by_name[last.size.beside]
        owner[role.name] = last.name
    return Turns(done, owner)
