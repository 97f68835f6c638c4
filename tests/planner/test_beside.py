"""Roles beside others: a worker for each of theirs, on its nodes, with its GPUs, and with ports of its own."""

import pytest

from dynplan.emitter import lower
from dynplan.language.plan_file import to_tree
from tests.language.test_engines import planned
from tests.plans import placed, plan_of, ports, refused, told

EIGHT = "[cluster]\ngpus-per-node = 8\n"
DECODE = '[roles.decode]\nnum-nodes = 2\ngpus-per-worker = 4\nports = { http = 8000, rpc = { on = "every-task" } }\n'
PROFILER = '[roles.profiler]\nbeside = "decode"\n'


def test_a_worker_stands_beside_each_with_its_gpus_and_takes_none() -> None:
    other = "[roles.prefill]\nnum-nodes = 2\ngpus-per-worker = 4\n"
    assert placed("[job]\nnum-nodes = 2\n" + EIGHT + DECODE + PROFILER + other) == [
        *("decode.0 on 0:0-3", "decode.1 on 1:0-3"),
        *("profiler.0 on 0:0-3", "profiler.1 on 1:0-3"),
        *("prefill.0 on 0:4-7", "prefill.1 on 1:4-7"),
    ]


def test_it_may_stand_first_in_the_file() -> None:
    plan = plan_of(EIGHT + PROFILER + "ports = { http = 8000 }\n" + DECODE)
    assert [(worker.role, worker.shares) for worker in plan.workers] == [
        *[("profiler", "decode")] * 2,
        *[("decode", "")] * 2,
    ]
    assert (plan.head, len(plan.nodes)) == (0, 2)


def test_several_workers_on_a_node_have_one_beside_them_each() -> None:
    many = "[roles.decode]\nnum-nodes = 1\nworkers-per-node = 2\ngpus-per-worker = 3\n"
    assert placed(EIGHT + many + PROFILER)[2:] == ["profiler.0 on 0:0-2", "profiler.1 on 0:3-5"]


@pytest.mark.parametrize("partner", ["", 'launch = "per-gpu"\n'])
def test_a_worker_of_several_nodes_has_a_task_beside_each_of_its_own(partner: str) -> None:
    text = EIGHT + "[roles.decode]\ngpus-per-worker = 13\n" + partner + PROFILER
    assert placed(text) == ["decode.0 on 0:0-6 1:0-5", "profiler.0 on 0:0-6 1:0-5"]
    assert [tasks.rows[0].rows[0][1][3] for tasks in [lower(plan_of(text)).roles[1]]] == [2]  # num-tasks


def test_a_process_for_each_gpu_may_stand_beside_a_server_of_one_process() -> None:
    profiler = lower(plan_of(EIGHT + DECODE + PROFILER + 'launch = "per-gpu"\n')).roles[1]
    assert dict(profiler.settings)["tasks"] == "8"


@pytest.mark.parametrize(
    ("partner", "where"),
    [
        ('place = "every-node"\n', ["0", "1"]),
        ("", ["0"]),
        ('place = "with:big"\nworkers = 2\n', ["0", "1"]),
        ("per-node = true\ngpus-per-worker = 2\n", ["0:4-5", "1:4-5"]),
        ("per-node = true\ngpus-per-worker = 0\n", ["0", "1"]),
        ("dedicated = true\ngpus-per-worker = 8\n", ["2:0-7"]),
        ('nodes = ["b"]\ngpus-per-worker = 2\n', ["0:0-1"]),
    ],
)
def test_partners_of_every_kind(partner: str, where: list[str]) -> None:
    text = EIGHT + "[roles.big]\nnum-nodes = 2\ngpus-per-worker = 4\n" + f"[roles.decode]\n{partner}" + PROFILER
    found = placed(text)[2:]
    assert found[: len(where)] == [f"decode.{at} on {node}" for at, node in enumerate(where)]
    assert found[len(where) :] == [f"profiler.{at} on {node}" for at, node in enumerate(where)]


def test_a_role_may_be_beside_one_that_is_beside_another() -> None:
    chain = '[roles.exporter]\nbeside = "profiler"\n'
    assert placed(EIGHT + chain + PROFILER + DECODE)[:2] == ["exporter.0 on 0:0-3", "exporter.1 on 1:0-3"]


def test_a_role_without_gpus_may_be_placed_with_one_that_is_beside_another() -> None:
    text = EIGHT + DECODE + PROFILER + '[roles.log]\nplace = "with:profiler"\nworkers = 2\n'
    assert placed(text)[4:] == ["log.0 on 0", "log.1 on 1"]


def test_ports_come_from_the_ledgers_of_the_nodes() -> None:
    assert ports(EIGHT + DECODE + PROFILER + 'ports = { http = 8000, each = { base = 9000, count = "gpu-count" } }')[
        2:
    ] == ["profiler.0 on 0 http=8001 each=9000-9003", "profiler.1 on 1 http=8001 each=9000-9003"]


def test_the_fewest_nodes_are_those_of_the_others() -> None:
    text = '[job]\nnum-nodes = "min"\n' + EIGHT + "[roles.decode]\nworkers = 4\ngpus-per-worker = 4\n" + PROFILER
    assert len(plan_of(text).nodes) == 2


def test_what_the_partner_is_reached_by_is_filled_in() -> None:
    env = (
        'env = { A = "{beside.url.http} {beside.endpoint.rpc} {beside.port.http.last}", B = "{beside.host} {gpus}" }\n'
    )
    one = lower(plan_of(EIGHT + DECODE + PROFILER + env)).roles[1]
    assert one.env == ("A=http://{url-host}:8000 {url-host}:20000 8000", "B={host} 0,1,2,3")
    wide = DECODE.replace("num-nodes = 2", "").replace("= 4", "= 16")
    several = lower(plan_of(EIGHT + wide + PROFILER + env)).roles[1]
    assert several.env == (
        "A=http://{leader.url-host}:8000 {url-host}:20000 8000",
        "B={leader.host} 0,1,2,3,4,5,6,7",
    )


def test_ports_of_partners_that_differ_are_told_to_each_task() -> None:
    two = DECODE.replace("num-nodes = 2", "num-nodes = 1\nworkers-per-node = 2")
    found = lower(plan_of(EIGHT + two + PROFILER + 'env = { A = "{beside.url.http} {beside.port.rpc.last}" }\n')).roles[
        1
    ]
    assert found.env == ("A=http://{url-host}:{beside.port.http} {beside.port.rpc.last}",)
    (group,) = found.rows
    columns = [column.name for column in group.rows[0][0]]
    assert [group.rows[0][1][columns.index(name)] for name in ("beside.port.http", "beside.port.rpc")] == [8000, 20000]
    assert dict(group.steps)["beside.port.http"] == dict(group.steps)["beside.port.rpc"] == 1


def test_the_plan_says_whom_a_worker_shares_with() -> None:
    tree = to_tree(plan_of(EIGHT + DECODE + PROFILER))
    assert [worker.get("shares") for worker in tree["workers"]] == [None, None, "decode", "decode"]


@pytest.mark.parametrize(
    "line",
    [
        *("num-nodes = 2", "workers = 2", "workers-per-node = 2", 'workers-per-node = "max"', "gpus-per-worker = 4"),
        *("gpus-per-worker = 0", 'nodes = ["a"]', "per-node = true", "spread = true", "dedicated = true"),
        'place = "head"',
    ],
)
def test_what_the_partner_says_is_not_said_again(line: str) -> None:
    key = line.split()[0]
    assert told(EIGHT + DECODE + PROFILER + line) == (
        f"D113 `{key}` is what role `decode` says: `profiler` has a worker beside each of its\n"
        "leave it out, or `beside`"
    )


def test_what_is_switched_off_contradicts_nothing() -> None:
    text = EIGHT + DECODE + PROFILER
    assert placed(text + "spread = false\ndedicated = false\n") == placed(text)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("decod", "D122 `beside` of role `profiler` names `decod`, which is no role\ndid you mean `decode`?"),
        (
            "profiler",
            "D121 role `profiler` is beside itself: `profiler` -> `profiler`\ntake `profiler` out of this `beside`",
        ),
        ("", 'D104 `beside` names no role\nit is a role, `"decode"`, or left out'),
    ],
)
def test_a_partner_is_another_role(name: str, message: str) -> None:
    assert told(EIGHT + DECODE + f'[roles.profiler]\nbeside = "{name}"\n') == message


def test_a_ring_of_roles_beside_and_placed_with_one_another_is_refused_once() -> None:
    ring = '[roles.a]\nbeside = "b"\n[roles.b]\nplace = "with:c"\n[roles.c]\nbeside = "a"\n'
    assert told(EIGHT + ring) == (
        "D121 role `a` is beside itself: `a` -> `b` -> `c` -> `a`\ntake `b` out of this `beside`"
    )


def test_a_process_for_each_gpu_needs_a_partner_with_gpus() -> None:
    (finding,) = refused(EIGHT + "[roles.decode]\n" + PROFILER + 'launch = "per-gpu"\n')
    assert finding.code == "D113"


def test_only_a_role_that_is_beside_another_has_its_placeholders() -> None:
    assert told(EIGHT + DECODE + 'env = { A = "{beside.host}" }').startswith("D123 there is no `{beside.host}`")
    found = told(EIGHT + DECODE + PROFILER + 'env = { A = "{beside.port.htp}" }')
    assert (
        found
        == "D123 there is no `{beside.port.htp}` in `env.A` of role `profiler`\ndid you mean `{beside.port.http}`?"
    )


def test_no_other_devices_than_those_of_the_partner_are_set() -> None:
    (finding,) = refused(EIGHT + DECODE + PROFILER + 'env = { CUDA_VISIBLE_DEVICES = "7" }')
    assert finding.code == "D114"


def test_an_engine_beside_another_has_its_gpus_and_place_from_there() -> None:
    standby = '[roles.standby]\nbeside = "decode"\nengine = "vllm"\nargs = { model = "m", tensor-parallel-size = 2 }\n'
    exporter = '[roles.exporter]\nbeside = "decode"\nengine = "dcgm-exporter"\n'
    found = planned(EIGHT + DECODE + 'command = ["serve"]\n' + standby + exporter)
    assert [len(worker.tasks[0].gpus) for worker in found.workers] == [4] * 6
