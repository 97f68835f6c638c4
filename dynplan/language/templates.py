"""Templates: text in which `{name}` stands for a fact of the plan or of the run.

`{` + a name + `}` is a placeholder, `{= expression }` is a number, `{{` is a literal brace.
A brace after `$` belongs to the shell, and every other brace is text, so JSON and `${HOME}`
pass through untouched. What is left for the run to fill is written in a simpler grammar, for
`program/plan.sh`: see `for_bash`.
"""

import re
from collections.abc import Callable, Iterable
from itertools import groupby, pairwise

from attrs import frozen

_NAME = r"[a-z][a-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*"
_TOKEN = re.compile(r"\$\{|\{\{|\{(" + _NAME + r")\}|\{=([^{}]*)\}")
_LOOKS = re.compile(r"\{(?=" + _NAME + r"\})")
_OPENS = re.compile(r"\{(?=\{|" + _NAME + r"\}|=[^{}]*\})")


@frozen
class Ref:
    """A placeholder: its name, or for `{= ... }` its expression."""

    name: str = ""
    expression: str = ""


Part = str | Ref


def parse(text: str) -> tuple[Part, ...]:
    """Split a template into literal texts and placeholders; adjacent texts are joined."""
    if "{" not in text:
        return (text,) if text else ()
    parts: list[Part] = []
    literal, at = "", 0
    for match in _TOKEN.finditer(text):
        literal += text[at : match.start()]
        at = match.end()
        name, expression = match.groups()
        if name is None and expression is None:
            literal += "${" if match.group() == "${" else "{"
            continue
        if literal:
            parts.append(literal)
        parts.append(Ref(name or "", expression or ""))
        literal = ""
    literal += text[at:]
    return (*parts, literal) if literal else tuple(parts)


def unparse(parts: Iterable[Part]) -> str:
    """Write parts as a template again: `parse(unparse(parts))` gives the same parts.

    A text that ends in `$` cannot stand before a placeholder (`${name}` is the shell's):
    `shell_clash` finds such a pair.
    """
    out: list[str] = []
    merged = _merge(parts)
    for index, part in enumerate(merged):
        if isinstance(part, Ref):
            out.append("{" + part.name + "}" if part.name else "{=" + part.expression + "}")
        else:
            out.append(_escape(part, before_ref=index + 1 < len(merged)))
    return "".join(out)


def shell_clash(parts: Iterable[Part]) -> bool:
    """Tell whether a literal `$` stands right before a placeholder."""
    merged = _merge(parts)
    return any(
        isinstance(left, str) and left.endswith("$") and isinstance(right, Ref) for left, right in pairwise(merged)
    )


def fill(text: str, value: Callable[[Ref], Part | tuple[Part, ...] | None]) -> tuple[Part, ...]:
    """Replace the placeholders whose value is known, by text, by another placeholder or by several parts."""
    if "{" not in text:
        return (text,)
    return tuple(found for part in parse(text) for found in _known(part, value))


def for_bash(parts: Iterable[Part]) -> str:
    """Write parts for the script: `{name}` is a placeholder, `{brace}` a brace that only looks like one."""
    merged = _merge(parts)
    return "".join("{" + part.name + "}" if isinstance(part, Ref) else _LOOKS.sub("{brace}", part) for part in merged)


def refs(text: str) -> tuple[Ref, ...]:
    """Return the placeholders of a template, in order."""
    return tuple(part for part in parse(text) if isinstance(part, Ref))


def literal(text: str) -> str:
    """Write plain text as a template that stands for just that text."""
    return unparse((text,)) if text else ""


def _known(part: Part, value: Callable[[Ref], Part | tuple[Part, ...] | None]) -> tuple[Part, ...]:
    if isinstance(part, str):
        return (part,)
    found = value(part)
    if isinstance(found, tuple):
        return found
    return (part if found is None else found,)


def _merge(parts: Iterable[Part]) -> list[Part]:
    merged: list[Part] = []
    for is_text, group in groupby(parts, key=lambda part: isinstance(part, str)):
        run = list(group)
        text = "".join(map(str, run)) if is_text else ""
        merged += [text] if text else [] if is_text else run
    return merged


def _escape(text: str, *, before_ref: bool) -> str:
    """Double a brace that would be read as more than itself, and no other."""
    out, at = "", 0
    for match in _OPENS.finditer(text):
        if match.start() < at or text[match.start() - 1 : match.start()] == "$":
            continue
        out += text[at : match.start()] + "{{"
        at = match.end()
    out += text[at:]
    return out + "{" if before_ref and out.endswith("{") and not out.endswith("${") else out
