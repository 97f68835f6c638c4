"""Lowering: a `Plan` becomes everything that its script says. Nothing behind it computes."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

from attrs import evolve

from dynplan.emitter.components import Component, components, in_component_order, where_a_node_is, where_it_runs
from dynplan.emitter.constants import Constants, lists_named, named_by_others, templates
from dynplan.emitter.containers import Owner, around_a_task, brought, images
from dynplan.emitter.directives import directives
from dynplan.emitter.job_facts import DEFAULT_GRACE_S, job_arrays, job_settings
from dynplan.emitter.limits import check_files, check_words
from dynplan.emitter.lowered import Image, Script, Setting, Settings, Step
from dynplan.emitter.moving import moving_ports
from dynplan.emitter.parts import has_domains, needed, regained, runs_around, starts_apart
from dynplan.emitter.rows import Column, Group
from dynplan.emitter.tasks import RoleTasks, role_tasks
from dynplan.language.templates import for_bash
from dynplan.model import Each, Launch, Phase, Plan, Probe, Texts, When, Words, Worker

_ITEMS = {"hosts": "{host}", "ips": "{ip}", "urls": "http://{url-host}:{port.%s}", "endpoints": "{url-host}:{port.%s}"}


def lower(plan: Plan) -> Script:
    """Return everything that the script of a plan says.

    Raises:
        InputError: D601 or D602 for texts that Slurm or Linux do not take.
    """
    job = plan.job
    check_words(job)
    planned, moving = _by_role(plan), moving_ports(plan)
    by_role = [
        role_tasks(job, role, planned[role.name], planned[role.size.beside] if role.size.beside else (), moving)
        for role in job.roles
    ]
    plan = evolve(plan, workers=tuple(chain.from_iterable(tasks.workers for tasks in by_role)))
    everywhere = Constants(named_by_others(job, by_role, moving))
    check_files(job, everywhere.others.workers)
    named = lists_named(templates(job))
    known = {("roles", tasks.role.name): evolve(everywhere, tasks=tasks) for tasks in by_role}
    known |= {("phases", phase.name): _of_phase(phase, plan, everywhere) for phase in job.phases}
    boxes = brought(plan, lambda owner, text: known[owner].fill(text))
    names = {owner: name for owner, (name, _) in boxes.items()}
    placed = _settings_by_role(plan, by_role)
    roles = [_role(tasks, known["roles", tasks.role.name], named, names, placed[tasks.role.name]) for tasks in by_role]
    phases = [_phase(phase, plan, known["phases", phase.name], names) for phase in job.phases]
    common = _most_common(step.srun or () for step in (*roles, *phases))
    first, *others = directives(plan)
    return Script(
        directives=first,
        components=tuple(others),
        summary=_summary(plan),
        nodes=len(plan.nodes),
        job=tuple(job_settings(plan)),
        arrays=tuple(job_arrays(plan, common, everywhere)),
        roles=tuple(_as_the_job(step, common) for step in roles),
        phases=tuple(_as_the_job(step, common) for step in phases),
        program=needed(plan, with_when=any(_has_when(step) for step in roles)),
        hosts=tuple(_hosts(plan)),
        files=tuple((file.name, everywhere.fill_file(file)) for file in job.files),
        files_by_node=everywhere.others.by_node,
        images=tuple(_images(plan, everywhere, boxes)) if boxes else (),
    )


def _settings_by_role(plan: Plan, by_role: Sequence[RoleTasks]) -> dict[str, tuple[Setting, ...]]:
    """Return the settings of each role: its own, and what the plan says of its component and of ports given back."""
    given = regained(plan)
    return {
        tasks.role.name: (
            *_role_settings(tasks, given.get(tasks.role.name, ())),
            *where_it_runs(plan, tasks.workers),
        )
        for tasks in by_role
    }


def _has_when(step: Step) -> bool:
    return any(isinstance(word, When) for word in (*step.command, *step.leader_args, *step.follower_args))


def _by_role(plan: Plan) -> Mapping[str, Sequence[Worker]]:
    """Return the workers of each role, by its name."""
    workers: dict[str, list[Worker]] = {role.name: [] for role in plan.job.roles}
    for worker in plan.workers:
        workers[worker.role].append(worker)
    return {role.name: in_component_order(plan, role, workers[role.name]) for role in plan.job.roles}


def _summary(plan: Plan) -> str:
    nodes = ", ".join(map(_counted, components(plan)))
    return f"{plan.job.name}: {nodes}, {plan.placement.mode}."


def _counted(component: Component) -> str:
    count, gpus, name = len(component.nodes), component.gpus, component.group.name
    kind = f" ({name})" if name else ""
    return f"{count} node" + ("s" if count > 1 else "") + (f" of {gpus} GPUs" if gpus else "") + kind


def _most_common(words: Iterable[Texts]) -> Texts:
    """Return what is said once for the job: the words that most steps have, if several do."""
    found, times = Counter(words).most_common(1)[0]
    return found if times > 1 else ()


def _as_the_job(step: Step, common: Texts) -> Step:
    """Return a step that leaves to the job what it says already."""
    return evolve(step, srun=None) if step.srun == common else step


def _hosts(plan: Plan) -> Iterator[str]:
    """Yield the host of each node, `*` for one without a name; a single `*` where none has and domains say which."""
    if any(node.host for node in plan.nodes):
        yield from (node.host or "*" for node in plan.nodes)
    elif has_domains(plan):
        yield "*"


# Roles


def _role(
    tasks: RoleTasks,
    constants: Constants,
    named: Sequence[str],
    boxes: Mapping[Owner, str],
    settings: tuple[Setting, ...],
) -> Step:
    role = tasks.role
    launch = role.launch
    lists = (name.split(".", 2) for name in named)
    items = [(f"role.{name}.{item}", item) for _, name, item in lists if name == role.name]
    return Step(
        name=role.name,
        function=f"role_{role.name}",
        comment=_described(tasks),
        settings=settings,
        after=role.after,
        rows=tasks.rows,
        env=_env(launch, constants),
        workdir=constants.fill(launch.workdir) if launch.workdir else "",
        setup=constants.fill_shell(launch.setup) if launch.setup else "",
        command=_filled(launch.command, constants),
        leader_args=_filled(launch.leader_args, constants),
        follower_args=_filled(launch.follower_args, constants),
        srun=_srun(launch, constants, boxes.get(("roles", role.name), "")),
        probes=tuple(_probes(tasks, constants)),
        fail_on_log=role.fail_on_log,
        metrics=constants.fill(_url(role.metrics)) if role.metrics else "",
        lists=tuple(f"{name}={_item(item, constants)}" for name, item in items),
        around=(),
    )


def _described(tasks: RoleTasks) -> str:
    workers, gpus = len(tasks.workers), tasks.role.size.gpus
    count = f"{workers} worker" + ("s" if workers > 1 else "")
    return count + (f" of {gpus} GPU" + ("s" if gpus > 1 else "") if gpus else "")


def _role_settings(tasks: RoleTasks, given: Texts) -> Iterator[Setting]:
    """Yield what differs from the program's own defaults: `load` in `program/plan.sh` sets them."""
    role, workers, until = tasks.role, len(tasks.workers), tasks.workers[0].until
    unprobed = tuple(port.name for port in role.ports if not port.probed)
    choices: tuple[tuple[object, Settings], ...] = (
        (tasks.tasks > 1, (("tasks", str(tasks.tasks)),)),
        (tasks.tasks > workers, (("workers", str(workers)),)),
        (role.world, (("world", "yes"),)),
        (starts_apart(role, workers), (("starter", "start_worlds"),)),
        (role.task, (("kind", "task"),)),
        (role.size.beside, (("shares", (role.size.beside,)),)),
        (until, (("until", until),)),
        (given, (("regained", given),)),
        (not role.critical, (("critical", "no"),)),
        (role.stop.signal != "TERM", (("stop_signal", role.stop.signal),)),
        (role.stop.grace_s != DEFAULT_GRACE_S, (("grace", str(role.stop.grace_s)),)),
        (role.restart_max, (("runner", "run_again"), ("restarts", str(role.restart_max)))),
        (role.restart_max, (("restart_delay", str(role.restart_delay_s)),)),
        (role.stagger, (("stagger", "yes"),)),
        (role.alive, (("alive", "yes"),)),
        (unprobed, (("unprobed", unprobed),)),
        (role.numa_bind, (("numa_bind", "image" if role.launch.container else "node"),)),
    )
    for differs, settings in choices:
        if differs:
            yield from settings


def _url(template: str) -> str:
    """Return the template of a URL in which a node may have no name, or an IPv6 address."""
    return template.replace("://{host}", "://{url-host}").replace("://{ip}", "://{url-ip}")


def _item(item: str, constants: Constants) -> str:
    """Return the template of one worker's item in a list over all workers: `urls.http` for example."""
    what, _, port = item.partition(".")
    template = _ITEMS[what]
    return constants.fill(template % port if port else template)


def _probes(tasks: RoleTasks, constants: Constants) -> Iterator[Texts]:
    role = tasks.role
    for probe in role.ready:
        yield _probe("ready", str(probe.timeout_s), probe, tasks, constants)
    for probe in role.alive:
        yield _probe("alive", f"{probe.interval_s}x{probe.failures}", probe, tasks, constants)


def _probe(event: str, limit: str, probe: Probe, tasks: RoleTasks, constants: Constants) -> Texts:
    leader = "leader-" if tasks.several and not probe.everywhere else ""
    port = constants.fill(f"{{port.{probe.port}}}") if probe.port else ""
    match probe.kind:
        case "tcp":
            asked: Texts = (port,)
        case "http":
            asked = (port, constants.fill(probe.path), *_http_words(probe, constants))
        case "log":
            asked = (for_bash((probe.regex,)),)
        case "command":
            asked = constants.fill_words(probe.command)
    return (leader + event, limit, probe.kind, *asked)


def _http_words(probe: Probe, constants: Constants) -> Iterator[str]:
    if probe.status != "2xx":
        yield f"status={probe.status}"
    if probe.body:
        yield f"body={for_bash((probe.body,))}"
    if probe.post:
        yield f"post={constants.fill(probe.post)}"


# Phases


def _node(phase: Phase, plan: Plan) -> int:
    """Return the first node of the role that a phase runs on, or the head node."""
    return next((worker.tasks[0].node for worker in plan.workers if worker.role == phase.on), plan.head)


def _of_phase(phase: Phase, plan: Plan, everywhere: Constants) -> Constants:
    return evolve(everywhere, phase=phase.name, node=_node(phase, plan))


def _phase(phase: Phase, plan: Plan, constants: Constants, boxes: Mapping[Owner, str]) -> Step:
    """Return a phase, a single task."""
    node = _node(phase, plan)
    launch = phase.launch
    last = phase is plan.job.phases[-1]
    around = runs_around(plan, phase)
    after_command = () if last else phase.after_command
    commands = (("setup", phase.setup), ("after_command", after_command)) if around else ()
    return Step(
        name=phase.name,
        function=f"phase_{phase.name}",
        comment="",
        settings=(*_phase_settings(phase, last=last, around=around), *where_a_node_is(plan, node)),
        after=(),
        rows=(Group(1, (), (((Column("node"), Column("worker")), (node, 0)),)),),
        env=_env(launch, constants),
        workdir=constants.fill(launch.workdir) if launch.workdir else "",
        setup=constants.fill_shell(launch.setup) if launch.setup else "",
        command=_filled(launch.command, constants),
        leader_args=(),
        follower_args=(),
        srun=_srun(launch, constants, boxes.get(("phases", phase.name), "")),
        probes=(),
        fail_on_log="",
        metrics="",
        lists=(),
        around=tuple((name, constants.fill_words(command)) for name, command in commands),
    )


def _phase_settings(phase: Phase, *, last: bool, around: bool) -> Iterator[Setting]:
    yield "timeout", str(phase.timeout_s)
    if phase.continue_on_failure:
        yield "go_on", "yes"
    if phase.health_check and not last:
        yield "health_check", "yes"
    if around:
        yield "runner", "run_around"


# What roles and phases have in common


def _env(launch: Launch, constants: Constants) -> Texts:
    """Return the names to unset, and `NAME=TEMPLATE` to set."""
    return (*launch.unset, *(f"{name}={constants.fill(text)}" for name, text in dict(launch.env).items()))


def _filled(words: Words, constants: Constants) -> Words:
    """Return a command line with its constants filled in.

    Of words on a condition only those are left that some tasks have and others do not; their condition is a column.
    """
    if len(words) > 2 and words[:2] == ("bash", "-c") and isinstance(text := words[2], str):
        return ("bash", "-c", constants.fill_shell(text), *_filled(words[3:], constants))
    return tuple(chain.from_iterable(_filled_word(word, constants) for word in words))


def _filled_word(word: str | Each | When, constants: Constants) -> Words:
    if isinstance(word, str):
        return (constants.fill(word),)
    value = constants.expression(word.expression) if isinstance(word, When) else 1
    if value == 0:  # what stands in words that no task has is not computed
        return ()
    texts = tuple(map(constants.fill, word.words))
    if isinstance(word, Each):
        return (Each(word.role, texts),)
    return (When(value, texts),) if isinstance(value, str) else texts


def _images(plan: Plan, constants: Constants, boxes: Mapping[Owner, tuple[str, str]]) -> Iterator[Image]:
    """Yield the images that are brought to the nodes of the roles and phases that use them."""
    cluster = plan.job.cluster
    nodes = {("phases", phase.name): {_node(phase, plan)} for phase in plan.job.phases}
    for worker in plan.workers:
        nodes.setdefault(("roles", worker.role), set()).update(task.node for task in worker.tasks)
    site = tuple(constants.fill(f"--{name}={text}" if text else f"--{name}") for name, text in cluster.srun)
    for image in images(cluster.container_runtime, boxes, nodes):
        yield evolve(image, words=(*site, *image.words))


def _srun(launch: Launch, constants: Constants, box: str) -> Texts:
    """Return further words of a step's srun: the site's, the role's, and the container's."""
    cluster = constants.others.job.cluster
    options, command = around_a_task(launch.container, cluster.container_runtime, cluster.gpu_vendor, box)
    all_options = dict(cluster.srun) | dict(launch.srun) | dict(options)
    own = (f"--{name}={text}" if text else f"--{name}" for name, text in all_options.items())
    return tuple(map(constants.fill, (*own, *command)))
