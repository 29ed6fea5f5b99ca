"""Wall clocks that jump, and boots that end every lease."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.persistence.sqlite import SQLiteBackend, wall_clock
from skunkqueue.records import State, Verdict, WorkerRecord
from tests.core.sqlite.makers import claim, done, firing, many, open_at


def test_wall_clock_set_back_does_not_hold_up_what_was_due(
    virtual: SQLiteBackend, clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    at_once = virtual.enqueue(many(20))
    later = virtual.enqueue(many(5, delay=100.0))
    clock.jump(-3_600.0)
    assert claim(virtual, 100) == []
    assert virtual.sweep() == 20
    lent = claim(virtual, 100)
    assert [one.id for one in lent] == at_once
    virtual.settle([done(one) for one in lent])
    assert "set back: seconds=3600.0 made_due=20" in caplog.text
    clock.advance(3_600.0)
    assert claim(virtual, 100) == []
    clock.advance(100.0)
    assert [one.id for one in claim(virtual, 100)] == later


def requeued(backend: SQLiteBackend, clock: VirtualClock) -> None:
    (lent,) = claim(backend)
    backend.settle([done(lent)])
    clock.advance(5.0)
    backend.requeue([lent.id])


def retried(backend: SQLiteBackend, clock: VirtualClock) -> None:
    (lent,) = claim(backend)
    backend.settle([done(lent, verdict=Verdict.RETRY, delay=5.0)])
    clock.advance(6.0)


def released(backend: SQLiteBackend, clock: VirtualClock) -> None:
    (lent,) = claim(backend)
    clock.jump(-3_600.0)
    backend.sweep()
    backend.settle([done(lent, verdict=Verdict.RELEASE)])


def run_at_once(backend: SQLiteBackend, clock: VirtualClock) -> None:
    (lent,) = claim(backend)
    backend.settle([done(lent, verdict=Verdict.SNOOZE, delay=1_000.0)])
    clock.advance(5.0)
    backend.run_now([lent.id])


@pytest.mark.parametrize("way", [requeued, retried, released, run_at_once])
def test_what_was_due_stays_due_however_it_came_into_the_line(
    virtual: SQLiteBackend, clock: VirtualClock, way: Callable[[SQLiteBackend, VirtualClock], None]
) -> None:
    made = virtual.enqueue([firing()])
    clock.advance(5.0)
    way(virtual, clock)
    clock.jump(-3_600.0)
    virtual.sweep()
    assert [lent.id for lent in claim(virtual)] == made


def test_firing_that_comes_just_after_the_clock_was_set_back_waits_for_its_time(
    virtual: SQLiteBackend, path: Path, clock: VirtualClock
) -> None:
    other = open_at(path, clock)
    late = other.enqueue([firing(delay=30.0)])
    clock.advance(31.0)
    clock.jump(-3_600.0)
    soon = [*virtual.enqueue([firing(delay=60.0)]), *other.enqueue([firing(delay=60.0)])]
    virtual.sweep()
    lent = claim(virtual)
    assert [one.id for one in lent] == late
    virtual.settle([done(one) for one in lent])
    clock.advance(61.0)
    assert {one.id for one in claim(other)} == set(soon)
    other.close()


def test_order_is_kept_when_the_clock_was_set_back(virtual: SQLiteBackend, clock: VirtualClock) -> None:
    made = []
    for priority in (5, 9, 5):
        made += virtual.enqueue([firing(priority=priority)])
        clock.advance(0.5)
    clock.jump(-60.0)
    virtual.sweep()
    assert [lent.id for lent in claim(virtual)] == [made[1], made[0], made[2]]


def test_one_jump_is_dealt_with_once(virtual: SQLiteBackend, clock: VirtualClock) -> None:
    virtual.enqueue(many(3))
    clock.jump(-60.0)
    assert (virtual.sweep(), virtual.sweep()) == (3, 0)
    clock.jump(-60.0)
    assert virtual.sweep() == 3


def test_wall_clock_set_forward_moves_nothing(
    virtual: SQLiteBackend, clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    virtual.enqueue(many(3))
    with caplog.at_level(logging.INFO):
        clock.jump(3_600.0)
        assert virtual.sweep() == 0
    assert "went forward, or the machine slept: seconds=3600.0" in caplog.text
    assert len(claim(virtual)) == 3


def test_slewing_clock_is_no_jump_even_when_it_adds_up(
    virtual: SQLiteBackend, clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(10):
        clock.jump(-0.5)
        virtual.sweep()
    assert "set back" not in caplog.text


@pytest.mark.parametrize("jump", [-7_200.0, 7_200.0])
def test_leases_do_not_mind_the_wall_clock(virtual: SQLiteBackend, clock: VirtualClock, jump: float) -> None:
    virtual.enqueue([firing(due=1.0)])
    (lent,) = claim(virtual)
    clock.jump(jump)
    assert claim(virtual, worker="other") == []
    clock.advance(16.0)
    (again,) = claim(virtual, worker="other")
    assert (again.id, again.deaths) == (lent.id, 1)


def test_leases_and_workers_of_an_earlier_boot_are_over(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = open_at(path)
    backend.enqueue([made := firing()])
    assert len(claim(backend, lease=1e9)) == 1
    backend.register(WorkerRecord(id="w", queue="q", route="r", pool="p", host="h", pid=1, started=0.0), 1e9)
    backend.close()
    monkeypatch.setattr(wall_clock, "boot_id", lambda _: "another boot")
    backend = open_at(path)
    assert backend.workers() == []
    assert [(lent.id, lent.deaths) for lent in claim(backend, worker="new")] == [(made.id, 1)]
    backend.close()


def test_leases_last_when_the_store_is_opened_again_in_the_same_boot(path: Path) -> None:
    backend = open_at(path)
    backend.enqueue([made := firing()])
    claim(backend)
    backend.close()
    backend = open_at(path)
    assert claim(backend) == []
    (record,) = backend.get([made.id])
    assert record is not None
    assert record.state is State.RUNNING
    backend.close()
