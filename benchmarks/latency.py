"""From ``fire`` in one process to the job's start in an idle worker of another, beside two bare loops that wait likewise.

*Bare* blocks in ``BLPOP`` on Redis, and at a FIFO beside the file on SQLite; it stores each result, as ours does. On Redis it
has less to do than any queue that runs a job at least once: what it popped is lost when it dies, and on SQLite nobody ever takes
it back. *Leased* does the least that such a queue must: a claim writes until when it holds, and its number, before the job starts,
and the result counts only under that number. All workers are there all the time, and take turns in short rounds: what counts is
the median of the rounds' ratios.
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
from functools import partial
from typing import Any

from redis import Redis

from benchmarks.jobs import started
from benchmarks.peers.server import server
from benchmarks.support import environment, folder, percentile, pool, stop, until
from skunkqueue import SkunkQueue

ROUNDS = 20
FIRINGS = 150
WARMING = 10
"""Firings before each round: some machines take memory away from processes that were idle for seconds, so the first took 20 to 40 ms."""
PAUSES = (0.003, 0.018)
"""Seconds between two firings, at random."""
TODO, DONE = "bare:todo", "bare:done"
LEASE = 60.0
TABLE = (
    "CREATE TABLE IF NOT EXISTS job (id INTEGER PRIMARY KEY, state INTEGER, fired REAL, result REAL,"
    " ends REAL, claim INTEGER NOT NULL DEFAULT 0)"
)
CLAIM = (
    "UPDATE job SET state = 1 WHERE id IN (SELECT id FROM job WHERE state = 0 ORDER BY id LIMIT 100)"
    " RETURNING id, fired, claim"
)
CLAIM_LEASED = (
    "UPDATE job SET state = 1, ends = :now + :lease, claim = claim + 1 WHERE id IN"
    " (SELECT id FROM job WHERE state = 0 OR (state = 1 AND ends < :now) ORDER BY id LIMIT 100)"
    " RETURNING id, fired, claim"
)
LEASED_FIRE = """
redis.call('HSET', 'leased:jobs', ARGV[1], ARGV[2])
redis.call('RPUSH', 'leased:todo', ARGV[1])
redis.call('RPUSH', 'leased:wake', 1)
"""
LEASED_CLAIM = """
local now = redis.call('TIME')[1]
local over = redis.call('ZRANGEBYSCORE', 'leased:ends', '-inf', now, 'LIMIT', 0, 1)[1]
local id = over or redis.call('LPOP', 'leased:todo')
if not id then
  return false
end
redis.call('ZADD', 'leased:ends', now + ARGV[1], id)
return { id, redis.call('HINCRBY', 'leased:claims', id, 1), redis.call('HGET', 'leased:jobs', id) }
"""
LEASED_SETTLE = """
if redis.call('HGET', 'leased:claims', ARGV[1]) ~= ARGV[2] then
  return
end
redis.call('ZREM', 'leased:ends', ARGV[1])
redis.call('HDEL', 'leased:jobs', ARGV[1])
redis.call('HDEL', 'leased:claims', ARGV[1])
redis.call('RPUSH', 'leased:done', ARGV[3])
"""


@dataclass
class Contestant:
    """Who fires at an idle worker."""

    fire: Callable[[], object]
    results: Callable[[], list[float]]
    """What the jobs fired since the last call have returned: how long each took to begin, in seconds."""
    rounds: list[tuple[float, float]] = field(default_factory=list)
    """Median and 99th percentile of each, in ms."""

    def measure(self, firings: int = FIRINGS) -> None:
        """Fire one round, after some firings that do not count: the turns of the others have taken some seconds."""
        self._fire(WARMING)
        self.results()
        self._fire(firings)
        taken = [seconds * 1_000 for seconds in self.results()]
        self.rounds.append((percentile(taken, 0.5), percentile(taken, 0.99)))

    def _fire(self, firings: int) -> None:
        for _ in range(firings):
            self.fire()
            time.sleep(random.uniform(*PAUSES))  # noqa: S311 - no secret


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
def bare_redis(url: str, *, leased: bool = False) -> Iterator[Contestant]:
    """Start a loop that blocks in ``BLPOP``."""
    client: Any = Redis.from_url(url)
    put = client.register_script(LEASED_FIRE)
    done = "leased:done" if leased else DONE
    fired = 0

    def fire() -> None:
        nonlocal fired
        fired += 1
        if leased:
            put(args=(fired, repr(time.monotonic())))
        else:
            client.rpush(TODO, repr(time.monotonic()))

    def results() -> list[float]:
        nonlocal fired
        until(lambda: client.llen(done) == fired)
        found = [float(one) for one in client.lrange(done, 0, -1)]
        client.delete(done)
        fired = 0
        return found

    with closing(client), loop("leased-redis" if leased else "redis", url):
        yield Contestant(fire, results)


@contextmanager
def bare_sqlite(path: str, *, leased: bool = False) -> Iterator[Contestant]:
    """Start a loop that waits at a FIFO."""
    os.mkfifo(f"{path}.fifo")
    fifo = os.open(f"{path}.fifo", os.O_RDWR | os.O_NONBLOCK)
    with closing(_open(path)) as db, loop("leased-sqlite" if leased else "sqlite", path):

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


def work_on_redis_leased(url: str) -> None:
    """Work for ever; the wait and the claim are one request, as ours are."""
    client: Any = Redis.from_url(url)
    settle = client.register_script(LEASED_SETTLE)
    connection = client.connection_pool.get_connection()
    wait = connection.pack_command("BLPOP", "leased:wake", 2)
    claim = connection.pack_command("EVALSHA", client.script_load(LEASED_CLAIM), 0, LEASE)
    while True:
        connection.send_packed_command((b"".join([*wait, *claim]),))
        connection.read_response()
        claimed = connection.read_response()
        if claimed is not None:
            id_, number, fired = claimed
            settle(args=(id_, number, repr(time.monotonic() - float(fired))))


def work_on_sqlite(path: str, *, leased: bool = False) -> None:
    """Work for ever."""
    db = _open(path)
    fifo = os.open(f"{path}.fifo", os.O_RDWR | os.O_NONBLOCK)
    poll = select.poll()
    poll.register(fifo, select.POLLIN)
    while True:
        db.execute("BEGIN IMMEDIATE")
        if leased:
            rows = db.execute(CLAIM_LEASED, {"now": time.monotonic(), "lease": LEASE}).fetchall()
        else:
            rows = db.execute(CLAIM).fetchall()
        db.execute("COMMIT")
        if not rows:
            if poll.poll(1_000):
                os.read(fifo, 4_096)
            continue
        done = [(time.monotonic() - fired, id_, number) for id_, fired, number in rows]
        db.execute("BEGIN IMMEDIATE")
        db.executemany("UPDATE job SET state = 2, result = ? WHERE id = ? AND claim = ?", done)
        db.execute("COMMIT")


WORK: dict[str, Callable[[str], None]] = {
    "redis": work_on_redis,
    "sqlite": work_on_sqlite,
    "leased-redis": work_on_redis_leased,
    "leased-sqlite": partial(work_on_sqlite, leased=True),
}


def main() -> None:
    """Print medians, 99th percentiles and ratios."""
    with ExitStack() as stack:
        path, url = stack.enter_context(folder()), stack.enter_context(server())
        contestants = {
            ("Redis", "bare"): stack.enter_context(bare_redis(url)),
            ("Redis", "leased"): stack.enter_context(bare_redis(url, leased=True)),
            ("Redis", "ours"): stack.enter_context(ours(url)),
            ("SQLite", "bare"): stack.enter_context(bare_sqlite(f"{path}/bare.db")),
            ("SQLite", "leased"): stack.enter_context(bare_sqlite(f"{path}/leased.db", leased=True)),
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
        own = contestants[store, "ours"].rounds
        for beside in ("bare", "leased"):
            bare = contestants[store, beside].rounds
            parts = []
            for name, column in (("p50", 0), ("p99", 1)):
                ratio = statistics.median(
                    ours_[column] / bare_[column] for ours_, bare_ in zip(own, bare, strict=True)
                )
                medians = [statistics.median(one[column] for one in rounds) for rounds in (bare, own)]
                parts.append(
                    f"{name} {beside} {medians[0]:.2f} ms, ours {medians[1]:.2f} ms, ratio {ratio:.2f}"
                )
            print(f"{store}: {'; '.join(parts)}")


if __name__ == "__main__":
    if sys.argv[1:]:
        WORK[sys.argv[1]](sys.argv[2])
    else:
        main()
