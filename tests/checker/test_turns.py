"""Plans in which tasks give back what they held, each broken by hand in one place, with what is said."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from dynplan.checker import check
from dynplan.language.plan_file import to_tree
from tests.laws.jobs import planned

Tree = dict[str, Any]
RUN = {"command": ["run"]}
FIXED = {"ports": {"p": {"fixed": 8000}}}


def tree_of(num_nodes: int | str, **roles: Tree) -> Tree:
    tables = {"job": {"num-nodes": num_nodes}, "cluster": {"gpus-per-node": 8}}
    named = {name.replace("_", "-"): RUN | role for name, role in roles.items()}
    return to_tree(planned(tables | {"roles": named}))


def engines() -> Tree:
    """A test of all GPUs, somebody without any who waits for it, and engines that wait for that one."""
    return tree_of(
        "min",
        test={"kind": "task", "num-nodes": 2, "gpus-per-worker": 8, **FIXED},
        gate={"after": ["test"]},
        decode={"after": ["gate"], "num-nodes": 2, "gpus-per-worker": 4, **FIXED},
        prefill={"after": ["gate"], "num-nodes": 2, "gpus-per-worker": 4, "ports": {"p": 8000}},
    )


def watched() -> Tree:
    """A task with another one beside it, and a server on their GPUs."""
    return tree_of(
        1,
        test={"kind": "task", "gpus-per-worker": 8},
        look={"kind": "task", "beside": "test"},
        server={"after": ["test", "look"], "gpus-per-worker": 8},
    )


def chains() -> Tree:
    """Two servers, each after a conversion of its own; the other conversion may run beside it."""
    return tree_of(
        1,
        first={"kind": "task", "gpus-per-worker": 4},
        second={"kind": "task", "gpus-per-worker": 2},
        large={"after": ["first"], "gpus-per-worker": 4},
        small={"after": ["second"], "gpus-per-worker": 4},
    )


def beside_each_other() -> Tree:
    return tree_of(1, test={"kind": "task", "gpus-per-worker": 4}, server={"after": ["test"], "gpus-per-worker": 4})


PLANS = [engines, watched, chains, beside_each_other]


def of_role(tree: Tree, name: str) -> list[Tree]:
    return [worker for worker in tree["workers"] if worker["role"] == name]


def with_gpus(tree: Tree, name: str, gpus: list[int]) -> None:
    for worker in of_role(tree, name):
        worker["tasks"][0]["gpus"] = gpus


def role_set(name: str, key: str, value: Any) -> Callable[[Tree], None]:
    return lambda tree: tree["roles"][name].__setitem__(key, value)


def until(name: str, roles: list[str], only: slice = slice(None)) -> Callable[[Tree], None]:
    def change(tree: Tree) -> None:
        for worker in of_role(tree, name)[only]:
            worker["until"] = roles

    return change


def reversed_order(tree: Tree) -> None:
    for worker in of_role(tree, "test"):
        del worker["until"]
    until("server", ["test"])(tree)


def swapped(tree: Tree) -> None:
    with_gpus(tree, "decode", [4, 5, 6, 7])
    with_gpus(tree, "prefill", [0, 1, 2, 3])


def port(name: str, number: int) -> Callable[[Tree], None]:
    def change(tree: Tree) -> None:
        for worker in of_role(tree, name):
            worker["tasks"][0]["ports"]["p"]["port"] = number

    return change


BROKEN: list[tuple[Callable[[], Tree], Callable[[Tree], Any], str, str]] = [
    # No order between the two any more: the one in the middle waits for nobody.
    (
        engines,
        role_set("gate", "after", []),
        "D401",
        "GPU 0 of node 0 is held twice: by worker 0 of `test` and by worker",
    ),
    (
        engines,
        role_set("decode", "after", []),
        "D411",
        "port 8000 of node 0 is held by worker 0 of `test` (`p`) and by",
    ),
    # A service does not end.
    (engines, role_set("test", "kind", "service"), "D401", "GPU 0 of node 0 is held twice"),
    (engines, role_set("test", "kind", "service"), "D416", "and `test` is no task: it does not end before the job"),
    # What the workers say of it.
    (engines, until("test", ["prefill"]), "D416", "`decode` has GPUs or ports of `test`, and its workers do not say"),
    (
        engines,
        until("test", ["decode"], slice(1)),
        "D416",
        "worker 1 of `test` gives its place back to `decode`, `prefill`",
    ),
    (engines, until("test", ["decode", "prefill", "gate"]), "D416", "to `gate`, which has nothing of it"),
    (engines, until("test", ["decode", "prefill", "nobody"]), "D416", "to `nobody`, of which the plan has no worker"),
    (engines, until("decode", ["prefill"]), "D416", "and `decode` is no task"),
    (
        engines,
        lambda tree: tree["placement"].pop("in-turns"),
        "D416",
        "`decode` has GPUs of `test`, and the plan does not",
    ),
    (watched, reversed_order, "D416", "to `test`, and `server` is no task"),
    (chains, until("second", ["small", "large"]), "D416", "to `large`, which does not come after it"),
    # Roles that meet stay apart, and in order.
    (
        engines,
        lambda tree: with_gpus(tree, "prefill", [0, 1, 2, 3]),
        "D401",
        "by worker 0 of `decode` and by worker 0 of",
    ),
    (engines, swapped, "D403", "worker 0 of `decode` starts at GPU 4 of node 0, and its turn is at 0"),
    (
        engines,
        port("prefill", 8000),
        "D411",
        "port 8000 of node 0 is held by worker 0 of `decode` (`p`) and by worker 0",
    ),
    (engines, port("prefill", 8002), "D413", "is 8002, and 8001 is the first free one"),
    # A role beside one that gives back must have ended too.
    (
        watched,
        role_set("look", "kind", "service"),
        "D401",
        "GPU 0 of node 0 is held twice: by worker 0 of `test` and by",
    ),
    (
        watched,
        role_set("server", "after", ["test"]),
        "D401",
        "GPU 0 of node 0 is held twice: by worker 0 of `test` and by",
    ),
    # Where some roles of a node have turns and others do not.
    (chains, role_set("large", "after", []), "D401", "is held twice"),
    (chains, lambda tree: with_gpus(tree, "second", [6, 7]), "D403", "starts at GPU 6 of node 0, and 4 is free for it"),
    # What fits at once is given back to nobody.
    (beside_each_other, lambda tree: with_gpus(tree, "server", [0, 1, 2, 3]), "D403", "and its turn is at 4"),
    # The number of nodes.
    (
        engines,
        lambda tree: tree["placement"].__setitem__("lower-bound", 1),
        "D410",
        "`lower-bound` is 1, and for 2 nodes",
    ),
]


@pytest.mark.parametrize("plan", PLANS)
def test_a_plan_that_gives_back_is_accepted_with_and_without_the_tables_of_its_job(plan: Callable[[], Tree]) -> None:
    tree = plan()
    assert check(tree) == ()
    assert check({key: tree[key] for key in ("schema", "nodes", "workers")}) == ()


@pytest.mark.parametrize(("plan", "change", "code", "text"), BROKEN)
def test_a_plan_that_breaks_its_word_is_refused(
    plan: Callable[[], Tree], change: Callable[[Tree], Any], code: str, text: str
) -> None:
    tree = deepcopy(plan())
    change(tree)
    found = check(tree)
    assert [finding for finding in found if finding.code == code and text in finding.message], found


def test_what_is_missing_between_a_task_and_a_later_role_is_told() -> None:
    tree = watched()
    tree["roles"]["server"]["after"] = []
    del tree["workers"][0]["until"]
    del tree["workers"][1]["until"]
    [finding] = [finding for finding in check(tree) if finding.code == "D401"]
    assert finding.help == "`server`, or a role beside it, does not come after the task `test`"


def test_without_the_tables_of_the_job_only_what_the_workers_say_counts() -> None:
    tree = {key: engines()[key] for key in ("schema", "nodes", "workers")}
    for worker in of_role(tree, "test"):
        worker["until"] = ["prefill"]
    assert {finding.code for finding in check(tree)} == {"D401", "D411"}
    until("prefill", ["test"])(tree)
    assert "D416" in {finding.code for finding in check(tree)}
