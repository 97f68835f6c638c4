"""A path that only the run knows is text to a command that bash runs, whatever the folder of the job is called."""

import json
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynplan.language.shell_text import RUN_PATHS, with_variables
from dynplan.language.templates import Ref, parse
from tests.launch.lab import job_text, run
from tests.launch.test_run import role

CONTEXTS = {
    "bare": "printf '%s\\0' {job.dir}/x",
    "double": "printf '%s\\0' \"{job.dir}/x\"",
    "single": "printf '%s\\0' '{job.dir}/x'",
    "escaped": "printf '%s\\0' $'it\\'s'{job.dir}/x$'\\t{job.dir}'",
    "inside": "printf '%s\\0' \"$(printf %s \"{job.dir}\")\" '$(x)'",
    "comment": "# it's a comment\nprintf '%s\\0' '{job.dir}'",
    "document": "cat <<END\n{job.dir}\nEND",
    "after": "cat >/dev/null <<-'E'\nit's $(x)\n\tE\nprintf '%s\\0' {job.dir}/x '{job.dir}'",
    "string": "cat >/dev/null <<< x\nprintf '%s\\0' {job.dir}",
    "shift": "printf '%s\\0' $((1<<2)) {job.dir}\nprintf '%s\\0' {job.dir}",
}
TOLD = {
    "bare": "DIR/x\0",
    "double": "DIR/x\0",
    "single": "DIR/x\0",
    "escaped": "it'sDIR/x\tDIR\0",
    "inside": "DIR\0$(x)\0",
    "comment": "DIR\0",
    "document": "DIR\n",
    "after": "DIR/x\0DIR\0",
    "string": "DIR\0",
    "shift": "4\0DIR\0DIR\0",
}


def shell(template: str) -> str:
    """Return the text that bash gets, with the variables of a run."""
    parts = with_variables(parse(template))
    assert not any(isinstance(part, Ref) and part.name in RUN_PATHS for part in parts)
    return "".join(part for part in parts if isinstance(part, str))


@pytest.mark.parametrize("context", CONTEXTS)
@given(folder=st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12))
@settings(max_examples=25, deadline=None)
def test_bash_sees_the_folder_as_it_is_called(context: str, folder: str) -> None:
    expected = TOLD[context].replace("DIR", folder)
    variables = {"DYNPLAN_JOB_DIR": folder.encode()}
    done = subprocess.run(["bash", "-c", shell(CONTEXTS[context])], capture_output=True, env=variables, check=False)
    assert done.stdout == expected.encode(), done.stderr


@pytest.mark.parametrize("name", ["$(touch hacked)", "a b", "it's", '"', "`touch hacked`", "*"])
def test_a_job_of_a_folder_with_any_name_runs(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    command = "echo one >{job.dir}/a; echo two >\"{job.dir}/b\"; echo three >'{job.dir}/c'"
    done = run(job_text(role("worker", json.dumps(command), 'kind = "task"')), folder)
    assert (done.code, done.cause) == (0, ""), done.output
    assert [(folder / "out" / file).read_text() for file in "abc"] == ["one\n", "two\n", "three\n"]
    assert not [*tmp_path.rglob("hacked")]


def test_what_a_document_with_a_quoted_end_holds_stays_as_it_stands() -> None:
    assert Ref("job.dir") in with_variables(parse("cat <<'E'\n{job.dir}\nE\n"))
