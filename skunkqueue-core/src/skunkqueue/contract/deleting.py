"""Deleting firings by their ids, and having them run now."""

from __future__ import annotations

import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.kit import Kit
from skunkqueue.contract.makers import (
    QUEUE,
    ROUTE,
    claim,
    claimed,
    counts,
    declared,
    firing,
    firings,
    ids,
    outcome,
    read,
    rows_of,
    settled,
    state,
)
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import FINAL_STATES, State, Verdict


class DeletingPromises(Kit):
    """What ``delete`` and ``run_now`` promise."""

    def test_what_does_not_run_is_deleted(self, listing_backend: Backend) -> None:
        backend = listing_backend
        finished = {settled(backend, Verdict(final.value)): final for final in FINAL_STATES}
        running = claimed(backend)
        waiting, later = firing(), firing(delay=60.0)
        backend.enqueue([waiting, later])
        asked = [*finished, running.id, waiting.id, later.id, "0" * 24]
        before = backend.delete(asked)
        assert before == {
            **finished,
            running.id: State.RUNNING,
            waiting.id: State.PENDING,
            later.id: State.PENDING,
            "0" * 24: None,
        }
        assert [state(backend, id_) for id_ in asked] == [
            State.RUNNING if id_ == running.id else None for id_ in asked
        ]
        assert ids(rows_of(backend)) == [running.id]
        assert counts(backend) == {State.RUNNING: 1}
        assert backend.settle([outcome(running)]) == []

    def test_deleting_twice_changes_nothing_more(self, listing_backend: Backend) -> None:
        done = settled(listing_backend)
        listing_backend.delete([done])
        assert listing_backend.delete([done, done]) == {done: None}
        assert counts(listing_backend) == {}
        assert listing_backend.delete([]) == {}

    def test_deleted_one_is_in_no_listing_and_no_count(self, listing_backend: Backend) -> None:
        backend = listing_backend
        backend.enqueue(firings(6, job="a:b", tags=("t",), key=None))
        backend.settle([outcome(lent, Verdict.ERROR, error="E: m") for lent in claim(backend, 3)])
        failed = ids(rows_of(backend, states=(State.ERROR,)))
        waiting = ids(rows_of(backend, states=(State.PENDING,)))
        backend.delete([failed[1], waiting[1]])
        left = {failed[0], failed[2], waiting[0], waiting[2]}
        for asked in ({}, {"job": "a:b"}, {"tag": "t"}, {"queue": QUEUE, "route": ROUTE}):
            assert set(ids(rows_of(backend, 1, **asked))) == left
        assert set(ids(rows_of(backend, error="E"))) == {failed[0], failed[2]}
        (counted,) = backend.job_counts()
        assert {name: count for name, count in counted.counts.items() if count} == {
            State.ERROR: 2,
            State.PENDING: 2,
        }
        assert sorted(ids(claim(backend, 10))) == sorted([waiting[0], waiting[2]])

    def test_key_of_a_deleted_one_is_free(self, listing_backend: Backend) -> None:
        first, second = firing(key="k"), firing(key="k")
        listing_backend.enqueue([first])
        listing_backend.delete([first.id])
        assert listing_backend.enqueue([second]) == [second.id]

    def test_schedule_whose_firing_is_deleted_is_idle(self, listing_backend: Backend) -> None:
        of, armed = declared(listing_backend)
        listing_backend.delete([armed.id])
        assert [one.name for one in listing_backend.idle_schedules(QUEUE, ROUTE)] == [of.name]

    def test_what_waits_for_a_time_is_due_now(self, listing_backend: Backend, clock: VirtualClock) -> None:
        backend = listing_backend
        later = firing(delay=3600.0)
        backend.enqueue([later])
        clock.advance(5)
        assert backend.run_now([later.id]) == {later.id: State.PENDING}
        assert read(backend, later.id).due == pytest.approx(clock.now(), abs=0.002)
        assert one_waits(backend) == "turn"
        assert ids(claim(backend)) == [later.id]

    def test_retry_runs_now_with_all_that_it_has(self, listing_backend: Backend, clock: VirtualClock) -> None:
        backend = listing_backend
        lent = claimed(backend, key="k", priority=8)
        backend.settle([outcome(lent, Verdict.RETRY, delay=600.0, carry=b"c", began=clock.now())])
        backend.run_now([lent.id])
        (again,) = claim(backend)
        assert (again.id, again.carry, again.key, again.priority) == (lent.id, b"c", "k", 8)
        assert again.token > lent.token

    def test_what_is_due_keeps_its_place(self, listing_backend: Backend, clock: VirtualClock) -> None:
        first, second = firing(), firing()
        listing_backend.enqueue([first])
        clock.advance(1)
        listing_backend.enqueue([second])
        clock.advance(1)
        before = read(listing_backend, first.id).due
        assert listing_backend.run_now([first.id]) == {first.id: State.PENDING}
        assert read(listing_backend, first.id).due == before
        assert ids(claim(listing_backend, 2)) == [first.id, second.id]

    def test_only_what_is_pending_runs_now(self, listing_backend: Backend) -> None:
        done, running = settled(listing_backend), claimed(listing_backend)
        assert listing_backend.run_now([done, running.id, "0" * 24]) == {
            done: State.COMPLETE,
            running.id: State.RUNNING,
            "0" * 24: None,
        }
        assert claim(listing_backend) == []

    def test_paused_route_and_target_still_count(self, listing_backend: Backend) -> None:
        backend = listing_backend
        later, aimed = firing(delay=60.0), firing(delay=60.0, route="bar", target="worker-9")
        backend.enqueue([later, aimed])
        backend.pause(QUEUE, ROUTE)
        backend.run_now([later.id, aimed.id])
        assert claim(backend) == []
        assert claim(backend, route="bar") == []
        assert ids(claim(backend, route="bar", worker="worker-9")) == [aimed.id]


def one_waits(backend: Backend) -> str | None:
    """Read what the only firing waits for."""
    (row,) = rows_of(backend)
    return row.waits
