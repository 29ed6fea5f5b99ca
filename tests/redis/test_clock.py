"""The server's clock is set back: what was due stays due, and leases end as they would have."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.makers import OTHER, claim, claimed, firing, firings, ids, read, worker
from skunkqueue.persistence.redis import RedisBackend
from tests.support.redis_server import RedisServer
from tests.support.store_fixtures import ConfigOf

HOUR = 3_600.0


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def backend(valkey: RedisServer, config_of: ConfigOf, clock: VirtualClock) -> Iterator[RedisBackend]:
    opened = RedisBackend.open(config_of(valkey.url()), clock=clock)
    yield opened
    opened.close()


def test_what_was_due_is_due_again_after_a_sweep(backend: RedisBackend, clock: VirtualClock) -> None:
    made = [firing(), firing(priority=9), firing(target="worker-1")]
    backend.register(worker(), 60.0)
    backend.enqueue(made)
    backend.sweep()
    clock.jump(-HOUR)

    backend.sweep()

    assert sorted(ids(claim(backend, 10))) == sorted(ids(made))


def test_what_was_fired_since_the_last_sweep_is_due_again_too(
    backend: RedisBackend, clock: VirtualClock
) -> None:
    backend.sweep()
    clock.advance(8.0)
    made = firing()
    backend.enqueue([made])
    clock.advance(1.0)
    clock.jump(-HOUR)
    while backend.sweep():
        pass

    # As much as passed between the sweeps is not seen.
    clock.advance(10.0)

    assert ids(claim(backend)) == [made.id]


def test_many_are_pulled_back_sweep_by_sweep(backend: RedisBackend, clock: VirtualClock) -> None:
    backend.enqueue(firings(4_500))
    backend.sweep()
    clock.jump(-HOUR)

    moved = [backend.sweep() for _ in range(3)]

    assert sum(moved) == 4_500
    assert max(moved) <= 2_000
    assert len(claim(backend, 5_000)) >= 1


def test_delayed_firings_wait_as_their_due_times_say(backend: RedisBackend, clock: VirtualClock) -> None:
    later = firing(delay=60.0)
    backend.enqueue([later])
    due = read(backend, later.id).due
    backend.sweep()
    clock.jump(-HOUR)

    backend.sweep()

    assert claim(backend) == []
    assert read(backend, later.id).due == due


def test_leases_end_no_later(backend: RedisBackend, clock: VirtualClock) -> None:
    lent = claimed(backend, worker=OTHER)
    backend.sweep()
    clock.jump(-HOUR)
    backend.sweep()

    clock.advance(16.0)

    assert ids(claim(backend)) == [lent.id]


def test_workers_vanish_no_later(backend: RedisBackend, clock: VirtualClock) -> None:
    backend.register(worker(), 15.0)
    backend.sweep()
    clock.jump(-HOUR)
    backend.sweep()
    assert len(backend.workers()) == 1

    clock.advance(16.0)

    assert backend.workers() == []


def test_a_clock_set_forward_moves_nothing(backend: RedisBackend, clock: VirtualClock) -> None:
    later = firing(delay=2 * HOUR)
    backend.enqueue([later])
    backend.sweep()
    due = read(backend, later.id).due
    clock.jump(HOUR)

    backend.sweep()

    assert claim(backend) == []
    assert read(backend, later.id).due == due
