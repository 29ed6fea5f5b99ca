"""Taskiq, with its Redis stream broker."""

from __future__ import annotations

import asyncio
from typing import Any

from taskiq_redis import RedisAsyncResultBackend, RedisStreamBroker

from benchmarks.peers import work
from benchmarks.peers.peer import AsyncPeer

broker = RedisStreamBroker(work.url()).with_result_backend(
    RedisAsyncResultBackend(work.url(), result_ex_time=3_600)
)


@broker.task(task_name="noop")
async def noop(number: float) -> float:
    """Return the argument."""
    return number


@broker.task(task_name="started")
async def started(fired: float) -> None:
    """Record the latency."""
    work.latency(fired)


@broker.task(task_name="slow")
async def slow(seconds: float) -> None:
    """Record the start, and sleep."""
    work.begin()
    await asyncio.sleep(seconds)


JOBS = {"noop": noop, "started": started, "slow": slow}


class Adapter(AsyncPeer):
    """Taskiq."""

    title = "Taskiq"
    distributions = ("taskiq", "taskiq-redis", "redis", "hiredis", "uvloop")
    settings = "stream broker, 100 read at a time, 100 asynchronous jobs at a time (both defaults); uvloop"
    source = "taskiq-python/taskiq docs/guide/cli.md; taskiq-python/taskiq-redis README.md"
    guarantee = "the stream's unacknowledged entries are claimed anew after 10 min"
    recovers = True
    drain_jobs = 5_000
    result_jobs = 3_000

    def worker(self, processes: int) -> list[list[str]]:
        """Start the command line with so many processes."""
        options = ["-w", str(processes), "--log-level", "ERROR"]
        return [["-m", "taskiq", "worker", "benchmarks.peers.peer_taskiq:broker", *options]]

    async def open(self) -> None:
        """Connect."""
        await broker.startup()

    async def send(self, job: str, argument: float) -> Any:
        """Kick one."""
        return await JOBS[job].kiq(argument)

    def results(self, count: int) -> int:
        """Kick all, and await each one's result; its ``gather`` asks for all of them at once, again and again."""

        async def all_of_them() -> int:
            handles = [await noop.kiq(number) for number in range(count)]
            found = [await one.wait_result(timeout=120, check_interval=0.01) for one in handles]
            return int(sum(one.return_value for one in found))

        return self.run(all_of_them())
