"""Places that tasks give back: who has them next, and who does not."""

from typing import Any

import pytest

from dynplan.diagnostics import InputError
from dynplan.model import Plan
from dynplan.planner.laying import Item, laid
from dynplan.planner.turns import turns_of
from tests.laws.jobs import Tables, job_of, planned

TASK: Tables = {"kind": "task"}
GROUPS = [[0, 1, 2, 3], [4, 5, 6, 7]]


def plan(
    num_nodes: int | str | None, cluster: Tables | None = None, job: Tables | None = None, **roles: Tables
) -> Plan:
    """Plan roles by name on nodes of 8 GPUs; `after_x` as a key of a role is a dash."""
    named = {name: {"command": ["run"], **role} for name, role in roles.items()}
    more = {} if num_nodes is None else {"num-nodes": num_nodes}
    return planned({"job": {**more, **(job or {})}, "cluster": {"gpus-per-node": 8, **(cluster or {})}, "roles": named})


def size(gpus: int, nodes: int | None = None, **more: Any) -> Tables:
    return {"gpus-per-worker": gpus, **({"num-nodes": nodes} if nodes else {}), **more}


def places(found: Plan) -> dict[str, list[tuple[int, tuple[int, ...]]]]:
    """Return the node and the GPUs of every task, by role."""
    by_role: dict[str, list[tuple[int, tuple[int, ...]]]] = {}
    for worker in found.workers:
        by_role.setdefault(worker.role, []).extend((task.node, task.gpus) for task in worker.tasks)
    return by_role


def until(found: Plan) -> dict[str, tuple[str, ...]]:
    return {worker.role: worker.until for worker in found.workers if worker.until}


def ports(found: Plan) -> dict[str, list[int]]:
    by_role: dict[str, list[int]] = {}
    for worker in found.workers:
        by_role.setdefault(worker.role, []).extend(block.port for task in worker.tasks for _, block in task.ports)
    return by_role


def refused(*args: Any, **roles: Any) -> str:
    with pytest.raises(InputError) as problem:
        plan(*args, **roles)
    return "\n".join(f"{finding.code} {finding.message}; {finding.help}" for finding in problem.value.findings)


ALL, LOW, HIGH = tuple(range(8)), (0, 1, 2, 3), (4, 5, 6, 7)

# How many nodes


def test_the_fewest_nodes_are_those_of_the_largest_stage() -> None:
    found = plan("min", test=TASK | size(8, 2), decode=size(4, 2, after=["test"]), prefill=size(4, 2, after=["test"]))
    assert (len(found.nodes), found.placement.lower, found.placement.in_turns) == (2, 2, True)
    assert places(found) == {
        "test": [(0, ALL), (1, ALL)],
        "decode": [(0, LOW), (1, LOW)],
        "prefill": [(0, HIGH), (1, HIGH)],
    }
    assert until(found) == {"test": ("decode", "prefill")}


def test_a_number_of_nodes_is_enough_where_roles_fit_in_turns() -> None:
    found = plan(1, first=TASK | size(8), second=TASK | size(8, after=["first"]), third=size(8, after=["second"]))
    assert places(found) == {name: [(0, ALL)] for name in ("first", "second", "third")}
    assert until(found) == {"first": ("second", "third"), "second": ("third",)}


@pytest.mark.parametrize("nodes", [None, 2, 3])
def test_who_has_room_at_once_gives_nothing_back(nodes: int | None) -> None:
    found = plan(nodes, test=TASK | size(8), server=size(8, after=["test"]))
    assert places(found) == {"test": [(0, ALL)], "server": [(1, ALL)]}
    assert (until(found), found.placement.in_turns) == ({}, False)


def test_the_fewest_nodes_that_are_no_fewer_in_turns_give_nothing_back() -> None:
    found = plan("min", test=TASK | size(4), server=size(4, after=["test"]))
    assert places(found) == {"test": [(0, LOW)], "server": [(0, HIGH)]}
    assert (until(found), found.placement.in_turns, found.placement.lower) == ({}, False, 1)


def test_on_a_node_with_room_for_both_nobody_has_the_gpus_of_another() -> None:
    found = plan(2, test=TASK | size(4, 2), server=size(8, after=["test"]), small=size(4, after=["test"]))
    assert places(found) == {"test": [(0, LOW), (1, LOW)], "server": [(0, ALL)], "small": [(1, HIGH)]}
    assert until(found) == {"test": ("server",)}


# Who has turns


def test_what_comes_after_a_service_comes_after_the_tasks_before_it() -> None:
    found = plan(1, test=TASK | size(8), gate={"after": ["test"]}, server=size(8, after=["gate"]))
    assert until(found) == {"test": ("server",)}


def test_a_service_gives_nothing_back() -> None:
    assert "D204" in refused(1, test=size(8), server=size(8, after=["test"]))


def test_two_roles_that_nobody_orders_meet_and_the_error_says_what_would_fit() -> None:
    text = refused(1, test=TASK | size(8), server=size(8))
    assert 'set `roles.server.after = ["test"]`' in text


def test_a_service_beside_a_task_keeps_the_gpus() -> None:
    roles = {"test": TASK | size(8), "server": size(8, after=["test"])}
    assert "D204" in refused(1, **roles, look={"beside": "test"})
    assert "D204" in refused(1, **roles, look=TASK | {"beside": "test"})
    roles["server"]["after"] = ["test", "look"]
    found = plan(1, **roles, look=TASK | {"beside": "test"})
    assert until(found) == {"test": ("server",), "look": ("server",)}


def test_roles_beside_who_has_a_place_next_come_after_the_task_as_well() -> None:
    roles = {"test": TASK | size(8), "server": size(8, after=["test"])}
    assert "D204" in refused(1, **roles, look={"beside": "server"})
    found = plan(1, **roles, look={"beside": "server", "after": ["test"]})
    assert until(found) == {"test": ("server", "look")}


def test_a_role_that_lives_through_several_stages_keeps_its_place() -> None:
    found = plan(1, store=size(2), test=TASK | size(6), server=size(6, after=["test"]))
    assert places(found) == {"store": [(0, (0, 1))], "test": [(0, ALL[2:])], "server": [(0, ALL[2:])]}


def test_the_fewest_nodes_where_not_all_of_a_stage_meet_are_proven_by_the_largest_set_that_does() -> None:
    chains = {
        "first": TASK | size(8),
        "second": TASK | size(4, 2),
        "large": size(8, after=["first"]),
        "small": size(4, 2, after=["second"]),
    }
    found = plan("min", **chains)
    assert (len(found.nodes), found.placement.lower, found.warnings) == (3, 3, ())


# With everything else


def test_named_hosts_are_had_in_turns() -> None:
    hosts = ["a", "b"]
    found = plan(None, test=TASK | {**size(8), "nodes": hosts}, server={**size(8), "nodes": ["b"], "after": ["test"]})
    assert [node.host for node in found.nodes] == hosts
    assert places(found) == {"test": [(0, ALL), (1, ALL)], "server": [(1, ALL)]}
    assert "D207" in refused(None, test=TASK | {**size(8), "nodes": hosts}, server={**size(8), "nodes": ["b"]})


def test_a_task_on_every_node_has_all_of_it_before_the_others() -> None:
    found = plan(
        2, test=TASK | size(8, **{"per-node": True}), server={**size(4, 2, after=["test"]), "workers-per-node": "max"}
    )
    assert places(found) == {"test": [(0, ALL), (1, ALL)], "server": [(0, LOW), (0, HIGH), (1, LOW), (1, HIGH)]}


def test_a_role_on_every_node_stays_beside_what_has_turns() -> None:
    exporter = size(1, **{"per-node": True})
    found = plan(1, exporter=exporter, test=TASK | size(7), server=size(7, after=["test"]))
    assert places(found) == {"exporter": [(0, (0,))], "test": [(0, ALL[1:])], "server": [(0, ALL[1:])]}


def test_dedicated_nodes_are_a_role_s_while_it_is_there() -> None:
    found = plan(
        2, test=TASK | size(8, 2), train=size(4, dedicated=True, after=["test"]), server=size(8, after=["test"])
    )
    assert places(found)["train"] == [(0, LOW)]
    assert places(found)["server"] == [(1, ALL)]
    assert found.head == 1
    assert "D204" in refused(
        1, test=TASK | size(8), train=size(4, dedicated=True, after=["test"]), more=size(4, after=["test"])
    )


def test_gpus_by_index_are_had_in_turns() -> None:
    found = plan(1, test=TASK | {"gpus": [2, 3]}, server={"gpus": [2, 3], "after": ["test"]}, rest=size(4))
    assert places(found) == {"test": [(0, (2, 3))], "server": [(0, (2, 3))], "rest": [(0, HIGH)]}


def test_workers_larger_than_a_node_fill_what_a_task_gives_back() -> None:
    found = plan("min", test=TASK | size(8, 2), train={"workers": 1, **size(12, split="fill", after=["test"])})
    assert places(found)["train"] == [(0, ALL), (1, LOW)]


def test_slices_that_come_later_stay_inside_groups() -> None:
    found = plan(
        1, {"gpu-groups": GROUPS}, test=TASK | size(8), odd=size(3, after=["test"]), even=size(4, after=["test"])
    )
    assert places(found) == {"test": [(0, ALL)], "odd": [(0, (0, 1, 2))], "even": [(0, HIGH)]}


def test_slices_of_roles_of_which_some_have_turns_stay_inside_groups() -> None:
    found = plan(
        1,
        {"gpu-groups": GROUPS},
        first=TASK | size(3),
        second=TASK | size(4),
        large=size(4, after=["first"]),
        small=size(4, after=["second"]),
    )
    inside = [set(gpus) <= set(LOW) or set(gpus) <= set(HIGH) for ((_, gpus),) in places(found).values()]
    assert inside == [True] * 4


# Ports


def fixed(number: int, **more: Any) -> Tables:
    return {"ports": {"p": {"fixed": number, **more}}}


def test_a_fixed_port_is_had_in_turns() -> None:
    found = plan(None, test=TASK | fixed(8000), server={"after": ["test"], **fixed(8000)})
    assert (ports(found), until(found)) == ({"test": [8000], "server": [8000]}, {"test": ("server",)})
    assert 'set `roles.server.after = ["test"]`' in refused(None, test=TASK | fixed(8000), server=fixed(8000))


def test_a_port_that_finds_another_number_takes_that() -> None:
    found = plan(None, test=TASK | {"ports": {"p": 8000}}, server={"after": ["test"], "ports": {"p": 8000}})
    assert (ports(found), until(found)) == ({"test": [8000], "server": [8001]}, {})


def test_a_range_that_is_too_short_for_all_at_once_is_had_in_turns() -> None:
    auto = {"ports": {"p": {"base": "auto", "count": 2}}}
    cluster = {"port-range": "20000-20003"}
    found = plan(None, cluster, first=TASK | auto, second=auto, third={"after": ["first"], **auto})
    assert ports(found) == {"first": [20000], "second": [20002], "third": [20000]}
    assert until(found) == {"first": ("third",)}


def test_numbers_that_stand_once_in_the_whole_job_are_had_in_turns() -> None:
    wide = {"ports": {"p": {"fixed": 8000, "scope": "job"}}}
    found = plan(2, test=TASK | size(8) | wide, server=size(8, after=["test"]) | wide)
    assert (ports(found), until(found)) == ({"test": [8000], "server": [8000]}, {"test": ("server",)})
    assert places(found) == {"test": [(0, ALL)], "server": [(1, ALL)]}


def test_what_an_engine_derives_is_given_back_too() -> None:
    found = plan(None, test=TASK | fixed(8000, also=[5]), server={"after": ["test"], **fixed(8005)})
    assert until(found) == {"test": ("server",)}


def test_a_port_is_not_given_back_to_a_role_that_meets_the_task() -> None:
    text = refused(None, test=TASK | fixed(8000), other=fixed(8000), server={"after": ["test"], **fixed(8000)})
    assert text.startswith("D303 port 8000 of role `other`")


# Parts


def test_roles_in_rings_and_lines_have_turns_as_their_after_says() -> None:
    job = job_of(
        {
            "roles": {
                "a": {"command": ["x"], "kind": "task"},
                "b": {"command": ["x"], "after": ["a"]},
                "c": {"command": ["x"], "kind": "task", "after": ["b"]},
                "d": {"command": ["x"], "after": ["c"]},
                "e": {"command": ["x"]},
            }
        }
    )
    turns = turns_of(job.roles)
    assert turns
    assert turns.done == {
        "a": frozenset(),
        "b": frozenset("a"),
        "c": frozenset("a"),
        "d": frozenset("ac"),
        "e": frozenset(),
    }
    assert turns.stages(list("abcd")) == [["a"], ["b", "c", "d"]]
    assert turns.stages(list("acd")) == [["a"], ["c"], ["d"]]
    assert sorted(turns.crowds(list("abcde"))) == [["a", "e"], ["b", "c", "e"], ["b", "d", "e"]]


def test_slices_that_fit_in_one_order_alone_are_laid_in_it() -> None:
    """A path: each meets the next. In turn from 0 up the third finds no place beside the second and the fourth."""
    meets = tuple(frozenset(other for other in range(4) if abs(at - other) <= 1) for at in range(4))
    items = (Item(0, 3), Item(1, 2), Item(2, 3), Item(3, 2))
    found = laid(items, 5, (), meets)
    assert found == ((0, 1, 2), (3, 4), (0, 1, 2), (3, 4))
    assert laid((Item(0, 3), Item(1, 3)), 5, (), meets) is None
    assert laid((Item(0, 2, (0, 1)), Item(1, 3)), 5, (), meets) == ((0, 1), (2, 3, 4))


def test_domains_of_one_node_keep_nobody_from_a_place_that_is_given_back() -> None:
    roles = {"test": size(8, 1, **TASK), "serve": size(8, 1, after=["test"])}
    assert plan(1, {"domain-nodes": 1}, **roles).workers == plan(1, **roles).workers
    with pytest.raises(InputError):
        plan(1, {"domain-nodes": 2}, **roles)
