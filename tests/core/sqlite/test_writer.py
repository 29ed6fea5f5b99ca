"""Group commit: together when they come together, and each one's failure its own."""

from __future__ import annotations

import ctypes
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from skunkqueue.errors import BackendError, Interrupted
from skunkqueue.persistence.sqlite import SQLiteBackend
from skunkqueue.persistence.sqlite.writer import Writer
from tests.support.waiting import eventually


@pytest.fixture
def writer(backend: SQLiteBackend) -> Writer:
    writer = backend._store.writer
    writer.run(lambda db: db.execute("CREATE TABLE note (text)").fetchall())
    return writer


def note(writer: Writer, text: str) -> None:
    writer.run(lambda db: db.execute("INSERT INTO note VALUES (?)", (text,)).fetchall())


def notes(writer: Writer) -> list[str]:
    return [
        row[0] for row in writer.run(lambda db: db.execute("SELECT text FROM note ORDER BY 1").fetchall())
    ]


class Held:
    """Keeps the commit of one thread open, so that others gather behind it."""

    def __init__(self, writer: Writer) -> None:
        self.entered, self.leave = threading.Event(), threading.Event()
        self.writer = writer

    def run(self) -> None:
        def operation(db: sqlite3.Connection) -> None:
            db.execute("INSERT INTO note VALUES ('held')")
            self.entered.set()
            assert self.leave.wait(10)

        self.writer.run(operation)

    def gathered(self, n: int) -> None:
        assert self.entered.wait(10)
        eventually(lambda: len(self.writer._waiting) == n)


def test_those_who_come_meanwhile_are_committed_together(writer: Writer) -> None:
    held, seen = Held(writer), []

    def operation(db: sqlite3.Connection) -> None:
        seen.append(db.execute("SELECT count(*) FROM note").fetchone()[0])
        db.execute("INSERT INTO note VALUES ('x')")

    with ThreadPoolExecutor(6) as threads:
        first = threads.submit(held.run)
        assert held.entered.wait(10)
        others = [threads.submit(writer.run, operation) for _ in range(5)]
        held.gathered(5)
        commits: list[str] = []
        assert writer._db is not None
        writer._db.set_trace_callback(lambda sql: commits.append(sql) if sql == "COMMIT" else None)
        held.leave.set()
        for one in [first, *others]:
            one.result(10)
        writer._db.set_trace_callback(None)
    assert seen == [1, 2, 3, 4, 5]
    assert len(commits) == 2


def test_one_that_fails_takes_none_of_its_group_with_it(writer: Writer) -> None:
    held = Held(writer)

    def fails(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO note VALUES ('never seen')")
        raise ValueError("its own fault")

    with ThreadPoolExecutor(6) as threads:
        first = threads.submit(held.run)
        assert held.entered.wait(10)
        good = [threads.submit(note, writer, f"good {n}") for n in range(2)]
        bad = threads.submit(writer.run, fails)
        more = threads.submit(note, writer, "good 2")
        held.gathered(4)
        held.leave.set()
        with pytest.raises(ValueError, match="its own fault"):
            bad.result(10)
        for one in [first, *good, more]:
            one.result(10)
    assert notes(writer) == ["good 0", "good 1", "good 2", "held"]


def test_error_of_sqlite_is_translated(writer: Writer, path: Path) -> None:
    with pytest.raises(BackendError, match=str(path)):
        writer.run(lambda db: db.execute("INSERT INTO note VALUES (1, 2, 3)"))


def test_interrupted_leader_harms_nobody(writer: Writer) -> None:
    held = Held(writer)

    def interrupted() -> None:
        with pytest.raises(Interrupted):
            held.run()

    leader = threading.Thread(target=interrupted)
    leader.start()
    with ThreadPoolExecutor(3) as threads:
        assert held.entered.wait(10)
        others = [threads.submit(note, writer, f"{n}") for n in range(3)]
        held.gathered(3)
        raise_in(leader)
        held.leave.set()
        for one in others:
            one.result(10)
    leader.join(10)
    assert notes(writer) == ["0", "1", "2"]


def test_interrupted_follower_leaves_no_gap(writer: Writer) -> None:
    held = Held(writer)

    def interrupted() -> None:
        with pytest.raises(Interrupted):
            note(writer, "gone")

    thread = threading.Thread(target=interrupted)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(held.run)
        assert held.entered.wait(10)
        thread.start()
        held.gathered(1)
        last = threads.submit(note, writer, "last")
        held.gathered(2)
        raise_in(thread)
        held.leave.set()
        first.result(10)
        last.result(10)
    thread.join(10)
    assert "last" in notes(writer)
    note(writer, "and on it goes")


def raise_in(thread: threading.Thread) -> None:
    """Do what the worker does to a job that must stop."""
    ident = ctypes.c_ulong(thread.ident or 0)
    assert ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(_Stop)) == 1


class _Stop(Interrupted):
    def __init__(self) -> None:
        super().__init__("test")


def test_action_alone_undoes_nothing_of_others(writer: Writer) -> None:
    held = Held(writer)
    with ThreadPoolExecutor(6) as threads:
        first = threads.submit(held.run)
        assert held.entered.wait(10)
        before = threads.submit(note, writer, "before")
        held.gathered(1)
        alone = threads.submit(writer.alone, lambda db: db.execute("PRAGMA wal_checkpoint").fetchone())
        held.gathered(2)
        after = threads.submit(note, writer, "after")
        held.gathered(3)
        held.leave.set()
        for one in (first, before, alone, after):
            one.result(10)
    assert notes(writer) == ["after", "before", "held"]
