"""What a firing fired and finished is sorted for each page, unless it is too much: then it is looked for among the others."""

from __future__ import annotations

import pytest

from skunkqueue.listings import Count, Query
from skunkqueue.persistence.sqlite import SQLiteBackend, searching_scope
from skunkqueue.records import State
from tests.core.sqlite.makers import claim, done, many

PARENT = "f" * 24


def pages(backend: SQLiteBackend, query: Query) -> list[str]:
    page = backend.rows(query, 3)
    found = [row.id for row in page.rows]
    while page.next is not None:
        page = backend.rows(query, 3, page.next)
        found += [row.id for row in page.rows]
    return found


def fill(backend: SQLiteBackend) -> None:
    for state in (State.COMPLETE, State.RUNNING, State.PENDING):
        backend.enqueue([one for pair in zip(many(5), many(5, parent=PARENT), strict=True) for one in pair])
        lent = claim(backend) if state is not State.PENDING else []
        backend.settle([done(one) for one in lent if state is State.COMPLETE])


@pytest.mark.parametrize("newest", [True, False])
def test_pages_are_the_same_however_many_one_fired(
    virtual: SQLiteBackend, monkeypatch: pytest.MonkeyPatch, *, newest: bool
) -> None:
    fill(virtual)
    query = Query(parent=PARENT, newest=newest)
    sorted_ = pages(virtual, query)
    assert len(sorted_) == 15
    assert virtual.rows(query, 50).looked == 20  # all that run are looked at
    monkeypatch.setattr(searching_scope, "_MOST_SORTED", 14)
    assert virtual.rows(query, 50).looked == 25  # and what finished
    assert pages(virtual, query) == sorted_


def test_counts_look_at_nothing_else_however_many_one_fired(
    virtual: SQLiteBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(virtual)
    monkeypatch.setattr(searching_scope, "_MOST_SORTED", 4)

    for state in (State.COMPLETE, State.PENDING):
        assert virtual.count(Query(parent=PARENT, states=(state,)), 5) == Count(number=5, exact=True)
        assert virtual.count_states(Query(parent=PARENT, states=(state,)), 5)[state].number == 5
