"""Outcomes that make a document too large: the others of their batch are settled all the same."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from skunkqueue.contract.makers import claim, counters, counts, firing, firings, ids, outcome, state
from skunkqueue.errors import BackendError
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import Outcome, State, Verdict
from tests.mongo.opening import OpenStore
from tests.support.mongo_fixtures import MongoConfigOf
from tests.support.mongo_server import MongoServer

LARGE = b"x" * (4 << 20)


@pytest.fixture
def store(mongod: MongoServer, mongo_config_of: MongoConfigOf, open_store: OpenStore) -> Backend:
    return open_store(mongo_config_of(mongod))


@pytest.fixture
def outcomes(store: Backend) -> list[Outcome]:
    """Make outcomes of which the last needs 16 MiB beside its names."""
    store.enqueue([*firings(2), firing(body=LARGE)])
    first, second, large = claim(store, 3)
    follow = tuple(firing(route="next", body=LARGE) for _ in range(2))
    return [
        outcome(first, follow=(firing(route="next"),)),
        outcome(second),
        outcome(large, result=LARGE, follow=follow),
    ]


def test_the_others_of_a_batch_are_settled_counted_and_followed(
    store: Backend, outcomes: list[Outcome]
) -> None:
    with pytest.raises(BackendError, match="16 MiB"):
        store.settle(outcomes)

    assert counts(store) == {State.COMPLETE: 2, State.RUNNING: 1}
    assert counts(store, route="next") == {State.PENDING: 1}
    assert counters(store)["complete"] == 2


def test_the_others_are_not_stale_when_they_are_settled_one_by_one(
    store: Backend, outcomes: list[Outcome]
) -> None:
    with pytest.raises(BackendError, match="16 MiB"):
        store.settle(outcomes)
    *others, large = outcomes

    assert [store.settle([one]) for one in others] == [[], []]
    with pytest.raises(BackendError, match="16 MiB"):
        store.settle([large])
    (lent,) = [one for one in store.get([large.id]) if one is not None]
    assert store.settle([Outcome(id=large.id, token=lent.token, verdict=Verdict.ERROR)]) == []
    assert counters(store)["complete"] == 2
    # Only once: whoever settles them again comes late.
    assert store.settle(others) == [one.id for one in others]


def test_an_outcome_that_was_stale_stays_stale(store: Backend, outcomes: list[Outcome]) -> None:
    first, *others = outcomes
    assert store.settle([first]) == []

    with pytest.raises(BackendError, match="16 MiB"):
        store.settle([first, *others])

    assert store.settle([first]) == [first.id]
    assert ids(claim(store, route="next", limit=9)) == [one.id for one in first.follow]
    assert state(store, first.id) is State.COMPLETE


def test_many_firings_with_the_longest_names_and_tags_are_accepted(store: Backend) -> None:
    name, tags = "n" * 200, tuple("\N{SKUNK}" * 49 + str(number) for number in range(8))
    made = [
        firing(
            queue=name, route=name, job=name, schedule=name, target=name, parent="f" * 24, tags=tags, body=b""
        )
        for _ in range(9_000)
    ]
    keyed = [replace(one, key=f"{number:06}{'k' * 194}") for number, one in enumerate(made)]

    assert store.enqueue(keyed) == ids(made)
