"""What the tests of this folder make again and again."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from skunkqueue.clock import SYSTEM_CLOCK, Clock
from skunkqueue.ids import new_id
from skunkqueue.persistence import BackendConfig
from skunkqueue.persistence.sqlite import SQLiteBackend
from skunkqueue.persistence.sqlite.forks import Connection
from skunkqueue.records import Claim, Firing, Outcome, Verdict

T = TypeVar("T")

CHILD = Path(__file__).with_name("child.py")


def open_at(path: Path, clock: Clock = SYSTEM_CLOCK, **options: str) -> SQLiteBackend:
    return SQLiteBackend.open(BackendConfig(backend="sqlite", url=str(path), options=options), clock=clock)


def firing(**more: Any) -> Firing:
    return Firing(**{"id": new_id(), "queue": "q", "route": "r", "body": b"body", **more})


def many(n: int, **more: Any) -> list[Firing]:
    return [firing(**more) for _ in range(n)]


def claim(backend: SQLiteBackend, limit: int = 10, worker: str = "w", lease: float = 15.0) -> list[Claim]:
    return backend.claim("q", "r", worker, limit, lease)


def done(lent: Claim, **more: Any) -> Outcome:
    return Outcome(
        **{"id": lent.id, "token": lent.token, "verdict": Verdict.COMPLETE, "result": b"r", **more}
    )


def finish(backend: SQLiteBackend, n: int) -> None:
    """Put in and complete so many."""
    while n > 0:
        batch = min(n, 500)
        backend.enqueue(many(batch))
        assert backend.settle([done(lent) for lent in claim(backend, batch)]) == []
        n -= batch


def steps(backend: SQLiteBackend, action: Callable[[], T]) -> int:
    """Count the instructions SQLite's machine makes for an action, in tens: a cost without a clock."""
    counted = 0

    def tick() -> int:
        nonlocal counted
        counted += 1
        return 0

    store = backend._store
    lent: list[Connection] = []
    store.readers.borrow(lent)
    reader = lent[0]
    store.readers.give_back(lent)
    writer = store.writer._db
    assert writer is not None
    for db in (reader, writer):
        db.set_progress_handler(tick, 10)
    try:
        action()
    finally:
        for db in (reader, writer):
            db.set_progress_handler(None, 0)
    return counted


def rows_in(backend: SQLiteBackend, table: str) -> int:
    """Count the rows of a table."""
    statement = f"SELECT count(*) FROM {table}"  # noqa: S608 - constants
    return int(backend._store.readers.run(lambda db: db.execute(statement).fetchone())[0])


def plain(path: Path) -> sqlite3.Connection:
    """Open the file as some other program would."""
    return sqlite3.connect(path, isolation_level=None, timeout=0.0)


def child(role: str, path: Path, *more: str) -> subprocess.Popen[str]:
    """Start a process that does one thing with the store."""
    return subprocess.Popen(
        [sys.executable, str(CHILD), role, str(path), *more],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def result_of(process: subprocess.Popen[str]) -> str:
    """Wait for its end, which must be a good one, and return what it said."""
    out, complaints = process.communicate(timeout=60)
    assert (process.returncode, complaints) == (0, "")
    return out.strip()
