"""The functions for Python, from their signatures and docstrings."""

import inspect
import re
from collections.abc import Iterator
from typing import Any

import dynplan

_ABOUT = """\
# Every function for Python

Made from the code. What it promises, and how the functions go together, is told on [the page about Python](../api.md).
"""


def python_page() -> str:
    """Return the page."""
    found = ((name, getattr(dynplan, name)) for name in dynplan.__all__ if not name.startswith("_"))
    return "\n".join([_ABOUT, *(line for name, value in found for line in _entry(name, value))]) + "\n"


def _entry(name: str, value: Any) -> Iterator[str]:
    yield from (f"## dynplan.{name}", "")
    if inspect.isfunction(value):
        signature = re.sub(r"'([^']*)'", r"\1", str(inspect.signature(value)))
        yield from ("```python", f"{name}{signature}", "```", "")
    for part in inspect.cleandoc(value.__doc__ or "").split("\n\n"):
        head, _, rest = part.partition("\n")
        if head in ("Args:", "Raises:", "Returns:", "Attributes:"):
            yield from (f"**{head.removesuffix(':')}**", "", *_items(rest), "")
        elif head.startswith(">>>"):
            yield from ("```pycon", part, "```", "")
        else:
            yield from (part, "")


def _items(text: str) -> Iterator[str]:
    for item in re.split(r"\n(?=\S)", inspect.cleandoc(text)):
        name, _, meaning = " ".join(item.split()).partition(": ")
        yield f"- `{name}`: {meaning}" if meaning else f"- {name}"
