"""From the third version of the tables to the fourth: names of jobs, counts by job, listings by job, tag, key and error.

``firing`` and ``done`` are written anew, since an added column would come after the body or the result, and
be slow to read. Everything happens in one transaction: a process that dies in the middle leaves the old tables.

Uses no other module of the store, since these know only the tables of the newest version.
"""

from __future__ import annotations

import sqlite3

import msgspec

# As in the fourth version, whatever the names in ``schema`` mean later.
_NO_JOB, _ALL_JOBS = 0, -2
_MINUTE, _HOUR, _EVER = range(3)

_TABLES = """
CREATE TABLE job (no INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
INSERT INTO job (no, name) VALUES (0, '');
CREATE TABLE tally (
    route INTEGER, job INTEGER, -- -1: all jobs over MAX_JOBS
    live INTEGER NOT NULL DEFAULT 0, -- pending or running
    complete INTEGER NOT NULL DEFAULT 0,
    error INTEGER NOT NULL DEFAULT 0,
    killed INTEGER NOT NULL DEFAULT 0,
    expired INTEGER NOT NULL DEFAULT 0,
    minute INTEGER NOT NULL DEFAULT 0, -- the one these two count
    enqueued INTEGER NOT NULL DEFAULT 0,
    tallies BLOB, -- msgpack {name: number}
    PRIMARY KEY (route, job)
) WITHOUT ROWID;
CREATE TABLE counted (
    route INTEGER, span INTEGER, job INTEGER, -- -2: all jobs together
    begin REAL,
    tallies BLOB NOT NULL, -- msgpack {name: number}, or {begin: {name: number}} of the minutes of an hour
    PRIMARY KEY (route, span, job, begin)
) WITHOUT ROWID;
CREATE TABLE word (
    kind INTEGER, text TEXT, finished REAL, id TEXT,
    PRIMARY KEY (kind, text, finished, id)
) WITHOUT ROWID;
CREATE TABLE mixed (
    job INTEGER, route INTEGER, state INTEGER, finished REAL, chunk INTEGER,
    PRIMARY KEY (job, route, state, finished, chunk)
) WITHOUT ROWID;
CREATE TABLE unsorted (no INTEGER PRIMARY KEY, route INTEGER NOT NULL, at REAL NOT NULL, batch BLOB NOT NULL);
CREATE TABLE pool (
    id TEXT PRIMARY KEY,
    queue TEXT NOT NULL,
    started REAL NOT NULL,
    ends REAL NOT NULL,
    record BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE audit (
    id TEXT PRIMARY KEY,
    at REAL NOT NULL,
    who TEXT NOT NULL,
    verb TEXT NOT NULL,
    entry BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX audit_by_time ON audit (at, id);
ALTER TABLE inbox ADD COLUMN job INTEGER NOT NULL DEFAULT 0;
ALTER TABLE inbox ADD COLUMN tags TEXT;
ALTER TABLE inbox ADD COLUMN schedule TEXT;
ALTER TABLE inbox ADD COLUMN parent TEXT;
ALTER TABLE ready ADD COLUMN job INTEGER NOT NULL DEFAULT 0;
ALTER TABLE ready ADD COLUMN words INTEGER NOT NULL DEFAULT 0;
ALTER TABLE aimed ADD COLUMN job INTEGER NOT NULL DEFAULT 0;
ALTER TABLE aimed ADD COLUMN words INTEGER NOT NULL DEFAULT 0;
CREATE INDEX ready_by_words ON ready (route, rank, due, id, job, words) WHERE words > 0;
CREATE INDEX aimed_by_words ON aimed (route, rank, due, id, job, words) WHERE words > 0;
CREATE TABLE new_firing (
    id TEXT PRIMARY KEY,
    route INTEGER NOT NULL,
    rank INTEGER NOT NULL, -- 9 - priority, so that claim order ascends
    due REAL NOT NULL,
    enqueued REAL NOT NULL,
    job INTEGER NOT NULL DEFAULT 0,
    token INTEGER NOT NULL DEFAULT 0, -- of its last claim, once that has ended
    deaths INTEGER NOT NULL DEFAULT 0,
    kill INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0, -- that began and ended otherwise than finished
    again TEXT, -- retry or snooze, where that made it pending
    expires REAL,
    holder INTEGER,
    key TEXT,
    target TEXT,
    schedule TEXT,
    parent TEXT,
    tags TEXT, -- JSON
    error TEXT, -- line of an earlier attempt
    evidence TEXT NOT NULL DEFAULT '',
    progress BLOB,
    carry BLOB,
    body BLOB NOT NULL
) WITHOUT ROWID;
INSERT INTO new_firing (id, route, rank, due, enqueued, token, deaths, kill, expires, holder, key, target, evidence,
    progress, carry, body)
    SELECT id, route, rank, due, enqueued, token, deaths, kill, expires, holder, key, target, evidence, progress, carry,
    body FROM firing ORDER BY id;
DROP TABLE firing;
ALTER TABLE new_firing RENAME TO firing;
CREATE TABLE new_done (
    id TEXT PRIMARY KEY,
    state INTEGER NOT NULL,
    began REAL,
    took REAL,
    finished REAL NOT NULL,
    chunk INTEGER NOT NULL, -- its row in ended
    token INTEGER NOT NULL,
    holder INTEGER,
    error TEXT,
    carry BLOB, -- NULL: the firing's
    result BLOB
) WITHOUT ROWID;
INSERT INTO new_done (id, state, began, finished, chunk, token, holder, carry, result)
    SELECT id, state, began, finished, chunk, token, holder, carry, result FROM done ORDER BY id;
DROP TABLE done;
ALTER TABLE new_done RENAME TO done;
INSERT INTO word (kind, text, finished, id)
    SELECT 1, f.key, d.finished, d.id FROM firing f JOIN done d ON d.id = f.id WHERE f.key IS NOT NULL ORDER BY 2, 3, 4;
CREATE TABLE new_ended (
    route INTEGER, state INTEGER, finished REAL, chunk INTEGER,
    job INTEGER NOT NULL, -- -3: several
    words INTEGER NOT NULL, -- 1: something of it may be in word
    gone REAL NOT NULL, -- when it may be pruned
    jobs TEXT, -- where they are several: that of each, comma between
    ids TEXT NOT NULL, -- comma between
    PRIMARY KEY (route, state, finished, chunk)
) WITHOUT ROWID;
INSERT INTO new_ended (route, state, finished, chunk, job, words, gone, ids)
    SELECT route, state, finished, chunk, 0, 1, gone, ids FROM ended ORDER BY route, state, finished, chunk;
DROP TABLE ended;
ALTER TABLE new_ended RENAME TO ended;
CREATE INDEX ended_by_gone ON ended (gone);
CREATE INDEX ended_by_job ON ended (job, route, state, finished, chunk);
CREATE TABLE new_lease (
    route INTEGER,
    token INTEGER,
    ends REAL NOT NULL, -- by the monotonic clock of the boot in meta, the earliest of its firings
    holder INTEGER NOT NULL,
    claimed REAL NOT NULL,
    special INTEGER NOT NULL, -- some firing of it has 1: a key, 2: a target, 4: an error line
    begun TEXT NOT NULL DEFAULT '', -- comma between the ids of those whose job is known to have begun
    apart TEXT, -- JSON {id: end} once they end at different times
    ids TEXT NOT NULL, -- comma between
    PRIMARY KEY (route, token)
) WITHOUT ROWID;
INSERT INTO new_lease (route, token, ends, holder, claimed, special, begun, apart, ids)
    SELECT route, token, ends, holder, claimed, special, begun, apart, ids FROM lease;
DROP TABLE lease;
ALTER TABLE new_lease RENAME TO lease;
INSERT INTO tally (route, job, live, complete, error, killed, expired, minute, enqueued, tallies)
    SELECT no, 0, pending + running, complete, error, killed, expired, minute, enqueued, tallies FROM route;
CREATE TABLE new_route (
    no INTEGER PRIMARY KEY,
    queue TEXT NOT NULL,
    name TEXT NOT NULL,
    paused INTEGER NOT NULL DEFAULT 0, -- 1: itself, 2: with its queue, 3: both
    claims INTEGER NOT NULL DEFAULT 0, -- how many were made, for their tokens
    jobs INTEGER NOT NULL DEFAULT 0, -- how many names it has in tally, but for -1
    sampled INTEGER NOT NULL DEFAULT 0, -- the last minute that has a sample
    UNIQUE (queue, name)
);
INSERT INTO new_route (no, queue, name, paused, claims, jobs) SELECT no, queue, name, paused, claims, 1 FROM route;
DROP TABLE route;
ALTER TABLE new_route RENAME TO route;
"""
_COUNT = "INSERT INTO counted (route, span, job, begin, tallies) VALUES (?, ?, ?, ?, ?)"


def run(db: sqlite3.Connection, script: str) -> None:
    """Run statements within the transaction that is open; ``executescript`` would commit first."""
    for statement in script.split(";\n"):
        if statement.strip():
            db.execute(statement)


def to_fourth(db: sqlite3.Connection) -> None:
    """Bring the tables from the third version to the fourth."""
    run(db, _TABLES)
    # The minutes that are still known are added to hours and totals, which are new.
    hours: dict[tuple[int, float], dict[str, float]] = {}
    ever: dict[int, dict[str, float]] = {}
    for route, minute, tallies in db.execute("SELECT route, minute, tallies FROM minute").fetchall():
        values = msgspec.msgpack.decode(tallies, type=dict[str, float])
        for job in (_NO_JOB, _ALL_JOBS):
            db.execute(_COUNT, (route, _MINUTE, job, minute * 60.0, tallies))
        for total in (
            hours.setdefault((route, minute // 60 * 3600.0), {}),
            ever.setdefault(route, {}),
        ):
            for name, value in values.items():
                total[name] = total.get(name, 0) + value
    for (route, begin), values in hours.items():
        for job in (_NO_JOB, _ALL_JOBS):
            db.execute(_COUNT, (route, _HOUR, job, begin, msgspec.msgpack.encode(values)))
    for route, values in ever.items():
        db.execute(_COUNT, (route, _EVER, _NO_JOB, 0.0, msgspec.msgpack.encode(values)))
    db.execute("DROP TABLE minute")
