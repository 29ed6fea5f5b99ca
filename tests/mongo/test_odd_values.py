"""Values that no document can hold, and limits that are no numbers of rows."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from skunkqueue.contract.makers import LEASE, QUEUE, ROUTE, WORKER, firing, firings, ids, worker
from skunkqueue.errors import BackendError
from skunkqueue.listings import Query
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import Command, State
from tests.mongo.opening import OpenStore
from tests.support.mongo_fixtures import MongoConfigOf
from tests.support.mongo_server import MongoServer

HALF = "a\ud800b"
"""Half of a surrogate pair, which UTF-8 cannot carry."""


@pytest.fixture
def store(mongod: MongoServer, mongo_config_of: MongoConfigOf, open_store: OpenStore) -> Backend:
    return open_store(mongo_config_of(mongod))


@pytest.mark.parametrize(
    "verb",
    [
        lambda store: store.get([HALF]),
        lambda store: store.find(HALF),
        lambda store: store.kill([HALF]),
        lambda store: store.results([HALF]),
        lambda store: store.wait_settled([HALF], 0.01),
        lambda store: store.wait(QUEUE, HALF, WORKER, 0.0),
        lambda store: store.rows(Query(states=(State.PENDING,), worker=HALF)),
        lambda store: store.enqueue([firing(key=HALF)]),
        lambda store: store.enqueue([firing(), firing(job=HALF)]),
        lambda store: store.register(worker(HALF), LEASE),
        lambda store: store.send(WORKER, Command(verb=HALF)),
        lambda store: store.pause(HALF),
        lambda store: store.purge(QUEUE, HALF),
    ],
)
def test_a_text_that_is_not_utf8_is_refused(store: Backend, verb: Callable[[Backend], object]) -> None:
    store.enqueue([firing()])
    store.register(worker(), LEASE)

    with pytest.raises(BackendError, match=r"'.*ud800.*' cannot be written as UTF-8: leave out '.ud800'"):
        verb(store)


def test_limits_are_bounds(store: Backend) -> None:
    made = firings(3)
    store.enqueue(made)

    assert [store.find("", limit) for limit in (-1, 0, 1, 1 << 70)] == [[], [], ids(made[:1]), ids(made)]
    for limit in (-5, -1, 0, 1):
        page = store.page(QUEUE, ROUTE, State.PENDING, limit)
        assert (ids(page.records), page.next is not None) == (ids(made[:1]), True)
