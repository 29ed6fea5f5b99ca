"""Wake-ups: who is woken, by what, what it costs, and which failures a wait survives."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from bson import Timestamp
from msgspec.structs import replace

from skunkqueue.contract.makers import (
    LEASE,
    OTHER,
    QUEUE,
    ROUTE,
    WORKER,
    claimed,
    death,
    firing,
    firings,
    ids,
    outcome,
    worker,
)
from skunkqueue.persistence import BackendConfig
from skunkqueue.persistence.backend import Backend
from skunkqueue.persistence.mongodb.schema import SIGNALS_SIZE
from skunkqueue.persistence.rules import LOOK_EVERY
from skunkqueue.records import Command
from tests.mongo.opening import OpenStore
from tests.redis.patience import persistently
from tests.support.mongo_fixtures import MongoConfigOf, NewMongod, NewMongoProxy, NewReplicaSet
from tests.support.mongo_proxy import MongoProxy
from tests.support.mongo_replica_set import MongoReplicaSet
from tests.support.mongo_server import MongoServer, User
from tests.support.server_process import HOST
from tests.support.waiting import eventually, never, pause

LONG = 60.0
"""No wait may last that long."""
SOON = 10.0
"""Less than the time after which a wait looks without a wake-up."""
A_WHILE = 0.3


@pytest.fixture(params=["mongod", "replica_set"])
def server(request: pytest.FixtureRequest) -> MongoServer:
    """Give a server that is read with a tailable cursor, and one that is read with a change stream."""
    found: MongoServer | MongoReplicaSet = request.getfixturevalue(request.param)
    return found if isinstance(found, MongoServer) else found.servers[0]


@pytest.fixture
def config(server: MongoServer, mongo_config_of: MongoConfigOf) -> BackendConfig:
    return mongo_config_of(server)


@pytest.fixture
def far(config: BackendConfig, open_store: OpenStore) -> Backend:
    """The process that waits."""
    return open_store(config)


@pytest.fixture
def near(config: BackendConfig, open_store: OpenStore) -> Backend:
    """The process that does something meanwhile."""
    return open_store(config)


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4, thread_name_prefix="waiting") as pool:
        yield pool


def next_one(store: Backend, route: str = ROUTE) -> list[str]:
    """Wait until there is something to claim, as workers do; return its ids."""
    while True:
        lent = persistently(lambda: store.claim_next(QUEUE, route, WORKER, 1, LEASE, timeout=LONG))
        if lent:
            return ids(lent)


@pytest.fixture
def waiting(far: Backend, near: Backend, threads: ThreadPoolExecutor) -> Iterator[Future[list[str]]]:
    """A call that waits for something to claim."""
    future = threads.submit(next_one, far)
    never(future.done, A_WHILE)
    yield future
    if not future.done():
        near.enqueue([firing()])


# --- who is woken -------------------------------------------------------------------------------------


def test_only_those_wake_whom_it_concerns(far: Backend, near: Backend, threads: ThreadPoolExecutor) -> None:
    for one in (WORKER, OTHER):
        near.register(worker(one), LEASE)
    mine, others = claimed(near, route="lent"), claimed(near, route="lent")
    # A change of the list of routes wakes everybody, since that shows pauses.
    claimed(near, route="other")
    claimed(near, queue="other")
    # From then on one stream covers all of it, and is not replaced by another, which would wake everybody.
    far.listen(WORKER, 1.0)
    far.wait(QUEUE, ROUTE, WORKER, 1.0)
    far.wait_settled([mine.id], 1.0)
    asleep: list[Future[Any]] = [
        threads.submit(far.wait, QUEUE, ROUTE, WORKER, LONG),
        threads.submit(far.wait_settled, [mine.id], LONG),
        threads.submit(far.listen, WORKER, LONG),
    ]
    never(lambda: any(one.done() for one in asleep), A_WHILE)

    near.enqueue([firing(route="other")])
    near.enqueue(firings(2, queue="other"))
    near.settle([outcome(others)])
    near.send(OTHER, Command(verb="stop"))
    never(lambda: any(one.done() for one in asleep), A_WHILE)

    near.enqueue([firing()])
    near.settle([outcome(mine)])
    near.send(WORKER, Command(verb="stop"))
    assert [one.result(SOON) for one in asleep] == [True, [mine.id], [Command(verb="stop")]]


def test_those_who_wait_for_different_things_all_wake(
    far: Backend, near: Backend, threads: ThreadPoolExecutor
) -> None:
    routes = ["one", "two", "three"]
    asleep = [threads.submit(next_one, far, route) for route in routes]
    never(lambda: any(one.done() for one in asleep), A_WHILE)

    made = [firing(route=route) for route in routes]
    for one in made:
        near.enqueue([one])

    assert [one.result(SOON) for one in asleep] == [[one.id] for one in made]


def test_what_is_given_back_wakes(far: Backend, near: Backend, threads: ThreadPoolExecutor) -> None:
    near.register(worker(OTHER), LEASE)
    lent = claimed(near, worker=OTHER)
    asleep = threads.submit(next_one, far)
    never(asleep.done, A_WHILE)

    near.reap(OTHER, [], death(near.now(), OTHER))

    assert asleep.result(SOON) == [lent.id]


# --- what it survives ---------------------------------------------------------------------------------


def test_a_wait_survives_signals_that_were_all_overwritten(
    server: MongoServer, config: BackendConfig, near: Backend, waiting: Future[list[str]]
) -> None:
    signals = server.client()[config.dbname].bells
    many = [
        {"ts": Timestamp(0, 0), "topics": ["x" * 10_000], "ids": []}
        for _ in range(3 * SIGNALS_SIZE // 10_000)
    ]
    signals.insert_many(many)
    (made,) = firings(1)

    near.enqueue([made])

    assert waiting.result(SOON) == [made.id]


def open_cursors(server: MongoServer, dbname: str) -> list[tuple[str, int]]:
    """Return the cursors that wait for news of a store, each with what it was opened on."""
    admin = server.client().admin
    found = admin.aggregate(
        [{"$currentOp": {"idleCursors": True}}, {"$match": {"cursor": {"$exists": True}}}]
    )
    return [
        (one["ns"].partition(".")[2], one["cursor"]["cursorId"])
        for one in found
        if one["ns"].startswith(f"{dbname}.")
        and one["cursor"].get("awaitData", one["cursor"].get("tailable"))
    ]


def test_a_wait_survives_its_killed_cursor(
    server: MongoServer, config: BackendConfig, near: Backend, waiting: Future[list[str]]
) -> None:
    ((collection, number),) = eventually(lambda: open_cursors(server, config.dbname))
    killed = server.client()[config.dbname].command("killCursors", collection, cursors=[number])
    assert killed["cursorsKilled"] == [number]
    (made,) = firings(1)

    near.enqueue([made])

    assert waiting.result(SOON) == [made.id]


def test_a_wait_survives_a_dropped_collection_of_signals(
    server: MongoServer, config: BackendConfig, near: Backend, waiting: Future[list[str]]
) -> None:
    server.client()[config.dbname].bells.drop()
    never(waiting.done, 1.0)
    (made,) = firings(1)

    near.enqueue([made])

    assert waiting.result(2 * LOOK_EVERY) == [made.id]


@pytest.fixture(params=["standalone", "set"])
def own(
    request: pytest.FixtureRequest, new_mongod: NewMongod, new_replica_set: NewReplicaSet
) -> MongoServer | MongoReplicaSet:
    """Give a server that a test may end."""
    return new_mongod() if request.param == "standalone" else new_replica_set()


def test_a_wait_survives_a_restarted_server(
    own: MongoServer | MongoReplicaSet,
    mongo_config_of: MongoConfigOf,
    open_store: OpenStore,
    threads: ThreadPoolExecutor,
) -> None:
    config = mongo_config_of(own)
    far, near = open_store(config), open_store(config)
    asleep = threads.submit(next_one, far)
    never(asleep.done, A_WHILE)

    server = own if isinstance(own, MongoServer) else own.servers[0]
    server.kill()
    server.start()
    near.sweep()
    never(asleep.done, 1.5)
    (made,) = firings(1)
    near.enqueue([made])

    assert asleep.result(SOON) == [made.id]


# --- what it costs ------------------------------------------------------------------------------------


@pytest.fixture
def proxy(server: MongoServer, new_mongo_proxy: NewMongoProxy) -> MongoProxy:
    """Count the requests."""
    return new_mongo_proxy(server)


def test_a_wait_makes_next_to_no_requests(
    proxy: MongoProxy,
    config: BackendConfig,
    near: Backend,
    open_store: OpenStore,
    threads: ThreadPoolExecutor,
) -> None:
    url = f"mongodb://{HOST}:{proxy.port}/?directConnection=true"
    far = open_store(replace(config, url=url, options={}))
    asleep = threads.submit(next_one, far)
    listening = threads.submit(far.listen, WORKER, LONG)
    never(asleep.done, 1.0)
    before = proxy.commands.copy()

    pause(3.0)

    asked = proxy.commands - before
    # The client's own, which checks its server.
    del asked["hello"], asked["ping"]
    print(f"asked within 3 s: {dict(asked)}")
    assert asked.total() <= 2
    near.register(worker(), LEASE)
    near.enqueue([firing()])
    near.send(WORKER, Command(verb="stop"))
    assert asleep.result(SOON)
    assert listening.result(SOON)


def test_from_enqueue_to_claim_it_takes_moments(
    far: Backend, near: Backend, threads: ThreadPoolExecutor
) -> None:
    took: list[float] = []
    for _ in range(20):
        asleep = threads.submit(next_one, far)
        pause(0.05)
        began = time.monotonic()
        near.enqueue([firing()])
        asleep.result(SOON)
        took.append(time.monotonic() - began)

    print(f"median {sorted(took)[10] * 1e3:.1f} ms, longest {max(took) * 1e3:.1f} ms")
    # No polling would come close; a loaded machine may be late now and then.
    assert sorted(took)[10] < 0.1


def streams() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "skunkqueue-stream"}


def test_the_thread_of_a_stream_ends_with_its_store(
    config: BackendConfig, open_store: OpenStore, threads: ThreadPoolExecutor
) -> None:
    before = streams()
    far = open_store(config)
    asleep = threads.submit(far.wait, QUEUE, ROUTE, WORKER, LONG)
    mine = eventually(lambda: streams() - before)
    never(asleep.done, A_WHILE)

    far.close()

    # Long before it would look by itself.
    eventually(lambda: asleep.done() and not any(one.is_alive() for one in mine), SOON)


# --- without the right to read change streams -------------------------------------------------------------------------------

UNPRIVILEGED = User("unprivileged", "secret")
DOES = ["find", "insert", "update", "remove", "createCollection", "createIndex", "convertToCapped"]
"""All that a store needs but ``changeStream``."""


@pytest.fixture
def guarded(new_replica_set: NewReplicaSet, dbname: str) -> MongoReplicaSet:
    """Give a replica set that knows a user who may not read change streams."""
    servers = new_replica_set(users=[UNPRIVILEGED])
    admin = servers.client().admin
    granted = [{"resource": {"db": dbname, "collection": ""}, "actions": DOES}]
    admin.command("createRole", "unprivileged", privileges=granted, roles=[])
    admin.command("grantRolesToUser", UNPRIVILEGED.name, roles=["unprivileged"])
    return servers


def test_a_wait_without_the_right_to_change_streams_looks_every_few_seconds(
    guarded: MongoReplicaSet,
    mongo_config_of: MongoConfigOf,
    open_store: OpenStore,
    threads: ThreadPoolExecutor,
    caplog: pytest.LogCaptureFixture,
) -> None:
    near = open_store(mongo_config_of(guarded))
    far = open_store(mongo_config_of(guarded, guarded.url(user=UNPRIVILEGED.name)))
    asleep = threads.submit(next_one, far)
    never(asleep.done, A_WHILE)
    (made,) = firings(1)

    near.enqueue([made])

    assert asleep.result(LOOK_EVERY + SOON) == [made.id]
    said = [record.getMessage() for record in caplog.records if record.name == "skunkqueue.mongodb"]
    assert len(said) == 1
    assert said[0].startswith("stream refused: ")


def test_a_wait_without_the_right_to_change_streams_finds_at_once_what_is_there(
    guarded: MongoReplicaSet, mongo_config_of: MongoConfigOf, open_store: OpenStore
) -> None:
    far = open_store(mongo_config_of(guarded, guarded.url(user=UNPRIVILEGED.name)))
    far.enqueue(firings(50))
    next_one(far)

    began = time.monotonic()
    for _ in range(20):
        next_one(far)

    # A few seconds each, if each had waited for a stream that does not come.
    assert time.monotonic() - began < 15.0
