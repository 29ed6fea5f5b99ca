"""Schedules: declared once, replaced as a whole, and listed by name."""

from __future__ import annotations

from typing import Any

import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.kit import Kit, require
from skunkqueue.contract.makers import (
    ODD_NAMES,
    QUEUE,
    ROUTE,
    claim,
    declared,
    firing,
    outcome,
    planned,
    ran,
    refire,
    schedule,
    state,
)
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import Run, Standing, State


class SchedulePromises(Kit):
    """What ``declare`` promises, and the verbs that read schedules."""

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
