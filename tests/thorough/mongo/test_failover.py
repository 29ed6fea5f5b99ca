"""A replica set that elects another primary: what was accepted is done, each once, by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from skunkqueue.contract.makers import (
    LEASE,
    QUEUE,
    ROUTE,
    WORKER,
    claim,
    claimed,
    counts,
    firing,
    firings,
    outcome,
    worker,
)
from skunkqueue.errors import BackendUnavailableError
from skunkqueue.persistence import BackendConfig
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import FINAL_STATES, Command, State
from tests.acceptance.shop import Shop
from tests.mongo.opening import OpenStore
from tests.redis.patience import persistently
from tests.support.mongo_fixtures import MongoConfigOf
from tests.support.mongo_replica_set import MongoReplicaSet
from tests.support.waiting import eventually, never
from tests.thorough.mongo.load import Load

Failover = Callable[[MongoReplicaSet], None]
LONG = 60.0
"""Nobody may wait to the end of it."""
SOON = 10.0
"""Less than the time after which sleepers look though nobody rang."""


def killed(servers: MongoReplicaSet) -> None:
    servers.kill_primary()
    servers.primary()


def stepped_down(servers: MongoReplicaSet) -> None:
    old = servers.step_down()
    eventually(lambda: servers.primary() is not old, LONG, what="another leads")


@pytest.fixture(scope="module")
def trio(mongod_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoReplicaSet]:
    """Give three servers, for all tests of this file: they take long to start."""
    made = MongoReplicaSet(mongod_binary, tmp_path_factory.mktemp("trio"), 3)
    try:
        made.start()
        yield made
    finally:
        made.close()


@pytest.fixture
def servers(trio: MongoReplicaSet) -> Iterator[MongoReplicaSet]:
    """Give them whole, and have them whole again afterwards."""
    yield trio
    trio.heal()


@pytest.fixture(params=[killed, stepped_down])
def failover(request: pytest.FixtureRequest) -> Failover:
    found: Failover = request.param
    return found


@pytest.fixture
def config(servers: MongoReplicaSet, mongo_config_of: MongoConfigOf) -> BackendConfig:
    return mongo_config_of(servers)


def test_a_load_survives(
    servers: MongoReplicaSet, config: BackendConfig, open_store: OpenStore, failover: Failover
) -> None:
    with Load(lambda: open_store(config)) as load:
        load.goes_on()
        failover(servers)
        load.goes_on()
        load.finish()


def test_a_load_survives_one_failover_after_the_other(
    servers: MongoReplicaSet, config: BackendConfig, open_store: OpenStore
) -> None:
    with Load(lambda: open_store(config)) as load:
        load.goes_on()
        old = servers.kill_primary()
        servers.primary()
        load.goes_on()
        old.start()
        servers.whole()
        stepped_down(servers)
        load.goes_on()
        load.finish()


def test_what_was_claimed_from_the_old_primary_is_settled_on_the_new(
    servers: MongoReplicaSet, config: BackendConfig, open_store: OpenStore, failover: Failover
) -> None:
    store = open_store(config)
    store.enqueue(firings(5))
    lent = claim(store, 5, lease=120.0)

    failover(servers)

    assert store.settle([outcome(one) for one in lent]) == []
    assert counts(store) == {State.COMPLETE: 5}


def test_nothing_counts_as_accepted_before_a_majority_has_it(
    servers: MongoReplicaSet, mongo_config_of: MongoConfigOf, open_store: OpenStore
) -> None:
    """Also where an earlier try, which was not confirmed in time, has left it on the primary."""
    store = open_store(mongo_config_of(servers, w="majority", wTimeoutMS="200", retry_for="1"))
    store.enqueue([firing()])
    primary, lone, several = servers.primary(), firing(), firings(2)
    others = [one for one in servers.servers if one is not primary]
    for one in others:
        one.pause()
    try:
        for batch in ([lone], several):
            with pytest.raises(BackendUnavailableError):
                store.enqueue(batch)
    finally:
        for one in others:
            one.go_on()

    persistently(lambda: store.enqueue([lone]))
    persistently(lambda: store.enqueue(several))

    assert counts(store) == {State.PENDING: 4}


def test_those_who_wait_hear_what_happens_after_it(
    servers: MongoReplicaSet, config: BackendConfig, open_store: OpenStore, failover: Failover
) -> None:
    far, near = open_store(config), open_store(config)
    near.register(worker(), LONG)
    lent = claimed(near, route="other")
    with ThreadPoolExecutor(3) as threads:
        # Each returns too early at most: as many times as it is rung for nothing.
        waiting = threads.submit(_until, lambda: bool(claim_next(far)))
        settled = threads.submit(_until, lambda: far.wait_settled([lent.id], LONG) == [lent.id])
        mail = threads.submit(_until, lambda: far.listen(WORKER, LONG) == [Command(verb="stop")])
        never(lambda: waiting.done() or settled.done() or mail.done(), 0.3)

        failover(servers)
        near.now()
        never(lambda: waiting.done() or settled.done() or mail.done(), 1.5)

        began = time.monotonic()
        near.enqueue([firing()])
        near.settle([outcome(lent)])
        near.send(WORKER, Command(verb="stop"))
        for future in (waiting, settled, mail):
            future.result(SOON)
        print(f"all three heard of it {time.monotonic() - began:.3f} s after the first was begun")


def claim_next(store: Backend) -> bool:
    return bool(store.claim_next(QUEUE, ROUTE, WORKER, 1, LEASE, timeout=LONG))


def _until(call: Callable[[], bool]) -> None:
    while not persistently(call):
        pass


def test_a_pool_goes_on_by_itself(
    tmp_path: Path, servers: MongoReplicaSet, dbname: str, failover: Failover
) -> None:
    with Shop(tmp_path, servers.url(dbname)) as shop:
        pool = shop.work("-c", "2", workers=2)
        workers = shop.pids()
        before = [shop.fire("add", 1, number) for number in range(50)]
        held = shop.fire("hold", "go")
        shop.begun(held)

        failover(servers)
        after = [shop.fire("add", 2, number) for number in range(50)]
        shop.touch("go")

        everything = [*before, held, *after]
        eventually(
            lambda: all(
                one is not None and one.state in FINAL_STATES for one in shop.backend.get(everything)
            ),
            LONG,
            every=0.1,
            what="all are finished",
        )
        assert {shop.state(one) for one in everything} == {State.COMPLETE}
        assert pool.process.poll() is None
        assert sorted(shop.pids()) == sorted(workers)
        assert shop.record(held).deaths == 0
