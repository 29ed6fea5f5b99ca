"""More than a document of MongoDB holds: a clear error, and whoever was to have it has it no less than before."""

from __future__ import annotations

import pytest

from skunkqueue.contract.makers import claim, claimed, counts, firing, firings, ids, outcome, read, state
from skunkqueue.errors import BackendError
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import State, Verdict
from tests.mongo.opening import OpenStore
from tests.support.mongo_fixtures import MongoConfigOf

MIB = 1 << 20


@pytest.fixture(params=["mongod", "replica_set"])
def store(request: pytest.FixtureRequest, open_store: OpenStore, mongo_config_of: MongoConfigOf) -> Backend:
    return open_store(mongo_config_of(request.getfixturevalue(request.param)))


@pytest.mark.parametrize("beside", [0, 2])
def test_a_firing_that_is_too_large_is_refused_and_the_store_goes_on(store: Backend, beside: int) -> None:
    made = [firing(body=b"x" * 17 * MIB), *firings(beside, body=b"x" * MIB)]

    with pytest.raises(BackendError, match="16 MiB"):
        store.enqueue(made)

    store.sweep()
    assert counts(store) == {}
    more = firings(2)
    assert store.enqueue(more) == ids(more)


def test_a_batch_whose_last_is_too_large_is_refused_as_a_whole(store: Backend) -> None:
    made = [*firings(10, body=b"x" * MIB), firing(body=b"x" * 17 * MIB)]

    with pytest.raises(BackendError, match="16 MiB"):
        store.enqueue(made)

    store.sweep()
    assert counts(store) == {}


@pytest.mark.parametrize("size", [1, 17])
def test_a_result_that_is_too_large_is_refused_and_its_firing_kept(store: Backend, size: int) -> None:
    lent = claimed(store, body=b"x" * (16 * MIB - 500_000) if size == 1 else b"small")

    with pytest.raises(BackendError, match="16 MiB"):
        store.settle([outcome(lent, result=b"x" * size * MIB)])

    assert state(store, lent.id) is State.RUNNING
    assert store.settle([outcome(lent, Verdict.ERROR, result=b"too large")]) == []
    assert read(store, lent.id).result == b"too large"


def test_a_result_that_is_too_large_keeps_others_from_nothing(store: Backend) -> None:
    store.enqueue(firings(3))
    large, *others = lent = claim(store, 3)
    follow = firing(route="new")
    outcomes = [
        outcome(large, result=b"x" * 17 * MIB),
        outcome(others[0], result=b"a"),
        outcome(others[1], Verdict.ERROR, follow=(follow,)),
    ]

    with pytest.raises(BackendError, match="16 MiB"):
        store.settle(outcomes)

    # Whatever was taken, each can be handed in by itself, and is recorded once.
    for one in outcomes[1:]:
        stale = store.settle([one])
        assert stale == [] or state(store, one.id) is one.verdict.state
    assert store.settle([outcome(large, Verdict.ERROR)]) == []
    assert counts(store) == {State.COMPLETE: 1, State.ERROR: 2}
    assert len(lent) == 3


def test_what_follows_that_is_too_large_is_refused_with_its_outcome(store: Backend) -> None:
    lent = claimed(store)
    follow = firing(body=b"x" * 17 * MIB)

    with pytest.raises(BackendError, match="16 MiB"):
        store.settle([outcome(lent, follow=(follow,))])

    assert state(store, lent.id) is State.RUNNING
    assert state(store, follow.id) is None
    assert store.settle([outcome(lent)]) == []
