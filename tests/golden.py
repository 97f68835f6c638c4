"""What stands beside each example, made anew: `make golden` writes it, test_examples.py compares.

examples/NAME/job.toml  ->  examples/NAME/plan.toml, docs/images/NAME.svg
"""

from pathlib import Path

from dynplan.cli import app

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted(path.parent for path in ROOT.glob("examples/*/job.toml"))
COMMANDS = {
    "plan.toml": ["plan"],
    "placement.svg": ["show", "--format", "svg"],
}


def place(example: Path, artefact: str) -> Path:
    """Return where an artefact of an example is kept."""
    return ROOT / "docs" / "images" / f"{example.name}.svg" if artefact == "placement.svg" else example / artefact


def make(example: Path, artefact: str, output: Path) -> None:
    """Write one artefact of an example to `output`."""
    status = app([*COMMANDS[artefact], str(example / "job.toml"), "-o", str(output)], standalone_mode=False)
    assert not status, f"{example}: exit code {status}"


def main() -> None:
    """Write every artefact to its place."""
    for example in EXAMPLES:
        for artefact in COMMANDS:
            make(example, artefact, place(example, artefact))


if __name__ == "__main__":
    main()
