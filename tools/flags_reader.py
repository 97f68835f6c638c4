"""What `tools.flags` runs inside an engine's Python: make its parser, print its flags as JSON.

It knows nothing of dynplan and imports nothing but the standard library. Libraries that are too heavy to
install (torch, compiled kernels) are played by stand-ins, of which every attribute is another stand-in: they let
modules be imported, and what a parser has from them is not printed.

    python flags_reader.py '{"paths": [...], "call": "...", "parsers": 1, "standins": ["torch"]}'

prints `{"parsers": [{"rules": [...], "flags": [...]}]}`, or `{"missing": "NAME"}` where the absence of a library stops
the import. `call` is Python that would parse an empty command line; the parsers are recorded as they begin to.
"""

from __future__ import annotations

import abc
import argparse
import contextlib
import importlib.abc
import importlib.machinery
import importlib.metadata
import json
import sys
import types
import typing
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

MOST_CHOICES = 12  # of a flag that are written down
_ABSENT = ("npu", "musa", "mlu", "hpu")  # of torch: a stand-in for an accelerator would be believed


class _Meta(abc.ABCMeta):
    """The class of stand-ins, which are classes themselves: annotations, bases and decorators take them."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        made = standin(f"{cls.__module__}.{cls.__name__}", name)
        setattr(cls, name, made)
        return made

    def __call__(cls, *given: Any, **named: Any) -> Any:
        if "standin_" not in cls.__dict__:  # a class of the engine's that has a stand-in as its base
            return super().__call__(*given, **named)
        return cls

    def __getitem__(cls, item: object) -> _Meta:
        return cls

    def __setitem__(cls, key: object, value: object) -> None:
        pass

    def __or__(cls, other: Any) -> Any:
        return typing.Union[cls, other]  # noqa: UP007 - `|` is what is defined here

    def __ror__(cls, other: Any) -> Any:
        return typing.Union[other, cls]  # noqa: UP007 - the same

    def __iter__(cls) -> Iterator[Any]:
        return iter(())

    def __len__(cls) -> int:
        return 0

    def __contains__(cls, item: object) -> bool:
        return False

    def __bool__(cls) -> bool:
        return False

    def __str__(cls) -> str:
        return cls.__name__

    def __enter__(cls) -> _Meta:
        return cls

    def __exit__(cls, *error: object) -> None:
        return None

    def __int__(cls) -> int:
        return 0

    __index__ = __int__

    def __lt__(cls, other: object) -> bool:
        return False

    __gt__ = __lt__

    def __ge__(cls, other: object) -> bool:
        return True

    __le__ = __ge__

    def _same(cls, *others: object, **named: object) -> _Meta:
        return cls

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __floordiv__ = __pow__ = _same
    __neg__ = __invert__ = _same
    register = _same  # type: ignore[assignment]  # registries of other libraries, not of abc


def standin(module: str, name: str) -> _Meta:
    schema = classmethod(lambda cls, source, handler: {"type": "any"})  # what pydantic asks a type for
    subclass = classmethod(lambda cls, **given: None)  # of a typed dictionary: `total=False`
    body = {
        "standin_": True,
        "__module__": module,
        "__get_pydantic_core_schema__": schema,
        "__init_subclass__": subclass,
    }
    return _Meta(name, (), body)


class _Module(types.ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name == "__version__":
            return "99.0.0"
        if name.startswith("__") or name in _ABSENT:
            raise AttributeError(name)
        made = standin(self.__name__, name)
        setattr(self, name, made)
        return made


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds modules that are played, and everything below them, before anybody else does."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names

    def find_spec(self, name: str, path: object = None, target: object = None) -> importlib.machinery.ModuleSpec | None:
        if any(name == played or name.startswith(f"{played}.") for played in self.names):
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        return _Module(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        pass


def _versions(names: Sequence[str]) -> None:
    """Let a stand-in have a version, where a library asks for the one that is installed."""
    real = importlib.metadata.version

    def version(distribution_name: str) -> str:
        return "99.0.0" if distribution_name in names else real(distribution_name)

    importlib.metadata.version = version


class _Enough(BaseException):
    """All parsers have been seen."""


def _recorded(call: str, parsers: int) -> list[argparse.ArgumentParser]:
    """Return the parsers that `call` parses an empty command line with, in their order."""
    seen: list[argparse.ArgumentParser] = []
    real = argparse.ArgumentParser.parse_known_args

    def record(self: argparse.ArgumentParser, *given: Any, **named: Any) -> Any:
        seen.append(self)
        if len(seen) == parsers:
            raise _Enough
        return real(self, *given, **named)

    argparse.ArgumentParser.parse_known_args = record  # type: ignore[method-assign]
    with contextlib.suppress(_Enough):
        exec(call, {"__name__": "engine"})  # noqa: S102 - a line of `tools.flags`, in an engine's Python
    if len(seen) != parsers:
        _stop(f"{len(seen)} parsers parsed, not {parsers}")
    return seen


def described(parser: argparse.ArgumentParser) -> dict[str, Any]:
    """Return how a parser reads its flags, and its flags, each as it is told to `tools.flags`."""
    flexible = type(parser).__name__ == "FlexibleArgumentParser"  # vLLM's
    rules = ["values"]
    rules += ["abbreviations"] if parser.allow_abbrev else []
    rules += ["underscores", "dotted"] if flexible else []
    spellings: dict[int, list[str]] = {}
    actions: dict[int, argparse.Action] = {}
    for spelling, action in parser._option_string_actions.items():
        spellings.setdefault(id(action), []).append(spelling)
        actions[id(action)] = action
    old = getattr(parser, "_deprecated", ())
    return {"rules": rules, "flags": [_flag(spellings[key], actions[key], old) for key in actions]}


def _flag(spellings: list[str], action: argparse.Action, old: Any) -> dict[str, Any]:
    nargs = "1" if action.nargs is None else str(action.nargs)
    choices = list(action.choices) if action.choices is not None else []
    words = [str(choice) for choice in choices if isinstance(choice, str | int) and not isinstance(choice, bool)]
    short = len(words) == len(choices) <= MOST_CHOICES
    said = str(action.help or "").lstrip("[( ").lower()
    old = [*old, action] if getattr(action, "deprecated", False) else old  # Python 3.13 keeps it in the action
    deprecated = action in old or "Deprecated" in type(action).__name__ or said.startswith("deprecated")
    return {
        "spellings": spellings,
        "values": "1" if nargs not in "01?*+" and not nargs.isdigit() else nargs,
        "choices": sorted(words, key=_in_order)
        if short and all(word and word.isprintable() and " " not in word for word in words)
        else [],
        "deprecated": deprecated,
    }


def _in_order(word: str) -> tuple[int, str]:
    """Return what sorts choices: some engines keep theirs in a set."""
    return (int(word), "") if word.isdecimal() else (-1, word)


def _cyclopts(call: str) -> list[dict[str, Any]]:
    """Return the flags of a command line of cyclopts; `call` sets `app`."""
    names: dict[str, Any] = {"__name__": "engine"}
    exec(call, names)  # noqa: S102 - a line of `tools.flags`
    flags = []
    for argument in names["app"].assemble_argument_collection():
        spellings = [name for name in argument.names if name.startswith("-")]
        # It takes `--flag=false` too, so that what follows a flag is never called wrong here.
        values = "0" if argument.hint is bool else "1"
        flags.append({"spellings": spellings, "values": values, "choices": [], "deprecated": False})
    flags.append({"spellings": ["--help", "-h"], "values": "0", "choices": [], "deprecated": False})
    return [{"rules": ["underscores"], "flags": [flag for flag in flags if flag["spellings"]]}]


def _stop(why: str) -> NoReturn:
    sys.exit(f"flags_reader: {why}")


def main() -> None:
    asked = json.loads(sys.argv[1])
    sys.argv = ["engine"]
    sys.path[:0] = asked["paths"]
    sys.meta_path.insert(0, _Finder(asked["standins"]))
    _versions(asked["standins"])
    out, sys.stdout = sys.stdout, sys.stderr  # engines print what they think of this machine
    try:
        if asked.get("cyclopts"):
            found = _cyclopts(asked["call"])
        else:
            found = [described(parser) for parser in _recorded(asked["call"], asked["parsers"])]
    except ModuleNotFoundError as error:
        if not error.name:
            raise
        print(json.dumps({"missing": error.name}), file=out)
        return
    print(json.dumps({"parsers": found}), file=out)


if __name__ == "__main__":
    main()
