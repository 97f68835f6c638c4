"""Read the probes of a role: `ready` and `alive`, one table or a list of them -> `Probe`."""

import re
from collections.abc import Mapping

from attrs import evolve

from dynplan.diagnostics import nearest
from dynplan.language.command_line import command_texts, compact_json
from dynplan.language.tables import Table, name_of, scalar
from dynplan.model import Probe

READY_TIMEOUT_S = 3600  # engines load for tens of minutes; recipes in the field raise 30 min to hours
_HTTP = ("path", "status", "body", "post")
_KEYS = frozenset((*_HTTP, "port", "log", "command", "on", "timeout", "interval", "failures"))
_STATUS = re.compile(r"[1-5]([0-9][0-9]|xx)")


def read_probes(role: Table, key: str) -> tuple[Probe, ...]:
    """Read `ready` or `alive`: each probe with its own limit, or with its own interval."""
    return tuple(_probe(table, role, repeated=key == "alive") for table in _tables(role, key))


def _tables(role: Table, key: str) -> list[Table]:
    value = role.get(key)
    if value is None:
        return []
    items = value if isinstance(value, list) else [value]
    paths = [role.at(key, index) for index in range(len(items))] if isinstance(value, list) else [role.at(key)]
    tables = [Table(item, path, role.findings) for item, path in zip(items, paths, strict=True)]
    return [table for item, table in zip(items, tables, strict=True) if isinstance(item, Mapping)]


def _probe(table: Table, role: Table, *, repeated: bool) -> Probe:
    everywhere = table.choice("on", ("leader", "every-task"), "leader") == "every-task"
    probe = _read_kind(table, role, everywhere)
    if repeated:
        interval, failures = max(1, table.seconds("interval", 10)), table.count("failures", 3) or 3
        probe = evolve(probe, interval_s=interval, failures=failures)
    else:
        probe = evolve(probe, timeout_s=table.seconds("timeout", READY_TIMEOUT_S))
    table.close()
    return probe


def _read_kind(table: Table, role: Table, everywhere: bool) -> Probe:
    kinds = [key for key in ("port", "log", "command") if key in table]
    if len(kinds) != 1:
        _wrong_kinds(table, kinds)
        return Probe("tcp", everywhere=everywhere)
    if "log" in table:
        return Probe("log", regex=table.regex("log"), everywhere=everywhere)
    if "command" in table:
        return Probe("command", command=command_texts(table, "command"), everywhere=everywhere)
    return _network(table, role, everywhere)


def _wrong_kinds(table: Table, kinds: list[str]) -> None:
    http = [key for key in _HTTP if key in table]  # asking makes them known: they belong to one of the kinds
    if kinds:
        message = f"{name_of(table.path)} asks for " + " and ".join(f"`{kind}`" for kind in kinds) + " in one probe"
        table.findings.error("D113", message, table.path, help="make a list of it: one table for each")
    elif set(table.data) <= _KEYS:  # else a key that nobody knows is reported, and was meant for one
        message = f"{name_of(table.path)} does not say what to ask: `port`, `log` or `command`"
        fix = 'a TCP or HTTP probe names a `port`; `{ log = "regex" }` waits for a line'
        help_ = f"`{http[0]}` is asked of a `port`: name it" if http else fix
        table.findings.error("D103", message, table.path, help=help_, lacks=table.path)


def _network(table: Table, role: Table, everywhere: bool) -> Probe:
    port = table.text("port")
    ports = role.data.get("ports")
    names = list(ports) if isinstance(ports, Mapping) else []
    if port and port not in names:
        near = nearest(port, names)
        table.bad(
            "port",
            f"role `{role.path[-1]}` has no port `{port}`",
            f"did you mean `{near}`?" if near else f"declare it: `ports = {{ {port} = ... }}`",
            code="D122",
            lacks=role.at("ports", port),
        )
    http = [key for key in _HTTP if key in table]
    if not http:
        return Probe("tcp", port=port, everywhere=everywhere)
    return Probe(
        "http",
        port=port,
        path=_path(table),
        status=_status(table),
        body=table.regex("body"),
        post=_post(table),
        everywhere=everywhere,
    )


def _path(table: Table) -> str:
    path = table.line("path", "/")
    if not path.startswith("/") or " " in path:
        table.bad("path", f"{name_of(table.at('path'))} must start with `/` and hold no space")
        return "/"
    return path


def _status(table: Table) -> str:
    value = table.get("status")
    text = "2xx" if value is None else scalar(value)
    if text is None or not _STATUS.fullmatch(text):
        table.bad("status", f"{name_of(table.at('status'))} is no HTTP status", 'write 200, or `"2xx"`')
        return "2xx"
    return text


def _post(table: Table) -> str:
    value = table.get("post")
    if isinstance(value, Mapping):
        return compact_json(value, table.at("post"), table.findings)
    return table.text("post")
