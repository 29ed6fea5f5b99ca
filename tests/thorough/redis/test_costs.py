"""What a firing costs the server, in memory and in commands; no seconds are counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from skunkqueue import SkunkQueue
from skunkqueue.clock import VirtualClock
from skunkqueue.contract.makers import LEASE, QUEUE, ROUTE, WORKER, claim, firing, firings, outcome
from skunkqueue.persistence.backend import Backend
from skunkqueue.persistence.redis import RedisBackend
from tests.redis.opening import OpenStore
from tests.support.jobs import on
from tests.support.redis_binaries import find_redis62, find_valkey
from tests.support.redis_server import RedisServer
from tests.support.store_fixtures import ConfigOf
from tests.support.waiting import eventually

MANY = 20_000
PENDING = 700
"""Bytes a pending no-op firing may take."""


@pytest.fixture(params=[find_valkey, find_redis62], ids=["valkey", "redis62"])
def own(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RedisServer]:
    """A server that nobody else uses, so that all it counts is ours."""
    server = RedisServer(request.param(), tmp_path)
    server.start()
    yield server
    server.close()


@pytest.fixture
def backend(own: RedisServer, open_store: OpenStore, config_of: ConfigOf) -> Backend:
    return open_store(config_of(own.url()))


declared = SkunkQueue("demo", conn_url="sqlite:////nonexistent/never-opened.db")


@declared.job
def noop(number: int) -> int:
    return number


def used(server: RedisServer) -> int:
    info: Any = server.client().info("memory")
    return int(info["used_memory"])


def sent(server: RedisServer, what: Callable[[], object]) -> dict[str, int]:
    """Count the commands clients sent meanwhile, by name; those inside scripts are not sent by anybody."""
    client = server.client()
    client.config_resetstat()
    what()
    stats: Any = client.info("commandstats")
    return {
        name.removeprefix("cmdstat_"): int(entry["calls"])
        for name, entry in stats.items()
        if name in {"cmdstat_evalsha", "cmdstat_eval", "cmdstat_blpop"}
    }


def test_a_pending_firing_takes_less_than_its_limit(own: RedisServer, config_of: ConfigOf) -> None:
    config = config_of(own.url())
    with SkunkQueue("demo", conn_url=config.url, dbname=config.dbname) as queue:
        job = on(queue, noop)
        job.fire(0)
        before = used(own)

        queue.fire_many(job(number) for number in range(MANY))

        assert (used(own) - before) / MANY < PENDING


def test_a_batch_is_one_call(own: RedisServer, backend: Backend) -> None:
    backend.enqueue(firings(2))
    backend.settle([outcome(one) for one in claim(backend, 2)])

    def work() -> None:
        backend.enqueue(firings(1_000))
        lent = claim(backend, 1_000)
        backend.extend([], LEASE)
        backend.settle([outcome(one) for one in lent])

    assert sent(own, work) == {"evalsha": 3}


def test_firing_one_is_one_call(own: RedisServer, backend: Backend) -> None:
    backend.enqueue([firing()])

    assert sent(own, lambda: backend.enqueue([firing()])) == {"evalsha": 1}


def test_a_wait_and_its_claim_are_one_request(own: RedisServer, backend: Backend) -> None:
    backend.claim_next(QUEUE, ROUTE, WORKER, 1, LEASE, timeout=0.05)

    found = sent(own, lambda: backend.claim_next(QUEUE, ROUTE, WORKER, 1, LEASE, timeout=0.3))

    assert found == {"blpop": 1, "evalsha": 1}


def test_what_was_pruned_leaves_nothing_behind(own: RedisServer, config_of: ConfigOf) -> None:
    clock = VirtualClock()
    backend = RedisBackend.open(config_of(own.url()), clock=clock)

    def life() -> None:
        backend.enqueue(firings(500))
        backend.enqueue([firing(key="k"), firing(delay=60.0)])
        while lent := claim(backend, 100):
            backend.settle([outcome(one) for one in lent])
        backend.purge(QUEUE)
        while backend.prune(older=-1.0):
            pass
        # So long ids stay known, for those who ask again.
        clock.advance(200.0)
        backend.prune()

    def keys() -> list[str]:
        found: Any = own.client().keys("*")
        # Counters go by themselves, and so does what a call was answered.
        names = [name.decode().partition("}:")[2] for name in found]
        return sorted(name for name in names if not name.startswith(("s:", "sz:", "did:", "g:")))

    life()
    once = keys()
    life()

    assert keys() == once == ["format", "j:demo:foo", "q:demo:foo", "routes", "token"]
    backend.close()


def test_those_who_wait_and_never_look_cost_little(own: RedisServer, backend: Backend) -> None:
    (sleeper,) = made = firings(1, delay=3_600.0)
    backend.enqueue(made)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(backend.wait_settled, [sleeper.id], 30.0)
        eventually(lambda: own.client().keys("*:y"))
        for _ in range(200):
            backend.enqueue(firings(50))
            backend.settle([outcome(one) for one in claim(backend, 50)])
        lists: Any = own.client().keys("*:y:*")
        assert sum(own.client().llen(name) for name in lists) <= 50
        backend.kill([sleeper.id])
        assert waiting.result(30.0) == [sleeper.id]
