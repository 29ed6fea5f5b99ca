"""The server's clock is set back: what was due stays due, and leases end as they would have."""

from __future__ import annotations

import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.makers import (
    OTHER,
    POOL,
    claim,
    claimed,
    firing,
    firings,
    ids,
    pool,
    read,
    ref,
    worker,
)
from skunkqueue.persistence.redis import RedisBackend
from skunkqueue.records import Command

HOUR = 3_600.0
SHORT = 15.0


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


def test_what_was_due_is_due_again_behind_many_that_were_to_wait(
    backend: RedisBackend, clock: VirtualClock
) -> None:
    for start in range(25):
        backend.enqueue(firings(1_000, delay=200.0 + start))
    clock.advance(999.0)
    made = [firing(), firing(priority=9)]
    backend.enqueue(made)
    backend.sweep()
    clock.jump(-900.0)

    assert [backend.sweep() for _ in range(3)] == [1, 1, 0]

    assert sorted(ids(claim(backend, 10))) == sorted(ids(made))


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


def test_pools_vanish_no_later(backend: RedisBackend, clock: VirtualClock) -> None:
    backend.register_pool(pool(), SHORT)
    backend.sweep()
    clock.jump(-HOUR)
    backend.sweep()
    assert len(backend.pools()) == 1

    clock.advance(16.0)

    assert backend.pools() == []
    assert backend.send(POOL, Command(verb="stop")) is False


def test_a_clock_set_forward_moves_nothing(backend: RedisBackend, clock: VirtualClock) -> None:
    later = firing(delay=2 * HOUR)
    backend.enqueue([later])
    backend.sweep()
    due = read(backend, later.id).due
    clock.jump(HOUR)

    backend.sweep()

    assert claim(backend) == []
    assert read(backend, later.id).due == due


def test_a_lease_renewed_since_the_clock_was_set_back_is_left_alone(
    backend: RedisBackend, clock: VirtualClock
) -> None:
    lent = claimed(backend, worker=OTHER)
    backend.sweep()
    clock.jump(-600.0)
    clock.advance(SHORT / 3)

    assert backend.extend([ref(lent)], SHORT) == []
    backend.sweep()

    assert claim(backend) == []
    assert read(backend, lent.id).lease_left == pytest.approx(SHORT, abs=0.01)
    clock.advance(SHORT + 1)
    assert ids(claim(backend)) == [lent.id]


def test_a_lease_made_since_the_clock_was_set_back_is_left_alone(
    backend: RedisBackend, clock: VirtualClock
) -> None:
    # One that is older than the jump is long, too.
    old = claimed(backend, worker=OTHER)
    clock.advance(1_000.0)
    backend.extend([ref(old)], SHORT)
    recent = claimed(backend, worker=OTHER)
    clock.jump(-600.0)
    new = claimed(backend, worker=OTHER)

    backend.sweep()

    left = [read(backend, one.id).lease_left for one in (old, recent, new)]
    assert left == pytest.approx([SHORT] * 3, abs=1.01)
    clock.advance(SHORT + 1)
    assert sorted(ids(claim(backend) + claim(backend) + claim(backend))) == sorted(ids([old, recent, new]))


def test_only_what_was_renewed_is_kept_when_the_clock_is_set_back(
    backend: RedisBackend, clock: VirtualClock
) -> None:
    kept, lost = claimed(backend, worker=OTHER), claimed(backend, worker=OTHER)
    backend.sweep()
    clock.jump(-600.0)
    for _ in range(6):
        clock.advance(SHORT / 3)
        backend.extend([ref(kept)], SHORT)

    assert ids(claim(backend, 10)) == [lost.id]
    assert read(backend, kept.id).deaths == 0


def test_a_worker_that_beats_when_the_clock_is_set_back_stays_listed(
    backend: RedisBackend, clock: VirtualClock
) -> None:
    backend.register(worker(), SHORT)
    backend.sweep()
    clock.jump(-600.0)
    clock.advance(SHORT / 3)

    assert backend.beat(worker(), SHORT)
    backend.sweep()

    assert len(backend.workers()) == 1


def test_a_pool_that_beats_when_the_clock_is_set_back_stays_listed(
    backend: RedisBackend, clock: VirtualClock
) -> None:
    backend.register_pool(pool(), SHORT)
    backend.sweep()
    clock.jump(-600.0)
    clock.advance(SHORT / 3)

    assert backend.beat_pool(pool(), SHORT)
    backend.sweep()

    assert len(backend.pools()) == 1
