"""Read `gpus` of a role: the GPUs of its workers on each of their nodes, by index. Only for roles that have the key."""

from typing import Any

from dynplan.language.tables import Table
from dynplan.model import Pins

_LARGEST = 1023  # of an index; what a node has is the planner's to say


def read_pins(table: Table) -> Pins:
    """Read one list of indices, or one for each worker of a node; nothing where something is wrong with it."""
    value = table.get("gpus")
    if not isinstance(value, list):
        number = value if isinstance(value, int) and not isinstance(value, bool) else 4
        fix = f"write `gpus-per-worker = {number}` for a number, `gpus = [0, 1]` for these two of each node"
        table.wrong(table.at("gpus"), "a list of indices", value, fix)
        return ()
    nested = bool(value) and all(isinstance(item, list) for item in value)
    lists = value if nested else [value]
    before = len(table.findings.found)
    for at, indices in enumerate(lists):
        _check_list(indices, table, table.at("gpus", at) if nested else table.at("gpus"))
    if len(table.findings.found) > before:
        return ()
    pins = tuple(tuple(indices) for indices in lists)
    _check_lists(pins, table)
    _check_workers(pins, table)
    return pins if len(table.findings.found) == before else ()


def _check_list(indices: list[Any], table: Table, path: tuple[str | int, ...]) -> None:
    """Report indices that are none, or no slice: ascending and side by side."""
    name = f"`gpus` of role `{table.path[-1]}`"
    if not all(isinstance(gpu, int) and not isinstance(gpu, bool) for gpu in indices):
        fix = "write `gpus = [0, 1]`, or for two workers on a node `gpus = [[0, 1], [2, 3]]`"
        table.findings.error("D102", f"{name} must be a list of indices", path, help=fix)
        return
    strange = next((gpu for gpu in indices if not 0 <= gpu <= _LARGEST), None)
    twice = next((gpu for at, gpu in enumerate(indices) if gpu in indices[:at]), None)
    if not indices:
        table.findings.error("D104", f"{name} names none", path, help="name one, or leave the key out")
    elif strange is not None:
        table.findings.error("D104", f"{name} cannot be {strange}", path, help="the GPUs of a node count from 0")
    elif twice is not None:
        table.findings.error("D104", f"{name} names {twice} twice", path, help="name each once")
    elif indices != sorted(indices):
        table.findings.error("D104", f"{name} do not ascend", path, help=f"write `{sorted(indices)}`")
    elif indices[-1] - indices[0] >= len(indices):
        run = list(range(indices[0], indices[0] + len(indices)))
        fix = f"a worker's GPUs lie side by side: `{run}`, or a role for each part"
        table.findings.error("D104", f"{name} leave out some between {indices[0]} and {indices[-1]}", path, help=fix)


def _check_lists(pins: Pins, table: Table) -> None:
    """Report lists of several workers that are not alike, or name a GPU together."""
    name, path = f"`gpus` of role `{table.path[-1]}`", table.at("gpus")
    if len({len(indices) for indices in pins}) > 1:
        message = f"{name} are of different lengths, and the workers of a role are alike"
        table.findings.error("D104", message, path, help="write lists of one length, or a role for each")
        return
    seen: set[int] = set()
    for indices in pins:
        twice = next((gpu for gpu in indices if gpu in seen), None)
        if twice is not None:
            table.findings.error("D104", f"{name} give {twice} to two workers", path, help="give it to one of them")
            return
        seen.update(indices)


def _check_workers(pins: Pins, table: Table) -> None:
    """Report numbers and sizes of workers that are not those of the lists."""
    per, path = table.get("workers-per-node"), table.at("gpus")
    if per is not None and per != len(pins):
        count = "1 worker" if len(pins) == 1 else f"{len(pins)} workers"
        size = len(pins[0])
        fix = "leave it out: it is the number of lists"
        if len(pins) == 1 and isinstance(per, int) and 1 < per <= _LARGEST // size:
            first = pins[0][0]
            lists = [list(range(first + at * size, first + (at + 1) * size)) for at in range(min(per, 8))]
            fix = f"write a list for each: `gpus = {lists}`" if per <= len(lists) else "write a list for each"
        message = f"`gpus` are those of {count} on a node, and `workers-per-node` says {per}"
        table.findings.error("D113", message, path, help=fix, also=table.at("workers-per-node"))
    if table.get("gpus-per-worker") == 0:
        message, also = f"role `{table.path[-1]}` has no GPUs by `gpus-per-worker`, and names some", "gpus-per-worker"
        table.findings.error("D113", message, path, help="leave out one of the two", also=table.at(also))
    if table.get("split") == "fill":
        message, also = "`gpus` are the same on each node of a worker, and `fill` is whole nodes and a rest", "split"
        table.findings.error("D113", message, path, help="leave out one of the two", also=table.at(also))
