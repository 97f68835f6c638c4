"""The plan as an artefact: `Plan` <-> the tree that TOML and JSON carry.

The tree repeats the resolved tables of the job (`job`, `roles`, `phases`, `cluster`) in the
language itself, and adds `nodes`, `workers`, `placement` and `warnings`. Reading it back needs
no job file.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from dynplan.diagnostics import Finding, Findings
from dynplan.language.cluster import MOST_GPUS
from dynplan.language.job import read
from dynplan.language.tables import LARGEST, Table, kind
from dynplan.language.task_numbers import check_expressions
from dynplan.model import (
    HIGHEST_PORT,
    Block,
    Node,
    Outline,
    Placement,
    Plan,
    PortBlocks,
    Ports,
    Role,
    Segments,
    Task,
    Worker,
)

SCHEMA = 1
_RUN = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")
_OF_THE_JOB = ("job", "roles", "phases", "files", "cluster", "meta", "results")
Data = dict[str, Any]
_Reader = Callable[[Table, str], str]
_BY_GROUP = "say it of each group: `segment = { GROUP = 18 }`"


def to_tree(plan: Plan) -> Data:
    """Return the plan as tables, lists and scalars; `None` stands for a host without a name."""
    tables = plan.job.tables
    return {
        "schema": SCHEMA,
        **{key: tables[key] for key in ("job", "meta", "cluster") if key in tables},
        "placement": _placement_tree(plan),
        **({"port-offset": _blocks_tree(plan.blocks)} if plan.blocks else {}),
        **{key: tables[key] for key in ("roles", "phases", "files", "results") if key in tables},
        "nodes": list(map(_node_tree, plan.nodes)),
        "workers": [_worker_tree(worker) for worker in plan.workers],
        "warnings": [_warning_tree(warning) for warning in plan.warnings],
    }


def to_toml(plan: Plan) -> str:
    """Return the plan as TOML."""
    import tomli_w  # `compile` writes no TOML

    return tomli_w.dumps(without_none(to_tree(plan)))


def without_none(tree: Any) -> Any:
    """Return the tree as TOML can carry it: what is `None` is left out."""
    if isinstance(tree, dict):
        return {key: without_none(value) for key, value in tree.items() if value is not None}
    if isinstance(tree, list):
        return [without_none(value) for value in tree]
    return tree


def from_tree(tree: Mapping[str, Any]) -> Plan:
    """Return the plan that a tree describes.

    Only the form is checked here; whether its promises hold is for `dynplan.checker.promises`.

    Raises:
        InputError: D501 where this is no plan, D1xx where a table of it is wrong, D502 where its parts
            do not fit together.
    """
    findings = Findings()
    _check_schema(tree, findings)
    if "roles" not in tree:
        message, fix = (
            "this plan says where its workers stand, but not what they run",
            "write a whole one: `dynplan plan JOB`",
        )
        findings.error("D103", message, ("workers",), help=fix, key=True)
        findings.raise_if_errors()
    job = read({key: tree[key] for key in _OF_THE_JOB if tree.get(key)})
    found = _outline(tree, findings)
    plan = Plan(
        job=job,
        placement=Placement(
            mode="shared" if found.mode == "shared" else "separate",
            lower=found.lower,
            in_turns=found.in_turns,
            segment=found.segment,
            segments=found.segments,
        ),
        head=found.head or 0,
        nodes=found.nodes,
        workers=found.workers,
        warnings=found.warnings,
        blocks=found.blocks,
    )
    _check_blocks(plan, findings)
    _check_segments(plan, findings)
    _check_roles(plan, findings)
    findings.raise_if_errors()
    check_expressions(plan)
    return plan


def outline(tree: Mapping[str, Any]) -> Outline:
    """Return where everything stands by a tree that may hold no more than that.

    Nobody runs it: names may hold anything, and whoever shows them makes it visible.

    Raises:
        InputError: D501, D102 to D110 or D502, as `from_tree`.
    """
    findings = Findings()
    _check_schema(tree, findings)
    found = _outline(tree, findings, Table.text)
    findings.raise_if_errors()
    return found


def _placement_tree(plan: Plan) -> Data:
    place = plan.placement
    in_turns = {"in-turns": True} if place.in_turns else {}
    segment: Data = {"segment": dict(place.segments) or place.segment} if place.segments or place.segment else {}
    return {"mode": place.mode, "lower-bound": place.lower, "head": plan.head, **in_turns, **segment}


def _node_tree(node: Node) -> Data:
    group = {"group": node.group} if node.group else {}
    return {"node": node.node, "host": node.host, "gpus": node.gpus, **group}


def _worker_tree(worker: Worker) -> Data:
    more: Data = {"shares": worker.shares} if worker.shares else {}
    if worker.until:
        more["until"] = list(worker.until)
    return {"role": worker.role, "worker": worker.worker, **more, "tasks": list(map(_task_tree, worker.tasks))}


def _task_tree(task: Task) -> Data:
    ports = {name: {"port": block.port, "count": block.count} for name, block in task.ports}
    return {"rank": task.rank, "node": task.node, "gpus": list(task.gpus), "ports": ports}


def _warning_tree(warning: Finding) -> Data:
    return {
        "code": warning.code,
        "message": warning.message,
        "help": warning.help or None,
        "path": list(warning.path),
    }


def _rows(top: Table, key: str) -> Iterable[Table]:
    value = top.get(key)
    if value is None:
        return
    if not isinstance(value, list):
        top.wrong(top.at(key), "a list of tables", value)
        return
    for index, row in enumerate(value):
        yield Table(row, top.at(key, index), top.findings)


def _check_schema(tree: Mapping[str, Any], findings: Findings) -> None:
    if tree.get("schema") != SCHEMA:
        message = f"this is no plan of schema {SCHEMA}"
        findings.error("D501", message, ("schema",), help="write one: `dynplan plan JOB`")
        findings.raise_if_errors()


def _outline(tree: Mapping[str, Any], findings: Findings, name: _Reader = Table.line) -> Outline:
    """Read where everything stands; `name` reads what things are called."""
    top = Table(tree, (), findings)
    place = top.table("placement")
    nodes = tuple(_node(row, name) for row in _rows(top, "nodes"))
    segment, segments = _segments(place, max(1, len(nodes)))
    found = Outline(
        name=name(top.table("job"), "name"),
        mode=place.choice("mode", ("separate", "shared"), "separate") if "mode" in place else "",
        lower=place.count("lower-bound", 1) or 1,
        head=place.count("head", None, 0, max(0, len(nodes) - 1)),
        nodes=nodes,
        workers=tuple(_worker(row, len(nodes), name) for row in _rows(top, "workers")),
        warnings=tuple(_warning(row, name) for row in _rows(top, "warnings")),
        in_turns=place.flag("in-turns", False),
        blocks=_blocks(top.table("port-offset")) if "port-offset" in top else None,
        time=str(time) if isinstance(time := top.table("job").get("time"), str | int) else "",
        segment=segment,
        segments=segments,
    )
    if not nodes:
        findings.error("D502", "the plan has no nodes", ("nodes",))
    for index, node in enumerate(nodes):
        if node.node != index:
            findings.error("D502", f"node {index} of the plan calls itself {node.node}", ("nodes", index, "node"))
    return found


def _segments(place: Table, most: int) -> tuple[int, Segments]:
    """Read how many nodes are a segment: one number, or a table by node group."""
    if not isinstance(place.get("segment"), Mapping):
        return place.count("segment", 0, 1, most) or 0, ()
    table = place.table("segment")
    return 0, tuple((group, table.count(group, 1, 1, most) or 1) for group in table.data)


def _node(row: Table, name: _Reader) -> Node:
    host = name(row, "host") if row.get("host") is not None else None
    gpus = row.count("gpus", 0, 0, MOST_GPUS) or 0
    return Node(row.count("node", 0, 0) or 0, host, gpus, name(row, "group"))


def _worker(row: Table, nodes: int, name: _Reader) -> Worker:
    role = name(row, "role")
    tasks = tuple(_task(task, nodes) for task in _rows(row, "tasks"))
    if not tasks:
        row.findings.error("D502", f"a worker of role `{role}` has no tasks", row.path)
    return Worker(role, row.count("worker", 0, 0) or 0, tasks, name(row, "shares"), tuple(_names(row, "until", name)))


def _names(row: Table, key: str, name: _Reader) -> Iterable[str]:
    """Yield the texts of a list, each read as `name` reads one."""
    value = row.get(key)
    if value is not None and not isinstance(value, list):
        row.wrong(row.at(key), "a list of roles", value)
        return
    for item in value or ():
        yield name(Table({key: item}, row.path, row.findings), key)


def _task(row: Table, nodes: int) -> Task:
    node = row.count("node", 0, 0) or 0
    if node >= nodes:
        row.findings.error("D502", f"a task stands on node {node}, and the plan has {nodes}", row.at("node"))
    return Task(row.count("rank", 0, 0) or 0, node, _gpus(row), _ports(row.table("ports")))


def _gpus(row: Table) -> tuple[int, ...]:
    value = row.get("gpus")
    if not isinstance(value, list):
        row.findings.error("D102", f"`gpus` must be a list of GPU indices, not {kind(value)}", row.at("gpus"))
        return ()
    found = [row.number(item, row.at("gpus", index), 0, LARGEST) for index, item in enumerate(value)]
    return tuple(item for item in found if item is not None)


def _ports(table: Table) -> Ports:
    return tuple((name, _block(Table(value, table.at(name), table.findings))) for name, value in table.data.items())


def _block(table: Table) -> Block:
    return Block(table.count("port", 1, 1, HIGHEST_PORT) or 1, table.count("count", 1, 1, HIGHEST_PORT) or 1)


def _blocks_tree(blocks: PortBlocks) -> Data:
    runs = [f"{first}-{last}" if first < last else f"{first}" for first, last in blocks.runs]
    return {"from": "job-id", "first": blocks.first, "step": blocks.step, "blocks": runs}


def _blocks(table: Table) -> PortBlocks:
    """Read of which blocks of ports a job takes one."""
    table.choice("from", ("job-id",), "job-id")
    runs: list[tuple[int, int]] = []
    for index, text in enumerate(table.strings("blocks")):
        match = _RUN.fullmatch(text)
        run = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if run[0] > run[1] or (runs and run[0] <= runs[-1][1]):
            table.findings.error(
                "D502", f"`{text}` is no run of blocks after those before it", table.at("blocks", index)
            )
        else:
            runs.append(run)
    if not runs:
        table.findings.error("D502", "the plan has no block of ports that a job may take", table.path)
    first, step = (table.count(key, 1, 1, HIGHEST_PORT) or 1 for key in ("first", "step"))
    return PortBlocks(first, step, tuple(runs))


def _check_blocks(plan: Plan, findings: Findings) -> None:
    moving = plan.job.port_offset != "none" and any(not port.fixed for role in plan.job.roles for port in role.ports)
    if moving != (plan.blocks is not None):
        message = "says of no block that its ports move by" if moving else "moves its ports, and its job does not"
        findings.error("D502", f"the plan {message}", ("port-offset",))


def _check_segments(plan: Plan, findings: Findings) -> None:
    """Report segments of other nodes than the plan's: they are said by node group where its nodes are of some."""
    groups = {node.group for node in plan.nodes}
    strange = next((group for group, _ in plan.placement.segments if group not in groups), None)
    path = ("placement", "segment")
    if strange is not None:
        findings.error("D502", f"the plan has no nodes of node group `{strange}`", (*path, strange), key=True)
    elif plan.placement.segment and groups != {""}:
        findings.error("D502", "the plan has node groups, and `segment` is one number", path, help=_BY_GROUP)


def _warning(row: Table, name: _Reader) -> Finding:
    path = row.get("path")
    place = tuple(part for part in path if isinstance(part, str | int)) if isinstance(path, list) else ()
    return Finding(name(row, "code"), row.text("message"), place, row.text("help"))


def _check_roles(plan: Plan, findings: Findings) -> None:
    """Report workers of no role and roles without a worker: nothing after this could say where they are."""
    roles = {role.name: role for role in plan.job.roles}
    missing = dict(roles)
    for index, worker in enumerate(plan.workers):
        missing.pop(worker.role, None)
        role = roles.get(worker.role)
        if role is None:
            message = f"the plan has a worker of `{worker.role}`, which is no role"
            findings.error("D502", message, ("workers", index, "role"))
        else:
            _check_ports(worker, role, index, findings)
    for name in missing:
        findings.error("D502", f"the plan has no worker of role `{name}`", ("roles", name))


def _check_ports(worker: Worker, role: Role, index: int, findings: Findings) -> None:
    known = [port.name for port in role.ports]
    for at, task in enumerate(worker.tasks):
        path = ("workers", index, "tasks", at)
        have = [name for name, _ in task.ports]
        for name in have:
            if name not in known:
                findings.error("D502", f"role `{role.name}` has no port `{name}`", (*path, "ports", name), key=True)
        lacking = [port.name for port in role.ports if port.name not in have and (at == 0 or port.everywhere)]
        if lacking:
            message = f"rank {task.rank} of worker {worker.worker} of role `{role.name}` has no port `{lacking[0]}`"
            findings.error("D502", message, path)
