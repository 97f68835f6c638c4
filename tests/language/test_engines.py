"""Engine presets: data under a role's own table, read by the same reader as a user's file."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from typer.testing import CliRunner

import dynplan
from dynplan.cli import app
from dynplan.cli.inputs import job_documents
from dynplan.diagnostics import Findings, InputError
from dynplan.emitter import lower
from dynplan.language import parse, read, resolve
from dynplan.language.expressions import names
from dynplan.model import Plan
from dynplan.planner import plan
from tests.engines_page import FOLDER, PAGE, with_presets

PRESETS = {
    file.stem: tomllib.loads(file.read_text()) for file in (Path(dynplan.__file__).parent / "engines").glob("*.toml")
}
ENGINES = sorted(PRESETS)
VLLM = 'engine = "vllm"\nargs = { model = "m" }\n'


def wanted(engine: str) -> str:
    """The least that a role of an engine has to say."""
    required = [text.split()[0] for text in PRESETS[engine].get("required", [])]
    args = ", ".join(f'"{option[2:]}" = "x"' for option in required if option.startswith("--"))
    extra = [word for option in required if not option.startswith("--") for word in (option, "x")]
    return f'engine = "{engine}"\nargs = {{ {args} }}\n' + (f"extra-args = {extra}\n" if extra else "")


def planned(text: str) -> Plan:
    return plan(read(resolve(job_documents("job.toml", parse("job.toml", text.encode()), (), ""))))


def command(text: str) -> str:
    """The words of the first role's command line, as its script has them; those of some tasks in brackets."""
    words = lower(planned(f"[cluster]\ngpus-per-node = 8\n{text}")).roles[0].command
    return " ".join(word if isinstance(word, str) else f"[{' '.join(word.words)}]" for word in words)


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_plans_without_another_word(engine: str) -> None:
    found = planned(f"[cluster]\ngpus-per-node = 8\n[roles.it]\n{wanted(engine)}")
    assert found.workers[0].role == "it"
    assert not found.warnings


# What the options of an engine come to, in every spelling that its own parser takes (its `--help`).
SIZES = [
    ("vllm", {}, 1),
    ("vllm", {"tensor-parallel-size": 4, "pipeline-parallel-size": 2}, 8),
    ("vllm", {"tensor-parallel-size": 2, "data-parallel-size": 3, "decode-context-parallel-size": 2}, 6),
    ("vllm", {"tensor_parallel_size": 4, "data_parallel_size": 2}, 8),
    ("vllm", {"tensor-parallel": 4, "prefill-context-parallel-size": 2}, 8),
    ("vllm", {"tensor-parallel-size": 2, "data-parallel-size": 8, "enable-expert-parallel": True}, 16),
    ("vllm", {"tensor-parallel-size": 2, "data-parallel-size": 4, "data-parallel-size-local": 4}, 8),
    ("vllm", ["-tp", "4", "-pp=2", "-pcp", "2", "-dcp", "4"], 16),
    ("vllm", ["-dp", "4", "-dpl", "2"], 4),
    ("vllm", {"tensor-parallel-size": 2, "data-parallel-size": 8, "data-parallel-external-lb": True}, 2),  # one rank
    ("vllm", ["-tp", "4", "-dp", "8", "-dpe"], 4),
    ("vllm", {"tp": 4, "dp": 4, "pcp": 4}, 1),  # it refuses these: no dashes are enough for them
    ("dynamo-vllm", {"tensor-parallel-size": 12}, 12),
    ("dynamo-vllm", ["-tp", "4", "-dp", "2"], 8),
    ("dynamo-vllm", {"tensor-parallel": 4, "data_parallel_size": 2}, 8),
    ("dynamo-vllm", {"pipeline-parallel-size": 2, "prefill_context_parallel_size": 3}, 6),
    ("dynamo-vllm", ["-pp", "2", "-pcp=3", "--data-parallel-size=2"], 12),
    ("sglang", {"tp-size": 4, "pp-size": 2}, 8),
    ("sglang", {"tp-size": 16, "dp-size": 16, "enable-dp-attention": True}, 16),
    ("sglang", {"tensor-parallel-size": 16, "data-parallel-size": 16, "enable-dp-attention": True}, 16),
    ("sglang", ["--tp", "16", "--dp=8", "--enable-dp-attention"], 16),
    ("sglang", ["--tp-size", "4", "--pp-size=2", "--dp", "2"], 16),
    ("sglang", {"tp": 4, "dp": 2}, 8),  # replicas
    ("sglang", {"tp-size": 4, "dp-size": 2, "enable-dp-attention": False}, 8),
    ("sglang", {"tensor-parallel-size": 4, "attn-dp-size": 4, "ep-size": 4, "attn-cp-size": 2, "dcp-size": 2}, 4),
    ("sglang", {"tp_size": 4, "pp": 2}, 1),  # unknown to it, and ambiguous
    ("dynamo-sglang", {"tp-size": 2}, 2),
    ("dynamo-sglang", {"tp": 8, "dp": 8, "enable-dp-attention": True}, 8),
    ("dynamo-sglang", {"tp-size": 2, "pipeline-parallel-size": 2, "dp-size": 2}, 8),
    ("dynamo-sglang", ["--tensor-parallel-size", "4", "--pp-size", "2", "--dp", "4", "--enable-dp-attention"], 8),
    ("trtllm", {"tp_size": 4, "pp_size": 2, "ep_size": 4}, 8),
    ("trtllm", {"tensor_parallel_size": 4, "context_parallel_size": 2, "moe_cluster_parallel_size": 2}, 8),
    ("trtllm", ["--tp_size", "4", "--pipeline_parallel_size=2", "--cp_size", "2", "--ep_size", "4"], 16),
    ("trtllm", {"tp-size": 4}, 1),
    ("dynamo-trtllm", {"tensor-parallel-size": 4, "pipeline-parallel-size": 2, "expert-parallel-size": 4}, 8),
    ("dynamo-trtllm", ["--tensor-parallel", "4"], 4),
    ("dynamo-trtllm", ["--tensor-parallel-size=2", "--pipeline-parallel-size", "3", "--expert-parallel-size", "2"], 6),
]


@pytest.mark.parametrize(("engine", "sizes", "gpus"), SIZES)
def test_an_engine_knows_how_many_gpus_its_sizes_need(engine: str, sizes: Any, gpus: int) -> None:
    args = sizes if isinstance(sizes, dict) else {}
    extra = f"extra-args = {['m', *sizes]}\n" if isinstance(sizes, list) else 'extra-args = ["m"]\n'
    text = tomli_w.dumps({"args": {"model": "m", "model-path": "m", **args}}).replace("[args]", "[roles.it.args]")
    found = planned(f'[cluster]\ngpus-per-node = 8\n[roles.it]\nengine = "{engine}"\n{extra}{text}')
    assert sum(len(task.gpus) for task in found.workers[0].tasks) == gpus


def test_every_size_of_a_formula_is_one_that_the_engine_has() -> None:
    for engine, preset in PRESETS.items():
        named = {text.split()[0].lstrip("-") for key in ("sizes", "switches") for text in preset.get(key, [])}
        assert set(names(str(preset.get("gpus-per-worker", "")))) <= named, engine


FORMULAS = [
    (engine, size)
    for engine, preset in sorted(PRESETS.items())
    for size in dict.fromkeys(names(str(preset.get("gpus-per-worker", ""))))
]


def sets(settings: Any, spellings: list[str]) -> bool:
    """Whether a row of `SIZES` says a size, by any of its spellings; `*` ends a beginning."""
    words = [f"--{key}" for key in settings] if isinstance(settings, dict) else settings
    options = {word.partition("=")[0] for word in words}
    return any(
        option == spelling or (spelling.endswith("*") and option.startswith(spelling[:-1]))
        for option in options
        for spelling in spellings
    )


@pytest.mark.parametrize("place", [dict, list], ids=["args", "extra-args"])
@pytest.mark.parametrize(("engine", "size"), FORMULAS)
def test_every_size_of_a_formula_has_a_row_with_the_right_number(engine: str, size: str, place: type) -> None:
    """A preset that comes with a formula comes with rows: each of its sizes in `args`, and in `extra-args`."""
    preset = PRESETS[engine]
    texts = [text.split() for key in ("sizes", "switches") for text in preset.get(key, [])]
    spellings = next(text for text in texts if text[0].lstrip("-") == size)
    rows = [settings for name, settings, gpus in SIZES if name == engine and gpus > 1 and isinstance(settings, place)]
    assert any(sets(settings, spellings) for settings in rows)


def test_the_page_says_what_the_presets_say() -> None:
    page = PAGE.read_text()
    assert page == with_presets(page), "make golden writes it"


def test_every_preset_says_what_it_is_and_what_was_run() -> None:
    assert {name for name, preset in PRESETS.items() if sorted(preset["about"]) == ["run", "versions", "what"]} == {
        *PRESETS
    }


def test_presets_are_listed_and_shown_with_their_comments() -> None:
    listed = CliRunner().invoke(app, ["engines"], catch_exceptions=False)
    assert listed.exit_code == 0
    for name, preset in PRESETS.items():
        about = preset["about"]
        assert re.search(rf"^{name} +{re.escape(about['what'])}", listed.stdout, re.MULTILINE)
        assert f"run: {about['run']}\n" in listed.stdout
        assert CliRunner().invoke(app, ["engines", name]).stdout == (FOLDER / f"{name}.toml").read_text()
    wrong = CliRunner().invoke(app, ["engines", "vlm"])
    assert (wrong.exit_code, wrong.stdout) == (1, "")
    assert "did you mean `vllm`?" in wrong.stderr


def test_the_role_wins_over_its_engine_and_keeps_the_rest() -> None:
    text = '[roles.it]\nengine = "sglang"\nargs = { host = "::", model = "m", tp-size = 2, enable-metrics = false }\n'
    assert command(text + "ports = { http = 9000 }\n") == (
        "python3 -m sglang.launch_server --dist-init-addr {url-ip}:20000 --nccl-port 20014"
        " --host :: --port 9000 --model m --tp-size 2"
    )


FLAGS = [
    ("vllm", "tensor-parallel-size = 8", "vllm serve"),  # one node: nothing about others
    (
        "vllm",
        "tensor-parallel-size = 16",
        "vllm serve --nnodes 2 --node-rank {rank} --master-addr {leader.ip} --master-port 29501 [--headless]",
    ),
    (
        "vllm",
        "tensor-parallel-size = 4, data-parallel-size = 4",
        "vllm serve --nnodes 2 --node-rank {rank} --master-addr {leader.ip} --master-port 29501 [--headless]"
        " --data-parallel-rpc-port 29550",
    ),
    (
        "vllm",
        "tensor-parallel-size = 4, data-parallel-size = 4, data-parallel-hybrid-lb = true",
        "vllm serve --data-parallel-size-local 2 --data-parallel-start-rank {expr.0}"
        " --data-parallel-address {leader.ip} --data-parallel-rpc-port 29550",
    ),
    (
        "vllm",
        "tensor-parallel-size = 8, data-parallel-size = 4, data-parallel-external-lb = true",
        "vllm serve --data-parallel-rank 0",  # a rank of four, on one node
    ),
    ("dynamo-vllm", "tensor-parallel-size = 8", "python3 -m dynamo.vllm"),
    ("sglang", "dp-size = 2", "python3 -m sglang.launch_server"),  # replicas: each finds ports of its own
    (
        "sglang",
        "tp-size = 16, dp-size = 16, enable-dp-attention = true",
        "python3 -m sglang.launch_server --nnodes 2 --node-rank {rank}"
        " --dist-init-addr {leader.url-ip}:20000 --nccl-port 20014",
    ),
]


@pytest.mark.parametrize(("engine", "args", "words"), FLAGS)
def test_flags_for_several_nodes_stand_only_where_there_are_several(engine: str, args: str, words: str) -> None:
    rest = {"vllm": " --host 0.0.0.0 --port 8000", "sglang": " --host 0.0.0.0 --port 30000 --enable-metrics"}
    text = f'[roles.it]\nengine = "{engine}"\nargs = {{ model = "m", {args} }}\n'
    assert command(text).partition(" --model m")[0] == words + rest.get(engine, "")


def test_what_a_role_must_say_is_asked_for_by_name() -> None:
    with pytest.raises(InputError) as caught:
        planned('[roles.a]\nengine = "sglang"\n[roles.b]\nengine = "trtllm"\n[roles.c]\nengine = "nginx"\n')
    found = [(finding.message, finding.path, finding.help) for finding in caught.value.findings]
    assert found == [
        (
            "role `a` does not say `model-path`, which engine `sglang` needs",
            ("roles", "a"),
            'set it in `args`: `args = { model-path = "..." }`',
        ),
        (
            "role `b` does not say `MODEL`, which engine `trtllm` needs",
            ("roles", "b"),
            "name it first of all in `extra-args`",
        ),
        (
            "role `c` does not say `-c`, which engine `nginx` needs",
            ("roles", "c"),
            "name it in `extra-args`, after `-c`",
        ),
    ]


@pytest.mark.parametrize(
    "said",
    [
        'args = { model = "m" }',
        'extra-args = ["--model", "m"]',
        'extra-args = "--model=m"',
        'extra-args = ["m"]',
        'args = { config = "c.yaml" }',
        'command = ["vllm", "serve", "m"]',
        'command = "vllm serve m"',
    ],
)
def test_what_a_role_must_say_may_stand_anywhere_on_its_command_line(said: str) -> None:
    planned(f'[cluster]\ngpus-per-node = 8\n[roles.a]\nengine = "vllm"\n{said}\n')


def warned(role: str) -> list[tuple[str, str, str]]:
    document = parse("job.toml", f"[cluster]\ngpus-per-node = 8\n[roles.a]\n{role}\n".encode())
    findings = Findings()
    plan(read(resolve(job_documents("job.toml", document, (), "", findings), findings), findings))
    return [(finding.code, finding.message, finding.help) for finding in findings.found]


def test_gpus_that_are_not_what_the_sizes_need_are_told_with_both_numbers() -> None:
    """`gpus-per-worker = 4` beside `tensor-parallel-size = 8` was planned with 4, in silence."""
    message = "role `a` has 4 GPUs for a worker, and engine `vllm` needs 8: `--tensor-parallel-size 8`"
    fix = "leave `gpus-per-worker` out: it is computed from the sizes"
    line = 'engine = "vllm"\ngpus-per-worker = {}\nargs = {{ model = "m", tensor-parallel-size = 8 }}'
    assert warned(line.format(4)) == [("W108", message, fix)]
    assert warned(line.format('"2 + 2"')) == [("W108", message, fix)]
    assert warned(line.format(8)) == warned(line.format(0)) == warned(line.format('"tp"')) == []


@pytest.mark.parametrize(
    ("engine", "size", "meant"),
    [
        ("vllm", "tensor-paralel-size", "tensor-parallel-size"),
        ("vllm", "tensor-parallel-sizes", "tensor-parallel-size"),
        ("vllm", "tesnor-parallel-size", "tensor-parallel-size"),
        ("vllm", "tp", "tensor-parallel-size"),  # it takes `-tp`
        ("sglang", "tp_size", "tp-size"),
        ("sglang", "tensor-paralell-size", "tp-size"),
        ("sglang", "enable-dp-atention", "enable-dp-attention"),
        ("trtllm", "tp-size", "tensor_parallel_size"),
    ],
)
def test_a_slip_for_a_size_is_told_with_the_size(engine: str, size: str, meant: str) -> None:
    """`tensor-paralel-size = 8` was planned with one GPU, in silence."""
    role = f'engine = "{engine}"\nextra-args = ["m"]\nargs = {{ model = "m", {size} = 8 }}'
    message = f"`{size}` of role `a` is no size of engine `{engine}`, and counts no GPUs"
    assert warned(role) == [("W107", message, f"did you mean `{meant}`?")]


@pytest.mark.parametrize("engine", ["vllm", "sglang", "trtllm"])
def test_other_options_are_no_slips(engine: str) -> None:
    others = "max-model-len = 1, page-size = 1, port-size = 2, max-size = 1, moe-dense-tp-size = 1, seed = 1"
    assert warned(f'engine = "{engine}"\nextra-args = ["m"]\nargs = {{ model = "m", {others} }}') == []


@pytest.mark.parametrize(
    ("line", "where"),
    [
        ('command = "vllm serve m --tensor-parallel-size 4"', "`command` of role `a`"),
        ('leader-args = ["--tensor-parallel-size", "4"]', "`leader-args[0]` of role `a`"),
        ('follower-args = "--tensor-parallel-size 4"', "`follower-args` of role `a`"),
        (
            'extra-args = ["m", { when = "rank == 0", args = ["--tensor-parallel-size", "4"] }]',
            "`extra-args[1]` of role `a`",
        ),
    ],
)
def test_a_size_where_it_is_not_counted_is_told(line: str, where: str) -> None:
    """A size in `extra-args` was planned with one GPU: there it counts now, and elsewhere it is told."""
    message = f"`--tensor-parallel-size` in {where} is a size, and counts no GPUs there"
    model = "" if "m" in line.split('"')[1:2] or line.startswith("command") else 'args = { model = "m" }\n'
    assert warned(f'engine = "vllm"\n{model}{line}') == [("W107", message, "write it in `args`")]


def test_a_size_that_is_said_twice_is_told_with_both_numbers() -> None:
    role = 'engine = "vllm"\nargs = { model = "m", tensor-parallel-size = 2 }\nextra-args = ["-tp", "4"]'
    message = (
        "`tensor-parallel-size` of role `a` is 2 by `--tensor-parallel-size`"
        " and 4 by `-tp`, which comes last and counts"
    )
    assert warned(role) == [("W108", message, "say it once")]


def job_beside(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text)
    return folder / "job.toml"


def told(job: Path) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "dynplan", "plan", str(job)], capture_output=True, text=True, check=False, cwd="/"
    )
    return done.returncode, done.stdout, done.stderr


def test_a_preset_of_ones_own_lies_beside_the_file_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    job = job_beside(
        tmp_path,
        job='extends = "deep/base.toml"\n[roles.a]\nargs = { n = 3 }\n',
        mine='extends = "etcd"\nunset = ["X"]\n[about]\nwhat = "mine"\n[ports]\nmore_ = 5000\nclient = 4000\n',
    )
    (tmp_path / "deep" / "base.toml").write_text('[roles.a]\nengine = "../other.toml"\n')
    (tmp_path / "other.toml").write_text('extends = "./mine.toml"\nfail_on_log = "x"\n')
    code, out, err = told(job)
    assert (code, err) == (0, "")
    role = tomllib.loads(out)["roles"]["a"]
    assert (role["command"], role["unset"], role["fail-on-log"], role["args"]["n"]) == (["etcd"], ["X"], "x", 3)
    assert role["ports"] == {"client": {"base": 4000}, "peer": {"base": 2380}, "more_": {"base": 5000}}


@pytest.mark.parametrize(
    ("mine", "message", "place"),
    [
        ('extends = "mine.toml"\n', "`mine.toml` extends itself, through this file", "mine.toml:1:11"),
        ('extends = "ectd"\n', "there is no engine `ectd`", "mine.toml:1:11"),
        ('extends = "a\\u0000.toml"\n', "the name of an engine must be one line of printable text", "mine.toml:1:11"),
        (f'extends = "{"n" * 5000}"\n', "there is no engine `nnn", "mine.toml:1:11"),
        (f'extends = "{"n" * 5000}.toml"\n', "file name too long", "mine.toml:1:11"),
        ("extends = 3\n", "`extends` must be the name of one engine", "mine.toml:1:11"),
        ('extends = "no.toml"\n', "cannot read `", "mine.toml:1:11"),
        ('command = ["a"]\nportss = 3\n', "unknown key `portss` in `[roles.a]`", "mine.toml:2:1"),
        ('command = ["a"]\nfail-on-log = "x"\nfail_on_log = "y"\n', "`fail-on-log` is set twice", "mine.toml:3:1"),
        ("command = [", "a key has no value", "mine.toml:1:"),
    ],
)
def test_a_preset_of_ones_own_that_is_wrong_is_shown(tmp_path: Path, mine: str, message: str, place: str) -> None:
    code, out, err = told(job_beside(tmp_path, job='[roles.a]\nengine = "./mine.toml"\n', mine=mine))
    assert (code, out) == (1, "")
    assert message in err
    assert f"{tmp_path}/{place}" in err, err


def test_a_parent_whose_name_ends_at_a_nul_byte_is_wrong_input(tmp_path: Path) -> None:
    code, _, err = told(job_beside(tmp_path, job='extends = "a\\u0000b"\n[roles.a]\ncommand = ["a"]\n'))
    assert (code, "the name of a parent must be one line of printable text" in err) == (1, True), err


def test_a_preset_that_is_not_there_is_asked_for_by_the_job(tmp_path: Path) -> None:
    job = job_beside(tmp_path, job='[roles.a]\nengine = "./mine.toml"\n')
    code, _, err = told(job)
    assert code == 1
    assert f"{job}:2:10" in err


def test_a_bare_number_moves_a_port_and_leaves_its_rules() -> None:
    found = planned(
        '[cluster]\ngpus-per-node = 8\n[roles.it]\nengine = "dynamo-vllm"\nargs.model = "m"\nports.system = 9000\n'
    )
    system = found.job.roles[0].ports[0]
    assert (system.base, system.high) == (9000, 32767)


def test_a_fixed_number_moves_a_port_too() -> None:
    found = planned('[roles.it]\nengine = "etcd"\nports.client = { fixed = 2400 }\n')
    client = found.job.roles[0].ports[0]
    assert (client.name, client.base, client.fixed) == ("client", 2400, True)


@pytest.mark.parametrize(
    ("own", "kinds"),
    [
        ('{ log = "started" }', [("log", "")]),
        ('{ port = "http" }', [("http", "/health")]),  # of the same kind: the rest of the preset's stays
        ('{ timeout = "5m" }', [("http", "/health")]),
        ('[{ port = "http" }, { log = "started" }]', [("tcp", ""), ("log", "")]),
    ],
)
def test_a_probe_of_another_kind_replaces_that_of_the_engine(own: str, kinds: list[tuple[str, str]]) -> None:
    text = f"[cluster]\ngpus-per-node = 8\n[roles.it]\n{VLLM}ready = {own}\n"
    assert [(probe.kind, probe.path) for probe in planned(text).job.roles[0].ready] == kinds


def test_roles_keep_the_order_of_the_job_file() -> None:
    found = planned('[roles.b]\ncommand = ["b"]\n[roles.a]\nengine = "etcd"\n[roles.c]\ncommand = ["c"]\n')
    assert [role.name for role in found.job.roles] == ["b", "a", "c"]


def test_every_unknown_engine_is_named_with_the_nearest_one() -> None:
    with pytest.raises(InputError) as caught:
        planned('[roles.a]\nengine = "dynamo-vlm"\n[roles.b]\nengine = "zzz"\n')
    found = caught.value.findings
    assert [finding.message for finding in found] == ["there is no engine `dynamo-vlm`", "there is no engine `zzz`"]
    assert found[0].help == "did you mean `dynamo-vllm`?"
    assert found[1].help == "engines: " + ", ".join(ENGINES)


@pytest.mark.parametrize("override", ["roles=5", "roles.a=5"])
def test_an_override_that_is_no_table_is_wrong_input(tmp_path: Path, override: str) -> None:
    job = tmp_path / "job.toml"
    job.write_text('[roles.a]\nengine = "etcd"\n')
    argv = [sys.executable, "-m", "dynplan", "compile", str(job), "--set", override]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "must be a table" in done.stderr


def test_a_wrong_value_from_an_engine_would_point_into_its_preset(tmp_path: Path) -> None:
    job = tmp_path / "job.toml"
    job.write_text('[cluster]\nreserved-ports = "2379"\n[roles.a]\nengine = "etcd"\nports.client = { fixed = true }\n')
    argv = [sys.executable, "-m", "dynplan", "compile", str(job)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert "port 2379 of role `a`" in done.stderr
    assert f"{job}:5:" in done.stderr
