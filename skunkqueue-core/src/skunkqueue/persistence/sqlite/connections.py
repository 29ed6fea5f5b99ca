"""Opening connections to the file, and noticing that the file was replaced. Knows nothing of tables."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from skunkqueue.errors import BackendError
from skunkqueue.persistence.sqlite import forks
from skunkqueue.persistence.sqlite.location import Location

T = TypeVar("T")

_WRITE_CACHE_KIB = 4096
_READ_CACHE_KIB = 1024
_WAL_KEPT = 16 << 20
CHECKPOINT_PAGES = 4000
READ_CHECKPOINT_PAGES = 16_000
"""The same after what a read wrote: a checkpoint takes some 30 ms, for which nobody who looks should wait beside those that write."""


_ALONE = "unix-excl"
"""How SQLite names its way of keeping other processes out of a file, for as long as a connection is open."""
_open: Callable[..., forks.Connection] = partial(  # type: ignore[assignment] # of the class that ``factory`` names
    sqlite3.connect,
    timeout=0.0,
    isolation_level=None,
    check_same_thread=False,
    cached_statements=256,
    factory=forks.Connection,
)
_open_url = partial(_open, uri=True)


def connect(location: Location, into: list[forks.Connection], *, write: bool) -> None:
    """Open the file as it is, and add the connection to a list; the schema is not looked at.

    So a connection is always in a list, whenever a signal handler raises.
    """
    forks.guarded(into, _connect, location, into, write)


def move(source: list[T], target: list[T]) -> None:
    """Move the last item of one list to the end of another, in one call; IndexError: the list is empty."""
    target.extend(map(list.pop, (source,)))


def _connect(location: Location, into: list[forks.Connection], write: bool) -> None:  # noqa: FBT001 - called by position
    forks.let_go_of_inherited()
    opened: list[forks.Connection] = []
    try:
        if location.alone:
            opened.extend(map(_open_url, (f"{location.path.absolute().as_uri()}?vfs={_ALONE}",)))
        else:
            opened.extend(map(_open, (location.path,)))
        db = opened[0]
        forks.note(db)
        db.execute(f"PRAGMA cache_size = -{_WRITE_CACHE_KIB if write else _READ_CACHE_KIB}")
        if write:
            db.execute(f"PRAGMA synchronous = {location.synchronous}")
            db.execute(f"PRAGMA journal_size_limit = {_WAL_KEPT}")
            # Four times SQLite's default: a page that many commits touch is copied and synced less often.
            db.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
            # Some builds overwrite deleted rows with zeros, at a third of the speed.
            db.execute("PRAGMA secure_delete = OFF")
            db.execute("PRAGMA temp_store = MEMORY")
        else:
            db.execute("PRAGMA query_only = ON")
        move(opened, into)
    except BaseException:
        for db in opened:
            db.close()
        raise


def identity_of(location: Location) -> tuple[int, int] | None:
    """Return which file the path leads to now; ``None``: no file. SQLite itself would not notice a change."""
    try:
        found = os.stat(location.path)  # noqa: PTH116 - a third of the cost, in each transaction
    except OSError:
        return None
    return found.st_dev, found.st_ino


def closed(location: Location) -> BackendError:
    """Make the error for a use of the backend after ``close``."""
    return BackendError(f"{location.path}: this backend was closed: open the store again")
