"""Nodes whose names nobody knows but Slurm, and whose interfaces differ."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.slurm.lab import Lab, Run, succeeded
from tests.testbed import Cluster

pytestmark = [pytest.mark.slurm, pytest.mark.usefixtures("slurm")]

JOB = """\
[roles.worker]
workers = 2
gpus-per-worker = 8
command = ["{vars.python}", "{vars.stub}", "--record", "{job.dir}/seen.jsonl", "{role.worker.url.http}"]
ports = { http = 8000 }
ready = { port = "http", path = "/health" }
[phases.one]
command = "echo {role.worker.urls.http}"
"""


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Two nodes without names outside of Slurm: the second one has an IPv6 address on an interface of its own."""
    with Cluster.up(nodes=2, named=False) as cluster:
        cluster.node_run("n0", ["ip", "address", "add", "fd77::1/64", "dev", "eth0", "nodad"])
        cluster.node_run("n1", ["ip", "link", "add", "hsn0", "type", "veth", "peer", "name", "other"])
        cluster.node_run("n1", ["ip", "link", "set", "hsn0", "up"])
        cluster.node_run("n1", ["ip", "address", "add", "fd77::2/64", "dev", "hsn0", "nodad"])
        yield Lab(cluster, tmp_path_factory.mktemp("lab"))


def places(run: Run) -> list[tuple[str, str, str | None]]:
    found = (run.workers[at].env for at in sorted(run.workers))
    return [(env["DYNPLAN_HOST"], env["DYNPLAN_IP"], env.get("DYNPLAN_INTERFACE")) for env in found]


def test_slurms_node_addresses_stand_for_names_that_dns_does_not_know(nodes: Lab) -> None:
    run = nodes.run(JOB, 2)
    assert succeeded(run)
    addresses = [nodes.cluster.address(name) for name in ("n0", "n1")]
    assert places(run) == [("n0", addresses[0], None), ("n1", addresses[1], None)]
    assert run.log("phases/one.log").splitlines()[1] == ",".join(f"http://{address}:8000" for address in addresses)


@pytest.mark.parametrize("wanted", ['"fd77::/64"', '["hsn*", "fd77::/64"]'])
def test_nodes_whose_interfaces_differ_have_each_its_own(nodes: Lab, wanted: str) -> None:
    run = nodes.run(f"cluster.network-interface = {wanted}\n{JOB}", 2)
    assert succeeded(run)
    assert places(run) == [("n0", "fd77::1", "eth0"), ("n1", "fd77::2", "hsn0")]
    assert run.log("phases/one.log").splitlines()[1] == "http://[fd77::1]:8000,http://[fd77::2]:8000"
