"""The tool that reads engines' flags, on a wheel of ten lines: what a parser would parse is what stands in the file."""

import argparse
import sys
import zipfile
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dynplan.language.flag_files import parsers_of, taken
from tests.laws.profile import law
from tools.flags import INTO, SOURCES, Source, read, unpacked

ENGINE = """\
import argparse
import importlib.metadata
from enum import Enum
from heavy.kernels import Config, decorate, versions  # nobody has it
import heavy

assert importlib.metadata.version("heavy") >= "1"
assert not hasattr(heavy, "npu")


@decorate(cache=True)
def unused() -> Config[int] | None: ...


class Own(Config):
    pass


class DeprecatedAction(argparse.Action):
    pass


class FlexibleArgumentParser(argparse.ArgumentParser):
    pass


def parse_args(argv):
    first = argparse.ArgumentParser(allow_abbrev=False)
    first.add_argument("--namespace", choices=["prod", "dev"], default=Own)
    rest = first.parse_known_args(argv)[1]
    second = FlexibleArgumentParser(add_help=False)
    second.add_argument("--tensor-parallel-size", "-tp", type=int, choices=[1, 2])
    second.add_argument("--verbose", action=argparse.BooleanOptionalAction)
    second.add_argument("--old", action=DeprecatedAction, nargs=2)
    second.add_argument("--names", nargs="+", choices=Config.names)
    second.add_argument("--many", choices=list(map(str, range(99))))
    print("an engine says what it thinks of the machine")
    return second.parse_args(rest)
"""
WRITTEN = """\
# The flags of `tiny serve`, 1.2. Written by tools/flags.py; do not edit.
# From tiny==1.2.3 (PyPI): its argparse parsers, made by its own code.
# Stand-ins for heavy.
rules values open=--else
--help -h 0
--namespace 1 =dev|prod
rules values abbreviations underscores dotted open=--else
-O ?
--many 1
--names +
--old 2 deprecated
--tensor-parallel-size -tp 1
--verbose --no-verbose 0
"""


def tiny(tmp_path: Path, call: str, parsers: int = 2) -> tuple[Source, Path]:
    """Return the source of a wheel, and the folder where it lies unpacked."""
    wheel = tmp_path / "tiny-1.2.3-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny/__init__.py", "")
        archive.writestr("tiny/args.py", ENGINE)
        archive.writestr("tiny/huge.so", "x" * 1000)
    unpacked(wheel, tmp_path / "cache" / "tiny==1.2.3")
    more, rules = ("-O ?",), ("open=--else",)
    source = Source("tiny", "1.2", "tiny serve", ("tiny==1.2.3",), call, parsers, (), more, rules)
    return source, tmp_path / "cache"


def test_a_file_says_what_the_engines_own_parsers_take(tmp_path: Path) -> None:
    source, cache = tiny(tmp_path, "from tiny.args import parse_args; parse_args([])")
    assert not list(cache.rglob("*.so"))
    text = read(source, cache, sys.executable)
    assert text == WRITTEN
    parsers = parsers_of(text)
    for word in (
        "--namespace",
        "-tp",
        "--tensor_parallel_size",
        "--tensor",
        "-t",
        "--no-verbose",
        "--verbose.x",
        "-O3",
    ):
        assert taken(word, parsers), word
    for word in ("--namespac", "--na_mes-", "-q", "--n", "--tensor-parallel-sizes"):
        assert not taken(word, parsers), word


_SPELLINGS = ("--tensor-parallel-size", "-tp", "--trust", "-q", "--seed", "--served-model-name", "-dpl", "-O", "--a.b")
_WORDS = st.one_of(
    st.sampled_from(_SPELLINGS).flatmap(lambda name: st.integers(1, len(name)).map(lambda end: name[:end])),
    st.sampled_from(_SPELLINGS).flatmap(lambda name: st.sampled_from("-=x3_").map(lambda more: name + more)),
    st.text(alphabet="-tpqsdOa.b", min_size=1, max_size=6).map(lambda text: f"-{text}"),
)


class _Raising(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ValueError(message)


@pytest.mark.parametrize("abbreviations", [True, False])
@given(word=_WORDS)
@law
def test_a_word_means_what_it_means_to_argparse(word: str, abbreviations: bool) -> None:
    assume(word not in ("-", "--"))
    real = _Raising(add_help=False, allow_abbrev=abbreviations)
    for name in _SPELLINGS:
        real.add_argument(name, nargs="?")
    file = "\n".join([f"rules {'abbreviations' if abbreviations else ''}", *(f"{name} ?" for name in _SPELLINGS)])
    try:
        known = word not in real.parse_known_args([word])[1]
    except ValueError:
        known = False
    assert bool(taken(word.partition("=")[0], parsers_of(file))) == known


def test_a_parser_that_is_not_seen_is_no_file(tmp_path: Path) -> None:
    source, cache = tiny(tmp_path, "from tiny.args import parse_args; parse_args([])", parsers=3)
    with pytest.raises(SystemExit, match="2 parsers parsed, not 3"):
        read(source, cache, sys.executable)


def test_an_engine_that_fails_is_no_file(tmp_path: Path) -> None:
    source, cache = tiny(tmp_path, "raise RuntimeError('no GPU')")
    with pytest.raises(SystemExit, match="no GPU"):
        read(source, cache, sys.executable)


def test_the_files_are_those_of_the_sources() -> None:
    assert sorted(file.stem for file in INTO.iterdir()) == sorted(source.name for source in SOURCES)
    for source in SOURCES:
        head = (INTO / f"{source.name}.txt").read_text().split("\n")[1]
        assert head.startswith(f"# From {', '.join(source.wheels)} (PyPI): ")
