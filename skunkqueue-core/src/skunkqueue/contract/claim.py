"""Lending firings out: the order, the limit, which worker gets which firing, and what is not lent."""

from __future__ import annotations

import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.kit import Kit
from skunkqueue.contract.makers import (
    LEASE,
    OTHER,
    QUEUE,
    ROUTE,
    WORKER,
    claim,
    claimed,
    counts,
    death,
    firing,
    firings,
    ids,
    outcome,
    read,
    state,
)
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import State, Verdict


class ClaimPromises(Kit):
    """What ``claim`` promises for firings without a death."""

    def test_nothing_comes_from_an_unknown_route(self, backend: Backend) -> None:
        assert claim(backend, 10, queue="nowhere", route="nothing") == []

    def test_claimed_firing_is_running(self, backend: Backend, clock: VirtualClock) -> None:
        lent = claimed(backend)
        record = read(backend, lent.id)
        assert (record.state, record.worker, record.token) == (State.RUNNING, WORKER, lent.token)
        assert record.began == pytest.approx(clock.now(), abs=0.002)
        assert record.lease_left == pytest.approx(LEASE, abs=0.002)

    def test_claimed_firing_is_not_claimed_again(self, backend: Backend) -> None:
        claimed(backend)
        assert claim(backend, 10, worker=OTHER) == []
        assert claim(backend, 10, worker=WORKER) == []

    def test_limit_is_kept(self, backend: Backend) -> None:
        backend.enqueue(firings(7))
        assert [len(claim(backend, 3)) for _ in range(4)] == [3, 3, 1, 0]

    def test_limit_of_none_lends_nothing(self, backend: Backend) -> None:
        backend.enqueue(firings(2))
        assert claim(backend, 0) == []
        assert counts(backend) == {State.PENDING: 2}

    def test_large_batch_is_claimed_and_settled_at_once(self, backend: Backend) -> None:
        batch = firings(1_500)
        backend.enqueue(batch)
        lent = claim(backend, 2_000)
        assert ids(lent) == ids(batch)
        assert backend.settle([outcome(one) for one in lent]) == []
        assert counts(backend) == {State.COMPLETE: 1_500}

    def test_all_claims_of_a_batch_have_one_time(self, backend: Backend, clock: VirtualClock) -> None:
        backend.enqueue(firings(3))
        clock.advance(5)
        (moment,) = {lent.claimed for lent in claim(backend, 3)}
        assert moment == pytest.approx(clock.now(), abs=0.002)

    def test_routes_are_apart(self, backend: Backend) -> None:
        here, there, elsewhere = firing(), firing(route="bar"), firing(queue="other")
        backend.enqueue([here, there, elsewhere])
        assert ids(claim(backend, 10)) == [here.id]
        assert ids(claim(backend, 10, route="bar")) == [there.id]
        assert ids(claim(backend, 10, queue="other")) == [elsewhere.id]

    # --- order ------------------------------------------------------------------------------------

    def test_first_come_first_served(self, backend: Backend, clock: VirtualClock) -> None:
        batch = firings(6)
        for made in reversed(batch):  # the last id comes first, so only the time can decide
            backend.enqueue([made])
            clock.advance(1)
        assert ids(claim(backend, 10)) == ids(batch)[::-1]

    def test_order_holds_over_several_claims(self, backend: Backend) -> None:
        batch = firings(10)
        backend.enqueue(batch)
        assert [lent.id for _ in range(5) for lent in claim(backend, 2)] == ids(batch)

    def test_earliest_due_comes_first(self, backend: Backend, clock: VirtualClock) -> None:
        late, early, middle = (firing(delay=delay) for delay in (30.0, 10.0, 20.0))
        backend.enqueue([late, early, middle])
        clock.advance(40)
        assert ids(claim(backend, 10)) == [early.id, middle.id, late.id]

    def test_lowest_id_comes_first_among_equals(self, backend: Backend, clock: VirtualClock) -> None:
        batch = firings(5, due=clock.now())
        backend.enqueue(batch[::-1])
        assert ids(claim(backend, 10)) == ids(batch)

    def test_highest_priority_comes_first(self, backend: Backend, clock: VirtualClock) -> None:
        # The more urgent one is always due later.
        batch = [firing(priority=priority, due=clock.now() - 10 + priority) for priority in (0, 9, 5, 1, 8)]
        backend.enqueue(batch)
        assert [lent.priority for lent in claim(backend, 10)] == [9, 8, 5, 1, 0]

    def test_urgent_newcomer_overtakes(self, backend: Backend, clock: VirtualClock) -> None:
        backend.enqueue(firings(3, priority=5))
        clock.advance(10)
        urgent = firing(priority=6)
        backend.enqueue([urgent])
        assert ids(claim(backend, 1)) == [urgent.id]

    # --- due times --------------------------------------------------------------------------------

    def test_firing_is_not_lent_before_it_is_due(self, backend: Backend, clock: VirtualClock) -> None:
        made = firing(delay=60.0)
        backend.enqueue([made])
        clock.advance(59)
        assert claim(backend) == []
        clock.advance(1.5)
        assert ids(claim(backend)) == [made.id]

    def test_urgent_firing_that_is_not_due_holds_nobody_up(self, backend: Backend) -> None:
        now, later = firing(priority=0), firing(priority=9, delay=60.0)
        backend.enqueue([now, later])
        assert ids(claim(backend, 10)) == [now.id]

    def test_many_not_due_hide_nobody(self, backend: Backend) -> None:
        made = firing(priority=1)
        backend.enqueue([*firings(300, priority=9, delay=60.0), made])
        assert ids(claim(backend, 10)) == [made.id]

    def test_firing_past_its_expiry_is_lent_like_others(self, backend: Backend, clock: VirtualClock) -> None:
        made = firing(expires_in=10.0)
        backend.enqueue([made])
        clock.advance(100)
        (lent,) = claim(backend)
        assert lent.id == made.id
        assert lent.expires == pytest.approx(clock.now() - 90, abs=0.002)

    def test_clock_set_back_loses_nothing(self, backend: Backend, clock: VirtualClock) -> None:
        made = firing()
        backend.enqueue([made])
        clock.jump(-3600)
        assert state(backend, made.id) is State.PENDING
        clock.advance(3601)
        assert ids(claim(backend)) == [made.id]

    # --- targets ----------------------------------------------------------------------------------

    def test_targeted_firing_goes_to_its_worker_only(self, backend: Backend) -> None:
        made = firing(target=OTHER)
        backend.enqueue([made])
        assert claim(backend, 10, worker=WORKER) == []
        assert ids(claim(backend, 10, worker=OTHER)) == [made.id]

    def test_claim_says_its_target(self, backend: Backend) -> None:
        assert claimed(backend, target=WORKER).target == WORKER

    def test_claim_says_its_key(self, backend: Backend) -> None:
        assert claimed(backend, key="k").key == "k"
        assert claimed(backend).key is None

    def test_targets_and_common_firings_come_in_one_order(self, backend: Backend) -> None:
        batch = [firing(target=target) for target in (None, WORKER, None, OTHER, WORKER)]
        backend.enqueue(batch)
        mine = [made.id for made in batch if made.target != OTHER]
        assert ids(claim(backend, 10)) == mine

    def test_many_targeted_elsewhere_hide_nobody(self, backend: Backend) -> None:
        made = firing(priority=1)
        backend.enqueue([*firings(300, priority=9, target=OTHER), made])
        assert ids(claim(backend, 10)) == [made.id]

    def test_each_target_gets_its_copy(self, backend: Backend) -> None:
        copies = [firing(target=f"w{number}") for number in range(5)]
        backend.enqueue(copies)
        assert [ids(claim(backend, 9, worker=f"w{n}")) for n in range(5)] == [[made.id] for made in copies]

    # --- pauses -----------------------------------------------------------------------------------

    def test_nothing_comes_from_a_paused_route(self, backend: Backend) -> None:
        here, there = firing(), firing(route="bar")
        backend.enqueue([here, there])
        backend.pause(QUEUE, ROUTE)
        assert claim(backend) == []
        assert ids(claim(backend, route="bar")) == [there.id]

    def test_nothing_comes_from_a_paused_queue(self, backend: Backend) -> None:
        elsewhere = firing(queue="other")
        backend.enqueue([firing(), firing(route="bar"), elsewhere])
        backend.pause(QUEUE)
        assert claim(backend) == []
        assert claim(backend, route="bar") == []
        assert ids(claim(backend, queue="other")) == [elsewhere.id]

    def test_nothing_is_reclaimed_from_a_paused_route(self, backend: Backend, clock: VirtualClock) -> None:
        claimed(backend)
        backend.pause(QUEUE, ROUTE)
        clock.advance(LEASE + 1)
        assert claim(backend, worker=OTHER) == []

    # --- those that workers died under ------------------------------------------------------------

    def test_firing_with_a_death_comes_alone(self, backend: Backend, clock: VirtualClock) -> None:
        suspect = claimed(backend)
        backend.reap(WORKER, [suspect.id], death(clock.now()))
        backend.enqueue(firings(3))
        assert ids(claim(backend, 10, worker=OTHER)) == [suspect.id]
        assert len(claim(backend, 10, worker=OTHER)) == 3

    def test_batch_ends_before_a_firing_with_a_death(self, backend: Backend, clock: VirtualClock) -> None:
        first, suspect, last = firings(3, due=clock.now())
        backend.enqueue([suspect])
        claim(backend)
        backend.reap(WORKER, [suspect.id], death(clock.now()))
        backend.enqueue([first, last])
        batches = [ids(claim(backend, 10, worker=OTHER)) for _ in range(4)]
        assert batches == [[first.id], [suspect.id], [last.id], []]

    def test_firings_with_deaths_come_one_by_one(self, backend: Backend, clock: VirtualClock) -> None:
        batch = firings(3)
        backend.enqueue(batch)
        claim(backend, 3)
        backend.reap(WORKER, ids(batch), death(clock.now()))
        assert [ids(claim(backend, 10, worker=OTHER)) for _ in range(3)] == [[made.id] for made in batch]

    # --- tokens -----------------------------------------------------------------------------------

    def test_token_grows_with_every_claim(self, backend: Backend) -> None:
        made = firing()
        backend.enqueue([made])
        tokens = []
        for _ in range(5):
            (lent,) = claim(backend)
            tokens.append(lent.token)
            backend.settle([outcome(lent, Verdict.RELEASE)])
        assert tokens == sorted(set(tokens))

    def test_token_grows_also_over_a_requeue(self, backend: Backend) -> None:
        lent = claimed(backend)
        backend.settle([outcome(lent)])
        backend.requeue([lent.id])
        (again,) = claim(backend)
        assert again.token > lent.token
        assert backend.settle([outcome(lent)]) == [lent.id]
