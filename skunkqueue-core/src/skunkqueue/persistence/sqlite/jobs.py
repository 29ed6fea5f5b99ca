"""Names of jobs, and the numbers that stand for them in the rows of firings. A number is never changed or removed.

Every function here runs inside a transaction that its caller began.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

import msgspec

from skunkqueue.persistence import asking
from skunkqueue.persistence.sqlite import schema


def number(db: sqlite3.Connection, name: str) -> int | None:
    """Return the number of a name, if it has one."""
    row = db.execute("SELECT no FROM job WHERE name = ?", (name,)).fetchone()
    return None if row is None else int(row[0])


def make(db: sqlite3.Connection, name: str) -> int:
    """Return the number of a name, which is made where it is missing; in a write transaction."""
    found = number(db, name)
    if found is not None:
        return found
    made = db.execute("INSERT INTO job (name) VALUES (?)", (name,)).lastrowid
    assert made is not None  # noqa: S101 - for the type checker: an INSERT sets it
    return made


def names(db: sqlite3.Connection, numbers: Iterable[int]) -> dict[int, str]:
    """Read the names of numbers."""
    wanted = set(numbers)
    if wanted == {0}:
        return {0: ""}
    if len(wanted) == 1:
        return dict(db.execute("SELECT no, name FROM job WHERE no = ?", tuple(wanted)).fetchall())
    return dict(
        db.execute(
            "SELECT j.no, j.name FROM json_each(?) w CROSS JOIN job j ON j.no = w.value",
            (msgspec.json.encode(sorted(wanted)).decode(),),
        ).fetchall()
    )


def shown_names(db: sqlite3.Connection, numbers: Iterable[int]) -> dict[int, str]:
    """Read the names of numbers as counters and counts show them."""
    return {**names(db, numbers), schema.OTHER_JOBS: asking.OTHER_JOBS}


def tags_text(tags: tuple[str, ...]) -> str | None:
    """Write tags as a text; ``None`` for no tags, as most firings have."""
    return msgspec.json.encode(tags).decode() if tags else None


_decode_tags = msgspec.json.Decoder(tuple[str, ...]).decode


def tags_of(text: str | None) -> tuple[str, ...]:
    """Read tags from a text."""
    return () if text is None else _decode_tags(text)
