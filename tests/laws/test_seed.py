"""The formulas of the system that dynplan replaces, for every job of two roles that share nodes."""

from hypothesis import assume, given
from hypothesis import strategies as st

from dynplan.model import Plan
from tests.laws.jobs import planned
from tests.laws.profile import law

PORTS = {
    "nixl": {"base": 5557, "count": "tensor-parallel-size"},
    "events": 20080,
    "kvbm": {"base": 56001, "count": 2},
    "system": 9090,
}


def two_roles(nodes: int, each: int, decode: tuple[int, int], prefill: tuple[int, int]) -> Plan:
    """Plan decode and prefill, each (workers on a node, tensor-parallel size), on `each` nodes of `nodes`."""

    def role(per: int, size: int) -> dict[str, object]:
        return {
            "command": ["serve"],
            "num-nodes": each,
            "workers-per-node": per,
            "gpus-per-worker": "tensor-parallel-size",
            "args": {"tensor-parallel-size": size},
            "ports": PORTS,
        }

    return planned(
        {
            "job": {"num-nodes": nodes},
            "cluster": {"gpus-per-node": 8},
            "roles": {"decode": role(*decode), "prefill": role(*prefill)},
        }
    )


@given(
    st.integers(1, 4),
    st.integers(0, 4),
    st.tuples(st.integers(1, 3), st.integers(1, 7)),
    st.tuples(st.integers(1, 3), st.integers(1, 7)),
)
@law
def test_the_formulas_hold(each: int, more: int, decode: tuple[int, int], prefill: tuple[int, int]) -> None:
    (workers, size), (others, other_size) = decode, prefill
    assume(workers * size + others * other_size <= 8)
    nodes = each + min(more, each)
    plan = two_roles(nodes, each, decode, prefill)
    decode_nodes = {worker.tasks[0].node for worker in plan.workers if worker.role == "decode"}
    for worker in plan.workers:
        (task,) = worker.tasks
        shifted = worker.role == "prefill" and task.node in decode_nodes
        before, gpus_before = (workers, workers * size) if shifted else (0, 0)
        on_node = worker.worker % (workers if worker.role == "decode" else others)
        own = size if worker.role == "decode" else other_size
        first = gpus_before + on_node * own
        assert task.gpus == tuple(range(first, first + own))
        assert {name: (block.port, block.count) for name, block in task.ports} == {
            "nixl": (5557 + gpus_before + on_node * own, own),
            "events": (20080 + before + on_node, 1),
            "kvbm": (56001 + 2 * (before + on_node), 2),
            "system": (9090 + before + on_node, 1),
        }
    shared = decode_nodes & {worker.tasks[0].node for worker in plan.workers if worker.role == "prefill"}
    assert len(shared) == 2 * each - nodes
