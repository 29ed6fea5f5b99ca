"""Control by people: kill, requeue, purge, pause and resume, prune."""

from __future__ import annotations

import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.kit import Kit
from skunkqueue.contract.makers import (
    LEASE,
    ODD_NAMES,
    OTHER,
    QUEUE,
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
    ref,
    route_info,
    settled,
    state,
    worker,
)
from skunkqueue.persistence.backend import COMPLETE_TTL, FAILED_TTL, Backend
from skunkqueue.records import FINAL_STATES, Command, State, Verdict


class ControlPromises(Kit):
    """What the control verbs promise."""

    # --- kill -------------------------------------------------------------------------------------

    def test_kill_of_nothing_is_nothing(self, backend: Backend) -> None:
        assert backend.kill([]) == {}

    @pytest.mark.parametrize("delay", [0.0, 60.0])
    def test_pending_firing_is_killed_at_once(self, backend: Backend, delay: float) -> None:
        made = firing(delay=delay)
        backend.enqueue([made])
        assert backend.kill([made.id]) == {made.id: State.PENDING}
        record = read(backend, made.id)
        assert record.state is State.KILLED
        assert record.finished is not None
        assert claim(backend) == []

    def test_running_firing_is_marked(self, backend: Backend) -> None:
        lent = claimed(backend)
        assert backend.kill([lent.id]) == {lent.id: State.RUNNING}
        record = read(backend, lent.id)
        assert (record.state, record.kill_requested, record.token) == (State.RUNNING, True, lent.token)

    def test_holder_is_told_to_kill(self, backend: Backend) -> None:
        backend.register(worker(), 60.0)
        backend.register(worker(OTHER), 60.0)
        lent = claimed(backend)
        backend.kill([lent.id])
        assert backend.listen(WORKER, 0.0) == [Command(verb="kill", firing=lent.id)]
        assert backend.listen(OTHER, 0.0) == []

    def test_killed_firing_is_settled_by_its_holder(self, backend: Backend) -> None:
        lent = claimed(backend)
        backend.kill([lent.id])
        assert backend.settle([outcome(lent, Verdict.KILLED)]) == []
        assert state(backend, lent.id) is State.KILLED

    def test_firing_that_ends_before_the_kill_arrives_has_ended(self, backend: Backend) -> None:
        lent = claimed(backend)
        backend.kill([lent.id])
        assert backend.settle([outcome(lent, result=b"done")]) == []
        assert state(backend, lent.id) is State.COMPLETE

    def test_kill_is_told_to_who_reclaims(self, backend: Backend, clock: VirtualClock) -> None:
        lent = claimed(backend)
        backend.kill([lent.id])
        clock.advance(LEASE + 1)
        (again,) = claim(backend, worker=OTHER)
        assert (again.id, again.kill_requested) == (lent.id, True)

    def test_kill_is_told_after_a_burial(self, backend: Backend, clock: VirtualClock) -> None:
        lent = claimed(backend)
        backend.kill([lent.id])
        backend.bury(WORKER, [], death(clock.now()))
        (again,) = claim(backend, worker=OTHER)
        assert again.kill_requested is True

    @pytest.mark.parametrize("verdict", [Verdict.RETRY, Verdict.SNOOZE, Verdict.RELEASE, Verdict.ADVANCE])
    def test_kill_is_kept_while_the_firing_goes_on(
        self, backend: Backend, clock: VirtualClock, verdict: Verdict
    ) -> None:
        lent = claimed(backend)
        backend.kill([lent.id])
        backend.settle([outcome(lent, verdict)])
        clock.advance(LEASE + 1)
        (again,) = claim(backend, worker=OTHER)
        assert again.kill_requested is True

    def test_firing_given_back_after_a_kill_may_be_killed_again(self, backend: Backend) -> None:
        lent = claimed(backend)
        backend.kill([lent.id])
        backend.settle([outcome(lent, Verdict.RELEASE)])
        assert backend.kill([lent.id]) == {lent.id: State.PENDING}
        assert state(backend, lent.id) is State.KILLED

    @pytest.mark.parametrize("final", FINAL_STATES)
    def test_finished_firing_stays_as_it_is(self, backend: Backend, final: State) -> None:
        done = settled(backend, Verdict(final.value))
        before = read(backend, done)
        assert backend.kill([done]) == {done: final}
        assert read(backend, done) == before

    def test_kill_says_which_are_unknown(self, backend: Backend) -> None:
        made = firing()
        backend.enqueue([made])
        unknown = "f" * 24
        assert backend.kill([unknown, made.id]) == {unknown: None, made.id: State.PENDING}

    def test_kill_takes_all_states_in_one_call(self, backend: Backend) -> None:
        done, running, waiting = settled(backend), claimed(backend).id, firing()
        backend.enqueue([waiting])
        expected = {done: State.COMPLETE, running: State.RUNNING, waiting.id: State.PENDING}
        assert backend.kill([done, running, waiting.id]) == expected

    def test_kill_of_a_pending_firing_is_counted(self, backend: Backend) -> None:
        backend.enqueue(made := firings(2))
        backend.kill(ids(made))
        assert counters(backend) == {"enqueued": 2, "killed": 2}

    def test_kill_of_a_running_firing_is_counted_when_it_is_settled(self, backend: Backend) -> None:
        lent = claimed(backend)
        backend.kill([lent.id])
        assert counters(backend) == {"enqueued": 1}
        backend.settle([outcome(lent, Verdict.KILLED)])
        assert counters(backend) == {"enqueued": 1, "killed": 1}

    # --- requeue ----------------------------------------------------------------------------------

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
        backend.bury(WORKER, [lent.id], death(clock.now()))
        (again,) = claim(backend)
        backend.kill([lent.id])
        backend.settle([outcome(again, Verdict.KILLED, carry=b"old")])
        backend.requeue([lent.id])
        (fresh,) = claim(backend)
        assert (fresh.deaths, fresh.carry, fresh.kill_requested) == (0, None, False)
        assert (fresh.body, fresh.priority) == (b"kept", 8)

    def test_requeued_firing_has_no_progress_and_no_evidence(
        self, backend: Backend, clock: VirtualClock
    ) -> None:
        lent = claimed(backend)
        backend.bury(WORKER, [lent.id], death(clock.now()))
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
