"""What a sweep removes and gives back, and what it leaves."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.makers import worker
from skunkqueue.persistence.sqlite import SQLiteBackend, housekeeping
from skunkqueue.records import State
from tests.core.sqlite.makers import claim, done, firing, many, plain

DAY = 86_400.0


def test_number_of_a_forgotten_worker_is_not_given_to_another(
    virtual: SQLiteBackend, clock: VirtualClock
) -> None:
    virtual.enqueue([firing(), made := firing()])
    virtual.register(worker("old"), 1e9)
    virtual.settle([done(one, ttl=1e9) for one in claim(virtual, 1, "old")])
    virtual.settle([done(one, ttl=1e9) for one in claim(virtual, 1, "gone")])
    clock.advance(31 * DAY)
    virtual.sweep()

    virtual.enqueue([firing()])
    claim(virtual, 1, "new")

    (record,) = virtual.get([made.id])
    assert record is not None
    assert record.worker == "gone"


def test_orphans_are_found_behind_many_leases_of_live_targets(
    virtual: SQLiteBackend, clock: VirtualClock
) -> None:
    for number in range(20):
        name = f"w{number:02}"
        virtual.register(worker(name), 1e6)
        virtual.enqueue([firing(target=name)])
        claim(virtual, 1, name, lease=1.0)
    virtual.enqueue([made := firing(target="gone")])
    claim(virtual, 1, "gone", lease=2.0)
    virtual.pause("q")
    clock.advance(10.0)

    assert virtual.sweep() == 1

    (record,) = virtual.get([made.id])
    assert record is not None
    assert record.state is State.KILLED


def read_without_a_gap(path: Path, begun: threading.Event, ended: threading.Event) -> None:
    """Read in short transactions, of which each begins before the last one ends."""
    readers = [plain(path), plain(path)]
    for number, db in enumerate(itertools.cycle(readers)):
        db.execute("BEGIN")
        db.execute("SELECT count(*) FROM firing").fetchone()
        other = readers[db is readers[0]]
        if other.in_transaction:
            other.execute("COMMIT")
        if number == 10:
            begun.set()
        if ended.is_set():
            break
    for db in readers:
        db.close()


def test_log_is_cut_back_although_somebody_always_reads(
    virtual: SQLiteBackend, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "_LARGEST_LOG", 0)
    monkeypatch.setattr(housekeeping, "_CUT_WITHIN", 60_000, raising=False)
    log = path.with_name("q.db-wal")
    begun, ended = threading.Event(), threading.Event()
    virtual.enqueue([firing()])
    virtual.sweep()  # so that this minute has its samples
    with ThreadPoolExecutor(1) as threads:
        reading = threads.submit(read_without_a_gap, path, begun, ended)
        try:
            assert begun.wait(60.0)
            for _ in range(10):
                virtual.enqueue(many(10))
                assert log.stat().st_size > 0
                virtual.sweep()
                assert log.stat().st_size == 0
        finally:
            ended.set()
        reading.result()
