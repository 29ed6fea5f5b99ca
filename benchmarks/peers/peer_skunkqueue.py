"""SkunkQueue, on its Redis backend; ``PEERS_OURS`` names another store, to try this file without it."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Any

from benchmarks.peers import work
from benchmarks.peers.peer import Peer
from benchmarks.support import ROOT
from skunkqueue import Job, SkunkQueue
from skunkqueue.records import State

URL = os.environ.get("PEERS_OURS") or f"{work.url()}?dbname=bench"

queue = SkunkQueue("bench", conn_url=URL)


@queue.job(routes=["bench"])
def noop(number: float) -> float:
    """Return the argument."""
    return number


@queue.job(routes=["bench"])
def started(fired: float) -> None:
    """Record the latency."""
    work.latency(fired)


@queue.job(routes=["bench"])
def slow(seconds: float) -> None:
    """Record the start, and sleep."""
    work.begin()
    time.sleep(seconds)


JOBS: dict[str, Job[[float], Any]] = {"noop": noop, "started": started, "slow": slow}


class Adapter(Peer):
    """SkunkQueue."""

    title = "SkunkQueue"
    distributions = ("skunkqueue", "skunkqueue-redis", "redis", "hiredis")
    settings = "as it comes: no option but the number of worker processes"
    source = "docs/"
    guarantee = "at least once: a killed worker's firings are run again"
    recovers = True
    bulk = "SkunkQueue.fire_many"
    single_jobs = 10_000

    def worker(self, processes: int) -> list[list[str]]:
        """Start a pool of so many workers."""
        where = ["-q", "bench", "-r", "bench", "--path", str(ROOT), "--url", URL]
        return [["-m", "skunkqueue.cli", "work", *where, "-c", str(processes)]]

    def fire(self, job: str, arguments: Sequence[float]) -> None:
        """Fire one by one."""
        chosen = JOBS[job]
        for argument in arguments:
            chosen.fire(argument)

    def fire_bulk(self, arguments: Sequence[float]) -> None:
        """Fire them all in one call."""
        queue.fire_many(noop(argument) for argument in arguments)

    def results(self, count: int) -> int:
        """Fire in bulk, and wait for all of them."""
        handles = queue.fire_many(noop(number) for number in range(count))
        return int(sum(queue.results(handles, 120)))

    def mark(self) -> None:
        """Count the complete firings."""
        self.base = self._complete()

    def stored(self, fired: int) -> int:  # noqa: ARG002 - the store counts
        """Tell how many firings are complete."""
        return self._complete() - self.base

    def _complete(self) -> int:
        return sum(route.counts[State.COMPLETE] for route in queue.backend.routes("bench"))

    def close(self) -> None:
        """Close the store."""
        queue.close()
