"""Killing: a pending firing at once, a running one by its worker."""

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
    counters,
    death,
    firing,
    firings,
    ids,
    outcome,
    read,
    settled,
    state,
    worker,
)
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import FINAL_STATES, Command, State, Verdict


class KillPromises(Kit):
    """What ``kill`` promises."""

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

    def test_kill_is_told_after_reaping(self, backend: Backend, clock: VirtualClock) -> None:
        lent = claimed(backend)
        backend.kill([lent.id])
        backend.reap(WORKER, [], death(clock.now()))
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
