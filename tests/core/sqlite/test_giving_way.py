"""A process that writes all the time gives way to readers that have waited for long, in whatever process."""

from __future__ import annotations

import shutil
import stat
import struct
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from skunkqueue.clock import monotonic
from skunkqueue.listings import Query
from skunkqueue.persistence.sqlite import SQLiteBackend, giving_way
from skunkqueue.persistence.sqlite.connections import CHECKPOINT_PAGES, READ_CHECKPOINT_PAGES
from skunkqueue.persistence.sqlite.giving_way import GivingWay
from tests.core.sqlite.makers import firing, plain
from tests.support.waiting import eventually, pause


class Time:
    """The module's clock, and the pauses that it made."""

    def __init__(self) -> None:
        self.now = 100.0
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    time = Time()
    monkeypatch.setattr(giving_way, "monotonic", time.monotonic)
    monkeypatch.setattr(giving_way, "time", time)
    return time


@pytest.fixture
def note(path: Path) -> Path:
    folder = path.with_name("q.db-bells")
    folder.mkdir(exist_ok=True)
    return folder / "waits"


def test_a_process_gives_way_to_another_that_waits(time: Time, note: Path) -> None:
    GivingWay(note).wait()
    time.now += 0.001

    GivingWay(note).give_way()

    assert len(time.pauses) == 1


@pytest.mark.parametrize("passed", [-1.0, 0.004, 1e6])
def test_a_note_that_was_not_renewed_is_over(time: Time, note: Path, passed: float) -> None:
    GivingWay(note).wait()
    time.now += passed

    GivingWay(note).give_way()

    assert not time.pauses


def test_a_process_does_not_give_way_to_itself(time: Time, note: Path) -> None:
    one = GivingWay(note)
    one.wait()

    one.give_way()

    assert not time.pauses


def test_a_process_looks_at_most_once_a_millisecond(time: Time, note: Path) -> None:
    one = GivingWay(note)
    one.give_way()
    GivingWay(note).wait()
    time.now += 0.0005

    one.give_way()
    before = list(time.pauses)
    time.now += 0.001
    one.give_way()

    assert (before, len(time.pauses)) == ([], 1)


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 8])
def test_whatever_else_is_in_the_file_is_no_note(time: Time, note: Path, content: bytes) -> None:
    note.write_bytes(content)

    GivingWay(note).give_way()

    assert not time.pauses


def test_without_the_folder_nobody_gives_way(time: Time, tmp_path: Path) -> None:
    one = GivingWay(tmp_path / "missing" / "waits")

    one.wait()
    one.give_way()

    assert not time.pauses


def test_a_file_that_was_removed_is_made_again(time: Time, note: Path) -> None:
    one, other = GivingWay(note), GivingWay(note)
    one.give_way()
    other.wait()
    shutil.rmtree(note.parent)
    time.now += 3.0
    note.parent.mkdir()

    other.wait()
    one.give_way()

    assert len(time.pauses) == 1


def test_closed_it_stays_closed(time: Time, note: Path) -> None:
    one = GivingWay(note)
    one.close()
    GivingWay(note).wait()
    time.now += 3.0

    one.give_way()
    one.wait()

    assert not time.pauses


def test_only_its_user_may_read_the_file(note: Path) -> None:
    GivingWay(note).wait()

    assert stat.S_IMODE(note.stat().st_mode) == 0o600


def noted_in(note: Path) -> float:
    """Return when somebody last noted that it waits."""
    content = note.read_bytes() if note.exists() else b""
    return float(struct.unpack("d", content)[0]) if content else 0.0


def while_locked(path: Path, action: Callable[[], object], until: Callable[[], object]) -> None:
    """Do something while another program writes, which lets go once ``until`` returns something true."""
    other = plain(path)
    other.execute("BEGIN IMMEDIATE")
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(action)
        try:
            eventually(until, 60.0, what="it waits")
        finally:
            other.execute("ROLLBACK")
            other.close()
        waiting.result(60)


def test_a_reader_that_waits_for_its_turn_leaves_a_note(
    backend: SQLiteBackend, path: Path, note: Path
) -> None:
    # It is to be filed before it can be listed.
    backend.enqueue([firing()])
    began = monotonic()

    while_locked(path, lambda: backend.rows(Query()), lambda: noted_in(note) > began)


def test_a_writer_that_waits_leaves_none(backend: SQLiteBackend, path: Path, note: Path) -> None:
    begun = threading.Event()

    def enqueue() -> None:
        begun.set()
        backend.enqueue([firing()])

    def waited() -> bool:
        assert begun.wait(60)
        pause(0.2)
        return True

    while_locked(path, enqueue, waited)

    assert not note.exists() or note.stat().st_size == 0


def test_whoever_writes_gives_way_first(time: Time, backend: SQLiteBackend, note: Path) -> None:
    GivingWay(note).wait()
    time.now += 0.001

    backend.enqueue([firing()])

    assert len(time.pauses) == 1


def test_a_read_leaves_checkpoints_to_those_that_write(backend: SQLiteBackend) -> None:
    def pages() -> int:
        found: int = backend._store.writer.alone(
            lambda db: db.execute("PRAGMA wal_autocheckpoint").fetchone()[0]
        )
        return found

    backend.enqueue([firing()])
    backend.rows(Query())
    after_a_read = pages()
    backend.enqueue([firing()])

    assert (after_a_read, pages()) == (READ_CHECKPOINT_PAGES, CHECKPOINT_PAGES)
