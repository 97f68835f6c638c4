"""`num-nodes = "min"` against trying everything, on jobs small enough for that."""

from collections.abc import Iterator
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from tests.laws.jobs import Tables, planned
from tests.laws.profile import law


@st.composite
def small_jobs(draw: st.DrawFn) -> Tables:
    capacity = draw(st.integers(1, 8))
    few = st.integers(1, 3)
    sizes = st.one_of(
        st.fixed_dictionaries({"num-nodes": few}),
        st.fixed_dictionaries({"workers": few}),
        st.fixed_dictionaries({"workers": few, "spread": st.just(True)}),
    )
    roles = {}
    for name in draw(st.sampled_from([["a"], ["a", "b"], ["a", "b", "c"], ["a", "b", "c", "d"]])):
        gpus = draw(st.integers(1, capacity + capacity // 2))
        size = draw(sizes)
        if "num-nodes" in size and gpus > capacity:
            size["num-nodes"] *= 2
        dedicated = draw(st.sampled_from([False, False, False, True]))
        split = draw(st.sampled_from(["even", "fill"]))
        roles[name] = {"command": ["serve"], "gpus-per-worker": gpus, "split": split, **size, "dedicated": dedicated}
    return {"job": {"num-nodes": "min"}, "cluster": {"gpus-per-node": capacity}, "roles": roles}


Item = tuple[int, str]  # GPUs on one node, and a name that may stand on it once ("" for any number)


def items_of(name: str, role: Tables, capacity: int) -> list[Item]:
    """Return what a role puts on nodes, one entry for each worker and node."""
    gpus = role["gpus-per-worker"]
    span = -(-gpus // capacity)
    even = [gpus // span + (at < gpus % span) for at in range(span)]
    fill = [min(capacity, gpus - at * capacity) for at in range(span)]
    slices = fill if role["split"] == "fill" else even
    workers = role["num-nodes"] // span if "num-nodes" in role else role["workers"]
    apart = name if "num-nodes" in role or "spread" in role else ""
    return [(size, apart) for _ in range(workers) for size in slices]


def fits(items: list[Item], bins: int, capacity: int) -> bool:
    """Try every way to put the items into so many nodes; equal nodes are tried once."""

    def place(at: int, held: tuple[tuple[int, frozenset[str]], ...]) -> bool:
        if at == len(items):
            return True
        size, name = items[at]
        for node, (free, names) in {state: (node, state) for node, state in enumerate(held)}.values():
            if size <= free and name not in names:
                now = (free - size, names | {name} if name else names)
                if place(at + 1, (*held[:node], now, *held[node + 1 :])):
                    return True
        return False

    return place(0, ((capacity, frozenset()),) * bins)


def fewest(items: list[Item], capacity: int) -> int:
    items = sorted(items, reverse=True)
    least = -(-sum(size for size, _ in items) // capacity)
    return next(bins for bins in count(least) if fits(items, bins, capacity))


def nodes_of(tables: Tables) -> Iterator[int]:
    """Yield the nodes of each dedicated role, and those of all the others together."""
    capacity = tables["cluster"]["gpus-per-node"]
    shared: list[Item] = []
    for name, role in tables["roles"].items():
        items = items_of(name, role, capacity)
        if role["dedicated"]:
            yield fewest(items, capacity)
        else:
            shared += items
    yield fewest(shared, capacity)


@given(small_jobs())
@law
def test_the_fewest_nodes_are_what_trying_everything_finds(tables: Tables) -> None:
    plan = planned(tables)
    assert len(plan.nodes) == plan.placement.lower == sum(nodes_of(tables))
