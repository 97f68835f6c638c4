"""Plans in a few words, for tests that set a job file beside where its roles stand."""

import pytest

from dynplan.checker import check
from dynplan.diagnostics import Document, Finding, InputError
from dynplan.language import parse, resolve
from dynplan.language.plan_file import to_tree
from dynplan.model import Block, Plan
from dynplan.planner.advice import plan_tables


def plan_of(text: str) -> Plan:
    """Return the plan of a job file, once the checker has accepted it; every role gets a command."""
    data = parse("job.toml", text.encode()).data
    roles = {name: {"command": ["serve"], **role} for name, role in data["roles"].items()}
    found = plan_tables(resolve([Document("job.toml", text, {**data, "roles": roles})]))
    assert check(to_tree(found)) == ()
    return found


def placed(text: str) -> list[str]:
    """Return each worker as `decode.0 on 0:0-3`, a worker of several nodes as `big.0 on 0:0-5 1:0-5`."""
    return [
        f"{worker.role}.{worker.worker} on "
        + " ".join(f"{task.node}:{span(task.gpus)}" if task.gpus else f"{task.node}" for task in worker.tasks)
        for worker in plan_of(text).workers
    ]


def ports(text: str) -> list[str]:
    """Return each task's ports as `decode.0 on 0 nixl=5557-5560 system=9090`."""
    return [
        " ".join(
            [
                f"{worker.role}.{worker.worker} on {task.node}",
                *(f"{name}={numbers(block)}" for name, block in task.ports),
            ]
        )
        for worker in plan_of(text).workers
        for task in worker.tasks
        if task.ports
    ]


def refused(text: str) -> list[Finding]:
    """Return what is wrong with a job file."""
    with pytest.raises(InputError) as caught:
        plan_of(text)
    return list(caught.value.findings)


def told(text: str) -> str:
    """Return the one thing that is wrong with a job file, code, message and help."""
    (finding,) = refused(text)
    return f"{finding.code} {finding.message}\n{finding.help}"


def span(gpus: tuple[int, ...]) -> str:
    """Write a run of numbers as `0-3`, or `0` where it is one."""
    assert gpus == tuple(range(gpus[0], gpus[-1] + 1))
    return f"{gpus[0]}-{gpus[-1]}" if len(gpus) > 1 else str(gpus[0])


def numbers(block: Block) -> str:
    """Write a block of ports as `5557-5560`."""
    return span(tuple(range(block.port, block.port + block.count)))
