"""Histories of schedules in the file: added to by many runs at once, and not much more of them than is shown."""

from __future__ import annotations

from pathlib import Path

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.makers import QUEUE, claim, declared, firing, outcome, planned, ran, refire
from skunkqueue.persistence.backend import HISTORY_LENGTH
from skunkqueue.persistence.sqlite import SQLiteBackend
from skunkqueue.persistence.sqlite.histories import MANY
from tests.core.sqlite.makers import open_at, rows_in

NAMES = [f"s{number}" for number in range(20)]


def run_all(backend: SQLiteBackend, clock: VirtualClock) -> dict[str, str]:
    """Run all schedules once, as one batch; return the id of each one's run."""
    clock.advance(61)
    standing = {schedule.firing: schedule for schedule in backend.get_schedules(QUEUE, NAMES) if schedule}
    lent = claim(backend, len(NAMES))
    outcomes = [outcome(one, refire=refire(one, standing[one.id], firing(delay=60.0))) for one in lent]
    assert backend.settle(outcomes) == []
    return {standing[one.id].name: one.id for one in lent}


def test_runs_beyond_the_history_leave_the_file(virtual: SQLiteBackend, clock: VirtualClock) -> None:
    declared(virtual)
    runs = []
    for _ in range(HISTORY_LENGTH + 3 * MANY + 25):
        runs.append(ran(virtual).id)
        clock.advance(61)
    assert planned(virtual).runs == len(runs)
    assert HISTORY_LENGTH <= rows_in(virtual, "history") <= HISTORY_LENGTH + 10
    assert rows_in(virtual, "ran") == 25
    assert [run.id for run in virtual.history(QUEUE, "hourly")] == runs[-HISTORY_LENGTH:]


def test_runs_of_many_schedules_change_their_histories_together(
    virtual: SQLiteBackend, clock: VirtualClock
) -> None:
    for name in NAMES:
        declared(virtual, name)
    for batch in range(1, MANY):
        run_all(virtual, clock)
        assert (rows_in(virtual, "history"), rows_in(virtual, "ran")) == (0, batch)
    run_all(virtual, clock)
    assert (rows_in(virtual, "history"), rows_in(virtual, "ran")) == (MANY * len(NAMES), 0)


def test_each_history_is_whole_before_and_after_its_runs_are_sorted(
    virtual: SQLiteBackend, clock: VirtualClock
) -> None:
    for name in NAMES:
        declared(virtual, name)
    runs: dict[str, list[str]] = {name: [] for name in NAMES}
    for _ in range(HISTORY_LENGTH + MANY // 2):
        for name, run in run_all(virtual, clock).items():
            runs[name].append(run)
        read = virtual.histories([(QUEUE, name) for name in NAMES])
        assert [[run.id for run in history] for history in read] == [
            runs[name][-HISTORY_LENGTH:] for name in NAMES
        ]


def test_runs_that_are_not_sorted_are_read_by_other_processes(
    path: Path, virtual: SQLiteBackend, clock: VirtualClock
) -> None:
    declared(virtual)
    run = ran(virtual).id
    other = open_at(path, clock)
    try:
        assert [one.id for one in other.history(QUEUE, "hourly")] == [run]
    finally:
        other.close()


def test_schedule_that_was_removed_leaves_no_runs_to_the_next_of_its_name(
    virtual: SQLiteBackend, clock: VirtualClock
) -> None:
    declared(virtual)
    for _ in range(MANY + 3):
        ran(virtual)
        clock.advance(61)
    assert virtual.remove_schedule(QUEUE, "hourly")
    assert (rows_in(virtual, "history"), rows_in(virtual, "ran")) == (0, 0)
    declared(virtual)
    run = ran(virtual).id
    assert [one.id for one in virtual.history(QUEUE, "hourly")] == [run]
