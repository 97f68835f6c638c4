"""The emitter: a plan in, one self-contained sbatch script out.

Python writes data and quotes it; the logic is `static/launch.sh`, which stands in the script
as it is. The script grows with the number of different layouts, not with the number of workers.
"""

from collections.abc import Iterable, Iterator, Sequence

from dynplan.directives import directives, margin_s
from dynplan.errors import Finding, InputError
from dynplan.expressions import expressions, value
from dynplan.facts import Scope
from dynplan.fold import Folding, run_time_facts
from dynplan.model import Launch, Pairs, Phase, Plan, Probe, Role, Task, Words, Worker
from dynplan.quote import word
from dynplan.rows import Column, Group, Row, Shape, cell, groups

MOST_BYTES = 4 * 1024 * 1024  # Slurm's max_script_size
MOST_WORD_BYTES = 128 * 1024  # Linux's MAX_ARG_STRLEN: one argument or environment variable


def script(plan: Plan, stamp: str, program: str) -> str:
    """Return the sbatch script of a plan.

    Args:
        plan: the plan.
        stamp: what made the script, `dynplan 0.1.0` for example.
        program: the text of `static/launch.sh`.

    Raises:
        InputError: D601 to D603 where the script or a word of it is larger than Slurm or Linux take.
    """
    text = "\n".join([*_head(plan, stamp), *_plan_function(plan), "", program.rstrip("\n"), ""])
    _check_size(text)
    return text


def _head(plan: Plan, stamp: str) -> Iterator[str]:
    yield "#!/bin/bash"
    yield from directives(plan)
    yield "#"
    yield f"# {_summary(plan)}"
    yield f"# Made by {stamp}: change the job file and compile it again rather than editing this."
    yield "#"
    # A job's own words are data here: `$HOME` in them is for the program they are meant for.
    yield "# SC2016: single quotes keep the words of the job file from the shell, `$` and all."
    yield "# SC2317: the program below is the same in every script; this plan may not need all of it."
    yield "# shellcheck disable=SC2016,SC2317"
    yield ""


def _summary(plan: Plan) -> str:
    count, gpus = len(plan.nodes), plan.nodes[0].gpus
    nodes = f"{count} node" + ("s" if count > 1 else "")
    what = f" of {gpus} GPUs" if gpus else ""
    return f"{plan.job.name}: {nodes}{what}, {plan.placement.mode}."


def _plan_function(plan: Plan) -> Iterator[str]:
    yield "# ---- 0. the plan: data, in the order of the job file " + "-" * 42
    yield "plan() {"
    for line in _body(plan):
        yield f"  {line}" if line and not line.startswith("\0") else line.removeprefix("\0")
    yield "}"


def _body(plan: Plan) -> Iterator[str]:
    job = plan.job
    yield from _call("job", _job_words(plan))
    if any(node.host for node in plan.nodes):
        yield from _call("hosts", [node.host or "*" for node in plan.nodes])
    shared = Folding(plan, Scope(job))
    yield from _pairs("job_env", (*job.cluster.env, *job.env), shared)
    wanted = run_time_facts(plan)
    if wanted:
        yield from _call("uses", wanted)
    stages = _stages(job.roles)
    for role in job.roles:
        yield ""
        yield from _role(plan, role, stages[role.name])
    for phase in job.phases:
        yield ""
        yield from _phase(plan, phase, last=phase is job.phases[-1])


def _job_words(plan: Plan) -> list[str]:
    job = plan.job
    needs_gpus = any(role.size.gpus for role in job.roles) and job.cluster.gpu_request != "none"
    words = [
        f"name={job.name}",
        f"nodes={len(plan.nodes)}",
        f"gpus-per-node={job.cluster.gpus_per_node if needs_gpus else 0}",
        f"output-dir={job.output_dir}",
        f"stop-before-limit={margin_s(plan)}",
    ]
    if job.cluster.interface:
        words.append(f"interface={job.cluster.interface}")
    return words


def _stages(roles: Sequence[Role]) -> dict[str, int]:
    """Return when each role is stopped, 1 first: what depends on a role stops before it.

    Clients go first, then routers and frontends, then workers with GPUs, then the control plane.
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

    for role in roles:
        stage(role)
    return stages


def _role(plan: Plan, role: Role, stage: int) -> Iterator[str]:
    workers = [worker for worker in plan.workers if worker.role == role.name]
    folding = Folding(plan, Scope(plan.job, role=role), workers)
    yield f"# {role.name}: {_described(role, workers)}"
    yield from _call("role", [role.name, *_role_words(role, stage)])
    if role.after:
        yield " ".join(["after", *map(word, role.after)])
    for group in groups(_rows(plan, role, workers)):
        yield from _group(group)
    yield from _launch(role.launch, folding, plan)
    for verb, probes in (("ready", role.ready), ("alive", role.alive)):
        for probe in probes:
            yield from _probe(verb, probe, folding)
    if role.fail_on_log:
        yield f"fail_on_log {word(role.fail_on_log)}"
    if role.metrics:
        yield f"metrics {word(folding.fill(role.metrics))}"


def _described(role: Role, workers: Sequence[Worker]) -> str:
    count = f"{len(workers)} worker" + ("s" if len(workers) > 1 else "")
    gpus = role.size.gpus
    return count + (f" of {gpus} GPU" + ("s" if gpus > 1 else "") if gpus else "")


def _role_words(role: Role, stage: int) -> Iterator[str]:
    yield f"kind={'task' if role.task else 'service'}"
    yield f"critical={_yes(role.critical)}"
    yield f"ready-timeout={role.ready_timeout_s}"
    yield f"stop-signal={role.stop.signal}"
    yield f"stop-grace={role.stop.grace_s}"
    yield f"stop-stage={stage}"
    if role.restart_max:
        yield f"restart-max={role.restart_max}"
        yield f"restart-delay={role.restart_delay_s}"
    if role.stagger:
        yield "stagger=yes"
    unprobed = [port.name for port in role.ports if not port.probed]
    if unprobed:
        yield f"unprobed={','.join(unprobed)}"


def _yes(flag: bool) -> str:
    return "yes" if flag else "no"


def _rows(plan: Plan, role: Role, workers: Sequence[Worker]) -> list[Row]:
    """Return one row per task, in step order: worker by worker, rank by rank."""
    computed = expressions(plan.job, role)
    shapes: dict[Shape, Shape] = {}
    rows: list[Row] = []
    for worker in workers:
        for task in worker.tasks:
            cells = _cells(worker, task)
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
        (Column("rank"), task.rank),
        (Column("num-tasks"), len(worker.tasks)),
        (Column("gpus", len(task.gpus)), task.gpus[0] if task.gpus else 0),
    ]
    cells += [(Column(f"port.{name}", block.count), block.port) for name, block in task.ports]
    if len(worker.tasks) > 1:
        leader = worker.tasks[0]
        cells.append((Column("leader"), leader.node))
        cells += [(Column(f"leader.port.{name}", block.count), block.port) for name, block in leader.ports]
    return cells


def _group(group: Group) -> Iterator[str]:
    steps = "".join(f" {name}{step:+d}" for name, step in group.steps)
    yield f"repeat {group.times}{steps}"
    for shape, numbers in group.rows:
        cells = (cell(column, number) for column, number in zip(shape, numbers, strict=True))
        yield "task " + " ".join(cells)


def _launch(launch: Launch, folding: Folding, plan: Plan) -> Iterator[str]:
    yield from _pairs("set_env", launch.env, folding)
    if launch.unset:
        yield " ".join(["unset_env", *map(word, launch.unset)])
    if launch.workdir:
        yield f"work_dir {word(folding.fill(launch.workdir))}"
    yield from _call("run", [folding.fill(text) for text in _in_container(launch, plan) + launch.command])
    for verb, words in (("leader_args", launch.leader_args), ("follower_args", launch.follower_args)):
        if words:
            yield from _call(verb, [folding.fill(text) for text in words])
    options = _srun_words(launch, plan)
    if options:
        yield from _call("srun_args", [folding.fill(text) for text in options])


def _in_container(launch: Launch, plan: Plan) -> Words:
    """Return the words before a command that run it in apptainer; pyxis is an option of srun."""
    box = launch.container
    if box is None or plan.job.cluster.container_runtime != "apptainer":
        return ()
    binds = [part for mount in (*box.mounts, "{job.dir}:{job.dir}") for part in ("--bind", mount)]
    inside = ("--pwd", box.workdir) if box.workdir else ()
    return ("apptainer", "exec", "--nv", *binds, *inside, box.image)


def _srun_words(launch: Launch, plan: Plan) -> Words:
    """Return further words of a role's srun: the site's, the role's, and the container's."""
    options: dict[str, str] = {"mpi": "none"} if launch.container is None else {}
    options |= dict(plan.job.cluster.srun) | dict(launch.srun)
    box = launch.container
    if box is not None and plan.job.cluster.container_runtime == "pyxis":
        options["container-image"] = box.image
        options["container-mounts"] = ",".join((*box.mounts, "{job.dir}:{job.dir}"))
        if box.workdir:
            options["container-workdir"] = box.workdir
        if box.name:
            options["container-name"] = box.name
    return tuple(f"--{name}={text}" if text else f"--{name}" for name, text in options.items())


def _probe(verb: str, probe: Probe, folding: Folding) -> Iterator[str]:
    who = "all" if probe.everywhere else "leader"
    pace = [f"interval={probe.interval_s}", f"failures={probe.failures}"] if verb == "alive" else []
    match probe.kind:
        case "tcp":
            words = ["tcp", f"port.{probe.port}", who, *pace]
        case "http":
            words = ["http", f"port.{probe.port}", f"path={folding.fill(probe.path)}", f"status={probe.status}"]
            words += [f"body={probe.body}"] if probe.body else []
            words += [f"post={folding.fill(probe.post)}"] if probe.post else []
            words += [who, *pace]
        case "log":
            words = ["log", probe.regex, who, *pace]
        case "command":
            words = ["command", who, *pace, *(folding.fill(text) for text in probe.command)]
    yield from _call(verb, words) if len(words) > 4 else [" ".join([verb, *map(word, words)])]


def _phase(plan: Plan, phase: Phase, *, last: bool) -> Iterator[str]:
    node = _phase_node(plan, phase)
    folding = Folding(plan, Scope(plan.job, phase=phase.name), node=node)
    words = [
        phase.name,
        f"node={node}",
        f"timeout={phase.timeout_s}",
        f"continue-on-failure={_yes(phase.continue_on_failure)}",
        f"health-check={_yes(phase.health_check)}",
        f"last={_yes(last)}",
    ]
    yield from _call("phase", words)
    yield from _launch(phase.launch, folding, plan)
    for verb, command in (("setup", phase.setup), ("after_command", phase.after_command)):
        if command:
            yield from _call(verb, [folding.fill(text) for text in command])


def _phase_node(plan: Plan, phase: Phase) -> int:
    if not phase.on:
        return plan.head
    return next(worker.tasks[0].node for worker in plan.workers if worker.role == phase.on)


def _pairs(verb: str, pairs: Pairs, folding: Folding) -> Iterator[str]:
    if pairs:
        yield from _call(verb, [f"{name}={folding.fill(text)}" for name, text in dict(pairs).items()])


def _call(verb: str, words: Iterable[str]) -> Iterator[str]:
    """Write a call with one argument per line."""
    lines = [word(text) for text in words]
    for text in lines:
        if len(text.encode(errors="replace")) > MOST_WORD_BYTES:
            message = f"a word of the script has {len(text)} characters: {text[:40]}..."
            raise InputError([Finding("D602", message, help=f"Linux takes {MOST_WORD_BYTES} bytes: use a file")])
    yield f"{verb} \\"
    for index, text in enumerate(lines):
        end = " \\" if index + 1 < len(lines) else ""
        first, *more = text.split("\n")
        if not more:
            yield f"  {first}{end}"
            continue
        # The later lines of a word with line breaks are part of the word: nothing may stand before them.
        yield f"  {first}"
        yield from (f"\0{line}" for line in more[:-1])
        yield f"\0{more[-1]}{end}"


def _check_size(text: str) -> None:
    size = len(text.encode())
    if size > MOST_BYTES:
        message = f"the script has {size} bytes, and Slurm takes {MOST_BYTES}"
        raise InputError([Finding("D601", message, help="keep long texts in files that the job reads")])
