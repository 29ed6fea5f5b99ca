"""How much requeueing many firings costs the server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from skunkqueue.contract.makers import claim, counts, firings, ids, outcome, rows_of
from skunkqueue.persistence.redis import RedisBackend
from skunkqueue.records import State, Verdict
from tests.support.redis_server import RedisServer
from tests.support.store_fixtures import ConfigOf


@pytest.fixture
def backend(valkey: RedisServer, config_of: ConfigOf) -> Iterator[RedisBackend]:
    opened = RedisBackend.open(config_of(valkey.url()))
    yield opened
    opened.close()


def written(valkey: RedisServer) -> int:
    """Count the hashes that were written."""
    return int(valkey.info("commandstats")["cmdstat_hset"]["calls"])


def test_a_chunk_is_written_once_for_all_of_it_that_is_requeued(
    valkey: RedisServer, backend: RedisBackend
) -> None:
    made = firings(500, tags=("tag",), job="shop:add")
    backend.enqueue(made)
    backend.settle([outcome(one, Verdict.ERROR, error="ValueError: 1") for one in claim(backend, 500)])
    before = written(valkey)

    assert backend.requeue(ids(made[:400])) == ids(made[:400])

    # One for what is kept of each, and one for the chunk.
    assert written(valkey) - before <= 402
    assert counts(backend) == {State.PENDING: 400, State.ERROR: 100}
    assert len(rows_of(backend, limit=1_000, tag="tag", states=(State.ERROR,))) == 100
    assert len(rows_of(backend, limit=1_000, error="ValueError")) == 100
    assert {
        (one.job, one.counts[State.PENDING], one.counts[State.ERROR]) for one in backend.job_counts()
    } == {("shop:add", 400, 100)}
