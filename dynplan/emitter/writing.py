"""Writing: what a script says becomes its text. Values are quoted here, and nothing is computed."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, groupby, starmap

from dynplan.diagnostics import Path
from dynplan.emitter.digests import digest, seal_line, sealed
from dynplan.emitter.limits import check_script_size, check_task_size
from dynplan.emitter.lowered import Script, Setting, Settings, Step
from dynplan.emitter.parts import FIRST, FOR_TASKS
from dynplan.emitter.quote import directive, word
from dynplan.emitter.rows import Group, cell
from dynplan.model import Each, Texts, When, Words


def write(script: Script, stamp: str, program: Mapping[str, str]) -> str:
    """Return the text of a script.

    Args:
        script: what it says.
        stamp: what made it, `dynplan 0.1.0` for example.
        program: the parts of the program, by name: at least those of `script.program`.

    Raises:
        InputError: D601 or D602 where the script or a part of it is larger than Slurm or Linux take.
    """
    data = dict(_functions(script))
    # These data are long where there are many, and no task needs them.
    before = {
        "hosts": list(_given("named_hosts", script.hosts)),
        "files": [_files(script)],
        "images": [_images(script)],
    }
    said = chain(starmap(directive, script.directives), data.values(), *before.values())
    plan = digest("\n".join(said))
    data["job",] = _function("# ==== The plan ====", "job", (f"digest={plan}", *_job(script)))
    check_task_size(data, script.nodes, (program[name] for name in script.program if name in FOR_TASKS))
    parts = ["\n".join(_head(script, stamp, plan)), program[FIRST].rstrip("\n"), *data.values()]
    for name in script.program:
        if name != FIRST:
            parts += [*before.get(name, []), program[name].rstrip("\n")]
    text = sealed("\n\n".join(parts) + "\n")
    check_script_size(text)
    return text


def _head(script: Script, stamp: str, plan: str) -> Iterator[str]:
    yield "#!/bin/bash -p"
    yield from (directive(name, value) for name, value in script.directives)
    yield "#"
    yield f"# {script.summary}"
    yield f"# Made by {stamp}: change the job file, not this."
    yield seal_line(plan)


def _functions(script: Script) -> Iterator[tuple[Path, str]]:
    """Yield the functions of data by the key paths of what they say: the job, each role, each phase."""
    yield ("job",), _function("# ==== The plan ====", "job", _job(script))
    for kind, steps in (("roles", script.roles), ("phases", script.phases)):
        for step in steps:
            comment = f"# {step.comment}" if step.comment else ""
            yield (kind, step.name), _function(comment, step.function, _step(step))


def _function(comment: str, name: str, lines: Iterable[str]) -> str:
    # The later lines of a word with line breaks belong to the word: nothing may stand before them.
    body = "\n".join(f"\t{line}" if line else "" for line in lines)
    return (f"{comment}\n" if comment else "") + f"{name}() {{\n{body}\n}}"


def _job(script: Script) -> Iterator[str]:
    for settings in script.job:
        yield from _line(settings)
    for name, words in script.arrays:
        yield from _array(name, words)


def _step(step: Step) -> Iterator[str]:
    yield from _line(step.settings)
    yield from _given("after", step.after)
    for group in step.rows:
        yield from _group(group)
    yield from _array("env", step.env, add=True)
    yield from _given("workdir", step.workdir)
    yield from _given("own_setup", step.setup)
    yield from _command("command", step.command)
    yield from _command("leader_args", step.leader_args)
    yield from _command("follower_args", step.follower_args)
    if step.srun is not None:
        yield from _array("srun", step.srun) if step.srun else ("srun=()",)
    for probe in step.probes:
        yield " ".join(["probe", *map(word, probe)])
    yield from _given("fail_on_log", step.fail_on_log)
    yield from _given("metrics", step.metrics)
    yield from _array("lists", step.lists)
    for name, words in step.around:
        yield from _array(name, words) if words else (f"{name}=()",)


def _line(settings: Settings) -> Iterator[str]:
    if settings:
        yield " ".join(map(_setting, settings))


def _given(name: str, value: str | Texts) -> Iterator[str]:
    if value:
        yield _setting((name, value))


def _setting(setting: Setting) -> str:
    name, value = setting
    return f"{name}={word(value)}" if isinstance(value, str) else f"{name}=({' '.join(map(word, value))})"


def _group(group: Group) -> Iterator[str]:
    if group.times > 1:
        yield " ".join([f"times {group.times}", *(f"{name}={step}" for name, step in group.steps)])
    for shape, numbers in group.rows:
        cells = (cell(column, number) for column, number in zip(shape, numbers, strict=True) if column.width)
        yield "task " + " ".join(cells)


def _command(name: str, words: Words) -> Iterator[str]:
    """Write the words of a command line; `each` adds those for every worker of a role, `when` those of some tasks."""
    for at, (plain, items) in enumerate(groupby(words, key=lambda item: isinstance(item, str))):
        if plain:
            yield from _array(name, tuple(item for item in items if isinstance(item, str)), add=at > 0)
        else:
            yield from (_call(name, item) for item in items if not isinstance(item, str))


def _call(name: str, item: Each | When) -> str:
    words = ("each", name, item.role) if isinstance(item, Each) else ("when", name, item.expression)
    return " ".join([*words, *map(word, item.words)])


def _array(name: str, words: Texts, *, add: bool = False) -> Iterator[str]:
    """Write an array that is not empty, one word per line: a word of the user's may be anything."""
    if not words:
        return
    yield f"{name}+=(" if add else f"{name}=("
    yield from (f"\t{word(text)}" for text in words)
    yield ")"


def _files(script: Script) -> str:
    lines = []
    for name, text in script.files:
        call = "file_by_node" if name in script.files_by_node else "file"
        lines.append(f"{call} {name} {word(text)}")
    return _function("", "files", lines)


def _images(script: Script) -> str:
    lines = []
    for image in script.images:
        lines.append(f"image {' '.join(map(word, (image.name, image.nodes, image.source)))} \\")
        lines += [f"\t{word(text)} \\" for text in image.words[:-1]]
        lines.append(f"\t{word(image.words[-1])}")
    return _function("", "images", lines)
