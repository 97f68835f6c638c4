"""What a cold `dynplan compile` loads. Names, not milliseconds: `make bench` prints those."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
JOB = """\
[job]
name = "small"
num-nodes = 2
[cluster]
gpus-per-node = 8
[roles.frontend]
command = ["frontend"]
ports = { http = 8000 }
ready = { port = "http", path = "/health" }
after = ["decode"]
[roles.decode]
num-nodes = 2
gpus-per-worker = "tp * 2"
command = ["decode"]
args = { tp = 2, port = "{port.system}" }
ports = { system = 9090 }
ready = { log = "ready" }
[roles.prefill]
num-nodes = 2
gpus-per-worker = 4
command = ["prefill"]
[phases.smoke]
command = "curl {role.frontend.url.http}"
"""
# What the three libraries bring is the price of the ticket; of the rest each name has a reason.
TICKET = "import typer, attrs, tomllib, typer._click.decorators"
# `collections.abc` is a second name of a module that is always there; some versions of 3.13 tell of it.
EXPECTED = {
    *("bisect", "_bisect", "gc", "collections", "collections.abc"),  # the ledger of ports; what is imported stays
    *("_sha256", "_sha2"),  # digests; one name or the other
}
# Errors, other commands and rare keys pay for their own.
SELDOM = {
    *("checker", "views", "diagnostics.places", "diagnostics.rendering", "diagnostics.explanations"),
    *("language.plan_file", "language.starts", "cli.starts", "language.settable", "cli.completions"),
    *("planner.advice", "planner.packing", "planner.search", "planner.domains", "planner.windows"),
    *("planner.turns", "planner.timing", "planner.in_turns", "planner.one_by_one", "planner.domains_in_turns"),
    *("language.flags", "language.flag_files", "cli.flags"),
    *("language.sweep", "language.results", "language.limits", "emitter.arrays", "views.columns", "views.sweeps"),
    *("cli.sweeping", "cli.sweep_folder", "cli.runs", "views.runs"),
    *("cli.engines", "language.presets", "language.engine_sizes", "language.size_checks", "language.file_data"),
    *("cli.left", "cli.slurm", "cli.status", "cli.logs", "cli.report", "cli.pages", "cli.terminal"),
    *("diagnostics.paint", "importers", "detection", "cli.detecting"),
}


def loaded(*arguments: str, stdin: str = "") -> set[str]:
    """Return the modules that Python loads for a command line."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    lines = (line for line in done.stderr.splitlines() if line.startswith("import time:"))
    return {line.rpartition("|")[2].strip() for line in lines}


def test_compile_loads_nothing_that_most_jobs_do_not_need() -> None:
    found = loaded("-c", "from dynplan.__main__ import main; main()", "compile", "-", stdin=JOB)
    more = found - loaded("-c", TICKET)
    assert {name for name in more if name.partition(".")[0] != "dynplan"} <= EXPECTED
    assert "dynplan.emitter.lowering" in more
    assert more.isdisjoint(f"dynplan.{name}" for name in SELDOM)


def test_the_example_loads_json_and_nothing_else_on_top() -> None:
    found = loaded("-c", "from dynplan.__main__ import main; main()", "compile", "examples/dynamo-shared/job.toml")
    more = {name.partition(".")[0] for name in found - loaded("-c", TICKET)}
    assert more - {"dynplan", "json", "_json"} <= EXPECTED


def test_an_engine_costs_its_preset_and_what_its_sizes_need() -> None:
    service = JOB + '[roles.etcd]\nengine = "etcd"\n'
    found = loaded("-c", "from dynplan.__main__ import main; main()", "compile", "-", stdin=service)
    assert {"dynplan.cli.engines", "dynplan.language.presets"} <= found
    assert found.isdisjoint(("dynplan.language.engine_sizes", "dynplan.language.size_checks"))
    server = JOB + '[roles.server]\nengine = "vllm"\ngpus-per-worker = 0\nargs.model = "m"\n'
    assert "dynplan.language.size_checks" in loaded(
        "-c", "from dynplan.__main__ import main; main()", "compile", "-", stdin=server
    )


def test_help_and_wrong_usage_load_no_rich() -> None:
    found = loaded("-c", "from dynplan.__main__ import main; main()", "compile", "--help")
    assert not {name for name in found if name.partition(".")[0] in ("rich", "pydantic", "markdown_it", "pygments")}
