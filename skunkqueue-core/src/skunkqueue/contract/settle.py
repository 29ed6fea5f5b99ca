"""Handing outcomes in: the state each verdict leads to, what is kept, what is stale, what follows."""

from __future__ import annotations

import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.kit import Kit
from skunkqueue.contract.makers import (
    LEASE,
    OTHER,
    ROUTE,
    WORKER,
    claim,
    claimed,
    counters,
    counts,
    death,
    firing,
    firings,
    ids,
    outcome,
    read,
    route_info,
    settled,
    state,
)
from skunkqueue.counters import tally
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import FINAL_STATES, Outcome, State, Verdict

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
        backend.settle([outcome(lent, Verdict.ADVANCE, carry=b"step 2")])
        record = read(backend, lent.id)
        assert (record.state, record.token, record.carry) == (State.RUNNING, lent.token, b"step 2")
        assert record.lease_left == pytest.approx(LEASE - 5, abs=0.002)
        assert backend.settle([outcome(lent)]) == []

    def test_advance_and_end_may_come_in_one_batch(self, backend: Backend) -> None:
        lent = claimed(backend)
        steps = [outcome(lent, Verdict.ADVANCE, carry=b"half"), outcome(lent, result=b"whole")]
        assert backend.settle(steps) == []
        record = read(backend, lent.id)
        assert (record.state, record.carry, record.result) == (State.COMPLETE, b"half", b"whole")

    # --- carry and results ------------------------------------------------------------------------

    @pytest.mark.parametrize("verdict", [*OPEN_VERDICTS, Verdict.ADVANCE])
    def test_carry_is_kept_for_the_next_attempt(
        self, backend: Backend, clock: VirtualClock, verdict: Verdict
    ) -> None:
        lent = claimed(backend)
        backend.settle([outcome(lent, verdict, carry=b"\x00attempt 1")])
        clock.advance(LEASE + 1)
        (again,) = claim(backend, worker=OTHER)
        assert again.carry == b"\x00attempt 1"

    def test_outcome_without_carry_leaves_the_old_one(self, backend: Backend) -> None:
        lent = claimed(backend)
        backend.settle([outcome(lent, Verdict.RETRY, carry=b"old")])
        (again,) = claim(backend)
        backend.settle([outcome(again, Verdict.RETRY)])
        assert read(backend, lent.id).carry == b"old"

    def test_empty_carry_is_a_carry(self, backend: Backend) -> None:
        lent = claimed(backend)
        backend.settle([outcome(lent, Verdict.RETRY, carry=b"old")])
        (again,) = claim(backend)
        backend.settle([outcome(again, Verdict.RETRY, carry=b"")])
        assert read(backend, lent.id).carry == b""

    @pytest.mark.parametrize("data", ODD_BYTES, ids=["empty", "nul", "inner nul", "odd", "1 MiB"])
    def test_results_and_carries_are_kept_byte_for_byte(self, backend: Backend, data: bytes) -> None:
        lent = claimed(backend)
        backend.settle([outcome(lent, result=data, carry=data)])
        record = read(backend, lent.id)
        assert (record.result, record.carry) == (data, data)

    def test_no_result_is_not_an_empty_result(self, backend: Backend) -> None:
        assert read(backend, settled(backend)).result is None

    def test_deaths_stay_over_a_retry(self, backend: Backend, clock: VirtualClock) -> None:
        lent = claimed(backend)
        backend.bury(WORKER, [lent.id], death(clock.now()))
        (again,) = claim(backend, worker=OTHER)
        backend.settle([outcome(again, Verdict.RETRY)])
        assert read(backend, lent.id).deaths == 1

    # --- fencing ----------------------------------------------------------------------------------

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
            carry=b"late",
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

    # --- what follows -----------------------------------------------------------------------------

    @pytest.mark.parametrize("verdict", list(Verdict))
    def test_follow_up_is_enqueued(self, backend: Backend, verdict: Verdict) -> None:
        lent = claimed(backend)
        follows = (firing(route="bar"), firing(route="bar", delay=5.0))
        backend.settle([outcome(lent, verdict, follow=follows)])
        assert [state(backend, made.id) for made in follows] == [State.PENDING] * 2
        assert ids(claim(backend, 5, route="bar")) == [follows[0].id]

    def test_follow_up_with_a_key_in_use_is_not_put_in(self, backend: Backend) -> None:
        backend.enqueue([firing(key="k", route="bar")])
        lent = claimed(backend)
        follow = firing(key="k", route="bar")
        assert backend.settle([outcome(lent, follow=(follow,))]) == []
        assert state(backend, lent.id) is State.COMPLETE
        assert counts(backend, route="bar") == {State.PENDING: 1}

    def test_follow_up_may_take_over_the_key_of_the_finished(self, backend: Backend) -> None:
        lent = claimed(backend, key="k")
        follow = firing(key="k")
        backend.settle([outcome(lent, follow=(follow,))])
        assert state(backend, follow.id) is State.PENDING

    def test_follow_up_does_not_double_the_key_of_a_firing_that_goes_on(self, backend: Backend) -> None:
        lent = claimed(backend, key="k")
        follow = firing(key="k")
        backend.settle([outcome(lent, Verdict.RETRY, follow=(follow,))])
        assert state(backend, follow.id) is None

    def test_known_follow_up_is_left_as_it_is(self, backend: Backend) -> None:
        known = firing(route="bar", body=b"first")
        backend.enqueue([known])
        lent = claimed(backend)
        backend.settle([outcome(lent, follow=(firing(id=known.id, body=b"second", route="bar"),))])
        assert read(backend, known.id).body == b"first"

    def test_follow_ups_of_a_batch_all_go_in(self, backend: Backend) -> None:
        backend.enqueue(firings(10))
        lent = claim(backend, 10)
        backend.settle([outcome(one, follow=tuple(firings(3, route="bar"))) for one in lent])
        assert counts(backend, route="bar") == {State.PENDING: 30}
        assert counters(backend, route="bar") == {"enqueued": 30}

    # --- counters ---------------------------------------------------------------------------------

    def test_enqueued_are_counted_once(self, backend: Backend) -> None:
        batch = firings(3)
        backend.enqueue(batch)
        backend.enqueue(batch)
        keyed = firings(2, key="k")
        backend.enqueue(keyed)
        assert counters(backend) == {"enqueued": 4}

    @pytest.mark.parametrize("verdict", list(Verdict))
    def test_outcome_is_tallied(self, backend: Backend, clock: VirtualClock, verdict: Verdict) -> None:
        lent = claimed(backend)
        clock.advance(3)
        expected: dict[str, float] = {"enqueued": 1}
        tally(expected, verdict, lent.due, clock.now(), 0.03)
        backend.settle([outcome(lent, verdict, began=clock.now(), took=0.03, delay=50.0)])
        assert counters(backend) == pytest.approx(expected, abs=0.003)

    def test_outcome_that_never_began_adds_no_times(self, backend: Backend) -> None:
        lent = claimed(backend)
        backend.settle([outcome(lent, Verdict.EXPIRED)])
        assert counters(backend) == {"enqueued": 1, "expired": 1}

    def test_batch_is_added_up(self, backend: Backend, clock: VirtualClock) -> None:
        backend.enqueue(firings(9))
        lent = claim(backend, 9)
        verdicts = [Verdict.COMPLETE] * 5 + [Verdict.ERROR] * 3 + [Verdict.RETRY]
        expected: dict[str, float] = {"enqueued": 9}
        batch = []
        for number, (one, verdict) in enumerate(zip(lent, verdicts, strict=True)):
            tally(expected, verdict, one.due, clock.now(), number / 8)
            batch.append(outcome(one, verdict, began=clock.now(), took=number / 8))
        backend.settle(batch)
        assert counters(backend) == pytest.approx(expected, abs=0.003)

    def test_counters_belong_to_queue_route_and_minute(self, backend: Backend, clock: VirtualClock) -> None:
        backend.enqueue([firing(), firing(route="bar"), firing(queue="other")])
        first = int(clock.now() // 60)
        clock.advance(60)
        backend.settle([outcome(one, Verdict.COMPLETE) for one in claim(backend)])
        found = backend.minutes("demo", ROUTE, first, first + 2)
        assert [(entry.minute, entry.values) for entry in found] == [
            (first, {"enqueued": 1}),
            (first + 1, {"complete": 1}),
        ]
        assert {(entry.queue, entry.route) for entry in found} == {("demo", ROUTE)}
        assert counters(backend, "other") == {"enqueued": 1}

    def test_settling_keeps_the_counts_exact(self, backend: Backend) -> None:
        backend.enqueue(firings(len(Verdict) * 2))
        lent = claim(backend, len(Verdict))
        backend.settle([outcome(one, verdict) for one, verdict in zip(lent, Verdict, strict=True)])
        assert counts(backend) == {
            State.PENDING: len(Verdict) + 3,
            State.RUNNING: 1,
            **dict.fromkeys(FINAL_STATES, 1),
        }
        info = route_info(backend)
        assert info is not None
        assert set(info.counts) == set(State)
