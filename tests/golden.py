"""What is made from the examples, made anew: `make golden` writes it, test_examples.py compares.

examples/NAME/job.toml  ->  examples/NAME/plan.toml, docs/images/NAME.svg
                            examples/NAME/job.sbatch for a few, for the others job.data.sh: what differs, without
                            the program, which is the same in all of them and would drown the diff
examples/sweep          ->  the same of its first point; points.txt, and of `dynplan sweep -o runs/sizes` submit.sh
                            and, without the program, the scripts of its arrays
tests/wrong/NAME.txt    ->  fences ```text NAME in Markdown: the message of the section's code
dynplan/engines/*.toml  ->  the tables of docs/engines.md
docs/diagnostics.md     ->  dynplan/diagnostics/codes.txt: its sections as `dynplan explain` prints them
tests/schemas.py and docs/*.md -> dynplan/language/schemas/*.json: what editors know of the files
the help texts          ->  docs/dynplan.1, the manual page
dynplan itself          ->  fences ```console that begin with `$ dynplan`: what it prints
"""

import os
import re
import tempfile
from pathlib import Path
from textwrap import indent

from typer.testing import CliRunner

from dynplan.cli import app
from tests import manpage, schemas
from tests.engines_page import PAGE, with_presets
from tests.wrong import FOLDER

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted(path.parent for path in ROOT.glob("examples/*/job.toml"))
SWEEP = ROOT / "examples" / "sweep"
SWEEP_FOLDER = "runs/sizes"
WHOLE = {"minimal", "dynamo-shared"}  # examples whose scripts are kept with the program
COMMANDS = {
    "plan.toml": ["plan"],
    "script": ["compile"],
    "placement.svg": ["show", "--format", "svg"],
}
PROGRAM = {path.stem: path.read_text().rstrip("\n") for path in ROOT.glob("dynplan/emitter/program/*.sh")}
CODES_PAGE = ROOT / "docs" / "diagnostics.md"
CODES_TEXT = ROOT / "dynplan" / "diagnostics" / "codes.txt"
PAGES = [ROOT / "README.md", CODES_PAGE, *(ROOT / "docs" / f"{name}.md" for name in ("looking", "review", "sweeps"))]
DETECTING, SAVED = ROOT / "docs" / "detecting.md", ROOT / "tests" / "detection" / "saved"

_PART = re.compile(
    r"^## (?P<code>[DW]\d+)"
    r"|^```text (?P<wrong>\S+)\n.*?^```$"
    r"|^```console\n\$ dynplan (?P<words>show|compile|diff|sweep) (?P<job>\S+(?: examples/\S+)?)"
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
    point = ["--point", "0"] if example == SWEEP else []
    status = app([*COMMANDS[artefact], str(example / "job.toml"), *point, "-o", str(output)], standalone_mode=False)
    assert not status, f"{example}: exit code {status}"
    if artefact == "script" and example.name not in WHOLE:
        output.write_text(_without_program(output.read_text()))


def of_sweep() -> dict[str, str]:
    """Return what is kept of the whole sweep, by name."""
    job = str(SWEEP / "job.toml")
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # the directory of a sweep is named relative to where it is made
        try:
            table = CliRunner().invoke(app, ["sweep", job], catch_exceptions=False)
            status = app(["sweep", job, "-o", SWEEP_FOLDER], standalone_mode=False)
        finally:
            os.chdir(before)
        assert not status
        assert (table.exit_code, table.stderr) == (0, "")
        made = Path(folder) / SWEEP_FOLDER
        arrays = {f"{path.stem}.data.sh": _without_program(path.read_text()) for path in made.glob("array-*.sbatch")}
        return {"points.txt": table.stdout, "submit.sh": (made / "submit.sh").read_text(), **arrays}


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


def with_detected(page: str) -> str:
    """Return the page on detecting with the cluster file that is made of what the tests have saved."""
    done = CliRunner().invoke(app, ["cluster", "detect", "--from", str(SAVED)], catch_exceptions=False)
    assert (done.exit_code, done.stderr) == (0, "")
    fence = re.compile(r"^```toml fragment\n.*?^```$", re.MULTILINE | re.DOTALL)
    return fence.sub(lambda _: f"```toml fragment\n{done.stdout}```", page)


def for_the_terminal(page: str) -> str:
    """Return the sections of docs/diagnostics.md as plain text: messages indented, a link by its page or text."""
    sections = page[re.search(r"^## ", page, re.MULTILINE).start() :]  # type: ignore[union-attr]
    text = re.sub(r"^## ", "", sections, flags=re.MULTILINE)
    text = re.sub(r"\[([^]]+)\]\(([\w-]+\.md)[^)]*\)", r"\1 (docs/\2)", text)
    text = re.sub(r"\[([^]]+)\]\(#[^)]*\)", r"\1", text)
    fences = re.compile(r"^```text[^\n]*\n(.*?)^```$\n?", re.MULTILINE | re.DOTALL)
    return fences.sub(lambda fence: indent(fence[1], "    ", lambda _: True), text)


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
    for name, text in of_sweep().items():
        (SWEEP / name).write_text(text)
    PAGE.write_text(with_presets(PAGE.read_text()))
    for page in PAGES:
        page.write_text(with_outputs(page.read_text()))
    DETECTING.write_text(with_detected(DETECTING.read_text()))
    schemas.main()
    manpage.main()
    CODES_TEXT.write_text(for_the_terminal(CODES_PAGE.read_text()))


if __name__ == "__main__":
    main()
