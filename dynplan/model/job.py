"""What a job asks for: its roles, phases and files, and the cluster that it is for."""

from typing import Literal

from attrs import field, frozen

from dynplan.diagnostics import Finding
from dynplan.model.cluster import Cluster
from dynplan.model.role import Launch, Role
from dynplan.model.values import Pairs, Record, Tables, Texts


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
class GroupNodes(Record):
    """What a job says of the nodes of one node group: how many, as `Job.num_nodes`, and their names."""

    group: str
    num_nodes: int | Literal["min"] | None
    hosts: tuple[str, ...]


@frozen(eq=False, repr=False)
class Job(Record):
    """A job as asked for.

    `num_nodes` is a number, `"min"`, or None where the roles decide. On a cluster with node groups `of_groups` says
    how many nodes each of them has, in the order of the cluster; groups in which no role stands are not in it, and
    `num_nodes` and `hosts` are empty. `tables` are those that it was read from, with
    all inheritance and `vars` resolved: a plan repeats them, and needs no job file. `port_offset` is `job-id` where the
    job takes a block of ports by its id, else `none`. `warnings` are of `dynplan.load`, and so is `written`: the tables
    with nothing worked out, in whose terms changes are suggested.
    """

    name: str
    num_nodes: int | Literal["min"] | None
    hosts: tuple[str, ...]
    time: str
    output_dir: str
    umask: str
    port_offset: str
    setup: str
    env: Pairs
    sbatch: tuple[tuple[str, str | int | bool], ...]
    roles: tuple[Role, ...]
    phases: tuple[Phase, ...]
    files: tuple[TextFile, ...]
    cluster: Cluster
    tables: Tables
    warnings: tuple[Finding, ...] = ()
    of_groups: tuple[GroupNodes, ...] = ()
    written: Tables = field(factory=dict)

    def role(self, name: str) -> Role:
        """Return the role of that name; the reader has checked that it exists."""
        return next(role for role in self.roles if role.name == name)
