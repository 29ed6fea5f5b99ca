"""A claim of one new firing, with nothing else in line: quick, and the same as any other claim."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.persistence.sqlite import SQLiteBackend
from skunkqueue.records import Claim, State
from tests.core.sqlite.makers import claim, done, firing, many, open_at

Before = Callable[[SQLiteBackend, VirtualClock], list[str]]
"""Does something before a lone firing is put in; returns what is claimed before it."""


def counts(backend: SQLiteBackend) -> dict[State, int]:
    return {state: n for state, n in backend.routes()[0].counts.items() if n}


def statements(backend: SQLiteBackend, lent: list[Claim]) -> list[str]:
    """Claim what is there, and return what that took."""
    seen: list[str] = []
    db = backend._store.writer._db
    assert db is not None
    db.set_trace_callback(seen.append)
    try:
        lent += claim(backend)
    finally:
        db.set_trace_callback(None)
    return seen


def test_it_takes_no_more_statements_than_must_be(backend: SQLiteBackend) -> None:
    for _ in range(2):
        backend.enqueue([firing()])
        lent: list[Claim] = []
        seen = statements(backend, lent)
        backend.settle([done(one) for one in lent])
    assert len(seen) == 8
    assert not any(" ready " in one for one in seen if not one.startswith("SELECT"))


def test_it_is_counted_and_shown_as_any_other(virtual: SQLiteBackend, clock: VirtualClock) -> None:
    virtual.enqueue([made := firing(job="shop:pay", tags=("a",), expires=clock.now() + 9.0, priority=7)])
    (lent,) = claim(virtual)
    assert (lent.id, lent.job, lent.tags, lent.expires) == (made.id, "shop:pay", ("a",), clock.now() + 9.0)
    assert (lent.priority, lent.body, lent.deaths, lent.attempt_state) == (7, made.body, 0, None)
    assert counts(virtual) == {State.RUNNING: 1}
    assert virtual.settle([done(lent)]) == []
    assert counts(virtual) == {State.COMPLETE: 1}
    minute = int(clock.now() // 60)
    assert virtual.minutes("q", "r", minute, minute + 1)[0].values["enqueued"] == 1


def test_it_goes_back_in_line_when_its_lease_ends(virtual: SQLiteBackend, clock: VirtualClock) -> None:
    virtual.enqueue([made := firing()])
    (lent,) = claim(virtual)
    assert claim(virtual, worker="other") == []
    clock.advance(16.0)
    (again,) = claim(virtual, worker="other")
    assert (again.id, again.deaths) == (made.id, 1)
    assert virtual.settle([done(lent)]) == [made.id]


def line_up(backend: SQLiteBackend, _: VirtualClock) -> list[str]:
    return backend.enqueue(many(10))


def line_up_of_high_priority(backend: SQLiteBackend, _: VirtualClock) -> list[str]:
    return backend.enqueue(many(10, priority=9))


def let_a_lease_end(backend: SQLiteBackend, clock: VirtualClock) -> list[str]:
    backend.enqueue(many(5))
    lent = claim(backend, worker="gone")
    clock.advance(16.0)
    return [one.id for one in lent]


def target(backend: SQLiteBackend, _: VirtualClock) -> list[str]:
    return backend.enqueue([firing(target="w")])


def put_another_in(backend: SQLiteBackend, _: VirtualClock) -> list[str]:
    return backend.enqueue([firing()])


@pytest.mark.parametrize(
    "before", [line_up, line_up_of_high_priority, let_a_lease_end, target, put_another_in]
)
def test_what_was_first_is_claimed_first(virtual: SQLiteBackend, clock: VirtualClock, before: Before) -> None:
    first = before(virtual, clock)
    virtual.enqueue([made := firing()])
    found: list[str] = []
    while lent := claim(virtual):
        found += [one.id for one in lent]
    assert found == [*first, made.id]


def test_it_is_not_claimed_before_its_time_nor_on_a_paused_route(
    virtual: SQLiteBackend, clock: VirtualClock
) -> None:
    virtual.enqueue([made := firing(delay=5.0)])
    assert claim(virtual) == []
    virtual.pause("q", "r")
    clock.advance(6.0)
    assert claim(virtual) == []
    virtual.resume("q", "r")
    assert [one.id for one in claim(virtual)] == [made.id]


def test_one_of_another_route_stays_where_it_is(virtual: SQLiteBackend) -> None:
    virtual.enqueue([firing(route="r"), other := firing(route="other")])
    assert len(claim(virtual)) == 1
    virtual.enqueue([second := firing(route="other")])
    assert claim(virtual) == []
    assert [one.id for one in virtual.claim("q", "other", "w", 10, 15.0)] == [other.id, second.id]


def test_one_that_is_known_is_not_claimed_again(virtual: SQLiteBackend) -> None:
    virtual.enqueue([made := firing()])
    (lent,) = claim(virtual)
    virtual.enqueue([made])
    assert claim(virtual) == []
    assert virtual.settle([done(lent)]) == []
    virtual.enqueue([made])
    assert claim(virtual) == []
    assert counts(virtual) == {State.COMPLETE: 1}


def test_two_processes_claim_each_once(path: Path) -> None:
    first, second = open_at(path), open_at(path)
    ids = []
    for _ in range(20):
        ids += first.enqueue([firing()])
        ids += second.enqueue([firing()]) if len(ids) % 3 else []
        for backend in (second, first):
            backend.settle([done(one) for one in claim(backend, 1)])
    left = [one.id for one in claim(first, 100)]
    assert counts(second) == {
        state: n for state, n in ((State.RUNNING, len(left)), (State.COMPLETE, len(ids) - len(left))) if n
    }
    first.close()
    second.close()
