"""10,000 fired in bulk and all results read, on SQLite: ours with one worker, beside a bare loop that claims and stores likewise.

Both have two processes, the same durability, and a worker that has run a hundred jobs before. What the bare loop has less of:
it gets no ids, waits until the table has nothing left to do (a look each millisecond), and reads all results by one
statement, in any order; its rows have one job, and no time of enqueuing. What it has more of: SQLite's default checkpoint each 1,000
pages, where ours is each 4,000.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.bare import connect, insert_many, noop
from benchmarks.jobs import noop as job
from benchmarks.support import environment, folder, interleaved, pool, stop, until
from skunkqueue import SkunkQueue

COUNT = 10_000
ROUNDS = 5
BATCH = 100
_IDLE = 0.001
_CLAIM = (
    "UPDATE job SET state = 1 WHERE id IN (SELECT id FROM job WHERE route = 'bench' AND state = 0 AND due <= ?"
    " ORDER BY due LIMIT ?) RETURNING id, payload"
)


def work(path: str) -> None:
    """Claim, run and finish in batches, for ever."""
    db = connect(Path(path))
    while True:
        db.execute("BEGIN IMMEDIATE")
        claimed = db.execute(_CLAIM, (time.time(), BATCH)).fetchall()
        db.execute("COMMIT")
        if not claimed:
            time.sleep(_IDLE)
            continue
        done = [(json.dumps(noop(*json.loads(payload))), number) for number, payload in claimed]
        db.execute("BEGIN IMMEDIATE")
        db.executemany("UPDATE job SET state = 2, result = ? WHERE id = ?", done)
        db.execute("COMMIT")


@contextmanager
def bare_worker(path: Path) -> Iterator[sqlite3.Connection]:
    """Run that loop in a process of its own."""
    db = connect(path)
    command = [sys.executable, "-m", "benchmarks.awaited", str(path)]
    process = subprocess.Popen(command, env=environment(""), start_new_session=True)
    try:
        insert_many(db, BATCH)
        until(lambda: not _left(db))
        db.execute("DELETE FROM job")
        yield db
    finally:
        process.kill()
        process.wait()


def _left(db: sqlite3.Connection) -> bool:
    return db.execute("SELECT 1 FROM job WHERE state < 2 LIMIT 1").fetchone() is not None


def bare() -> float:
    """Insert by hand, and read each result once all are there."""
    with folder() as path, bare_worker(path / "bare.db") as db:
        began = time.perf_counter()
        insert_many(db, COUNT)
        while _left(db):
            time.sleep(_IDLE)
        total = sum(json.loads(result) for (result,) in db.execute("SELECT result FROM job"))
        took = time.perf_counter() - began
        assert total == COUNT * (COUNT - 1) // 2  # noqa: S101 - a benchmark, not a test
        return COUNT / took


def ours() -> float:
    """Fire in bulk, and wait for all results."""
    with folder() as path:
        url = f"sqlite:///{path}/q.db"
        worker = pool(url)
        try:
            with SkunkQueue("bench", conn_url=url) as queue:
                queue.results(queue.fire_many(job(number) for number in range(BATCH)), 60)
                began = time.perf_counter()
                handles = queue.fire_many(job(number) for number in range(COUNT))
                total = sum(queue.results(handles, 60))
                took = time.perf_counter() - began
                assert total == COUNT * (COUNT - 1) // 2  # noqa: S101 - as above
                return COUNT / took
        finally:
            stop(worker)


def main() -> None:
    """Print rates and their ratio."""
    rates = interleaved(ROUNDS, {"bare": bare, "ours": ours})
    print(
        f"{COUNT:,} fired and all results read: bare {rates['bare']:,.0f}/s, ours {rates['ours']:,.0f}/s,"
        f" ratio {rates['ours'] / rates['bare']:.2f}"
    )


if __name__ == "__main__":
    if sys.argv[1:]:
        work(sys.argv[1])
    else:
        main()
