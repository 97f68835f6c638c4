"""A node's ledger against a set of numbers, and the ledgers of all nodes."""

from itertools import pairwise
from time import process_time

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from dynplan.model import HIGHEST_PORT, Port
from dynplan.planner.ledger import Ledger, Ledgers, Span, add, clash, first_free, reach, spans_of
from tests.plans import plan_of

PORT = Port(
    name="p",
    base=1,
    count=1,
    low=1,
    high=HIGHEST_PORT,
    fixed=False,
    everywhere=False,
    same=False,
    job_wide=False,
    probed=True,
    also=(),
)


def numbers(ledger: Ledger) -> set[int]:
    return {number for first, last in ledger for number in range(first, last + 1)}


spans = st.tuples(st.integers(1, 40), st.integers(0, 5)).map(lambda pair: (pair[0], sum(pair)))
ports = st.builds(
    evolve, st.just(PORT), count=st.integers(1, 4), also=st.sets(st.integers(0, 9), max_size=3).map(sorted).map(tuple)
)


def test_neighbours_melt_and_others_stay_apart() -> None:
    assert add((), [(5, 6), (8, 8), (7, 7), (1, 1)]) == ((1, 1), (5, 8))
    assert add(((1, 2), (9, 9)), [(2, 8)]) == ((1, 9),)
    assert add(((5, 6),), [(3, 4)]) == ((3, 6),)
    assert add(((5, 6),), [(3, 3)]) == ((3, 3), (5, 6))


@given(st.lists(spans, max_size=8))
def test_a_ledger_is_a_set_of_numbers_in_the_fewest_spans(entries: list[Span]) -> None:
    ledger = add((), entries)
    assert numbers(ledger) == {number for first, last in entries for number in range(first, last + 1)}
    assert all(before[1] + 1 < after[0] for before, after in pairwise(ledger))


@given(st.lists(spans, max_size=6), spans)
def test_a_clash_is_the_first_entry_that_overlaps(entries: list[Span], span: Span) -> None:
    ledger = add((), entries)
    found = [entry for entry in ledger if entry[0] <= span[1] and entry[1] >= span[0]]
    assert clash(ledger, span) == (found[0] if found else None)


def test_a_port_takes_its_block_and_what_the_engine_derives() -> None:
    port = evolve(PORT, count=4, also=(2, 13, *range(233, 240)))
    assert spans_of(port, 30000) == [(30000, 30003), (30013, 30013), (30233, 30239)]
    assert reach(port) == 239
    assert spans_of(evolve(PORT, count=2, also=(2,)), 10) == [(10, 12)]
    assert reach(PORT) == 0


@given(st.lists(st.lists(spans, max_size=6), min_size=1, max_size=3), ports, st.integers(1, 30), st.integers(1, 60))
def test_the_first_free_number_is_what_counting_up_finds(
    ledgers: list[list[Span]], port: Port, base: int, highest: int
) -> None:
    books = [add((), entries) for entries in ledgers]
    taken = set().union(*map(numbers, books))

    def wanted(number: int) -> set[int]:
        return {number + offset for offset in (*range(port.count), *port.also)}

    counted = (
        number
        for number in range(base, highest + 1)
        if number + port.count - 1 <= highest and not wanted(number) & taken
    )
    assert first_free(books, port, base, highest) == next(counted, 0)


def test_nothing_is_taken_past_the_end_of_the_numbers() -> None:
    assert first_free([()], evolve(PORT, count=3), 65533, HIGHEST_PORT) == 65533
    assert first_free([()], evolve(PORT, count=3), 65534, HIGHEST_PORT) == 0
    assert first_free([()], evolve(PORT, also=(1000,)), 64535, HIGHEST_PORT) == 64535
    assert first_free([()], evolve(PORT, also=(1000,)), 64536, HIGHEST_PORT) == 0


def test_nodes_have_ledgers_of_their_own() -> None:
    ledgers = Ledgers([()] * 2)
    ledgers.take((0,), PORT, 8000)
    assert (ledgers.find((0,), PORT, 8000, HIGHEST_PORT), ledgers.find((1,), PORT, 8000, HIGHEST_PORT)) == (8001, 8000)
    assert ledgers.find((0, 1), PORT, 8000, HIGHEST_PORT) == 8001
    assert (ledgers.is_free((0,), PORT, 8000), ledgers.is_free((1,), PORT, 8000)) == (False, True)


def test_a_number_for_the_whole_job_is_free_on_every_node_and_stays_so() -> None:
    once = evolve(PORT, name="once", job_wide=True)
    ledgers = Ledgers([()] * 2, anywhere=())
    ledgers.take((1,), PORT, 8000)
    assert ledgers.find((0,), once, 8000, HIGHEST_PORT) == 8001
    assert not ledgers.is_free((0,), once, 8000)
    ledgers.take((0,), once, 8001)
    assert ledgers.find((1,), PORT, 8000, HIGHEST_PORT) == 8002
    assert not ledgers.is_free((1,), PORT, 8001)
    assert ledgers.find((1,), evolve(PORT, base=2), 7999, HIGHEST_PORT) == 7999


def test_a_reserved_range_is_nobodys() -> None:
    reserved = add((), [(9100, 9102)])
    ledgers = Ledgers([reserved] * 2, anywhere=reserved)
    assert ledgers.find((0,), PORT, 9100, HIGHEST_PORT) == 9103
    assert ledgers.find((1,), evolve(PORT, job_wide=True), 9100, HIGHEST_PORT) == 9103


def test_sixty_thousand_ports_on_one_node_take_no_square_of_time() -> None:
    """It was minutes when each search walked through all that was taken before."""
    start = process_time()
    found = plan_of("[roles.a]\ngpus-per-worker = 0\nworkers = 60000\nports = { p = 2000 }\n")
    assert found.workers[-1].tasks[0].ports[0][1].port == 61999
    assert process_time() - start < 30
