"""Write `dynplan/engines/flags/ENGINE-VERSION.txt`: the flags of an engine, from its own argument parser.

    python -m tools.flags                     # all of SOURCES, into the package
    python -m tools.flags vllm-0.33 aiperf    # those whose name begins so
    python -m tools.flags --check             # compare instead of writing; exit 1 where a file differs

How a file is made: `pip download --no-deps` fetches the engine's wheels from PyPI into `.cache/flags` (a vLLM wheel
has 330 MB, all of SOURCES 1.6 GB), their Python is unpacked, and `flags_reader.py` runs a line of it in an
environment of its own that has the small libraries of LIBRARIES. A library that is missing and stops it (torch,
triton, compiled kernels) is played by a stand-in, found out by trying; the header of each file names them. So a file
holds what the engine's parser would parse, not what a page says: `parse_args` is called with no arguments, and every
parser that begins to parse is written down, in the order in which they see the command line.

    vllm            `make_arg_parser` of `vllm serve`: dataclasses turned into flags
    sglang          `prepare_server_args`: fields of ServerArgs turned into flags
    dynamo-vllm     `dynamo.vllm.args.parse_args`: Dynamo's parser, its router's, then vLLM's for the rest, with the
                    engine that the wheel pins; dynamo-sglang and dynamo-trtllm likewise
    dynamo-frontend, dynamo-mocker, sglang-router, vllm-router   their `parse_args`
    aiperf          no argparse: the argument collection of its cyclopts app (`aiperf profile`)

The file, read by `dynplan.language.flags`: comments; `rules WORD...` begins a parser and says what it takes beside the
spellings listed (`abbreviations` unambiguous beginnings, `underscores` for dashes, `dotted` JSON keys,
`values` that the number of values is certain, `open=FLAG` that with FLAG others are taken too);
then a line for each flag: spellings, how many values (`0`, `1`, `?`, `*`, `+` or a number), `=a|b` its choices where
they are few (of a program's own parser: an engine's behind it may be handed other values), `deprecated`.

TensorRT-LLM's own `trtllm-serve` is left out: PyPI has no wheel of it, only stubs without its Python.
"""

import argparse
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

ROOT = Path(__file__).parents[1]
CACHE = ROOT / ".cache" / "flags"
INTO = ROOT / "dynplan" / "engines" / "flags"
PYTHON = "3.12"  # whose wheels are asked for
GLIBC = range(17, 40)  # manylinux_2_N: SGLang's wheels are for 2.34
LIBRARIES = (
    *("pydantic", "pydantic-settings", "regex", "pyyaml", "ruamel.yaml", "msgspec", "orjson", "numpy", "psutil"),
    *("huggingface_hub", "fastapi", "aiohttp", "requests", "openai", "cbor2", "cachetools", "cloudpickle", "pyzmq"),
    *("prometheus_client", "pybase64", "setproctitle", "packaging", "cyclopts", "dill", "ipython", "Pillow", "uvloop"),
)
MOST_MISSING = 60  # libraries that are found missing one after another
# Parts of SGLang that change other libraries when they are imported, or look for kernels.
SGLANG_PLAYED = (
    *("transformers", "sglang.srt.utils.hf_transformers_patches"),
    *("sglang.srt.layers", "sglang.kernels.jit"),
)
# vLLM's defaults of whole configurations ask for the device; what a flag's default is does not matter here.
NO_DEFAULTS = "import vllm.engine.arg_utils as a; a.FieldInfo = type('Never', (), dict())\n"
VLLM = (
    NO_DEFAULTS
    + "from vllm.entrypoints.{where}.cli_args import make_arg_parser\n"
    + "from vllm.utils.argparse_utils import FlexibleArgumentParser\n"
    + "make_arg_parser(FlexibleArgumentParser(prog='vllm serve')).parse_args([])"
)
DYNAMO = "from dynamo.{part}.args import parse_args; parse_args([])"
DYNAMO_ASYNC = "import asyncio\nfrom dynamo.{part}.args import parse_args; asyncio.run(parse_args([]))"
DYNAMO_MOCKER = "from dynamo.mocker.args import parse_args; parse_args([])"
ROUTER = "from {name}.launch_router import parse_router_args; parse_router_args([])"
AIPERF = "from aiperf.cli_commands.profile import app"
DYNAMO_PLAYED = ("transformers", "dynamo._core", "dynamo.llm", "dynamo.runtime")


@frozen
class Source:
    """One file to be: which program of which wheels, and how its parsers are made to parse nothing.

    `parsers` is how many parse, one behind another. `more` are lines of the file that no parser of Python shows,
    with their reason in SOURCES; `rules` likewise.
    """

    engine: str
    version: str
    program: str
    wheels: tuple[str, ...]
    call: str
    parsers: int = 1
    played: tuple[str, ...] = ("transformers",)
    more: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    cyclopts: bool = False

    @property
    def name(self) -> str:
        return f"{self.engine}-{self.version}"


# `-O3` is rewritten before argparse sees it (FlexibleArgumentParser.parse_args).
_OPTIMIZATION = "-O ?"
# `vllm serve --omni` is vllm-omni's command line (vllm/entrypoints/cli/main.py).
_OMNI = ("open=--omni",)
# `--trtllm.GROUP.KEY VALUE` is read from what the parser leaves over, and the older name of two flags is rewritten
# before it, in 1.6.1 (dynamo/trtllm/args.py).
_TRTLLM = ("--publish-events-and-metrics --no-publish-events-and-metrics 0 deprecated", "--trtllm.* 1")


def _vllm(version: str, where: str) -> Source:
    call = VLLM.format(where=where)
    return Source("vllm", version, "vllm serve", (f"vllm=={version}.0",), call, more=(_OPTIMIZATION,), rules=_OMNI)


def _sglang(version: str) -> Source:
    call = "from sglang.srt.server_args import prepare_server_args; prepare_server_args([])"
    wheels = (f"sglang=={version}",)
    return Source("sglang", version, "python3 -m sglang.launch_server", wheels, call, played=SGLANG_PLAYED)


def _dynamo(version: str, vllm: str, sglang: str, parsers: int) -> Iterator[Source]:
    """Yield the programs of a release; where workers advertise a router, its flags have a parser of their own."""
    wheel = f"ai-dynamo=={version}"
    # With another chat processor the frontend hands what it does not know to that engine's parser.
    frontend = ("open=--chat-processor", "open=--dyn-chat-processor")
    for part, call, rules in (
        ("frontend", "from dynamo.frontend.main import parse_args; parse_args()", frontend),
        ("mocker", DYNAMO_MOCKER, ()),
    ):
        program = f"python3 -m dynamo.{part}"
        yield Source(f"dynamo-{part}", version, program, (wheel,), call, played=DYNAMO_PLAYED, rules=rules)
    call = NO_DEFAULTS + DYNAMO.format(part="vllm")
    wheels = (wheel, f"vllm=={vllm}")
    more: tuple[str, ...] = (_OPTIMIZATION,)
    yield Source("dynamo-vllm", version, "python3 -m dynamo.vllm", wheels, call, parsers, DYNAMO_PLAYED, more)
    call, wheels = DYNAMO_ASYNC.format(part="sglang"), (wheel, f"sglang=={sglang}")
    played = tuple(dict.fromkeys((*DYNAMO_PLAYED, *SGLANG_PLAYED, "sglang.srt.managers")))
    yield Source("dynamo-sglang", version, "python3 -m dynamo.sglang", wheels, call, parsers, played)
    call, more = DYNAMO.format(part="trtllm"), _TRTLLM
    yield Source("dynamo-trtllm", version, "python3 -m dynamo.trtllm", (wheel,), call, parsers - 1, DYNAMO_PLAYED, more)


SOURCES = (
    _vllm("0.31", "launchers"),
    _vllm("0.32", "launchers"),
    _vllm("0.33", "common"),
    _sglang("0.5.21"),
    _sglang("0.5.23"),
    *_dynamo("1.1.1", vllm="0.19.0", sglang="0.5.10.post1", parsers=2),
    *_dynamo("1.6.1", vllm="0.31.0", sglang="0.5.21", parsers=3),
    *(
        Source(
            f"{engine}-router",
            version,
            program,
            (f"{engine}-router=={version}",),
            ROUTER.format(name=f"{engine}_router"),
            played=(f"{engine}_router.{engine}_router_rs", f"{engine}_router_rs"),
        )
        for engine, version, program in (
            ("sglang", "0.3.2", "python3 -m sglang_router.launch_router"),
            ("vllm", "0.1.17", "vllm-router"),
        )
    ),
    Source("aiperf", "0.13.0", "aiperf profile", ("aiperf==0.13.0",), AIPERF, cyclopts=True),
)


def written(source: Source, parsers: Sequence[Mapping[str, Any]], played: Iterable[str]) -> str:
    """Return the text of a file, the flags of each parser in the order of their names."""
    how = "the arguments of its cyclopts app" if source.cyclopts else "its argparse parsers, made by its own code"
    lines = [
        f"# The flags of `{source.program}`, {source.version}. Written by tools/flags.py; do not edit.",
        f"# From {', '.join(source.wheels)} (PyPI): {how}.",
        *([f"# Stand-ins for {', '.join(sorted(played))}."] if played else []),
    ]
    for place, parser in enumerate(parsers):
        lines.append(" ".join(("rules", *parser["rules"], *source.rules)))
        # A program that hands words on to an engine's parser changes some of their values on the way.
        flags = ({**flag, "choices": flag["choices"] if place == 0 else []} for flag in parser["flags"])
        more = source.more if parser is parsers[-1] else ()
        lines += sorted({*map(_line, flags), *more}, key=lambda line: line.lstrip("-"))
    return "\n".join(lines) + "\n"


def _line(flag: Mapping[str, Any]) -> str:
    spellings = sorted(flag["spellings"], key=lambda name: (not name.startswith("--"), name.startswith("--no-")))
    choices = [f"={'|'.join(flag['choices'])}"] if flag["choices"] else []
    return " ".join([*spellings, flag["values"], *choices, *(["deprecated"] if flag["deprecated"] else [])])


def read(source: Source, cache: Path, python: Path | str) -> str:
    """Return the text of a source's file.

    Args:
        source: what to read; its wheels lie unpacked in `cache`.
        cache: a folder with one folder for each wheel, `NAME==VERSION`.
        python: runs the engine's code.
    """
    played = list(source.played)
    asked = {"paths": [str(cache / wheel) for wheel in source.wheels], "call": source.call}
    for _ in range(MOST_MISSING):
        told = {**asked, "parsers": source.parsers, "standins": played, "cyclopts": source.cyclopts}
        command = [str(python), str(Path(__file__).with_name("flags_reader.py")), json.dumps(told)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
        if done.returncode:
            raise SystemExit(f"{source.name}: {done.stderr.strip()[-2000:]}")
        found = json.loads(done.stdout.splitlines()[-1])
        if "parsers" in found:
            return written(source, found["parsers"], played)
        if found["missing"] in played:
            raise SystemExit(f"{source.name}: {found['missing']} is missing in spite of its stand-in")
        played.append(found["missing"])
    raise SystemExit(f"{source.name}: more than {MOST_MISSING} libraries are missing")


def fetched(wheels: Iterable[str]) -> None:
    """Download and unpack wheels that are not there yet; only Python and the metadata are kept."""
    platforms = [f"--platform=manylinux_2_{minor}_x86_64" for minor in GLIBC] + ["--platform=manylinux2014_x86_64"]
    for wheel in wheels:
        folder = CACHE / wheel
        if folder.exists():
            continue
        downloads = CACHE / "wheels" / wheel
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "--no-cache-dir"]
        subprocess.run([*pip, f"--python-version={PYTHON}", *platforms, "-d", downloads, wheel], check=True)
        (file,) = downloads.glob("*.whl")
        unpacked(file, folder)
        file.unlink()


def unpacked(file: Path, folder: Path) -> None:
    with zipfile.ZipFile(file) as archive:
        wanted = [name for name in archive.namelist() if name.endswith((".py", "METADATA", ".yaml", ".json"))]
        archive.extractall(folder, wanted)


def environment() -> Path:
    """Make the environment that engines' code runs in, and return its Python."""
    python = CACHE / "venv" / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", CACHE / "venv"], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *LIBRARIES], check=True)
    return python


def main() -> None:
    parser = argparse.ArgumentParser(description="Read the flags of engines from their own argument parsers.")
    parser.add_argument("names", nargs="*", help="beginnings of ENGINE-VERSION; all without one")
    parser.add_argument("--check", action="store_true", help="compare with the files instead of writing them")
    asked = parser.parse_args()
    chosen = [source for source in SOURCES if not asked.names or source.name.startswith(tuple(asked.names))]
    python = environment()
    differ = []
    for source in chosen:
        fetched(source.wheels)
        text, file = read(source, CACHE, python), INTO / f"{source.name}.txt"
        if asked.check and (not file.exists() or file.read_text("utf-8") != text):
            differ.append(source.name)
        elif not asked.check:
            file.write_text(text, "utf-8")
        print(f"{source.name}: {sum(line.startswith('-') for line in text.splitlines())} flags")
    if differ:
        raise SystemExit(f"these differ: {', '.join(differ)}")


if __name__ == "__main__":
    main()
