"""What is suggested where a job is refused: changes of the user's own keys, tried before they are told."""

import pytest

from dynplan.planner.advice import changed
from tests.plans import refused, told

EIGHT = "[cluster]\ngpus-per-node = 8\n"


def advice(text: str) -> str:
    return told(text).partition("\n")[2]


def test_a_key_is_set_on_the_way_down_and_nothing_else_changes() -> None:
    tables = {"roles": {"a": {"ports": {"http": 8000}, "workers": 2}}}
    assert changed(tables, ("roles", "a", "ports", "http", "base"), 8001) == {
        "roles": {"a": {"ports": {"http": {"base": 8001}}, "workers": 2}}
    }
    assert changed(tables, ("job", "num-nodes"), 3) == {**tables, "job": {"num-nodes": 3}}
    assert tables == {"roles": {"a": {"ports": {"http": 8000}, "workers": 2}}}


def test_fewer_workers_on_a_node_leave_room_for_the_other_roles_there() -> None:
    roles = "[roles.a]\nper-node = true\nworkers-per-node = 3\ngpus-per-worker = 1\n"
    roles += "[roles.b]\nper-node = true\ngpus-per-worker = 1\n"
    assert advice("[cluster]\ngpus-per-node = 2\n" + roles) == "set `roles.a.workers-per-node = 1`"


def test_what_a_constraint_forbids_is_not_suggested() -> None:
    text = """
    [job]
    num-nodes = 1
    constraints = ["prefill.args.tp == 4"]
    [cluster]
    gpus-per-node = 8
    [roles.decode]
    gpus-per-worker = 6
    [roles.prefill]
    gpus-per-worker = "tp"
    args = { tp = 4 }
    """
    assert advice(text) == "set `job.num-nodes = 2`, or set `roles.decode.gpus-per-worker = 4`"


@pytest.mark.parametrize(
    ("size", "args", "change"),
    [
        ('"tp"', "tp = 16", "args.tp = 8"),
        ('"tp * pp"', "tp = 4, pp = 4", "args.tp = 2"),
        ('"pp * tp"', "tp = 16, pp = 1", "args.tp = 8"),  # pp is 1 already
        ('"tp * 2 * dp"', "tp = 8", "args.tp = 4"),
        ("16", "tp = 16", "gpus-per-worker = 8"),
    ],
)
def test_a_computed_size_is_changed_where_it_comes_from(size: str, args: str, change: str) -> None:
    text = EIGHT + f"[roles.a]\nnum-nodes = 1\ngpus-per-worker = {size}\nargs = {{ {args} }}\n"
    assert advice(text) == f"set `roles.a.num-nodes = 2`, or set `roles.a.{change}`"


def test_powers_of_two_stay_powers_of_two() -> None:
    """5 GPUs would fit; hardly any model can be cut into five."""
    text = EIGHT + "[job]\nnum-nodes = 1\n[roles.a]\ngpus-per-worker = 3\n[roles.b]\ngpus-per-worker = 8\n"
    assert advice(text) == "set `job.num-nodes = 2`, or set `roles.b.gpus-per-worker = 4`"


def test_two_changes_where_no_single_one_is_enough() -> None:
    text = EIGHT + "[job]\nnum-nodes = 2\n[roles.a]\ngpus-per-worker = 8\nnum-nodes = 4\nworkers-per-node = 2\n"
    assert advice(text) == "set `roles.a.workers-per-node = 1` and set `job.num-nodes = 4`"


def test_findings_of_one_report_are_helped_each_on_its_own() -> None:
    text = (
        EIGHT + "[roles.a]\ngpus-per-worker = 5\nworkers-per-node = 2\n[roles.b]\ngpus-per-worker = 9\nnum-nodes = 3\n"
    )
    assert [finding.help for finding in refused(text)] == [
        "set `roles.a.workers-per-node = 1`, or set `roles.a.gpus-per-worker = 4`",
        "set `roles.b.num-nodes = 4`, or set `roles.b.gpus-per-worker = 8`",
    ]


def test_a_fixed_port_moves_to_the_next_number_that_is_free() -> None:
    text = (
        "[roles.a]\nports = { x = { base = 80, count = 3, fixed = true } }\n[roles.b]\nports = { y = { fixed = 81 } }\n"
    )
    assert advice(text) == "set `roles.b.ports.y.fixed = 83`, or set `roles.b.ports.y.fixed = false`"


def test_a_port_past_its_range_gets_the_smallest_range_that_does() -> None:
    text = """
    [cluster]
    port-range = "20000-20001"
    [roles.a]
    gpus-per-worker = 0
    workers = 5
    ports = { x = "auto" }
    """
    assert advice(text) == 'set `cluster.port-range = "20000-20005"`, or set `roles.a.workers = 2`'
