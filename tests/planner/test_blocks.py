"""Ports that move by the job's id: where they stand in the plan, and to which blocks they may move."""

from typing import Any

import pytest

from dynplan.diagnostics import InputError
from dynplan.language.plan_file import to_tree
from tests.laws.jobs import outcome, planned

Tables = dict[str, Any]


def job(ports: Tables, *, workers: int = 1, **cluster: Any) -> Tables:
    named = {key.replace("_", "-"): value for key, value in cluster.items()}
    role = {"command": ["serve"], "place": "head", "workers": workers, "ports": ports}
    return {"job": {"port-offset": "job-id"}, "cluster": named, "roles": {"a": role}}


def ports_of(tables: Tables) -> list[dict[str, int]]:
    return [{name: block.port for name, block in worker.tasks[0].ports} for worker in planned(tables).workers]


def blocks_of(tables: Tables) -> Any:
    return to_tree(planned(tables)).get("port-offset")


def test_ports_come_from_the_range_whatever_their_base_and_fixed_ones_stay() -> None:
    tables = job({"http": 8000, "kv": {"base": 5557, "count": 3}, "web": {"fixed": 9000}})
    assert ports_of(tables) == [{"http": 20000, "kv": 20001, "web": 9000}]
    assert blocks_of(tables) == {"from": "job-id", "first": 20000, "step": 4, "blocks": ["0-499"]}


def test_a_lower_bound_moves_the_window_up_and_an_upper_one_ends_it() -> None:
    tables = job({"http": {"base": 8000, "min": 21000, "max": 21100}})
    assert ports_of(tables) == [{"http": 21000}]
    assert blocks_of(tables) == {"from": "job-id", "first": 21000, "step": 1, "blocks": ["0-100"]}


def test_what_an_engine_derives_is_a_part_of_the_block() -> None:
    tables = job({"http": {"base": "auto", "also": [9]}}, workers=2, port_range="20000-20029")
    assert ports_of(tables) == [{"http": 20000}, {"http": 20001}]
    assert blocks_of(tables) == {"from": "job-id", "first": 20000, "step": 11, "blocks": ["0-2"]}


def test_blocks_with_a_number_that_is_reserved_or_fixed_are_left_out() -> None:
    tables = job(
        {"http": {"count": 5}, "web": {"fixed": 20022}},
        port_range="20000-20039",
        reserved_ports=["20007", "20010-20011"],
    )
    assert ports_of(tables) == [{"http": 20000, "web": 20022}]
    assert blocks_of(tables) == {"from": "job-id", "first": 20000, "step": 5, "blocks": ["0", "3", "5-7"]}


def test_a_job_without_ports_that_move_has_no_blocks() -> None:
    assert blocks_of(job({})) is None
    assert blocks_of(job({"web": {"fixed": 9000}})) is None


def test_a_cluster_says_it_for_its_jobs_and_one_of_them_stays_out() -> None:
    tables = job({"http": 8000}, port_offset="job-id")
    del tables["job"]["port-offset"]
    assert ports_of(tables) == [{"http": 20000}]
    tables["job"]["port-offset"] = "none"
    assert (ports_of(tables), blocks_of(tables)) == ([{"http": 8000}], None)


def test_a_range_for_one_block_is_refused_with_one_that_has_more() -> None:
    tables = job({"http": {"count": 6}}, port_range="20000-20010")
    with pytest.raises(InputError) as problem:
        planned(tables)
    [found] = problem.value.findings
    assert (found.code, found.path) == ("D304", ("cluster", "port-range"))
    assert found.message == (
        "the job's ports take 6 numbers from 20000 on, and the cluster's `port-range` 20000-20010 has no room for them"
        " a second time"
    )
    assert found.help == 'set `cluster.port-range = "20000-20383"`, or set `job.port-offset = "none"`'
    tables["cluster"]["port-range"] = "20000-20383"
    assert blocks_of(tables)["blocks"] == ["0-63"]


def test_room_for_two_blocks_is_enough() -> None:
    assert blocks_of(job({"http": {"count": 6}}, port_range="20000-20011"))["blocks"] == ["0-1"]


@pytest.mark.parametrize("port", [{"also": [17]}, {"count": 18}])
def test_no_block_ends_behind_the_highest_port(port: Tables) -> None:
    tables = job({"http": {"base": "auto", **port}}, port_range="65500-65535")
    assert blocks_of(tables) == {"from": "job-id", "first": 65500, "step": 18, "blocks": ["0-1"]}
    more = {key: [18] if key == "also" else 19 for key in port}
    with pytest.raises(InputError) as problem:
        planned(job({"http": {"base": "auto", **more}}, port_range="65500-65535"))
    [found] = problem.value.findings
    assert (found.code, found.help) == ("D304", 'set `job.port-offset = "none"`')


@pytest.mark.parametrize(("port_range", "last"), [("32000-33000", 33000), ("32000-32768", 32768)])
def test_blocks_that_reach_the_ephemeral_range_are_a_warning(port_range: str, last: int) -> None:
    [warning] = planned(job({"http": 8000}, port_range=port_range)).warnings
    assert (warning.code, warning.path) == ("W301", ("cluster", "port-range"))
    assert warning.message == (
        f"blocks of ports reach {last}, inside the ephemeral range 32768-60999: an outgoing connection may take one"
        " first"
    )
    assert warning.help == "end `port-range` below 32768, or set the cluster's `ephemeral-ports`"


@pytest.mark.parametrize(
    ("port_range", "reserved", "blocks"),
    [
        ("32000-32767", [], ["0-767"]),
        ("61000-61010", [], ["0-10"]),
        ("32000-62000", ["32768-60999"], ["0-767", "29000-30000"]),
    ],
)
def test_blocks_beside_the_ephemeral_range_are_none(port_range: str, reserved: list[str], blocks: list[str]) -> None:
    tables = job({"http": 8000}, port_range=port_range, reserved_ports=reserved)
    assert (blocks_of(tables)["blocks"], planned(tables).warnings) == (blocks, ())


def test_a_port_whose_bounds_are_not_in_the_range_is_refused_as_one_that_is_auto() -> None:
    found = outcome(job({"http": {"base": 8000, "max": 9000}}))
    assert [one.code for one in found] == ["D301"]  # type: ignore[union-attr]
