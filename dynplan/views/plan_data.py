"""What the page of a plan knows beneath what is seen: nodes, tasks and commands, as data for `plan-tasks.js`.

Tasks are rows in groups that repeat, and commands templates, both as the script has them: ten thousand equal nodes are
a few lines, and what the page shows of a worker is what the script will run.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from attrs import frozen

from dynplan.diagnostics.visible import visible
from dynplan.emitter.lowered import Script, Step
from dynplan.emitter.rows import Column, Group, Row, groups
from dynplan.model import Each, Outline, Record, Task, When, Words, Worker
from dynplan.views.durations import duration
from dynplan.views.placement import View
from dynplan.views.printed import word_in_print
from dynplan.views.ranges import runs
from dynplan.views.svg import colours_of

_Data = dict[str, Any]


@frozen(eq=False, repr=False)
class Told(Record):
    """All that a page tells.

    Attributes:
        outline: where everything stands.
        script: what runs there; None for a plan that does not say, or breaks its promises.
        digest: by which the script of the plan is known again; empty without one.
        gpu_variable: the variable by which a worker is told its GPUs.
    """

    outline: Outline
    script: Script | None = None
    digest: str = ""
    gpu_variable: str = ""


def as_json(told: Told, seen: View) -> str:
    """Return the data as JSON that may stand in a page: nothing in it ends an element or begins one."""
    text = json.dumps(data_of(told, seen), separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def data_of(told: Told, seen: View) -> _Data:
    """Return the data: `nodes`, `fold` (rows that are seen, the nodes like each, these in words), `roles`, `phases`.

    `groups`: the first node of each node group and what is said of it. `blocks`: the numbers of ports are those of
    block 0.
    """
    outline, script = told.outline, told.script
    workers: dict[str, list[Worker]] = {}
    for worker in outline.workers:
        workers.setdefault(worker.role, []).append(worker)
    steps = {step.name: step for step in script.roles} if script else {}
    colours = colours_of(seen.owners)
    return {
        "nodes": _nodes(outline),
        "fold": [[row.node.node, _runs(row.alike), runs(row.alike)] for row in seen.rows],
        **({"groups": [[group.first, f"{group.name}: {group.about}"] for group in seen.groups]} if seen.groups else {}),
        "blocks": bool(seen.blocks),
        "gpuVariable": told.gpu_variable,
        "roles": [
            {
                "name": word_in_print(name),
                "colour": colours.get(word_in_print(name), ""),
                "shares": word_in_print(own[0].shares),
                **({"until": [word_in_print(role) for role in own[0].until]} if own[0].until else {}),
                **_placed(steps.get(name), own),
                **_run(steps.get(name), script),
            }
            for name, own in workers.items()
        ],
        "phases": [
            {"name": word_in_print(step.name), "rows": _groups(step.rows), **_run(step, script)}
            for step in (script.phases if script else ())
        ],
    }


def _nodes(outline: Outline) -> _Data:
    """Return how many nodes there are, how many GPUs each has (as runs), its host, and the head node."""
    sizes = [[len([*run]), gpus] for gpus, run in groupby(node.gpus for node in outline.nodes)]
    named = any(node.host for node in outline.nodes)
    hosts = [word_in_print(node.host or "") for node in outline.nodes] if named else []
    return {"count": len(outline.nodes), "gpus": sizes, "hosts": hosts, "head": outline.head}


def _runs(numbers: Sequence[int]) -> list[list[int]]:
    """Return ascending numbers as runs of a first one, how many, and a step."""
    found: list[list[int]] = []
    for number in numbers:
        if found:
            first, count, step = found[-1]
            if count == 1 or number == first + count * step:
                found[-1] = [first, count + 1, number - first if count == 1 else step]
                continue
        found.append([number, 1, 1])
    return found


# Where tasks stand


def _placed(step: Step | None, workers: Sequence[Worker]) -> _Data:
    return {"rows": _groups(step.rows if step else tuple(groups([*_rows(workers)])))}


def _groups(found: Sequence[Group]) -> list[_Data]:
    """Return groups; a row is the names of its columns, how many numbers each stands for, and its first numbers."""
    return [
        {
            "times": group.times,
            "steps": dict(group.steps),
            "rows": [
                [[[column.name, column.width] for column in shape], list(numbers)] for shape, numbers in group.rows
            ],
        }
        for group in found
    ]


def _rows(workers: Sequence[Worker]) -> Iterator[Row]:
    """Yield the row of each task of a plan without commands, as a script would have it."""
    for worker in workers:
        for task in worker.tasks:
            cells = [(Column("node"), task.node), (Column("worker"), worker.worker)]
            if len(worker.tasks) > 1:
                cells += [(Column("rank"), task.rank), (Column("num-tasks"), len(worker.tasks))]
                cells.append((Column("leader"), worker.tasks[0].node))
            cells += _gpus(task)
            cells += [(Column(f"port.{word_in_print(name)}", block.count), block.port) for name, block in task.ports]
            yield tuple(column for column, _ in cells), tuple(number for _, number in cells)


def _gpus(task: Task) -> Iterator[tuple[Column, int]]:
    """Yield the column of GPUs side by side; of others, which dynplan gives to nobody, one for each."""
    gpus = sorted(set(task.gpus))
    if not gpus or gpus[-1] - gpus[0] == len(gpus) - 1:
        yield Column("gpus", len(gpus)), gpus[0] if gpus else 0
    else:
        yield from ((Column(f"gpu.{gpu}"), gpu) for gpu in gpus)


# What they run


def _run(step: Step | None, script: Script | None) -> _Data:
    """Return what a role or phase runs: templates in the grammar of the script's program."""
    if step is None or script is None:
        return {}
    shared = dict(script.arrays)
    facts = {
        "command": _words(step.command),
        "leader": _words(step.leader_args),
        "follower": _words(step.follower_args),
        "env": [[name, _lines(text)] for name, text in _env((*shared.get("env", ()), *step.env)).items()],
        "workdir": _lines(step.workdir),
        "setup": _lines("\n".join([*shared.get("job_setup", ()), *filter(None, [step.setup])])),
        "srun": _words(shared.get("srun", ()) if step.srun is None else step.srun),
        "probes": [_probe(probe) for probe in step.probes],
        "failOnLog": visible(step.fail_on_log),
        "metrics": visible(step.metrics),
        "after": [*step.after],
        "lists": dict(_lines(item).split("=", 1) for item in step.lists),
    }
    return {name: value for name, value in facts.items() if value}


def _words(words: Words) -> list[Any]:
    return [_word(word) for word in words]


def _word(word: str | Each | When) -> Any:
    """Return a word: a template, `{each: ROLE, words}` or `{when: COLUMN, words}`."""
    if isinstance(word, str):
        return _lines(word)
    texts = [*map(_lines, word.words)]
    return {"each": word.role, "words": texts} if isinstance(word, Each) else {"when": word.expression, "words": texts}


def _lines(text: str) -> str:
    """Return a text of several lines, with everything else that does not print as an escape."""
    return "\n".join(visible(line, "\t") for line in text.split("\n"))


def _env(entries: Sequence[str]) -> Mapping[str, str]:
    """Return the variables that are set, the last word on each; `NAME` alone takes one away."""
    found: dict[str, str] = {}
    for entry in entries:
        name, is_set, text = entry.partition("=")
        found.pop(name, None)
        if is_set:
            found[name] = text
    return found


def _probe(words: Sequence[str]) -> list[str]:
    """Return a probe as people read it: what it is for, and what it asks, a template."""
    when, limit, kind, *asked = words
    who = "leader " if when.startswith("leader-") else ""
    within = f"within {duration(int(limit))}" if limit.isdecimal() else f"every {limit.replace('x', ' s, ')} times"
    match kind:
        case "http":
            what = f"HTTP at port {asked[0]}, {' '.join(asked[1:])}"
        case "tcp":
            what = f"tcp port {asked[0]}"
        case _:
            what = f"{kind} {' '.join(asked)}"
    return [f"{who}{when.removeprefix('leader-')}", visible(what), within]
