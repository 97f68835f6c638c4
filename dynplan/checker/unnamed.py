"""What a plan would have Slurm run, read or write that no role of it names: told before anybody submits its script.

In a job file such options are their author's own choice. A plan may be someone else's, and its script runs as
whoever submits it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from dynplan.diagnostics import Finding, Path

_RUNS = "runs what no role names"
_TOUCHES = "says what Slurm reads or writes"
_SETS = "sets variables for the whole job"
# Options of sbatch and srun by their long names, those of pyxis among them: what each of them does.
_TOLD = {
    **dict.fromkeys(("prolog", "epilog", "task-prolog", "task-epilog", "wrap", "multi-prog", "get-user-env"), _RUNS),
    **dict.fromkeys(("bb", "bbf", "bcast", "send-libs", "jobid", "uid", "gid"), _RUNS),
    **dict.fromkeys(("container", "container-id", "container-image", "container-entrypoint"), _RUNS),
    **dict.fromkeys(("output", "error", "input", "open-mode", "chdir", "workdir"), _TOUCHES),
    **dict.fromkeys(("container-save", "container-mounts"), _TOUCHES),
    **dict.fromkeys(("export", "export-file", "container-env"), _SETS),
}
# Variables whose value is code to a shell or to the loader.
_CODE = ("BASH_ENV", "ENV", "LD_AUDIT", "LD_PRELOAD", "PROMPT_COMMAND", "PS4")
_FIX = "a plan is somebody's program: leave the key out, unless you know why it is there"


def beside_roles(tree: Mapping[str, Any]) -> tuple[Finding, ...]:
    """Return a warning for every key of a plan that has Slurm do more than its roles and phases say (W501)."""
    return tuple(
        Finding("W501", f"`{'.'.join(map(str, path))}` of this plan {what}", path, _FIX, key=True)
        for owner, table in _owners(tree)
        for path, what in (*_options(table, owner), *_variables(table, owner))
    )


def _owners(tree: Mapping[str, Any]) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    for key in ("job", "cluster"):
        yield (key,), _table(tree.get(key))
    groups = _table(tree.get("cluster")).get("node-groups")
    for at, group in enumerate(groups if isinstance(groups, list) else []):
        yield ("cluster", "node-groups", at), _table(group)
    for key in ("roles", "phases"):
        for name, table in _table(tree.get(key)).items():
            yield (key, name), _table(table)


def _options(table: Mapping[str, Any], owner: Path) -> Iterator[tuple[Path, str]]:
    """Yield options that are told; Slurm takes the beginning of a name for the name."""
    for kind in ("sbatch", "srun"):
        for name, value in _table(table.get(kind)).items():
            what = next((_TOLD[known] for known in _TOLD if known.startswith(str(name))), "")
            plain = what == _SETS and isinstance(value, str) and name == "export" and "=" not in value
            if what and value is not False and not plain:
                yield (*owner, kind, name), what


def _variables(table: Mapping[str, Any], owner: Path) -> Iterator[tuple[Path, str]]:
    for name in _table(table.get("env")):
        if name in _CODE:
            yield (*owner, "env", name), _RUNS


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
