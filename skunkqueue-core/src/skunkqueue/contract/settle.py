"""Handing in outcomes: the state that each verdict leads to, and what is kept."""

from __future__ import annotations

import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.kit import Kit
from skunkqueue.contract.makers import (
    LEASE,
    OTHER,
    WORKER,
    claim,
    claimed,
    death,
    firings,
    ids,
    outcome,
    read,
    settled,
    state,
)
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import FINAL_STATES, State, Verdict

FINAL_VERDICTS = tuple(Verdict(final.value) for final in FINAL_STATES)
OPEN_VERDICTS = (Verdict.RETRY, Verdict.SNOOZE, Verdict.RELEASE)
ODD_BYTES = (b"", b"\x00", b"a\x00b", b"\xff\xfe'\"\\", b"x" * (1 << 20))


class SettlePromises(Kit):
    """What ``settle`` promises."""

    def test_empty_settle_does_nothing(self, backend: Backend) -> None:
        assert backend.settle([]) == []

    @pytest.mark.parametrize("verdict", list(Verdict))
    def test_verdict_leads_to_its_state(self, backend: Backend, verdict: Verdict) -> None:
        lent = claimed(backend)
        assert backend.settle([outcome(lent, verdict)]) == []
        assert state(backend, lent.id) is verdict.state

    @pytest.mark.parametrize("verdict", FINAL_VERDICTS)
    def test_finished_firing_keeps_result_and_times(
        self, backend: Backend, clock: VirtualClock, verdict: Verdict
    ) -> None:
        lent = claimed(backend)
        began = clock.now()
        clock.advance(3)
        backend.settle([outcome(lent, verdict, result=b"result", began=began, took=3.0)])
        record = read(backend, lent.id)
        assert (record.result, record.worker, record.token) == (b"result", WORKER, lent.token)
        assert record.began == pytest.approx(began, abs=0.002)
        assert record.finished == pytest.approx(clock.now(), abs=0.002)
        assert record.lease_left is None

    @pytest.mark.parametrize("verdict", FINAL_VERDICTS)
    def test_finished_firing_is_not_claimed_again(
        self, backend: Backend, clock: VirtualClock, verdict: Verdict
    ) -> None:
        settled(backend, verdict)
        clock.advance(10 * LEASE)
        assert claim(backend, 10) == []

    @pytest.mark.parametrize("verdict", OPEN_VERDICTS)
    def test_open_verdict_gives_the_firing_back(self, backend: Backend, verdict: Verdict) -> None:
        lent = claimed(backend)
        backend.settle([outcome(lent, verdict)])
        assert read(backend, lent.id).lease_left is None
        assert ids(claim(backend, worker=OTHER)) == [lent.id]

    @pytest.mark.parametrize("verdict", OPEN_VERDICTS)
    def test_firing_that_is_given_back_has_not_begun(
        self, backend: Backend, clock: VirtualClock, verdict: Verdict
    ) -> None:
        lent = claimed(backend)
        backend.settle([outcome(lent, verdict, began=clock.now(), took=1.0)])
        record = read(backend, lent.id)
        assert (record.began, record.worker, record.token) == (None, WORKER, lent.token)
        backend.kill([lent.id])
        record = read(backend, lent.id)
        assert (record.state, record.began, record.worker) == (State.KILLED, None, WORKER)

    def test_firing_of_a_dead_worker_has_not_begun(self, backend: Backend, clock: VirtualClock) -> None:
        lent = claimed(backend)
        backend.reap(WORKER, [lent.id], death(clock.now()))
        record = read(backend, lent.id)
        assert (record.state, record.began, record.worker) == (State.PENDING, None, WORKER)

    @pytest.mark.parametrize("verdict", [Verdict.RETRY, Verdict.SNOOZE])
    def test_delay_of_a_retry_or_snooze_counts_from_now(
        self, backend: Backend, clock: VirtualClock, verdict: Verdict
    ) -> None:
        lent = claimed(backend)
        clock.advance(5)
        backend.settle([outcome(lent, verdict, delay=30.0)])
        assert read(backend, lent.id).due == pytest.approx(clock.now() + 30, abs=0.002)
        clock.advance(29)
        assert claim(backend) == []
        clock.advance(1.5)
        assert ids(claim(backend)) == [lent.id]

    @pytest.mark.parametrize("verdict", [Verdict.RETRY, Verdict.SNOOZE, Verdict.RELEASE])
    def test_due_of_an_open_verdict_is_taken(
        self, backend: Backend, clock: VirtualClock, verdict: Verdict
    ) -> None:
        lent = claimed(backend)
        backend.settle([outcome(lent, verdict, due=clock.now() + 99)])
        assert read(backend, lent.id).due == pytest.approx(clock.now() + 99, abs=0.002)

    def test_retry_without_delay_is_due_now(self, backend: Backend, clock: VirtualClock) -> None:
        lent = claimed(backend)
        clock.advance(5)
        backend.settle([outcome(lent, Verdict.RETRY)])
        assert read(backend, lent.id).due == pytest.approx(clock.now(), abs=0.002)

    def test_release_keeps_the_place(self, backend: Backend, clock: VirtualClock) -> None:
        batch = firings(3)
        backend.enqueue(batch)
        clock.advance(5)
        (first,) = claim(backend)
        clock.advance(5)
        backend.settle([outcome(first, Verdict.RELEASE)])
        assert read(backend, first.id).due == pytest.approx(first.due, abs=0.002)
        assert ids(claim(backend, 3)) == ids(batch)

    def test_release_with_a_delay_gives_the_place_up(self, backend: Backend, clock: VirtualClock) -> None:
        lent = claimed(backend)
        backend.settle([outcome(lent, Verdict.RELEASE, delay=10.0)])
        assert read(backend, lent.id).due == pytest.approx(clock.now() + 10, abs=0.002)

    def test_advance_keeps_token_and_lease(self, backend: Backend, clock: VirtualClock) -> None:
        lent = claimed(backend)
        clock.advance(5)
        backend.settle([outcome(lent, Verdict.ADVANCE, attempt_state=b"step 2")])
        record = read(backend, lent.id)
        assert (record.state, record.token, record.attempt_state) == (State.RUNNING, lent.token, b"step 2")
        assert record.lease_left == pytest.approx(LEASE - 5, abs=0.002)
        assert backend.settle([outcome(lent)]) == []

    def test_advance_and_end_may_come_in_one_batch(self, backend: Backend) -> None:
        lent = claimed(backend)
        steps = [outcome(lent, Verdict.ADVANCE, attempt_state=b"half"), outcome(lent, result=b"whole")]
        assert backend.settle(steps) == []
        record = read(backend, lent.id)
        assert (record.state, record.attempt_state, record.result) == (State.COMPLETE, b"half", b"whole")

    # --- attempt states and results ------------------------------------------------------------------------

    @pytest.mark.parametrize("verdict", [*OPEN_VERDICTS, Verdict.ADVANCE])
    def test_attempt_state_is_kept_for_the_next_attempt(
        self, backend: Backend, clock: VirtualClock, verdict: Verdict
    ) -> None:
        lent = claimed(backend)
        backend.settle([outcome(lent, verdict, attempt_state=b"\x00attempt 1")])
        clock.advance(LEASE + 1)
        (again,) = claim(backend, worker=OTHER)
        assert again.attempt_state == b"\x00attempt 1"

    def test_smaller_attempt_state_takes_the_place_of_a_large_one(self, backend: Backend) -> None:
        lent = claimed(backend)
        for number in (5, 2, 1, 4, 0):
            left = b"%d" % number * (100_000 * number)
            backend.settle([outcome(lent, Verdict.ADVANCE, attempt_state=left)])
            assert read(backend, lent.id).attempt_state == left
        for number in (5, 2, 0):
            left = b"%d" % number * (100_000 * number)
            backend.settle([outcome(lent, Verdict.RETRY, attempt_state=left)])
            (lent,) = claim(backend)
            assert lent.attempt_state == left

    def test_outcome_without_attempt_state_leaves_the_old_one(self, backend: Backend) -> None:
        lent = claimed(backend)
        backend.settle([outcome(lent, Verdict.RETRY, attempt_state=b"old")])
        (again,) = claim(backend)
        backend.settle([outcome(again, Verdict.RETRY)])
        assert read(backend, lent.id).attempt_state == b"old"

    def test_empty_attempt_state_is_kept(self, backend: Backend) -> None:
        lent = claimed(backend)
        backend.settle([outcome(lent, Verdict.RETRY, attempt_state=b"old")])
        (again,) = claim(backend)
        backend.settle([outcome(again, Verdict.RETRY, attempt_state=b"")])
        assert read(backend, lent.id).attempt_state == b""

    @pytest.mark.parametrize("data", ODD_BYTES, ids=["empty", "nul", "inner nul", "odd", "1 MiB"])
    def test_results_and_attempt_states_are_kept_byte_for_byte(self, backend: Backend, data: bytes) -> None:
        lent = claimed(backend)
        backend.settle([outcome(lent, result=data, attempt_state=data)])
        record = read(backend, lent.id)
        assert (record.result, record.attempt_state) == (data, data)

    def test_no_result_is_not_an_empty_result(self, backend: Backend) -> None:
        assert read(backend, settled(backend)).result is None

    def test_deaths_stay_over_a_retry(self, backend: Backend, clock: VirtualClock) -> None:
        lent = claimed(backend)
        backend.reap(WORKER, [lent.id], death(clock.now()))
        (again,) = claim(backend, worker=OTHER)
        backend.settle([outcome(again, Verdict.RETRY)])
        assert read(backend, lent.id).deaths == 1
