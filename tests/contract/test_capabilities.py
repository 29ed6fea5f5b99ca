"""What each store claims to do: the kit leaves out the tests of what a store does not claim."""

from __future__ import annotations

import pytest
from skunkqueue_memory import MemoryBackend

from skunkqueue.persistence.backend import Backend
from skunkqueue.persistence.fdb.backend import FdbBackend
from skunkqueue.persistence.mongodb.backend import MongoBackend
from skunkqueue.persistence.redis.backend import RedisBackend
from skunkqueue.persistence.sqlite import SQLiteBackend

ALL = frozenset({"rows", "counters", "pools", "audit", "schedule pages"})
LASTING = ALL | {"durable", "processes"}


@pytest.mark.parametrize(
    ("store", "claims"),
    [
        (SQLiteBackend, LASTING),
        (RedisBackend, LASTING),
        (MongoBackend, LASTING),
        (FdbBackend, LASTING | {"transactions"}),
        (MemoryBackend, ALL),
    ],
)
def test_every_store_claims_all_that_the_kit_asks_for(store: type[Backend], claims: frozenset[str]) -> None:
    assert store.capabilities == claims
