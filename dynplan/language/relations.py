"""What the parts of a job say about one another: roles that others name, constraints, what a role is given."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from dynplan.diagnostics import Findings, Path, nearest
from dynplan.language.clashes import check_names
from dynplan.language.expressions import ExprError, compare
from dynplan.language.lookups import lookup_of
from dynplan.language.order import in_order
from dynplan.language.tables import Table, name_of
from dynplan.model import GPU_VARIABLES, Container, Job, Role, Tables


def check_constraints(table: Table, job: Job) -> None:
    """Report the constraints that do not hold (D120) or have no value (D112).

    Args:
        table: the table `[job]`, which lists them.
        job: the job, in whose settled tables `gpus-per-worker` is a number.
    """
    tables = {"cluster": job.tables.get("cluster", {}), **job.tables["roles"]}
    for index, text in enumerate(table.strings("constraints")):
        if any(_may_stand_in(path, text) for path in table.findings.unread):
            continue
        path = table.at("constraints", index)
        try:
            holds, left, right = compare(text, lambda name: _constraint_value(name, tables))
        except ExprError as error:
            table.findings.error("D112", str(error), path, help=error.fix)
            continue
        if not holds:
            message = f"the constraint `{text}` does not hold: the left side is {left}, the right side {right}"
            table.findings.error("D120", message, path)


def _may_stand_in(path: Path, constraint: str) -> bool:
    """Tell whether a side of a constraint may be among what could not be read."""
    match path:
        case () | ("roles",) | ("cluster",):
            return True
        case ("roles", str(role), *below):
            return role in constraint and (not below or below[0] == "args" or str(below[0]) in constraint)
        case ("cluster", str(key), *_):
            return f"cluster.{key}" in constraint
        case _:
            return False


def _constraint_value(name: str, tables: Tables) -> int:
    """Look up `ROLE.args.KEY`, or `ROLE.KEY` for a number of the role itself (of the cluster: `cluster.KEY`)."""
    owner, _, rest = name.partition(".")
    table = tables.get(owner)
    if not isinstance(table, Mapping) or not rest:
        near = nearest(owner, tables)
        raise ExprError(f"`{name}` names no role", f"did you mean `{near}`?" if near else "write `ROLE.args.KEY`")
    if rest.startswith("args."):
        return lookup_of(table)(rest.removeprefix("args."))
    value = table.get(rest)
    if isinstance(value, bool) or not isinstance(value, int):
        near = nearest(rest, [key for key, known in table.items() if isinstance(known, int)])
        what = "is no whole number" if rest in table else "is not set"
        raise ExprError(f"`{name}` {what}", f"did you mean `{owner}.{near}`?" if near else "")
    return value


def check_relations(job: Job, findings: Findings) -> None:
    """Report roles that are not there (D122), that wait for themselves (D121), and what no role can be given.

    That is a container without a runtime, or by the name of another one (D113), and GPUs other than the planned
    ones (D114). Names of which two become one outside of the job file are refused as well (D109).
    """
    _check_references(job, findings)
    _check_containers(job, findings)
    _check_container_names(job, findings)
    _check_devices(job, findings)
    check_names(job, findings)
    if any(role.numa_bind for role in job.roles):
        from dynplan.language.affinity import check_binding  # few roles are

        check_binding(job, findings)
    if job.sbatch or job.cluster.sbatch or any(group.sbatch for group in job.cluster.node_groups):
        from dynplan.language.directives import check_export, check_sharing  # only some jobs have options of sbatch

        check_sharing(job, findings)
        check_export(job, findings)


def _check_references(job: Job, findings: Findings) -> None:
    names = dict.fromkeys(role.name for role in job.roles)
    for role in job.roles:
        for index, name in enumerate(role.after):
            _check_role_name(name, names, ("roles", role.name, "after", index), findings)
        if role.size.place.startswith("with:"):
            _check_role_name(role.size.placed_with, names, ("roles", role.name, "place"), findings)
        if role.size.beside:
            _check_role_name(role.size.beside, names, ("roles", role.name, "beside"), findings)
    for phase in job.phases:
        if phase.on:
            _check_role_name(phase.on, names, ("phases", phase.name, "on"), findings)
    for path, name in _all_repeated(job):
        _check_role_name(name, names, path, findings)
    _check_cycles(job, "after", findings)
    _check_cycles(job, "place", findings)


def _all_repeated(job: Job) -> Iterator[tuple[Path, str]]:
    """Yield the roles that words and texts are repeated for."""
    for kind in ("roles", "phases"):
        for owner, table in job.tables.get(kind, {}).items():
            yield from _repeated(table, (kind, owner))
    for file in job.files:
        for index, part in enumerate(file.content):
            if not isinstance(part, str):
                yield ("files", file.name, "content", index, "each-task" if part.tasks else "each"), part.role


def _repeated(table: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """Yield the roles that the command lines of a role or phase are repeated for."""
    for key in ("command", "extra-args", "leader-args", "follower-args"):
        value = table.get(key) if isinstance(table, Mapping) else None
        for index, item in enumerate(value if isinstance(value, list) else []):
            if isinstance(item, Mapping) and isinstance(item.get("each"), str):
                yield (*path, key, index, "each"), item["each"]


def _check_containers(job: Job, findings: Findings) -> None:
    """Refuse a container where the cluster has nothing to run it: without its image a role is another program."""
    if job.cluster.container_runtime != "none":
        return
    for kind, owners in (("roles", job.roles), ("phases", job.phases)):
        for name in (owner.name for owner in owners if owner.launch.container):
            own = "container" in job.tables[kind][name]
            path = (kind, name, "container") if own else ("job", "container")
            message = "a container is asked for, and the cluster's `container-runtime` is `none`"
            fix = 'set `cluster.container-runtime = "pyxis"` or `"apptainer"`, or `container = false`'
            findings.error("D113", message, path, help=fix)


def _check_container_names(job: Job, findings: Findings) -> None:
    """Refuse one name for containers that pyxis could not make one of (D113): a name has one image.

    Where a name is pyxis' own, it has one list of mounts as well: a step that enters the container of another one
    has the other's, without the flag `no_exec`.
    """
    if job.cluster.container_runtime != "pyxis":
        return
    first: dict[tuple[bool, str], tuple[Container, tuple[str, str]]] = {}
    for kind, owners in (("roles", job.roles), ("phases", job.phases)):
        for owner in owners:
            box = owner.launch.container
            raw, _, flag = dict(owner.launch.srun).get("container-name", "").partition(":")
            name, own = (box and box.name) or raw, bool(raw) or bool(box and not box.brought)
            if box is None or not name:
                continue
            other, there = first.setdefault((own, name), (box, (kind, owner.name)))
            what = "images" if other.image != box.image else ""
            at_once = kind == "roles" or there[0] == "roles"  # phases run one after another
            if own and at_once and flag != "no_exec" and set(other.mounts) != set(box.mounts):
                what = what or "mounts"
            if what:
                message = f"the container `{name}` of {kind[:-1]} `{owner.name}` is that of {there[0][:-1]} "
                message += f"`{there[1]}` by its name, and they have other {what}"
                path = (kind, owner.name, "container")
                findings.error("D113", message, path, help="give it another name, or none", also=there)


def _check_devices(job: Job, findings: Findings) -> None:
    """Refuse other GPUs for a worker than the planned ones: two workers would share one unseen."""
    ours = GPU_VARIABLES[job.cluster.gpu_vendor]
    devices = {GPU_VARIABLES["nvidia"], ours}  # HIP, AMD's, reads CUDA's too
    for role in (role for role in job.roles if role.size.gpus):
        envs = (
            (("roles", role.name, "env"), role.launch.env),
            (("job", "env"), job.env),
            (("cluster", "env"), job.cluster.env),
        )
        for path, env in envs:
            for name, text in env:
                if name in devices and (name, text) != (ours, "{gpus}"):
                    message = f"`{name}` is for dynplan to set: it is the slice of each worker"
                    findings.error("D114", message, (*path, name), help="leave it out", key=True)


def _check_role_name(name: str, names: Collection[str], path: Path, findings: Findings) -> None:
    if name not in names:
        near = nearest(name, names)
        fix = f"did you mean `{near}`?" if near else "the roles are " + ", ".join(f"`{name}`" for name in names)
        message = f"{name_of(path)} names `{name}`, which is no role"
        findings.error("D122", message, path, help=fix, lacks=("roles", name))


def _check_cycles(job: Job, key: str, findings: Findings) -> None:
    """Report roles that wait for themselves, through others or directly: every ring once."""
    left = {role.name: _edges(role, key) for role in job.roles}
    while left := _held_up(left):
        ring = _ring(left)
        beside = key == "place" and job.role(ring[0]).size.beside
        what = "waits for" if key == "after" else "is beside" if beside else "is placed with"
        message = f"role `{ring[0]}` {what} itself: " + " -> ".join(f"`{name}`" for name in [*ring, ring[0]])
        said = "beside" if beside else key
        fix = f"take `{ring[1 % len(ring)]}` out of this `{said}`"
        findings.error("D121", message, ("roles", ring[0], said), help=fix)
        left = {name: others for name, others in left.items() if name not in ring}


def _held_up(edges: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Leave out the roles that wait for no other of them, and so on, until all that is left waits."""
    free = set(in_order(edges))
    return {name: others for name, others in edges.items() if name not in free}


def _edges(role: Role, key: str) -> tuple[str, ...]:
    if key == "after":
        return role.after
    if role.size.beside:
        return (role.size.beside,)
    return (role.size.placed_with,) if role.size.placed_with else ()


def _ring(left: dict[str, tuple[str, ...]]) -> list[str]:
    """Follow the first open edge of each role until one comes round again."""
    name, seen = next(iter(left)), []
    while name not in seen:
        seen.append(name)
        name = next(other for other in left[name] if other in left)
    return seen[seen.index(name) :]
