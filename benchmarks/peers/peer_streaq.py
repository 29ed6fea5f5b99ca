"""streaQ, which brings a Redis client of its own, coredis."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from streaq import Worker

from benchmarks.peers import work
from benchmarks.peers.peer import AsyncPeer

worker: Worker[None] = Worker(
    redis_url=work.url(), queue_name="bench", concurrency=32, anyio_kwargs={"use_uvloop": True}
)


@worker.task(silent=True)
async def noop(number: float) -> float:
    """Return the argument."""
    return number


@worker.task(silent=True)
async def started(fired: float) -> None:
    """Record the latency."""
    work.latency(fired)


@worker.task(silent=True)
async def slow(seconds: float) -> None:
    """Record the start, and sleep."""
    work.begin()
    await asyncio.sleep(seconds)


JOBS = {"noop": noop, "started": started, "slow": slow}


# Each wait subscribes over a connection of its own.
AWAITED = 10


class Adapter(AsyncPeer):
    """streaQ."""

    title = "streaQ"
    distributions = ("streaq", "coredis", "uvloop")
    settings = "32 jobs at a time, silent jobs, uvloop"
    source = "tastyware/streaq docs/worker.rst, docs/task.rst, benchmarks/README.md"
    guarantee = "reclaimed after 60 s without a sign of life"
    recovers = True
    bulk = "Worker.enqueue_many, 1,000 a call"
    drain_jobs = 5_000
    single_jobs = 3_000
    result_jobs = 500

    def worker(self, processes: int) -> list[list[str]]:
        """Start the command line with so many processes."""
        return [["-m", "streaq", "run", "benchmarks.peers.peer_streaq:worker", "-w", str(processes)]]

    async def open(self) -> None:
        """Connect; it is never left, since its context wants to be left by the very task that entered it."""
        await worker.__aenter__()

    async def send(self, job: str, argument: float) -> Any:
        """Enqueue one."""
        return await JOBS[job].enqueue(argument)

    def fire_bulk(self, arguments: Sequence[float]) -> None:
        """Enqueue a thousand a call."""
        self.run(self._many(arguments))

    async def _many(self, arguments: Sequence[float]) -> list[Any]:
        handles: list[Any] = []
        for start in range(0, len(arguments), 1_000):
            batch = [noop.enqueue(n) for n in arguments[start : start + 1_000]]
            await worker.enqueue_many(batch)
            handles += batch
        return handles

    def results(self, count: int) -> int:
        """Enqueue in bulk, and await the results, so many at a time."""

        async def all_of_them() -> int:
            handles = await self._many(range(count))
            total = 0
            for start in range(0, count, AWAITED):
                batch = handles[start : start + AWAITED]
                total += sum(
                    one.result for one in await asyncio.gather(*(each.result(120) for each in batch))
                )
            return int(total)

        return self.run(all_of_them())

    def mark(self) -> None:
        """Count the results' sorted set."""
        self.base = int(work.client().zcard(worker._results_set))  # noqa: SLF001 - the one place it counts

    def stored(self, fired: int) -> int:  # noqa: ARG002 - the set counts
        """Tell how many results are listed."""
        return int(work.client().zcard(worker._results_set)) - self.base  # noqa: SLF001 - as above
