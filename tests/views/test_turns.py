"""Nodes whose GPUs are given back: shown once for each time, and counted once."""

from attrs import evolve

from dynplan.language.plan_file import outline, to_tree
from dynplan.model import Outline, outline_of
from dynplan.views.numbers import numbers_of
from dynplan.views.progress import progress_of
from dynplan.views.svg import as_svg
from dynplan.views.text import as_text
from tests.laws.jobs import Tables, planned
from tests.views.runs import at, left, log_of

TASK = {"kind": "task", "command": ["run"]}


def shown(num_nodes: int, **roles: Tables) -> Outline:
    named = {name: {"command": ["run"], **role} for name, role in roles.items()}
    job = {"name": "demo", "num-nodes": num_nodes}
    return outline_of(planned({"job": job, "cluster": {"gpus-per-node": 8}, "roles": named}))


def nodes_tested_first() -> Outline:
    return shown(
        2,
        test=TASK | {"gpus-per-worker": 8},
        decode={"after": ["test"], "num-nodes": 2, "gpus-per-worker": 4},
        look={"after": ["test"], "beside": "decode"},
        prefill={"after": ["test"], "gpus-per-worker": 4, "ports": {"http": 8000}},
    )


def test_a_node_stands_there_once_for_each_time() -> None:
    assert as_text(nodes_tested_first()) == (
        "demo: 2 nodes of 8 GPUs, 12 of 16 GPUs in use, shared, head node 0\n"
        "25% of the GPUs idle\n"
        "\n"
        "GPU     0        1        2        3        4        5        6        7\n"
        "node 0 │test 0                                                                 │\n"
        "  then │decode 0 + look 0                  │prefill 0                          │\n"
        "node 1 │decode 1 + look 1                  │·                                  │\n"
        "\n"
        "role     workers  GPUs       nodes  ports\n"
        "test     1        8          0\n"
        "decode   2        4          0-1\n"
        "look     2        as decode  0-1\n"
        "prefill  1        4          0      http 8000\n"
        "\n"
        "test ends before decode, look and prefill start, which then have GPUs or ports\n"
        "that it held\n"
    )


def test_a_role_that_stays_is_there_at_every_time() -> None:
    text = as_text(
        shown(
            1,
            store={"gpus-per-worker": 2},
            first=TASK | {"gpus-per-worker": 6},
            second=TASK | {"after": ["first"], "gpus-per-worker": 3},
            third={"after": ["second"], "gpus-per-worker": 6},
        )
    )
    lines = text.splitlines()
    first = lines.index("GPU     0        1        2        3        4        5        6        7")
    assert lines[first + 1 : first + 4] == [
        "node 0 │store 0          │first 0                                              │",
        "  then │store 0          │second 0                  │·                         │",
        "  then │store 0          │third 0                                              │",
    ]


def test_the_picture_has_a_row_for_each_time() -> None:
    picture = as_svg(nodes_tested_first())
    assert picture.count(">then</text>") == 1
    assert picture.count('text-anchor="middle">decode 0 + look 0<') == 1
    assert 'class="twice"' not in picture


def test_a_plan_that_does_not_say_who_gives_back_is_broken() -> None:
    found = nodes_tested_first()
    silent = evolve(found, workers=tuple(evolve(worker, until=()) for worker in found.workers))
    assert as_text(silent).splitlines()[-1] == "this plan breaks its promises: `dynplan check` says where"
    assert "breaks" not in as_text(found)


def test_rings_of_who_gives_back_to_whom_end() -> None:
    found = nodes_tested_first()
    others = {"test": ("decode",), "decode": ("prefill", "test"), "prefill": ("test", "decode")}
    ring = evolve(found, workers=tuple(evolve(one, until=others.get(one.role, ())) for one in found.workers))
    assert as_text(ring)
    assert as_svg(ring)


def test_an_outline_says_who_gives_back_as_its_plan_does() -> None:
    roles = {"first": TASK | {"gpus-per-worker": 8}, "second": TASK | {"gpus-per-worker": 8, "after": ["first"]}}
    plan = planned({"job": {"num-nodes": 1}, "cluster": {"gpus-per-node": 8}, "roles": roles})
    assert outline(to_tree(plan)) == outline_of(plan)
    assert outline(to_tree(plan)).in_turns


PLAN = """\
schema = 1
job = { name = "chat", id = "7" }
nodes = [ { node = 0, host = "n0", ip = "10.0.0.1", gpus = 8 } ]

[[workers]]
role = "test"
worker = 0
until = ["decode"]
tasks = [ { rank = 0, node = 0, gpus = [0, 1, 2, 3, 4, 5, 6, 7], ports = {} } ]

[[workers]]
role = "decode"
worker = 0
tasks = [ { rank = 0, node = 0, gpus = [0, 1, 2, 3], ports = {} } ]
"""
ROWS = (
    ("04:00:00", "node", ":preflight", "", "0", "n0", "10.0.0.1"),
    ("04:00:02", "started", "test", "0", "0", "n0", "95"),
    ("04:00:32", "ready", "test", "0", "0", "n0", ""),
    ("04:00:32", "exit", "test", "0", "0", "n0", "0"),
    ("04:00:35", "end", "test", "", "", "", "0"),
    ("04:00:36", "started", "decode", "0", "0", "n0", "96"),
    ("04:01:40", "ready", "decode", "0", "0", "n0", ""),
    ("04:01:50", "started", "phase:smoke", "0", "0", "n0", "100"),
)


def test_gpu_seconds_of_a_gpu_count_once_whoever_has_it() -> None:
    have = left(log_of(*ROWS), plan=PLAN)
    found = numbers_of(progress_of(have), have.outline, at("04:03:00"))
    # 110 s. Four GPUs are the test's for 30 s and then wait; four wait 4 s for decode, which takes 64 s, and then 10 s.
    assert (found.gpus, found.used, found.before_s) == (8, 8, 8 * 110)
    assert found.before_start_s == 8 * 2 + 4 * 4
    assert found.starting_s == 8 * 30 + 4 * 64
    assert found.waiting_s == 4 * 78 + 4 * 10
    assert found.unused_s == 0
    assert found.before_start_s + found.starting_s + found.waiting_s == found.before_s
