"""What attrs would write for each record, written once.

attrs compiles `__eq__`, `__hash__` and `__repr__` for every class: 0.3 ms each time dynplan starts, a tenth
of a cold `compile` for all records together. These serve them all. A record that is hashed in a hot loop has
its own.
"""

from typing import Any


class Record:
    """A base for `@frozen(eq=False, repr=False)`: equal where class and fields are equal."""

    __slots__ = ()
    __match_args__: tuple[str, ...] = ()  # attrs puts the names of the fields there

    def _values(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self.__match_args__)

    def __eq__(self, other: object) -> bool:
        return self._values() == other._values() if type(other) is type(self) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._values())

    def __repr__(self) -> str:
        fields = (f"{name}={value!r}" for name, value in zip(self.__match_args__, self._values(), strict=True))
        return f"{type(self).__name__}({', '.join(fields)})"
