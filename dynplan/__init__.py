"""dynplan: compile TOML roles into a placement plan and one self-contained sbatch script.

From Python the stages are four functions, `load`, `plan`, `emit` and `check`; docs/api.md says what they promise.
Job files come in; a script goes out, as text. Whatever a function needs is imported when it is called.

>>> import dynplan
>>> job = dynplan.load("examples/minimal/job.toml", sets=["job.num-nodes=2"])
>>> plan = dynplan.plan(job)
>>> [(worker.role, worker.tasks[0].node, worker.tasks[0].gpus) for worker in plan.workers]
[('decode', 0, (0, 1)), ('decode', 0, (2, 3)), ('prefill', 1, (0, 1, 2, 3))]
>>> dynplan.check(plan)
()
>>> dynplan.emit(plan).splitlines()[:3]
['#!/bin/bash -p', '#SBATCH --job-name=minimal', '#SBATCH --nodes=2']
"""

from __future__ import annotations

TYPE_CHECKING = False  # as in `typing`, which costs more than all of this
if TYPE_CHECKING:
    from collections.abc import Sequence  # for types
    from os import PathLike  # for types

    from dynplan.diagnostics import Finding, InputError  # for types
    from dynplan.model import Job, Plan  # for types

__version__ = "0.1.0"
__all__ = ["load", "plan", "emit", "check", "Finding", "InputError", "Job", "Plan", "__version__"]


def load(
    path: str | PathLike[str], *, sets: Sequence[str] = (), cluster: str | PathLike[str] = "", point: str = ""
) -> Job:
    """Return the job that a file describes, with its parents, presets and cluster file.

    Args:
        path: the job file.
        sets: `KEY=VALUE` overrides, the value in TOML, as behind `--set`.
        cluster: a cluster file, which replaces the cluster of the job.
        point: which point of a sweep, by its number or name.

    Raises:
        InputError: everything that is wrong with the job, in one go.
    """
    from dynplan.cli.api import load  # most of dynplan: nobody who only asks for the version pays for it

    return load(path, sets, cluster, point)


def plan(job: Job) -> Plan:
    """Return where every worker of a job stands, on which GPUs and ports; the same for the same job.

    Raises:
        InputError: the job does not fit; the help of its findings are changes that were tried.
    """
    from dynplan.cli.api import plan  # as above

    return plan(job)


def emit(plan: Plan) -> str:
    """Return the sbatch script of a plan: the bytes of `dynplan compile`.

    Raises:
        InputError: the script is larger than Slurm or Linux takes.
    """
    from dynplan.cli.api import emit  # as above

    return emit(plan)


def check(plan: Plan) -> tuple[Finding, ...]:
    """Return what there is to say of a plan: promises that it breaks, then its warnings.

    The promises are checked by code that the planner does not share, so that of a plan that comes from `plan` none is
    broken.
    """
    from dynplan.cli.api import check  # as above

    return check(plan)


def __getattr__(name: str) -> object:
    """Return a record by its name, imported when somebody asks for it."""
    if name in ("Job", "Plan"):
        from dynplan import model  # as above

        return getattr(model, name)
    if name in ("Finding", "InputError"):
        from dynplan import diagnostics  # as above

        return getattr(diagnostics, name)
    raise AttributeError(f"module 'dynplan' has no attribute '{name}'")
