"""The crash between any two writes: whoever sweeps finishes what was begun, or nothing was.

A verb is broken off after none, one, two, ... of its writes, by a line that lets no more through: to the store
that is the same as a process that dies. Then another one looks.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.makers import QUEUE, ROUTE, planned
from skunkqueue.errors import BackendUnavailableError
from skunkqueue.persistence.backend import HALF_DONE, MAX_PAGE, Backend
from skunkqueue.records import State
from tests.redis.patience import persistently
from tests.thorough.mongo.breaking import PROMISES, Line
from tests.thorough.mongo.operations import Operation, Prepare, a_batch_of_many_parts_is_in_or_not
from tests.thorough.mongo.operations_of_schedules import the_next_run_is_armed_once_with_the_outcome

WAYS = ["swept", "repeated, then swept"]
"""What happens next, after the crash."""
HASTY = {"retry_for": "0", "connect_timeout": "0.25"}
"""Whose server is gone need not hope for it."""


def test_there_are_promises() -> None:
    assert len(PROMISES) > 25


# On a replica set the writes are the same ones, only slower.
@pytest.mark.parametrize("line", ["mongod"], indirect=True)
@pytest.mark.drawn_by("way")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("promise", PROMISES, ids=lambda one: one.__name__)
def test_a_crash_between_any_two_writes(line: Line, promise: Prepare, way: str) -> None:
    clock = VirtualClock()
    for crashed, near, operation in crashes(line, clock, promise):
        for step in way.split(", then "):
            if step == "repeated":
                operation.verb(near)
            else:
                clock.advance(HALF_DONE + 0.1)
                near.sweep()
        assert set(line.left_over().values()) == {0}, line.left_over()
        agree(near)
        operation.holds(near, done=not crashed or "repeated" in way)


def test_a_schedule_whose_next_run_is_owed_is_not_idle(line: Line) -> None:
    clock = VirtualClock()
    for crashed, near, _ in crashes(line, clock, the_next_run_is_armed_once_with_the_outcome):
        assert near.idle_schedules(QUEUE, ROUTE) == []
        clock.advance(HALF_DONE + 0.1)
        near.sweep()
        assert near.idle_schedules(QUEUE, ROUTE) == []
        assert crashed or planned(near).runs == 1


def test_parts_of_a_batch_that_was_never_accepted_are_removed(line: Line) -> None:
    clock = VirtualClock()
    for _, near, _ in crashes(line, clock, a_batch_of_many_parts_is_in_or_not):
        clock.advance(3_600.0)
        near.sweep()
        assert line.count("parcels") == 0


def crashes(line: Line, clock: VirtualClock, promise: Prepare) -> Iterator[tuple[bool, Backend, Operation]]:
    """Break an operation off after each of its writes; tell whether it was, and give the store that is looked at."""
    after, writes, tries = -1, 0, 5
    # Those whose line broke are closed at the end, when they have found their server again.
    with ExitStack() as broken:
        while after < writes:
            # Machines under load may be slower than the hasty like; a crash at another place is as good.
            near, far = persistently(lambda: line.fresh(broken, clock, **HASTY))
            operation = promise(near, clock.advance)
            before = line.proxy.writes
            if after >= 0:
                line.proxy.cut_after(after)
            crashed = False
            try:
                answer = operation.verb(far)
            except BackendUnavailableError:
                crashed = True
            else:
                assert answer == operation.answer
            if after < 0:
                tries -= 1
                assert tries, "it never goes well"
                if crashed:
                    continue
                writes = line.proxy.writes - before
                assert writes, "nothing was written"
            line.proxy.repair()
            print(f"after {after} of {writes} writes: {'broken off' if crashed else 'done'}")
            yield crashed, near, operation
            after += 1


def agree(store: Backend) -> None:
    """See that what is counted is what is listed."""
    for info in store.routes():
        for state in State:
            page = store.page(info.queue, info.route, state, MAX_PAGE, None)
            assert len(page.records) == info.counts.get(state, 0), (info.queue, info.route, state)
            assert len({record.id for record in page.records}) == len(page.records)
