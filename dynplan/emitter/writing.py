"""Writing: what a script says becomes its text. Values are quoted here, and nothing is computed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, groupby, starmap

from attrs import evolve, frozen

from dynplan.diagnostics import Path
from dynplan.emitter.digests import digest, seal_line, sealed
from dynplan.emitter.limits import check_script_size, check_task_size
from dynplan.emitter.lowered import Script, Setting, Settings, Step
from dynplan.emitter.parts import FIRST, FOR_TASKS
from dynplan.emitter.quote import directive, word
from dynplan.emitter.rows import Group, cell
from dynplan.model import Each, Record, Texts, When, Words

HEADING = "# ==== The plan ===="


def write(script: Script, stamp: str, program: Mapping[str, str]) -> str:
    """Return the text of a script.

    Args:
        script: what it says.
        stamp: what made it, `dynplan 0.1.0` for example.
        program: the parts of the program, by name: at least those of `script.program`.

    Raises:
        InputError: D601 or D602 where the script or a part of it is larger than Slurm or Linux take.
    """
    plan = plan_digest(script)
    script = with_digest(script, plan)
    data = {path: function.text() for path, function in functions(script)}
    check_task_size(data, script.nodes, (program[name] for name in script.program if name in FOR_TASKS))
    before = {name: [function.text()] for (name,), function in functions_of_parts(script)}
    before["hosts"] = named_hosts(script)
    top = head(script, stamp, seal_line(plan))
    return joined("\n".join(top), data.values(), before, script.program, program)


def joined(
    first: str,
    data: Iterable[str],
    before: Mapping[str | int, Sequence[str]],
    parts: Sequence[str],
    program: Mapping[str, str],
) -> str:
    """Return a script: its head, its data, and the parts of the program, each behind what stands before it.

    Its seal holds the digest of all of it.

    Raises:
        InputError: D601 where it is larger than Slurm takes.
    """
    pieces = [first, program[FIRST].rstrip("\n"), *data]
    for name in parts:
        if name != FIRST:
            pieces += [*before.get(name, []), program[name].rstrip("\n")]
    text = sealed("\n\n".join(pieces) + "\n")
    check_script_size(text)
    return text


@frozen(eq=False, repr=False)
class Function(Record):
    """A function of data: the comment above it, its name, and its lines, in which words may hold line breaks."""

    comment: str
    name: str
    lines: Texts

    def text(self, indent: str = "") -> str:
        """Return it as it stands in a script, `indent` before each of its lines."""
        # The later lines of a word with line breaks belong to the word: nothing may stand before them.
        body = "\n".join(f"{indent}\t{line}" if line else "" for line in self.lines)
        comment = f"{indent}{self.comment}\n" if self.comment else ""
        return f"{comment}{indent}{self.name}() {{\n{body}\n{indent}}}"


def plan_digest(script: Script) -> str:
    """Return the digest of all that a script by itself says of its plan, whoever wrote it and with which program."""
    data = chain(functions(script), functions_of_parts(script))
    texts = (function.text() for _, function in data)
    return digest("\n".join([*_directives(script), *named_hosts(script), *texts]))


def with_digest(script: Script, plan: str) -> Script:
    """Return a script that knows the digest of its plan, and leaves it in `plan.toml`."""
    return evolve(script, job=((("digest", plan),), *script.job))


def head(script: Script, stamp: str, seal: str) -> Iterator[str]:
    """Yield the first lines of a script: the directives, what it is, and its seal, which is still open."""
    yield "#!/bin/bash -p"
    yield from _directives(script)
    yield "#"
    yield f"# {script.summary}"
    yield f"# Made by {stamp}: change the job file, not this."
    yield seal


def _directives(script: Script) -> Iterator[str]:
    """Yield the directives; what stands behind `hetjob` is of the next component (sbatch(1), since 20.02)."""
    yield from starmap(directive, script.directives)
    for options in script.components:
        yield "#SBATCH hetjob"
        yield from starmap(directive, options)


def functions(script: Script, heading: str = HEADING) -> Iterator[tuple[Path, Function]]:
    """Yield the functions of data by the key paths of what they say: the job, each role, each phase."""
    yield ("job",), Function(heading, "job", tuple(_job(script)))
    for kind, steps in (("roles", script.roles), ("phases", script.phases)):
        for step in steps:
            comment = f"# {step.comment}" if step.comment else ""
            yield (kind, step.name), Function(comment, step.function, tuple(_step(step)))


def functions_of_parts(script: Script) -> Iterator[tuple[Path, Function]]:
    """Yield the functions of data that stand before a part of the program: long ones, which no task needs."""
    if script.files:
        yield ("files",), Function("", "files", tuple(_files(script)))
    if script.images:
        yield ("images",), Function("", "images", tuple(_images(script)))


def named_hosts(script: Script) -> list[str]:
    """Return the line that names the hosts of the job, if any has a name."""
    return list(_given("named_hosts", script.hosts))


def _job(script: Script) -> Iterator[str]:
    for settings in script.job:
        yield from given_settings(settings)
    for name, words in script.arrays:
        yield from _array(name, words)


def _step(step: Step) -> Iterator[str]:
    yield from given_settings(step.settings)
    yield from _given("after", step.after)
    yield from task_lines(step.rows)
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


def given_settings(settings: Settings) -> Iterator[str]:
    """Yield the line of some settings, if there are any."""
    if settings:
        yield " ".join(map(_setting, settings))


def _given(name: str, value: str | Texts) -> Iterator[str]:
    if value:
        yield _setting((name, value))


def _setting(setting: Setting) -> str:
    name, value = setting
    return f"{name}={word(value)}" if isinstance(value, str) else f"{name}=({' '.join(map(word, value))})"


def task_lines(groups: Iterable[Group]) -> Iterator[str]:
    """Write the rows of a role's tasks.

    Rows belong to the `times` above them: after a group that repeats the next one says it too, and be it `times 1`.
    """
    repeats = False
    for group in groups:
        if repeats or group.times > 1:
            yield " ".join([f"times {group.times}", *(f"{name}={step}" for name, step in group.steps)])
        repeats = group.times > 1
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


def _files(script: Script) -> Iterator[str]:
    for name, text in script.files:
        call = "file_by_node" if name in script.files_by_node else "file"
        yield f"{call} {name} {word(text)}"


def _images(script: Script) -> Iterator[str]:
    for image in script.images:
        yield f"image {' '.join(map(word, (image.name, image.nodes, image.source)))} \\"
        yield from (f"\t{word(text)} \\" for text in image.words[:-1])
        yield f"\t{word(image.words[-1])}"
