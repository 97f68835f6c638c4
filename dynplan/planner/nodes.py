"""The second stage of placement: which nodes each worker of a role stands on.

Roles are taken in declaration order. A role takes unused nodes first, the lowest ones, then
the lowest used ones that have room. Where that leaves a later role without room, an exact
search (`dynplan.planner.search`) finds an arrangement, or proves that there is none.
"""

from collections.abc import Sequence
from typing import Literal

from attrs import frozen

from dynplan.model import Record
from dynplan.planner.demand import Demand, gpus_on_every_node, pinned
from dynplan.planner.remaining import Homes, NoRoomError, Remaining, first_fit, stand_on


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
        segment: so many nodes in a row are to be of one domain, 0 where that does not matter.
    """

    hosts: tuple[str | None, ...]
    gpus: tuple[int, ...]
    mode: Literal["separate", "shared"]
    lower: int
    head: int
    homes: tuple[Homes, ...]
    segment: int = 0

    @property
    def nodes(self) -> int:
        """How many nodes the job asks for."""
        return len(self.hosts)


def place(demands: Sequence[Demand], gpus: Sequence[int], hosts: Sequence[str | None]) -> dict[str, Homes]:
    """Place every role that takes nodes.

    Args:
        demands: of every role; those without GPUs and those on every node are left out.
        gpus: per node its GPUs.
        hosts: per node the name the user gave it, or None.

    Returns:
        Per role its workers' nodes.

    Raises:
        NoRoomError: they do not fit.
    """
    if pinned(demands):
        from dynplan.planner.pinned import place_pinned  # few jobs say which GPUs a role has

        return place_pinned(demands, gpus, hosts)
    every = gpus_on_every_node(demands)
    free = [have - every for have in gpus]
    index = {host: node for node, host in enumerate(hosts) if host is not None}
    named = frozenset(index[host] for demand in demands if demand.form == "none" for host in demand.role.size.hosts)
    remaining = Remaining(list(free), [False] * len(free), [False] * len(free), named)
    homes: dict[str, Homes] = {}
    placed = [demand for demand in demands if demand.takes_nodes]
    for demand in placed:
        if demand.role.size.hosts:
            homes[demand.role.name] = stand_on(demand, [index[host] for host in demand.role.size.hosts], remaining)
            if min(remaining.free) < 0:
                raise NoRoomError(demand.role.name)
    floating = [demand for demand in placed if not demand.role.size.hosts]
    # Room for a role on named hosts is not arrangement for: what the user named stands.
    after_hosts = Remaining(list(remaining.free), list(remaining.used), list(remaining.closed), named)
    try:
        homes |= _in_order(floating, remaining)
    except NoRoomError:
        from dynplan.planner.search import arrangement  # 13 ms, and most jobs need no search

        homes |= arrangement(floating, after_hosts)
    return homes


def _in_order(demands: Sequence[Demand], remaining: Remaining) -> dict[str, Homes]:
    """Place role by role, in declaration order."""
    remaining.reserved = sum(demand.nodes for demand in demands if demand.role.size.dedicated)
    homes: dict[str, Homes] = {}
    for demand in demands:
        fresh = remaining.fresh(demand)
        if demand.role.size.dedicated:
            remaining.reserved -= demand.nodes
        alone = len(fresh) >= demand.nodes or demand.role.size.dedicated
        homes[demand.role.name] = first_fit(demand, fresh, [] if alone else remaining.shared(), remaining)
    return homes
