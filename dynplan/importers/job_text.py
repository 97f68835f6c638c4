"""A draft as the text of a job file, in the order in which people write one, with its comments."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import tomli_w

from dynplan.diagnostics import Path
from dynplan.importers.draft import Comment, Draft
from dynplan.importers.points import Sweep

_WIDTH = 100  # of an inline table or list; longer ones take lines of their own
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_ORDER = ("vars", "meta", "job", "cluster", "roles", "files", "phase-defaults", "phases")
# Tables that stand under a header of their own, however short they are.
_HEADED = frozenset(("args", "env", "data", "sbatch", "container"))


def job_text(draft: Draft, sweep: Sweep | None, header: tuple[str, ...], cluster_file: str) -> str:
    """Return the job file.

    Args:
        draft: the job.
        sweep: what differs between its points.
        header: comment lines at the top.
        cluster_file: where the cluster's keys go instead; empty for a table in the job.
    """
    job = dict(draft.job)
    if cluster_file:
        job["job"] = {**job.get("job", {}), "cluster": cluster_file}
    elif draft.cluster:
        job["cluster"] = draft.cluster
    lines = [f"# {line}".rstrip() for line in header]
    for key in (*_ORDER, *(key for key in job if key not in _ORDER)):
        if isinstance(job.get(key), dict) and job[key]:
            lines += _table((key,), _sorted(key, job[key]), draft.notes)
    if sweep:
        lines += _sweep(sweep)
    return "\n".join(lines).strip("\n") + "\n"


def cluster_text(draft: Draft, header: tuple[str, ...]) -> str:
    """Return the cluster file."""
    lines = [f"# {line}".rstrip() for line in header]
    return "\n".join([*lines, *_table(("cluster",), draft.cluster, draft.notes)]).strip("\n") + "\n"


_KEYS = {
    "job": ("name", "num-nodes", "time", "output-dir", "cluster", "env", "container"),
    "phase-defaults": ("on", "command", "setup", "srun", "extra-args"),
}


def _sorted(key: str, table: Mapping[str, Any]) -> dict[str, Any]:
    first = [name for name in _KEYS.get(key, ()) if name in table]
    return {name: table[name] for name in (*first, *(name for name in table if name not in first))}


def _table(path: Path, table: Mapping[str, Any], notes: Mapping[Path, Comment]) -> list[str]:
    """Return a table with its header: values first, then the tables that have headers of their own."""
    below = {key: value for key, value in table.items() if isinstance(value, dict) and _is_headed((*path, key), value)}
    own = {key: value for key, value in table.items() if key not in below}
    lines: list[str] = []
    if own or not below:
        lines += ["", *_comment_lines(notes.get(path, Comment()).above), f"[{_dotted(path)}]"]
    for key, value in own.items():
        lines += _entry((*path, key), value, notes.get((*path, key), Comment()))
    for key, value in below.items():
        lines += _table((*path, key), value, notes)
    return lines


def _is_headed(path: Path, value: Mapping[str, Any]) -> bool:
    """Tell whether a table stands under a header of its own."""
    if len(path) == 2 and path[0] in ("roles", "phases", "files", "meta"):
        return path[0] != "meta" or len(_inline(value)) > _WIDTH
    if path[0] == "phases":
        return len(_inline(value)) > _WIDTH
    return bool(value) and (path[-1] in _HEADED or len(_inline(value)) > _WIDTH) and not _in_data(path)


def _in_data(path: Path) -> bool:
    return path[0] == "files" and len(path) > 3


def _entry(path: Path, value: Any, comment: Comment) -> list[str]:
    beside = f"  # {comment.beside}" if comment.beside else ""
    written = _value(value)
    return [
        *_comment_lines(comment.above),
        f"{_name(str(path[-1]))} = {written}{beside if chr(10) not in written else ''}",
    ]


def _comment_lines(lines: tuple[str, ...]) -> list[str]:
    return [f"# {_printable(line)}".rstrip() for line in lines]


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)


def _value(value: Any) -> str:
    """Write a value: on one line where it is short, a list otherwise with a line for each element."""
    if isinstance(value, str) and "\n" in value and not re.search(r"[^\x20-\x7e\n\x80-\U0010ffff]", value):
        text = value.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
        text = text[:-1] + '\\"' if text.endswith('"') else text
        return f'"""\n{text}"""'
    inline = _inline(value)
    if isinstance(value, list) and len(inline) > _WIDTH and any(isinstance(item, str | dict) for item in value):
        return "[\n" + "".join(f"  {_element(item)},\n" for item in value) + "]"
    return inline


def _element(value: Any) -> str:
    return _value(value) if isinstance(value, str) and value.count("\n") > 1 else _inline(value)


def _inline(value: Any) -> str:
    if isinstance(value, Mapping):
        inside = ", ".join(f"{_name(str(key))} = {_inline(item)}" for key, item in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_inline, value)) + "]"
    return tomli_w.dumps({"a": value}).removeprefix("a = ").rstrip("\n")


def _name(key: str) -> str:
    return key if _BARE.fullmatch(key) else tomli_w.dumps({key: 0}).removesuffix(" = 0\n")


def _dotted(path: Path) -> str:
    return ".".join(_name(str(part)) for part in path)


# Sweeps


def _sweep(sweep: Sweep) -> Iterator[str]:
    yield from ("", "[sweep]") if sweep.grid else ()
    if sweep.grid:
        for path, values in sweep.grid.values:
            yield f"{_inline(_dotted(path))} = {_value(list(values))}"
        if sweep.grid.together:
            yield f"zip = {_value([[_dotted(path) for path in paths] for paths in sweep.grid.together])}"
        return
    for name, differences in sweep.points:
        yield from ("", "[[sweep.points]]", f"name = {_inline(name)}")
        for path, value in differences:
            yield f"{_inline(_dotted(path))} = {_value(value)}"
