"""Refiring: a schedule moves on as its firing settles; no run is doubled or lost."""

from __future__ import annotations

import msgspec
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
    counts,
    death,
    declared,
    firing,
    outcome,
    planned,
    ran,
    refire,
    schedule,
    state,
)
from skunkqueue.persistence.backend import HISTORY_LENGTH, Backend
from skunkqueue.records import State, Verdict


class RefiringPromises(Kit):
    """What ``settle`` promises of a refire."""

    def test_settling_arms_the_next_run(self, backend: Backend, clock: VirtualClock) -> None:
        before, _ = declared(backend)
        (lent,) = claim(backend)
        next_one = firing(delay=60.0)
        backend.settle([outcome(lent, refire=refire(lent, before, next_one))])
        after = planned(backend)
        assert (after.firing, after.state, after.runs) == (next_one.id, b"state-1", 1)
        assert after.generation == before.generation
        assert (after.took, after.interval) == (2.0, 60.0)
        assert after.last_run == pytest.approx(lent.claimed, abs=0.002)
        assert after.next_run == pytest.approx(clock.now() + 60, abs=0.002)
        assert state(backend, next_one.id) is State.PENDING

    def test_schedule_goes_on_run_by_run(self, backend: Backend, clock: VirtualClock) -> None:
        declared(backend)
        for _ in range(10):
            ran(backend)
            assert claim(backend) == []
            clock.advance(61)
        assert planned(backend).runs == 10
        assert counts(backend) == {State.PENDING: 1, State.COMPLETE: 10}

    @pytest.mark.parametrize("verdict", [Verdict.COMPLETE, Verdict.ERROR, Verdict.KILLED, Verdict.EXPIRED])
    def test_every_final_verdict_may_refire(self, backend: Backend, verdict: Verdict) -> None:
        before, _ = declared(backend)
        (lent,) = claim(backend)
        next_one = firing()
        backend.settle([outcome(lent, verdict, refire=refire(lent, before, next_one))])
        assert planned(backend).firing == next_one.id

    def test_run_is_added_to_the_history(self, backend: Backend) -> None:
        before, _ = declared(backend)
        (lent,) = claim(backend)
        following = refire(lent, before, firing())
        backend.settle([outcome(lent, refire=following)])
        assert backend.history(QUEUE, "hourly") == [following.run]

    @pytest.mark.parametrize("paused", [False, True])
    def test_run_after_which_nothing_could_be_planned_is_noted_and_its_schedule_is_idle(
        self, backend: Backend, *, paused: bool
    ) -> None:
        before, _ = declared(backend)
        (lent,) = claim(backend)
        if paused:
            backend.pause_schedule(QUEUE, "hourly")
        following = msgspec.structs.replace(refire(lent, before, None), state=before.state, unplanned=True)
        backend.settle([outcome(lent, refire=following)])
        after = planned(backend)
        assert backend.history(QUEUE, "hourly") == [following.run]
        assert (after.runs, after.state, after.firing) == (1, before.state, lent.id)
        assert (after.verdict, after.took, after.next_run) == ("complete", 2.0, None)
        assert [one.name for one in backend.idle_schedules(QUEUE, ROUTE)] == ["hourly"] * (not paused)
        next_one = firing()
        assert (
            backend.arm(QUEUE, "hourly", after.generation, next_one, b"state-2", over=lent.id) is not paused
        )
        assert planned(backend).firing == (lent.id if paused else next_one.id)

    def test_how_the_last_run_ended_is_told_and_kept_when_it_is_replaced(
        self, backend: Backend, clock: VirtualClock
    ) -> None:
        before, _ = declared(backend)
        for verdict in ("complete", "error"):
            (lent,) = claim(backend)
            following = refire(lent, before, firing(delay=60.0))
            run = msgspec.structs.replace(following.run, verdict=verdict)
            backend.settle([outcome(lent, refire=msgspec.structs.replace(following, run=run))])
            clock.advance(61)
        assert planned(backend).verdict == "error"
        backend.declare(schedule(params=b"new"), firing())
        assert planned(backend).verdict == "error"

    def test_several_schedules_are_read_in_the_order_asked_for(self, backend: Backend) -> None:
        for name in ("hourly", "daily: 5 o'clock", "ганец"):
            declared(backend, name)
        names = ["ганец", "unknown", "hourly", "daily: 5 o'clock"]
        assert backend.get_schedules(QUEUE, names) == [backend.get_schedule(QUEUE, name) for name in names]
        assert backend.get_schedules("other queue", names) == [None] * 4
        assert backend.get_schedules(QUEUE, []) == []

    def test_schedules_settled_together_each_move_on_as_they_would_alone(self, backend: Backend) -> None:
        names = ["goes on", "removed", "paused", "over", "goes on too"]
        before = {armed.id: found for found, armed in (declared(backend, name) for name in names)}
        lent = claim(backend, 10)
        backend.remove_schedule(QUEUE, "removed")
        backend.pause_schedule(QUEUE, "paused")
        following = {
            one.id: None
            if before[one.id].name == "over"
            else firing(due=one.claimed - number, body=b"%d" % number, job=f"m:j{number % 2}")
            for number, one in enumerate(lent)
        }
        outcomes = [outcome(one, refire=refire(one, before[one.id], following[one.id])) for one in lent]
        assert backend.settle(outcomes) == []
        found = dict(zip(names, backend.get_schedules(QUEUE, names), strict=True))
        assert {name: one and one.runs for name, one in found.items()} == {
            "goes on": 1,
            "removed": None,
            "paused": 1,
            "over": None,
            "goes on too": 1,
        }
        assert [run.id for run in backend.history(QUEUE, "goes on too")] == [
            one.id for one in lent if before[one.id].name == "goes on too"
        ]
        armed = {one.firing: one.next_run for one in found.values() if one is not None and not one.paused}
        wanted = {one.id: one for one in following.values() if one is not None and one.id in armed}
        assert armed == {id_: pytest.approx(one.due, abs=0.01) for id_, one in wanted.items()}
        claims = claim(backend, 10)
        assert {one.id: (one.body, one.job) for one in claims} == {
            id_: (one.body, one.job) for id_, one in wanted.items()
        }
        assert {one.id: one.due for one in claims} == armed

    def test_history_is_bounded_and_oldest_first(self, backend: Backend, clock: VirtualClock) -> None:
        declared(backend)
        runs = []
        for _ in range(HISTORY_LENGTH + 5):
            runs.append(ran(backend).id)
            clock.advance(61)
        assert [run.id for run in backend.history(QUEUE, "hourly")] == runs[-HISTORY_LENGTH:]
        assert planned(backend).runs == HISTORY_LENGTH + 5

    def test_stale_outcome_does_not_refire(self, backend: Backend, clock: VirtualClock) -> None:
        declared(backend)
        (lent,) = claim(backend)
        clock.advance(LEASE + 1)
        claim(backend, worker=OTHER)
        before = planned(backend)
        late = firing()
        assert backend.settle([outcome(lent, refire=refire(lent, before, late))]) == [lent.id]
        assert planned(backend) == before
        assert state(backend, late.id) is None
        assert backend.history(QUEUE, "hourly") == []

    def test_refire_into_a_paused_schedule_arms_nothing(self, backend: Backend) -> None:
        before, _ = declared(backend)
        (lent,) = claim(backend)
        backend.pause_schedule(QUEUE, "hourly")
        next_one = firing()
        assert backend.settle([outcome(lent, refire=refire(lent, before, next_one))]) == []
        assert state(backend, next_one.id) is None
        assert planned(backend).state == b"state-1"
        assert [run.id for run in backend.history(QUEUE, "hourly")] == [lent.id]

    def test_refire_into_a_removed_schedule_arms_nothing(self, backend: Backend) -> None:
        before, _ = declared(backend)
        (lent,) = claim(backend)
        backend.remove_schedule(QUEUE, "hourly")
        next_one = firing()
        assert backend.settle([outcome(lent, refire=refire(lent, before, next_one))]) == []
        assert (state(backend, lent.id), state(backend, next_one.id)) == (State.COMPLETE, None)
        assert backend.get_schedule(QUEUE, "hourly") is None
        assert backend.history(QUEUE, "hourly") == []

    def test_refire_of_a_removed_schedule_does_not_move_its_successor(self, backend: Backend) -> None:
        before, _ = declared(backend)
        (lent,) = claim(backend)
        backend.remove_schedule(QUEUE, "hourly")
        after, armed = declared(backend)
        backend.settle([outcome(lent, refire=refire(lent, before, firing(), state=b"old"))])
        assert after.generation > before.generation
        assert planned(backend) == after
        assert counts(backend) == {State.PENDING: 1, State.COMPLETE: 1}
        assert state(backend, armed.id) is State.PENDING

    def test_refire_of_a_firing_that_is_not_the_schedules_own_does_nothing(self, backend: Backend) -> None:
        declared(backend)
        old = ran(backend)
        backend.requeue([old.id])  # an old run is repeated
        before = planned(backend)
        (again,) = claim(backend)
        assert again.id == old.id
        extra = firing()
        assert backend.settle([outcome(again, refire=refire(again, before, extra))]) == []
        assert state(backend, extra.id) is None
        assert planned(backend) == before
        assert len(backend.history(QUEUE, "hourly")) == 1

    def test_schedule_that_ended_by_its_own_rule_is_removed(self, backend: Backend) -> None:
        before, _ = declared(backend)
        (lent,) = claim(backend)
        assert backend.settle([outcome(lent, refire=refire(lent, before, None))]) == []
        assert state(backend, lent.id) is State.COMPLETE
        assert backend.schedules() == []

    def test_reclaimed_firing_of_a_schedule_is_still_its_own(
        self, backend: Backend, clock: VirtualClock
    ) -> None:
        declared(backend)
        (lost,) = claim(backend)
        backend.reap(WORKER, [lost.id], death(clock.now()))
        again = ran(backend)
        assert again.id == lost.id
        assert planned(backend).runs == 1
        assert counts(backend) == {State.PENDING: 1, State.COMPLETE: 1}

    def test_retried_firing_of_a_schedule_is_still_its_own(self, backend: Backend) -> None:
        _, armed = declared(backend)
        (lent,) = claim(backend)
        backend.settle([outcome(lent, Verdict.RETRY)])
        assert planned(backend).firing == armed.id
        assert backend.idle_schedules(QUEUE, ROUTE) == []
