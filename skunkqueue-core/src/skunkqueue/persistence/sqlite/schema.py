"""The tables, what each is for, and the steps from one version of them to the next.

The layout makes a firing's life cheap: its row in ``firing`` is written once and, on the usual way to
``complete``, never again. Where it stands is told by small tables around it:

- in ``inbox``: put in a moment ago, and not filed yet (then it has no row in ``firing``);
- in ``ready`` (or ``aimed``, when only one worker may have it): pending, in claim order;
- in the list of ids of a row in ``lease``, one row for each batch claimed: running;
- in ``done``, with its result: finished. ``ended`` lists these in the order of finishing, a row for
  each batch and job, so that listing and pruning cost next to nothing a firing; a batch of many jobs has one row, which
  ``mixed`` finds by each of them once it is sorted (until then it is in ``unsorted``). ``word`` finds finished firings by
  their tags, keys and types of error, and has nothing of a firing without any.

So a claim touches only what is pending, be there ten million finished, and nothing is ever counted: ``tally`` has the
counts of each route and job, and what was counted in the minute that runs. What runs is counted by the leases alone, so a
claim changes no count.

In ``firing`` and ``done`` what may be large comes last: what stands behind a large value is slow to read.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

from skunkqueue.errors import BackendError
from skunkqueue.persistence.sqlite import upgrade
from skunkqueue.persistence.sqlite.errors import not_ours
from skunkqueue.records import Verdict

APPLICATION_ID = 0x534B5551
"""``SKUQ``, in the file's header: this file is ours."""

STATES = ("pending", "running", "complete", "error", "killed", "expired")
"""States by their number in the store; the finished ones are also the names of the columns that count them."""
PENDING, RUNNING, COMPLETE, ERROR, KILLED, EXPIRED = range(6)
FINAL = {
    Verdict.COMPLETE: COMPLETE,
    Verdict.ERROR: ERROR,
    Verdict.KILLED: KILLED,
    Verdict.EXPIRED: EXPIRED,
}
"""In which state a verdict ends a firing."""

ALL_JOBS = -2
"""Stands in the place of a job's number for all jobs of a route together."""
OTHER_JOBS = -1
"""For those over the first MAX_JOBS of a route."""
MIXED = -3
"""For those in a row of ``ended`` that lists firings of several jobs."""
NO_JOB = 0
"""For firings that do not say their job."""
MINUTE, HOUR, EVER, PACKED = range(4)
"""Spans of time by their number in ``counted``. PACKED: the minutes of an hour that is over, in one row."""
TAG, KEY, ERROR_TYPE = range(3)
"""Kinds of words by their number in ``word``."""
TAGGED, FAILED = 1, 2
"""What ``ready.words`` and ``aimed.words`` add up: the firing has tags, or an error line of an earlier attempt."""

_FIRST = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE queue (name TEXT PRIMARY KEY, paused INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE route (
    no INTEGER PRIMARY KEY,
    queue TEXT NOT NULL,
    name TEXT NOT NULL,
    paused INTEGER NOT NULL DEFAULT 0, -- 1: itself, 2: with its queue, 3: both
    pending INTEGER NOT NULL DEFAULT 0,
    running INTEGER NOT NULL DEFAULT 0,
    complete INTEGER NOT NULL DEFAULT 0,
    error INTEGER NOT NULL DEFAULT 0,
    killed INTEGER NOT NULL DEFAULT 0,
    expired INTEGER NOT NULL DEFAULT 0,
    claims INTEGER NOT NULL DEFAULT 0, -- how many were made, for their tokens
    minute INTEGER NOT NULL DEFAULT 0, -- the one these two count
    enqueued INTEGER NOT NULL DEFAULT 0,
    tallies BLOB,
    UNIQUE (queue, name)
);
CREATE TABLE firing (
    id TEXT PRIMARY KEY,
    route INTEGER NOT NULL,
    rank INTEGER NOT NULL, -- 9 - priority, so that claim order ascends
    due REAL NOT NULL,
    enqueued REAL NOT NULL,
    token INTEGER NOT NULL DEFAULT 0, -- of its last claim, once that has ended
    deaths INTEGER NOT NULL DEFAULT 0,
    kill INTEGER NOT NULL DEFAULT 0,
    expires REAL,
    key TEXT,
    target TEXT,
    holder INTEGER,
    evidence TEXT NOT NULL DEFAULT '',
    carry BLOB,
    progress BLOB,
    body BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE inbox (
    no INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    route INTEGER NOT NULL,
    rank INTEGER NOT NULL,
    due REAL NOT NULL,
    enqueued REAL NOT NULL,
    expires REAL,
    body BLOB NOT NULL
);
CREATE TABLE ready (
    route INTEGER, rank INTEGER, due REAL, id TEXT,
    alone INTEGER NOT NULL, -- it has died before: claimed in a batch of its own
    PRIMARY KEY (route, rank, due, id)
) WITHOUT ROWID;
CREATE TABLE aimed (
    route INTEGER, rank INTEGER, due REAL, id TEXT,
    alone INTEGER NOT NULL,
    target TEXT NOT NULL,
    PRIMARY KEY (route, rank, due, id)
) WITHOUT ROWID;
CREATE INDEX aimed_by_target ON aimed (target, route, rank, due, id);
CREATE TABLE keyed (queue TEXT, key TEXT, id TEXT NOT NULL, PRIMARY KEY (queue, key)) WITHOUT ROWID;
CREATE INDEX keyed_by_id ON keyed (id);
CREATE TABLE lease (
    route INTEGER,
    token INTEGER,
    ends REAL NOT NULL, -- by the monotonic clock of the boot in meta, the earliest of its firings
    holder INTEGER NOT NULL,
    claimed REAL NOT NULL,
    special INTEGER NOT NULL, -- some firing of it has 1: a key, 2: a target
    apart TEXT, -- JSON {id: end} once they end at different times
    dues BLOB NOT NULL, -- doubles, for the counters
    ids TEXT NOT NULL, -- comma between
    PRIMARY KEY (route, token)
) WITHOUT ROWID;
CREATE TABLE holder (no INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, seen REAL NOT NULL);
CREATE TABLE done (
    id TEXT PRIMARY KEY,
    state INTEGER NOT NULL,
    began REAL,
    finished REAL NOT NULL,
    chunk INTEGER NOT NULL, -- its row in ended
    token INTEGER NOT NULL,
    holder INTEGER,
    carry BLOB, -- NULL: the firing's
    result BLOB
) WITHOUT ROWID;
CREATE TABLE ended (
    route INTEGER, state INTEGER, finished REAL, chunk INTEGER,
    gone REAL NOT NULL, -- when it may be pruned
    ids TEXT NOT NULL, -- comma between
    PRIMARY KEY (route, state, finished, chunk)
) WITHOUT ROWID;
CREATE INDEX ended_by_gone ON ended (gone);
CREATE TABLE minute (
    route INTEGER, minute INTEGER,
    tallies BLOB NOT NULL, -- msgpack {name: number}
    PRIMARY KEY (route, minute)
) WITHOUT ROWID;
CREATE TABLE worker (
    id TEXT PRIMARY KEY,
    queue TEXT NOT NULL,
    route TEXT NOT NULL,
    started REAL NOT NULL,
    ends REAL NOT NULL,
    record BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE mail (no INTEGER PRIMARY KEY AUTOINCREMENT, worker TEXT NOT NULL, command BLOB NOT NULL);
CREATE INDEX mail_by_worker ON mail (worker);
CREATE TABLE schedule (
    queue TEXT, name TEXT,
    route TEXT NOT NULL,
    strategy TEXT NOT NULL,
    params BLOB NOT NULL,
    state BLOB NOT NULL,
    body BLOB NOT NULL,
    priority INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    paused INTEGER NOT NULL,
    firing TEXT,
    declared REAL NOT NULL,
    runs INTEGER NOT NULL,
    last_run REAL,
    took REAL,
    next_run REAL,
    interval REAL,
    PRIMARY KEY (queue, name)
) WITHOUT ROWID;
CREATE TABLE history (
    no INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, name TEXT NOT NULL, run BLOB NOT NULL
);
CREATE INDEX history_by_schedule ON history (queue, name);
"""

_SECOND = "ALTER TABLE schedule ADD COLUMN verdict TEXT"

_THIRD = "ALTER TABLE lease ADD COLUMN begun TEXT NOT NULL DEFAULT ''"
# Comma between the ids of those whose job is known to have begun.

_FIFTH = "CREATE TABLE ran (no INTEGER PRIMARY KEY, runs BLOB NOT NULL)"
# A row for each batch of schedules' runs that is not in ``history`` yet.

STEPS: tuple[str | Callable[[sqlite3.Connection], None], ...] = (
    _FIRST,
    _SECOND,
    _THIRD,
    upgrade.to_fourth,
    _FIFTH,
)
"""Step n brings a file from version n to n + 1 (``PRAGMA user_version``); never change one that was released."""


def version_of(db: sqlite3.Connection, path: Path) -> int:
    """Tell the schema's version, 0 for an empty file; raise for a file that is not ours or too new."""
    found = int(db.execute("PRAGMA application_id").fetchone()[0])
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' LIMIT 3")]
    if found not in {0, APPLICATION_ID}:
        raise not_ours(path, f"it belongs to another program (application id {found:#010x})")
    if found == 0 and (tables or version):
        raise not_ours(
            path, f"it has tables of another program ({', '.join(tables) or f'version {version}'})"
        )
    if version > len(STEPS):
        msg = (
            f"{path}: the store was written by a newer SkunkQueue (schema {version}, this one knows up to"
            f" {len(STEPS)}): upgrade with `pip install -U skunkqueue`, or name another file"
        )
        raise BackendError(msg)
    return version


def migrate(db: sqlite3.Connection, path: Path) -> None:
    """Bring the schema up to date; call inside a write transaction, so that only one process does it."""
    for step in STEPS[version_of(db, path) :]:
        if isinstance(step, str):
            upgrade.run(db, step)
        else:
            step(db)
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute(f"PRAGMA user_version = {len(STEPS)}")
