"""What a name of an expression stands for: numbers that are known, sizes of a role's engine, and its `args`."""

from collections.abc import Callable, Mapping
from typing import Any

from dynplan.language.sizes import lookup_args


def lookup_of(owner: Any, numbers: Mapping[str, int] | None = None) -> Callable[[str], int]:
    """Return the look-up of a name in the table of a role or phase, for `dynplan.language.expressions`.

    Args:
        owner: the table. What its command line says of its engine's sizes counts, in any spelling that the engine
            takes, and of everything else what stands in its `args`.
        numbers: names that are known beside them, and come first.
    """
    table: Mapping[str, Any] = owner if isinstance(owner, Mapping) else {}
    below = lookup_args(table.get("args"), numbers or ())
    if "sizes" in table or "switches" in table:
        from dynplan.language.engine_sizes import lookup_sizes  # only roles with an engine have them

        below = lookup_sizes(table, below)

    def lookup(name: str) -> int:
        return numbers[name] if numbers and name in numbers else below(name)

    return lookup
