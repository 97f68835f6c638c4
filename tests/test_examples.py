"""The examples are what they were: every artefact is made anew and compared byte for byte."""

from pathlib import Path

import pytest

from tests.golden import (
    CODES_PAGE,
    CODES_TEXT,
    COMMANDS,
    EXAMPLES,
    PAGES,
    ROOT,
    SWEEP,
    for_the_terminal,
    make,
    of_sweep,
    place,
    with_outputs,
)


def test_there_are_examples_and_each_has_its_artefacts_and_no_others() -> None:
    assert EXAMPLES
    assert {path.stem for path in ROOT.glob("docs/images/*.svg")} == {example.name for example in EXAMPLES}
    scripts = {place(example, "script") for example in EXAMPLES}
    assert {*ROOT.glob("examples/*/job.sbatch"), *ROOT.glob("examples/*/job.data.sh")} == scripts


@pytest.mark.parametrize("artefact", COMMANDS)
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_compiles_without_a_warning_to_the_artefact_beside_it(
    example: Path, artefact: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(example, artefact, tmp_path / artefact)
    assert capsys.readouterr() == ("", "")
    assert (tmp_path / artefact).read_text() == place(example, artefact).read_text(), "run `make golden`, read the diff"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_says_in_a_few_lines_what_it_is_for_and_how_to_compile_it(example: Path) -> None:
    lines = (example / "README.md").read_text().splitlines()
    assert lines[0].startswith("# ")
    assert len(lines) <= 12
    assert any(line.startswith(f"$ dynplan compile examples/{example.name}/job.toml ") for line in lines)


def test_the_sweep_has_its_table_and_its_arrays_beside_it() -> None:
    made = of_sweep()
    kept = {
        path.name: path.read_text()
        for path in SWEEP.iterdir()
        if path.name not in ("README.md", "job.toml", "plan.toml", "job.data.sh")
    }
    assert kept == made, "run `make golden`, read the diff"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_a_page_shows_messages_and_outputs_as_they_are_printed(page: Path) -> None:
    text = page.read_text()
    assert with_outputs(text) == text, "run `make golden`, read the diff"


def test_the_terminal_explains_codes_as_the_page_does() -> None:
    assert CODES_TEXT.read_text() == for_the_terminal(CODES_PAGE.read_text()), "run `make golden`, read the diff"


def test_the_readme_shows_the_smallest_example_as_it_is() -> None:
    example = (ROOT / "examples" / "minimal" / "job.toml").read_text()
    assert example[example.index("[job]") :] in (ROOT / "README.md").read_text()
