"""Vectors: adding integers adds number by number, as the store does it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as some

from skunkqueue.counters import add, tally
from skunkqueue.persistence.fdb import vectors
from skunkqueue.records import State, Verdict

COUNTS = some.dictionaries(some.sampled_from(list(State)), some.integers(0, 1 << 40))


def added(one: bytes, other: bytes) -> bytes:
    """Add as FoundationDB does: integers of the same length, least byte first, what is over is lost."""
    assert len(one) == len(other)
    total = int.from_bytes(one, "little") + int.from_bytes(other, "little")
    return (total % (1 << 8 * len(one))).to_bytes(len(one), "little")


@given(COUNTS, COUNTS)
def test_counts_rise_and_fall(first: dict[State, int], more: dict[State, int]) -> None:
    before = {state: first.get(state, 0) for state in State}
    risen = {state: before[state] + more.get(state, 0) for state in State}
    up = added(vectors.counts(first), vectors.counts(more))
    assert vectors.counts_of(up) == risen
    down = vectors.counts({state: -number for state, number in more.items()})
    assert vectors.counts_of(added(up, down)) == before


def test_moves_between_states_leave_the_others_alone() -> None:
    stored = vectors.counts(dict.fromkeys(State, 1))
    moved = added(stored, vectors.counts({State.PENDING: -1, State.RUNNING: 1}))
    assert vectors.counts_of(moved) == {**dict.fromkeys(State, 1), State.PENDING: 0, State.RUNNING: 2}


OUTCOMES = some.lists(
    some.tuples(
        some.sampled_from([verdict for verdict in Verdict if verdict is not Verdict.ADVANCE]),
        some.floats(0, 1e6),
        some.floats(0, 1e6),
    ),
    min_size=1,
    max_size=5,
)


@given(OUTCOMES)
def test_counters_add_up(outcomes: list[tuple[Verdict, float, float]]) -> None:
    expected: dict[str, float] = {}
    events = histograms = None
    for verdict, wait, took in outcomes:
        values: dict[str, float] = {}
        tally(values, verdict, 0.0, wait, took)
        add(expected, values)
        one, other = vectors.events(values), vectors.histograms(values)
        assert other is not None
        events = one if events is None else added(events, one)
        histograms = other if histograms is None else added(histograms, other)
    assert events is not None
    assert histograms is not None
    found = vectors.counters_of(events)
    add(found, vectors.counters_of(histograms))
    assert found.keys() == expected.keys()
    assert all(abs(found[name] - expected[name]) < 1e-5 * len(outcomes) for name in expected)


def test_what_never_began_has_no_histogram() -> None:
    assert vectors.histograms({"enqueued": 3.0}) is None
    assert vectors.counters_of(vectors.events({"enqueued": 3.0})) == {"enqueued": 3.0}
