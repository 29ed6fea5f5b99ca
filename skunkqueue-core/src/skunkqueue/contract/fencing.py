"""Fencing: an outcome with another token than the firing's last one is stale, and changes nothing."""

from __future__ import annotations

import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.kit import Kit
from skunkqueue.contract.makers import (
    LEASE,
    OTHER,
    claim,
    claimed,
    counters,
    firing,
    firings,
    ids,
    outcome,
    read,
    state,
)
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import Outcome, State, Verdict


class FencingPromises(Kit):
    """What ``settle`` promises about tokens."""

    @pytest.mark.parametrize("verdict", list(Verdict))
    def test_stale_outcome_changes_nothing(
        self, backend: Backend, clock: VirtualClock, verdict: Verdict
    ) -> None:
        lent = claimed(backend)
        clock.advance(LEASE + 1)
        (winner,) = claim(backend, worker=OTHER)
        before, counted = read(backend, lent.id), counters(backend)
        follow = firing()
        late = outcome(
            lent,
            verdict,
            result=b"late",
            attempt_state=b"late",
            due=clock.now() + 99,
            began=clock.now(),
            took=1.0,
            follow=(follow,),
        )
        assert backend.settle([late]) == [lent.id]
        assert read(backend, lent.id) == before
        assert state(backend, follow.id) is None
        assert counters(backend) == counted
        assert backend.settle([outcome(winner)]) == []

    @pytest.mark.parametrize("verdict", list(Verdict))
    def test_outcome_for_a_firing_given_back_is_stale(self, backend: Backend, verdict: Verdict) -> None:
        lent = claimed(backend)
        backend.settle([outcome(lent, Verdict.RELEASE)])
        assert backend.settle([outcome(lent, verdict)]) == [lent.id]
        assert state(backend, lent.id) is State.PENDING

    @pytest.mark.parametrize("verdict", list(Verdict))
    def test_outcome_for_a_finished_firing_is_stale(self, backend: Backend, verdict: Verdict) -> None:
        lent = claimed(backend)
        backend.settle([outcome(lent, result=b"first")])
        assert backend.settle([outcome(lent, verdict, result=b"second")]) == [lent.id]
        record = read(backend, lent.id)
        assert (record.state, record.result) == (State.COMPLETE, b"first")

    def test_outcome_for_an_unknown_firing_is_stale(self, backend: Backend) -> None:
        unknown = Outcome(id="0" * 24, token=1, verdict=Verdict.COMPLETE)
        assert backend.settle([unknown]) == [unknown.id]

    def test_token_from_the_future_is_stale(self, backend: Backend) -> None:
        lent = claimed(backend)
        forged = Outcome(id=lent.id, token=lent.token + 1, verdict=Verdict.COMPLETE)
        assert backend.settle([forged]) == [lent.id]
        assert state(backend, lent.id) is State.RUNNING

    def test_stale_and_fresh_outcomes_may_come_in_one_batch(
        self, backend: Backend, clock: VirtualClock
    ) -> None:
        backend.enqueue(firings(6))
        old = claim(backend, 3)
        clock.advance(LEASE + 1)
        for _ in range(3):
            claim(backend, worker=OTHER)
        fresh = claim(backend, 3)
        mixed = [outcome(lent) for pair in zip(old, fresh, strict=True) for lent in pair]
        assert sorted(backend.settle(mixed)) == sorted(ids(old))
        assert [state(backend, lent.id) for lent in fresh] == [State.COMPLETE] * 3
        assert [state(backend, lent.id) for lent in old] == [State.RUNNING] * 3

    @pytest.mark.parametrize("newest_first", [False, True])
    def test_one_firing_under_two_tokens_is_settled_and_stale(
        self, backend: Backend, clock: VirtualClock, *, newest_first: bool
    ) -> None:
        old = claimed(backend)
        clock.advance(LEASE + 1)
        (new,) = claim(backend)
        both = [outcome(new, result=b"new"), outcome(old, Verdict.ERROR, result=b"old")]
        assert backend.settle(both if newest_first else both[::-1]) == [old.id]
        record = read(backend, new.id)
        assert (record.state, record.result) == (State.COMPLETE, b"new")

    def test_outcome_twice_in_a_batch_counts_once(self, backend: Backend) -> None:
        lent = claimed(backend)
        twice = [outcome(lent, result=b"one"), outcome(lent, result=b"two")]
        assert backend.settle(twice) == [lent.id]
        assert read(backend, lent.id).result == b"one"
        assert counters(backend)["complete"] == 1

    def test_lease_that_is_over_may_settle_until_it_is_reclaimed(
        self, backend: Backend, clock: VirtualClock
    ) -> None:
        lent = claimed(backend)
        clock.advance(10 * LEASE)
        assert backend.settle([outcome(lent)]) == []
        assert read(backend, lent.id).deaths == 0

    def test_each_outcome_of_a_batch_has_its_own_verdict(self, backend: Backend) -> None:
        backend.enqueue(firings(len(Verdict)))
        lent = claim(backend, len(Verdict))
        batch = [outcome(one, verdict) for one, verdict in zip(lent, Verdict, strict=True)]
        assert backend.settle(batch) == []
        assert [state(backend, one.id) for one in lent] == [verdict.state for verdict in Verdict]
