"""The history of schedules in the file: not much more of it than is shown."""

from __future__ import annotations

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.makers import QUEUE, declared, planned, ran
from skunkqueue.persistence.backend import HISTORY_LENGTH
from skunkqueue.persistence.sqlite import SQLiteBackend


def test_runs_beyond_the_history_leave_the_file(virtual: SQLiteBackend, clock: VirtualClock) -> None:
    declared(virtual)
    runs = []
    for _ in range(HISTORY_LENGTH + 25):
        runs.append(ran(virtual).id)
        clock.advance(61)
    assert planned(virtual).runs == len(runs)
    kept = virtual._store.readers.run(lambda db: db.execute("SELECT count(*) FROM history").fetchone()[0])
    assert HISTORY_LENGTH <= kept <= HISTORY_LENGTH + 10
    assert [run.id for run in virtual.history(QUEUE, "hourly")] == runs[-HISTORY_LENGTH:]
