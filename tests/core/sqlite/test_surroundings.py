"""What happens around a store while a process uses it: its file is taken away, others open it, signals."""

from __future__ import annotations

import signal
import sqlite3
import threading
from pathlib import Path

import pytest

from skunkqueue.config import open_backend, resolve
from skunkqueue.errors import BackendError, BackendUnavailableError
from skunkqueue.ids import new_id
from skunkqueue.persistence.sqlite import schema
from skunkqueue.records import Firing


def firing() -> Firing:
    return Firing(id=new_id(), queue="q", route="r", body=b"b")


def test_nothing_is_accepted_into_a_file_that_was_removed(tmp_path: Path) -> None:
    path = tmp_path / "q.db"
    backend = open_backend(resolve(conn_url=f"sqlite:///{path}"))
    backend.enqueue([firing()])
    moved = path.rename(tmp_path / "elsewhere.db")

    with pytest.raises(BackendUnavailableError, match="removed or replaced"):
        backend.enqueue([firing()])
    with pytest.raises(BackendUnavailableError, match="removed or replaced"):
        backend.wait("q", "other", "w", 10)
    moved.rename(path)
    backend.enqueue([firing()])
    assert len(backend.claim("q", "r", "w", 10, 60)) == 2
    backend.close()


def test_a_schema_made_meanwhile_by_another_process_is_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/q.db"
    real = schema.version_of
    other = threading.Thread(target=lambda: open_backend(resolve(conn_url=url)).close())

    def slow(db: sqlite3.Connection, where: Path) -> int:
        monkeypatch.setattr(schema, "version_of", real)
        db.execute("PRAGMA application_id").fetchone()
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        other.start()
        # It either gets through now, or has to wait until this one has looked.
        other.join(0.5)
        return real(db, where)

    monkeypatch.setattr(schema, "version_of", slow)
    backend = open_backend(resolve(conn_url=url))
    other.join()

    assert len(backend.enqueue([firing()])) == 1
    backend.close()


def test_a_signal_handler_that_fires_in_the_middle_of_a_firing_is_told_and_not_stuck(tmp_path: Path) -> None:
    backend = open_backend(resolve(conn_url=f"sqlite:///{tmp_path}/q.db"))
    backend.enqueue([firing()])
    told: list[str] = []

    inside: list[bool] = []

    def handler(*_: object) -> None:
        if inside:
            # On a slow machine the timer comes again before it has ended, and again within that.
            return
        inside.append(True)
        try:
            backend.enqueue([firing()])
        except BackendError as error:
            told.append(str(error))
        finally:
            inside.clear()

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.0007)
    try:
        for _ in range(20_000):
            backend.enqueue([firing()])
            if told:
                break
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    backend.close()

    assert "set a flag in the handler" in told[0]
