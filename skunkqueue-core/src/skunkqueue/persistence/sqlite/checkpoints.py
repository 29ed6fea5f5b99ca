"""Checkpoints of the write-ahead log, made while others read and write; and a log that grew large is cut back.

A checkpoint copies the log into the file. Left to itself, SQLite makes one in the middle of the commit that makes the log long
enough. Whoever makes that commit, and all who want to write, then wait for two disk syncs.

One process at a time makes one, or cuts the log back, and the next one comes after some commits that are later. For SQLite before
3.51.3 has a fault, which needs a checkpoint that begins just when the one before it is complete and a commit begins the log anew
(https://sqlite.org/wal.html#walresetbug). Here that commit is long over.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from contextlib import suppress
from pathlib import Path

from skunkqueue.clock import Clock
from skunkqueue.errors import BackendError
from skunkqueue.persistence.sqlite.descriptor import Descriptor
from skunkqueue.persistence.sqlite.readers import Readers
from skunkqueue.persistence.sqlite.writer import Writer

EVERY = 100
"""Transactions of this process between two checkpoints: some hundred pages of the log where firings come one by one."""
_NOTE = 8
"""Bytes of the note that the last checkpoint has left."""
_LARGEST_LOG = 64 << 20
_CUT_WITHIN = 1_000
"""Milliseconds for which nobody writes at most while the log is cut back: the reads under way must end first."""
_CUT_AGAIN = 120.0
"""Seconds after which a worker waits again where a read took longer; until then it only tries."""


class Checkpoints:
    """For one open store."""

    def __init__(self, path: Path, log: Path, readers: Readers, writer: Writer, clock: Clock) -> None:
        """``path``: of a file beside the store, in a folder that others make. It is locked, and holds the note of the last one.

        ``log``: the write-ahead log.
        """
        self._path = path
        self._log = log
        self._clock = clock
        self._readers = readers
        self._writer = writer
        self._file: Descriptor | None = None
        self._note = b""
        self._since = 0
        """Transactions that this process had committed when it saw that note first."""
        self._cut_again = 0.0
        """From when on a read may be waited for to cut back the log, by the monotonic clock."""

    def look(self) -> None:
        """Make a checkpoint, if it is time."""
        if self._writer.commits - self._since < EVERY:
            return
        file = self._opened()
        if file is None or not self._is_known(file):
            return
        if not _lock(file):
            # Another process makes one.
            return
        try:
            if self._is_known(file):
                self._make(file)
        finally:
            fcntl.flock(file.fd, fcntl.LOCK_UN)

    def cut_back(self) -> None:
        """Cut back a log that long reads have made large."""
        try:
            large = self._log.stat().st_size > _LARGEST_LOG
        except OSError:
            # The log is missing, or its folder: the next read or write raises an error that names it.
            return
        if large:
            # Of its own, and gone with this call however that ends: what it locks is free then.
            file = self._new_file()
            if file is None or _lock(file):
                self._try_to_cut()
                if file is not None:
                    _leave_note(file)

    def _try_to_cut(self) -> None:
        now = self._clock.monotonic()
        within = _CUT_WITHIN if now >= self._cut_again else 0
        if self._writer.alone(lambda db: _empty(db, within)):
            self._cut_again = 0.0
        elif within:
            self._cut_again = now + _CUT_AGAIN

    def close(self) -> None:
        """Close the file."""
        self._file = None

    def _make(self, file: Descriptor) -> None:
        # On a full disk, say, or where the store was replaced. Whoever reads or writes next is told.
        with suppress(BackendError):
            self._readers.run(lambda db: db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone())
        self._note = _leave_note(file)
        self._since = self._writer.commits

    def _is_known(self, file: Descriptor) -> bool:
        """Return whether nobody else has made one since; where somebody has, count from now on."""
        try:
            note = os.pread(file.fd, _NOTE, 0)
        except OSError:
            return False
        if note == self._note:
            return True
        self._note, self._since = note, self._writer.commits
        return False

    def _opened(self) -> Descriptor | None:
        if self._file is not None:
            try:
                is_there = os.fstat(self._file.fd).st_ino == os.stat(self._path).st_ino  # noqa: PTH116 - pairs with fstat
            except OSError:
                is_there = False
            if not is_there:
                # Somebody has removed it, and others lock another one.
                self._file = None
        if self._file is None:
            self._file = self._new_file()
        return self._file

    def _new_file(self) -> Descriptor | None:
        with suppress(OSError):
            return Descriptor(self._path, os.O_RDWR | os.O_CREAT)
        return None


def _lock(file: Descriptor) -> bool:
    """Lock the file for whoever has it open so; False where another one has."""
    try:
        fcntl.flock(file.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _leave_note(file: Descriptor) -> bytes:
    """Have all others wait for some commits before the next checkpoint."""
    note = os.urandom(_NOTE)
    with suppress(OSError):
        os.pwrite(file.fd, note, 0)
    return note


def _empty(db: sqlite3.Connection, within: int) -> bool:
    """Empty the write-ahead log within so many milliseconds; False where a read lasts longer.

    Where one read or another is always under way, the log never gets empty by itself. So this waits for those that
    began before; meanwhile others read, and nobody writes.
    """
    db.execute(f"PRAGMA busy_timeout = {within}").fetchone()
    try:
        busy = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    finally:
        db.execute("PRAGMA busy_timeout = 0").fetchone()
    return not busy
