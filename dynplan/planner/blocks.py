"""Blocks of ports: how far the ports of a plan may move, so that two jobs of one file have none in common.

All ports that are not fixed lie in a window of the cluster's range. The next window is the next block, with the same
numbers in it: blocks have no number in common, on whatever node they are.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from dynplan.diagnostics import Finding, Findings, InputError, counted
from dynplan.model import HIGHEST_PORT, Cluster, Port, PortBlocks, Ports, Role
from dynplan.planner.ledger import Ledger, add, bounds, clash, reach, reserved, spans_of
from dynplan.planner.refusals import ladder, refuse

_MANY = (64, 16, 4, 2)  # blocks for which a range is suggested
_Placed = set[tuple[Port, int]]


def port_blocks(roles: Sequence[Role], found: Sequence[list[Ports]], cluster: Cluster) -> PortBlocks | None:
    """Return the blocks that a job may take, None where it has no port that moves.

    A block is one where every port keeps its bounds, and takes no number that is reserved or fixed anywhere in the job.

    Args:
        roles: the roles, in declaration order.
        found: per role the ports of each task.
        cluster: the ranges that are reserved, and for `"auto"`.

    Raises:
        InputError: D304 where there is room for one block alone.
    """
    placed = _placed(roles, found)
    moving = {(port, number) for port, number in placed if not port.fixed}
    if not moving:
        return None
    window = add((), (span for port, number in moving for span in spans_of(port, number)))
    first, step = window[0][0], window[-1][1] - window[0][0] + 1
    fixed = (span for port, number in placed if port.fixed for span in spans_of(port, number))
    taken = add(reserved(cluster), fixed)
    highest = min(_room(port, number, cluster) for port, number in moving) // step
    runs = tuple(_runs(block for block in range(highest + 1) if not block or _is_free(window, block * step, taken)))
    blocks = PortBlocks(first, step, runs)
    if blocks.count < 2:
        raise InputError(_refusal(blocks, cluster))
    return blocks


def in_ephemeral(blocks: PortBlocks, cluster: Cluster) -> tuple[Finding, ...]:
    """Warn of blocks that reach where the kernel takes numbers for outgoing connections."""
    low, high = cluster.ephemeral.first, cluster.ephemeral.last
    step = blocks.step
    spans = ((blocks.first + one * step, blocks.first + other * step + step - 1) for one, other in blocks.runs)
    inside = next((span for span in spans if span[0] <= high and span[1] >= low), None)
    if inside is None:
        return ()
    message = (
        f"blocks of ports reach {min(inside[1], high)}, inside the ephemeral range {low}-{high}:"
        " an outgoing connection may take one first"
    )
    fix = f"end `port-range` below {low}, or set the cluster's `ephemeral-ports`"
    return (Finding("W301", message, ("cluster", "port-range"), fix),)


def _placed(roles: Sequence[Role], found: Sequence[list[Ports]]) -> _Placed:
    """Return every port with each number that it has; equal ports of tasks are one object."""
    placed: _Placed = set()
    for role, of_tasks in zip(roles, found, strict=True):
        by_name = {port.name: port for port in role.ports}
        for ports in {id(ports): ports for ports in of_tasks}.values():
            placed |= {(by_name[name], block.port) for name, block in ports}
    return placed


def _room(port: Port, number: int, cluster: Cluster) -> int:
    """Return how far a port may move up; what its engine derives may lie above the range, as in `first_free`."""
    return min(bounds(port, cluster)[1] - port.count + 1, HIGHEST_PORT - reach(port)) - number


def _is_free(window: Ledger, offset: int, taken: Ledger) -> bool:
    return all(clash(taken, (first + offset, last + offset)) is None for first, last in window)


def _runs(blocks: Iterable[int]) -> Iterator[tuple[int, int]]:
    for _, run in groupby(enumerate(blocks), key=lambda pair: pair[1] - pair[0]):
        of_run = [block for _, block in run]
        yield of_run[0], of_run[-1]


def _refusal(blocks: PortBlocks, cluster: Cluster) -> list[Finding]:
    findings = Findings()
    low, high = cluster.port_range.first, cluster.port_range.last
    message = (
        f"the job's ports take {counted(blocks.step, 'number')} from {blocks.first} on, and the cluster's `port-range`"
        f" {low}-{high} has no room for them a second time"
    )
    lasts = [blocks.first + blocks.step * times - 1 for times in _MANY]
    wider = ladder(("cluster", "port-range"), [f"{low}-{last}" for last in lasts if high < last <= HIGHEST_PORT])
    none = ladder(("job", "port-offset"), ["none"])
    refuse(findings, "D304", message, ("cluster", "port-range"), wider, none, otherwise="give it a wider range")
    return findings.found
