"""Requeueing: a finished firing starts over, with its body, its key and its target."""

from __future__ import annotations

import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.kit import Kit
from skunkqueue.contract.makers import (
    WORKER,
    claim,
    claimed,
    counters,
    counts,
    death,
    firing,
    ids,
    outcome,
    read,
    ref,
    settled,
    state,
)
from skunkqueue.listings import Query
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import FINAL_STATES, State, Verdict


class RequeuePromises(Kit):
    """What ``requeue`` promises."""

    def test_requeue_of_nothing_is_nothing(self, backend: Backend) -> None:
        assert backend.requeue([]) == []

    @pytest.mark.parametrize("final", FINAL_STATES)
    def test_finished_firing_is_pending_again(
        self, backend: Backend, clock: VirtualClock, final: State
    ) -> None:
        done = settled(backend, Verdict(final.value))
        clock.advance(100)
        assert backend.requeue([done]) == [done]
        record = read(backend, done)
        assert record.state is State.PENDING
        assert record.due == pytest.approx(clock.now(), abs=0.002)
        assert record.finished is None
        assert ids(claim(backend)) == [done]

    def test_requeued_firing_starts_afresh(self, backend: Backend, clock: VirtualClock) -> None:
        lent = claimed(backend, body=b"kept", priority=8)
        backend.reap(WORKER, [lent.id], death(clock.now()))
        (again,) = claim(backend)
        backend.kill([lent.id])
        backend.settle([outcome(again, Verdict.KILLED, attempt_state=b"old")])
        backend.requeue([lent.id])
        (fresh,) = claim(backend)
        assert (fresh.deaths, fresh.attempt_state, fresh.kill_requested) == (0, None, False)
        assert (fresh.body, fresh.priority) == (b"kept", 8)

    def test_requeued_firing_has_no_progress_and_no_evidence(
        self, backend: Backend, clock: VirtualClock
    ) -> None:
        lent = claimed(backend)
        backend.reap(WORKER, [lent.id], death(clock.now()))
        (again,) = claim(backend)
        assert backend.progress(ref(again), b"half") is True
        backend.settle([outcome(again, Verdict.ERROR)])
        backend.requeue([lent.id])
        record = read(backend, lent.id)
        assert (record.progress, record.deaths, record.evidence) == (None, 0, "")
        (fresh,) = claim(backend)
        assert (fresh.deaths, fresh.evidence) == (0, "")

    def test_requeued_firing_has_no_result_and_no_expiry(self, backend: Backend, clock: VirtualClock) -> None:
        backend.enqueue([firing(expires_in=10.0)])
        clock.advance(11.0)
        (lent,) = claim(backend)
        backend.settle([outcome(lent, Verdict.EXPIRED, result=b"too late")])
        backend.requeue([lent.id])
        record = read(backend, lent.id)
        assert (record.state, record.result, record.expires) == (State.PENDING, None, None)
        assert [one.expires for one in claim(backend)] == [None]

    def test_requeued_firing_goes_through_life_again(self, backend: Backend) -> None:
        done = settled(backend, Verdict.ERROR)
        backend.requeue([done])
        (lent,) = claim(backend)
        assert backend.settle([outcome(lent, result=b"now")]) == []
        record = read(backend, done)
        assert (record.state, record.result) == (State.COMPLETE, b"now")
        assert counts(backend) == {State.COMPLETE: 1}

    def test_requeued_firing_still_names_the_worker_that_held_it_last(self, backend: Backend) -> None:
        done = settled(backend, Verdict.ERROR)
        backend.requeue([done])
        record = read(backend, done)
        assert (record.worker, record.began) == (WORKER, None)
        if "rows" in backend.capabilities:
            assert [row.id for row in backend.rows(Query(worker=WORKER)).rows] == [done]

    def test_requeue_counts_nothing(self, backend: Backend) -> None:
        done = settled(backend, Verdict.KILLED)
        before = counters(backend)
        assert backend.requeue([done]) == [done]
        assert counters(backend) == before

    def test_live_and_unknown_firings_are_not_requeued(self, backend: Backend) -> None:
        running, waiting = claimed(backend).id, firing()
        backend.enqueue([waiting])
        assert backend.requeue([running, waiting.id, "f" * 24]) == []
        assert (state(backend, running), state(backend, waiting.id)) == (State.RUNNING, State.PENDING)

    def test_requeue_does_what_it_can(self, backend: Backend) -> None:
        done, running = settled(backend), claimed(backend).id
        assert backend.requeue([running, done]) == [done]

    def test_firing_whose_key_is_in_use_is_not_requeued(self, backend: Backend) -> None:
        done = settled(backend, key="k")
        backend.enqueue([firing(key="k")])
        assert backend.requeue([done]) == []
        assert state(backend, done) is State.COMPLETE

    def test_requeued_firing_holds_its_key_again(self, backend: Backend) -> None:
        done = settled(backend, key="k")
        backend.requeue([done])
        assert backend.enqueue([firing(key="k")]) == [done]

    def test_one_of_two_with_a_key_is_requeued(self, backend: Backend) -> None:
        first, second = settled(backend, key="k"), settled(backend, key="k")
        assert backend.requeue([first, second]) == [first]
        assert state(backend, second) is State.COMPLETE
