"""Those who wait for results: each is told of its own firings, and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.kit import PATIENCE
from skunkqueue.contract.makers import LEASE, QUEUE, ROUTE, WORKER, claim, firing, firings, ids, outcome
from skunkqueue.persistence.redis import RedisBackend
from skunkqueue.persistence.redis.scripts import load
from tests.support.redis_server import RedisServer
from tests.support.store_fixtures import ConfigOf
from tests.support.waiting import eventually

FEW_AND_MANY = pytest.mark.parametrize("number", [3, 60])


@pytest.fixture
def backend(valkey: RedisServer, config_of: ConfigOf) -> Iterator[RedisBackend]:
    opened = RedisBackend.open(config_of(valkey.url()))
    yield opened
    opened.close()


@pytest.fixture
def waiting(valkey: RedisServer, backend: RedisBackend) -> Callable[[], int]:
    """Give what counts those who wait."""
    return lambda: int(valkey.ask("ZCARD", f"{backend._link.prefix}y"))


def kept(valkey: RedisServer, backend: RedisBackend) -> list[str]:
    """List the keys in which those who wait are known."""
    prefix = f"{backend._link.prefix}y"
    return sorted(key.decode().removeprefix(prefix) for key in valkey.ask("KEYS", f"{prefix}*"))


def pushes(valkey: RedisServer) -> int:
    """Count the elements that were pushed to lists."""
    return int(valkey.info("commandstats").get("cmdstat_rpush", {"calls": 0})["calls"])


def test_each_is_told_of_its_own_firings(
    valkey: RedisServer, backend: RedisBackend, waiting: Callable[[], int]
) -> None:
    made = firings(2)
    backend.enqueue(made)
    with ThreadPoolExecutor(5) as threads:
        waits = [threads.submit(backend.wait_settled, [one.id], PATIENCE) for one in made * 2]
        both = threads.submit(backend.wait_settled, ids(made), PATIENCE)
        eventually(lambda: waiting() == 5)
        before = pushes(valkey)

        backend.settle([outcome(one) for one in claim(backend)])
        first = {made[0].id: [0, 2], made[1].id: [1, 3]}
        (ended,) = both.result(PATIENCE)
        for number in first.pop(ended):
            assert waits[number].result(PATIENCE) == [ended]
        # Beside these three, only the route's wake-up may have been pushed.
        assert pushes(valkey) - before <= 4

        (left,) = first
        backend.settle([outcome(one) for one in claim(backend)])
        for number in first[left]:
            assert waits[number].result(PATIENCE) == [left]

    assert kept(valkey, backend) == []


@FEW_AND_MANY
def test_a_wait_that_ends_without_news_leaves_nothing(
    valkey: RedisServer, backend: RedisBackend, number: int
) -> None:
    made = firings(number)
    backend.enqueue(made)

    assert backend.wait_settled(ids(made), 0.05) == []

    assert kept(valkey, backend) == []


def test_one_who_leaves_takes_nobody_along(
    valkey: RedisServer, backend: RedisBackend, waiting: Callable[[], int]
) -> None:
    made = firing()
    backend.enqueue([made])
    with ThreadPoolExecutor(1) as threads:
        wait = threads.submit(backend.wait_settled, [made.id], PATIENCE)
        eventually(lambda: waiting() == 1)
        assert backend.wait_settled([made.id], 0.05) == []

        backend.purge(QUEUE)

        assert wait.result(PATIENCE) == [made.id]
    assert kept(valkey, backend) == []


def test_a_waiter_of_the_previous_version_is_told_of_all(valkey: RedisServer, backend: RedisBackend) -> None:
    backend.enqueue([firing()])
    valkey.ask("ZADD", f"{backend._link.prefix}y", backend.now() + 45.0, "old")
    (lent,) = claim(backend)

    backend.settle([outcome(lent)])

    assert valkey.ask("LRANGE", f"{backend._link.prefix}y:old", 0, -1) == [lent.id.encode()]


def test_one_who_waits_for_many_is_told_beside_one_who_waits_for_one_and_one_of_the_previous_version(
    valkey: RedisServer, backend: RedisBackend, waiting: Callable[[], int]
) -> None:
    made = firings(60)
    backend.enqueue(made)
    with ThreadPoolExecutor(2) as threads:
        many = threads.submit(backend.wait_settled, ids(made), PATIENCE)
        one = threads.submit(backend.wait_settled, [made[0].id], PATIENCE)
        eventually(lambda: waiting() == 2)
        valkey.ask("ZADD", f"{backend._link.prefix}y", backend.now() + 45.0, "old")
        (lent,) = backend.claim(QUEUE, ROUTE, WORKER, 1, LEASE)

        backend.settle([outcome(lent)])

        assert lent.id == made[0].id
        assert many.result(PATIENCE) == one.result(PATIENCE) == [lent.id]
    assert valkey.ask("LRANGE", f"{backend._link.prefix}y:old", 0, -1) == [lent.id.encode()]


def test_one_who_waits_for_many_is_not_listed_for_each(
    valkey: RedisServer, backend: RedisBackend, waiting: Callable[[], int]
) -> None:
    made = firings(60)
    backend.enqueue(made)
    with ThreadPoolExecutor(1) as threads:
        many = threads.submit(backend.wait_settled, ids(made), PATIENCE)
        eventually(lambda: waiting() == 1)
        assert "i" not in kept(valkey, backend)
        backend.purge(QUEUE)
        assert many.result(PATIENCE)
    assert kept(valkey, backend) == []


@FEW_AND_MANY
def test_a_sweep_forgets_those_who_died_while_they_waited(
    valkey: RedisServer, config_of: ConfigOf, number: int
) -> None:
    clock = VirtualClock()
    backend = RedisBackend.open(config_of(valkey.url()), clock=clock)
    made = firings(number)
    backend.enqueue(made)
    backend._link.call(load("wait_settled"), ids(made), "dead", 45.0)
    assert kept(valkey, backend) != []
    clock.advance(46.0)

    backend.sweep()

    assert kept(valkey, backend) == []
    backend.close()
