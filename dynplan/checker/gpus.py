"""The promises about GPUs: whose they are, in one piece, in order, and inside one group where that can be."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache

from attrs import frozen

from dynplan.checker.pieces import Piece, go_together, in_turn, pieces_of
from dynplan.checker.shapes import rooms_of
from dynplan.checker.stated import Request, RequestedRole, StatedNode, StatedPlan, StatedTask, StatedWorker
from dynplan.checker.turns import Order, order_of
from dynplan.diagnostics import Findings

_MOST_GPUS = 32  # more on one node: whether another arrangement crosses fewer groups is not searched for

Groups = tuple[tuple[int, ...], ...]
Holding = tuple[StatedWorker, StatedTask]


def check_gpus(plan: StatedPlan, findings: Findings) -> None:
    """Report GPUs that are held twice, outside their node, apart, out of order or across groups."""
    holdings: list[list[Holding]] = [[] for _ in plan.nodes]
    largest = max(node.gpus for node in plan.nodes)
    roles = {role.name: role for role in plan.request.roles} if plan.request else {}
    order = order_of(plan)
    rooms = rooms_of(plan.request, order if plan.in_turns else None) if plan.request else _least_rooms(plan, largest)
    for worker in plan.workers:
        role = roles.get(worker.role)
        if role and role.equal_slices:
            _check_equal(worker, findings)
        if worker.shares:
            continue  # it holds what another one holds
        _check_worker(worker, largest, role, rooms.get(worker.role, largest), findings)
        if role and role.pins:
            _check_pins(worker, role, findings)
        for task in worker.tasks:
            if task.gpus:
                holdings[task.node].append((worker, task))
    for node, held in zip(plan.nodes, holdings, strict=True):
        before = len(findings.found)
        _check_node(node, held, roles, order, findings)
        if plan.request and len(findings.found) == before:
            _check_handed_out(node, held, plan.request, order, findings)


def _least_rooms(plan: StatedPlan, largest: int) -> Mapping[str, int]:
    """Return by role the GPUs of a node that others leave which may be roles on every node: nobody says which are."""
    held: Counter[tuple[str, int]] = Counter()
    for worker in (worker for worker in plan.workers if not worker.shares):
        for task in worker.tasks:
            held[worker.role, task.node] += len(task.gpus)
    every = {role: min(held[role, node] for node in range(len(plan.nodes))) for role in plan.by_role}
    return {role: largest - sum(every.values()) + every[role] for role in every}


def _check_handed_out(
    node: StatedNode, held: Sequence[Holding], request: Request, order: Order, findings: Findings
) -> None:
    """GPUs go out in order: all of a node's where that fits at once, else those of roles that do not have turns."""
    roles = {role.name: role for role in request.roles}
    names = list(dict.fromkeys(worker.role for worker, _ in held))
    pins = [pins for name in names for pins in roles[name].pins]
    pinned = {gpu for of_worker in pins for gpu in of_worker}
    sizes = [len(task.gpus) for worker, task in held if not roles[worker.role].pins]
    apart = len(pinned) == sum(map(len, pins))
    at_once = not order.there or (apart and go_together(sizes, pieces_of(node.gpus, pinned)))
    for part in [names] if at_once else order.parts(names):
        of_part = [holding for holding in held if holding[0].role in part]
        if at_once or order.all_meet(part):
            others = [(worker, task) for worker, task in of_part if not roles[worker.role].pins]
            taken = frozenset(gpu for name in part for of_worker in roles[name].pins for gpu in of_worker)
            _check_order(node, others, request.groups, taken, findings)
        else:
            _check_settled(node, of_part, request, order, findings)


def _check_settled(
    node: StatedNode, held: Sequence[Holding], request: Request, order: Order, findings: Findings
) -> None:
    """Among roles of which some have turns no slice could lie better by itself."""
    pinned = {role.name for role in request.roles if role.pins}
    runs = _runs(request.groups, node.gpus, frozenset())
    for worker, task in (holding for holding in held if holding[0].role not in pinned):
        near = [(one, other) for one, other in held if other is not task and order.meet(one.role, worker.role)]
        taken = {gpu for _, other in near for gpu in other.gpus}
        free = [at for at in range(node.gpus - len(task.gpus) + 1) if taken.isdisjoint(range(at, at + len(task.gpus)))]
        best = min(free, key=lambda at: (not _in(at, len(task.gpus), runs), at))
        if best != task.gpus[0]:
            message = f"{worker.name} starts at GPU {task.gpus[0]} of node {node.node}, and {best} is free for it"
            fix = "of those that are free for it a slice has the lowest, inside a group where that can be"
            findings.error("D403", message, (*task.path, "gpus"), help=fix)
            return


def _check_equal(worker: StatedWorker, findings: Findings) -> None:
    """A program that takes equal slices has them."""
    sizes = sorted({len(task.gpus) for task in worker.tasks}, reverse=True)
    if len(sizes) > 1:
        message = f"the slices of {worker.name} have {_listed(sizes)} GPUs, and its role takes equal ones"
        findings.error("D406", message, (*worker.path, "tasks"))


def _check_pins(worker: StatedWorker, role: RequestedRole, findings: Findings) -> None:
    """A worker whose role names its GPUs has these on each of its nodes."""
    pins = role.pins[worker.worker % len(role.pins)]
    for task in worker.tasks:
        if task.gpus != pins:
            has = _listed(task.gpus) if task.gpus else "none"
            message = f"the GPUs of {worker.name} on node {task.node} are {has}, and its role names {_listed(pins)}"
            findings.error("D415", message, (*task.path, "gpus"))
            return


def _check_worker(
    worker: StatedWorker, largest: int, role: RequestedRole | None, room: int, findings: Findings
) -> None:
    """A worker that fits on a node has one task; a larger one's slices differ by at most one GPU, or fill nodes."""
    nodes = Counter(task.node for task in worker.tasks)
    if len(worker.tasks) == 1:
        return
    twice = next((task for task in worker.tasks if nodes[task.node] > 1), None)
    if twice:
        findings.error("D406", f"{worker.name} has two tasks on node {twice.node}", (*worker.path, "tasks"))
        return
    sizes = [len(task.gpus) for task in worker.tasks]
    fills = role is not None and role.split == "fill" and worker.gpus > largest
    may_fill = role is None and worker.gpus > largest and room <= sizes[0] <= largest
    whole = room if fills else sizes[0] if may_fill else largest
    span = -(-worker.gpus // whole) if whole > 0 else 0
    if len(nodes) > max(1, span):
        nodes_needed = "one node holds" if span <= 1 else f"{span} nodes hold"
        message = f"{worker.name} has {worker.gpus} GPUs on {len(nodes)} nodes, and {nodes_needed} them"
        findings.error("D406", message, (*worker.path, "tasks"))
    filled = [size == whole for size in sizes[:-1]] == [True] * (len(sizes) - 1) and 0 < sizes[-1] <= whole
    if fills and not filled:
        message = f"the slices of {worker.name} have {_listed(sizes)} GPUs, by rank, and a node has {whole} for them"
        fix = "whole nodes come first, and the last slice is the rest"
        findings.error("D406", message, (*worker.path, "tasks"), help=fix)
    elif max(sizes) - min(sizes) > 1 and not fills and (role or not filled):
        message = f"the slices of {worker.name} have {_listed(sorted(set(sizes), reverse=True))} GPUs"
        fix = "slices of one worker differ by at most one GPU"
        findings.error("D406", message, (*worker.path, "tasks"), help=fix)


def _check_node(
    node: StatedNode,
    held: Sequence[Holding],
    roles: Mapping[str, RequestedRole],
    order: Order,
    findings: Findings,
) -> None:
    """Every GPU of a node has at most one worker at a time, and every worker's are a run of them."""
    owners: dict[int, list[StatedWorker]] = {}
    for worker, task in held:
        path = (*task.path, "gpus")
        if task.gpus != tuple(range(task.gpus[0], task.gpus[0] + len(task.gpus))):
            message = f"the GPUs of {worker.name} on node {node.node} are {_listed(task.gpus)}"
            findings.error("D402", message, path, help="a slice is ascending and contiguous")
        for index, gpu in enumerate(task.gpus):
            if gpu >= node.gpus:
                message = f"{worker.name} holds GPU {gpu} of node {node.node}, which has {node.gpus}"
                findings.error("D402", message, (*path, index))
                break
            owner = next((one for one in owners.get(gpu, ()) if order.meet(one.role, worker.role)), None)
            if owner:
                both = f"by {owner.name} and by {worker.name}" if owner is not worker else f"by {worker.name}"
                message = f"GPU {gpu} of node {node.node} is held twice: {both}"
                findings.error("D401", message, (*path, index), help=_never_first(owner, worker, roles))
                break
            owners.setdefault(gpu, []).append(worker)


def _never_first(one: StatedWorker, other: StatedWorker, roles: Mapping[str, RequestedRole]) -> str:
    """Say what is missing where one of two roles is a task, which gives its GPUs back to roles that come after it."""
    for task, later in ((one.role, other.role), (other.role, one.role)):
        if task != later and task in roles and roles[task].task:
            return f"`{later}`, or a role beside it, does not come after the task `{task}`"
    return ""


def _check_order(
    node: StatedNode, held: Sequence[Holding], groups: Groups, pinned: frozenset[int], findings: Findings
) -> None:
    """GPUs go out from index 0 up in the order of the list, around pinned ones; only groups may change that.

    Pinned ones may where some would find no place in turn.
    """
    sizes = tuple(len(task.gpus) for _, task in held)
    firsts = tuple(task.gpus[0] for _, task in held)
    pieces = pieces_of(node.gpus, pinned)
    in_a_row = in_turn(sizes, pieces)
    if not groups and in_a_row in (firsts, None):
        return
    runs = _runs(groups, node.gpus, pinned)
    row = _inside(in_a_row, sizes, runs) if in_a_row is not None else -1
    most = row if row == sum(_fits(size, runs) for size in sizes) else _most_inside(sizes, runs, pieces)
    if most is None or most == _inside(firsts, sizes, runs) != row:
        return
    if most == row and in_a_row is not None:
        _report_order(node, held, in_a_row, findings)
    else:
        _report_crossing(node, held, runs, most, findings)


def _report_order(node: StatedNode, held: Sequence[Holding], in_a_row: Sequence[int], findings: Findings) -> None:
    for (worker, task), first in zip(held, in_a_row, strict=True):
        if task.gpus[0] != first:
            message = f"{worker.name} starts at GPU {task.gpus[0]} of node {node.node}, and its turn is at {first}"
            fix = "GPUs go out from index 0 up, by role, then by worker"
            findings.error("D403", message, (*task.path, "gpus"), help=fix)
            return


def _report_crossing(
    node: StatedNode, held: Sequence[Holding], runs: "tuple[_Run, ...]", most: int, findings: Findings
) -> None:
    crossing = [
        (worker, task)
        for worker, task in held
        if _fits(len(task.gpus), runs) and not _in(task.gpus[0], len(task.gpus), runs)
    ]
    worker, task = crossing[0]
    message = f"{worker.name} crosses a border of `gpu-groups` on node {node.node}"
    fix = f"{most} of the {len(held)} slices there can stay inside a group, not only {len(held) - len(crossing)}"
    findings.error("D404", message, (*task.path, "gpus"), help=fix)


@frozen
class _Run:
    """A stretch of GPUs that lie side by side and in one group, the end exclusive."""

    first: int
    end: int


@cache
def _runs(groups: Groups, gpus: int, pinned: frozenset[int]) -> tuple[_Run, ...]:
    """Return the stretches of a node that nobody has by index; without groups it is one."""
    group_of = {gpu: at for at, group in enumerate(groups) for gpu in group} | dict.fromkeys(pinned, -1)
    borders = [gpu for gpu in range(1, gpus) if group_of.get(gpu) != group_of.get(gpu - 1)]
    runs = (_Run(first, end) for first, end in zip([0, *borders], [*borders, gpus], strict=True))
    return tuple(run for run in runs if run.first not in pinned)


def _fits(size: int, runs: tuple[_Run, ...]) -> bool:
    return any(size <= run.end - run.first for run in runs)


def _in(first: int, size: int, runs: tuple[_Run, ...]) -> bool:
    return any(run.first <= first and first + size <= run.end for run in runs)


def _inside(firsts: Sequence[int], sizes: Sequence[int], runs: tuple[_Run, ...]) -> int:
    return sum(_in(first, size, runs) for first, size in zip(firsts, sizes, strict=True))


@cache
def _most_inside(sizes: tuple[int, ...], runs: tuple[_Run, ...], pieces: tuple[Piece, ...]) -> int | None:
    """Return the most slices that lie inside a run each, over all arrangements; None where it is not searched.

    A slice may be moved down until it meets another one or the start of its run without leaving the
    run, so only those places are tried.
    """
    end = runs[-1].end if runs else 0
    if end > _MOST_GPUS:
        return None
    starts = [run.first for run in runs]

    @cache
    def most(at: int, left: tuple[int, ...]) -> int:
        if not left:
            return 0
        if sum(left) > end - at:
            return -len(sizes) - 1
        room = max((stop - at for first, stop in pieces if first <= at < stop), default=0)
        choices = [size for size in dict.fromkeys(left) if size <= room]
        found = [_in(at, size, runs) + most(at + size, _without(left, size)) for size in choices]
        later = next((start for start in starts if start > at), None)
        return max([*found, -len(sizes) - 1] + ([most(later, left)] if later is not None else []))

    return most(0, tuple(sorted(sizes)))


def _without(sizes: tuple[int, ...], size: int) -> tuple[int, ...]:
    at = sizes.index(size)
    return sizes[:at] + sizes[at + 1 :]


def _listed(numbers: Sequence[int]) -> str:
    *most, last = map(str, numbers)
    return f"{', '.join(most)} and {last}" if most else last
