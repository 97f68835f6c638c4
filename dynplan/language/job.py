"""Read resolved tables as a `Job`: types and ranges, and nothing about placement."""

import re
from collections import Counter
from typing import Any

from dynplan.diagnostics import Findings
from dynplan.language.cluster import read_cluster, sbatch_options
from dynplan.language.command_line import (
    args_words,
    check_env_name,
    command_texts,
    command_words,
    env_pairs,
    extra_words,
    option_pairs,
)
from dynplan.language.expressions import ExprError, evaluate
from dynplan.language.extent import LONGEST_NAME, LONGEST_PATH, check_extent, check_rows
from dynplan.language.files import read_files
from dynplan.language.host_list import expand
from dynplan.language.placeholders import check_templates
from dynplan.language.plan_tables import tables_for_plan
from dynplan.language.ports import read_ports
from dynplan.language.probes import read_probes
from dynplan.language.relations import check_constraints, check_relations
from dynplan.language.sizes import SIZES_FIX, lookup_args
from dynplan.language.tables import LARGEST, Table, name_of
from dynplan.language.templates import refs
from dynplan.model import Container, Job, Launch, Pairs, Phase, Role, Size, Stop, Tables

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}")
_MPI = re.compile(r"[a-z0-9_]+")
_TIME = re.compile(r"([0-9]+-[0-9]+(:[0-9]+){0,2}|[0-9]+(:[0-9]+){0,2}|infinite|unlimited)", re.IGNORECASE | re.ASCII)
_ONE = "leave out one of the two"
_SIGNAL = re.compile(r"(SIG)?(TERM|INT|QUIT|HUP|USR1|USR2|KILL)")


def read(tables: Tables) -> Job:
    """Return the job that resolved tables describe (`dynplan.language.inheritance.resolve`).

    Raises:
        InputError: everything that is wrong with them, in one go (D101 to D125).
    """
    findings = Findings()
    check_extent(tables, findings)
    top = Table(tables, (), findings)
    cluster = read_cluster(top.table("cluster"))
    job = top.table("job")
    hosts = _hosts(job, "nodes")
    roles = _roles(top)
    phases = _phases(top)
    files = read_files(top)
    found = Job(
        name=_job_name(job),
        num_nodes=_num_nodes(job),
        hosts=hosts,
        time=_time(job),
        output_dir=_output_dir(job),
        env=env_pairs(job.table("env")),
        sbatch=sbatch_options(job.table("sbatch")),
        roles=roles,
        phases=phases,
        files=files,
        cluster=cluster,
        tables=tables_for_plan(tables, _job_name(job), hosts, roles, files),
    )
    check_constraints(job, found)
    _ = "cluster" in job, "container" in job  # read by the command line and by the roles
    job.close()
    if not phases:
        _check_unused_defaults(top)
    _ = [key in top for key in ("extends", "vars", "phase-defaults")]  # resolved before
    top.close()
    check_relations(found, findings)
    check_rows(found, findings)
    check_templates(found, findings)
    findings.raise_if_errors()
    return found


def _job_name(job: Table) -> str:
    name = job.line("name", "dynplan")
    if not name or "/" in name or name.startswith(("-", ".")):
        job.bad("name", f"`name` cannot be `{name}`", "a name has no `/` and starts with no dash or dot")
    if len(name.encode()) > LONGEST_NAME:
        job.bad("name", f"`name` has {len(name)} characters", f"{LONGEST_NAME} bytes fit into the name of a file")
        return "dynplan"
    return name


def _num_nodes(job: Table) -> Any:
    value = job.get("num-nodes")
    if isinstance(value, str) and value != "min":
        job.wrong(job.at("num-nodes"), 'a whole number or `"min"`', value)
        return None
    return value if value == "min" else job.count("num-nodes")


def _time(job: Table) -> str:
    value = job.get("time")
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else job.text("time")
    if text and not _TIME.fullmatch(text):
        job.bad("time", f"`time` cannot be `{text}`", 'write `"HH:MM:SS"`, `"D-HH:MM:SS"` or minutes')
        return ""
    return text


def _output_dir(job: Table) -> str:
    value = job.line("output-dir", "results/%x-%j")
    if not value or re.search(r"%(?![xj])", value) or refs(value):
        job.bad("output-dir", f"`output-dir` cannot be `{value}`", "use `%x` for the job's name, `%j` for its id")
    if len(value) > LONGEST_PATH:
        job.bad("output-dir", f"`output-dir` has {len(value)} characters, and a path has at most {LONGEST_PATH}")
        return "results/%x-%j"
    return value


def _hosts(table: Table, key: str) -> tuple[str, ...]:
    value = table.get(key)
    if value is None:
        return ()
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


def _roles(top: Table) -> tuple[Role, ...]:
    entries = top.tables("roles")
    default = top.table("job").get("container")
    roles = tuple(_role(name, table, default) for name, table in entries)
    if not roles:
        path = ("roles",) if "roles" in top else ()
        top.findings.error(
            "D103", "a job needs at least one role", path, help="add a table `[roles.NAME]` with a `command`"
        )
    return roles


def _role(name: str, table: Table, container: Any) -> Role:
    _check_name(name, "role", table)
    _ = "order" in table, "enabled" in table  # taken before they come here
    table.line("engine")  # a preset, merged under this table before it came here
    per_gpu = table.choice("launch", ("per-node", "per-gpu"), "per-node") == "per-gpu"
    mpi, cpus = _mpi(table), table.count("cpus-per-task")
    options = tuple((key, str(value)) for key, value in (("cpus-per-task", cpus), ("mpi", mpi)) if value)
    restart, stop = table.table("restart"), table.table("stop")
    role = Role(
        name=name,
        task=table.choice("kind", ("service", "task"), "service") == "task",
        size=_size(table),
        ports=read_ports(table),
        launch=_launch(table, container, options),
        after=table.strings("after"),
        ready=read_probes(table, "ready"),
        alive=read_probes(table, "alive"),
        fail_on_log=_regex(table, "fail-on-log"),
        critical=table.flag("critical", True),
        restart_max=restart.count("max", 0, 0) or 0,
        restart_delay_s=restart.seconds("delay", 1),
        stagger=table.flag("stagger", False),
        stop=_stop(stop),
        metrics=table.line("metrics"),
        per_gpu=per_gpu,
        world=per_gpu or mpi not in ("", "none"),
    )
    if role.world:
        _check_world(role, table)
    for part in (restart, stop, table):
        part.close()
    return role


def _check_world(role: Role, table: Table) -> None:
    """Refuse what cannot be where the tasks of a worker are one MPI world."""
    if role.per_gpu and not role.size.gpus:
        table.bad("launch", '`launch = "per-gpu"` is for roles with GPUs', "set `gpus-per-worker`", code="D113")
    if role.restart_max:
        message = "`restart` starts one task again, and the tasks of an MPI world end together"
        table.bad("restart", message, "leave it out", code="D113")
    if role.stagger:
        message = "`stagger` lets tasks wait for one another, and the tasks of an MPI world start together"
        table.bad("stagger", message, "leave it out", code="D113")


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


def _regex(table: Table, key: str) -> str:
    """Read a regular expression for bash (POSIX extended); several lines would never match."""
    return table.line(key)


def _size(table: Table) -> Size:
    fill = table.get("workers-per-node") == "max"
    gpus = _gpus(table)
    hosts = _hosts(table, "nodes")
    size = Size(
        gpus=gpus or 0,
        workers=table.count("workers"),
        num_nodes=table.count("num-nodes"),
        workers_per_node=None if fill else table.count("workers-per-node"),
        fill=fill,
        hosts=hosts,
        per_node=table.flag("per-node", False),
        spread=table.flag("spread", False),
        dedicated=table.flag("dedicated", False),
        place=_place(table),
    )
    _check_size(table, size, gpus)
    return size


def _gpus(table: Table) -> int | None:
    value = table.get("gpus-per-worker")
    if not isinstance(value, str):
        return table.number(value, table.at("gpus-per-worker"), 0, LARGEST)
    try:
        gpus = evaluate(value, lookup_args(table.data.get("args")))
    except ExprError as error:
        table.bad("gpus-per-worker", str(error), error.fix or SIZES_FIX, code="D112")
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
    if "gpus-per-worker" not in table and size.place == "" and not size.per_node and _wants_gpus(table, size):
        key = nodes_keys[0]
        table.bad(
            key,
            f"role `{table.path[-1]}` says how many workers it wants, but not how many GPUs each needs",
            'set `gpus-per-worker`; for a role without GPUs set it to 0, or set `place = "head"`',
            code="D103",
        )
    if size.place and size.gpus:
        table.bad("place", "`place` is for roles without GPUs", "leave it out, or name hosts in `nodes`", code="D113")
    if size.per_node and set(nodes_keys) & {"num-nodes", "nodes", "workers"}:
        table.bad("per-node", "`per-node` is every node, so no number of nodes or workers goes with it", _ONE, "D113")
    if size.place and set(nodes_keys) - ({"workers"} if size.place != "every-node" else set()):
        table.bad("place", "`place` says where the role runs, so no number of nodes goes with it", _ONE, "D113")
    if size.fill and not size.gpus:
        table.bad("workers-per-node", '`"max"` is as many workers as a node has GPUs for', "set a number", "D113")
    if size.hosts and size.num_nodes is not None and size.num_nodes != len(size.hosts):
        table.bad(
            "nodes",
            f"`nodes` of role `{table.path[-1]}` names {len(size.hosts)} hosts, but `num-nodes` is {size.num_nodes}",
            f"set `num-nodes = {len(size.hosts)}`, or leave it out",
            code="D113",
        )


def _wants_gpus(table: Table, size: Size) -> bool:
    several = size.workers is not None and size.workers > 1
    return several or any(key in table for key in ("num-nodes", "nodes", "workers-per-node"))


def _launch(table: Table, container: Any, options: Pairs = ()) -> Launch:
    command = command_words(table, "command")
    if table.get("command") is None:
        table.findings.error(
            "D103",
            f"{name_of(table.at('command'))} is missing",
            table.path,
            help='set it: `command = ["program", "word"]`',
        )
    more = args_words(table.table("args")) + extra_words(table, "extra-args")
    ranked = ("leader-args", "follower-args") if table.path[0] == "roles" else ()  # a phase is one task
    leader, follower = (extra_words(table, key) for key in ranked) if ranked else ((), ())
    if isinstance(table.get("command"), str) and (more or leader or follower):
        text = command[-1].rstrip() if isinstance(command[-1], str) else ""
        command = ("bash", "-c", text if "$@" in text else f'{text} "$@"', "bash")
    unset = tuple(
        name
        for index, name in enumerate(table.strings("unset"))
        if check_env_name(name, table.at("unset", index), table.findings)
    )
    return Launch(
        command=command + more,
        leader_args=leader,
        follower_args=follower,
        env=env_pairs(table.table("env")),
        unset=unset,
        workdir=table.text("workdir"),
        srun=(*option_pairs(table.table("srun")), *options),
        container=_container(table, container),
    )


def _container(table: Table, default: Any) -> Container | None:
    value = table.get("container")
    if value is False or (value is None and default is None):
        return None
    own = value is not None
    box = Table(value if own else default, table.at("container") if own else ("job", "container"), table.findings)
    inherited = default if own and isinstance(default, dict) else {}
    box.data = {**inherited, **box.data}
    image = box.line("image")
    if not image:
        table.findings.error("D103", "a container needs an `image`", box.path, help="set `image`, or drop the table")
    found = Container(image, box.strings("mounts"), box.text("workdir"), box.line("name"))
    box.close()
    return found


def _phases(top: Table) -> tuple[Phase, ...]:
    default = top.table("job").get("container")
    return tuple(_phase(name, table, default) for name, table in top.tables("phases"))


def _phase(name: str, table: Table, container: Any) -> Phase:
    _check_name(name, "phase", table)
    _ = "order" in table, "enabled" in table
    phase = Phase(
        name=name,
        on=table.text("on"),
        launch=_launch(table, container),
        setup=_optional_command(table, "setup"),
        after_command=_optional_command(table, "after-command"),
        timeout_s=table.seconds("timeout", 0),
        health_check=table.flag("health-check", True),
        continue_on_failure=table.flag("continue-on-failure", False),
    )
    table.close()
    return phase


def _check_unused_defaults(top: Table) -> None:
    """Read the phase defaults of a job without phases as a phase, so that its mistakes are found now."""
    defaults = top.table("phase-defaults")
    if defaults.data:
        defaults.data = {"command": "true", **defaults.data}
        _phase("defaults", defaults, None)


def _optional_command(table: Table, key: str) -> tuple[str, ...]:
    return command_texts(table, key) if key in table else ()
