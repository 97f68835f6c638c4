"""Read resolved tables as a `Job`: types and ranges, and nothing about placement."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from dynplan.diagnostics import Findings
from dynplan.language.cluster import PORT_OFFSETS, read_cluster, sbatch_options
from dynplan.language.command_line import env_pairs
from dynplan.language.counts import LONGEST_NAME, LONGEST_PATH, check_counts, check_rows
from dynplan.language.extents import num_nodes, read_hosts, read_size
from dynplan.language.files import read_files
from dynplan.language.launch import optional_command, read_launch, runs_apart
from dynplan.language.placeholders import check_templates
from dynplan.language.plan_tables import tables_for_plan
from dynplan.language.ports import read_ports, with_offset
from dynplan.language.probes import read_probes
from dynplan.language.relations import check_constraints, check_relations
from dynplan.language.tables import Table
from dynplan.language.templates import refs
from dynplan.model import Cluster, GroupNodes, Job, Phase, Role, Size, Stop, Tables

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}")
_OPTIONS = re.compile(r"--[A-Za-z][A-Za-z0-9_-]*( --?[A-Za-z][A-Za-z0-9_-]*\*?)*")
_MPI = re.compile(r"[a-z0-9_]+")
_SIGNAL = re.compile(r"(SIG)?(TERM|INT|QUIT|HUP|USR1|USR2|KILL)")


def read(tables: Tables, findings: Findings | None = None) -> Job:
    """Return the job that resolved tables describe (`dynplan.language.inheritance.resolve`).

    Args:
        tables: resolved tables.
        findings: what the stages before have found; what is legal and surely not meant stays there as warnings.

    Raises:
        InputError: everything that is wrong with them, in one go (D101 to D129), and what was found before.
    """
    findings = Findings() if findings is None else findings
    check_counts(tables, findings)
    top = Table(tables, (), findings)
    cluster = read_cluster(top.table("cluster"))
    job = top.table("job")
    _ = top.table("meta")  # anything, for other tools: the plan carries it on
    asked = _asked(job, cluster)
    hosts = read_hosts(job, "nodes")
    port_offset = job.choice("port-offset", PORT_OFFSETS, cluster.port_offset)
    roles = with_offset(_roles(top, cluster, asked), port_offset)
    phases = _phases(top)
    files = read_files(top)
    of_groups = _of_groups(job, cluster, asked, hosts, roles)
    found = Job(
        name=_job_name(job),
        num_nodes=None if asked else _num_nodes(job),
        hosts=() if asked else hosts,
        time=_time(job),
        output_dir=_output_dir(job),
        umask=_umask(job),
        port_offset=port_offset,
        setup=job.text("setup"),
        env=env_pairs(job.table("env")),
        sbatch=sbatch_options(job.table("sbatch")),
        roles=roles,
        phases=phases,
        files=files,
        cluster=cluster,
        tables=tables_for_plan(tables, _job_name(job), hosts or of_groups, roles, files),
        of_groups=of_groups,
    )
    check_constraints(job, found)
    _close(top, job, phases)
    check_relations(found, findings)
    check_rows(found, findings)
    check_templates(found, findings)
    findings.raise_if_errors()
    return found


def _close(top: Table, job: Table, phases: tuple[Phase, ...]) -> None:
    """Report the keys of the job file that nobody has asked for."""
    _ = job.text("cluster"), "container" in job  # the command line has read it, and roles read the other
    job.close()
    if not phases:
        _check_unused_defaults(top)
    _ = [key in top for key in ("extends", "vars", "phase-defaults")]  # resolved before
    _check_sweep(top, phases)
    top.close()


def _asked(job: Table, cluster: Cluster) -> tuple[GroupNodes, ...]:
    """Return what a job says by node group, one for each group of the cluster; nothing where it has none."""
    tables = [key for key in ("num-nodes", "nodes") if isinstance(job.get(key), Mapping)]
    if not cluster.node_groups and not tables:
        return ()
    from dynplan.language.node_groups import read_nodes  # few clusters have groups

    return read_nodes(job, cluster.node_groups)


def _of_groups(
    job: Table, cluster: Cluster, asked: Sequence[GroupNodes], hosts: tuple[str, ...], roles: Sequence[Role]
) -> tuple[GroupNodes, ...]:
    if not cluster.node_groups:
        return ()
    from dynplan.language.node_groups import check_hosts, of_groups  # few clusters have groups

    check_hosts(roles, job.findings)
    return of_groups(job, asked, hosts, roles, cluster.node_groups)


def _job_name(job: Table) -> str:
    name = job.line("name", "dynplan")
    if not name or "/" in name or name.startswith(("-", ".")):
        job.bad("name", f"`name` cannot be `{name}`", "a name has no `/` and starts with no dash or dot")
    if len(name.encode()) > LONGEST_NAME:
        job.bad("name", f"`name` has {len(name)} characters", f"{LONGEST_NAME} bytes fit into the name of a file")
        return "dynplan"
    return name


def _umask(job: Table) -> str:
    text = job.line("umask")
    if text and not re.fullmatch("0?[0-7]{3}", text):
        job.bad("umask", f"`umask` cannot be `{text}`", 'it is octal, `"077"` for files that nobody else can read')
        return ""
    return text


def _num_nodes(job: Table) -> int | Literal["min"] | None:
    if isinstance(job.get("num-nodes"), Mapping):  # without groups in the cluster, which has been said
        return None
    return num_nodes(job, "num-nodes")


def _time(job: Table) -> str:
    value = job.get("time")
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else job.text("time")
    if text and not _is_time(text):
        job.bad("time", f"`time` cannot be `{text}`", 'write `"HH:MM:SS"`, `"D-HH:MM:SS"` or minutes')
        return ""
    return text


def _is_time(text: str) -> bool:
    from dynplan.language.limits import is_time  # many jobs leave their time to the site

    return is_time(text)


def _output_dir(job: Table) -> str:
    value = job.line("output-dir", "results/%x-%j")
    if not value or re.search(r"%(?![xj])", value) or refs(value):
        job.bad("output-dir", f"`output-dir` cannot be `{value}`", "use `%x` for the job's name, `%j` for its id")
    if len(value) > LONGEST_PATH:
        job.bad("output-dir", f"`output-dir` has {len(value)} characters, and a path has at most {LONGEST_PATH}")
        return "results/%x-%j"
    return value


def _roles(top: Table, cluster: Cluster, asked: Sequence[GroupNodes]) -> tuple[Role, ...]:
    entries = top.tables("roles")
    default = top.table("job").get("container")
    partners = {name: _partner(name, entries) for name, _ in entries}
    found: dict[str, Role] = {}
    for name, table in sorted(entries, key=lambda entry: bool(partners[entry[0]])):  # roles that are beside none first
        partner = found.get(partners[name])
        size = _size(table, partner.size if partner else None, cluster, asked)
        found[name] = _role(name, table, default, size, cluster.gpus_in(size.group))
    roles = tuple(found[name] for name, _ in entries)
    if cluster.node_groups:
        from dynplan.language.node_groups import settled  # few clusters have groups

        roles = settled(roles, cluster.node_groups, top.findings)
    if not roles:
        path = ("roles",) if "roles" in top else ()
        fix = "add a table `[roles.NAME]` with a `command`"
        top.findings.error("D103", "a job needs at least one role", path, help=fix, lacks=("roles",))
    return roles


def _partner(name: str, entries: Sequence[tuple[str, Table]]) -> str:
    """Return the role that a role is beside, at the end of a chain of such; nothing where it is beside none.

    Of a ring it is any of them: what has no end is reported with the relations of the job.
    """
    beside = {of: str(table.data.get("beside") or "") for of, table in entries}
    seen = [name]
    while (after := beside.get(seen[-1], "")) and after not in seen:
        seen.append(after)
    return seen[-1] if beside[name] else ""


def _size(table: Table, partner: Size | None, cluster: Cluster, asked: Sequence[GroupNodes]) -> Size:
    size = read_size(table, partner)
    if cluster.node_groups:
        from dynplan.language.node_groups import with_group  # few clusters have groups

        return with_group(size, table, partner, cluster.node_groups, asked)
    if size.group:
        message, lacks = "`group` is a node group, and the cluster has no `node-groups`", ("cluster", "node-groups")
        table.bad("group", message, "leave it out, or name the groups in the cluster", "D113", lacks=lacks)
    return size


def _role(name: str, table: Table, container: Any, size: Size, gpus_per_node: int) -> Role:
    _check_name(name, "role", table)
    _ = "order" in table, "enabled" in table  # taken before they come here
    table.line("engine")  # a preset, merged under this table before it came here
    _flags(table)
    per_gpu = table.choice("launch", ("per-node", "per-gpu"), "per-node") == "per-gpu"
    mpi, cpus = _mpi(table), table.count("cpus-per-task")
    options = tuple((key, str(value)) for key, value in (("cpus-per-task", cpus), ("mpi", mpi)) if value)
    restart, stop = table.table("restart"), table.table("stop")
    _check_sizes(table)
    role = Role(
        name=name,
        task=table.choice("kind", ("service", "task"), "service") == "task",
        size=size,
        ports=read_ports(table, size.gpus, _on_node(size, gpus_per_node)),
        launch=read_launch(table, container, options),
        after=table.strings("after"),
        ready=read_probes(table, "ready"),
        alive=read_probes(table, "alive"),
        fail_on_log=table.regex("fail-on-log"),
        critical=table.flag("critical", True),
        restart_max=restart.count("max", 0, 0) or 0,
        restart_delay_s=restart.seconds("delay", 1),
        stagger=table.flag("stagger", False),
        stop=_stop(stop),
        metrics=table.line("metrics"),
        per_gpu=per_gpu,
        world=per_gpu or mpi not in ("", "none"),
        numa_bind=table.flag("numa-bind", False),
    )
    if role.world:
        _check_world(role, table)
    for part in (restart, stop, table):
        part.close()
    return role


def _on_node(size: Size, gpus_per_node: int) -> int:
    """Return the GPUs of a worker on one node, the most where its slices differ."""
    if not size.gpus or not gpus_per_node:
        return size.gpus
    if size.split == "fill":
        return min(size.gpus, gpus_per_node)
    return -(-size.gpus // -(-size.gpus // gpus_per_node))


def _check_sizes(table: Table) -> None:
    """Read how the engine of a role takes its sizes: `sizes` and `switches`, lists of options, `-tp` for example."""
    if "sizes" not in table and "switches" not in table:
        return
    from dynplan.language.engine_sizes import MOST_SIZES  # only roles with an engine have them

    for key in ("sizes", "switches"):
        texts = table.strings(key)
        for index, text in enumerate(texts):
            if not _OPTIONS.fullmatch(text):
                fix = 'write options as the engine takes them, the name first: `"--tensor-parallel-size -tp"`'
                table.findings.error("D104", f"`{text}` is no size", table.at(key, index), help=fix)
        if len(texts) > MOST_SIZES:
            table.bad(key, f"an engine has at most {MOST_SIZES} sizes, and here are {len(texts)}")


def _flags(table: Table) -> None:
    """Read which flags are right for a role or phase; `language/flags.py` has looked at them."""
    _ = table.line("engine-version"), table.line("flags-of"), table.strings("known-flags")


def _check_world(role: Role, table: Table) -> None:
    """Refuse what cannot be where the tasks of a worker are one MPI world."""
    if role.per_gpu and not role.size.gpus:
        message, gpus = '`launch = "per-gpu"` is for roles with GPUs', table.at("gpus-per-worker")
        table.bad("launch", message, "set `gpus-per-worker`", "D113", lacks=gpus, also=gpus)
    if role.restart_max:
        message = "`restart` starts one task again, and the tasks of an MPI world end together"
        table.bad("restart", message, "leave it out", code="D113", also=table.at("mpi"))
    if role.stagger:
        message = "`stagger` lets tasks wait for one another, and the tasks of an MPI world start together"
        table.bad("stagger", message, "leave it out", code="D113", also=table.at("mpi"))


def _mpi(table: Table) -> str:
    """Read which of Slurm's MPI plugins starts a role, an option of its srun (`srun --mpi=list` names a site's)."""
    mpi = table.line("mpi")
    if mpi and not _MPI.fullmatch(mpi):
        table.bad("mpi", f"`mpi` cannot be `{mpi}`", 'a plugin of Slurm: `"pmix"`, `"pmi2"`, or `"none"`')
        return ""
    return mpi


def _check_name(name: str, what: str, table: Table) -> None:
    if not _NAME.fullmatch(name):
        table.findings.error(
            "D109",
            f"`{name}` is not a name for a {what}",
            table.path,
            help="use letters, digits, `-` and `_`, and start with a letter",
            key=True,
        )


def _stop(table: Table) -> Stop:
    signal = table.text("signal", "TERM")
    if not _SIGNAL.fullmatch(signal):
        table.bad("signal", f"`{signal}` is not a signal to stop with", "TERM, INT, QUIT, HUP, USR1, USR2 or KILL")
        signal = "TERM"
    return Stop(signal.removeprefix("SIG"), table.seconds("grace", 30))


def _phases(top: Table) -> tuple[Phase, ...]:
    default = top.table("job").get("container")
    return tuple(_phase(name, table, default) for name, table in top.tables("phases"))


def _phase(name: str, table: Table, container: Any) -> Phase:
    _check_name(name, "phase", table)
    _ = "order" in table, "enabled" in table
    _flags(table)
    phase = Phase(
        name=name,
        on=table.text("on"),
        launch=read_launch(table, container),
        setup=optional_command(table, "setup") if runs_apart(table) else (),
        after_command=optional_command(table, "after-command"),
        timeout_s=table.seconds("timeout", 0),
        health_check=table.flag("health-check", True),
        continue_on_failure=table.flag("continue-on-failure", False),
    )
    table.close()
    return phase


def _check_sweep(top: Table, phases: tuple[Phase, ...]) -> None:
    """Read what a job says of its results, and refuse one that is still a sweep."""
    if "results" in top:
        from dynplan.language.results import read_results  # for tables of many jobs

        read_results(top.data, tuple(phase.name for phase in phases), top.findings)
    if "sweep" in top:
        message, fix = "this is a sweep, and one point of it is a job", "choose one: `--point 0`, or a name"
        top.findings.error("D126", message, ("sweep",), help=fix, key=True)


def _check_unused_defaults(top: Table) -> None:
    """Read the phase defaults of a job without phases as a phase, so that its mistakes are found now."""
    defaults = top.table("phase-defaults")
    if defaults.data:
        defaults.data = {"command": "true", **defaults.data}
        _phase("defaults", defaults, None)
