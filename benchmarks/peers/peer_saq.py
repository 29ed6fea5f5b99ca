"""SAQ, in an environment of its own: it asks for a redis-py older than 8."""

from __future__ import annotations

import asyncio
from typing import Any

from saq import Queue

from benchmarks.peers import work
from benchmarks.peers.peer import AsyncPeer

queue = Queue.from_url(work.url(), name="bench")


async def noop(_context: Any, *, number: float) -> float:
    """Return the argument."""
    return number


async def started(_context: Any, *, number: float) -> None:
    """Record the latency."""
    work.latency(number)


async def slow(_context: Any, *, number: float) -> None:
    """Record the start, and sleep."""
    work.begin()
    await asyncio.sleep(number)


settings = {"queue": queue, "functions": [noop, started, slow], "concurrency": 10}


class Adapter(AsyncPeer):
    """SAQ."""

    title = "SAQ"
    distributions = ("saq", "redis", "hiredis", "uvloop")
    settings = "10 jobs at a time (the default), hiredis, no log; uvloop for the producer"
    source = "tobymao/saq README.md, benchmarks/README.md"
    guarantee = (
        "a job with a heartbeat or a timeout is swept, checked every 60 s, and retried if retries were asked"
    )
    drain_jobs = 5_000
    result_jobs = 3_000

    def worker(self, processes: int) -> list[list[str]]:
        """Start the command line with so many processes."""
        return [["-m", "saq", "benchmarks.peers.peer_saq.settings", "--quiet", "--workers", str(processes)]]

    async def open(self) -> None:
        """Connect."""
        await queue.connect()

    async def send(self, job: str, argument: float) -> Any:
        """Enqueue one."""
        return await queue.enqueue(job, number=argument)

    def results(self, count: int) -> int:
        """Map, which enqueues and then polls for all."""

        async def all_of_them() -> int:
            arguments = [{"number": number} for number in range(count)]
            return int(sum(await queue.map("noop", arguments, timeout=120, poll_interval=0.1)))

        return self.run(all_of_them())

    def stored(self, fired: int) -> int:
        """Tell how many are no longer incomplete, which they cease to be as their result is stored."""
        return fired - int(work.client().zcard("saq:bench:incomplete"))
