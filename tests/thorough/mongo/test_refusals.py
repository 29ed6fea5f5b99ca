"""Servers that are not there, that say no, or that stand still or die under load: a clear error, and nothing lost."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator

import pytest

from skunkqueue.contract.makers import (
    LEASE,
    OTHER,
    QUEUE,
    ROUTE,
    WORKER,
    claim,
    claimed,
    counts,
    death,
    declared,
    firing,
    firings,
    ids,
    outcome,
    ref,
    refire,
    state,
    worker,
)
from skunkqueue.errors import (
    BackendError,
    BackendUnavailableError,
    ConfigError,
    SkunkQueueError,
)
from skunkqueue.persistence import BackendConfig
from skunkqueue.records import Command, State
from tests.mongo.opening import OpenStore
from tests.redis.patience import persistently
from tests.support.mongo_fixtures import MongoConfigOf, NewMongod, NewReplicaSet
from tests.support.mongo_replica_set import MongoReplicaSet
from tests.support.mongo_server import MongoServer, User
from tests.support.server_process import HOST, free_port
from tests.support.store_fixtures import ConfigOf
from tests.support.waiting import never
from tests.thorough.mongo.load import Load

RIGHT = "r1ght:w/rd@"
WRONG = "wr0ng:w/rd@"
SURE = {"w": "majority"}
"""What survives the death of a server; by its own default, what came in its last moments may not."""
HASTY = {"retry_for": "0.5", "connect_timeout": "0.5", "socket_timeout": "1"}


def refusal(open_store: OpenStore, config: BackendConfig) -> SkunkQueueError:
    """Open a store and use it; return what is raised on the way."""
    with pytest.raises(SkunkQueueError) as refused:
        open_store(config).enqueue([firing()])
    return refused.value


def told(error: BaseException) -> str:
    """Everything that a log would show of it."""
    return "".join(traceback.format_exception(error))


# --- nobody there -------------------------------------------------------------------------------------


def test_where_nobody_listens_the_place_is_named_soon(open_store: OpenStore, config_of: ConfigOf) -> None:
    port = free_port()
    began = time.monotonic()

    error = refusal(open_store, config_of(f"mongodb://user:{WRONG[:5]}@{HOST}:{port}/", connect_timeout="1"))

    assert isinstance(error, BackendUnavailableError)
    assert f"{HOST}:{port}" in str(error)
    assert "check that the server runs" in str(error)
    assert WRONG[:5] not in told(error)
    # Where the time to connect did not count, it would look for as long as an election lasts.
    assert time.monotonic() - began < 15.0


def test_a_server_that_goes_away_is_named_and_welcome_back(
    new_mongod: NewMongod, open_store: OpenStore, mongo_config_of: MongoConfigOf
) -> None:
    server = new_mongod(durable=True)
    store = open_store(mongo_config_of(server, **HASTY, **SURE))
    store.enqueue([firing()])
    server.kill()
    began = time.monotonic()
    with pytest.raises(BackendUnavailableError, match=str(server.port)) as refused:
        store.enqueue([firing()])
    assert "check that the server runs" in str(refused.value)
    assert time.monotonic() - began < 15.0

    server.start()

    assert persistently(lambda: store.enqueue([firing()]))
    assert counts(store) == {State.PENDING: 2}


@pytest.mark.parametrize(
    ("url", "options", "named"),
    [
        (f"mongodb://{HOST}/?colour=green", {}, "colour"),
        (f"mongodb://{HOST}:port/", {}, "port"),
        ("mongodb:///", {}, "mongodb://"),
        (f"mongodb://{HOST}/?retry_for=soon", {}, "soon"),
        (f"mongodb://{HOST}/", {"dbname": "a.b"}, "a.b"),
        (f"mongodb://{HOST}/", {"dbname": "admin"}, "admin"),
    ],
)
def test_what_makes_no_sense_is_named(
    open_store: OpenStore, config_of: ConfigOf, url: str, options: dict[str, str], named: str
) -> None:
    error = refusal(open_store, config_of(url, **options))

    assert isinstance(error, ConfigError)
    assert named in str(error)


# --- who may come in ----------------------------------------------------------------------------------


USERS = (
    User("reader", RIGHT, [{"role": "read", "db": "guarded"}]),
    User("outsider", RIGHT, [{"role": "readWrite", "db": "elsewhere"}]),
    User("advised", RIGHT, [{"role": "readWrite", "db": "guarded"}]),
)


@pytest.fixture(scope="module", params=["standalone", "replica set"])
def guarded(
    request: pytest.FixtureRequest, mongod_binary: object, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MongoServer | MongoReplicaSet]:
    """Give a server that wants to know who comes."""
    kind = MongoServer if request.param == "standalone" else MongoReplicaSet
    server = kind(mongod_binary, tmp_path_factory.mktemp("guarded"), users=USERS)  # type: ignore[arg-type]
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.mark.parametrize("user", ["advised", "nobody"])
def test_a_wrong_password_is_told_and_never_shown(
    guarded: MongoServer | MongoReplicaSet, open_store: OpenStore, config_of: ConfigOf, user: str
) -> None:
    error = refusal(open_store, config_of(guarded.url("guarded", user=user, password=WRONG)))

    assert HOST in str(error)
    assert "password" in str(error)
    assert user in str(error)
    for way in (WRONG, "wr0ng"):
        assert way not in told(error)


def test_no_password_where_one_is_wanted(
    guarded: MongoServer | MongoReplicaSet, open_store: OpenStore, config_of: ConfigOf
) -> None:
    error = refusal(open_store, config_of(guarded.url("guarded", user="")))

    assert HOST in str(error)
    assert "user" in str(error)


@pytest.mark.parametrize("user", ["reader", "outsider"])
def test_a_user_without_the_rights_is_named_with_the_way_out(
    guarded: MongoServer | MongoReplicaSet, open_store: OpenStore, config_of: ConfigOf, user: str
) -> None:
    error = refusal(open_store, config_of(guarded.url("guarded", user=user)))

    assert isinstance(error, BackendError)
    assert HOST in str(error)
    assert "readWrite" in str(error)
    assert "guarded" in str(error)
    assert RIGHT not in told(error)


def test_the_rights_that_are_advised_do(
    guarded: MongoServer | MongoReplicaSet, open_store: OpenStore, config_of: ConfigOf
) -> None:
    store = open_store(config_of(guarded.url("guarded", user="advised")))
    assert "r1ght" not in store.location()

    store.register(worker(), LEASE)
    assert not store.wait(QUEUE, ROUTE, WORKER, 0.1)
    made, _ = declared(store)
    (lent,) = claim(store)
    assert store.extend([ref(lent)], LEASE) == []
    assert store.progress(ref(lent), b"half")
    assert store.settle([outcome(lent, refire=refire(lent, made, firing()), follow=(firing(),))]) == []
    assert store.wait_settled([lent.id], 1.0) == [lent.id]
    assert store.send(WORKER, Command(verb="stop"))
    assert store.listen(WORKER, 1.0) == [Command(verb="stop")]
    for verb in (store.pause, store.resume):
        verb(QUEUE)
    assert store.pause_schedule(QUEUE, made.name)
    assert store.resume_schedule(QUEUE, made.name, firing())
    assert store.remove_schedule(QUEUE, made.name)
    assert store.idle_schedules(QUEUE, ROUTE) == []
    more = firings(3)
    assert store.enqueue(more) == ids(more)
    assert store.kill([more[0].id]) == {more[0].id: State.PENDING}
    assert store.requeue([more[0].id]) == [more[0].id]
    assert len(claim(store, 9)) == 4
    assert store.reap(WORKER, [], death(1.0)) == 4
    assert store.purge(QUEUE) == 4
    store.sweep()
    assert store.prune(older=0.0) == 1
    assert store.routes()
    assert store.now() > 0


def test_a_format_of_another_version_is_told(
    mongod: MongoServer, open_store: OpenStore, mongo_config_of: MongoConfigOf
) -> None:
    config = mongo_config_of(mongod)
    mongod.client()[config.dbname].meta.insert_one({"_id": "store", "format": 0})

    error = refusal(open_store, config)

    assert isinstance(error, BackendError)
    assert config.dbname in str(error)
    assert "format 0" in str(error)


# --- under load ---------------------------------------------------------------------------------------


def test_a_load_outlives_a_server_that_stood_still(
    new_mongod: NewMongod, open_store: OpenStore, mongo_config_of: MongoConfigOf
) -> None:
    server = new_mongod()
    config = mongo_config_of(server, socket_timeout="1", connect_timeout="1")
    with Load(lambda: open_store(config), producers=2) as load:
        load.goes_on()
        server.pause()
        try:
            never(lambda: False, 4.0)
        finally:
            server.go_on()
        load.goes_on()
        load.finish()


@pytest.mark.parametrize("members", [0, 1])
def test_a_load_outlives_a_server_that_was_killed(
    new_mongod: NewMongod,
    new_replica_set: NewReplicaSet,
    open_store: OpenStore,
    mongo_config_of: MongoConfigOf,
    members: int,
) -> None:
    made = new_replica_set(members, durable=True) if members else new_mongod(durable=True)
    server = made if isinstance(made, MongoServer) else made.primary()
    config = mongo_config_of(made, **SURE)
    with Load(lambda: open_store(config), producers=2) as load:
        for _ in range(2):
            load.goes_on()
            server.kill()
            server.start()
        load.goes_on()
        load.finish()


def test_who_settles_while_the_server_stands_still_hears_of_it_or_waits(
    new_mongod: NewMongod, open_store: OpenStore, mongo_config_of: MongoConfigOf
) -> None:
    server = new_mongod()
    store = open_store(mongo_config_of(server, **HASTY))
    lent = claimed(store)
    server.pause()
    try:
        with pytest.raises(BackendUnavailableError, match=str(server.port)):
            store.settle([outcome(lent)])
    finally:
        server.go_on()

    stale = persistently(lambda: store.settle([outcome(lent)]))

    assert stale in ([], [lent.id])
    assert state(store, lent.id) is State.COMPLETE
    assert claim(store, worker=OTHER) == []
