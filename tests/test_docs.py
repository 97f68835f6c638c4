"""The pages as test suites: every job in them compiles, every message in them is what dynplan says.

A fence says what it holds: `toml` is a whole job, `toml fragment` a part of one or a cluster file (with a name behind
it the file that is called so), `text NAME` a message about `tests/wrong/NAME.toml`.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import frozen

from dynplan.cli.inputs import user_documents, with_presets
from dynplan.cli.planning import plan_of
from dynplan.cli.sweeping import plan_points, sweep_of
from dynplan.diagnostics import Document, Findings
from dynplan.emitter import lower, write
from dynplan.language import parse
from dynplan.model import Plan
from tests.wrong import CASES
from tests.wrong import FOLDER as WRONG

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^(?P<indent> *)```(?P<info>[^\n`]*)\n(?P<text>.*?)^(?P=indent)```$", re.DOTALL | re.MULTILINE)


@frozen
class Fence:
    """A fenced block: its page and line, what it says it holds, and what it holds."""

    place: str
    info: str
    text: str


def fences() -> Iterator[Fence]:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for match in FENCE.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            yield Fence(f"{page.relative_to(ROOT)}:{line}", match["info"].strip(), match["text"])


FENCES = list(fences())


def of(info: str) -> list[object]:
    """Return the fences of a kind, as parameters named by their place."""
    return [pytest.param(fence, id=fence.place) for fence in FENCES if fence.info.split(" ")[:1] == [info]]


@pytest.mark.parametrize("fence", of("toml"))
def test_toml_in_the_pages_is_a_job_that_compiles_or_says_that_it_is_a_part(fence: Fence, tmp_path: Path) -> None:
    document = parse(str(tmp_path / "job.toml"), fence.text.encode())
    if fence.info.split(" ")[:2] == ["toml", "fragment"]:
        return
    assert fence.info == "toml"
    for name, text in beside(fence).items():
        (tmp_path / name).write_text(text)
    for found in planned(document):
        assert write(lower(found), "dynplan", defaultdict(str)).startswith("#!/bin/bash -p\n")


def beside(fence: Fence) -> dict[str, str]:
    """Return the files that the fence's page names, which a job in it may name too."""
    page = fence.place.partition(":")[0]
    parts = [each for each in FENCES if each.place.partition(":")[0] == page and each.info.startswith("toml fragment ")]
    return {each.info.split(" ")[2]: each.text for each in parts}


def planned(document: Document) -> list[Plan]:
    """Return the plan of a job, or those of all its points."""
    documents = user_documents(document.name, document, (), "", findings := Findings())
    if "sweep" not in document.data:
        return [plan_of(with_presets(documents, findings), findings)]
    found = list(plan_points(sweep_of(documents, findings), documents, [], findings))
    assert [point.findings for point in found if point.plan is None] == []
    return [point.plan for point in found if point.plan]


@pytest.mark.parametrize("fence", of("text"))
def test_messages_in_the_pages_are_those_of_a_wrong_file(fence: Fence) -> None:
    if fence.info == "text":
        return  # of a plan or of the command line
    name = fence.info.removeprefix("text ")
    assert name in CASES
    assert fence.text.rstrip("\n") in (WRONG / f"{name}.txt").read_text().rstrip("\n").split("\n\n")


def test_links_in_the_pages_lead_somewhere() -> None:
    for page in PAGES:
        text = FENCE.sub("", page.read_text(encoding="utf-8"))
        for target, section in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", text):
            other = page.parent / target if target else page
            assert other.exists(), f"{page.name}: {target}"
            assert not section or section in sections(other), f"{page.name}: {target}#{section}"


def sections(page: Path) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
