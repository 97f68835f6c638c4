"""The page of troubles says what the script says: every exit code, and words that its program has."""

import re

import pytest

from tests.golden import ROOT
from tests.launch.lab import PROGRAM

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text()
SCRIPT = (ROOT / "docs" / "script.md").read_text()
TROUBLES = PAGE[PAGE.index("## Troubles of sites") :]


def codes(page: str) -> set[str]:
    """Return the numbers in the first column of a page's first table with codes."""
    table = page[page.index("| code |") if "| code |" in page else page.index("| exit code |") :].split("\n\n")[0]
    return {code for row in table.splitlines()[2:] for code in re.findall(r"\d+", row.split("|")[1])}


def test_every_exit_code_is_on_the_page() -> None:
    assert codes(SCRIPT) <= codes(PAGE)


def test_there_are_twenty_troubles_and_more() -> None:
    assert len(re.findall(r"^### ", TROUBLES, re.MULTILINE)) >= 20


def said() -> list[str]:
    """Return what the page says that the output says: the code with which a trouble begins, and cells of tables."""
    paragraphs = [part.split("\n\n")[1] for part in TROUBLES.split("\n### ")[1:]]
    begun = [code for text in paragraphs for code in re.findall(r"^(`[^`]+`(?:[;,] `[^`]+`)*)", text)]
    cells = re.findall(r"^\| (`[^`]+`)[^|]* \|", PAGE, re.MULTILINE)
    return sorted({code for text in (*begun, *cells) for code in re.findall(r"`([^`]+)`", text)})


# What the program fills in, and what is a worker's own word.
FILLED = {
    "not ready after": "not $1 after",
    "GPUs, the step shows": "$counted, the step shows",
    "killed by SIGKILL": "killed by SIG$",
    "exit status 127": "exit status $",
}
OTHERS = ("Address already in use",)


@pytest.mark.parametrize("text", said())
def test_what_the_page_quotes_is_what_the_program_says(text: str) -> None:
    program = "\n".join(path.read_text() for path in PROGRAM.glob("*.sh"))
    if text not in OTHERS:
        for piece in FILLED.get(text, text).split(" ... "):
            assert piece in program
