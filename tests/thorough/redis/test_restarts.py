"""Servers that end, forget, load, stand still and start again: those who use them go on by themselves."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from skunkqueue.contract.makers import (
    LEASE,
    WORKER,
    claim,
    counts,
    firing,
    firings,
    ids,
    listed,
    outcome,
    read,
    worker,
)
from skunkqueue.errors import BackendUnavailableError
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import State
from tests.redis.opening import OpenStore
from tests.redis.patience import persistently
from tests.support.redis_fixtures import NewServer
from tests.support.redis_server import RedisServer
from tests.support.store_fixtures import ConfigOf
from tests.support.waiting import never
from tests.thorough.redis.load import Load


@pytest.fixture
def durable(new_server: NewServer) -> RedisServer:
    return new_server(persistence="aof")


@pytest.fixture
def forgetful(new_server: NewServer) -> RedisServer:
    return new_server()


# --- with an append-only file -----------------------------------------------------------------------


def test_nothing_that_was_accepted_is_lost(
    durable: RedisServer, open_store: OpenStore, config_of: ConfigOf
) -> None:
    store = open_store(config_of(durable.url()))
    made = firings(100)
    store.enqueue(made)

    durable.kill()
    durable.start()

    assert sorted(ids(persistently(lambda: listed(store, State.PENDING)))) == sorted(ids(made))
    assert sorted(ids(claim(store, 100))) == sorted(ids(made))


def test_what_was_claimed_before_may_be_settled_after(
    durable: RedisServer, open_store: OpenStore, config_of: ConfigOf
) -> None:
    store = open_store(config_of(durable.url()))
    store.enqueue(firings(10))
    lent = claim(store, 10)

    durable.kill()
    durable.start()

    assert persistently(lambda: store.settle([outcome(one) for one in lent])) == []
    assert counts(store) == {State.COMPLETE: 10}


def test_a_load_goes_on_and_all_is_complete_once(
    durable: RedisServer, open_store: OpenStore, config_of: ConfigOf
) -> None:
    with Load(lambda: open_store(config_of(durable.url())), lease=2.0) as load:
        for _ in range(2):
            load.goes_on()
            durable.kill()
            durable.start()
        load.goes_on()
        load.finish()


def test_a_load_goes_on_after_a_gentle_restart(
    durable: RedisServer, open_store: OpenStore, config_of: ConfigOf
) -> None:
    with Load(lambda: open_store(config_of(durable.url())), lease=2.0) as load:
        load.goes_on()
        durable.restart()
        load.goes_on()
        load.finish()


# --- without ----------------------------------------------------------------------------------------


def test_a_server_that_forgot_all_is_an_empty_store(
    forgetful: RedisServer, open_store: OpenStore, config_of: ConfigOf
) -> None:
    store = open_store(config_of(forgetful.url()))
    old = firing()
    store.enqueue([old])

    forgetful.kill()
    forgetful.start()

    assert persistently(lambda: store.get([old.id])) == [None]
    fresh = firing()
    assert store.enqueue([fresh]) == [fresh.id]
    (lent,) = claim(store)
    assert store.settle([outcome(lent)]) == []


def test_a_worker_that_was_forgotten_hears_so_and_is_listed_again(
    forgetful: RedisServer, open_store: OpenStore, config_of: ConfigOf
) -> None:
    store = open_store(config_of(forgetful.url()))
    store.register(worker(), LEASE)
    assert store.beat(worker(), LEASE) is True

    forgetful.kill()
    forgetful.start()

    assert persistently(store.workers) == []
    assert store.beat(worker(), LEASE) is False
    assert [record.id for record in store.workers()] == [WORKER]


def test_the_outcome_of_what_was_forgotten_is_stale(
    forgetful: RedisServer, open_store: OpenStore, config_of: ConfigOf
) -> None:
    store = open_store(config_of(forgetful.url()))
    store.enqueue([firing()])
    (lent,) = claim(store)

    forgetful.kill()
    forgetful.start()

    assert persistently(lambda: store.settle([outcome(lent)])) == [lent.id]


def test_an_old_token_proves_nothing_after_all_was_forgotten(
    forgetful: RedisServer, open_store: OpenStore, config_of: ConfigOf
) -> None:
    store = open_store(config_of(forgetful.url()))
    made = firing()
    store.enqueue([made])
    (old,) = claim(store)

    forgetful.kill()
    forgetful.start()
    persistently(lambda: store.enqueue([made]))
    (new,) = claim(store, worker="another")

    assert store.settle([outcome(old)]) == [made.id]
    assert read(store, made.id).worker == "another"
    assert store.settle([outcome(new)]) == []


# --- scripts that are gone ---------------------------------------------------------------------------


def test_flushed_scripts_are_no_business_of_callers(
    server: RedisServer, open_store: OpenStore, config_of: ConfigOf
) -> None:
    store = open_store(config_of(server.url()))
    for _ in range(2):
        server.ask("SCRIPT", "FLUSH")
        made = firings(2)
        assert store.enqueue(made) == ids(made)
        server.ask("SCRIPT", "FLUSH")
        lent = claim(store, 2)
        assert ids(lent) == ids(made)
        server.ask("SCRIPT", "FLUSH")
        assert store.settle([outcome(one) for one in lent]) == []
        server.ask("SCRIPT", "FLUSH")
        assert store.kill(ids(made)) == dict.fromkeys(ids(made), State.COMPLETE)
        server.ask("SCRIPT", "FLUSH")
        assert store.beat(worker(), LEASE) in {True, False}


# --- loading -----------------------------------------------------------------------------------------


@pytest.fixture
def loading(new_server: NewServer, open_store: OpenStore, config_of: ConfigOf) -> tuple[RedisServer, Backend]:
    """Give a server that takes a while to load, and a store there that was open before."""
    server = new_server(persistence="rdb")
    store = open_store(config_of(server.url()))
    store.enqueue(firings(200))
    server.restart_slowly()
    return server, store


def test_a_server_that_loads_is_waited_for_or_named(loading: tuple[RedisServer, Backend]) -> None:
    server, store = loading
    made = firing()
    try:
        store.enqueue([made])
    except BackendUnavailableError as error:
        assert str(server.port) in str(error)  # noqa: PT017 - it may as well have waited
        assert "load" in str(error)  # noqa: PT017

    assert persistently(lambda: store.enqueue([made])) == [made.id]
    assert counts(store) == {State.PENDING: 201}


def test_a_store_may_be_opened_while_the_server_loads(
    loading: tuple[RedisServer, Backend], open_store: OpenStore, config_of: ConfigOf
) -> None:
    server, _ = loading

    store = persistently(lambda: open_store(config_of(server.url())))

    assert persistently(lambda: counts(store)) == {State.PENDING: 200}


# --- standing still ----------------------------------------------------------------------------------


def test_a_server_that_stood_still_goes_on_where_it_was(
    forgetful: RedisServer, open_store: OpenStore, config_of: ConfigOf
) -> None:
    with Load(lambda: open_store(config_of(forgetful.url()))) as load:
        load.goes_on()
        forgetful.pause()
        try:
            never(lambda: False, 3.0)
        finally:
            forgetful.go_on()
        load.goes_on()
        load.finish()


def test_a_call_to_a_server_that_stands_still_waits_or_says_so(
    forgetful: RedisServer, open_store: OpenStore, config_of: ConfigOf
) -> None:
    store = open_store(config_of(forgetful.url(), socket_timeout="1", retry_for="1"))
    made = firing()
    store.enqueue([firing()])
    with ThreadPoolExecutor(1) as threads:
        forgetful.pause()
        try:
            call = threads.submit(store.enqueue, [made])
            ended = call.exception(60)
        finally:
            forgetful.go_on()

    assert isinstance(ended, BackendUnavailableError)
    assert str(forgetful.port) in str(ended)
    assert persistently(lambda: store.enqueue([made])) == [made.id]
    assert counts(store) == {State.PENDING: 2}
