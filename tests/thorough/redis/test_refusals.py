"""Servers that are there and say no: full, read-only, busy, or to this user."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from skunkqueue.contract.kit import PATIENCE
from skunkqueue.contract.makers import (
    LEASE,
    OTHER,
    QUEUE,
    audit_entry,
    claim,
    claimed,
    counts,
    declared,
    firing,
    firings,
    outcome,
    planned,
    pool,
    ref,
    state,
    worker,
)
from skunkqueue.errors import BackendFullError, BackendReadOnlyError, BackendUnavailableError
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import Command, State, Verdict
from tests.redis.opening import OpenStore
from tests.redis.patience import persistently
from tests.support.redis_fixtures import NewServer
from tests.support.redis_server import RedisServer
from tests.support.server_process import HOST, free_port
from tests.support.store_fixtures import ConfigOf
from tests.support.waiting import eventually


@pytest.fixture
def own(new_server: NewServer) -> RedisServer:
    return new_server()


@pytest.fixture
def store(own: RedisServer, open_store: OpenStore, config_of: ConfigOf) -> Backend:
    return open_store(config_of(own.url()))


# --- no room ------------------------------------------------------------------------------------------


def fill(own: RedisServer, store: Backend) -> tuple[int, BackendFullError]:
    """Enqueue until there is no room; return how many were accepted, and the error."""
    own.set("maxmemory", str(own.info()["used_memory"] + 3_000_000))
    accepted = 0
    while True:
        try:
            store.enqueue(firings(50, body=b"x" * 5_000))
        except BackendFullError as error:
            return accepted, error
        accepted += 50


def test_a_full_server_is_named_with_the_way_out(own: RedisServer, store: Backend) -> None:
    _, error = fill(own, store)

    assert str(own.port) in str(error)
    assert "maxmemory" in str(error)
    assert error.__cause__ is not None


def test_workers_go_on_while_the_server_is_full(own: RedisServer, store: Backend) -> None:
    store.register(worker(), LEASE)
    store.enqueue(firings(6))
    first, second, third, *_ = claim(store, 4)
    fill(own, store)

    assert store.beat(worker(), LEASE) is True
    assert store.extend([ref(second)], LEASE) == []
    assert store.settle([outcome(first)]) == []
    assert store.settle([outcome(second, Verdict.RETRY), outcome(third, Verdict.RELEASE)]) == []
    store.sweep()
    store.prune()
    store.pause(QUEUE, "another")


def test_what_a_dead_worker_held_is_reclaimed_while_the_server_is_full(
    own: RedisServer, store: Backend
) -> None:
    store.enqueue(firings(3))
    claim(store, 3, lease=0.05)
    fill(own, store)

    assert eventually(lambda: any(one.deaths == 1 for one in claim(store, 1, worker=OTHER)))


def test_a_full_server_keeps_what_it_accepted_and_nothing_by_half(own: RedisServer, store: Backend) -> None:
    accepted, _ = fill(own, store)

    assert accepted > 0
    assert counts(store) == {State.PENDING: accepted}
    own.set("maxmemory", "0")
    claimed_in_all = 0
    while lent := claim(store, 100):
        assert store.settle([outcome(one) for one in lent]) == []
        claimed_in_all += len(lent)
    assert claimed_in_all == accepted


def test_a_full_server_goes_on_once_there_is_room(own: RedisServer, store: Backend) -> None:
    accepted, _ = fill(own, store)
    made = firing()

    own.set("maxmemory", "0")

    assert store.enqueue([made]) == [made.id]
    assert counts(store) == {State.PENDING: accepted + 1}


@pytest.fixture
def full(own: RedisServer, store: Backend) -> Backend:
    """Give a store with a worker, a pool, a schedule and three firings, whose server has no room from now on."""
    store.register(worker(), LEASE)
    store.register_pool(pool(), LEASE)
    declared(store)
    store.enqueue(firings(3))
    own.set("maxmemory", "1")
    return store


@pytest.mark.usefixtures("full")
def test_a_store_is_opened_while_the_server_is_full(
    own: RedisServer, open_store: OpenStore, config_of: ConfigOf
) -> None:
    another = open_store(config_of(own.url()))

    another.register(worker(OTHER), LEASE)
    (lent,) = claim(another, worker=OTHER)
    assert another.settle([outcome(lent)]) == []


@pytest.mark.usefixtures("full")
def test_a_store_is_not_made_on_a_full_server(
    own: RedisServer, open_store: OpenStore, config_of: ConfigOf
) -> None:
    with pytest.raises(BackendFullError):
        open_store(config_of(own.url(dbname="another")))


def test_results_that_are_kept_for_no_time_hold_up_no_worker_of_a_full_server(full: Backend) -> None:
    (first,) = claim(full)
    (second,) = claim(full)

    assert full.settle([outcome(first, ttl=0.0)]) == []
    assert full.settle([outcome(second)]) == []


def test_pools_stay_listed_while_the_server_is_full(full: Backend) -> None:
    assert full.beat_pool(pool(), LEASE) is True
    full.register_pool(pool("another"), LEASE)

    assert len(full.pools()) == 2


def test_operations_are_logged_while_the_server_is_full(full: Backend) -> None:
    entry = audit_entry()

    full.log_entry(entry)

    assert full.note_entry(entry.id, did="1 firing", heard=True, done=True)
    assert [one.did for one in full.audit().entries] == ["1 firing"]


def test_results_are_waited_for_while_the_server_is_full(full: Backend) -> None:
    (lent,) = claim(full)

    assert full.wait_settled([lent.id], 0.01) == []
    with ThreadPoolExecutor(1) as threads:
        waits = threads.submit(full.wait_settled, [lent.id], PATIENCE)
        full.settle([outcome(lent)])
        assert waits.result(PATIENCE) == [lent.id]


def test_verbs_that_have_nothing_to_do_say_so_on_a_full_server(full: Backend) -> None:
    known = planned(full)

    assert full.declare(known, firing()) is False
    assert full.arm(known.queue, known.name, known.generation + 1, firing()) is False
    assert full.resume_schedule(known.queue, known.name, firing()) is False
    assert full.pause_schedule(known.queue, "another") is False
    assert full.remove_schedule(known.queue, "another") is False
    assert full.send("another", Command(verb="stop")) is False


def test_workers_with_replicas_go_on_while_the_server_is_full(
    own: RedisServer, new_server: NewServer, open_store: OpenStore, config_of: ConfigOf
) -> None:
    new_server(directives={"replicaof": f"{HOST} {own.port}"})
    store = open_store(config_of(own.url(replicas="1")))
    persistently(lambda: store.enqueue(firings(2)))
    lent = claim(store, 2)
    own.set("maxmemory", "1")
    own.ask("SCRIPT", "FLUSH")

    assert [store.settle([outcome(one)]) for one in lent] == [[], []]
    assert [state(store, one.id) for one in lent] == [State.COMPLETE] * 2


def test_what_was_claimed_on_a_full_server_is_settled_or_clearly_not(
    own: RedisServer, store: Backend
) -> None:
    lent = claimed(store, route="first")
    fill(own, store)
    with contextlib.suppress(BackendFullError):
        assert store.settle([outcome(lent)]) == []
    with contextlib.suppress(BackendFullError):
        assert len(claim(store, 5)) == 5

    own.set("maxmemory", "0")

    store.settle([outcome(lent)])
    assert state(store, lent.id) is State.COMPLETE
    assert claim(store, 5)


# --- a replica ----------------------------------------------------------------------------------------


@pytest.fixture
def read_only(own: RedisServer, store: Backend) -> Backend:
    """Give a store whose server has become the replica of a master that is not there."""
    store.enqueue([firing()])
    own.ask("REPLICAOF", HOST, free_port())
    return store


def test_a_replica_can_be_read(read_only: Backend) -> None:
    assert counts(read_only) == {State.PENDING: 1}


def test_a_replica_is_named_as_such(own: RedisServer, read_only: Backend) -> None:
    with pytest.raises(BackendReadOnlyError) as refused:
        read_only.enqueue([firing()])

    assert str(own.port) in str(refused.value)
    assert "replica" in str(refused.value)


def test_what_a_replica_refused_is_taken_once_it_is_a_master(own: RedisServer, read_only: Backend) -> None:
    made = firing()
    for refused in (lambda: read_only.enqueue([made]), lambda: claim(read_only)):
        with pytest.raises((BackendReadOnlyError, BackendUnavailableError)):
            refused()

    own.ask("REPLICAOF", "NO", "ONE")

    assert persistently(lambda: read_only.enqueue([made])) == [made.id]
    assert counts(read_only) == {State.PENDING: 2}


# --- busy ---------------------------------------------------------------------------------------------


@pytest.fixture
def busy(own: RedisServer, store: Backend) -> Iterator[RedisServer]:
    """Give a server on which a stranger's script runs and does not end by itself."""
    store.enqueue([firing()])
    own.set("lua-time-limit", "20")

    def run() -> None:
        with contextlib.suppress(redis.RedisError):
            own.client().eval("while true do end", 0)

    thread = threading.Thread(target=run)
    thread.start()
    eventually(lambda: is_busy(own), what="the server is busy")
    yield own
    with contextlib.suppress(redis.RedisError):
        own.ask("SCRIPT", "KILL")
    thread.join(10)
    assert not thread.is_alive()


def is_busy(own: RedisServer) -> bool:
    try:
        own.ask("PING")
    except redis.ResponseError as error:
        return "BUSY" in str(error)
    return False


def test_a_server_kept_busy_by_another_is_waited_for_or_named(busy: RedisServer, store: Backend) -> None:
    made = firing()
    try:
        store.enqueue([made])
    except BackendUnavailableError as error:
        assert str(busy.port) in str(error)  # noqa: PT017 - it may as well have waited
    else:
        pytest.fail("it cannot have been enqueued")

    busy.ask("SCRIPT", "KILL")

    assert persistently(lambda: store.enqueue([made])) == [made.id]
    assert counts(store) == {State.PENDING: 2}
