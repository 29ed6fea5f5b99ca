"""Work that a commit leaves for later, and that an operation which needs it does first.

Two kinds: firings in the inbox are filed (``inbox``), and batches of firings that ended are sorted by job (``unsorted``).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TypeVar

from skunkqueue.persistence.sqlite import inbox, unsorted

T = TypeVar("T")


def is_done(db: sqlite3.Connection) -> bool:
    """Return whether nothing is left to file or to sort; cheap."""
    return inbox.is_empty(db) and unsorted.is_empty(db)


def do_all(db: sqlite3.Connection) -> None:
    """File what is in the inbox, and sort what has ended."""
    inbox.file_all(db)
    unsorted.sort_all(db)


def after_filing(operation: Callable[[sqlite3.Connection], T]) -> Callable[[sqlite3.Connection], T]:
    """File what is in the inbox before an operation that must find it."""

    def run(db: sqlite3.Connection) -> T:
        inbox.file_all(db)
        return operation(db)

    return run


def after_sorting(operation: Callable[[sqlite3.Connection], T]) -> Callable[[sqlite3.Connection], T]:
    """File and sort before an operation that changes or counts what has ended."""

    def run(db: sqlite3.Connection) -> T:
        do_all(db)
        return operation(db)

    return run
