"""Laws of jobs on nodes of several kinds: each group is as planned alone, and the rest of the language is as ever."""

import copy
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from dynplan.checker import check
from dynplan.diagnostics.findings import CODES
from dynplan.emitter import lower, write
from dynplan.language import parse
from dynplan.language.plan_file import from_tree, to_toml, to_tree, without_none
from dynplan.model import Plan
from tests.laws.jobs import NEVER, Tables, jobs, outcome, planned
from tests.laws.profile import law, some
from tests.laws.test_advice import applied, kinds, suggestions
from tests.laws.test_domains import small_jobs as wide_jobs
from tests.laws.test_fewest import nodes_of, small_jobs
from tests.laws.test_plans import TEXTS
from tests.laws.test_wrong_input import odd_values

OF_A_NODE = ("gpus-per-node", "gpu-groups", "gpu-numa", "gpu-nics", "domain-nodes")


def renamed(value: Any, group: str) -> Any:
    """Return a list of hosts, or a host list, with names that no other group has."""
    return [f"{group}-{host}" for host in value] if isinstance(value, list) else f"{group}-{value}"


def of_group(tables: Tables, group: str) -> Tables:
    """Return a job whose roles and hosts have names of their own in every group."""
    names = {name: f"{group}-{name}" for name in tables["roles"]}
    out = copy.deepcopy(tables)
    out["roles"] = {}
    for name, role in copy.deepcopy(tables["roles"]).items():
        if "beside" in role:
            role["beside"] = names[role["beside"]]
        if role.get("place", "").startswith("with:"):
            role["place"] = f"with:{names[role['place'][5:]]}"
        if "nodes" in role:
            role["nodes"] = renamed(role["nodes"], group)
        out["roles"][names[name]] = role
    if "nodes" in out["job"]:
        out["job"]["nodes"] = renamed(out["job"]["nodes"], group)
    return out


def together(alone: dict[str, Tables]) -> Tables:
    """Return one job of the roles of several, each on nodes of its kind."""
    first = next(iter(alone.values()))
    cluster = {key: value for key, value in first["cluster"].items() if key not in OF_A_NODE}
    cluster["node-groups"] = [
        {"name": group, **{key: tables["cluster"][key] for key in OF_A_NODE if key in tables["cluster"]}}
        for group, tables in alone.items()
    ]
    job: Tables = {"name": "law"}
    for key in ("num-nodes", "nodes"):
        if said := {group: tables["job"][key] for group, tables in alone.items() if key in tables["job"]}:
            job[key] = said
    roles = {
        name: {**role, "group": group} for group, tables in alone.items() for name, role in tables["roles"].items()
    }
    return {"job": job, "cluster": cluster, "roles": roles}


@st.composite
def facts(draw: st.DrawFn, cluster: Tables) -> Tables:
    """Say of some nodes where their GPUs are attached, and how many are a domain, if nobody does."""
    gpus, found = cluster["gpus-per-node"], dict[str, Any]()
    if "domain-nodes" not in cluster and draw(st.booleans()):
        found["domain-nodes"] = draw(st.integers(1, 6))
    if "gpu-groups" not in cluster and draw(st.booleans()):
        numbers = draw(st.lists(st.integers(0, 2), min_size=gpus, max_size=gpus))
        found["gpu-numa"] = sorted(numbers) if draw(st.booleans()) else numbers
    if draw(st.booleans()):
        names: st.SearchStrategy[Any] = st.one_of(
            st.sampled_from(["mlx5_0", "mlx5_1:1"]), st.just([]), st.just(["ib0", "ib1"])
        )
        found["gpu-nics"] = draw(st.lists(names, min_size=gpus, max_size=gpus))
    return found


@st.composite
def parts(draw: st.DrawFn, one: st.SearchStrategy[Tables], *, with_facts: bool = True) -> dict[str, Tables]:
    """Generate jobs, by the group whose nodes each has; what is said of ports is said of all."""
    drawn = draw(st.lists(one, min_size=1, max_size=3))
    ports = {key: value for key, value in drawn[0]["cluster"].items() if key not in OF_A_NODE}
    found = {}
    for at, tables in enumerate(drawn):
        own = {key: value for key, value in tables["cluster"].items() if key in OF_A_NODE}
        own |= draw(facts(own)) if with_facts else {}
        found[f"g{at}"] = of_group({**tables, "cluster": {**own, **ports}}, f"g{at}")
    return found


def places(plan: Plan, first: int = 0) -> dict[str, list[Any]]:
    """Return the nodes and GPUs of every task, by role; nodes count from `first`."""
    found: dict[str, list[Any]] = {role.name: [] for role in plan.job.roles}
    for worker in plan.workers:
        found[worker.role].append([(task.node + first, task.gpus) for task in worker.tasks])
    return found


def ports(plan: Plan) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {role.name: [] for role in plan.job.roles}
    for worker in plan.workers:
        found[worker.role].append([task.ports for task in worker.tasks])
    return found


def plan_of(tables: Tables) -> Plan:
    found = outcome(tables)
    assume(isinstance(found, Plan))
    assert isinstance(found, Plan)
    return found


@given(parts(jobs(tasks=NEVER)))
@law
def test_each_group_is_what_it_is_as_a_job_of_its_own(alone: dict[str, Tables]) -> None:
    check_each_as_alone(alone)


@given(parts(st.one_of(wide_jobs(), wide_jobs(), jobs(hosts=False, tasks=NEVER))))
@law
def test_workers_stay_in_the_domains_of_their_group_as_in_a_job_of_its_own(alone: dict[str, Tables]) -> None:
    check_each_as_alone(alone)
    plan = outcome(together(alone))
    if isinstance(plan, Plan):
        check_accepted(plan)


def check_each_as_alone(alone: dict[str, Tables]) -> None:
    """Hold a job of several groups against what each of them is as a job of its own, its directives too."""
    one, found = outcome(together(alone)), {group: outcome(tables) for group, tables in alone.items()}
    fits = all(isinstance(part, Plan) for part in found.values())
    if not isinstance(one, Plan):
        assert not fits or any(finding.code.startswith("D3") for finding in one)  # ports that stand once in the job
        return
    assert fits
    first = 0
    where: dict[str, list[Any]] = {}
    numbers: dict[str, list[Any]] = {}
    for group, part in found.items():
        assert isinstance(part, Plan)
        own = one.nodes[first : first + len(part.nodes)]
        assert {node.group for node in own} == {group}
        assert [(node.host, node.gpus) for node in own] == [(node.host, node.gpus) for node in part.nodes]
        where |= places(part, first)
        numbers |= ports(part)
        first += len(part.nodes)
    assert len(one.nodes) == first
    assert places(one) == where
    if not any(port.job_wide for role in one.job.roles for port in role.ports):
        assert ports(one) == numbers
    plans = [part for part in found.values() if isinstance(part, Plan)]
    assert one.head == plans[0].head
    assert one.placement.lower == sum(part.placement.lower for part in plans)
    assert (one.placement.mode == "separate") == all(part.placement.mode == "separate" for part in plans)
    assert one.placement.segments == tuple(
        (group, part.placement.segment) for group, part in zip(found, plans, strict=True) if part.placement.segment
    )
    script, alone_scripts = lower(one), [lower(part) for part in plans]
    of_each = [dict(options).get("segment") for options in (script.directives, *script.components)]
    assert of_each == [dict(part.directives).get("segment") for part in alone_scripts]


def check_accepted(plan: Plan) -> None:
    """Hold a plan against the checker, and against itself as it is read back."""
    tree = to_tree(plan)
    assert check(tree) == ()
    assert check({key: tree[key] for key in ("schema", "nodes", "workers", "placement")}) == ()
    assert from_tree(tree) == plan


@given(parts(jobs(tasks=NEVER)))
@law
def test_the_checker_accepts_every_plan_and_it_is_read_back_as_it_was(alone: dict[str, Tables]) -> None:
    check_accepted(plan_of(together(alone)))


@given(parts(jobs(tasks=NEVER)))
@some(0.5)
def test_emitting_a_plan_gives_the_bytes_of_compiling_the_job(alone: dict[str, Tables]) -> None:
    plan = plan_of(together(alone))
    again = from_tree(parse("plan.toml", to_toml(plan).encode()).data)
    assert write(lower(again), "dynplan", TEXTS) == write(lower(plan), "dynplan", TEXTS)


@given(parts(jobs(hosts=False, tasks=NEVER)))
@some(0.5)
def test_a_role_on_every_node_is_on_those_of_all_groups_and_moves_nobody(alone: dict[str, Tables]) -> None:
    tables = together(alone)
    before = plan_of(tables)
    assume(not any(role.size.dedicated for role in before.job.roles))
    everywhere = {"command": ["look"], "place": "every-node"}
    after = planned({**tables, "roles": {**tables["roles"], "all": everywhere}})
    assert check(to_tree(after)) == ()
    own = places(after)
    assert own.pop("all") == [[(node.node, ())] for node in before.nodes]
    assert own == places(before)


@given(parts(jobs(tasks=NEVER)))
@some(0.5)
def test_every_suggested_change_does_away_with_its_finding(alone: dict[str, Tables]) -> None:
    tables = together(alone)
    found = outcome(tables)
    assume(not isinstance(found, Plan))
    assert not isinstance(found, Plan)
    for finding in (finding for finding in found if finding.code[:2] in ("D2", "D3")):
        assert finding.help
        assert finding.code[:2] == "D3" or any(f"`{group}`" in finding.message for group in alone)
        for changes in suggestions(finding):
            after = outcome(applied(tables, changes))
            others = kinds(found) - kinds((finding,))
            assert isinstance(after, Plan) or kinds(after) <= others, (finding.help, changes)


@given(parts(small_jobs(), with_facts=False))
@some(0.5)
def test_the_fewest_nodes_of_every_group_are_what_trying_everything_finds(alone: dict[str, Tables]) -> None:
    plan = planned(together(alone))
    fewest = {group: sum(nodes_of(tables)) for group, tables in alone.items()}
    assert {group: [node.group for node in plan.nodes].count(group) for group in alone} == fewest
    assert plan.placement.lower == len(plan.nodes)


def inside(value: Any) -> list[tuple[Any, Any]]:
    """Return every table or list below a value with each of its keys."""
    keys = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    return [(value, key) for key in keys] + [pair for key in keys for pair in inside(value[key])]


@st.composite
def odd(draw: st.DrawFn, tree: Tables) -> Tables:
    """Set a few values of a tree, or keys that it does not have, to anything."""
    tree = copy.deepcopy(tree)
    for _ in range(draw(st.integers(1, 3))):
        table, key = draw(st.sampled_from(inside(tree)))
        if isinstance(table, dict) and draw(st.booleans()):
            key = draw(
                st.sampled_from(["group", "num-nodes", "nodes", "name", "gpus-per-node", "node-groups", "place"])
            )
        table[key] = draw(st.one_of(odd_values(), st.sampled_from(["g0", "g1"]), st.just({"g0": 1, "g1": "min"})))
    return tree


@given(parts(jobs(tasks=NEVER)).map(together).flatmap(odd))
@law
def test_nothing_but_the_one_error_is_raised(tables: Tables) -> None:
    found = outcome(tables)
    assert isinstance(found, Plan) or all(finding.code in CODES and finding.message for finding in found)
    if isinstance(found, Plan):
        assert check(to_tree(found)) == ()


@given(parts(jobs(hosts=False, tasks=NEVER)), st.data())
@law
def test_the_checker_says_what_is_wrong_of_any_tree(alone: dict[str, Tables], data: st.DataObject) -> None:
    tree = without_none(to_tree(plan_of(together(alone))))
    for finding in check(data.draw(odd(tree))):
        assert finding.code in CODES
        assert finding.message
