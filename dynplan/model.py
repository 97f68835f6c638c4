"""The records: what a job asks for, what a cluster has, and the plan that answers.

Everything is frozen. A `Job` and a `Cluster` come from `dynplan.language`, a `Plan` from
`dynplan.planner`; the emitter and the views take a `Plan` and nothing else. Texts called
*template* may hold placeholders (`dynplan.language.templates`).
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from attrs import frozen

from dynplan.diagnostics import Finding

HIGHEST_PORT = 65535
# What a vendor's runtime reads its GPUs from, by `gpu-vendor`.
GPU_VARIABLES = {"nvidia": "CUDA_VISIBLE_DEVICES", "amd": "ROCR_VISIBLE_DEVICES", "intel": "ZE_AFFINITY_MASK"}
AUTO_PORT = 0  # the base of a port whose number comes from the cluster's `port-range`


class Record:
    """A base for `@frozen(eq=False, repr=False)`: equal where class and fields are equal.

    attrs compiles `__eq__`, `__hash__` and `__repr__` for every class: 0.3 ms each time dynplan starts, a
    tenth of a cold `compile` for all records together. These serve them all. A record that is hashed in a
    hot loop has its own.
    """

    __slots__ = ()
    __match_args__: tuple[str, ...] = ()  # attrs puts the names of the fields there

    def _values(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self.__match_args__)

    def __eq__(self, other: object) -> bool:
        return self._values() == other._values() if type(other) is type(self) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._values())

    def __repr__(self) -> str:
        fields = (f"{name}={value!r}" for name, value in zip(self.__match_args__, self._values(), strict=True))
        return f"{type(self).__name__}({', '.join(fields)})"


Tables = Mapping[str, Any]  # TOML tables, merged and resolved; never changed once read
Pairs = tuple[tuple[str, str], ...]  # NAME, template


@frozen(eq=False, repr=False)
class Each(Record):
    """Words of a command line, templates, that stand once for every worker of `role`; `{it.*}` are its facts."""

    role: str
    words: tuple[str, ...]


@frozen(eq=False, repr=False)
class When(Record):
    """Words of a command line, templates, that a task has whose `expression` is not 0."""

    expression: str
    words: tuple[str, ...]


Words = tuple[str | Each | When, ...]  # templates, one per word of a command line
Texts = tuple[str, ...]  # the same where all words stand as they are


def texts_of(words: Words) -> Iterator[str]:
    """Yield every template of a command line, the repeated ones once."""
    for word in words:
        if isinstance(word, str):
            yield word
        else:
            yield from word.words


@frozen(eq=False, repr=False)
class PortRange(Record):
    """The ports `first` to `last`, both included."""

    first: int
    last: int


DEFAULT_LIMITS = (("n", "hard"),)  # of workers: every file that the node allows


@frozen(eq=False, repr=False)
class Cluster(Record):
    """What a site has and how it wants to be asked.

    `groups` are the GPU islands of a node (NVLink, NUMA), each a tuple of GPU indices;
    empty where the node is one island. `gpu_vendor` is a key of GPU_VARIABLES;
    `interfaces` are names, patterns of the shell or networks, the first one that a node has counts;
    `gpu_request` is one of `gpus-per-node`, `gres`, `gres:TYPE`, `none`. `launch_timeout_s`: how long a
    step may take from its srun to the first word of each of its tasks. `limits` are soft limits of workers
    by the letters of bash's `ulimit`, each `hard`, `unlimited` or a number in its unit.
    """

    name: str
    gpus_per_node: int
    groups: tuple[tuple[int, ...], ...]
    gpu_vendor: str
    gpu_request: str
    container_runtime: str
    port_range: PortRange
    reserved: tuple[PortRange, ...]
    ephemeral: PortRange
    interfaces: Texts
    launch_timeout_s: int
    limits: Pairs
    env: Pairs
    srun: Pairs
    sbatch: tuple[tuple[str, str | int | bool], ...]


@frozen
class Port:
    """One named port of a role: a block of `count` numbers at or above `base`.

    `same`: one number on every node of the worker. `also`: offsets from the first number
    that the engine binds on its own. `everywhere`: bound by every task, not only by the
    leader. `job_wide`: the number stands nowhere else in the whole job.
    """

    name: str
    base: int
    count: int
    low: int
    high: int
    fixed: bool
    everywhere: bool
    same: bool
    job_wide: bool
    probed: bool
    also: tuple[int, ...]


@frozen(eq=False, repr=False)
class Probe(Record):
    """One question whose answer says that a worker is ready (or still alive).

    `kind` is `tcp`, `http`, `log` or `command`. `timeout_s` counts from the worker's own start
    and matters to readiness; `interval_s` and `failures` matter to
    liveness only.
    """

    kind: Literal["tcp", "http", "log", "command"]
    port: str = ""
    path: str = ""
    status: str = "2xx"
    body: str = ""
    post: str = ""
    regex: str = ""
    command: Texts = ()
    everywhere: bool = False
    timeout_s: int = 0
    interval_s: int = 10
    failures: int = 3


@frozen(eq=False, repr=False)
class Size(Record):
    """How many workers a role has and what each of them needs.

    `workers_per_node` is None where the job does not say; `fill` is its `"max"`.
    `place` is `""` for a role with GPUs, else `head`, `every-node` or `with:ROLE`. The `gpus` of a role
    that is `beside` another one are that one's.
    """

    gpus: int
    workers: int | None
    num_nodes: int | None
    workers_per_node: int | None
    fill: bool
    hosts: tuple[str, ...]
    per_node: bool
    spread: bool
    dedicated: bool
    place: str
    beside: str


@frozen(eq=False, repr=False)
class Stop(Record):
    """How a worker is ended: this signal, then KILL after `grace_s` seconds."""

    signal: str
    grace_s: int


@frozen(eq=False, repr=False)
class Container(Record):
    """The image a role or phase runs in, its mounts and its working directory.

    `name` is of what it shares with others; `brought` tells whether the image is, before anything starts.
    """

    image: str
    mounts: tuple[str, ...]
    workdir: str
    name: str
    brought: bool


@frozen(eq=False, repr=False)
class Launch(Record):
    """What a process runs and in which surroundings."""

    command: Words
    leader_args: Words
    follower_args: Words
    env: Pairs
    unset: tuple[str, ...]
    workdir: str
    setup: str  # text for bash, run before the command
    srun: Pairs
    container: Container | None


@frozen(eq=False, repr=False)
class Role(Record):
    """A named set of identical workers.

    `per_gpu`: a task for each GPU, not for each node. `world`: the tasks of each worker are
    an MPI world of their own.
    """

    name: str
    task: bool
    size: Size
    ports: tuple[Port, ...]
    launch: Launch
    after: tuple[str, ...]
    ready: tuple[Probe, ...]
    alive: tuple[Probe, ...]
    fail_on_log: str
    critical: bool
    restart_max: int
    restart_delay_s: int
    stagger: bool
    stop: Stop
    metrics: str
    per_gpu: bool
    world: bool


@frozen(eq=False, repr=False)
class Phase(Record):
    """One foreground command, run when every role is ready."""

    name: str
    on: str
    launch: Launch
    setup: Texts
    after_command: Texts
    timeout_s: int
    health_check: bool
    continue_on_failure: bool


@frozen(eq=False, repr=False)
class EachText(Record):
    """Text of a file, a template, for every worker of `role` or, with `tasks`, every task; `between` between two."""

    role: str
    text: str
    tasks: bool
    between: str


@frozen(eq=False, repr=False)
class TextFile(Record):
    """A file that tasks find in the job's directory: its name, and its text as templates."""

    name: str
    content: tuple[str | EachText, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """Every template of the file, a repeated one once."""
        return tuple(part if isinstance(part, str) else part.text for part in self.content)


@frozen(eq=False, repr=False)
class Job(Record):
    """A job as asked for.

    `num_nodes` is a number, `"min"`, or None where the roles decide. `tables` are those that it was read from, with
    all inheritance and `vars` resolved: a plan repeats them, and needs no job file. `warnings` are of `dynplan.load`.
    """

    name: str
    num_nodes: int | Literal["min"] | None
    hosts: tuple[str, ...]
    time: str
    output_dir: str
    umask: str
    setup: str
    env: Pairs
    sbatch: tuple[tuple[str, str | int | bool], ...]
    roles: tuple[Role, ...]
    phases: tuple[Phase, ...]
    files: tuple[TextFile, ...]
    cluster: Cluster
    tables: Tables
    warnings: tuple[Finding, ...] = ()

    def role(self, name: str) -> Role:
        """Return the role of that name; the reader has checked that it exists."""
        return next(role for role in self.roles if role.name == name)


@frozen(eq=False, repr=False)
class Node(Record):
    """One node of the allocation; `host` is None where the user named no host."""

    node: int
    host: str | None
    gpus: int


@frozen
class Block:
    """`count` ports from `port` up, bound by one task."""

    port: int
    count: int


Ports = tuple[tuple[str, Block], ...]


@frozen(eq=False, repr=False)
class Task(Record):
    """One process of a worker: its node, its slice, and the ports it binds."""

    rank: int
    node: int
    gpus: tuple[int, ...]
    ports: Ports


@frozen(eq=False, repr=False)
class Worker(Record):
    """One instance of a role, `tasks` in rank order; it `shares` nodes and GPUs with that role's of its index."""

    role: str
    worker: int
    tasks: tuple[Task, ...]
    shares: str = ""


@frozen(eq=False, repr=False)
class Placement(Record):
    """How the nodes were found: `mode` is `separate` or `shared`.

    `lower` is the proven least number of nodes where `num-nodes = "min"` was asked, else
    the number of nodes itself.
    """

    mode: Literal["separate", "shared"]
    lower: int


@frozen(eq=False, repr=False)
class Plan(Record):
    """The immutable answer: every worker's nodes, slices and ports, and all that is run."""

    job: Job
    placement: Placement
    head: int
    nodes: tuple[Node, ...]
    workers: tuple[Worker, ...]
    warnings: tuple[Finding, ...]


@frozen(eq=False, repr=False)
class Outline(Record):
    """Where everything stands, without what is run there: as much of a plan as other tools must write.

    `mode` is empty and `head` None where a tree does not say.
    """

    name: str
    mode: str
    lower: int
    head: int | None
    nodes: tuple[Node, ...]
    workers: tuple[Worker, ...]
    warnings: tuple[Finding, ...]


def outline_of(plan: Plan) -> Outline:
    """Return where everything stands by a plan."""
    place = plan.placement
    return Outline(plan.job.name, place.mode, place.lower, plan.head, plan.nodes, plan.workers, plan.warnings)
