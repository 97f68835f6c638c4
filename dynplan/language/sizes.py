"""Sizes by name: the integers that `gpus-per-worker`, `count` and constraints compute with."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from attrs import frozen

from dynplan.diagnostics import Findings, Path, nearest
from dynplan.language.expressions import ExprError

_WHOLE = re.compile(r"[0-9]{1,18}")
MOST_SIZES = 30  # of an engine
_MOST_OPTIONS = 20  # of a size
SIZES_FIX = "write a number, or sizes that stand in `args`"
# The parallel sizes of vLLM (`vllm serve --help`), SGLang (`launch_server --help`) and TensorRT-LLM
# (`trtllm-serve --help`): each is 1 where the command line does not name it.
ONE_BY_DEFAULT = frozenset(
    [
        "tensor-parallel-size",
        "pipeline-parallel-size",
        "data-parallel-size",
        "prefill-context-parallel-size",
        "decode-context-parallel-size",
        "context-parallel-size",
        "expert-parallel-size",
        "data-parallel-size-local",
        "tp-size",
        "pp-size",
        "dp-size",
        "ep-size",
        "attn-dp-size",
        "attn-cp-size",
        "dcp-size",
        "moe-dp-size",
        "tp",
        "pp",
        "dp",
        "ep",
        "cp",
        "tp_size",
        "pp_size",
        "ep_size",
        "cp_size",
    ]
)


# Spellings that one program takes for one size: `--tp`, `--tp-size` and `--tensor-parallel-size` of SGLang.
_SPELLINGS = (
    ("tensor-parallel-size", "tp-size", "tp"),
    ("pipeline-parallel-size", "pp-size", "pp"),
    ("data-parallel-size", "dp-size", "dp"),
    ("expert-parallel-size", "ep-size", "ep"),
    ("context-parallel-size", "cp-size", "cp"),
    ("decode-context-parallel-size", "dcp-size"),
)


@frozen(eq=False, repr=False)
class EngineSize:
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
class Setting:
    """A size that a command line sets: its value, and where in the table of its role that stands."""

    size: EngineSize
    option: str
    value: Any
    at: Path


def engine_sizes(owner: Mapping[str, Any]) -> tuple[EngineSize, ...]:
    """Return the sizes that a role's engine has, by its `sizes` and `switches`; none where it does not say."""
    kinds = ((text, key == "switches") for key in ("sizes", "switches") for text in _list(owner.get(key))[:MOST_SIZES])
    found = (
        (text.split(maxsplit=_MOST_OPTIONS)[:_MOST_OPTIONS], switch) for text, switch in kinds if isinstance(text, str)
    )
    return tuple(EngineSize(tuple(options), switch) for options, switch in found if options)


def taken_for(option: str, sizes: Iterable[EngineSize]) -> EngineSize | None:
    """Return the size that an engine takes an option for, by its name or by an unambiguous beginning of it."""
    begun = None
    for size in sizes:
        for known in size.options:
            if known == option:
                return size
            if known[-1] == "*" and option.startswith(known[:-1]):
                begun = size if any(other.startswith(option) for other in size.options) else begun
    return begun


def settings(owner: Mapping[str, Any], sizes: Sequence[EngineSize]) -> Iterator[Setting]:
    """Yield what the command line of a role says of its engine's sizes, in the order of its words."""
    if not sizes:
        return
    yield from _settings(_words(owner, "command"), sizes)
    args = owner.get("args")
    for key, value in args.items() if isinstance(args, Mapping) else ():
        size = taken_for(f"--{key}", sizes)
        if size and not (size.switch and value is False):
            yield Setting(size, f"--{key}", value, ("args", key))
    yield from _settings(_words(owner, "extra-args"), sizes)


def _settings(words: Sequence[tuple[str, Path]], sizes: Sequence[EngineSize]) -> Iterator[Setting]:
    following = [*words[1:], ("", ())]
    for (word, at), (value, _) in zip(words, following, strict=False):
        option, equals, own = word.partition("=")
        if option[:1] == "-" and (size := taken_for(option, sizes)):
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


def lookup_of(owner: Any, numbers: Mapping[str, int] | None = None) -> Callable[[str], int]:
    """Return the look-up of a name in the table of a role or phase, for `dynplan.language.expressions`.

    Args:
        owner: the table. What its command line says of its engine's sizes counts, in any spelling that the engine
            takes, and of everything else what stands in its `args`.
        numbers: names that are known beside them, and come first.
    """
    table: Mapping[str, Any] = owner if isinstance(owner, Mapping) else {}
    sizes = engine_sizes(table)
    found: dict[str, Setting] = {}
    in_args = _lookup_args(table.get("args"), numbers or ())

    def lookup(name: str) -> int:
        if numbers and name in numbers:
            return numbers[name]
        size = _named(name, sizes)
        if size is None:
            return in_args(name)
        if not found:  # the last one counts, as for the engine's parser
            found.update({setting.size.name: setting for setting in settings(table, sizes)})
        setting = found.get(size.name)
        return _number(setting.value, setting.option.lstrip("-"), setting.at) if setting else int(not size.switch)

    return lookup


def _named(name: str, sizes: Iterable[EngineSize]) -> EngineSize | None:
    wanted = _same(name) if sizes else ()
    of = ((size, option.strip("-*").replace("_", "-")) for size in sizes for option in size.options)
    return next((size for size, option in of if option in wanted), None)


def _lookup_args(args: Any, others: Iterable[str]) -> Callable[[str], int]:
    table: Mapping[str, Any] = args if isinstance(args, Mapping) else {}

    def lookup(name: str) -> int:
        key = spelling(name, table)
        return _default(name, {*table, *others}) if key is None else _number(table[key], key, ("args", key))

    return lookup


def _number(value: Any, name: str, at: Path) -> int:
    text = str(int(value)) if isinstance(value, bool) else str(value)
    if not isinstance(value, int | str) or not _WHOLE.fullmatch(text):
        raise ExprError(f"`{name}` is no whole number", at=at)
    return int(text)


def arg_of(name: str, owner: Mapping[str, Any]) -> str | None:
    """Return the key of `args` by which a role says a size, or might; None for a switch and what it says elsewhere."""
    sizes, args = engine_sizes(owner), owner.get("args")
    size = _named(name, sizes)
    if size is None:
        return spelling(name, args if isinstance(args, Mapping) else {}) or name
    places = [setting.at for setting in settings(owner, sizes) if setting.size is size]
    if size.switch or any(place[0] != "args" for place in places):
        return None
    return str(places[-1][1]) if places else size.name


def report_expression(error: ExprError, path: Path, findings: Findings) -> None:
    """Report an expression of a role that has no value (D112), at what the role says that is at fault."""
    owner = path[:2]
    place = (*owner, *error.at) if error.at else path
    lacks = (*owner, "args", error.lacks) if error.lacks else None
    also = (*owner, "switches")  # where a preset has the expression
    findings.error("D112", str(error), place, help=error.fix or SIZES_FIX, lacks=lacks, also=also)


def spelling(name: str, table: Mapping[str, Any]) -> str | None:
    """Find a key as it stands, or in another spelling of the same size."""
    if name in table:
        return name
    same = _same(name)
    return next((key for key in table if key.replace("_", "-") in same), None)


def _same(name: str) -> tuple[str, ...]:
    """Return the names of a size that programs have for it, in small letters with dashes."""
    folded = name.replace("_", "-")
    return (folded, *next((group for group in _SPELLINGS if folded in group), ()))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _default(name: str, known: Iterable[str]) -> int:
    if name in ONE_BY_DEFAULT or name.replace("_", "-") in ONE_BY_DEFAULT:
        return 1
    near = nearest(name, {*known, *ONE_BY_DEFAULT})
    raise ExprError(f"`{name}` is not set in `args`", f"did you mean `{near}`?" if near else "", lacks=name)
