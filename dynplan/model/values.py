"""What the records are made of: their base, tables, pairs, and the words of a command line."""

from collections.abc import Iterator, Mapping
from typing import Any

from attrs import frozen


class Record:
    """A base for `@frozen(eq=False, repr=False)`: equal where class and fields are equal.

    attrs compiles `__eq__`, `__hash__` and `__repr__` for every class: 0.3 ms each time dynplan starts, a
    tenth of a cold `compile` for all records together. These serve them all. A record that is hashed in a
    hot loop has its own.
    """

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


Tables = Mapping[str, Any]  # TOML tables, merged and resolved; never changed once read
Pins = tuple[tuple[int, ...], ...]  # GPU indices, ascending and side by side, for each worker of a role on a node
Pairs = tuple[tuple[str, str], ...]  # NAME, template


@frozen(eq=False, repr=False)
class Each(Record):
    """Words of a command line, templates, that stand once for every worker of `role`; `{it.*}` are its facts."""

    role: str
    words: tuple[str, ...]


@frozen(eq=False, repr=False)
class When(Record):
    """Words of a command line, templates, that a task has whose `expression` is not 0."""

    expression: str
    words: tuple[str, ...]


Words = tuple[str | Each | When, ...]  # templates, one per word of a command line
Texts = tuple[str, ...]  # the same where all words stand as they are


def texts_of(words: Words) -> Iterator[str]:
    """Yield every template of a command line, the repeated ones once."""
    for word in words:
        if isinstance(word, str):
            yield word
        else:
            yield from word.words
