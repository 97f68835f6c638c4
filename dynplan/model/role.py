"""What a role asks for: how many workers of which size, their ports and probes, and what they run."""

from typing import Literal

from attrs import frozen

from dynplan.model.values import Pairs, Pins, Record, Texts, Words


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
    `split` is how a worker larger than a node lies on several: in slices as `even` as can be, or so that
    whole nodes `fill` and one slice is the rest; `equal_slices` is what its program needs. `pins` are the GPUs of each
    worker of a node, by index, empty where the planner chooses.
    `place` is `""` for a role with GPUs, else `head`, `every-node` or `with:ROLE`. `gpus` and `split` of a
    role that is `beside` another one are that one's. `group` is the node group that it stands in; empty where the
    cluster has none, and for a role without GPUs on every node of all groups.
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
    split: Literal["even", "fill"]
    equal_slices: bool
    pins: Pins
    place: str
    beside: str
    group: str = ""

    @property
    def placed_with(self) -> str:
        """The role that `place = "with:ROLE"` names, empty without one."""
        return self.place.removeprefix("with:") if self.place.startswith("with:") else ""

    @property
    def follows(self) -> str:
        """The role on whose nodes this one stands, beside it or with it; empty where it has a place of its own."""
        return self.beside or self.placed_with


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
    an MPI world of their own. `numa_bind`: its tasks are bound to the NUMA nodes of their GPUs.
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
    numa_bind: bool
