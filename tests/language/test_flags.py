"""Flags that an engine refuses, told before the job waits in the queue (tests/wrong has the texts to the letter)."""

import re
import tomllib
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import dynplan
from dynplan.cli import app
from dynplan.diagnostics import Document, Findings
from dynplan.language.flag_files import parsers_of, taken
from dynplan.language.flags import Shelf, check_flags
from tests.laws.profile import law

ROOT = Path(__file__).parents[2]
PRESETS = sorted((Path(dynplan.__file__).parent / "engines").glob("*.toml"))
FOLDER = Path(dynplan.__file__).parent / "engines" / "flags"
FILES = sorted(FOLDER.glob("*.txt"))
WITH_FLAGS = [file for file in PRESETS if "flags-of" in tomllib.loads(file.read_text())]
EXAMPLES = sorted((ROOT / "examples").glob("*/job.toml"))


def run(text: str, *options: str, command: str = "check") -> tuple[int, str, str]:
    done = CliRunner().invoke(app, [command, "-", *options], input=text.encode(), catch_exceptions=False)
    return done.exit_code, done.stdout, done.stderr


def told(text: str, *options: str) -> list[str]:
    """Return the first line of each finding about flags, and its help behind a bar; of sizes others tell."""
    blocks = run(text, *options)[2].rstrip("\n").split("\n\n")
    found = []
    for block in blocks:
        head, *rest = block.split("\n")
        if re.match(r"(error\[D102|warning\[W11[123])\]", head):
            fix = [line.partition("= help: ")[2] for line in rest if line.lstrip().startswith("= help: ")]
            found.append(" | ".join([head.removeprefix("warning"), *fix]))
    return found


def role(program: str, version: str = "", **keys: str) -> str:
    """Return a job of one role without a preset; `keys` are TOML behind the `=`, `_` for the dashes of a key."""
    return _job({"command": '["serve"]', "flags-of": f'"{program}"'}, version, keys)


def of_engine(engine: str, version: str = "", **keys: str) -> str:
    """Return a job of one role with a preset, and what that requires."""
    wanted = tomllib.loads((FOLDER.parent / f"{engine}.toml").read_text()).get("required", [])
    options = [text.split()[0] for text in wanted]
    needed = [f"{option.lstrip('-')} = 'x'" for option in options if option.startswith("--")]
    words = [f'"{option}"' for option in options if not option.startswith("--")]
    args = [*needed, *([keys.pop("args")] if "args" in keys else [])]
    more = {"extra_args": f"[{', '.join(words)}]"} if words else {}
    return _job(
        {"engine": f'"{engine}"', "gpus_per_worker": "1"}, version, {"args": f"{{ {', '.join(args)} }}", **more, **keys}
    )


def _job(first: dict[str, str], version: str, keys: dict[str, str]) -> str:
    asked = {**first, **({"engine_version": f'"{version}"'} if version else {}), **keys}
    lines = [f"{key.replace('_', '-')} = {value}\n" for key, value in asked.items()]
    return f"[cluster]\ngpus-per-node = 8\n[roles.a]\n{''.join(lines)}"


def versions_of(name: str) -> list[str]:
    """Return the versions of an engine that have a file."""
    return [found[1] for file in FILES if (found := re.fullmatch(rf"{name}-(\d.*)", file.stem))]


# A table for every engine: a slip of the finger, a flag that is gone, a flag that is too new, and what is right.
REFUSED = [
    ("vllm", "", "tensor-paralel-size = 4", "`tensor-paralel-size` is no flag of `vllm` 0.31 to 0.33"),
    ("vllm", "", "tensor_paralel_size = 4", "`tensor_paralel_size` is no flag"),
    ("vllm", "", "gpu-memory-utilisation = 0.9", "did you mean `gpu-memory-utilization`?"),
    ("vllm", "", "tp = 2", "did you mean `tensor-parallel-size`?"),
    (
        "vllm",
        "",
        "dp = 2",
        "`dp` is short for several flags of `vllm` 0.31 to 0.33 | did you mean `data-parallel-size`",
    ),
    ("vllm", "", '"--model" = "m"', "did you mean `model`?"),
    ("vllm", "0.32", "disable-prefix-caching = true", "came with `vllm` 0.33, and 0.32 does not take it"),
    ("vllm", "0.31", "enable-hc-sp = true", "came with `vllm` 0.32, and 0.31 does not take it"),
    ("sglang", "0.5.23", "cuda-graph-tc-compiler = 1", "is gone since `sglang` 0.5.23; 0.5.21 took it"),
    ("sglang", "0.5.21", "attn-dp-size = 2", "came with `sglang` 0.5.23, and 0.5.21 does not take it"),
    ("sglang", "", 'mem-fraction-statik = "0.8"', "did you mean `mem-fraction-static`?"),
    ("sglang", "", "tp_size = 2", "`tp_size` is no flag"),  # argparse alone: the other spelling is none
    ("dynamo-vllm", "1.6.1", "is-prefill-worker = true", "is gone since `dynamo-vllm` 1.6.1; 1.1.1 took it"),
    ("dynamo-vllm", "1.1", "router-mode = 1", "came with `dynamo-vllm` 1.6.1"),
    ("dynamo-vllm", "", "tensor-paralel-size = 4", "did you mean `tensor-parallel-size`?"),
    ("dynamo-vllm", "", "port = 8000", "`port` is no flag of `dynamo-vllm` 1.1.1 to 1.6.1"),
    ("dynamo-sglang", "1.6", "enable-double-sparsity = true", "is gone since `dynamo-sglang` 1.6.1"),
    ("dynamo-sglang", "", "page-sise = 16", "did you mean `page-size`?"),
    ("dynamo-frontend", "", "router-mod = 'kv'", None),  # an abbreviation, as argparse takes it
    ("dynamo-frontend", "1.6", "router-snapshot-threshold = 1", "is gone since `dynamo-frontend` 1.6.1"),
    ("dynamo-frontend", "", "http-prot = 8000", "did you mean `http-port`?"),
    ("dynamo-mocker", "1.6", "durable-kv-events = true", "is gone since `dynamo-mocker` 1.6.1"),
    ("dynamo-mocker", "", "speedup-ration = 2", "did you mean `speedup-ratio`?"),
    ("sglang-router", "", "pd-disagregation = true", "did you mean `pd-disaggregation`?"),
]


@pytest.mark.parametrize(("engine", "version", "args", "said"), REFUSED)
def test_a_flag_that_the_engine_refuses_is_a_warning(engine: str, version: str, args: str, said: str | None) -> None:
    found = told(role(engine, version, args=f"{{ {args} }}"))
    assert len(found) == (said is not None)
    assert said is None or (found[0].startswith("[W111]: ") and said in found[0])


TAKEN = [
    "-tp 4",
    "--tensor-parallel 4",
    "--tensor_parallel_size 4",
    "--tensor_parallel_size=4",
    "--no-enable-prefix-caching",
    "--kv-transfer-config.kv_connector NixlConnector",
    "--kv_transfer_config.kv_role=kv_both",
    "-O3",
    "-O 3",
    "-cc.mode 3",
    "--seed -1",
    "--served-model-name a b c",
    "--enforce-eager -- --anything --after-it",
    "--max-model-len {port.http}",
    "{port.http}",
    "--omni --of-another-program",
]


@pytest.mark.parametrize("words", TAKEN)
def test_words_are_read_as_the_engines_parser_reads_them(words: str) -> None:
    assert told(role("vllm", extra_args=f'"{words}"')) == []
    assert told(role("vllm", extra_args=str(words.split(" ")))) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--tp 4", "did you mean `--tensor-parallel-size`?"),
        ("-tpp 4", "`-tpp` is no flag"),
        ("--tensor-parallel-size4", "`--tensor-parallel-size4` is no flag"),
        ("--kv-transfer-confik.kv_role=x", "`--kv-transfer-confik.kv_role` is no flag"),
        ("--no-max-model-len", "`--no-max-model-len` is no flag"),
        (
            "'--max-num-seqs 64'",
            "`--max-num-seqs 64` is one word, and no flag of `vllm` 0.31 to 0.33 | write two words",
        ),
    ],
)
def test_words_that_the_engines_parser_refuses(words: str, said: str) -> None:
    (found,) = told(role("vllm", extra_args=f'"{words}"'))
    assert said in found


@pytest.mark.parametrize("key", ["extra_args", "leader_args", "follower_args", "command"])
def test_every_list_of_words_is_read(key: str) -> None:
    words = '["--enable-fault-tolerence"]'
    if key == "command":
        words = words.replace("[", f"[{', '.join(map(repr, preset('vllm')))}, ").replace("'", '"')
    (found,) = told(of_engine("vllm", **{key: words}))
    assert "did you mean `--enable-fault-tolerance`?" in found


def preset(engine: str) -> list[str]:
    """Return the words by which a preset names its program."""
    words = tomllib.loads((FOLDER.parent / f"{engine}.toml").read_text())["command"]
    return list(takewhile(lambda word: isinstance(word, str), words))


def test_words_repeated_for_every_worker_are_read() -> None:
    (found,) = told(role("sglang-router", extra_args='[{ each = "a", args = ["--prefil-l", "{it.url.http}"] }]'))
    assert "`--prefil-l` is no flag of `sglang-router` 0.3.2 | did you mean `--prefill`?" in found


@pytest.mark.parametrize(
    ("command", "warned"),
    [
        ('["my-server"]', False),
        ('"my-server --zzz"', False),
        ('"source venv/bin/activate && exec {}"', True),
        ('["nsys", "profile", "--zzz", {}]', True),
    ],
)
def test_another_program_in_the_place_of_the_engine_has_flags_of_its_own(command: str, warned: bool) -> None:
    own = preset("vllm")
    text = command.replace("{}", " ".join(own) if command.startswith('"') else ", ".join(f'"{each}"' for each in own))
    assert len(told(of_engine("vllm", command=text, args="zzz = 1"))) == warned


@pytest.mark.parametrize(
    ("engine", "args", "said"),
    [
        ("vllm", 'enforce-eager = "true"', "takes no value | write `enforce-eager = true`, or leave it out"),
        ("vllm", "enforce-eager = 1", "takes no value"),
        ("vllm", "enforce-eager = true", ""),
        ("vllm", "enforce-eager = false", ""),
        ("vllm", "max-model-len = true", "needs a value"),
        ("vllm", "max-model-len = false", ""),
        ("vllm", 'dtype = "bfloat61"', "cannot be `bfloat61` | did you mean `bfloat16`? It is one of `auto`,"),
        ("vllm", 'dtype = "{job.id}"', ""),
        ("vllm", 'dtype = "BFLOAT16"', ""),  # the engine may fold the case
        ("vllm", "kv-transfer-config = { kv_role = 'kv_both' }", ""),
        ("dynamo-vllm", 'disaggregation-mode = "prefil"', "did you mean `prefill`?"),
        ("dynamo-sglang", 'disaggregation-mode = "agg"', ""),  # rewritten before SGLang's parser
    ],
)
def test_a_value_that_a_flag_does_not_take_is_a_warning(engine: str, args: str, said: str) -> None:
    found = told(role(engine, args=f"{{ {args} }}"))
    assert [each.startswith("[W112]: ") and said in each for each in found] == [True] * bool(said)


def test_a_value_among_words_is_read_too() -> None:
    (found,) = told(role("vllm", extra_args='["--dtype", "bfloat61", "--max-model-len=x"]'))
    assert found.startswith("[W112]: `--dtype` of `vllm` 0.31 to 0.33 cannot be `bfloat61`")
    assert len(told(role("vllm", extra_args='"--dtype=bfloat61"'))) == 1


def test_without_a_version_a_flag_of_any_known_version_is_one() -> None:
    assert told(role("sglang", args="{ cuda-graph-tc-compiler = 'eager', attn-dp-size = 1 }")) == []
    assert len(told(role("sglang", "0.5", args="{ cuda-graph-tc-compiler = 'eager', attn-dp-size = 1, zzz = 1 }"))) == 1


@pytest.mark.parametrize("version", ["0.32", "v0.32.0", "0.32.1", "0.32.0+cu129", "0.32.0rc1", "0.32.0.post1"])
def test_a_version_means_the_file_of_its_series(version: str) -> None:
    (found,) = told(role("vllm", version, args="{ disable-prefix-caching = true }"))
    assert "and 0.32 does not take it" in found


@pytest.mark.parametrize("version", ["0.34", "0.3", "1", "nightly", "", "0.32-dev", "\u0660.\u0663\u0662"])
def test_an_unknown_version_is_one_warning_and_checks_nothing(version: str) -> None:
    text = role("vllm", args="{ zzz = 1 }").replace("command", f'engine-version = "{version}"\ncommand')
    (found,) = told(text)
    assert found.startswith("[W113]: ")
    assert 'known of `vllm`: 0.31, 0.32, 0.33; `"none"` says that it is another' in found


def test_none_says_that_it_is_another_program_and_nothing_is_checked() -> None:
    assert told(role("vllm", "none", args="{ zzz = 1 }")) == []


def test_a_version_of_a_program_whose_flags_nobody_knows_says_nothing() -> None:
    (found,) = told('[roles.a]\nengine = "etcd"\nengine-version = "3.4"\n')
    assert found.startswith("[W113]: ")
    (found,) = told('[roles.a]\ncommand = ["x"]\nflags-of = "../flags/vllm"\n')  # a name, never a path
    assert found.startswith("[W113]: `flags-of` of role `a` says nothing: no flags of `../flags/vllm` are known")


def test_one_flag_of_a_fork_is_silenced_by_name() -> None:
    known = '["zzz", "--a_b"]'
    assert told(role("vllm", known_flags=known, args="{ zzz = 1 }", extra_args='["--a-b", "3"]')) == []
    (found,) = told(role("vllm", known_flags=known, args="{ zzz = 1, yyy = 1 }"))
    assert 'if your build takes it, write `known-flags = ["yyy"]`' in found


def test_a_role_without_a_preset_may_say_whose_flags_it_has() -> None:
    text = '[roles.a]\ncommand = ["vllm", "serve", "m"]\nflags-of = "vllm"\nargs = { tensor-paralel-size = 1 }\n'
    (found,) = told(text)
    assert "did you mean `tensor-parallel-size`?" in found


def test_phases_that_share_a_client_are_told_once_what_it_does_not_take() -> None:
    text = """
[roles.a]
command = ["x"]
[phase-defaults]
command = ["aiperf", "profile"]
flags-of = "aiperf"
args = { concurency = 4, streaming = true, server_metrics = "u" }
[phases.one]
[phases.two.args]
request-count = 5
[phases.other]
command = "true"
flags-of = "none-of-these"
"""
    found = told(text)
    assert [each.partition(" |")[0] for each in found] == [
        "[W111]: `concurency` is no flag of `aiperf` 0.13.0",
        "[W113]: `flags-of` of phase `other` says nothing: no flags of `none-of-these` are known",
    ]
    tree = tomllib.loads(run(text, command="plan")[1])
    assert not any("flags-of" in phase for phase in tree["phases"].values())


@pytest.mark.parametrize(("key", "value"), [("engine-version", "0.32"), ("flags-of", "3"), ("known-flags", '"x"')])
def test_a_value_of_the_wrong_type_is_an_error_at_its_place(key: str, value: str) -> None:
    (found,) = told(role("vllm", **{key: value}, args="{ enforce-eager = true }"))
    assert found.startswith("error[D102]: ")


def test_strict_makes_it_an_error() -> None:
    text = role("vllm", args="{ zzz = 1 }")
    assert run(text)[0] == 0
    assert run(text, "--strict")[0] == 1


def test_a_plan_holds_the_warning_and_gives_the_same_script() -> None:
    text = role("vllm", "0.32", args="{ zzz = 1 }", known_flags='["y"]')
    plan = run(text, command="plan")[1]
    tree = tomllib.loads(plan)
    assert [warning["code"] for warning in tree["warnings"]] == ["W111"]
    assert tree["roles"]["a"]["engine-version"] == "0.32"
    assert not {"flags-of", "known-flags"} & set(tree["roles"]["a"])
    assert run(plan, command="emit")[1] == run(text, command="compile")[1]


# Laws: what is known to be right is never called wrong


def plain(words: object) -> Iterator[str]:
    """Yield the words of a command line, those under a condition too."""
    for word in words if isinstance(words, list) else []:
        if isinstance(word, str):
            yield word
        else:
            yield from plain(word["args"])


@pytest.mark.parametrize("file", PRESETS, ids=lambda file: file.stem)
def test_what_a_preset_says_is_a_flag_of_the_versions_it_is_for(file: Path) -> None:
    data = tomllib.loads(file.read_text())
    if "flags-of" not in data:
        return
    newest = parsers_of((FOLDER / f"{data['flags-of']}-{versions_of(data['flags-of'])[-1]}.txt").read_text())
    words = [f"--{key}" for key in data.get("args", {})]
    words += [
        word for key in ("command", "extra-args", "leader-args", "follower-args") for word in plain(data.get(key))
    ]
    ours = [word for word in words if word[:1] == "-" and word != "-m"]  # which is Python's
    assert [word for word in ours if not taken(word, newest)] == []
    assert ours or not data.get("args")


@pytest.mark.parametrize("file", WITH_FLAGS, ids=lambda file: file.stem)
def test_a_preset_alone_gives_no_warning_in_any_version(file: Path) -> None:
    for version in ("", *versions_of(tomllib.loads(file.read_text())["flags-of"])):
        assert told(of_engine(file.stem, version)) == []
        assert len(told(of_engine(file.stem, version, args="zzz = 1"))) == 1


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda file: file.parent.name)
def test_no_example_has_a_flag_that_its_engine_refuses(example: Path) -> None:
    point = ["--point", "0"] if "[sweep]" in example.read_text() else []
    done = CliRunner().invoke(app, ["check", str(example), *point], catch_exceptions=False)
    assert done.exit_code == 0
    assert not re.search(r"\[W11[123]\]", done.stderr)


def spelt(file: Path) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield every spelling of a file, how many values it takes and which."""
    for line in file.read_text().splitlines():
        if line.startswith("-"):
            words = line.split()
            choices = next((tuple(word[1:].split("|")) for word in words if word.startswith("=")), ())
            values = next(word for word in words if re.fullmatch(r"[01?*+]|\d+", word))
            yield from ((word, values, choices) for word in words if word.startswith("-"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_flag_of_a_version_is_taken_in_args_and_among_words(file: Path) -> None:
    name, _, version = file.stem.rpartition("-")
    args = {}
    words = []
    for spelling, values, choices in spelt(file):
        value = True if values == "0" else choices[0] if choices else "1"
        if spelling.startswith("--") and ".*" not in spelling and f"open={spelling}" not in file.read_text():
            args[spelling.removeprefix("--")] = value
        if f"open={spelling}" not in file.read_text():
            words += [spelling] if value is True else [spelling, str(value)]
    table = {"command": ["x"], "flags-of": name, "engine-version": version, "args": args, "extra-args": words}
    findings = Findings()
    tables = {"roles": {"a": table}}
    document = Document("job.toml", "", tables)
    shelf = Shelf([each.stem for each in FILES], lambda stem: (FOLDER / f"{stem}.txt").read_text())
    check_flags(tables, [document], shelf, findings)
    assert findings.found == []
    assert len(args) > 40


_TEXTS = st.text(alphabet="-=._ {}'\"tpdsize0a\u00e9\n", max_size=12)
_VALUES = st.recursive(
    st.one_of(_TEXTS, st.booleans(), st.integers(), st.floats(allow_nan=False)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_TEXTS, inner, max_size=2)),
    max_leaves=6,
)


@given(args=_VALUES, words=_VALUES, command=_VALUES, version=_VALUES, known=_VALUES, flags=_VALUES)
@law
def test_whatever_stands_in_a_role_is_checked_or_left_to_its_reader(
    args: object, words: object, command: object, version: object, known: object, flags: object
) -> None:
    role_ = {
        "args": args,
        "extra-args": words,
        "command": command,
        "known-flags": known,
        "engine-version": version if version != "x" else None,
        "flags-of": flags,
    }
    for asked in (role_, role_ | {"flags-of": "vllm", "engine-version": "0.33"}):
        tables = {"roles": {"a": asked}}
        document = Document("job.toml", "", tables)
        shelf = Shelf([each.stem for each in FILES], lambda stem: (FOLDER / f"{stem}.txt").read_text())
        found = Findings()
        check_flags(tables, [document], shelf, found)
        assert all(finding.code in ("W111", "W112", "W113") for finding in found.found)


def test_a_finding_stands_at_the_users_key_in_whichever_file(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text(role("vllm", args="{ zzz = 1 }"))
    (tmp_path / "job.toml").write_text('extends = "base.toml"\n')
    done = CliRunner().invoke(app, ["check", str(tmp_path / "job.toml"), "--set", "roles.a.args.yyy=1"])
    assert f"--> {tmp_path}/base.toml:6:10\n" in done.stderr
    assert "--> --set:1:" in done.stderr


def test_very_many_and_very_long_flags_are_told_soon() -> None:
    many = ", ".join(f'"--zzz-{at}"' for at in range(20_000))
    assert len(told(role("vllm", extra_args=f"[{many}]"))) == 50
    (found,) = told(role("vllm", args=f"{{ {'z' * 100_000} = 1 }}"))
    assert len(found) < 400
