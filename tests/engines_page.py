"""The tables of docs/engines.md, made from the presets: `make golden` writes them, test_engines.py compares."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "engines.md"
FOLDER = ROOT / "dynplan" / "engines"
_TABLES = re.compile(r"(<!-- made from the presets -->\n).*?(?=<!-- so far -->)", re.DOTALL)


def with_presets(page: str) -> str:
    """Return the page with what the presets say today."""
    presets = {file.stem: tomllib.loads(file.read_text()) for file in sorted(FOLDER.glob("*.toml"))}
    table = ["| engine | what it is | written for | run |", "|---|---|---|---|"]
    for name, preset in presets.items():
        about = preset["about"]
        table.append(f"| `{name}` | {about['what']} | {about['versions']} | {about['run']} |")
    parts = ["\n".join(table), *("\n".join(_preset(name, preset)) for name, preset in presets.items())]
    made = iter((parts[0], "\n\n".join(parts[1:])))
    return _TABLES.sub(lambda match: f"{match[1]}{next(made)}\n", page)


def _preset(name: str, preset: dict[str, Any]) -> Iterator[str]:
    yield f"### {name}\n"
    command = " ".join(word for word in preset["command"] if isinstance(word, str))
    yield f"- runs `{command}`" + (f", {preset['launch']}" if "launch" in preset else "")
    for item in preset["command"]:
        if isinstance(item, dict):
            yield f"- where `{item['when']}`: `{' '.join(item['args'])}`"
    if "gpus-per-worker" in preset:
        yield f"- GPUs of a worker: `{preset['gpus-per-worker']}`"
    for key, what in (("required", "needs"), ("unset", "unsets")):
        if key in preset:
            yield f"- {what} " + ", ".join(f"`{text.removesuffix(' WORD')}`" for text in preset[key])
    if "args" in preset:
        yield "- options: " + ", ".join(f"`--{key}`" for key in preset["args"])
    if "env" in preset:
        yield "- variables: " + ", ".join(f"`{key}`" for key in preset["env"])
    if "ports" in preset:
        yield "- ports: " + ", ".join(_port(port, rules) for port, rules in preset["ports"].items())
    if "ready" in preset:
        yield f"- ready: {_probe(preset['ready'])}"
    others = [key for key in ("alive", "fail-on-log", "stop", "metrics", "place", "mpi", "kind") if key in preset]
    yield "- and: " + ", ".join(f"`{key}`" for key in others) if others else "- and nothing else"


def _port(name: str, rules: dict[str, Any]) -> str:
    base = rules.get("fixed", rules.get("base"))
    count = f", a block of `{rules['count']}`" if "count" in rules else ""
    return f"`{name}` from {base}{count}" if base != "auto" else f"`{name}`{count}"


def _probe(probe: dict[str, Any]) -> str:
    path = f" answers `{probe['path']}`" if "path" in probe else " is open"
    return f"port `{probe['port']}`{path}" + (f" with `{probe['body']}`" if "body" in probe else "")
