"""A finding of the planner: what is wrong, and the changes that might put it right.

A stage knows which keys could give way and how far; whether that is enough for the whole job only
another planning can tell (`dynplan.planner.advice`). So a refusal carries tries, and the help is written later.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from attrs import frozen

from dynplan.diagnostics import Finding, Findings, Path
from dynplan.model import Role

JOB_NODES: Path = ("job", "num-nodes")


class Change(NamedTuple):
    """One key of the job's tables, and the value to set it to."""

    path: Path
    value: Any


Ladder = tuple[Change, ...]
"""Changes of which the first that works is wanted, the mildest first."""


@frozen(eq=False, repr=False)
class Refusal(Finding):
    """A finding with ladders of changes, the one a user would think of first at the front.

    `help` stands for the case that none of them works, `besides` goes with those that do: what no single
    value says, such as to leave a key out.
    """

    ladders: tuple[Ladder, ...] = ()
    besides: str = ""


def ladder(path: Path, values: Iterable[Any]) -> Ladder:
    """Return the changes that set one key to these values, in that order."""
    return tuple(Change(path, value) for value in values)


def coming_after(task: Role, later: Role) -> Ladder:
    """Suggest that a role comes after another one that is a task, which then gives it what it held."""
    helps = task.task and task is not later and task.name not in later.after
    return ladder(("roles", later.name, "after"), [[*later.after, task.name]] if helps else [])


def refuse(
    findings: Findings,
    code: str,
    message: str,
    path: Path,
    *ladders: Ladder,
    besides: str = "",
    otherwise: str = "",
) -> None:
    """Add a refusal, help as in `Refusal`; ladders without a rung are left out."""
    kept = tuple(filter(None, ladders))
    findings.found.append(Refusal(code, message, path, besides or otherwise, ladders=kept, besides=besides))


def fewer(most: int) -> list[int]:
    """Return numbers to try where no more than `most` are possible: a few from there down, and one."""
    return [*range(most, max(1, most - 7), -1), 1] if most > 0 else []


def smaller(gpus: int, most: int) -> list[int]:
    """Return sizes below `gpus` to try for a worker, from `most` down; powers of two stay powers of two.

    A tensor-parallel size has to divide a model's heads, and hardly any model has a multiple of three.
    """
    most = min(most, gpus - 1)
    powers = [1 << bit for bit in range(most.bit_length() - 1, -1, -1)] if most > 0 else []
    if gpus & (gpus - 1) == 0:
        return powers
    return sorted({*range(max(1, most - 7), most + 1), *powers}, reverse=True)
