"""Options of sbatch: those that dynplan writes or that fight the plan, and the names that sbatch knows."""

from collections.abc import Collection, Iterator, Sequence

from dynplan.diagnostics import Findings, Path
from dynplan.language.command_line import meant
from dynplan.language.placeholders import submitted
from dynplan.model import Job

_TASKS = "each role's step says how many tasks it has: see `workers`, `num-nodes` and `launch`"
_GPUS = "the cluster's `gpu-request` says how to ask for GPUs, `gpus-per-worker` how many a worker has"
_SLICES = "each worker sees the GPUs of its slice: see `gpus-per-worker`"
_PLACES = "dynplan places the tasks: see `num-nodes`, `workers` and `nodes`"

# What a job file says in another way, and dynplan writes: a second one would win over it.
_WRITTEN = {
    "array": "a sweep makes job arrays: see `[sweep]`",
    **dict.fromkeys(("gpus", "gpus-per-node"), _GPUS),
    "job-name": "set `name` in `[job]`",
    "nodelist": "set `nodes` in `[job]`",
    "nodes": "set `num-nodes` in `[job]`",
    **dict.fromkeys(("ntasks", "ntasks-per-node"), _TASKS),
    "signal": "dynplan uses it to end the job in order before the time limit",
    "time": "set `time` in `[job]`",
    "wrap": "the script is what dynplan writes",
}
# What would keep the job from running or the plan from holding, judged one by one by sbatch(1): options that
# act on tasks reach the steps of the roles in their environment, and what dynplan asks for besides excludes them.
_FOUGHT = {
    **dict.fromkeys(("ntasks-per-gpu", "ntasks-per-core", "ntasks-per-socket"), _TASKS),
    "gpus-per-socket": _GPUS,
    **dict.fromkeys(("gpus-per-task", "tres-per-task", "gpu-bind", "tres-bind"), _SLICES),
    "nodefile": "set `nodes` in `[job]`",
    **dict.fromkeys(("distribution", "overcommit"), _PLACES),
    **dict.fromkeys(
        ("hetjob", "packjob", "het-group"), "a cluster with `node-groups` makes the components, one of each group"
    ),
}
_GRES = ("gres", "tres-per-job", "tres-per-node", "tres-per-socket")
_MEMORY = ("mem", "mem-per-cpu", "mem-per-gpu")
_CPUS = ("cpus-per-task", "cpus-per-gpu", "mincpus", "extra-node-info", "resources")
_NO_JOB = ("test-only", "help", "usage", "version")


def refused(name: str, value: str | None) -> tuple[str, str]:
    """Return why a job file cannot set an option of sbatch, and what to do instead; empty texts where it can."""
    if option := _meant(name, _WRITTEN):
        return f"`{name}` is written by dynplan", _WRITTEN[option]
    if value is not None and "gpu" in value.lower() and _meant(name, _GRES):
        return f"`{name}` is written by dynplan", _GPUS
    if option := _meant(name, _FOUGHT):
        return f"`{name}` contradicts the plan", _FOUGHT[option]
    if _meant(name, _NO_JOB):
        return f"with `{name}` sbatch submits nothing", "write it on the command line: `sbatch --test-only job.sbatch`"
    return "", ""


# The long options of sbatch(1) from Slurm 20.11 to 26.05: the manual page of Debian's 22.05.8, and of the later
# releases what https://slurm.schedmd.com/sbatch.html has beyond it (container-id, extra and tres-bind since 23.02,
# tres-per-task since 23.11, oom-kill-step, resv-ports, segment and stepmgr since 24.05, consolidate-segments and
# spread-segments since 25.05, container-type, mem-update and resources since 25.11).
_KNOWN = (
    "account acctg-freq array batch bb bbf begin burst-buffer chdir cluster cluster-constraint clusters comment "
    "consolidate-segments constraint container container-id container-type contiguous core-spec cores-per-socket "
    "cpu-freq cpus-per-gpu cpus-per-task deadline delay-boot dependency distribution error exclude exclusive export "
    "export-file extra extra-node-info get-user-env gid gpu-bind gpu-freq gpus gpus-per-node gpus-per-socket "
    "gpus-per-task gres gres-flags help hint hold ignore-pbs input job-name kill-on-invalid-dep licenses mail-type "
    "mail-user mcs-label mem mem-bind mem-per-cpu mem-per-gpu mem-update mincpus network nice no-kill no-requeue "
    "nodefile nodelist nodes ntasks ntasks-per-core ntasks-per-gpu ntasks-per-node ntasks-per-socket oom-kill-step "
    "open-mode output overcommit oversubscribe parsable partition power prefer priority profile propagate qos quiet "
    "reboot requeue reservation resources resv-ports segment signal sockets-per-node spread-job spread-segments "
    "stepmgr switches test-only thread-spec threads-per-core time time-min tmp tres-bind tres-per-task uid umask usage "
    "use-min-nodes verbose version wait wait-all-nodes wckey wrap"
)
# What pyxis adds to sbatch (https://github.com/NVIDIA/pyxis), the plugin that most sites with GPUs have.
_PYXIS = (
    "container-image container-mounts container-workdir container-name container-save container-mount-home "
    "no-container-mount-home container-remap-root no-container-remap-root container-entrypoint "
    "no-container-entrypoint container-entrypoint-log container-writable container-readonly container-env"
)


def check_sharing(job: Job, findings: Findings) -> None:
    """Warn of nodes that the job has not to itself, and what it then lacks: CPUs (W110), ports or memory (W302)."""
    of_all = (*job.cluster.sbatch, *job.sbatch)
    path, own = next(
        (
            ((*table, name), options)
            for table, options in _tables(job)
            for name, value in options
            if meant(name, ("exclusive",)) and value in (False, "user", "mcs")
        ),
        ((), ()),
    )
    if not path:
        return
    asked = [name for name, value in (*of_all, *own) if value is not False]
    if not any(meant(name, _CPUS) for name in asked):
        message = f"with this `{path[-1]}` Slurm gives the job one CPU of each node, for all its workers there"
        findings.warn(
            "W110", message, path, help="set `cpus-per-task` beside it to the CPUs that the job needs of a node"
        )
    if job.port_offset == "none" and any(port.probed and not port.fixed for role in job.roles for port in role.ports):
        message = f"with this `{path[-1]}` another job of this file on a node would want the same ports"
        findings.warn("W302", message, path, help='set `job.port-offset = "job-id"`: each takes ports of its own')
    elif job.port_offset != "none" and not any(meant(name, _MEMORY) for name in asked):
        message = f"with this `{path[-1]}` the job still asks for all memory of its nodes, and no other fits beside it"
        findings.warn("W302", message, path, help="set `mem` beside it to the memory that the job needs of a node")


def check_export(job: Job, findings: Findings) -> None:
    """Refuse an `export` that keeps from the job what an `env` takes from the submitter's environment (D113).

    sbatch(1), --export: `ALL`, `NONE`, or a list of names, without `ALL` those alone. The job's own goes before the
    cluster's.
    """
    wanted = submitted(job)
    asked = (
        ((*table, name), value)
        for table, options in _tables(job)
        for name, value in options
        if meant(name, ("export",))
    )
    path, value = next(asked, ((), ""))
    if not wanted or not path or not isinstance(value, str):
        return
    words = {word.partition("=")[0] for word in value.split(",")}
    missing = sorted(wanted.keys() - words)
    if "ALL" not in words and missing:
        names = ", ".join(f"`{name}` ({', '.join(wanted[name])})" for name in missing)
        message = f'with `{path[-1]} = "{value}"` the job does not get what it takes `from-env`: {names}'
        findings.error("D113", message, path, help=f"leave `{path[-1]}` out, or add the names to it")


def _tables(job: Job) -> Iterator[tuple[Path, Sequence[tuple[str, str | int | bool]]]]:
    """Yield the tables of options that a job has, the job's own first."""
    yield ("job", "sbatch"), job.sbatch
    yield ("cluster", "sbatch"), job.cluster.sbatch
    for at, group in enumerate(job.cluster.node_groups):
        yield ("cluster", "node-groups", at, "sbatch"), group.sbatch


def _meant(name: str, options: Collection[str]) -> str:
    """Return which of these options sbatch takes a name for; one that it has is no beginning of another."""
    return meant(name, options) if name in options or name not in known_options() else ""


def known_options() -> frozenset[str]:
    """Return the names that sbatch takes, in any version of the last years."""
    return frozenset((*_KNOWN.split(), *_PYXIS.split()))
