"""Whatever a job file says, the answer is a plan or the one error for wrong input."""

from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dynplan.diagnostics.findings import CODES
from dynplan.model import Plan
from tests.laws.jobs import Tables, outcome
from tests.laws.profile import law
from tests.laws.whole import whole_jobs

HUGE = [0, -1, 1_000_000, 1_000_001, 65_535, 65_536, 250_000, 4096, 2**62, -(2**63)]
WORDS = [
    "",
    "min",
    "max",
    "auto",
    "head",
    "every-node",
    "with:decode",
    "with:",
    "decode",
    "{rank}",
    "a-b",
    "*",
    "2 ** 99",
]
EXPRESSIONS = [
    "tp",
    "1 / 0",
    "9 * 9 - 90",
    "999999999 * 999999999 * 999999999",
    "((((1",
    "rank",
    "tp - 1",
    "1000000 * 1",
]


def odd_values() -> st.SearchStrategy[Any]:
    scalar = st.one_of(st.sampled_from([*HUGE, *WORDS, *EXPRESSIONS, True, False, 1.5]), st.integers(-5, 100_000))
    return st.one_of(
        scalar, scalar, st.lists(scalar, max_size=2), st.dictionaries(st.sampled_from(["a", "base"]), scalar)
    )


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield (*path, key)
            yield from paths(item, (*path, key))


KEYS = [
    *("num-nodes", "workers", "workers-per-node", "gpus-per-worker", "per-node", "spread", "dedicated", "place"),
    *("nodes", "ports", "after", "gpus-per-node", "gpu-groups", "port-range", "reserved-ports", "base", "count"),
    *("also", "fixed", "min", "max", "scope", "same", "on", "beside"),
]


@st.composite
def odd_jobs(draw: st.DrawFn) -> Tables:
    """Take a job, and set a few of its keys, or keys it does not have, to anything."""
    tables: Tables = draw(whole_jobs())
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(list(paths(tables))))
        table: Any = tables
        for key in path[:-1]:
            table = table[key]
        inner = table[path[-1]]
        if isinstance(inner, dict) and draw(st.booleans()):
            inner[draw(st.sampled_from(KEYS))] = draw(odd_values())
        else:
            table[path[-1]] = draw(odd_values())
    return tables


@given(odd_jobs())
@law
def test_nothing_but_the_one_error_is_raised(tables: Tables) -> None:
    found = outcome(tables)
    if not isinstance(found, Plan):
        assert found
        for finding in found:
            assert finding.code in CODES
            assert finding.message
