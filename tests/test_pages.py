"""The pages are complete: every key, every row of parity, every module, every page."""

import re

import pytest

from dynplan.diagnostics import InputError
from dynplan.language import parse, read, resolve
from dynplan.language.sweep import _OURS
from tests.golden import ROOT
from tests.launch.lab import PROGRAM

JOB_PAGE = (ROOT / "docs" / "job-file.md").read_text()
CLUSTER_PAGE = (ROOT / "docs" / "cluster-file.md").read_text()
PARITY = (ROOT / "docs" / "parity.md").read_text()
BEFORE_THE_READER = {"order", "enabled"}  # `dynplan.language.inheritance` takes them out of roles and phases


def section(page: str, heading: str) -> str:
    """Return a page from a heading to the next one that is as high or higher."""
    depth = len(heading.split()[0])
    return re.split(rf"^#{{2,{depth}}} ", page[page.index(f"{heading}\n") + len(heading) :], flags=re.MULTILINE)[0]


def keys_told(text: str) -> set[str]:
    """Return the keys in the first column of tables whose first column is called `key`."""
    tables = re.findall(r"^\| key \|.*\n\|[-|]+\n((?:\|.*\n)+)", text, re.MULTILINE)
    cells = [row.split("|")[1] for table in tables for row in table.splitlines()]
    return {key.split(" ")[0] for cell in cells for key in re.findall(r"`([^`]+)`", cell)}


def keys_known(table: str) -> set[str]:
    """Return the keys that an unknown key's finding lists, in a job file with just that table."""
    with pytest.raises(InputError) as caught:
        read(resolve([parse("job.toml", f"{table.replace('KEY', 'zzzzzz')}\n".encode())]))
    found = next(finding for finding in caught.value.findings if "`zzzzzz`" in finding.message)
    return set(found.help.removeprefix("known keys: ").split(", "))


@pytest.mark.parametrize(
    ("heading", "table"),
    [
        ("## `[job]`", "[job]\nKEY = 1"),
        ("## `[roles.NAME]`", "[roles.a]\nKEY = 1"),
        ("### `ports`", "[roles.a]\nports = { a = { base = 1, KEY = 1 } }"),
        ("## `[phases.NAME]`", "[phases.a]\nKEY = 1"),
    ],
)
def test_the_page_names_the_keys_of_a_table(heading: str, table: str) -> None:
    text = section(JOB_PAGE, heading)
    if heading == "## `[roles.NAME]`":
        for other in ("### `ports`", "#### Probes"):
            text = text.replace(section(JOB_PAGE, other), "")
    assert keys_told(text) - BEFORE_THE_READER == keys_known(table) - BEFORE_THE_READER


def test_the_page_names_the_keys_of_a_cluster() -> None:
    assert keys_told(CLUSTER_PAGE) == keys_known("[cluster]\nKEY = 1")


def test_the_page_on_sweeps_names_the_keys_of_its_tables() -> None:
    page = (ROOT / "docs" / "sweeps.md").read_text()
    swept = keys_told(section(page, "## `[sweep]`"))
    assert {key for key in swept if "." not in key} == set(_OURS)
    assert keys_told(section(page, "## Results")) == keys_known("[results.a]\nKEY = 1")


def test_the_page_on_the_script_names_its_events_and_exit_codes() -> None:
    page = (ROOT / "docs" / "script.md").read_text()
    left = section(page, "## What it leaves")
    program = "\n".join(path.read_text() for path in sorted(PROGRAM.glob("*.sh")))
    events = set(re.findall(r"^\t+event ([a-z]+) ", program, re.MULTILINE)) | set(
        re.findall(r"dynplan\|([a-z]+)\|", program)
    )
    events |= set(re.findall(r"\bwatch ([a-z]+) &", program))
    assert set(re.findall(r"^\| `([a-z]+)` \|", left, re.MULTILINE)) == events
    codes = re.findall(r"(?:fail|blame|fail_outside|event failed) ['\"]?(\d+) ", program)
    told = re.findall(r"^\| (\d+) \|", page, re.MULTILINE)
    assert set(codes) <= set(told)
    head, _, _ = (PROGRAM / "plan.sh").read_text().partition("\n#\n# What")
    assert set(re.findall(r"\b(\d+)\b", head)) == set(told)


def test_the_page_on_the_script_explains_every_heading() -> None:
    page = (ROOT / "docs" / "script.md").read_text()
    program = "\n".join(path.read_text() for path in sorted(PROGRAM.glob("*.sh")))
    headings = re.findall(r"^# (?:----|====) (.*) (?:----|====)$", program, re.MULTILINE)
    assert len(headings) > 15
    assert [heading for heading in headings if f"`{heading}`" not in page] == []


def test_every_row_stands_once_and_in_order() -> None:
    assert re.findall(r"^\| (\d+) \|", PARITY, re.MULTILINE) == [str(row) for row in range(1, 38)]


@pytest.mark.parametrize("page", ["parity", "field"])
def test_every_test_it_names_exists(page: str) -> None:
    named = re.findall(r"`(tests/[^`]+)::(test_\w+)`", (ROOT / "docs" / f"{page}.md").read_text())
    assert len(named) > 30
    missing = [(file, name) for file, name in named if f"def {name}(" not in (ROOT / file).read_text()]
    assert missing == []


def test_the_page_on_design_names_every_module() -> None:
    page = (ROOT / "docs" / "design.md").read_text()
    for package in sorted(path.parent for path in (ROOT / "dynplan").rglob("__init__.py")):
        row = re.search(rf"^\| `{package.name}/` \|.*$", page, re.MULTILINE)
        modules = {path.name for path in package.glob("*.py")} - {"__init__.py"}
        named = set(re.findall(r"`(\w+\.py)`", row[0])) if row else set()
        assert named == modules, package.name


def test_the_index_leads_to_every_page() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    pages = [str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")]
    assert [page for page in pages if f"]({page})" not in index] == ["README.md"]
