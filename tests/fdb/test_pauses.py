"""A pause that comes between the looks of a claim and its commit: the claim lends nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from skunkqueue.contract.makers import LEASE, QUEUE, ROUTE, WORKER, claim, counts, firing, ids
from skunkqueue.persistence.fdb.backend import FdbBackend
from skunkqueue.persistence.fdb.claim import Claiming
from skunkqueue.persistence.fdb.transactions import Transaction
from skunkqueue.records import Claim, State
from tests.fdb.bindings import Either
from tests.support.store_fixtures import ConfigOf


@pytest.fixture
def store(either: Either, config_of: ConfigOf) -> Iterator[FdbBackend]:
    """Give the test's store, on the stand-in and on a real server."""
    with closing(either.kind.open(config_of(either.url))) as made:
        yield made


@pytest.mark.parametrize("of", [(QUEUE,), (QUEUE, ROUTE)], ids=["queue", "route"])
def test_claim_that_looked_before_a_pause_and_commits_after_it_lends_nothing(
    store: FdbBackend, of: tuple[str, ...]
) -> None:
    made = firing()
    store.enqueue([made])
    claiming = Claiming(QUEUE, ROUTE, WORKER, 1, LEASE)
    found: list[list[Claim]] = []

    def paused_meanwhile(tr: Transaction) -> list[Claim]:
        found.append(claiming(tr))
        if len(found) == 1:
            store.pause(*of)
        return found[-1]

    assert store._link.run(paused_meanwhile, repeatable=True) == []
    assert [len(one) for one in found] == [1, 0]
    assert counts(store) == {State.PENDING: 1}
    store.resume(*of)
    assert ids(claim(store)) == [made.id]
