"""What follows from an outcome: firings that are enqueued with it, and what is counted."""

from __future__ import annotations

import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.kit import Kit
from skunkqueue.contract.makers import (
    ROUTE,
    claim,
    claimed,
    counters,
    counts,
    firing,
    firings,
    ids,
    outcome,
    read,
    route_info,
    state,
)
from skunkqueue.counters import tally
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import FINAL_STATES, State, Verdict


class FollowPromises(Kit):
    """What ``settle`` promises beyond the firing itself."""

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
