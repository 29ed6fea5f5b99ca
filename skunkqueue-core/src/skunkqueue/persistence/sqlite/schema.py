"""The tables, what each is for, and the steps from one version of them to the next.

The layout makes a firing cheap: its row in ``firing`` is written once and, on the usual way to
``complete``, never again. Small tables around it hold its state:

- in ``inbox``: put in a moment ago, and not filed yet (then it has no row in ``firing``);
- in ``ready`` (or ``aimed``, if it is targeted at one worker): pending, in claim order;
- in the list of ids of a row in ``lease``, one row for each batch claimed: running;
- in ``done``, with its result: finished. ``ended`` lists finished firings in the order of finishing. It has a row for
  each batch and job, so that listing and pruning cost next to nothing a firing. A batch of many jobs has one row:
  ``mixed`` finds it by each job once it is sorted, and until then it is in ``unsorted``. ``word`` finds finished firings by
  their tags, keys and types of error; a firing without these is not in it. Firings of every state are found by the
  firing that fired them from an index of ``firing``, which has no entry for others.

So a claim reads only pending firings, even beside ten million finished ones. No query counts firings: ``tally`` has the
counts of each route and job, and the counters of the current minute. Running firings are counted by the leases alone, so
a claim changes no count.

In ``firing`` and ``done`` large values come last: columns behind a large value are slow to read.
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
"""``SKUQ`` in the header of the file: the file is a SkunkQueue store."""

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
"""Stands for all jobs of a route together, where a job's number is expected."""
OTHER_JOBS = -1
"""Stands for all jobs after the first MAX_JOBS of a route."""
MIXED = -3
"""Stands for the jobs of a row of ``ended`` that lists firings of several jobs."""
NO_JOB = 0
"""Stands for the job of a firing that names none."""
MINUTE, HOUR, EVER, PACKED = range(4)
"""Spans of time by their number in ``counted``. PACKED: the minutes of an hour that is over, in one row."""
TAG, KEY, ERROR_TYPE = range(3)
"""Kinds of words by their number in ``word``."""
TAGGED, FAILED = 1, 2
"""Flags in ``ready.words`` and ``aimed.words``: the firing has tags, or an error line of an earlier attempt."""

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

_SIXTH = "CREATE INDEX firing_by_parent ON firing (parent, rank, due) WHERE parent IS NOT NULL"
# SQLite itself keeps it, so it also has what a process of an older version writes that has the file open.

STEPS: tuple[str | Callable[[sqlite3.Connection], None], ...] = (
    _FIRST,
    _SECOND,
    _THIRD,
    upgrade.to_fourth,
    _FIFTH,
    _SIXTH,
)
"""Step n brings a file from version n to n + 1 (``PRAGMA user_version``). A step that was released never changes."""


def version_of(db: sqlite3.Connection, path: Path) -> int:
    """Return the schema's version, 0 for an empty file. Raises for a file that is not a store, or is too new."""
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
    """Bring the schema up to date; called inside a write transaction, so that only one process does it."""
    for step in STEPS[version_of(db, path) :]:
        if isinstance(step, str):
            upgrade.run(db, step)
        else:
            step(db)
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute(f"PRAGMA user_version = {len(STEPS)}")
