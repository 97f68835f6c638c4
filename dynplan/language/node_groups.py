"""Which node group each role stands in, and what a job says of the nodes of each: only where a cluster has groups."""

from collections.abc import Mapping, Sequence

from attrs import evolve

from dynplan.diagnostics import Findings, Path, nearest
from dynplan.language.extents import num_nodes, read_hosts
from dynplan.language.tables import Table, name_of
from dynplan.model import GroupNodes, NodeGroup, Role, Size

Groups = Sequence[NodeGroup]


def read_nodes(job: Table, groups: Groups) -> tuple[GroupNodes, ...]:
    """Read `num-nodes` and `nodes` where they are tables, by group; groups of which they say nothing have nothing.

    Args:
        job: the table `[job]`.
        groups: of the cluster; none where all of its nodes are alike.
    """
    numbers, hosts = (_by_group(job, key, groups) for key in ("num-nodes", "nodes"))
    found = [GroupNodes(group.name, num_nodes(numbers, group.name), read_hosts(hosts, group.name)) for group in groups]
    for at, (group, hosts_of) in enumerate((one.group, set(one.hosts)) for one in found):
        for other in found[:at]:
            if both := sorted(hosts_of & set(other.hosts)):
                message = f"host `{both[0]}` is in node group `{group}` and in `{other.group}`"
                job.findings.error("D113", message, job.at("nodes", group), help="name it in one of them")
    return tuple(found)


def _by_group(job: Table, key: str, groups: Groups) -> Table:
    """Return a key of `[job]` as a table by group, an empty one where it is none."""
    value = job.get(key)
    if not isinstance(value, Mapping):
        return Table({}, job.at(key), job.findings)
    found = job.table(key)
    if not groups:
        message = f"`{key}` is a table by node group, and the cluster has no `node-groups`"
        lacks = ("cluster", "node-groups")
        job.bad(key, message, "name them in the cluster, or give one value", "D113", lacks=lacks)
    for name in found.data if groups else ():
        if name not in [group.name for group in groups]:
            _refuse_name(name, found.at(name), groups, job.findings)
    return found


def _refuse_name(name: str, path: Path, groups: Groups, findings: Findings) -> None:
    names = [group.name for group in groups]
    near = nearest(name, names)
    known = "the groups are " + ", ".join(f"`{known}`" for known in names)
    fix = f"did you mean `{near}`? T{known[1:]}" if near else known
    message = f"{name_of(path)} names `{name}`, which is no node group"
    findings.error("D122", message, path, help=fix, key=path[0] == "job")


def with_group(size: Size, table: Table, partner: Size | None, groups: Groups, nodes: Sequence[GroupNodes]) -> Size:
    """Return the size of a role with the group that it stands in, as far as the role itself and its hosts say it.

    Args:
        size: as read.
        table: the role.
        partner: of the role at the end of the chain that it is beside.
        groups: of the cluster.
        nodes: what the job says of each.
    """
    if size.group and size.group not in [group.name for group in groups]:
        _refuse_name(size.group, table.at("group"), groups, table.findings)
        return evolve(size, group=groups[0].name)
    if size.group or size.beside:
        return size if size.group or not partner else evolve(size, group=partner.group)
    named = next((one.group for one in nodes for host in size.hosts[:1] if host in one.hosts), "")
    return evolve(size, group=named or (group_for(size, groups) if size.gpus else ""))


def group_for(size: Size, groups: Groups) -> str:
    """Return the group of a role with GPUs that names none.

    That is the first whose nodes hold what the role has on one of them: its workers there, or the GPUs that it names by
    index. Where no group's nodes do, it is the first of those with the most GPUs.
    """
    wanted = size.gpus * (size.workers_per_node or 1)
    if size.pins:
        wanted = max((gpu for pins in size.pins for gpu in pins), default=0) + 1
    most = max(group.gpus_per_node for group in groups)
    return next(group.name for group in groups if group.gpus_per_node >= min(wanted, most))


def settled(roles: Sequence[Role], groups: Groups, findings: Findings) -> tuple[Role, ...]:
    """Return the roles with the groups that they stand in; those of others follow these.

    A role without GPUs stands in the first group, or in none in particular where it is on every node of the job.
    """
    by_name = {role.name: role for role in roles}
    found = []
    for role in roles:
        group = _group(role, by_name, groups, ())
        partner = role.size.follows
        if partner and role.size.group not in ("", group):
            where = f"stands in node group `{group}`" if group else "stands on nodes of all groups"
            message = f"role `{role.name}` is where `{partner}` is, which {where}, not in `{role.size.group}`"
            findings.error("D113", message, ("roles", role.name, "group"), help="leave it out")
        found.append(evolve(role, size=evolve(role.size, group=group)))
    return tuple(found)


def _group(role: Role, by_name: Mapping[str, Role], groups: Groups, seen: tuple[str, ...]) -> str:
    """Return the group of a role; one in a ring of roles that follow each other is reported elsewhere."""
    size, partner = role.size, by_name.get(role.size.follows)
    if partner and partner.name not in seen:
        of_partner = _group(partner, by_name, groups, (*seen, role.name))
        if of_partner or size.beside:
            return of_partner
    if size.group:
        return size.group
    return "" if size.per_node or size.place == "every-node" else groups[0].name


def of_groups(
    job: Table, nodes: Sequence[GroupNodes], hosts: tuple[str, ...], roles: Sequence[Role], groups: Groups
) -> tuple[GroupNodes, ...]:
    """Return what is asked for of the nodes of each group that has some, in the order of the cluster.

    Args:
        job: the table `[job]`.
        nodes: what it says of each group.
        hosts: those that it names without a group.
        roles: settled.
        groups: of the cluster.
    """
    used = {role.size.group for role in roles}
    everywhere = "" in used
    for one in nodes:
        if one.group not in used and not everywhere and (one.hosts or isinstance(one.num_nodes, int)):
            key = "nodes" if one.hosts else "num-nodes"
            message = f"`{key}` gives the job nodes of group `{one.group}`, and no role stands there"
            fix = f'leave it out, or say `group = "{one.group}"` in a role'
            job.findings.error("D113", message, job.at(key, one.group), help=fix, key=True)
    wanted = [one for one in nodes if one.group in used or one.hosts or isinstance(one.num_nodes, int)]
    wanted = wanted or [one for one in nodes if one.group == groups[0].name]
    number = job.get("num-nodes")
    if number == "min":
        return tuple(evolve(one, num_nodes="min") for one in wanted)
    alone = None if isinstance(number, Mapping) else job.count("num-nodes")
    if len(wanted) == 1 and (hosts or alone):
        return (evolve(wanted[0], num_nodes=alone or wanted[0].num_nodes, hosts=hosts or wanted[0].hosts),)
    _refuse_one_value(job, alone or 0, hosts, [one.group for one in wanted])
    return tuple(wanted)


def _refuse_one_value(job: Table, number: int, hosts: Sequence[str], groups: Sequence[str]) -> None:
    """Refuse a number of nodes, or hosts, of which nobody says which group they are of (D113)."""
    stand = "and the roles stand in node groups " + " and ".join(f"`{name}`" for name in groups)
    if number:
        last = max(1, number - len(groups) + 1)
        each = [*(f"{name} = 1" for name in groups[:-1]), f"{groups[-1]} = {last}"]
        fix = f"say it by group: `num-nodes = {{ {', '.join(each)} }}`"
        job.bad("num-nodes", f"`num-nodes` is one number, {stand}", fix, "D113")
    if hosts:
        each = [f'{name} = ["..."]' for name in groups]
        job.bad("nodes", f"`nodes` is one list, {stand}", f"say it by group: `nodes = {{ {', '.join(each)} }}`", "D113")


def check_hosts(roles: Sequence[Role], findings: Findings) -> None:
    """Refuse a host that roles of two groups name."""
    first: dict[str, Role] = {}
    for role in roles:
        for host in role.size.hosts:
            other = first.setdefault(host, role)
            if other.size.group != role.size.group:
                message = (
                    f"role `{role.name}` of node group `{role.size.group}` names host `{host}`,"
                    f" and so does role `{other.name}` of `{other.size.group}`"
                )
                also = ("roles", other.name, "nodes")
                path = ("roles", role.name, "nodes")
                findings.error("D113", message, path, help="a host is in one group: name another", also=also)
                return
