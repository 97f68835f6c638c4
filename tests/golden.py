"""What stands beside the examples and in the docs, made anew: `make golden` writes it, test_examples.py compares.

examples/NAME/job.toml  ->  examples/NAME/plan.toml, docs/images/NAME.svg
tests/wrong/NAME.txt    ->  the messages in docs/diagnostics.md
"""

import re
from pathlib import Path

from dynplan.cli import app
from tests.wrong import FOLDER

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted(path.parent for path in ROOT.glob("examples/*/job.toml"))
COMMANDS = {
    "plan.toml": ["plan"],
    "placement.svg": ["show", "--format", "svg"],
}
DIAGNOSTICS = ROOT / "docs" / "diagnostics.md"
# A section's code, and a fence that names the wrong job file whose message it shows.
_SECTION = re.compile(r"^## (?P<code>\w+)|^```text (?P<name>\S+)\n.*?^```$", re.MULTILINE | re.DOTALL)


def place(example: Path, artefact: str) -> Path:
    """Return where an artefact of an example is kept."""
    return ROOT / "docs" / "images" / f"{example.name}.svg" if artefact == "placement.svg" else example / artefact


def make(example: Path, artefact: str, output: Path) -> None:
    """Write one artefact of an example to `output`."""
    status = app([*COMMANDS[artefact], str(example / "job.toml"), "-o", str(output)], standalone_mode=False)
    assert not status, f"{example}: exit code {status}"


def with_messages(page: str) -> str:
    """Return a page of diagnostics with every message as it is printed today: the first one of its section's code."""
    code = "\\w+"

    def filled(match: re.Match[str]) -> str:
        nonlocal code
        if match["code"]:
            code = match["code"]
            return match[0]
        told = (FOLDER / f"{match['name']}.txt").read_text()
        message = re.search(rf"^\w+\[{code}\].*?(?=\n\n|\Z)", told, re.MULTILINE | re.DOTALL)
        assert message, f"no {code} in {match['name']}.txt"
        return f"```text {match['name']}\n{message[0].rstrip()}\n```"

    return _SECTION.sub(filled, page)


def main() -> None:
    """Write everything to its place."""
    for example in EXAMPLES:
        for artefact in COMMANDS:
            make(example, artefact, place(example, artefact))
    DIAGNOSTICS.write_text(with_messages(DIAGNOSTICS.read_text()))


if __name__ == "__main__":
    main()
