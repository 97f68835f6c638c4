"""The emitter: a plan in, one self-contained sbatch script out.

Python writes data and quotes it; the logic is the parts of `program/`, which stand in the script
as they are. The script grows with the number of different layouts, not with the number of workers.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from dynplan.containers import around_a_task, container_paths, containers
from dynplan.directives import directives
from dynplan.errors import Finding, Findings, InputError, Path
from dynplan.expressions import expressions, value
from dynplan.facts import Scope
from dynplan.fold import Folding, differs_by_node, run_time_facts
from dynplan.model import Each, Job, Launch, Pairs, Phase, Plan, Probe, Role, Task, Texts, Words, Worker, texts_of
from dynplan.pieces import FOR_TASKS, excuses, follows, needed, reads_log, runs_around, starts_apart
from dynplan.processes import local_ranks, running
from dynplan.quote import word
from dynplan.rows import Column, Group, Row, Shape, cell, groups
from dynplan.template import Part, Ref, for_bash

MOST_BYTES = 4 * 1024 * 1024  # Slurm's max_script_size
MOST_WORD_BYTES = 120 * 1024  # Linux's MAX_ARG_STRLEN is 128 KiB; host names and paths are filled in
# A program's arguments and environment have a quarter of the stack's limit together (execve(2)), 2 MiB by
# default; a user's environment is there too.
MOST_TASK_BYTES = 1536 * 1024
_NODE_BYTES = 80  # its name and its address, as facts of a task
DEFAULT_GRACE_S = 30


def script(plan: Plan, stamp: str, texts: Mapping[str, str]) -> str:
    """Return the sbatch script of a plan.

    Args:
        plan: the plan.
        stamp: what made the script, `dynplan 0.1.0` for example.
        texts: the program, part by part: at least those of `dynplan.pieces.needed`.

    Raises:
        InputError: D601 or D602 where the script or a part of it is larger than Slurm or Linux take.
    """
    plan = running(plan)
    _check_words(plan)
    data = dict(_functions(plan))
    names = needed(plan)
    _check_task_size(plan, data, (texts[name] for name in names if name in FOR_TASKS))
    parts = ["\n".join(_head(plan, stamp)), *data.values()]
    for name in names:
        # These data are long where there are many, and no task needs them.
        parts += {"hosts": _named_hosts, "files": _files}[name](plan) if name in ("hosts", "files") else ()
        parts.append(texts[name].rstrip("\n"))
    text = "\n\n".join(parts) + "\n"
    _check_size(text)
    return text


def _head(plan: Plan, stamp: str) -> Iterator[str]:
    yield "#!/bin/bash"
    yield from directives(plan)
    yield "#"
    yield f"# {_summary(plan)}"
    yield f"# Made by {stamp}: change the job file, not this."


def _summary(plan: Plan) -> str:
    count, gpus = len(plan.nodes), plan.nodes[0].gpus
    nodes = f"{count} node" + ("s" if count > 1 else "")
    what = f" of {gpus} GPUs" if gpus else ""
    return f"{plan.job.name}: {nodes}{what}, {plan.placement.mode}."


def _functions(plan: Plan) -> Iterator[tuple[Path, str]]:
    """Yield the data by their key paths: a function for the job, for each role and for each phase."""
    job, used = plan.job, run_time_facts(plan)
    roles = [(role, _of_role(plan, role)) for role in job.roles]
    phases = [(phase, _of_phase(plan, phase)) for phase in job.phases]
    launched = [(role.launch, folding) for role, folding in roles] + [(it.launch, folding) for it, folding in phases]
    common = _common(_srun(launch, folding) for launch, folding in launched)
    yield ("job",), _function("# ==== The plan ====", "job", _job(plan, common))
    for role, folding in roles:
        lines = _role(role, folding, used, common)
        yield ("roles", role.name), _function(f"# {_described(role, folding.workers)}", f"role_{role.name}", lines)
    for phase, folding in phases:
        lines = _phase(phase, folding, common, last=phase is job.phases[-1])
        yield ("phases", phase.name), _function("", f"phase_{phase.name}", lines)


def _of_role(plan: Plan, role: Role) -> Folding:
    workers = [worker for worker in plan.workers if worker.role == role.name]
    return Folding(plan, Scope(plan.job, role=role), workers)


def _of_phase(plan: Plan, phase: Phase) -> Folding:
    """Return the folding for a phase, on the node that runs it."""
    node = next((worker.tasks[0].node for worker in plan.workers if worker.role == phase.on), plan.head)
    return Folding(plan, Scope(plan.job, phase=phase.name), node=node)


def _common(words: Iterable[Texts]) -> Texts:
    """Return what is said once for the job: the words that most steps have, if several do."""
    found, times = Counter(words).most_common(1)[0]
    return found if times > 1 else ()


def _function(comment: str, name: str, lines: Iterable[str]) -> str:
    # The later lines of a word with line breaks belong to the word: nothing may stand before them.
    body = "\n".join(f"\t{line}" if line else "" for line in lines)
    return (f"{comment}\n" if comment else "") + f"{name}() {{\n{body}\n}}"


def _check_words(plan: Plan) -> None:
    """Check that Linux takes each argument and variable that a task's program is given."""
    findings = Findings()
    for kind, owners in (("roles", plan.job.roles), ("phases", plan.job.phases)):
        for name, launch in ((owner.name, owner.launch) for owner in owners):
            words = texts_of((*launch.command, *launch.leader_args, *launch.follower_args))
            longest = max((len(text.encode()) for text in (*words, *(text for _, text in launch.env))), default=0)
            if longest > MOST_WORD_BYTES:
                message = f"an argument or variable of {longest} bytes, and Linux takes {MOST_WORD_BYTES}"
                findings.error("D602", message, (kind, name), help="keep long texts in `files`")
    findings.raise_if_errors()


def _check_task_size(plan: Plan, data: Mapping[Path, str], program: Iterable[str]) -> None:
    """Check that what a task is given fits: the data, the program's functions, the facts of all nodes."""
    nodes: Path = ("job", "num-nodes")
    sizes = {path: len(text.encode()) for path, text in data.items()} | {nodes: _NODE_BYTES * len(plan.nodes)}
    # bash prints a function with more indentation than we write it with.
    room = MOST_TASK_BYTES - 2 * sum(len(text) for text in program)
    if sum(sizes.values()) > room:
        largest = max(sizes, key=lambda path: sizes[path])
        message = f"the tasks of this job would be given {sum(sizes.values())} bytes of data, and Linux takes {room}"
        what = f"most of them, {sizes[largest]} bytes,"
        stand = f"{what} stand in `{'.'.join(map(str, largest))}`: keep long texts in `files`"
        told = f"{what} are names and addresses of {len(plan.nodes)} nodes: make several jobs of it"
        raise InputError([Finding("D602", message, largest, told if largest == nodes else stand)])


def _job(plan: Plan, srun: Texts) -> Iterator[str]:
    job, gpus = plan.job, plan.nodes[0].gpus
    longest = max(role.stop.grace_s for role in job.roles)
    traits = [f"nodes={len(plan.nodes)} gpus={gpus} longest_grace={longest}"]
    has = {"log": reads_log(plan), "followers": follows(plan), "paths": bool(container_paths(plan))}
    traits += [f"has_{name}=yes" for name, wanted in has.items() if wanted]
    traits += ["critical=yes"] if excuses(plan) else []
    traits += ["world=''"] if any(role.world for role in job.roles) else []
    yield " ".join(traits)
    if containers(plan):
        yield "hint=' (its image must hold bash; what srun says stands above)'"
    if job.cluster.gpu_request == "none" or not any(role.size.gpus for role in job.roles):
        yield f"all_gpus={word(','.join(map(str, range(gpus))))}"
    yield f"job_name={word(job.name)} quoted_name={word(_json(job.name))} output_dir={word(_directory(job))}"
    if job.cluster.interface:
        yield f"interface={word(job.cluster.interface)}"
    yield from _array("roles", [role.name for role in job.roles], per_line=False)
    yield f"phases=({' '.join(phase.name for phase in job.phases)})"
    yield from _array("stop_order", _stop_order(job.roles), per_line=False)
    yield from _array("paths", container_paths(plan))
    shared = Folding(plan, Scope(job))
    yield from _array("srun", srun)
    yield from _array("env", _pairs((*job.cluster.env, *job.env), shared))


def _stop_order(roles: Sequence[Role]) -> list[str]:
    """Return the groups of roles that are stopped together, each one's names in a word, the first one first.

    What depends on a role stops before it: routers and frontends, then workers with GPUs, then
    the control plane.
    """
    followers: dict[str, list[Role]] = {role.name: [] for role in roles}
    for role in roles:
        for name in role.after:
            followers[name].append(role)
    stages: dict[str, int] = {}

    def stage(role: Role) -> int:
        if role.name not in stages:
            least = 2 if role.size.gpus else 1
            stages[role.name] = max([least, *(stage(other) + 1 for other in followers[role.name])])
        return stages[role.name]

    last = max(stage(role) for role in roles)
    groups = (" ".join(role.name for role in roles if stages[role.name] == at) for at in range(1, last + 1))
    return [group for group in groups if group]


def _directory(job: Job) -> str:
    """Return the output directory as a template."""
    first, *more = (part.replace("%x", job.name) for part in job.output_dir.split("%j"))
    parts: list[Part] = [first]
    for part in more:
        parts += (Ref("job.id"), part)
    return for_bash(parts)


def _json(text: str) -> str:
    """Write printable text as JSON does, and TOML too."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _role(role: Role, folding: Folding, used: Iterable[str], srun: Texts) -> Iterator[str]:
    traits = " ".join(_traits(role, folding.workers))
    if traits:
        yield traits
    yield from _array("after", role.after, per_line=False)
    for group in groups(_rows(folding.plan, role, folding.workers)):
        yield from _group(group)
    yield from _launch(role.launch, folding, srun)
    for probe in role.ready:
        yield from _probe((_who(probe, folding) + "ready", str(probe.timeout_s)), probe, folding)
    for probe in role.alive:
        yield from _probe((_who(probe, folding) + "alive", f"{probe.interval_s}x{probe.failures}"), probe, folding)
    if role.fail_on_log:
        yield f"fail_on_log={word(role.fail_on_log)}"
    if role.metrics:
        yield f"metrics={word(folding.fill(role.metrics))}"
    prefix = f"role.{role.name}."
    mine = [name for name in used if name.startswith(prefix)]
    yield from _array("lists", [f"{name}={_item(name.removeprefix(prefix), folding)}" for name in mine])


def _described(role: Role, workers: Sequence[Worker]) -> str:
    count = f"{len(workers)} worker" + ("s" if len(workers) > 1 else "")
    gpus = role.size.gpus
    return count + (f" of {gpus} GPU" + ("s" if gpus > 1 else "") if gpus else "")


def _traits(role: Role, workers: Sequence[Worker]) -> Iterator[str]:
    """Yield the assignments that differ from what `load` in `program/plan.sh` sets."""
    tasks = sum(len(worker.tasks) for worker in workers)
    unprobed = " ".join(port.name for port in role.ports if not port.probed)
    for differs, text in (
        (tasks > 1, f"tasks={tasks}"),
        (tasks > len(workers), f"workers={len(workers)}"),
        (role.world, "world=yes"),
        (starts_apart(role, len(workers)), "starter=start_worlds"),
        (role.task, "kind=task"),
        (not role.critical, "critical=no"),
        (role.stop.signal != "TERM", f"stop_signal={role.stop.signal}"),
        (role.stop.grace_s != DEFAULT_GRACE_S, f"grace={role.stop.grace_s}"),
        (role.restart_max, f"runner=run_again restarts={role.restart_max} restart_delay={role.restart_delay_s}"),
        (role.stagger, "stagger=yes"),
        (role.alive, "alive=yes"),
        (unprobed, f"unprobed=({unprobed})"),
    ):
        if differs:
            yield text


def _item(name: str, folding: Folding) -> str:
    """Return the template of one worker's item in a list over all workers."""
    what, _, port = name.partition(".")
    template = {
        "hosts": "{host}",
        "ips": "{ip}",
        "urls": f"http://{{host}}:{{port.{port}}}",
        "endpoints": f"{{host}}:{{port.{port}}}",
    }[what]
    return folding.fill(template)


def _who(probe: Probe, folding: Folding) -> str:
    return "leader-" if folding.spans_nodes and not probe.everywhere else ""


def _rows(plan: Plan, role: Role, workers: Sequence[Worker]) -> list[Row]:
    """Return one row per task, in step order: worker by worker, rank by rank."""
    computed = expressions(plan.job, role)
    shapes: dict[Shape, Shape] = {}
    rows: list[Row] = []
    for worker in workers:
        for task, (node_rank, local_rank) in zip(worker.tasks, local_ranks(worker), strict=True):
            cells = _cells(worker, task)
            if role.per_gpu:
                cells += [(Column("node-rank"), node_rank), (Column("local-rank"), local_rank)]
            for index, expression in enumerate(computed):
                number = value(expression, plan.job, role, worker, task, len(workers))
                cells.append((Column(f"expr.{index}"), number))
            shape = tuple(column for column, _ in cells)
            rows.append((shapes.setdefault(shape, shape), tuple(number for _, number in cells)))
    return rows


def _cells(worker: Worker, task: Task) -> list[tuple[Column, int]]:
    cells = [
        (Column("node"), task.node),
        (Column("worker"), worker.worker),
        *_rank(worker, task),
        (Column("gpus", len(task.gpus)), task.gpus[0] if task.gpus else 0),
    ]
    cells += [(Column(f"port.{name}", block.count), block.port) for name, block in task.ports]
    if len(worker.tasks) > 1:
        leader = worker.tasks[0]
        cells.append((Column("leader"), leader.node))
        cells += [(Column(f"leader.port.{name}", block.count), block.port) for name, block in leader.ports]
    return cells


def _rank(worker: Worker, task: Task) -> list[tuple[Column, int]]:
    count = len(worker.tasks)
    return [(Column("rank"), task.rank), (Column("num-tasks"), count)] if count > 1 else []


def _group(group: Group) -> Iterator[str]:
    if group.times > 1:
        yield " ".join([f"times {group.times}", *(f"{name}={step}" for name, step in group.steps)])
    for shape, numbers in group.rows:
        cells = (cell(column, number) for column, number in zip(shape, numbers, strict=True) if column.width)
        yield "task " + " ".join(cells)


def _launch(launch: Launch, folding: Folding, srun: Texts) -> Iterator[str]:
    """Write what a step runs; `srun` stands for the job already."""
    yield from _array("env", [*launch.unset, *_pairs(launch.env, folding)], add=True)
    if launch.workdir:
        yield f"workdir={word(folding.fill(launch.workdir))}"
    yield from _words("command", launch.command, folding)
    yield from _words("leader_args", launch.leader_args, folding)
    yield from _words("follower_args", launch.follower_args, folding)
    own = _srun(launch, folding)
    if own != srun:
        yield from _array("srun", own) if own else ["srun=()"]


def _words(name: str, words: Words, folding: Folding) -> Iterator[str]:
    """Write the words of a command line; `each` adds those that stand once for every worker of a role."""
    add = False
    for repeated, run in groupby(words, key=lambda item: isinstance(item, Each)):
        if repeated:
            yield from (_each(name, item, folding) for item in run if isinstance(item, Each))
        else:
            yield from _array(name, [folding.fill(text) for text in texts_of(tuple(run))], add=add)
        add = True


def _each(name: str, item: Each, folding: Folding) -> str:
    return " ".join(["each", name, item.role, *(word(folding.fill(text)) for text in item.words)])


def _srun(launch: Launch, folding: Folding) -> Texts:
    """Return further words of a step's srun: the site's, the role's, and the container's."""
    cluster = folding.plan.job.cluster
    options, command = around_a_task(launch.container, cluster.container_runtime)
    all_options = dict(cluster.srun) | dict(launch.srun) | dict(options)
    own = (f"--{name}={text}" if text else f"--{name}" for name, text in all_options.items())
    return tuple(folding.fill(text) for text in (*own, *command))


def _probe(traits: Texts, probe: Probe, folding: Folding) -> Iterator[str]:
    match probe.kind:
        case "tcp":
            words: Texts = (folding.fill(f"{{port.{probe.port}}}"),)
        case "http":
            words = (folding.fill(f"{{port.{probe.port}}}"), folding.fill(probe.path), *_http_words(probe, folding))
        case "log":
            words = (for_bash((probe.regex,)),)
        case "command":
            words = tuple(folding.fill(text) for text in probe.command)
    yield " ".join(["probe", *traits, probe.kind, *map(word, words)])


def _http_words(probe: Probe, folding: Folding) -> Iterator[str]:
    if probe.status != "2xx":
        yield f"status={probe.status}"
    if probe.body:
        yield f"body={for_bash((probe.body,))}"
    if probe.post:
        yield f"post={folding.fill(probe.post)}"


def _phase(phase: Phase, folding: Folding, srun: Texts, *, last: bool) -> Iterator[str]:
    traits = [f"timeout={phase.timeout_s}"]
    if phase.continue_on_failure:
        traits.append("go_on=yes")
    if phase.health_check and not last:
        traits.append("health_check=yes")
    around = runs_around(folding.plan, phase)
    if around:
        traits.append("runner=run_around")
    yield " ".join(traits)
    yield f"task node={folding.node} worker=0"
    yield from _launch(phase.launch, folding, srun)
    if around:
        after = () if last else phase.after_command
        for name, command in (("setup", phase.setup), ("after_command", after)):
            yield from _array(name, [folding.fill(text) for text in command]) if command else iter([f"{name}=()"])


def _named_hosts(plan: Plan) -> Iterator[str]:
    hosts = [node.host or "*" for node in plan.nodes]
    yield "\n".join(_array("named_hosts", hosts, per_line=False))


def _files(plan: Plan) -> Iterator[str]:
    folding = Folding(plan, Scope(plan.job))
    calls = []
    for file in plan.job.files:
        verb = "file_by_node" if differs_by_node(file) else "file"
        calls.append(f"{verb} {file.name} {word(folding.fill(file.content))}")
    yield _function("", "files", calls)


def _pairs(pairs: Pairs, folding: Folding) -> list[str]:
    return [f"{name}={folding.fill(text)}" for name, text in dict(pairs).items()]


def _array(name: str, words: Sequence[str], *, per_line: bool = True, add: bool = False) -> Iterator[str]:
    """Write an array, one word per line: a word of the user's may be anything."""
    if not words:
        return
    assign = f"{name}+=(" if add else f"{name}=("
    quoted = [word(text) for text in words]
    if not per_line:
        yield assign + " ".join(quoted) + ")"
        return
    yield assign
    yield from (f"\t{text}" for text in quoted)
    yield ")"


def _check_size(text: str) -> None:
    size = len(text.encode())
    if size > MOST_BYTES:
        message = f"the script has {size} bytes, and Slurm takes {MOST_BYTES}"
        raise InputError([Finding("D601", message, help="keep long texts in files that the job reads")])
