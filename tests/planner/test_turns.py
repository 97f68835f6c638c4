"""Places that tasks give back: who has them next, and who does not."""

from itertools import combinations
from random import Random
from typing import Any

import pytest

from dynplan.diagnostics import InputError
from dynplan.model import Plan
from dynplan.planner.laying import Item, cut_in_turns, laid
from dynplan.planner.turns import Turns, turns_of
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

# Roles of one stage of which some have turns: `large` comes after `first`, `small` after `second`, the others meet.
# In `AROUND_PINS` no order is found in which fewer nodes do in turns than at once.


def chain(one: int, other: int, /, **more: Tables) -> dict[str, Tables]:
    roles = {
        "first": TASK | size(one),
        "second": TASK | size(other),
        "large": size(one, after=["first"]),
        "small": size(other, after=["second"]),
    }
    return roles | {name: roles.get(name, {}) | role for name, role in more.items()}


AROUND_PINS: dict[str, Tables] = {
    "a": {"gpus": [0], "num-nodes": 2, "after": ["d"]},
    "b": TASK | {"gpus-per-worker": 1, "workers": 2},
    "c": TASK | {"gpus-per-worker": 1, "num-nodes": 1},
    "d": TASK | {"gpus": [1], "num-nodes": 2},
}

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
    assert found.warnings == ()


def test_the_fewest_nodes_at_once_are_told_as_not_proven_where_fewer_may_do_in_turns() -> None:
    found = plan("min", {"gpus-per-node": 2}, **AROUND_PINS)
    assert (len(found.nodes), found.placement.lower, found.placement.in_turns) == (4, 3, False)
    assert [(one.code, one.message) for one in found.warnings] == [("W202", "4 nodes are not proven minimal: 3 may do")]


def test_what_else_is_warned_of_is_told_beside_how_many_nodes_may_do() -> None:
    test = TASK | {"nodes": ["x", "y", "z"], "gpus-per-worker": 0}
    (warning,) = plan("min", test=test, server=size(8, after=["test"])).warnings
    assert (warning.code, warning.message) == ("W201", "2 of 3 nodes run no role with GPUs")


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


# Stages in which some roles meet and others do not


def test_roles_have_turns_with_some_of_a_stage_and_stand_apart_from_the_others() -> None:
    found = plan(2, **chain(8, 4))
    assert places(found) == {"first": [(0, ALL)], "second": [(1, LOW)], "large": [(0, ALL)], "small": [(1, HIGH)]}
    assert until(found) == {"first": ("large",)}
    found = plan(1, **chain(4, 4))
    assert places(found) == {"first": [(0, LOW)], "second": [(0, HIGH)], "large": [(0, LOW)], "small": [(0, HIGH)]}
    assert until(found) == {"first": ("large",), "second": ("small",)}
    assert refused(1, **chain(8, 4)) == (
        "D204 role `small` needs 4 GPUs on one node, but `first` leaves 0 on node 0: together they need 12 of 8 GPUs;"
        " set `job.num-nodes = 2`"
    )


def test_a_stage_before_another_one_has_all_nodes() -> None:
    roles = {name: role | {"after": ["pre", *role.get("after", [])]} for name, role in chain(8, 4).items()}
    found = plan(2, pre=TASK | size(8, 2), **roles)
    assert places(found)["pre"] == [(0, ALL), (1, ALL)]
    assert places(found)["large"] == [(0, ALL)]
    assert until(found) == {"pre": ("first", "second", "large", "small"), "first": ("large",), "second": ("small",)}


def test_hosts_that_roles_of_a_stage_name_are_theirs_in_turns() -> None:
    on = {"first": {"nodes": ["x"]}, "second": {"nodes": ["y"]}, "small": {"nodes": ["y"]}}
    found = plan(None, **chain(8, 4, **on, large={"nodes": ["x"]}))
    assert places(found) == {"first": [(0, ALL)], "second": [(1, LOW)], "large": [(0, ALL)], "small": [(1, HIGH)]}
    assert refused(None, **chain(8, 4, **on, large={"nodes": ["y"]})) == (
        "D207 role `large` needs 8 GPUs on `y`, but `second` leaves 4; set `roles.large.gpus-per-worker = 4`,"
        " or name another host"
    )
    found = plan(2, None, {"nodes": ["x", "y"]}, **chain(8, 4, large={"nodes": ["y"]}))
    assert places(found) == {"first": [(1, ALL)], "second": [(0, LOW)], "large": [(1, ALL)], "small": [(0, HIGH)]}


def test_dedicated_nodes_of_a_stage_are_shared_in_turns_alone() -> None:
    found = plan(2, **chain(8, 4, large={"dedicated": True}))
    assert places(found) == {"first": [(0, ALL)], "second": [(1, LOW)], "large": [(0, ALL)], "small": [(1, HIGH)]}
    assert found.head == 1
    closed = chain(4, 4, large={"dedicated": True}, first={"dedicated": True})
    assert places(plan(2, **closed)) == {
        "first": [(0, LOW)],
        "second": [(1, LOW)],
        "large": [(0, HIGH)],
        "small": [(1, HIGH)],
    }
    assert "D204" in refused(1, **closed)


def test_a_dedicated_role_of_a_stage_has_its_node_alone_without_gpus_too() -> None:
    log = {"num-nodes": 1, "dedicated": True, "gpus-per-worker": 0}
    found = places(plan(2, **chain(4, 4, log=log)))
    assert found.pop("log") == [(0, ())]
    assert found == {"first": [(1, LOW)], "second": [(1, HIGH)], "large": [(1, LOW)], "small": [(1, HIGH)]}
    assert "D204" in refused(1, **chain(4, 4, log=log))


def test_roles_of_a_stage_stand_where_nobody_is_that_they_meet_as_far_as_they_can() -> None:
    """Who has gone does not count, nor what is on every node."""
    roles = {"first": TASK | size(8, 2), "second": TASK | size(4)}
    found = plan(4, **roles, large=size(8, 2, after=["first"]), small=size(4, after=["second"]))
    assert places(found) == {
        "first": [(0, ALL), (1, ALL)],
        "second": [(2, LOW)],
        "large": [(0, ALL), (1, ALL)],
        "small": [(2, HIGH)],
    }
    roles = {"first": TASK | size(3, 2), "second": TASK | size(2), "eye": size(1, **{"per-node": True})}
    found = plan(4, **roles, large=size(5, 4, after=["first"]))
    assert places(found)["second"] == [(2, (0, 1))]
    assert [node for node, _ in places(found)["large"]] == [0, 1, 2, 3]


def test_a_dedicated_node_of_a_stage_is_not_one_that_a_role_without_gpus_names() -> None:
    found = plan(2, **chain(4, 4, large={"dedicated": True}, eye={"nodes": ["x"], "gpus-per-worker": 0}))
    assert (places(found)["eye"], places(found)["large"]) == ([(0, ())], [(1, LOW)])


def test_what_is_on_every_node_is_there_in_a_stage_too() -> None:
    eye = size(1, **{"per-node": True})
    found = plan(1, **chain(4, 3, eye=eye))
    assert places(found) == {
        "first": [(0, LOW)],
        "second": [(0, (4, 5, 6))],
        "large": [(0, LOW)],
        "small": [(0, (4, 5, 6))],
        "eye": [(0, (7,))],
    }
    assert places(plan(2, **chain(7, 4, eye=eye)))["large"] == [(0, ALL[:7])]
    assert "D204" in refused(1, **chain(4, 4, eye=TASK | size(4, **{"per-node": True})))


def test_gpus_by_index_are_had_in_turns_in_a_stage() -> None:
    pins: dict[str, Tables] = {
        "first": TASK | {"gpus": [0, 1]},
        "second": TASK | {"gpus": [[2], [3]], "num-nodes": 1},
        "large": {"gpus": [0, 1], "after": ["first"]},
        "small": {"gpus": [2, 3], "after": ["second"]},
    }
    found = plan(1, **pins)
    assert places(found) == {
        "first": [(0, (0, 1))],
        "second": [(0, (2,)), (0, (3,))],
        "large": [(0, (0, 1))],
        "small": [(0, (2, 3))],
    }
    assert refused(1, **pins | {"large": {"gpus": [1, 2], "after": ["first"]}}) == (
        "D214 role `small` is to have GPUs 2 and 3 of node 0, and GPU 2 is held by worker 0 of `large`, which is pinned"
        " to it; set `job.num-nodes = 2`"
    )


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


def test_a_role_has_what_those_on_every_node_leave_that_it_meets() -> None:
    every = {"per-node": True}
    exporter, test, server = size(1, **every), TASK | size(8), size(7, after=["test"])
    assert "of a node's 8 the roles on every node leave 7" in refused(1, exporter=exporter, test=test, server=server)
    # Of two that have turns with each other it is the larger one.
    one, two = TASK | size(2, **every), size(5, **every, after=["one"])
    found = plan(1, one=one, two=two, server=size(3))
    assert places(found) == {"one": [(0, (0, 1))], "two": [(0, ALL[:5])], "server": [(0, ALL[5:])]}
    assert "leave 3" in refused(1, one=one, two=two, server=size(4))
    # The smaller one, where the other one has ended.
    found = plan(1, one=TASK | size(5, **every), two=size(2, **every, after=["one"]), server=size(6, after=["one"]))
    assert places(found)["server"] == [(0, ALL[2:])]


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


def test_a_number_that_nobody_has_is_taken_before_one_that_is_given_back() -> None:
    one, two = ({"ports": {"p": {"base": "auto", "count": count}}} for count in (1, 2))
    after = {"after": ["first"]}
    found = plan(None, {"port-range": "20000-20004"}, first=TASK | two, second=two, third=after | one, last=after | two)
    assert ports(found) == {"first": [20000], "second": [20002], "third": [20004], "last": [20000]}
    assert until(found) == {"first": ("last",)}


def test_the_ports_of_a_role_that_are_given_back_to_it_are_apart() -> None:
    first = TASK | {"ports": {"p": {"base": "auto", "count": 2}}}
    second = {"ports": {"x": "auto", "y": "auto"}, "after": ["first"]}
    found = plan(None, {"port-range": "20000-20001"}, first=first, second=second)
    assert ports(found) == {"first": [20000], "second": [20000, 20001]}


def test_numbers_that_are_reserved_are_nobody_s() -> None:
    wide = {"ports": {"p": {"base": "auto", "scope": "job"}}}
    cluster = {"port-range": "20000-20001", "reserved-ports": [20000]}
    found = plan(2, cluster, first=TASK | size(8) | wide, second=size(8, after=["first"]) | wide)
    assert ports(found) == {"first": [20001], "second": [20001]}


def test_a_number_that_stands_once_in_the_whole_job_is_nobody_else_s_where_others_have_theirs_in_turns() -> None:
    once = {"ports": {"p": {"fixed": 7000, "scope": "job"}}}
    roles = {"first": TASK | once, "last": once | {"after": ["first"]}, "one": size(8) | fixed(8000)}
    found = plan(2, **roles, other=size(8) | fixed(8001, scope="job"))
    assert until(found) == {"first": ("last",)}
    assert "D303 port 8000 of role `other`" in refused(2, **roles, other=size(8) | fixed(8000, scope="job"))


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


@pytest.mark.parametrize("seed", range(20))
def test_crowds_are_the_largest_sets_of_roles_that_all_meet(seed: int) -> None:
    chance, names = Random(seed), "abcdefg"  # noqa: S311
    done = {name: frozenset(other for other in names[:at] if chance.random() < 0.4) for at, name in enumerate(names)}
    turns = Turns(done, {name: name for name in names})
    meeting = [set(some) for size in range(8) for some in combinations(names, size) if turns.all_meet(some)]
    largest = [crowd for crowd in meeting if not any(crowd < other for other in meeting)]
    found = list(turns.crowds(names))
    assert sorted(found) == sorted(map(sorted, largest))
    weights = {name: chance.randint(1, 9) for name in names[1:]}
    with_first = [crowd - {"a"} for crowd in largest if "a" in crowd]
    heaviest = turns.heaviest("a", weights)
    assert set(heaviest) in [crowd & set(heaviest) for crowd in with_first]
    assert sum(weights[one] for one in heaviest) == max(sum(weights[one] for one in crowd) for crowd in with_first)


def test_of_very_many_crowds_not_all_are_looked_at() -> None:
    pairs = [f"{letter}{number}" for letter in "abcdefg" for number in "01"]
    done = {name: frozenset({f"{name[0]}0"} if name.endswith("1") else ()) for name in pairs}
    turns = Turns(done, {name: name for name in pairs})
    assert len(list(turns.crowds(pairs[:12]))) == 64
    assert len(list(turns.crowds(pairs))) == 64


def test_slices_that_fit_in_one_order_alone_are_laid_in_it() -> None:
    """A path: each meets the next. In turn from 0 up the third finds no place beside the second and the fourth."""
    meets = tuple(frozenset(other for other in range(4) if abs(at - other) <= 1) for at in range(4))
    items = (Item(0, 3), Item(1, 2), Item(2, 3), Item(3, 2))
    found = laid(items, 5, (), meets)
    assert found == ((0, 1, 2), (3, 4), (0, 1, 2), (3, 4))
    assert laid((Item(0, 3), Item(1, 3)), 5, (), meets) is None
    assert laid((Item(0, 2, (0, 1)), Item(1, 3)), 5, (), meets) == ((0, 1), (2, 3, 4))


def test_slices_that_are_laid_lie_inside_groups_and_beside_all_of_those_that_they_meet() -> None:
    both = (frozenset({0, 1}), frozenset({0, 1}))
    assert laid((Item(0, 1), Item(1, 2)), 4, ((0, 1), (2, 3)), both) == ((0,), (2, 3))
    assert laid((Item(0, 1), Item(0, 1), Item(1, 2)), 4, (), both) == ((0,), (1,), (2, 3))
    assert cut_in_turns((Item(0, 1, (0,)), Item(1, 2)), 4, (), both) == ((0,), (1, 2))
    apart = (frozenset({0}), frozenset({1}))
    assert cut_in_turns((Item(0, 1, (0,)), Item(1, 4)), 4, (), apart) == ((0,), (0, 1, 2, 3))


@pytest.mark.parametrize("seed", range(40))
def test_slices_are_laid_where_trying_everything_finds_places(seed: int) -> None:
    chance = Random(seed)  # noqa: S311
    gpus, roles = chance.randint(3, 6), range(5)
    pairs = {pair for pair in combinations(roles, 2) if chance.random() < 0.6}
    meets = tuple(
        frozenset(other for other in roles if other == at or {(at, other), (other, at)} & pairs) for at in roles
    )
    items = tuple(Item(chance.choice(roles), chance.randint(1, 3)) for _ in range(6))

    def fits(at: int, held: tuple[tuple[int, set[int]], ...]) -> bool:
        if at == len(items):
            return True
        runs = (set(range(first, first + items[at].gpus)) for first in range(gpus - items[at].gpus + 1))
        taken = set[int]().union(*(run for role, run in held if role in meets[items[at].role]))
        return any(fits(at + 1, (*held, (items[at].role, run))) for run in runs if not run & taken)

    found = laid(items, gpus, (), meets)
    assert (found is not None) == fits(0, ())
    for (one, mine), (other, theirs) in combinations(zip(items, found or (), strict=False), 2):
        assert other.role not in meets[one.role] or not set(mine) & set(theirs)


def test_domains_keep_no_worker_of_one_node_from_a_place_that_is_given_back() -> None:
    roles = {"test": size(8, 1, **TASK), "serve": size(8, 1, after=["test"])}
    assert plan(1, {"domain-nodes": 1}, **roles).workers == plan(1, **roles).workers
    assert plan(1, {"domain-nodes": 2}, **roles).workers == plan(1, **roles).workers
