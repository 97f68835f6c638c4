"""Ports that move by the job's id: plans that keep the promise, and for each way to break it one with what is said."""

from typing import Any

import pytest

from dynplan.checker import check
from tests.checker.test_promises import messages, tree_of
from tests.checker.test_slices import bare, changed

# Ports 20000 to 20008 and, derived, 20020 and 20024; 20043 is reserved, and 20105 fixed: they lie in blocks 1 and 4.
PLAN = """\
schema = 1
nodes = [ { node = 0, gpus = 2 } ]
workers = [
    { role = "a", worker = 0, tasks = [
     { rank = 0, node = 0, gpus = [0], ports = { http = { port = 20000 }, kv = { port = 20001, count = 3 } } } ] },
    { role = "a", worker = 1, tasks = [
     { rank = 0, node = 0, gpus = [1], ports = { http = { port = 20004 }, kv = { port = 20005, count = 3 } } } ] },
    { role = "b", worker = 0, tasks = [
     { rank = 0, node = 0, gpus = [], ports = { web = { port = 20105 }, rpc = { port = 20008 } } } ] },
]
placement = { mode = "separate", lower-bound = 1, head = 0 }
job = { name = "demo", port-offset = "job-id" }
port-offset = { from = "job-id", first = 20000, step = 25, blocks = ["0", "2-3", "5-7"] }
cluster = { gpus-per-node = 2, port-range = "20000-20199", reserved-ports = ["20043-20045"] }

[roles.a]
workers = 2
gpus-per-worker = 1
ports = { http = 8000, kv = { base = 5557, count = 3, also = [19] } }

[roles.b]
ports = { web = { fixed = 20105 }, rpc = "auto" }
"""


def test_a_plan_that_keeps_its_promises_is_accepted() -> None:
    assert check(tree_of(PLAN)) == ()


def test_without_the_tables_of_the_job_blocks_are_as_they_are() -> None:
    assert check(bare(PLAN)) == ()


def test_the_cluster_may_say_it_for_all_jobs_and_a_job_otherwise() -> None:
    cluster = changed(PLAN, [(', port-offset = "job-id" }', " }"), ("{ gpus", '{ port-offset = "job-id", gpus')])
    assert check(tree_of(cluster)) == ()
    assert check(tree_of(changed(cluster, [('"demo"', '"demo", port-offset = "none"')]))) != ()


SPAN = "error[D420]: the ports that move span 20000 to 20024, and the plan has blocks of"
BROKEN: list[tuple[list[tuple[str, str]], str]] = [
    (  # where they begin
        [("first = 20000", "first = 20001")],
        f"{SPAN} 25 from 20001 on",
    ),
    (  # blocks that overlap: two jobs would meet
        [("step = 25", "step = 9")],
        f"{SPAN} 9 from 20000 on",
    ),
    (  # blocks further apart than they need
        [("step = 25", "step = 50")],
        f"{SPAN} 50 from 20000 on",
    ),
    (  # a number that the cluster keeps for others
        [('"0", "2-3"', '"0-3"')],
        "error[D420]: in block 1 20045 is held by `reserved-ports`",
    ),
    (  # the job's own port, which stays
        [('"2-3", "5-7"', '"2-7"')],
        "error[D420]: in block 4 20105 is held by port `web` of `b`, which is fixed",
    ),
    (  # past the end of the range
        [('"5-7"', '"5-8"')],
        "error[D420]: in block 8 port `http` would end at 20200, past 20199",
    ),
    (  # past a port's own bound
        [('rpc = "auto"', "rpc = { max = 20180 }")],
        "error[D420]: in block 7 port `rpc` would end at 20183, past 20180",
    ),
    (  # fewer than there are
        [('"5-7"', '"5-6"')],
        "error[D420]: a job may take block 7 too, and the plan leaves it out",
    ),
    (  # the plan's own
        [('"0", "2-3"', '"2-3"')],
        "error[D420]: a job may take block 0 too, and the plan leaves it out",
    ),
    (  # none at all
        [('port-offset = { from = "job-id", first = 20000, step = 25, blocks = ["0", "2-3", "5-7"] }\n', "")],
        "error[D420]: the job moves its ports by its id, and the plan does not say to which blocks",
    ),
    (  # ports of their own that move all the same
        [
            ('name = "demo", port-offset = "job-id"', 'name = "demo"'),
            ("http = 8000, kv = { base = 5557,", "http = 20000, kv = { base = 20001,"),
        ],
        "error[D420]: the plan moves ports by the job's id, and its job has none that move",
    ),
    (  # a base counts for nothing: the first free number of the range does
        [("rpc = { port = 20008 }", "rpc = { port = 20009 }")],
        "error[D413]: port `rpc` of worker 0 of `b` is 20009, and 20008 is the first free one",
    ),
    (  # a port outside of the range, at its base
        [("http = { port = 20000 }", "http = { port = 8000 }")],
        "error[D412]: port `http` of worker 0 of `a` is 8000, outside 20000 to 20199",
    ),
    (  # what is no block
        [('"5-7"', '"five"')],
        "error[D502]: `port-offset.blocks` of a plan must be a range of numbers",
    ),
]


@pytest.mark.parametrize(("changes", "expected"), BROKEN)
def test_a_broken_promise_is_named(changes: list[tuple[str, str]], expected: str) -> None:
    assert messages(changed(PLAN, changes)) == expected


@pytest.mark.parametrize("value", [None, 7, [], {}, {"first": -1}, {"blocks": ["0-99999"], "first": 1, "step": 0}])
def test_no_value_in_its_place_raises_anything(value: Any) -> None:
    assert check({**tree_of(PLAN), "port-offset": value}) != ()
