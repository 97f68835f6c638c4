"""From TOML values to the words of a command line: `args`, `extra-args`, `command`, JSON.

The rules are seed rules of the field: a scalar is `--key value`, `true` is `--key`, `false` is
nothing, a table is one word of compact JSON. Every word is a template.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from dynplan.diagnostics import Findings, Path
from dynplan.language.tables import Table, holds_from_env, is_from_env, kind, name_of, plain, scalar
from dynplan.language.templates import literal
from dynplan.model import Each, Pairs, Texts, When, Words

_EACH = 'repeated words look like `{ each = "prefill", args = ["--url", "{it.url.http}"] }`'
_WHEN = 'words on a condition look like `{ when = "num-tasks > 1", args = ["--nnodes", "{num-tasks}"] }`'
_MOST_WORDS = 80  # characters of a list that is written out in a help
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# bash computes these itself or keeps them read-only: a value given to them would not arrive.
_BASH_OWN = frozenset(
    [
        "BASHOPTS",
        "BASHPID",
        "BASH_ARGC",
        "BASH_ARGV",
        "BASH_ARGV0",
        "BASH_COMMAND",
        "BASH_LINENO",
        "BASH_SOURCE",
        "BASH_SUBSHELL",
        "BASH_VERSINFO",
        "BASH_VERSION",
        "COMP_WORDBREAKS",
        "DIRSTACK",
        "EPOCHREALTIME",
        "EPOCHSECONDS",
        "EUID",
        "FUNCNAME",
        "GROUPS",
        "HISTCMD",
        "LINENO",
        "PIPESTATUS",
        "PPID",
        "RANDOM",
        "SECONDS",
        "SHELLOPTS",
        "SRANDOM",
        "UID",
        "_",
    ]
)


def args_words(table: Table) -> Texts:
    """Render an `args` table as words."""
    words: list[str] = []
    for key, value in table.data.items():
        table.known.add(key)
        words += _arg(key, value, table)
    return tuple(words)


def _arg(key: str, value: Any, table: Table) -> Texts:
    path = table.at(key)
    flag = literal(f"--{plain(key, path, table.findings)}")
    if not key:
        table.findings.error("D104", f"{name_of(path)} has an empty name", path, key=True)
    if value is True:
        return (flag,)
    if value is False:
        return ()
    if isinstance(value, list):
        _list(flag, value, path, table.findings)
        return ()
    if isinstance(value, Mapping):
        return (flag, compact_json(value, path, table.findings))
    return (flag, plain(scalar(value) or "", path, table.findings))


def _list(flag: str, values: list[Any], path: Path, findings: Findings) -> None:
    from dynplan.language.misplaced import is_ours  # lists are rare, as they are refused

    owner, key = "phase" if path[0] != "roles" else "role", str(path[-1])
    words = ", ".join(f'"{text}"' for text in (flag, *(scalar(value) or "..." for value in values)))
    whole = f"`extra-args = [{words}]`" if len(words) <= _MOST_WORDS else f'`extra-args = ["{flag}", ...]`'
    if is_ours(key.replace("_", "-"), values):
        fix = f"`{key}` is a key of the {owner}: write it above `args`"
    elif owner == "phase" and all(isinstance(value, int | float) for value in values):
        fix = f"write one phase for each value; for a program that takes a list, {whole}"
    elif values and all(isinstance(value, int | float) for value in values):
        fix = f"for a job with each value, write the list in `[sweep]`; for a program that takes a list, {whole}"
    else:
        fix = f"write the words out: {whole}"
    message = f"{name_of(path)} is a list, and `args` cannot tell how the program wants it"
    findings.error("D111", message, path, help=fix)


def compact_json(value: Any, path: Path, findings: Findings) -> str:
    """Write a TOML value as one word of JSON without spaces, keys in file order."""
    import json  # 5 ms, and only jobs that pass JSON need it

    if holds_from_env(value):
        message = f"{name_of(path)} takes `from-env`, which `env` alone may: what a process is told, others can see"
        findings.error("D102", message, path, help="let the program take it from a variable")
        return "{}"

    def default(item: object) -> str:
        return scalar(item) or ""

    try:
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=default)
    except ValueError:
        findings.error("D104", f"{name_of(path)} holds `nan` or `inf`, which JSON cannot say", path)
        return "{}"
    if "\\u0000" in text:
        findings.error("D107", f"{name_of(path)} holds a NUL byte, which no process can be given", path)
    return text


def command_words(table: Table, key: str) -> Words:
    """Read a command: an array is run as it stands, a string by `bash -c`."""
    value = table.get(key)
    if isinstance(value, str):
        return ("bash", "-c", plain(value, table.at(key), table.findings))
    words = word_list(table, key)
    if isinstance(value, list) and not value:
        table.bad(key, f"{name_of(table.at(key))} is empty", "name a program: an array of words, or a string for bash")
    return words


def command_texts(table: Table, key: str) -> Texts:
    """Read a command in which all words stand as they are."""
    words = command_words(table, key)
    if not all(isinstance(word, str) for word in words):
        message = f"{name_of(table.at(key))} cannot have words with `each` or `when`"
        table.bad(key, message, "write a string for bash")
    return tuple(word for word in words if isinstance(word, str))


def word_list(table: Table, key: str) -> Words:
    """Read an array of words.

    An item `{ each = "ROLE", args = [...] }` is repeated for every worker, `{ when = "EXPR", args = [...] }` left out
    where the expression is 0.
    """
    value = table.get(key)
    if value is None:
        return ()
    if not isinstance(value, list):
        table.wrong(table.at(key), "a string or a list of words", value)
        return ()
    words: list[str | Each | When] = []
    for index, item in enumerate(value):
        path = table.at(key, index)
        if isinstance(item, Mapping):
            words.append(_item(Table(item, path, table.findings)))
        elif (text := scalar(item)) is None:
            table.wrong(path, "a word", item)
        else:
            words.append(plain(text, path, table.findings))
    return tuple(words)


def _item(table: Table) -> Each | When:
    """Read an item of a list of words that is a table."""
    kind, fix = ("when", _WHEN) if "when" in table and "each" not in table else ("each", _EACH)
    value, words = table.text(kind), word_list(table, "args")
    for key in (kind, "args"):
        if key not in table:
            message, lacks = f"{name_of(table.path)} needs `{key}`", table.at(key)
            table.findings.error("D103", message, table.path, help=fix, lacks=lacks)
    if not all(isinstance(word, str) for word in words):
        table.bad(
            "args", f"{name_of(table.at('args'))} holds plain words alone", f"`{kind}` has no `each` or `when` in it"
        )
    table.known -= {"when"} if kind == "each" else set()
    table.close()
    texts = tuple(word for word in words if isinstance(word, str))
    return Each(value, texts) if kind == "each" else When(_condition(value, table), texts)


def _condition(text: str, table: Table) -> str:
    """Return an expression, `0` for one that is none, which is reported."""
    from dynplan.language.expressions import ExprError, check  # most command lines have no conditions

    try:
        check(text)
    except ExprError as error:
        if isinstance(table.data.get("when"), str):
            table.bad("when", f"{name_of(table.at('when'))}: {error}", error.fix, "D112")
        return "0"
    return text


def extra_words(table: Table, key: str) -> Words:
    """Read words given as an array, or as a string that is split the way a shell splits."""
    value = table.get(key)
    if not isinstance(value, str):
        return word_list(table, key)
    import shlex  # only jobs with a string of extra words need it

    try:
        return tuple(shlex.split(plain(value, table.at(key), table.findings)))
    except ValueError as error:
        reason = str(error).lower()
        table.bad(key, f"{name_of(table.at(key))} cannot be split into words: {reason}", "close the quotes")
        return ()


def env_pairs(table: Table) -> Pairs:
    """Read an `env` table: names a process can be given, values of one scalar each.

    `{ from-env = "NAME" }` is the value of a variable of the submitter's when the job starts: `{from-env.NAME}` in
    the templates, which only this reader writes.
    """
    pairs: list[tuple[str, str]] = []
    for name, value in table.data.items():
        path = table.at(name)
        table.known.add(name)
        text = None if isinstance(value, bool) else scalar(value)
        if is_from_env(value):
            (source,) = value.values()
            if not isinstance(source, str) or not _ENV_NAME.fullmatch(source):
                message = f"{name_of(path)} must name a variable of the submitter's"
                table.findings.error("D102", message, path, help='write `{ from-env = "HF_TOKEN" }`')
            elif check_env_name(name, path, table.findings):
                pairs.append((name, f"{{from-env.{source}}}"))
        elif text is None:
            table.findings.error(
                "D102",
                f"{name_of(path)} must be a string or a number, not {kind(value)}",
                path,
                help='write the text the program should see, `"1"` or `"true"` for example, or `{ from-env = "NAME" }`',
            )
        elif check_env_name(name, path, table.findings):
            pairs.append((name, plain(text, path, table.findings)))
    return tuple(pairs)


def check_env_name(name: str, path: Path, findings: Findings) -> bool:
    """Tell whether an environment variable of that name reaches the process; report it if not."""
    if not _ENV_NAME.fullmatch(name):
        fix = "use letters, digits and `_`, and start with no digit"
        findings.error("D114", f"`{name}` is not a name for an environment variable", path, help=fix, key=True)
    elif name in _BASH_OWN:
        message = f"`{name}` belongs to bash, so a value would not reach the process"
        findings.error("D114", message, path, help="let the program read another name", key=True)
    elif name.startswith(("DYNPLAN_", "SLURM_")):
        owner = "dynplan" if name.startswith("DYNPLAN_") else "Slurm"
        findings.error("D114", f"`{name}` is for {owner} to set", path, help="leave it out", key=True)
    else:
        return True
    return False


_HEARD = "the script talks to its tasks there; what they write is in the job's `logs`"
_PLACED = "dynplan places the tasks: see `num-nodes`, `workers` and `nodes`"
_AT_ONCE = "the steps of all roles run at once on the same nodes"
# Options of srun by which the script starts tasks and hears them, and what to set instead.
_OF_SCRIPT = {
    **dict.fromkeys(("input", "output", "error", "label", "unbuffered", "pty"), _HEARD),
    **dict.fromkeys(("ntasks", "ntasks-per-node", "nodes", "nodelist", "nodefile", "exclude", "relative"), _PLACED),
    **dict.fromkeys(("distribution", "multi-prog"), _PLACED),
    **dict.fromkeys(("overlap", "overcommit", "exclusive"), _AT_ONCE),
    "export": "set `env`, whose values reach the tasks as they are",
    "job-name": "a step has the name of its role",
}


def meant(name: str, options: Iterable[str]) -> str:
    """Return the option that Slurm takes a name for, which may be its beginning (getopt_long(3)); empty for none."""
    return name if name in options else next((option for option in options if option.startswith(name)), "")


def option_pairs(table: Table) -> Pairs:
    """Read further options of `srun`: `true` is a bare flag, which stands as an empty value."""
    pairs: list[tuple[str, str]] = []
    for name, value in table.data.items():
        table.known.add(name)
        text = scalar(value)
        if not re.fullmatch(r"[a-z][a-z0-9-]*", name):
            table.findings.error("D104", f"`{name}` is not the long name of an option", table.at(name), key=True)
        elif owned := meant(name, _OF_SCRIPT):
            message = f"`{name}` is written by dynplan"
            table.findings.error("D113", message, table.at(name), help=_OF_SCRIPT[owned], key=True)
        elif text is None:
            table.wrong(table.at(name), "one value", value)
        elif value is not False:
            pairs.append((name, "" if value is True else plain(text, table.at(name), table.findings)))
    return tuple(pairs)
