"""A worker asks for the next batch while one runs: nothing of that is forgotten, late or lost."""

from __future__ import annotations

from typing import Any

import pytest

from skunkqueue.fireable import Fireable
from skunkqueue.ids import new_id
from skunkqueue.payload import Body, encode
from skunkqueue.persistence import BackendConfig
from skunkqueue.persistence.backend import Backend
from skunkqueue.plugins import hookimpl
from skunkqueue.plugins.notify import Notifier
from skunkqueue.processes.settings import WorkerSettings
from skunkqueue.records import Claim, Firing, State
from skunkqueue.worker.worker import Worker
from tests.redis import jobs_of_ahead as jobs
from tests.redis.opening import OpenStore
from tests.support.redis_server import RedisServer
from tests.support.store_fixtures import ConfigOf

QUEUE, ROUTE = "shop", "default"


@pytest.fixture
def config(valkey: RedisServer, config_of: ConfigOf) -> BackendConfig:
    return config_of(valkey.url())


@pytest.fixture
def store(config: BackendConfig, open_store: OpenStore) -> Backend:
    found = open_store(config)
    jobs.STORE[:] = [found]
    return found


def made(call: Fireable[Any]) -> Firing:
    return Firing(
        id=new_id(), queue=QUEUE, route=ROUTE, body=encode(Body(call.steps(), call.policy.result_ttl, None))
    )


class Listener:
    """Hears which firings were claimed."""

    def __init__(self) -> None:
        self.claimed: list[str] = []

    @hookimpl
    def skunkqueue_firing_claimed(self, claim: Claim) -> None:
        self.claimed.append(claim.id)


def work(store: Backend, config: BackendConfig, *, listener: Listener | None = None, **changes: Any) -> None:
    given: dict[str, Any] = {
        "id": new_id(),
        "pool": "test",
        "queue": QUEUE,
        "route": ROUTE,
        "config": config,
        "allow": ("tests",),
        "burst": True,
    }
    notifier = Notifier()
    if listener is not None:
        assert notifier.add(listener, "listener")
    Worker(store, WorkerSettings(**{**given, **changes}), notifier=notifier).run()


def counts(store: Backend) -> dict[State, int]:
    (found,) = store.routes(QUEUE)
    return {state: count for state, count in found.counts.items() if count}


@pytest.mark.parametrize("count", [1_300, 1_400, 1_900])
def test_a_burst_runs_what_its_last_batch_fired(store: Backend, config: BackendConfig, count: int) -> None:
    jobs.LATE[:] = [made(jobs.quick(number)) for number in range(10)]
    store.enqueue([made(jobs.quick(number)) for number in range(count - 10)])
    store.enqueue([made(jobs.fire_late(number)) for number in range(10)])

    work(store, config)

    assert counts(store) == {State.COMPLETE: count + 10}


def test_what_was_asked_for_ahead_keeps_its_lease(store: Backend, config: BackendConfig) -> None:
    firings = [made(jobs.quick(number)) for number in range(1_100)]
    firings += [made(jobs.slow(number)) for number in range(60)]
    store.enqueue(firings)

    listener = Listener()
    work(store, config, lease=1.0, listener=listener)

    assert counts(store) == {State.COMPLETE: 1_160}
    assert {one.id for one in firings} <= set(listener.claimed)
    records = store.get([one.id for one in firings[-60:]])
    assert [record.deaths for record in records if record is not None] == [0] * 60
