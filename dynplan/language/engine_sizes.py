"""Sizes as an engine's own parser takes them: which words of a command line say them. Only for roles with an engine."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from attrs import frozen

from dynplan.diagnostics import Path
from dynplan.language.sizes import names_of, spelling, whole_number
from dynplan.model import Record

MOST_SIZES = 30  # of an engine
_MOST_OPTIONS = 20  # of a size


@frozen(eq=False, repr=False)
class EngineSize(Record):
    """A size as an engine's parser takes it: its options, `*` at the end of one for any longer beginning of the first.

    A switch takes no value: it counts 1 where it is set and else 0, where any other size counts 1.
    """

    options: tuple[str, ...]
    switch: bool

    @property
    def name(self) -> str:
        """The size's name in expressions: its first option, without dashes."""
        return self.options[0].lstrip("-")


@frozen(eq=False, repr=False)
class Setting(Record):
    """A size that a command line sets: its value, and where in the table of its role that stands."""

    size: EngineSize
    option: str
    value: Any
    at: Path


class EngineSizes:
    """The sizes that a role's engine has, by its `sizes` and `switches`; none where it does not say."""

    def __init__(self, owner: Mapping[str, Any]) -> None:
        """Read the table of a role; what is wrong with it is reported elsewhere."""
        kinds = (
            (text, key == "switches") for key in ("sizes", "switches") for text in _list(owner.get(key))[:MOST_SIZES]
        )
        texts = ((text.split(maxsplit=_MOST_OPTIONS), switch) for text, switch in kinds if isinstance(text, str))
        self.all = tuple(EngineSize(tuple(found[:_MOST_OPTIONS]), switch) for found, switch in texts if found)
        options = [(option, size) for size in self.all for option in size.options]
        self._known = {option: size for option, size in reversed(options) if option[-1] != "*"}
        self._begun = [(option[:-1], size) for option, size in options if option[-1] == "*"]

    def taken(self, option: str) -> EngineSize | None:
        """Return the size that the engine takes an option for, by its name or by an unambiguous beginning of it."""
        if option in self._known:
            return self._known[option]
        begun = (size for start, size in self._begun if option.startswith(start))
        return next((size for size in begun if any(other.startswith(option) for other in size.options)), None)

    def named(self, name: str) -> EngineSize | None:
        """Return the size that an expression names, in any spelling that programs have for it."""
        wanted = names_of(name)
        of = ((size, option.strip("-*").replace("_", "-")) for size in self.all for option in size.options)
        return next((size for size, option in of if option in wanted), None)


def settings(owner: Mapping[str, Any], sizes: EngineSizes) -> Iterator[Setting]:
    """Yield what the command line of a role says of its engine's sizes, in the order of its words."""
    yield from _settings(_words(owner, "command"), sizes)
    args = owner.get("args")
    for key, value in args.items() if isinstance(args, Mapping) else ():
        size = sizes.taken(f"--{key}")
        if size and not (size.switch and value is False):
            yield Setting(size, f"--{key}", value, ("args", key))
    yield from _settings(_words(owner, "extra-args"), sizes)


def _settings(words: Sequence[tuple[str, Path]], sizes: EngineSizes) -> Iterator[Setting]:
    following = [*words[1:], ("", ())]
    for (word, at), (value, _) in zip(words, following, strict=False):
        option, equals, own = word.partition("=")
        if option[:1] == "-" and (size := sizes.taken(option)):
            yield Setting(size, option, 1 if size.switch else own if equals else value, at)


def _words(owner: Mapping[str, Any], key: str) -> list[tuple[str, Path]]:
    """Return the plain words of a command line, each with its place; of one that bash runs none."""
    value = owner.get(key)
    if isinstance(value, str) and key != "command" and value:
        import shlex  # only roles with a string of extra words need it

        try:
            return [(word, (key,)) for word in shlex.split(value)]
        except ValueError:  # reported where the words are read
            return []
    words = ((word if isinstance(word, str) else str(word), (key, at)) for at, word in enumerate(_list(value)))
    return list(words)


def lookup_sizes(owner: Mapping[str, Any], below: Callable[[str], int]) -> Callable[[str], int]:
    """Return the look-up of a name among the sizes of a role's engine; `below` is the one for all other names."""
    sizes = EngineSizes(owner)
    found: dict[str, Setting] = {}

    def lookup(name: str) -> int:
        size = sizes.named(name)
        if size is None:
            return below(name)
        if not found:  # the last one counts, as for the engine's parser
            found.update({setting.size.name: setting for setting in settings(owner, sizes)})
        setting = found.get(size.name)
        return whole_number(setting.value, setting.option.lstrip("-"), setting.at) if setting else int(not size.switch)

    return lookup


def arg_of(name: str, owner: Mapping[str, Any]) -> str | None:
    """Return the key of `args` by which a role says a size, or might; None for a switch and what it says elsewhere."""
    sizes, args = EngineSizes(owner), owner.get("args")
    size = sizes.named(name)
    if size is None:
        return spelling(name, args if isinstance(args, Mapping) else {}) or name
    places = [setting.at for setting in settings(owner, sizes) if setting.size is size]
    if size.switch or any(place[0] != "args" for place in places):
        return None
    return str(places[-1][1]) if places else size.name


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
