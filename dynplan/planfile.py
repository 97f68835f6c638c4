"""The plan as an artefact: `Plan` <-> the tree that TOML and JSON carry.

The tree repeats the resolved tables of the job (`job`, `roles`, `phases`, `cluster`) in the
language itself, and adds `nodes`, `workers`, `placement` and `warnings`. Reading it back needs
no job file.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from dynplan.errors import Finding, Findings
from dynplan.model import Block, Job, Node, Placement, Plan, Ports, Role, Task, Worker
from dynplan.read import read
from dynplan.readport import HIGHEST
from dynplan.table import LARGEST, Table, kind

SCHEMA = 1
Data = dict[str, Any]


def to_tree(plan: Plan) -> Data:
    """Return the plan as tables, lists and scalars; `None` stands for a host without a name."""
    tables = plan.job.tables
    return {
        "schema": SCHEMA,
        **{key: tables[key] for key in ("job", "cluster") if key in tables},
        "placement": {"mode": plan.placement.mode, "lower-bound": plan.placement.lower, "head": plan.head},
        **{key: tables[key] for key in ("roles", "phases") if key in tables},
        "nodes": [{"node": node.node, "host": node.host, "gpus": node.gpus} for node in plan.nodes],
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

    Only the form is checked here; whether its promises hold is for `dynplan.check`.

    Raises:
        InputError: D501 where this is no plan, D1xx where a table of it is wrong.
    """
    findings = Findings()
    if tree.get("schema") != SCHEMA:
        message = f"this is no plan of schema {SCHEMA}"
        findings.error("D501", message, ("schema",), help="write one: `dynplan plan JOB`")
        findings.raise_if_errors()
    tables = {key: tree[key] for key in ("job", "roles", "phases", "cluster") if tree.get(key)}
    job = read(tables)
    top = Table(tree, (), findings)
    place = top.table("placement")
    nodes = tuple(_node(row) for row in _rows(top, "nodes"))
    workers = tuple(_worker(row, job, len(nodes)) for row in _rows(top, "workers"))
    plan = Plan(
        job=job,
        placement=Placement(
            "shared" if place.choice("mode", ("separate", "shared"), "separate") == "shared" else "separate",
            place.count("lower-bound", 1) or 1,
        ),
        head=place.count("head", 0, 0, max(0, len(nodes) - 1)) or 0,
        nodes=nodes,
        workers=workers,
        warnings=tuple(_warning(row) for row in _rows(top, "warnings")),
    )
    _check_complete(plan, findings)
    findings.raise_if_errors()
    return plan


def _worker_tree(worker: Worker) -> Data:
    return {"role": worker.role, "worker": worker.worker, "tasks": [_task_tree(task) for task in worker.tasks]}


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


def _node(row: Table) -> Node:
    host = row.line("host") if row.get("host") is not None else None
    return Node(row.count("node", 0, 0) or 0, host, row.count("gpus", 0, 0) or 0)


def _worker(row: Table, job: Job, nodes: int) -> Worker:
    name = row.text("role")
    role = next((role for role in job.roles if role.name == name), None)
    if role is None:
        row.findings.error("D502", f"the plan has a worker of `{name}`, which is no role", row.at("role"))
    tasks = tuple(_task(task, role, nodes) for task in _rows(row, "tasks"))
    if not tasks:
        row.findings.error("D502", f"a worker of role `{name}` has no tasks", row.path)
    return Worker(name, row.count("worker", 0, 0) or 0, tasks)


def _task(row: Table, role: Role | None, nodes: int) -> Task:
    node = row.count("node", 0, 0) or 0
    if node >= nodes:
        row.findings.error("D502", f"a task stands on node {node}, and the plan has {nodes}", row.at("node"))
    return Task(row.count("rank", 0, 0) or 0, node, _gpus(row), _ports(row.table("ports"), role))


def _gpus(row: Table) -> tuple[int, ...]:
    value = row.get("gpus")
    if not isinstance(value, list):
        row.findings.error("D102", f"`gpus` must be a list of GPU indices, not {kind(value)}", row.at("gpus"))
        return ()
    found = [row.number(item, row.at("gpus", index), 0, LARGEST) for index, item in enumerate(value)]
    return tuple(item for item in found if item is not None)


def _ports(table: Table, role: Role | None) -> Ports:
    known = {port.name for port in role.ports} if role else set()
    found: list[tuple[str, Block]] = []
    for name, value in table.data.items():
        block = Table(value, table.at(name), table.findings)
        if role and name not in known:
            table.findings.error("D502", f"role `{role.name}` has no port `{name}`", table.at(name), key=True)
        found.append((name, Block(block.count("port", 1, 1, HIGHEST) or 1, block.count("count", 1, 1, HIGHEST) or 1)))
    return tuple(found)


def _warning(row: Table) -> Finding:
    path = row.get("path")
    place = tuple(part for part in path if isinstance(part, str | int)) if isinstance(path, list) else ()
    return Finding(row.line("code"), row.text("message"), place, row.text("help"))


def _check_complete(plan: Plan, findings: Findings) -> None:
    """Report roles without a worker: nothing after this could say where they are."""
    if not plan.nodes:
        findings.error("D502", "the plan has no nodes", ("nodes",))
    have = {worker.role for worker in plan.workers}
    for role in plan.job.roles:
        if role.name not in have:
            findings.error("D502", f"the plan has no worker of role `{role.name}`", ("roles", role.name))
    for index, node in enumerate(plan.nodes):
        if node.node != index:
            findings.error("D502", f"node {index} of the plan calls itself {node.node}", ("nodes", index, "node"))
    for role in plan.job.roles:
        _check_leader_ports(plan, role, findings)


def _check_leader_ports(plan: Plan, role: Role, findings: Findings) -> None:
    wanted = [port.name for port in role.ports]
    for index, worker in enumerate(plan.workers):
        if worker.role != role.name or not worker.tasks:
            continue
        have = {name for name, _ in worker.tasks[0].ports}
        missing = [name for name in wanted if name not in have]
        if missing:
            findings.error(
                "D502",
                f"worker {worker.worker} of role `{role.name}` has no port `{missing[0]}`",
                ("workers", index, "tasks", 0),
            )
