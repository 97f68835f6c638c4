"""What a script says, as frozen records: lowering makes them of a `Plan`, writing puts them into words.

Texts are templates in the grammar of the script's program, where `{name}` is filled in when the job runs. They are
not quoted for bash yet.
"""

from attrs import frozen

from dynplan.emitter.rows import Group
from dynplan.model import Pairs, Record, Texts, Words

Setting = tuple[str, str | Texts]  # a variable of the program, and its value or the words of its array
Settings = tuple[Setting, ...]  # what stands in one line
Array = tuple[str, Texts]  # an array of the program, and its words, a line for each
Option = tuple[str, str | int | bool]  # of sbatch, by its long name; `True` is a bare flag


@frozen(eq=False, repr=False)
class Step(Record):
    """What the script says of a role or a phase: a function of data, from which one srun step is started.

    Attributes:
        name: of the role or phase.
        function: what the function is called.
        comment: a line for people above it; may be empty.
        settings: what differs from the program's own defaults.
        after: the roles that must be ready first.
        rows: a row for each task, in step order, as groups that repeat.
        env: `NAME=TEMPLATE` to set, `NAME` to unset, on top of the job's.
        workdir: the working directory; empty for the job's.
        setup: text that bash runs before the program; may be empty.
        command: the words of the program.
        leader_args: further words on rank 0.
        follower_args: further words on all other ranks.
        srun: further words of srun; None where they are the job's.
        probes: the words of each probe: when, limit, kind, and what the kind asks.
        fail_on_log: a regular expression; may be empty.
        metrics: the URL of a worker's metrics; may be empty.
        lists: `NAME=TEMPLATE`: lists over all workers that other steps name, and one worker's item.
        around: the arrays of commands that a phase runs around its own.
    """

    name: str
    function: str
    comment: str
    settings: Settings
    after: Texts
    rows: tuple[Group, ...]
    env: Texts
    workdir: str
    setup: str
    command: Words
    leader_args: Words
    follower_args: Words
    srun: Texts | None
    probes: tuple[Texts, ...]
    fail_on_log: str
    metrics: str
    lists: Texts
    around: tuple[Array, ...]


@frozen(eq=False, repr=False)
class Image(Record):
    """An image that is brought to nodes before anything starts.

    Attributes:
        name: the container that it becomes there, as a template; empty where it becomes none.
        nodes: those that use it, as ranges: `0-3,7-7`.
        source: what it is called.
        words: of srun.
    """

    name: str
    nodes: str
    source: str
    words: Texts


@frozen(eq=False, repr=False)
class Script(Record):
    """Everything that a script says, in script order.

    Attributes:
        directives: the options of sbatch, of the first component where there are several.
        components: those of each further component.
        summary: a line for people.
        nodes: how many nodes the job has.
        job: what holds for the whole job: sizes and names, line by line.
        arrays: what holds for the whole job and takes a line for each word.
        roles: in declaration order.
        phases: in the order in which they run.
        program: the names of the program's parts that this plan needs.
        hosts: per node the host that the user named, or `*`; empty where nobody named one, and a single `*` where
            the script orders them by domain.
        files: what the job writes before its roles start: names and texts.
        files_by_node: the names of those that differ from node to node.
        images: what is brought before anything starts.
    """

    directives: tuple[Option, ...]
    components: tuple[tuple[Option, ...], ...]
    summary: str
    nodes: int
    job: tuple[Settings, ...]
    arrays: tuple[Array, ...]
    roles: tuple[Step, ...]
    phases: tuple[Step, ...]
    program: Texts
    hosts: Texts
    files: Pairs
    files_by_node: frozenset[str]
    images: tuple[Image, ...]
