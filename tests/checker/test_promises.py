"""The checker of plans: good ones it accepts, and for every promise a plan that breaks it, with what is said."""

import json
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

from dynplan.checker import check
from dynplan.diagnostics import Document
from dynplan.diagnostics.rendering import render

SHARED = """\
schema = 1
nodes = [
    { node = 0, gpus = 8 },
    { node = 1, gpus = 8 },
]
warnings = []
workers = [
    { role = "frontend", worker = 0, tasks = [
     { rank = 0, node = 0, gpus = [], ports = { http = { port = 8000, count = 1 } } } ] },
    { role = "decode", worker = 0, tasks = [
     { rank = 0, node = 0, gpus = [0, 1, 2, 3], ports = { kv = { port = 5557, count = 4 }, sys = { port = 9090 } } }]},
    { role = "decode", worker = 1, tasks = [
     { rank = 0, node = 1, gpus = [0, 1, 2, 3], ports = { kv = { port = 5557, count = 4 }, sys = { port = 9090 } } }]},
    { role = "prefill", worker = 0, tasks = [
     { rank = 0, node = 0, gpus = [4, 5], ports = { kv = { port = 5561, count = 4 }, sys = { port = 9092 } } }]},
    { role = "prefill", worker = 1, tasks = [
     { rank = 0, node = 1, gpus = [4, 5], ports = { kv = { port = 5561, count = 4 }, sys = { port = 9092 } } }]},
]
placement = { mode = "shared", lower-bound = 2, head = 0 }
job = { name = "demo", num-nodes = 2 }
cluster = { gpus-per-node = 8, reserved-ports = ["9091"] }

[roles.frontend]
ports = { http = { base = 8000, fixed = true } }

[roles.decode]
num-nodes = 2
gpus-per-worker = 4
ports = { kv = { base = 5557, count = 4 }, sys = { base = 9090 } }

[roles.prefill]
num-nodes = 2
gpus-per-worker = 2
ports = { kv = { base = 5557, count = 4 }, sys = { base = 9090, max = 9999 } }
"""

# A worker larger than a node, one number on all of its nodes, numbers that stand once in the job.
WIDE = """\
schema = 1
nodes = [
    { node = 0, gpus = 4 },
    { node = 1, gpus = 4 },
    { node = 2, gpus = 4 },
    { node = 3, gpus = 4 },
]
workers = [
    { role = "big", worker = 0, tasks = [
     { rank = 0, node = 0, gpus = [0, 1, 2], ports = { rpc = { port = 6000 }, one = { port = 7000 } } },
     { rank = 1, node = 1, gpus = [0, 1, 2], ports = { rpc = { port = 6000 }, one = { port = 7001 } } } ] },
    { role = "pair", worker = 0, tasks = [ { rank = 0, node = 2, gpus = [0, 1], ports = {} } ] },
    { role = "pair", worker = 1, tasks = [ { rank = 0, node = 2, gpus = [2, 3], ports = {} } ] },
    { role = "alone", worker = 0, tasks = [ { rank = 0, node = 3, gpus = [0], ports = {} } ] },
    { role = "beside", worker = 0, tasks = [ { rank = 0, node = 2, gpus = [], ports = { a = { port = 20000 } } } ] },
    { role = "all", worker = 0, tasks = [ { rank = 0, node = 0, gpus = [], ports = {} } ] },
    { role = "all", worker = 1, tasks = [ { rank = 0, node = 1, gpus = [], ports = {} } ] },
    { role = "all", worker = 2, tasks = [ { rank = 0, node = 2, gpus = [], ports = {} } ] },
    { role = "all", worker = 3, tasks = [ { rank = 0, node = 3, gpus = [], ports = {} } ] },
]
placement = { mode = "separate", lower-bound = 4, head = 0 }
job = { name = "demo" }
cluster = { gpus-per-node = 4 }

[roles.big]
gpus-per-worker = 6
ports = { rpc = { base = 6000, same = true }, one = { base = 7000, on = "every-task", scope = "job", also = [13] } }

[roles.pair]
gpus-per-worker = 2
num-nodes = 1
workers-per-node = 2

[roles.alone]
gpus-per-worker = 1
num-nodes = 1

[roles.beside]
place = "with:pair"
ports = { a = { base = "auto" } }

[roles.all]
place = "every-node"
"""

# Hosts by name, a dedicated node, an island that a slice should not leave.
NAMED = """\
schema = 1
nodes = [
    { node = 0, host = "a", gpus = 6 },
    { node = 1, host = "b", gpus = 6 },
    { node = 2, host = "c", gpus = 6 },
]
workers = [
    { role = "left", worker = 0, tasks = [ { rank = 0, node = 0, gpus = [0, 1], ports = {} } ] },
    { role = "left", worker = 1, tasks = [ { rank = 0, node = 1, gpus = [0, 1], ports = {} } ] },
    { role = "right", worker = 0, tasks = [ { rank = 0, node = 1, gpus = [3, 4], ports = {} } ] },
    { role = "tiny", worker = 0, tasks = [ { rank = 0, node = 1, gpus = [2], ports = {} } ] },
    { role = "store", worker = 0, tasks = [ { rank = 0, node = 2, gpus = [], ports = {} } ] },
]
placement = { mode = "shared", lower-bound = 3, head = 0 }
job = { name = "demo", nodes = ["a", "b", "c"] }
cluster = { gpus-per-node = 6, gpu-groups = [[0, 1, 2], [3, 4, 5]] }

[roles.left]
gpus-per-worker = 2
nodes = ["a", "b"]

[roles.right]
gpus-per-worker = 2
nodes = ["b"]

[roles.tiny]
gpus-per-worker = 1
nodes = ["b"]

[roles.store]
dedicated = true
nodes = ["c"]
"""

# No tables of the job: another tool's plan.
BARE = """\
{"schema": 1, "job": {"name": "demo"},
 "nodes": [{"node": 0, "host": null, "gpus": 8}, {"node": 1, "host": null, "gpus": 8}],
 "workers": [
  {"role": "decode", "worker": 0, "tasks": [
    {"rank": 0, "node": 0, "gpus": [0, 1, 2, 3, 4, 5], "ports": {"sys": {"port": 9090, "count": 2}}},
    {"rank": 1, "node": 1, "gpus": [0, 1, 2, 3, 4, 5], "ports": {}}]},
  {"role": "prefill", "worker": 0, "tasks": [
    {"rank": 0, "node": 1, "gpus": [6, 7], "ports": {"sys": {"port": 9090, "count": 1}}}]},
  {"role": "prefill", "worker": 1, "tasks": [
    {"rank": 0, "node": 0, "gpus": [6, 7], "ports": {"sys": {"port": 9092, "count": 1}}}]}],
 "warnings": []}
"""

# No number of nodes: the roles come to three, two of them full of workers that may stand anywhere.
LOOSE = """\
schema = 1
nodes = [
    { node = 0, gpus = 4 },
    { node = 1, gpus = 4 },
    { node = 2, gpus = 4 },
]
workers = [
    { role = "many", worker = 0, tasks = [ { rank = 0, node = 0, gpus = [0, 1], ports = {} } ] },
    { role = "many", worker = 1, tasks = [ { rank = 0, node = 0, gpus = [2, 3], ports = {} } ] },
    { role = "many", worker = 2, tasks = [ { rank = 0, node = 1, gpus = [0, 1], ports = {} } ] },
    { role = "one", worker = 0, tasks = [ { rank = 0, node = 2, gpus = [0, 1], ports = {} } ] },
    { role = "pair", worker = 0, tasks = [ { rank = 0, node = 0, gpus = [], ports = {} } ] },
    { role = "pair", worker = 1, tasks = [ { rank = 0, node = 1, gpus = [], ports = {} } ] },
]
placement = { mode = "separate", lower-bound = 3, head = 0 }
job = { name = "demo" }
cluster = { gpus-per-node = 4 }

[roles.many]
gpus-per-worker = 2
workers = 3

[roles.one]
gpus-per-worker = 2
workers = 1

[roles.pair]
num-nodes = 2
gpus-per-worker = 0
"""

# The fewest nodes: what is proven may be less than what was found.
FEWEST = """\
schema = 1
nodes = [
    { node = 0, gpus = 4 },
    { node = 1, gpus = 4 },
]
workers = [
    { role = "many", worker = 0, tasks = [ { rank = 0, node = 0, gpus = [0, 1, 2], ports = {} } ] },
    { role = "many", worker = 1, tasks = [ { rank = 0, node = 1, gpus = [0, 1, 2], ports = {} } ] },
    { role = "one", worker = 0, tasks = [ { rank = 0, node = 0, gpus = [3], ports = {} } ] },
]
placement = { mode = "shared", lower-bound = 2, head = 0 }
job = { name = "demo", num-nodes = "min" }
cluster = { gpus-per-node = 4 }

[roles.many]
gpus-per-worker = 3
num-nodes = 2

[roles.one]
gpus-per-worker = 1
"""

# Workers beside others: of two on one node, of one on two nodes, of one that is dedicated, and in a chain.
BESIDE = """\
schema = 1
nodes = [
    { node = 0, gpus = 4 },
    { node = 1, gpus = 4 },
    { node = 2, gpus = 4 },
]
workers = [
    { role = "look", worker = 0, shares = "pair", tasks = [
     { rank = 0, node = 0, gpus = [0, 1], ports = { http = { port = 8000 } } } ] },
    { role = "look", worker = 1, shares = "pair", tasks = [
     { rank = 0, node = 0, gpus = [2, 3], ports = { http = { port = 8001 } } } ] },
    { role = "pair", worker = 0, tasks = [
     { rank = 0, node = 0, gpus = [0, 1], ports = { http = { port = 8002 } } } ] },
    { role = "pair", worker = 1, tasks = [
     { rank = 0, node = 0, gpus = [2, 3], ports = { http = { port = 8003 } } } ] },
    { role = "big", worker = 0, tasks = [
     { rank = 0, node = 1, gpus = [0, 1, 2], ports = {} }, { rank = 1, node = 2, gpus = [0, 1, 2], ports = {} } ] },
    { role = "spare", worker = 0, shares = "big", tasks = [
     { rank = 0, node = 1, gpus = [0, 1, 2], ports = {} }, { rank = 1, node = 2, gpus = [0, 1, 2], ports = {} } ] },
    { role = "last", worker = 0, shares = "spare", tasks = [
     { rank = 0, node = 1, gpus = [0, 1, 2], ports = {} }, { rank = 1, node = 2, gpus = [0, 1, 2], ports = {} } ] },
]
placement = { mode = "separate", lower-bound = 3, head = 0 }
job = { name = "demo" }
cluster = { gpus-per-node = 4 }

[roles.look]
beside = "pair"
ports = { http = { base = 8000 } }

[roles.pair]
gpus-per-worker = 2
num-nodes = 1
workers-per-node = 2
ports = { http = { base = 8000 } }

[roles.big]
gpus-per-worker = 6
dedicated = true

[roles.spare]
beside = "big"

[roles.last]
beside = "spare"
"""

PLANS = {
    "beside": BESIDE,
    "shared": SHARED,
    "wide": WIDE,
    "named": NAMED,
    "loose": LOOSE,
    "fewest": FEWEST,
    "bare": BARE,
}


def tree_of(text: str) -> dict[str, Any]:
    tree: dict[str, Any] = json.loads(text) if text.startswith("{") else tomllib.loads(text)
    return tree


def told(text: str) -> str:
    """Return each finding as its code and message, the line that is pointed at, and the carets."""
    document = Document("plan", text, tree_of(text))
    lines = render(check(document.data), [document]).splitlines()
    kept = [line for line in lines if not line.startswith((" -->", "  -->", "error: "))]
    return "\n".join(line for line in kept if line.strip(" |"))


@pytest.mark.parametrize("name", PLANS)
def test_a_plan_that_keeps_its_promises_is_accepted(name: str) -> None:
    assert check(tree_of(PLANS[name])) == ()


def test_a_plan_without_the_tables_of_its_job_is_held_to_what_it_says_itself() -> None:
    tree = tree_of(SHARED)
    bare = {key: tree[key] for key in ("schema", "job", "nodes", "workers", "warnings")}
    assert check(bare) == ()


BROKEN: list[tuple[str, str, str, str]] = [
    # GPUs
    (
        "shared",
        "worker = 0, tasks = [\n     { rank = 0, node = 0, gpus = [4, 5]",
        "worker = 0, tasks = [\n     { rank = 0, node = 0, gpus = [3, 4]",
        "error[D401]: GPU 3 of node 0 is held twice: by worker 0 of `decode` and by worker 0 of `prefill`",
    ),
    (
        "shared",
        "node = 1, gpus = [4, 5]",
        "node = 1, gpus = [7, 8]",
        "error[D402]: worker 1 of `prefill` holds GPU 8 of node 1, which has 8",
    ),
    (
        "shared",
        "node = 1, gpus = [4, 5]",
        "node = 1, gpus = [4, 6]",
        "error[D402]: the GPUs of worker 1 of `prefill` on node 1 are 4 and 6",
    ),
    (
        "shared",
        "node = 1, gpus = [4, 5]",
        "node = 1, gpus = [5, 4]",
        "error[D402]: the GPUs of worker 1 of `prefill` on node 1 are 5 and 4",
    ),
    (
        "shared",
        "node = 1, gpus = [4, 5]",
        "node = 1, gpus = [6, 7]",
        "error[D403]: worker 1 of `prefill` starts at GPU 6 of node 1, and its turn is at 4",
    ),
    (
        "shared",
        "node = 1, gpus = [4, 5]",
        "node = 1, gpus = [4, 5, 6]",
        "error[D406]: worker 1 of `prefill` has 3 GPUs, and its role asks for 2",
    ),
    (
        "named",
        'gpus = [3, 4], ports = {} } ] },\n    { role = "tiny", worker = 0, tasks = [ { rank = 0, node = 1, gpus = [2]',
        'gpus = [2, 3], ports = {} } ] },\n    { role = "tiny", worker = 0, tasks = [ { rank = 0, node = 1, gpus = [4]',
        "error[D404]: worker 0 of `right` crosses a border of `gpu-groups` on node 1",
    ),
    (
        "wide",
        "node = 1, gpus = [0, 1, 2]",
        "node = 0, gpus = [3]",
        "error[D406]: worker 0 of `big` has two tasks on node 0\n"
        "error[D406]: worker 0 of `big` has 4 GPUs, and its role asks for 6",
    ),
    (
        "wide",
        "node = 1, gpus = [0, 1, 2]",
        "node = 1, gpus = [0, 1, 2, 3]",
        "error[D406]: worker 0 of `big` has 7 GPUs, and its role asks for 6",
    ),
    (
        "bare",
        '"node": 0, "gpus": [0, 1, 2, 3, 4, 5]',
        '"node": 0, "gpus": [0, 1, 2]',
        "error[D406]: the slices of worker 0 of `decode` have 6 and 3 GPUs",
    ),
    (
        "bare",
        '[0, 1, 2, 3, 4, 5], "ports": {"sys": {"port": 9090, "count": 2}}},\n'
        '    {"rank": 1, "node": 1, "gpus": [0, 1, 2, 3, 4, 5]',
        '[0, 1, 2], "ports": {"sys": {"port": 9090, "count": 2}}},\n    {"rank": 1, "node": 1, "gpus": [0, 1, 2]',
        "error[D406]: worker 0 of `decode` has 6 GPUs on 2 nodes, and one node holds them",
    ),
    (
        "bare",
        '"node": 0, "gpus": [6, 7]',
        '"node": 0, "gpus": [7]',
        "error[D406]: worker 1 of `prefill` has 1 GPU, and worker 0 has 2",
    ),
    (
        "bare",
        '"node": 0, "gpus": [6, 7]',
        '"node": 0, "gpus": [5, 6]',
        "error[D401]: GPU 5 of node 0 is held twice: by worker 0 of `decode` and by worker 1 of `prefill`",
    ),
    # Workers, ranks, nodes
    (
        "shared",
        'role = "decode", worker = 1',
        'role = "decode", worker = 0',
        "error[D405]: worker 1 of `decode` calls itself 0",
    ),
    (
        "shared",
        'role = "decode", worker = 1',
        'role = "prefill", worker = 0',
        "error[D405]: worker 1 of `prefill` calls itself 0",
    ),
    (
        "shared",
        'role = "frontend", worker = 0',
        'role = "router", worker = 0',
        "error[D405]: the plan has a worker of `router`, which is no role",
    ),
    (
        "wide",
        '    { role = "alone", worker = 0, tasks = [ { rank = 0, node = 3, gpus = [0], ports = {} } ] },\n',
        "",
        "error[D405]: role `alone` comes to 1 worker, and the plan has 0",
    ),
    (
        "wide",
        '    { role = "all", worker = 3, tasks = [ { rank = 0, node = 3, gpus = [], ports = {} } ] },\n',
        '    { role = "all", worker = 3, tasks = [ { rank = 0, node = 3, gpus = [], ports = {} } ] },\n'
        '    { role = "all", worker = 4, tasks = [ { rank = 0, node = 0, gpus = [], ports = {} } ] },\n',
        "error[D405]: role `all` comes to 4 workers, and the plan has 5",
    ),
    (
        "wide",
        'role = "alone", worker = 0, tasks = [ { rank = 0',
        'role = "alone", worker = 0, tasks = [ { rank = 1',
        "error[D405]: task 0 of worker 0 of `alone` has rank 1",
    ),
    (
        "wide",
        "tasks = [ { rank = 0, node = 3, gpus = [0], ports = {} } ]",
        "tasks = []",
        "error[D405]: worker 0 of `alone` has no tasks",
    ),
    (
        "named",
        'role = "tiny", worker = 0',
        'role = "left", worker = 2',
        "error[D405]: workers of `left` stand after workers of `right`",
    ),
    (
        "bare",
        '"role": "prefill", "worker": 1',
        '"role": "prefill", "worker": 2',
        "error[D405]: worker 1 of `prefill` calls itself 2",
    ),
    (
        "shared",
        "rank = 0, node = 1, gpus = [4, 5]",
        "rank = 0, node = 2, gpus = [4, 5]",
        "error[D410]: worker 1 of `prefill` stands on node 2, and the plan has 2",
    ),
    (
        "shared",
        "    { node = 1, gpus = 8 },",
        "    { node = 1, gpus = 9 },",
        "error[D410]: node 1 has 9 GPUs, and the cluster's nodes have 8",
    ),
    (
        "shared",
        "    { node = 1, gpus = 8 },",
        "    { node = 1, gpus = 8 },\n    { node = 2, gpus = 8 },",
        "error[D410]: the job asks for 2 nodes, and the plan has 3\n"
        "error[D407]: `decode` and `prefill` share node 0, and node 2 has no role of its own",
    ),
    (
        "shared",
        "    { node = 1, gpus = 8 },",
        "    { node = 0, gpus = 8 },",
        "error[D410]: node 1 of the plan calls itself 0",
    ),
    ("named", 'host = "b"', 'host = "B"', "error[D410]: node 1 is `B`, and the job's node 1 is `b`"),
    ("shared", "head = 0", "head = 1", "error[D410]: the head node is 1, and it should be 0, where `decode` begins"),
    ("shared", "head = 0", "head = 7", "error[D410]: the head node is 7, and the plan has 2"),
    ("wide", "lower-bound = 4", "lower-bound = 3", "error[D410]: `lower-bound` is 3, and for 4 nodes it is 4"),
    ("wide", "lower-bound = 4", "lower-bound = 5", "error[D410]: `lower-bound` is 5, and for 4 nodes it is 4"),
    ("shared", "lower-bound = 2", "lower-bound = 1", "error[D410]: `lower-bound` is 1, and for 2 nodes it is 2"),
    ("fewest", "lower-bound = 2", "lower-bound = 1", "error[D410]: `lower-bound` is 1, and for 2 nodes it is 2"),
    ("fewest", "lower-bound = 2", "lower-bound = 3", "error[D410]: `lower-bound` is 3, and for 2 nodes it is 2"),
    (
        "shared",
        'mode = "shared"',
        'mode = "separate"',
        "error[D410]: `mode` is `separate`, and the roles are shared on 2 nodes",
    ),
    (
        "loose",
        "    { node = 2, gpus = 4 },",
        "    { node = 2, gpus = 4 },\n    { node = 3, gpus = 4 },",
        "error[D410]: the roles come to 3 nodes, and the plan has 4",
    ),
    (
        "loose",
        'role = "pair", worker = 1, tasks = [ { rank = 0, node = 1',
        'role = "pair", worker = 1, tasks = [ { rank = 0, node = 2',
        "error[D409]: worker 1 of `pair` stands on node 2, and the first open nodes come to node 1",
    ),
    # Places
    (
        "named",
        'role = "right", worker = 0, tasks = [ { rank = 0, node = 1, gpus = [3, 4]',
        'role = "right", worker = 0, tasks = [ { rank = 0, node = 0, gpus = [3, 4]',
        "error[D409]: worker 0 of `right` stands on node 0, and the hosts its role names come to node 1",
    ),
    (
        "named",
        'role = "tiny", worker = 0, tasks = [ { rank = 0, node = 1, gpus = [2]',
        'role = "tiny", worker = 0, tasks = [ { rank = 0, node = 2, gpus = [0]',
        "error[D409]: worker 0 of `tiny` stands on node 2, and the hosts its role names come to node 1\n"
        "error[D408]: worker 0 of `tiny` stands on node 2, which is dedicated to `store`",
    ),
    (
        "wide",
        'role = "beside", worker = 0, tasks = [ { rank = 0, node = 2',
        'role = "beside", worker = 0, tasks = [ { rank = 0, node = 3',
        "error[D409]: worker 0 of `beside` stands on node 3, and `pair`, which it goes with, on node 2",
    ),
    (
        "wide",
        'role = "all", worker = 3, tasks = [ { rank = 0, node = 3',
        'role = "all", worker = 3, tasks = [ { rank = 0, node = 2',
        "error[D409]: worker 3 of `all` stands on node 2, and it belongs on node 3",
    ),
    (
        "wide",
        'role = "pair", worker = 1, tasks = [ { rank = 0, node = 2, gpus = [2, 3]',
        'role = "pair", worker = 1, tasks = [ { rank = 0, node = 1, gpus = [1, 2]',
        "error[D409]: worker 1 of `pair` stands on node 1, and 2 of its role go together on node 2\n"
        "error[D407]: `big` and `pair` share node 1, and 4 nodes keep the roles separate\n"
        "error[D401]: GPU 1 of node 1 is held twice: by worker 0 of `big` and by worker 1 of `pair`",
    ),
    (
        "wide",
        'role = "alone", worker = 0, tasks = [ { rank = 0, node = 3, gpus = [0]',
        'role = "alone", worker = 0, tasks = [ { rank = 0, node = 0, gpus = [3]',
        "error[D407]: `big` and `alone` share node 0, and 4 nodes keep the roles separate",
    ),
    (
        "shared",
        'role = "frontend", worker = 0, tasks = [\n     { rank = 0, node = 0',
        'role = "frontend", worker = 0, tasks = [\n     { rank = 0, node = 1',
        "error[D409]: worker 0 of `frontend` stands on node 1, and the head is node 0",
    ),
    # Ports
    (
        "shared",
        "ports = { kv = { port = 5561, count = 4 }, sys = { port = 9092 } } }]},\n    { role",
        "ports = { kv = { port = 5560, count = 4 }, sys = { port = 9092 } } }]},\n    { role",
        "error[D411]: port 5560 of node 0 is held by worker 0 of `decode` (`kv`) and by worker 0 of `prefill` (`kv`)",
    ),
    (
        "shared",
        "sys = { port = 9092 } } }]},\n]",
        "sys = { port = 9091 } } }]},\n]",
        "error[D411]: port 9091 of node 1 is held by `reserved-ports` and by worker 1 of `prefill` (`sys`)",
    ),
    (
        "shared",
        "sys = { port = 9092 } } }]},\n]",
        "sys = { port = 9093 } } }]},\n]",
        "error[D413]: port `sys` of worker 1 of `prefill` is 9093, and 9092 is the first free one",
    ),
    (
        "shared",
        "sys = { port = 9092 } } }]},\n]",
        "sys = { port = 10000 } } }]},\n]",
        "error[D412]: port `sys` of worker 1 of `prefill` is 10000, outside 9090 to 9999",
    ),
    (
        "shared",
        "kv = { port = 5561, count = 4 }, sys = { port = 9092 } } }]},\n]",
        "kv = { port = 5561, count = 2 }, sys = { port = 9092 } } }]},\n]",
        "error[D412]: port `kv` of worker 1 of `prefill` has 2 numbers, and its role asks for 4",
    ),
    (
        "shared",
        "http = { port = 8000, count = 1 }",
        "http = { port = 8001, count = 1 }",
        "error[D412]: port `http` of worker 0 of `frontend` is 8001, and it is fixed at 8000",
    ),
    (
        "shared",
        "ports = { http = { port = 8000, count = 1 } }",
        "ports = {}",
        "error[D412]: worker 0 of `frontend` has no port `http` on node 0",
    ),
    (
        "shared",
        "http = { port = 8000, count = 1 }",
        "http = { port = 8000, count = 1 }, web = { port = 80 }",
        "error[D412]: worker 0 of `frontend` binds port `web` on node 0, which its role does not ask for there",
    ),
    (
        "wide",
        "rpc = { port = 6000 }, one = { port = 7001 }",
        "rpc = { port = 6001 }, one = { port = 7001 }",
        "error[D412]: port `rpc` of worker 0 of `big` is 6000 on one node and 6001 on another",
    ),
    (
        "wide",
        "one = { port = 7001 }",
        "one = { port = 7000 }",
        "error[D411]: port 7000 is held by worker 0 of `big` (`one`) and by worker 0 of `big` (`one`),"
        " and stands once in the whole job",
    ),
    (
        "wide",
        "one = { port = 7001 }",
        "one = { port = 7013 }",
        "error[D411]: port 7013 is held by worker 0 of `big` (`one`) and by worker 0 of `big` (`one`),"
        " and stands once in the whole job",
    ),
    (
        "wide",
        "a = { port = 20000 }",
        "a = { port = 22000 }",
        "error[D412]: port `a` of worker 0 of `beside` is 22000, outside 20000 to 21999",
    ),
    (
        "bare",
        '"sys": {"port": 9092, "count": 1}',
        '"sys": {"port": 9091, "count": 1}',
        "error[D411]: port 9091 of node 0 is held by worker 0 of `decode` (`sys`) and by worker 1 of `prefill` (`sys`)",
    ),
    (
        "bare",
        '"sys": {"port": 9092, "count": 1}',
        '"sys": {"port": 65536, "count": 1}',
        "error[D412]: port `sys` of worker 1 of `prefill` is 65536, outside 1 to 65535",
    ),
    (
        "bare",
        '"sys": {"port": 9092, "count": 1}',
        '"web": {"port": 9092, "count": 1}',
        "error[D412]: worker 1 of `prefill` does not bind the ports that worker 0 of its role binds",
    ),
    # Workers beside others
    (
        "beside",
        'worker = 0, shares = "pair", tasks = [\n     { rank = 0, node = 0, gpus = [0, 1]',
        'worker = 0, shares = "pair", tasks = [\n     { rank = 0, node = 0, gpus = [0]',
        "error[D414]: worker 0 of `look` sees GPUs 0 of node 0, and worker 0 of `pair`, which it is beside, 0, 1",
    ),
    (
        "beside",
        'worker = 1, shares = "pair", tasks = [\n     { rank = 0, node = 0, gpus = [2, 3]',
        'worker = 1, shares = "pair", tasks = [\n     { rank = 0, node = 1, gpus = [2, 3]',
        "error[D414]: worker 1 of `look` has tasks on nodes 1, and worker 1 of `pair`, which it is beside, on 0",
    ),
    (
        "beside",
        '"spare", worker = 0, shares = "big", tasks = [\n     { rank = 0, node = 1, gpus = [0, 1, 2], ports = {} }, {',
        '"spare", worker = 0, shares = "big", tasks = [\n     {',
        "error[D405]: task 0 of worker 0 of `spare` has rank 1",
    ),
    (
        "beside",
        '"spare", worker = 0, shares = "big", tasks = [\n     { rank = 0, node = 1, gpus = [0, 1, 2], ports = {} },'
        " { rank = 1, node = 2, gpus = [0, 1, 2], ports = {} } ] },",
        '"spare", worker = 0, shares = "big", tasks = [\n     { rank = 0, node = 1, gpus = [0, 1, 2], ports = {} } ]},',
        "error[D414]: worker 0 of `spare` has tasks on nodes 1, and worker 0 of `big`, which it is beside, on 1, 2\n"
        "error[D414]: worker 0 of `last` has tasks on nodes 1, 2, and worker 0 of `spare`, which it is beside, on 1",
    ),
    (
        "beside",
        'worker = 1, shares = "pair"',
        "worker = 1",
        "error[D414]: worker 1 of `look` shares with nobody, and its role is beside `pair`\n"
        "error[D414]: worker 1 of `look` shares with nobody, and worker 0 with `pair`",
    ),
    (
        "beside",
        'role = "pair", worker = 1,',
        'role = "pair", worker = 1, shares = "big",',
        "error[D414]: worker 1 of `pair` shares with `big`, and its role is beside nobody\n"
        "error[D414]: worker 1 of `pair` shares with `big`, and worker 0 with nobody",
    ),
    (
        "beside",
        'role = "big", worker = 0,',
        'role = "big", worker = 0, shares = "big",',
        "error[D414]: worker 0 of `big` shares with `big`, and its role is beside nobody\n"
        "error[D414]: the workers of `big` share with themselves: nobody holds their GPUs",
    ),
    (
        "beside",
        '    { role = "look", worker = 1, shares = "pair", tasks = [\n'
        "     { rank = 0, node = 0, gpus = [2, 3], ports = { http = { port = 8001 } } } ] },\n",
        "",
        "error[D414]: `look` has 1 worker, and `pair`, which it shares with, has 2",
    ),
    (
        "beside",
        "port = 8001",
        "port = 8002",
        "error[D411]: port 8002 of node 0 is held by worker 1 of `look` (`http`) and by worker 0 of `pair` (`http`)",
    ),
    (
        "bare",
        '{"role": "prefill", "worker": 1,',
        '{"role": "prefill", "worker": 1, "shares": "nobody",',
        "error[D414]: worker 1 of `prefill` shares with `nobody`, and the plan has no worker of that role\n"
        "error[D414]: worker 1 of `prefill` shares with `nobody`, and worker 0 with nobody",
    ),
    # Form
    ("bare", '"schema": 1', '"schema": 2', "error[D501]: this is no plan of schema 1"),
    (
        "bare",
        '"worker": 1',
        '"worker": "1"',
        "error[D502]: `workers.worker` of a plan must be a whole number from 0 to 1000000",
    ),
    ("bare", '"gpus": [6, 7]', '"gpus": 2', "error[D502]: `workers.tasks.gpus` of a plan must be a list"),
    (
        "bare",
        '{"sys": {"port": 9092, "count": 1}}',
        "[]",
        "error[D502]: `workers.tasks.ports` of a plan must be a table",
    ),
]


@pytest.mark.parametrize(("name", "old", "new", "expected"), BROKEN)
def test_a_broken_promise_is_named(name: str, old: str, new: str, expected: str) -> None:
    text = PLANS[name]
    assert text.count(old) >= 1
    assert messages(text.replace(old, new, 1)) == expected


def messages(text: str) -> str:
    return "\n".join(line for line in told(text).splitlines() if line.startswith("error"))


def test_workers_that_share_are_held_to_it_without_the_tables_of_the_job() -> None:
    tree = tree_of(BESIDE)
    bare = {key: tree[key] for key in ("schema", "nodes", "workers")}
    assert check(bare) == ()
    ring = [{**worker, "shares": "last"} if worker["role"] == "big" else worker for worker in bare["workers"]]
    said = {finding.message for finding in check({**bare, "workers": ring})}
    assert said == {
        f"the workers of `{name}` share with themselves: nobody holds their GPUs" for name in ("big", "spare", "last")
    }
    for worker in bare["workers"]:
        worker.pop("shares", None)
    assert {finding.code for finding in check(bare)} == {"D401"}


def test_roles_that_are_separate_may_not_be_merged_onto_fewer_nodes() -> None:
    text = LOOSE.replace("    { node = 2, gpus = 4 },\n", "").replace(
        "node = 2, gpus = [0, 1]", "node = 1, gpus = [2, 3]"
    )
    assert messages(text) == "error[D410]: the roles come to 3 nodes, and the plan has 2"


SPREAD = (
    LOOSE.replace("    { node = 2, gpus = 4 },", "    { node = 2, gpus = 4 },\n    { node = 3, gpus = 4 },")
    .replace("node = 2, gpus = [0, 1]", "node = 3, gpus = [0, 1]")
    .replace("node = 1, gpus = [0, 1]", "node = 2, gpus = [0, 1]")
    .replace("node = 0, gpus = [2, 3]", "node = 1, gpus = [0, 1]")
    .replace("lower-bound = 3", "lower-bound = 4")
)


def test_workers_that_may_stand_anywhere_take_no_more_nodes_than_hold_them() -> None:
    stands = "error[D407]: `many` stands on nodes 0, 1, 2, and 2 nodes hold it"
    assert messages(SPREAD) == f"error[D410]: the roles come to 3 nodes, and the plan has 4\n{stands}"
    assert messages(SPREAD.replace('name = "demo"', 'name = "demo", num-nodes = 4')) == stands


def test_separate_roles_take_the_lowest_nodes() -> None:
    text = (
        LOOSE.replace("    { node = 2, gpus = 4 },", "    { node = 2, gpus = 4 },\n    { node = 3, gpus = 4 },")
        .replace("lower-bound = 3", "lower-bound = 4")
        .replace('name = "demo"', 'name = "demo", num-nodes = 4')
    )
    assert messages(text) == ""
    text = text.replace("node = 2, gpus = [0, 1]", "node = 3, gpus = [0, 1]")
    assert messages(text) == "error[D407]: `one` stands on node 3, and its turn is at node 2"


def test_a_plan_of_very_many_roles_workers_and_ports_is_checked_in_seconds() -> None:
    """Ten thousand roles that all break a promise, and blocks of sixty thousand ports on a thousand nodes."""
    many = range(10_000)
    task = {"rank": 0, "node": 0, "gpus": [], "ports": {f"p{at}": {"port": 1 + at} for at in range(20)}}
    tree = {
        "schema": 1,
        "nodes": [{"node": 0, "gpus": 0}],
        "workers": [{"role": f"r{at}", "worker": 0, "tasks": [task]} for at in many],
        "roles": {f"r{at}": {"ports": {f"p{at}": 2 for at in range(20)}} for at in many},
        "placement": {"head": 0},
    }
    assert len(check(tree)) == 101
    wide = {"rank": 0, "gpus": [], "ports": {"all": {"port": 5000, "count": 60_000}}}
    tree = {
        "schema": 1,
        "nodes": [{"node": at, "gpus": 0} for at in range(1000)],
        "workers": [{"role": "r", "worker": at, "tasks": [{**wide, "node": at}]} for at in range(1000)],
        "roles": {"r": {"place": "every-node", "ports": {"all": {"base": 5000, "count": 60_000}}}},
        "job": {"num-nodes": 1000},
        "placement": {"head": 0},
    }
    assert check(tree) == ()


def test_a_finding_in_a_toml_plan_shows_line_and_column() -> None:
    text = NAMED.replace("gpus = [2], ports", "gpus = [4], ports")
    document = Document("plan.toml", text, tree_of(text))
    line = '    { role = "tiny", worker = 0, tasks = [ { rank = 0, node = 1, gpus = [4], ports = {} } ] },'
    marks = " " * line.index("4]") + "^"
    assert render(check(document.data), [document]) == (
        "error[D401]: GPU 4 of node 1 is held twice: by worker 0 of `right` and by worker 0 of `tiny`\n"
        "  --> plan.toml:11:74\n"
        "   |\n"
        f"11 | {line}\n"
        f"   | {marks}\n"
    )


def test_a_finding_in_a_json_plan_shows_line_and_column() -> None:
    text = BARE.replace('"port": 9092', '"port": 9091')
    document = Document("plan.json", text, tree_of(text))
    line = '    {"rank": 0, "node": 0, "gpus": [6, 7], "ports": {"sys": {"port": 9091, "count": 1}}}]}],'
    marks = " " * line.index("9091") + "^^^^"
    assert render(check(document.data), [document]) == (
        "error[D411]: port 9091 of node 0 is held by worker 0 of `decode` (`sys`)"
        " and by worker 1 of `prefill` (`sys`)\n"
        "  --> plan.json:10:70\n"
        "   |\n"
        f"10 | {line}\n"
        f"   | {marks}\n"
    )


@pytest.mark.parametrize("value", [None, 7, -1, True, "x", [], {}, [7], [None], {"a": 1}, 10**30, 1.5])
def test_no_tree_raises_anything(value: Any) -> None:
    """Each value of a good plan, in turn, is replaced by something else."""
    for text in (BESIDE, WIDE, NAMED, LOOSE, BARE):
        tree = tree_of(text)
        for path in list(paths(tree)):
            broken = replaced(tree, path, value)
            assert all(finding.code[1] in "45" for finding in check(broken))


def paths(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of everything in a tree, the outermost first."""
    yield path
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield from paths(value, (*path, key))


def replaced(tree: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value if isinstance(value, dict) else tree
    copy = dict(tree) if isinstance(tree, dict) else list(tree)
    copy[path[0]] = replaced(tree[path[0]], path[1:], value) if path[1:] else value
    return copy
