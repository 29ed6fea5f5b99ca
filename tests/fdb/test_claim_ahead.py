"""Claims that are asked for ahead, on a thread of the store's own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from skunkqueue.contract.makers import LEASE, QUEUE, ROUTE, WORKER, claim, firings, ids, outcome
from skunkqueue.errors import BackendError
from skunkqueue.persistence.fdb import FdbBackend
from skunkqueue.persistence.fdb.transactions import Transaction
from tests.fdb.bindings import Either
from tests.support.store_fixtures import ConfigOf


@pytest.fixture
def backend(either: Either, config_of: ConfigOf) -> Iterator[FdbBackend]:
    """Give a store of the test's own, on the stand-in and on a real server."""
    with closing(either.kind.open(config_of(either.url))) as made:
        yield made


def test_what_is_asked_for_ahead_is_lent(backend: FdbBackend) -> None:
    batch = firings(5)
    backend.enqueue(batch)
    answer = backend.claim_ahead(QUEUE, ROUTE, WORKER, 3, LEASE)
    lent = answer()
    assert ids(lent) == ids(batch[:3])
    assert ids(claim(backend, 10)) == ids(batch[3:])
    assert backend.settle([outcome(one) for one in lent]) == []
    assert backend.claim_ahead(QUEUE, ROUTE, WORKER, 3, LEASE)() == []


def test_verbs_go_on_while_a_claim_is_under_way(backend: FdbBackend) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def work() -> int:
        begun.set()
        go_on.wait(30)
        return 7

    answer = backend._link.beside(work)
    assert begun.wait(30)
    batch = firings(2)
    assert backend.enqueue(batch) == ids(batch)
    assert ids(claim(backend, 2)) == ids(batch)
    go_on.set()
    assert answer() == 7


def test_closed_store_lends_nothing_ahead(backend: FdbBackend) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        go_on.wait(30)

    def read(tr: Transaction) -> bytes | None:
        return tr.get(tr.keys.clock).value

    under_way = backend._link.beside(work)
    assert begun.wait(30)
    # It waits for the thread, and then it is too late.
    waiting = backend._link.beside(lambda: backend._link.read(read))
    backend.close()
    go_on.set()
    assert under_way() is None
    with pytest.raises(BackendError, match="was closed"):
        waiting()
    with pytest.raises(BackendError, match="was closed"):
        backend.claim_ahead(QUEUE, ROUTE, WORKER, 1, LEASE)
