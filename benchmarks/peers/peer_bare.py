"""The hand-written loop on redis-py: pop, run and store, a hundred at a time, and no more than that.

It loses what it holds when it dies, has no leases, counts nothing, tells nobody that a result is there, and
lets results lie for ever: a hundred SET with an expiry in a pipeline take redis-py twice to three times as long
as one MSET, so this is the harder mark.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

from redis import Redis

from benchmarks.peers import work
from benchmarks.peers.peer import Peer

QUEUE = "bare:queue"
RESULT = "bare:result:"
BATCH = 100
# Shorter than the time after which redis-py 8 gives up on an answer.
PATIENCE = 2


def noop(number: float) -> float:
    """Return the argument."""
    return number


def started(fired: float) -> None:
    """Record the latency."""
    work.latency(fired)


def slow(seconds: float) -> None:
    """Record the start, and sleep."""
    work.begin()
    time.sleep(seconds)


JOBS = {"noop": noop, "started": started, "slow": slow}


def payload(job: str, number: int, argument: float) -> str:
    """Make something of a job's usual size."""
    return json.dumps({"id": f"{number:032x}", "job": f"benchmarks.peers.{job}", "arguments": [argument]})


def loop() -> None:
    """Work for ever; wait where nothing is there."""
    client: Any = Redis.from_url(work.url())
    while True:
        batch = client.lpop(QUEUE, BATCH)
        if not batch:
            popped = client.blpop([QUEUE], timeout=PATIENCE)
            if popped is None:
                continue
            batch = [popped[1]]
        results = {}
        for data in batch:
            job = json.loads(data)
            result = JOBS[job["job"].rpartition(".")[2]](*job["arguments"])
            results[RESULT + job["id"]] = json.dumps(result)
        client.mset(results)


class Adapter(Peer):
    """The bare loop."""

    title = "bare redis-py"
    distributions = ("redis", "hiredis")
    settings = "RPUSH; pipelines of 1,000; LPOP of 100, the job, one MSET; BLPOP when idle"
    source = "benchmarks/peers/peer_bare.py"
    guarantee = "none: what a killed worker holds is gone"
    bulk = "a pipeline of 1,000 RPUSH"
    single_jobs = 10_000

    def __init__(self) -> None:
        super().__init__()
        self.client: Any = Redis.from_url(work.url())
        self.number = 0

    def worker(self, processes: int) -> list[list[str]]:
        """Start so many loops."""
        return [["-m", "benchmarks.peers.peer_bare"]] * processes

    def fire(self, job: str, arguments: Sequence[float]) -> None:
        """Push one by one."""
        for argument in arguments:
            self.number += 1
            self.client.rpush(QUEUE, payload(job, self.number, argument))

    def fire_bulk(self, arguments: Sequence[float]) -> None:
        """Push a thousand a pipeline."""
        for start in range(0, len(arguments), 1_000):
            pipeline = self.client.pipeline(transaction=False)
            for argument in arguments[start : start + 1_000]:
                self.number += 1
                pipeline.rpush(QUEUE, payload("noop", self.number, argument))
            pipeline.execute()

    def results(self, count: int) -> int:
        """Push in bulk, and ask for what is missing, a thousand at a time."""
        first = self.number + 1
        self.fire_bulk(range(count))
        missing = [f"{RESULT}{number:032x}" for number in range(first, first + count)]
        total = 0
        while missing:
            found = self.client.mget(missing[:1_000])
            total += sum(json.loads(one) for one in found if one is not None)
            missing = [key for key, one in zip(missing, found, strict=False) if one is None] + missing[1_000:]
        return total

    def stored(self, fired: int) -> int:
        """Count the keys, but for the queue's own."""
        return super().stored(fired) - int(self.client.exists(QUEUE))


if __name__ == "__main__":
    loop()
