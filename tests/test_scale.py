"""Ten thousand nodes, with limits that a busy machine keeps; `make bench` prints the real figures."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


def measured(nodes: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.planner", str(nodes)]
    done = subprocess.run(command, capture_output=True, check=True, text=True, cwd=ROOT)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def largest() -> dict[str, Any]:
    return measured(10_000)


def test_forty_thousand_workers_are_planned_in_seconds(largest: dict[str, Any]) -> None:
    assert largest["workers"] == 40_000
    assert largest["seconds"] < 5


def test_the_peak_is_below_four_hundred_mib(largest: dict[str, Any]) -> None:
    assert largest["MiB"] < 400


def test_the_script_is_below_96_kib_whatever_the_number_of_nodes(largest: dict[str, Any]) -> None:
    assert largest["KiB"] < 96


def test_time_grows_with_the_nodes_and_not_with_their_square(largest: dict[str, Any]) -> None:
    """Ten times the nodes may take 25 times as long here; it is 11 times where nobody disturbs."""
    assert largest["seconds"] / measured(1000)["seconds"] < 25
