"""Other processes and programs on the same file: waiting for them, opening together."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.errors import BackendUnavailableError
from skunkqueue.persistence.sqlite import SQLiteBackend
from skunkqueue.records import State
from tests.core.sqlite.makers import child, claim, done, firing, many, open_at, plain, result_of
from tests.support.waiting import pause


def test_file_locked_by_another_program_for_too_long_is_named(path: Path) -> None:
    backend = open_at(path, busy_timeout="0.05")
    other = plain(path)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(
        BackendUnavailableError, match=rf"{path}: locked by another program for 0.05 s.*fuser"
    ):
        backend.enqueue([firing()])
    other.close()
    assert len(backend.enqueue([firing()])) == 1
    backend.close()


def test_exclusively_locked_file_cannot_be_opened(path: Path) -> None:
    open_at(path).close()
    other = plain(path)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("PRAGMA journal_mode = DELETE")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(BackendUnavailableError, match=f"{path}: locked by another program"):
        open_at(path, busy_timeout="0.05")
    other.close()


def test_opening_the_file_again_in_one_process_does_not_drop_its_locks(
    backend: SQLiteBackend, path: Path
) -> None:
    before = backend.enqueue([firing()])
    open_at(path).close()
    # A process that comes and goes, and would clear up if it were the last.
    elsewhere(path)
    after = backend.enqueue([firing()])

    assert elsewhere(path) >= set(before + after)


def elsewhere(path: Path) -> set[str]:
    """Open the store in a process of its own, and list what is pending there."""
    return set(result_of(child("list_pending", path)).split())


def test_writer_waits_for_another_program_to_finish(backend: SQLiteBackend, path: Path) -> None:
    other = plain(path)
    other.execute("BEGIN IMMEDIATE")
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(backend.enqueue, [made := firing()])
        pause(0.05)
        assert not waiting.done()
        other.execute("COMMIT")
        assert waiting.result(10) == [made.id]
    other.close()


def test_reading_goes_on_while_somebody_writes(backend: SQLiteBackend, path: Path) -> None:
    kept = backend.enqueue(many(10))
    other = plain(path)
    other.execute("BEGIN IMMEDIATE")
    other.execute("UPDATE tally SET live = 99")
    assert [record and record.state for record in backend.get(kept)] == [State.PENDING] * 10
    assert backend.routes()[0].counts[State.PENDING] == 10
    other.execute("ROLLBACK")
    other.close()


def test_idle_claim_does_not_need_the_write_lock(path: Path) -> None:
    backend = open_at(path, VirtualClock(), busy_timeout="0")
    backend.enqueue([firing(delay=60.0, key="makes the route known")])
    # The samples of a minute are written once.
    assert backend.sweep() == 0
    other = plain(path)
    other.execute("BEGIN IMMEDIATE")
    assert claim(backend) == []
    assert backend.sweep() == 0
    other.close()
    backend.close()


def test_sixteen_processes_open_a_new_store_at_once(path: Path) -> None:
    children = [child("put_one", path) for _ in range(16)]
    for one in children:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    ids = [result_of(one) for one in children]
    backend = open_at(path)
    assert [record and record.state for record in backend.get(ids)] == [State.PENDING] * 16
    backend.close()


def test_many_processes_that_fire_and_work_never_see_a_lock(path: Path) -> None:
    children = [child("put_and_run", path, "150") for _ in range(8)]
    finished = sum(int(result_of(one)) for one in children)
    backend = open_at(path)
    while lent := claim(backend, 100):
        finished += len(lent) - len(backend.settle([done(one) for one in lent]))
    assert (finished, backend.routes()[0].counts[State.COMPLETE]) == (8 * 150, 8 * 150)
    backend.close()


def test_two_stores_in_one_process_see_each_other(path: Path) -> None:
    first, second = open_at(path), open_at(path)
    first.enqueue([made := firing()])
    assert [lent.id for lent in claim(second)] == [made.id]
    first.close()
    assert second.get([made.id])[0] is not None
    second.close()


def test_close_waits_for_nobody_and_frees_those_who_wait(path: Path) -> None:
    backend = open_at(path)
    entered = threading.Event()

    def wait() -> bool:
        entered.set()
        return backend.wait("q", "r", "w", 60.0)

    with ThreadPoolExecutor(2) as threads:
        waiting, listening = threads.submit(wait), threads.submit(backend.listen, "w", 60.0)
        assert entered.wait(10)
        pause(0.05)
        backend.close()
        assert (waiting.result(10), listening.result(10)) == (False, [])
