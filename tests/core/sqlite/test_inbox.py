"""Firings put in one by one: nobody sees them unfiled, and they are filed once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.persistence.sqlite import SQLiteBackend
from skunkqueue.records import State
from tests.core.sqlite.makers import claim, done, firing, many, open_at, rows_in


def unfiled(backend: SQLiteBackend) -> int:
    return rows_in(backend, "inbox")


READS: dict[str, Callable[[SQLiteBackend, str], object]] = {
    "get": lambda backend, id_: backend.get([id_])[0],
    "find": lambda backend, id_: id_ in backend.find(id_[:20]),
    "page": lambda backend, id_: backend.page("q", "r", State.PENDING).records[0].id == id_,
    "routes": lambda backend, _: backend.routes()[0].counts[State.PENDING] == 1,
    "wait": lambda backend, _: backend.wait("q", "r", "w", 0.0),
    "claim": lambda backend, id_: claim(backend)[0].id == id_,
    "kill": lambda backend, id_: backend.kill([id_]) == {id_: State.PENDING},
    "purge": lambda backend, _: backend.purge("q") == 1,
    "wait_settled": lambda backend, id_: backend.wait_settled([id_], 0.0) == [],
}


@pytest.mark.parametrize("name", READS)
def test_every_verb_sees_what_is_not_filed(backend: SQLiteBackend, path: Path, name: str) -> None:
    other = open_at(path)
    other.enqueue([made := firing()])
    other.close()
    assert unfiled(backend) == 1
    assert READS[name](backend, made.id)


def test_one_put_in_twice_is_filed_once(virtual: SQLiteBackend) -> None:
    made = firing()
    for _ in range(3):
        assert virtual.enqueue([made]) == [made.id]
    assert virtual.routes()[0].counts[State.PENDING] == 1
    assert virtual.enqueue([made, made, other := firing()]) == [made.id, made.id, other.id]
    assert virtual.routes()[0].counts[State.PENDING] == 2


def test_one_put_in_again_while_it_runs_or_after_it_ended_stays_as_it_is(virtual: SQLiteBackend) -> None:
    virtual.enqueue([made := firing()])
    (lent,) = claim(virtual)
    virtual.enqueue([made, firing(route="other")])
    assert claim(virtual) == []
    assert virtual.settle([done(lent)]) == []
    virtual.enqueue([made, firing(route="other")])
    assert claim(virtual) == []
    (record,) = virtual.get([made.id])
    assert record is not None
    assert record.state is State.COMPLETE


def test_inbox_is_filed_when_it_is_full(backend: SQLiteBackend) -> None:
    sizes = []
    for _ in range(450):
        backend.enqueue([firing()])
        sizes.append(unfiled(backend))
    assert max(sizes) < 200
    assert sizes.count(0) == 2


def test_order_is_that_of_putting_in(backend: SQLiteBackend) -> None:
    made = backend.enqueue([firing()]) + backend.enqueue(many(10)) + backend.enqueue([firing()])
    assert [lent.id for lent in claim(backend, 100)] == made


def test_counters_are_of_the_minute_of_putting_in(virtual: SQLiteBackend, clock: VirtualClock) -> None:
    first = int(clock.now() // 60)
    virtual.enqueue([firing()])
    clock.advance(60.0)
    virtual.enqueue(many(2))
    found = {
        minute.minute: minute.values["enqueued"] for minute in virtual.minutes("q", "r", first, first + 5)
    }
    assert found == {first: 1, first + 1: 2}


def test_what_a_killed_process_put_in_is_filed_by_the_next(path: Path) -> None:
    backend = open_at(path)
    ids = [id_ for _ in range(5) for id_ in backend.enqueue([firing()])]
    other = open_at(path)
    assert [lent.id for lent in claim(other, 100)] == ids
    other.close()
    backend.close()
