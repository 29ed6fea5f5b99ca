"""Errors of SQLite become errors that name the file, the problem and the way out.

Python 3.10 does not give SQLite's error codes, so this module reads the messages. SQLite has not changed them for
twenty years (``sqlite3ErrStr`` in its ``main.c``).
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from skunkqueue.errors import (
    BackendDamagedError,
    BackendError,
    BackendFullError,
    BackendReadOnlyError,
    BackendUnavailableError,
)

_ALMOST_NOTHING = 1 << 20
_NOT_READ = (
    "the store cannot be opened (SQLite needs room for a file beside it, where no other process has it open)"
)


def is_busy(error: sqlite3.Error) -> bool:
    """Return whether the call may work a moment later, because another process holds the file now."""
    text = str(error)
    return "is locked" in text or "database schema has changed" in text


def translate(error: sqlite3.Error, path: Path, *, writes: bool = True) -> BackendError:  # noqa: PLR0911 - one for each thing that goes wrong
    """Make an error of ours out of SQLite's; the caller raises it ``from`` the original.

    ``writes``: it was to be stored what the caller gave.
    """
    text = str(error)
    if is_busy(error):
        return locked(path, 0.0)
    if "is full" in text or ("disk I/O error" in text and _disk_is_full(path)):
        return BackendFullError(
            f"{path}: the disk is full (or the file's size limit is reached), so"
            f" {'nothing was stored' if writes else _NOT_READ}; what was"
            f" accepted before is safe. Make room on the disk and try again"
        )
    if "readonly" in text:
        return read_only(path)
    if "unable to open" in text:
        return BackendUnavailableError(
            f"{path}: cannot be opened ({text}): check that the folder exists, that this user may write to it,"
            f" and that the process has not too many files open"
        )
    if "not a database" in text:
        return not_ours(path, "it is not an SQLite database")
    if "malformed" in text or "corrupt" in text:
        return BackendDamagedError(
            f"{path}: the database is damaged ({text}): stop everything that uses it, keep a copy of the file"
            f" and its -wal, and save what can be read with `sqlite3 {path} .recover`"
        )
    if "no such table" in text or "no such column" in text:
        return BackendDamagedError(
            f"{path}: a part of the store is missing ({text}): restore it from a backup"
        )
    return BackendError(f"{path}: SQLite failed: {text}")


def locked(path: Path, waited: float) -> BackendUnavailableError:
    """Make the error for a file whose write lock another program holds longer than ``busy_timeout``."""
    spent = f" for {waited:g} s" if waited else ""
    return BackendUnavailableError(
        f"{path}: locked by another program{spent}: find it with `fuser -v {path}` (an open transaction in an"
        f" SQLite shell, a backup, a stopped process) and end it, or wait longer with the option busy_timeout"
    )


def replaced(path: Path) -> BackendUnavailableError:
    """Make the error for a file that was removed or replaced while this process has it open."""
    return BackendUnavailableError(
        f"{path}: the file was removed or replaced while this process had it open, and what is written now would"
        f" be lost: put it back, or start this process again"
    )


def read_only(path: Path) -> BackendReadOnlyError:
    """Make the error for a file or folder that this user may not write to."""
    return BackendReadOnlyError(
        f"{path}: this user may not write to it, or not to its folder (SQLite keeps files beside it): change"
        f" their owner or mode, or name another file with the URL sqlite:////path/to/file.db"
    )


def not_ours(path: Path, why: str) -> BackendDamagedError:
    """Make the error for a file that is not a store."""
    return BackendDamagedError(
        f"{path}: this is not a SkunkQueue store: {why}. Name another file, or move this one away so that a new"
        f" store can be made in its place"
    )


def _disk_is_full(path: Path) -> bool:
    # SQLite reports a full disk as a plain I/O error where it was about to enlarge the -shm file.
    try:
        disk = os.statvfs(path.parent)
    except OSError:
        return False
    return disk.f_bavail * disk.f_frsize < _ALMOST_NOTHING
