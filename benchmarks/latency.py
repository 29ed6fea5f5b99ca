"""From ``fire`` in one process to the job's start in an idle worker of another, beside a bare loop that waits likewise.

Bare blocks in ``BLPOP`` on Redis, and at a FIFO beside the file on SQLite; it stores each result, as ours does. All workers are
there all the time, and take turns in short rounds: what counts is the median of the rounds' ratios.
"""

from __future__ import annotations

import os
import random
import select
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

from redis import Redis

from benchmarks.jobs import started
from benchmarks.peers.server import server
from benchmarks.support import environment, folder, percentile, pool, stop, until
from skunkqueue import SkunkQueue

ROUNDS = 20
FIRINGS = 150
PAUSES = (0.003, 0.018)
"""Seconds between two firings, at random."""
TODO, DONE = "bare:todo", "bare:done"
TABLE = "CREATE TABLE IF NOT EXISTS job (id INTEGER PRIMARY KEY, state INTEGER, fired REAL, result REAL)"
CLAIM = (
    "UPDATE job SET state = 1 WHERE id IN (SELECT id FROM job WHERE state = 0 ORDER BY id LIMIT 100)"
    " RETURNING id, fired"
)


@dataclass
class Contestant:
    """Who fires at an idle worker."""

    fire: Callable[[], object]
    results: Callable[[], list[float]]
    """What the jobs fired since the last call have returned: how long each took to begin, in seconds."""
    rounds: list[tuple[float, float]] = field(default_factory=list)
    """Median and 99th percentile of each, in ms."""

    def measure(self, firings: int = FIRINGS) -> None:
        """Fire one round."""
        for _ in range(firings):
            self.fire()
            time.sleep(random.uniform(*PAUSES))  # noqa: S311 - no secret
        taken = [seconds * 1_000 for seconds in self.results()]
        self.rounds.append((percentile(taken, 0.5), percentile(taken, 0.99)))


@contextmanager
def ours(url: str) -> Iterator[Contestant]:
    """Start a pool, and open a queue to fire into."""
    worker = pool(url)
    handles: list[Any] = []

    def results() -> list[float]:
        found = [handle.wait(60) for handle in handles]
        handles.clear()
        return found

    try:
        with SkunkQueue("bench", conn_url=url) as queue:
            yield Contestant(lambda: handles.append(queue.fire_call(started(time.monotonic()))), results)
    finally:
        stop(worker)


@contextmanager
def loop(kind: str, place: str) -> Iterator[None]:
    """Run a bare loop."""
    command = [sys.executable, "-m", "benchmarks.latency", kind, place]
    # In a session of its own, as our workers are, since Linux shares a busy machine out by sessions.
    process = subprocess.Popen(command, env=environment(""), start_new_session=True)
    try:
        yield
    finally:
        process.kill()
        process.wait()


@contextmanager
def bare_redis(url: str) -> Iterator[Contestant]:
    """Start a loop that blocks in ``BLPOP``."""
    client: Any = Redis.from_url(url)
    fired = 0

    def fire() -> None:
        nonlocal fired
        fired += 1
        client.rpush(TODO, repr(time.monotonic()))

    def results() -> list[float]:
        nonlocal fired
        until(lambda: client.llen(DONE) == fired)
        found = [float(one) for one in client.lrange(DONE, 0, -1)]
        client.delete(DONE)
        fired = 0
        return found

    with closing(client), loop("redis", url):
        yield Contestant(fire, results)


@contextmanager
def bare_sqlite(path: str) -> Iterator[Contestant]:
    """Start a loop that waits at a FIFO."""
    os.mkfifo(f"{path}.fifo")
    fifo = os.open(f"{path}.fifo", os.O_RDWR | os.O_NONBLOCK)
    with closing(_open(path)) as db, loop("sqlite", path):

        def fire() -> None:
            db.execute("INSERT INTO job (state, fired) VALUES (0, ?)", (time.monotonic(),))
            os.write(fifo, b"!")

        def results() -> list[float]:
            until(lambda: not db.execute("SELECT 1 FROM job WHERE state < 2 LIMIT 1").fetchone())
            found = [row[0] for row in db.execute("SELECT result FROM job")]
            db.execute("DELETE FROM job")
            return found

        yield Contestant(fire, results)
    os.close(fifo)


def _open(path: str) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute(TABLE)
    return db


def work_on_redis(url: str) -> None:
    """Work for ever."""
    client: Any = Redis.from_url(url)
    while True:
        # Shorter than the time after which redis-py gives up on an answer.
        popped = client.blpop([TODO], timeout=2)
        if popped is not None:
            client.rpush(DONE, repr(time.monotonic() - float(popped[1])))


def work_on_sqlite(path: str) -> None:
    """Work for ever."""
    db = _open(path)
    fifo = os.open(f"{path}.fifo", os.O_RDWR | os.O_NONBLOCK)
    poll = select.poll()
    poll.register(fifo, select.POLLIN)
    while True:
        db.execute("BEGIN IMMEDIATE")
        rows = db.execute(CLAIM).fetchall()
        db.execute("COMMIT")
        if not rows:
            if poll.poll(1_000):
                os.read(fifo, 4_096)
            continue
        done = [(time.monotonic() - fired, id_) for id_, fired in rows]
        db.execute("BEGIN IMMEDIATE")
        db.executemany("UPDATE job SET state = 2, result = ? WHERE id = ?", done)
        db.execute("COMMIT")


def main() -> None:
    """Print medians, 99th percentiles and ratios."""
    with ExitStack() as stack:
        path, url = stack.enter_context(folder()), stack.enter_context(server())
        contestants = {
            ("Redis", "bare"): stack.enter_context(bare_redis(url)),
            ("Redis", "ours"): stack.enter_context(ours(url)),
            ("SQLite", "bare"): stack.enter_context(bare_sqlite(f"{path}/bare.db")),
            ("SQLite", "ours"): stack.enter_context(ours(f"sqlite:///{path}/q.db")),
        }
        for one in contestants.values():
            one.measure(20)
            one.rounds.clear()
        order = list(contestants.values())
        for _ in range(ROUNDS):
            random.shuffle(order)
            for one in order:
                one.measure()
    for store in ("Redis", "SQLite"):
        bare, own = contestants[store, "bare"].rounds, contestants[store, "ours"].rounds
        parts = []
        for name, column in (("p50", 0), ("p99", 1)):
            ratio = statistics.median(
                ours_[column] / bare_[column] for ours_, bare_ in zip(own, bare, strict=True)
            )
            medians = [statistics.median(one[column] for one in rounds) for rounds in (bare, own)]
            parts.append(f"{name} bare {medians[0]:.2f} ms, ours {medians[1]:.2f} ms, ratio {ratio:.2f}")
        print(f"{store}: {'; '.join(parts)}")


if __name__ == "__main__":
    if sys.argv[1:]:
        {"redis": work_on_redis, "sqlite": work_on_sqlite}[sys.argv[1]](sys.argv[2])
    else:
        main()
