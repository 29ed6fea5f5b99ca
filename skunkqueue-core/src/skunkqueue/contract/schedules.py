"""Schedules: declared once, and moved on as their firing settles, never doubled, never lost."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.kit import Kit, require
from skunkqueue.contract.makers import (
    LEASE,
    ODD_NAMES,
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
from skunkqueue.records import Run, Standing, State, Verdict


class SchedulePromises(Kit):
    """What the verbs about schedules promise, and ``settle`` of a refire."""

    # --- declare ----------------------------------------------------------------------------------

    def test_declared_schedule_is_listed_as_it_was_said(self, backend: Backend) -> None:
        said = schedule(
            "nightly ☃", params=b"\x00p", state=b"\x00s", body=b"\x00b", priority=8, interval=90.5
        )
        armed = firing(delay=60.0)
        assert backend.declare(said, armed) is True
        found = planned(backend, "nightly ☃")
        assert (found.queue, found.route, found.strategy) == (said.queue, said.route, said.strategy)
        assert (found.params, found.state, found.body) == (said.params, said.state, said.body)
        assert (found.priority, found.paused, found.firing) == (8, False, armed.id)
        assert found.interval == pytest.approx(90.5)
        assert (found.runs, found.last_run, found.took, found.verdict) == (0, None, None, None)
        assert backend.schedules() == [found]

    def test_declared_schedule_is_armed(self, backend: Backend, clock: VirtualClock) -> None:
        armed = firing(delay=60.0)
        backend.declare(schedule(), armed)
        assert state(backend, armed.id) is State.PENDING
        assert planned(backend).next_run == pytest.approx(clock.now() + 60, abs=0.002)

    def test_declaring_the_same_again_changes_nothing(self, backend: Backend, clock: VirtualClock) -> None:
        before, armed = declared(backend)
        clock.advance(10)
        second = firing()
        assert backend.declare(schedule(state=b"another"), second) is False
        assert planned(backend) == before
        assert (state(backend, armed.id), state(backend, second.id)) == (State.PENDING, None)

    @pytest.mark.parametrize(
        "change",
        [{"route": "bar"}, {"strategy": "aimd"}, {"params": b"new"}, {"body": b"new"}, {"priority": 9}],
        ids=lambda change: next(iter(change)),
    )
    def test_changed_declaration_replaces_the_old(self, backend: Backend, change: dict[str, Any]) -> None:
        before, armed = declared(backend)
        second = firing(route=change.get("route", ROUTE))
        assert backend.declare(schedule(**change), second) is True
        after = planned(backend)
        assert after.generation > before.generation
        assert after.firing == second.id
        assert {name: getattr(after, name) for name in change} == change
        assert (state(backend, armed.id), state(backend, second.id)) == (None, State.PENDING)
        assert len(backend.schedules()) == 1

    def test_replacing_leaves_a_running_firing_to_end_without_refiring(self, backend: Backend) -> None:
        before, armed = declared(backend)
        (lent,) = claim(backend)
        second, third = firing(), firing()
        backend.declare(schedule(params=b"new"), second)
        assert state(backend, armed.id) is State.RUNNING
        assert backend.settle([outcome(lent, refire=refire(lent, before, third))]) == []
        assert (state(backend, armed.id), state(backend, third.id)) == (State.COMPLETE, None)
        after = planned(backend)
        assert (after.firing, after.state) == (second.id, b"state-0")

    def test_replacing_keeps_the_history(self, backend: Backend) -> None:
        declared(backend)
        ran(backend)
        backend.declare(schedule(params=b"new"), firing())
        assert len(backend.history(QUEUE, "hourly")) == 1

    def test_replacing_keeps_a_pause(self, backend: Backend) -> None:
        before, _ = declared(backend)
        backend.pause_schedule(QUEUE, "hourly")
        second = firing()
        assert backend.declare(schedule(params=b"new"), second) is True
        after = planned(backend)
        assert (after.paused, after.params) == (True, b"new")
        assert after.generation > before.generation
        assert state(backend, second.id) is None

    @pytest.mark.parametrize("meanwhile", ["ran", "claimed", "declared", "armed", "removed"])
    def test_declaration_over_what_is_no_longer_so_changes_nothing(
        self, backend: Backend, meanwhile: str
    ) -> None:
        before, armed = declared(backend)
        over = Standing.of(before, running=False)
        if meanwhile == "ran":
            ran(backend)
        elif meanwhile == "claimed":
            claim(backend)
        elif meanwhile == "declared":
            backend.declare(schedule(params=b"theirs"), firing(delay=60.0))
        elif meanwhile == "armed":
            backend.arm(QUEUE, "hourly", before.generation, firing())
        else:
            backend.remove_schedule(QUEUE, "hourly")
        now, late = backend.get_schedule(QUEUE, "hourly"), firing()
        held = state(backend, armed.id)
        assert backend.declare(schedule(params=b"ours"), late, over) is None
        assert backend.get_schedule(QUEUE, "hourly") == now
        assert (state(backend, late.id), state(backend, armed.id)) == (None, held)

    @pytest.mark.parametrize("running", [False, True])
    def test_declaration_over_what_is_still_so_replaces_it(self, backend: Backend, *, running: bool) -> None:
        before, armed = declared(backend)
        if running:
            claim(backend)
        over, new = Standing.of(before, running=running), firing()
        assert backend.declare(schedule(params=b"ours"), new, over) is True
        assert (planned(backend).params, planned(backend).firing) == (b"ours", new.id)
        assert state(backend, armed.id) is (State.RUNNING if running else None)

    def test_the_very_same_is_the_same_whatever_it_was_declared_over(self, backend: Backend) -> None:
        before, _ = declared(backend)
        ran(backend)
        assert backend.declare(schedule(), firing(), Standing.of(before, running=False)) is False

    def test_declaring_the_same_keeps_a_pause(self, backend: Backend) -> None:
        declared(backend)
        backend.pause_schedule(QUEUE, "hourly")
        second = firing()
        assert backend.declare(schedule(), second) is False
        assert planned(backend).paused is True
        assert state(backend, second.id) is None

    def test_schedules_are_listed_by_queue_and_name(self, backend: Backend) -> None:
        for queue, name in (("b", "x"), ("a", "y"), ("b", "a"), ("a", "b")):
            backend.declare(schedule(name, queue=queue), firing(queue=queue))
        assert [(found.queue, found.name) for found in backend.schedules()] == [
            ("a", "b"),
            ("a", "y"),
            ("b", "a"),
            ("b", "x"),
        ]
        assert [found.name for found in backend.schedules("b")] == ["a", "x"]

    def test_unknown_schedule_is_none(self, backend: Backend) -> None:
        assert backend.get_schedule(QUEUE, "nobody") is None
        assert backend.history(QUEUE, "nobody") == []
        assert backend.schedules() == []

    @pytest.mark.parametrize("name", ODD_NAMES)
    def test_names_of_schedules_may_hold_anything(self, backend: Backend, name: str) -> None:
        armed = firing(queue=name, route=name)
        assert backend.declare(schedule(name, queue=name, route=name), armed) is True
        (found,) = backend.schedules(name)
        assert (found.queue, found.name, found.route, found.firing) == (name, name, name, armed.id)
        assert backend.pause_schedule(name, name) is True
        assert backend.resume_schedule(name, name, firing(queue=name, route=name)) is True
        assert backend.remove_schedule(name, name) is True
        assert backend.schedules() == []

    def test_queues_do_not_share_names(self, backend: Backend) -> None:
        backend.declare(schedule(), firing())
        assert backend.declare(schedule(queue="other"), firing(queue="other")) is True
        assert len(backend.schedules()) == 2

    # --- refire -----------------------------------------------------------------------------------

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
        backend.requeue([old.id])  # somebody runs an old one once more
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

    # --- many at once -----------------------------------------------------------------------------

    def test_schedules_are_listed_a_page_at_a_time(
        self, tested_class: type[Backend], backend: Backend
    ) -> None:
        require(tested_class, "schedule pages")
        for name in ("c", "a", "b"):
            declared(backend, name)
        backend.declare(schedule("d", queue="another"), firing(queue="another"))
        first = backend.schedule_page(limit=3)
        assert [(one.queue, one.name) for one in first] == [("another", "d"), (QUEUE, "a"), (QUEUE, "b")]
        (last,) = backend.schedule_page(limit=3, after=(QUEUE, "b"))
        assert last == planned(backend, "c")
        assert [one.name for one in backend.schedule_page(QUEUE, 2)] == ["a", "b"]
        assert backend.schedule_page(QUEUE, after=(QUEUE, "c")) == []

    def test_histories_of_several_come_in_order(self, tested_class: type[Backend], backend: Backend) -> None:
        require(tested_class, "schedule pages")
        declared(backend)
        run = ran(backend)
        assert backend.histories([(QUEUE, "nobody"), (QUEUE, "hourly")]) == [
            [],
            backend.history(QUEUE, "hourly"),
        ]
        assert [one.id for one in backend.history(QUEUE, "hourly")] == [run.id]
        assert backend.histories([]) == []

    def test_page_of_schedules_is_bounded_and_follows_names_that_are_gone(
        self, tested_class: type[Backend], backend: Backend
    ) -> None:
        require(tested_class, "schedule pages")
        for name in "abcd":
            declared(backend, name)
        backend.remove_schedule(QUEUE, "b")
        assert [one.name for one in backend.schedule_page(QUEUE, 1, (QUEUE, "a"))] == ["c"]
        assert [one.name for one in backend.schedule_page(QUEUE, 50, (QUEUE, "b"))] == ["c", "d"]
        assert backend.schedule_page("nowhere") == []

    def test_run_tells_how_late_it_began(self, backend: Backend) -> None:
        declared(backend)
        (lent,) = claim(backend)
        run = Run(id=lent.id, began=lent.claimed, took=2.0, verdict="complete", interval=60.0, late=1.5)
        backend.settle([outcome(lent, refire=refire(lent, planned(backend), firing(delay=60.0), run=run))])
        assert backend.history(QUEUE, "hourly") == [run]
