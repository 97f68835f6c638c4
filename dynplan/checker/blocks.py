"""The promises about blocks of ports: where a job moves its ports by its id, which numbers it may come to."""

from collections.abc import Iterator

from attrs import frozen

from dynplan.checker.book import Book, Stretches
from dynplan.checker.ports import limits
from dynplan.checker.stated import HIGHEST_PORT, Request, RequestedPort, StatedBlocks, StatedPlan
from dynplan.diagnostics import Findings

_MOST = HIGHEST_PORT  # blocks, if each had one number


@frozen
class _Moving:
    """What moves and what stays: numbers with their ports, the end exclusive, and those that nobody may come to."""

    placed: tuple[tuple[RequestedPort, int], ...]
    window: Stretches
    held: Book

    @property
    def first(self) -> int:
        """The lowest number of block 0."""
        return min(low for low, _ in self.window)

    @property
    def size(self) -> int:
        """How many numbers a block spans."""
        return max(end for _, end in self.window) - self.first


def check_blocks(plan: StatedPlan, findings: Findings) -> None:
    """Report blocks that are not what the plan's ports come to (D420); other promises about ports hold."""
    if plan.request is None:
        return
    moving = _moving(plan, plan.request)
    if not moving.placed or not plan.request.moves:
        if plan.blocks:
            message = "the plan moves ports by the job's id, and its job has none that move"
            findings.error("D420", message, plan.blocks.path, key=True)
    elif plan.blocks is None:
        message = "the job moves its ports by its id, and the plan does not say to which blocks"
        findings.error("D420", message, ("workers",), key=True)
    else:
        _check_window(moving, plan.blocks, plan.request, findings)


def _moving(plan: StatedPlan, request: Request) -> _Moving:
    held = Book()
    held.enter(tuple((low, high + 1) for low, high in request.reserved), "`reserved-ports`")
    roles = {role.name: {port.name: port for port in role.ports} for role in request.roles}
    placed: dict[tuple[RequestedPort, int], None] = {}
    for worker in plan.workers:
        for task in worker.tasks:
            for stated in task.ports:
                port = roles[worker.role][stated.name]
                if port.fixed:
                    held.enter(_numbers(port, stated.first), f"port `{port.name}` of `{worker.role}`, which is fixed")
                else:
                    placed[port, stated.first] = None
    return _Moving(tuple(placed), tuple(one for at in placed for one in _numbers(*at)), held)


def _numbers(port: RequestedPort, first: int) -> Stretches:
    return tuple((first + low, first + end) for low, end in port.pieces)


def _check_window(moving: _Moving, blocks: StatedBlocks, request: Request, findings: Findings) -> None:
    if (blocks.first, blocks.step) != (moving.first, moving.size):
        last = moving.first + moving.size - 1
        stated = f"of {blocks.step} from {blocks.first} on"
        message = f"the ports that move span {moving.first} to {last}, and the plan has blocks {stated}"
        key = "first" if blocks.first != moving.first else "step"
        findings.error("D420", message, (*blocks.path, key))
        return
    listed = {block for first, last in blocks.runs for block in range(first, min(last, _MOST) + 1)}
    for block, why in _blocks(moving, request):
        if why and block in listed:
            findings.error("D420", f"in block {block} {why}", (*blocks.path, "blocks"))
            return
        if not why and block not in listed:
            message = f"a job may take block {block} too, and the plan leaves it out"
            findings.error("D420", message, (*blocks.path, "blocks"))
            return
        if why and block > max(listed, default=0):
            return


def _blocks(moving: _Moving, request: Request) -> Iterator[tuple[int, str]]:
    """Yield every block, and why a job may not take it."""
    for block in range(_MOST):
        offset = block * moving.size
        yield block, _past(moving, offset, request) or (_met(moving, offset) if block else "")


def _past(moving: _Moving, offset: int, request: Request) -> str:
    for port, number in moving.placed:
        last = number + offset + port.count - 1
        high = limits(port, request)[1]
        if last > high or number + offset + port.pieces[-1][1] - 1 > HIGHEST_PORT:
            return f"port `{port.name}` would end at {max(last, number + offset + port.pieces[-1][1] - 1)}, past {high}"
    return ""


def _met(moving: _Moving, offset: int) -> str:
    taken = moving.held.taken(tuple((low + offset, end + offset) for low, end in moving.window))
    return f"{taken.number} is held by {taken.owner}" if taken else ""
