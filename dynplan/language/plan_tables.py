"""The tables that a plan repeats: resolved tables in which nothing is left to compute.

A table stands there only where its place among its neighbours says nothing: TOML writes tables
after scalars, and the order of `args` and `ports` means something.
"""

from collections.abc import Mapping
from math import isfinite
from typing import Any

from dynplan.diagnostics import Findings
from dynplan.language.command_line import compact_json
from dynplan.model import AUTO_PORT, EachText, GroupNodes, Port, Role, Tables, TextFile

Hosts = tuple[str, ...] | tuple[GroupNodes, ...]


def tables_for_plan(
    tables: Tables, name: str, hosts: Hosts, roles: tuple[Role, ...], files: tuple[TextFile, ...]
) -> Tables:
    """Return the tables with the job's name set, every expression worked out and every host list written out.

    Args:
        tables: resolved tables, which the reader has read.
        name: the job's name, whether the tables set it or not.
        hosts: the job's hosts, on a cluster with node groups by group.
        roles: what was read from `tables["roles"]`.
        files: what was read from `tables["files"]`.
    """
    job = {key: value for key, value in _table(tables.get("job")).items() if key != "name"}
    phases = _table(tables.get("phases"))
    return {
        "job": {"name": name, **job, **_hosts(hosts)},
        "roles": {role.name: _role(_table(tables["roles"][role.name]), role) for role in roles},
        **({"cluster": tables["cluster"]} if tables.get("cluster") else {}),
        **({"phases": {at: _with_words(_table(phase)) for at, phase in phases.items()}} if phases else {}),
        **({"files": {file.name: {"content": _content(file)} for file in files}} if files else {}),
        **({"results": tables["results"]} if tables.get("results") else {}),
        **({"meta": plain(tables["meta"])} if tables.get("meta") else {}),
    }


def _hosts(hosts: Hosts) -> Tables:
    names = [host for host in hosts if isinstance(host, str)]
    by_group = {one.group: list(one.hosts) for one in hosts if isinstance(one, GroupNodes) and one.hosts}
    return {"nodes": names or by_group} if names or by_group else {}


def plain(value: Any) -> Any:
    """Return what JSON can carry as well: dates, times and numbers that are none become text."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return list(map(plain, value))
    return value if isinstance(value, str | int) or (isinstance(value, float) and isfinite(value)) else str(value)


def _content(file: TextFile) -> Any:
    if len(file.content) == 1 and isinstance(file.content[0], str):
        return file.content[0]
    return [part if isinstance(part, str) else _each(part) for part in file.content]


def _each(part: EachText) -> Tables:
    between = {"between": part.between} if part.between else {}
    return {"each-task" if part.tasks else "each": part.role, "text": part.text, **between}


def _role(table: Tables, role: Role) -> Tables:
    settled = dict(_with_words(table))
    if isinstance(table.get("gpus-per-worker"), str):
        settled["gpus-per-worker"] = role.size.gpus
    if role.size.hosts:
        settled["nodes"] = list(role.size.hosts)
    if role.size.group:
        settled["group"] = role.size.group
    if role.ports:
        settled["ports"] = {port.name: _port(table["ports"][port.name], port) for port in role.ports}
    for key in ("ready", "alive"):
        if key in table:
            probes = table[key]
            settled[key] = list(map(_probe, probes)) if isinstance(probes, list) else _probe(probes)
    return settled


def _with_words(table: Tables) -> Tables:
    """Return the table of a role or phase with words for tables, and without what was said of its flags."""
    table = {key: value for key, value in table.items() if key not in ("flags-of", "known-flags")}
    args = table.get("args")
    return {**table, "args": {key: _word(value) for key, value in args.items()}} if isinstance(args, Mapping) else table


def _probe(probe: Any) -> Any:
    return {**probe, "post": _word(probe["post"])} if isinstance(probe, Mapping) and "post" in probe else probe


def _word(value: Any) -> Any:
    """Write a table as the JSON it becomes; what is wrong with it has been reported."""
    return compact_json(value, (), Findings()) if isinstance(value, Mapping) else value


def _port(value: Any, port: Port) -> Any:
    if not isinstance(value, Mapping):
        return {"base": value}
    base = {} if port.fixed or port.base == AUTO_PORT else {"base": port.base}
    count = {"count": port.count} if isinstance(value.get("count"), str) else {}
    return {**value, **base, **count}


def _table(value: Any) -> Tables:
    return value if isinstance(value, Mapping) else {}
