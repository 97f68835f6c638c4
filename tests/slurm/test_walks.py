"""The tutorial and the how-to pages, walked through as they are printed, each on a throwaway Slurm of its own.

The tutorial's last part, a served model, is walked by `make acceptance`, which has what it needs.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.slurm.lab import Lab, Scenario, scenario
from tests.walks import HOW_TO, SERVED, TUTORIAL, Said, fences, walk

pytestmark = pytest.mark.slurm

PAGES = [TUTORIAL, *HOW_TO]


def walked(page: Path) -> Scenario:
    """Return the scenario in which a page is walked through; it borrows no nodes, it has its own."""

    def through(lab: Lab) -> list[Said]:
        folder = lab.folder()
        blocks = fences(page.read_text(), end=SERVED if page == TUTORIAL else "")
        return [said for done in walk(blocks, folder) for said in done]

    return through


@pytest.mark.parametrize("page", [pytest.param(page, id=page.stem, marks=scenario(walked(page))) for page in PAGES])
def test_a_page_shows_what_its_commands_print(page: Path, run: list[Said]) -> None:
    assert run, "a page without a command"
    assert [f"$ {said.command}\n{said.printed}" for said in run if not said.alike] == []
