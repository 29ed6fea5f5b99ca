"""More routes than one script counts."""

from __future__ import annotations

import pytest
from redis import Redis

from skunkqueue.contract.makers import firing
from skunkqueue.listings import Query
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import State
from tests.redis.opening import OpenStore
from tests.support.redis_server import RedisServer
from tests.support.store_fixtures import ConfigOf

QUEUES = ("a", "b:c")
ROUTES = 600


@pytest.fixture
def store(config_of: ConfigOf, open_store: OpenStore, valkey: RedisServer) -> Backend:
    return open_store(config_of(valkey.url()))


def test_all_of_very_many_routes_are_counted(store: Backend) -> None:
    places = fill(store)
    assert [(info.queue, info.route) for info in store.routes()] == places
    assert all(info.counts[State.PENDING] == 1 for info in store.routes("a"))
    assert [(one.queue, one.routes) for one in store.busiest(limit=0).queues] == [("a", 600), ("b:c", 600)]
    assert store.count(Query(queue="b:c", states=(State.PENDING,))).number == ROUTES


def test_busiest_of_very_many_routes_are_found_wherever_they_stand(store: Backend) -> None:
    places = fill(store)
    busy = [places[number] for number in (0, 499, 500, 501, 999, 1199)]
    store.enqueue([firing(queue=queue, route=route) for queue, route in busy])
    found = store.busiest(limit=8).routes
    quiet = [place for place in places if place not in busy][:2]
    assert [(info.queue, info.route) for info in found] == busy + quiet


def test_jobs_of_very_many_routes_are_counted(store: Backend) -> None:
    fill(store)
    assert store.count(Query(job="a:x")).number == len(QUEUES) * ROUTES
    assert len(store.job_counts("a")) == ROUTES


def test_a_new_route_is_read_without_looking_for_what_was_counted_before(
    store: Backend, valkey: RedisServer
) -> None:
    """Versions before listed no minutes, and each of two days has to be looked for on their routes."""
    store.enqueue([firing()])
    with Redis.from_url(valkey.url()) as client:
        before = looks(client)
        assert len(store.totals()) == 1
        assert looks(client) - before < 10


def looks(client: Redis) -> int:
    """Return how often it was looked whether a key exists."""
    stats: dict[str, dict[str, int]] = client.info("commandstats")
    return stats.get("cmdstat_exists", {}).get("calls", 0)


def fill(store: Backend) -> list[tuple[str, str]]:
    """Put a firing on each route; return the routes."""
    places = [(queue, f"r{number:03}") for queue in QUEUES for number in range(ROUTES)]
    store.enqueue([firing(queue=queue, route=route, job="a:x") for queue, route in places])
    return places
