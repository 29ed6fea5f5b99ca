"""The hand-written loop on sqlite3 that does the bare minimum: claim, run, finish, in batches.

It loses what it holds when it dies, has no leases, counts nothing, and knows one job. Whatever a queue
does beyond this costs time; the ratios say how much.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from pathlib import Path

SYNCHRONOUS = {"process": "NORMAL", "power": "FULL"}
SCHEMA = """
CREATE TABLE job (id INTEGER PRIMARY KEY, route TEXT NOT NULL, state INTEGER NOT NULL, due REAL NOT NULL,
                  payload TEXT NOT NULL, result TEXT);
CREATE INDEX job_claim ON job (route, state, due);
"""
INSERT = "INSERT INTO job (route, state, due, payload) VALUES ('bench', 0, ?, ?)"


def connect(path: Path, durability: str = "process") -> sqlite3.Connection:
    """Open the store, making its table."""
    new = not path.exists()
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute(f"PRAGMA synchronous = {SYNCHRONOUS[durability]}")
    if new:
        db.executescript(SCHEMA)
    return db


def noop(number: int) -> int:
    """Do nothing with one small argument."""
    return number


def insert_many(db: sqlite3.Connection, count: int, batch: int = 1_000) -> float:
    """Insert in bulk; return rows a second."""
    began = time.perf_counter()
    for start in range(0, count, batch):
        db.execute("BEGIN IMMEDIATE")
        db.executemany(
            INSERT, [(time.time(), json.dumps([n])) for n in range(start, min(start + batch, count))]
        )
        db.execute("COMMIT")
    return count / (time.perf_counter() - began)


def insert_single(db: sqlite3.Connection, count: int) -> float:
    """Insert one row a commit; return rows a second."""
    began = time.perf_counter()
    for number in range(count):
        db.execute("BEGIN IMMEDIATE")
        db.execute(INSERT, (time.time(), json.dumps([number])))
        db.execute("COMMIT")
    return count / (time.perf_counter() - began)


def drain(db: sqlite3.Connection, batch: int = 100) -> float:
    """Claim, run and finish all in batches, storing results; return jobs a second."""
    count = 0
    began = time.perf_counter()
    while True:
        db.execute("BEGIN IMMEDIATE")
        claimed = db.execute(
            "UPDATE job SET state = 1 WHERE id IN (SELECT id FROM job WHERE route = 'bench' AND state = 0"
            " AND due <= ? ORDER BY due LIMIT ?) RETURNING id, payload",
            (time.time(), batch),
        ).fetchall()
        db.execute("COMMIT")
        if not claimed:
            return count / (time.perf_counter() - began)
        finished = [(json.dumps(noop(*json.loads(payload))), number) for number, payload in claimed]
        db.execute("BEGIN IMMEDIATE")
        db.executemany("UPDATE job SET state = 2, result = ? WHERE id = ?", finished)
        db.execute("COMMIT")
        count += len(claimed)


def main(path: str, durability: str, what: str, count: str) -> None:
    """Measure one thing in a process of its own, as workers have one."""
    db = connect(Path(path), durability)
    if what == "drain":
        insert_many(db, int(count))
        print(drain(db))
    elif what == "single":
        print(insert_single(db, int(count)))
    else:
        print(insert_many(db, int(count)))


if __name__ == "__main__":
    main(*sys.argv[1:])
