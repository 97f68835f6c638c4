"""Which address and interface of a node the tasks get, and where URLs hold it in place of the node's name."""

import ipaddress
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynplan.emitter.quote import word
from tests.launch.lab import bash_version, bashes, job_text, program_parts, run, stub
from tests.laws.profile import some

BASHES = [pytest.param(bash, id=bash_version(bash)) for bash in bashes()]
NODES: dict[str, Any] = {"nodes": ("n0", "n1")}
ENDS = 'stop = { grace = "1s" }'
WORKER = f"""[roles.worker]
workers = 2
gpus-per-worker = 8
command = {stub("--record", "seen", "{url-host}", "{url-ip}", "{role.worker.url.http}")}
ports = {{ http = 18400 }}
ready = {{ port = "http", path = "/health" }}
metrics = "http://{{host}}:{{port.http}}/metrics"
{ENDS}
"""
EACH = """[phases.one]
command = ["echo", "{role.worker.urls.http}", "{role.worker.endpoints.http}", "{role.worker.hosts}", "{metrics-urls}",
  { each = "worker", args = ["{it.url.http}", "{it.endpoint.http}", "{it.ip}"] }]
"""
# What `ip -oneline address` prints, as iproute2 6.1 does.
LOOPBACK = "1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever\n"


CPU = f"[roles.cpu]\ncommand = {stub('--no-ports')}\n{ENDS}"


def line(name: str, address: str, more: str = "scope global") -> str:
    family = "inet6" if ":" in address else "inet"
    return f"2: {name}    {family} {address} {more} {name}\\       valid_lft forever preferred_lft forever\n"


def environment(seen: list[dict[str, Any]], name: str) -> list[str | None]:
    return [record["env"].get(f"DYNPLAN_{name}") for record in seen]


@pytest.mark.parametrize(
    ("wanted", "first", "second"),
    [
        ('"ib0"', ("ib0", "127.1.0.1"), ("ib0", "127.1.0.2")),
        ('["hsn0", "ib0"]', ("ib0", "127.1.0.1"), ("hsn0", "127.2.0.2")),
        ('"ib*"', ("ib0", "127.1.0.1"), ("ib0", "127.1.0.2")),
        ('["ib[2-9]", "ib1?"]', ("ib2", "127.1.0.9"), ("ib10", "127.1.0.10")),
        ('["127.2.0.0/16", "127.3.0.0/16"]', ("eth0", "127.3.0.1"), ("hsn0", "127.2.0.2")),
        ('["fd00:1::/32", "127.3.0.0/16"]', ("eth0", "127.3.0.1"), ("eth0", "127.3.0.2")),
    ],
)
def test_each_node_takes_the_first_interface_that_it_has(
    tmp_path: Path, wanted: str, first: tuple[str, str], second: tuple[str, str]
) -> None:
    """Nodes that differ: names in a list, patterns (ib2 before ib10) and networks."""
    many = line("ib10", "127.1.0.10/16") + line("ib2", "127.1.0.9/16")
    (tmp_path / "ip.n0").write_text(LOOPBACK + many + line("ib0", "127.1.0.1/16") + line("eth0", "127.3.0.1/16"))
    more = line("ib0", "127.1.0.2/16") + line("eth0", "127.3.0.2/16") + line("hsn0", "127.2.0.2/16")
    (tmp_path / "ip.n1").write_text(LOOPBACK + line("ib10", "127.1.0.10/16") + more)
    done = run(job_text(WORKER, EACH, nodes=2, cluster=f"network-interface = {wanted}"), tmp_path, **NODES)
    assert (done.code, done.cause) == (0, ""), done.output
    assert list(zip(environment(done.seen(), "INTERFACE"), environment(done.seen(), "IP"), strict=True)) == [
        first,
        second,
    ]


def test_an_interface_that_no_node_has_is_told_with_those_that_it_has(tmp_path: Path) -> None:
    (tmp_path / "ip").write_text(
        LOOPBACK + line("eth0", "10.0.0.7/24") + line("eth0", "fe80::1/64", "scope link") + line("ib0", "fd00::7/64")
    )
    done = run(job_text(WORKER, nodes=2, cluster='network-interface = ["hsn*", "10.2.0.0/16"]'), tmp_path, **NODES)
    assert done.code == 65
    assert done.cause == (
        "preflight: n0: no address on network-interface hsn* 10.2.0.0/16; the node has lo 127.0.0.1, eth0 10.0.0.7, "
        "ib0 fd00::7; nothing was started"
    )


def test_a_node_without_ip_says_so(tmp_path: Path) -> None:
    done = run(job_text(CPU, cluster='network-interface = "ib0"'), tmp_path)
    expected = "preflight: n0: no address on network-interface ib0; the node has none that ip(8) tells"
    assert (done.code, done.cause) == (65, f"{expected}; nothing was started")


def test_the_interface_of_a_hosts_own_address_is_found_where_something_asks_for_it(tmp_path: Path) -> None:
    (tmp_path / "ip.n0").write_text(LOOPBACK + line("eth0", "127.0.1.1/24"))
    (tmp_path / "ip.n1").write_text(LOOPBACK + line("bond0", "127.0.1.2/24"))
    done = run(job_text(WORKER + 'env = { NCCL_SOCKET_IFNAME = "{interface}" }', EACH, nodes=2), tmp_path, **NODES)
    assert (done.code, done.cause) == (0, ""), done.output
    assert environment(done.seen(), "INTERFACE") == ["eth0", "bond0"]


def test_urls_hold_the_address_of_a_node_whose_name_has_none(tmp_path: Path) -> None:
    """A NodeName that DNS does not know: Slurm's NodeAddr stands in URLs, and the host stays Slurm's."""
    env = {"STUB_NAMELESS": "n1 host.n1", "STUB_NODE_ADDRESSES": "n0 127.0.1.1\nn1 127.0.1.2"}
    done = run(job_text(WORKER, EACH, nodes=2), tmp_path, env=env, **NODES)
    assert (done.code, done.cause) == (0, ""), done.output
    assert [seen["argv"] for seen in done.seen()] == [
        ["n0", "127.0.1.1", "http://n0:18400"],
        ["127.0.1.2", "127.0.1.2", "http://n0:18400"],
    ]
    urls = "http://n0:18400,http://127.0.1.2:18400"
    metrics = "http://n0:18400/metrics,http://127.0.1.2:18400/metrics"
    each = "http://n0:18400 n0:18400 127.0.1.1 http://127.0.1.2:18400 127.0.1.2:18400 127.0.1.2"
    said = done.text("phases/one.log").splitlines()[1]
    assert said == f"{urls} {urls.replace('http://', '')} n0,n1 {metrics} {each}"
    assert [target["targets"] for target in json.loads(done.text("prometheus.json"))] == [
        ["n0:18400"],
        ["127.0.1.2:18400"],
    ]


def test_urls_hold_the_address_of_the_interface_where_a_name_has_none(tmp_path: Path) -> None:
    (tmp_path / "ip.n0").write_text(line("ib0", "127.1.0.1/16"))
    (tmp_path / "ip.n1").write_text(line("ib0", "127.1.0.2/16"))
    job = job_text(WORKER, EACH, nodes=2, cluster='network-interface = "ib0"')
    done = run(job, tmp_path, env={"STUB_NAMELESS": "n0 n1"}, **NODES)
    assert (done.code, done.cause) == (0, ""), done.output
    assert [seen["argv"][0] for seen in done.seen()] == ["127.1.0.1", "127.1.0.2"]


def test_a_node_that_slurm_calls_otherwise_is_known_by_its_own_host_name(tmp_path: Path) -> None:
    """NodeHostname differs from NodeName. What the node is to itself alone, loopback and link, is no address."""
    job = job_text('[phases.one]\ncommand = ["echo", "{host}", "{ip}", "{url-host}"]', CPU)
    done = run(job, tmp_path, env={"STUB_NAMELESS": "n0", "STUB_OWN_ADDRESS": "10.9.8.7"})
    assert (done.code, done.cause) == (0, ""), done.output
    assert done.text("phases/one.log").splitlines()[1] == "n0 10.9.8.7 10.9.8.7"


def test_a_node_without_any_address_is_told_with_the_key_that_helps(tmp_path: Path) -> None:
    done = run(job_text(WORKER, EACH, nodes=2), tmp_path, env={"STUB_NAMELESS": "n0 n1"}, **NODES)
    assert done.code == 65
    assert done.cause.startswith("preflight: n0: the host name has no address")
    assert "network-interface" in done.cause


def test_nodes_with_ipv6_addresses_alone_need_no_setting(tmp_path: Path) -> None:
    job = job_text(WORKER.replace("workers = 2", "workers = 1"), EACH)
    done = run(job, tmp_path, env={"STUB_ADDRESS": "::1", "STUB_NAMELESS": ""})
    assert (done.code, done.cause) == (0, ""), done.output
    assert done.seen()[0]["argv"] == ["n0", "[::1]", "http://n0:18400"]
    assert environment(done.seen(), "IP") == ["::1"]
    assert done.text("phases/one.log").splitlines()[1].endswith(" http://n0:18400 n0:18400 ::1")


def test_a_worker_cannot_give_a_node_another_address(tmp_path: Path) -> None:
    """It may write events of its own to its wrapper's output, also one of the preflight."""
    lies = """echo 'dynplan|node|:preflight||0|n0|6.6.6.6=nameless=x|' >/proc/$PPID/fd/1"""
    first = f'[roles.liar]\nkind = "task"\ncommand = {json.dumps(lies)}\n'
    done = run(job_text(first, '[phases.one]\ncommand = ["echo", "{ip}", "{url-host}"]'), tmp_path)
    assert done.code == 0, done.output
    assert ("node", ":preflight", "", "0", "n0", "6.6.6.6=nameless=x") in done.events
    assert done.text("phases/one.log").splitlines()[1] == "127.0.1.1 n0"


@pytest.mark.parametrize(
    ("env", "seen"),
    [
        ({"STUB_ADDRESS": "::1"}, ["n0", "::1", "n0", "[::1]"]),
        ({"STUB_NAMELESS": "n0", "STUB_NODE_ADDRESSES": "n0 127.0.1.1"}, ["n0", "127.0.1.1", "127.0.1.1", "127.0.1.1"]),
    ],
)
def test_the_leaders_address_is_told_to_all_ranks_as_it_stands_before_a_port(
    tmp_path: Path, env: dict[str, str], seen: list[str]
) -> None:
    words = ("{leader.host}", "{leader.ip}", "{leader.url-host}", "{leader.url-ip}")
    wide = WORKER.partition("command")[0].replace("2", "1").replace("8", "16")
    role = f"{wide}command = {stub('--no-ports', '--record', 'seen', *words)}\n{ENDS}"
    done = run(job_text(role, '[phases.one]\ncommand = "true"', nodes=2), tmp_path, env=env, **NODES)
    assert (done.code, done.cause) == (0, ""), done.output
    assert [record["argv"] for record in done.seen()] == [seen, seen]


def test_nodes_that_do_not_answer_the_preflight_are_named(tmp_path: Path) -> None:
    nodes = [f"n{index}" for index in range(12)]
    job = job_text(WORKER.replace("workers = 2", "workers = 12"), nodes=12)
    done = run(job, tmp_path, nodes=nodes, env={"STUB_SILENT": " ".join(nodes[2:])})
    assert done.code == 76, done.output
    silent = "n2, n3, n4, n5, n6, n7, n8, n9 and 2 more"
    assert re.fullmatch(rf"preflight: no answer from {silent} after \d+ s; srun ended with status 1", done.cause)


@pytest.mark.parametrize("bash", BASHES)
@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("mlx5_*", "ib0"),
        ("mlx5_1", "ib1"),
        ("mlx5", ""),
        ("ib?", "ib0"),
        ("10.1.0.1", "ib1"),
        ("*", "ib0"),
        ("l*", "lo"),
    ],
)
def test_an_adapter_stands_for_its_network_interface(bash: Path, wanted: str, name: str) -> None:
    program = f"""{program_parts()["interfaces"]}
declare -A devices=([ib0]=' mlx5_0' [ib1]=' mlx5_1')
names=(ib10 ib1 ib0 lo) texts=(10.1.0.10 10.1.0.1 10.1.0.0 127.0.0.1) found=
preflight_find {word(wanted)}
echo "${{found:+${{names[found]}}}}"
"""
    assert subprocess.run([bash, "-c", program], capture_output=True, text=True, check=False).stdout == f"{name}\n"


def test_an_address_that_no_interface_has_is_told_where_its_interface_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "ip").write_text(LOOPBACK + line("eth0", "10.0.0.7/24"))
    done = run(job_text(f'{CPU}\nenv = {{ NAME = "{{interface}}" }}'), tmp_path)
    problem = (
        "no network interface has 127.0.1.1, the address of the node's name; the node has lo 127.0.0.1, eth0 10.0.0.7"
    )
    assert (done.code, done.cause) == (65, f"preflight: n0: {problem}; nothing was started")


ADDRESSES = st.ip_addresses()


@given(address=ADDRESSES, network=ADDRESSES, length=st.integers(0, 128), near=st.booleans())
@some(0.7)
@pytest.mark.parametrize("bash", BASHES)
def test_an_address_is_in_a_network_where_python_says_so(
    bash: Path, address: Any, network: Any, length: int, near: bool
) -> None:
    base = address if near else network
    found = ipaddress.ip_network(f"{base}/{min(length, base.max_prefixlen)}", strict=False)
    digits = found.max_prefixlen // 4
    hexadecimal = f"{int(found.network_address):0{digits}x}/{int(found.netmask):0{digits}x}"
    text = str(address)
    if "." in text and ":" in text:  # `ip` writes ::1.2.3.4 so, and no interface has it
        return
    program = f"{program_parts()['interfaces']}\npreflight_is_in {text} {hexadecimal}"
    done = subprocess.run([bash, "-c", program], capture_output=True, check=False)
    assert (done.returncode == 0, done.stderr) == (address in found, b"")
