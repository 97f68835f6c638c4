"""What each role of a job comes to: workers, nodes, and how many of these; read from its tables, not from the plan."""

from collections.abc import Mapping, Sequence

from attrs import evolve, frozen

from dynplan.checker.pieces import go_together, pieces_of
from dynplan.checker.stated import Request, RequestedRole
from dynplan.checker.turns import Order


@frozen
class Shape:
    """What a role comes to on nodes of this size.

    `span` is the nodes of one worker. `per` is the workers on each of its `nodes`; both are None for
    workers that may stand anywhere. `alone` is the nodes it takes where it has them for itself.
    """

    role: RequestedRole
    workers: int
    span: int
    per: int | None
    nodes: int | None
    alone: int

    @property
    def everywhere(self) -> bool:
        """Whether it stands on every node, however many there are."""
        return self.role.per_node or self.role.place == "every-node"

    @property
    def follows(self) -> bool:
        """Whether it stands where others already are: a role without GPUs, or one on every node."""
        return self.role.per_node or not (self.role.gpus or (self.role.dedicated and not self.role.place))


@frozen
class Need:
    """How many nodes the roles come to.

    `separate` keep the roles apart; `least` are the fewest that a job without `num-nodes` may have, `proven` the
    fewest that any arrangement has, as far as sums of GPUs can tell. `overlap`: roles name a host together.
    """

    separate: int
    least: int
    proven: int
    overlap: bool

    @classmethod
    def of(cls, shapes: Sequence[Shape], named: Sequence[str], room: int, *, turns: bool = False) -> "Need":
        """Add up what the roles need, on hosts of these names and on any, of which each has room for so many GPUs.

        With `turns` some roles have what others have given back: then no more is proven than what each needs.
        """
        taking = [shape for shape in shapes if not shape.follows]
        hosts = [host for shape in taking for host in shape.role.hosts]
        floating = [shape for shape in taking if not shape.role.hosts]
        followers = [shape.nodes or 0 for shape in shapes if shape.follows and not shape.everywhere]
        own = sum(shape.alone for shape in floating if shape.role.dedicated)
        gpus = sum(shape.workers * shape.role.gpus for shape in floating if not shape.role.dedicated)
        alone = [shape.alone for shape in floating]
        separate = len(set(hosts)) + sum(shape.alone for shape in floating)
        return cls(
            separate=separate,
            least=max(separate, *followers, own + len(named), 1),
            proven=max(0 if turns else own + max(len(named), -(-gpus // max(1, room))), *followers, *alone, 1),
            overlap=len(set(hosts)) < len(hosts),
        )


def shapes_of(request: Request, nodes: int, order: Order | None = None) -> list[Shape]:
    """Return what every role comes to on so many nodes; with an `order` places are had in turns.

    A role beside another one comes to nothing of its own.
    """
    capacity = max(request.gpus_per_node, 1)
    found = []
    for role in (role for role in request.roles if not role.beside):
        there = _there(request, role, order)
        found.append(_shape(role, capacity, _room(there), _most(there, role.gpus), nodes))
    return found


def rooms_of(request: Request, order: Order | None = None) -> Mapping[str, int]:
    """Return by role the GPUs of a node that roles on every node leave, of those that it meets."""
    if order is None:
        return dict.fromkeys((role.name for role in request.roles), _room(request))
    return {role.name: _room(_there(request, role, order)) for role in request.roles}


def _there(request: Request, role: RequestedRole, order: Order | None) -> Request:
    """Leave out roles on every node that are not there at the same time as a role, or as others of them."""
    if order is None:
        return request
    capacity = max(request.gpus_per_node, 1)
    every = [other for other in request.roles if other.per_node and not other.beside and other.name != role.name]
    near = {other.name: other.gpus * _per(other, capacity) for other in every if order.meet(other.name, role.name)}
    kept = {*order.heaviest(near), role.name}
    return evolve(request, roles=tuple(other for other in request.roles if other not in every or other.name in kept))


def _room(request: Request) -> int:
    capacity = max(request.gpus_per_node, 1)
    every = [role for role in request.roles if role.per_node and not role.beside]
    return capacity - sum(role.gpus * _per(role, capacity) for role in every)


def _most(request: Request, gpus: int) -> int:
    """Return how many slices of so many GPUs a node holds beside the roles on every node."""
    capacity = max(request.gpus_per_node, 1)
    every = [role for role in request.roles if role.per_node and not role.beside]
    pieces = pieces_of(capacity, {gpu for role in every for pins in role.pins for gpu in pins})
    held = [role.gpus for role in every for _ in range(_per(role, capacity)) if role.gpus and not role.pins]
    most = max(0, _room(request)) // max(1, gpus)
    while most > 1 and not go_together([*held, *[gpus] * most], pieces):
        most -= 1
    return max(1, most)


def _shape(role: RequestedRole, capacity: int, room: int, most: int, count: int) -> Shape:
    span = max(1, -(-role.gpus // capacity))
    if span > 1 and role.split == "fill":
        span = -(-role.gpus // max(1, room))
    named = len(role.hosts) or role.num_nodes
    if role.per_node:
        per = _per(role, capacity)
        return Shape(role, per * count, 1, per, count, 0)
    if role.place == "every-node":
        return Shape(role, count, 1, 1, count, 0)
    if span > 1:
        workers = role.workers or (named or span) // span
        return Shape(role, workers, span, None, named, named or _wide_alone(role, workers, span, room))
    if not role.gpus:
        return _shape_without_gpus(role, named)
    per = most if role.fill else _per(role, room)
    if named is None and role.workers and (role.fill or role.per):
        named = -(-role.workers // per)
    if named is None and role.workers and role.spread:
        named = role.workers
    if named is None and role.workers:
        return Shape(role, role.workers, 1, None, None, -(-role.workers // most))
    return Shape(role, per * (named or 1), 1, per, named or 1, named or 1)


def _per(role: RequestedRole, room: int) -> int:
    return max(1, room // role.gpus) if role.fill and role.gpus else role.per or 1


def _wide_alone(role: RequestedRole, workers: int, span: int, room: int) -> int:
    """Only the smallest slice of a worker can share a node with another one's, of an even split two by two."""
    if role.split == "fill":
        rest = role.gpus - (span - 1) * room
        return workers * (span - 1) + -(-workers // (1 if role.spread else max(1, room // max(1, rest))))
    pairs = not role.spread and not role.pins and role.gpus % span and 2 * (role.gpus // span) <= room
    return workers * span - (workers // 2 if pairs else 0)


def _shape_without_gpus(role: RequestedRole, named: int | None) -> Shape:
    per, nodes = role.per or 1, named
    if named is None and role.workers and (role.per or role.spread):
        nodes = -(-role.workers // per)
    workers = role.workers or per * (nodes or 1)
    if role.dedicated and not role.place:
        return Shape(role, workers, 1, -(-workers // (nodes or 1)), nodes or 1, nodes or 1)
    return Shape(role, workers, 1, per, nodes, nodes or 0)
