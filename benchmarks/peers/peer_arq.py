"""arq, in an environment of its own: it asks for a redis-py older than 6."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, ClassVar

from arq import create_pool
from arq.connections import ArqRedis, RedisSettings

from benchmarks.peers import work
from benchmarks.peers.peer import AsyncPeer


async def noop(_context: dict[str, Any], number: float) -> float:
    """Return the argument."""
    return number


async def started(_context: dict[str, Any], fired: float) -> None:
    """Record the latency."""
    work.latency(fired)


async def slow(_context: dict[str, Any], seconds: float) -> None:
    """Record the start, and sleep."""
    work.begin()
    await asyncio.sleep(seconds)


class WorkerSettings:
    """What ``arq`` reads."""

    functions: ClassVar[Sequence[Any]] = [noop, started, slow]
    redis_settings = RedisSettings.from_dsn(work.url())
    max_jobs = 100
    log_results = False


class Adapter(AsyncPeer):
    """arq."""

    title = "arq"
    distributions = ("arq", "redis", "hiredis", "uvloop")
    settings = "100 jobs at a time, results not logged; the default poll of 0.5 s; uvloop for the producer"
    source = "python-arq/arq docs/index.rst (Worker reference)"
    guarantee = (
        "the job's key in progress expires after the longest job timeout (300 s) and then it runs again"
    )
    recovers = True
    drain_jobs = 1_000
    single_jobs = 2_000
    result_jobs = 1_000

    pool: ArqRedis

    def worker(self, processes: int) -> list[list[str]]:
        """Start so many workers: it has no option for it."""
        return [["-m", "arq", "benchmarks.peers.peer_arq.WorkerSettings"]] * processes

    async def open(self) -> None:
        """Connect."""
        self.pool = await create_pool(RedisSettings.from_dsn(work.url()))

    async def send(self, job: str, argument: float) -> Any:
        """Enqueue one."""
        return await self.pool.enqueue_job(job, argument)

    def results(self, count: int) -> int:
        """Enqueue all, and await each one's result."""

        async def all_of_them() -> int:
            handles = [await self.send("noop", number) for number in range(count)]
            return int(sum([await one.result(timeout=120, poll_delay=0.02) for one in handles]))

        return self.run(all_of_them())

    def stored(self, fired: int) -> int:
        """Tell how many have left the queue, which they do as their result is stored."""
        return fired - int(work.client().zcard("arq:queue"))
