"""What dynplan says about wrong job files: the text beside each file, to the character."""

import re

import pytest

from dynplan.diagnostics.findings import CODES
from tests.wrong import CASES, FOLDER, told

# Nothing that one short job file can do: what cannot be read or written, `--strict`, very many mistakes, `explain`, a
# directory of results.
ELSEWHERE = {"D004", "D005", "D006", "D007", "D008", "D125", "D128"}
# Of a sweep the others take one point, and `check` all of them.
WHOLE_SWEEPS = {"sweep-without-a-point"}


@pytest.mark.parametrize("name", CASES)
def test_a_wrong_file_is_told_apart(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER)
    expected = ("", (FOLDER / f"{name}.txt").read_text(), 1)
    for command in ("compile", "plan", "show"):
        assert told(name, command) == expected, command
    assert told(name, "check") == (("", "", 0) if name in WHOLE_SWEEPS else expected)


def test_every_text_belongs_to_a_file() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.txt")) == CASES


def test_every_code_of_a_job_file_has_its_text() -> None:
    texts = "".join(path.read_text() for path in FOLDER.glob("*.txt"))
    about_jobs = {code for code in CODES if code[:2] in ("D0", "D1", "D2", "D3")}
    assert set(re.findall(r"^error\[(D\d+)\]", texts, re.MULTILINE)) >= about_jobs - ELSEWHERE


@pytest.mark.parametrize("name", CASES)
def test_a_message_keeps_the_house_style(name: str) -> None:
    for block in (FOLDER / f"{name}.txt").read_text().split("\n\n"):
        lines = block.rstrip("\n").split("\n")
        if re.fullmatch(r"error: \d+ errors?(, \d+ warnings?)?", lines[0]):
            continue
        message = re.fullmatch(r"(?:error\[D\d{3}\]|warning\[W\d{3}\]): (.*)", lines[0])
        assert message, lines[0]
        assert re.match(r"[a-z`0-9]", message[1]), f"a message starts small: {lines[0]}"
        assert not message[1].endswith((".", "!", ":")), f"a message has no full stop: {lines[0]}"
        assert not re.search(r"did you mean|[.;] set |please", message[1], re.IGNORECASE), f"a fix in: {lines[0]}"
        if "[D006]" not in lines[0]:  # about the command line
            assert lines[1].lstrip().startswith("--> "), f"a message without a place: {lines[0]}"
