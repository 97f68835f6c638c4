"""Text that is legal and surely not meant: for a shell that never reads it, or in another tool's braces.

Loaded only where a file holds a `$`, a `~` or such a brace. Everything here is a warning, so it has to be right
nearly always: what a program may well want as it stands is left alone.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from dynplan.diagnostics import Findings, Path
from dynplan.language.shell_text import is_shell
from dynplan.language.tables import name_of

# `$HOME/x`, `${key}`, `$(hostname)`, `$name` alone; not `foo$`, `{print $NF}`, `US$5`, `\$HOME`.
_VARIABLE = re.compile(
    r"(?<!\\)\$\{[A-Za-z_][A-Za-z0-9_]*\}"
    r"|(?<![A-Za-z0-9_$\\])\$[A-Z_][A-Z0-9_]*(?![A-Za-z0-9_(])"
    r"|^\$[a-z_][A-Za-z0-9_]*(?=$|/)"
    r"|(?<!\\)\$\([^()]+\)"
)
_HOME = re.compile(r"~[A-Za-z0-9_.-]*(?=/)|~$")
_CAPITALS = re.compile(r"(?<![${])\{([A-Z][A-Z0-9_]+)\}(?!\})")
_DOUBLE = re.compile(r"(?<!\{)\{\{(?!\{)([^{}\n]{1,80})\}\}")
# Keys whose text is no template, is read when the job is compiled, or has `$` and braces of its own.
_OTHERS = frozenset(
    ("fail-on-log", "log", "body", "constraints", "engine", "gpus-per-worker", "count", "extends", "nodes", "when")
)
# Programs that read variables or have such a syntax themselves.
_READERS = frozenset(
    [
        *("sh", "bash", "dash", "zsh", "ksh", "mksh", "csh", "tcsh", "fish", "ssh", "su", "eval", "envsubst"),
        *("awk", "gawk", "mawk", "perl", "jq", "make", "find"),
    ]
)
_COMMANDS = ("command", "args", "extra-args", "leader-args", "follower-args")
# What a shell's variable is here.
_FACTS = {
    **dict.fromkeys(("SLURM_JOB_ID", "SLURM_JOBID", "JOB_ID"), "job.id"),
    **dict.fromkeys(("SLURM_JOB_NAME", "JOB_NAME"), "job.name"),
    **dict.fromkeys(("HOSTNAME", "HOST", "SLURMD_NODENAME", "NODE_NAME", "hostname", "hostname -s"), "host"),
    **dict.fromkeys(("SLURM_NODEID", "NODE_RANK"), "node"),
    **dict.fromkeys(("SLURM_PROCID", "RANK"), "rank"),
    **dict.fromkeys(("SLURM_NTASKS", "WORLD_SIZE"), "num-tasks"),
    **dict.fromkeys(("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "GPUS"), "gpus"),
    **dict.fromkeys(("MASTER_ADDR", "MASTER_HOST"), "leader.host"),
    **dict.fromkeys(("POD_IP", "HOST_IP", "NODE_IP", "IP", "hostname -I", "hostname -i"), "ip"),
    **dict.fromkeys(("PORT", "MASTER_PORT"), "port.NAME"),
}


def check_texts(tables: Mapping[str, Any], findings: Findings) -> None:
    """Warn of every text of a job that looks like a shell's (W102) or like another tool's template (W103)."""
    told = {finding.path for finding in findings.found}
    for text, path in _texts({key: value for key, value in tables.items() if key != "meta"}, ()):
        if path in told:
            continue
        if path[0] != "files":
            _check_variables(text, path, findings)
        _check_braces(text, path, findings)


def _texts(value: Any, path: Path) -> Iterator[tuple[str, Path]]:
    if isinstance(value, str):
        yield value, path
    elif isinstance(value, Mapping):
        skipped = ("cluster",) if path == ("job",) else _read_by_its_program(value) if len(path) == 2 else ()
        for key, item in value.items():
            if key not in skipped and (key not in _OTHERS or "args" in path or "env" in path):
                yield from _texts(item, (*path, key))
    elif isinstance(value, list) and not (path[-1:] == ("command",) and _is_reader(value)):
        for index, item in enumerate(value):
            yield from _texts(item, (*path, index))


def _is_reader(words: Any) -> bool:
    """Tell whether one of the words is a program that reads variables itself."""
    return isinstance(words, list) and any(
        isinstance(word, str) and word.rpartition("/")[2] in _READERS for word in words
    )


def _read_by_its_program(owner: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the keys of a role or phase whose words go on with the text that a program like bash reads."""
    command = owner.get("command")
    open_ended = _is_reader(command) and isinstance(command, list) and str(command[-1]).startswith("-")
    return ("extra-args", "leader-args", "follower-args") if open_ended else ()


def _check_variables(text: str, path: Path, findings: Findings) -> None:
    if is_shell(path):
        return
    if path[-1] in _COMMANDS and len(path) == 3:  # words split as a shell splits: what its quotes hold is meant so
        text = re.sub(r"'[^']*'", "''", text)
    found = _VARIABLE.search(text) or _HOME.match(text)
    if found is None:
        return
    message = f"`{found[0]}` in {name_of(path)} stays as it is: no shell reads it"
    findings.warn("W102", message, path, help=_instead(found[0], path))


def _instead(found: str, path: Path) -> str:
    name = found.strip("${}()")
    if name in ("SLURM_JOB_ID", "SLURM_JOB_NAME") and path[0] == "job":
        return "write `%j` for the job's id, `%x` for its name"
    if name in _FACTS and path[0] != "job":
        return f"write `{{{_FACTS[name]}}}`"
    var = "home" if found[0] == "~" else name.lower() if re.fullmatch(r"[A-Za-z0-9_]+", name) else "name"
    value = "$HOME" if found[0] == "~" else found
    vars_ = f"write `{{vars.{var}}}` and set it at submission: `--set \"vars.{var}='{value}'\"`"
    words = len(path) > 2 and path[0] in ("roles", "phases", "phase-defaults") and set(_COMMANDS) & set(path[1:3])
    return f"{vars_}; or make `command` a string, which bash runs" if words else vars_


def _check_braces(text: str, path: Path, findings: Findings) -> None:
    if double := _DOUBLE.search(text):
        shown = f"{{{double[1]}}}}}"
        message = f"`{double[0]}` in {name_of(path)} reads `{shown}`: `{{{{` is one brace that stays"
        name = double[1].strip()
        fix = f"a placeholder has one brace: `{{{name}}}`; " if re.fullmatch(r"[a-z][a-z0-9_.-]*", name) else ""
        findings.warn("W103", message, path, help=f"{fix}for the text itself write `{{{{{double[0]}`")
    elif path[0] != "files" and (capitals := _CAPITALS.search(text)):
        message = f"`{capitals[0]}` in {name_of(path)} is no placeholder and stays as it is"
        name = capitals[1]
        fact = _FACTS.get(name, "")
        fix = f"write `{{{fact}}}`" if fact else f"a constant of your own is `{{vars.{name.lower()}}}`, set in `[vars]`"
        findings.warn("W103", message, path, help=fix)
