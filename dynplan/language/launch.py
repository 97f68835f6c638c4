"""Read what a role or phase runs: its command line, environment and container -> `Launch`."""

import re
from typing import Any

from dynplan.language.command_line import (
    args_words,
    check_env_name,
    command_texts,
    command_words,
    env_pairs,
    extra_words,
    option_pairs,
)
from dynplan.language.misplaced import warn_of_misplaced
from dynplan.language.tables import Table, name_of
from dynplan.model import Container, Launch, Pairs

_NAME = re.compile(r"[A-Za-z0-9._-]{0,64}")


def read_launch(table: Table, container: Any, options: Pairs = ()) -> Launch:
    """Read what a role or phase runs and in which surroundings.

    Args:
        table: the role or phase.
        container: the job's, for a role or phase that has none of its own.
        options: of its srun, from other keys of the role.
    """
    command = command_words(table, "command")
    if table.get("command") is None:
        message, fix = f"{name_of(table.at('command'))} is missing", 'set it: `command = ["program", "word"]`'
        table.findings.error("D103", message, table.path, help=fix, lacks=table.at("command"))
    warn_of_misplaced(table)
    more = args_words(table.table("args")) + extra_words(table, "extra-args")
    ranked = ("leader-args", "follower-args") if table.path[0] == "roles" else ()  # a phase is one task
    leader, follower = (extra_words(table, key) for key in ranked) if ranked else ((), ())
    if isinstance(table.get("command"), str) and (more or leader or follower):
        text = command[-1].rstrip() if isinstance(command[-1], str) else ""
        command = ("bash", "-c", text if "$@" in text else f'{text} "$@"', "bash")
    unset = tuple(
        name
        for index, name in enumerate(table.strings("unset"))
        if check_env_name(name, table.at("unset", index), table.findings)
    )
    return Launch(
        command=command + more,
        leader_args=leader,
        follower_args=follower,
        env=env_pairs(table.table("env")),
        unset=unset,
        workdir=table.text("workdir"),
        setup="" if runs_apart(table) else table.text("setup"),
        srun=(*option_pairs(table.table("srun")), *options),
        container=_container(table, container),
    )


def runs_apart(table: Table) -> bool:
    """Tell whether the `setup` of a phase is a command of its own, an array of words."""
    return table.path[0] != "roles" and isinstance(table.get("setup"), list)


def _container(table: Table, default: Any) -> Container | None:
    value = table.get("container")
    if value is False or (value is None and default is None):
        return None
    own = value is not None
    box = Table(value if own else default, table.at("container") if own else ("job", "container"), table.findings)
    inherited = default if own and isinstance(default, dict) else {}
    box.data = {**inherited, **box.data}
    image = box.line("image")
    if not image:
        fix, lacks = "set `image`, or drop the table", box.at("image")
        table.findings.error("D103", "a container needs an `image`", box.path, help=fix, lacks=lacks)
    name, brought = box.line("name"), box.flag("import", True)
    if brought and not _NAME.fullmatch(name):
        path = box.at("name")
        box.bad("name", f"{name_of(path)} holds what no name of a container may", "use letters, digits, `.`, `_`, `-`")
    found = Container(image, box.strings("mounts"), box.text("workdir"), name, brought)
    box.close()
    return found


def optional_command(table: Table, key: str) -> tuple[str, ...]:
    """Read a command that may be left out."""
    return command_texts(table, key) if key in table else ()
