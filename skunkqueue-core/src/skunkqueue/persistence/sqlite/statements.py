"""Many rows by few statements: to begin and end a statement costs nearly as much as a row does."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

import msgspec

_SIZES = (50, 10)
"""Rows of one statement; the rest is inserted one by one. More than fifty rows gain nothing."""


def insert(db: sqlite3.Connection, into: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows of equal length; ``into``: the statement up to its columns."""
    at, count = 0, len(rows)
    for size in _SIZES:
        if count - at >= size:
            statement = _statement(into, len(rows[0]), size)
            while count - at >= size:
                db.execute(statement, tuple(chain.from_iterable(rows[at : at + size])))
                at += size
    if count > at:
        db.executemany(_statement(into, len(rows[0]), 1), rows[at:] if at else rows)


def insert_alike(
    db: sqlite3.Connection, into: str, shared: tuple[Any, ...], own: Sequence[Any], width: int = 1
) -> None:
    """Insert rows whose first values are the same in all; ``own``: the other values, ``width`` of each row.

    What is shared is given once a statement, since to give a value costs a tenth of a row.
    """
    at, count = 0, len(own)
    for rows in (*_SIZES, 1):
        size = rows * width
        if count - at >= size:
            statement = _statement_alike(into, len(shared), width, rows)
            while count - at >= size:
                db.execute(statement, (*shared, *own[at : at + size]))
                at += size


@lru_cache(maxsize=64)
def _statement_alike(into: str, shared: int, width: int, rows: int) -> str:
    columns = ["?"] * shared + [f"column{n}" for n in range(1, width + 1)]
    one = f"({', '.join('?' * width)})"
    return f"{into} SELECT {', '.join(columns)} FROM (VALUES {', '.join([one] * rows)})"  # noqa: S608 - constants


@lru_cache(maxsize=64)
def _statement(into: str, width: int, rows: int) -> str:
    one = f"({', '.join('?' * width)})"
    return f"{into} VALUES {', '.join([one] * rows)}"


def as_json(ids: Iterable[str]) -> str:
    """Write ids as one value of a statement. A text that cannot be an id is left out, and so it is not found."""
    return msgspec.json.encode([id_ for id_ in ids if id_.isascii()]).decode()
