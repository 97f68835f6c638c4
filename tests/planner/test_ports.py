"""The ports of all tasks against a plain walk through sets of numbers, task by task and port by port."""

from collections.abc import Iterator, Sequence

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from dynplan.diagnostics import InputError
from dynplan.model import AUTO_PORT, HIGHEST_PORT, Block, Cluster, Port, PortRange, Ports, Role
from dynplan.planner.ports import assign
from dynplan.planner.remaining import Homes
from tests.laws.jobs import job_of
from tests.laws.profile import law

JOB = job_of({"job": {"name": "law"}, "roles": {"a": {"command": ["serve"]}}})
CLUSTER = evolve(JOB.cluster, port_range=PortRange(20000, 20009), reserved=(PortRange(8003, 8004),))
NODES = 4


@st.composite
def bound_ports(draw: st.DrawFn, name: str) -> Port:
    fixed = draw(st.sampled_from([False] * 7 + [True]))
    base = draw(st.sampled_from([7000, 7001, 7002, 7003] if fixed else [8000, 8000, 8001, 8002, AUTO_PORT]))
    everywhere = draw(st.booleans())
    return Port(
        name=name,
        base=base,
        count=draw(st.sampled_from([1, 1, 2, 3])),
        low=1,
        high=HIGHEST_PORT if fixed or base == AUTO_PORT else 8000 + draw(st.sampled_from([20, 60, 200])),
        fixed=fixed,
        everywhere=everywhere,
        same=everywhere and draw(st.booleans()),
        job_wide=draw(st.sampled_from([False] * 9 + [True])),
        probed=True,
        also=draw(st.sampled_from([(), (), (2,), (5, 6)])),
    )


@st.composite
def roles_with_homes(draw: st.DrawFn) -> tuple[list[Role], list[Homes]]:
    """Return roles, and the nodes of their workers: of one node each, or of several, several workers on a node."""
    roles: list[Role] = []
    homes: list[Homes] = []
    for name in "abc"[: draw(st.integers(1, 3))]:
        ports = tuple(draw(bound_ports(port)) for port in ("http", "nixl", "system")[: draw(st.integers(0, 3))])
        roles.append(evolve(JOB.roles[0], name=name, ports=ports))
        span = draw(st.sampled_from([1, 1, 2, 3]))
        home = st.lists(st.integers(0, NODES - 1), min_size=span, max_size=span, unique=True).map(tuple)
        homes.append(draw(st.lists(home, min_size=1, max_size=6)))
    return roles, homes


def together(port: Port, tasks: int) -> list[list[int]]:
    ranks = list(range(tasks)) if port.everywhere else [0]
    return [ranks] if port.same else [[rank] for rank in ranks]


def walked(roles: Sequence[Role], homes: Sequence[Homes], cluster: Cluster) -> list[list[Ports]] | None:
    """Give out numbers by the rule: fixed ones first, then role by role, worker by worker, the first that is free."""
    reserved = {number for item in cluster.reserved for number in range(item.first, item.last + 1)}
    taken = [set(reserved) for _ in range(NODES)]
    once: set[int] = set()
    found: list[list[list[dict[str, Block]]]] = [[[{} for _ in home] for home in of_role] for of_role in homes]
    for fixed in (True, False):
        for at, role in enumerate(roles):
            for worker, home in enumerate(homes[at]):
                for port in (port for port in role.ports if port.fixed == fixed):
                    for ranks in together(port, len(home)):
                        nodes = {home[rank] for rank in ranks}
                        elsewhere = set().union(*taken) if port.job_wide else once
                        number = next(free(port, elsewhere.union(*(taken[node] for node in nodes)), cluster), None)
                        if number is None:
                            return None
                        wanted = numbers(port, number)
                        once |= wanted if port.job_wide else set()
                        for node in nodes:
                            taken[node] |= wanted
                        for rank in ranks:
                            found[at][worker][rank][port.name] = Block(number, port.count)
    return [
        [
            tuple((port.name, blocks[port.name]) for port in role.ports if port.name in blocks)
            for worker in of_role
            for blocks in worker
        ]
        for role, of_role in zip(roles, found, strict=True)
    ]


def free(port: Port, taken: set[int], cluster: Cluster) -> Iterator[int]:
    low, high = port.base, port.high
    if port.base == AUTO_PORT:
        low, high = cluster.port_range.first, cluster.port_range.last
    candidates = [port.base] if port.fixed else range(low, high - port.count + 2)
    return (number for number in candidates if not numbers(port, number) & taken)


def numbers(port: Port, number: int) -> set[int]:
    return {number + offset for offset in (*range(port.count), *port.also)}


@given(roles_with_homes())
@law
def test_every_task_has_the_ports_that_a_plain_walk_gives_it(job: tuple[list[Role], list[Homes]]) -> None:
    roles, homes = job
    expected = walked(roles, homes, CLUSTER)
    try:
        found = assign(roles, homes, NODES, CLUSTER)[0]
    except InputError as problem:
        assert expected is None
        assert {finding.code for finding in problem.findings} <= {"D301", "D303"}
    else:
        assert found == expected


def test_tasks_with_the_same_ports_share_one_tuple() -> None:
    port = Port("http", 8000, 1, 1, HIGHEST_PORT, False, False, False, False, True, ())
    homes: list[Homes] = [[(node,) for node in range(NODES)]]
    ((first, *others),), _ = assign([evolve(JOB.roles[0], ports=(port,))], homes, NODES, CLUSTER)
    assert first == (("http", Block(8000, 1)),)
    assert all(other is first for other in others)
