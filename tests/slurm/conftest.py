"""One throwaway cluster for all tests here, and the scenarios of the selected tests running on it at once."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from tests.slurm.containers import write_plugstack
from tests.slurm.lab import Lab, Scenario
from tests.testbed import Cluster, obstacle

NODES = 20
AT_ONCE = 8  # more keep two cores so busy that timings say nothing


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "scenario(function): what runs on the cluster before the test looks at it")
    config.addinivalue_line("markers", "on_kinds(function): the same on the cluster of several kinds of nodes")


@pytest.fixture(scope="session")
def slurm() -> None:
    """Leave where this machine can't run a Slurm: skip, or fail where DYNPLAN_REQUIRE_SLURM=1 asks for it."""
    reason = obstacle()
    if reason and os.environ.get("DYNPLAN_REQUIRE_SLURM") == "1":
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)


@pytest.fixture(scope="session")
def lab(slurm: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The cluster."""
    with Cluster.up(nodes=NODES) as cluster:
        write_plugstack(cluster.directory / "etc")
        yield Lab(cluster, tmp_path_factory.mktemp("lab"))


@pytest.fixture(scope="session")
def outcomes(lab: Lab, request: pytest.FixtureRequest) -> Iterator[Mapping[Scenario, Future[Any]]]:
    """The scenarios of all selected tests, started in the tests' order as nodes come free."""
    markers = (marker for item in request.session.items for marker in item.iter_markers("scenario"))
    scenarios = dict.fromkeys(marker.args[0] for marker in markers)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        futures = {scenario: pool.submit(scenario, lab) for scenario in scenarios}
        yield futures
        pool.shutdown(wait=False, cancel_futures=True)
        if not all(future.done() for future in futures.values()):  # -x, Ctrl-C
            lab.cluster.run(["scancel", "--signal=KILL", "--full", "--user=root"], check=False)


@pytest.fixture
def run(outcomes: Mapping[Scenario, Future[Any]], request: pytest.FixtureRequest) -> Any:
    """What the test's scenario returned."""
    marker = request.node.get_closest_marker("scenario")
    return outcomes[marker.args[0]].result()
