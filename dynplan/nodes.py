"""The second stage of placement: which nodes each worker of a role stands on.

Roles are taken in declaration order. A role takes unused nodes first, the lowest ones, then
the lowest used ones that have room. Where that leaves a later role without room, an exact
search (`dynplan.search`) finds an arrangement, or proves that there is none.
"""

from collections.abc import Sequence
from typing import Literal

from attrs import frozen

from dynplan.demand import Demand
from dynplan.record import Record
from dynplan.rooms import Homes, NoRoomError, Rooms, first_fit, settle


@frozen(eq=False, repr=False)
class Allocation(Record):
    """The nodes of a job and where every worker stands, by role in declaration order.

    Attributes:
        hosts: per node the name the user gave it, or None.
        gpus: per node its GPUs.
        mode: whether roles have nodes of their own.
        lower: no fewer nodes hold the roles, where the fewest were asked for.
        head: the node of roles without GPUs.
        homes: per role its workers' nodes.
    """

    hosts: tuple[str | None, ...]
    gpus: tuple[int, ...]
    mode: Literal["separate", "shared"]
    lower: int
    head: int
    homes: tuple[Homes, ...]

    @property
    def nodes(self) -> int:
        """How many nodes the job asks for."""
        return len(self.hosts)


def place(demands: Sequence[Demand], free: Sequence[int], hosts: Sequence[str | None]) -> dict[str, Homes]:
    """Place every role that takes nodes.

    Args:
        demands: of every role; those without GPUs and those on every node are left out.
        free: per node the GPUs that roles on every node leave.
        hosts: per node the name the user gave it, or None.

    Returns:
        Per role its workers' nodes.

    Raises:
        NoRoomError: they do not fit.
    """
    index = {host: node for node, host in enumerate(hosts) if host is not None}
    named = frozenset(index[host] for demand in demands if demand.form == "none" for host in demand.role.size.hosts)
    rooms = Rooms(list(free), [False] * len(free), [False] * len(free), named)
    homes: dict[str, Homes] = {}
    placed = [demand for demand in demands if demand.form in ("nodes", "loose", "wide")]
    for demand in placed:
        if demand.role.size.hosts:
            homes[demand.role.name] = settle(demand, [index[host] for host in demand.role.size.hosts], rooms)
            if min(rooms.free) < 0:
                raise NoRoomError(demand.role.name)
    floating = [demand for demand in placed if not demand.role.size.hosts]
    # Room for a role on named hosts is not searched for: what the user named stands.
    after_hosts = Rooms(list(rooms.free), list(rooms.used), list(rooms.closed), named)
    try:
        homes |= _in_order(floating, rooms)
    except NoRoomError:
        from dynplan.search import searched  # 13 ms, and most jobs need no search

        homes |= searched(floating, after_hosts)
    return homes


def _in_order(demands: Sequence[Demand], rooms: Rooms) -> dict[str, Homes]:
    """Place role by role, in declaration order."""
    rooms.reserved = sum(demand.nodes for demand in demands if demand.role.size.dedicated)
    homes: dict[str, Homes] = {}
    for demand in demands:
        fresh = rooms.fresh(demand)
        if demand.role.size.dedicated:
            rooms.reserved -= demand.nodes
        alone = len(fresh) >= demand.nodes or demand.role.size.dedicated
        homes[demand.role.name] = first_fit(demand, fresh, [] if alone else rooms.shared(), rooms)
    return homes
