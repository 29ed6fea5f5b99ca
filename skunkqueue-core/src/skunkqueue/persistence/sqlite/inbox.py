"""The inbox: firings that are put in one by one wait here for moments, until they are filed.

The cost of a commit depends on the pages that it changes. Filing changes at least three: the firing, its place in line,
and the counts of its route. An append to this table changes one. An operation that needs the firings (a claim, a listing,
the enqueue of the two hundredth) first files all of them at once, in its own transaction or in
one for that purpose. So no reader ever misses a firing that is not filed.

Every function here runs inside a transaction that its caller began, and takes the time as an argument.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence

from skunkqueue.persistence.sqlite import firings, jobs, tallies
from skunkqueue.persistence.sqlite.schema import TAGGED
from skunkqueue.records import MAX_PRIORITY, Firing

LARGEST = 4
"""Up to so many firings at once are cheaper to put here than to file."""
_FULL = 200
_INSERT = (
    "INSERT INTO inbox (id, route, rank, due, enqueued, expires, job, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_INSERT_WHOLE = (
    "INSERT INTO inbox (id, route, rank, due, enqueued, expires, job, body, tags, schedule, parent)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_COLUMNS = "id, route, rank, due, enqueued, expires, job, body, tags, schedule, parent"
_FILE_ONLY = f"INSERT INTO firing ({_COLUMNS}) SELECT {_COLUMNS} FROM inbox WHERE true ON CONFLICT DO NOTHING"  # noqa: S608 - constants
_FILE = f"{_FILE_ONLY} RETURNING id"
_LINE_UP = (
    "INSERT INTO ready (route, rank, due, id, alone, job, words)"  # noqa: S608 - constants
    f" SELECT route, rank, due, id, 0, job, (tags IS NOT NULL) * {TAGGED} FROM inbox"
)
_COUNT = (
    "SELECT route, job, CAST(enqueued / 60 AS INTEGER), count(*) FROM inbox GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
)
_NEW = "(SELECT f.* FROM json_each(?) j CROSS JOIN firing f ON f.id = j.value)"
_LINE_UP_NEW = _LINE_UP.replace("inbox", _NEW)
_COUNT_NEW = _COUNT.replace("inbox", _NEW)


def takes(put_in: Sequence[Firing]) -> bool:
    """Return whether firings may be put here: few, and none with a key (it must be unique) or a target (it must be found)."""
    if len(put_in) > LARGEST:
        return False
    for f in put_in:  # noqa: SIM110 - an interrupted generator would print an error
        if f.key is not None or f.target is not None:
            return False
    return True


def put(
    db: sqlite3.Connection,
    put_in: Sequence[Firing],
    numbers: Mapping[tuple[str, str], int],
    job_numbers: Mapping[str, int],
    now: float,
) -> None:
    """Put firings in; one whose id is already known is dropped when it is filed."""
    last = 0
    for f in put_in:
        expires = f.expires
        if expires is None and f.expires_in is not None:
            expires = now + f.expires_in
        due = now + f.delay if f.due is None else f.due
        route = numbers[f.queue, f.route]
        row = (f.id, route, MAX_PRIORITY - f.priority, due, now, expires, job_numbers[f.job], f.body)
        if firings.is_plain(f):
            last = db.execute(_INSERT, row).lastrowid or 0
        else:
            more = (jobs.tags_text(f.tags), f.schedule, f.parent)
            last = db.execute(_INSERT_WHOLE, (*row, *more)).lastrowid or 0
    # Numbers begin at 1 again each time the table was emptied.
    if last >= _FULL:
        file_all(db)


def is_empty(db: sqlite3.Connection) -> bool:
    """Return whether nothing is left to file; cheap."""
    return db.execute("SELECT 1 FROM inbox LIMIT 1").fetchone() is None


def file_only(db: sqlite3.Connection, route: int, job: int, enqueued: float) -> bool:
    """Make a firing of the only one in the inbox, but with no place in line; False, and nothing is changed, if it is known."""
    if db.execute(_FILE_ONLY).rowcount != 1:
        return False
    tallies.entered(db, {(route, job): 1}, enqueued)
    db.execute("DELETE FROM inbox")
    return True


def file_all(db: sqlite3.Connection) -> None:
    """Make firings of everything in the inbox."""
    last = db.execute("SELECT max(no) FROM inbox").fetchone()[0]
    if last is None:
        return
    new = [row[0] for row in db.execute(_FILE).fetchall()]
    # All rows leave together, so the last number is the number of rows.
    if len(new) == last:
        db.execute(_LINE_UP)
        counts = db.execute(_COUNT).fetchall()
    else:
        listed = (json.dumps(new),)
        db.execute(_LINE_UP_NEW, listed)
        counts = db.execute(_COUNT_NEW, listed).fetchall()
    for route, job, minute, n in counts:
        tallies.entered(db, {(route, job): n}, minute * 60.0)
    db.execute("DELETE FROM inbox")
