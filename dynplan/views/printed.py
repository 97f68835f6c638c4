"""A placement in letters that print: names that may be anybody's, as people can be shown them."""

from collections.abc import Mapping

from attrs import evolve

from dynplan.diagnostics.visible import LONGEST_TEXT, brief, visible
from dynplan.model import Outline, Task

MOST_WARNINGS = 100
_LONGEST_NAME = 253  # of a host (RFC 1035), and everything else is shorter


def in_print(found: Outline) -> Outline:
    """Return a placement in letters that print, and no name longer than one can be."""
    blocks = (name for worker in found.workers for task in worker.tasks for name, _ in task.ports)
    names = {
        found.name,
        *(name for worker in found.workers for name in (worker.role, worker.shares, *worker.until)),
        *(name for node in found.nodes for name in (node.host or "", node.group)),
        *blocks,
    }
    warnings = tuple(
        evolve(
            warning, code=word_in_print(warning.code), message=_sentence(warning.message), help=_sentence(warning.help)
        )
        for warning in found.warnings[:MOST_WARNINGS]
    )
    found = evolve(found, warnings=warnings + found.warnings[MOST_WARNINGS:])
    shown = {name: word_in_print(name) for name in names}
    if all(name == word for name, word in shown.items()):
        return found
    return evolve(
        found,
        name=shown[found.name],
        nodes=tuple(evolve(node, host=node.host and shown[node.host], group=shown[node.group]) for node in found.nodes),
        segments=tuple((shown[group], size) for group, size in found.segments if group in shown),
        workers=tuple(
            evolve(
                worker,
                role=shown[worker.role],
                shares=shown[worker.shares],
                until=tuple(shown[role] for role in worker.until),
                tasks=tuple(_renamed(task, shown) for task in worker.tasks),
            )
            for worker in found.workers
        ),
    )


def _renamed(task: Task, shown: Mapping[str, str]) -> Task:
    return evolve(task, ports=tuple((shown[name], block) for name, block in task.ports))


def word_in_print(name: str) -> str:
    """Return a name in letters that print, and not longer than one can be."""
    return visible(brief(name, _LONGEST_NAME))


def _sentence(text: str) -> str:
    return visible(brief(text, LONGEST_TEXT))
