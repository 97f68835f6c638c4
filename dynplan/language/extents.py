"""Read how many workers a role has, how large each of them is and where they may stand -> `Size`."""

from collections import Counter
from collections.abc import Mapping
from typing import Literal

from dynplan.language.expressions import ExprError, evaluate
from dynplan.language.host_list import expand
from dynplan.language.lookups import lookup_of
from dynplan.language.misplaced import misplaced
from dynplan.language.sizes import report_expression
from dynplan.language.tables import LARGEST, Table, name_of
from dynplan.model import Pins, Size

_ONE = "leave out one of the two"
_GPUS = "gpus-per-worker"
# What the role that another one is beside says for both.
OF_PARTNER = (
    *(_GPUS, "gpus", "workers", "num-nodes", "nodes", "workers-per-node"),
    *("per-node", "spread", "dedicated", "split", "place"),
)


def num_nodes(table: Table, key: str) -> int | Literal["min"] | None:
    """Read how many nodes: a number, `"min"`, or None where the roles decide."""
    value = table.get(key)
    if isinstance(value, str) and value != "min":
        table.wrong(table.at(key), 'a whole number or `"min"`', value)
        return None
    return "min" if value == "min" else table.count(key)


def read_hosts(table: Table, key: str) -> tuple[str, ...]:
    """Read hosts by name: a list of host lists, or one."""
    value = table.get(key)
    if value is None or (isinstance(value, Mapping) and table.path == ("job",)):
        return ()  # of a job a table is by node group
    if isinstance(value, int):
        table.wrong(table.at(key), "a list of hosts (a number of nodes is `num-nodes`)", value)
        return ()
    texts = (value,) if isinstance(value, str) else table.strings(key)
    hosts: list[str] = []
    for text in texts:
        try:
            hosts += expand(text)
        except ValueError as error:
            table.bad(key, str(error), 'write host names, or a host list such as `"node[08-15]"`')
    twice = min((host for host, times in Counter(hosts).items() if times > 1), default=None)
    if twice:
        table.bad(key, f"{name_of(table.at(key))} names `{twice}` twice", "name each host once")
    if not texts:
        table.bad(key, f"{name_of(table.at(key))} is empty", "name a host, or leave the key out")
    return tuple(hosts)


def read_size(table: Table, partner: Size | None) -> Size:
    """Read how many workers a role has, how large each is, and where they may stand.

    Args:
        table: the role.
        partner: of the role that it is beside, the one at the end of a chain; None where it is beside none.
    """
    fill = table.get("workers-per-node") == "max"
    beside = _beside(table)
    pins = _pins(table)
    gpus = _gpus(table, pins) if not beside else partner.gpus if partner else 1
    split = table.choice("split", ("even", "fill"), "even")
    hosts = read_hosts(table, "nodes")
    size = Size(
        gpus=gpus or 0,
        workers=table.count("workers"),
        num_nodes=table.count("num-nodes"),
        workers_per_node=None if fill else len(pins) if len(pins) > 1 else table.count("workers-per-node"),
        fill=fill,
        hosts=hosts,
        per_node=table.flag("per-node", False),
        spread=table.flag("spread", False),
        dedicated=table.flag("dedicated", False),
        split=partner.split if partner else "fill" if split == "fill" else "even",
        equal_slices=table.flag("equal-slices", False),
        pins=() if beside else pins,
        place=_place(table),
        beside=beside,
        group=table.text("group"),
    )
    if beside:
        _check_beside(table, beside)
    else:
        _check_size(table, size, gpus)
    return size


def _beside(table: Table) -> str:
    beside = table.text("beside")
    if "beside" in table and table.data["beside"] == "":
        table.bad("beside", "`beside` names no role", 'it is a role, `"decode"`, or left out')
    return beside


def _check_beside(table: Table, partner: str) -> None:
    """Refuse sizes and places of a role that has them from the one it is beside."""
    for key in OF_PARTNER:
        value = table.get(key)
        if value is not None and value is not False:
            message = f"`{key}` is what role `{partner}` says: `{table.path[-1]}` has a worker beside each of its"
            table.bad(key, message, "leave it out, or `beside`", "D113", also=table.at("beside"))


def _pins(table: Table) -> Pins:
    if "gpus" not in table or "beside" in table:
        return ()
    from dynplan.language.pins import read_pins  # few roles say which GPUs they have

    return read_pins(table)


def _gpus(table: Table, pins: Pins) -> int | None:
    value = table.get("gpus-per-worker")
    if value is None and "gpus" in table:
        return len(pins[0]) if pins else 1  # what is wrong with them is reported
    if not isinstance(value, str):
        return table.number(value, table.at("gpus-per-worker"), 0, LARGEST)
    try:
        gpus = evaluate(value, lookup_of(table.data))
    except ExprError as error:
        report_expression(error, table.at("gpus-per-worker"), table.findings)
        return 1
    return table.number(gpus, table.at("gpus-per-worker"), 1, LARGEST, 1)


def _place(table: Table) -> str:
    place = table.text("place")
    if place in ("", "head", "every-node") or place.startswith("with:"):
        return place
    table.bad("place", f"`place` cannot be `{place}`", 'it is `"head"`, `"every-node"` or `"with:ROLE"`')
    return ""


def _check_size(table: Table, size: Size, gpus: int | None) -> None:
    """Refuse sizes that contradict each other, whatever the cluster is."""
    nodes_keys = [key for key in ("num-nodes", "nodes", "workers", "workers-per-node") if key in table]
    sized = _GPUS in table or "gpus" in table
    if not sized and size.place == "" and not size.per_node and _wants_gpus(table, size):
        _no_gpus(table, nodes_keys[0])
    if size.place and size.gpus:
        fix, also = "leave it out, or name hosts in `nodes`", table.at("gpus-per-worker")
        table.bad("place", "`place` is for roles without GPUs", fix, code="D113", also=also)
    numbers = [key for key in nodes_keys if key != "workers-per-node"]
    if size.per_node and numbers:
        message = "`per-node` is every node, so no number of nodes or workers goes with it"
        table.bad("per-node", message, _ONE, "D113", also=table.at(numbers[0]))
    others = [key for key in nodes_keys if key != "workers" or size.place == "every-node"]
    if size.place and others:
        message = "`place` says where the role runs, so no number of nodes goes with it"
        table.bad("place", message, _ONE, "D113", also=table.at(others[0]))
    if size.fill and not size.gpus:
        message, lacks = '`"max"` is as many workers as a node has GPUs for', table.at("gpus-per-worker")
        table.bad("workers-per-node", message, "set a number", "D113", lacks=lacks)
    if size.split == "fill" and not size.gpus:
        message, lacks = "`split` is for roles with GPUs", table.at(_GPUS)
        table.bad("split", message, "set `gpus-per-worker`, or leave it out", "D113", lacks=lacks)
    if size.hosts and size.num_nodes is not None and size.num_nodes != len(size.hosts):
        table.bad(
            "nodes",
            f"`nodes` of role `{table.path[-1]}` names {len(size.hosts)} hosts, but `num-nodes` is {size.num_nodes}",
            f"set `num-nodes = {len(size.hosts)}`, or leave it out",
            code="D113",
        )


def _no_gpus(table: Table, key: str) -> None:
    message = f"role `{table.path[-1]}` says how many workers it wants, but not how many GPUs each needs"
    lacks = table.at("gpus-per-worker")
    if _GPUS in misplaced(table):
        fix = f"`{_GPUS}` is a key of the role: write it above `args`"
        table.findings.error("D103", message, table.at("args", _GPUS), help=fix, key=True, lacks=lacks)
        return
    fix = 'set `gpus-per-worker`; for a role without GPUs set it to 0, or set `place = "head"`'
    table.bad(key, message, fix, "D103", lacks=lacks)


def _wants_gpus(table: Table, size: Size) -> bool:
    several = size.workers is not None and size.workers > 1
    return several or any(key in table for key in ("num-nodes", "nodes", "workers-per-node"))
