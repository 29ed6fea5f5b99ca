"""Checkpoints that a worker makes beside its work, when and by whom; and the log that is cut back."""

from __future__ import annotations

import itertools
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from skunkqueue.persistence.sqlite import SQLiteBackend, checkpoints
from skunkqueue.persistence.sqlite.checkpoints import EVERY
from skunkqueue.records import State
from tests.core.sqlite.makers import firing, many, open_at, plain
from tests.support.waiting import eventually


@pytest.fixture
def other(backend: SQLiteBackend, path: Path) -> Iterator[SQLiteBackend]:
    """Give the store as another process has it open."""
    del backend  # it comes first
    with closing(open_at(path)) as opened:
        yield opened


def commit(store: SQLiteBackend, times: int = EVERY) -> None:
    for _ in range(times):
        store.enqueue([firing()])


def filed_without_its_log(path: Path) -> int:
    """Count the firings in a copy of the file that leaves the write-ahead log behind."""
    copy = path.with_name("copy.db")
    shutil.copy(path, copy)
    with closing(plain(copy)) as db:
        found = db.execute("SELECT (SELECT count(*) FROM inbox) + (SELECT count(*) FROM firing)").fetchone()
        return int(found[0])


def test_the_log_is_copied_into_the_file_before_a_commit_has_to(backend: SQLiteBackend, path: Path) -> None:
    commit(backend)
    assert filed_without_its_log(path) == 0

    backend.maintain()

    assert filed_without_its_log(path) == EVERY


def test_few_transactions_are_left_in_the_log(backend: SQLiteBackend, path: Path) -> None:
    commit(backend)
    backend.maintain()
    commit(backend, EVERY - 1)

    backend.maintain()

    assert filed_without_its_log(path) == EVERY


def test_after_one_of_another_process_transactions_are_counted_anew(
    backend: SQLiteBackend, other: SQLiteBackend, path: Path
) -> None:
    commit(backend)
    commit(other)
    backend.maintain()
    assert filed_without_its_log(path) == 2 * EVERY

    commit(other, 1)
    other.maintain()

    # The first commit after a complete one begins the log anew: the next checkpoint must not begin just then.
    assert filed_without_its_log(path) == 2 * EVERY
    commit(other, EVERY)
    other.maintain()
    assert filed_without_its_log(path) == 3 * EVERY + 1


def test_others_are_noticed_also_where_the_file_beside_the_store_was_removed(
    backend: SQLiteBackend, other: SQLiteBackend, path: Path
) -> None:
    commit(other)
    other.maintain()
    (path.with_name(f"{path.name}-bells") / "checkpoints").unlink()
    commit(other)
    commit(backend)
    backend.maintain()
    assert filed_without_its_log(path) == 3 * EVERY

    commit(other, 1)
    other.maintain()

    assert filed_without_its_log(path) == 3 * EVERY


def test_nobody_waits_for_one_that_another_process_makes(
    backend: SQLiteBackend, other: SQLiteBackend, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(backend)
    commit(other)
    found: list[int] = []
    run = backend._store.readers.run

    def run_beside(query: object) -> object:
        other.maintain()
        found.append(filed_without_its_log(path))
        return run(query)  # type: ignore[arg-type] # as it came

    monkeypatch.setattr(backend._store.readers, "run", run_beside)

    backend.maintain()

    assert found == [0]
    assert filed_without_its_log(path) == 2 * EVERY


def test_a_writer_does_not_keep_it_waiting_and_a_missing_file_is_told_to_others(
    backend: SQLiteBackend, path: Path
) -> None:
    commit(backend)
    with closing(plain(path)) as writing:
        writing.execute("BEGIN IMMEDIATE")
        backend.maintain()
        writing.execute("ROLLBACK")
    assert filed_without_its_log(path) == EVERY
    commit(backend)
    path.unlink()

    backend.maintain()


def test_it_does_nothing_once_the_store_is_closed(backend: SQLiteBackend) -> None:
    commit(backend)
    backend.close()

    backend.maintain()


def test_log_that_grew_large_is_cut_back_by_sweep(
    backend: SQLiteBackend, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Path(f"{path}-wal")
    reader = plain(path)
    backend.enqueue(many(100))
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM firing").fetchone()
    for _ in range(5):
        backend.enqueue(many(500))
    assert log.stat().st_size > 100_000
    monkeypatch.setattr(checkpoints, "_LARGEST_LOG", 100_000)
    assert backend.sweep() == 0
    assert log.stat().st_size > 100_000  # the reader still needs it
    reader.execute("COMMIT")
    reader.close()
    eventually(lambda: (backend.sweep(), log.stat().st_size)[1] == 0)
    assert backend.routes()[0].counts[State.PENDING] == 2_600


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
    monkeypatch.setattr(checkpoints, "_LARGEST_LOG", 0)
    monkeypatch.setattr(checkpoints, "_CUT_WITHIN", 60_000)
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


def test_after_the_log_was_cut_back_transactions_are_counted_anew(
    backend: SQLiteBackend, other: SQLiteBackend, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(other)
    monkeypatch.setattr(checkpoints, "_LARGEST_LOG", 0)
    backend.sweep()
    assert filed_without_its_log(path) == EVERY

    commit(other, 1)
    other.maintain()

    assert filed_without_its_log(path) == EVERY


def test_the_log_is_not_cut_back_while_another_process_makes_a_checkpoint(
    backend: SQLiteBackend, other: SQLiteBackend, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Path(f"{path}-wal")
    commit(backend)
    monkeypatch.setattr(checkpoints, "_LARGEST_LOG", 0)
    sizes: list[int] = []
    run = backend._store.readers.run

    def run_beside(query: object) -> object:
        other._store.checkpoints.cut_back()
        sizes.append(log.stat().st_size)
        return run(query)  # type: ignore[arg-type] # as it came

    monkeypatch.setattr(backend._store.readers, "run", run_beside)
    backend.maintain()
    other._store.checkpoints.cut_back()
    sizes.append(log.stat().st_size)

    assert (sizes[0] > 0, sizes[-1]) == (True, 0)
