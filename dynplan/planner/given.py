"""What tasks give back: which roles have something of it, and the ledgers of ports that may be had again."""

from collections.abc import Iterable, Iterator, Sequence

from attrs import define, evolve, field

from dynplan.model import Cluster, Port, Role, Worker
from dynplan.planner.ledger import Ledger, Ledgers, bounds, spans_of
from dynplan.planner.turns import Turns


def with_until(roles: Sequence[Role], workers: Sequence[Worker], turns: Turns) -> tuple[Worker, ...]:
    """Return the workers, those of a task with the roles that have GPUs or ports of theirs after their end."""
    by_role: dict[str, list[Worker]] = {role.name: [] for role in roles}
    for worker in workers:
        by_role[worker.role].append(worker)
    gpus = {
        name: {(task.node, gpu) for worker in of_role for task in worker.tasks for gpu in task.gpus}
        for name, of_role in by_role.items()
    }
    numbers = {role.name: _Numbers.of(role, by_role[role.name]) for role in roles}
    until = {
        role.name: tuple(
            other.name
            for other in roles
            if role.name in turns.done[other.name]
            and (
                # Roles beside each other have the same GPUs anyway.
                (turns.owner[role.name] != turns.owner[other.name] and not gpus[role.name].isdisjoint(gpus[other.name]))
                or numbers[role.name].meet(numbers[other.name])
            )
        )
        for role in roles
    }
    return tuple(evolve(worker, until=until[worker.role]) if until[worker.role] else worker for worker in workers)


@define(eq=False, repr=False)
class _Numbers:
    """The port numbers of a role: by node, and those that stand once in the whole job, on any node."""

    on_nodes: set[tuple[int, int]] = field(factory=set)
    anywhere: set[int] = field(factory=set)
    job_wide: set[int] = field(factory=set)

    @classmethod
    def of(cls, role: Role, workers: Iterable[Worker]) -> "_Numbers":
        found = cls()
        ports = {port.name: port for port in role.ports}
        for worker in workers:
            for task in worker.tasks:
                for name, block in task.ports:
                    numbers = list(_each(ports[name], block.port))
                    found.on_nodes.update((task.node, number) for number in numbers)
                    found.anywhere.update(numbers)
                    if ports[name].job_wide:
                        found.job_wide.update(numbers)
        return found

    def meet(self, other: "_Numbers") -> bool:
        """Tell whether the two could not have their numbers at the same time."""
        return not (
            self.on_nodes.isdisjoint(other.on_nodes)
            and self.job_wide.isdisjoint(other.anywhere)
            and other.job_wide.isdisjoint(self.anywhere)
        )


def _each(port: Port, number: int) -> Iterator[int]:
    for first, last in spans_of(port, number):
        yield from range(first, last + 1)


@define(eq=False, repr=False)
class LedgersInTurns(Ledgers):
    """Ledgers in which a port that finds no number may have one of a role that has ended, or that starts later.

    Attributes:
        turns: who gives back to whom.
        nothing: the ledger of a node on which nothing is placed.
        held: what is entered: the role, the nodes, the port, its number.
    """

    turns: Turns = field(kw_only=True)
    nothing: Ledger = ()
    held: list[tuple[str, tuple[int, ...], Port, int]] = field(factory=list)
    _of: str = ""
    _met: Ledgers | None = None

    @classmethod
    def empty(cls, nothing: Ledger, count: int, turns: Turns) -> "LedgersInTurns":
        """Return ledgers of so many nodes in which nothing is entered."""
        return cls([nothing] * count, anywhere=nothing, turns=turns, nothing=nothing)

    def enter(self, nodes: Sequence[int], port: Port, cluster: Cluster) -> int:
        """Find a port's number on its nodes, take it and return it; 0 where there is none."""
        number = super().enter(nodes, port, cluster)
        if not number:
            met = self._those_met()
            if not port.fixed:
                number = met.find(nodes, port, *bounds(port, cluster))
            elif met.is_free(nodes, port, port.base):
                number = port.base
            if number:
                self.take(nodes, port, number)
        if number:
            self.held.append((self.role, tuple(nodes), port, number))
            if self._met is not None and self._of == self.role:
                self._met.take(nodes, port, number)
        return number

    def _those_met(self) -> Ledgers:
        """Return the ledgers without what roles hold that this one has turns with."""
        if self._met is None or self._of != self.role:
            self._of = self.role
            self._met = Ledgers([self.nothing] * len(self.nodes), anywhere=self.nothing)
            for role, nodes, port, number in self.held:
                if not self.turns.in_turns(role, self.role):
                    self._met.take(nodes, port, number)
        return self._met
