"""The tutorial from its empty file to the model that Dynamo serves, as it is printed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.conftest import environment
from tests.walks import SERVED, TUTORIAL, fences, walk

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(600)]


def test_a_reader_of_the_tutorial_ends_with_a_served_model(tmp_path: Path) -> None:
    environment("dynamo")
    page = TUTORIAL.read_text()
    assert [fence for fence in fences(page, begin=SERVED) if fence.info == "console"]
    said = [said for done in walk(fences(page), tmp_path) for said in done]
    assert [f"$ {each.command}\n{each.printed}" for each in said if not each.alike] == []
