"""Keys of a role or phase that stand among its program's options, where they are only that (W101)."""

from collections.abc import Iterable, Mapping
from typing import Any

from dynplan.language.tables import Table

# No program has an option of that name.
_SURE = frozenset(
    (
        "gpus-per-worker",
        "workers-per-node",
        "extra-args",
        "leader-args",
        "follower-args",
        "fail-on-log",
        "after-command",
    )
)
# Programs may have these; they are ours beside one of the above, or with a value that only our key has.
_LIKELY = frozenset(
    [
        *(
            "num-nodes",
            "workers",
            "nodes",
            "per-node",
            "spread",
            "dedicated",
            "place",
            "group",
            "command",
            "env",
            "ports",
        ),
        *("unset", "workdir", "container", "launch", "mpi", "cpus-per-task", "srun", "after", "kind", "ready", "alive"),
        *("critical", "restart", "stagger", "stop", "metrics", "engine", "order", "enabled", "beside"),
        *("on", "timeout", "setup", "health-check", "continue-on-failure"),
    ]
)
_TABLES = frozenset(("ports", "env", "ready", "alive", "restart", "stop", "container", "srun"))
_LISTS = frozenset(("after", "unset", "nodes", "command"))


def misplaced(table: Table) -> tuple[str, ...]:
    """Return the keys below `args` that were meant for the role or phase itself."""
    args = table.data.get("args")
    if not isinstance(args, Mapping):
        return ()
    keys = {key: key.replace("_", "-") for key in args}
    own = _phase_has if table.path[0] != "roles" else _role_has
    sure = [key for key, name in keys.items() if name in _SURE and own(name)]
    found = [
        key
        for key, name in keys.items()
        if key in sure or (name in _LIKELY and own(name) and (sure or is_ours(name, args[key])))
    ]
    if not sure and _says_nothing(table, ("num-nodes", "nodes", "workers", "per-node", "place")):
        found += [key for key, name in keys.items() if name == "num-nodes" and own(name)]
    return tuple(found)


def is_ours(name: str, value: Any) -> bool:
    """Tell whether a value has the shape that our key of that name takes, and a program's option does not."""
    return (name in _TABLES and isinstance(value, Mapping)) or (name in _LISTS and isinstance(value, list))


def warn_of_misplaced(table: Table) -> None:
    """Warn of keys of a role or phase among its `args`."""
    what = "role" if table.path[0] == "roles" else "phase"
    for key in misplaced(table):
        path = table.at("args", key)
        if isinstance(table.data["args"][key], list) or any(other.path == path for other in table.findings.found):
            continue  # refused already, or where it is read
        message = f"`{key}` is a key of the {what}, and below `args` it is an option of the program"
        fix = f"write it above `args`, or as `extra-args` if the program has an option `--{key}`"
        table.findings.warn("W101", message, path, help=fix, key=True)


def _says_nothing(table: Table, keys: Iterable[str]) -> bool:
    return not any(key in table.data for key in keys)


def _role_has(name: str) -> bool:
    return name not in ("on", "timeout", "health-check", "continue-on-failure", "after-command")


def _phase_has(name: str) -> bool:
    return name in (
        *("command", "extra-args", "env", "unset", "workdir", "container", "srun", "on", "timeout", "setup"),
        *("after-command", "health-check", "continue-on-failure", "order", "enabled"),
    )
