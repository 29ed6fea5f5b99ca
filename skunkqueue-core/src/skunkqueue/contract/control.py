"""Control of whole routes and of finished firings: purge, pause and resume, prune."""

from __future__ import annotations

import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.kit import Kit
from skunkqueue.contract.makers import (
    ODD_NAMES,
    OTHER,
    QUEUE,
    ROUTE,
    claim,
    claimed,
    counts,
    firing,
    firings,
    ids,
    outcome,
    route_info,
    settled,
    state,
)
from skunkqueue.persistence.backend import COMPLETE_TTL, FAILED_TTL, Backend
from skunkqueue.records import FINAL_STATES, State, Verdict


class ControlPromises(Kit):
    """What the control verbs promise."""

    # --- purge ------------------------------------------------------------------------------------

    def test_purge_removes_the_pending_of_a_route(self, backend: Backend) -> None:
        running = claimed(backend)
        done = settled(backend)
        batch = [firing(), firing(delay=60.0), firing(key="k"), firing(target=OTHER), firing(priority=0)]
        elsewhere = [firing(route="bar"), firing(queue="other")]
        backend.enqueue([*batch, *elsewhere])
        assert backend.purge(QUEUE, ROUTE) == 5
        assert backend.get(ids(batch)) == [None] * 5
        assert (state(backend, running.id), state(backend, done)) == (State.RUNNING, State.COMPLETE)
        assert [state(backend, made.id) for made in elsewhere] == [State.PENDING] * 2

    def test_purge_of_a_queue_takes_all_its_routes(self, backend: Backend) -> None:
        elsewhere = firing(queue="other")
        backend.enqueue([*firings(3), *firings(2, route="bar"), elsewhere])
        assert backend.purge(QUEUE) == 5
        assert state(backend, elsewhere.id) is State.PENDING

    def test_purge_of_nothing_says_so(self, backend: Backend) -> None:
        assert backend.purge("nowhere") == 0
        assert backend.purge(QUEUE, ROUTE) == 0

    def test_purged_running_firing_may_still_settle(self, backend: Backend) -> None:
        lent = claimed(backend)
        assert backend.purge(QUEUE) == 0
        assert backend.settle([outcome(lent)]) == []

    def test_purge_takes_many(self, backend: Backend) -> None:
        backend.enqueue(firings(2_500))
        assert backend.purge(QUEUE, ROUTE) == 2_500
        assert counts(backend) == {}
        assert claim(backend) == []

    # --- pause and resume -------------------------------------------------------------------------

    def test_paused_route_takes_firings_in(self, backend: Backend) -> None:
        backend.pause(QUEUE, ROUTE)
        backend.enqueue(firings(2))
        assert counts(backend) == {State.PENDING: 2}
        assert claim(backend) == []

    def test_pause_leaves_running_firings_alone(self, backend: Backend) -> None:
        lent = claimed(backend)
        backend.pause(QUEUE)
        assert backend.settle([outcome(lent)]) == []

    def test_resume_lets_a_route_go_on_in_order(self, backend: Backend) -> None:
        batch = firings(3)
        backend.enqueue(batch)
        backend.pause(QUEUE, ROUTE)
        backend.resume(QUEUE, ROUTE)
        assert ids(claim(backend, 5)) == ids(batch)

    def test_pausing_twice_is_pausing_once(self, backend: Backend) -> None:
        backend.enqueue(firings(1))
        backend.pause(QUEUE, ROUTE)
        backend.pause(QUEUE, ROUTE)
        backend.resume(QUEUE, ROUTE)
        assert len(claim(backend)) == 1

    def test_resume_of_what_is_not_paused_does_nothing(self, backend: Backend) -> None:
        backend.resume(QUEUE)
        backend.resume(QUEUE, ROUTE)
        backend.enqueue(firings(1))
        assert len(claim(backend)) == 1

    def test_resume_of_a_route_leaves_the_queues_own_pause(self, backend: Backend) -> None:
        backend.enqueue(firings(1))
        backend.pause(QUEUE)
        backend.resume(QUEUE, ROUTE)
        assert claim(backend) == []

    def test_resume_of_a_queue_ends_the_pauses_of_its_routes(self, backend: Backend) -> None:
        backend.enqueue([firing(), firing(route="bar")])
        backend.pause(QUEUE)
        backend.pause(QUEUE, ROUTE)
        backend.pause(QUEUE, "bar")
        backend.resume(QUEUE)
        assert len(claim(backend)) == 1
        assert len(claim(backend, route="bar")) == 1

    def test_pause_of_a_queue_holds_for_routes_to_come(self, backend: Backend) -> None:
        backend.pause(QUEUE)
        backend.enqueue([firing(route="new")])
        assert claim(backend, route="new") == []

    def test_pauses_are_shown(self, backend: Backend) -> None:
        backend.enqueue([firing(), firing(route="bar"), firing(queue="other")])
        backend.pause(QUEUE, ROUTE)
        shown = {(info.queue, info.route): info.paused for info in backend.routes()}
        assert shown == {(QUEUE, ROUTE): True, (QUEUE, "bar"): False, ("other", ROUTE): False}

    def test_pause_of_a_queue_is_shown_at_its_routes(self, backend: Backend) -> None:
        backend.enqueue([firing()])
        backend.pause(QUEUE)
        info = route_info(backend)
        assert info is not None
        assert info.paused is True
        backend.resume(QUEUE)
        info = route_info(backend)
        assert info is not None
        assert info.paused is False

    @pytest.mark.parametrize("name", ODD_NAMES)
    def test_odd_names_are_paused_and_purged_alone(self, backend: Backend, name: str) -> None:
        backend.enqueue([firing(queue=name, route=name), firing(queue=name, route="bar"), firing()])
        backend.pause(name, name)
        assert claim(backend, queue=name, route=name) == []
        assert len(claim(backend, queue=name, route="bar")) == 1
        assert backend.purge(name, name) == 1
        assert counts(backend) == {State.PENDING: 1}

    # --- prune ------------------------------------------------------------------------------------

    def test_prune_removes_what_is_past_its_ttl(self, backend: Backend, clock: VirtualClock) -> None:
        short, long = claimed(backend), claimed(backend)
        backend.settle([outcome(short, ttl=10.0), outcome(long, ttl=1_000.0)])
        clock.advance(9)
        assert backend.prune() == 0
        clock.advance(2)
        assert backend.prune() == 1
        assert (state(backend, short.id), state(backend, long.id)) == (None, State.COMPLETE)

    def test_ttl_of_nothing_is_over_at_once(self, backend: Backend, clock: VirtualClock) -> None:
        lent = claimed(backend)
        backend.settle([outcome(lent, ttl=0.0)])
        clock.advance(0.5)
        assert backend.prune() == 1

    @pytest.mark.parametrize("final", FINAL_STATES)
    def test_default_ttl_depends_on_the_state(
        self, backend: Backend, clock: VirtualClock, final: State
    ) -> None:
        done = settled(backend, Verdict(final.value))
        clock.advance((COMPLETE_TTL if final is State.COMPLETE else FAILED_TTL) - 10)
        assert backend.prune() == 0
        clock.advance(20)
        assert backend.prune() == 1
        assert state(backend, done) is None

    def test_killed_while_pending_is_kept_as_failed(self, backend: Backend, clock: VirtualClock) -> None:
        made = firing()
        backend.enqueue([made])
        backend.kill([made.id])
        clock.advance(FAILED_TTL - 10)
        assert backend.prune() == 0
        clock.advance(20)
        assert backend.prune() == 1

    def test_prune_by_age_heeds_no_ttl(self, backend: Backend, clock: VirtualClock) -> None:
        lent = claimed(backend)
        backend.settle([outcome(lent, ttl=1e6)])
        clock.advance(100)
        new = settled(backend)
        assert backend.prune(older=50.0) == 1
        assert (state(backend, lent.id), state(backend, new)) == (None, State.COMPLETE)

    def test_prune_by_age_takes_every_final_state(self, backend: Backend, clock: VirtualClock) -> None:
        for final in FINAL_STATES:
            settled(backend, Verdict(final.value))
        clock.advance(10)
        assert backend.prune(older=5.0) == len(FINAL_STATES)

    def test_prune_never_touches_live_firings(self, backend: Backend, clock: VirtualClock) -> None:
        waiting, lent = firing(delay=5.0), claimed(backend)
        backend.enqueue([waiting])
        clock.advance(100 * FAILED_TTL)
        assert backend.prune() == 0
        assert backend.prune(older=0.0) == 0
        assert (state(backend, waiting.id), state(backend, lent.id)) == (State.PENDING, State.RUNNING)

    def test_prune_is_bounded_and_ends(self, backend: Backend, clock: VirtualClock) -> None:
        backend.enqueue(firings(25))
        backend.settle([outcome(lent, ttl=1.0) for lent in claim(backend, 25)])
        clock.advance(2)
        assert [backend.prune(limit=10) for _ in range(3)] == [10, 10, 5]
        assert backend.prune(limit=10) == 0

    def test_requeued_firing_is_not_pruned(self, backend: Backend, clock: VirtualClock) -> None:
        lent = claimed(backend)
        backend.settle([outcome(lent, ttl=1.0)])
        backend.requeue([lent.id])
        clock.advance(100)
        assert backend.prune() == 0
        assert state(backend, lent.id) is State.PENDING

    def test_pruned_firing_is_gone_from_everywhere(self, backend: Backend, clock: VirtualClock) -> None:
        done = settled(backend, key="k")
        clock.advance(10)
        backend.prune(older=1.0)
        assert backend.find(done) == []
        assert backend.page(QUEUE, ROUTE, State.COMPLETE).records == ()
        assert backend.requeue([done]) == []
        assert backend.kill([done]) == {done: None}
        assert counts(backend) == {}
