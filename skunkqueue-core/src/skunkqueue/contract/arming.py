"""What people do to schedules, and workers that heal them: arm, pause, resume, remove, list idle ones."""

from __future__ import annotations

import msgspec
import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.kit import Kit
from skunkqueue.contract.makers import (
    QUEUE,
    ROUTE,
    claim,
    counts,
    declared,
    firing,
    ids,
    outcome,
    planned,
    ran,
    read,
    refire,
    schedule,
    state,
)
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import State, Verdict


class ArmingPromises(Kit):
    """What the verbs promise that give a schedule its next firing, or remove it."""

    # --- arm --------------------------------------------------------------------------------------

    def test_armed_firing_takes_the_place_of_the_pending(self, backend: Backend, clock: VirtualClock) -> None:
        before, old = declared(backend)
        new = firing(delay=5.0)
        assert backend.arm(QUEUE, "hourly", before.generation, new) is True
        assert (state(backend, old.id), state(backend, new.id)) == (None, State.PENDING)
        after = planned(backend)
        assert (after.firing, after.generation, after.state) == (new.id, before.generation, before.state)
        assert after.next_run == pytest.approx(clock.now() + 5, abs=0.002)

    def test_schedule_whose_firing_is_finished_may_be_armed(self, backend: Backend) -> None:
        before, old = declared(backend)
        backend.kill([old.id])
        new = firing()
        assert backend.arm(QUEUE, "hourly", before.generation, new) is True
        assert (state(backend, old.id), state(backend, new.id)) == (State.KILLED, State.PENDING)

    def test_a_state_is_armed_with_the_firing(self, backend: Backend) -> None:
        before, _ = declared(backend)
        assert backend.arm(QUEUE, "hourly", before.generation, firing(), b"healed") is True
        assert planned(backend).state == b"healed"
        claim(backend)
        assert backend.arm(QUEUE, "hourly", before.generation, firing(), b"late") is False
        assert planned(backend).state == b"healed"

    def test_schedule_that_names_another_firing_is_not_armed(self, backend: Backend) -> None:
        before, old = declared(backend)
        ran(backend)
        now, late = planned(backend), firing()
        assert backend.arm(QUEUE, "hourly", before.generation, late, b"late", over=old.id) is False
        assert (planned(backend), state(backend, late.id)) == (now, None)
        assert backend.arm(QUEUE, "hourly", before.generation, late, over=now.firing) is True
        assert planned(backend).firing == late.id

    def test_unknown_schedule_is_not_armed(self, backend: Backend) -> None:
        new = firing()
        assert backend.arm(QUEUE, "nobody", 1, new) is False
        assert state(backend, new.id) is None

    def test_schedule_of_another_generation_is_not_armed(self, backend: Backend) -> None:
        before, old = declared(backend)
        new = firing()
        assert backend.arm(QUEUE, "hourly", before.generation + 1, new) is False
        assert backend.arm(QUEUE, "hourly", before.generation - 1, new) is False
        assert planned(backend) == before
        assert (state(backend, old.id), state(backend, new.id)) == (State.PENDING, None)

    def test_paused_schedule_is_not_armed(self, backend: Backend) -> None:
        before, _ = declared(backend)
        backend.pause_schedule(QUEUE, "hourly")
        new = firing()
        assert backend.arm(QUEUE, "hourly", before.generation, new) is False
        assert state(backend, new.id) is None

    def test_schedule_whose_firing_runs_is_not_armed(self, backend: Backend) -> None:
        before, old = declared(backend)
        claim(backend)
        new = firing()
        assert backend.arm(QUEUE, "hourly", before.generation, new) is False
        assert planned(backend) == before
        assert (state(backend, old.id), state(backend, new.id)) == (State.RUNNING, None)

    # --- pause, resume, remove --------------------------------------------------------------------

    def test_pausing_removes_the_pending_firing(self, backend: Backend) -> None:
        _, armed = declared(backend)
        assert backend.pause_schedule(QUEUE, "hourly") is True
        assert state(backend, armed.id) is None
        assert planned(backend).paused is True
        assert claim(backend) == []

    def test_pausing_leaves_the_running_firing(self, backend: Backend) -> None:
        declared(backend)
        (lent,) = claim(backend)
        backend.pause_schedule(QUEUE, "hourly")
        assert backend.settle([outcome(lent)]) == []

    def test_pausing_and_removing_the_unknown_says_so(self, backend: Backend) -> None:
        assert backend.pause_schedule(QUEUE, "nobody") is False
        assert backend.remove_schedule(QUEUE, "nobody") is False
        assert backend.resume_schedule(QUEUE, "nobody", firing()) is False

    def test_resumed_schedule_is_armed(self, backend: Backend, clock: VirtualClock) -> None:
        before, _ = declared(backend)
        backend.pause_schedule(QUEUE, "hourly")
        new = firing(delay=30.0)
        assert backend.resume_schedule(QUEUE, "hourly", new) is True
        after = planned(backend)
        assert (after.paused, after.firing, after.generation) == (False, new.id, before.generation)
        assert after.next_run == pytest.approx(clock.now() + 30, abs=0.002)
        assert state(backend, new.id) is State.PENDING

    def test_a_state_is_resumed_with_the_firing(self, backend: Backend) -> None:
        declared(backend)
        backend.pause_schedule(QUEUE, "hourly")
        assert backend.resume_schedule(QUEUE, "hourly", firing(), state=b"resumed") is True
        assert planned(backend).state == b"resumed"

    def test_resuming_another_generation_changes_nothing(self, backend: Backend) -> None:
        before, _ = declared(backend)
        backend.pause_schedule(QUEUE, "hourly")
        backend.declare(schedule(params=b"new"), firing())
        now, late = planned(backend), firing()
        assert backend.resume_schedule(QUEUE, "hourly", late, before.generation, b"late") is False
        assert (planned(backend), state(backend, late.id)) == (now, None)
        assert backend.resume_schedule(QUEUE, "hourly", late, now.generation) is True
        assert state(backend, late.id) is State.PENDING

    def test_resuming_what_is_not_paused_changes_nothing(self, backend: Backend) -> None:
        before, armed = declared(backend)
        new = firing()
        assert backend.resume_schedule(QUEUE, "hourly", new) is False
        assert planned(backend) == before
        assert (state(backend, armed.id), state(backend, new.id)) == (State.PENDING, None)

    def test_resuming_while_its_firing_runs_does_not_double_it(self, backend: Backend) -> None:
        before, armed = declared(backend)
        (lent,) = claim(backend)
        backend.pause_schedule(QUEUE, "hourly")
        extra, next_one = firing(), firing(delay=60.0)
        assert backend.resume_schedule(QUEUE, "hourly", extra, before.generation, b"early") is True
        assert state(backend, extra.id) is None
        assert planned(backend).state == before.state
        assert planned(backend).firing == armed.id
        backend.settle([outcome(lent, refire=refire(lent, before, next_one))])
        assert planned(backend).firing == next_one.id
        assert counts(backend) == {State.PENDING: 1, State.COMPLETE: 1}

    def test_resuming_while_its_firing_waits_for_a_retry_does_not_double_it(self, backend: Backend) -> None:
        _, armed = declared(backend)
        (lent,) = claim(backend)
        backend.pause_schedule(QUEUE, "hourly")
        backend.settle([outcome(lent, Verdict.RETRY, delay=5.0)])
        assert backend.resume_schedule(QUEUE, "hourly", firing()) is True
        assert planned(backend).firing == armed.id
        assert counts(backend) == {State.PENDING: 1}

    def test_resuming_a_replaced_schedule_does_not_wait_for_the_old_firing(self, backend: Backend) -> None:
        before, _ = declared(backend)
        (lent,) = claim(backend)
        backend.pause_schedule(QUEUE, "hourly")
        backend.declare(schedule(params=b"new"), firing())
        new = firing()
        assert backend.resume_schedule(QUEUE, "hourly", new) is True
        assert state(backend, new.id) is State.PENDING
        backend.settle([outcome(lent, refire=refire(lent, before, firing()))])
        assert planned(backend).firing == new.id
        assert counts(backend) == {State.PENDING: 1, State.COMPLETE: 1}

    def test_removed_schedule_is_forgotten(self, backend: Backend) -> None:
        declared(backend)
        ran(backend)
        armed = planned(backend).firing
        assert armed is not None
        assert backend.remove_schedule(QUEUE, "hourly") is True
        assert backend.schedules() == []
        assert backend.history(QUEUE, "hourly") == []
        assert state(backend, armed) is None
        assert backend.remove_schedule(QUEUE, "hourly") is False

    def test_removing_another_generation_changes_nothing(self, backend: Backend) -> None:
        before, _ = declared(backend)
        backend.declare(schedule(params=b"new"), firing())
        now = planned(backend)
        assert backend.remove_schedule(QUEUE, "hourly", before.generation) is False
        assert planned(backend) == now
        assert counts(backend) == {State.PENDING: 1}
        assert backend.remove_schedule(QUEUE, "hourly", now.generation) is True
        assert backend.schedules() == []

    def test_removed_schedule_may_be_declared_again(self, backend: Backend) -> None:
        before, _ = declared(backend)
        backend.remove_schedule(QUEUE, "hourly")
        after, armed = declared(backend)
        assert after.generation > before.generation
        assert (after.runs, after.firing) == (0, armed.id)

    # --- idle -------------------------------------------------------------------------------------

    def test_schedule_that_waits_or_runs_is_not_idle(self, backend: Backend) -> None:
        declared(backend)
        assert backend.idle_schedules(QUEUE, ROUTE) == []
        claim(backend)
        assert backend.idle_schedules(QUEUE, ROUTE) == []

    def test_schedule_whose_firing_was_killed_is_idle(self, backend: Backend) -> None:
        before, armed = declared(backend)
        backend.kill([armed.id])
        assert [found.name for found in backend.idle_schedules(QUEUE, ROUTE)] == ["hourly"]
        backend.arm(QUEUE, "hourly", before.generation, firing())
        assert backend.idle_schedules(QUEUE, ROUTE) == []

    def test_schedule_whose_firing_was_purged_is_idle(self, backend: Backend) -> None:
        declared(backend)
        backend.purge(QUEUE, ROUTE)
        assert [found.name for found in backend.idle_schedules(QUEUE, ROUTE)] == ["hourly"]

    def test_schedule_whose_firing_ended_without_refire_is_idle(self, backend: Backend) -> None:
        declared(backend)
        (lent,) = claim(backend)
        backend.settle([outcome(lent, Verdict.KILLED)])
        assert [found.name for found in backend.idle_schedules(QUEUE, ROUTE)] == ["hourly"]

    def test_paused_schedule_is_not_idle(self, backend: Backend) -> None:
        declared(backend)
        backend.pause_schedule(QUEUE, "hourly")
        assert backend.idle_schedules(QUEUE, ROUTE) == []

    def test_idle_schedules_are_told_by_queue_and_route(self, backend: Backend) -> None:
        for queue, route in ((QUEUE, ROUTE), (QUEUE, "bar"), ("other", ROUTE)):
            backend.declare(schedule(queue=queue, route=route), firing(queue=queue, route=route))
            backend.purge(queue)
        (found,) = backend.idle_schedules(QUEUE, "bar")
        assert (found.queue, found.route) == (QUEUE, "bar")

    def test_firing_of_a_schedule_is_a_firing_like_others(self, backend: Backend) -> None:
        keyed = firing(key="k", priority=9, body=b"scheduled")
        backend.declare(schedule(), keyed)
        assert backend.enqueue([firing(key="k")]) == [keyed.id]
        record = read(backend, keyed.id)
        assert (record.priority, record.body, record.key) == (9, b"scheduled", "k")
        assert ids(claim(backend)) == [keyed.id]

    def test_schedule_is_kept_as_declared_over_many_fields(self, backend: Backend) -> None:
        declared(backend, params=b"", body=bytes(range(256)), state=b"\x00")
        found = planned(backend)
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(found), type=type(found)) == found
        assert (found.params, found.body, found.state) == (b"", bytes(range(256)), b"\x00")
