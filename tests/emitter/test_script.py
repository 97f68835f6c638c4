"""What a script is told by single keys of a job file."""

import pytest

from tests.launch.lab import compiled, job_text
from tests.plans import plan_of, refused

ROLE = '[roles.web]\ncommand = ["serve"]\n'


@pytest.mark.parametrize(
    ("sbatch", "lines"),
    [
        ("", ["#SBATCH --mem=0"]),
        ('mem = "64G"', ["#SBATCH --mem=64G"]),
        ('mem-per-cpu = "4G"', ["#SBATCH --mem-per-cpu=4G"]),
        ('mem-per-gpu = "64G"', ["#SBATCH --mem-per-gpu=64G"]),
    ],
)
def test_sbatch_is_told_of_memory_in_one_way(sbatch: str, lines: list[str]) -> None:
    script = compiled(job_text(ROLE, f"[job.sbatch]\n{sbatch}\n"))
    assert [line for line in script.splitlines() if line.startswith("#SBATCH --mem")] == lines


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("serve --fast", 'serve --fast "$@"'),
        ("source env.sh\\nserve\\n", 'source env.sh\nserve "$@"'),
        ('serve \\"$@\\" | tee log', 'serve "$@" | tee log'),
    ],
)
def test_words_reach_a_command_in_the_shells_words_once(command: str, text: str) -> None:
    (role,) = plan_of(f'[roles.web]\ncommand = "{command}"\nargs = {{ port = 80 }}\n').job.roles
    assert role.launch.command == ("bash", "-c", text, "bash", "--port", "80")


def test_a_size_that_comes_to_nothing_is_an_error() -> None:
    text = "[cluster]\ngpus-per-node = 8\n[roles.a]\ngpus-per-worker = 'tp / 3'\nargs = { tp = 2 }\n"
    assert [finding.code for finding in refused(text)] == ["D104"]


@pytest.mark.parametrize("key", ["{job.id}", "{bogus.x}"])
def test_an_output_directory_has_no_placeholders(key: str) -> None:
    (finding,) = refused(f'[job]\noutput-dir = "out-{key}"\n[roles.a]\n')
    assert finding.message == f"`output-dir` cannot be `out-{key}`"
    assert "%j" in finding.help


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("[roles.a]\nordr = 1\n", "order"),
        ("[roles.a]\nenable = true\n", "enabled"),
        ('extend = "x.toml"\n[roles.a]\n', "extends"),
        ("[roles.a]\n[phases.b]\ncommand = 'x'\nordr = 1\n", "order"),
    ],
)
def test_a_mistyped_key_that_is_read_early_is_recognised(text: str, near: str) -> None:
    (finding,) = refused(text)
    assert (finding.code, finding.help) == ("D101", f"did you mean `{near}`?")
