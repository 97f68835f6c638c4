"""The program keeps to what bash 4.4 has.

4.4 and 5.0 (RHEL 8, Debian 10) are in no archive that this project can count on, so nothing here runs under
them: the list below, from the CHANGES file of bash, is what guards against their absence. 5.1 and 5.2 run.
"""

import re
from pathlib import Path

import pytest

from dynplan.emitter.parts import FOR_TASKS
from tests.launch.lab import PROGRAM, bash_version, bashes, job_text, run, stub

# What came after 4.4: how it looks, and the version whose CHANGES entry brings it.
NEWER = {
    r"\bEPOCH(SECONDS|REALTIME)\b": "5.0",
    r"\bBASH_ARGV0\b": "5.0",
    r"\bwait (-\w+ )*-f\b": "5.0",
    r"\b(assoc_expand_once|localvar_inherit|localvar_unset|progcomp_alias)\b": "5.0",
    r"\bhistory -d\b": "5.0",
    r"\bwait (-\w+ )*-p\b": "5.1",
    r"\bSRANDOM\b": "5.1",
    r"@[ULuK]\}": "5.1",
    r"\b(local|declare) -\w*I": "5.1",
    r"\bunset -v .*\[[@*]\]": "5.1",
    r"@k\}": "5.2",
    r"\b(varredir_close|patsub_replacement|globskipdots|noexpand_translation|array_expand_once)\b": "5.2",
    r"\$\{ ": "5.3",
    r"\$\{\|": "5.3",
    r"\b(GLOBSORT|BASH_TRAPSIG|BASH_MONOSECONDS)\b": "5.3",
    r"\bread -\w*E": "5.3",
    r"\bsource -p\b": "5.3",
}


def lines() -> list[tuple[str, str]]:
    found = []
    for path in sorted(PROGRAM.glob("*.sh")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if not line.lstrip().startswith("#"):
                found.append((f"{path.name}:{number}", line))
    return found


@pytest.mark.parametrize("pattern", NEWER)
def test_nothing_newer_than_bash_4_4_is_used(pattern: str) -> None:
    assert [place for place, line in lines() if re.search(pattern, line)] == []


def test_a_replacement_is_never_a_value() -> None:
    # From 5.2 on a `&` in it stands for what was matched.
    assert [place for place, line in lines() if re.search(r"\$\{[^}]*?//?[^}/]+/[^}]*[$&]", line)] == []


def test_an_array_that_may_be_empty_is_never_expanded_under_set_u() -> None:
    # Before 4.4 that is an error; the program does without `set -u`, and shellcheck looks for typing errors.
    assert [place for place, line in lines() if re.search(r"\bset -\w*u|-o nounset", line)] == []


def test_no_function_of_the_tasks_writes_to_a_descriptor_in_a_variable() -> None:
    # `declare -f` of bash 5.1 prints `>&"$x"` as `&> "$x"`: the task would write to a file of that name.
    tasks = {f"{name}.sh" for name in FOR_TASKS}
    found = [place for place, line in lines() if place.split(":")[0] in tasks and re.search(r'>&"?\$', line)]
    assert found == []


def test_no_code_is_made_of_text() -> None:
    assert [place for place, line in lines() if re.search(r"\beval\b", line)] == []


@pytest.mark.parametrize("bash", [pytest.param(bash, id=bash_version(bash)) for bash in bashes()])
def test_a_job_runs_under_every_bash(tmp_path: Path, bash: Path) -> None:
    ready = '[{ port = "http", path = "/health", post = { a = 1 }, body = "a" }, { log = "up" }]'
    lines = [f"ready = {ready}", 'fail-on-log = "panic"', 'alive = { port = "http", interval = "1s" }']
    worker = "\n".join(
        [
            "[roles.worker]\ngpus-per-worker = 2\nworkers-per-node = 2\nnum-nodes = 2\nports = { http = 18280 }",
            f"command = {stub('--say', 'up', '--record', 'seen')}",
            'metrics = "http://{host}:{port.http}/metrics"\nstop = { grace = "2s" }',
            *lines,
        ]
    )
    phases = '[phases.one]\ncommand = "echo $BASH_VERSION {metrics-urls}"\n[phases.two]\ncommand = "true"'
    done = run(job_text(worker, phases, nodes=2), tmp_path, nodes=("n0", "n1"), bash=bash)
    assert (done.code, done.cause) == (0, ""), done.output
    assert len(done.seen()) == 4
    assert done.text("phases/one.log").splitlines()[-1].startswith(bash_version(bash))
