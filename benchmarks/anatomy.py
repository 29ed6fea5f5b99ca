"""Where the time of one no-op firing goes, from ``fire`` to the stored result, on a Redis server of our own.

Each part is timed alone, over many, in this one process; what the server itself spends is what it says
(``INFO commandstats``). So the parts tell where to look, and a drain, where the server works while the
worker does, takes less than their sum.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from redis import Redis

from benchmarks.jobs import noop
from benchmarks.peers.awake import awake
from benchmarks.peers.server import server
from skunkqueue import Job, SkunkQueue
from skunkqueue.fireable import Memory
from skunkqueue.imports import Gate
from skunkqueue.payload import decode_body
from skunkqueue.records import Claim, Outcome, Verdict
from skunkqueue.worker.attempt import Attempt
from skunkqueue.worker.run.executor import Executor

COUNT = 20_000
BATCH = 500
ROUNDS = 5


class Anatomy:
    """Times parts of a firing's life on one server."""

    def __init__(self, url: str) -> None:
        self.client: Any = Redis.from_url(url)
        self.queue = SkunkQueue("bench", conn_url=url)
        self.job = Job(noop.work, noop.policy, Memory(self.queue), noop.target)
        self.executor = Executor(Gate((), (), worker=True))
        self.rows: dict[str, list[tuple[float, float]]] = {}

    def part(self, name: str, count: int, work: Callable[[], Any]) -> Any:
        """Time something done to so many firings: microseconds each, in all and in the server."""
        self.client.config_resetstat()
        began = time.perf_counter()
        made = work()
        took = time.perf_counter() - began
        stats = self.client.info("commandstats").get("cmdstat_evalsha", {"usec": 0})
        self.rows.setdefault(name, []).append((took / count * 1e6, stats["usec"] / count))
        return made

    def round(self) -> None:
        """Go through a firing's life once, in numbers."""
        backend = self.queue.backend
        single = COUNT // 10
        self.part("fire, one by one", single, lambda: [self.job.fire(n) for n in range(single)])
        self.part(
            "a bare RPUSH through redis-py",
            single,
            lambda: [self.client.rpush("bare", b"x" * 100) for _ in range(single)],
        )
        backend.purge("bench")
        self.part("fire_many", COUNT, lambda: self.queue.fire_many(self.job(n) for n in range(COUNT)))
        batches = self.part("claim, 500 at a time", COUNT, self.claim)
        outcomes = self.part("decode, call, encode", COUNT, lambda: [self.run(batch) for batch in batches])
        self.part("settle, 500 at a time", COUNT, lambda: [backend.settle(batch) for batch in outcomes])
        backend.prune(older=-1.0, limit=2 * COUNT)
        self.client.delete("bare")

    def claim(self) -> list[list[Claim]]:
        """Claim everything."""
        batches = []
        while batch := self.queue.backend.claim("bench", "bench", "worker", BATCH, 60.0):
            batches.append(batch)
        return batches

    def run(self, claims: list[Claim]) -> list[Outcome]:
        """Do what a worker does of a job: all but its bookkeeping."""
        return [self.outcome(Attempt(claim, decode_body(claim.body))) for claim in claims]

    def outcome(self, attempt: Attempt) -> Outcome:
        """Run one job."""
        step = attempt.step
        known = self.executor.known(step.job) or self.executor.find(step.job)
        self.executor.execute(attempt, step, known, None)
        return Outcome(
            id=attempt.claim.id,
            token=attempt.claim.token,
            verdict=Verdict.COMPLETE,
            result=attempt.data,
            began=attempt.claim.claimed,
        )


def main() -> None:
    """Print the medians of a few rounds."""
    with server() as running, awake():
        anatomy = Anatomy(running)
        for _ in range(ROUNDS):
            anatomy.round()
        print(f"{'microseconds a firing':34s} {'in all':>8s} {'in the script':>14s}")
        for name, seen in anatomy.rows.items():
            middle = sorted(seen)[len(seen) // 2]
            print(f"{name:34s} {middle[0]:8.2f} {middle[1]:14.2f}")
        anatomy.queue.close()


if __name__ == "__main__":
    main()
