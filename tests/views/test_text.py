"""The placement as people see it: text to the character, and a picture that is sound."""

import re
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynplan.diagnostics import InputError
from dynplan.diagnostics.paint import COLOURED
from dynplan.diagnostics.rendering import render
from dynplan.language import parse, read, resolve
from dynplan.language.plan_file import outline, to_tree
from dynplan.model import Outline, Plan, outline_of
from dynplan.planner import plan
from dynplan.views.placement import view
from dynplan.views.ranges import runs
from dynplan.views.svg import _COLOURS, as_svg
from dynplan.views.text import _short, as_text
from tests.laws.profile import law

SGR = re.compile(r"\x1b\[[0-9;]*m")
HEAD = """\
[job]
name = "demo"
{job}
[cluster]
gpus-per-node = 8
[roles.frontend]
command = ["frontend"]
ports = {{ http = 8000 }}
"""
ROLE = """\
[roles.{name}]
command = ["{name}"]
gpus-per-worker = {gpus}
{more}
"""


def job(text: str) -> Plan:
    return plan(read(resolve([parse("job.toml", text.encode())])))


def two_roles(job_keys: str, decode: str, prefill: str, gpus: tuple[int, int] = (4, 4)) -> Outline:
    roles = zip(("decode", "prefill"), gpus, (decode, prefill), strict=True)
    text = HEAD.format(job=job_keys) + "".join(ROLE.format(name=n, gpus=g, more=more) for n, g, more in roles)
    return outline_of(job(text))


def test_two_roles_share_two_nodes() -> None:
    ports = "ports = { system = 9090, nixl = { base = 5557, count = 4 } }"
    assert as_text(two_roles("num-nodes = 2", f"num-nodes = 2\n{ports}", f"num-nodes = 2\n{ports}")) == (
        "demo: 2 nodes of 8 GPUs, 16 of 16 GPUs in use, shared, head node 0\n"
        "no GPU idle\n"
        "\n"
        "GPU     0        1        2        3        4        5        6        7\n"
        "node 0 │decode 0                           │prefill 0                          │\n"
        "node 1 │decode 1                           │prefill 1                          │\n"
        "\n"
        "role      workers  GPUs  nodes  ports\n"
        "frontend  1        -     0      http 8000\n"
        "decode    2        4     0-1    system 9090, nixl 5557-5560\n"
        "prefill   2        4     0-1    system 9091, nixl 5561-5564\n"
    )


def test_ten_thousand_nodes_stay_on_one_screen() -> None:
    found = two_roles(
        "num-nodes = 10_000",
        "num-nodes = 10_000\nworkers-per-node = 4\nports.system = 9090",
        "num-nodes = 9_000\nports.system = 9090",
        (1, 4),
    )
    assert as_text(found) == (
        "demo: 10000 nodes of 8 GPUs, 76000 of 80000 GPUs in use, shared, head node 0\n"
        "5% of the GPUs idle\n"
        "\n"
        "GPU        0       1       2       3       4       5       6       7\n"
        "node 0    │d0     │d1     │d2     │d3     │p0                             │\n"
        "node 1    │d4     │d5     │d6     │d7     │p1                             │\n"
        "  8998 nodes as node 1: 2-8999\n"
        "node 9000 │d36000 │d36001 │d36002 │d36003 │·                              │\n"
        "  999 nodes as node 9000: 9001-9999\n"
        "\n"
        "role         workers  GPUs  nodes   ports\n"
        "frontend     1        -     0       http 8000\n"
        "decode (d)   40000    1     0-9999  0, 4 .. 39996: system 9090\n"
        "                                    1, 5 .. 39997: system 9091\n"
        "                                    2, 6 .. 39998: system 9092\n"
        "                                    3, 7 .. 39999: system 9093\n"
        "prefill (p)  9000     4     0-8999  system 9094\n"
    )


def test_workers_larger_than_a_node_show_their_ranks_and_warnings_come_last() -> None:
    text = HEAD.format(job="num-nodes = 3") + ROLE.format(
        name="decode", gpus=12, more='workers = 1\nports = { a = 40000, b = { base = 70, on = "every-task" } }'
    )
    assert as_text(outline_of(job(text))) == (
        "demo: 3 nodes of 8 GPUs, 12 of 24 GPUs in use, separate, head node 0\n"
        "50% of the GPUs idle\n"
        "\n"
        "GPU     0        1        2        3        4        5        6        7\n"
        "node 0 │decode 0.0                                           │·                │\n"
        "node 1 │decode 0.1                                           │·                │\n"
        "node 2 │·                                                                      │\n"
        "\n"
        "role      workers  GPUs  nodes  ports\n"
        "frontend  1        -     0      http 8000\n"
        "decode    1        6+6   0-1    a 40000 on rank 0, b 70 on every rank\n"
        "\n"
        "warning[W201]: 1 of 3 nodes runs no role with GPUs\n"
        "help: 2 nodes hold them all\n"
        "\n"
        "warning[W301]: port `a` of role `decode` is 40000, inside the ephemeral range\n"
        "  32768-60999: an outgoing connection may take it first\n"
        "help: choose a base below 32768, or set the cluster's `ephemeral-ports`\n"
    )


def test_hosts_are_named_and_a_node_of_many_gpus_takes_several_lines() -> None:
    text = '[job]\nname = "rack"\nnodes = ["nvl72"]\n[cluster]\ngpus-per-node = 20\n' + ROLE.format(
        name="decode", gpus=18, more="workers = 1"
    )
    assert as_text(outline_of(job(text))) == (
        "rack: 1 node of 20 GPUs, 18 of 20 GPUs in use\n"
        "10% of the GPUs idle\n"
        "\n"
        "GPU           0   1   2   3   4   5   6   7   8   9   10  11  12  13  14  15\n"
        "node 0 nvl72 │d0                                                             │\n"
        "  GPU 16     │d0     │·      │\n"
        "\n"
        "role        workers  GPUs  nodes  ports\n"
        "decode (d)  1        18    0\n"
    )


def test_a_narrow_terminal_has_ports_below_their_role_and_no_line_that_is_wider() -> None:
    ports = "ports = { system = 9090, nixl = { base = 5557, count = 4 } }"
    assert as_text(two_roles("num-nodes = 2\ntime = 90", f"num-nodes = 2\n{ports}", "num-nodes = 1"), 40) == (
        "demo: 2 nodes of 8 GPUs, 12 of 16 GPUs\n"
        "in use, shared, head node 0\n"
        "25% of the GPUs idle; at most 24\n"
        "GPU-hours in 1h30m\n"
        "\n"
        "GPU     0   1   2   3   4   5   6   7\n"
        "node 0 │decode 0       │prefill 0      │\n"
        "node 1 │decode 1       │·              │\n"
        "\n"
        "role      workers  GPUs  nodes\n"
        "frontend  1        -     0\n"
        "    http 8000\n"
        "decode    2        4     0-1\n"
        "    system 9090, nixl 5557-5560\n"
        "prefill   1        4     0\n"
    )


@law
@given(
    st.lists(st.text("ab-é", min_size=1, max_size=60), min_size=1, max_size=3, unique=True),
    st.text("host", min_size=0, max_size=60),
    st.integers(1, 40),
    st.integers(1, 30),
    st.integers(40, 200),
)
def test_no_line_is_wider_than_it_may_be_and_no_name_is_lost(
    roles: list[str], host: str, gpus: int, nodes: int, width: int
) -> None:
    tree = smallest(job={"name": "wide"})
    tree["nodes"] = [{"node": at, "host": host + str(at) if host else None, "gpus": gpus} for at in range(nodes)]
    tree["workers"] = [
        {
            "role": role,
            "worker": at,
            "tasks": [{"rank": 0, "node": at, "gpus": [], "ports": {role: {"port": 8000 + at, "count": 3}}}],
        }
        for role in roles
        for at in range(nodes)
    ]
    text = as_text(outline(tree), width)
    assert max(map(len, text.splitlines())) <= width
    together = re.sub(r"\s", "", text)
    assert nodes > 16 or all(role in together for role in roles if len(role) <= 20)


def test_a_job_without_gpus_has_no_grid() -> None:
    text = '[job]\nname = "cpu"\n[roles.etcd]\ncommand = ["etcd"]\nports = { client = 2379, peer = 2380 }\n'
    assert as_text(outline_of(job(text))) == (
        "cpu: 1 node\n\nrole  workers  GPUs  nodes  ports\netcd  1        -     0      client 2379, peer 2380\n"
    )


def smallest(**more: Any) -> dict[str, Any]:
    """Return the least tree that other tools must write."""
    task = {"rank": 0, "node": 0, "gpus": [0, 1], "ports": {}}
    tree = {
        "schema": 1,
        "job": {"name": "tiny"},
        "nodes": [{"node": 0, "host": None, "gpus": 2}, {"node": 1, "host": None, "gpus": 2}],
        "workers": [{"role": "a", "worker": 0, "tasks": [task]}],
        "warnings": [],
    }
    return {**tree, **more}


def test_a_plan_without_commands_can_be_shown() -> None:
    assert as_text(outline(smallest())) == (
        "tiny: 2 nodes of 2 GPUs, 2 of 4 GPUs in use, separate\n"
        "50% of the GPUs idle\n"
        "\n"
        "GPU     0        1\n"
        "node 0 │a 0              │\n"
        "node 1 │·                │\n"
        "\n"
        "role  workers  GPUs  nodes  ports\n"
        "a     1        2     0\n"
    )


BESIDE = """\
[job]
name = "demo"
[cluster]
gpus-per-node = 8
[roles.decode]
command = ["serve"]
num-nodes = 2
gpus-per-worker = 4
ports = { http = 8000 }
[roles.profiler]
command = ["profile"]
beside = "decode"
ports = { http = 8000 }
"""


def test_a_worker_beside_another_one_is_named_on_its_slice_and_counts_no_gpu() -> None:
    assert as_text(outline_of(job(BESIDE))) == (
        "demo: 2 nodes of 8 GPUs, 8 of 16 GPUs in use, separate, head node 0\n"
        "50% of the GPUs idle\n"
        "\n"
        "GPU     0        1        2        3        4        5        6        7\n"
        "node 0 │decode 0 + profiler 0              │·                                  │\n"
        "node 1 │decode 1 + profiler 1              │·                                  │\n"
        "\n"
        "role      workers  GPUs       nodes  ports\n"
        "decode    2        4          0-1    http 8000\n"
        "profiler  2        as decode  0-1    http 8001\n"
    )


def test_a_picture_shows_who_is_beside_whom() -> None:
    picture = as_svg(outline_of(job(BESIDE)))
    texts = texts_of(picture)
    assert texts[2:4] == ["decode: 2 workers of 4 GPUs", "profiler: 2 workers as decode"]
    assert [text for text in texts if text and "+" in text] == ["decode 0 + profiler 0", "decode 1 + profiler 1"]
    assert texts.count("profiler http 8001") == 2
    assert 'class="twice"' not in picture


@pytest.mark.parametrize("change", [{"gpus": [0, 1, 2]}, {"node": 1}])
def test_a_worker_that_is_not_where_its_partner_is_breaks_the_plan(change: dict[str, Any]) -> None:
    tree = to_tree(job(BESIDE))
    tree["workers"][2]["tasks"][0] |= change
    assert "this plan breaks its promises: `dynplan check` says where" in as_text(outline(tree)).splitlines()


def test_a_gpu_that_is_booked_twice_is_seen_and_said() -> None:
    tree = smallest()
    task = {"rank": 0, "node": 0, "gpus": [1, 2], "ports": {}}
    tree["workers"].append({"role": "b", "worker": 0, "tasks": [task]})
    assert as_text(outline(tree)) == (
        "tiny: 2 nodes of 2 GPUs, 2 of 4 GPUs in use, shared\n"
        "50% of the GPUs idle\n"
        "\n"
        "GPU     0         1\n"
        "node 0 │a 0      │a 0 & b 0│\n"
        "node 1 │·                  │\n"
        "\n"
        "role  workers  GPUs  nodes  ports\n"
        "a     1        2     0\n"
        "b     1        2     0\n"
        "\n"
        "this plan breaks its promises: `dynplan check` says where\n"
    )


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ([7], "7"),
        ([0, 1], "0-1"),
        ([0, 2, 4], "0, 2, 4"),
        ([0, 2, 4, 6], "0, 2 .. 6"),
        ([0, 1, 2, 8, 10, 11], "0-2, 8, 10-11"),
        ([0, 2, 3, 7, 9, 10, 12, 15, 16], "0, 2-3, 7, ..., 15-16"),
    ],
)
def test_numbers_in_a_row_are_written_short(numbers: list[int], text: str) -> None:
    assert runs(numbers) == text


# The picture


def texts_of(picture: str) -> list[str | None]:
    elements = ElementTree.fromstring(picture).iter("{http://www.w3.org/2000/svg}text")  # noqa: S314 - our own picture
    return [element.text for element in elements]


@given(st.text(min_size=1).filter(str.isprintable))
def test_a_picture_is_sound_xml_whatever_the_job_is_called(name: str) -> None:
    tree = smallest(job={"name": name})
    tree["nodes"][0]["host"] = name
    texts = texts_of(as_svg(outline(tree)))
    assert (texts[0], texts[5]) == (name, name)


HOSTILE = st.one_of(
    st.text(max_size=40),
    st.text(
        st.sampled_from("\x00\x07\x1b\x7f\x85\x9b\u200b\u202e\u2028\u2066\ufeff\ufffe]]>&<\"'\t\r\n ab"), max_size=40
    ),
    st.sampled_from(["\x1b[2J\x1b]0;x\x07", "a\u202ebmoc.elpmaxe", "n" * 5000, "</text><script>", "\ud800"]),
)


@given(data=st.data())
def test_hostile_text_reaches_no_terminal_and_breaks_no_picture(data: st.DataObject) -> None:
    """Names, ports and warnings of a plan that anybody may have written."""
    draw = data.draw
    tree = smallest(job={"name": draw(HOSTILE)})
    tree["nodes"][0]["host"] = draw(HOSTILE)
    for worker in range(draw(st.integers(0, 3))):
        ports = {name: {"port": 70, "count": 1} for name in draw(st.lists(HOSTILE, max_size=3))}
        gpus = draw(st.sampled_from([[], [0], [1, 2]]))
        task = {"rank": 0, "node": 0, "gpus": gpus, "ports": ports}
        tree["workers"].append({"role": draw(HOSTILE), "worker": worker, "tasks": [task]})
    tree["warnings"] = [
        {"code": draw(HOSTILE), "message": draw(HOSTILE), "help": draw(HOSTILE), "path": [draw(HOSTILE)]}
        for _ in range(draw(st.integers(0, 2)))
    ]
    try:
        found = outline(tree)
    except InputError as problem:  # NUL is in no name
        assert all(line.isprintable() for line in render(problem.findings, []).splitlines())
        return
    width = draw(st.integers(40, 200))
    drawn, picture = as_text(found, width), as_svg(found)
    assert all(line.isprintable() and len(line) <= width for line in drawn.split("\n"))
    assert SGR.sub("", as_text(found, width, COLOURED)) == drawn
    assert all(line.isprintable() for line in picture.split("\n"))
    assert all((text or "").isprintable() for text in texts_of(picture))


def test_of_very_many_warnings_some_are_shown_and_all_are_counted() -> None:
    warnings = [{"code": "W301", "message": f"m{at}"} for at in range(5000)]
    found = outline(smallest(warnings=warnings))
    assert as_text(found).splitlines()[-2:] == ["", "4900 more warnings"]
    assert texts_of(as_svg(found))[-1] == "4900 more warnings"


def test_roles_are_told_apart_by_the_shortest_beginning() -> None:
    names = ["decode", "decode-long", "prefill", "p", "dx"]
    assert _short(names) == {"decode": "decode", "decode-long": "decode-", "prefill": "pr", "p": "p", "dx": "dx"}
    many = [f"r{at}" for at in range(100_000)]
    assert len(set(_short(many).values())) == 100_000


def test_a_picture_shows_every_gpu_worker_and_port() -> None:
    ports = "ports.system = 9090"
    picture = as_svg(two_roles("num-nodes = 2", f"num-nodes = 2\n{ports}", f"num-nodes = 2\n{ports}", (4, 3)))
    texts = texts_of(picture)
    assert texts[:5] == [
        "demo",
        "2 nodes of 8 GPUs, 14 of 16 GPUs in use, shared, head node 0",
        "decode: 2 workers of 4 GPUs",
        "prefill: 2 workers of 3 GPUs",
        "free",
    ]
    node = ["GPU 0", "1", "2", "3", "decode 0", "system 9090", "4", "5", "6", "prefill 0", "system 9091", "7"]
    assert texts[5:] == [
        *("node 0", "head node", *node, "frontend 0", "http 8000"),
        *("node 1", *(text.replace("e 0", "e 1").replace("l 0", "l 1") for text in node)),
    ]


def test_a_picture_of_a_job_without_gpus_shows_its_roles() -> None:
    picture = as_svg(outline_of(job('[roles.etcd]\ncommand = ["etcd"]\nports = { client = 2379 }\n')))
    assert texts_of(picture) == ["dynplan", "1 node", "node 0", "head node", "etcd 0", "client 2379"]


def test_a_picture_of_many_nodes_is_small() -> None:
    found = two_roles("num-nodes = 1_000", "num-nodes = 1_000", "num-nodes = 1_000")
    assert "998 nodes as node 1: 2-999" in as_svg(found)
    assert len(as_svg(found)) < 10_000


DOMAINS = """\
[job]
name = "racks"
[cluster]
gpus-per-node = 4
domain-nodes = {domain}
[roles.decode]
workers = {workers}
gpus-per-worker = 8
command = ["serve"]
[roles.embed]
num-nodes = {workers}
gpus-per-worker = 4
command = ["embed"]
"""


def test_nodes_of_one_domain_stand_together() -> None:
    tables = DOMAINS.format(domain=2, workers=2) + "[job.sbatch]\nsegment = 2\n"
    found = outline_of(job(tables))
    assert (
        as_text(found)
        == """\
racks: 6 nodes of 4 GPUs, 24 of 24 GPUs in use, separate, head node 0
no GPU idle

GPU     0        1        2        3
segment 0: nodes 0-1 of one domain
node 0 │decode 0.0                         │
node 1 │decode 0.1                         │
segment 1: nodes 2-3 of one domain
node 2 │decode 1.0                         │
node 3 │decode 1.1                         │
segment 2: nodes 4-5 of one domain
node 4 │embed 0                            │
node 5 │embed 1                            │

role    workers  GPUs  nodes  ports
decode  2        4+4   0-3
embed   2        4     4-5
"""
    )
    assert {"segment 0: nodes 0-1 of one domain", "segment 2: nodes 4-5 of one domain"} <= {*texts_of(as_svg(found))}


def test_of_many_domains_those_that_look_the_same_are_shown_once() -> None:
    found = outline_of(job(DOMAINS.format(domain=2, workers=3336)))
    text = as_text(found)
    assert len(found.nodes) == 10_008
    assert "segment 0: nodes 0-1 of one domain\n" in text
    assert "3334 segments as segment 1: 2-3335\n" in text
    assert len(text.splitlines()) < 30
    assert len(as_svg(found)) < 20_000


def test_segments_of_a_plan_that_is_no_good_are_shown_as_they_come() -> None:
    tree = to_tree(job(DOMAINS.format(domain=2, workers=2)))
    tree["placement"]["segment"] = 4
    assert "segment 1: nodes 4-5 of one domain" in as_text(outline(tree))


def test_a_picture_needs_nothing_from_elsewhere() -> None:
    picture = as_svg(outline(smallest()))
    assert re.findall(r"https?://[^\"]*|@import|url\(|<script|<image|href", picture) == ["http://www.w3.org/2000/svg"]


def test_white_text_can_be_read_on_every_colour() -> None:
    def light(part: str) -> float:
        share = int(part, 16) / 255
        return share / 12.92 if share <= 0.03928 else ((share + 0.055) / 1.055) ** 2.4

    for colour in _COLOURS:
        red, green, blue = (light(colour[at : at + 2]) for at in (1, 3, 5))
        assert 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05) >= 4.5, colour


def test_text_and_picture_show_the_same_rows() -> None:
    found = two_roles("num-nodes = 40", "num-nodes = 30", "num-nodes = 40")
    assert [row.node.node for row in view(found).rows] == [0, 1, 30]


def test_a_host_that_is_cut_beside_its_gpus_is_said_below() -> None:
    host = "gpu-h100-0017.cluster.example.com"
    found = outline_of(job(f'[job]\nnodes = ["{host}"]\n[cluster]\ngpus-per-node = 8\n[roles.a]\ncommand = ["x"]\n'))
    lines = as_text(found).splitlines()
    [cut] = [line for line in lines if line.startswith("node 0 ")]
    assert host not in cut
    assert lines[lines.index(cut) + 1] == f"  {host}"
