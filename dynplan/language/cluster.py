"""Read a cluster description: the `[cluster]` table -> `Cluster`."""

import re

from dynplan.diagnostics import Findings, nearest
from dynplan.language.command_line import env_pairs, meant, option_pairs
from dynplan.language.tables import Table, name_of, plain, scalar
from dynplan.model import DEFAULT_LIMITS, GPU_VARIABLES, Affinity, Cluster, NodeGroup, Pairs, PortRange

MOST_GPUS = 1024
MOST_NODES = 65_536  # of a domain; a job has no more
LAUNCH_TIMEOUT_S = 600
Groups = tuple[tuple[int, ...], ...]
PORT_OFFSETS = ("none", "job-id")
_RANGE = re.compile(r" *([0-9]{1,5}) *(?:- *([0-9]{1,5}) *)?")
_REQUEST = re.compile(r"gpus-per-node|none|gres(:[A-Za-z0-9_.-]+)?")
# The options of `ulimit` in bash(1), and what limits.conf(5) calls the same limits.
_LETTERS = (
    *("v:as", "c:core", "t:cpu", "d:data", "f:fsize", "x:locks", "l:memlock", "q:msgqueue"),
    *("e:nice", "n:nofile", "u:nproc", "m:rss", "r:rtprio", "i:sigpending", "s:stack"),
)
_LIMITS = {word[2:]: word[0] for word in _LETTERS}
_INTERFACES = (
    'it is a name such as `"ib0"`, a pattern such as `"ib*"`, a network such as `"10.2.0.0/16"`, or a list of these'
)
_OF_ONE_KIND = ("gpus-per-node", "gpu-groups", "gpu-numa", "gpu-nics", "domain-nodes")
_GROUP = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}")
_OPTION = re.compile(r"[a-z][a-z0-9-]*")
# What a shell or the loader runs, among the variables that `export` names.
_CODE = re.compile(
    r"(?<![A-Za-z0-9_])(BASH_ENV|ENV|LD_PRELOAD|LD_AUDIT|BASH_FUNC_[A-Za-z0-9_]*|SHELLOPTS|BASHOPTS|PS4)(?![A-Za-z0-9_])"
)


def read_cluster(table: Table) -> Cluster:
    """Read `[cluster]`; a job without one has nodes without GPUs."""
    gpus = table.count("gpus-per-node", 0, 0, MOST_GPUS) or 0
    several = "node-groups" in table  # which say these each
    groups, affinity = ((), Affinity((), ())) if several else _gpu_facts(table, gpus)
    request = _request(table, "gpus-per-node")
    cluster = Cluster(
        name=table.line("name"),
        gpus_per_node=gpus,
        groups=groups,
        affinity=affinity,
        domain_nodes=0 if several else _domain_nodes(table),
        gpu_vendor=table.choice("gpu-vendor", tuple(GPU_VARIABLES), "nvidia"),
        gpu_request=request,
        container_runtime=table.choice("container-runtime", ("pyxis", "apptainer", "none"), "pyxis"),
        port_range=_one_range(table, "port-range", PortRange(20000, 21999)),
        port_offset=table.choice("port-offset", PORT_OFFSETS, "none"),
        reserved=_ranges(table, "reserved-ports"),
        ephemeral=_one_range(table, "ephemeral-ports", PortRange(32768, 60999)),
        interfaces=_interfaces(table),
        launch_timeout_s=_launch_timeout(table),
        limits=_limits(table),
        env=env_pairs(table.table("env")),
        srun=option_pairs(table.table("srun")),
        sbatch=sbatch_options(table.table("sbatch")),
        node_groups=_node_groups(table, request),
    )
    table.close()
    return cluster


def _node_groups(table: Table, request: str) -> tuple[NodeGroup, ...]:
    """Read the kinds of nodes of a site that has several; what all of them have stands beside them."""
    rows = table.get("node-groups")
    if rows is None:
        return ()
    if not isinstance(rows, list):
        table.wrong(table.at("node-groups"), "a list of tables, `[[cluster.node-groups]]`", rows)
        return ()
    if not rows:
        table.bad("node-groups", "`node-groups` names no group", "name one, or leave the key out")
        return ()
    for key in _OF_ONE_KIND:
        if key in table:
            message = f"`{key}` is of one kind of node, and the cluster has several"
            table.bad(key, message, "write it into each of the `node-groups`", "D113", also=table.at("node-groups"))
    groups = [
        _node_group(Table(row, table.at("node-groups", at), table.findings), request) for at, row in enumerate(rows)
    ]
    found: dict[str, NodeGroup] = {}
    for at, group in enumerate(groups):
        if found.setdefault(group.name, group) is not group:
            path = table.at("node-groups", at, "name")
            table.findings.error("D109", f"two node groups are called `{group.name}`", path, help="name each once")
    return tuple(found.values())


def _node_group(table: Table, request: str) -> NodeGroup:
    name = table.line("name")
    if not _GROUP.fullmatch(name):
        message = f"`{name}` is not a name for a node group" if "name" in table else "a node group needs a `name`"
        fix = "use letters, digits, `-` and `_`, and start with a letter"
        table.bad("name", message, fix, "D109" if "name" in table else "D103", lacks=table.at("name"))
    gpus = table.count("gpus-per-node", 0, 0, MOST_GPUS) or 0
    groups, affinity = _gpu_facts(table, gpus)
    found = NodeGroup(
        name=name,
        gpus_per_node=gpus,
        groups=groups,
        affinity=affinity,
        domain_nodes=_domain_nodes(table),
        gpu_request=_request(table, request),
        sbatch=sbatch_options(table.table("sbatch")),
    )
    table.close()
    return found


def _gpu_facts(table: Table, gpus: int) -> tuple[Groups, Affinity]:
    """Read which GPUs of a node are near one another, and where they are attached."""
    groups = _groups(table, gpus)
    if "gpu-numa" not in table and "gpu-nics" not in table:
        return groups, Affinity((), ())
    from dynplan.language.affinity import check_groups, islands, read_affinity  # few sites say it

    affinity = read_affinity(table, gpus)
    check_groups(groups, affinity, table)
    return groups or islands(affinity), affinity


def _domain_nodes(table: Table) -> int:
    return table.count("domain-nodes", 0, 1, MOST_NODES) or 0


def sbatch_options(table: Table) -> tuple[tuple[str, str | int | bool], ...]:
    """Read further directives by their long names; `true` is a bare flag, `false` drops a default."""
    found: list[tuple[str, str | int | bool]] = []
    if not table.data:
        return ()
    from dynplan.language.directives import known_options, refused  # only some jobs have options of sbatch

    known = known_options()
    for name, value in table.data.items():
        table.known.add(name)
        path = table.at(name)
        text = scalar(value)
        if not _OPTION.fullmatch(name):
            table.findings.error("D104", f"`{name}` is not the long name of an sbatch option", path, key=True)
        elif refusal := refused(name, text)[0]:
            table.findings.error("D113", refusal, path, help=refused(name, text)[1], key=True)
        elif text is None or (name == "gres" and value is True):
            table.wrong(path, "one value" if value is True else "one value, `true` or `false`", value)
        elif meant(name, ("export",)) and (code := _CODE.search(text)):
            message = f"`{code[0]}` is code to every shell of the job, dynplan's own too"
            table.findings.error("D114", message, path, help="set it in the `env` of a role")
        elif not text.isprintable():
            table.bad(name, f"{name_of(path)} must be one line of printable text", code="D107")
        else:
            found.append((name, value if isinstance(value, bool) else text))
            if name not in known and sum(option.startswith(name) for option in known) != 1:  # as getopt_long(3)
                near = nearest(name, known)
                fix = f"did you mean `{near}`?" if near else "if a plugin of the site has it, `sbatch --help` names it"
                table.findings.warn("W104", f"sbatch has no option `{name}`", path, help=fix, key=True)
    return tuple(found)


def _request(table: Table, default: str) -> str:
    value = table.line("gpu-request", default)
    if not _REQUEST.fullmatch(value):
        table.bad(
            "gpu-request",
            f"`gpu-request` cannot be `{value}`",
            'it is one of `"gpus-per-node"`, `"gres"`, `"gres:TYPE"`, `"none"`',
        )
        return default
    return value


def _interfaces(table: Table) -> tuple[str, ...]:
    """Read names and patterns of interfaces, and networks: one, or a list of them."""
    key = "network-interface"
    value = table.get(key)
    items = value if isinstance(value, list) else [] if value is None else [value]
    found = []
    for index, item in enumerate(items):
        path = table.at(key, index) if isinstance(value, list) else table.at(key)
        if not isinstance(item, str):
            table.wrong(path, "the name of a network interface", item, _INTERFACES)
        elif fault := _interface_fault(item):
            table.findings.error("D104", fault, path, help=_INTERFACES)
        else:
            found.append(item)
    return tuple(found)


def _interface_fault(text: str) -> str:
    """Return why a text names no interface; empty if it does."""
    shown = plain(text, (), Findings())
    if "/" in text or text.count(":") > 1 or re.fullmatch(r"[0-9]+(\.[0-9]+)+", text):
        from ipaddress import ip_network  # few clusters name a network

        try:
            ip_network(text, strict=False)
        except ValueError:
            return f"`{shown}` is no network"
        return "" if "/" in text else f"`{shown}` is one node's address, and `network-interface` is for all of them"
    # Linux takes 15 bytes (IFNAMSIZ); a pattern may be longer.
    if re.fullmatch(r"[A-Za-z0-9_.@:-]{1,15}|(?=.*[*?\[])[A-Za-z0-9_.@:*?\[\]!-]{1,60}", text):
        return ""
    return f"`{shown}` is not the name of a network interface"


def _limits(table: Table) -> Pairs:
    """Read `limits`: soft limits by their names in limits.conf(5), which become the letters of bash's `ulimit`."""
    if "limits" not in table:
        return DEFAULT_LIMITS
    limits = table.table("limits")
    limits.known |= _LIMITS.keys()
    limits.close()
    return tuple((_LIMITS[name], _limit(limits, name)) for name in limits.data if name in _LIMITS)


def _limit(table: Table, name: str) -> str:
    value = table.data[name]
    fix = 'it is `"hard"`, what the node allows, `"unlimited"`, or a number in the unit of `ulimit`'
    if isinstance(value, str) and value not in ("hard", "unlimited"):
        table.bad(name, f"{name_of(table.at(name))} cannot be `{value}`", fix)
    elif isinstance(value, bool) or not isinstance(value, int | str):
        table.wrong(table.at(name), "a number or a string", value, fix)
    elif isinstance(value, int) and not 0 <= value < 2**63:
        table.bad(name, f"{name_of(table.at(name))} is out of range", fix)
    return str(value)


def _launch_timeout(table: Table) -> int:
    found = table.seconds("launch-timeout", LAUNCH_TIMEOUT_S)
    if not found:
        table.bad("launch-timeout", "`launch-timeout` must be a second at least", 'write seconds, or `"10m"`')
    return found


def _groups(table: Table, gpus: int) -> Groups:
    value = table.get("gpu-groups")
    if value is None:
        return ()
    path = table.at("gpu-groups")
    if not isinstance(value, list) or not all(isinstance(group, list) for group in value):
        table.wrong(path, "a list of lists of GPU indices", value)
        return ()
    flat = [index for group in value for index in group]
    if any(isinstance(index, bool) or not isinstance(index, int) for index in flat) or sorted(flat) != list(
        range(gpus)
    ):
        message = f"`gpu-groups` must name each of the GPUs 0 to {gpus - 1} once"
        table.bad("gpu-groups", message, lacks=table.at("gpus-per-node") if "gpus-per-node" not in table else None)
        return ()
    return tuple(tuple(sorted(group)) for group in value if group)


def _one_range(table: Table, key: str, default: PortRange) -> PortRange:
    value = table.get(key)
    if value is None:
        return default
    return _range(table, value, key) or default


def _ranges(table: Table, key: str) -> tuple[PortRange, ...]:
    value = table.get(key)
    if value is None:
        return ()
    items = value if isinstance(value, list) else [value]
    found = [_range(table, item, key, index) for index, item in enumerate(items)]
    return tuple(item for item in found if item is not None)


def _range(table: Table, value: object, key: str, *index: int) -> PortRange | None:
    path = table.at(key, *index)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        table.wrong(path, 'a range of ports such as `"20000-21999"`', value)
        return None
    match = _RANGE.fullmatch(value)
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not 1 <= first <= last <= 65535:
        table.findings.error(
            "D104", f"`{value}` is not a range of ports", path, help='write `"20000-21999"`, within 1 to 65535'
        )
        return None
    return PortRange(first, last)
