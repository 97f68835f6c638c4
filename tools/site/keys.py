"""Every key of job, cluster and engine files, from the JSON Schemas."""

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

Schema = dict[str, Any]

_ABOUT = """\
# Every key

Made from the JSON Schemas that `dynplan schema` prints. How the keys work together is told by
[the job file](../job-file.md), [the cluster file](../cluster-file.md), [engines](../engines.md) and
[sweeps](../sweeps.md). A text may hold placeholders where the job file says so.
"""
_TABLES = (  # heading, schema, and the keys that lead to the table
    ("A job file", "job", ()),
    ("[job]", "job", ("job",)),
    ("[cluster]", "cluster", ("cluster",)),
    ("[[cluster.node-groups]]", "cluster", ("cluster", "node-groups", "[]")),
    ("[roles.NAME]", "job", ("roles", "*")),
    ("[phases.NAME]", "job", ("phases", "*")),
    ('[files."NAME"]', "job", ("files", "*")),
    ("[sweep]", "job", ("sweep",)),
    ("[results.NAME]", "job", ("results", "*")),
    ("Ports of a role", "job", ("$port",)),
    ("The probe `ready`", "job", ("$ready",)),
    ("The probe `alive`", "job", ("$alive",)),
    ("Containers", "job", ("$container",)),
    ("`restart` of a role", "job", ("roles", "*", "restart")),
    ("`stop` of a role", "job", ("roles", "*", "stop")),
)
_PARTS = {
    "port": "#ports-of-a-role",
    "ready": "#the-probe-ready",
    "alive": "#the-probe-alive",
    "container": "#containers",
}
_DEFAULT = re.compile(r"(?:^|\. )Default: (?P<default>.*)\.$")


def keys_page() -> str:
    """Return the page."""
    folder = files("dynplan.language") / "schemas"
    schemas = {name: json.loads((folder / f"{name}.json").read_text("utf-8")) for name in ("job", "cluster", "engine")}
    lines = [_ABOUT]
    for heading, name, path in _TABLES:
        code = f"`{heading}`" if heading.startswith("[") else heading
        lines += [f"## {code}", "", *_table(_find(schemas[name], path)), ""]
    role = set(_find(schemas["job"], ("roles", "*"))["properties"])
    preset = {key: value for key, value in schemas["engine"]["properties"].items() if key not in role}
    lines += ["## Presets", "", "The keys of a role, without a header, and these:", "", *_table({"properties": preset})]
    return "\n".join(lines) + "\n"


def _find(schema: Schema, path: tuple[str, ...]) -> Schema:
    found = schema
    for key in path:
        match key[0]:
            case "$":
                found = schema["$defs"][key[1:]]
            case "*":
                found = found["additionalProperties"]
            case "[":
                found = found["items"]
            case _:
                found = found["properties"][key]
    return found


def _table(schema: Schema) -> Iterator[str]:
    yield from ("| key | meaning | value | default |", "|---|---|---|---|")
    for key, value in schema["properties"].items():
        text = value.get("description", "")
        default = _DEFAULT.search(text)
        meaning = text[: default.start()] if default else text.removesuffix(".")
        cells = (f"`{key}`", meaning, kind(value), default["default"] if default else "")
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def kind(schema: Schema) -> str:
    """Return in words what a value may be."""
    match schema:
        case {"const": value}:
            return f"`{json.dumps(value)}`"
        case {"enum": values}:
            return ", ".join(f"`{json.dumps(value)}`" for value in values)
        case {"anyOf": parts}:
            return _one_of(parts)
        case {"$ref": name}:
            part = name.rpartition("/")[2]
            return f"[table]({_PARTS[part]})"
        case {"type": "array", "items": item}:
            return f"list of {kind(item)}"
        case {"type": "integer"}:
            return _number(schema)
        case {"type": "string"}:
            return "text"
        case {"type": "boolean"}:
            return "`true` or `false`"
        case {"type": "object"}:
            return "table"
        case _:
            return "value"


def _one_of(parts: list[Schema]) -> str:
    if any("[smhd]" in part.get("pattern", "") for part in parts):
        return 'seconds, or `"90s"`, `"5m"`, `"2h"`, `"1d"`'
    kinds = [kind(part) for part in parts if part.get("pattern") != r"\{vars\."]
    return " or ".join(dict.fromkeys(kinds))


def _number(schema: Schema) -> str:
    match schema.get("minimum"), schema.get("maximum"):
        case None, None:
            return "whole number"
        case low, high if high is None or high >= 1_000_000:
            return f"whole number from {low}"
        case low, high:
            return f"{low} to {high}"
    return "whole number"
