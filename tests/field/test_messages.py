"""Rows of a field test about what dynplan says, each by its number; the texts to the character are in tests/wrong.

A row stands for a kind: where the kind can be stated as a law, the law stands below its row.
"""

import ast
import json
import re
import subprocess
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import dynplan
from dynplan.cli import app
from dynplan.language import directives, foreign, limits
from dynplan.language.regexes import RegexError, check
from tests.test_pages import keys_known
from tests.wrong import CASES
from tests.wrong import FOLDER as WRONG

PACKAGE = Path(dynplan.__file__).parent
ENGINES = sorted((PACKAGE / "engines").glob("*.toml"))
ROLE = '[roles.a]\ncommand = ["serve"]\n'


def run(text: str, *options: str, command: str = "check") -> tuple[int, str, str]:
    """Return exit code, standard output and standard error of a command on a job."""
    done = CliRunner().invoke(app, [command, "-", *options], input=text.encode(), catch_exceptions=False)
    return done.exit_code, done.stdout, done.stderr


def told(text: str, *options: str) -> list[tuple[str, str]]:
    """Return what is said about a job: the first line of each finding, and its help."""
    blocks = run(text, *options)[2].rstrip("\n").split("\n\n")
    found = []
    for block in blocks:
        head, *rest = block.split("\n")
        if re.match(r"(error|warning)\[", head):
            helps = [line.strip().removeprefix("= help: ") for line in rest if line.lstrip().startswith("= help: ")]
            found.append((head, helps[0] if helps else ""))
    return found


def codes(text: str, *options: str) -> list[str]:
    return [re.findall(r"\[(\w+)\]", head)[0] for head, _ in told(text, *options)]


def wrong(name: str) -> str:
    return (WRONG / f"{name}.txt").read_text()


# A4: options of sbatch that can never run or fight the plan


@pytest.mark.parametrize("table", ["job.sbatch", "cluster.sbatch"])
@pytest.mark.parametrize("name", [*directives._WRITTEN, *directives._FOUGHT, *directives._NO_JOB])
def test_a4_an_option_that_fights_the_plan_is_refused_with_the_key_that_means_it(name: str, table: str) -> None:
    ((head, fix),) = told(f"{ROLE}[{table}]\n{name} = 1\n")
    assert head.startswith("error[D113]: ")
    assert fix


@pytest.mark.parametrize(
    "name", ["contiguous", "spread-job", "cpus-per-gpu", "exclude", "gpu-freq", "threads-per-core"]
)
def test_a4_an_option_that_only_chooses_nodes_is_the_users(name: str) -> None:
    assert told(f"{ROLE}[job.sbatch]\n{name} = 1\n") == []


def test_new_an_option_that_no_slurm_knows_is_a_warning_with_its_neighbour() -> None:
    assert told(f'{ROLE}[job.sbatch]\nacount = "x"\n') == [
        ("warning[W104]: sbatch has no option `acount`", "did you mean `account`?")
    ]
    assert codes(f'{ROLE}[cluster.sbatch]\nfrobnicate = "x"\n') == ["W104"]


def test_new_every_option_that_the_manual_page_here_names_is_known() -> None:
    known = directives.known_options()
    names = {*directives._WRITTEN, *directives._FOUGHT, *directives._NO_JOB}
    assert names - known == {"hetjob", "packjob", "het-group"}
    for name in sorted(known - names):
        assert told(f"{ROLE}[job.sbatch]\n{name} = 1\n") == [], name


# A7: keys of the role among its program's options


def test_a7_a_key_of_the_role_below_args_is_a_warning() -> None:
    assert codes(f"{ROLE}args = {{ gpus-per-worker = 4 }}") == ["W101"]
    assert codes(f"{ROLE}args = {{ gpus_per_worker = 4, workers = 2 }}") == ["W101", "W101"]
    assert codes(f"{ROLE}args = {{ num-nodes = 2 }}") == ["W101"]
    assert codes(f'{ROLE}args = {{ env = {{ A = "1" }} }}') == ["W101"]


def test_a7_one_that_is_missing_for_it_is_one_finding_and_says_where_it_stands() -> None:
    ((head, fix),) = told(f"{ROLE}num-nodes = 2\nargs = {{ gpus-per-worker = 4 }}")
    assert head.startswith("error[D103]")
    assert fix == "`gpus-per-worker` is a key of the role: write it above `args`"


@pytest.mark.parametrize(
    "args",
    [
        "workers = 4, timeout = 60, metrics = true, host = 'x', port = 1, command = 'x', order = 1, kind = 'x'",
        "nodes = 2, env = 'prod', engine = 'v1', restart = true, stop = 'x', place = 'eu', kv = { port = 1 }",
    ],
)
def test_a7_options_that_programs_have_are_theirs(args: str) -> None:
    assert told(f"{ROLE}args = {{ {args} }}") == []


# A8: text for a shell that no shell reads


@pytest.mark.parametrize(
    "line",
    [
        'command = "serve $HOME ${X} $(date) ~/x"',
        'command = ["bash", "-c", "echo $HOME"]',
        'command = ["/usr/bin/env", "A=1", "sh", "-c", "echo ${HOME}"]',
        'command = ["awk", "{print $NF}"]',
        """command = ["x", "foo$", "^a$|b$", "US$5", "a\\\\$HOME", "$", "~x", "a~/b"]""",
        """command = ["x", '{"$ref": "#/a", "a": {"b": {"c": 1}}}']""",
        "args = { pattern = 'foo$', price = '5$', json = { '$schema' = 'x' } }",
        "extra-args = \"--filter '$HOME'\"",
        "fail-on-log = 'HOME$|$'",
        "ready = { command = 'test -e $HOME/x' }",
    ],
)
def test_a8_what_a_shell_or_a_program_reads_is_no_warning(line: str) -> None:
    assert told(ROLE.replace('command = ["serve"]\n', "") + line if line.startswith("command") else ROLE + line) == []


@pytest.mark.parametrize(
    ("line", "way_out"),
    [
        ('args = { d = "$SCRATCH/x" }', "vars.scratch='$SCRATCH'"),
        ('args = { d = "${KEY}" }', "vars.key='${KEY}'"),
        ('env = { A = "~/hf" }', "vars.home='$HOME'"),
        ('workdir = "~"', "vars.home='$HOME'"),
        ('extra-args = "--dir $HOME"', "vars.home='$HOME'"),
        ('ready = { command = ["test", "-e", "$HOME/x"] }', "vars.home='$HOME'"),
        ('env = { H = "$(hostname)" }', "`{host}`"),
        ('env = { H = "$SLURM_JOB_ID" }', "`{job.id}`"),
        ('[cluster]\nenv = { A = "$HOME/x" }', "vars.home='$HOME'"),
        ('[cluster.sbatch]\noutput = "$HOME/x"', "vars.home='$HOME'"),
        ('[job]\nname = "$USER-job"', "vars.user='$USER'"),
    ],
)
def test_a8_text_for_a_shell_is_a_warning_with_the_way_out(line: str, way_out: str) -> None:
    ((head, fix),) = told(ROLE + line)
    assert head.startswith("warning[W102]")
    assert way_out in fix


def test_a8_the_way_out_works() -> None:
    text = f'[job]\noutput-dir = "{{vars.scratch}}/r"\n{ROLE}args = {{ d = "{{vars.scratch}}/d" }}'
    assert run(text, "--set", "vars.scratch='/s'", command="compile")[::2] == (0, "")


# A9b: braces of other template languages


@pytest.mark.parametrize("word", ["{PORT}", "{{ x }}", "{{host}}", "a{{ .Values.x }}b"])
def test_a9b_braces_of_another_language_are_a_warning(word: str) -> None:
    assert codes(f'{ROLE}args = {{ w = "{word}" }}') == ["W103"]


@pytest.mark.parametrize("word", ["{{host}", "{{PORT}", "{{{{ x }}", '{\\"a\\":{\\"b\\":{}}}', "{}", "${#x}", "{a b}"])
def test_a9b_braces_that_are_meant_are_none(word: str) -> None:
    assert told(f'{ROLE}args = {{ w = "{word}" }}') == []


# A10: a finding never points into a preset for a value the user wrote


def leaves(tree: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if isinstance(tree, Mapping) and tree:
        return [leaf for key, value in tree.items() for leaf in ((*path, key), *leaves(value, (*path, key)))]
    return []


@pytest.mark.parametrize("engine", ENGINES, ids=lambda path: path.stem)
def test_a10_no_value_over_a_preset_is_blamed_on_the_preset(engine: Path) -> None:
    preset = tomllib.loads(engine.read_text())
    for *tables, key in {*leaves(preset), ("gpus-per-worker",), ("args", "tensor-parallel-size")}:
        for value in ('"8000"', "1.5", "[[1]]", "-1", "{ x = 1 }", "0"):
            written = ".".join((*tables, key))
            text = f'[cluster]\ngpus-per-node = 8\n[roles.a]\nengine = "{engine.stem}"\n{written} = {value}\n'
            assert "--> engine" not in run(text)[2], text


# A11: everything in one round


def about_values(text: str) -> set[str]:
    """Return what is said about single values: nothing that another file could say differently."""
    return {
        head for head in re.findall(r"^error\[(?:D10[1249]|D11[0149])\]: .*", text, re.MULTILINE) if "plan" not in head
    }


@pytest.mark.parametrize("name", [name for name in CASES if "error[D0" not in wrong(name)])
@pytest.mark.parametrize("missing", ['extends = "no-such.toml"', "--set"])
def test_a11_a_file_that_is_missing_hides_nothing_that_is_known(
    name: str, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(WRONG)
    text = (WRONG / f"{name}.toml").read_text()
    if text.startswith("#:") or "D108" in wrong(name) or "extends =" in text:
        return
    told_alone = run(text)[2]
    options = ("--set", "job.name=unquoted") if missing == "--set" else ()
    _, _, told_too = run(text if options else f"{missing}\n{text}", *options)
    assert about_values(told_alone) <= about_values(told_too)
    assert told_too.count("error[D108]" if not options else "error[D001]") == 1


@pytest.mark.parametrize("start", ['engine = "vlm"\n', 'extends = "no-such.toml"\n'])
def test_a11_what_only_follows_is_not_told(start: str) -> None:
    role = (
        '[roles.a]\n{}after = ["b"]\nready = {{ port = "http" }}\nargs = {{ p = "{{port.http}}", n = "{{= tp2 }}" }}\n'
    )
    text = (
        role.format(start) + '[roles.b]\ncommand = ["x", "{role.a.url.http}"]\n'
        if "engine" in start
        else start + role.format("")
    )
    assert len(codes(text)) == 1, told(text)


@pytest.mark.parametrize(
    "text",
    [
        'extend = "base.toml"\n[roles.a]\nafter = ["b"]\nargs = { x = "{vars.x}" }',
        'include = "base.toml"\n[job]\nname = "x"',
        '[roles.a]\nengin = "vllm"\nready = { port = "http" }',
        '[roles.a]\nbackend = "vllm"\nargs = { port = "{port.http}" }',
        '[roles.a]\ncommand = ["x"]\nprots = { http = 1 }\nready = { port = "http" }\nargs = { p = "{port.http}" }',
        '[roles.a]\ncommand = ["x"]\narg = { tp = 2 }\ngpus-per-worker = "tp2"',
        '[roles.a]\ncommand = ["x"]\nnum-nodes = 2\ngpus = 4',
        '[roles.a]\ncommand = ["x"]\nready = { prt = "http" }',
        '[roles.a]\ncommand = ["x"]\nready = { path = "/health" }',
        '[roles.a]\ncommand = ["x"]\ncontainer = { imge = "x" }',
        '[rolse.a]\ncommand = ["x"]',
        '[var]\nx = 1\n[roles.a]\ncommand = ["{vars.x}"]',
        '[file."x"]\ncontent = "x"\n[roles.a]\ncommand = ["{file.x}"]',
        '[roles.a]\ncommand = ["x"]\nports = 8000\nready = { port = "http" }\nargs = { p = "{port.http}" }',
        "[roles.a]\ncommand = 5",
        "roles = 5",
        '[roles.a]\ncommand = ["x"]\nargs = "x"\ngpus-per-worker = "size"',
    ],
)
def test_one_mistake_is_one_finding(text: str) -> None:
    assert len(told(text)) == 1, told(text)


# A12: `--set` of what is not there

JOB = '[roles.decode]\ncommand = ["x"]\nports = { http = 1 }\n[phases.bench]\ncommand = ["y"]\n[vars]\nmodel = "m"\n'


@pytest.mark.parametrize(
    ("option", "message", "fix"),
    [
        ("roles.decod.workers=1", "`--set` names role `decod`, which is not there", "did you mean `decode`?"),
        ("roles.zz.workers=1", "`--set` names role `zz`, which is not there", "the job has `decode`"),
        ("phases.bnch.timeout=1", "`--set` names phase `bnch`, which is not there", "did you mean `bench`?"),
        ("files.x.format='json'", "`--set` names file `x`, which is not there", "the job has no file"),
        (
            "roles.decode.ports.htp=1",
            "`--set` names port `htp` of role `decode`, which is not there",
            "did you mean `http`?",
        ),
        ("vars.modle='x'", "`--set` gives `vars.modle`, which nothing uses", "did you mean `vars.model`?"),
        ("role.decode.workers=1", "unknown key `role` in the job file", "did you mean `roles`?"),
    ],
)
def test_a12_setting_what_is_not_there_names_what_is(option: str, message: str, fix: str) -> None:
    ((head, help_),) = told(JOB, "--set", option)
    assert (head.partition(": ")[2], help_) == (message, fix)


@pytest.mark.parametrize(
    "options",
    [
        ["roles.decode.workers=1", "phases.bench.timeout=60", "vars.model='n'"],
        ["roles.extra.command=['x']", "roles.extra.after=['decode']"],
        ["phases.warm={ command = ['x'] }"],
        ["roles.decode.env.A='1'", "roles.decode.args.x=1", "job.env.B='2'", "vars.date='x'"],
    ],
)
def test_a12_setting_what_is_there_or_whole_is_fine(options: list[str]) -> None:
    assert told(JOB, *(word for option in options for word in ("--set", option))) == []


# A13: a list of values


def test_a13_a_list_of_values_in_a_phase_is_one_phase_for_each() -> None:
    ((_, fix),) = told(f'{ROLE}[phases.p]\ncommand = ["b"]\nargs = {{ concurrency = [1, 8, 64] }}')
    assert fix == (
        "write one phase for each value; for a program that takes a list, "
        '`extra-args = ["--concurrency", "1", "8", "64"]`'
    )


# A14: words of other tools


@pytest.mark.parametrize(
    ("word", "ours"),
    [
        *(("depends_on", "after"), ("replicas", "workers"), ("image", "container"), ("cmd", "command")),
        *(("gpu", "gpus-per-worker"), ("volumes", "mounts"), ("nodeSelector", "nodes"), ("entrypoint", "command")),
        *(("environment", "env"), ("ntasks", "workers-per-node"), ("cpus", "cpus-per-task"), ("memory", "sbatch")),
        *(
            ("restart_policy", "restart"),
            ("healthcheck", "ready"),
            ("nodelist", "nodes"),
            ("num_gpus", "gpus-per-worker"),
        ),
        *(("tp", "args"), ("tensor_parallel", "args"), ("readinessProbe", "ready"), ("working_dir", "workdir")),
    ],
)
def test_a14_a_word_of_another_tool_names_ours(word: str, ours: str) -> None:
    ((head, fix),) = told(f"{ROLE}{word} = 1")
    assert head.startswith("error[D101]")
    assert f"`{ours}" in fix or f" {ours} = " in fix


@pytest.mark.parametrize("word", ["cmd", "entrypoint", "comand"])
def test_a14_a_command_in_another_word_is_not_missing_too(word: str) -> None:
    assert codes(f'[roles.a]\n{word} = ["x"]') == ["D101"]


def test_a14_what_is_named_exists() -> None:
    known = {
        "_ROLE": keys_known("[roles.a]\nKEY = 1"),
        "_PHASE": keys_known("[phases.a]\nKEY = 1"),
        "_JOB": keys_known("[job]\nKEY = 1"),
        "_CLUSTER": keys_known("[cluster]\nKEY = 1"),
        "_TOP": keys_known("KEY = 1"),
    }
    for table, keys in known.items():
        for word, (own, line) in getattr(foreign, table).items():
            assert own in keys | {"order"}, word
            assert word not in keys, word
            if line and not line.startswith("["):
                assert own in tomllib.loads(line.replace("= ...", "= 1"))


# A15: wrong shapes


@pytest.mark.parametrize(
    "line",
    [
        *("ports = 8000", 'args = ["--x"]', 'ready = "/health"', 'ready = "up"', 'env = ["A=b"]', 'after = "a"'),
        *('container = "img"', "restart = 3", 'stop = "30s"', 'critical = "true"', 'workers = "2"', 'unset = "A"'),
        *(
            'srun = "--mpi=none"',
            "ports = [8000]",
            'env = [{ name = "A", value = "1" }]',
            'stop = "INT"',
            "ready = 8000",
        ),
        *('args = "--x 1"', 'alive = "http://x/health"', 'container = ["img"]', "env = 1"),
    ],
)
def test_a15_a_wrong_shape_is_one_finding_with_the_line_as_it_should_be(line: str) -> None:
    ((head, fix),) = told(ROLE + line)
    assert head.startswith("error[D102]")
    better = re.fullmatch(r"write `(.*)`", fix)
    assert better, fix
    assert not [head for head, _ in told(ROLE + better[1]) if "D102" in head]


@pytest.mark.parametrize(
    ("line", "better"),
    [
        ('name: "j"', 'name = "j"'),
        ("name: j", 'name = "j"'),
        ("name = “j”", 'name = "j"'),
        ("name = j", 'name = "j"'),
        ('name "j"', 'name = "j"'),
        ('name == "j"', 'name = "j"'),
        ("time = 1h", 'time = "1h"'),
        ('nodes = "a", "b"', 'nodes = ["a", "b"]'),
        ('nodes = "a" "b"', 'nodes = ["a", "b"]'),
        ("output-dir = $SCRATCH/x", 'output-dir = "$SCRATCH/x"'),
    ],
)
def test_a15_a_slip_in_the_syntax_has_the_line_as_it_should_be(line: str, better: str) -> None:
    ((head, fix),) = told(f"[job]\n{line}\n{ROLE}")
    assert head.startswith("error[D001]")
    assert fix == f"write `{better}`"


# A17: regular expressions that bash matches otherwise

PIECES = [
    *("a", "b", "(", ")", "[", "]", "*", "+", "?", "{", "}", "{2}", "{2,1}", "{,3}", "|", "^", "$", ".", "-", "0", ","),
    *("\\.", "\\(", "\\\\", "\\", "[[:digit:]]", "[^", "[a-z]", "[z-a]", "[[:x:]]", "[.", ":]"),
]


def matches(expression: str) -> int:
    """Return what bash says to an expression: 0 or 1 for one that it takes, 2 for one that it does not."""
    done = subprocess.run(
        ["bash", "-c", "[[ aab0 =~ $1 ]]", "bash", expression], stderr=subprocess.DEVNULL, check=False
    )
    return done.returncode


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map("".join))
def test_a17_what_bash_does_not_take_is_refused_and_nothing_else(expression: str) -> None:
    assume(expression.count("{,3}") + expression.count("{2}") < 3)  # glibc takes minutes for a few of them in a row
    try:
        check(expression)
    except RegexError as error:
        assert matches(expression) == 2 or re.search("Perl|POSIX|outside of brackets|between brackets", str(error))
    else:
        assert matches(expression) in (0, 1)


@pytest.mark.parametrize(
    ("perl", "posix"),
    [
        *(("\\d+", "[0-9]"), ("\\w", "[[:alnum:]_]"), ("\\s", "[[:space:]]"), ("\\bx", "(^|[^[:alnum:]_])")),
        *(("(?i)err", "[Ee][Rr][Rr]"), ("(?:a)", "("), ("a.*?b", "leave out the `?`"), ("[\\d]", "[0-9]")),
        *(("a(?=b)", "POSIX extended"), ("(a", "close it"), ("[a", "close it"), ("\\n", "a line is matched at a time")),
    ],
)
@pytest.mark.parametrize("key", ["fail-on-log = {}", "ready = {{ log = {} }}", "ready = {{ port = 'h', body = {} }}"])
def test_a17_perls_words_are_refused_with_the_posix_form(perl: str, posix: str, key: str) -> None:
    ((head, fix),) = told(f"{ROLE}ports = {{ h = 1 }}\n{key.format(json.dumps(perl))}")
    assert head.startswith("error[D104]")
    assert posix in fix


def test_a17_presets_and_examples_are_posix() -> None:
    for path in (*ENGINES, *PACKAGE.parent.glob("examples/*/*.toml")):
        for text in re.findall(r"""(?:fail-on-log|log|body) = ("(?:[^"\\]|\\.)*"|'[^']*')""", path.read_text()):
            check(tomllib.loads(f"x = {text}")["x"])


# A18: two names that become one


def variables(port: str) -> set[str]:
    """Return the environment variables of a port, as program/task.sh names them."""
    names = f"port.{port}", f"port.{port}.last"
    return {"DYNPLAN_" + re.sub("[.-]", "_", name).upper() for name in names}


@given(st.lists(st.from_regex(r"[ab](-|_|-last|_last){0,2}", fullmatch=True), min_size=2, max_size=3, unique=True))
def test_a18_ports_with_one_environment_variable_are_refused_and_no_others(ports: list[str]) -> None:
    shared = any(variables(one) & variables(two) for at, one in enumerate(ports) for two in ports[:at])
    text = f"{ROLE}ports = {{ {', '.join(f'{port} = {8000 + 10 * at}' for at, port in enumerate(ports))} }}"
    assert ("D109" in codes(text)) == shared


def test_a18_roles_with_one_log_are_refused() -> None:
    first = '[cluster]\ngpus-per-node = 4\n[roles.a]\nworkers = {}\ngpus-per-worker = {}\ncommand = ["x"]\n'
    roles = first + '[roles.a-1]\ncommand = ["x"]\n'
    assert codes(roles.format(2, 8)) == ["D109"]
    assert codes(roles.format(2, 4)) == []


# A25: digits of other scripts


def test_a25_no_reader_takes_digits_of_another_script() -> None:
    """Python's `\\d`, `str.isdigit` and their like know every script; a job file knows 0 to 9."""
    for path in sorted((PACKAGE / "language").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute):
                assert node.attr not in ("isdigit", "isdecimal", "isnumeric"), f"{path.name}:{node.lineno}"
            if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("re.") and node.args:
                pattern = ast.unparse(node.args[0])
                assert not re.search(r"\\\\[dw]|\\[dw]", pattern), f"{path.name}:{node.lineno}: {pattern}"


# B12: limits that the job's time cuts short


@pytest.mark.parametrize(
    ("time", "seconds"),
    [
        *(("5", 300), ("5:30", 330), ("1:00:00", 3600), ("1-0", 86400), ("1-2:30", 95400), ("1-0:0:1", 86401)),
        *(("infinite", 0), ("UNLIMITED", 0), ("0", 0)),
    ],
)
def test_b12_times_are_read_as_slurm_reads_them(time: str, seconds: int) -> None:
    assert limits.seconds_of(time) == seconds


@pytest.mark.parametrize(
    ("time", "rest", "warned"),
    [
        ("10", 'ready = { log = "x", timeout = "11m" }', True),
        ("10", 'ready = { log = "x", timeout = "10m" }', False),
        ("10", 'ready = { log = "x" }', False),
        ("10", 'ready = [{ log = "x" }, { log = "y", timeout = 601 }]', True),
        ("10", '[phases.p]\ncommand = ["x"]\ntimeout = "1h"', True),
        ("infinite", 'ready = { log = "x", timeout = "11m" }', False),
    ],
)
def test_b12_a_written_limit_longer_than_the_job_is_a_warning(time: str, rest: str, warned: bool) -> None:
    assert codes(f'[job]\ntime = "{time}"\n{ROLE}{rest}') == (["W105"] if warned else [])


def test_b12_the_limit_of_a_preset_is_nobodys_mistake() -> None:
    assert told('[job]\ntime = 10\n[roles.a]\nengine = "vllm"\nargs.model = "m"\ngpus-per-worker = 0\n') == []


# --strict

WARNED = f'[job]\noutput-dir = "$X/r"\n{ROLE}'


@pytest.mark.parametrize("command", ["compile", "plan", "show", "check"])
def test_strict_takes_a_warning_for_an_error(command: str, tmp_path: Path) -> None:
    assert run(WARNED, command=command)[0] == 0
    target = tmp_path / "out"
    options = () if command == "check" else ("-o", str(target))
    code, out, err = run(WARNED, "--strict", *options, command=command)
    assert (code, out, target.exists()) == (1, "", False)
    assert "warning[W102]" in err
    assert "error[D006]: there are warnings, and `--strict` allows none" in err
    assert run(ROLE, "--strict", command=command)[::2] == (0, "")


@pytest.mark.parametrize("command", ["show", "check"])
def test_strict_counts_the_warnings_that_a_plan_holds(command: str) -> None:
    plan = run(WARNED, "--format", "json", command="plan")[1]
    assert [warning["code"] for warning in json.loads(plan)["warnings"]] == ["W102"]
    placed = json.dumps({key: value for key, value in json.loads(plan).items() if key not in ("roles", "phases")})
    for text in (plan, placed):
        assert run(text, command=command)[0] == 0
        assert run(text, "--strict", command=command)[0] == 1


def test_a_plan_with_warnings_gives_the_script_of_its_job() -> None:
    plan = run(WARNED, command="plan")[1]
    assert run(plan, command="emit")[1] == run(WARNED, command="compile")[1]


def test_warnings_are_told_beside_errors_of_the_planner() -> None:
    text = '[job]\noutput-dir = "$X/r"\nnum-nodes = 1\n[roles.a]\ncommand = ["x"]\nnum-nodes = 2\ngpus-per-worker = 1\n'
    assert codes(text)[0] == "W102"
    assert "D203" in codes(text) or "D210" in codes(text)
