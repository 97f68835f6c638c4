"""What is made from the examples, made anew: `make golden` writes it, test_examples.py compares.

examples/NAME/job.toml  ->  examples/NAME/plan.toml, docs/images/NAME.svg
                            examples/NAME/job.sbatch for a few, for the others job.data.sh: what differs, without
                            the program, which is the same in all of them and would drown the diff
tests/wrong/NAME.txt    ->  fences ```text NAME in Markdown: the message of the section's code
dynplan/engines/*.toml  ->  the tables of docs/engines.md
dynplan itself          ->  fences ```console that begin with `$ dynplan`: what it prints
"""

import re
from pathlib import Path

from typer.testing import CliRunner

from dynplan.cli import app
from tests.engines_page import PAGE, with_presets
from tests.wrong import FOLDER

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted(path.parent for path in ROOT.glob("examples/*/job.toml"))
WHOLE = {"minimal", "dynamo-shared"}  # examples whose scripts are kept with the program
COMMANDS = {
    "plan.toml": ["plan"],
    "script": ["compile"],
    "placement.svg": ["show", "--format", "svg"],
}
PROGRAM = {path.stem: path.read_text().rstrip("\n") for path in ROOT.glob("dynplan/emitter/program/*.sh")}
PAGES = [ROOT / "README.md", ROOT / "docs" / "diagnostics.md", ROOT / "docs" / "review.md"]

_PART = re.compile(
    r"^## (?P<code>[DW]\d+)"
    r"|^```text (?P<wrong>\S+)\n.*?^```$"
    r"|^```console\n\$ dynplan (?P<words>show|compile|diff) (?P<job>\S+(?: examples/\S+)?)"
    r"(?P<head> \| head -(?P<lines>\d+))?\n.*?^```$",
    re.MULTILINE | re.DOTALL,
)


def place(example: Path, artefact: str) -> Path:
    """Return where an artefact of an example is kept."""
    match artefact:
        case "placement.svg":
            return ROOT / "docs" / "images" / f"{example.name}.svg"
        case "script":
            return example / ("job.sbatch" if example.name in WHOLE else "job.data.sh")
        case _:
            return example / artefact


def make(example: Path, artefact: str, output: Path) -> None:
    """Write one artefact of an example to `output`."""
    status = app([*COMMANDS[artefact], str(example / "job.toml"), "-o", str(output)], standalone_mode=False)
    assert not status, f"{example}: exit code {status}"
    if artefact == "script" and example.name not in WHOLE:
        output.write_text(_without_program(output.read_text()))


def _without_program(script: str) -> str:
    for name, text in PROGRAM.items():
        script = script.replace(text, f"# ... program/{name}.sh")
    return re.sub(r"(?<=, text )[0-9a-f]{12}", "of all of it", script)  # which changes with the program


def with_outputs(page: str) -> str:
    """Return a page of Markdown in which messages and outputs are what is printed today."""
    code = r"\w+"

    def filled(part: re.Match[str]) -> str:
        nonlocal code
        if part["wrong"]:
            return f"```text {part['wrong']}\n{message(part['wrong'], code)}\n```"
        if part["job"]:
            return console(part["words"], part["job"], part["head"] or "", int(part["lines"] or 0))
        code = part["code"]
        return part[0]

    return _PART.sub(filled, page)


def message(wrong: str, code: str) -> str:
    """Return what is printed about a wrong job file, the first finding of that code."""
    told = (FOLDER / f"{wrong}.txt").read_text()
    found = re.search(rf"^\w+\[{code}\].*?(?=\n\n|\Z)", told, re.MULTILINE | re.DOTALL)
    assert found, f"no {code} in {wrong}.txt"
    return found[0].rstrip()


def console(command: str, job: str, head: str, lines: int) -> str:
    """Return a fence with a command and what it prints, the first lines of it where `head` asks for so many."""
    done = CliRunner().invoke(app, [command, *(str(ROOT / name) for name in job.split())], catch_exceptions=False)
    text = done.stdout.splitlines()[: lines or None]
    return "\n".join(["```console", f"$ dynplan {command} {job}{head}", *text, "```"])


def main() -> None:
    """Write everything to its place."""
    for example in EXAMPLES:
        for artefact in COMMANDS:
            make(example, artefact, place(example, artefact))
    PAGE.write_text(with_presets(PAGE.read_text()))
    for page in PAGES:
        page.write_text(with_outputs(page.read_text()))


if __name__ == "__main__":
    main()
