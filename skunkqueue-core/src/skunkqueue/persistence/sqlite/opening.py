"""Opening a store: the file and its tables are made where they are missing, and older tables are upgraded."""

from __future__ import annotations

import sqlite3
from contextlib import suppress

import msgspec

from skunkqueue.clock import Clock
from skunkqueue.errors import BackendError, BackendFullError, ConfigError
from skunkqueue.persistence.sqlite import forks, location, schema, wall_clock
from skunkqueue.persistence.sqlite.busy import retry_while_busy
from skunkqueue.persistence.sqlite.connections import connect
from skunkqueue.persistence.sqlite.errors import translate
from skunkqueue.persistence.sqlite.location import Location
from skunkqueue.persistence.sqlite.readers import snapshot
from skunkqueue.persistence.sqlite.store import Store

_OLDEST_SQLITE = (3, 35, 0)
_BRIEFLY = 1.0
"""Seconds for which a store on a full disk is waited for that another process has open, too."""


def open_store(
    at: Location, clock: Clock, *, default: bool, create: bool = True, brief: bool = False
) -> Store:
    """Open a file, and make it and its tables where they are missing. Any number of processes may do so at once.

    ``default``: it is the default location, whose folders may be made. Without ``create``: raise StoreMissingError instead.
    ``brief``: it is closed soon, so other processes may be kept out meanwhile where that is needed to read it.
    """
    if not create:
        location.require(at.path)
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        msg = (
            f"this Python has SQLite {sqlite3.sqlite_version}, and SkunkQueue needs 3.35 or later: use a newer Python,"
            f" or another backend"
        )
        raise ConfigError(msg)
    location.prepare(at.path, default=default)
    try:
        _make_schema(at, clock)
        return Store(at, clock)
    except sqlite3.Error as error:
        told = translate(error, at.path, writes=False)
        if brief and isinstance(told, BackendFullError):
            with suppress(sqlite3.Error, BackendError):
                return _open_alone(at, clock)
        raise told from error


def _open_alone(at: Location, clock: Clock) -> Store:
    """Open the store on a full disk, where no other process has it open: no file beside it is needed then."""
    alone = msgspec.structs.replace(at, alone=True, busy_timeout=min(at.busy_timeout, _BRIEFLY))
    _make_schema(alone, clock)
    return Store(alone, clock)


def _make_schema(at: Location, clock: Clock) -> None:
    boot = wall_clock.boot_id(clock)
    opened: list[forks.Connection] = []
    # Closed twice, since an exception may also come in the middle of closing.
    try:
        try:
            retry_while_busy(at, lambda: connect(at, opened, write=True))
            retry_while_busy(at, lambda: forks.guarded(opened, _make_tables, opened[0], at, clock, boot))
        finally:
            forks.close_all(opened)
    finally:
        forks.close_all(opened)


def _make_tables(db: sqlite3.Connection, at: Location, clock: Clock, boot: str) -> None:
    """Make or upgrade the tables. Raises where the file is busy; may be called again then."""
    # In one snapshot: a schema that another process is making would look like that of another program.
    version = snapshot(lambda db: schema.version_of(db, at.path))(db)
    db.execute("PRAGMA journal_mode = WAL").fetchall()
    if version == len(schema.STEPS) and wall_clock.boot_is(db, boot):
        return
    if at.alone and version == len(schema.STEPS):
        # The disk is full: it cannot be noted that the machine has started anew, and nobody will claim anything.
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        schema.migrate(db, at.path)
        wall_clock.note_boot(db, boot, clock.now() - clock.monotonic())
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
