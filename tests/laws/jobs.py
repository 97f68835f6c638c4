"""Jobs of every size and shape, as the tables of a job file: a Hypothesis strategy that shrinks to short files."""

from itertools import pairwise
from typing import Any

import tomli_w
from hypothesis import strategies as st

from dynplan.cli.inputs import job_documents
from dynplan.diagnostics import Finding, InputError
from dynplan.language import parse, read, resolve
from dynplan.model import Job, Plan
from dynplan.planner.advice import plan_tables

Tables = dict[str, Any]

NAMES = ("decode", "prefill", "etcd", "frontend", "router", "store")
HOSTS = ("node-a", "node-b", "node-c", "node-d", "node-e")


def job_of(tables: Tables) -> Job:
    """Write the tables as a job file, and read it the way the command line does."""
    return read(resolved(tables))


def resolved(tables: Tables) -> Tables:
    document = parse("job.toml", tomli_w.dumps(tables).encode())
    return resolve(job_documents("job.toml", document, (), ""))


def planned(tables: Tables) -> Plan:
    return plan_tables(resolved(tables))


def outcome(tables: Tables) -> Plan | tuple[Finding, ...]:
    """Return the plan, or what is wrong with the job."""
    try:
        return planned(tables)
    except InputError as problem:
        return problem.findings


def optional(**keys: st.SearchStrategy[Any]) -> st.SearchStrategy[Tables]:
    """Return a table of some of these keys; `_` stands for a dash."""
    named = {key.replace("_", "-"): value for key, value in keys.items()}
    return st.fixed_dictionaries({}, optional=named)


_YES = st.just(True)
_FACT = st.sampled_from(["port", "url", "endpoint"])
_HOST_LISTS = st.one_of(st.lists(st.sampled_from(HOSTS), min_size=1, max_size=4, unique=True), st.just("node-[a-b]"))
_SPLIT = st.sampled_from(["fill", "even"])
_SELDOM = st.sampled_from([False, False, False, True])
NEVER = st.just(False)


def _ranges(low: int, high: int) -> st.SearchStrategy[str]:
    return st.tuples(st.integers(low, high), st.integers(0, 3)).map(lambda pair: f"{pair[0]}-{pair[0] + pair[1]}")


@st.composite
def _groups(draw: st.DrawFn, gpus: int) -> list[list[int]]:
    """Cut the GPUs into islands: side by side, or every second one."""
    borders = sorted(draw(st.sets(st.integers(1, max(1, gpus - 1)), max_size=3)))
    edges = [0, *(border for border in borders if border < gpus), gpus]
    groups = [list(range(low, high)) for low, high in pairwise(edges)]
    if draw(st.integers(0, 9)) == 9:
        groups = [group for group in (list(range(0, gpus, 2)), list(range(1, gpus, 2))) if group]
    return groups


@st.composite
def _attached(draw: st.DrawFn, gpus: int, groups: list[list[int]] | None) -> Tables:
    """The NUMA node of each GPU, none of which holds a part of a group and of another one; adapters near each."""
    nodes = groups or draw(_groups(gpus))
    of_node = draw(st.permutations(range(len(nodes))))
    numa = [next(of_node[at] for at, node in enumerate(nodes) if gpu in node) for gpu in range(gpus)]
    names = st.sampled_from(["mlx5_0", "mlx5_1:1", ["mlx5_0", "mlx5_2"]])
    return draw(optional(gpu_numa=st.just(numa), gpu_nics=st.lists(names, min_size=gpus, max_size=gpus)))


@st.composite
def clusters(draw: st.DrawFn) -> Tables:
    """Generate the table of a cluster whose nodes are all of one kind, with all that may be said of nodes and ports."""
    gpus = draw(st.sampled_from([8, 4, 2, 3, 1, 6, 16]))
    table: Tables = {"gpus-per-node": gpus}
    table |= draw(
        optional(
            gpu_groups=_groups(gpus),
            domain_nodes=st.integers(1, 5),
            port_range=_ranges(20000, 20003),
            reserved_ports=st.lists(st.one_of(_ranges(9090, 9093), st.integers(8000, 8003)), max_size=2),
        )
    )
    if draw(_SELDOM):
        table |= draw(_attached(gpus, table.get("gpu-groups")))
    if draw(_SELDOM):
        table |= {"port-offset": "job-id", "port-range": draw(st.sampled_from(["20000-20999", "9000-9299"]))}
    return table


_OFFSETS = st.lists(st.one_of(st.integers(0, 5), st.just("2..3"), st.just(1000)), max_size=2)


def _ports() -> st.SearchStrategy[Any]:
    base = st.one_of(st.integers(9090, 9094), st.integers(8000, 8001), st.just("auto"))
    table = optional(
        base=base,
        count=st.one_of(st.integers(1, 3), st.sampled_from(["tensor-parallel-size", "tp * 2"])),
        on=st.sampled_from(["every-task", "leader"]),
        same=_YES,
        also=_OFFSETS,
        min=st.integers(9000, 9092),
        max=st.integers(9095, 20100),
        scope=st.sampled_from(["job", "node"]),
        probe=st.just(False),
    )
    number = st.integers(7000, 7020)
    fixed = st.one_of(st.fixed_dictionaries({"base": number, "fixed": _YES}), st.fixed_dictionaries({"fixed": number}))
    return st.one_of(base, base, table, table, table, table, fixed)


def _named_ports(most: int) -> st.SearchStrategy[Tables]:
    return st.dictionaries(st.sampled_from(["system", "http", "nixl"]), _ports(), max_size=most)


def _gpus(capacity: int) -> st.SearchStrategy[Any]:
    fitting = st.integers(1, capacity)
    return st.one_of(fitting, fitting, fitting, st.integers(1, 2 * capacity + 1), st.just("tensor-parallel-size"))


def _gpu_sizes(capacity: int) -> st.SearchStrategy[Tables]:
    """Every way to say how many workers a role with GPUs has."""
    nodes = st.integers(1, 4)
    per = st.one_of(st.just("max"), st.integers(1, 3))
    ways = st.one_of(
        st.fixed_dictionaries({"num-nodes": nodes}, optional={"workers-per-node": per}),
        st.fixed_dictionaries({"workers": st.integers(1, 6)}, optional={"workers-per-node": per}),
        st.fixed_dictionaries({"num-nodes": nodes, "workers": st.integers(1, 6)}),
        st.fixed_dictionaries({}, optional={"workers-per-node": per}),
        st.fixed_dictionaries({"per-node": _YES}, optional={"workers-per-node": per}),
    )
    gpus = st.fixed_dictionaries({"gpus-per-worker": _gpus(capacity)})
    return st.tuples(ways, gpus, optional(spread=_SELDOM, dedicated=_SELDOM, split=_SPLIT)).map(_merged)


@st.composite
def _pins(draw: st.DrawFn, capacity: int) -> Tables:
    """GPUs by index, of one worker or of two on each node."""
    length = draw(st.integers(1, max(1, capacity // 2)))
    first = draw(st.integers(0, capacity - length))
    one = list(range(first, first + length))
    more = [list(range(at, at + length)) for at in (0, capacity - length)]
    others = [other for other in more if not set(other) & set(one)]
    two: list[Any] = [one, others[0]] if others else one
    return {"gpus": two if draw(st.booleans()) else one}


def _pinned_sizes(capacity: int, *, hosts: bool) -> st.SearchStrategy[Tables]:
    """The ways to say how many workers a role has whose GPUs have their indices."""
    named = [st.fixed_dictionaries({"nodes": _HOST_LISTS})] * (2 * hosts)
    ways = st.one_of(
        st.fixed_dictionaries({"num-nodes": st.integers(1, 4)}),
        st.fixed_dictionaries({"workers": st.integers(1, 4)}),
        st.fixed_dictionaries({"per-node": _YES}),
        st.just({}),
        *named,
    )
    wide = st.fixed_dictionaries(
        {"gpus": st.just(list(range(capacity))), "workers": st.integers(1, 2), "gpus-per-worker": st.just(2 * capacity)}
    )
    narrow = st.tuples(ways, _pins(capacity), optional(dedicated=_SELDOM)).map(_merged)
    return st.one_of(narrow, narrow, narrow, narrow, wide)


def _host_sizes(capacity: int) -> st.SearchStrategy[Tables]:
    return st.fixed_dictionaries(
        {"nodes": _HOST_LISTS, "gpus-per-worker": _gpus(capacity)},
        optional={"workers-per-node": st.sampled_from(["max", 1, 2]), "dedicated": _SELDOM, "split": _SPLIT},
    )


def _cpu_sizes(names: list[str]) -> st.SearchStrategy[Tables]:
    places = st.sampled_from(["head", "every-node", *(f"with:{name}" for name in names)])
    count = st.integers(1, 3)
    return st.one_of(
        st.just({}),
        st.fixed_dictionaries({"place": places}, optional={"workers": count}),
        st.fixed_dictionaries({"per-node": _YES}),
        st.fixed_dictionaries({"gpus-per-worker": st.just(0)}, optional={"num-nodes": count, "workers": count}),
        st.fixed_dictionaries({"gpus-per-worker": st.just(0), "workers": count}, optional={"spread": _YES}),
        st.fixed_dictionaries(
            {"gpus-per-worker": st.just(0), "dedicated": _SELDOM},
            optional={"num-nodes": count, "workers-per-node": count},
        ),
        st.fixed_dictionaries(
            {"gpus-per-worker": st.just(0), "nodes": st.lists(st.sampled_from(HOSTS), min_size=1, unique=True)}
        ),
    )


def _merged(tables: tuple[Tables, ...]) -> Tables:
    return {key: value for table in tables for key, value in table.items()}


@st.composite
def _role(draw: st.DrawFn, name: str, names: list[str], capacity: int, *, hosts: bool, ports: bool) -> Tables:
    others = [other for other in names if other != name]
    before = names[: names.index(name)]  # mostly, so that few of them stand in a ring
    beside = [st.fixed_dictionaries({"beside": st.sampled_from(group)}) for group in (before, before, others) if group]
    with_gpus = [_gpu_sizes(capacity)] * 3 + [_host_sizes(capacity)] * (2 * hosts)
    with_gpus.append(_pinned_sizes(capacity, hosts=hosts))
    size = draw(st.one_of(*with_gpus, _cpu_sizes(others), *beside))
    table: Tables = {"command": ["serve"], **size}
    bound = draw(_named_ports(3 * ports))
    sized = size.get("gpus-per-worker") == "tensor-parallel-size"
    if sized or any(isinstance(port, dict) and isinstance(port.get("count"), str) for port in bound.values()):
        table["args"] = draw(
            st.fixed_dictionaries(
                {"tensor-parallel-size": st.integers(1, capacity)}, optional={"tp": st.integers(1, 2)}
            )
        )
    if bound:
        table["ports"] = bound
        table["env"] = {"PORT": "{port." + next(iter(bound)) + "}", "RANK": "{= rank + worker * num-tasks}"}
    return table


@st.composite
def with_tasks(draw: st.DrawFn, tables: Tables) -> Tables:
    """Make tasks of some roles, and have roles come after roles before them in a list of any order."""
    names = draw(st.permutations(list(tables["roles"])))
    roles = {}
    for name, role in tables["roles"].items():
        before = list(names[: names.index(name)])
        waits = draw(st.lists(st.sampled_from(before), unique=True)) if before else []
        kind = draw(st.sampled_from(["task", "task", "service"]))
        roles[name] = role | {"kind": kind} | ({"after": waits} if waits else {})
    return tables | {"roles": roles}


@st.composite
def jobs(
    draw: st.DrawFn, *, hosts: bool | None = None, ports: bool = True, tasks: st.SearchStrategy[bool] = _SELDOM
) -> Tables:
    """Generate a job file's tables; most of them plan, with or without named hosts, with `tasks` or with none."""
    cluster = draw(clusters())
    names = list(NAMES[: draw(st.integers(1, 4))])
    with_hosts = draw(st.booleans()) if hosts is None else hosts
    capacity = cluster["gpus-per-node"]
    roles = {name: draw(_role(name, names, capacity, hosts=with_hosts, ports=ports)) for name in names}
    for role in roles.values():
        if "beside" in role:
            bound = [f"{{beside.{draw(_FACT)}.{port}}}" for port in roles[role["beside"]].get("ports", {})]
            role["env"] = role.get("env", {}) | {"PARTNER": " ".join(["{beside.host} {gpus}", *bound])}
    job: Tables = {"name": "law"}
    if with_hosts and draw(st.booleans()):
        job["nodes"] = draw(st.one_of(st.just(list(HOSTS)), st.just("node-[a-c]"), st.just(["node-b", "node-a"])))
    else:
        count = draw(st.one_of(st.none(), st.just("min"), st.integers(1, 8)))
        job |= {} if count is None else {"num-nodes": count}
    tables: Tables = {"job": job, "cluster": cluster, "roles": roles}
    return draw(with_tasks(tables)) if draw(tasks) else tables
