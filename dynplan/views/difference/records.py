"""What differs between two plans, as frozen records: complete, with nothing put together or left out for people.

`None` in place of a value means that there is none on that side.
"""

from typing import Any, Literal

from attrs import field, frozen

from dynplan.model import Block, Texts

Kind = Literal["job", "role", "phase", "file"]
State = Literal["added", "removed", "changed", "same"]
Seat = tuple[int, tuple[int, ...]]  # a node, and GPUs of it


@frozen
class Value:
    """One thing that has another value: a number of the job, a key, a variable.

    `workers` are those it is about, as log files name their tasks (`3`, or `3.1`), empty for all of them. `follows`:
    its text is the same in both jobs, and what it names has changed.
    """

    what: str
    before: Any
    after: Any
    workers: Texts = ()
    follows: bool = False


@frozen
class Words:
    """Words of a command line that go and come at one place of it, an option with its value in one text.

    `where` is `command`, `leader-args`, `follower-args`, or for a file `content`, which has lines for words.
    `workers` and `follows` as in `Value`.
    """

    where: str
    removed: Texts
    added: Texts
    workers: Texts = ()
    follows: bool = False


@frozen
class Move:
    """A worker that is new, gone or elsewhere: the seats of its tasks in rank order."""

    worker: int
    before: tuple[Seat, ...] | None
    after: tuple[Seat, ...] | None


@frozen
class PortMove:
    """A port of one task that is new, gone or has another number."""

    worker: int
    rank: int
    port: str
    before: Block | None
    after: Block | None


@frozen
class Extent:
    """How large a role is: its workers, the GPUs of each, and the nodes it stands on."""

    workers: int
    gpus: int
    nodes: tuple[int, ...]


@frozen
class Part:
    """What differs in one part of a job: the job itself, or a role, phase or file by name.

    `was` is the name that it has before, where that is another one: all else that the job says of it is the same then.
    `before` and `after` are for roles alone. `numbers` follow from the plan as a whole (nodes, GPUs in use);
    `directives` are options of sbatch; `settings` are all other keys.
    """

    kind: Kind
    name: str
    state: State
    was: str = ""
    before: Extent | None = None
    after: Extent | None = None
    numbers: tuple[Value, ...] = ()
    moves: tuple[Move, ...] = ()
    ports: tuple[PortMove, ...] = ()
    words: tuple[Words, ...] = ()
    env: tuple[Value, ...] = ()
    directives: tuple[Value, ...] = ()
    settings: tuple[Value, ...] = ()


@frozen
class Difference:
    """All parts of two jobs: the job itself first, then roles, phases and files, those that are the same too."""

    before: str = field()
    after: str = field()
    parts: tuple[Part, ...] = field()

    @property
    def changed(self) -> tuple[Part, ...]:
        """The parts in which something differs."""
        return tuple(part for part in self.parts if part.state != "same")
