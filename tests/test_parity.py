"""docs/parity.md has every row once, and the tests it names exist."""

import re

from tests.golden import ROOT

PAGE = (ROOT / "docs" / "parity.md").read_text()


def test_every_row_stands_once_and_in_order() -> None:
    assert re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE) == [str(row) for row in range(1, 38)]


def test_every_test_it_names_exists() -> None:
    named = re.findall(r"`(tests/[^`]+)::(test_\w+)`", PAGE)
    assert named
    missing = [(file, name) for file, name in named if f"def {name}(" not in (ROOT / file).read_text()]
    assert missing == []
