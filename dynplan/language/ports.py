"""Read the `ports` of a role: a number, `"auto"`, or a table -> `Port`."""

import re
from collections.abc import Mapping
from typing import Any

from attrs import evolve

from dynplan.language.expressions import ExprError, evaluate
from dynplan.language.lookups import lookup_of
from dynplan.language.sizes import report_expression
from dynplan.language.tables import Table, name_of
from dynplan.model import AUTO_PORT, HIGHEST_PORT, Port, Role

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,40}")
_DIGITS = re.compile(r"[0-9]{1,5}")
_OFFSET = re.compile(r"\+?([0-9]{1,5})(?:\.\.\+?([0-9]{1,5}))?")


def read_ports(role: Table, gpus: int, on_node: int) -> tuple[Port, ...]:
    """Read every port of a role, in file order.

    Args:
        role: its table.
        gpus: of one of its workers.
        on_node: of one of its workers on one node, the most where its slices differ.
    """
    numbers = {"gpus-per-worker": gpus, "gpu-count": on_node}
    return tuple(_port(name, value, role, numbers) for name, value in role.table("ports").data.items())


def with_offset(roles: tuple[Role, ...], port_offset: str) -> tuple[Role, ...]:
    """Return the roles of a job: where it takes ports by its id, those not fixed come from the cluster's range."""
    if port_offset == "none":
        return roles
    return tuple(evolve(role, ports=tuple(map(_in_the_range, role.ports))) for role in roles)


def _in_the_range(port: Port) -> Port:
    return port if port.fixed else evolve(port, base=AUTO_PORT)


def _port(name: str, value: Any, role: Table, numbers: Mapping[str, int]) -> Port:
    path = role.at("ports", name)
    if not _NAME.fullmatch(name) or name == "last":
        role.findings.error(
            "D109", f"`{name}` is not a name for a port", path, help="use small letters, digits, `-` and `_`", key=True
        )
    if not isinstance(value, Mapping):
        value = {"base": value}
    table = Table(value, path, role.findings)
    fixed, base = _base(table)
    same, on = table.flag("same", False), table.choice("on", ("leader", "every-task"), "leader")
    port = Port(
        name=name,
        base=base,
        count=_count(table, role, numbers),
        low=table.count("min", 1, 1, HIGHEST_PORT) or 1,
        high=table.count("max", HIGHEST_PORT, 1, HIGHEST_PORT) or HIGHEST_PORT,
        fixed=fixed,
        everywhere=same or on == "every-task",
        same=same,
        job_wide=table.choice("scope", ("node", "job"), "node") == "job",
        probed=table.flag("probe", True),
        also=_offsets(table),
    )
    table.close()
    _check_bounds(port, table)
    return port


def _base(table: Table) -> tuple[bool, int]:
    """Return whether the port is fixed, and its base; a fixed port may name its number itself."""
    fixed = table.get("fixed")
    if isinstance(fixed, int) and not isinstance(fixed, bool):
        if "base" in table and table.data["base"] != fixed:
            table.bad("fixed", f"{name_of(table.path)} is fixed at {fixed} but has another base", code="D113")
        return True, table.number(fixed, table.at("fixed"), 1, HIGHEST_PORT, 1) or 1
    base = table.get("base")
    if base is None:  # a port with a lower bound alone starts there
        base = table.count("min", None, 1, HIGHEST_PORT)
    exact = table.flag("fixed", False)
    if base is None or base == "auto":
        if exact:
            table.bad("fixed", f"{name_of(table.path)} is fixed, but no number says at what", "set `base`", "D113")
        return False, AUTO_PORT
    path = table.at("base") if "base" in table.data else table.path
    if isinstance(base, str):
        number = base if _DIGITS.fullmatch(base) else ""
        fix = f"leave out the quotes: `{number}`" if number else 'it is a number, or `"auto"`'
        table.findings.error("D104", f"{name_of(table.path)} cannot be `{base}`", path, help=fix)
        return exact, AUTO_PORT
    return exact, table.number(base, path, 1, HIGHEST_PORT, 1) or 1


def _count(table: Table, role: Table, numbers: Mapping[str, int]) -> int:
    value = table.get("count")
    if not isinstance(value, str):
        return table.count("count", 1, 1, HIGHEST_PORT) or 1
    try:
        count = evaluate(value, lookup_of(role.data, numbers))
    except ExprError as error:
        report_expression(error, table.at("count"), table.findings)
        return 1
    return table.number(count, table.at("count"), 1, HIGHEST_PORT, 1) or 1


def _offsets(table: Table) -> tuple[int, ...]:
    value = table.get("also")
    items = value if isinstance(value, list) else [] if value is None else [value]
    found: set[int] = set()
    for index, item in enumerate(items):
        text = str(item) if isinstance(item, int) and not isinstance(item, bool) else item
        match = _OFFSET.fullmatch(text) if isinstance(text, str) else None
        low, high = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if low > high or high > HIGHEST_PORT:
            path = table.at("also", index) if isinstance(value, list) else table.at("also")
            table.findings.error("D104", f"{name_of(path)} is no offset", path, help='write 13, or `"233..239"`')
            continue
        found.update(range(low, high + 1))
    return tuple(sorted(found))


def _check_bounds(port: Port, table: Table) -> None:
    top = port.base + max((port.count - 1, *port.also))
    if port.base != AUTO_PORT and top > HIGHEST_PORT:
        table.findings.error(
            "D302",
            f"{name_of(table.path)} reaches port {top}, past {HIGHEST_PORT}",
            table.at("base") if "base" in table.data else table.path,
            help=f"start at {HIGHEST_PORT - (top - port.base)} or below",
        )
    elif port.low > port.high or (port.base != AUTO_PORT and port.base + port.count - 1 > port.high):
        table.bad("max", f"{name_of(table.path)} cannot stay at or below {port.high}", "raise `max`, or lower the base")
    elif port.fixed and port.base < port.low:
        table.bad("min", f"{name_of(table.path)} is fixed below its `min`", code="D113")
