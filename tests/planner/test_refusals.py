"""Rule 9 of "Placement": whatever does not fit, with what is said about it word by word, and where."""

import pytest

from dynplan.diagnostics import Document, InputError
from dynplan.language import parse, read, resolve
from dynplan.planner import plan
from tests.planner.test_placement import EIGHT, role, total
from tests.plans import refused


def hosts(*names: str) -> str:
    return "[job]\nnodes = [" + ", ".join(f'"{name}"' for name in names) + "]\n"


REFUSED = [
    (
        EIGHT + role("a", 3, "workers-per-node = 3"),
        [
            "D209 roles.a.workers-per-node: role `a` wants 3 workers of 3 GPUs on a node, which is 9 GPUs,"
            " but a node has 8\n"
            "set `roles.a.workers-per-node = 2`, or set `roles.a.gpus-per-worker = 2`",
        ],
    ),
    (
        role("a", 4),
        [
            "D210 roles.a.gpus-per-worker: role `a` needs 4 GPUs, but the cluster has no `gpus-per-node`\n"
            "set `cluster.gpus-per-node = 8`, or name a cluster file with `--cluster`",
        ],
    ),
    (
        role("a", 4, "per-node = true"),
        [
            "D210 roles.a.gpus-per-worker: role `a` needs 4 GPUs, but the cluster has no `gpus-per-node`\n"
            "set `cluster.gpus-per-node = 8`, or name a cluster file with `--cluster`",
        ],
    ),
    (
        EIGHT + role("a", 12, "per-node = true"),
        [
            "D201 roles.a.per-node: role `a` needs 12 GPUs per worker, but a node has 8\n"
            "set `roles.a.per-node = false`, or set `roles.a.gpus-per-worker = 8`, or leave out `per-node`:"
            " each worker spans 2 nodes",
        ],
    ),
    (
        EIGHT + role("probe", 2, "per-node = true", "workers-per-node = 2") + role("a", 5),
        [
            "D210 roles.a.gpus-per-worker: role `a` needs 5 GPUs per worker, but of a node's 8 the roles on"
            " every node leave 4\n"
            "set `roles.a.gpus-per-worker = 4`, or set `roles.probe.workers-per-node = 1`",
        ],
    ),
    (
        EIGHT + role("probe", 6, "per-node = true") + role("a", 12),
        [
            "D210 roles.a.gpus-per-worker: role `a` needs 12 GPUs per worker, but of a node's 8 the roles"
            " on every node leave 2\n"
            "set `roles.a.gpus-per-worker = 2`, or set `roles.probe.gpus-per-worker = 2`",
        ],
    ),
    (
        EIGHT + role("probe", 5, "per-node = true") + role("b", 4, "per-node = true") + role("a", 1),
        [
            "D209 roles.b.per-node: the roles on every node need 9 GPUs there (`probe` 5, `b` 4), but a"
            " node has 8\n"
            "set `roles.b.gpus-per-worker = 2`, or set `roles.probe.gpus-per-worker = 4`",
            "D210 roles.a.gpus-per-worker: role `a` needs 1 GPU per worker, but of a node's 8 the roles on"
            " every node leave 0\n"
            "set `roles.probe.gpus-per-worker = 3`, or set `roles.b.gpus-per-worker = 2`",
        ],
    ),
    (
        EIGHT + total(2) + role("a", 8, "num-nodes = 2", "dedicated = true") + "[roles.frontend]\n",
        [
            "D208 roles.frontend: role `frontend` needs 1 node, and of the job's 2 0 are open to it: the"
            " others are dedicated to `a`\n"
            "set `job.num-nodes = 3`, or set `roles.a.dedicated = false`",
        ],
    ),
    (
        EIGHT
        + total(3)
        + role("a", 8, "num-nodes = 2", "dedicated = true")
        + "[roles.s]\ngpus-per-worker = 0\nnum-nodes = 2\n",
        [
            "D208 roles.s: role `s` needs 2 nodes, and of the job's 3 1 is open to it: the others are"
            " dedicated to `a`\n"
            "set `job.num-nodes = 4`, or set `roles.a.dedicated = false`",
        ],
    ),
    (
        EIGHT + role("a", 8, 'nodes = ["x", "y"]', "dedicated = true") + "[roles.frontend]\n",
        [
            "D208 roles.frontend: role `frontend` needs 1 node, and of the job's 2 0 are open to it: the"
            " others are dedicated to `a`\n"
            "set `job.num-nodes = 3`, or set `roles.a.dedicated = false`",
        ],
    ),
    (
        EIGHT + role("a", 8) + '[roles.s]\nworkers = 2\nspread = true\nplace = "with:a"\n',
        [
            "D202 roles.s.spread: role `s` wants 2 workers on node 0, and `spread` allows one\n"
            "set `roles.s.workers = 1`, or set `roles.s.spread = false`",
        ],
    ),
    (
        EIGHT + role("a", 2, "per-node = true", "workers-per-node = 2", "spread = true"),
        [
            "D202 roles.a.spread: role `a` wants 2 workers on node 0, and `spread` allows one\n"
            "set `roles.a.workers-per-node = 1`, or set `roles.a.spread = false`",
        ],
    ),
    (
        EIGHT + total(1) + role("a", 8, 'nodes = ["x", "y"]'),
        [
            "D211 job.num-nodes: the roles name 2 hosts, but `num-nodes` is 1\n"
            "set `job.num-nodes = 2`, or leave it out",
            "D203 job.num-nodes: not enough nodes: the job has 1, and role `a` needs at least 2 for 2"
            " workers of 8 GPUs; together the roles need 16 of 8 GPUs\n"
            "set `job.num-nodes = 2`",
        ],
    ),
    (
        EIGHT + total(1000000) + role("a", 2, "num-nodes = 1000000"),
        [
            "D212 roles.a.num-nodes: role `a` needs 1000000 nodes, and a job has at most 65536\n"
            "ask for fewer or smaller workers",
        ],
    ),
    (
        EIGHT + role("a", 1, "num-nodes = 900000", "workers-per-node = 8"),
        [
            "D212 roles.a.num-nodes: role `a` needs 900000 nodes, and a job has at most 65536\n"
            "ask for fewer or smaller workers",
        ],
    ),
    (
        EIGHT + total(1000000) + role("a", 1, "per-node=true", "workers-per-node = 8"),
        [
            "D212 job.num-nodes: the job comes to 1000000 nodes, and a job has at most 65536\nask for fewer nodes",
        ],
    ),
    (
        EIGHT + role("a", 12, 'workers-per-node = "max"'),
        [
            "D201 roles.a.workers-per-node: role `a` needs 12 GPUs per worker, but a node has 8\n"
            "set `roles.a.workers-per-node = 1`, or set `roles.a.gpus-per-worker = 8`, or leave out"
            " `workers-per-node`: each worker spans 2 nodes",
        ],
    ),
    (
        EIGHT + role("a", 12, "num-nodes = 3"),
        [
            "D201 roles.a.gpus-per-worker: role `a` needs 12 GPUs per worker, but a node has 8: each worker"
            " spans 2 nodes, and `a` asks for 3\n"
            "set `roles.a.num-nodes = 4`, or set `roles.a.gpus-per-worker = 8`",
        ],
    ),
    (
        EIGHT + role("a", 12, 'nodes = ["x", "y", "z"]'),
        [
            "D201 roles.a.gpus-per-worker: role `a` needs 12 GPUs per worker, but a node has 8: each worker"
            " spans 2 nodes, and `a` asks for 3\n"
            "set `roles.a.gpus-per-worker = 8`",
        ],
    ),
    (
        EIGHT + role("a", 12, "num-nodes = 4", "workers = 3"),
        [
            "D202 roles.a.workers: role `a` asks for 3 workers of 12 GPUs, but 4 nodes, 2 for each worker,"
            " make 2: 3 workers need 6 nodes\n"
            "set `roles.a.workers = 2`, or set `roles.a.num-nodes = 6`",
        ],
    ),
    (
        EIGHT + role("a", 3, "workers = 5", 'workers-per-node = "max"'),
        [
            "D202 roles.a.workers: role `a` asks for 5 workers of 3 GPUs, but 3 nodes with 2 workers each"
            " make 6\n"
            "set `roles.a.workers = 6`",
        ],
    ),
    (
        EIGHT + total(2) + role("a", 6, "num-nodes = 2") + role("b", 3) + role("c", 1),
        [
            "D204 job.num-nodes: the roles do not fit on 2 nodes of 8 GPUs: together they need 16 of 16"
            " GPUs (`a` 6 GPUs on each of 2 nodes, `b` 3 GPUs on one node, `c` 1 GPU on one node)\n"
            "set `job.num-nodes = 3`, or set `roles.a.gpus-per-worker = 5`",
        ],
    ),
    (
        EIGHT + role("a", 1, "ports = { x = { fixed = 8000 }, y = { fixed = 8000, count = 3 } }"),
        [
            "D303 roles.a.ports.y: port 8000 of role `a` (`y`, fixed) is held by port `x` of `a` on node 0\n"
            "set `roles.a.ports.y.fixed = 8001`, or set `roles.a.ports.y.fixed = false`",
        ],
    ),
    (
        EIGHT
        + 'reserved-ports = ["8000-8004"]\n'
        + role("a", 1, "ports = { x = { base = 7999, count = 3, fixed = true } }"),
        [
            "D303 roles.a.ports.x: port 7999 of role `a` (`x`, fixed) takes 8000 too, which is reserved by"
            " the cluster on node 0\n"
            "set `roles.a.ports.x.base = 8005`, or set `roles.a.ports.x.fixed = false`, or take the port"
            " out of `reserved-ports`",
        ],
    ),
    (
        EIGHT + 'reserved-ports = ["65534-65535"]\n' + role("a", 1, "ports = { x = { fixed = 65535 } }"),
        [
            "D303 roles.a.ports.x: port 65535 of role `a` (`x`, fixed) is reserved by the cluster on node 0\n"
            "set `roles.a.ports.x.fixed = 1024`, or set `roles.a.ports.x.fixed = false`, or take the port"
            " out of `reserved-ports`",
        ],
    ),
    (
        EIGHT + 'reserved-ports = ["65534-65535"]\n' + role("a", 1, "ports = { x = { fixed = 65535, min = 2000 } }"),
        [
            "D303 roles.a.ports.x: port 65535 of role `a` (`x`, fixed) is reserved by the cluster on node 0\n"
            "set `roles.a.ports.x.fixed = 2000`, or set `roles.a.ports.x.fixed = false`, or take the port"
            " out of `reserved-ports`",
        ],
    ),
    (
        EIGHT + role("a", 1, "workers = 2", "ports = { x = { fixed = 8000 } }"),
        [
            "D303 roles.a.ports.x: port 8000 of role `a` (`x`, fixed) is held by port `x` of `a` on node 0\n"
            "set `roles.a.ports.x.fixed = false`",
        ],
    ),
    (
        EIGHT + role("a", 1, "workers = 3", "ports = { x = { base = 9000, max = 9001 } }"),
        [
            "D301 roles.a.ports.x: port `x` of role `a`, worker 2, finds no free number from 9000 to 9001"
            " on node 0: port `x` of `a` holds 9000-9001\n"
            "set `roles.a.ports.x.max = 9002`, or set `roles.a.ports.x.base = 8999`",
        ],
    ),
    (
        EIGHT
        + role("a", 1, "ports = { p = 9000, q = 9001, r = 9002, s = 9003, t = 9004, x = { base = 9000, max = 9004 } }"),
        [
            "D301 roles.a.ports.x: port `x` of role `a`, worker 0, finds no free number from 9000 to 9004"
            " on node 0: port `p` of `a` holds 9000, port `q` of `a` holds 9001, port `r` of `a` holds 9002"
            " and 2 more\n"
            "set `roles.a.ports.x.max = 9005`, or set `roles.a.ports.x.base = 8999`",
        ],
    ),
    (
        EIGHT
        + role("a", 16, 'ports = { x = { base = 9000, max = 9000, same = true, on = "every-task" } }')
        + role("b", 0, 'place = "every-node"', "ports = { y = { fixed = 9000 } }"),
        [
            "D301 roles.a.ports.x: port `x` of role `a`, worker 0, finds no free number from 9000 to 9000"
            " on nodes 0, 1: port `y` of `b` holds 9000\n"
            "set `roles.a.ports.x.max = 9001`, or set `roles.a.ports.x.base = 8999`",
        ],
    ),
    (
        EIGHT + role("a", 8, "num-nodes = 3", 'ports = { x = { base = 9000, max = 9001, scope = "job" } }'),
        [
            "D301 roles.a.ports.x: port `x` of role `a`, worker 2, finds no free number from 9000 to 9001"
            " on node 2: port `x` of `a` holds 9000-9001\n"
            "set `roles.a.ports.x.max = 9002`, or set `roles.a.ports.x.base = 8999`",
        ],
    ),
    (
        EIGHT + 'port-range = "20000-20001"\n' + role("a", 1, "workers = 3", 'ports = { x = "auto" }'),
        [
            "D301 roles.a.ports.x: port `x` of role `a`, worker 2, finds no free number from 20000 to 20001"
            " on node 0: port `x` of `a` holds 20000-20001\n"
            'set `cluster.port-range = "20000-20002"`, or set `roles.a.workers = 2`',
        ],
    ),
    (
        EIGHT
        + 'port-range = "20000-20001"\nreserved-ports = ["20000-20001"]\n'
        + role("a", 1, 'ports = { x = { base = "auto", count = 2 } }'),
        [
            "D301 roles.a.ports.x: port `x` of role `a`, worker 0, finds no 2 free numbers in a row from"
            " 20000 to 20001 on node 0: `reserved-ports` holds 20000-20001\n"
            'set `cluster.port-range = "20000-20003"`',
        ],
    ),
    (
        EIGHT + role("a", 1, "workers = 2", "ports = { x = { base = 30000, max = 30001, also = [1] } }"),
        [
            "D301 roles.a.ports.x: port `x` of role `a`, worker 1, finds no free number from 30000 to 30001"
            " on node 0: port `x` of `a` holds 30000-30001\n"
            "set `roles.a.ports.x.max = 30002`, or set `roles.a.ports.x.base = 29999`",
        ],
    ),
    (
        EIGHT + 'reserved-ports = ["65000-65535"]\n' + role("a", 1, "ports = { x = { base = 65000, count = 4 } }"),
        [
            "D301 roles.a.ports.x: port `x` of role `a`, worker 0, finds no 4 free numbers in a row from"
            " 65000 to 65535 on node 0: `reserved-ports` holds 65000-65535\n"
            "set `roles.a.ports.x.base = 64996`",
        ],
    ),
    (
        EIGHT
        + 'reserved-ports = ["1-65535"]\n'
        + role("a", 1, 'ports = { x = { base = 9000 }, y = { fixed = 80 }, z = "auto" }'),
        [
            "D303 roles.a.ports.y: port 80 of role `a` (`y`, fixed) is reserved by the cluster on node 0\n"
            "take the port out of `reserved-ports`",
            "D301 roles.a.ports.x: port `x` of role `a`, worker 0, finds no free number from 9000 to 65535"
            " on node 0: `reserved-ports` holds 1-65535\n"
            "give it a wider range, or a smaller `count`",
            "D301 roles.a.ports.z: port `z` of role `a`, worker 0, finds no free number from 20000 to 21999"
            " on node 0: `reserved-ports` holds 1-65535\n"
            "give it a wider range, or a smaller `count`",
        ],
    ),
    (
        EIGHT + 'port-range = "600-700"\n' + role("a", 1, 'ports = { x = { base = "auto", max = 599 } }'),
        [
            "D301 roles.a.ports.x: port `x` of role `a` is `auto`, from the cluster's `port-range` 600-700,"
            " but its `max` is 599\n"
            "set `roles.a.ports.x.max = 700`",
        ],
    ),
    (
        EIGHT + total(1) + "".join(role(name, 8, "num-nodes = 2") for name in "abcdef"),
        [
            "D203 job.num-nodes: not enough nodes: the job has 1, and role `a` needs at least 2 for 2"
            " workers of 8 GPUs, role `b` needs at least 2 for 2 workers of 8 GPUs, role `c` needs at least"
            " 2 for 2 workers of 8 GPUs, role `d` needs at least 2 for 2 workers of 8 GPUs, role `e` needs"
            " at least 2 for 2 workers of 8 GPUs, role `f` needs at least 2 for 2 workers of 8 GPUs;"
            " together the roles need 96 of 8 GPUs\n"
            "set `job.num-nodes = 12`",
        ],
    ),
    (
        EIGHT + '[job]\nnodes = ["x"]\n' + role("a", 8, "num-nodes = 2"),
        [
            "D203 job.nodes: not enough nodes: the job has 1, and role `a` needs at least 2 for 2 workers"
            " of 8 GPUs; together the roles need 16 of 8 GPUs\n"
            "set `roles.a.num-nodes = 1`",
        ],
    ),
    (
        EIGHT + role("a", 3, 'nodes = ["x", "y"]', "workers-per-node = 2") + role("b", 3, 'nodes = ["y"]'),
        [
            "D207 roles.b.nodes: role `b` needs 3 GPUs on `y`, but `a` leaves 2\n"
            "set `roles.b.gpus-per-worker = 2`, or set `roles.a.gpus-per-worker = 2`, or name another host",
        ],
    ),
    (
        EIGHT
        + role("p", 4, "per-node = true")
        + role("a", 3, 'nodes = ["x", "y"]', "workers-per-node = 1")
        + role("b", 3, 'nodes = ["y", "z"]'),
        [
            "D207 roles.b.nodes: role `b` needs 3 GPUs on `y`, but `a` and the roles on every node leave 1\n"
            "set `roles.b.gpus-per-worker = 1`, or set `roles.a.gpus-per-worker = 1`, or name another host",
        ],
    ),
    (
        EIGHT + role("a", 3, 'nodes = ["x", "y"]') + role("b", 12, 'nodes = ["y", "z"]'),
        [
            "D207 roles.b.nodes: role `b` needs 6 GPUs on `y`, but `a` leaves 5\n"
            "set `roles.b.gpus-per-worker = 10`, or set `roles.a.gpus-per-worker = 2`, or name another host",
        ],
    ),
    (
        EIGHT
        + '[job]\nnodes = ["v", "x", "y"]\n'
        + role("a", 3, 'nodes = ["x", "y"]')
        + role("c", 2, 'nodes = ["y"]')
        + role("b", 4, 'nodes = ["x", "y"]'),
        [
            "D206 job.nodes: the job allocates 3 hosts and its roles share 2: no role names `v`\n"
            'set `job.nodes = ["x", "y"]` and set `roles.b.gpus-per-worker = 2`, or add the host to a role',
        ],
    ),
    (
        EIGHT + total("min") + role("a", 6, 'nodes = ["x", "y"]') + role("b", 4, 'nodes = ["x", "z"]'),
        [
            "D207 roles.b.nodes: role `b` needs 4 GPUs on `x`, but `a` leaves 2\n"
            "set `roles.b.gpus-per-worker = 2`, or set `roles.a.gpus-per-worker = 4`, or name another host",
        ],
    ),
    (
        EIGHT + '[job]\nnodes = ["x", "y"]\nnum-nodes = 3\n' + role("a", 8),
        [
            "D211 job.num-nodes: `nodes` names 2 hosts, but `num-nodes` is 3\nset `job.num-nodes = 2`, or leave it out",
        ],
    ),
    (
        EIGHT + '[job]\nnodes = ["x", "y", "z"]\n' + role("a", 4, 'nodes = ["x", "y"]') + role("b", 4, 'nodes = ["y"]'),
        [
            "D206 job.nodes: the job allocates 3 hosts and its roles share 2: no role names `z`\n"
            'set `job.nodes = ["x", "y"]`, or add the host to a role',
        ],
    ),
    (
        EIGHT + role("a", 4, 'nodes = ["x", "y"]', "dedicated = true") + role("b", 4, 'nodes = ["y"]'),
        [
            "D208 roles.a.dedicated: role `a` is dedicated, but role `b` names its host `y` too\n"
            "set `roles.a.dedicated = false`, or name other hosts",
        ],
    ),
    (
        EIGHT + total(60000) + role("a", 0, "per-node = true", "workers-per-node = 9"),
        [
            "D212 roles.a.workers-per-node: role `a` comes to 540000 tasks, and a role has at most 250000\n"
            "set `roles.a.workers-per-node = 4`",
        ],
    ),
    (
        EIGHT + role("a", 8, "num-nodes = 40000") + role("b", 8, "num-nodes = 40000"),
        [
            "D212 job: the job comes to 80000 nodes, and a job has at most 65536\nask for fewer nodes",
        ],
    ),
    (
        EIGHT + total(65537) + role("a", 8),
        [
            "D212 job.num-nodes: the job comes to 65537 nodes, and a job has at most 65536\nask for fewer nodes",
        ],
    ),
    (
        EIGHT + role("a", 1, "workers = 300000"),
        [
            "D212 roles.a.workers: role `a` comes to 300000 tasks, and a role has at most 250000\n"
            "ask for fewer workers",
        ],
    ),
    (
        EIGHT + hosts("x", "y") + role("a", 8, "num-nodes = 3"),
        [
            "D203 job.nodes: not enough nodes: the job has 2, and role `a` needs at least 3 for 3 workers"
            " of 8 GPUs; together the roles need 24 of 16 GPUs\n"
            "set `roles.a.num-nodes = 2`",
        ],
    ),
    (
        EIGHT + hosts("x", "y", "z") + role("a", 16, "num-nodes = 6"),
        [
            "D203 job.nodes: not enough nodes: the job has 3, and role `a` needs at least 6 for 3 workers"
            " of 16 GPUs; together the roles need 48 of 24 GPUs\n"
            "set `roles.a.num-nodes = 2`",
        ],
    ),
    (
        EIGHT + hosts("x", "y") + role("a", 8, "workers = 5"),
        [
            "D203 job.nodes: not enough nodes: the job has 2, and role `a` needs at least 5 for 5 workers"
            " of 8 GPUs; together the roles need 40 of 16 GPUs\n"
            "set `roles.a.workers = 2`, or set `roles.a.gpus-per-worker = 2`",
        ],
    ),
    (
        EIGHT + hosts("x", "y", "z") + role("a", 16, "workers = 2"),
        [
            "D203 job.nodes: not enough nodes: the job has 3, and role `a` needs at least 4 for 2 workers"
            " of 16 GPUs; together the roles need 32 of 24 GPUs\n"
            "set `roles.a.workers = 1`, or set `roles.a.gpus-per-worker = 8`",
        ],
    ),
    (
        EIGHT + hosts("x", "y") + role("a", 4, "workers = 6", "workers-per-node = 2"),
        [
            "D203 job.nodes: not enough nodes: the job has 2, and role `a` needs at least 3 for 6 workers"
            " of 4 GPUs; together the roles need 24 of 16 GPUs\n"
            "set `roles.a.workers = 4`",
        ],
    ),
    (
        EIGHT + hosts("x", "y") + role("a", 4, "workers = 3", "spread = true"),
        [
            "D203 job.nodes: not enough nodes: the job has 2, and role `a` needs at least 3 for 3 workers"
            " of 4 GPUs\n"
            "set `roles.a.workers = 2`",
        ],
    ),
    (
        EIGHT + total(2) + role("a", 1, "num-nodes = 3") + role("b", 1, "num-nodes = 2"),
        [
            "D203 job.num-nodes: not enough nodes: the job has 2, and role `a` needs at least 3 for 3"
            " workers of 1 GPU\n"
            "set `job.num-nodes = 3`, or set `roles.a.num-nodes = 2`",
        ],
    ),
    (
        EIGHT + total(1) + role("a", 1, "num-nodes = 3") + role("b", 1, "num-nodes = 2"),
        [
            "D203 job.num-nodes: not enough nodes: the job has 1, and role `a` needs at least 3 for 3"
            " workers of 1 GPU, role `b` needs at least 2 for 2 workers of 1 GPU\n"
            "set `job.num-nodes = 3`",
        ],
    ),
    (
        EIGHT + total(1) + role("a", 8) + role("s", 0, "num-nodes = 3"),
        [
            "D203 job.num-nodes: not enough nodes: the job has 1, and role `s` needs at least 3 for 3"
            " workers\n"
            "set `job.num-nodes = 3`, or set `roles.s.num-nodes = 1`",
        ],
    ),
    (
        EIGHT + hosts("x", "y") + role("a", 6, "num-nodes = 2") + role("b", 4),
        [
            "D204 job.nodes: role `b` needs 4 GPUs on one node, but `a` leaves 2 on node 0: together they"
            " need 16 of 16 GPUs, in pieces that do not go together\n"
            "set `roles.b.gpus-per-worker = 2`, or set `roles.a.gpus-per-worker = 4`",
        ],
    ),
    (
        EIGHT + hosts("x", "y") + role("a", 6, "num-nodes = 2") + role("b", 4, "num-nodes = 2"),
        [
            "D204 job.nodes: role `b` needs 4 GPUs on each of 2 nodes, but `a` leaves 2 on node 0: together"
            " they need 20 of 16 GPUs\n"
            "set `roles.b.gpus-per-worker = 2`, or set `roles.a.gpus-per-worker = 4`",
        ],
    ),
    (
        EIGHT + hosts("x", "y") + role("a", 2, "num-nodes = 2", "dedicated = true") + role("b", 8, "num-nodes = 2"),
        [
            "D204 job.nodes: role `b` needs 8 GPUs on each of 2 nodes, but `a` leaves 0 on node 0: together"
            " they need 20 of 16 GPUs\n"
            "set `roles.b.gpus-per-worker = 4` and set `roles.a.dedicated = false`",
        ],
    ),
    (
        EIGHT
        + total(2)
        + role("a", 2, "num-nodes = 2", "dedicated = true")
        + role("b", 2, "num-nodes = 2", "dedicated = true"),
        [
            "D204 job.num-nodes: role `b` needs 2 GPUs on each of 2 nodes of its own, but `a` leaves 0 on"
            " node 0: together they need 8 of 16 GPUs, and `a` is dedicated\n"
            "set `job.num-nodes = 4`",
        ],
    ),
    (
        EIGHT + total(2) + role("a", 12) + role("b", 5),
        [
            "D204 job.num-nodes: role `b` needs 5 GPUs on one node, but `a` leaves 2 on node 0: together"
            " they need 17 of 16 GPUs\n"
            "set `job.num-nodes = 3`, or set `roles.b.gpus-per-worker = 2`",
        ],
    ),
    (
        EIGHT + total(2) + role("a", 5, "workers = 2") + role("b", 4, "workers = 2"),
        [
            "D204 job.num-nodes: role `b` needs 2 times 4 GPUs, but `a` leaves 3 on node 0: together they"
            " need 18 of 16 GPUs\n"
            "set `job.num-nodes = 3`, or set `roles.b.gpus-per-worker = 2`",
        ],
    ),
    (
        EIGHT
        + total(2)
        + role("p", 2, "per-node = true")
        + role("a", 5, "num-nodes = 2")
        + role("b", 3, "num-nodes = 1"),
        [
            "D204 job.num-nodes: role `b` needs 3 GPUs on one node, but the others leave 1 on node 0:"
            " together they need 17 of 16 GPUs\n"
            "set `job.num-nodes = 3`, or set `roles.b.gpus-per-worker = 1`",
        ],
    ),
    (
        EIGHT + total(2) + role("a", 8, 'nodes = ["x"]') + role("b", 8, "num-nodes = 2"),
        [
            "D204 job.num-nodes: the roles do not fit on 2 nodes of 8 GPUs: together they need 24 of 16"
            " GPUs (`a` 8 GPUs on one node, `b` 8 GPUs on each of 2 nodes)\n"
            "set `job.num-nodes = 3`, or set `roles.b.num-nodes = 1`",
        ],
    ),
    (
        EIGHT + total(3) + role("a", 8, 'nodes = ["x", "y"]') + role("b", 8, "num-nodes = 2") + role("c", 8),
        [
            "D204 job.num-nodes: the roles do not fit on 3 nodes of 8 GPUs: together they need 40 of 24"
            " GPUs (`a` 8 GPUs on each of 2 nodes, `b` 8 GPUs on each of 2 nodes, `c` 8 GPUs on one node)\n"
            "set `job.num-nodes = 5`",
        ],
    ),
    (
        EIGHT + total(2) + role("p", 4, "per-node = true") + role("a", 4, "num-nodes = 2") + role("b", 4),
        [
            "D204 job.num-nodes: role `b` needs 4 GPUs on one node, but the others leave 0 on node 0:"
            " together they need 20 of 16 GPUs\n"
            "set `job.num-nodes = 3`, or set `roles.a.num-nodes = 1`",
        ],
    ),
    (
        EIGHT + total(1) + role("a", 8, "dedicated = true") + "[roles.f]\n",
        [
            "D208 roles.f: role `f` needs 1 node, and of the job's 1 0 are open to it: the others are"
            " dedicated to `a`\n"
            "set `job.num-nodes = 2`, or set `roles.a.dedicated = false`",
        ],
    ),
    (
        EIGHT + role("a", 8, 'nodes = ["x", "y"]') + role("b", 4, 'nodes = ["y", "z"]', "workers-per-node = 2"),
        [
            "D207 roles.b.nodes: role `b` needs 8 GPUs on `y`, but `a` leaves 0\n"
            "set `roles.a.gpus-per-worker = 4` and set `roles.b.workers-per-node = 1`, or name another host",
        ],
    ),
    (
        EIGHT + hosts("x", "y", "z") + role("a", 6, 'nodes = ["x", "y"]') + role("b", 4, 'nodes = ["y"]'),
        [
            "D206 job.nodes: the job allocates 3 hosts and its roles share 2: no role names `z`\n"
            'set `job.nodes = ["x", "y"]` and set `roles.b.gpus-per-worker = 2`, or add the host to a role',
        ],
    ),
    (
        EIGHT + role("a", 4, 'nodes = ["x"]') + role("b", 2, 'nodes = ["x"]', "workers-per-node = 3"),
        [
            "D207 roles.b.nodes: role `b` needs 6 GPUs on `x`, but `a` leaves 4\n"
            "set `roles.b.workers-per-node = 2`, or set `roles.b.gpus-per-worker = 1`, or name another host",
        ],
    ),
    (
        EIGHT + role("a", 4, 'nodes = ["x"]') + role("b", 3, 'nodes = ["x"]') + role("c", 2, 'nodes = ["x"]'),
        [
            "D207 roles.c.nodes: role `c` needs 2 GPUs on `x`, but `a` and `b` leave 1\n"
            "set `roles.c.gpus-per-worker = 1`, or set `roles.a.gpus-per-worker = 2`, or name another host",
        ],
    ),
    (
        EIGHT + role("a", 4, 'nodes = ["x", "y"]') + role("b", 15, 'nodes = ["x", "y"]'),
        [
            "D207 roles.b.nodes: role `b` needs 8 GPUs on `x`, but `a` leaves 4\n"
            "set `roles.b.gpus-per-worker = 4`, or name another host",
        ],
    ),
    (
        EIGHT
        + hosts("x", "y", "z")
        + role("a", 4, 'nodes = ["x"]')
        + role("b", 4, 'nodes = ["x"]')
        + role("s", 0, 'nodes = ["y"]'),
        [
            "D206 job.nodes: the job allocates 3 hosts and its roles share 2: no role names `z`\n"
            'set `job.nodes = ["x", "y"]`, or add the host to a role',
        ],
    ),
    (
        EIGHT + hosts("x") + role("a", 4, 'nodes = ["x", "v"]') + role("b", 4, 'nodes = ["w"]'),
        [
            "D205 roles.a.nodes: role `a` names host `v`, which is not among the job's `nodes`\n"
            'set `job.nodes = ["x", "v", "w"]`, or name another host',
            "D205 roles.b.nodes: role `b` names host `w`, which is not among the job's `nodes`\n"
            'set `job.nodes = ["x", "v", "w"]`, or name another host',
        ],
    ),
    (
        EIGHT + role("a", 20, "num-nodes = 4", "workers = 2"),
        [
            "D201 roles.a.gpus-per-worker: role `a` needs 20 GPUs per worker, but a node has 8: each worker"
            " spans 3 nodes, and `a` asks for 4\n"
            "set `roles.a.num-nodes = 6`",
        ],
    ),
    (
        EIGHT + role("a", 8) + role("s", 0, "workers = 3", "spread = true", "workers-per-node = 3"),
        [
            "D202 roles.s.spread: role `s` wants 3 workers on a node, and `spread` allows one\n"
            "set `roles.s.workers-per-node = 1`, or set `roles.s.spread = false`",
        ],
    ),
    (
        EIGHT + role("a", 8, 'nodes = ["x"]', "dedicated = true") + role("s", 0, 'nodes = ["x"]'),
        [
            "D208 roles.a.dedicated: role `a` is dedicated, but role `s` names its host `x` too\n"
            "set `roles.a.dedicated = false`, or name other hosts",
        ],
    ),
    (
        EIGHT + role("a", 8, "dedicated = true") + role("s", 0, 'place = "with:a"'),
        [
            "D208 roles.a.dedicated: role `a` is dedicated, but role `s` stands on its node 0 too\n"
            "set `roles.a.dedicated = false`",
        ],
    ),
    (
        EIGHT
        + role("a", 8, "dedicated = true")
        + role("b", 8, "dedicated = true")
        + role("s", 0, 'place = "every-node"'),
        [
            "D208 roles.a.dedicated: role `a` is dedicated, but role `s` stands on its node 0 too\n"
            "set `roles.a.dedicated = false`",
            "D208 roles.b.dedicated: role `b` is dedicated, but role `s` stands on its node 1 too\n"
            "set `roles.b.dedicated = false`",
        ],
    ),
    (
        role("a", 12),
        [
            "D210 roles.a.gpus-per-worker: role `a` needs 12 GPUs, but the cluster has no `gpus-per-node`\n"
            "set `cluster.gpus-per-node = 12`, or name a cluster file with `--cluster`",
        ],
    ),
]


@pytest.mark.parametrize(("text", "expected"), REFUSED)
def test_a_refusal_says_what_is_needed_what_there_is_and_what_would_fit(text: str, expected: list[str]) -> None:
    found = refused(text)
    assert [f"{it.code} {'.'.join(map(str, it.path))}: {it.message}\n{it.help}" for it in found] == expected


def test_where_no_change_would_do_the_planner_still_says_what_might() -> None:
    """What is said of the same jobs before changes are tried: the code, and what to do."""
    found: set[tuple[str, str]] = set()
    for text, _ in REFUSED:
        data = parse("job.toml", text.encode()).data
        roles = {name: {"command": ["serve"], **entry} for name, entry in data["roles"].items()}
        with pytest.raises(InputError) as caught:
            plan(read(resolve([Document("job.toml", text, {**data, "roles": roles})])))
        found |= {(finding.code, finding.help) for finding in caught.value.findings}
    assert found == {
        ("D201", "ask for whole workers, or smaller ones"),
        ("D201", "leave out `per-node`: each worker spans 2 nodes"),
        ("D201", "leave out `workers-per-node`: each worker spans 2 nodes"),
        ("D201", "name 4 hosts"),
        ("D202", "leave out `spread`"),
        ("D202", "leave out `workers`, or the number of nodes"),
        ("D203", "ask for fewer nodes"),
        ("D203", "name more hosts"),
        ("D204", "ask for more nodes"),
        ("D205", "name another host"),
        ("D206", "add the host to a role"),
        ("D207", "name another host"),
        ("D208", "name more hosts"),
        ("D208", "name other hosts"),
        ("D208", "place `s` elsewhere"),
        ("D209", "ask for fewer workers on a node, or smaller ones"),
        ("D209", "give one of them nodes of its own"),
        ("D210", "give the roles on every node fewer or smaller workers"),
        ("D210", "name a cluster file with `--cluster`"),
        ("D211", "leave it out"),
        ("D212", "ask for fewer nodes"),
        ("D212", "ask for fewer or smaller workers"),
        ("D212", "ask for fewer workers"),
        ("D212", "ask for fewer workers on a node"),
        ("D301", "give it a wider range, or a smaller `count`"),
        ("D301", "let the two overlap"),
        ("D303", "let one of them move"),
        ("D303", "take the port out of `reserved-ports`"),
    }
