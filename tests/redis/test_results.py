"""Results are read in one round trip, and without what else is kept of the firings."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from skunkqueue import SkunkQueue
from skunkqueue.contract.makers import QUEUE, claim, firings, ids, outcome
from skunkqueue.errors import FiringFailedError
from skunkqueue.persistence.redis import RedisBackend
from skunkqueue.records import Verdict
from tests.support.redis_server import RedisServer
from tests.support.store_fixtures import ConfigOf

MANY = 1_000


@pytest.fixture
def backend(valkey: RedisServer, config_of: ConfigOf) -> Iterator[RedisBackend]:
    opened = RedisBackend.open(config_of(valkey.url()))
    yield opened
    opened.close()


def finished(backend: RedisBackend, verdict: Verdict) -> list[str]:
    """Put in a thousand firings with large bodies, which all end in the same way."""
    made = firings(MANY, body=b"b" * 2_000, job="shop:buy")
    backend.enqueue(made)
    backend.settle(
        [
            outcome(one, verdict, result=b"\x01" if verdict is Verdict.COMPLETE else None)
            for one in claim(backend, MANY)
        ]
    )
    return ids(made)


def cost(valkey: RedisServer, what: Callable[[], object]) -> tuple[int, int]:
    """Return how many scripts ran, and how many bytes were sent to clients."""

    def figures() -> tuple[int, int]:
        calls = valkey.info("commandstats").get("cmdstat_evalsha", {"calls": 0})["calls"]
        return int(calls), int(valkey.info("stats")["total_net_output_bytes"])

    calls, sent = figures()
    what()
    calls_now, sent_now = figures()
    return calls_now - calls, sent_now - sent


def test_results_of_a_thousand_are_read_in_one_round_trip_and_without_bodies(
    valkey: RedisServer, backend: RedisBackend
) -> None:
    asked = finished(backend, Verdict.COMPLETE)
    backend.results(asked[:1])  # so that the server knows the script

    calls, sent = cost(valkey, lambda: backend.results(asked))

    assert calls == 1
    assert sent < MANY * 200


def test_a_queue_reads_failures_in_one_round_trip_and_without_bodies(
    valkey: RedisServer, backend: RedisBackend, dbname: str
) -> None:
    asked = finished(backend, Verdict.ERROR)
    with SkunkQueue(QUEUE, conn_url=valkey.url(), dbname=dbname) as queue:
        handles = [queue.handle(id_) for id_ in asked]
        queue.backend.results(asked[:1])
        found = list[object]()

        calls, sent = cost(valkey, lambda: found.extend(queue.results(handles, errors=True)))

    assert {type(one) for one in found} == {FiringFailedError}
    assert calls == 1
    assert sent < MANY * 300
