"""Where firings put in one by one wait, for moments, until somebody files them.

A commit costs by the pages it touches, and filing touches three at least: the firing, its place in line,
its route's counts. An append to this table touches one. Whoever needs them filed (a claim, a listing, the
producer that makes the two hundredth) files all of them at once, in the transaction it has anyway or in
one made for it, so nobody ever sees a firing that is not filed.

Every function here runs inside a transaction somebody else began, and takes the time as an argument.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from skunkqueue.persistence.sqlite import jobs
from skunkqueue.persistence.sqlite.jobs import Numbers
from skunkqueue.records import MAX_PRIORITY, Firing

LARGEST = 4
"""So many firings at once are still cheaper to put here than to file."""
_FULL = 200
_INSERT = "INSERT INTO inbox (id, route, rank, due, enqueued, expires, body, job, label) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_COLUMNS = "id, route, rank, due, enqueued, expires, body, job, label"
_FILE = f"INSERT INTO firing ({_COLUMNS}) SELECT {_COLUMNS} FROM inbox WHERE true ON CONFLICT DO NOTHING RETURNING id"  # noqa: S608 - constants
_LINE_UP = "INSERT INTO ready (route, rank, due, id, alone) SELECT route, rank, due, id, 0 FROM inbox"
_COUNT = "SELECT coalesce(job, -route), CAST(enqueued / 60 AS INTEGER), count(*) FROM inbox GROUP BY 1, 2 ORDER BY 1, 2"
_NEW = "(SELECT f.* FROM json_each(?) j CROSS JOIN firing f ON f.id = j.value)"
_LINE_UP_NEW = _LINE_UP.replace("inbox", _NEW)
_COUNT_NEW = _COUNT.replace("inbox", _NEW)


def takes(firings: Sequence[Firing]) -> bool:
    """Say whether firings may be put here: few, and none with a key or target, which have to be unique or found."""
    return len(firings) <= LARGEST and all(f.key is None and f.target is None for f in firings)


def put(db: sqlite3.Connection, firings: Sequence[Firing], numbers: Numbers, now: float) -> None:
    """Put firings in; one whose id is known already is dropped when it is filed."""
    last = 0
    for f in firings:
        expires = f.expires
        if expires is None and f.expires_in is not None:
            expires = now + f.expires_in
        due = now + f.delay if f.due is None else f.due
        route, job = numbers[f.queue, f.route, f.job]
        label = jobs.label_of(f.tags, f.schedule, f.parent)
        row = (f.id, route, MAX_PRIORITY - f.priority, due, now, expires, f.body, job, label)
        last = db.execute(_INSERT, row).lastrowid or 0
    # Numbers begin at 1 again whenever the table was emptied.
    if last >= _FULL:
        file_all(db)


def is_empty(db: sqlite3.Connection) -> bool:
    """Say whether there is nothing to file; cheap."""
    return db.execute("SELECT 1 FROM inbox LIMIT 1").fetchone() is None


def file_all(db: sqlite3.Connection) -> None:
    """Make firings of all that is here."""
    last = db.execute("SELECT max(no) FROM inbox").fetchone()[0]
    if last is None:
        return
    new = [row[0] for row in db.execute(_FILE).fetchall()]
    # No row leaves but with all others, so the last number is how many there are.
    if len(new) == last:
        db.execute(_LINE_UP)
        counts = db.execute(_COUNT).fetchall()
    else:
        listed = (json.dumps(new),)
        db.execute(_LINE_UP_NEW, listed)
        counts = db.execute(_COUNT_NEW, listed).fetchall()
    for job, minute, n in counts:
        jobs.entered(db, job, n, minute * 60.0)
    db.execute("DELETE FROM inbox")
